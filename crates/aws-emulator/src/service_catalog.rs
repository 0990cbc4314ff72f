//! AWS Service Catalog: the results of an external engine's workflows.
//!
//! <https://docs.aws.amazon.com/servicecatalog/latest/dg/API_NotifyProvisionProductEngineWorkflowResult.html>

use super::kind::{Kind, Place, Told};
use super::limits::{OperationModel, STRING, model, tag_characters, words_and};
use super::operation::{Operation, Service, ServiceModel};
use super::protocols::Protocol;
use super::report::{Report, empty_object};
use super::shape::{ANY, Member, Shape, between, optional, required, text};
use super::work::{Work, WorkKind};

pub(crate) const SERVICE: ServiceModel =
    ServiceModel::new("servicecatalog", Protocol::json("1.1", "AWS242ServiceCatalogService"));

pub(crate) const ENGINE_WORKFLOW: Kind = Kind {
    work: WorkKind::ServiceCatalogEngineWorkflow,
    name: "service-catalog-engine-workflow",
    identity: &["RecordId"],
    secret: false,
    places: &[],
    proof: Some(Place {
        member: "WorkflowToken",
        wrong: Told::new("InvalidParametersException", "The workflow token is not that of the record."),
    }),
    unknown: Told::new("ResourceNotFoundException", "The record does not exist."),
    closed: Told::new("InvalidParametersException", "The record is not in progress."),
    timed_out: None,
};

const WORKFLOW_TOKEN: Member = required(
    "WorkflowToken",
    text(between(1, 20_000))
        .secret()
        .matching(r"[0-9A-Za-z+\/=]+", |token| {
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
            !token.is_empty() && token.bytes().all(allowed)
        })
        .shape(),
);
const RECORD_ID: Member = required(
    "RecordId",
    text(between(1, 100)).matching(r"^[a-zA-Z0-9_\-]*", |id| words_and(id, "-")).shape(),
);
const STATUS: Member = required("Status", text(ANY).one_of(&["SUCCEEDED", "FAILED"]).shape());
const FAILURE_REASON: Member = optional(
    "FailureReason",
    text(between(1, 2048))
        .matching(r"[\u0009\u000a\u000d\u0020-\uD7FF\uE000-\uFFFD]*", |reason| {
            let allowed = |letter| {
                matches!(letter, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}')
            };
            reason.chars().all(allowed)
        })
        .shape(),
);
const OUTPUTS: Member = optional(
    "Outputs",
    Shape::List(
        &Shape::Structure(&[
            optional("OutputKey", STRING),
            optional("OutputValue", STRING),
            optional("Description", STRING),
        ]),
        ANY,
    ),
);
const IDEMPOTENCY_TOKEN: Member = required(
    "IdempotencyToken",
    text(between(1, 128))
        .matching("[a-zA-Z0-9][a-zA-Z0-9_-]*", |token| {
            token.starts_with(|first: char| first.is_ascii_alphanumeric()) && words_and(token, "-")
        })
        .shape(),
);
const RESOURCE_IDENTIFIER: Member = optional(
    "ResourceIdentifier",
    Shape::Structure(&[optional(
        "UniqueTag",
        Shape::Structure(&[
            optional("Key", text(between(1, 128)).matching(TAG, tag_characters).shape()),
            optional("Value", text(between(1, 256)).matching(TAG, tag_characters).shape()),
        ]),
    )]),
);
const TAG: &str = r"^([\p{L}\p{Z}\p{N}_.:\/=+\-@]*)$";

const fn notify(operation: Operation, name: &'static str, members: &'static [Member]) -> OperationModel {
    model(operation, Service::ServiceCatalog, name, members)
        .failing_with(&[("InvalidParametersException", 400), ("ResourceNotFoundException", 400)])
        .reporting(
            Report::verdict(&ENGINE_WORKFLOW, "/Status", "FAILED")
                .cause("/FailureReason")
                .repeatable("IdempotencyToken", None)
                .answered(empty_object),
        )
}

pub(crate) const NOTIFY_PROVISION: OperationModel = notify(
    Operation::NotifyProvisionProductEngineWorkflowResult,
    "NotifyProvisionProductEngineWorkflowResult",
    &[WORKFLOW_TOKEN, RECORD_ID, STATUS, FAILURE_REASON, RESOURCE_IDENTIFIER, OUTPUTS, IDEMPOTENCY_TOKEN],
);

pub(crate) const NOTIFY_UPDATE: OperationModel = notify(
    Operation::NotifyUpdateProvisionedProductEngineWorkflowResult,
    "NotifyUpdateProvisionedProductEngineWorkflowResult",
    &[WORKFLOW_TOKEN, RECORD_ID, STATUS, FAILURE_REASON, OUTPUTS, IDEMPOTENCY_TOKEN],
);

pub(crate) const NOTIFY_TERMINATE: OperationModel = notify(
    Operation::NotifyTerminateProvisionedProductEngineWorkflowResult,
    "NotifyTerminateProvisionedProductEngineWorkflowResult",
    &[WORKFLOW_TOKEN, RECORD_ID, STATUS, FAILURE_REASON, IDEMPOTENCY_TOKEN],
);

impl Work {
    /// A workflow of an external engine in the endpoint's own region and account. Any of the three
    /// operations may report on it.
    pub fn engine_workflow(workflow_token: impl Into<String>, record_id: impl Into<String>) -> Self {
        Self::new(WorkKind::ServiceCatalogEngineWorkflow, record_id).with("WorkflowToken", workflow_token)
    }
}
