//! The sweep as the watch does it: counted, logged, and where the operator wants it, failed.

use failure_event::publication::Publication;
use failure_event::sweep::verdict::Status;
use failure_event::sweep::waiting::WaitingTask;
use failure_event::sweep::{ArnPattern, SweepRules};
use failure_event::text::cut;
use failure_relay::log_line::ERROR_MESSAGE_MAX;
use failure_relay::settings::QueueUrl;
use time::{Duration, OffsetDateTime};
use tokio::time::Instant;

use super::{Failed, Sweep, Swept, fail, sweep};
use crate::queue::{self, RelayQueue};
use crate::services::Services;
use crate::settings::{SweepMode, SweepSettings};
use crate::watch;

/// The most errors and stranded tasks of one sweep that are logged one by one.
const LINES_MAX: usize = 100;

/// Sweeps for the watch.
#[derive(Debug)]
pub struct Sweeper<S> {
    services: S,
    queue: QueueUrl,
    region: String,
}

impl<S: Services> Sweeper<S> {
    /// A sweeper of this region, which publishes to the relay's queue.
    #[must_use]
    pub fn new(services: S, queue: QueueUrl, region: String) -> Self {
        Self { services, queue, region }
    }

    async fn publish(&self, events: Vec<Publication>) -> Vec<queue::Confirmation> {
        RelayQueue::new(&self.services, &self.queue, &self.region).publish(&events).await
    }
}

impl<S: Services> watch::Sweeper for Sweeper<S> {
    async fn sweep(&self, settings: &SweepSettings, end: Instant) -> Result<watch::Swept, String> {
        let question =
            Sweep { rules: rules(settings)?, region: self.region.clone(), rate: None, deadline: Some(end) };
        let swept =
            sweep(&question, &self.services, OffsetDateTime::now_utc(), &|_| {}).await.map_err(|error| {
                format!("the sweep cannot list state machines: Step Functions {}", error.as_predicate())
            })?;
        log(&swept);
        let mut refusal = None;
        let publish = async |events| {
            let confirmations = self.publish(events).await;
            refusal = confirmations.iter().find_map(|confirmation| confirmation.as_ref().err().cloned());
            confirmations
        };
        let failed = match settings.mode {
            SweepMode::Report => Failed::default(),
            SweepMode::Fail => fail(&swept.tasks, question.rules.fails_max, publish).await,
        };
        let problem = refusal.map(|error| {
            let count = failed.unconfirmed;
            format!("{count} stranded tasks could not be failed: the queue {}", error.as_predicate())
        });
        Ok(watch::Swept { problem, ..counted(&swept, failed) })
    }
}

fn rules(settings: &SweepSettings) -> Result<SweepRules, String> {
    let patterns = settings.state_machines.iter().map(|arn| ArnPattern::parse(arn)).collect::<Result<_, _>>();
    Ok(SweepRules {
        state_machines: patterns.map_err(|what| format!("RELAY_SWEEP_STATE_MACHINES: {what}"))?,
        grace: Duration::seconds(settings.grace_seconds.into()),
        silent: settings.silent_seconds.map(|seconds| Duration::seconds(seconds.into())),
        fails_max: usize::try_from(settings.fails_max).unwrap_or(usize::MAX),
        task_token_names: settings.task_token_names.clone(),
    })
}

fn counted(swept: &Swept, failed: Failed) -> watch::Swept {
    let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let count = |status| number(swept.count(status));
    watch::Swept {
        waiting: count(Status::Waiting),
        stranded: count(Status::Stranded),
        silent: count(Status::Silent),
        unknown: count(Status::Unknown),
        failed: number(failed.published),
        errors: number(swept.errors.len() + failed.unconfirmed + failed.errors),
        problem: None,
    }
}

/// Who is stranded is worth a line each: an operator wants to know before anybody is failed.
fn log(swept: &Swept) {
    for error in swept.errors.iter().take(LINES_MAX) {
        tracing::warn!("{error}");
    }
    let stranded = swept.tasks.iter().filter(|task| task.status() == Status::Stranded);
    for task in stranded.take(LINES_MAX) {
        let fingerprint = task.fingerprint();
        tracing::warn!(
            execution = task.execution,
            state = task.state,
            target_fingerprint = fingerprint.as_deref(),
            "{}",
            cut(&sentence(task), ERROR_MESSAGE_MAX)
        );
    }
}

fn sentence(task: &WaitingTask) -> String {
    let worker = task.decided_by().map(|(worker, _)| worker.to_string()).unwrap_or_default();
    format!("a task waits for a worker that is gone: the {worker} {}", task.words())
}
