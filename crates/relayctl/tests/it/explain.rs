//! `relayctl explain` prints the bytes that the function sends, and no secret unless it is told to.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use aws_emulator::{Endpoint, Operation, Options};
use failure_event::envelope::{self, Delivery};
use failure_relay::aws::clients::Clients;
use failure_relay::relay::{Invocation, Relay};
use failure_relay::settings::Settings;
use failure_relay::telemetry::{Observer, Report};
use serde_json::{Value, json};

use crate::event_files::{bytes, files, root};

const ARN: &str = "arn:aws:lambda:us-east-1:123456789012:function:failure-relay";
const SETTINGS: [(&str, &str); 4] = [
    ("RELAY_ALLOWED_REGIONS", "us-east-2,us-west-2,eu-west-1"),
    ("RELAY_ALLOWED_ACCOUNTS", "111122223333"),
    ("RELAY_ROLE_NAME", "failure-relay-target"),
    ("RELAY_ABANDONED_WORK_QUEUES", "arn:aws:sqs:us-east-1:123456789012:render-jobs-dead-letters"),
];

/// API, region and body of a request.
type Request = (String, String, String);

fn explain(arguments: &[&str], paths: &[PathBuf]) -> Vec<Value> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_relayctl"));
    command
        .arg("explain")
        .args(["--json", "--region", "us-east-1"])
        .args(arguments)
        .args(paths)
        .current_dir(root());
    let output = command.envs(SETTINGS).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn explained(lines: &[Value]) -> BTreeSet<Request> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let requests = lines.iter().map(|line| &line["request"]);
    requests
        .map(|request| (text(&request["api"]), text(&request["region"]), text(&request["body"])))
        .collect()
}

#[derive(Debug)]
struct Deaf;

impl Observer for Deaf {
    fn event_ended(&self, _report: &Report<'_>) {}
}

/// What the function sends for these files, as the endpoint received it.
async fn sent(paths: &[PathBuf]) -> BTreeSet<Request> {
    let endpoint = Endpoint::start(Options { auto_open: true, ..Options::default() }).await.unwrap();
    endpoint.create_queue("dead-letters", &[]).unwrap();
    let relay = relay(&endpoint);
    for path in paths {
        let invocation = Invocation {
            payload: payload(&bytes(path)).into(),
            request_id: "r".to_owned(),
            function_arn: ARN.to_owned(),
            ends_at: None,
        };
        relay.invoke(invocation).await.unwrap();
    }
    let failures = [
        ("codepipeline:PutJobFailureResult", Operation::PutJobFailureResult),
        ("codepipeline:PutThirdPartyJobFailureResult", Operation::PutThirdPartyJobFailureResult),
        ("states:SendTaskFailure", Operation::SendTaskFailure),
        ("swf:RespondActivityTaskFailed", Operation::RespondActivityTaskFailed),
    ];
    let calls = failures.iter().flat_map(|(api, operation)| {
        let body = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let request = move |call: aws_emulator::RecordedCall| {
            ((*api).to_owned(), call.region.clone(), body(call.body()))
        };
        endpoint.calls_of(*operation).into_iter().map(request)
    });
    calls.collect()
}

fn relay(endpoint: &Endpoint) -> Relay {
    let queue = endpoint.queue_url("dead-letters");
    let lookup = |name: &str| match name {
        "AWS_ENDPOINT_URL" => Some(endpoint.url().to_owned()),
        "AWS_REGION" => Some("us-east-1".to_owned()),
        "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some("local".to_owned()),
        "RELAY_DEAD_LETTER_QUEUE_URL" => Some(queue.clone()),
        _ => SETTINGS.iter().find(|(set, _)| *set == name).map(|(_, value)| (*value).to_owned()),
    };
    let settings = Settings::from_variables(&lookup).unwrap();
    let clients = Clients::new(&settings);
    Relay::new(settings, clients, Deaf)
}

/// The file itself where it is a payload; else an SQS batch of it.
fn payload(bytes: &[u8]) -> Vec<u8> {
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let is_event_bridge = text.contains("\"detail-type\"") && !text.contains("eventSource");
    match envelope::open(&text) {
        Delivery::Single(_) if !is_event_bridge => {
            json!({"Records": [{"eventSource": "aws:sqs", "messageId": "m", "body": text}]})
                .to_string()
                .into_bytes()
        }
        _ => bytes.to_vec(),
    }
}

fn routable() -> Vec<PathBuf> {
    files().into_iter().filter(|file| file.parent().unwrap().ends_with("routable")).collect()
}

#[tokio::test]
async fn the_requests_that_are_printed_are_those_that_are_sent_to_the_byte() {
    let paths = routable();
    let printed = explained(&explain(&["--show-secrets"], &paths));
    assert!(printed.len() > 60, "only {} requests were printed", printed.len());
    assert_eq!(printed, sent(&paths).await);
}

#[test]
fn no_secret_is_printed_unless_it_is_asked_for() {
    let paths: Vec<PathBuf> = files();
    let hidden = explain(&[], &paths).iter().map(Value::to_string).collect::<String>();
    for (_, _, body) in explained(&explain(&["--show-secrets"], &routable())) {
        let body: Value = serde_json::from_str(&body).unwrap();
        for secret in ["taskToken", "clientToken"].iter().filter_map(|name| body[name].as_str()) {
            assert!(!hidden.contains(secret), "a {} of {} characters was printed", "token", secret.len());
        }
    }
    for credential in ["wJalrXUtnFEMI", "MIICiTCCAfICCQD6m7oRw0uXOjANBgkqhkiG9w0BAQUFADCB"] {
        assert!(!hidden.contains(credential));
    }
}
