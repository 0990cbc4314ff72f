//! AWS Step Functions: the three ways to report on a task.
//!
//! <https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskFailure.html>

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;

use super::answer::{Output, ServiceError};
use super::request::Caller;
use super::work::{Ending, Ledger, Refusal, Report, ReportedFailure, WorkKind, kms_denied};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SendTaskFailure {
    task_token: String,
    error: Option<String>,
    cause: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SendTaskSuccess {
    task_token: String,
    output: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SendTaskHeartbeat {
    task_token: String,
}

impl SendTaskFailure {
    pub(crate) fn perform(
        self,
        ledger: &mut Ledger,
        caller: &Caller,
        now_ms: u64,
    ) -> Result<Output, ServiceError> {
        let failure = ReportedFailure {
            error: self.error,
            cause: self.cause,
            external_execution_id: None,
            at_ms: now_ms,
        };
        let report = Report::of(WorkKind::StepFunctionsTask, &self.task_token);
        let ended = ledger.end(caller, &report, Ending::Failed(failure), now_ms);
        ended.map_err(refused).map(|()| nothing())
    }
}

impl SendTaskSuccess {
    pub(crate) fn perform(
        self,
        ledger: &mut Ledger,
        caller: &Caller,
        now_ms: u64,
    ) -> Result<Output, ServiceError> {
        if serde_json::from_str::<IgnoredAny>(&self.output).is_err() {
            let message = "Invalid Output: 'The output is not JSON'";
            return Err(ServiceError::new("InvalidOutput", message));
        }
        let report = Report::of(WorkKind::StepFunctionsTask, &self.task_token);
        let ended = ledger.end(caller, &report, Ending::Succeeded(self.output), now_ms);
        ended.map_err(refused).map(|()| nothing())
    }
}

impl SendTaskHeartbeat {
    pub(crate) fn perform(
        &self,
        ledger: &mut Ledger,
        caller: &Caller,
        now_ms: u64,
    ) -> Result<Output, ServiceError> {
        let report = Report::of(WorkKind::StepFunctionsTask, &self.task_token);
        let taken = ledger.heartbeat(caller, &report, now_ms);
        taken.map_err(refused).map(|_| nothing())
    }
}

/// Step Functions answers these calls with an empty object.
fn nothing() -> Output {
    Output::Json(json!({}))
}

fn refused(refusal: Refusal) -> ServiceError {
    match refusal {
        Refusal::Closed => {
            ServiceError::new("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")
        }
        // A task token carries nothing but itself, so there is no client token to be wrong.
        Refusal::Unknown | Refusal::WrongClientToken => {
            ServiceError::new("InvalidToken", "Invalid Token: 'Invalid token'")
        }
        Refusal::KmsDenied => kms_denied(),
    }
}
