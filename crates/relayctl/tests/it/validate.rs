//! `relayctl validate` and the relay agree on every event, and no line that is shown holds a secret.

use std::process::{Command, Output};

use serde_json::Value;

use crate::event_files::{files, root};

const SETTLED_BY_OTHERS: [&str; 4] =
    ["TARGET_NOT_ALLOWED", "NOT_ENABLED", "REJECTED_BY_SERVICE", "RETRIES_EXHAUSTED"];

fn validate(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_relayctl"));
    command.env("RELAY_ABANDONED_WORK_QUEUES", "arn:aws:sqs:us-east-1:123456789012:render-jobs-dead-letters");
    command.arg("validate").args(arguments).current_dir(root()).output().unwrap()
}

#[test]
fn each_event_is_routable_or_has_the_code_that_its_name_begins_with() {
    let output = validate(&["events", "--json", "--quiet"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert_eq!(stdout.lines().count(), files().len());
    for line in stdout.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let file = line["file"].as_str().unwrap();
        let is_refused =
            file.contains("unroutable/") && !SETTLED_BY_OTHERS.iter().any(|code| file.contains(code));
        assert_eq!(line["routable"], !is_refused, "{line}");
        let findings = line["findings"].as_array().unwrap();
        let codes: Vec<&str> = findings.iter().filter_map(|finding| finding["code"].as_str()).collect();
        let name = file.rsplit('/').next().unwrap();
        assert!(codes.iter().all(|code| name.starts_with(code)), "{line}");
        assert_eq!(codes.is_empty(), !is_refused, "{line}");
    }
}

#[test]
fn the_lines_that_are_shown_hold_no_token() {
    let output = validate(&["events"]);
    let stdout = String::from_utf8(output.stdout).unwrap();
    for secret in ["AQCEAAAAKg", "wJalrXUtnFEMI", "MIICiTCC"] {
        let line = stdout.lines().find(|line| line.contains(secret));
        assert_eq!(line, None);
    }
}

#[test]
fn an_input_that_is_larger_than_anything_that_reaches_a_relay_is_not_read_to_its_end() {
    let output = validate(&["/dev/zero"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("larger than 6 MiB"));
}
