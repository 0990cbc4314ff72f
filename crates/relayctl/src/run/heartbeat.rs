//! Heartbeats: the orchestrator is told that the worker lives, as long as it does.

use std::time::Duration;

use aws_sdk_swf::operation::record_activity_task_heartbeat::RecordActivityTaskHeartbeatOutput;
use failure_event::outcome::{Answer, ErrorTable, ServiceError, Verdict, classify};
use failure_event::place::Place;
use failure_event::secret::Secret;
use failure_event::target::Kind;
use failure_relay::aws::answer;
use failure_relay::aws::clients::Clients;
use tokio::time::MissedTickBehavior;

use crate::output::Output;

/// What a heartbeat is answered when nothing waits for the worker any more; by the API's references.
const ERRORS: ErrorTable = ErrorTable {
    settled: &["TaskTimedOut", "TaskDoesNotExist", "UnknownResourceFault"],
    rejected: &["InvalidToken"],
    ..ErrorTable::EMPTY
};

/// Names of a refusal that stays one.
const DENIED: [&str; 3] = ["AccessDeniedException", "AccessDenied", "OperationNotPermittedFault"];

/// The heartbeats of one task.
#[derive(Debug)]
pub struct Heart<'a> {
    /// Which API takes them: Step Functions' or SWF's.
    pub api: Api,
    /// The task.
    pub token: &'a Secret,
    /// Clients of the task's place.
    pub clients: &'a Clients,
    /// Where the task is.
    pub place: &'a Place,
    /// From one heartbeat to the next.
    pub interval: Duration,
}

/// An API that takes heartbeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    /// `SendTaskHeartbeat`
    StepFunctions,
    /// `RecordActivityTaskHeartbeat`
    Swf,
}

/// Why heartbeats are at their end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Nothing waits for the worker any more, or the worker is asked to give up.
    NotWanted(String),
    /// The worker's role may not send them.
    Denied(String),
}

impl Api {
    /// The API for targets of this kind, where there is one: `CodePipeline`, for one, knows no heartbeats.
    #[must_use]
    pub fn of(kind: Kind) -> Option<Self> {
        match kind {
            Kind::StepFunctionsTask => Some(Api::StepFunctions),
            Kind::SwfActivityTask => Some(Api::Swf),
            _ => None,
        }
    }
}

impl Heart<'_> {
    /// Sends heartbeats until there is no sense in them. One that fails is told once, and the next is tried.
    pub async fn beat(&self, output: &Output) -> End {
        let mut ticks = tokio::time::interval(self.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut is_failing = false;
        loop {
            ticks.tick().await;
            let (answer, is_cancelled) = self.send().await;
            if is_cancelled {
                return End::NotWanted("its cancellation was requested".to_owned());
            }
            let failed = match (classify(&answer, &ERRORS), answer) {
                (Verdict::Settled | Verdict::Rejected, Answer::Failed(error)) => {
                    return End::NotWanted(format!("it is closed ({})", self.shown(&error)));
                }
                (_, Answer::Failed(error)) if is_denied(&error) => return End::Denied(self.shown(&error)),
                (_, Answer::Failed(error)) => Some(error),
                (_, Answer::Accepted) => None,
            };
            if let Some(error) = failed.as_ref().filter(|_| !is_failing) {
                output
                    .talk(format!("relayctl: a heartbeat failed, the next is tried: {}", self.shown(error)));
            }
            is_failing = failed.is_some();
        }
    }

    /// The answer, and whether the worker is asked to give up, which only SWF does.
    async fn send(&self) -> (Answer, bool) {
        match self.api {
            Api::StepFunctions => {
                let client = self.clients.sfn(self.place);
                let sent = client.send_task_heartbeat().task_token(self.token.expose()).send().await;
                (answer::of(sent), false)
            }
            Api::Swf => {
                let client = self.clients.swf(self.place);
                let sent =
                    client.record_activity_task_heartbeat().task_token(self.token.expose()).send().await;
                let is_cancelled =
                    sent.as_ref().is_ok_and(RecordActivityTaskHeartbeatOutput::cancel_requested);
                (answer::of(sent), is_cancelled)
            }
        }
    }

    fn shown(&self, error: &ServiceError) -> String {
        let said = error.message.as_deref().map(|message| format!("{error}: {message}"));
        let said = said.unwrap_or_else(|| error.to_string());
        self.token.redact(&said).into_owned()
    }
}

fn is_denied(error: &ServiceError) -> bool {
    error.name.as_deref().is_some_and(|name| DENIED.contains(&name))
}
