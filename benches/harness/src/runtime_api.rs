//! The Lambda Runtime API for one process: `next` waits for a payload, `response` hands the answer back.
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;

/// How long an invocation may take by its deadline.
const TIME_LIMIT_MS: u128 = 120_000;

/// What the process did.
pub enum Event {
    /// It asked for work.
    Ready(Instant),
    /// It answered, with this body.
    Answered(Instant, Bytes),
    /// It reported an error instead.
    Failed(String),
}

pub struct RuntimeApi {
    pub address: String,
    pub events: mpsc::UnboundedReceiver<Event>,
    payloads: mpsc::UnboundedSender<String>,
    server: JoinHandle<()>,
}

struct Shared {
    waiting: Mutex<mpsc::UnboundedReceiver<String>>,
    events: mpsc::UnboundedSender<Event>,
}

impl RuntimeApi {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port on loopback");
        let address = listener.local_addr().expect("a bound port").to_string();
        let (payloads, waiting) = mpsc::unbounded_channel();
        let (sender, events) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared { waiting: Mutex::new(waiting), events: sender });
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                let shared = Arc::clone(&shared);
                tokio::spawn(async move {
                    let service = service_fn(move |request| answer(Arc::clone(&shared), request));
                    // A process that is stopped breaks its connections.
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self { address, events, payloads, server }
    }

    pub fn hand_out(&self, payload: &str) {
        self.payloads.send(payload.to_owned()).expect("a running server");
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn answer(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path().to_owned();
    if request.method() == Method::GET && path.ends_with("/invocation/next") {
        // Nobody listens to a process that is being stopped.
        let _ = shared.events.send(Event::Ready(Instant::now()));
        let Some(payload) = shared.waiting.lock().await.recv().await else { return Ok(Response::default()) };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_millis();
        let response = Response::builder()
            .header("Content-Type", "application/json")
            .header("Lambda-Runtime-Aws-Request-Id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd")
            .header("Lambda-Runtime-Deadline-Ms", (now + TIME_LIMIT_MS).to_string())
            .header(
                "Lambda-Runtime-Invoked-Function-Arn",
                "arn:aws:lambda:eu-west-1:111122223333:function:relay",
            )
            .header("Lambda-Runtime-Trace-Id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0");
        return Ok(response.body(Full::from(payload)).expect("a valid response"));
    }
    let body =
        request.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let event = if path.ends_with("/response") {
        Event::Answered(Instant::now(), body)
    } else {
        Event::Failed(format!("{path}: {}", String::from_utf8_lossy(&body)))
    };
    let _ = shared.events.send(event);
    Ok(Response::builder().status(202).body(Full::from("{\"status\":\"OK\"}")).expect("a valid response"))
}
