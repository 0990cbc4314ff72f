//! `relayctl sweep`, against an account in which executions wait.

use std::process::Output;

use aws_emulator::Endpoint;
use serde_json::Value;

use crate::account::{Account, MACHINE};
use crate::tool::{bodies, endpoint, relayctl, stderr, stdout};

fn sweep(endpoint: &Endpoint, account: &Account, arguments: &[&str]) -> Output {
    let mut command = relayctl(endpoint, &[&["sweep"], arguments].concat());
    command
        .env("AWS_ENDPOINT_URL", &account.url)
        .env("AWS_ENDPOINT_URL_SQS", endpoint.url())
        .output()
        .unwrap()
}

fn rows(output: &Output) -> Vec<Value> {
    stdout(output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

const TOKEN: &str = "AQCEAAAAKgAAAAMA-scene-7";

#[tokio::test(flavor = "multi_thread")]
async fn the_worst_comes_first_with_what_became_of_it_and_what_to_do() {
    let (endpoint, account) = (endpoint().await, Account::start(&[]).await);
    let output = sweep(&endpoint, &account, &[]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let table = stdout(&output);
    let statuses: Vec<&str> = table.lines().map(|line| line.split_whitespace().next().unwrap()).collect();
    assert_eq!(statuses, ["STATUS", "stranded", "silent", "unknown", "waiting"]);
    for cell in ["render:scene-7", "31 d", "ECS task 0f3ad16c", "30 d", "OutOfMemoryError, exit code 137"] {
        assert!(table.lines().nth(1).unwrap().contains(cell), "{cell}: {table}");
    }
    let talk = stderr(&output);
    assert!(talk.contains("relayctl sweep --fail"), "{talk}");
    assert!(
        talk.contains("4 waiting tasks in 4 running executions: 1 stranded, 1 silent, 1 unknown, 1 waiting")
    );
    assert!(!format!("{table}{talk}").contains("AQCE"), "no token is shown");
}

#[tokio::test(flavor = "multi_thread")]
async fn as_json_each_task_is_a_line_with_its_arns_and_times() {
    let (endpoint, account) = (endpoint().await, Account::start(&[]).await);
    let output = sweep(&endpoint, &account, &["--json", "--state-machine", MACHINE]);
    let rows = rows(&output);
    assert_eq!(rows.len(), 4);
    assert_eq!(
        (&rows[0]["status"], &rows[0]["stateMachineArn"]),
        (&Value::from("stranded"), &Value::from(MACHINE))
    );
    let worker = &rows[0]["workers"][0];
    assert_eq!(worker["id"], "arn:aws:ecs:us-east-1:123456789012:task/renderers/0f3ad16c");
    assert_eq!(worker["endedAt"], rows[0]["endedAt"]);
    assert!(rows[0]["waitingSince"].as_str().unwrap().ends_with('Z'));
    assert_eq!(rows[0]["targetFingerprint"].as_str().unwrap().len(), 16);
    assert!(!stdout(&output).contains("AQCE"));
}

#[tokio::test(flavor = "multi_thread")]
async fn with_fail_what_is_stranded_is_reported_to_the_relay() {
    let (endpoint, account) = (endpoint().await, Account::start(&[]).await);
    let url = endpoint.queue_url("failures");
    let output = sweep(&endpoint, &account, &["--json", "--fail", "--queue-url", &url]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let events = bodies(&endpoint, "failures");
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["target"]["taskToken"], TOKEN);
    assert_eq!(events[0]["failure"]["type"], "ECS.EssentialContainerExited");
    let rows = rows(&output);
    assert!(rows[0]["reportedAs"].is_string() && rows[1]["reportedAs"].is_null());
    assert_eq!(events[0]["id"], format!("sweep-{}", rows[0]["targetFingerprint"].as_str().unwrap()));
    assert!(stderr(&output).contains("1 of 1 event sent to queue"), "{}", stderr(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_the_limit_are_not_reported_at_all() {
    let (endpoint, account) = (endpoint().await, Account::start(&[]).await);
    let url = endpoint.queue_url("failures");
    let arguments = ["--fail", "--queue-url", &url, "--silent-after", "1h", "--fails-max", "1"];
    let output = sweep(&endpoint, &account, &arguments);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("nothing was reported: 2 tasks are stranded"), "{}", stderr(&output));
    assert!(bodies(&endpoint, "failures").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_stranded_while_their_service_does_not_answer() {
    let (endpoint, account) = (endpoint().await, Account::start(&["DescribeTasks"]).await);
    let output = sweep(&endpoint, &account, &["--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let unknown = rows(&output).iter().filter(|row| row["status"] == "unknown").count();
    assert_eq!(unknown, 3);
    assert!(
        stdout(&output).contains("ECS answered with AccessDeniedException (HTTP 400)"),
        "{}",
        stdout(&output)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_can_be_read_the_tool_says_so() {
    let endpoint = endpoint().await;
    for denied in [&["ListStateMachines"][..], &["ListExecutions"], &["GetExecutionHistory"]] {
        let account = Account::start(denied).await;
        let output = sweep(&endpoint, &account, &[]);
        assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(4), ""), "{denied:?}");
        assert!(stderr(&output).contains("AccessDeniedException"), "{}", stderr(&output));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_arguments_are_refused_before_anything_is_read() {
    let (endpoint, account) = (endpoint().await, Account::start(&[]).await);
    for (arguments, says) in [
        (&["--fail"][..], "where to?"),
        (&["--state-machine", "render"], "expected the ARN of a state machine"),
        (&["--rate", "0"], "requests a second"),
        (&["--grace", "soon"], "expected a duration"),
    ] {
        let output = sweep(&endpoint, &account, arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(stderr(&output).contains(says), "{}", stderr(&output));
    }
}
