//! A job of a CodePipeline partner action: `PutThirdPartyJobFailureResult`.
//!
//! <https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_PutThirdPartyJobFailureResult.html>

use super::failure_details::failure_details;
use super::services::CODE_PIPELINE;
use super::{FailureApi, GivenMembers, Member, Report, Rule};
use crate::dead_letter::Reason;
use crate::event::Failure;
use crate::operation::{Operation, Wire};
use crate::outcome::ErrorTable;
use crate::request::Value;
use crate::secret::Secret;
use crate::text::Truncation;

const JOB_ID: Member = Member::required("jobId", Rule::Length { max: 512 });
const CLIENT_TOKEN: Member = Member::secret("clientToken", Rule::Length { max: 256 });

/// The job that failed, with the token that lets its partner report on it.
#[derive(Clone, Debug)]
pub struct CodePipelineThirdPartyJob {
    job_id: String,
    client_token: Secret,
}

impl FailureApi for CodePipelineThirdPartyJob {
    const KIND: &'static str = "codepipeline-third-party-job";
    const WAKES_UP: &'static str = "a CodePipeline partner action";
    const PARAMETER: &'static str = "EnableCodePipelineThirdPartyJobs";
    const IS_ON_BY_DEFAULT: bool = true;
    const OPERATIONS: &'static [Operation] = &[Operation {
        service: &CODE_PIPELINE,
        name: "PutThirdPartyJobFailureResult",
        action: Some("codepipeline:PutThirdPartyJobFailureResult"),
        wire: Wire::AwsJson { version: "1.1", target: "CodePipeline_20150709" },
    }];
    const MEMBERS: &'static [Member] = &[JOB_ID, CLIENT_TOKEN];
    const ERRORS: ErrorTable = ErrorTable {
        settled: &["InvalidJobStateException"],
        rejected: &["JobNotFoundException", "InvalidClientTokenException"],
        ..ErrorTable::EMPTY
    };

    fn identify(target: &dyn GivenMembers) -> Result<Self, Reason> {
        Ok(Self { job_id: JOB_ID.read(target)?, client_token: CLIENT_TOKEN.read_secret(target)? })
    }

    fn identity(&self) -> &str {
        &self.job_id
    }

    fn secret(&self) -> Option<&Secret> {
        Some(&self.client_token)
    }

    fn report(self, failure: &Failure<'_>, truncations: &mut Vec<Truncation>) -> Report {
        let members = vec![
            (JOB_ID.name, Value::Text(self.job_id)),
            (CLIENT_TOKEN.name, Value::Secret(self.client_token)),
            ("failureDetails", Value::Members(failure_details(failure, truncations))),
        ];
        Report::to(&Self::OPERATIONS[0], members)
    }
}
