//! What a run has left behind, and how it is taken away.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_sfn::Client;
use serde_json::Value;
use tokio::time::Instant;

use super::stage::{Miss, Stage};
use crate::aws::explain;

/// How long letters are looked for that were seen, or must be there.
const LETTERS_WAIT: Duration = Duration::from_secs(10);

/// Something that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Made {
    /// An execution, by its ARN.
    Execution(String),
    /// A state machine, by its ARN.
    StateMachine(String),
    /// An activity, by its ARN.
    Activity(String),
}

/// All that is to be taken away.
#[derive(Debug, Default)]
pub struct Traces {
    /// In the order in which it was made.
    pub made: Vec<Made>,
    /// The event that releases the lease.
    pub lease: Option<Value>,
    may_come: BTreeSet<String>,
    must_come: BTreeSet<String>,
}

impl Traces {
    /// An event was sent whose letter may come.
    pub fn letter_may_come(&mut self, event_id: &str) {
        self.may_come.insert(event_id.to_owned());
    }

    /// The letter of an event is there, or will be as soon as the relay works.
    pub fn letter_must_come(&mut self, event_id: &str) {
        self.must_come.insert(event_id.to_owned());
    }
}

/// Takes everything away. Returns what is left, each in one line.
pub async fn clean_up(stage: &Stage<'_>) -> Vec<String> {
    let traces = std::mem::take(&mut *stage.traces.lock().await);
    let mut left = Vec::new();
    if let Some(release) = &traces.lease
        && let Err(Miss::Untried(why) | Miss::Failed(why) | Miss::Skipped(why)) = stage.publish(release).await
    {
        left.push(format!("a lease, which runs out within a minute: {why}"));
    }
    let client = Client::new(stage.config);
    for made in traces.made.iter().rev() {
        left.extend(remove(&client, made).await);
    }
    if !traces.may_come.is_empty() {
        left.extend(letters(stage, &traces).await);
    }
    left
}

async fn remove(client: &Client, made: &Made) -> Option<String> {
    let (arn, removed) = match made {
        Made::Execution(arn) => {
            let stopped = client.stop_execution().execution_arn(arn).send().await;
            (arn, stopped.map(drop).map_err(|error| explain(&error)))
        }
        Made::StateMachine(arn) => {
            let deleted = client.delete_state_machine().state_machine_arn(arn).send().await;
            (arn, deleted.map(drop).map_err(|error| explain(&error)))
        }
        Made::Activity(arn) => {
            let deleted = client.delete_activity().activity_arn(arn).send().await;
            (arn, deleted.map(drop).map_err(|error| explain(&error)))
        }
    };
    removed.err().map(|why| format!("{arn}: {why}"))
}

/// Deletes this run's letters.
async fn letters(stage: &Stage<'_>, traces: &Traces) -> Vec<String> {
    let deleted = match stage.letters().await {
        Ok(letters) => {
            letters.delete(&traces.must_come, Instant::now() + LETTERS_WAIT).await.map_err(Miss::from)
        }
        Err(miss) => Err(miss),
    };
    match deleted {
        Ok(deleted) => traces
            .must_come
            .difference(&deleted)
            .map(|id| format!("the dead letter of {id} was not found: it may still come"))
            .collect(),
        Err(Miss::Untried(why) | Miss::Failed(why) | Miss::Skipped(why)) => {
            vec![format!("dead letters of events whose ids begin with {}: {why}", stage.prefix())]
        }
    }
}
