//! AWS `CodeDeploy`: the hooks of a deployment.
//!
//! <https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_PutLifecycleEventHookExecutionStatus.html>

use serde_json::{Value, json};

use super::answer::{Output, ServiceError};
use super::kind::{Kind, Place, Told};
use super::limits::{OperationModel, STRING, model};
use super::operation::{Operation, Service, ServiceModel};
use super::protocols::Protocol;
use super::report::{Accepted, Report};
use super::shape::{ANY, optional, text};
use super::work::{Work, WorkKind};

pub(crate) const SERVICE: ServiceModel =
    ServiceModel::new("codedeploy", Protocol::json("1.1", "CodeDeploy_20141006"));

pub(crate) const LIFECYCLE_HOOK: Kind = Kind {
    work: WorkKind::CodeDeployLifecycleHook,
    name: "codedeploy-lifecycle-hook",
    identity: &[HOOK_EXECUTION_ID],
    secret: true,
    places: &[Place {
        member: "deploymentId",
        wrong: Told::new("DeploymentDoesNotExistException", "The deployment does not exist."),
    }],
    proof: None,
    unknown: Told::new(INVALID_ID, "The hook execution id is invalid."),
    closed: Told::new(
        "LifecycleEventAlreadyCompletedException",
        "An attempt to return the status of an already completed lifecycle event occurred.",
    ),
    timed_out: None,
};

const HOOK_EXECUTION_ID: &str = "lifecycleEventHookExecutionId";
const INVALID_ID: &str = "InvalidLifecycleEventHookExecutionIdException";
const INVALID_STATUS: &str = "InvalidLifecycleEventHookExecutionStatusException";

pub(crate) const PUT_HOOK_STATUS: OperationModel = model(
    Operation::PutLifecycleEventHookExecutionStatus,
    Service::CodeDeploy,
    "PutLifecycleEventHookExecutionStatus",
    &[
        optional("deploymentId", STRING),
        optional(HOOK_EXECUTION_ID, text(ANY).secret().shape()),
        optional(
            "status",
            text(ANY).one_of(&["Pending", "InProgress", "Succeeded", "Failed", "Skipped", "Unknown"]).shape(),
        ),
    ],
)
.failing_with(&[
    (INVALID_STATUS, 400),
    (INVALID_ID, 400),
    ("LifecycleEventAlreadyCompletedException", 400),
    ("DeploymentIdRequiredException", 400),
    ("DeploymentDoesNotExistException", 400),
    ("InvalidDeploymentIdException", 400),
    ("UnsupportedActionForDeploymentTypeException", 400),
])
.reporting(Report::verdict(&LIFECYCLE_HOOK, "/status", "Failed").checked(check).answered(hook_execution));

/// The model requires nothing, so each mistake has an error of its own.
fn check(input: &Value) -> Result<(), ServiceError> {
    let text = |member: &str| input.get(member).and_then(Value::as_str).unwrap_or_default();
    let (deployment, status) = (text("deploymentId"), text("status"));
    let (code, message) = if deployment.is_empty() {
        ("DeploymentIdRequiredException", "At least one deployment ID must be specified.")
    } else if !deployment.starts_with("d-") {
        ("InvalidDeploymentIdException", "The deployment ID is not in a valid format.")
    } else if text(HOOK_EXECUTION_ID).is_empty() {
        (INVALID_ID, "The hook execution id is missing.")
    } else if !matches!(status, "Succeeded" | "Failed") {
        (INVALID_STATUS, "The status of a hook is Succeeded or Failed.")
    } else {
        return Ok(());
    };
    Err(ServiceError::new(code, message))
}

fn hook_execution(accepted: &Accepted<'_>) -> Output {
    Output::Json(json!({HOOK_EXECUTION_ID: accepted.work.id}))
}

impl Work {
    /// A hook of a deployment in the endpoint's own region and account.
    pub fn code_deploy_hook(deployment_id: impl Into<String>, hook_execution_id: impl Into<String>) -> Self {
        Self::new(WorkKind::CodeDeployLifecycleHook, hook_execution_id).with("deploymentId", deployment_id)
    }
}
