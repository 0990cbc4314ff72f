//! AWS JSON 1.0 and 1.1.

use serde_json::{Value, json};

use super::{Asked, blamed};
use crate::answer::{Answer, Output, ServiceError};
use crate::operation::{Operation, Service};
use crate::request::json_input;

/// Reads a request by its `X-Amz-Target`.
pub(super) fn read(target: &str, body: &[u8]) -> Result<Asked, Service> {
    match Operation::from_target(target) {
        Some(operation) => Ok(Asked::of(operation, json_input(body))),
        None if target.starts_with("AmazonSQS.") => Err(Service::Sqs),
        None => Err(Service::StepFunctions),
    }
}

fn content_type(version: &str) -> &'static str {
    if version == "1.0" { "application/x-amz-json-1.0" } else { "application/x-amz-json-1.1" }
}

pub(super) fn success(version: &str, request_id: &str, output: Output) -> Answer {
    let body = match output {
        Output::Json(value) => value.to_string(),
        Output::Nothing | Output::Xml(_) | Output::Unheeded(_) => String::new(),
    };
    Answer::new(content_type(version), body).with_header("x-amzn-requestid", request_id)
}

pub(super) fn error(
    service: Service,
    version: &str,
    query_compatible: bool,
    request_id: &str,
    error: &ServiceError,
) -> Answer {
    let mut body = json!({"__type": typed(service, &error.code)});
    body[service.model().message_member] = Value::String(error.message.clone());
    let answer =
        Answer::new(content_type(version), body.to_string()).with_header("x-amzn-requestid", request_id);
    if !query_compatible {
        return answer;
    }
    let query_error = format!("{};{}", query_code(&error.code), blamed(error));
    answer.with_header("x-amzn-query-error", query_error)
}

/// The error's type as it stands in `__type`: most services put a namespace before a `#`.
fn typed(service: Service, code: &str) -> String {
    let common = COMMON_ERRORS.contains(&code);
    match (service, code) {
        (_, "ValidationException") => "com.amazon.coral.validate#ValidationException".to_owned(),
        (_, _) if common => format!("com.amazon.coral.service#{code}"),
        (Service::StepFunctions, _) => format!("com.amazonaws.swf.service.v2.model#{code}"),
        (Service::Swf, _) => format!("com.amazonaws.swf.base.model#{code}"),
        (Service::DynamoDb, _) => format!("com.amazonaws.dynamodb.v20120810#{code}"),
        (Service::Sqs, _) => match SQS_ERRORS.iter().find(|(shape, _)| *shape == code) {
            Some((shape, _)) => format!("com.amazonaws.sqs#{shape}"),
            None => format!("com.amazon.coral.service#{code}Exception"),
        },
        _ => code.to_owned(),
    }
}

/// Errors that every service shares.
const COMMON_ERRORS: &[&str] = &[
    "AccessDeniedException",
    "ExpiredTokenException",
    "InternalFailure",
    "InvalidSignatureException",
    "MissingAuthenticationTokenException",
    "SerializationException",
    "ServiceUnavailable",
    "ThrottlingException",
    "UnknownOperationException",
    "UnrecognizedClientException",
];

/// SQS's modelled errors: the shape's name, and the name of the older query protocol, which SQS
/// sends beside it and SDKs take for the code.
const SQS_ERRORS: &[(&str, &str)] = &[
    ("BatchEntryIdsNotDistinct", "AWS.SimpleQueueService.BatchEntryIdsNotDistinct"),
    ("BatchRequestTooLong", "AWS.SimpleQueueService.BatchRequestTooLong"),
    ("EmptyBatchRequest", "AWS.SimpleQueueService.EmptyBatchRequest"),
    ("InvalidAttributeName", "InvalidAttributeName"),
    ("InvalidAttributeValue", "InvalidAttributeValue"),
    ("InvalidBatchEntryId", "AWS.SimpleQueueService.InvalidBatchEntryId"),
    ("InvalidMessageContents", "InvalidMessageContents"),
    ("KmsAccessDenied", "KMS.AccessDeniedException"),
    ("KmsDisabled", "KMS.DisabledException"),
    ("KmsInvalidState", "KMS.InvalidStateException"),
    ("KmsThrottled", "KMS.ThrottlingException"),
    ("MessageNotInflight", "AWS.SimpleQueueService.MessageNotInflight"),
    ("OverLimit", "OverLimit"),
    ("PurgeQueueInProgress", "AWS.SimpleQueueService.PurgeQueueInProgress"),
    ("QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue"),
    ("QueueNameExists", "QueueAlreadyExists"),
    ("ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid"),
    ("RequestThrottled", "RequestThrottled"),
    ("TooManyEntriesInBatchRequest", "AWS.SimpleQueueService.TooManyEntriesInBatchRequest"),
    ("UnsupportedOperation", "AWS.SimpleQueueService.UnsupportedOperation"),
];

fn query_code(code: &str) -> &str {
    let known = SQS_ERRORS.iter().find(|(shape, _)| *shape == code);
    known.map_or(code, |(_, query)| query)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(service: Service, code: &str) -> Answer {
        crate::protocols::error(service, "id", &ServiceError::new(code, "words"))
    }

    #[test]
    fn step_functions_puts_a_namespace_before_its_errors() {
        let answer = answered(Service::StepFunctions, "TaskTimedOut");
        assert!(answer.body.contains("com.amazonaws.swf.service.v2.model#TaskTimedOut"));
    }

    #[test]
    fn sqs_gives_the_query_protocol_s_code_in_a_header() {
        let answer = answered(Service::Sqs, "QueueDoesNotExist");
        let expected = "AWS.SimpleQueueService.NonExistentQueue;Sender";
        assert_eq!(answer.header("x-amzn-query-error"), Some(expected));
        assert!(answer.body.contains("com.amazonaws.sqs#QueueDoesNotExist"));
        let answer = answered(Service::Sqs, "InvalidParameterValue");
        assert_eq!(answer.header("x-amzn-query-error"), Some("InvalidParameterValue;Sender"));
    }

    #[test]
    fn sage_maker_writes_its_messages_with_a_capital_letter() {
        let answer = answered(Service::SageMaker, "ResourceNotFound");
        let body: Value = serde_json::from_str(&answer.body).expect("it is JSON");
        assert_eq!(body, json!({"__type": "ResourceNotFound", "Message": "words"}));
    }
}
