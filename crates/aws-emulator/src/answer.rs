//! What the endpoint answers: results and errors, in each service's protocol.

use std::fmt;

use serde_json::{Value, json};

use super::operation::Service;

/// An error as a service gives it.
///
/// The code is the short one, such as `TaskTimedOut`; on the wire it gets the namespace that the
/// service puts before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceError {
    /// HTTP status, such as 400.
    pub status: u16,
    /// The error's name, such as `InvalidToken`.
    pub code: String,
    /// What a person reads. It never holds a secret of the request.
    pub message: String,
}

impl ServiceError {
    /// An error with status 400, as almost all of these services use for the caller's mistakes.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::with_status(400, code, message)
    }

    /// An error with another status.
    pub fn with_status(status: u16, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { status, code: code.into(), message: message.into() }
    }
}

impl fmt::Display for ServiceError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({}): {}", self.code, self.status, self.message)
    }
}

impl std::error::Error for ServiceError {}

/// What an operation returns when it succeeds.
#[derive(Debug)]
pub(crate) enum Output {
    /// No output is modelled: the body is empty.
    Nothing,
    Json(Value),
    /// The inside of the query protocol's `<…Result>`.
    Xml(String),
}

/// A complete HTTP answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) request_id: String,
    /// SQS's `x-amzn-query-error` header.
    pub(crate) query_error: Option<String>,
    pub(crate) body: String,
    /// The error's name, for the record of calls.
    pub(crate) error_code: Option<String>,
}

impl Answer {
    /// An answer of `service` without an error.
    pub(crate) fn success(service: Service, operation: &str, request_id: String, output: Output) -> Self {
        let body = match output {
            Output::Nothing => String::new(),
            Output::Json(value) => value.to_string(),
            Output::Xml(result) => format!(
                "<{operation}Response xmlns=\"{STS_NAMESPACE}\"><{operation}Result>{result}\
                 </{operation}Result><ResponseMetadata><RequestId>{request_id}</RequestId>\
                 </ResponseMetadata></{operation}Response>"
            ),
        };
        Self {
            status: 200,
            content_type: service.content_type(),
            request_id,
            query_error: None,
            body,
            error_code: None,
        }
    }

    /// An answer of `service` that holds an error.
    pub(crate) fn error(service: Service, request_id: String, error: &ServiceError) -> Self {
        let sender = if error.status < 500 { "Sender" } else { "Receiver" };
        let mut query_error = None;
        let body = match service {
            Service::Sts => format!(
                "<ErrorResponse xmlns=\"{STS_NAMESPACE}\"><Error><Type>{sender}</Type>\
                 <Code>{}</Code><Message>{}</Message></Error>\
                 <RequestId>{request_id}</RequestId></ErrorResponse>",
                escape_xml(&error.code),
                escape_xml(&error.message)
            ),
            Service::Sqs => {
                let code = query_code(&error.code);
                query_error = Some(format!("{code};{sender}"));
                json!({"__type": typed(service, &error.code), "message": error.message}).to_string()
            }
            _ => json!({"__type": typed(service, &error.code), "message": error.message}).to_string(),
        };
        Self {
            status: error.status,
            content_type: service.content_type(),
            request_id,
            query_error,
            body,
            error_code: Some(error.code.clone()),
        }
    }
}

const STS_NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// The error's type as it stands in `__type`: most services put a namespace before a `#`.
fn typed(service: Service, code: &str) -> String {
    let common = COMMON_ERRORS.contains(&code);
    match (service, code) {
        (_, "ValidationException") => "com.amazon.coral.validate#ValidationException".to_owned(),
        (_, _) if common => format!("com.amazon.coral.service#{code}"),
        (Service::StepFunctions, _) => format!("com.amazonaws.swf.service.v2.model#{code}"),
        (Service::Swf, _) => format!("com.amazonaws.swf.base.model#{code}"),
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

/// Text as it may stand between XML tags; characters that XML 1.0 has not become U+FFFD.
pub(crate) fn escape_xml(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\t' | '\n' | '\r' => escaped.push(letter),
            letter if letter < ' ' => escaped.push('\u{fffd}'),
            letter => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(service: Service, code: &str) -> Answer {
        Answer::error(service, "id".to_owned(), &ServiceError::new(code, "a < b"))
    }

    #[test]
    fn step_functions_puts_a_namespace_before_its_errors() {
        let answer = error(Service::StepFunctions, "TaskTimedOut");
        assert!(answer.body.contains("com.amazonaws.swf.service.v2.model#TaskTimedOut"));
    }

    #[test]
    fn sqs_gives_the_query_protocol_s_code_in_a_header() {
        let answer = error(Service::Sqs, "QueueDoesNotExist");
        let expected = "AWS.SimpleQueueService.NonExistentQueue;Sender";
        assert_eq!(answer.query_error.as_deref(), Some(expected));
        assert!(answer.body.contains("com.amazonaws.sqs#QueueDoesNotExist"));
        let answer = error(Service::Sqs, "InvalidParameterValue");
        assert_eq!(answer.query_error.as_deref(), Some("InvalidParameterValue;Sender"));
    }

    #[test]
    fn sts_answers_in_xml_with_the_message_escaped() {
        let answer = error(Service::Sts, "AccessDenied");
        assert!(answer.body.contains("<Code>AccessDenied</Code><Message>a &lt; b</Message>"));
    }
}
