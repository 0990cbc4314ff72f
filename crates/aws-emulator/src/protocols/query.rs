//! The AWS query protocol: a form in, XML out.

use serde_json::{Map, Value};

use super::{Asked, blamed};
use crate::answer::{Answer, Output, ServiceError, escape_xml};
use crate::operation::{Operation, Service};
use crate::request::{form_parameters, with_integers};

/// Reads a request by the `Action` and the `Version` of its form.
pub(super) fn read(body: &[u8]) -> Result<Asked, Service> {
    let parameters = form_parameters(body).unwrap_or_default();
    let text = |name: &str| parameters.get(name).and_then(Value::as_str).unwrap_or_default();
    let operation = Operation::from_action(text("Action"), text("Version")).ok_or(Service::Sts)?;
    Ok(Asked::of(operation, input(parameters, operation)))
}

fn input(parameters: Map<String, Value>, operation: Operation) -> Result<Value, ServiceError> {
    with_integers(parameters, &operation.model().input)
}

pub(super) fn success(namespace: &str, operation: &str, request_id: &str, output: Output) -> Answer {
    let result = match output {
        Output::Xml(result) => result,
        Output::Nothing | Output::Json(_) | Output::Unheeded(_) => String::new(),
    };
    let body = format!(
        "<{operation}Response xmlns=\"{namespace}\"><{operation}Result>{result}</{operation}Result>\
         <ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{operation}Response>"
    );
    Answer::new("text/xml", body).with_header("x-amzn-requestid", request_id)
}

pub(super) fn error(namespace: &str, request_id: &str, error: &ServiceError) -> Answer {
    let body = format!(
        "<ErrorResponse xmlns=\"{namespace}\"><Error><Type>{}</Type><Code>{}</Code>\
         <Message>{}</Message></Error><RequestId>{request_id}</RequestId></ErrorResponse>",
        blamed(error),
        escape_xml(&error.code),
        escape_xml(&error.message)
    );
    Answer::new("text/xml", body).with_header("x-amzn-requestid", request_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sts_answers_in_xml_with_the_message_escaped() {
        let error = ServiceError::new("AccessDenied", "a < b");
        let answer = crate::protocols::error(Service::Sts, "id", &error);
        assert!(answer.body.contains("<Code>AccessDenied</Code><Message>a &lt; b</Message>"));
    }

    #[test]
    fn an_action_is_known_by_its_version_too() {
        let asked = |form: &str| read(form.as_bytes()).map(|asked| asked.operation).ok();
        let found = asked("Action=CompleteLifecycleAction&Version=2011-01-01");
        assert_eq!(found, Some(Operation::CompleteLifecycleAction));
        assert_eq!(asked("Action=CompleteLifecycleAction&Version=2011-06-15"), None);
        assert_eq!(asked("Action=CompleteLifecycleAction"), None);
    }
}
