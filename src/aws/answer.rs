//! From the SDK's result to an [`Answer`]: the one place that reads SDK errors.

use std::error::Error;

use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::{ConnectorError, SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use failure_event::outcome::{Answer, ServiceError, bare_error_name};

/// What a call's result says. A 200 is an acceptance, whatever its body holds.
pub fn of<T, E: ProvideErrorMetadata>(result: Result<T, SdkError<E, HttpResponse>>) -> Answer {
    match result {
        Ok(_) => Answer::Accepted,
        Err(error) if status_of(&error) == Some(200) => Answer::Accepted,
        Err(error) => Answer::Failed(service_error(&error)),
    }
}

/// Name, status and message of an error; for an answer that never came, what happened instead.
pub fn service_error<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> ServiceError {
    let status = status_of(error);
    let named = |name: &str| ServiceError { name: Some(name.to_owned()), status, message: None };
    match error {
        SdkError::ServiceError(service) => {
            let meta = service.err().meta();
            let name = meta.code().map(|code| bare_error_name(code).to_owned());
            ServiceError { name, status, message: meta.message().map(str::to_owned) }
        }
        SdkError::TimeoutError(_) => named("TimeoutError"),
        SdkError::DispatchFailure(failure) => match failure.as_connector_error() {
            Some(error) => role_not_assumed(error).unwrap_or_else(|| ServiceError {
                message: Some(innermost_cause(error)),
                ..named(match error {
                    error if error.is_timeout() => "TimeoutError",
                    error if error.is_io() => "ConnectionError",
                    _ => "DispatchFailure",
                })
            }),
            None => named("DispatchFailure"),
        },
        SdkError::ResponseError(_) => named("UnreadableResponse"),
        SdkError::ConstructionFailure(_) => named("ConstructionFailure"),
        _ => named("UnknownError"),
    }
}

/// What STS said, where the call was not made for want of a role's keys. The status is STS's own, so it is left out.
fn role_not_assumed(error: &ConnectorError) -> Option<ServiceError> {
    let refused =
        causes(error).find_map(<dyn Error>::downcast_ref::<SdkError<AssumeRoleError, HttpResponse>>)?;
    let ServiceError { name, message, .. } = service_error(refused);
    let message = format!("sts:AssumeRole: {}", message.as_deref().unwrap_or("no reason was given"));
    Some(ServiceError { name, status: None, message: Some(message) })
}

/// What stood in the way in the end, such as a certificate that nobody vouches for.
fn innermost_cause(error: &ConnectorError) -> String {
    causes(error).last().map(ToString::to_string).unwrap_or_default()
}

/// An error and what caused it, outermost first.
pub fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

fn status_of<E>(error: &SdkError<E, HttpResponse>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
}
