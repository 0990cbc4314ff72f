//! `events/`: each file is what a user could send, and ends as its folder says.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use failure_event::dead_letter::Code;
use failure_event::envelope::{self, Delivery, Record};
use failure_event::place::Home;
use failure_event::route::{Decision, Route, route};
use failure_event::rules::Rules;
use serde_json::json;

use crate::event_files::{bytes, files};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const FUNCTION: &str = "arn:aws:lambda:us-east-1:123456789012:function:failure-relay";

/// The settings of the rehearsal, as far as they decide a route: the table is there for `leases`.
fn rules(has_table: bool) -> Rules {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Rules {
        regions: names(&["us-east-2", "us-west-2", "eu-west-1"]),
        accounts: names(&["111122223333"]),
        abandoned_work_queues: names(&["arn:aws:sqs:us-east-1:123456789012:render-jobs-dead-letters"]),
        has_table,
        ..Rules::default()
    }
}

/// The routes of a file's records. What is no batch is the body of a message.
fn routes(file: &Path) -> Vec<Route> {
    let bytes = bytes(file);
    let text = String::from_utf8_lossy(&bytes);
    let all = |records: &[Record<'_>]| all(records, is_step(file));
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

fn all(records: &[Record<'_>], has_table: bool) -> Vec<Route> {
    let home = Home::new("us-east-1", FUNCTION);
    records.iter().map(|record| route(record, &rules(has_table), &home)).collect()
}

/// Whether a file builds on those before it in its folder.
fn is_step(file: &Path) -> bool {
    file.starts_with("events/leases")
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
                // What becomes of these, the table decides.
                (_, Decision::Register(_) | Decision::LookUp(_)) => is_step(&file),
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
        "Glue Job State Change",
        "SageMaker Training Job State Change",
        "SageMaker Processing Job State Change",
        "SageMaker Transform Job State Change",
        "EMR Step Status Change",
        "EMR Serverless Job Run State Change",
        "EC2 Instance State-change Notification",
        "EC2 Command Status-change Notification",
        "Batch Inference Job State Change",
        "abandoned work",
        "Auto Scaling lifecycle action",
        "Auto Scaling test notification",
        "ECS Hook State Change",
        "EC2 Image Builder Workflow Step Waiting",
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
