//! The one HTTP client under all SDK clients: HTTP/1.1 over TCP or TLS, with one pool of connections.
//!
//! The SDK's own client reads and parses the machine's root certificates for every service client that is made, and brings
//! HTTP/2, proxies and a pool for each set of time limits along. This one does nothing until a connection is wanted, and the
//! root certificates that are compiled in take no parsing. It knows no proxy: `HTTPS_PROXY` is not read.

use std::error::Error;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::connection::{CaptureSmithyConnection, ConnectionMetadata};
use aws_smithy_runtime_api::client::connector_metadata::ConnectorMetadata;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::ErrorKind;
use http::Uri;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::{
    CaptureConnection, HttpConnector as TcpConnector, HttpInfo, capture_connection,
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::time::error::Elapsed;
use tower::Service;

use crate::aws::answer::causes;
use crate::log_line::short;
use crate::settings::TrustedRoots;

/// The most time to open a connection, its TLS handshake included.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(1500);

/// The services close an idle connection after 20 s, unseen while the function is frozen; ours goes first.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(15);

/// The HTTP client for all SDK clients. Nothing is opened or read yet.
#[must_use]
pub fn client(roots: &TrustedRoots) -> SharedHttpClient {
    let connector = Connector { roots: roots.clone(), https: Arc::default() };
    let pool = legacy::Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(POOL_IDLE_TIMEOUT)
        .build(connector);
    SharedHttpClient::new(Https(SharedHttpConnector::new(Pool(pool))))
}

/// One pool for every service, whatever time limits a call has: that of opening a connection is ours, those of attempts and calls
/// the SDK keeps, and that of an answer is kept around the pool.
#[derive(Debug)]
struct Https(SharedHttpConnector);

impl HttpClient for Https {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        match settings.read_timeout() {
            Some(limit) => SharedHttpConnector::new(AnsweredWithin { limit, connector: self.0.clone() }),
            None => self.0.clone(),
        }
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        Some(ConnectorMetadata::new("hyper", Some("1.x".into())))
    }
}

/// A connector whose answers begin within a limit. The relay's own clients set none.
#[derive(Debug)]
struct AnsweredWithin {
    limit: Duration,
    connector: SharedHttpConnector,
}

impl HttpConnector for AnsweredWithin {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let answer = tokio::time::timeout(self.limit, self.connector.call(request));
        HttpConnectorFuture::new(async move {
            answer.await.unwrap_or_else(|elapsed| Err(ConnectorError::timeout(elapsed.into())))
        })
    }
}

struct Pool(legacy::Client<Connector, SdkBody>);

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pool")
    }
}

impl HttpConnector for Pool {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut request = match request.try_into_http1x() {
            Ok(request) => request,
            Err(error) => return HttpConnectorFuture::ready(Err(ConnectorError::user(error.into()))),
        };
        let connection = capture_connection(&mut request);
        if let Some(capture) = request.extensions().get::<CaptureSmithyConnection>() {
            // After an error that may be the connection's own, the SDK asks that it be used no more.
            capture.set_connection_retriever(move || metadata(&connection));
        }
        let answer = self.0.request(request);
        HttpConnectorFuture::new(async move {
            let answer = answer.await.map_err(connector_error)?;
            HttpResponse::try_from(answer.map(SdkBody::from_body_1_x))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

fn metadata(connection: &CaptureConnection) -> Option<ConnectionMetadata> {
    let mut extensions = http::Extensions::new();
    connection.connection_metadata().as_ref()?.get_extras(&mut extensions);
    let info = extensions.get::<HttpInfo>();
    let connection = connection.clone();
    let mut builder = ConnectionMetadata::builder().proxied(false).poison_fn(move || {
        if let Some(connection) = connection.connection_metadata().as_ref() {
            connection.poison();
        }
    });
    builder.set_local_addr(info.map(HttpInfo::local_addr)).set_remote_addr(info.map(HttpInfo::remote_addr));
    Some(builder.build())
}

/// Which errors the SDK tries again, as its own HTTP client tells them apart.
fn connector_error(error: legacy::Error) -> ConnectorError {
    if source::<Elapsed>(&error).is_some() {
        return ConnectorError::timeout(error.into());
    }
    match source::<hyper::Error>(&error) {
        Some(broken) if broken.is_timeout() => ConnectorError::timeout(error.into()),
        Some(broken) if broken.is_user() => ConnectorError::user(error.into()),
        Some(broken) if broken.is_incomplete_message() => {
            ConnectorError::other(error.into(), Some(ErrorKind::TransientError))
        }
        Some(broken) if broken.is_closed() || broken.is_canceled() => ConnectorError::io(error.into()),
        _ if error.is_connect() || source::<io::Error>(&error).is_some() => ConnectorError::io(error.into()),
        _ => ConnectorError::other(error.into(), None),
    }
}

fn source<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    causes(error).find_map(<dyn Error>::downcast_ref)
}

/// Opens connections, each within [`CONNECT_TIMEOUT`].
#[derive(Clone)]
struct Connector {
    roots: TrustedRoots,
    /// Made for the first connection: it may have to read files.
    https: Arc<OnceLock<HttpsConnector<TcpConnector>>>,
}

type Connection = MaybeHttpsStream<TokioIo<TcpStream>>;

impl Service<Uri> for Connector {
    type Response = Connection;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Connection, BoxError>> + Send>>;

    /// The connector below is always ready.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = self.https.get_or_init(|| https_connector(&self.roots)).clone().call(uri);
        Box::pin(async move { tokio::time::timeout(CONNECT_TIMEOUT, connecting).await? })
    }
}

fn https_connector(roots: &TrustedRoots) -> HttpsConnector<TcpConnector> {
    let mut tcp = TcpConnector::new();
    tcp.enforce_http(false);
    // A request is one small write; Nagle's algorithm would hold back what follows it.
    tcp.set_nodelay(true);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let Ok(versions) = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()
    else {
        unreachable!("the provider's own cipher suites serve the default versions")
    };
    let mut tls = versions.with_root_certificates(root_certificates(roots)).with_no_client_auth();
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    HttpsConnector::from((tcp, tls))
}

fn root_certificates(roots: &TrustedRoots) -> RootCertStore {
    let (place, found) = match roots {
        TrustedRoots::CompiledIn => {
            return RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        }
        TrustedRoots::Machine => ("this machine has", vec![rustls_native_certs::load_native_certs()]),
        TrustedRoots::Named { file, directories } => {
            let file = file.as_deref().map(|file| (Some(file), None));
            let paths = file.into_iter().chain(directories.iter().map(|path| (None, Some(path.as_path()))));
            let load = |(file, directory)| rustls_native_certs::load_certs_from_paths(file, directory);
            ("SSL_CERT_FILE and SSL_CERT_DIR hold", paths.map(load).collect())
        }
    };
    let mut store = RootCertStore::empty();
    for certificates in found {
        for error in &certificates.errors {
            tracing::warn!("a root certificate cannot be read: {}", short(&error.to_string()));
        }
        store.add_parsable_certificates(certificates.certs);
    }
    if store.is_empty() {
        tracing::error!("{place} no root certificate: no server can be trusted");
    }
    store
}
