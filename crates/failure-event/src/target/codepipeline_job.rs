//! A job of a CodePipeline custom action or Lambda action: `PutJobFailureResult`.
//!
//! <https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_PutJobFailureResult.html>

use super::failure_details::failure_details;
use super::{FailureApi, Member, Rule};
use crate::dead_letter::Reason;
use crate::event::Failure;
use crate::json::Object;
use crate::outcome::ErrorTable;
use crate::request::{Members, Operation, Service, Value, Wire};
use crate::secret::Secret;
use crate::text::Cut;

const JOB_ID: Member = Member { name: "jobId", rule: Rule::LowerCaseUuid, is_secret: false };

/// The job that failed. Its id is no secret: only the account's own principals may report on it.
#[derive(Clone, Debug)]
pub struct CodePipelineJob {
    job_id: String,
}

impl FailureApi for CodePipelineJob {
    const KIND: &'static str = "codepipeline-job";
    const OPERATION: Operation = Operation {
        service: Service::CodePipeline,
        name: "PutJobFailureResult",
        action: "codepipeline:PutJobFailureResult",
        wire: Wire::AwsJson { version: "1.1", target: "CodePipeline_20150709" },
    };
    const MEMBERS: &'static [Member] = &[JOB_ID];
    const ERRORS: ErrorTable = ErrorTable {
        settled: &["InvalidJobStateException"],
        rejected: &["JobNotFoundException", "InvalidClientTokenException"],
    };

    fn identify(target: &Object<'_>) -> Result<Self, Reason> {
        Ok(Self { job_id: JOB_ID.read(target)? })
    }

    fn identity(&self) -> &str {
        &self.job_id
    }

    fn secret(&self) -> Option<&Secret> {
        None
    }

    fn body(self, failure: &Failure<'_>, cuts: &mut Vec<Cut>) -> Members {
        Members::new(vec![
            (JOB_ID.name, Value::Text(self.job_id)),
            ("failureDetails", Value::Members(failure_details(failure, cuts))),
        ])
    }
}
