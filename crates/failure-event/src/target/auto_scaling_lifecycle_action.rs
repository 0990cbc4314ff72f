//! An instance that waits at a lifecycle hook of an Auto Scaling group: `CompleteLifecycleAction`, which carries no text.
//!
//! <https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_CompleteLifecycleAction.html>

use super::member::{is_alphanumeric_or, is_uuid};
use super::{FailureApi, GivenMembers, Member, Pattern, Report, Rule};
use crate::dead_letter::Reason;
use crate::event::Failure;
use crate::operation::{EndpointException, Operation, Service, Wire};
use crate::outcome::{ErrorTable, SettledByMessage};
use crate::request::Value;
use crate::secret::Secret;
use crate::text::Truncation;

const AUTO_SCALING: Service = Service {
    name: "Auto Scaling",
    endpoint_prefix: "autoscaling",
    exceptions: &[EndpointException::fips("aws-us-gov", "autoscaling")],
    signing_name: "autoscaling",
    endpoint_variable: "AUTO_SCALING",
};

const GROUP_NAME: Member = Member::required("autoScalingGroupName", Rule::Length { max: 1600 });
const HOOK_NAME: Member = Member::required("lifecycleHookName", Rule::Pattern { max: 255, pattern: &HOOK });
const ACTION_TOKEN: Member =
    Member::optional("lifecycleActionToken", Rule::Pattern { max: 36, pattern: &UUID });
const INSTANCE_ID: Member = Member::optional("instanceId", Rule::Length { max: 19 });

const HOOK: Pattern = Pattern {
    regex: "^[A-Za-z0-9\\-_\\/]+$",
    expected: "letters, digits, -, _ and /",
    matches: |text| is_alphanumeric_or(text, b"-_/"),
};

const UUID: Pattern = Pattern {
    regex: "^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$",
    expected: "a UUID",
    matches: is_uuid,
};

/// The action that waits. Its token is an id: whoever completes the action needs the permission.
#[derive(Clone, Debug)]
pub struct AutoScalingLifecycleAction {
    group_name: String,
    hook_name: String,
    instance: Instance,
}

/// Which instance waits: one of the two names it, and both may be known.
#[derive(Clone, Debug)]
enum Instance {
    ByToken { token: String, id: Option<String> },
    ById(String),
}

impl FailureApi for AutoScalingLifecycleAction {
    const KIND: &'static str = "auto-scaling-lifecycle-action";
    const WAKES_UP: &'static str = "an instance at a lifecycle hook";
    const PARAMETER: &'static str = "EnableAutoScalingLifecycleActions";
    const OPERATIONS: &'static [Operation] = &[Operation {
        service: &AUTO_SCALING,
        name: "CompleteLifecycleAction",
        action: Some("autoscaling:CompleteLifecycleAction"),
        wire: Wire::Query { version: "2011-01-01" },
    }];
    const MEMBERS: &'static [Member] = &[GROUP_NAME, HOOK_NAME, ACTION_TOKEN, INSTANCE_ID];
    const ONE_OF: &'static [&'static str] = &[ACTION_TOKEN.name, INSTANCE_ID.name];
    /// The service gives one name to closed actions and wrong names alike.
    const ERRORS: ErrorTable = ErrorTable {
        settled_by_message: Some(SettledByMessage {
            name: "ValidationError",
            begins: "No active Lifecycle Action found",
        }),
        ..ErrorTable::EMPTY
    };
    const CARRIES_TEXT: bool = false;

    fn identify(target: &dyn GivenMembers) -> Result<Self, Reason> {
        let group_name = GROUP_NAME.read(target)?;
        let hook_name = HOOK_NAME.read(target)?;
        let (token, id) = (ACTION_TOKEN.read_optional(target)?, INSTANCE_ID.read_optional(target)?);
        let instance = match (token, id) {
            (Some(token), id) => Instance::ByToken { token, id },
            (None, Some(id)) => Instance::ById(id),
            (None, None) => {
                return Err(ACTION_TOKEN.wrong("is missing, and so is instanceId: one of them is required"));
            }
        };
        Ok(Self { group_name, hook_name, instance })
    }

    fn identity(&self) -> &str {
        match &self.instance {
            Instance::ByToken { token, .. } => token,
            Instance::ById(id) => id,
        }
    }

    fn secret(&self) -> Option<&Secret> {
        None
    }

    fn report(self, _failure: &Failure<'_>, _cuts: &mut Vec<Truncation>) -> Report {
        let (token, id) = match self.instance {
            Instance::ByToken { token, id } => (Some(token), id),
            Instance::ById(id) => (None, Some(id)),
        };
        let mut members = vec![
            ("AutoScalingGroupName", Value::Text(self.group_name)),
            ("LifecycleHookName", Value::Text(self.hook_name)),
        ];
        members.extend(token.map(|token| ("LifecycleActionToken", Value::Text(token))));
        members.extend(id.map(|id| ("InstanceId", Value::Text(id))));
        members.push(("LifecycleActionResult", Value::Text("ABANDON".to_owned())));
        Report::to(&Self::OPERATIONS[0], members)
    }
}
