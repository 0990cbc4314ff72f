//! A deployment in which much is wrong, as the services describe it: one answer for each operation that `relayctl doctor` calls.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::wire::{operation, stack_resource};

const QUEUE: &str = "arn:aws:sqs:us-east-1:123456789012:failures";
const DEAD_LETTERS: &str = "arn:aws:sqs:us-east-1:123456789012:dead-letters";
const QUEUE_URL: &str = "https://sqs.us-east-1.amazonaws.com/123456789012/failures";
const TABLE: &str = "failure-relay-leases";
const DEAD_LETTERS_URL: &str = "https://sqs.us-east-1.amazonaws.com/123456789012/dead-letters";

/// It may fail tasks of its own region only, though another is allowed.
const POLICY: &str = r#"{"Version":"2012-10-17","Statement":[
    {"Effect":"Allow","Action":["sqs:ReceiveMessage","sqs:DeleteMessage","sqs:GetQueueAttributes"],"Resource":"*"},
    {"Effect":"Allow","Action":"sqs:SendMessage","Resource":"*"},
    {"Effect":"Allow","Action":"states:SendTaskFailure","Resource":"arn:aws:states:us-east-1:123456789012:*"}]}"#;

const RENDER: &str = "arn:aws:states:us-east-1:123456789012:stateMachine:render";

const STACK_WITH_ECS_NOTICES_OFF: &str = "<Stacks><member><StackName>failure-relay</StackName>\
    <CreationTime>2026-11-20T10:15:30Z</CreationTime><StackStatus>CREATE_COMPLETE</StackStatus><Parameters>\
    <member><ParameterKey>EcsTaskNotices</ParameterKey><ParameterValue>false</ParameterValue></member>\
    <member><ParameterKey>TaskTokenNames</ParameterKey><ParameterValue>RENDER_TOKEN</ParameterValue></member>\
    </Parameters></member></Stacks>";

/// The services, on a port of this machine.
pub struct Deployed {
    pub url: String,
}

impl Deployed {
    /// Answers every operation but those that are denied.
    pub async fn start(denied: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let denied: Arc<[String]> = denied.iter().map(|&operation| operation.to_owned()).collect();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let denied = Arc::clone(&denied);
                let service = service_fn(move |request| respond(request, Arc::clone(&denied)));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { url }
    }
}

async fn respond(
    request: Request<Incoming>,
    denied: Arc<[String]>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let target = head.headers.get("x-amz-target").map(|target| target.to_str().unwrap());
    let operation = operation(target, head.uri.path(), &String::from_utf8_lossy(&body));
    let (status, answer) = if denied.contains(&operation) {
        (403, refusal(&operation))
    } else {
        (200, answer(&operation, &body))
    };
    let response = Response::builder().status(status);
    let response = match &answer {
        Answer::Cbor(_) => response.header("smithy-protocol", "rpc-v2-cbor"),
        Answer::Json(_) | Answer::Xml(_) => response,
    };
    Ok(response.body(Full::new(answer.into_bytes())).unwrap())
}

enum Answer {
    Json(Value),
    Xml(String),
    Cbor(Vec<u8>),
}

impl Answer {
    fn into_bytes(self) -> Bytes {
        match self {
            Answer::Json(value) => value.to_string().into(),
            Answer::Xml(text) => text.into(),
            Answer::Cbor(bytes) => bytes.into(),
        }
    }
}

fn refusal(operation: &str) -> Answer {
    match operation {
        "DescribeAlarms" => Answer::Cbor(b"\xa1\x66__type\x6cAccessDenied".to_vec()),
        "GetFunctionConfiguration" | "ListStateMachines" | "DescribeStateMachine" => {
            Answer::Json(json!({"__type": "AccessDeniedException"}))
        }
        _ => Answer::Xml(
            "<ErrorResponse><Error><Code>AccessDenied</Code><Message>not you</Message></Error></ErrorResponse>"
                .to_owned(),
        ),
    }
}

fn answer(operation: &str, request: &[u8]) -> Answer {
    let named = |member: &str| {
        let request: Value = serde_json::from_slice(request).unwrap();
        request[member].as_str().unwrap().to_owned()
    };
    match operation {
        "ListStackResources" => xml(operation, &stack()),
        "GetFunctionConfiguration" => Answer::Json(function()),
        // Without FunctionResponseTypes.
        "ListEventSourceMappings" => Answer::Json(json!({
            "EventSourceMappings": [{"EventSourceArn": QUEUE, "State": "Enabled"}],
        })),
        "GetQueueUrl" => Answer::Json(json!({
            "QueueUrl": if named("QueueName") == "failures" { QUEUE_URL } else { DEAD_LETTERS_URL },
        })),
        "GetQueueAttributes" => Answer::Json(json!({"Attributes": queue(&named("QueueUrl"))})),
        "ListAttachedRolePolicies" => xml(
            operation,
            "<IsTruncated>false</IsTruncated><AttachedPolicies><member><PolicyName>relay</PolicyName>\
             <PolicyArn>arn:aws:iam::123456789012:policy/relay</PolicyArn></member></AttachedPolicies>",
        ),
        "GetPolicy" => xml(operation, "<Policy><DefaultVersionId>v3</DefaultVersionId></Policy>"),
        "GetPolicyVersion" => {
            let document = POLICY.replace('"', "%22").replace('\n', "%0A");
            xml(operation, &format!("<PolicyVersion><Document>{document}</Document></PolicyVersion>"))
        }
        "ListRolePolicies" => xml(operation, "<IsTruncated>false</IsTruncated><PolicyNames/>"),
        "ListRuleNamesByTarget" => Answer::Json(json!({"RuleNames": ["every-failure"]})),
        "DescribeRule" => Answer::Json(json!({"Name": "every-failure", "State": "ENABLED"})),
        "ListTargetsByRule" => Answer::Json(json!({"Targets": []})),
        "DescribeAlarms" => Answer::Cbor(b"\xa1\x6cMetricAlarms\x80".to_vec()),
        "ListStateMachines" => Answer::Json(state_machines()),
        "DescribeStateMachine" => Answer::Json(state_machine(&named("stateMachineArn"))),
        "DescribeStacks" => xml(operation, STACK_WITH_ECS_NOTICES_OFF),
        // Of `relayctl leases`.
        "Query" => Answer::Json(leases(&named("TableName"), request)),
        other => panic!("doctor called {other}, which its help does not list"),
    }
}

fn xml(operation: &str, result: &str) -> Answer {
    Answer::Xml(format!(
        "<{operation}Response><{operation}Result>{result}</{operation}Result></{operation}Response>"
    ))
}

fn stack() -> String {
    let function = stack_resource("AWS::Lambda::Function", "x", "failure-relay");
    let rule = stack_resource("AWS::Events::Rule", "x", "failures|every-failure");
    let table = stack_resource("AWS::DynamoDB::Table", "x", TABLE);
    format!("<StackResourceSummaries>{function}{rule}{table}</StackResourceSummaries>")
}

/// One lease that holds, and one that nobody renewed. Ages are half a minute from where their minutes change.
fn leases(table: &str, request: &[u8]) -> Value {
    assert_eq!(table, TABLE);
    let request: Value = serde_json::from_slice(request).unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let lease = |fingerprint: &str, sent: u64, due: u64, source: &str| {
        json!({
            "pk": {"S": "lease#c0ffee"}, "sk": {"S": "lease"}, "due_shard": {"S": "3"},
            "due_at": {"N": (due * 1000).to_string()}, "sent_at": {"N": (sent * 1000).to_string()},
            "kind": {"S": "step-functions-task"}, "region": {"S": "us-east-1"}, "account": {"S": "123456789012"},
            "fingerprint": {"S": fingerprint}, "source": {"S": source}, "event_id": {"S": "render-0417"},
        })
    };
    let items = match request["ExpressionAttributeValues"][":shard"]["S"].as_str().unwrap() {
        "3" => vec![lease("9747f4cb18cad243", now - 150, now + 450, "render-farm")],
        "5" => vec![lease("09c1bdc7aadaca1a", now - 750, now - 150, "render-farm-2")],
        _ => vec![],
    };
    json!({"Items": items})
}

fn function() -> Value {
    json!({
        "FunctionName": "failure-relay",
        "Role": "arn:aws:iam::123456789012:role/relay",
        "State": "Active",
        "Timeout": 30,
        "Environment": {"Variables": {
            "RELAY_DEAD_LETTER_QUEUE_URL": DEAD_LETTERS_URL,
            "RELAY_TARGETS": "step-functions-task",
            "RELAY_ALLOWED_REGIONS": "us-west-2",
        }},
    })
}

/// A standard machine, and an express one that is not to be described.
fn state_machines() -> Value {
    let machine = |name: &str, kind: &str| {
        let arn = RENDER.replace("render", name);
        json!({"stateMachineArn": arn, "name": name, "type": kind, "creationDate": 1_795_169_730})
    };
    json!({"stateMachines": [machine("render", "STANDARD"), machine("thumbnail", "EXPRESS")]})
}

/// It waits for an ECS task, and knows no limit.
fn state_machine(arn: &str) -> Value {
    assert_eq!(arn, RENDER, "only standard machines wait");
    let variable = json!({"Name": "RENDER_TOKEN", "Value.$": "$$.Task.Token"});
    let definition = json!({"StartAt": "Render", "States": {"Render": {
        "Type": "Task",
        "Resource": "arn:aws:states:::ecs:runTask.waitForTaskToken",
        "Parameters": {"Overrides": {"ContainerOverrides": [{"Name": "render", "Environment": [variable]}]}},
        "End": true,
    }}});
    json!({
        "stateMachineArn": arn,
        "name": "render",
        "type": "STANDARD",
        "definition": definition.to_string(),
        "roleArn": "arn:aws:iam::123456789012:role/render",
        "creationDate": 1_795_169_730,
    })
}

fn queue(url: &str) -> Value {
    if url == QUEUE_URL {
        let redrive = json!({"deadLetterTargetArn": DEAD_LETTERS, "maxReceiveCount": 3});
        return json!({
            "QueueArn": QUEUE,
            "VisibilityTimeout": "30",
            "MessageRetentionPeriod": "1209600",
            "SqsManagedSseEnabled": "true",
            "RedrivePolicy": redrive.to_string(),
        });
    }
    json!({
        "QueueArn": DEAD_LETTERS,
        "VisibilityTimeout": "30",
        "MessageRetentionPeriod": "345600",
        "SqsManagedSseEnabled": "false",
        "ApproximateNumberOfMessages": "13",
    })
}
