//! What reports a worker that cannot report itself any more: the lease on its task, and the resources that it claims.

use std::fmt;
use std::time::Duration;

use aws_config::SdkConfig;
use clap::Args;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::lease::Lease;
use crate::exit::Problem;
use crate::outlet::Outlet;
use crate::output::Output;
use crate::{claim, lease};

/// How long the claims may take together: many of them must not hold up the work when nobody answers.
const CLAIMS_MAX: Duration = Duration::from_secs(6);

/// The arguments that ask for them.
#[derive(Debug, Args)]
#[group(id = "safeguards", multiple = true)]
pub struct Options {
    /// Takes a lease on the task, from 60 seconds to a day: renewed at a third, released at the end. When it runs out, the relay fails
    /// the task; when no renewal was confirmed for so long, the command is stopped, with SIGKILL after --grace
    #[arg(long, value_name = "DURATION", value_parser = lease::ttl)]
    pub lease: Option<Duration>,
    /// Claims a resource that the command runs on, for as long as it does: when this resource dies, the task has failed. May be
    /// given more than once
    #[arg(long = "claim", value_name = "RESOURCE", value_parser = claim::resource)]
    pub claims: Vec<String>,
}

impl Options {
    /// Whether a relay is needed for them.
    #[must_use]
    pub fn are_wanted(&self) -> bool {
        self.lease.is_some() || !self.claims.is_empty()
    }
}

/// Publishes lease and claim events about one task.
#[derive(Clone)]
pub struct Requests {
    /// Where to.
    pub outlet: Outlet,
    /// How it is reached.
    pub config: SdkConfig,
    /// The id of every event of this work.
    pub id: String,
    /// Who publishes.
    pub source: String,
    /// The `target` object, as it was found: it holds a token.
    pub target: Box<RawValue>,
}

impl fmt::Debug for Requests {
    /// Shows nothing of the target.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requests")
            .field("outlet", &self.outlet)
            .field("id", &self.id)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

impl Requests {
    /// Publishes an event with this member beside the target.
    ///
    /// # Errors
    /// It was not confirmed.
    pub async fn publish(&self, member: &str, value: &Value) -> Result<(), Problem> {
        let (id, source, target) = (json!(self.id), json!(self.source), self.target.get());
        // The target is copied as it stands; each other member is written by serde_json, so the whole is JSON.
        let event =
            format!(r#"{{"version":"1","id":{id},"source":{source},"{member}":{value},"target":{target}}}"#);
        self.outlet.publish(&self.config, &event, &self.source).await.map(drop)
    }
}

/// What was taken for one work.
#[derive(Debug)]
pub struct Safeguards {
    requests: Requests,
    lease: Option<Lease>,
    claims: Vec<String>,
    output: Output,
}

impl Safeguards {
    /// Takes the lease, then claims the resources. What cannot be had is told, and the command runs.
    pub async fn take(options: &Options, requests: Requests, output: &Output) -> Self {
        let lease = match options.lease {
            Some(ttl) => Some(Lease::take(ttl, requests.clone(), output).await),
            None => None,
        };
        let taken = Self { requests, lease, claims: options.claims.clone(), output: output.clone() };
        taken.claim("could not be claimed", |resource| json!({"resource": resource})).await;
        taken
    }

    /// Returns when the lease is lost.
    pub async fn lost(&mut self) {
        match &mut self.lease {
            Some(lease) => lease.lost().await,
            None => std::future::pending().await,
        }
    }

    /// Releases the lease and the claims. A failure that could not be reported is left to the lease, which then reports it.
    pub async fn give_back(mut self, is_unreported: bool) {
        if let Some(lease) = self.lease.take() {
            let was_held = lease.end().await;
            if !is_unreported {
                self.release(was_held).await;
            }
        }
        let released = |resource: &str| json!({"resource": resource, "action": "release"});
        self.claim("could not be released", released).await;
    }

    async fn release(&self, was_held: bool) {
        let Err(problem) = self.requests.publish("lease", &json!({"action": "release"})).await else {
            return;
        };
        if was_held {
            let what = "the lease could not be released, its task is failed when it is due";
            self.output.problem(&problem.of(what));
        } else {
            let what = "a lease that was perhaps not taken could not be released";
            self.output.talk(format_args!("relayctl: {}", problem.of(what)));
        }
    }

    /// One event for each resource.
    async fn claim(&self, trouble: &str, claim_of: impl Fn(&str) -> Value) {
        let end = tokio::time::Instant::now() + CLAIMS_MAX;
        for resource in &self.claims {
            let claim = claim_of(resource);
            let published = tokio::time::timeout_at(end, self.requests.publish("claim", &claim)).await;
            let published =
                published.unwrap_or_else(|_| Err(Problem::service("there was no answer in time")));
            if let Err(problem) = published {
                self.output.problem(&problem.of(&format!("{resource} {trouble}")));
            }
        }
    }
}
