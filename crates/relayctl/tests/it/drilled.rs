//! Deployments that `relayctl drill` can try: the embedded endpoint's queues, a relay that knows no task but those of its own Step
//! Functions, and the other services as far as a drill calls them. The stack `failure-relay` is sound; of `failure-relay-2` the
//! mapping is disabled and the role may not fail Step Functions tasks. The bus's rule is disabled in one more, and deleted in another.

mod answers;
mod relay;

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use aws_emulator::Endpoint;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;

use crate::tool::create_queues;
use crate::wire::operation;

pub const QUEUE: &str = "drilled";
pub const DEAD_LETTERS: &str = "drilled-dead-letters";

/// The services, on ports of this machine.
pub struct Drilled {
    /// The queues.
    pub endpoint: Arc<Endpoint>,
    /// Where all services are.
    pub url: String,
    stage: Arc<Stage>,
}

/// What the services and the relay share.
struct Stage {
    endpoint: Arc<Endpoint>,
    denied: Vec<String>,
    /// The operations that changed something, in their order.
    changes: Mutex<Vec<String>>,
    /// What the execution was told: error and cause.
    told: Mutex<Option<(String, String)>>,
    /// Whether the relay looks away from its queue.
    is_asleep: bool,
    /// Whether the function that was read last has a mapping that is disabled.
    is_disabled: Mutex<bool>,
}

impl Drilled {
    /// Answers every operation but those that are denied.
    pub async fn start(denied: &[&str]) -> Self {
        Self::start_with(denied, false).await
    }

    /// Nobody takes what is on the queue, and no examination can see it.
    pub async fn start_asleep() -> Self {
        Self::start_with(&[], true).await
    }

    async fn start_with(denied: &[&str], is_asleep: bool) -> Self {
        let endpoint = Arc::new(Endpoint::start(aws_emulator::Options::default()).await.unwrap());
        create_queues(&endpoint, QUEUE, DEAD_LETTERS);
        let stage = Arc::new(Stage {
            endpoint: Arc::clone(&endpoint),
            denied: denied.iter().map(|&operation| operation.to_owned()).collect(),
            changes: Mutex::default(),
            told: Mutex::default(),
            is_asleep,
            is_disabled: Mutex::default(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let served = Arc::clone(&stage);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let stage = Arc::clone(&served);
                let service = service_fn(move |request| respond(request, Arc::clone(&stage)));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        tokio::spawn(relay::work_off(Arc::clone(&stage)));
        Self { endpoint, url, stage }
    }

    /// The operations that made, started, stopped or deleted something.
    pub fn changes(&self) -> Vec<String> {
        self.stage.changes.lock().unwrap().clone()
    }
}

async fn respond(request: Request<Incoming>, stage: Arc<Stage>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let body = String::from_utf8_lossy(&body).into_owned();
    let target = head.headers.get("x-amz-target").map(|target| target.to_str().unwrap());
    let operation = operation(target, head.uri.path(), &body);
    let is_deleted = operation == "DescribeRule" && parsed(&body)["Name"] == answers::DELETED_RULE;
    let (status, text) = if stage.denied.contains(&operation) {
        (400, r#"{"__type": "AccessDeniedException", "message": "not you"}"#.to_owned())
    } else if is_deleted {
        (400, r#"{"__type": "ResourceNotFoundException", "message": "no such rule"}"#.to_owned())
    } else {
        (200, answers::answer(&operation, head.uri.path(), &body, &stage))
    };
    let response = Response::builder().status(status);
    let response = if operation == "DescribeAlarms" {
        response.header("smithy-protocol", "rpc-v2-cbor")
    } else {
        response
    };
    let bytes = if operation == "DescribeAlarms" {
        Bytes::from_static(b"\xa1\x6cMetricAlarms\x80")
    } else {
        text.into()
    };
    Ok(response.body(Full::new(bytes)).unwrap())
}

fn parsed(body: &str) -> Value {
    serde_json::from_str(body).unwrap()
}
