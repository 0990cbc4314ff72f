//! Heartbeats: the orchestrator is told that the worker lives, as long as it does.

use std::time::Duration;

use aws_sdk_swf::operation::record_activity_task_heartbeat::RecordActivityTaskHeartbeatOutput;
use failure_event::outcome::{Answer, ServiceError, Verdict, classify};
use failure_event::place::Place;
use failure_event::target::{Kind, Target};
use failure_relay::aws::answer;
use failure_relay::aws::clients::Clients;
use tokio::time::MissedTickBehavior;

use super::calls::{Body, Call, at_path, beside};
use crate::output::Output;

/// The operations that take heartbeats. `CodePipeline`, for one, knows none.
const HEARTBEATS: [Call; 4] = [
    Call {
        kind: Kind::StepFunctionsTask,
        operation: beside(Kind::StepFunctionsTask, "SendTaskHeartbeat", "states:SendTaskHeartbeat"),
        identity: &["taskToken"],
        body: Body::Members,
    },
    Call {
        kind: Kind::SwfActivityTask,
        operation: beside(
            Kind::SwfActivityTask,
            "RecordActivityTaskHeartbeat",
            "swf:RecordActivityTaskHeartbeat",
        ),
        identity: &["taskToken"],
        body: Body::Members,
    },
    Call {
        kind: Kind::LambdaDurableCallback,
        operation: at_path(
            Kind::LambdaDurableCallback,
            "SendDurableExecutionCallbackHeartbeat",
            "lambda:SendDurableExecutionCallbackHeartbeat",
            "/2025-12-01/durable-execution-callbacks/{CallbackId}/heartbeat",
        ),
        identity: &[],
        body: Body::Payload,
    },
    Call {
        kind: Kind::AutoScalingLifecycleAction,
        operation: beside(
            Kind::AutoScalingLifecycleAction,
            "RecordLifecycleActionHeartbeat",
            "autoscaling:RecordLifecycleActionHeartbeat",
        ),
        identity: &["AutoScalingGroupName", "LifecycleHookName", "LifecycleActionToken", "InstanceId"],
        body: Body::Members,
    },
];

/// Names of a refusal that stays one.
const DENIED: [&str; 4] =
    ["AccessDeniedException", "AccessDenied", "OperationNotPermittedFault", "UnauthorizedOperation"];

/// The heartbeats of one task.
#[derive(Debug)]
pub struct Heart<'a> {
    /// The operation that takes them.
    pub call: &'static Call,
    /// The task.
    pub target: &'a Target,
    /// Clients of the task's place.
    pub clients: &'a Clients,
    /// Where the task is.
    pub place: &'a Place,
    /// From one heartbeat to the next.
    pub interval: Duration,
}

/// Why heartbeats are at their end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Nothing waits for the worker any more, or the worker is asked to give up.
    NotWanted(String),
    /// The worker's role may not send them.
    Denied(String),
}

/// The operation that takes heartbeats for targets of this kind, where there is one.
#[must_use]
pub fn of(kind: Kind) -> Option<&'static Call> {
    HEARTBEATS.iter().find(|call| call.kind == kind)
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
            let failed = match (classify(&answer, self.call.kind.errors()), answer) {
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

    /// The answer, and whether the worker is asked to give up, which only SWF does, in the body of its answer.
    async fn send(&self) -> (Answer, bool) {
        let (Kind::SwfActivityTask, Some(token)) = (self.call.kind, self.target.secret()) else {
            return (self.call.send(self.target, None, self.clients, self.place).await, false);
        };
        let client = self.clients.swf(self.place);
        let sent = client.record_activity_task_heartbeat().task_token(token.expose()).send().await;
        let is_cancelled = sent.as_ref().is_ok_and(RecordActivityTaskHeartbeatOutput::cancel_requested);
        (answer::of(sent), is_cancelled)
    }

    fn shown(&self, error: &ServiceError) -> String {
        let said = error.message.as_deref().map(|message| format!("{error}: {message}"));
        let said = said.unwrap_or_else(|| error.to_string());
        self.target.secret().map_or(said.clone(), |secret| secret.redact(&said).into_owned())
    }
}

fn is_denied(error: &ServiceError) -> bool {
    error.name.as_deref().is_some_and(|name| DENIED.contains(&name))
}
