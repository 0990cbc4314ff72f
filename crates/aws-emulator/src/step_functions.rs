//! AWS Step Functions: the three ways to report on a task.
//!
//! <https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskFailure.html>

use serde::de::IgnoredAny;
use serde_json::Value;

use super::answer::ServiceError;
use super::kind::{Kind, Told};
use super::limits::{OperationModel, model};
use super::operation::{Operation, Service, ServiceModel};
use super::protocols::Protocol;
use super::report::{Report, empty_object};
use super::shape::{Member, at_most, between, optional, required, text};
use super::work::{Work, WorkKind};

pub(crate) const SERVICE: ServiceModel =
    ServiceModel::new("states", Protocol::json("1.0", "AWSStepFunctions")).modelled_as("stepfunctions");

pub(crate) const TASK: Kind = Kind {
    work: WorkKind::StepFunctionsTask,
    name: "step-functions-task",
    identity: &["taskToken"],
    secret: true,
    places: &[],
    proof: None,
    unknown: Told::new("InvalidToken", "Invalid Token: 'Invalid token'"),
    closed: Told::new("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'"),
    timed_out: None,
};

const TASK_TOKEN: Member = required("taskToken", text(between(1, 2048)).sensitive().shape());

pub(crate) const SEND_TASK_FAILURE: OperationModel = model(
    Operation::SendTaskFailure,
    Service::StepFunctions,
    "SendTaskFailure",
    &[
        TASK_TOKEN,
        optional("error", text(between(0, 256)).sensitive().shape()),
        optional("cause", text(between(0, 32_768)).sensitive().shape()),
    ],
)
.failing_with(&[
    ("TaskDoesNotExist", 400),
    ("InvalidToken", 400),
    ("TaskTimedOut", 400),
    ("KmsAccessDeniedException", 400),
    ("KmsInvalidStateException", 400),
    ("KmsThrottlingException", 400),
])
.reporting(Report::failure(&TASK).error("/error").cause("/cause").answered(empty_object));

pub(crate) const SEND_TASK_HEARTBEAT: OperationModel =
    model(Operation::SendTaskHeartbeat, Service::StepFunctions, "SendTaskHeartbeat", &[TASK_TOKEN])
        .failing_with(&[("TaskDoesNotExist", 400), ("InvalidToken", 400), ("TaskTimedOut", 400)])
        .reporting(Report::heartbeat(&TASK).answered(empty_object));

pub(crate) const SEND_TASK_SUCCESS: OperationModel = model(
    Operation::SendTaskSuccess,
    Service::StepFunctions,
    "SendTaskSuccess",
    &[TASK_TOKEN, required("output", text(at_most(262_144)).sensitive().shape())],
)
.failing_with(&[
    ("TaskDoesNotExist", 400),
    ("InvalidOutput", 400),
    ("InvalidToken", 400),
    ("TaskTimedOut", 400),
    ("KmsAccessDeniedException", 400),
    ("KmsInvalidStateException", 400),
    ("KmsThrottlingException", 400),
])
.reporting(Report::success(&TASK, Some("/output")).checked(output_is_json).answered(empty_object));

fn output_is_json(input: &Value) -> Result<(), ServiceError> {
    let output = input.get("output").and_then(Value::as_str).unwrap_or_default();
    if serde_json::from_str::<IgnoredAny>(output).is_ok() {
        return Ok(());
    }
    Err(ServiceError::new("InvalidOutput", "Invalid Output: 'The output is not JSON'"))
}

impl Work {
    /// A Step Functions task in the endpoint's own region and account.
    pub fn step_functions_task(task_token: impl Into<String>) -> Self {
        Self::new(WorkKind::StepFunctionsTask, task_token)
    }
}
