//! `relayctl claim`: which resource works on a task or job, so that the notice of its death needs no token.

use std::time::Duration;

use clap::Args;
use failure_event::claim::{CLAIM_SECONDS, RESOURCE_MAX};
use failure_event::text::utf16_len;

use crate::duration;
use crate::event::{object, text};
use crate::exit::{Exit, Problem};
use crate::output::Output;
use crate::registration::Registrant;

const EXAMPLES: &str = "\
Examples:
    relayctl claim i-0123456789abcdef0
        with RELAY_QUEUE_URL, and the task's own variable (TASK_TOKEN, CODEPIPELINE_JOB_ID, …) in the environment
    relayctl claim --release i-0123456789abcdef0
    relayctl claim \"$JOB_RUN_ID\" --ttl 2d --kind step-functions-task --task-token \"$TOKEN\"

Either may come first, the claim or the notice of the resource's death. The relay needs a table for claims (Leases=true in its \
template). Exit codes are those of `relayctl publish`.";

/// Claims a resource for a task or job: when this resource dies, the task has failed
///
/// Prints the id that the queue or bus confirmed the event with.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Claim {
    /// The ARN or id of what the task runs on: a task, an instance, a build, a job run
    #[arg(value_name = "RESOURCE", value_parser = resource)]
    resource: String,
    /// Takes the claim back
    #[arg(long)]
    release: bool,
    /// How long the claim stands, from 60 seconds to 31 days; else 14 days
    #[arg(long, value_name = "DURATION", value_parser = ttl, conflicts_with = "release")]
    ttl: Option<Duration>,
    #[command(flatten)]
    registrant: Registrant,
}

impl Claim {
    /// Publishes the event.
    ///
    /// # Errors
    /// No place or no target is named, or AWS cannot be reached.
    pub fn run(self, output: &Output) -> Result<Exit, Problem> {
        let claim = object(&[
            ("resource", text(Some(&self.resource))),
            ("ttlSeconds", self.ttl.map(|ttl| ttl.as_secs().to_string())),
            ("action", self.release.then(|| "\"release\"".to_owned())),
        ]);
        let failure = self.registrant.failure().filter(|_| !self.release);
        self.registrant.publish("claim", claim, failure, output)
    }
}

/// Reads the name of a resource.
///
/// # Errors
/// It is empty, or longer than the relay takes it; for clap.
pub fn resource(text: &str) -> Result<String, String> {
    match utf16_len(text) {
        1..=RESOURCE_MAX => Ok(text.to_owned()),
        _ => Err(format!("expected an ARN or id of 1 to {RESOURCE_MAX} characters")),
    }
}

fn ttl(text: &str) -> Result<Duration, String> {
    duration::within(text, CLAIM_SECONDS)
}
