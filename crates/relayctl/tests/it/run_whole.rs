//! `relayctl run` as a whole wrapper: success, failures in the worker's own words, spot interruptions, and the image's stop signal.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use aws_emulator::{Endpoint, Fault, FaultRule, Operation, Work, WorkState};
use serde_json::{Value, json};

use crate::tool::{bodies, endpoint, relayctl, stderr};

const TOKEN: &str = "AQCEAAAAKgAAAAMAAAAAAAAAAT8";

fn run(endpoint: &Endpoint, arguments: &[&str]) -> Command {
    let mut command = relayctl(endpoint, &["run", "--heartbeat", "0"]);
    let queue = endpoint.queue_url("failures");
    command.args(arguments).env("RELAY_QUEUE_URL", queue).env("TASK_TOKEN", TOKEN).stdin(Stdio::null());
    command
}

/// A path of this test's own, at which nothing is.
fn file(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("relayctl-{name}-{}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    path
}

fn failure(endpoint: &Endpoint) -> Value {
    let events = bodies(endpoint, "failures");
    assert_eq!(events.len(), 1, "{events:?}");
    events[0]["failure"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_line_of_standard_output_is_the_output_of_a_task() {
    let endpoint = endpoint().await;
    endpoint.open_task(TOKEN);
    let script = "echo rendering; echo '{\"frames\": 7}'; echo";
    let output = run(&endpoint, &["--report-success", "--", "sh", "-c", script]).output().unwrap();
    assert!(output.status.success());
    assert_eq!(output.stdout, b"rendering\n{\"frames\": 7}\n\n");
    let state = endpoint.task(TOKEN).unwrap().state;
    assert_eq!(state, WorkState::Succeeded("{\"frames\": 7}".to_owned()), "{}", stderr(&output));
    assert!(bodies(&endpoint, "failures").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_that_takes_a_success_is_told_of_it() {
    const CALLBACK_ID: &str = "oWFhomFleDRhcm46YXdzOmxhbWJkYTpldS13ZXN0LTE6MTExMTIyMjIzMzMzOmZ1bmN0aW9uOmY6MS9kdXJhYmxlLWV4ZWN1dGlvbi9lLzFhaSR4";
    const JOB: &str = "11111111-2222-4333-8444-555555555555";
    let endpoint = endpoint().await;
    endpoint.open_activity("activity-token");
    endpoint.open_job(JOB);
    endpoint.open_third_party_job("job-1", "client-token-1");
    endpoint.open(Work::durable_callback(CALLBACK_ID).in_region("eu-west-1"));
    let file = file("output");
    for (variables, work, operation) in [
        (
            vec![("SWF_TASK_TOKEN", "activity-token")],
            "activity-token",
            Operation::RespondActivityTaskCompleted,
        ),
        (vec![("CODEPIPELINE_JOB_ID", JOB)], JOB, Operation::PutJobSuccessResult),
        (
            vec![("CODEPIPELINE_JOB_ID", "job-1"), ("CODEPIPELINE_CLIENT_TOKEN", "client-token-1")],
            "job-1",
            Operation::PutThirdPartyJobSuccessResult,
        ),
        (
            vec![("DURABLE_CALLBACK_ID", CALLBACK_ID)],
            CALLBACK_ID,
            Operation::SendDurableExecutionCallbackSuccess,
        ),
    ] {
        // What an earlier run left is not this one's.
        std::fs::write(&file, "no JSON").unwrap();
        let path = file.to_str().unwrap();
        let script = format!("test ! -e {path} && echo '[1, 2]' > {path}");
        let arguments = ["--report-success", "--output-file", path, "--", "sh", "-c", &script];
        let mut command = run(&endpoint, &arguments);
        command.env_remove("TASK_TOKEN").envs(variables);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        assert_eq!(endpoint.calls_of(operation).len(), 1, "{operation:?}: {}", stderr(&output));
        let state = endpoint.task(work).unwrap().state;
        assert!(matches!(state, WorkState::Succeeded(_)), "{operation:?}: {state:?}");
        assert!(!stderr(&output).contains("client-token-1"));
    }
    std::fs::remove_file(file).unwrap();
    assert!(bodies(&endpoint, "failures").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_is_not_json_is_a_failure_and_the_exit_code_stays() {
    let endpoint = endpoint().await;
    endpoint.open_task(TOKEN);
    let output = run(&endpoint, &["--report-success", "--", "echo", "done"]).output().unwrap();
    assert!(output.status.success());
    let failure = failure(&endpoint);
    assert_eq!(failure["type"], "Worker.ResultNotAccepted");
    assert_eq!(failure["message"], "the result is not JSON: line 1, column 1");
    assert!(endpoint.calls_of(Operation::SendTaskSuccess).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_success_that_cannot_be_told_is_a_failure() {
    let endpoint = endpoint().await;
    endpoint.open_task(TOKEN);
    endpoint.set_faults(vec![FaultRule::always("SendTaskSuccess", Fault::AccessDenied)]);
    let output = run(&endpoint, &["--report-success", "--", "true"]).output().unwrap();
    assert!(output.status.success());
    let failure = failure(&endpoint);
    assert_eq!(failure["type"], "Worker.SuccessNotTold");
    assert!(failure["message"].as_str().unwrap().starts_with("states:SendTaskSuccess: AccessDenied"));
    assert!(!stderr(&output).contains(TOKEN));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kind_that_takes_no_success_is_refused_before_the_command_starts() {
    let endpoint = endpoint().await;
    let mut command = run(&endpoint, &["--report-success", "--", "echo", "started"]);
    let target = json!({
        "kind": "ecs-deployment-hook",
        "hookId": "h-1",
        "serviceDeploymentArn": "arn:aws:ecs:eu-west-1:111122223333:service-deployment/c/s/d",
    });
    command.env("FAILURE_RELAY_TARGET", target.to_string());
    let output = command.output().unwrap();
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(2), &b""[..]));
    assert!(stderr(&output).contains("ecs-deployment-hook takes no success"), "{}", stderr(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_file_says_why_whatever_the_exit_code() {
    let endpoint = endpoint().await;
    let file = file("failure");
    let path = file.to_str().unwrap();
    let typed = r#"{"type":"Render.NoSpace","message":"disk full","details":{"frame":7}}"#;
    let script = format!("echo '{typed}' > {path}");
    let command = ["--failure-file", path, "--report-success", "--", "sh", "-c", &script];
    assert!(run(&endpoint, &command).output().unwrap().status.success());
    let expected = json!({"type": "Render.NoSpace", "message": "disk full", "details": {"frame": 7}});
    assert_eq!(failure(&endpoint), expected);
    assert!(endpoint.calls_of(Operation::SendTaskSuccess).is_empty());
    // It is gone for the next run.
    assert!(run(&endpoint, &["--failure-file", path, "--", "true"]).output().unwrap().status.success());
    assert_eq!(bodies(&endpoint, "failures").len(), 1);
    assert!(!file.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_line_of_standard_error_may_be_a_failure() {
    let endpoint = endpoint().await;
    let script = r#"echo working >&2; echo '{"type":"Render.NoSpace","message":"disk full"}' >&2; exit 3"#;
    let output = run(&endpoint, &["--type", "Other", "--", "sh", "-c", script]).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    let failure = failure(&endpoint);
    assert_eq!((&failure["type"], &failure["message"]), (&json!("Render.NoSpace"), &json!("disk full")));
    assert_eq!(failure["details"]["exitCode"], 3);
}

/// Instance metadata, version 2, of an instance that is about to be interrupted: what it answers to one request.
fn answer_metadata(mut stream: TcpStream, notice: &str) {
    let mut request = [0; 4096];
    let length = stream.read(&mut request).unwrap();
    let request = String::from_utf8_lossy(&request[..length]).to_lowercase();
    let (status, header, body) = if request.starts_with("put /latest/api/token ") {
        ("200 OK", "x-aws-ec2-metadata-token-ttl-seconds: 21600\r\n", "a-session")
    } else if !request.contains("x-aws-ec2-metadata-token: a-session") {
        ("401 Unauthorized", "", "")
    } else if request.starts_with("get /latest/meta-data/spot/instance-action ") {
        ("200 OK", "", notice)
    } else {
        ("404 Not Found", "", "")
    };
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\n{header}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spot_interruption_stops_the_command_and_is_published() {
    let endpoint = endpoint().await;
    let metadata = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", metadata.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in metadata.incoming() {
            answer_metadata(stream.unwrap(), r#"{"action":"terminate","time":"2126-11-20T10:15:30Z"}"#);
        }
    });
    let mut command = run(&endpoint, &["--watch-spot", "--", "sleep", "60"]);
    let output = command.env("AWS_EC2_METADATA_SERVICE_ENDPOINT", address).output().unwrap();
    assert_eq!(output.status.code(), Some(143), "{}", stderr(&output));
    let failure = failure(&endpoint);
    assert_eq!(failure["type"], "EC2.SpotInterruption");
    let notice = json!({"action": "terminate", "time": "2126-11-20T10:15:30Z"});
    assert_eq!(failure["details"]["spotInterruption"], notice);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stop_signal_of_the_image_stops_the_command() {
    let endpoint = endpoint().await;
    let script = "trap 'exit 0' USR1; echo $$; while :; do sleep 0.05; done";
    let mut command = run(&endpoint, &["--stop-signal", "SIGUSR1", "--", "sh", "-c", script]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let sent = Command::new("kill").args(["-s", "USR1", &child.id().to_string()]).status().unwrap();
    assert!(sent.success() && child.wait().unwrap().success());
    let failure = failure(&endpoint);
    assert_eq!(
        (&failure["type"], &failure["details"]["stoppedBy"]),
        (&json!("Worker.Interrupted"), &json!("SIGUSR1"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_publisher_is_the_message_group_and_an_event_has_an_id() {
    let endpoint = endpoint().await;
    let mut command = run(&endpoint, &["--", "false"]);
    assert_eq!(command.env("RELAY_SOURCE", "render farm").output().unwrap().status.code(), Some(1));
    run(&endpoint, &["--", "false"]).output().unwrap();
    let events = bodies(&endpoint, "failures");
    assert_eq!((&events[0]["source"], &events[1]["source"]), (&json!("render farm"), &json!("false")));
    assert_ne!(events[0]["id"], events[1]["id"]);
    let sent = endpoint.calls_of(Operation::SendMessage);
    assert_eq!(sent[0].json().unwrap()["MessageGroupId"], "render-farm");
}
