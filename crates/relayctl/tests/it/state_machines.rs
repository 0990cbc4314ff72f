//! `relayctl doctor --state-machines`, of definitions and templates as users have them, and of an account.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;

use crate::deployed::Deployed;
use crate::tool::{endpoint, relayctl, stderr, stdout};

/// Files need no credentials, no region and no endpoint.
fn of_files(files: &[&str]) -> Output {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/state_machines"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_relayctl"));
    command.args(["doctor", "--json", "--state-machines"]).args(files).current_dir(folder).env_clear();
    command.output().unwrap()
}

/// Each finding as `id about`.
fn found(output: &Output) -> Vec<String> {
    let finding = |line: &str| {
        let finding: Value = serde_json::from_str(line).unwrap();
        assert!(!finding["fix"].as_str().unwrap().is_empty(), "{line}");
        format!("{} {}", finding["id"].as_str().unwrap(), finding["about"].as_str().unwrap())
    };
    stdout(output).lines().map(finding).collect()
}

#[test]
fn a_sound_definition_passes() {
    let output = of_files(&["sound.asl.json"]);
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(0), ""), "{}", stderr(&output));
    assert!(stderr(&output).contains("1 state machine read"), "{}", stderr(&output));
}

#[test]
fn states_within_map_and_parallel_and_those_in_jsonata_are_examined() {
    let output = of_files(&["nested.asl.json"]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let (encode, caption) =
        ("nested.asl.json: Each video > Both[0] > Encode", "nested.asl.json: Each video > Both[1] > Caption");
    let approve = "nested.asl.json: Approve";
    let expected = [
        format!("all-not-last {approve}"),
        format!("name-never-matches {encode}"),
        format!("no-time-limit {encode}"),
        format!("heartbeat-before-start {caption}"),
        format!("limit-never-runs-out {approve}"),
        format!("token-name-unknown {caption}"),
        format!("no-heartbeat {approve}"),
    ];
    assert_eq!(found(&output), expected);
}

#[test]
fn the_canary_of_the_relays_own_template_is_sound() {
    let output = of_files(&["../../../../../template.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let parallel = "../../../../../template.yaml CanaryStateMachine: FailThroughTheRelay";
    let expected = [
        format!("no-heartbeat {parallel}[0] > PublishFailure"),
        format!("no-heartbeat {parallel}[1] > TakeLease"),
    ];
    assert_eq!(found(&output), expected);
}

#[test]
fn a_synthesized_template_of_the_cdk_is_read() {
    let output = of_files(&["cdk.template.json"]);
    let machine = "cdk.template.json RenderMachine1A2B3C4D";
    let expected = [format!("no-time-limit {machine}: Render"), format!("no-time-limit {machine}: Approve")];
    assert_eq!(found(&output), expected, "{}", stderr(&output));
}

#[test]
fn a_sam_template_is_read_with_the_definitions_beside_it() {
    let output = of_files(&["sam.yaml"]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let found: BTreeSet<String> = found(&output).into_iter().collect();
    let expected = ["name-never-matches sam.yaml Inline: Build", "token-not-passed sam.yaml Beside: Ask"];
    assert_eq!(found, expected.map(str::to_owned).into());
    assert!(stderr(&output).contains("not read: sam.yaml InABucket: "), "{}", stderr(&output));
}

#[test]
fn a_definition_that_its_template_completes_is_read_without_it() {
    let output = of_files(&["beside.asl.json"]);
    assert_eq!(found(&output), ["token-not-passed beside.asl.json: Ask"], "{}", stderr(&output));
}

#[test]
fn a_broken_definition_is_a_finding_and_the_others_are_examined_all_the_same() {
    let output = of_files(&["broken.asl.json", "cdk.template.json"]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert_eq!(found(&output).len(), 3);
    assert!(
        stdout(&output).contains(r#"state Each > Render: Type: \"Taks\" is not known"#),
        "{}",
        stdout(&output)
    );
}

#[test]
fn a_file_that_is_no_definition_ends_it() {
    for (file, why) in [
        ("missing.asl.json", "missing.asl.json: "),
        ("../state_machines.rs", "neither a definition of a state machine"),
        ("../../../../../README.md", "not YAML as CloudFormation takes it: line "),
        (
            "../../../../../events/routable/step-functions-task.json",
            "neither a definition of a state machine",
        ),
        ("../../../../../deploy/cross-account-role.yaml", "there is no state machine"),
    ] {
        let output = of_files(&[file]);
        assert_eq!(
            (output.status.code(), stdout(&output).as_str()),
            (Some(3), ""),
            "{file}: {}",
            stderr(&output)
        );
        assert!(stderr(&output).contains(why), "{file}: {}", stderr(&output));
    }
}

async fn of_account(deployed: &Deployed, arguments: &[&str]) -> Output {
    let endpoint = endpoint().await;
    let mut command = relayctl(&endpoint, &[&["doctor", "--json", "--state-machines"], arguments].concat());
    command.env("AWS_ENDPOINT_URL", &deployed.url).output().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn all_standard_machines_of_the_account_are_examined() {
    let output = of_account(&Deployed::start(&[]).await, &[]).await;
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert_eq!(found(&output), ["no-time-limit render: Render", "token-name-unknown render: Render"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_relays_stack_notices_that_are_off_are_told() {
    let output = of_account(&Deployed::start(&[]).await, &["--stack", "failure-relay"]).await;
    assert_eq!(
        found(&output),
        ["no-time-limit render: Render", "notices-off render: Render"],
        "{}",
        stderr(&output)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_may_not_be_read_is_said_and_is_no_clean_bill() {
    let output = of_account(&Deployed::start(&["DescribeStateMachine"]).await, &[]).await;
    assert_eq!(output.status.code(), Some(4), "{}", stderr(&output));
    assert!(stderr(&output).contains("not read: state machine render: AccessDenied"), "{}", stderr(&output));
    let output = of_account(&Deployed::start(&["ListStateMachines"]).await, &[]).await;
    assert_eq!(output.status.code(), Some(4), "{}", stderr(&output));
}
