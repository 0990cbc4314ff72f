//! `relayctl rehearse` runs the real function's code over every event file.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::event_files::{files, root};

#[test]
fn the_rehearsal_ends_every_event_as_its_folder_says() {
    let output = Command::new(env!("CARGO_BIN_EXE_relayctl"))
        .args(["rehearse", "events", "--json"])
        .current_dir(root())
        .output()
        .unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{stdout}\n{}", String::from_utf8_lossy(&output.stderr));
    let lines: Vec<Value> = stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (summary, events) = lines.split_last().unwrap();
    assert_eq!(summary["summary"]["unfinished"], 0);
    let told: BTreeSet<&str> =
        events.iter().filter_map(|event| event["event"].as_str()?.split('#').next()).collect();
    let mut told = told;
    told.retain(|name| !name.starts_with("the watch: "));
    let files = files();
    assert_eq!(told, files.iter().map(|file| file.to_str().unwrap()).collect());
}

#[test]
fn a_lease_that_is_neither_renewed_nor_released_runs_out_and_its_task_is_failed() {
    let output = Command::new(env!("CARGO_BIN_EXE_relayctl"))
        .args(["rehearse", "events/leases", "--json"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told = String::from_utf8(output.stdout).unwrap();
    let lines = told.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let published: Vec<Value> = lines.filter(|line| line.get("published").is_some()).collect();
    let failures: BTreeSet<&str> =
        published.iter().filter_map(|line| line["content"]["failure"]["type"].as_str()).collect();
    assert_eq!(failures, BTreeSet::from(["Render.Lost", "Worker.LeaseExpired"]));
    assert!(published.iter().all(|line| line["content"]["target"].get("taskToken").is_none()));
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
        .current_dir(root())
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
