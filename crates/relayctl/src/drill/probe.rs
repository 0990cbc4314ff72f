//! A kind that is tried without a real worker: the function is given a target that cannot exist, and says what the service answered.
//!
//! The function is invoked and not sent an event by the queue: its answer is the outcome itself, and an event that fails is not
//! tried again for days.

use std::time::Duration;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::Builder;
use aws_sdk_lambda::config::timeout::TimeoutConfig;
use aws_sdk_lambda::primitives::Blob;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use failure_event::target::Kind;
use serde_json::{Value, json};

use super::made_up::{Origin, target};
use super::plan::Elsewhere;
use super::stage::{Miss, Stage};
use crate::aws::explain;

/// The function may take its own time-out, and longer the first time.
const INVOCATION_MAX: Duration = Duration::from_secs(90);

/// What a service that was reached says of a target that cannot exist.
const REJECTED: &str = "REJECTED_BY_SERVICE";

/// Has the function fail a made-up target.
///
/// # Errors
/// The function did not reach the service, or may not be invoked.
pub async fn run(stage: &Stage<'_>, kind: Kind, elsewhere: Option<&Elsewhere>) -> Result<String, Miss> {
    let answer = ask(stage, kind, elsewhere).await?;
    judge(&answer)
}

/// Whether a made-up target of this kind ends as a dead letter, by which an event with it can be seen.
///
/// # Errors
/// As [`run`].
pub async fn ends_as_letter(stage: &Stage<'_>, kind: Kind) -> Result<bool, Miss> {
    Ok(ask(stage, kind, None).await?["outcome"] == "dead-lettered")
}

/// The `target` of a kind that this run makes up.
#[must_use]
pub fn target_of(stage: &Stage<'_>, kind: Kind, elsewhere: Option<&Elsewhere>) -> Option<Value> {
    let (mut region, mut account) = (stage.deployment.region.as_str(), stage.account());
    match elsewhere {
        Some(Elsewhere::Region(other)) => region = other,
        Some(Elsewhere::Account(other)) => account = other,
        None => {}
    }
    let mut target = target(kind, Origin { run: &stage.run, region, account })?;
    match elsewhere {
        Some(Elsewhere::Region(other)) => target["region"] = other.as_str().into(),
        Some(Elsewhere::Account(other)) => target["account"] = other.as_str().into(),
        None => {}
    }
    Some(target)
}

/// The function's answer, or what it failed with as `{"failed": …}`.
async fn ask(stage: &Stage<'_>, kind: Kind, elsewhere: Option<&Elsewhere>) -> Result<Value, Miss> {
    let target = target_of(stage, kind, elsewhere)
        .ok_or_else(|| Miss::Skipped("no target of it can be made up".to_owned()))?;
    let place = match elsewhere {
        Some(Elsewhere::Region(place) | Elsewhere::Account(place)) => format!("-{place}"),
        None => String::new(),
    };
    let id = stage.name(&format!("{}{place}", kind.name()));
    let failure = json!({"type": "Drill.Failed", "message": stage.message()});
    let event = json!({"id": id, "source": "relayctl-drill", "target": target, "failure": failure});
    let limits = TimeoutConfig::builder().operation_timeout(INVOCATION_MAX).build();
    let client = Client::from_conf(Builder::from(stage.config).timeout_config(limits).build());
    // The answer may be lost, and the letter be there.
    stage.traces.lock().await.letter_may_come(&id);
    let invoked = client.invoke().function_name(&stage.site.function).payload(Blob::new(event.to_string()));
    let answer = invoked.send().await.map_err(|error| match error.code() {
        Some(code) if !code.contains("AccessDenied") => Miss::Failed(explain(&error)),
        _ => Miss::Untried(explain(&error)),
    })?;
    let payload = answer.payload().map(Blob::as_ref).unwrap_or_default();
    let payload: Value = serde_json::from_slice(payload).unwrap_or_default();
    if answer.function_error().is_some() {
        let why = payload["errorMessage"].as_str().unwrap_or("it gave no reason");
        return Ok(json!({"failed": why}));
    }
    if payload["outcome"] == "dead-lettered" {
        stage.traces.lock().await.letter_must_come(&id);
    }
    Ok(payload)
}

fn judge(answer: &Value) -> Result<String, Miss> {
    let text = |name: &str| answer[name].as_str().unwrap_or_default();
    match (text("outcome"), text("errorCode")) {
        ("dead-lettered", REJECTED) => {
            let reason = text("errorMessage");
            Ok(format!("reached: {}", reason.strip_prefix("target: ").unwrap_or(reason)))
        }
        ("dead-lettered", code) => Err(Miss::Failed(format!("{code}: {}", text("errorMessage")))),
        ("already-settled", _) => Ok("reached: the service knows no such task that is open".to_owned()),
        ("relayed", _) => Ok("reached: the service accepted it".to_owned()),
        _ if answer["failed"].is_string() => Err(Miss::Failed(text("failed").to_owned())),
        _ => Err(Miss::Failed("the function's answer is not one that the relay gives".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_that_knows_no_such_task_was_reached() {
        let rejected =
            json!({"outcome": "dead-lettered", "errorCode": REJECTED, "errorMessage": "target: no such job"});
        assert_eq!(judge(&rejected), Ok("reached: no such job".to_owned()));
        assert!(judge(&json!({"outcome": "already-settled"})).is_ok());
        assert!(judge(&json!({"outcome": "relayed"})).is_ok());
    }

    #[test]
    fn whatever_did_not_reach_it_is_a_failure() {
        let code =
            json!({"outcome": "dead-lettered", "errorCode": "TARGET_NOT_ALLOWED", "errorMessage": "off"});
        assert_eq!(judge(&code), Err(Miss::Failed("TARGET_NOT_ALLOWED: off".to_owned())));
        let retry = json!({"failed": "to be retried: AccessDenied"});
        assert_eq!(judge(&retry), Err(Miss::Failed("to be retried: AccessDenied".to_owned())));
        assert!(matches!(judge(&json!({"outcome": "ignored"})), Err(Miss::Failed(_))));
        assert!(matches!(judge(&Value::Null), Err(Miss::Failed(_))));
    }
}
