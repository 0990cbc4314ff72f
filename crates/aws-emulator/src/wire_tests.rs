//! Whole calls, as HTTP over a stream in memory and in virtual time: what a caller sees of each
//! fault, and what took effect.

mod dynamodb;
mod presigned;
mod reports;

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::{Instant, timeout};

use super::{Endpoint, Fault, FaultRule, Matcher, Operation, Options, Work, WorkState};

const SEND_TASK_FAILURE: &str = "AWSStepFunctions.SendTaskFailure";

/// What a caller reads before the connection ends.
#[derive(Debug)]
struct Seen {
    status: Option<u16>,
    head: String,
    body: String,
}

async fn start(options: Options) -> Endpoint {
    Endpoint::start(Options { epoch_ms: Some(0), ..options }).await.expect("any port will do")
}

async fn endpoint_with(faults: Vec<FaultRule>) -> Endpoint {
    let endpoint = start(Options { faults, ..Options::default() }).await;
    endpoint.open_task("token");
    endpoint
}

/// The headers of a caller of `service` with long-lived keys.
fn signed(service: &str) -> String {
    format!("authorization: AWS4-HMAC-SHA256 Credential=AKID/20250101/us-east-1/{service}/aws4_request\r\n")
}

async fn send(endpoint: &Endpoint, target: &str, headers: &str, body: &str) -> DuplexStream {
    let mut stream = endpoint.connect_in_memory();
    let request = format!(
        "POST / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nx-amz-target: {target}\r\n\
         {headers}content-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.expect("the endpoint reads");
    stream
}

async fn read(mut stream: DuplexStream) -> Seen {
    let mut bytes = Vec::new();
    // A stream in memory that was cut ends like one that was closed.
    stream.read_to_end(&mut bytes).await.expect("the stream ends");
    let text = String::from_utf8(bytes).expect("answers are UTF-8");
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_default();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Seen { status, head: head.to_owned(), body: body.to_owned() }
}

async fn call(endpoint: &Endpoint, target: &str, body: &Value) -> Seen {
    let service = if target.starts_with("AmazonSQS") { "sqs" } else { "states" };
    read(send(endpoint, target, &signed(service), &body.to_string()).await).await
}

async fn fail_task(endpoint: &Endpoint) -> Seen {
    call(endpoint, SEND_TASK_FAILURE, &json!({"taskToken": "token", "cause": "why"})).await
}

fn is_closed(endpoint: &Endpoint) -> bool {
    endpoint.task("token").expect("it was opened").state != WorkState::Open
}

#[tokio::test(start_paused = true)]
async fn each_fault_shows_its_answer_and_takes_effect_or_not() {
    let error = |code: &str, status, after_effect| Fault::ServiceError {
        code: code.to_owned(),
        status,
        message: "told".to_owned(),
        after_effect,
    };
    for (fault, status, part, closed) in [
        (Fault::Throttle { code: None, status: 400 }, Some(400), "ThrottlingException", false),
        (Fault::Throttle { code: Some("Odd".to_owned()), status: 429 }, Some(429), "#Odd", false),
        (Fault::ServerError { status: 500, after_effect: false }, Some(500), "InternalFailure", false),
        (Fault::ServerError { status: 503, after_effect: true }, Some(503), "ServiceUnavailable", true),
        (Fault::Html502, Some(502), "<html>", false),
        (Fault::CutBeforeEffect, None, "", false),
        (Fault::CutAfterEffect, None, "", true),
        (Fault::CutMidAnswer, Some(200), "{", true),
        (Fault::AccessDenied, Some(400), "AccessDeniedException", false),
        (Fault::ExpiredCredentials, Some(400), "ExpiredTokenException", false),
        (error("TaskTimedOut", 400, false), Some(400), "#TaskTimedOut", false),
        (error("TaskTimedOut", 400, true), Some(400), "told", true),
        (Fault::Garbage200 { after_effect: true }, Some(200), "<not>", true),
        (Fault::Garbage200 { after_effect: false }, Some(200), "<not>", false),
        (Fault::ErrorIn200 { code: "Oops".to_owned(), after_effect: true }, Some(200), "#Oops", true),
        (Fault::KmsAccessDenied, Some(400), "#KmsAccessDeniedException", false),
        (Fault::KmsInvalidState, Some(400), "#KmsInvalidStateException", false),
        (Fault::SlowDrip { piece_bytes: 1, delay_ms: 700 }, Some(200), "{}", true),
        (Fault::Slow { delay_ms: 900 }, Some(200), "{}", true),
    ] {
        let name = fault.name();
        let endpoint = endpoint_with(vec![FaultRule::always("SendTaskFailure", fault)]).await;
        let seen = fail_task(&endpoint).await;
        assert_eq!(seen.status, status, "{name}");
        assert!(seen.body.contains(part), "{name}: {seen:?}");
        assert_eq!(is_closed(&endpoint), closed, "{name}");
        let outcome = &endpoint.calls()[0].outcome;
        assert_eq!((outcome.fault, outcome.took_effect), (Some(name), closed));
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_cut_is_shorter_than_it_says() {
    let endpoint = endpoint_with(vec![FaultRule::always("*", Fault::CutMidAnswer)]).await;
    let seen = fail_task(&endpoint).await;
    assert!(seen.head.contains("content-length: 2"), "{seen:?}");
    assert_eq!(seen.body, "{");
}

#[tokio::test(start_paused = true)]
async fn a_drip_takes_its_delay_for_each_piece() {
    let fault = Fault::SlowDrip { piece_bytes: 1, delay_ms: 700 };
    let endpoint = endpoint_with(vec![FaultRule::always("*", fault)]).await;
    let started = Instant::now();
    assert_eq!(fail_task(&endpoint).await.body, "{}");
    assert_eq!(started.elapsed().as_millis() / 100, 14);
}

#[tokio::test(start_paused = true)]
async fn a_call_without_an_answer_hangs_until_the_endpoint_stops() {
    let fault = Fault::NoAnswer { after_effect: true };
    let endpoint = endpoint_with(vec![FaultRule::always("*", fault)]).await;
    let mut hanging = std::pin::pin!(fail_task(&endpoint));
    assert!(timeout(Duration::from_hours(1), &mut hanging).await.is_err());
    assert!(is_closed(&endpoint));
    endpoint.shutdown();
    assert_eq!(hanging.await.status, None);
}

#[tokio::test(start_paused = true)]
async fn a_slow_call_takes_effect_after_its_caller_hung_up() {
    let fault = Fault::Slow { delay_ms: 1000 };
    let endpoint = endpoint_with(vec![FaultRule::always("*", fault)]).await;
    let stream = send(&endpoint, SEND_TASK_FAILURE, &signed("states"), r#"{"taskToken":"token"}"#).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    drop(stream);
    assert!(!is_closed(&endpoint));
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert!(is_closed(&endpoint));
}

#[tokio::test(start_paused = true)]
async fn entries_of_a_batch_fail_in_an_answer_with_status_200() {
    let fault = Fault::PartialBatchFailure { positions: vec![1], code: None, sender_fault: false };
    let rule = FaultRule::always("*Batch", fault).matching(Matcher::queue("q"));
    let endpoint = endpoint_with(vec![rule]).await;
    let url = endpoint.create_queue("q", &[]).expect("the name is valid");
    let entries = json!([{"Id": "a", "MessageBody": "1"}, {"Id": "b", "MessageBody": "2"}]);
    let input = json!({"QueueUrl": url, "Entries": entries});
    let seen = call(&endpoint, "AmazonSQS.SendMessageBatch", &input).await;
    assert_eq!(seen.status, Some(200));
    let answer: Value = serde_json::from_str(&seen.body).expect("it is JSON");
    assert_eq!(answer["Failed"][0]["Id"], "b");
    assert_eq!(endpoint.messages("q").expect("the queue is there").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_waiting_receive_returns_with_the_message_that_is_sent() {
    let endpoint = endpoint_with(Vec::new()).await;
    let url = endpoint.create_queue("q", &[]).expect("the name is valid");
    let input = json!({"QueueUrl": url, "WaitTimeSeconds": 20});
    let mut receive = std::pin::pin!(call(&endpoint, "AmazonSQS.ReceiveMessage", &input));
    assert!(timeout(Duration::from_secs(3), &mut receive).await.is_err());
    endpoint.send_message("q", "body", &[], None).expect("it is valid");
    let started = Instant::now();
    assert!(receive.await.body.contains("body"));
    assert!(started.elapsed() < Duration::from_millis(10));
}

#[tokio::test(start_paused = true)]
async fn a_waiting_receive_returns_with_the_message_that_becomes_visible_again() {
    let endpoint = endpoint_with(Vec::new()).await;
    let url = endpoint.create_queue("q", &[("VisibilityTimeout", "5")]).expect("it is valid");
    endpoint.send_message("q", "body", &[], None).expect("it is valid");
    let input = json!({"QueueUrl": url, "WaitTimeSeconds": 20});
    call(&endpoint, "AmazonSQS.ReceiveMessage", &input).await;
    let started = Instant::now();
    let again = call(&endpoint, "AmazonSQS.ReceiveMessage", &input).await;
    assert!(again.body.contains("body"));
    assert_eq!(started.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_role_s_credentials_expire_on_the_endpoint_s_clock() {
    let endpoint = endpoint_with(Vec::new()).await;
    endpoint.open(Work::step_functions_task("theirs").in_account("222222222222"));
    let role = json!({"RoleArn": "arn:aws:iam::222222222222:role/r", "RoleSessionName": "name"});
    let issued = endpoint.call(Operation::AssumeRole, role).expect("the role is valid");
    let issued = issued.as_str().expect("STS answers in XML");
    let member = |name: &str| {
        let after = issued.split_once(&format!("<{name}>")).expect("it is there").1;
        after.split('<').next().expect("text follows").to_owned()
    };
    let headers = format!(
        "authorization: AWS4-HMAC-SHA256 Credential={}/20250101/us-east-1/states/aws4_request\r\n\
         x-amz-security-token: {}\r\n",
        member("AccessKeyId"),
        member("SessionToken")
    );
    let mut statuses = Vec::new();
    for _ in 0..2 {
        let body = r#"{"taskToken":"theirs"}"#;
        let seen = read(send(&endpoint, SEND_TASK_FAILURE, &headers, body).await).await;
        statuses.push((seen.status, seen.body.contains("ExpiredTokenException")));
        endpoint.advance(Duration::from_hours(1));
    }
    assert_eq!(statuses, [(Some(200), false), (Some(400), true)]);
}

#[tokio::test(start_paused = true)]
async fn calls_without_credentials_or_for_another_service_are_refused() {
    let endpoint = endpoint_with(Vec::new()).await;
    let unsigned = ("", "MissingAuthenticationTokenException");
    let misdirected = (&*signed("swf"), "InvalidSignatureException");
    for (headers, code) in [unsigned, misdirected] {
        let body = r#"{"taskToken":"token"}"#;
        let seen = read(send(&endpoint, SEND_TASK_FAILURE, headers, body).await).await;
        assert!(seen.body.contains(code), "{seen:?}");
    }
    assert!(!is_closed(&endpoint));
}

#[tokio::test(start_paused = true)]
async fn bodies_are_recorded_and_stored_byte_for_byte() {
    let endpoint = endpoint_with(Vec::new()).await;
    let url = endpoint.create_queue("q", &[]).expect("the name is valid");
    let raw = format!(r#"{{ "MessageBody" : "{{\"a\":1.0,  \"ü\":\"\\u0000\"}}\n", "QueueUrl":"{url}" }}"#);
    read(send(&endpoint, "AmazonSQS.SendMessage", &signed("sqs"), &raw).await).await;
    assert_eq!(endpoint.calls()[0].body(), raw.as_bytes());
    let stored = &endpoint.messages("q").expect("the queue is there")[0].body;
    assert_eq!(stored, "{\"a\":1.0,  \"ü\":\"\\u0000\"}\n");
}

async fn get(endpoint: &Endpoint, path: &str) -> Seen {
    let mut stream = endpoint.connect_in_memory();
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("the endpoint reads");
    read(stream).await
}

#[tokio::test(start_paused = true)]
async fn the_page_of_tasks_says_how_each_ended_and_shows_no_token() {
    let endpoint = endpoint_with(Vec::new()).await;
    endpoint.open(Work::third_party_job("a-job", "client-secret").in_region("eu-west-1"));
    fail_task(&endpoint).await;
    fail_task(&endpoint).await;
    let seen = get(&endpoint, "/tasks").await;
    assert_eq!(seen.status, Some(200));
    let (task, job) = (
        json!({
            "kind": "step-functions-task", "fingerprint": "3c469e9d6c5875d3", "region": "us-east-1",
            "account": "123456789012", "state": "failed", "error": null, "cause": "why",
            "externalExecutionId": null, "refusedReports": 1,
        }),
        json!({
            "kind": "codepipeline-third-party-job", "fingerprint": "e4a8e1350281946a", "jobId": "a-job",
            "region": "eu-west-1", "account": "123456789012", "state": "open", "error": null, "cause": null,
            "externalExecutionId": null, "refusedReports": 0,
        }),
    );
    assert_eq!(serde_json::from_str::<Value>(&seen.body).expect("it is JSON"), json!([task, job]));
}

#[tokio::test(start_paused = true)]
async fn any_other_page_says_that_the_endpoint_is_up() {
    let endpoint = endpoint_with(Vec::new()).await;
    let seen = get(&endpoint, "/").await;
    assert_eq!((seen.status, seen.body.as_str()), (Some(200), "The endpoint is up.\n"));
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_gives_the_same_ids() {
    let mut answers = Vec::new();
    for seed in [1, 1, 2] {
        let endpoint = start(Options { seed, ..Options::default() }).await;
        endpoint.create_queue("q", &[]).expect("the name is valid");
        answers.push(endpoint.send_message("q", "body", &[], None).expect("it is valid"));
    }
    assert_eq!(answers[0], answers[1]);
    assert_ne!(answers[0], answers[2]);
}

#[tokio::test]
async fn dropping_the_last_handle_closes_the_port() {
    let endpoint = start(Options::default()).await;
    let address = endpoint.url().trim_start_matches("http://").to_owned();
    drop(endpoint);
    for _ in 0..100 {
        if tokio::net::TcpStream::connect(&address).await.is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the port is still open");
}
