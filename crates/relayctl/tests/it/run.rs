//! `relayctl run`: a command watched, as a container's entry point would run it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use aws_emulator::{Endpoint, Fault, FaultRule, Operation, Work};
use serde_json::{Value, json};

use crate::tool::{bodies, endpoint, relayctl, stderr};

const TOKEN: &str = "AQCEAAAAKgAAAAMAAAAAAAAAAT8";

fn run(endpoint: &Endpoint, arguments: &[&str]) -> Command {
    let mut command = relayctl(endpoint, &["run"]);
    command
        .args(arguments)
        .env("RELAY_QUEUE_URL", endpoint.queue_url("failures"))
        .env("TASK_TOKEN", TOKEN)
        .stdin(Stdio::null());
    command
}

fn finish(mut command: Command) -> Output {
    command.output().unwrap()
}

/// The one event that was published, and the run's exit code.
fn published(endpoint: &Endpoint, command: Command) -> (i32, Value) {
    let output = finish(command);
    let events = bodies(endpoint, "failures");
    assert_eq!(events.len(), 1, "{}", stderr(&output));
    (output.status.code().unwrap(), events[0].clone())
}

/// Starts a run and waits until its command has written its process id.
fn start(mut command: Command) -> (Child, u32) {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    (child, line.trim().parse().unwrap())
}

fn signal(process_id: u32, name: &str) {
    let sent = Command::new("kill").args(["-s", name, &process_id.to_string()]).status().unwrap();
    assert!(sent.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_fails_is_published_and_its_exit_code_is_kept() {
    let endpoint = endpoint().await;
    let (code, event) =
        published(&endpoint, run(&endpoint, &["--", "sh", "-c", "echo one >&2; echo disk full >&2; exit 7"]));
    assert_eq!(code, 7);
    assert_eq!(event["target"], json!({"kind": "step-functions-task", "taskToken": TOKEN}));
    let failure = &event["failure"];
    assert_eq!(failure["type"], "Worker.Exited");
    assert!(failure["message"].as_str().unwrap().starts_with("sh ended with exit code 7 after "), "{event}");
    assert_eq!(failure["details"]["exitCode"], 7);
    assert_eq!(failure["details"]["stderr"], json!(["one", "disk full"]));
    assert!(failure["details"]["durationSeconds"].is_number());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_succeeds_publishes_nothing_and_its_output_is_its_own() {
    let endpoint = endpoint().await;
    endpoint.open_task(TOKEN);
    let output = finish(run(&endpoint, &["--", "sh", "-c", "printf data; printf talk >&2"]));
    assert!(output.status.success());
    assert_eq!((output.stdout.as_slice(), output.stderr.as_slice()), (&b"data"[..], &b"talk"[..]));
    assert!(bodies(&endpoint, "failures").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_a_signal_kills_is_published_with_the_signal() {
    let endpoint = endpoint().await;
    let (code, event) = published(&endpoint, run(&endpoint, &["--", "sh", "-c", "kill -SEGV $$"]));
    assert_eq!(code, 139);
    assert_eq!(event["failure"]["type"], "Worker.Killed");
    assert_eq!(event["failure"]["details"]["signal"], "SIGSEGV");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_is_not_there_is_a_failure_too() {
    let endpoint = endpoint().await;
    let (code, event) = published(&endpoint, run(&endpoint, &["--", "/no/such/render"]));
    assert_eq!(code, 127);
    assert_eq!(event["failure"]["type"], "Worker.NotStarted");
    assert_eq!(finish(run(&endpoint, &["--", "/etc/passwd"])).status.code(), Some(126));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_the_command_writes_is_not_in_the_details_nor_in_the_talk() {
    let endpoint = endpoint().await;
    let command = run(&endpoint, &["--", "sh", "-c", "echo $TASK_TOKEN $AWS_SECRET_ACCESS_KEY >&2; exit 1"]);
    let (_, event) = published(&endpoint, command);
    let failure = event["failure"].to_string();
    assert!(!failure.contains("AQCEAAAA") && !failure.contains("not-a-real"), "{failure}");
    let unreachable = {
        let mut command = run(&endpoint, &["--", "false"]);
        command.env("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
        finish(command)
    };
    assert_eq!(unreachable.status.code(), Some(1));
    assert!(stderr(&unreachable).contains("could not be reported"), "{}", stderr(&unreachable));
    assert!(!stderr(&unreachable).contains("AQCEAAAA"));
}

#[tokio::test(flavor = "multi_thread")]
async fn signals_are_passed_on_and_a_command_that_ends_well_on_them_has_not_finished() {
    let endpoint = endpoint().await;
    let script = "trap 'echo bye >&2; exit 0' TERM; echo $$; while :; do sleep 0.05; done";
    let (child, _) = start(run(&endpoint, &["--", "sh", "-c", script]));
    signal(child.id(), "TERM");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let event = &bodies(&endpoint, "failures")[0];
    assert_eq!(event["failure"]["type"], "Worker.Interrupted");
    assert_eq!(event["failure"]["details"]["stoppedBy"], "SIGTERM");
    assert_eq!(event["failure"]["details"]["stderr"], json!(["bye"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_that_does_not_stop_is_passed_on_and_is_no_failure() {
    let endpoint = endpoint().await;
    let script = "trap 'exit 0' USR1; echo $$; while :; do sleep 0.05; done";
    let (child, _) = start(run(&endpoint, &["--", "sh", "-c", script]));
    signal(child.id(), "USR1");
    assert!(child.wait_with_output().unwrap().status.success());
    assert!(bodies(&endpoint, "failures").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_does_not_end_in_its_grace_time_is_published_before_it_ends() {
    let endpoint = endpoint().await;
    let script = "trap '' TERM; echo $$; while :; do sleep 0.05; done";
    let (mut child, command) =
        start(run(&endpoint, &["--grace", "1", "--signal-group", "--", "sh", "-c", script]));
    signal(child.id(), "TERM");
    let told = Instant::now();
    while bodies(&endpoint, "failures").is_empty() {
        assert!(told.elapsed() < Duration::from_secs(20), "nothing was published");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(child.try_wait().unwrap().is_none(), "the command still runs");
    // The platform's SIGKILL would hit both; here the command alone, and nothing is published twice.
    signal(command, "KILL");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(137));
    let events = bodies(&endpoint, "failures");
    assert_eq!(events.len(), 1);
    assert!(events[0]["failure"]["message"].as_str().unwrap().contains("has not ended in time"));
}

#[tokio::test(flavor = "multi_thread")]
async fn heartbeats_are_sent_while_the_command_runs() {
    let endpoint = endpoint().await;
    endpoint.open_task(TOKEN);
    let output = finish(run(&endpoint, &["--heartbeat", "1", "--", "sleep", "2.5"]));
    assert!(output.status.success());
    let beats = endpoint.calls_of(Operation::SendTaskHeartbeat).len();
    assert!((2..=4).contains(&beats), "{beats} heartbeats");
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_may_come_from_a_process_while_the_command_runs() {
    let endpoint = endpoint().await;
    endpoint.open_task(TOKEN);
    let config = std::env::temp_dir().join(format!("credential-process-{}", std::process::id()));
    let keys = r#"{"Version": 1, "AccessKeyId": "AKIDPROCESS", "SecretAccessKey": "not-a-real-secret"}"#;
    let script = format!("[default]\ncredential_process = printf '%s' '{keys}'\n");
    std::fs::write(&config, script).unwrap();
    let mut command = run(&endpoint, &["--heartbeat", "1", "--", "sleep", "1.5"]);
    command
        .env_remove("AWS_ACCESS_KEY_ID")
        .env_remove("AWS_SECRET_ACCESS_KEY")
        .env("AWS_CONFIG_FILE", &config);
    let output = finish(command);
    std::fs::remove_file(&config).unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", stderr(&output));
    assert!(!endpoint.calls_of(Operation::SendTaskHeartbeat).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_activity_has_its_own_heartbeats_and_a_job_has_none() {
    let endpoint = endpoint().await;
    endpoint.open_activity("activity-token");
    let mut activity = run(&endpoint, &["--", "sleep", "0.3"]);
    activity.env_remove("TASK_TOKEN").env("SWF_TASK_TOKEN", "activity-token");
    assert!(finish(activity).status.success());
    assert_eq!(endpoint.calls_of(Operation::RecordActivityTaskHeartbeat).len(), 1);
    let mut job = run(&endpoint, &["--", "false"]);
    job.env("CODEPIPELINE_JOB_ID", "11111111-2222-3333-4444-555555555555");
    let (_, event) = published(&endpoint, job);
    assert_eq!(event["target"]["kind"], "codepipeline-job");
    assert_eq!(endpoint.call_count(), 2);
}

/// Base64 of a map that holds the ARN of a durable execution in eu-west-1, as Lambda makes its ids.
const CALLBACK_ID: &str = "oWFhomFleDRhcm46YXdzOmxhbWJkYTpldS13ZXN0LTE6MTExMTIyMjIzMzMzOmZ1bmN0aW9uOmY6MS9kdXJhYmxlLWV4ZWN1dGlvbi9lLzFhaSR4";

const ACTION_TOKEN: &str = "71514b9d-6a40-4b26-8523-05e7e0123abc";

/// The message in which a lifecycle hook hands out work.
fn lifecycle_message(token: &str) -> String {
    let message = json!({
        "LifecycleHookName": "drain",
        "AutoScalingGroupName": "renderers",
        "LifecycleActionToken": token,
        "EC2InstanceId": "i-0123456789abcdef0",
    });
    message.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_durable_callback_has_heartbeats_in_the_region_of_its_execution() {
    let endpoint = endpoint().await;
    endpoint.open(Work::durable_callback(CALLBACK_ID).in_region("eu-west-1"));
    let mut callback = run(&endpoint, &["--", "sleep", "0.3"]);
    callback.env_remove("TASK_TOKEN").env("DURABLE_CALLBACK_ID", CALLBACK_ID);
    let output = finish(callback);
    assert!(output.status.success() && output.stderr.is_empty(), "{}", stderr(&output));
    let beats = endpoint.calls_of(Operation::SendDurableExecutionCallbackHeartbeat);
    assert_eq!(beats.len(), 1);
    assert_eq!((beats[0].region.as_str(), beats[0].body()), ("eu-west-1", &b""[..]));
    assert_eq!(endpoint.task(CALLBACK_ID).unwrap().heartbeats, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lifecycle_action_has_heartbeats_until_nothing_waits_for_it() {
    let endpoint = endpoint().await;
    endpoint.open(Work::lifecycle_action("renderers", "drain", ACTION_TOKEN, "i-0123456789abcdef0"));
    let mut action = run(&endpoint, &["--", "sleep", "0.3"]);
    action.env_remove("TASK_TOKEN").env("EVENT", lifecycle_message(ACTION_TOKEN));
    let output = finish(action);
    assert!(output.status.success() && output.stderr.is_empty(), "{}", stderr(&output));
    assert_eq!(endpoint.calls_of(Operation::RecordLifecycleActionHeartbeat).len(), 1);
    assert_eq!(endpoint.task(ACTION_TOKEN).unwrap().heartbeats, 1);

    let unknown = "00000000-6a40-4b26-8523-05e7e0123abc";
    let mut closed = run(&endpoint, &["--stop-when-closed", "--", "sleep", "60"]);
    closed.env_remove("TASK_TOKEN").env("EVENT", lifecycle_message(unknown));
    let output = finish(closed);
    assert_eq!(output.status.code(), Some(143));
    assert!(stderr(&output).contains("No active Lifecycle Action found"), "{}", stderr(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_whose_task_is_closed_is_stopped_when_that_is_wished() {
    let endpoint = endpoint().await;
    let began = Instant::now();
    let output = finish(run(&endpoint, &["--stop-when-closed", "--", "sleep", "60"]));
    assert_eq!(output.status.code(), Some(143));
    assert!(began.elapsed() < Duration::from_secs(30));
    assert!(stderr(&output).contains("nothing waits for this task any more"), "{}", stderr(&output));
    assert!(!stderr(&output).contains("AQCEAAAA"));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_publishing_fails_the_api_is_called_when_that_is_wished() {
    let endpoint = endpoint().await;
    endpoint.open_task(TOKEN);
    endpoint.set_faults(vec![FaultRule::always("SendMessage", Fault::AccessDenied)]);
    let output = finish(run(&endpoint, &["--direct", "--", "sh", "-c", "exit 3"]));
    assert_eq!(output.status.code(), Some(3));
    let task = endpoint.task(TOKEN).unwrap();
    let failure = task.failure().unwrap();
    assert_eq!(failure.error.as_deref(), Some("Worker.Exited"));
    assert!(stderr(&output).contains("could not be published"), "{}", stderr(&output));
    let output = finish(run(&endpoint, &["--", "sh", "-c", "exit 3"]));
    assert_eq!(output.status.code(), Some(3));
    assert!(stderr(&output).contains("could not be reported"), "{}", stderr(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bus_takes_the_failure_too() {
    let endpoint = endpoint().await;
    endpoint.route_bus("workers", "failures").unwrap();
    let (code, event) = published(&endpoint, run(&endpoint, &["--event-bus", "workers", "--", "false"]));
    assert_eq!(code, 1);
    assert_eq!(event["detail"]["failure"]["type"], "Worker.Exited");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_task_or_a_place_to_publish_to_nothing_is_started() {
    let endpoint = endpoint().await;
    let mut no_task = run(&endpoint, &["--", "echo", "started"]);
    no_task.env_remove("TASK_TOKEN");
    let mut no_place = run(&endpoint, &["--", "echo", "started"]);
    no_place.env_remove("RELAY_QUEUE_URL");
    let mut wrong = run(&endpoint, &["--", "echo", "started"]);
    wrong.env("FAILURE_RELAY_TARGET", r#"{"kind":"codepipeline-job","jobId":"UPPER"}"#);
    for (command, what) in
        [(no_task, "no task or job"), (no_place, "nowhere to publish to"), (wrong, "target.jobId")]
    {
        let output = finish(command);
        assert_eq!(output.status.code(), Some(2));
        assert!(output.stdout.is_empty());
        assert!(stderr(&output).contains(what), "{}", stderr(&output));
    }
    let mut allowed = run(&endpoint, &["--allow-no-target", "--", "echo", "started"]);
    allowed.env_remove("TASK_TOKEN");
    assert_eq!(finish(allowed).stdout, b"started\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_holds_standard_error_open_does_not_hold_up_the_report() {
    let endpoint = endpoint().await;
    let began = Instant::now();
    let mut child = run(&endpoint, &["--", "sh", "-c", "echo last words >&2; sleep 20 & exit 1"])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert!(began.elapsed() < Duration::from_secs(10));
    assert_eq!(bodies(&endpoint, "failures")[0]["failure"]["details"]["stderr"], json!(["last words"]));
}
