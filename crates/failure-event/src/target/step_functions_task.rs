//! A Step Functions activity or `.waitForTaskToken` callback: `SendTaskFailure`.
//!
//! <https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskFailure.html>

use std::borrow::Cow;

use super::{FailureApi, GivenMembers, Member, Report, Rule};
use crate::dead_letter::Reason;
use crate::event::Failure;
use crate::operation::{EndpointException, Operation, Service, Wire};
use crate::outcome::ErrorTable;
use crate::request::{Fallback, Value};
use crate::secret::Secret;
use crate::text::{Truncation, cut_field, with_context};

/// The longest `error`, in UTF-16 code units.
pub const ERROR_MAX: usize = 256;

/// The longest `cause`, in UTF-16 code units.
pub const CAUSE_MAX: usize = 32_768;

/// AWS Step Functions
pub(crate) const STEP_FUNCTIONS: Service = Service {
    name: "Step Functions",
    endpoint_prefix: "states",
    exceptions: &[
        EndpointException::fips("us-gov-west-1", "states"),
        EndpointException::dual_stack("aws-us-gov", "states-fips"),
    ],
    signing_name: "states",
    endpoint_variable: "SFN",
};

const TASK_TOKEN: Member = Member::secret("taskToken", Rule::Length { max: 2048 });

/// The task that failed.
#[derive(Clone, Debug)]
pub struct StepFunctionsTask {
    task_token: Secret,
}

impl FailureApi for StepFunctionsTask {
    const KIND: &'static str = "step-functions-task";
    const WAKES_UP: &'static str = "a Step Functions activity or `.waitForTaskToken` callback";
    const PARAMETER: &'static str = "EnableStepFunctionsTasks";
    const IS_ON_BY_DEFAULT: bool = true;
    const OPERATIONS: &'static [Operation] = &[Operation {
        service: &STEP_FUNCTIONS,
        name: "SendTaskFailure",
        action: Some("states:SendTaskFailure"),
        wire: Wire::AwsJson { version: "1.0", target: "AWSStepFunctions" },
    }];
    const MEMBERS: &'static [Member] = &[TASK_TOKEN];
    const ERRORS: ErrorTable = ErrorTable {
        settled: &["TaskTimedOut", "TaskDoesNotExist"],
        rejected: &["InvalidToken"],
        ..ErrorTable::EMPTY
    };
    /// The state machine's own KMS key stands in the way of the texts, and of nothing else. Without both it is not needed.
    const FALLBACK: Option<Fallback> = Some(Fallback {
        errors: &["KmsAccessDeniedException", "KmsInvalidStateException"],
        without: ["error", "cause"],
    });

    fn identify(target: &dyn GivenMembers) -> Result<Self, Reason> {
        Ok(Self { task_token: TASK_TOKEN.read_secret(target)? })
    }

    fn identity(&self) -> &str {
        self.task_token.expose()
    }

    fn secret(&self) -> Option<&Secret> {
        Some(&self.task_token)
    }

    fn report(self, failure: &Failure<'_>, truncations: &mut Vec<Truncation>) -> Report {
        let error =
            cut_field("error", Cow::Borrowed(failure.type_name()), ERROR_MAX, truncations).into_owned();
        let cause = with_context("cause", failure, CAUSE_MAX, truncations);
        let members = vec![
            (TASK_TOKEN.name, Value::Secret(self.task_token)),
            ("error", Value::Text(error)),
            ("cause", Value::Text(cause)),
        ];
        Report::to(&Self::OPERATIONS[0], members)
    }
}
