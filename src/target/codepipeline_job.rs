//! A job of a CodePipeline custom action or Lambda action: `PutJobFailureResult`.
//!
//! <https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_PutJobFailureResult.html>

use serde::Serialize;

use super::{FailureApi, Member, Members, Rule, Secrets};
use crate::answer;
use crate::clients::{Clients, Place};
use crate::dead_letter::Reason;
use crate::event::Failure;
use crate::failure_details::FailureDetails;
use crate::outcome::{Answer, ErrorTable};
use crate::secret::Secret;
use crate::text::Cut;

const JOB_ID: Member = Member { name: "jobId", rule: Rule::LowerCaseUuid, is_secret: false };

/// The job that failed. Its id is no secret: only the account's own principals may report on it.
#[derive(Clone, Debug)]
pub struct CodePipelineJob {
    job_id: String,
}

/// The body of `PutJobFailureResult`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PutJobFailureResult {
    job_id: String,
    failure_details: FailureDetails,
}

impl FailureApi for CodePipelineJob {
    const KIND: &'static str = "codepipeline-job";
    const ACTION: &'static str = "codepipeline:PutJobFailureResult";
    const MEMBERS: &'static [Member] = &[JOB_ID];
    const ERRORS: ErrorTable = ErrorTable {
        settled: &["InvalidJobStateException"],
        rejected: &["JobNotFoundException", "InvalidClientTokenException"],
    };
    type Call = PutJobFailureResult;

    fn identify(target: &dyn Members) -> Result<Self, Reason> {
        Ok(Self { job_id: JOB_ID.read(target)? })
    }

    fn identity(&self) -> &str {
        &self.job_id
    }

    fn secret(&self) -> Option<&Secret> {
        None
    }

    fn call(self, failure: &Failure<'_>, cuts: &mut Vec<Cut>) -> Self::Call {
        PutJobFailureResult { job_id: self.job_id, failure_details: FailureDetails::new(failure, cuts) }
    }

    fn wire_body(call: &Self::Call, _secrets: Secrets) -> String {
        super::to_wire(call)
    }

    async fn send(call: &Self::Call, clients: &Clients, place: &Place) -> Answer {
        let client = clients.codepipeline(place);
        let request = client.put_job_failure_result().job_id(&call.job_id);
        answer::of(request.failure_details(answer::sdk_failure_details(&call.failure_details)).send().await)
    }
}
