//! The SDK's way to the embedded endpoint: HTTP/1.1 over streams in memory, one for each call, without sockets or threads.

use std::sync::{Arc, Mutex};

use aws_emulator::Endpoint;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::ErrorKind;
use hyper_util::rt::TokioIo;

use super::dice::Dice;

/// An HTTP client that knows one server.
#[derive(Clone, Debug)]
pub struct InMemory {
    endpoint: Endpoint,
    mischief: Arc<Mutex<Mischief>>,
}

/// What no service does and no fault of the endpoint is, each in so many of a thousand calls.
#[derive(Debug)]
pub struct Mischief {
    /// The client panics, as any code may.
    pub panic: u64,
    /// SQS is not asked at all, and the answer is a 200 without members: a proxy made it up.
    pub empty_answer: u64,
    pub dice: Dice,
}

impl InMemory {
    pub fn new(endpoint: Endpoint, mischief: Arc<Mutex<Mischief>>) -> Self {
        Self { endpoint, mischief }
    }

    fn is_due(&self, chance: impl Fn(&Mischief) -> u64) -> bool {
        let mut mischief = self.mischief.lock().unwrap();
        let per_mille = chance(&mischief);
        mischief.dice.per_mille(per_mille)
    }

    async fn send(self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        if self.is_due(|mischief| mischief.panic) {
            // Unlike `panic!`, this prints nothing.
            std::panic::resume_unwind(Box::new("a panic of the simulation"));
        }
        let is_for_sqs =
            request.headers().get("x-amz-target").is_some_and(|target| target.starts_with("AmazonSQS"));
        if is_for_sqs && self.is_due(|mischief| mischief.empty_answer) {
            return Ok(HttpResponse::new(200.try_into().unwrap(), SdkBody::from("{}")));
        }
        let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
        let stream = TokioIo::new(self.endpoint.connect_in_memory());
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(stream).await.map_err(connector_error)?;
        tokio::spawn(connection);
        let response = sender.send_request(request).await.map_err(connector_error)?;
        HttpResponse::try_from(response.map(SdkBody::from_body_1_x))
            .map_err(|error| ConnectorError::other(error.into(), None))
    }
}

impl HttpConnector for InMemory {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(self.clone().send(request))
    }
}

impl HttpClient for InMemory {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

/// As the SDK's own client sees them: what was cut in mid-answer is transient, the rest is a lost connection.
fn connector_error(error: hyper::Error) -> ConnectorError {
    if error.is_incomplete_message() {
        return ConnectorError::other(error.into(), Some(ErrorKind::TransientError));
    }
    ConnectorError::io(error.into())
}
