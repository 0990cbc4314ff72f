//! A job of a CodePipeline partner action: `PutThirdPartyJobFailureResult`.
//!
//! <https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_PutThirdPartyJobFailureResult.html>

use super::failure_details::failure_details;
use super::{FailureApi, Member, Rule};
use crate::dead_letter::Reason;
use crate::event::Failure;
use crate::json::Object;
use crate::outcome::ErrorTable;
use crate::request::{Members, Operation, Service, Value, Wire};
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

impl FailureApi for CodePipelineThirdPartyJob {
    const KIND: &'static str = "codepipeline-third-party-job";
    const OPERATION: Operation = Operation {
        service: Service::CodePipeline,
        name: "PutThirdPartyJobFailureResult",
        action: "codepipeline:PutThirdPartyJobFailureResult",
        wire: Wire::AwsJson { version: "1.1", target: "CodePipeline_20150709" },
    };
    const MEMBERS: &'static [Member] = &[JOB_ID, CLIENT_TOKEN];
    const ERRORS: ErrorTable = ErrorTable {
        settled: &["InvalidJobStateException"],
        rejected: &["JobNotFoundException", "InvalidClientTokenException"],
    };

    fn identify(target: &Object<'_>) -> Result<Self, Reason> {
        Ok(Self { job_id: JOB_ID.read(target)?, client_token: Secret::new(CLIENT_TOKEN.read(target)?) })
    }

    fn identity(&self) -> &str {
        &self.job_id
    }

    fn secret(&self) -> Option<&Secret> {
        Some(&self.client_token)
    }

    fn body(self, failure: &Failure<'_>, cuts: &mut Vec<Cut>) -> Members {
        Members::new(vec![
            (JOB_ID.name, Value::Text(self.job_id)),
            (CLIENT_TOKEN.name, Value::Secret(self.client_token)),
            ("failureDetails", Value::Members(failure_details(failure, cuts))),
        ])
    }
}
