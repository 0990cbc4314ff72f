//! `relayctl trace`, against log groups that hold the ways of a few events.

use std::process::Output;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_emulator::{Endpoint, Operation};
use failure_event::secret::fingerprint;
use serde_json::{Value, json};

use crate::tool::{endpoint, relayctl, stderr, stdout};
use crate::trail::{EXECUTION, RELAY, TOKEN, Trail};

async fn stage(denied: &'static [&'static str]) -> (Endpoint, Trail) {
    let endpoint = endpoint().await;
    let trail = Trail::start(endpoint.queue_url("dead-letters"), denied).await;
    (endpoint, trail)
}

fn trace((endpoint, trail): &(Endpoint, Trail), arguments: &[&str]) -> Output {
    let mut command = relayctl(endpoint, &[&["trace"], arguments].concat());
    command.env("AWS_ENDPOINT_URL", &trail.url).env("AWS_ENDPOINT_URL_SQS", endpoint.url()).output().unwrap()
}

fn steps(output: &Output) -> Vec<Value> {
    stdout(output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn names(output: &Output) -> Vec<String> {
    steps(output).iter().map(|step| step["step"].as_str().unwrap().to_owned()).collect()
}

const STACK: [&str; 2] = ["--stack", "failure-relay"];

#[tokio::test(flavor = "multi_thread")]
async fn the_way_of_an_event_is_shown_in_the_order_of_time() {
    let stage = stage(&[]).await;
    let output = trace(&stage, &["render-7f3a", "--stack", "failure-relay"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let table = stdout(&output);
    let rows: Vec<&str> = table.lines().skip(1).collect();
    assert_eq!(rows.len(), 9, "{table}");
    assert!(rows[0].starts_with("2026-11-20T10:15:00.000Z  -") && rows[0].contains("failed"), "{table}");
    for part in ["receive 1", "render-farm", "AROA4EXAMPLERENDERER"] {
        assert!(rows[1].contains(part), "{part}: {table}");
    }
    let parked = rows.iter().find(|row| row.contains("  parked  ")).unwrap();
    assert!(
        parked.contains("ServiceUnavailable (HTTP 503); it is back by 2026-11-20T10:27:02.250Z"),
        "{parked}"
    );
    assert!(rows[8].contains("step-functions-task 9747f4cb18cad243 was told"), "{table}");
    assert!(
        stderr(&output).contains("render-7f3a: relayed, 10 min after the work failed"),
        "{}",
        stderr(&output)
    );
    assert!(!table.contains("render-7f3b"), "{table}");
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_get_one_object_a_step_with_the_log_stream_that_tells_it() {
    let stage = stage(&[]).await;
    let output = trace(&stage, &["render-7f3a", "--stack", "failure-relay", "--json"]);
    let tries =
        ["failed", "received", "retry", "received", "retry", "received", "parked", "received", "relayed"];
    assert_eq!(names(&output), tries);
    let last = &steps(&output)[8];
    assert_eq!(
        last,
        &json!({
            "time": "2026-11-20T10:25:12.600Z", "step": "relayed", "eventId": "render-7f3a",
            "what": "step-functions-task 9747f4cb18cad243 was told", "targetFingerprint": "9747f4cb18cad243",
            "logGroup": RELAY, "logStream": "2026/11/20/[1]8f",
        })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_found_by_its_message_and_by_its_task_too() {
    let stage = stage(&[]).await;
    for subject in ["2e1424e4-f796-459a-8184-9c92662be6da", "9747f4cb18cad243"] {
        let output = trace(&stage, &[&[subject, "--json"], &STACK[..]].concat());
        assert_eq!(names(&output).len(), 9, "{subject}: {}", stderr(&output));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_star_in_an_id_is_no_wildcard() {
    let stage = stage(&[]).await;
    let output = trace(&stage, &["render-*", "--stack", "failure-relay"]);
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(1), ""), "{}", stderr(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_is_found_in_its_queue_and_left_there() {
    let stage = stage(&[]).await;
    let labels = [("ERROR_CODE", "INVALID_EVENT"), ("EVENT_ID", "audit-7")];
    let id = stage.0.send_message("dead-letters", "{}", &labels, None).unwrap();
    stage.0.send_message("dead-letters", "{}", &[("EVENT_ID", "another")], None).unwrap();
    let elsewhere = stage.0.queue_url("failures");
    let output = trace(&stage, &["audit-7", "--stack", "failure-relay", "--json", "--queue-url", &elsewhere]);
    assert_eq!(names(&output), ["received", "dead-lettered", "dead letter"], "{}", stderr(&output));
    let letter = &steps(&output)[2]["what"];
    assert_eq!(letter, &format!("INVALID_EVENT lies in the dead-letter queue: relayctl dlq show {id}"));
    assert_eq!(stage.0.queue_counts("dead-letters").unwrap().visible, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_that_is_gone_is_said_to_be_and_one_of_a_settled_event_is_not_looked_for() {
    let stage = stage(&[]).await;
    let receives = || stage.0.calls_of(Operation::ReceiveMessage).len();
    trace(&stage, &["render-7f3a", "--stack", "failure-relay"]);
    assert_eq!(receives(), 0);
    let output = trace(&stage, &["audit-7", "--stack", "failure-relay"]);
    assert!(receives() > 0);
    assert!(
        stderr(&output).contains("audit-7: dead-lettered; it is not in the dead-letter queue now"),
        "{}",
        stderr(&output)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_events_of_an_execution_are_found_by_the_tokens_of_its_tasks() {
    let stage = stage(&[]).await;
    let output = trace(&stage, &[EXECUTION, "--stack", "failure-relay", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(names(&output), ["waits", "noted", "received", "relayed"]);
    let steps = steps(&output);
    assert_eq!(steps[0]["targetFingerprint"], fingerprint(TOKEN));
    assert_eq!(steps[3]["eventId"], format!("sweep-{}", fingerprint(TOKEN)));
    assert!(!format!("{}{}", stdout(&output), stderr(&output)).contains("AQCE"), "no token is shown");
    let asked = stage.1.asked("FilterLogEvents");
    assert!(!json!(asked).to_string().contains("AQCE"), "no token is asked for");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_definition_tokens_are_looked_for_by_name() {
    let stage = stage(&["DescribeStateMachineForExecution"]).await;
    let output = trace(&stage, &[EXECUTION, "--stack", "failure-relay", "--json"]);
    assert_eq!(names(&output), ["waits", "noted", "received", "relayed"], "the function's names count");
    assert!(stderr(&output).contains("not read:"), "{}", stderr(&output));
    let output = trace(&stage, &[EXECUTION, "--log-group", RELAY, "--json"]);
    assert_eq!((names(&output), output.status.code()), (vec!["waits".to_owned()], Some(1)));
    let output = trace(&stage, &[EXECUTION, "--log-group", RELAY, "--json", "--task-token-names", "GRIP"]);
    assert_eq!(names(&output), ["waits", "received", "relayed"], "the watch's log group is not named");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_logs_are_read_as_far_back_as_is_asked() {
    let stage = stage(&[]).await;
    let output = trace(&stage, &["nobody", "--log-group", RELAY, "--since", "2h"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("nothing of nobody was found in the last 2 hours"),
        "{}",
        stderr(&output)
    );
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let asked = stage.1.asked("FilterLogEvents");
    let since = u128::from(asked[0]["startTime"].as_u64().unwrap());
    assert!((7_200_000..7_300_000).contains(&(now - since)), "{since}");
    assert_eq!(asked[1]["nextToken"], "second page");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_said() {
    for (denied, subject, says) in [
        (
            &["FilterLogEvents"][..],
            "render-7f3a",
            "log group /aws/lambda/failure-relay: CloudWatch Logs answered",
        ),
        (&["GetExecutionHistory"], EXECUTION, "Step Functions answered with AccessDeniedException"),
    ] {
        let output = trace(&stage(denied).await, &[subject, "--stack", "failure-relay"]);
        assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(4), ""), "{denied:?}");
        assert!(stderr(&output).contains(says), "{}", stderr(&output));
    }
    let output = trace(&stage(&["GetFunctionConfiguration"]).await, &["audit-7", "--stack", "failure-relay"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stderr(&output).contains("the dead-letter queue was not looked through"), "{}", stderr(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn somewhere_must_be_looked() {
    let stage = stage(&[]).await;
    for arguments in [&["render-7f3a"][..], &["render-7f3a", "--stack", "a", "--log-group", "b"]] {
        assert_eq!(trace(&stage, arguments).status.code(), Some(2), "{arguments:?}");
    }
    let (queue, labels) = (stage.0.queue_url("dead-letters"), [("EVENT_ID", "moved")]);
    stage.0.send_message("dead-letters", "{}", &labels, None).unwrap();
    let output = trace(&stage, &["moved", "--log-group", RELAY, "--queue-url", &queue, "--json"]);
    assert_eq!(
        names(&output),
        ["dead letter"],
        "SQS may have moved what the relay never saw: {}",
        stderr(&output)
    );
}
