//! A job of a CodePipeline custom action or Lambda action: `PutJobFailureResult`.
//!
//! <https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_PutJobFailureResult.html>

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

const JOB_ID: Member = Member::required("jobId", Rule::LowerCaseUuid);

/// The job that failed. Its id is no secret: only the account's own principals may report on it.
#[derive(Clone, Debug)]
pub struct CodePipelineJob {
    job_id: String,
}

impl FailureApi for CodePipelineJob {
    const KIND: &'static str = "codepipeline-job";
    const WAKES_UP: &'static str = "a CodePipeline custom action or Lambda action";
    const PARAMETER: &'static str = "EnableCodePipelineJobs";
    const IS_ON_BY_DEFAULT: bool = true;
    const OPERATIONS: &'static [Operation] = &[Operation {
        service: &CODE_PIPELINE,
        name: "PutJobFailureResult",
        action: Some("codepipeline:PutJobFailureResult"),
        wire: Wire::AwsJson { version: "1.1", target: "CodePipeline_20150709" },
    }];
    const MEMBERS: &'static [Member] = &[JOB_ID];
    const ERRORS: ErrorTable = ErrorTable {
        settled: &["InvalidJobStateException"],
        rejected: &["JobNotFoundException", "InvalidClientTokenException"],
        ..ErrorTable::EMPTY
    };

    fn identify(target: &dyn GivenMembers) -> Result<Self, Reason> {
        Ok(Self { job_id: JOB_ID.read(target)? })
    }

    fn identity(&self) -> &str {
        &self.job_id
    }

    fn secret(&self) -> Option<&Secret> {
        None
    }

    fn report(self, failure: &Failure<'_>, truncations: &mut Vec<Truncation>) -> Report {
        let members = vec![
            (JOB_ID.name, Value::Text(self.job_id)),
            ("failureDetails", Value::Members(failure_details(failure, truncations))),
        ];
        Report::to(&Self::OPERATIONS[0], members)
    }
}
