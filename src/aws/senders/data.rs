//! Requests of services of which few calls are made: as they stand, through the SDK's own retries, time limits and signatures. Its
//! crate of such a service would cost minutes of building and megabytes for these.

use std::fmt;

use aws_runtime::auth::sigv4::{SCHEME_ID, SigV4AuthScheme};
use aws_runtime::auth::{HttpSignatureType, SigV4OperationSigningConfig, SigningOptions};
use aws_runtime::retries::classifiers::AwsErrorCodeClassifier;
use aws_sdk_sqs::config::BehaviorVersion;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::{SharedTimeSource, SystemTimeSource};
use aws_smithy_runtime::client::orchestrator::operation::{Operation, OperationBuilder};
use aws_smithy_runtime::client::retries::classifiers::HttpStatusCodeClassifier;
use aws_smithy_runtime::client::retries::classifiers::TransientErrorClassifier;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::auth::{
    AuthSchemeOptionResolverParams, SharedAuthScheme, SharedAuthSchemeOptionResolver,
};
use aws_smithy_runtime_api::client::identity::SharedIdentityResolver;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_runtime_api::client::runtime_plugin::StaticRuntimePlugin;
use aws_smithy_runtime_api::client::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::Layer;
use aws_smithy_types::error::ErrorMetadata;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::retry::RetryConfig;
use aws_types::region::SigningRegion;
use aws_types::{SdkConfig, SigningName};
use failure_event::json::Json;
use failure_event::operation::{Operation as ServiceOperation, Wire};
use failure_event::outcome::{Answer, ServiceError};
use failure_event::place::Place;
use failure_event::request::{HttpForm, Request, Secrets};

use crate::aws::answer;
use crate::aws::clients::{Clients, time_limits};

/// Sends a request of any operation, signed with the keys of its place.
pub async fn send_signed(
    operation: &'static ServiceOperation,
    form: HttpForm,
    clients: &Clients,
    place: &Place,
) -> Answer {
    answer::of(invoke_signed(operation, form, clients, place).await)
}

/// [`send_signed`], for what the service answers: the body of its answer, as text.
///
/// # Errors
/// What the service refused with, or what stood in the way of its answer.
pub async fn ask(
    operation: &'static ServiceOperation,
    form: HttpForm,
    clients: &Clients,
    place: &Place,
) -> Result<String, ServiceError> {
    let answered = invoke_signed(operation, form, clients, place).await;
    answered.map_err(|error| answer::service_error(&error))
}

async fn invoke_signed(
    operation: &'static ServiceOperation,
    form: HttpForm,
    clients: &Clients,
    place: &Place,
) -> Result<String, SdkError<Refusal, HttpResponse>> {
    let config = clients.config(place);
    let no_host = || SdkError::construction_failure("the region is no label of a host name");
    let endpoint = clients.endpoint(operation.service, &place.region).ok_or_else(no_host)?;
    let signed = builder(operation, &config, &endpoint).runtime_plugin(signing(operation, &config, place));
    invoke(signed, operation.wire, form).await
}

/// Puts a body to a presigned URL: no key, no signature, no redirect.
pub(super) async fn put(request: &Request, clients: &Clients, place: &Place) -> Answer {
    let config = clients.config(place);
    let form = request.http(Secrets::Shown);
    let own_host = || format!("https://{}", form.host.as_deref().unwrap_or_default());
    let given = clients.presigned_endpoint(request.operation.service).map(str::to_owned);
    let endpoint = given.unwrap_or_else(own_host);
    let operation = request.operation;
    answer::of(invoke(builder(operation, &config, &endpoint).no_auth(), operation.wire, form).await)
}

/// What every call has in common: connections, time limits, retries.
fn builder(called: &'static ServiceOperation, config: &SdkConfig, endpoint: &str) -> OperationBuilder {
    let operation = Operation::builder()
        .service_name(called.service.name)
        .operation_name(called.name)
        .behavior_version(BehaviorVersion::v2026_01_12())
        .endpoint_url(endpoint)
        .timeout_config(time_limits())
        .standard_retry(&config.retry_config().cloned().unwrap_or_else(RetryConfig::standard))
        .sleep_impl(config.sleep_impl().unwrap_or_else(|| SharedAsyncSleep::new(TokioSleep::new())))
        .time_source(config.time_source().unwrap_or_else(|| SharedTimeSource::new(SystemTimeSource::new())))
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .retry_classifier(TransientErrorClassifier::<Refusal>::new())
        .retry_classifier(HttpStatusCodeClassifier::default())
        .retry_classifier(AwsErrorCodeClassifier::<Refusal>::new())
        .with_connection_poisoning();
    match config.http_client() {
        Some(client) => operation.http_client(client),
        None => operation,
    }
}

/// The signature: for whom, in which region, with which keys.
fn signing(operation: &ServiceOperation, config: &SdkConfig, place: &Place) -> StaticRuntimePlugin {
    let mut layer = Layer::new("signature");
    let mut options = SigningOptions::default();
    options.signature_type = HttpSignatureType::HttpRequestHeaders;
    layer.store_put(SigV4OperationSigningConfig {
        region: Some(SigningRegion::from(aws_types::region::Region::new(place.region.clone()))),
        name: Some(SigningName::from(operation.service.signing_name)),
        signing_options: options,
        ..SigV4OperationSigningConfig::default()
    });
    layer.store_put(AuthSchemeOptionResolverParams::new(()));
    let mut components = RuntimeComponentsBuilder::new("signature");
    let scheme = StaticAuthSchemeOptionResolver::new(vec![SCHEME_ID]);
    components.set_auth_scheme_option_resolver(Some(SharedAuthSchemeOptionResolver::new(scheme)));
    components.push_auth_scheme(SharedAuthScheme::new(SigV4AuthScheme::new()));
    components.set_identity_cache(config.identity_cache());
    if let Some(keys) = config.credentials_provider() {
        components.set_identity_resolver(SCHEME_ID, SharedIdentityResolver::new(keys));
    }
    StaticRuntimePlugin::new().with_config(layer.freeze()).with_runtime_components(components)
}

async fn invoke(
    builder: OperationBuilder,
    wire: Wire,
    form: HttpForm,
) -> Result<String, SdkError<Refusal, HttpResponse>> {
    let operation = builder
        .serializer(|form: HttpForm| http_request(&form))
        .deserializer(move |response: &HttpResponse| read(response, wire))
        .build();
    operation.invoke(form).await
}

fn http_request(form: &HttpForm) -> Result<HttpRequest, BoxError> {
    let mut request = http::Request::builder().method(form.method).uri(form.path.as_str());
    for (name, value) in &form.headers {
        request = request.header(*name, value);
    }
    if let Some(host) = &form.host {
        request = request.header("host", host);
    }
    Ok(request.body(SdkBody::from(form.body.as_str()))?.try_into()?)
}

fn read(response: &HttpResponse, wire: Wire) -> Result<String, OrchestratorError<Refusal>> {
    let body = response.body().bytes().unwrap_or_default();
    if response.status().is_success() {
        return Ok(String::from_utf8_lossy(body).into_owned());
    }
    let metadata = match wire {
        Wire::AwsJson { .. } | Wire::RestJson { .. } => {
            json_error(body, response.headers().get("x-amzn-errortype"))
        }
        Wire::Query { .. } | Wire::PresignedPut => xml_error(body),
    };
    Err(OrchestratorError::operation(Refusal(metadata)))
}

/// The name stands in a header or in `__type` or `code`, the message in `message` or `Message`.
fn json_error(body: &[u8], header: Option<&str>) -> ErrorMetadata {
    let text = std::str::from_utf8(body).unwrap_or_default();
    let object = Json::parse(text).ok().and_then(Json::object);
    let member =
        |names: [&str; 2]| names.into_iter().find_map(|name| Some(object.as_ref()?.text(name)?.into_owned()));
    let mut error = ErrorMetadata::builder();
    if let Some(code) = header.map(str::to_owned).or_else(|| member(["__type", "code"])) {
        error = error.code(code);
    }
    if let Some(message) = member(["message", "Message"]) {
        error = error.message(message);
    }
    error.build()
}

/// `<Error><Code>…</Code><Message>…</Message></Error>`, which the Query protocol puts into an `<ErrorResponse>`, and EC2 into the
/// `<Errors>` of a `<Response>`.
fn xml_error(body: &[u8]) -> ErrorMetadata {
    let error = ErrorMetadata::builder();
    let text = std::str::from_utf8(body).unwrap_or_default();
    let mut document = aws_smithy_xml::decode::Document::new(text);
    let Ok(mut root) = document.root_element() else { return error.build() };
    if root.start_el().matches("ErrorResponse") {
        return with_inner_error(error, &mut root).build();
    }
    if !root.start_el().matches("Response") {
        return with_code_and_message(error, &mut root).build();
    }
    match root.next_tag() {
        Some(mut errors) => with_inner_error(error, &mut errors).build(),
        None => error.build(),
    }
}

fn with_inner_error(
    mut error: aws_smithy_types::error::metadata::Builder,
    element: &mut aws_smithy_xml::decode::ScopedDecoder<'_, '_>,
) -> aws_smithy_types::error::metadata::Builder {
    while let Some(mut tag) = element.next_tag() {
        if tag.start_el().matches("Error") {
            error = with_code_and_message(error, &mut tag);
        }
    }
    error
}

fn with_code_and_message(
    mut error: aws_smithy_types::error::metadata::Builder,
    element: &mut aws_smithy_xml::decode::ScopedDecoder<'_, '_>,
) -> aws_smithy_types::error::metadata::Builder {
    while let Some(mut tag) = element.next_tag() {
        let is_code = tag.start_el().matches("Code");
        let is_message = tag.start_el().matches("Message");
        if let (true, Ok(text)) = (is_code || is_message, aws_smithy_xml::decode::try_data(&mut tag)) {
            error = if is_code { error.code(text) } else { error.message(text) };
        }
    }
    error
}

/// What a service refused with.
#[derive(Debug)]
struct Refusal(ErrorMetadata);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.code().unwrap_or("an error that cannot be read"))
    }
}

impl std::error::Error for Refusal {}

impl ProvideErrorMetadata for Refusal {
    fn meta(&self) -> &ErrorMetadata {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(metadata: &ErrorMetadata) -> (Option<&str>, Option<&str>) {
        (metadata.code(), metadata.message())
    }

    #[test]
    fn an_error_is_read_in_the_form_of_its_protocol() {
        let json = json_error(br#"{"__type":"a.b#ResourceNotFound","message":"m"}"#, None);
        assert_eq!(told(&json), (Some("a.b#ResourceNotFound"), Some("m")));
        let rest = json_error(br#"{"Message":"m"}"#, Some("CallbackTimeoutException:http://x/"));
        assert_eq!(told(&rest), (Some("CallbackTimeoutException:http://x/"), Some("m")));
        let query = xml_error(
            b"<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code><Message>No active</Message></Error></ErrorResponse>",
        );
        assert_eq!(told(&query), (Some("ValidationError"), Some("No active")));
        let ec2 = xml_error(
            b"<Response><Errors><Error><Code>RequestLimitExceeded</Code><Message>m</Message></Error></Errors><RequestID>r</RequestID></Response>",
        );
        assert_eq!(told(&ec2), (Some("RequestLimitExceeded"), Some("m")));
        let s3 =
            xml_error(b"<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code><Message>m</Message></Error>");
        assert_eq!(told(&s3), (Some("AccessDenied"), Some("m")));
        for odd in [&b""[..], b"<html>", b"{", b"\xff"] {
            assert_eq!(told(&json_error(odd, None)), (None, None));
            assert_eq!(told(&xml_error(odd)), (None, None));
        }
    }
}
