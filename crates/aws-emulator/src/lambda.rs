//! AWS Lambda: the callbacks of durable executions.
//!
//! <https://docs.aws.amazon.com/lambda/latest/api/API_SendDurableExecutionCallbackFailure.html>

use super::kind::{Kind, Told};
use super::limits::{OperationModel, model};
use super::operation::{Operation, Service, ServiceModel};
use super::protocols::{Protocol, Route};
use super::report::{Report, empty_object};
use super::shape::{ANY, Member, Shape, between, optional, required, text};
use super::work::{Work, WorkKind};

pub(crate) const SERVICE: ServiceModel =
    ServiceModel::new("lambda", Protocol::Rest).throttles_with("TooManyRequestsException", 429);

pub(crate) const DURABLE_CALLBACK: Kind = Kind {
    work: WorkKind::LambdaDurableCallback,
    name: "lambda-durable-callback",
    identity: &["CallbackId"],
    secret: true,
    places: &[],
    proof: None,
    unknown: Told::new("ResourceNotFoundException", "The durable execution does not exist."),
    // So the workers that AWS publishes take it.
    closed: Told::new("InvalidParameterValueException", "The callback is already complete."),
    timed_out: Some(Told::new("CallbackTimeoutException", "The callback has timed out.")),
};

const CALLBACK_ID: Member = required(
    "CallbackId",
    text(between(1, 1024)).secret().matching("[A-Za-z0-9+/]+={0,2}", is_callback_id).shape(),
);
const SENSITIVE: Shape = text(ANY).sensitive().shape();

pub(crate) const SEND_FAILURE: OperationModel = model(
    Operation::SendDurableExecutionCallbackFailure,
    Service::Lambda,
    "SendDurableExecutionCallbackFailure",
    &[
        CALLBACK_ID,
        optional(
            "Error",
            Shape::Structure(&[
                optional("ErrorMessage", SENSITIVE),
                optional("ErrorType", SENSITIVE),
                optional("ErrorData", SENSITIVE),
                optional("StackTrace", Shape::List(&SENSITIVE, ANY)),
            ]),
        ),
    ],
)
.routed(Route::post("/2025-12-01/durable-execution-callbacks/{CallbackId}/fail").with_payload("Error"))
.failing_with(ERRORS)
.reporting(
    Report::failure(&DURABLE_CALLBACK)
        .error("/Error/ErrorType")
        .cause("/Error/ErrorMessage")
        .data("/Error/ErrorData")
        .answered(empty_object),
);

pub(crate) const SEND_SUCCESS: OperationModel = model(
    Operation::SendDurableExecutionCallbackSuccess,
    Service::Lambda,
    "SendDurableExecutionCallbackSuccess",
    &[CALLBACK_ID, optional("Result", Shape::Blob(text(between(0, 1_048_576)).sensitive()))],
)
.routed(Route::post("/2025-12-01/durable-execution-callbacks/{CallbackId}/succeed").with_payload("Result"))
.failing_with(ERRORS)
.reporting(Report::success(&DURABLE_CALLBACK, Some("/Result")).answered(empty_object));

pub(crate) const SEND_HEARTBEAT: OperationModel = model(
    Operation::SendDurableExecutionCallbackHeartbeat,
    Service::Lambda,
    "SendDurableExecutionCallbackHeartbeat",
    &[CALLBACK_ID],
)
.routed(Route::post("/2025-12-01/durable-execution-callbacks/{CallbackId}/heartbeat"))
.failing_with(&[
    ("InvalidParameterValueException", 400),
    ("ServiceException", 500),
    ("TooManyRequestsException", 429),
    ("ResourceNotFoundException", 404),
    ("CallbackTimeoutException", 400),
])
.reporting(Report::heartbeat(&DURABLE_CALLBACK).answered(empty_object));

const ERRORS: &[(&str, u16)] = &[
    ("InvalidParameterValueException", 400),
    ("KMSInvalidStateException", 502),
    ("ServiceException", 500),
    ("TooManyRequestsException", 429),
    ("KMSNotFoundException", 502),
    ("ResourceNotFoundException", 404),
    ("CallbackTimeoutException", 400),
    ("KMSAccessDeniedException", 502),
    ("KMSDisabledException", 502),
];

fn is_callback_id(id: &str) -> bool {
    let letters = id.trim_end_matches('=');
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    !letters.is_empty() && id.len() - letters.len() <= 2 && letters.bytes().all(allowed)
}

impl Work {
    /// A callback of a durable execution in the endpoint's own region and account.
    pub fn durable_callback(callback_id: impl Into<String>) -> Self {
        Self::new(WorkKind::LambdaDurableCallback, callback_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callback_id_is_base64_with_or_without_padding() {
        for id in ["Ab9hZXi", "a+/b=", "ab=="] {
            assert!(is_callback_id(id), "{id}");
        }
        for id in ["", "=", "a===", "a=b", "a-b", "a%2Bb"] {
            assert!(!is_callback_id(id), "{id}");
        }
    }
}
