//! `GET /tasks`: how each task and job ended, for whoever runs the endpoint as a process of its own.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::sqs::hex;
use super::work::{WorkReport, WorkState};

/// The path that answers with [`as_json`].
pub(crate) const PATH: &str = "/tasks";

/// An array with one object for each task and job. A token is a secret, so its place is taken by its fingerprint, the
/// start of its SHA-256, as the relay's log lines have it; an identity that is no secret stands under its name in the API.
pub(crate) fn as_json(reports: &[WorkReport]) -> String {
    Value::Array(reports.iter().map(one).collect()).to_string()
}

fn one(report: &WorkReport) -> Value {
    let kind = report.kind.model();
    let failure = report.failure();
    let mut task = json!({
        "kind": kind.name,
        "fingerprint": fingerprint(&report.id),
        "region": report.region,
        "account": report.account,
        "state": state(&report.state),
        "error": failure.and_then(|failure| failure.error.as_deref()),
        "cause": failure.and_then(|failure| failure.cause.as_deref()),
        "externalExecutionId": failure.and_then(|failure| failure.external_execution_id.as_deref()),
        "refusedReports": report.refused_reports,
    });
    if let Some(member) = kind.identity.first().filter(|_| !kind.secret) {
        task[*member] = json!(report.id);
    }
    if let Some(data) = failure.and_then(|failure| failure.data.as_deref()) {
        task["data"] = json!(data);
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
