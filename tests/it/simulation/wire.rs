//! The SDK's way to the embedded endpoint: HTTP/1.1 over streams in memory, one for each call, without sockets or threads.

use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::ErrorKind;
use failure_relay::local::Endpoint;
use hyper_util::rt::TokioIo;

use super::dice::Dice;

/// An HTTP client that knows one server.
#[derive(Clone, Debug)]
pub struct InMemory {
    endpoint: Endpoint,
    panics: Arc<Mutex<Panics>>,
}

/// Now and then the client panics, as any code may.
#[derive(Debug)]
pub struct Panics {
    pub per_mille: u64,
    pub dice: Dice,
}

impl InMemory {
    pub fn new(endpoint: Endpoint, panics: Arc<Mutex<Panics>>) -> Self {
        Self { endpoint, panics }
    }

    fn panic_now_and_then(&self) {
        let is_due = {
            let Panics { per_mille, dice } = &mut *self.panics.lock().unwrap();
            dice.per_mille(*per_mille)
        };
        if is_due {
            // Unlike `panic!`, this prints nothing.
            std::panic::resume_unwind(Box::new("a panic of the simulation"));
        }
    }

    async fn send(self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        self.panic_now_and_then();
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
