//! EC2 Image Builder: a workflow step that waits for an action.
//!
//! <https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_SendWorkflowStepAction.html>

use serde_json::json;

use super::answer::Output;
use super::kind::{Kind, Place, Told};
use super::limits::{OperationModel, is_account, is_uuid, model};
use super::operation::{Operation, Service, ServiceModel};
use super::protocols::{Protocol, Route};
use super::report::{Accepted, Report};
use super::shape::{ANY, between, optional, required, text};
use super::work::{Work, WorkKind};

pub(crate) const SERVICE: ServiceModel = ServiceModel::new("imagebuilder", Protocol::Rest)
    .throttles_with("CallRateLimitExceededException", 429)
    .validates_with("InvalidParameterValueException");

pub(crate) const WORKFLOW_STEP: Kind = Kind {
    work: WorkKind::ImageBuilderWorkflowStep,
    name: "image-builder-workflow-step",
    identity: &["stepExecutionId"],
    secret: false,
    places: &[Place {
        member: "imageBuildVersionArn",
        wrong: Told::new("ResourceNotFoundException", "The image build version does not exist."),
    }],
    proof: None,
    unknown: Told::new("ResourceNotFoundException", "The workflow step execution does not exist."),
    closed: Told::new("InvalidRequestException", "The workflow step is not waiting for an action."),
    timed_out: None,
};

pub(crate) const SEND_WORKFLOW_STEP_ACTION: OperationModel = model(
    Operation::SendWorkflowStepAction,
    Service::ImageBuilder,
    "SendWorkflowStepAction",
    &[
        required(
            "stepExecutionId",
            text(ANY)
                .matching(
                    "^step-[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$",
                    |id| id.strip_prefix("step-").is_some_and(|id| is_uuid(&id.to_ascii_lowercase())),
                )
                .shape(),
        ),
        required("imageBuildVersionArn", text(ANY).matching(IMAGE, is_image).shape()),
        required("action", text(ANY).one_of(&["RESUME", "STOP"]).shape()),
        optional("reason", text(between(1, 1024)).shape()),
        required("clientToken", text(between(1, 64)).shape()),
    ],
)
.routed(Route::put("/SendWorkflowStepAction"))
.failing_with(&[
    ("ServiceException", 500),
    ("ClientException", 400),
    ("ResourceNotFoundException", 404),
    ("InvalidRequestException", 400),
    ("InvalidParameterValueException", 400),
    ("ServiceUnavailableException", 503),
    ("IdempotentParameterMismatchException", 400),
    ("ForbiddenException", 403),
    ("CallRateLimitExceededException", 429),
    ("ResourceInUseException", 400),
])
.reporting(
    Report::verdict(&WORKFLOW_STEP, "/action", "STOP")
        .cause("/reason")
        .repeatable("clientToken", Some("IdempotentParameterMismatchException"))
        .answered(echo),
);

const IMAGE: &str = r"^arn:aws[^:]*:imagebuilder:[^:]+:(?:[0-9]{12}|aws(?:-[a-z-]+)?):image/[a-z0-9-_]+/[0-9]+\.[0-9]+\.[0-9]+/[0-9]+$";

fn is_image(arn: &str) -> bool {
    let parts: Vec<&str> = arn.split(':').collect();
    let ["arn", partition, "imagebuilder", region, owner, resource] = parts[..] else {
        return false;
    };
    let is_owner = is_account(owner) || is_aws_owner(owner);
    partition.starts_with("aws") && !region.is_empty() && is_owner && is_image_resource(resource)
}

/// `aws`, or `aws-` and lower-case words.
fn is_aws_owner(owner: &str) -> bool {
    let Some(rest) = owner.strip_prefix("aws") else {
        return false;
    };
    let letter = |byte: u8| byte == b'-' || byte.is_ascii_lowercase();
    rest.is_empty() || (rest.len() > 1 && rest.starts_with('-') && rest.bytes().all(letter))
}

/// `image/<name>/<major>.<minor>.<patch>/<build>`.
fn is_image_resource(resource: &str) -> bool {
    let parts: Vec<&str> = resource.split('/').collect();
    let ["image", name, version, build] = parts[..] else {
        return false;
    };
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let letter = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    !name.is_empty()
        && name.bytes().all(letter)
        && version.split('.').count() == 3
        && version.split('.').all(number)
        && number(build)
}

fn echo(accepted: &Accepted<'_>) -> Output {
    let member = |name: &str| accepted.input.get(name).cloned().unwrap_or_default();
    Output::Json(json!({
        "stepExecutionId": member("stepExecutionId"),
        "imageBuildVersionArn": member("imageBuildVersionArn"),
        "clientToken": member("clientToken"),
    }))
}

impl Work {
    /// A waiting workflow step, in the region and account of its image.
    pub fn workflow_step(
        step_execution_id: impl Into<String>,
        image_build_version_arn: impl Into<String>,
    ) -> Self {
        let arn = image_build_version_arn.into();
        Self::new(WorkKind::ImageBuilderWorkflowStep, step_execution_id)
            .at_arn(&arn)
            .with("imageBuildVersionArn", arn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_an_arn_with_a_name_a_version_and_a_build() {
        for arn in [
            "arn:aws:imagebuilder:eu-west-1:123456789012:image/app/1.0.0/1",
            "arn:aws-cn:imagebuilder:cn-north-1:aws:image/a_b-c/10.2.33/4",
            "arn:aws:imagebuilder:eu-west-1:aws-marketplace:image/app/1.0.0/1",
        ] {
            assert!(is_image(arn), "{arn}");
        }
        for arn in [
            "arn:aws:imagebuilder:eu-west-1:1234:image/app/1.0.0/1",
            "arn:aws:imagebuilder:eu-west-1:aws-:image/app/1.0.0/1",
            "arn:aws:imagebuilder:eu-west-1:123456789012:image/App/1.0.0/1",
            "arn:aws:imagebuilder:eu-west-1:123456789012:image/app/1.0/1",
            "arn:aws:imagebuilder:eu-west-1:123456789012:image/app/1.0.0",
            "arn:aws:imagebuilder::123456789012:image/app/1.0.0/1",
            "arn:aws:ec2:eu-west-1:123456789012:image/app/1.0.0/1",
        ] {
            assert!(!is_image(arn), "{arn}");
        }
    }
}
