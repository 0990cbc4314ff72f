//! The failure events of tasks whose worker is gone, and how many of them one sweep may publish.

use serde_json::{Map, Value, json};

use super::fate::Fate;
use super::moment::rfc3339;
use super::verdict::Status;
use super::waiting::WaitingTask;
use super::worker::Worker;
use crate::publication::Publication;
use crate::secret::fingerprint;
use crate::target::Kind;

/// The `type` of a stranded task whose worker's end has none of its own.
pub const STRANDED: &str = "Worker.Stranded";

/// The `source` of such events.
pub const SOURCE: &str = "failure-relay.sweep";

impl WaitingTask {
    /// The failure event, where the token is known. `region` is where the task is, when that may not be the relay's own.
    #[must_use]
    pub fn event(&self, region: Option<&str>) -> Option<Publication> {
        let token = self.token.as_ref()?;
        let fingerprint = fingerprint(token.expose());
        let mut target = Map::new();
        target.insert("kind".to_owned(), json!(Kind::StepFunctionsTask.name()));
        target.insert("taskToken".to_owned(), json!(token.expose()));
        target.extend(region.map(|region| ("region".to_owned(), json!(region))));
        let mut event = json!({
            "version": "1",
            "id": format!("sweep-{fingerprint}"),
            "source": SOURCE,
            "target": target,
            "failure": self.failure(),
        });
        if let Some(ended_at) = self.verdict.ended_at {
            event["time"] = json!(rfc3339(ended_at));
        }
        Some(Publication { fingerprint, body: event.to_string() })
    }

    fn failure(&self) -> Value {
        let end = self.decided_by().and_then(|(_, fate)| match fate {
            Fate::Ended(end) => Some(end),
            Fate::Running(_) | Fate::Missing | Fate::Unknown(_) => None,
        });
        let failure_type = end.and_then(|end| end.failure_type.as_deref()).unwrap_or(STRANDED);
        let mut failure = json!({
            "type": failure_type,
            "message": self.message(),
            "details": self.details(),
        });
        if let Some((worker, _)) = self.decided_by() {
            failure["externalExecutionId"] = json!(worker.id());
        }
        failure
    }

    /// Who ended, how and when, and who waits.
    fn message(&self) -> String {
        let worker = self.decided_by().map(|(worker, _)| worker.to_string()).unwrap_or_default();
        let since = self.since.map(|since| format!(" since {}", rfc3339(since))).unwrap_or_default();
        let well = if self.is_well() { " without calling back" } else { "" };
        format!("The {worker} {}{well}. The state {} has waited for it{since}.", self.words(), self.state)
    }

    fn is_well(&self) -> bool {
        matches!(self.decided_by(), Some((_, Fate::Ended(end))) if end.well)
    }

    fn details(&self) -> Value {
        let mut details = json!({"executionArn": self.execution, "state": self.state});
        if let Some(since) = self.since {
            details["waitingSince"] = json!(rfc3339(since));
        }
        if let Ok(workers) = &self.workers {
            let told = |(worker, fate): &(Worker, Fate)| json!({"worker": worker.to_string(), "ended": fate.words()});
            details["workers"] = workers.iter().map(told).collect();
        }
        details
    }
}

/// What is to be published of what was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// These events.
    Publish {
        /// One for each stranded task.
        events: Vec<Publication>,
        /// How many cannot be failed, because their token was not found.
        without_token: usize,
    },
    /// None: more tasks are stranded than one sweep may fail, which looks like a mistake of the sweep.
    TooMany {
        /// How many are stranded.
        stranded: usize,
    },
}

/// Plans to fail the tasks that are stranded, unless they are more than `fails_max`.
#[must_use]
pub fn plan(tasks: &[WaitingTask], fails_max: usize, region: Option<&str>) -> Plan {
    let stranded: Vec<&WaitingTask> = tasks.iter().filter(|task| task.status() == Status::Stranded).collect();
    if stranded.len() > fails_max {
        return Plan::TooMany { stranded: stranded.len() };
    }
    let events: Vec<Publication> = stranded.iter().filter_map(|task| task.event(region)).collect();
    Plan::Publish { without_token: stranded.len() - events.len(), events }
}

#[cfg(test)]
mod tests;
