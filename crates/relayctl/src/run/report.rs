//! The failure event of a command: what a relay is told of it. Pure; and whatever the command wrote, no secret is in it.

use std::ffi::OsStr;
use std::path::Path;
use std::time::SystemTime;

use failure_event::secret::Secret;
use failure_event::target::Kind;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::ending::{Ending, Run};

/// How much of standard error is sent, in bytes: what the orchestrator keeps of `details`, less some room.
const STDERR_BYTES_MAX: usize = 20_000;

/// The same for CodePipeline, which keeps 5,000 characters in all.
const STDERR_BYTES_MAX_CODEPIPELINE: usize = 3_000;

/// What a report says beside how the command ended.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The `target` object, as it was found.
    pub target: &'a RawValue,
    /// The command's first word.
    pub program: &'a str,
    /// `source`: who publishes.
    pub source: &'a str,
    /// The failure's type, in place of the one that follows from the ending.
    pub given_type: Option<&'a str>,
    /// The worker's own id of the run.
    pub execution_id: Option<&'a str>,
    /// What must not be in any text.
    pub secrets: &'a [Secret],
}

/// The command's name for people: without its directory.
#[must_use]
pub fn program_name(program: &OsStr) -> String {
    Path::new(program).file_name().unwrap_or(program).to_string_lossy().into_owned()
}

/// How many bytes of standard error a target of this kind takes.
#[must_use]
pub fn stderr_bytes_max(kind: Kind) -> usize {
    match kind {
        Kind::CodePipelineJob | Kind::CodePipelineThirdPartyJob => STDERR_BYTES_MAX_CODEPIPELINE,
        _ => STDERR_BYTES_MAX,
    }
}

/// The event of a command that ran.
#[must_use]
pub fn of_run(context: &Context<'_>, run: &Run, stderr: &[String], now: SystemTime) -> String {
    let mut message = run.sentence(context.program);
    if let Some(last) = stderr.last() {
        message.push_str(": ");
        message.push_str(last.trim());
    }
    let mut details = Map::new();
    match run.ending {
        Ending::Exited(code) => details.insert("exitCode".to_owned(), json!(code)),
        Ending::Killed(signal) => details.insert("signal".to_owned(), json!(super::ending::name(signal))),
        Ending::NotEnded => None,
    };
    if let Some(signal) = run.stopped_by {
        details.insert("stoppedBy".to_owned(), json!(super::ending::name(signal.as_raw())));
    }
    let seconds = (run.duration.as_secs_f64() * 10.0).round() / 10.0;
    details.insert("durationSeconds".to_owned(), json!(seconds));
    details.insert("command".to_owned(), json!(context.program));
    if !stderr.is_empty() {
        details.insert("stderr".to_owned(), json!(stderr));
    }
    event(context, run.failure_type(), &message, &details, now)
}

/// The event of a command that could not be started.
#[must_use]
pub fn of_failed_start(context: &Context<'_>, why: &str, now: SystemTime) -> String {
    let message = format!("{} could not be started: {why}", context.program);
    let details = Map::from_iter([("command".to_owned(), json!(context.program))]);
    event(context, "Worker.NotStarted", &message, &details, now)
}

fn event(
    context: &Context<'_>,
    failure_type: &str,
    message: &str,
    details: &Map<String, Value>,
    now: SystemTime,
) -> String {
    let mut failure = json!({
        "type": context.given_type.unwrap_or(failure_type),
        "message": message,
        "details": details,
    });
    if let Some(id) = context.execution_id {
        failure["externalExecutionId"] = json!(id);
    }
    redact(&mut failure, context.secrets);
    // The target is copied as it stands; each other member is written by serde_json, so the whole is JSON.
    format!(
        r#"{{"version":"1","source":{},"time":{},"target":{},"failure":{failure}}}"#,
        json!(context.source),
        json!(rfc3339(now)),
        context.target.get(),
    )
}

fn rfc3339(time: SystemTime) -> String {
    let time = OffsetDateTime::from(time);
    let whole = time.replace_millisecond(time.millisecond()).unwrap_or(time);
    whole.format(&Rfc3339).unwrap_or_default()
}

/// Takes the secrets out of every text in a value.
fn redact(value: &mut Value, secrets: &[Secret]) {
    match value {
        Value::String(text) => {
            for secret in secrets {
                *text = secret.redact(text).into_owned();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| redact(item, secrets)),
        Value::Object(members) => members.values_mut().for_each(|member| redact(member, secrets)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const TARGET: &str = r#"{"kind":"step-functions-task","taskToken":"AQCEAAAAKgAAAAMA"}"#;

    fn reported(stderr: &[&str]) -> Value {
        let target = RawValue::from_string(TARGET.to_owned()).unwrap();
        let context = Context {
            target: &target,
            program: "render",
            source: "relayctl run",
            given_type: None,
            execution_id: Some("run-7"),
            secrets: &[Secret::new("AQCEAAAAKgAAAAMA")],
        };
        let run = Run { ending: Ending::Exited(3), stopped_by: None, duration: Duration::from_millis(1234) };
        let stderr: Vec<String> = stderr.iter().map(|line| (*line).to_owned()).collect();
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_123);
        serde_json::from_str(&of_run(&context, &run, &stderr, now)).unwrap()
    }

    #[test]
    fn the_event_says_what_happened_and_names_the_target_as_it_was_found() {
        let expected = json!({
            "version": "1",
            "source": "relayctl run",
            "time": "2023-11-14T22:13:20.123Z",
            "target": {"kind": "step-functions-task", "taskToken": "AQCEAAAAKgAAAAMA"},
            "failure": {
                "type": "Worker.Exited",
                "message": "render ended with exit code 3 after 1.2 s: disk full",
                "details": {
                    "exitCode": 3,
                    "durationSeconds": 1.2,
                    "command": "render",
                    "stderr": ["writing", "disk full"],
                },
                "externalExecutionId": "run-7",
            },
        });
        assert_eq!(reported(&["writing", "disk full"]), expected);
    }

    #[test]
    fn a_token_that_the_command_wrote_is_in_no_text() {
        let event = reported(&["TASK_TOKEN=AQCEAAAAKgAAAAMA", "token AQCEAAAAKgAA…"]);
        assert!(!event["failure"].to_string().contains("AQCEAAAA"), "{event}");
        assert_eq!(event["target"]["taskToken"], "AQCEAAAAKgAAAAMA");
    }

    #[test]
    fn a_command_is_named_without_its_directory() {
        assert_eq!(program_name(OsStr::new("/usr/bin/python3")), "python3");
        assert_eq!(program_name(OsStr::new("..")), "..");
    }
}
