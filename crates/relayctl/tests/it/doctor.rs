//! `relayctl doctor`, against a deployment in which much is wrong.

use std::collections::BTreeSet;
use std::process::Output;

use serde_json::{Value, json};

use crate::deployed::Deployed;
use crate::tool::{endpoint, relayctl, stderr, stdout};

async fn doctor(deployed: &Deployed, arguments: &[&str]) -> Output {
    let endpoint = endpoint().await;
    let mut command = relayctl(&endpoint, &[&["doctor"], arguments].concat());
    command.env("AWS_ENDPOINT_URL", &deployed.url).output().unwrap()
}

fn findings(output: &Output) -> Vec<Value> {
    stdout(output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_is_wrong_is_told_worst_first_each_with_its_fix() {
    let deployed = Deployed::start(&[]).await;
    let output = doctor(&deployed, &["--stack", "failure-relay", "--json"]).await;
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let found = findings(&output);
    let ids: Vec<&str> = found.iter().map(|finding| finding["id"].as_str().unwrap()).collect();
    let expected = [
        "no-item-failures",
        "role-lacks-permission",
        "rule-without-target",
        "visibility-too-short",
        "redrive-too-eager",
        "retention-too-short",
        "not-encrypted",
        "no-parking-queue",
        "alarm-missing",
        "alarm-missing",
        "alarm-missing",
        "alarm-missing",
        "letters-waiting",
    ];
    assert_eq!(ids, expected);
    let severities: BTreeSet<&str> =
        found.iter().map(|finding| finding["severity"].as_str().unwrap()).collect();
    assert_eq!(severities, BTreeSet::from(["broken", "risky", "note"]));
    assert!(found.iter().all(|finding| !finding["fix"].as_str().unwrap().is_empty()));
    assert_eq!(
        found[1]["what"],
        json!(
            "it lacks states:SendTaskFailure in us-west-2: step-functions-task is enabled, but cannot be failed"
        )
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_is_examined_without_a_stack() {
    let deployed = Deployed::start(&[]).await;
    let output = doctor(&deployed, &["--function", "failure-relay", "--json"]).await;
    assert!(findings(&output).iter().any(|finding| finding["id"] == "rule-without-target"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_be_read_is_said_and_its_checks_are_left_out() {
    let deployed = Deployed::start(&["GetPolicy", "DescribeAlarms"]).await;
    let output = doctor(&deployed, &["--stack", "failure-relay", "--json"]).await;
    assert_eq!(output.status.code(), Some(1));
    let ids = findings(&output);
    assert!(ids.iter().all(|finding| finding["id"] != "role-lacks-permission"));
    assert!(ids.iter().all(|finding| finding["id"] != "alarm-missing"));
    assert!(
        stderr(&output).contains("not read: policies of role relay: AccessDenied"),
        "{}",
        stderr(&output)
    );
    assert!(stderr(&output).contains("not read: alarms: "), "{}", stderr(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_stack_or_its_function_there_is_no_examination() {
    for denied in ["ListStackResources", "GetFunctionConfiguration"] {
        let deployed = Deployed::start(&[denied]).await;
        let output = doctor(&deployed, &["--stack", "failure-relay", "--json"]).await;
        assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(4), ""), "{denied}");
        assert!(stderr(&output).contains("AccessDenied"), "{}", stderr(&output));
    }
}
