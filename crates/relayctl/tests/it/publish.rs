//! `relayctl publish`: what reaches the queue or the bus, and what is told when something does not.

use std::io::Write;
use std::process::Stdio;

use aws_emulator::{Endpoint, Fault, FaultRule, Operation};
use serde_json::Value;

use crate::event_files::root;
use crate::tool::{bodies, endpoint, relayctl, stderr, stdout};

const TASK: [&str; 4] = ["--kind", "swf-activity-task", "--task-token", "a-task-token"];

fn publish(endpoint: &Endpoint, arguments: &[&str]) -> std::process::Output {
    let mut command = relayctl(endpoint, &[&["publish"], arguments].concat());
    command.current_dir(root()).output().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_arguments_reaches_the_queue_and_its_id_is_printed() {
    let endpoint = endpoint().await;
    let url = endpoint.queue_url("failures");
    let texts = ["--type", "Render.OutOfMemory", "--message", "it broke", "--details", "{\"frame\": 7}"];
    let output = publish(&endpoint, &[&TASK[..], &texts, &["--queue-url", &url, "--id", "e-1"]].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    let message = &endpoint.messages("failures").unwrap()[0];
    assert!(stdout(&output).contains(&message.id));
    let event: Value = serde_json::from_str(&message.body).unwrap();
    assert_eq!(event["target"]["taskToken"], "a-task-token");
    assert_eq!(event["failure"]["details"]["frame"], 7);
    assert!(event["time"].is_string());
    assert!(!stderr(&output).contains("a-task-token"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_target_is_found_in_the_environment() {
    let endpoint = endpoint().await;
    let mut command = relayctl(&endpoint, &["publish", "--message", "line 7 failed"]);
    command.env("RELAY_QUEUE_URL", endpoint.queue_url("failures")).env("TASK_TOKEN", "a-task-token");
    assert!(command.output().unwrap().status.success());
    assert_eq!(bodies(&endpoint, "failures")[0]["target"]["kind"], "step-functions-task");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_found_under_the_names_that_the_relay_takes() {
    let endpoint = endpoint().await;
    let publish = |arguments: &[&str], names: &str| {
        let mut command = relayctl(&endpoint, &[&["publish", "--message", "m"], arguments].concat());
        command.env("RELAY_QUEUE_URL", endpoint.queue_url("failures")).env("RENDER_TOKEN", "a-task-token");
        command.env("RELAY_TASK_TOKEN_NAMES", names).output().unwrap()
    };
    assert_eq!(publish(&[], "").status.code(), Some(2), "no other name counts");
    assert!(publish(&[], "GRIP, RENDER_TOKEN").status.success());
    assert!(publish(&["--task-token-names", "RENDER_TOKEN"], "").status.success());
    let target = serde_json::json!({"kind": "step-functions-task", "taskToken": "a-task-token"});
    let found: Vec<_> = bodies(&endpoint, "failures").iter().map(|body| body["target"].clone()).collect();
    assert_eq!(found, [target.clone(), target]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_target_is_found_in_json_inside_a_variable_and_not_on_a_command_line() {
    let endpoint = endpoint().await;
    let publish = |name: &str, value: &str| {
        let mut command = relayctl(&endpoint, &["publish", "--message", "line 7 failed"]);
        command.env("RELAY_QUEUE_URL", endpoint.queue_url("failures")).env(name, value);
        command.output().unwrap()
    };
    assert!(publish("INPUT", r#"{"frame": 7, "TaskToken": "a-task-token"}"#).status.success());
    let target = serde_json::json!({"kind": "step-functions-task", "taskToken": "a-task-token"});
    assert_eq!(bodies(&endpoint, "failures")[0]["target"], target);
    for (name, value) in [("COMMAND", r#"["--task-token", "t"]"#), ("FAILURE_RELAY_TARGET", "[]")] {
        assert_eq!(publish(name, value).status.code(), Some(2), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_sent_ten_at_a_time_and_bare_bytes() {
    let endpoint = endpoint().await;
    let url = endpoint.queue_url("failures");
    let files: Vec<String> = crate::event_files::files()
        .into_iter()
        .filter(|file| file.parent().unwrap() == std::path::Path::new("events/routable"))
        .map(|file| file.display().to_string())
        .collect();
    let mut arguments: Vec<&str> = files.iter().map(String::as_str).collect();
    arguments.extend(["--queue-url", &url]);
    let output = publish(&endpoint, &arguments);
    assert!(output.status.success(), "{}", stderr(&output));
    let messages = endpoint.messages("failures").unwrap();
    assert_eq!(messages.len(), files.len());
    for (message, file) in messages.iter().zip(&files) {
        assert_eq!(message.body.as_bytes(), crate::event_files::bytes(file.as_ref()), "{file}");
    }
    assert_eq!(endpoint.calls_of(Operation::SendMessageBatch).len(), files.len().div_ceil(10));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_not_routable_is_told_and_nothing_is_sent() {
    let endpoint = endpoint().await;
    let url = endpoint.queue_url("failures");
    let good = "events/routable/step-functions-task.json";
    let bad = "events/unroutable/INVALID_EVENT-a-job-id-in-upper-case.json";
    let output = publish(&endpoint, &[good, bad, "--queue-url", &url]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("target.jobId: expected a lower-case UUID"));
    assert!(stderr(&output).contains("nothing was sent"));
    assert_eq!(bodies(&endpoint, "failures").len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_no_queue_takes_is_told_and_nothing_is_sent() {
    let endpoint = endpoint().await;
    let url = endpoint.queue_url("failures");
    let details = "x".repeat(1024 * 1024);
    let large =
        format!(r#"{{"target":{{"kind":"swf-activity-task","taskToken":"t"}},"failure":"{details}"}}"#);
    let mut command = relayctl(&endpoint, &["publish", "-", "--queue-url", &url]);
    let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(large.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(stderr(&output).contains("larger than 1 MiB"), "{}", stderr(&output));
    assert_eq!(endpoint.call_count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_the_queue_or_the_bus_refuses_is_told_and_the_others_are_sent() {
    for place in ["--queue-url", "--event-bus"] {
        let endpoint = endpoint().await;
        endpoint.route_bus("bus", "failures").unwrap();
        let fault = Fault::PartialBatchFailure { positions: vec![1], code: None, sender_fault: false };
        endpoint.set_faults(vec![FaultRule::always("*", fault)]);
        let url = endpoint.queue_url("failures");
        let files = ["step-functions-task", "swf-activity-task", "codepipeline-job"];
        let files = files.map(|name| format!("events/routable/{name}.json"));
        let at = if place == "--queue-url" { url.as_str() } else { "bus" };
        let output = publish(&endpoint, &[&files[0], &files[1], &files[2], place, at]);
        assert_eq!(output.status.code(), Some(1), "{place}");
        assert_eq!(stdout(&output).lines().count(), 2);
        assert!(stderr(&output).contains(&format!("{}: Internal", files[1])), "{}", stderr(&output));
        assert!(stderr(&output).contains("2 of 3 events sent"));
        assert_eq!(bodies(&endpoint, "failures").len(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bus_gets_the_event_as_its_detail() {
    let endpoint = endpoint().await;
    endpoint.route_bus("bus", "failures").unwrap();
    let output = publish(&endpoint, &[&TASK[..], &["--event-bus", "bus"]].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(bodies(&endpoint, "failures")[0]["detail"]["target"]["kind"], "swf-activity-task");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_exit_code_tells_a_refusal_of_aws_from_wrong_arguments() {
    let endpoint = endpoint().await;
    let missing = endpoint.queue_url("no-such-queue");
    let code = |arguments: &[&str]| publish(&endpoint, arguments).status.code();
    assert_eq!(code(&[&TASK[..], &["--queue-url", &missing]].concat()), Some(4));
    assert_eq!(code(&TASK), Some(2));
    assert_eq!(code(&["--queue-url", &missing]), Some(2));
    assert_eq!(code(&["no-such-file.json", "--queue-url", &missing]), Some(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_that_is_named_outweighs_the_keys_of_the_environment() {
    let endpoint = endpoint().await;
    let url = endpoint.queue_url("failures");
    let output =
        publish(&endpoint, &[&TASK[..], &["--queue-url", &url, "--profile", "no-such-profile"]].concat());
    assert_eq!(output.status.code(), Some(4));
    assert!(stderr(&output).contains("profile"), "{}", stderr(&output));
    assert_eq!(bodies(&endpoint, "failures").len(), 0);
}
