//! A step of an Image Builder workflow that waits for an action: `SendWorkflowStepAction`.
//!
//! <https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_SendWorkflowStepAction.html>

use super::member::is_uuid;
use super::note::note_within;
use super::{FailureApi, GivenMembers, Member, Pattern, Report, Rule, idempotency_token};
use crate::arn::Arn;
use crate::dead_letter::Reason;
use crate::event::Failure;
use crate::operation::{EndpointException, Operation, Service, Wire};
use crate::outcome::ErrorTable;
use crate::place::{GivenPlace, is_account};
use crate::request::Value;
use crate::secret::Secret;
use crate::text::Truncation;

/// The longest `reason`, in UTF-16 code units.
pub const REASON_MAX: usize = 1024;

const IMAGE_BUILDER: Service = Service {
    name: "Image Builder",
    endpoint_prefix: "imagebuilder",
    exceptions: &[EndpointException::fips("aws-us-gov", "imagebuilder")],
    signing_name: "imagebuilder",
    endpoint_variable: "IMAGEBUILDER",
};

const STEP_EXECUTION_ID: Member =
    Member::required("stepExecutionId", Rule::Pattern { max: 41, pattern: &STEP });
const IMAGE_ARN: Member =
    Member::required("imageBuildVersionArn", Rule::Pattern { max: 2048, pattern: &IMAGE });

const STEP: Pattern = Pattern {
    regex: "^step-[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$",
    expected: "step- and a UUID",
    matches: |text| text.strip_prefix("step-").is_some_and(is_uuid),
};

const IMAGE: Pattern = Pattern {
    regex: "^arn:aws[^:]*:imagebuilder:[^:]+:(?:[0-9]{12}|aws(?:-[a-z-]+)?):image/[a-z0-9-_]+/[0-9]+\\.[0-9]+\\.[0-9]+/[0-9]+$",
    expected: "an ARN, arn:<partition>:imagebuilder:<region>:<account>:image/<name>/<n>.<n>.<n>/<build>",
    matches: is_image_arn,
};

fn is_image_arn(text: &str) -> bool {
    let Some(arn) = Arn::parse(text) else { return false };
    let is_owner = is_account(arn.account)
        || arn.account == "aws"
        || arn.account.strip_prefix("aws-").is_some_and(|rest| {
            !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
        });
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_name = |text: &str| {
        let is_listed =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
        !text.is_empty() && text.bytes().all(is_listed)
    };
    let parts: Vec<&str> = arn.resource.split('/').collect();
    let is_image = match parts.as_slice() {
        ["image", name, version, build] => {
            let version: Vec<&str> = version.split('.').collect();
            is_name(name) && version.len() == 3 && version.into_iter().all(is_number) && is_number(build)
        }
        _ => false,
    };
    arn.partition.starts_with("aws")
        && arn.service == "imagebuilder"
        && !arn.region.is_empty()
        && is_owner
        && is_image
}

/// The step that waits. While it does, its build instance runs.
#[derive(Clone, Debug)]
pub struct ImageBuilderWorkflowStep {
    step_execution_id: String,
    image_arn: String,
}

impl FailureApi for ImageBuilderWorkflowStep {
    const KIND: &'static str = "image-builder-workflow-step";
    const WAKES_UP: &'static str = "an Image Builder workflow at a waiting step";
    const PARAMETER: &'static str = "EnableImageBuilderWorkflowSteps";
    const OPERATIONS: &'static [Operation] = &[Operation {
        service: &IMAGE_BUILDER,
        name: "SendWorkflowStepAction",
        action: Some("imagebuilder:SendWorkflowStepAction"),
        wire: Wire::RestJson { method: "PUT", path: "/SendWorkflowStepAction" },
    }];
    const MEMBERS: &'static [Member] = &[STEP_EXECUTION_ID, IMAGE_ARN];
    /// A report with the same token and another text: ours was taken before.
    const ERRORS: ErrorTable = ErrorTable {
        settled: &["IdempotentParameterMismatchException"],
        rejected: &["ResourceNotFoundException", "InvalidRequestException", "ClientException"],
        ..ErrorTable::EMPTY
    };

    fn identify(target: &dyn GivenMembers) -> Result<Self, Reason> {
        Ok(Self { step_execution_id: STEP_EXECUTION_ID.read(target)?, image_arn: IMAGE_ARN.read(target)? })
    }

    fn identity(&self) -> &str {
        &self.step_execution_id
    }

    fn secret(&self) -> Option<&Secret> {
        None
    }

    fn place(&self) -> GivenPlace {
        Arn::parse(&self.image_arn).map(|arn| arn.place()).unwrap_or_default()
    }

    fn report(self, failure: &Failure<'_>, truncations: &mut Vec<Truncation>) -> Report {
        let reason = note_within("reason", failure, REASON_MAX, truncations);
        let client_token = idempotency_token(Self::KIND, &self.step_execution_id);
        let members = vec![
            (STEP_EXECUTION_ID.name, Value::Text(self.step_execution_id)),
            (IMAGE_ARN.name, Value::Text(self.image_arn)),
            ("action", Value::Text("STOP".to_owned())),
            ("reason", Value::Text(reason)),
            ("clientToken", Value::Text(client_token)),
        ];
        Report::to(&Self::OPERATIONS[0], members)
    }
}
