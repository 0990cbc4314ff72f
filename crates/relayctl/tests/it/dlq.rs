//! `relayctl dlq`: dead letters read, moved back and deleted.

use std::collections::HashSet;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use aws_emulator::{Endpoint, Fault, FaultRule, Operation};
use serde_json::{Value, json};

use crate::deployed::Deployed;
use crate::tool::{create_queues, endpoint, relayctl, stderr, stdout};

const GOOD: &str = r#"{"target":{"kind":"step-functions-task","taskToken":"AQCEAAAAKgAAAAMA"}}"#;

fn dlq(endpoint: &Endpoint, arguments: &[&str]) -> Command {
    let mut command = relayctl(endpoint, &["dlq"]);
    command.args(arguments).env("RELAY_DEAD_LETTER_QUEUE_URL", endpoint.queue_url("dead-letters"));
    command.stdin(Stdio::null());
    command
}

fn done(endpoint: &Endpoint, arguments: &[&str]) -> Output {
    dlq(endpoint, arguments).output().unwrap()
}

/// A dead letter as the relay writes it, from the queue `failures`.
fn relays_letter(endpoint: &Endpoint, code: &str, body: &str) -> String {
    let source = endpoint.queue_arn("failures");
    let attributes = [("ERROR_CODE", code), ("ERROR_MESSAGE", "target: is wrong"), ("SOURCE_ARN", &source)];
    endpoint.send_message("dead-letters", body, &attributes, None).unwrap()
}

fn total(endpoint: &Endpoint, queue: &str) -> usize {
    endpoint.queue_counts(queue).unwrap().total()
}

fn lines(output: &Output) -> Vec<Value> {
    stdout(output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_of_every_writer_are_listed_and_counted_and_nothing_is_taken() {
    let endpoint = endpoint().await;
    relays_letter(&endpoint, "INVALID_EVENT", "{}");
    relays_letter(&endpoint, "INVALID_EVENT", "{}");
    let queue = endpoint.queue_arn("failures");
    let rule = "arn:aws:events:us-east-1:123456789012:rule/workers";
    let labels = [("RULE_ARN", rule), ("TARGET_ARN", &queue), ("ERROR_CODE", "NO_PERMISSIONS")];
    endpoint.send_message("dead-letters", "{}", &labels, None).unwrap();
    let stats = lines(&done(&endpoint, &["stats", "--json"]));
    let counted: Vec<_> = stats.iter().map(|row| (row["count"].clone(), row["code"].clone())).collect();
    assert_eq!(counted, [(json!(2), json!("INVALID_EVENT")), (json!(1), json!("NO_PERMISSIONS"))]);
    let listed = lines(&done(&endpoint, &["list", "--json", "--code", "NO_PERMISSIONS"]));
    assert_eq!(listed.len(), 1);
    assert_eq!((&listed[0]["writer"], &listed[0]["source"]), (&json!("eventbridge"), &json!(rule)));
    let table = stdout(&done(&endpoint, &["list"]));
    assert_eq!(table.lines().count(), 4, "{table}");
    assert_eq!(endpoint.queue_counts("dead-letters").unwrap().visible, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_is_shown_without_its_token_unless_that_is_wished() {
    let endpoint = endpoint().await;
    let id = relays_letter(&endpoint, "RETRIES_EXHAUSTED", GOOD);
    let page = stdout(&done(&endpoint, &["show", &id[..8]]));
    assert!(page.contains("RETRIES_EXHAUSTED") && page.contains("step-functions-task"), "{page}");
    assert!(!page.contains("AQCEAAAA"), "{page}");
    assert!(stdout(&done(&endpoint, &["show", &id, "--show-secrets"])).contains(GOOD));
    assert_eq!(done(&endpoint, &["show", "nothing"]).status.code(), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_goes_back_byte_for_byte_with_its_own_attributes_and_a_count() {
    let endpoint = endpoint().await;
    let body = r#" { "target": {"kind":"swf-activity-task","taskToken":"t"} , "x":1e400 }"#;
    let source = endpoint.queue_arn("failures");
    let labels = [("ERROR_CODE", "RETRIES_EXHAUSTED"), ("SOURCE_ARN", &source), ("tenant", "7")];
    endpoint.send_message("dead-letters", body, &labels, None).unwrap();
    let output = done(&endpoint, &["redrive"]);
    assert_eq!(
        (output.status.code(), stdout(&output).as_str()),
        (Some(0), "1 letter moved\n"),
        "{}",
        stderr(&output)
    );
    let messages = endpoint.messages("failures").unwrap();
    assert_eq!(messages[0].body, body);
    let attributes: Vec<_> =
        messages[0].attributes.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(attributes, [("REDRIVE_COUNT", "1"), ("tenant", "7")]);
    assert_eq!(total(&endpoint, "dead-letters"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_be_refused_again_came_back_or_has_no_queue_stays_and_is_visible_again() {
    let endpoint = endpoint().await;
    let source = endpoint.queue_arn("failures");
    relays_letter(&endpoint, "MALFORMED_EVENT", "no json");
    let came_back = [("ERROR_CODE", "REJECTED_BY_SERVICE"), ("SOURCE_ARN", &source), ("REDRIVE_COUNT", "3")];
    endpoint.send_message("dead-letters", GOOD, &came_back, None).unwrap();
    let topic = [("ERROR_CODE", "INVALID_EVENT"), ("SOURCE_ARN", "arn:aws:sns:us-east-1:123456789012:t")];
    endpoint.send_message("dead-letters", GOOD, &topic, None).unwrap();
    relays_letter(&endpoint, "UNKNOWN_TARGET", GOOD);
    let rehearsed = done(&endpoint, &["redrive", "--dry-run", "--json"]);
    let expected = json!({"summary": {
        "moved": 1, "sentNotDeleted": 0, "stay": {"still-unroutable": 1, "came-back": 1, "no-queue": 1},
    }});
    assert_eq!(lines(&rehearsed).last(), Some(&expected));
    assert_eq!(total(&endpoint, "failures"), 0);
    let limited = done(&endpoint, &["redrive", "--dry-run", "--limit", "0"]);
    assert!(stdout(&limited).contains("0 letters would be moved"), "{}", stdout(&limited));
    let output = done(&endpoint, &["redrive", "--json"]);
    assert_eq!(lines(&output).last(), Some(&expected));
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(total(&endpoint, "failures"), 1);
    assert_eq!(endpoint.queue_counts("dead-letters").unwrap().visible, 3);
    let forced = done(&endpoint, &["redrive", "--force", "--to", "failures"]);
    assert_eq!(forced.status.code(), Some(0), "{}", stderr(&forced));
    assert_eq!((total(&endpoint, "failures"), total(&endpoint, "dead-letters")), (4, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_is_moved_nowhere_because_it_says_so() {
    let endpoint = endpoint().await;
    endpoint.create_queue("stolen", &[]).unwrap();
    let stolen = endpoint.queue_arn("stolen");
    let labels = [("ERROR_CODE", "RETRIES_EXHAUSTED"), ("SOURCE_ARN", stolen.as_str())];
    endpoint.send_message("dead-letters", GOOD, &labels, None).unwrap();
    for arguments in [["redrive", "--json", "--dry-run"], ["redrive", "--json", "--force"]] {
        let output = done(&endpoint, &arguments);
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        assert_eq!(lines(&output)[0]["why"], "unknown-queue");
    }
    assert_eq!((total(&endpoint, "stolen"), total(&endpoint, "dead-letters")), (0, 1));
    let named = done(&endpoint, &["redrive", "--to", "stolen"]);
    assert_eq!(named.status.code(), Some(0), "{}", stderr(&named));
    assert_eq!((total(&endpoint, "stolen"), total(&endpoint, "dead-letters")), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_queues_that_invoke_the_function_of_a_stack_are_known() {
    let (endpoint, deployed) = (endpoint().await, Deployed::start(&[]).await);
    // A dead-letter queue to which no redrive policy leads, as that of abandoned work's queues.
    endpoint.create_queue("other-dead-letters", &[]).unwrap();
    let source = endpoint.queue_arn("failures");
    let labels = [("ERROR_CODE", "RETRIES_EXHAUSTED"), ("SOURCE_ARN", source.as_str())];
    endpoint.send_message("other-dead-letters", GOOD, &labels, None).unwrap();
    let redrive = |arguments: &[&str]| {
        let mut command = dlq(&endpoint, &["redrive", "--queue-url", "other-dead-letters"]);
        command.args(arguments);
        for service in ["CLOUDFORMATION", "LAMBDA"] {
            command.env(format!("AWS_ENDPOINT_URL_{service}"), &deployed.url);
        }
        command.output().unwrap()
    };
    let unknown = redrive(&[]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(stderr(&unknown).contains("--stack or --to names it"), "{}", stderr(&unknown));
    let known = redrive(&["--stack", "failure-relay"]);
    assert_eq!(known.status.code(), Some(0), "{}", stderr(&known));
    assert_eq!((total(&endpoint, "failures"), total(&endpoint, "other-dead-letters")), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_sources_cannot_be_listed_nothing_is_moved_and_that_is_said() {
    let endpoint = endpoint().await;
    relays_letter(&endpoint, "RETRIES_EXHAUSTED", GOOD);
    endpoint.set_faults(vec![FaultRule::always("ListDeadLetterSourceQueues", Fault::AccessDenied)]);
    let output = done(&endpoint, &["redrive"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("redrive policy leads here are not known"), "{}", stderr(&output));
    assert_eq!((total(&endpoint, "failures"), total(&endpoint, "dead-letters")), (0, 1));
    assert_eq!(done(&endpoint, &["redrive", "--to", "failures"]).status.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_are_told_and_chosen_by_their_publisher() {
    let endpoint = endpoint().await;
    for publisher in ["AIDAFIRST", "AROASECOND:i-01", "AROASECOND:i-02"] {
        let labels = [("ERROR_CODE", "TARGET_NOT_ALLOWED"), ("PUBLISHER", publisher)];
        endpoint.send_message("dead-letters", GOOD, &labels, None).unwrap();
    }
    let counted = lines(&done(&endpoint, &["stats", "--json"]));
    let publishers: HashSet<&str> = counted.iter().filter_map(|line| line["publisher"].as_str()).collect();
    assert_eq!(publishers, HashSet::from(["AIDAFIRST", "AROASECOND:i-01", "AROASECOND:i-02"]));
    let listed = lines(&done(&endpoint, &["list", "--json", "--publisher", "AROASECOND"]));
    assert_eq!(listed.len(), 2);
    assert!(listed.iter().all(|line| line["publisher"].as_str().unwrap().starts_with("AROASECOND:")));
    assert!(stdout(&done(&endpoint, &["list"])).contains("AIDAFIRST"));
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_choose_the_letters() {
    let endpoint = endpoint().await;
    relays_letter(&endpoint, "RETRIES_EXHAUSTED", GOOD);
    let id = relays_letter(&endpoint, "REJECTED_BY_SERVICE", GOOD);
    let output = done(&endpoint, &["redrive", "--id", &id, "--code", "REJECTED_BY_SERVICE", "--since", "1h"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!((total(&endpoint, "failures"), total(&endpoint, "dead-letters")), (1, 1));
    let deleted = done(&endpoint, &["purge", "--code", "RETRIES_EXHAUSTED", "--yes"]);
    assert_eq!(stdout(&deleted), "1 letter deleted\n");
    assert_eq!(total(&endpoint, "dead-letters"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_is_not_confirmed_is_not_deleted() {
    let endpoint = endpoint().await;
    for _ in 0..10 {
        relays_letter(&endpoint, "RETRIES_EXHAUSTED", GOOD);
    }
    let rules = r#"[{"operation": "SendMessageBatch", "when": {"first": 1}, "fault": {"partial-batch-failure": {"positions": [0, 3]}}}]"#;
    endpoint.set_faults(FaultRule::list_from_json(rules).unwrap());
    let output = done(&endpoint, &["redrive", "--json"]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert_eq!(lines(&output).last().unwrap()["summary"]["stay"], json!({"not-sent": 2}));
    assert_eq!((total(&endpoint, "failures"), total(&endpoint, "dead-letters")), (8, 2));
    assert_eq!(done(&endpoint, &["redrive"]).status.code(), Some(0));
    assert_eq!((total(&endpoint, "failures"), total(&endpoint, "dead-letters")), (10, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_refuses_every_batch_ends_the_run() {
    let endpoint = endpoint().await;
    for _ in 0..200 {
        relays_letter(&endpoint, "RETRIES_EXHAUSTED", GOOD);
    }
    endpoint.set_faults(vec![FaultRule::always("SendMessageBatch", Fault::AccessDenied)]);
    let output = done(&endpoint, &["redrive", "--concurrency", "1"]);
    assert_eq!(output.status.code(), Some(4));
    assert!(stderr(&output).contains("AccessDenied"), "{}", stderr(&output));
    assert_eq!(endpoint.queue_counts("dead-letters").unwrap().visible, 200);
    assert!(endpoint.calls_of(Operation::SendMessageBatch).len() < 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_that_cannot_be_deleted_are_sent_once_in_a_run_count_for_its_limit_and_soon_end_it() {
    let endpoint = endpoint().await;
    for _ in 0..200 {
        relays_letter(&endpoint, "RETRIES_EXHAUSTED", GOOD);
    }
    endpoint.set_faults(vec![FaultRule::always("DeleteMessageBatch", Fault::AccessDenied)]);
    let limited = done(&endpoint, &["redrive", "--limit", "3", "--json"]);
    let expected = json!({"summary": {"moved": 0, "sentNotDeleted": 3, "stay": {}}});
    assert_eq!((limited.status.code(), lines(&limited).last()), (Some(1), Some(&expected)));
    assert_eq!(total(&endpoint, "failures"), 3);
    let unlimited = done(&endpoint, &["redrive", "--concurrency", "1"]);
    assert_eq!(unlimited.status.code(), Some(4), "{}", stderr(&unlimited));
    assert!(total(&endpoint, "failures") <= 3 + 50);
    assert_eq!(endpoint.queue_counts("dead-letters").unwrap().visible, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_with_as_many_attributes_as_sqs_takes_goes_back_without_a_count() {
    let endpoint = endpoint().await;
    let names: Vec<String> = (0..10).map(|number| format!("tenant-{number}")).collect();
    let labels: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "7")).collect();
    endpoint.send_message("dead-letters", GOOD, &labels, None).unwrap();
    let output = done(&endpoint, &["redrive", "--to", "failures"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(endpoint.messages("failures").unwrap()[0].attributes.len(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_killed_loses_nothing_and_the_next_one_goes_on() {
    let endpoint = endpoint().await;
    let mut sent = HashSet::new();
    for number in 0..2000 {
        let body = format!(r#"{{"target":{{"kind":"swf-activity-task","taskToken":"t-{number}"}}}}"#);
        relays_letter(&endpoint, "RETRIES_EXHAUSTED", &body);
        sent.insert(body);
    }
    let mut child = dlq(&endpoint, &["redrive"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let began = Instant::now();
    while total(&endpoint, "failures") < 300 {
        assert!(began.elapsed() < Duration::from_mins(1), "nothing was moved");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let left = total(&endpoint, "dead-letters");
    assert!(left > 0, "the run was faster than the kill");
    // What the killed run had received comes back when its time is over.
    endpoint.advance(Duration::from_secs(31));
    let output = done(&endpoint, &["redrive"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(total(&endpoint, "dead-letters"), 0);
    let arrived = endpoint.messages("failures").unwrap();
    let distinct: HashSet<String> = arrived.iter().map(|message| message.body.clone()).collect();
    assert_eq!(distinct, sent);
    // At most what was under way: eight batches of ten.
    assert!(arrived.len() <= 2080, "{} arrived", arrived.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_told_to_stop_ends_its_batches_and_doubles_nothing() {
    let endpoint = endpoint().await;
    for _ in 0..500 {
        relays_letter(&endpoint, "RETRIES_EXHAUSTED", GOOD);
    }
    let child = dlq(&endpoint, &["redrive", "--rate", "100"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while total(&endpoint, "failures") < 50 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let told = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(told.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("run it again"), "{}", stderr(&output));
    let (moved, left) = (total(&endpoint, "failures"), total(&endpoint, "dead-letters"));
    assert_eq!(moved + left, 500);
    assert_eq!(stdout(&output), format!("{moved} letters moved\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_goes_on_when_nobody_reads_what_it_prints() {
    let endpoint = endpoint().await;
    for _ in 0..200 {
        relays_letter(&endpoint, "RETRIES_EXHAUSTED", GOOD);
    }
    let mut child = dlq(&endpoint, &["redrive", "--json"]).stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!((total(&endpoint, "failures"), total(&endpoint, "dead-letters")), (200, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fifo_queue_gets_each_letter_once_and_in_order() {
    let endpoint = endpoint().await;
    create_queues(&endpoint, "ordered.fifo", "ordered-dead.fifo");
    let source = endpoint.queue_arn("ordered.fifo");
    for number in 0..25 {
        let labels = [("ERROR_CODE", "RETRIES_EXHAUSTED"), ("SOURCE_ARN", source.as_str())];
        endpoint.send_message("ordered-dead.fifo", &format!("{number}"), &labels, Some("g")).unwrap();
    }
    let mut command = dlq(&endpoint, &["redrive"]);
    command.env("RELAY_DEAD_LETTER_QUEUE_URL", "ordered-dead.fifo");
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let messages = endpoint.messages("ordered.fifo").unwrap();
    let bodies: Vec<usize> = messages.iter().map(|message| message.body.parse().unwrap()).collect();
    assert_eq!(bodies, (0..25).collect::<Vec<_>>());
    assert!(messages.iter().all(|message| message.group.as_deref() == Some("g")));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_letter_is_sent_when_the_relay_would_take_it() {
    let endpoint = endpoint().await;
    relays_letter(&endpoint, "INVALID_EVENT", r#"{"target":{"kind":"swf-activity-task","token":"t"}}"#);
    let mut bad = dlq(&endpoint, &["redrive", "--edit"]);
    bad.env("EDITOR", "true");
    assert_eq!(bad.output().unwrap().status.code(), Some(1));
    assert_eq!(total(&endpoint, "failures"), 0);
    let mut good = dlq(&endpoint, &["redrive", "--edit"]);
    good.env("EDITOR", "sed -i s/token/taskToken/");
    let output = good.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let body = endpoint.messages("failures").unwrap()[0].body.clone();
    assert_eq!(body, r#"{"target":{"kind":"swf-activity-task","taskToken":"t"}}"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_is_deleted_only_when_it_is_confirmed() {
    let endpoint = endpoint().await;
    relays_letter(&endpoint, "INVALID_EVENT", "{}");
    assert_eq!(done(&endpoint, &["purge"]).status.code(), Some(2));
    assert_eq!(stdout(&done(&endpoint, &["purge", "--dry-run"])), "1 letter would be deleted\n");
    assert_eq!(total(&endpoint, "dead-letters"), 1);
    assert_eq!(done(&endpoint, &["purge", "--yes"]).status.code(), Some(0));
    assert_eq!(total(&endpoint, "dead-letters"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_is_not_there_or_cannot_be_reached_is_said() {
    let endpoint = endpoint().await;
    let missing = done(&endpoint, &["list", "--queue-url", "nowhere"]);
    assert_eq!(missing.status.code(), Some(4));
    assert!(stderr(&missing).contains("nowhere"), "{}", stderr(&missing));
    let mut empty = dlq(&endpoint, &["list"]);
    empty.env("RELAY_DEAD_LETTER_QUEUE_URL", "");
    assert_eq!(empty.output().unwrap().status.code(), Some(2));
    let mut unreachable = dlq(&endpoint, &["stats"]);
    unreachable.env("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
    let output = unreachable.output().unwrap();
    assert_eq!(output.status.code(), Some(4));
    assert!(stderr(&output).contains("cannot be reached: Connection refused"), "{}", stderr(&output));
    let mut no_keys = dlq(&endpoint, &["stats"]);
    no_keys.env_remove("AWS_ACCESS_KEY_ID").env("AWS_EC2_METADATA_DISABLED", "true");
    let output = no_keys.output().unwrap();
    assert_eq!(output.status.code(), Some(4));
    assert!(stderr(&output).contains("no credentials were found"), "{}", stderr(&output));
}
