//! The failure event of a command: what a relay is told of it. Pure; and whatever the command wrote, no secret is in it.

use std::ffi::OsStr;
use std::path::Path;
use std::time::SystemTime;

use failure_event::json::quoted;
use failure_event::target::Kind;
use failure_event::text::{MARKER, cut_by};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::ending::{Ending, Run, Stop};
use super::redact::Redactor;
use super::success::Unsuccessful;
use super::words::Words;

/// The largest event, in bytes: what publishers of any language keep to.
const EVENT_BYTES_MAX: usize = 200_000;

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
    /// `id`: the same for all reports of one work.
    pub id: &'a str,
    /// `source`: who publishes.
    pub source: &'a str,
    /// The failure's type, in place of the one that follows from the ending.
    pub given_type: Option<&'a str>,
    /// The worker's own id of the run.
    pub execution_id: Option<&'a str>,
    /// Takes out what must not be in any text.
    pub redactor: &'a Redactor,
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
        Kind::StepFunctionsTask
        | Kind::SwfActivityTask
        | Kind::LambdaDurableCallback
        | Kind::CloudFormationCustomResource
        | Kind::CloudFormationWaitCondition
        | Kind::SageMakerPipelineStep
        | Kind::AutoScalingLifecycleAction
        | Kind::CodeDeployLifecycleHook
        | Kind::CodePipelineApproval
        | Kind::ImageBuilderWorkflowStep
        | Kind::ServiceCatalogEngineWorkflow
        | Kind::EcsDeploymentHook => STDERR_BYTES_MAX,
    }
}

/// The event of a command that ran. What it says of its failure itself counts before what is seen from outside.
#[must_use]
pub fn of_run(
    context: &Context<'_>,
    run: &Run,
    stderr: &[String],
    words: Option<&Words>,
    now: SystemTime,
) -> String {
    let words = words.cloned().unwrap_or_default();
    let failure_type = context.given_type.unwrap_or(run.failure_type());
    event(
        context,
        Parts {
            failure_type: words.failure_type.unwrap_or_else(|| failure_type.to_owned()),
            message: words.message.unwrap_or_else(|| sentence(context, run, stderr)),
            details: Some(words.details.unwrap_or_else(|| details(context, run, stderr))),
            execution_id: words.execution_id.or_else(|| context.execution_id.map(str::to_owned)),
            source: context.source.to_owned(),
        },
        now,
    )
}

fn sentence(context: &Context<'_>, run: &Run, stderr: &[String]) -> String {
    let sentence = run.sentence(context.program);
    stderr.last().map_or(sentence.clone(), |last| format!("{sentence}: {}", last.trim()))
}

fn details(context: &Context<'_>, run: &Run, stderr: &[String]) -> Value {
    let mut details = Map::new();
    match run.ending {
        Ending::Exited(code) => details.insert("exitCode".to_owned(), json!(code)),
        Ending::Killed(signal) => details.insert("signal".to_owned(), json!(super::ending::name(signal))),
        Ending::NotEnded => None,
    };
    match &run.stopped_by {
        Some(Stop::Signal(_) | Stop::LeaseLost) => {
            details.extend(
                run.stopped_by.as_ref().map(|stop| ("stoppedBy".to_owned(), json!(stop.to_string()))),
            );
        }
        Some(Stop::Spot(notice)) => {
            let notice = json!({"action": notice.action, "time": notice.time});
            details.insert("spotInterruption".to_owned(), notice);
        }
        None => {}
    }
    let seconds = (run.duration.as_secs_f64() * 10.0).round() / 10.0;
    details.insert("durationSeconds".to_owned(), json!(seconds));
    details.insert("command".to_owned(), json!(context.program));
    if !stderr.is_empty() {
        details.insert("stderr".to_owned(), json!(stderr));
    }
    Value::Object(details)
}

/// The event of a command that could not be started.
#[must_use]
pub fn of_failed_start(context: &Context<'_>, why: &str, now: SystemTime) -> String {
    let message = format!("{} could not be started: {why}", context.program);
    of_sentence(context, context.given_type.unwrap_or("Worker.NotStarted"), message, now)
}

/// The event of a command that did well, of which its service does not know.
#[must_use]
pub fn of_unsuccessful(context: &Context<'_>, why: &Unsuccessful, now: SystemTime) -> String {
    of_sentence(context, why.failure_type(), why.message().to_owned(), now)
}

fn of_sentence(context: &Context<'_>, failure_type: &str, message: String, now: SystemTime) -> String {
    let parts = Parts {
        failure_type: failure_type.to_owned(),
        message,
        details: Some(json!({"command": context.program})),
        execution_id: context.execution_id.map(str::to_owned),
        source: context.source.to_owned(),
    };
    event(context, parts, now)
}

/// The parts of an event that are not fixed.
#[derive(Debug)]
struct Parts {
    failure_type: String,
    message: String,
    details: Option<Value>,
    execution_id: Option<String>,
    source: String,
}

fn event(context: &Context<'_>, parts: Parts, now: SystemTime) -> String {
    let redactor = context.redactor;
    let mut parts = Parts {
        failure_type: redactor.text(&parts.failure_type),
        message: redactor.text(&parts.message),
        details: parts.details.map(|details| redactor.value(details)),
        execution_id: parts.execution_id.map(|id| redactor.text(&id)),
        source: redactor.text(&parts.source),
    };
    fit(&mut parts, |parts| render(context, parts, now));
    render(context, &parts, now)
}

fn render(context: &Context<'_>, parts: &Parts, now: SystemTime) -> String {
    let mut failure = json!({"type": parts.failure_type, "message": parts.message});
    if let Some(details) = &parts.details {
        failure["details"] = details.clone();
    }
    if let Some(id) = &parts.execution_id {
        failure["externalExecutionId"] = json!(id);
    }
    // The target is copied as it stands; each other member is written by serde_json, so the whole is JSON.
    format!(
        r#"{{"version":"1","id":{},"source":{},"time":{},"target":{},"failure":{failure}}}"#,
        json!(context.id),
        json!(parts.source),
        json!(rfc3339(now)),
        context.target.get(),
    )
}

/// Cuts the details, then the message, the type and the source until the event is within its limit.
fn fit(parts: &mut Parts, render: impl Fn(&Parts) -> String) {
    let excess = |parts: &Parts| render(parts).len().saturating_sub(EVENT_BYTES_MAX);
    let over = excess(parts);
    if let Some(details) = parts.details.take_if(|_| over > 0) {
        let json = details.to_string();
        let room = json.len().saturating_sub(over);
        let text = details.as_str().map_or(json, str::to_owned);
        // Details that are cut become a text; where there is no room for any, they go.
        parts.details = (room > quoted(MARKER).len()).then(|| Value::String(cut(&text, room)));
    }
    let members: [fn(&mut Parts) -> &mut String; 3] =
        [|parts| &mut parts.message, |parts| &mut parts.failure_type, |parts| &mut parts.source];
    for member in members {
        let over = excess(parts);
        let text = member(parts);
        if over > 0 {
            *text = cut(text, quoted(text).len().saturating_sub(over));
        }
    }
}

/// The text within so many bytes of JSON, quotes included.
fn cut(text: &str, bytes_max: usize) -> String {
    let cost = |character: char| quoted(character.encode_utf8(&mut [0; 4])).len() - 2;
    cut_by(text, bytes_max.saturating_sub(2), cost, MARKER.len()).into_owned()
}

fn rfc3339(time: SystemTime) -> String {
    let time = OffsetDateTime::from(time);
    let whole = time.replace_millisecond(time.millisecond()).unwrap_or(time);
    whole.format(&Rfc3339).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use failure_event::secret::Secret;

    use super::*;

    const TARGET: &str = r#"{"kind":"step-functions-task","taskToken":"AQCEAAAAKgAAAAMA"}"#;

    fn reported(stderr: &[&str]) -> Value {
        let target = RawValue::from_string(TARGET.to_owned()).unwrap();
        let redactor = Redactor::new(vec![Secret::new("AQCEAAAAKgAAAAMA")], &[], &[]);
        let context = Context {
            target: &target,
            program: "render",
            id: "e-1",
            source: "render-farm",
            given_type: None,
            execution_id: Some("run-7"),
            redactor: &redactor,
        };
        let run = Run { ending: Ending::Exited(3), stopped_by: None, duration: Duration::from_millis(1234) };
        let stderr: Vec<String> = stderr.iter().map(|line| (*line).to_owned()).collect();
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_123);
        serde_json::from_str(&of_run(&context, &run, &stderr, None, now)).unwrap()
    }

    #[test]
    fn the_event_says_what_happened_and_names_the_target_as_it_was_found() {
        let expected = json!({
            "version": "1",
            "id": "e-1",
            "source": "render-farm",
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
