//! An SWF activity task: `RespondActivityTaskFailed`.
//!
//! <https://docs.aws.amazon.com/amazonswf/latest/apireference/API_RespondActivityTaskFailed.html>

use std::borrow::Cow;

use super::{FailureApi, GivenMembers, Member, Report, Rule};
use crate::dead_letter::Reason;
use crate::event::Failure;
use crate::operation::{Operation, Service, Wire};
use crate::outcome::ErrorTable;
use crate::request::Value;
use crate::secret::Secret;
use crate::text::{Truncation, cut_field, with_context};

/// The longest `reason`, in UTF-16 code units.
pub const REASON_MAX: usize = 256;

/// The longest `details`, in UTF-16 code units.
pub const DETAILS_MAX: usize = 32_768;

const SWF: Service = Service {
    name: "SWF",
    endpoint_prefix: "swf",
    exceptions: &[],
    signing_name: "swf",
    endpoint_variable: "SWF",
};

const TASK_TOKEN: Member = Member::secret("taskToken", Rule::Length { max: 1024 });

/// The activity task that failed.
#[derive(Clone, Debug)]
pub struct SwfActivityTask {
    task_token: Secret,
}

impl FailureApi for SwfActivityTask {
    const KIND: &'static str = "swf-activity-task";
    const WAKES_UP: &'static str = "an SWF activity";
    const PARAMETER: &'static str = "EnableSwfActivityTasks";
    const IS_ON_BY_DEFAULT: bool = true;
    const OPERATIONS: &'static [Operation] = &[Operation {
        service: &SWF,
        name: "RespondActivityTaskFailed",
        action: Some("swf:RespondActivityTaskFailed"),
        wire: Wire::AwsJson { version: "1.0", target: "SimpleWorkflowService" },
    }];
    const MEMBERS: &'static [Member] = &[TASK_TOKEN];
    const ERRORS: ErrorTable =
        ErrorTable { settled: &["UnknownResourceFault"], rejected: &[], ..ErrorTable::EMPTY };

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
        let reason =
            cut_field("reason", Cow::Borrowed(failure.type_name()), REASON_MAX, truncations).into_owned();
        let details = with_context("details", failure, DETAILS_MAX, truncations);
        let members = vec![
            (TASK_TOKEN.name, Value::Secret(self.task_token)),
            ("reason", Value::Text(reason)),
            ("details", Value::Text(details)),
        ];
        Report::to(&Self::OPERATIONS[0], members)
    }
}
