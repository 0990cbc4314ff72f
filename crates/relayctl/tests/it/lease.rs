//! `relayctl lease` and `relayctl claim`, and what `relayctl run` does with both.

use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use aws_emulator::{Endpoint, Fault, FaultRule, Operation, When};
use serde_json::{Value, json};

use crate::tool::{bodies, endpoint, relayctl, stderr, stdout};

const TOKEN: &str = "AQCEAAAAKgAAAAMAAAAAAAAAAT8";

/// A verb in the environment of a worker.
fn tool(endpoint: &Endpoint, arguments: &[&str]) -> Command {
    let mut command = relayctl(endpoint, arguments);
    let queue = endpoint.queue_url("failures");
    command.env("RELAY_QUEUE_URL", queue).env("TASK_TOKEN", TOKEN).stdin(Stdio::null());
    command
}

fn run(endpoint: &Endpoint, arguments: &[&str]) -> Command {
    tool(endpoint, &[&["run", "--heartbeat", "0"], arguments].concat())
}

fn published(endpoint: &Endpoint, arguments: &[&str]) -> (Output, Value) {
    let output = tool(endpoint, arguments).output().unwrap();
    let events = bodies(endpoint, "failures");
    (output, events.last().cloned().unwrap_or_default())
}

/// What was asked for, one word an event: an action, `claim`, or the type of a failure.
fn actions(endpoint: &Endpoint) -> Vec<String> {
    let action = |event: Value| {
        let asked = [&event["lease"]["action"], &event["claim"]["action"], &event["failure"]["type"]];
        let word = asked.into_iter().find_map(Value::as_str).unwrap_or("claim");
        word.to_owned()
    };
    bodies(endpoint, "failures").into_iter().map(action).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_is_taken_renewed_and_released() {
    let endpoint = endpoint().await;
    let target = json!({"kind": "step-functions-task", "taskToken": TOKEN});
    let named = ["--id", "render-17", "--source", "farm"];
    let silent = ["--type", "Render.Silent", "--message", "not heard of any more"];
    let take = [&["lease", "take", "--ttl", "10m"][..], &named, &silent].concat();
    let (output, event) = published(&endpoint, &take);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stdout(&output).trim_end().ends_with("  lease"), "{}", stdout(&output));
    let failure = json!({"type": "Render.Silent", "message": "not heard of any more"});
    let expected = json!({
        "version": "1", "id": "render-17", "source": "farm",
        "lease": {"action": "take", "ttlSeconds": 600}, "target": target, "failure": failure,
    });
    assert_eq!(event, expected);
    let (_, event) = published(&endpoint, &["lease", "renew", "--ttl", "90"]);
    let renewal = json!({"version": "1", "lease": {"action": "renew", "ttlSeconds": 90}, "target": target});
    assert_eq!(event, renewal);
    let (output, event) = published(&endpoint, &["lease", "release"]);
    assert_eq!(event, json!({"version": "1", "lease": {"action": "release"}, "target": target}));
    assert!(!stderr(&output).contains(TOKEN) && !stdout(&output).contains(TOKEN));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resource_is_claimed_and_released() {
    let endpoint = endpoint().await;
    let (output, event) = published(&endpoint, &["claim", "i-1", "--ttl", "2d", "--type", "Render.Gone"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(event["claim"], json!({"resource": "i-1", "ttlSeconds": 172_800}));
    assert_eq!(event["failure"], json!({"type": "Render.Gone"}));
    let (_, event) = published(&endpoint, &["claim", "--release", "i-1"]);
    assert_eq!(event["claim"], json!({"resource": "i-1", "action": "release"}));
    assert_eq!(event.get("failure"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_relay_would_refuse_is_told_and_nothing_is_sent() {
    let endpoint = endpoint().await;
    for (arguments, said) in [
        (&["lease", "take", "--ttl", "59"][..], "from 60 to 86400 seconds"),
        (&["lease", "renew", "--ttl", "25h"], "from 60 to 86400 seconds"),
        (&["lease", "take"], "--ttl <DURATION>"),
        (&["lease", "release", "--ttl", "1h"], "--ttl"),
        (&["claim", "i-1", "--ttl", "32d"], "from 60 to 2678400 seconds"),
        (&["claim", ""], "1 to 2048 characters"),
        (&["run", "--lease", "30s", "--", "echo", "begun"], "from 60 to 86400 seconds"),
        (&["run", "--claim", "", "--", "echo", "begun"], "1 to 2048 characters"),
    ] {
        let output = tool(&endpoint, arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(stderr(&output).contains(said), "{arguments:?}: {}", stderr(&output));
        assert!(output.stdout.is_empty());
    }
    let wrong_target = ["lease", "release", "--kind", "codepipeline-job", "--job-id", "7"];
    assert_eq!(tool(&endpoint, &wrong_target).output().unwrap().status.code(), Some(1));
    assert_eq!(endpoint.call_count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_renewals_that_say_the_same_both_reach_a_fifo_queue() {
    let endpoint = endpoint().await;
    endpoint.create_queue("failures.fifo", &[("FifoQueue", "true")]).unwrap();
    for _ in 0..2 {
        let mut renew = tool(&endpoint, &["lease", "renew", "--ttl", "60"]);
        assert!(
            renew.env("RELAY_QUEUE_URL", endpoint.queue_url("failures.fifo")).status().unwrap().success()
        );
    }
    assert_eq!(bodies(&endpoint, "failures.fifo").len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_fails_is_reported_before_its_lease_and_claims_are_released() {
    let endpoint = endpoint().await;
    let output = run(&endpoint, &["--lease", "1m", "--claim", "i-1", "--", "false"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(actions(&endpoint), ["take", "claim", "Worker.Exited", "release", "release"]);
    let events = bodies(&endpoint, "failures");
    assert!(events.iter().all(|event| event["id"] == events[0]["id"] && event["source"] == "false"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_is_left_to_report_what_could_not_be_reported() {
    let endpoint = endpoint().await;
    let third = FaultRule::always("SendMessage", Fault::AccessDenied).when(When::Calls(vec![3]));
    endpoint.set_faults(vec![third]);
    let output = run(&endpoint, &["--lease", "1m", "--claim", "i-1", "--", "false"]).output().unwrap();
    assert!(stderr(&output).contains("could not be reported"), "{}", stderr(&output));
    assert_eq!(actions(&endpoint), ["take", "claim", "release"]);
    assert!(bodies(&endpoint, "failures")[2].get("claim").is_some(), "the claim alone is released");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_or_claim_that_cannot_be_had_is_one_line_and_the_command_runs() {
    let endpoint = endpoint().await;
    endpoint.set_faults(vec![FaultRule::always("SendMessage", Fault::AccessDenied)]);
    let output = run(&endpoint, &["--lease", "1m", "--", "echo", "begun"]).output().unwrap();
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(0), &b"begun\n"[..]));
    let errors = |output: &Output| stderr(output).lines().filter(|line| line.starts_with("error:")).count();
    assert_eq!(errors(&output), 1, "{}", stderr(&output));
    assert!(stderr(&output).contains("the lease could not be taken"), "{}", stderr(&output));
    endpoint
        .set_faults(vec![FaultRule::always("SendMessage", Fault::AccessDenied).when(When::Calls(vec![1]))]);
    let output = run(&endpoint, &["--claim", "i-1", "--", "echo", "begun"]).output().unwrap();
    assert_eq!((errors(&output), output.stdout.as_slice()), (1, &b"begun\n"[..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_without_a_relay_is_an_error_before_the_command() {
    let endpoint = endpoint().await;
    for wish in [["--lease", "1m"], ["--claim", "i-1"]] {
        let mut command = run(&endpoint, &["--direct", wish[0], wish[1], "--", "echo", "begun"]);
        let output = command.env_remove("RELAY_QUEUE_URL").output().unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
        assert!(stderr(&output).contains("need a relay"), "{}", stderr(&output));
    }
}

/// A worker that ignores SIGTERM and says for how long it lives, in seconds.
const STUBBORN: &str = "trap '' TERM; while :; do sleep 0.2; done";

/// The shortest lease is a minute, so each of these takes one.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes more than a minute: cargo test -p relayctl --test it lease_is_lost -- --ignored"]
async fn a_command_whose_lease_is_lost_is_told_to_stop_and_killed_after_its_grace() {
    let endpoint = endpoint().await;
    let begun = Instant::now();
    let worker = run(&endpoint, &["--lease", "1m", "--grace", "2", "--", "sh", "-c", STUBBORN])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while actions(&endpoint).is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    endpoint.set_faults(vec![FaultRule::always("SendMessage", Fault::AccessDenied)]);
    let given_way = tokio::time::sleep_until((begun + Duration::from_millis(61_500)).into());
    let waiting = tokio::task::spawn_blocking(move || worker.wait_with_output().unwrap());
    given_way.await;
    endpoint.set_faults(vec![]);
    let output = waiting.await.unwrap();
    assert!((61..70).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    assert_eq!(output.status.code(), Some(137), "{}", stderr(&output));
    assert!(stderr(&output).contains("error: the lease is lost"), "{}", stderr(&output));
    assert_eq!(actions(&endpoint), ["take", "Worker.LeaseLost", "release"]);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes more than a minute: cargo test -p relayctl --test it lease_is_lost -- --ignored"]
async fn a_lease_is_lost_at_once_for_a_tool_that_was_stopped_over_its_time() {
    let endpoint = endpoint().await;
    let worker =
        run(&endpoint, &["--lease", "1m", "--", "sleep", "300"]).stderr(Stdio::piped()).spawn().unwrap();
    let signal = |name: &str| {
        let id = worker.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    };
    while actions(&endpoint).is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    signal("STOP");
    tokio::time::sleep(Duration::from_secs(61)).await;
    signal("CONT");
    let continued = Instant::now();
    let output = tokio::task::spawn_blocking(move || worker.wait_with_output().unwrap()).await.unwrap();
    assert!(continued.elapsed() < Duration::from_secs(5), "{:?}", continued.elapsed());
    assert_eq!(actions(&endpoint), ["take", "Worker.LeaseLost", "release"], "{}", stderr(&output));
    assert_eq!(endpoint.calls_of(Operation::SendMessage).len(), 3, "nothing was renewed any more");
}
