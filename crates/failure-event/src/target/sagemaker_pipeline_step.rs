//! A callback step of a SageMaker pipeline: `SendPipelineExecutionStepFailure`.
//!
//! <https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_SendPipelineExecutionStepFailure.html>

use super::note::note_within;
use super::{FailureApi, GivenMembers, Member, Pattern, Report, Rule, idempotency_token};
use crate::arn::Arn;
use crate::dead_letter::Reason;
use crate::event::Failure;
use crate::operation::{EndpointException, Operation, Service, Wire};
use crate::outcome::ErrorTable;
use crate::place::GivenPlace;
use crate::request::Value;
use crate::secret::Secret;
use crate::text::Truncation;

/// The longest `FailureReason`, in UTF-16 code units.
pub const FAILURE_REASON_MAX: usize = 256;

const SAGEMAKER: Service = Service {
    name: "SageMaker",
    endpoint_prefix: "api.sagemaker",
    exceptions: &[
        EndpointException::fips("aws", "api-fips.sagemaker"),
        EndpointException::fips("aws-us-gov", "api-fips.sagemaker"),
    ],
    signing_name: "sagemaker",
    endpoint_variable: "SAGEMAKER",
};

const CALLBACK_TOKEN: Member = Member::secret("callbackToken", Rule::Pattern { max: 10, pattern: &TOKEN });
const EXECUTION_ARN: Member = Member::optional("pipelineExecutionArn", Rule::Arn { max: 2048 });

const TOKEN: Pattern =
    Pattern { regex: "^[A-Za-z0-9]{10}$", expected: "10 letters and digits", matches: is_callback_token };

/// Whether a text has the form of a callback token.
#[must_use]
pub fn is_callback_token(text: &str) -> bool {
    text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// The step that waits.
#[derive(Clone, Debug)]
pub struct SageMakerPipelineStep {
    callback_token: Secret,
    execution_arn: Option<String>,
}

impl FailureApi for SageMakerPipelineStep {
    const KIND: &'static str = "sagemaker-pipeline-step";
    const WAKES_UP: &'static str = "a callback step of a SageMaker pipeline";
    const PARAMETER: &'static str = "EnableSageMakerPipelineSteps";
    const OPERATIONS: &'static [Operation] = &[Operation {
        service: &SAGEMAKER,
        name: "SendPipelineExecutionStepFailure",
        action: Some("sagemaker:SendPipelineExecutionStepFailure"),
        wire: Wire::AwsJson { version: "1.1", target: "SageMaker" },
    }];
    const MEMBERS: &'static [Member] = &[CALLBACK_TOKEN, EXECUTION_ARN];
    const ERRORS: ErrorTable =
        ErrorTable { rejected: &["ResourceNotFound", "ValidationException"], ..ErrorTable::EMPTY };

    fn identify(target: &dyn GivenMembers) -> Result<Self, Reason> {
        Ok(Self {
            callback_token: CALLBACK_TOKEN.read_secret(target)?,
            execution_arn: EXECUTION_ARN.read_optional(target)?,
        })
    }

    fn identity(&self) -> &str {
        self.callback_token.expose()
    }

    fn secret(&self) -> Option<&Secret> {
        Some(&self.callback_token)
    }

    fn place(&self) -> GivenPlace {
        self.execution_arn.as_deref().and_then(Arn::parse).map(|arn| arn.place()).unwrap_or_default()
    }

    fn report(self, failure: &Failure<'_>, truncations: &mut Vec<Truncation>) -> Report {
        let reason = note_within("FailureReason", failure, FAILURE_REASON_MAX, truncations);
        let request_token = idempotency_token(Self::KIND, self.callback_token.expose());
        let members = vec![
            ("CallbackToken", Value::Secret(self.callback_token)),
            ("FailureReason", Value::Text(reason)),
            ("ClientRequestToken", Value::Text(request_token)),
        ];
        Report::to(&Self::OPERATIONS[0], members)
    }
}
