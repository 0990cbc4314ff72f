//! AWS `CodePipeline`: the failure of a job or of a third-party job.
//!
//! <https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_PutJobFailureResult.html>

use serde::Deserialize;

use super::answer::{Output, ServiceError};
use super::request::Caller;
use super::work::{Ending, Ledger, Refusal, Report, ReportedFailure, WorkKind, kms_denied};

/// `PutJobFailureResult` and, with a client token, `PutThirdPartyJobFailureResult`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PutFailureResult {
    job_id: String,
    client_token: Option<String>,
    failure_details: FailureDetails,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FailureDetails {
    #[serde(rename = "type")]
    failure_type: String,
    message: String,
    external_execution_id: Option<String>,
}

impl PutFailureResult {
    pub(crate) fn perform(
        self,
        kind: WorkKind,
        ledger: &mut Ledger,
        caller: &Caller,
        now_ms: u64,
    ) -> Result<Output, ServiceError> {
        let third_party = kind == WorkKind::CodePipelineThirdPartyJob;
        let failure = ReportedFailure {
            error: Some(self.failure_details.failure_type),
            cause: Some(self.failure_details.message),
            external_execution_id: self.failure_details.external_execution_id,
            at_ms: now_ms,
        };
        let report = Report {
            kind,
            id: &self.job_id,
            // An unknown member of `PutJobFailureResult`, which the service ignores.
            client_token: self.client_token.as_deref().filter(|_| third_party),
        };
        let ended = ledger.end(caller, &report, Ending::Failed(failure), now_ms);
        ended.map_err(refused).map(|()| Output::Nothing)
    }
}

fn refused(refusal: Refusal) -> ServiceError {
    match refusal {
        Refusal::Closed => {
            ServiceError::new("InvalidJobStateException", "The state of the job is not valid: it has ended.")
        }
        Refusal::Unknown => ServiceError::new("JobNotFoundException", "The job cannot be found."),
        Refusal::WrongClientToken => {
            ServiceError::new("InvalidClientTokenException", "The client token is not valid for this job.")
        }
        Refusal::KmsDenied => kms_denied(),
    }
}
