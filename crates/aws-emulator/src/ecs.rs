//! Amazon ECS: a deployment that pauses at a lifecycle hook.
//!
//! <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContinueServiceDeployment.html>

use serde_json::json;

use super::answer::Output;
use super::kind::{Kind, Place, Told};
use super::limits::{OperationModel, STRING, model};
use super::operation::{Operation, Service, ServiceModel};
use super::protocols::Protocol;
use super::report::{Accepted, Report};
use super::shape::{ANY, optional, required, text};
use super::work::{Work, WorkKind};

pub(crate) const SERVICE: ServiceModel =
    ServiceModel::new("ecs", Protocol::json("1.1", "AmazonEC2ContainerServiceV20141113"))
        .validates_with("InvalidParameterException");

pub(crate) const DEPLOYMENT_HOOK: Kind = Kind {
    work: WorkKind::EcsDeploymentHook,
    name: "ecs-deployment-hook",
    identity: &["hookId"],
    secret: false,
    places: &[Place {
        member: "serviceDeploymentArn",
        wrong: Told::new("ServiceDeploymentNotFoundException", "The service deployment was not found."),
    }],
    proof: None,
    unknown: Told::new("InvalidParameterException", "The hook was not found in the service deployment."),
    closed: Told::new("InvalidParameterException", "The hook is not awaiting an action."),
    timed_out: None,
};

pub(crate) const CONTINUE_SERVICE_DEPLOYMENT: OperationModel = model(
    Operation::ContinueServiceDeployment,
    Service::Ecs,
    "ContinueServiceDeployment",
    &[
        required("serviceDeploymentArn", STRING),
        required("hookId", STRING),
        optional("action", text(ANY).one_of(&["ROLLBACK", "CONTINUE"]).shape()),
    ],
)
.failing_with(&[
    ("AccessDeniedException", 400),
    ("ServerException", 500),
    ("InvalidParameterException", 400),
    ("ClientException", 400),
    ("ServiceDeploymentNotFoundException", 400),
    ("UnsupportedFeatureException", 400),
])
// An action that is left out is CONTINUE.
.reporting(Report::verdict(&DEPLOYMENT_HOOK, "/action", "ROLLBACK").answered(deployment));

fn deployment(accepted: &Accepted<'_>) -> Output {
    let arn = accepted.input.get("serviceDeploymentArn").cloned().unwrap_or_default();
    Output::Json(json!({"serviceDeploymentArn": arn}))
}

impl Work {
    /// A hook at which a deployment pauses, in the region and account of the deployment.
    pub fn deployment_hook(hook_id: impl Into<String>, service_deployment_arn: impl Into<String>) -> Self {
        let arn = service_deployment_arn.into();
        Self::new(WorkKind::EcsDeploymentHook, hook_id).at_arn(&arn).with("serviceDeploymentArn", arn)
    }
}
