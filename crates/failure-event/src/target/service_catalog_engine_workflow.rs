//! A workflow of an external Service Catalog engine: three operations, one for each thing that it was asked to do.
//!
//! <https://docs.aws.amazon.com/servicecatalog/latest/dg/API_NotifyProvisionProductEngineWorkflowResult.html>

use super::member::is_alphanumeric_or;
use super::note::note;
use super::{FailureApi, GivenMembers, Member, Pattern, Report, Rule, idempotency_token};
use crate::dead_letter::Reason;
use crate::event::Failure;
use crate::operation::{Operation, Service, Wire};
use crate::outcome::ErrorTable;
use crate::request::{Members, Value};
use crate::secret::Secret;
use crate::text::{Truncation, cut_joined};

/// The longest `FailureReason`, in UTF-16 code units.
pub const FAILURE_REASON_MAX: usize = 2048;

const SERVICE_CATALOG: Service = Service {
    name: "Service Catalog",
    endpoint_prefix: "servicecatalog",
    exceptions: &[],
    signing_name: "servicecatalog",
    endpoint_variable: "SERVICE_CATALOG",
};

/// What an engine can be asked to do, in the order of [`FailureApi::OPERATIONS`].
pub const ENGINE_OPERATIONS: [&str; 3] =
    ["PROVISION_PRODUCT", "UPDATE_PROVISIONED_PRODUCT", "TERMINATE_PROVISIONED_PRODUCT"];

const OPERATION: Member = Member::required("operation", Rule::OneOf(&ENGINE_OPERATIONS));
const WORKFLOW_TOKEN: Member =
    Member::secret("workflowToken", Rule::Pattern { max: 20_000, pattern: &TOKEN });
const RECORD_ID: Member = Member::required("recordId", Rule::Pattern { max: 100, pattern: &RECORD });
const TRACER_TAG_KEY: Member = Member::optional("tracerTagKey", Rule::Length { max: 128 });
const TRACER_TAG_VALUE: Member = Member::optional("tracerTagValue", Rule::Length { max: 256 });

const TOKEN: Pattern = Pattern {
    regex: "^[0-9A-Za-z+\\/=]+$",
    expected: "base64",
    matches: |text| is_alphanumeric_or(text, b"+/="),
};

const RECORD: Pattern = Pattern {
    regex: "^[A-Za-z0-9_\\-]+$",
    expected: "letters, digits, _ and -",
    matches: |text| is_alphanumeric_or(text, b"_-"),
};

/// The workflow whose end the record waits for.
#[derive(Clone, Debug)]
pub struct ServiceCatalogEngineWorkflow {
    operation: &'static Operation,
    workflow_token: Secret,
    record_id: String,
    /// Key and value by which Service Catalog finds what was half created. Only provisioning takes it.
    tracer_tag: Option<(String, String)>,
}

const fn notify(name: &'static str, action: &'static str) -> Operation {
    let wire = Wire::AwsJson { version: "1.1", target: "AWS242ServiceCatalogService" };
    Operation { service: &SERVICE_CATALOG, name, action: Some(action), wire }
}

impl FailureApi for ServiceCatalogEngineWorkflow {
    const KIND: &'static str = "service-catalog-engine-workflow";
    const WAKES_UP: &'static str = "a Service Catalog record of an external engine";
    const PARAMETER: &'static str = "EnableServiceCatalogEngineWorkflows";
    const OPERATIONS: &'static [Operation] = &[
        notify(
            "NotifyProvisionProductEngineWorkflowResult",
            "servicecatalog:NotifyProvisionProductEngineWorkflowResult",
        ),
        notify(
            "NotifyUpdateProvisionedProductEngineWorkflowResult",
            "servicecatalog:NotifyUpdateProvisionedProductEngineWorkflowResult",
        ),
        notify(
            "NotifyTerminateProvisionedProductEngineWorkflowResult",
            "servicecatalog:NotifyTerminateProvisionedProductEngineWorkflowResult",
        ),
    ];
    const MEMBERS: &'static [Member] =
        &[OPERATION, WORKFLOW_TOKEN, RECORD_ID, TRACER_TAG_KEY, TRACER_TAG_VALUE];
    const ERRORS: ErrorTable = ErrorTable {
        rejected: &["InvalidParametersException", "ResourceNotFoundException"],
        ..ErrorTable::EMPTY
    };

    fn identify(target: &dyn GivenMembers) -> Result<Self, Reason> {
        let asked = OPERATION.read(target)?;
        let mut operations = ENGINE_OPERATIONS.iter().zip(Self::OPERATIONS);
        let Some((name, operation)) = operations.find(|(name, _)| **name == asked) else {
            return Err(OPERATION.wrong("is not listed"));
        };
        let workflow_token = WORKFLOW_TOKEN.read_secret(target)?;
        let record_id = RECORD_ID.read(target)?;
        let tag = TRACER_TAG_KEY.read_optional(target)?.zip(TRACER_TAG_VALUE.read_optional(target)?);
        let tracer_tag = tag.filter(|_| *name == ENGINE_OPERATIONS[0]);
        Ok(Self { operation, workflow_token, record_id, tracer_tag })
    }

    fn identity(&self) -> &str {
        &self.record_id
    }

    fn secret(&self) -> Option<&Secret> {
        Some(&self.workflow_token)
    }

    fn report(self, failure: &Failure<'_>, truncations: &mut Vec<Truncation>) -> Report {
        let texts: Vec<String> = note(failure).iter().map(|text| accepted(text)).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let reason = cut_joined(
            "FailureReason",
            &texts,
            &accepted(&failure.last_line()),
            FAILURE_REASON_MAX,
            truncations,
        );
        let idempotency_token = idempotency_token(Self::KIND, &self.record_id);
        let mut members = vec![
            ("WorkflowToken", Value::Secret(self.workflow_token)),
            ("RecordId", Value::Text(self.record_id)),
            ("Status", Value::Text("FAILED".to_owned())),
            ("FailureReason", Value::Text(reason)),
        ];
        if let Some((key, value)) = self.tracer_tag {
            let tag = Members::new(vec![("Key", Value::Text(key)), ("Value", Value::Text(value))]);
            let identifier = Members::new(vec![("UniqueTag", Value::Members(tag))]);
            members.push(("ResourceIdentifier", Value::Members(identifier)));
        }
        members.push(("IdempotencyToken", Value::Text(idempotency_token)));
        Report::to(self.operation, members)
    }
}

/// A text with a space for each character that `FailureReason` refuses. It takes
/// `[\u0009\u000a\u000d\u0020-\uD7FF\uE000-\uFFFD]`.
fn accepted(text: &str) -> String {
    let is_refused =
        |character| !matches!(character, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}');
    text.replace(is_refused, " ")
}
