//! Amazon SWF: the failure and the heartbeat of an activity task.
//!
//! <https://docs.aws.amazon.com/amazonswf/latest/apireference/API_RespondActivityTaskFailed.html>

use serde::Deserialize;
use serde_json::json;

use super::answer::{Output, ServiceError};
use super::request::Caller;
use super::work::{Ending, Ledger, Refusal, Report, ReportedFailure, WorkKind, kms_denied};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RespondActivityTaskFailed {
    task_token: String,
    reason: Option<String>,
    details: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RecordActivityTaskHeartbeat {
    task_token: String,
}

impl RespondActivityTaskFailed {
    pub(crate) fn perform(
        self,
        ledger: &mut Ledger,
        caller: &Caller,
        now_ms: u64,
    ) -> Result<Output, ServiceError> {
        let failure = ReportedFailure {
            error: self.reason,
            cause: self.details,
            external_execution_id: None,
            at_ms: now_ms,
        };
        let report = Report::of(WorkKind::SwfActivityTask, &self.task_token);
        let ended = ledger.end(caller, &report, Ending::Failed(failure), now_ms);
        ended.map_err(refused).map(|()| Output::Nothing)
    }
}

impl RecordActivityTaskHeartbeat {
    pub(crate) fn perform(
        &self,
        ledger: &mut Ledger,
        caller: &Caller,
        now_ms: u64,
    ) -> Result<Output, ServiceError> {
        let report = Report::of(WorkKind::SwfActivityTask, &self.task_token);
        let cancel = ledger.heartbeat(caller, &report, now_ms).map_err(refused)?;
        Ok(Output::Json(json!({"cancelRequested": cancel})))
    }
}

fn refused(refusal: Refusal) -> ServiceError {
    match refusal {
        Refusal::Closed => {
            ServiceError::new("UnknownResourceFault", "Unknown activity, scheduledEventId = 5")
        }
        // A token that SWF did not issue does not decode.
        Refusal::Unknown | Refusal::WrongClientToken => {
            ServiceError::new("ValidationException", "Invalid token")
        }
        Refusal::KmsDenied => kms_denied(),
    }
}
