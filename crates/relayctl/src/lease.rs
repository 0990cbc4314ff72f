//! `relayctl lease`: a lease on a task or job, taken, renewed and released by hand or by a script.

use std::time::Duration;

use clap::{Args, Subcommand};
use failure_event::lease::LEASE_SECONDS;

use crate::duration;
use crate::event::{HeaderOptions, TargetOptions, object, text};
use crate::exit::{Exit, Problem};
use crate::output::Output;
use crate::publish::Destination;
use crate::registration::Registrant;

const EXAMPLES: &str = "\
Examples:
    relayctl lease take --ttl 10m
        with RELAY_QUEUE_URL, and the task's own variable (TASK_TOKEN, CODEPIPELINE_JOB_ID, …) in the environment
    relayctl lease renew --ttl 10m
    relayctl lease release
    relayctl lease take --ttl 2h --type Render.Silent --message 'the renderer is not heard of any more'

A lease is due at the time at which it was sent plus --ttl: then the task is failed, with what was given of the failure. Renew it \
well before, at a third of that time. `relayctl run --lease` does all of it around a command. The relay needs a table for \
leases (Leases=true in its template). Exit codes are those of `relayctl publish`.";

/// Takes, renews or releases a lease: unless I say otherwise by then, I am dead
///
/// Prints the id that the queue or bus confirmed the event with.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Lease {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Takes the lease of a task, in place of an older one
    Take(Box<Hold>),
    /// Moves the time at which it is due; takes it where there is none
    Renew(Box<Hold>),
    /// Ends it
    Release(Box<Release>),
}

#[derive(Debug, Args)]
struct Hold {
    /// How long the worker may be silent: from 60 seconds to a day
    #[arg(long, value_name = "DURATION", value_parser = ttl)]
    ttl: Duration,
    #[command(flatten)]
    registrant: Registrant,
}

#[derive(Debug, Args)]
struct Release {
    #[command(flatten)]
    target: TargetOptions,
    #[command(flatten)]
    header: HeaderOptions,
    #[command(flatten)]
    destination: Destination,
}

impl Lease {
    /// Publishes the event.
    ///
    /// # Errors
    /// No place or no target is named, or AWS cannot be reached.
    pub fn run(self, output: &Output) -> Result<Exit, Problem> {
        match self.action {
            Action::Take(hold) => hold.publish("take", output),
            Action::Renew(hold) => hold.publish("renew", output),
            Action::Release(release) => release.publish(output),
        }
    }
}

impl Hold {
    fn publish(&self, action: &str, output: &Output) -> Result<Exit, Problem> {
        let ttl_seconds = self.ttl.as_secs().to_string();
        let lease = object(&[("action", text(Some(action))), ("ttlSeconds", Some(ttl_seconds))]);
        self.registrant.publish("lease", lease, self.registrant.failure(), output)
    }
}

impl Release {
    fn publish(&self, output: &Output) -> Result<Exit, Problem> {
        let lease = object(&[("action", text(Some("release")))]);
        let members = [("lease", Some(lease)), ("target", Some(self.target.target()?))];
        self.destination.publish(&[self.header.event("lease", &members)], output)
    }
}

/// Reads how long a lease holds.
///
/// # Errors
/// It is no duration, or none of a lease; for clap.
pub fn ttl(text: &str) -> Result<Duration, String> {
    duration::within(text, LEASE_SECONDS)
}
