//! `publishers/vectors`: the cases that every publisher passes, as far as the end of a command can express them.
//!
//! A worker's error is written to `--failure-file`, which is how a command says what an exception says elsewhere.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use aws_emulator::{Endpoint, Fault, FaultRule, Operation, RecordedCall, When};
use serde_json::{Map, Value, json};

use crate::event_files::root;
use crate::tool::{endpoint, relayctl, stderr};

/// The files that are for the packages only, and why.
const NOT_FOR_COMMANDS: [(&str, &str); 2] = [
    ("deadline.json", "a Lambda function's time is up, a command's is not"),
    ("failure.json", "errors of a language, with classes and causes, which a command has not"),
];

/// The files that this test runs.
const FOR_COMMANDS: [&str; 6] =
    ["event.json", "identity.json", "lease.json", "limits.json", "secrets.json", "success.json"];

/// An identity that is found and that the relay would refuse: `relayctl run` says so, and does not start the command.
const REFUSED_BEFORE_THE_START: [&str; 3] = [
    "a target in the environment that is not a JSON object is wrong and hides the names after it",
    "a target in the environment of a kind that is not known is published as it is",
    "a job id that is not a UUID is published as it is",
];

/// No environment holds a variable of more than 128 KiB.
const TOO_LARGE_FOR_A_VARIABLE: &str = "type and source are cut last";

/// All members that a case may have. One that is not listed is a rule that nobody checks.
const MEMBERS: [&str; 25] = [
    "name",
    "only",
    "environment",
    "payload",
    "requestId",
    "options",
    "target",
    "wrong",
    "failure",
    "error",
    "sent",
    "event",
    "cut",
    "kept",
    "short",
    "gone",
    "result",
    "resultIsNotJson",
    "call",
    "errorBeforeTheWork",
    "before",
    "renewal",
    "renewalSeconds",
    "after",
    "about",
];

#[test]
fn every_file_of_vectors_is_run_or_named() {
    let named = NOT_FOR_COMMANDS.iter().map(|(file, _)| *file).chain(FOR_COMMANDS);
    let named: BTreeSet<String> = named.map(str::to_owned).collect();
    let there = std::fs::read_dir(root().join("publishers/vectors")).unwrap();
    let there = there.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(there.filter(|name| name.ends_with(".json")).collect::<BTreeSet<_>>(), named);
}

/// The cases of a file that are for commands.
fn cases(file: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(root().join("publishers/vectors").join(file)).unwrap();
    let vectors: Value = serde_json::from_str(&text).unwrap();
    let cases = vectors["cases"].as_array().unwrap().clone();
    for case in &cases {
        let unknown = case.as_object().unwrap().keys().find(|member| !MEMBERS.contains(&member.as_str()));
        assert_eq!(unknown, None, "{file}: {}", case["name"]);
    }
    let is_for_commands = |case: &Value| {
        let is_of_function = case.get("payload").is_some() || case.get("requestId").is_some();
        let is_of_others = case["only"].as_array().is_some_and(|only| !only.contains(&json!("relayctl")));
        let has_cause = !case["error"]["cause"].is_null();
        // No option names a target: a command's is in its environment.
        let names_target = !case["options"]["target"].is_null();
        !is_of_function && !is_of_others && !has_cause && !names_target
    };
    cases.into_iter().filter(is_for_commands).collect()
}

/// A text, which may be written as `{"repeat": …, "times": …}`, anywhere in a value.
fn expanded(value: &Value) -> Value {
    match value {
        Value::Object(members) if members.len() == 2 && members.contains_key("repeat") => {
            let times = usize::try_from(members["times"].as_u64().unwrap()).unwrap();
            json!(members["repeat"].as_str().unwrap().repeat(times))
        }
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), expanded(value))).collect::<Map<_, _>>().into()
        }
        Value::Array(items) => items.iter().map(expanded).collect(),
        other => other.clone(),
    }
}

fn file(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("relayctl-vectors-{name}-{}", std::process::id()))
}

/// `relayctl run` in the environment of a case, which is empty but for what reaches the endpoint. `env` keeps the variables in their
/// order, which counts; this process would sort them.
fn run(endpoint: &Endpoint, case: &Value, arguments: &[&str]) -> Command {
    let base = relayctl(endpoint, &["run", "--heartbeat", "0"]);
    let mut command = Command::new("env");
    command.env_clear().envs(base.get_envs().filter_map(|(name, value)| Some((name, value?))));
    for variable in case["environment"].as_array().into_iter().flatten() {
        let text = |member: &str| variable[member].as_str().unwrap();
        command.arg(format!("{}={}", text("name"), text("value")));
    }
    command.arg(base.get_program()).args(base.get_args());
    for (option, name) in [("--queue-url", "queueUrl"), ("--event-bus", "eventBus"), ("--source", "source")] {
        if let Some(value) = expanded(&case["options"][name]).as_str() {
            command.args([option, value]);
        }
    }
    command.args(arguments).stdin(Stdio::null());
    command
}

/// Runs a command that fails with the error of a case.
fn fail(mut command: Command, case: &Value, file: &PathBuf) -> Output {
    let (error, options) = (expanded(&case["error"]), expanded(&case["options"]));
    let given = |option: &str, else_: &Value| match options.get(option) {
        Some(value) if value != "" => value.clone(),
        _ => else_.clone(),
    };
    let mut failure =
        json!({"type": given("type", &error["class"]), "message": given("message", &error["text"])});
    if let Some(details) = options.get("details") {
        failure["details"] = details.clone();
    }
    let source = file.with_extension("source");
    std::fs::write(&source, failure.to_string()).unwrap();
    command.args(["--failure-file", file.to_str().unwrap(), "--", "sh", "-c", "cp $0 $1; exit 1"]);
    let output = command.args([&source, file]).output().unwrap();
    std::fs::remove_file(source).unwrap();
    let _ = std::fs::remove_file(file);
    output
}

/// What was published: the call, and the event in it.
fn published(endpoint: &Endpoint) -> Vec<(RecordedCall, String)> {
    let body = |call: RecordedCall| {
        let input = call.json().unwrap();
        let event = input["MessageBody"].as_str().or_else(|| input["Entries"][0]["Detail"].as_str());
        let event = event.unwrap().to_owned();
        (call, event)
    };
    let calls = endpoint.calls_of(Operation::SendMessage).into_iter();
    calls.chain(endpoint.calls_of(Operation::PutEvents)).map(body).collect()
}

fn event_of(endpoint: &Endpoint, name: &str, output: &Output) -> Value {
    let published = published(endpoint);
    assert_eq!(published.len(), 1, "{name}: {}", stderr(output));
    serde_json::from_str(&published[0].1).unwrap()
}

/// Whether the members that the case lists are those of the failure.
fn assert_failure(failure: &Value, expected: &Value, name: &str) {
    for (member, value) in expected.as_object().into_iter().flatten() {
        assert_eq!(&failure[member], &expanded(value), "{name}: failure.{member}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn identities_are_found_as_the_vectors_say() {
    let endpoint = endpoint().await;
    for case in cases("identity.json") {
        let name = case["name"].as_str().unwrap();
        endpoint.forget_calls();
        let mut command = run(&endpoint, &case, &["--", "false"]);
        let output = command.env("RELAY_QUEUE_URL", endpoint.queue_url("failures")).output().unwrap();
        if REFUSED_BEFORE_THE_START.contains(&name) || case["target"].is_null() {
            let expected = if case["target"].is_null() {
                "no task or job in the environment"
            } else {
                "FAILURE_RELAY_TARGET"
            };
            let said = stderr(&output);
            assert_eq!(output.status.code(), Some(2), "{name}: {said}");
            assert!(said.contains(expected) || said.contains("CODEPIPELINE_JOB_ID"), "{name}: {said}");
            assert!(published(&endpoint).is_empty(), "{name}");
        } else {
            assert_eq!(event_of(&endpoint, name, &output)["target"], case["target"], "{name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_go_where_the_vectors_say() {
    let endpoint = endpoint().await;
    for case in cases("event.json") {
        let name = case["name"].as_str().unwrap();
        endpoint.forget_calls();
        let output = fail(run(&endpoint, &case, &[]), &case, &file("event"));
        let sent = &case["sent"];
        if sent.is_null() {
            assert!(published(&endpoint).is_empty(), "{name}");
            continue;
        }
        let event = event_of(&endpoint, name, &output);
        let (call, _) = &published(&endpoint)[0];
        let input = call.json().unwrap();
        let entry = if sent["to"] == "bus" { &input["Entries"][0] } else { &input };
        for (member, there) in [
            ("queueUrl", "QueueUrl"),
            ("messageGroupId", "MessageGroupId"),
            ("eventBusName", "EventBusName"),
            ("source", "Source"),
            ("detailType", "DetailType"),
        ] {
            assert_eq!(entry[there], sent[member], "{name}: {member}");
        }
        let has_id = !entry["MessageDeduplicationId"].is_null();
        assert_eq!(has_id, sent["hasDeduplicationId"] == true, "{name}");
        if let Some(region) = sent["region"].as_str() {
            assert_eq!(call.region, region, "{name}: region");
        }
        for member in ["version", "source", "target"] {
            let expected = case["event"].get(member).unwrap_or(&event[member]);
            assert_eq!(&event[member], expected, "{name}: {member}");
        }
        assert_eq!(event["version"], "1", "{name}");
        assert!(event["id"].as_str().is_some_and(|id| !id.is_empty()), "{name}");
        assert!(event["time"].as_str().is_some_and(|time| time.ends_with('Z')), "{name}");
        assert_failure(&event["failure"], &case["event"]["failure"], name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_hidden_as_the_vectors_say() {
    let endpoint = endpoint().await;
    for case in cases("secrets.json") {
        let name = case["name"].as_str().unwrap();
        endpoint.forget_calls();
        let mut command = run(&endpoint, &case, &[]);
        command
            .env("RELAY_QUEUE_URL", endpoint.queue_url("failures"))
            .env("FAILURE_RELAY_TARGET", case["target"].to_string());
        let output = fail(command, &case, &file("secrets"));
        let event = event_of(&endpoint, name, &output);
        assert_eq!(event["target"], case["target"], "{name}");
        assert_failure(&event["failure"], &case["failure"], name);
        assert!(!stderr(&output).contains("other-secret-0123"), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_cut_as_the_vectors_say() {
    const MARKER: &str = "… [truncated]";
    let endpoint = endpoint().await;
    let target = json!({"kind": "step-functions-task", "taskToken": "token-12345"});
    for case in cases("limits.json").iter().filter(|case| case["name"] != TOO_LARGE_FOR_A_VARIABLE) {
        let name = case["name"].as_str().unwrap();
        endpoint.forget_calls();
        let mut command = run(&endpoint, case, &[]);
        command.env("RELAY_QUEUE_URL", endpoint.queue_url("failures")).env("TASK_TOKEN", "token-12345");
        let output = fail(command, case, &file("limits"));
        let event = event_of(&endpoint, name, &output);
        let length = published(&endpoint)[0].1.len();
        assert!(length <= 200_000, "{name}: {length} bytes");
        assert_eq!(event["target"], target, "{name}");
        let has = |list: &str, member: &str| {
            case[list].as_array().is_some_and(|members| members.contains(&json!(member)))
        };
        let (error, options) = (expanded(&case["error"]), expanded(&case["options"]));
        for (member, given) in
            [("type", &error["class"]), ("message", &error["text"]), ("details", &Value::Null)]
        {
            let (value, given) = (&event["failure"][member], options.get(member).unwrap_or(given));
            let text = value.as_str().unwrap_or_default();
            assert!(!has("kept", member) || value == given, "{name}: {member} is kept");
            assert!(!has("cut", member) || text.ends_with(MARKER), "{name}: {member} is cut");
            assert!(!has("gone", member) || text.len() <= MARKER.len() + 8, "{name}: {member} is gone");
        }
        let is_cut = case["cut"].as_array().is_some_and(|members| !members.is_empty());
        assert!(!is_cut || length >= 190_000, "{name}: cut to {length} bytes");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn successes_are_told_as_the_vectors_say() {
    let endpoint = endpoint().await;
    let (output_file, source) = (file("success"), file("result"));
    for case in cases("success.json") {
        let name = case["name"].as_str().unwrap();
        endpoint.forget_calls();
        let result = if case["resultIsNotJson"] == true {
            "<function>".to_owned()
        } else {
            expanded(&case["result"]).to_string()
        };
        std::fs::write(&source, result).unwrap();
        let mut command = run(&endpoint, &case, &["--report-success", "--output-file"]);
        command
            .arg(&output_file)
            .args(["--", "sh", "-c", "echo begun; cp $0 $1"])
            .args([&source, &output_file])
            .env("RELAY_QUEUE_URL", endpoint.queue_url("failures"))
            .env("FAILURE_RELAY_TARGET", case["target"].to_string());
        let output = command.output().unwrap();
        let has_begun = output.stdout == b"begun\n";
        assert_eq!(has_begun, case["errorBeforeTheWork"] != true, "{name}: {}", stderr(&output));
        if case["failure"].is_null() {
            assert!(published(&endpoint).iter().all(|(_, event)| event.contains("SuccessNotTold")), "{name}");
        } else {
            assert_failure(&event_of(&endpoint, name, &output)["failure"], &case["failure"], name);
        }
        if let Some(expected) = case["call"].as_object() {
            assert_success(&endpoint, expected, name);
        }
    }
    let _ = std::fs::remove_file(output_file);
    std::fs::remove_file(source).unwrap();
}

/// What is asked for beside the report of a failure, as a case lists it.
fn asked_for(endpoint: &Endpoint) -> Vec<Value> {
    let events =
        published(endpoint).into_iter().map(|(_, event)| serde_json::from_str::<Value>(&event).unwrap());
    let asked = |event: Value| {
        let member = ["lease", "claim"].into_iter().find(|member| !event[member].is_null())?;
        Some(json!({member: event[member]}))
    };
    events.filter_map(asked).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn leases_and_claims_are_asked_for_as_the_vectors_say() {
    for case in cases("lease.json") {
        let name = case["name"].as_str().unwrap();
        let endpoint = endpoint().await;
        let list = |member: &str| case[member].as_array().cloned().unwrap_or_default();
        if case["failure"] == "refused" {
            let number = u64::try_from(list("before").len()).unwrap() + 1;
            let rule = FaultRule::always("SendMessage", Fault::AccessDenied).when(When::Calls(vec![number]));
            endpoint.set_faults(vec![rule]);
        }
        let mut command = run(&endpoint, &case, &[]);
        if let Some(seconds) = case["options"]["lease"].as_i64() {
            command.arg(format!("--lease={seconds}"));
        }
        let claim = &case["options"]["claim"];
        let claims = claim.as_array().cloned().unwrap_or_else(|| vec![claim.clone()]);
        for resource in claims.iter().filter_map(Value::as_str) {
            command.args(["--claim", resource]);
        }
        let script = if case["failure"].is_null() { "echo begun" } else { "echo begun; false" };
        let url = endpoint.queue_url("failures");
        command.env("RELAY_QUEUE_URL", url).env("FAILURE_RELAY_TARGET", case["target"].to_string());
        let output = command.args(["--", "sh", "-c", script]).output().unwrap();
        let has_begun = output.stdout == b"begun\n";
        assert_eq!(has_begun, case["errorBeforeTheWork"] != true, "{name}: {}", stderr(&output));
        assert_eq!(asked_for(&endpoint), [list("before"), list("after")].concat(), "{name}");
        let events = published(&endpoint);
        let events: Vec<Value> =
            events.iter().map(|(_, event)| serde_json::from_str(event).unwrap()).collect();
        let reports = events.iter().position(|event| !event["failure"].is_null());
        assert_eq!(reports, (!case["failure"].is_null()).then_some(list("before").len()), "{name}");
        for event in &events {
            assert_eq!((&event["version"], &event["id"]), (&json!("1"), &events[0]["id"]), "{name}");
            assert_eq!((&event["source"], &event["target"]), (&json!("sh"), &case["target"]), "{name}");
        }
        if let Some(seconds) = case["renewalSeconds"].as_i64() {
            assert_eq!(Some(seconds * 3), case["options"]["lease"].as_i64(), "{name}");
        }
    }
}

/// The one call that is not a report to the relay's queue.
fn assert_success(endpoint: &Endpoint, expected: &Map<String, Value>, name: &str) {
    let calls = endpoint.calls();
    let call = calls.iter().find(|call| call.operation != Operation::SendMessage).unwrap();
    assert_eq!(format!("{:?}", call.operation), expected["operation"].as_str().unwrap(), "{name}");
    if let Some(region) = expected.get("region").and_then(Value::as_str) {
        assert_eq!(call.region, region, "{name}");
    }
    let body: Value = serde_json::from_slice(call.body()).unwrap();
    for (member, value) in expected["input"].as_object().unwrap() {
        let value = expanded(value);
        match member.as_str() {
            "CallbackId" => assert!(call.path().contains(value.as_str().unwrap()), "{name}"),
            "Result" => assert_eq!(body, value, "{name}"),
            "output" | "result" => {
                let text: Value = serde_json::from_str(body[member].as_str().unwrap()).unwrap();
                assert_eq!(text, value, "{name}");
            }
            _ => assert_eq!(body[member], value, "{name}: {member}"),
        }
    }
}
