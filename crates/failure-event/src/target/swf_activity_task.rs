//! An SWF activity task: `RespondActivityTaskFailed`.
//!
//! <https://docs.aws.amazon.com/amazonswf/latest/apireference/API_RespondActivityTaskFailed.html>

use std::borrow::Cow;

use super::{FailureApi, Member, Rule};
use crate::dead_letter::Reason;
use crate::event::Failure;
use crate::json::Object;
use crate::outcome::ErrorTable;
use crate::request::{Members, Operation, Service, Value, Wire};
use crate::secret::Secret;
use crate::text::{Cut, cut_field, with_context};

/// The longest `reason`, in UTF-16 code units.
pub const REASON_MAX: usize = 256;

/// The longest `details`, in UTF-16 code units.
pub const DETAILS_MAX: usize = 32_768;

const TASK_TOKEN: Member = Member { name: "taskToken", rule: Rule::Length { max: 1024 }, is_secret: true };

/// The activity task that failed.
#[derive(Clone, Debug)]
pub struct SwfActivityTask {
    task_token: Secret,
}

impl FailureApi for SwfActivityTask {
    const KIND: &'static str = "swf-activity-task";
    const OPERATION: Operation = Operation {
        service: Service::Swf,
        name: "RespondActivityTaskFailed",
        action: "swf:RespondActivityTaskFailed",
        wire: Wire::AwsJson { version: "1.0", target: "SimpleWorkflowService" },
    };
    const MEMBERS: &'static [Member] = &[TASK_TOKEN];
    const ERRORS: ErrorTable = ErrorTable { settled: &["UnknownResourceFault"], rejected: &[] };

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
        let reason = cut_field("reason", Cow::Borrowed(failure.type_name()), REASON_MAX, cuts).into_owned();
        let details = with_context("details", failure, DETAILS_MAX, cuts);
        Members::new(vec![
            (TASK_TOKEN.name, Value::Secret(self.task_token)),
            ("reason", Value::Text(reason)),
            ("details", Value::Text(details)),
        ])
    }
}
