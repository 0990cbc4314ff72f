//! What each operation takes: the services' own models as one table.
//!
//! Members, types, limits, patterns and enumerations are those of botocore's `service-2.json`.
//! `tests/service_models/check_limits.py` compares the two, so that they cannot drift. What a
//! service enforces beyond its model (SQS's characters and sizes, for example) is in its own file.

use serde_json::{Map, Value, json};

use super::operation::{Operation, Service};
use super::protocols::{Protocol, Route};
use super::report::Report;
use super::shape::{ANY, Member, Range, Shape, Text, at_most, between, optional, required, text};
use super::{
    auto_scaling, cloud_formation, code_deploy, code_pipeline, dynamodb, ecs, image_builder, lambda,
    sage_maker, service_catalog, step_functions, swf,
};

/// One row of the table: an operation, the shape of its request, and its errors.
#[derive(Debug)]
pub(crate) struct OperationModel {
    pub(crate) operation: Operation,
    pub(crate) service: Service,
    pub(crate) name: &'static str,
    pub(crate) input: Shape,
    /// Where a REST operation is.
    pub(crate) route: Option<Route>,
    /// Names and statuses of the errors that the model lists; empty where the endpoint does not
    /// keep them.
    pub(crate) errors: &'static [(&'static str, u16)],
    /// The call reports on work, and how.
    pub(crate) report: Option<Report>,
}

pub(crate) const fn model(
    operation: Operation,
    service: Service,
    name: &'static str,
    members: &'static [Member],
) -> OperationModel {
    let input = Shape::Structure(members);
    OperationModel { operation, service, name, input, route: None, errors: &[], report: None }
}

impl OperationModel {
    pub(crate) const fn routed(self, route: Route) -> Self {
        Self { route: Some(route), ..self }
    }

    pub(crate) const fn failing_with(self, errors: &'static [(&'static str, u16)]) -> Self {
        Self { errors, ..self }
    }

    pub(crate) const fn reporting(self, report: Report) -> Self {
        Self { report: Some(report), ..self }
    }

    /// The members, each on its own, that say what a call is about.
    pub(crate) fn identity(&self) -> &'static [&'static str] {
        match (&self.report, self.operation) {
            (Some(report), _) => report.kind.identity,
            (None, Operation::AssumeRole) => &["RoleArn"],
            (None, _) => &[],
        }
    }
}

// Shapes that several operations share.
pub(crate) const STRING: Shape = text(ANY).shape();
const BLOB: Shape = Shape::Blob(text(ANY));
const INTEGER: Shape = Shape::Integer(ANY);

const QUEUE_URL: Member = required("QueueUrl", STRING);
const QUEUE_ATTRIBUTES: Shape = Shape::Map(&QUEUE_ATTRIBUTE_NAME, &STRING, ANY);
const QUEUE_ATTRIBUTE_NAME: Shape = text(ANY).one_of(QUEUE_ATTRIBUTE_NAMES).shape();
/// The names of queue attributes that SQS knows.
pub(crate) const QUEUE_ATTRIBUTE_NAMES: &[&str] = &[
    "All",
    "Policy",
    "VisibilityTimeout",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "CreatedTimestamp",
    "LastModifiedTimestamp",
    "QueueArn",
    "ApproximateNumberOfMessagesDelayed",
    "DelaySeconds",
    "ReceiveMessageWaitTimeSeconds",
    "RedrivePolicy",
    "FifoQueue",
    "ContentBasedDeduplication",
    "KmsMasterKeyId",
    "KmsDataKeyReusePeriodSeconds",
    "DeduplicationScope",
    "FifoThroughputLimit",
    "RedriveAllowPolicy",
    "SqsManagedSseEnabled",
];
/// The names of message system attributes that a receive can ask for.
pub(crate) const SYSTEM_ATTRIBUTE_NAMES: &[&str] = &[
    "All",
    "SenderId",
    "SentTimestamp",
    "ApproximateReceiveCount",
    "ApproximateFirstReceiveTimestamp",
    "SequenceNumber",
    "MessageDeduplicationId",
    "MessageGroupId",
    "AWSTraceHeader",
    "DeadLetterQueueSourceArn",
];
const SYSTEM_ATTRIBUTE_NAME: Shape = text(ANY).one_of(SYSTEM_ATTRIBUTE_NAMES).shape();

const MESSAGE_ATTRIBUTE: Shape = Shape::Structure(&[
    optional("StringValue", STRING),
    optional("BinaryValue", BLOB),
    optional("StringListValues", Shape::List(&STRING, ANY)),
    optional("BinaryListValues", Shape::List(&BLOB, ANY)),
    required("DataType", STRING),
]);
const MESSAGE_ATTRIBUTES: Member =
    optional("MessageAttributes", Shape::Map(&STRING, &MESSAGE_ATTRIBUTE, ANY));
const MESSAGE_SYSTEM_ATTRIBUTES: Member = optional(
    "MessageSystemAttributes",
    Shape::Map(&text(ANY).one_of(&["AWSTraceHeader"]).shape(), &MESSAGE_ATTRIBUTE, ANY),
);

const fn entries(of: &'static Shape) -> Member {
    required("Entries", Shape::List(of, ANY))
}

const ARN: Text = text(between(20, 2048)).matching(
    r"[\u0009\u000A\u000D\u0020-\u007E\u0085\u00A0-\uD7FF\uE000-\uFFFD\u10000-\u10FFFF]+",
    printable,
);
const TAG_KEY: Shape = text(between(1, 128))
    .matching(r"[\p{L}\p{Z}\p{N}_.:/=+\-@]+", |key| !key.is_empty() && tag_characters(key))
    .shape();

/// Every operation with the limits of its request, in the order of [`Operation`].
pub(crate) const MODEL: &[OperationModel] = &[
    step_functions::SEND_TASK_FAILURE,
    step_functions::SEND_TASK_HEARTBEAT,
    step_functions::SEND_TASK_SUCCESS,
    code_pipeline::PUT_JOB_FAILURE_RESULT,
    code_pipeline::PUT_JOB_SUCCESS_RESULT,
    code_pipeline::PUT_THIRD_PARTY_JOB_FAILURE_RESULT,
    code_pipeline::PUT_THIRD_PARTY_JOB_SUCCESS_RESULT,
    swf::RESPOND_ACTIVITY_TASK_FAILED,
    swf::RESPOND_ACTIVITY_TASK_COMPLETED,
    swf::RECORD_ACTIVITY_TASK_HEARTBEAT,
    model(
        Operation::CreateQueue,
        Service::Sqs,
        "CreateQueue",
        &[
            required("QueueName", STRING),
            optional("Attributes", QUEUE_ATTRIBUTES),
            optional("tags", Shape::Map(&STRING, &STRING, ANY)),
        ],
    ),
    model(
        Operation::GetQueueUrl,
        Service::Sqs,
        "GetQueueUrl",
        &[required("QueueName", STRING), optional("QueueOwnerAWSAccountId", STRING)],
    ),
    model(
        Operation::ListQueues,
        Service::Sqs,
        "ListQueues",
        &[
            optional("QueueNamePrefix", STRING),
            optional("NextToken", STRING),
            optional("MaxResults", INTEGER),
        ],
    ),
    model(
        Operation::ListDeadLetterSourceQueues,
        Service::Sqs,
        "ListDeadLetterSourceQueues",
        &[QUEUE_URL, optional("NextToken", STRING), optional("MaxResults", INTEGER)],
    ),
    model(
        Operation::SendMessage,
        Service::Sqs,
        "SendMessage",
        &[
            QUEUE_URL,
            required("MessageBody", STRING),
            optional("DelaySeconds", INTEGER),
            MESSAGE_ATTRIBUTES,
            MESSAGE_SYSTEM_ATTRIBUTES,
            optional("MessageDeduplicationId", STRING),
            optional("MessageGroupId", STRING),
        ],
    ),
    model(
        Operation::SendMessageBatch,
        Service::Sqs,
        "SendMessageBatch",
        &[
            QUEUE_URL,
            entries(&Shape::Structure(&[
                required("Id", STRING),
                required("MessageBody", STRING),
                optional("DelaySeconds", INTEGER),
                MESSAGE_ATTRIBUTES,
                MESSAGE_SYSTEM_ATTRIBUTES,
                optional("MessageDeduplicationId", STRING),
                optional("MessageGroupId", STRING),
            ])),
        ],
    ),
    model(
        Operation::ReceiveMessage,
        Service::Sqs,
        "ReceiveMessage",
        &[
            QUEUE_URL,
            optional("AttributeNames", Shape::List(&QUEUE_ATTRIBUTE_NAME, ANY)),
            optional("MessageSystemAttributeNames", Shape::List(&SYSTEM_ATTRIBUTE_NAME, ANY)),
            optional("MessageAttributeNames", Shape::List(&STRING, ANY)),
            optional("MaxNumberOfMessages", INTEGER),
            optional("VisibilityTimeout", INTEGER),
            optional("WaitTimeSeconds", INTEGER),
            optional("ReceiveRequestAttemptId", STRING),
        ],
    ),
    model(
        Operation::DeleteMessage,
        Service::Sqs,
        "DeleteMessage",
        &[QUEUE_URL, required("ReceiptHandle", STRING)],
    ),
    model(
        Operation::DeleteMessageBatch,
        Service::Sqs,
        "DeleteMessageBatch",
        &[
            QUEUE_URL,
            entries(&Shape::Structure(&[required("Id", STRING), required("ReceiptHandle", STRING)])),
        ],
    ),
    model(
        Operation::ChangeMessageVisibility,
        Service::Sqs,
        "ChangeMessageVisibility",
        &[QUEUE_URL, required("ReceiptHandle", STRING), required("VisibilityTimeout", INTEGER)],
    ),
    model(
        Operation::ChangeMessageVisibilityBatch,
        Service::Sqs,
        "ChangeMessageVisibilityBatch",
        &[
            QUEUE_URL,
            entries(&Shape::Structure(&[
                required("Id", STRING),
                required("ReceiptHandle", STRING),
                optional("VisibilityTimeout", INTEGER),
            ])),
        ],
    ),
    model(
        Operation::GetQueueAttributes,
        Service::Sqs,
        "GetQueueAttributes",
        &[QUEUE_URL, optional("AttributeNames", Shape::List(&QUEUE_ATTRIBUTE_NAME, ANY))],
    ),
    model(
        Operation::SetQueueAttributes,
        Service::Sqs,
        "SetQueueAttributes",
        &[QUEUE_URL, required("Attributes", QUEUE_ATTRIBUTES)],
    ),
    model(Operation::PurgeQueue, Service::Sqs, "PurgeQueue", &[QUEUE_URL]),
    model(
        Operation::PutEvents,
        Service::EventBridge,
        "PutEvents",
        &[
            required(
                "Entries",
                Shape::List(
                    &Shape::Structure(&[
                        optional("Time", Shape::Timestamp),
                        optional("Source", STRING),
                        optional("Resources", Shape::List(&text(at_most(2048)).shape(), ANY)),
                        optional("DetailType", STRING),
                        optional("Detail", STRING),
                        optional(
                            "EventBusName",
                            text(between(1, 1600)).matching(EVENT_BUS, is_event_bus).shape(),
                        ),
                        optional("TraceHeader", text(between(1, 500)).shape()),
                    ]),
                    between(1, 10),
                ),
            ),
            optional(
                "EndpointId",
                text(between(1, 50)).matching(r"^[A-Za-z0-9\-]+[\.][A-Za-z0-9\-]+$", is_endpoint_id).shape(),
            ),
        ],
    ),
    model(
        Operation::AssumeRole,
        Service::Sts,
        "AssumeRole",
        &[
            required("RoleArn", ARN.shape()),
            required(
                "RoleSessionName",
                text(between(2, 64)).matching(r"[\w+=,.@-]*", is_session_name).shape(),
            ),
            optional("PolicyArns", Shape::List(&Shape::Structure(&[optional("arn", ARN.shape())]), ANY)),
            optional(
                "Policy",
                text(Range { min: Some(1), max: None })
                    .matching(r"[\u0009\u000A\u000D\u0020-\u00FF]+", |policy| {
                        !policy.is_empty() && policy.chars().all(is_policy_character)
                    })
                    .shape(),
            ),
            optional("DurationSeconds", Shape::Integer(between(900, 43_200))),
            optional(
                "Tags",
                Shape::List(
                    &Shape::Structure(&[
                        required("Key", TAG_KEY),
                        required(
                            "Value",
                            text(between(0, 256))
                                .matching(r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*", tag_characters)
                                .shape(),
                        ),
                    ]),
                    at_most(50),
                ),
            ),
            optional("TransitiveTagKeys", Shape::List(&TAG_KEY, at_most(50))),
            optional(
                "ExternalId",
                text(between(2, 1224)).matching(r"[\w+=,.@:\/-]*", |id| words_and(id, "+=,.@:/-")).shape(),
            ),
            optional(
                "SerialNumber",
                text(between(9, 256))
                    .matching(r"[\w+=/:,.@-]*", |number| words_and(number, "+=/:,.@-"))
                    .shape(),
            ),
            optional(
                "TokenCode",
                text(between(6, 6))
                    .matching(r"[\d]*", |code| code.bytes().all(|byte| byte.is_ascii_digit()))
                    .shape(),
            ),
            optional(
                "SourceIdentity",
                text(between(2, 64)).matching(r"[\w+=,.@-]*", is_session_name).shape(),
            ),
            optional(
                "ProvidedContexts",
                Shape::List(
                    &Shape::Structure(&[
                        optional("ProviderArn", ARN.shape()),
                        optional("ContextAssertion", text(between(4, 2048)).shape()),
                    ]),
                    between(1, 5),
                ),
            ),
            optional("MinimumSessionTokenSize", Shape::Integer(between(0, 4096))),
        ],
    ),
    model(Operation::GetCallerIdentity, Service::Sts, "GetCallerIdentity", &[]),
    lambda::SEND_FAILURE,
    lambda::SEND_SUCCESS,
    lambda::SEND_HEARTBEAT,
    cloud_formation::PUT_CUSTOM_RESOURCE_RESPONSE,
    cloud_formation::PUT_WAIT_CONDITION_SIGNAL,
    sage_maker::SEND_STEP_FAILURE,
    auto_scaling::COMPLETE_LIFECYCLE_ACTION,
    auto_scaling::RECORD_LIFECYCLE_ACTION_HEARTBEAT,
    code_deploy::PUT_HOOK_STATUS,
    code_pipeline::PUT_APPROVAL_RESULT,
    image_builder::SEND_WORKFLOW_STEP_ACTION,
    service_catalog::NOTIFY_PROVISION,
    service_catalog::NOTIFY_UPDATE,
    service_catalog::NOTIFY_TERMINATE,
    ecs::CONTINUE_SERVICE_DEPLOYMENT,
    dynamodb::CREATE_TABLE,
    dynamodb::DESCRIBE_TABLE,
    dynamodb::PUT_ITEM,
    dynamodb::GET_ITEM,
    dynamodb::UPDATE_ITEM,
    dynamodb::DELETE_ITEM,
    dynamodb::QUERY,
    dynamodb::BATCH_GET_ITEM,
];

/// A UUID in lower case.
pub(crate) fn is_uuid(id: &str) -> bool {
    let lower_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let groups: Vec<&str> = id.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups.iter().all(|group| group.bytes().all(lower_hex))
}

const EVENT_BUS: &str =
    r"(arn:aws[\w-]*:events:[a-z]+-[a-z]+-[\w-]+:[0-9]{12}:event-bus\/)?[\.\-_A-Za-z0-9]+";

fn is_event_bus(bus: &str) -> bool {
    let name = match bus.rsplit_once('/') {
        Some((arn, name)) if is_event_bus_arn(arn) => name,
        Some(_) => return false,
        None => bus,
    };
    !name.is_empty() && words_and(name, ".-")
}

/// The part of a bus ARN before its `/`; the region is only roughly checked.
fn is_event_bus_arn(arn: &str) -> bool {
    let parts: Vec<&str> = arn.split(':').collect();
    let [arn, partition, events, region, account, resource] = parts[..] else {
        return false;
    };
    arn == "arn"
        && partition.strip_prefix("aws").is_some_and(|rest| words_and(rest, "-"))
        && events == "events"
        && region.split('-').count() >= 3
        && words_and(region, "-")
        && is_account(account)
        && resource == "event-bus"
}

fn is_endpoint_id(id: &str) -> bool {
    id.split_once('.').is_some_and(|(left, right)| {
        [left, right].iter().all(|part| {
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            !part.is_empty() && part.bytes().all(allowed)
        })
    })
}

fn is_session_name(name: &str) -> bool {
    words_and(name, "+=,.@-")
}

/// Twelve digits.
pub(crate) fn is_account(account: &str) -> bool {
    account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit())
}

/// Letters and digits of ASCII, `_`, and others.
pub(crate) fn words_and(text: &str, others: &str) -> bool {
    text.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_' || others.contains(letter))
}

pub(crate) fn tag_characters(text: &str) -> bool {
    text.chars()
        .all(|letter| letter.is_alphanumeric() || letter.is_whitespace() || "_.:/=+-@".contains(letter))
}

fn printable(text: &str) -> bool {
    !text.is_empty()
        && text.chars().all(|letter| {
            matches!(letter, '\t' | '\n' | '\r' | '\u{20}'..='\u{7e}' | '\u{85}')
                || matches!(letter, '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}')
                || letter >= '\u{10000}'
        })
}

fn is_policy_character(letter: char) -> bool {
    matches!(letter, '\t' | '\n' | '\r' | '\u{20}'..='\u{ff}')
}

/// The table as JSON: an array with one object for each member of each operation's request.
///
/// Its members are `service` (botocore's name), `operation`, `member` (a path; `[]` stands for a
/// list's element, `{}` for a map's value and `{key}` for its key), `type`, `required`, `min`,
/// `max`, `pattern`, `enum`, `sensitive` and `location` (`uri` or `null`); `null` means no limit.
/// The row with the empty path is the request itself: its `call` says how the operation is called
/// (`protocol`, `signingName`, `method`, `uri`, `payload`, `targetPrefix`, `version`) and which
/// `errors` it has with which statuses, `null` where the endpoint does not keep them. Presigned
/// calls are not in it: no model describes them.
#[must_use]
pub fn limits_as_json() -> String {
    let mut rows = Vec::new();
    for model in MODEL.iter().filter(|model| model.service.model_name().is_some()) {
        push_rows(model, "", false, &model.input, &mut rows);
    }
    let lines: Vec<String> = rows.iter().map(Value::to_string).collect();
    format!("[\n{}\n]", lines.join(",\n"))
}

fn push_rows(model: &OperationModel, path: &str, required: bool, shape: &Shape, rows: &mut Vec<Value>) {
    rows.push(row(model, path, required, shape));
    match shape {
        Shape::List(of, _) => push_rows(model, &format!("{path}[]"), false, of, rows),
        Shape::Map(key, value, _) => {
            push_rows(model, &format!("{path}{{key}}"), false, key, rows);
            push_rows(model, &format!("{path}{{}}"), false, value, rows);
        }
        Shape::Structure(members) => {
            for member in *members {
                let path = format!("{path}.{}", member.name);
                let path = path.trim_start_matches('.');
                push_rows(model, path, member.required, &member.shape, rows);
            }
        }
        // The members of a recursive structure are rows already.
        Shape::Text(_)
        | Shape::Integer(_)
        | Shape::Boolean
        | Shape::Timestamp
        | Shape::Blob(_)
        | Shape::Recursive(_) => {}
    }
}

fn row(model: &OperationModel, path: &str, required: bool, shape: &Shape) -> Value {
    let limits = match shape {
        Shape::Text(limits) | Shape::Blob(limits) => *limits,
        Shape::Integer(range) | Shape::List(_, range) | Shape::Map(_, _, range) => text(*range),
        Shape::Boolean | Shape::Timestamp | Shape::Structure(_) | Shape::Recursive(_) => text(ANY),
    };
    let in_path = model.route.is_some_and(|route| route.has_label(path));
    let mut row = json!({
        "service": model.service.model_name(),
        "operation": model.name,
        "member": path,
        "type": shape.type_name(),
        "required": required,
        "min": limits.length.min,
        "max": limits.length.max,
        "pattern": limits.pattern.map(|pattern| pattern.source),
        "enum": if limits.one_of.is_empty() { Value::Null } else { json!(limits.one_of) },
        "sensitive": limits.sensitive,
        "location": in_path.then_some("uri"),
    });
    if path.is_empty() {
        row["call"] = call(model);
    }
    row
}

/// How an operation is called, and what it fails with.
fn call(model: &OperationModel) -> Value {
    let protocol = model.service.protocol();
    let (target_prefix, version) = match protocol {
        Protocol::Json { target_prefix, version, .. } => (Some(target_prefix), Some(version)),
        Protocol::Query { version, .. } => (None, Some(version)),
        Protocol::Rest | Protocol::Presigned => (None, None),
    };
    let errors: Map<String, Value> =
        model.errors.iter().map(|(code, status)| ((*code).to_owned(), json!(status))).collect();
    json!({
        "protocol": protocol.name(),
        "signingName": model.service.signing_name(),
        "method": model.route.map_or("POST", |route| route.method),
        "uri": model.route.map_or("/", |route| route.template),
        "payload": model.route.and_then(|route| route.payload),
        "targetPrefix": target_prefix,
        "version": version,
        "errors": if errors.is_empty() { Value::Null } else { Value::Object(errors) },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_id_is_a_lower_case_uuid() {
        assert!(is_uuid("0f5706de-1ab4-4d1c-95ae-b4fd2e0d0b1f"));
        for wrong in [
            "",
            "0F5706DE-1ab4-4d1c-95ae-b4fd2e0d0b1f",
            "0f5706de1ab44d1c95aeb4fd2e0d0b1f",
            "0f5706de-1ab4-4d1c-95ae-b4fd2e0d0b1",
            "0f5706de-1ab4-4d1c-95ae-b4fd2e0d0b1f-",
        ] {
            assert!(!is_uuid(wrong), "{wrong}");
        }
    }

    #[test]
    fn an_event_bus_is_a_name_or_an_arn() {
        assert!(is_event_bus("default"));
        assert!(is_event_bus("arn:aws-cn:events:cn-north-1:123456789012:event-bus/a.b"));
        assert!(!is_event_bus("arn:aws:sns:eu-west-1:123456789012:event-bus/a"));
        assert!(!is_event_bus("a/b"));
        assert!(!is_event_bus("a b"));
    }

    #[test]
    fn the_limits_are_printed_as_one_json_array() {
        let rows: Vec<Value> = serde_json::from_str(&limits_as_json()).expect("it is JSON");
        let cause = rows.iter().find(|row| row["member"] == "cause").expect("it is listed");
        assert_eq!(cause["max"], 32_768);
        let nested = rows.iter().any(|row| row["member"] == "failureDetails.message");
        assert!(nested);
    }
}
