//! Amazon SWF: the end and the heartbeat of an activity task.
//!
//! <https://docs.aws.amazon.com/amazonswf/latest/apireference/API_RespondActivityTaskFailed.html>

use serde_json::json;

use super::answer::Output;
use super::kind::{Kind, Told};
use super::limits::{OperationModel, model};
use super::operation::{Operation, Service, ServiceModel};
use super::protocols::Protocol;
use super::report::Report;
use super::shape::{Member, at_most, between, optional, required, text};
use super::work::{Work, WorkKind};

pub(crate) const SERVICE: ServiceModel =
    ServiceModel::new("swf", Protocol::json("1.0", "SimpleWorkflowService"));

pub(crate) const ACTIVITY_TASK: Kind = Kind {
    work: WorkKind::SwfActivityTask,
    name: "swf-activity-task",
    identity: &["taskToken"],
    secret: true,
    places: &[],
    proof: None,
    // A token that SWF did not issue does not decode.
    unknown: Told::new("ValidationException", "Invalid token"),
    closed: Told::new("UnknownResourceFault", "Unknown activity, scheduledEventId = 5"),
    timed_out: None,
};

const TASK_TOKEN: Member = required("taskToken", text(between(1, 1024)).secret().shape());
const ERRORS: &[(&str, u16)] = &[("UnknownResourceFault", 400), ("OperationNotPermittedFault", 400)];

pub(crate) const RESPOND_ACTIVITY_TASK_FAILED: OperationModel = model(
    Operation::RespondActivityTaskFailed,
    Service::Swf,
    "RespondActivityTaskFailed",
    &[
        TASK_TOKEN,
        optional("reason", text(at_most(256)).shape()),
        optional("details", text(at_most(32_768)).shape()),
    ],
)
.failing_with(ERRORS)
.reporting(Report::failure(&ACTIVITY_TASK).error("/reason").cause("/details"));

pub(crate) const RESPOND_ACTIVITY_TASK_COMPLETED: OperationModel = model(
    Operation::RespondActivityTaskCompleted,
    Service::Swf,
    "RespondActivityTaskCompleted",
    &[TASK_TOKEN, optional("result", text(at_most(32_768)).shape())],
)
.failing_with(ERRORS)
.reporting(Report::success(&ACTIVITY_TASK, Some("/result")));

pub(crate) const RECORD_ACTIVITY_TASK_HEARTBEAT: OperationModel = model(
    Operation::RecordActivityTaskHeartbeat,
    Service::Swf,
    "RecordActivityTaskHeartbeat",
    &[TASK_TOKEN, optional("details", text(at_most(2048)).shape())],
)
.failing_with(ERRORS)
.reporting(
    Report::heartbeat(&ACTIVITY_TASK)
        .answered(|accepted| Output::Json(json!({"cancelRequested": accepted.work.cancel_requested}))),
);

impl Work {
    /// An SWF activity task in the endpoint's own region and account.
    pub fn swf_activity_task(task_token: impl Into<String>) -> Self {
        Self::new(WorkKind::SwfActivityTask, task_token)
    }
}
