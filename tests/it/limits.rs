//! Memory and connections: what the function may use, however much comes and however long it lives.
//!
//! Memory is that of a whole process, so these tests measure a process of their own: this binary, asked for one ignored test.
#![cfg(target_os = "linux")]

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_emulator::Endpoint;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use failure_relay::aws::clients::Clients;
use failure_relay::relay::{Invocation, Relay, Response};
use failure_relay::settings::Settings;
use failure_relay::telemetry::{Observer, Report};
use serde_json::{Value, json};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

/// The largest payload of an invocation: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const PAYLOAD_BYTES_MAX: usize = 6 * 1024 * 1024;

/// The most that the largest invocation may add to an idle process. The function has 128 MB.
const LARGEST_INVOCATION_KIB_MAX: u64 = 64 * 1024;

/// The most that a process may grow between its first tenth and its end.
const SOAK_GROWTH_KIB_MAX: u64 = 4 * 1024;

/// Records of the soak, in batches of ten.
const SOAK_RECORDS: usize = 200_000;

#[derive(Debug)]
struct Silent;

impl Observer for Silent {
    fn event_ended(&self, _: &Report<'_>) {}
}

/// Services that accept everything at once.
#[derive(Clone, Debug)]
struct Accepting;

impl HttpConnector for Accepting {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let asked: Value = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
        let stored = |entry: &Value| json!({"Id": entry["Id"], "MessageId": "m", "MD5OfMessageBody": "x"});
        let answer = match asked["Entries"].as_array() {
            Some(entries) => {
                json!({"Successful": entries.iter().map(stored).collect::<Vec<_>>(), "Failed": []})
            }
            None => json!({"MessageId": "m"}),
        };
        let status = 200.try_into().unwrap();
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status, SdkBody::from(answer.to_string()))))
    }
}

impl HttpClient for Accepting {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

fn settings(url: &str) -> Settings {
    let variable = |name: &str| match name {
        "RELAY_DEAD_LETTER_QUEUE_URL" => Some(format!("{url}/123456789012/dead")),
        "AWS_ENDPOINT_URL" => Some(url.to_owned()),
        "AWS_REGION" => Some("us-east-1".to_owned()),
        "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some("KEY".to_owned()),
        _ => None,
    };
    Settings::from_variables(&variable).unwrap()
}

fn relay_to_accepting_services() -> Relay {
    let settings = settings("http://accepting");
    let clients = Clients::with_http_client(&settings, SharedHttpClient::new(Accepting));
    Relay::new(settings, clients, Silent)
}

/// A batch, every third record of which cannot be routed.
fn batch(records: usize, text: &str, first: usize) -> Bytes {
    let record = |number: usize| {
        let target = match number % 3 {
            0 => json!({"kind": "step-functions-task", "taskToken": format!("token-{number}")}),
            1 => json!({"kind": "swf-activity-task", "taskToken": format!("token-{number}")}),
            _ => json!({"kind": "nothing"}),
        };
        let body = json!({"target": target, "failure": {"message": text}}).to_string();
        json!({"messageId": format!("m-{number}"), "body": body, "eventSource": "aws:sqs"})
    };
    // One text that grows: a tree of values would take more memory than the relay that is to be measured.
    let mut payload = String::from("{\"Records\":[");
    for number in first..first + records {
        payload.push_str(if number == first { "" } else { "," });
        payload.push_str(&record(number).to_string());
    }
    payload.push_str("]}");
    Bytes::from(payload)
}

async fn invoke(relay: &Relay, payload: Bytes) {
    let function_arn = "arn:aws:lambda:us-east-1:123456789012:function:failure-relay".to_owned();
    let invocation = Invocation { payload, request_id: "r".to_owned(), function_arn, ends_at: None };
    let Ok(Response::SqsBatch(answer)) = relay.invoke(invocation).await else {
        panic!("a batch is answered")
    };
    assert!(answer.batch_item_failures.is_empty());
}

/// A line of this process's memory, in KiB: `VmHWM` is the most that it ever had, `VmRSS` what it has now.
fn memory_kib(line: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let found = status.lines().find_map(|text| text.strip_prefix(line)?.strip_prefix(':')).unwrap();
    found.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Runs an ignored test of this file in a process of its own and returns the number that it prints.
fn measured_in_a_process_of_its_own(test: &str) -> u64 {
    let arguments = ["--exact", &format!("limits::{test}"), "--ignored", "--nocapture"];
    let output = Command::new(std::env::current_exe().unwrap()).args(arguments).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let number = printed.split("KiB: ").nth(1).unwrap_or_else(|| panic!("it failed: {printed}"));
    number.split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
fn ten_thousand_records_in_six_megabytes_fit_into_half_of_the_functions_memory() {
    let kib = measured_in_a_process_of_its_own("the_largest_invocation");
    println!("the largest invocation added {kib} KiB");
    assert!(kib <= LARGEST_INVOCATION_KIB_MAX, "it took {kib} KiB");
}

#[tokio::test]
#[ignore = "measures its own process; another test starts it"]
async fn the_largest_invocation() {
    let relay = relay_to_accepting_services();
    invoke(&relay, batch(30, "warm", 0)).await;
    let payload = batch(10_000, &"x".repeat(460), 0);
    assert!((PAYLOAD_BYTES_MAX * 9 / 10..=PAYLOAD_BYTES_MAX).contains(&payload.len()), "{}", payload.len());
    let before = memory_kib("VmHWM");
    invoke(&relay, payload).await;
    println!("KiB: {} ", memory_kib("VmHWM") - before);
}

#[tokio::test]
#[ignore = "takes minutes: cargo test --release --test it two_hundred_thousand -- --ignored --nocapture"]
async fn two_hundred_thousand_records_leave_the_memory_flat() {
    let relay = relay_to_accepting_services();
    let mut early_kib = 0;
    for first in (0..SOAK_RECORDS).step_by(10) {
        invoke(&relay, batch(10, "why", first)).await;
        if first == SOAK_RECORDS / 10 {
            early_kib = memory_kib("VmRSS");
        }
    }
    let late_kib = memory_kib("VmRSS");
    println!(
        "after {} records {early_kib} KiB, after {SOAK_RECORDS} records {late_kib} KiB",
        SOAK_RECORDS / 10
    );
    assert!(late_kib <= early_kib + SOAK_GROWTH_KIB_MAX);
}

#[tokio::test]
async fn connections_stay_within_the_concurrency() {
    let endpoint =
        Endpoint::start(aws_emulator::Options { auto_open: true, ..aws_emulator::Options::default() })
            .await
            .unwrap();
    endpoint.create_queue("dead", &[]).unwrap();
    let (open, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let settings = settings(&format!("http://{}", listener.local_addr().unwrap()));
    let concurrency = settings.concurrency;
    let server = endpoint.url().trim_start_matches("http://").to_owned();
    let (counted_open, counted_most) = (Arc::clone(&open), Arc::clone(&most));
    let proxy = tokio::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            let mut server = TcpStream::connect(&server).await.unwrap();
            counted_most.fetch_max(counted_open.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            let open = Arc::clone(&counted_open);
            tokio::spawn(async move {
                let _ = copy_bidirectional(&mut client, &mut server).await;
                open.fetch_sub(1, Ordering::SeqCst);
            });
        }
    });
    let relay = Relay::new(settings.clone(), Clients::new(&settings), Silent);
    for first in (0..900).step_by(300) {
        invoke(&relay, batch(300, "why", first)).await;
    }
    proxy.abort();
    let most = most.load(Ordering::SeqCst);
    println!("at most {most} connections for {concurrency} records at a time");
    // One more may be opened while another comes back to the pool.
    assert!((1..=concurrency * 2).contains(&most));
}
