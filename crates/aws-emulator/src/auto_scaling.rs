//! Amazon EC2 Auto Scaling: actions of lifecycle hooks.
//!
//! <https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_CompleteLifecycleAction.html>

use serde_json::Value;

use super::answer::{Output, ServiceError};
use super::kind::{Kind, Mention, Place, Told};
use super::limits::{OperationModel, model, words_and};
use super::operation::{Operation, Service, ServiceModel};
use super::protocols::Protocol;
use super::report::{Accepted, Report};
use super::shape::{ANY, Member, between, optional, required, text};
use super::work::{Work, WorkKind};

pub(crate) const SERVICE: ServiceModel = ServiceModel::new(
    "autoscaling",
    Protocol::query("2011-01-01", "http://autoscaling.amazonaws.com/doc/2011-01-01/"),
)
.throttles_with("Throttling", 400)
.validates_with("ValidationError");

pub(crate) const LIFECYCLE_ACTION: Kind = Kind {
    work: WorkKind::AutoScalingLifecycleAction,
    name: "auto-scaling-lifecycle-action",
    identity: &["LifecycleActionToken", "InstanceId"],
    secret: false,
    places: &[
        Place { member: "AutoScalingGroupName", wrong: Told::naming("ValidationError", no_such_group) },
        Place { member: "LifecycleHookName", wrong: Told::naming("ValidationError", no_such_hook) },
    ],
    proof: None,
    unknown: Told::naming("ValidationError", not_active),
    closed: Told::naming("ValidationError", not_active),
    timed_out: None,
};

const HOOK: Member =
    required("LifecycleHookName", text(between(1, 255)).matching(r"[A-Za-z0-9\-_\/]+", is_hook_name).shape());
const GROUP: Member = required("AutoScalingGroupName", text(between(1, 1600)).matching(XML, is_xml).shape());
const TOKEN: Member = optional("LifecycleActionToken", text(between(36, 36)).shape());
const INSTANCE: Member = optional("InstanceId", text(between(1, 19)).matching(XML, is_xml).shape());

const ERRORS: &[(&str, u16)] = &[("ResourceContention", 500)];

pub(crate) const COMPLETE_LIFECYCLE_ACTION: OperationModel = model(
    Operation::CompleteLifecycleAction,
    Service::AutoScaling,
    "CompleteLifecycleAction",
    &[HOOK, GROUP, TOKEN, required("LifecycleActionResult", text(ANY).shape()), INSTANCE],
)
.failing_with(ERRORS)
.reporting(
    Report::verdict(&LIFECYCLE_ACTION, "/LifecycleActionResult", "ABANDON")
        .checked(|input| has_identity(input).and_then(|()| has_result(input)))
        .answered(empty_result),
);

pub(crate) const RECORD_LIFECYCLE_ACTION_HEARTBEAT: OperationModel = model(
    Operation::RecordLifecycleActionHeartbeat,
    Service::AutoScaling,
    "RecordLifecycleActionHeartbeat",
    &[HOOK, GROUP, TOKEN, INSTANCE],
)
.failing_with(ERRORS)
.reporting(Report::heartbeat(&LIFECYCLE_ACTION).checked(has_identity).answered(empty_result));

fn is_hook_name(name: &str) -> bool {
    !name.is_empty() && words_and(name, "-/")
}

const XML: &str = r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*";

fn is_xml(text: &str) -> bool {
    text.chars().all(|letter| {
        matches!(letter, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}')
            || letter >= '\u{10000}'
    })
}

fn has_identity(input: &Value) -> Result<(), ServiceError> {
    if LIFECYCLE_ACTION.identity.iter().any(|member| input.get(member).is_some()) {
        return Ok(());
    }
    let message = "Either a lifecycle action token or an instance ID must be specified.";
    Err(ServiceError::new("ValidationError", message))
}

fn has_result(input: &Value) -> Result<(), ServiceError> {
    let result = input.get("LifecycleActionResult").and_then(Value::as_str);
    if matches!(result, Some("ABANDON" | "CONTINUE")) {
        return Ok(());
    }
    Err(ServiceError::new("ValidationError", "The lifecycle action result is neither ABANDON nor CONTINUE."))
}

/// The one text that callers match on: the service has the same code for all of these.
fn not_active(mention: &Mention<'_>) -> String {
    let what = match mention.identity() {
        Some(("InstanceId", instance)) => format!("instance ID {instance}"),
        other => format!("token {}", other.map_or("", |(_, token)| token)),
    };
    format!("No active Lifecycle Action found with {what}")
}

fn no_such_group(mention: &Mention<'_>) -> String {
    let group = mention.text("AutoScalingGroupName").unwrap_or_default();
    format!("AutoScalingGroup name not found - AutoScalingGroup {group} not found")
}

fn no_such_hook(mention: &Mention<'_>) -> String {
    let hook = mention.text("LifecycleHookName").unwrap_or_default();
    format!("Lifecycle hook not found - {hook}")
}

fn empty_result(_: &Accepted<'_>) -> Output {
    Output::Xml(String::new())
}

impl Work {
    /// An action of a lifecycle hook for an instance, in the endpoint's own region and account.
    pub fn lifecycle_action(
        group: impl Into<String>,
        hook: impl Into<String>,
        token: impl Into<String>,
        instance_id: impl Into<String>,
    ) -> Self {
        Self::new(WorkKind::AutoScalingLifecycleAction, token)
            .with("AutoScalingGroupName", group)
            .with("LifecycleHookName", hook)
            .with("InstanceId", instance_id)
    }
}
