//! Amazon `SageMaker`: the callback step of a pipeline.
//!
//! <https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_SendPipelineExecutionStepFailure.html>

use serde_json::json;

use super::answer::Output;
use super::kind::{Kind, Told};
use super::limits::{OperationModel, model};
use super::operation::{Operation, Service, ServiceModel};
use super::protocols::Protocol;
use super::report::{Accepted, Report};
use super::shape::{between, optional, required, text};
use super::work::{Work, WorkKind};

pub(crate) const SERVICE: ServiceModel =
    ServiceModel::new("sagemaker", Protocol::json("1.1", "SageMaker")).messages_as("Message");

pub(crate) const PIPELINE_STEP: Kind = Kind {
    work: WorkKind::SageMakerPipelineStep,
    name: "sagemaker-pipeline-step",
    identity: &["CallbackToken"],
    secret: true,
    places: &[],
    proof: None,
    unknown: Told::new("ResourceNotFound", "The callback token does not exist."),
    // Which error the service has for a closed step is not documented.
    closed: Told::new("ResourceNotFound", "The pipeline step is not waiting for a callback."),
    timed_out: None,
};

pub(crate) const SEND_STEP_FAILURE: OperationModel = model(
    Operation::SendPipelineExecutionStepFailure,
    Service::SageMaker,
    "SendPipelineExecutionStepFailure",
    &[
        required(
            "CallbackToken",
            text(between(10, 10)).secret().matching("[a-zA-Z0-9]+", is_alphanumeric).shape(),
        ),
        optional("FailureReason", text(between(0, 256)).shape()),
        optional("ClientRequestToken", text(between(32, 128)).shape()),
    ],
)
.failing_with(&[("ConflictException", 400), ("ResourceNotFound", 400), ("ResourceLimitExceeded", 400)])
.reporting(
    Report::failure(&PIPELINE_STEP)
        .cause("/FailureReason")
        .repeatable("ClientRequestToken", None)
        .answered(pipeline_execution),
);

fn is_alphanumeric(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// The endpoint has no pipelines: every step is one of the same execution.
fn pipeline_execution(accepted: &Accepted<'_>) -> Output {
    let (region, account) = (&accepted.caller.region, &accepted.caller.account);
    let arn = format!("arn:aws:sagemaker:{region}:{account}:pipeline/pipeline/execution/execution");
    Output::Json(json!({"PipelineExecutionArn": arn}))
}

impl Work {
    /// A callback step of a `SageMaker` pipeline in the endpoint's own region and account.
    pub fn sagemaker_step(callback_token: impl Into<String>) -> Self {
        Self::new(WorkKind::SageMakerPipelineStep, callback_token)
    }
}
