//! An account in which executions wait, as the services describe it: one answer for each operation that a sweep calls.

use std::convert::Infallible;
use std::time::{SystemTime, UNIX_EPOCH};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

pub const MACHINE: &str = "arn:aws:states:us-east-1:123456789012:stateMachine:render";
const CLUSTER: &str = "arn:aws:ecs:us-east-1:123456789012:cluster/renderers";
const HOUR: u64 = 3600;

/// The services, on a port of this machine.
pub struct Account {
    pub url: String,
}

impl Account {
    /// Answers every operation but those that are denied.
    pub async fn start(denied: &'static [&'static str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let service = service_fn(move |request| respond(request, denied));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { url }
    }
}

async fn respond(request: Request<Incoming>, denied: &[&str]) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let target = head.headers.get("x-amz-target").map(|target| target.to_str().unwrap());
    let operation = match (target, head.uri.path()) {
        (Some(target), _) => target.rsplit('.').next().unwrap(),
        (None, "/v1/describejobs") => "DescribeJobs",
        (None, _) => "DescribeInstances",
    };
    let (status, answer) = if denied.contains(&operation) {
        (400, json!({"__type": "AccessDeniedException", "message": "not you"}).to_string())
    } else {
        (200, answer(operation, &serde_json::from_slice(&body).unwrap_or_default()))
    };
    Ok(Response::builder().status(status).body(Full::new(answer.into())).unwrap())
}

/// What waits: the execution, for what, and since when.
fn executions() -> Vec<(&'static str, &'static str, Value, u64)> {
    let task = |id: &str| {
        let arn = format!("arn:aws:ecs:us-east-1:123456789012:task/renderers/{id}");
        json!({"Tasks": [{"TaskArn": arn, "ClusterArn": CLUSTER}]})
    };
    vec![
        ("scene-7", "ecs", task("0f3ad16c"), 31 * 24 * HOUR),
        ("scene-8", "ecs", task("5b1c9e02"), 3 * HOUR),
        ("scene-9", "aws-sdk:batch", json!({"JobId": "9d6c2c1a"}), 5 * HOUR),
        ("audit", "sqs", json!({"MessageId": "m"}), 6 * HOUR),
    ]
}

fn answer(operation: &str, asked: &Value) -> String {
    match operation {
        "ListStateMachines" => json!({"stateMachines": [
            {"stateMachineArn": MACHINE, "type": "STANDARD"},
            {"stateMachineArn": MACHINE.replace("render", "thumbnails"), "type": "EXPRESS"}]}),
        "ListExecutions" => {
            assert_eq!(asked["stateMachineArn"], MACHINE);
            let execution = |(name, _, _, since): &(&str, &str, Value, u64)| {
                json!({"executionArn": execution_arn(name), "stateMachineArn": MACHINE, "startDate": ago(*since)})
            };
            json!({"executions": executions().iter().map(execution).collect::<Vec<_>>()})
        }
        "GetExecutionHistory" => {
            let executions = executions();
            let is_asked = |(name, ..): &&(&str, _, _, _)| asked["executionArn"] == execution_arn(name);
            let (name, resource_type, output, since) = executions.iter().find(is_asked).unwrap();
            json!({"events": history(name, resource_type, output, *since)})
        }
        "DescribeStateMachineForExecution" => {
            let parameters = json!({"Overrides": {"ContainerOverrides": [
                {"Name": "renderer", "Environment": [{"Name": "GRIP", "Value.$": "$$.Task.Token"}]}]}});
            let state = json!({"Type": "Task", "Resource": "arn:aws:states:::ecs:runTask.waitForTaskToken",
                "Parameters": parameters, "End": true});
            json!({"definition": json!({"StartAt": "Render", "States": {"Render": state}}).to_string()})
        }
        "DescribeTasks" => json!({"tasks": asked["tasks"].as_array().unwrap().iter().map(task).collect::<Vec<_>>()}),
        "DescribeJobs" => json!({"jobs": [
            {"jobId": "9d6c2c1a", "status": "SUCCEEDED", "stoppedAt": ago(4 * HOUR) * 1000}]}),
        other => panic!("nobody asks for {other}"),
    }
    .to_string()
}

/// One was killed, the other runs.
fn task(arn: &Value) -> Value {
    if arn.as_str().unwrap().ends_with("5b1c9e02") {
        return json!({"taskArn": arn, "lastStatus": "RUNNING"});
    }
    json!({
        "taskArn": arn, "lastStatus": "STOPPED", "stopCode": "EssentialContainerExited",
        "stoppedReason": "Essential container in task exited", "stoppedAt": ago(30 * 24 * HOUR),
        "containers": [{"name": "renderer", "exitCode": 137, "reason": "OutOfMemoryError"}],
    })
}

fn history(name: &str, resource_type: &str, output: &Value, since: u64) -> Value {
    let parameters = json!({"Overrides": {"ContainerOverrides": [
        {"Name": "renderer", "Environment": [{"Name": "GRIP", "Value": format!("AQCEAAAAKgAAAAMA-{name}")}]}]}});
    let action = if resource_type == "sqs" { "sendMessage" } else { "run" };
    json!([
        {"id": 1, "previousEventId": 0, "type": "TaskStateEntered", "timestamp": ago(since),
            "stateEnteredEventDetails": {"name": "Render", "input": "{}"}},
        {"id": 2, "previousEventId": 1, "type": "TaskScheduled", "timestamp": ago(since),
            "taskScheduledEventDetails": {"resourceType": resource_type, "region": "us-east-1",
                "resource": format!("{action}.waitForTaskToken"), "parameters": parameters.to_string()}},
        {"id": 3, "previousEventId": 2, "type": "TaskSubmitted", "timestamp": ago(since),
            "taskSubmittedEventDetails": {"output": output.to_string()}}
    ])
}

fn execution_arn(name: &str) -> String {
    format!("arn:aws:states:us-east-1:123456789012:execution:render:{name}")
}

/// Half an hour more, so that an age is the same however long a test takes.
fn ago(seconds: u64) -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() - seconds - HOUR / 2
}
