//! `events/`: each file is what a user could send, and ends as its folder says.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use failure_relay::dead_letter::Code;
use failure_relay::envelope::{self, Delivery, Record};
use failure_relay::route::{Decision, Home, Route, route};
use failure_relay::settings::Rules;
use serde_json::{Value, json};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const FUNCTION: &str = "arn:aws:lambda:us-east-1:123456789012:function:failure-relay";

/// Every file in `events/` but its README, as paths from the repository's root.
pub fn files() -> Vec<PathBuf> {
    let mut found = Vec::new();
    find(Path::new("events"), &mut found);
    found.sort();
    found
}

fn find(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(Path::new(ROOT).join(folder)).unwrap() {
        let path = folder.join(entry.unwrap().file_name());
        if Path::new(ROOT).join(&path).is_dir() {
            find(&path, found);
        } else if path.extension().is_none_or(|extension| extension != "md") {
            found.push(path);
        }
    }
}

pub fn bytes(file: &Path) -> Vec<u8> {
    fs::read(Path::new(ROOT).join(file)).unwrap()
}

/// The settings of the rehearsal, as far as they decide a route.
fn rules() -> Rules {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Rules {
        regions: names(&["us-east-2", "us-west-2", "eu-west-1"]),
        accounts: names(&["111122223333"]),
        abandoned_work_queues: names(&["arn:aws:sqs:us-east-1:123456789012:render-jobs-dead-letters"]),
        ..Rules::default()
    }
}

/// The routes of a file's records. What is no batch is the body of a message.
fn routes(file: &Path) -> Vec<Route> {
    let bytes = bytes(file);
    let text = String::from_utf8_lossy(&bytes);
    match envelope::open(&text) {
        Delivery::SqsBatch(records) | Delivery::Sns(records) => all(&records),
        Delivery::Single(_) => {
            let batch =
                json!({"Records": [{"eventSource": "aws:sqs", "messageId": "m", "body": text}]}).to_string();
            match envelope::open(&batch) {
                Delivery::SqsBatch(records) => all(&records),
                _ => panic!("a batch of SQS is a batch of SQS"),
            }
        }
    }
}

fn all(records: &[Record<'_>]) -> Vec<Route> {
    records.iter().map(|record| route(record, &rules(), &Home::new("us-east-1", FUNCTION))).collect()
}

fn code_in_name(file: &Path) -> Option<Code> {
    let name = file.file_name().unwrap().to_string_lossy();
    Code::ALL.into_iter().find(|code| name.starts_with(&format!("{code}-")))
}

#[test]
fn each_file_is_routed_as_its_folder_says() {
    for file in files() {
        let folder = file.parent().unwrap().file_name().unwrap().to_string_lossy().into_owned();
        let routes = routes(&file);
        assert!(!routes.is_empty(), "{} holds no event", file.display());
        for Route { decision, .. } in routes {
            let is_as_told = match (folder.as_str(), &decision) {
                ("routable", Decision::Call(_)) | ("ignored", Decision::Ignore) => true,
                ("unroutable", Decision::Unroutable(reason)) => code_in_name(&file) == Some(reason.code),
                // Only a service can refuse these.
                ("unroutable", Decision::Call(_)) => {
                    matches!(code_in_name(&file), Some(Code::RejectedByService | Code::RetriesExhausted))
                }
                _ => false,
            };
            assert!(is_as_told, "{}: {decision:?}", file.display());
        }
    }
}

#[test]
fn no_two_routable_files_name_the_same_task() {
    let mut seen = BTreeSet::new();
    for file in files().iter().filter(|file| file.parent().unwrap().ends_with("routable")) {
        for Route { subject, .. } in routes(file) {
            assert!(
                seen.insert(subject.fingerprint),
                "{} names a task that another file names",
                file.display()
            );
        }
    }
}

#[test]
fn every_envelope_and_every_notice_has_a_file() {
    let paths: BTreeSet<&str> =
        files().iter().flat_map(|file| routes(file)).flat_map(|route| route.subject.path).collect();
    let expected = [
        "SNS notification",
        "EventBridge event",
        "CloudEvent",
        "Lambda invocation record",
        "ECS Task State Change",
        "Batch Job State Change",
        "CodeBuild Build State Change",
        "Step Functions Execution Status Change",
        "abandoned work",
    ];
    assert_eq!(paths, BTreeSet::from(expected));
}

#[test]
fn the_readme_of_the_events_lists_each_file() {
    let readme = fs::read_to_string(Path::new(ROOT).join("events/README.md")).unwrap();
    for file in files() {
        let link = format!("]({})", file.strip_prefix("events").unwrap().display());
        assert!(readme.contains(&link), "events/README.md does not list {}", file.display());
    }
}

#[test]
fn the_rehearsal_ends_every_event_as_its_folder_says() {
    let output = Command::new(env!("CARGO_BIN_EXE_relayctl"))
        .args(["rehearse", "events", "--json"])
        .current_dir(ROOT)
        .output()
        .unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{stdout}\n{}", String::from_utf8_lossy(&output.stderr));
    let lines: Vec<Value> = stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (summary, events) = lines.split_last().unwrap();
    assert_eq!(summary["summary"]["unfinished"], 0);
    let told: BTreeSet<&str> =
        events.iter().filter_map(|event| event["event"].as_str()?.split('#').next()).collect();
    let files = files();
    assert_eq!(told, files.iter().map(|file| file.to_str().unwrap()).collect());
}

#[test]
fn a_rehearsal_with_parking_parks_what_fails_and_relays_it_when_the_target_is_back() {
    let faults = std::env::temp_dir().join(format!("relayctl-parking-{}.json", std::process::id()));
    let denied_twice =
        r#"[{"operation": "SendTaskFailure", "when": {"first": 2}, "fault": "access-denied"}]"#;
    std::fs::write(&faults, denied_twice).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_relayctl"))
        .args(["rehearse", "events/routable/step-functions-task.json", "--parking", "--json", "--faults"])
        .arg(&faults)
        .output()
        .unwrap();
    std::fs::remove_file(&faults).unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    let outcomes: Vec<String> = told
        .lines()
        .filter_map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["outcome"].as_str().map(str::to_owned)
        })
        .collect();
    assert_eq!(outcomes, ["parked", "parked", "relayed"], "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success());
}

#[test]
fn a_rehearsal_that_does_not_end_as_its_folder_says_exits_with_one() {
    let folder =
        std::env::temp_dir().join(format!("relayctl-rehearse-{}", std::process::id())).join("routable");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("no-target.json"), "{}").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_relayctl")).arg("rehearse").arg(&folder).output().unwrap();
    fs::remove_dir_all(folder.parent().unwrap()).unwrap();
    assert_eq!(output.status.code(), Some(1));
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(stdout.contains("INVALID_EVENT: target: is missing"), "{stdout}");
    assert!(stdout.contains("(expected: relayed)"), "{stdout}");
}
