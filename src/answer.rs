//! From the SDK's result to an [`Answer`]: the one place that reads SDK errors.

use std::error::Error;

use aws_sdk_codepipeline::types::{FailureDetails as SdkFailureDetails, FailureType};
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::{ConnectorError, SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::failure_details::FailureDetails;
use crate::outcome::{Answer, Health, Obstacle, ServiceError, bare_error_name};

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
    let named = |name: &str| ServiceError { name: Some(name.to_owned()), status, ..ServiceError::default() };
    let unanswered = |name: &str, obstacle| ServiceError {
        obstacle: Some(obstacle).filter(|_| status.is_none()),
        ..named(name)
    };
    match error {
        SdkError::ServiceError(service) => {
            let meta = service.err().meta();
            let name = meta.code().map(|code| bare_error_name(code).to_owned());
            ServiceError { name, status, message: meta.message().map(str::to_owned), obstacle: None }
        }
        SdkError::TimeoutError(_) => unanswered("TimeoutError", Obstacle::Silence),
        SdkError::DispatchFailure(failure) => match failure.as_connector_error() {
            Some(error) => role_not_assumed(error).unwrap_or_else(|| ServiceError {
                message: Some(innermost_cause(error)),
                ..match error {
                    error if error.is_timeout() => unanswered("TimeoutError", Obstacle::Silence),
                    error if error.is_io() => unanswered("ConnectionError", Obstacle::Connection),
                    error if was_on_the_wire(error) => unanswered("DispatchFailure", Obstacle::Connection),
                    _ => unanswered("DispatchFailure", Obstacle::NotSent),
                }
            }),
            None => unanswered("DispatchFailure", Obstacle::NotSent),
        },
        SdkError::ResponseError(_) => named("UnreadableResponse"),
        SdkError::ConstructionFailure(_) => unanswered("ConstructionFailure", Obstacle::NotSent),
        _ => unanswered("UnknownError", Obstacle::Connection),
    }
}

/// What STS said, where the call was not made for want of a role's keys. The status is STS's own, so it is left out.
fn role_not_assumed(error: &ConnectorError) -> Option<ServiceError> {
    let refused =
        causes(error).find_map(<dyn Error>::downcast_ref::<SdkError<AssumeRoleError, HttpResponse>>)?;
    let by_sts = service_error(refused);
    let message = by_sts.message.as_deref().unwrap_or("no reason was given");
    let message = Some(format!("sts:AssumeRole: {message}"));
    // An STS that is down keeps every call from its API, as an API that is down would.
    let obstacle = match by_sts.health() {
        Health::Silent => Obstacle::Silence,
        Health::Fails => Obstacle::Connection,
        Health::Answers | Health::Unknown => Obstacle::NotSent,
    };
    Some(ServiceError { name: by_sts.name, status: None, message, obstacle: Some(obstacle) })
}

/// Whether the request, or a part of it, left for the service. What the SDK wraps without having sent anything, such as missing
/// credentials, is no error of the HTTP client.
fn was_on_the_wire(error: &ConnectorError) -> bool {
    error.as_other().is_some() || causes(error).any(<dyn Error>::is::<hyper::Error>)
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

/// The SDK's form of `failureDetails`.
#[must_use]
pub fn sdk_failure_details(details: &FailureDetails) -> SdkFailureDetails {
    let builder = SdkFailureDetails::builder()
        .r#type(FailureType::from(details.r#type))
        .message(&details.message)
        .set_external_execution_id(details.external_execution_id.clone());
    match builder.build() {
        Ok(built) => built,
        Err(_) => unreachable!("the two required members, type and message, are set above"),
    }
}
