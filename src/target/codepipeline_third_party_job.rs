//! A job of a CodePipeline partner action: `PutThirdPartyJobFailureResult`.
//!
//! <https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_PutThirdPartyJobFailureResult.html>

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

const JOB_ID: Member = Member { name: "jobId", rule: Rule::Length { max: 512 }, is_secret: false };
const CLIENT_TOKEN: Member = Member { name: "clientToken", rule: Rule::Length { max: 256 }, is_secret: true };

/// The job that failed, with the token that lets its partner report on it.
#[derive(Clone, Debug)]
pub struct CodePipelineThirdPartyJob {
    job_id: String,
    client_token: Secret,
}

/// The request of `PutThirdPartyJobFailureResult`.
#[derive(Clone, Debug)]
pub struct PutThirdPartyJobFailureResult {
    job: CodePipelineThirdPartyJob,
    failure_details: FailureDetails,
}

impl FailureApi for CodePipelineThirdPartyJob {
    const KIND: &'static str = "codepipeline-third-party-job";
    const ACTION: &'static str = "codepipeline:PutThirdPartyJobFailureResult";
    const MEMBERS: &'static [Member] = &[JOB_ID, CLIENT_TOKEN];
    const ERRORS: ErrorTable = ErrorTable {
        settled: &["InvalidJobStateException"],
        rejected: &["JobNotFoundException", "InvalidClientTokenException"],
    };
    type Call = PutThirdPartyJobFailureResult;

    fn identify(target: &dyn Members) -> Result<Self, Reason> {
        Ok(Self { job_id: JOB_ID.read(target)?, client_token: Secret::new(CLIENT_TOKEN.read(target)?) })
    }

    fn identity(&self) -> &str {
        &self.job_id
    }

    fn secret(&self) -> Option<&Secret> {
        Some(&self.client_token)
    }

    fn call(self, failure: &Failure<'_>, cuts: &mut Vec<Cut>) -> Self::Call {
        PutThirdPartyJobFailureResult { job: self, failure_details: FailureDetails::new(failure, cuts) }
    }

    fn wire_body(call: &Self::Call, secrets: Secrets) -> String {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Wire<'a> {
            job_id: &'a str,
            client_token: &'a str,
            failure_details: &'a FailureDetails,
        }
        let client_token = secrets.render(&call.job.client_token);
        super::to_wire(&Wire {
            job_id: &call.job.job_id,
            client_token: &client_token,
            failure_details: &call.failure_details,
        })
    }

    async fn send(call: &Self::Call, clients: &Clients, place: &Place) -> Answer {
        let client = clients.codepipeline(place);
        let request = client
            .put_third_party_job_failure_result()
            .job_id(&call.job.job_id)
            .client_token(call.job.client_token.expose());
        answer::of(request.failure_details(answer::sdk_failure_details(&call.failure_details)).send().await)
    }
}
