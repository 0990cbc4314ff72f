//! `relayctl explain` prints the bytes that the function sends, and no secret unless it is told to.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use aws_emulator::{Endpoint, Operation, Options, RecordedCall};
use failure_event::envelope::{self, Delivery, Record};
use failure_event::operation::Wire;
use failure_event::place::Home;
use failure_event::request::{Address, Secrets};
use failure_event::route::{Decision, PlannedCall, route};
use failure_event::target::Kind;
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

/// A request as far as `explain` tells it: which operation and region, then all that goes over the wire but the signature.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Request {
    api: String,
    region: String,
    method: String,
    /// Of a presigned URL alone: another's is the endpoint's.
    host: Option<String>,
    path: String,
    headers: BTreeMap<String, String>,
    pub body: String,
}

pub fn explain(arguments: &[&str], paths: &[PathBuf]) -> Vec<Value> {
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

pub fn explained(lines: &[Value]) -> BTreeSet<Request> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let headers = |request: &Value| {
        let headers = request["headers"].as_object().unwrap().iter();
        headers.map(|(name, value)| (name.clone(), text(value))).collect()
    };
    let requests = lines.iter().map(|line| &line["request"]).map(|request| Request {
        api: text(&request["api"]),
        region: text(&request["region"]),
        method: text(&request["method"]),
        host: request["host"].as_str().map(str::to_owned),
        path: text(&request["path"]),
        headers: headers(request),
        body: text(&request["body"]),
    });
    requests.collect()
}

/// A call as the endpoint received it, with those of its headers that a request of this operation has.
pub fn received(call: &RecordedCall, operation: &failure_event::operation::Operation) -> Request {
    let is_presigned = operation.wire == Wire::PresignedPut;
    let names: &[&str] = match operation.wire {
        Wire::AwsJson { .. } => &["content-type", "x-amz-target"],
        Wire::RestJson { .. } | Wire::Query { .. } | Wire::PresignedPut => &["content-type"],
    };
    let header = |name: &&str| ((*name).to_owned(), call.header(name).unwrap_or("is missing").to_owned());
    let query = call.query().map(|query| format!("?{query}")).unwrap_or_default();
    assert_eq!(call.signed_for.is_none(), is_presigned, "{}", operation.name);
    assert_eq!(call.header("authorization").is_none(), is_presigned, "{}", operation.name);
    if let Some(scope) = &call.signed_for {
        assert_eq!(scope.service, operation.service.signing_name, "{}", operation.name);
    }
    Request {
        api: operation.label(),
        region: call.region.clone(),
        method: call.method().to_owned(),
        host: call.header("host").filter(|_| is_presigned).map(str::to_owned),
        path: format!("{}{query}", call.path()),
        headers: names.iter().map(header).collect(),
        body: String::from_utf8(call.body().to_vec()).unwrap(),
    }
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
    let relay = relay(&endpoint, &[]);
    for path in paths {
        relay.invoke(invocation(payload(&bytes(path)))).await.unwrap();
    }
    let operations = Kind::ALL.iter().flat_map(|kind| kind.operations());
    let calls = operations.flat_map(|operation| {
        let played = Operation::all().find(|played| played.name() == operation.name);
        let calls = endpoint.calls_of(played.expect("the endpoint plays each operation"));
        assert!(!calls.is_empty(), "no event in events/ leads to {}", operation.name);
        calls.into_iter().map(move |call| received(&call, operation))
    });
    calls.collect()
}

pub fn invocation(payload: Vec<u8>) -> Invocation {
    Invocation {
        payload: payload.into(),
        request_id: "r".to_owned(),
        function_arn: ARN.to_owned(),
        ends_at: None,
    }
}

/// The function's own code with these settings beside those of all tests here.
pub fn relay(endpoint: &Endpoint, settings: &[(&str, &str)]) -> Relay {
    let queue = endpoint.queue_url("dead-letters");
    let lookup = |name: &str| match name {
        "AWS_ENDPOINT_URL" | "AWS_ENDPOINT_URL_CLOUDFORMATION_RESPONSE" => Some(endpoint.url().to_owned()),
        "AWS_REGION" => Some("us-east-1".to_owned()),
        "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some("local".to_owned()),
        "RELAY_DEAD_LETTER_QUEUE_URL" => Some(queue.clone()),
        _ => {
            let mut all = settings.iter().chain(&SETTINGS);
            all.find(|(set, _)| *set == name).map(|(_, value)| (*value).to_owned())
        }
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
    assert!(printed.len() > 120, "only {} requests were printed", printed.len());
    let sent = sent(&paths).await;
    // An expired URL is not called, though its request could be shown.
    let is_called = |request: &&Request| !EXPIRED.iter().any(|expired| request.path.contains(expired));
    let printed: BTreeSet<&Request> = printed.iter().filter(is_called).collect();
    assert_eq!(printed, sent.iter().collect());
}

/// The ends of the URLs in `events/` whose permission is over.
const EXPIRED: [&str; 2] = ["X-Amz-Expires=7200&", "&Expires=1763633700&"];

/// The calls that the relay would make for a file.
fn planned(path: &Path) -> Vec<PlannedCall> {
    let settings = |name: &str| match name {
        "RELAY_DEAD_LETTER_QUEUE_URL" => Some("http://127.0.0.1:9/123456789012/dead-letters".to_owned()),
        "AWS_REGION" => Some("us-east-1".to_owned()),
        _ => SETTINGS.iter().find(|(set, _)| *set == name).map(|(_, value)| (*value).to_owned()),
    };
    let rules = Settings::from_variables(&settings).unwrap().rules;
    let payload = String::from_utf8(payload(&bytes(path))).unwrap();
    let records = match envelope::open(&payload) {
        Delivery::SqsBatch(records) | Delivery::Sns(records) => records,
        Delivery::Single(record) => vec![record],
    };
    let planned = |record: &Record<'_>| match route(record, &rules, &Home::new("us-east-1", ARN)).decision {
        Decision::Call(planned) => Some(*planned),
        _ => None,
    };
    records.iter().filter_map(planned).collect()
}

/// The texts in a request that its rendering for people replaces.
fn secrets(planned: &PlannedCall) -> Vec<String> {
    let request = &planned.request;
    let in_address = match &request.address {
        Address::InPath(secret) => Some(secret.expose().to_owned()),
        Address::Presigned(url) => Some(url.path_and_query().to_owned()),
        Address::Endpoint => None,
    };
    let (shown, hidden) = (request.http(Secrets::Shown).body, request.http(Secrets::Fingerprinted).body);
    let object = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    let (shown, hidden) = (object(&shown), object(&hidden));
    let members = shown.as_object().into_iter().flatten();
    let replaced = members.filter(|(name, value)| hidden[name.as_str()] != **value);
    in_address.into_iter().chain(replaced.map(|(_, value)| value.as_str().unwrap().to_owned())).collect()
}

#[test]
fn no_secret_is_printed_unless_it_is_asked_for() {
    let hidden = explain(&[], &files()).iter().map(Value::to_string).collect::<String>();
    let mut kinds = BTreeSet::new();
    for planned in routable().iter().flat_map(|path| planned(path)) {
        for secret in secrets(&planned) {
            kinds.insert(planned.request.kind);
            assert!(!hidden.contains(&secret), "a secret of {} characters was printed", secret.len());
        }
    }
    let with_secret = |kind: &&Kind| kind.members().iter().any(|member| member.is_secret);
    assert_eq!(kinds, Kind::ALL.iter().filter(with_secret).copied().collect());
    for credential in ["wJalrXUtnFEMI", "MIICiTCCAfICCQD6m7oRw0uXOjANBgkqhkiG9w0BAQUFADCB"] {
        assert!(!hidden.contains(credential));
    }
}

#[test]
fn a_text_that_was_cut_is_told_with_its_field_and_both_lengths() {
    let file = root().join("events/routable/step-functions-task-with-a-cause-that-is-cut.json");
    let lines = explain(&[], &[file]);
    let body: Value = serde_json::from_str(lines[0]["request"]["body"].as_str().unwrap()).unwrap();
    let sent = body["cause"].as_str().unwrap().encode_utf16().count();
    let cut = &lines[0]["request"]["cuts"][0];
    assert_eq!((&cut["field"], &cut["to"]), (&json!("cause"), &json!(sent)));
    assert!(cut["from"].as_u64().unwrap() > 32_768, "{cut}");
}

#[test]
fn a_lease_or_claim_is_told_with_what_it_asks_for_whether_or_not_there_is_a_table() {
    let lease = Path::new("events/unroutable/NOT_ENABLED-a-lease-without-a-table.json").to_owned();
    let claim = Path::new("events/unroutable/NOT_ENABLED-a-claim-without-a-table.json").to_owned();
    let with_table = ["--set", "RELAY_TABLE_NAME=leases"];
    for arguments in [&[][..], &with_table] {
        let lines = explain(arguments, &[lease.clone(), claim.clone()]);
        let (lease, claim) = (&lines[0]["registration"], &lines[1]["registration"]);
        assert_eq!((&lease["asksFor"], &lease["action"]), (&json!("lease"), &json!("take")));
        assert!(lease["ttlSeconds"].is_number() && claim["ttlSeconds"].is_number());
        assert_eq!((&claim["asksFor"], &claim["action"]), (&json!("claim"), &json!("take")));
        assert!(claim["resource"].is_string());
        let refused = arguments.is_empty();
        assert_eq!(lines[0]["deadLetter"]["ERROR_CODE"] == "NOT_ENABLED", refused);
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_relayctl"));
    let output = command.arg("explain").arg(&lease).args(with_table).current_dir(root()).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("s after it was sent") && said.contains("unless it is renewed"), "{said}");
    assert!(output.status.success());
}
