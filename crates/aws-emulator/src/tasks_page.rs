//! `GET /tasks`: how each task and job ended, for whoever runs the endpoint as a process of its own.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::sqs::hex;
use super::work::{WorkKind, WorkReport, WorkState};

/// The path that answers with [`as_json`].
pub(crate) const PATH: &str = "/tasks";

/// An array with one object for each task and job. A token is a secret, so its place is taken by its fingerprint, the
/// start of its SHA-256, as the relay's log lines have it.
pub(crate) fn as_json(reports: &[WorkReport]) -> String {
    Value::Array(reports.iter().map(one).collect()).to_string()
}

fn one(report: &WorkReport) -> Value {
    let (kind, is_job) = match report.kind {
        WorkKind::StepFunctionsTask => ("step-functions-task", false),
        WorkKind::SwfActivityTask => ("swf-activity-task", false),
        WorkKind::CodePipelineJob => ("codepipeline-job", true),
        WorkKind::CodePipelineThirdPartyJob => ("codepipeline-third-party-job", true),
    };
    let failure = report.failure();
    let mut task = json!({
        "kind": kind,
        "fingerprint": fingerprint(&report.id),
        "region": report.region,
        "account": report.account,
        "state": state(&report.state),
        "error": failure.and_then(|failure| failure.error.as_deref()),
        "cause": failure.and_then(|failure| failure.cause.as_deref()),
        "externalExecutionId": failure.and_then(|failure| failure.external_execution_id.as_deref()),
        "refusedReports": report.refused_reports,
    });
    if is_job {
        task["jobId"] = json!(report.id);
    }
    task
}

fn state(state: &WorkState) -> &'static str {
    match state {
        WorkState::Open => "open",
        WorkState::Failed(_) => "failed",
        WorkState::Succeeded(_) => "succeeded",
        WorkState::TimedOut => "timed-out",
    }
}

fn fingerprint(id: &str) -> String {
    hex(&Sha256::digest(id)[..8])
}
