//! A Step Functions activity or `.waitForTaskToken` callback: `SendTaskFailure`.
//!
//! <https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskFailure.html>

use std::borrow::Cow;

use super::{FailureApi, Member, Rule};
use crate::dead_letter::Reason;
use crate::event::Failure;
use crate::json::Object;
use crate::outcome::ErrorTable;
use crate::request::{Fallback, Members, Operation, Service, Value, Wire};
use crate::secret::Secret;
use crate::text::{Cut, cut_field, with_context};

/// The longest `error`, in UTF-16 code units.
pub const ERROR_MAX: usize = 256;

/// The longest `cause`, in UTF-16 code units.
pub const CAUSE_MAX: usize = 32_768;

const TASK_TOKEN: Member = Member { name: "taskToken", rule: Rule::Length { max: 2048 }, is_secret: true };

/// The task that failed.
#[derive(Clone, Debug)]
pub struct StepFunctionsTask {
    task_token: Secret,
}

impl FailureApi for StepFunctionsTask {
    const KIND: &'static str = "step-functions-task";
    const OPERATION: Operation = Operation {
        service: Service::StepFunctions,
        name: "SendTaskFailure",
        action: "states:SendTaskFailure",
        wire: Wire::AwsJson { version: "1.0", target: "AWSStepFunctions" },
    };
    const MEMBERS: &'static [Member] = &[TASK_TOKEN];
    const ERRORS: ErrorTable =
        ErrorTable { settled: &["TaskTimedOut", "TaskDoesNotExist"], rejected: &["InvalidToken"] };
    /// The state machine's own KMS key stands in the way of the texts, and of nothing else. Without both it is not needed.
    const FALLBACK: Option<Fallback> = Some(Fallback {
        errors: &["KmsAccessDeniedException", "KmsInvalidStateException"],
        without: &["error", "cause"],
    });

    fn identify(target: &Object<'_>) -> Result<Self, Reason> {
        Ok(Self { task_token: Secret::new(TASK_TOKEN.read(target)?) })
    }

    fn identity(&self) -> &str {
        self.task_token.expose()
    }

    fn secret(&self) -> Option<&Secret> {
        Some(&self.task_token)
    }

    fn body(self, failure: &Failure<'_>, cuts: &mut Vec<Cut>) -> Members {
        let error = cut_field("error", Cow::Borrowed(failure.type_name()), ERROR_MAX, cuts).into_owned();
        let cause = with_context("cause", failure, CAUSE_MAX, cuts);
        Members::new(vec![
            (TASK_TOKEN.name, Value::Secret(self.task_token)),
            ("error", Value::Text(error)),
            ("cause", Value::Text(cause)),
        ])
    }
}
