//! A relay whose log groups hold the ways of a few events, as the services describe it: one answer for each operation that
//! `relayctl trace` calls.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use failure_event::secret::fingerprint;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::wire::stack_resource;

pub const RELAY: &str = "/aws/lambda/failure-relay";
const WATCH: &str = "/aws/lambda/failure-relay-watch";
pub const EXECUTION: &str = "arn:aws:states:us-east-1:123456789012:execution:render:scene-7";
pub const TOKEN: &str = "AQCEAAAAKgAAAAMA-scene-7";

/// What the fake answers with, and what it was asked for.
struct State {
    denied: &'static [&'static str],
    dead_letter_queue: String,
    asked: Mutex<Vec<(String, Value)>>,
}

/// The services, on a port of this machine.
pub struct Trail {
    pub url: String,
    state: Arc<State>,
}

impl Trail {
    /// Answers every operation but those that are denied. The function's dead-letter queue is the one of this URL.
    pub async fn start(dead_letter_queue: String, denied: &'static [&'static str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(State { denied, dead_letter_queue, asked: Mutex::default() });
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                let service = service_fn(move |request| respond(request, Arc::clone(&state)));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { url, state }
    }

    /// The bodies of the requests for an operation.
    pub fn asked(&self, operation: &str) -> Vec<Value> {
        let asked = self.state.asked.lock().unwrap();
        asked.iter().filter(|(name, _)| name == operation).map(|(_, body)| body.clone()).collect()
    }
}

async fn respond(request: Request<Incoming>, state: Arc<State>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let operation = match head.headers.get("x-amz-target").map(|target| target.to_str().unwrap()) {
        Some(target) => target.rsplit('.').next().unwrap().to_owned(),
        None if head.uri.path().ends_with("/configuration") => "GetFunctionConfiguration".to_owned(),
        None => "ListStackResources".to_owned(),
    };
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    state.asked.lock().unwrap().push((operation.clone(), body.clone()));
    let (status, answer) = if state.denied.contains(&operation.as_str()) {
        (400, json!({"__type": "AccessDeniedException", "message": "not you"}).to_string())
    } else {
        (200, answer(&operation, &body, &state))
    };
    Ok(Response::builder().status(status).body(Full::new(answer.into())).unwrap())
}

fn answer(operation: &str, request: &Value, state: &State) -> String {
    match operation {
        "ListStackResources" => stack(),
        "GetFunctionConfiguration" => json!({
            "FunctionName": "failure-relay",
            "State": "Active",
            "Environment": {"Variables": {
                "RELAY_DEAD_LETTER_QUEUE_URL": state.dead_letter_queue,
                "RELAY_RETRY_CAP_SECONDS": "600",
                "RELAY_TASK_TOKEN_NAMES": "OTHER, GRIP",
            }},
        })
        .to_string(),
        "FilterLogEvents" => filtered(request).to_string(),
        "GetExecutionHistory" => history(request).to_string(),
        "DescribeStateMachineForExecution" => definition().to_string(),
        other => panic!("trace called {other}, which its help does not list"),
    }
}

fn stack() -> String {
    let resources = [
        stack_resource("AWS::Lambda::Function", "x", "failure-relay"),
        stack_resource("AWS::Logs::LogGroup", "x", RELAY),
        stack_resource("AWS::Logs::LogGroup", "x", WATCH),
    ];
    let listed = format!("<StackResourceSummaries>{}</StackResourceSummaries>", resources.concat());
    format!(
        "<ListStackResourcesResponse><ListStackResourcesResult>{listed}</ListStackResourcesResult></ListStackResourcesResponse>"
    )
}

/// As CloudWatch Logs does it: the first page may be empty, and a `*` stands for anything.
fn filtered(request: &Value) -> Value {
    let group = request["logGroupName"].as_str().unwrap();
    if request.get("nextToken").is_none() {
        return json!({"events": [], "nextToken": "second page"});
    }
    let pattern = request["filterPattern"].as_str().unwrap();
    let matches = |line: &Value| {
        let conditions = pattern.trim_matches(['{', '}', ' ']).split(" || ");
        conditions.into_iter().any(|condition| {
            let condition = condition.trim_matches(['(', ')']);
            let (member, value) = condition.strip_prefix("$.").unwrap().split_once(" = ").unwrap();
            let value: String = serde_json::from_str(value).unwrap();
            let start = value.split('*').next().unwrap();
            line[member]
                .as_str()
                .is_some_and(|text| if value.contains('*') { text.starts_with(start) } else { text == value })
        })
    };
    let lines = lines().into_iter().filter(|(of, line)| *of == group && matches(line));
    let events: Vec<Value> = lines
        .map(|(_, line)| json!({"timestamp": 7, "logStreamName": "2026/11/20/[1]8f", "message": line.to_string()}))
        .collect();
    json!({"events": events})
}

fn lines() -> Vec<(&'static str, Value)> {
    let kind = "step-functions-task";
    let busy = "the service answered with ServiceUnavailable (HTTP 503)";
    let line = |at: &str, mut members: Value| {
        members["timestamp"] = json!(format!("2026-11-20T{at}Z"));
        members
    };
    let of_render = |at: &str, outcome: &str, receives: u64, duration: u64, age: u64| {
        let mut members = json!({
            "outcome": outcome, "target_kind": kind, "target_fingerprint": "9747f4cb18cad243",
            "event_id": "render-7f3a", "source": "render-farm", "publisher": "AROA4EXAMPLERENDERER:i-0123456789abcdef0",
            "record_id": "2e1424e4-f796-459a-8184-9c92662be6da", "receives": receives, "duration_ms": duration,
            "age_ms": age,
        });
        if outcome != "relayed" {
            members["service_error"] = json!("ServiceUnavailable");
            members["retry_reason"] = json!(busy);
        }
        line(at, members)
    };
    let print = fingerprint(TOKEN);
    vec![
        (RELAY, of_render("10:25:12.600000", "relayed", 4, 80, 612_600)),
        (RELAY, of_render("10:15:03.000000", "retry", 1, 2000, 3000)),
        (RELAY, of_render("10:15:40.500000", "retry", 2, 2000, 40_500)),
        (RELAY, of_render("10:17:02.250000", "parked", 3, 2000, 122_250)),
        (
            RELAY,
            line(
                "10:20:00.000000",
                json!({"outcome": "relayed", "event_id": "render-7f3b", "target_fingerprint": "0000000000000000"}),
            ),
        ),
        (
            RELAY,
            line(
                "11:00:00.000000",
                json!({"outcome": "dead-lettered", "event_id": "audit-7", "receives": 1, "duration_ms": 4,
                    "record_id": "6c7a8f5e-13a1-4a43-9c38-d63d0a3d9c00", "error_code": "INVALID_EVENT",
                    "error_message": "target.jobId: is missing"}),
            ),
        ),
        (
            WATCH,
            line(
                "12:30:01.000000",
                json!({"level": "WARN", "execution": EXECUTION, "state": "Render", "target_fingerprint": print,
                    "message": "a task waits for a worker that is gone: the ECS task 0f3ad16c stopped (exit code 137)"}),
            ),
        ),
        (
            RELAY,
            line(
                "12:30:02.400000",
                json!({"outcome": "relayed", "event_id": format!("sweep-{print}"), "target_kind": kind,
                    "target_fingerprint": print, "receives": 1, "duration_ms": 60}),
            ),
        ),
    ]
}

/// Its one task was failed by then: it waits no longer.
fn history(request: &Value) -> Value {
    assert_eq!(request["executionArn"], EXECUTION);
    let variable = json!({"Name": "GRIP", "Value": TOKEN});
    let parameters =
        json!({"Overrides": {"ContainerOverrides": [{"Name": "renderer", "Environment": [variable]}]}});
    let at = |seconds: u64| json!(1_795_166_130 + seconds);
    json!({"events": [
        {"id": 1, "previousEventId": 0, "type": "TaskStateEntered", "timestamp": at(0),
            "stateEnteredEventDetails": {"name": "Render", "input": "{}"}},
        {"id": 2, "previousEventId": 1, "type": "TaskScheduled", "timestamp": at(1),
            "taskScheduledEventDetails": {"resourceType": "ecs", "region": "us-east-1",
                "resource": "runTask.waitForTaskToken", "parameters": parameters.to_string()}},
        {"id": 3, "previousEventId": 2, "type": "TaskFailed", "timestamp": at(11_673)},
        {"id": 4, "previousEventId": 3, "type": "ExecutionFailed", "timestamp": at(11_674)}
    ]})
}

fn definition() -> Value {
    let variable = json!({"Name": "GRIP", "Value.$": "$$.Task.Token"});
    let definition = json!({"StartAt": "Render", "States": {"Render": {
        "Type": "Task",
        "Resource": "arn:aws:states:::ecs:runTask.waitForTaskToken",
        "Parameters": {"Overrides": {"ContainerOverrides": [{"Name": "renderer", "Environment": [variable]}]}},
        "End": true,
    }}});
    json!({"definition": definition.to_string()})
}
