//! `relayctl drill`: a sound deployment passes, what is wrong is named, and what was made is taken away.

use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::drilled::{DEAD_LETTERS, Drilled, QUEUE};
use crate::tool::{relayctl, stderr, stdout};

const ROLE: [&str; 2] = ["--state-machine-role", "arn:aws:iam::123456789012:role/drill"];

fn command(drilled: &Drilled, stack: &str, arguments: &[&str]) -> Command {
    let mut command =
        relayctl(&drilled.endpoint, &[&["drill", "--json", "--stack", stack], arguments].concat());
    command.env("AWS_ENDPOINT_URL", &drilled.url);
    command
}

fn drill(drilled: &Drilled, stack: &str, arguments: &[&str]) -> Output {
    command(drilled, stack, arguments).output().unwrap()
}

/// Each drill and its result.
fn results(output: &Output) -> Vec<(String, String)> {
    let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    rows(output).iter().map(|row| (text(row, "drill"), text(row, "result"))).collect()
}

fn rows(output: &Output) -> Vec<Value> {
    stdout(output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn expected(results: &[(&str, &str)]) -> Vec<(String, String)> {
    results.iter().map(|(drill, result)| ((*drill).to_owned(), (*result).to_owned())).collect()
}

fn assert_queues_are_empty(drilled: &Drilled) {
    for queue in [QUEUE, DEAD_LETTERS] {
        assert_eq!(drilled.endpoint.messages(queue).unwrap().len(), 0, "{queue}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sound_deployment_passes_and_nothing_is_left() {
    let drilled = Drilled::start(&[]).await;
    let foreign = [("ERROR_CODE", "INVALID_EVENT"), ("EVENT_ID", "somebody-elses")];
    drilled.endpoint.send_message(DEAD_LETTERS, "{}", &foreign, None).unwrap();
    let output = drill(&drilled, "failure-relay", &ROLE);
    let passed =
        ["codepipeline-job", "step-functions-task", "swf-activity-task", "callback", "dead-letter", "bus"];
    let mut wanted = vec![("lease", "skipped")];
    wanted.extend(passed.map(|drill| (drill, "passed")));
    assert_eq!(results(&output), expected(&wanted), "{}", stderr(&output));
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let made = ["CreateActivity", "CreateStateMachine", "StartExecution"];
    let taken_away = ["StopExecution", "DeleteStateMachine", "DeleteActivity"];
    assert_eq!(drilled.changes(), [made, taken_away].concat());
    let left = drilled.endpoint.messages(DEAD_LETTERS).unwrap();
    assert_eq!(left.len(), 1, "only what was there before: {}", stderr(&output));
    assert!(left[0].body == "{}" && drilled.endpoint.messages(QUEUE).unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_named_and_nothing_is_sent_that_would_not_arrive() {
    let drilled = Drilled::start(&[]).await;
    let output = drill(&drilled, "failure-relay-2", &ROLE);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let failed: Vec<(Value, Vec<Value>)> = rows(&output)
        .into_iter()
        .filter(|row| row["result"] == "failed")
        .map(|row| (row["drill"].clone(), row["faults"].as_array().unwrap().clone()))
        .collect();
    let ids = |drill: &str| -> Vec<&str> {
        let (_, faults) = failed.iter().find(|(name, _)| name == drill).unwrap();
        faults.iter().map(|fault| fault["id"].as_str().unwrap()).collect()
    };
    assert_eq!(failed.len(), 4);
    // The service may not have heard yet of what the role's policy says.
    assert_eq!(ids("step-functions-task"), ["role-lacks-permission"]);
    assert_eq!(ids("callback"), ["mapping-disabled", "role-lacks-permission"]);
    assert_eq!((ids("dead-letter"), ids("bus")), (vec!["mapping-disabled"], vec!["mapping-disabled"]));
    assert!(drilled.changes().is_empty());
    assert_queues_are_empty(&drilled);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bus_whose_rule_is_disabled_or_deleted_is_sent_nothing() {
    let drilled = Drilled::start(&[]).await;
    for (stack, fix) in
        [("disabled-rule", "enable the rule disabled-rule"), ("deleted-rule", "deploy the stack again")]
    {
        let output = drill(&drilled, stack, &["--only", "bus"]);
        assert_eq!(results(&output), expected(&[("bus", "failed")]), "{}", stderr(&output));
        let row = &rows(&output)[0];
        let faults: Vec<(&Value, &Value)> =
            row["faults"].as_array().unwrap().iter().map(|fault| (&fault["id"], &fault["fix"])).collect();
        assert_eq!(faults, [(&"bus-without-rule".into(), &fix.into())], "{stack}");
        assert!(row["what"].as_str().unwrap().starts_with("nothing was sent"), "{row}");
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_may_not_be_read_is_no_fault_and_the_bus_is_tried() {
    let drilled = Drilled::start(&["DescribeRule"]).await;
    let output = drill(&drilled, "failure-relay", &["--only", "bus"]);
    assert_eq!(results(&output), expected(&[("bus", "passed")]), "{}", stderr(&output));
    assert!(stderr(&output).contains("not read: rule failures: AccessDenied"), "{}", stderr(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_arrive_is_a_failure_though_nothing_looks_wrong() {
    let drilled = Drilled::start_asleep().await;
    let output = drill(&drilled, "failure-relay", &["--only", "bus", "--timeout", "5s"]);
    assert_eq!(results(&output), expected(&[("bus", "failed")]));
    assert_eq!(rows(&output)[0]["faults"].as_array().unwrap().len(), 0);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("left behind: the dead letter of drill-"), "{}", stderr(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_drill_takes_away_what_it_made() {
    let drilled = Drilled::start_asleep().await;
    let mut command = command(&drilled, "failure-relay", &[&ROLE[..], &["--only", "callback"]].concat());
    let running = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while !drilled.changes().contains(&"StartExecution".to_owned()) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let pid = rustix::process::Pid::from_raw(i32::try_from(running.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let output = running.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert_eq!(results(&output), expected(&[("callback", "untried")]));
    assert!(
        drilled
            .changes()
            .ends_with(&["StopExecution", "DeleteStateMachine", "DeleteActivity"].map(str::to_owned))
    );
    assert!(stderr(&output).contains("interrupted"), "{}", stderr(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_aws_does_not_let_be_tried_is_no_clean_bill_of_health() {
    let drilled = Drilled::start(&["Invoke", "CreateStateMachine"]).await;
    let output = drill(
        &drilled,
        "failure-relay",
        &[&ROLE[..], &["--only", "callback", "--only", "codepipeline-job"]].concat(),
    );
    assert_eq!(results(&output), expected(&[("codepipeline-job", "untried"), ("callback", "untried")]));
    assert_eq!(output.status.code(), Some(4), "{}", stderr(&output));
    assert_eq!(drilled.changes(), ["CreateActivity", "DeleteActivity"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_taken_away_is_told() {
    let drilled = Drilled::start(&["DeleteActivity", "DeleteMessageBatch"]).await;
    let output = drill(
        &drilled,
        "failure-relay",
        &[&ROLE[..], &["--only", "callback", "--only", "codepipeline-job"]].concat(),
    );
    assert_eq!(output.status.code(), Some(4), "{}", stderr(&output));
    let talk = stderr(&output);
    assert!(
        talk.contains("left behind: arn:aws:states:us-east-1:123456789012:activity:drill: AccessDenied"),
        "{talk}"
    );
    assert!(talk.contains("left behind: dead letters of events whose ids begin with drill-"), "{talk}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drill_that_the_stack_does_not_offer_is_skipped_with_the_reason() {
    let drilled = Drilled::start(&[]).await;
    let only = ["--only", "canary", "--only", "lease", "--only", "callback", "--only", "ecs-deployment-hook"];
    let output = drill(&drilled, "failure-relay", &only);
    let skipped = ["callback", "canary", "lease", "ecs-deployment-hook"].map(|drill| (drill, "skipped"));
    assert_eq!(results(&output), expected(&skipped));
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(rows(&output)[0]["what"].as_str().unwrap().contains("--state-machine-role"));
}
