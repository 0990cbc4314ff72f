//! An error that SQS's answer hides behind HTTP 200, as a proxy or an overloaded front end may send it.
//!
//! The SDK reads such a body as an answer without members. For a dead letter that would be a confirmation of something that did not
//! happen, so the queue's client refuses it.

use aws_sdk_sqs::config::interceptors::AfterDeserializationInterceptorContextRef;
use aws_sdk_sqs::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_sqs::error::BoxError;

use crate::json::{Json, Object};

/// Refuses answers that name an error.
#[derive(Debug)]
pub struct ErrorIn200;

impl Intercept for ErrorIn200 {
    fn name(&self) -> &'static str {
        "ErrorIn200"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        match response.body().bytes() {
            Some(body) if response.status().as_u16() == 200 && names_an_error(body) => {
                Err("the answer names an error".into())
            }
            _ => Ok(()),
        }
    }
}

/// The AWS JSON protocols name errors in `__type`. <https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html>
fn names_an_error(body: &[u8]) -> bool {
    let answer =
        std::str::from_utf8(body).ok().and_then(|body| Json::parse(body).ok()).and_then(Json::object);
    answer.is_some_and(|answer: Object<'_>| answer.member("__type").is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_named_error_is_refused() {
        assert!(names_an_error(br#"{"__type":"InternalFailure","message":"x"}"#));
        assert!(!names_an_error(br#"{"MessageId":"m","MD5OfMessageBody":"d"}"#));
        assert!(!names_an_error(b"<html>"));
    }
}
