//! `BatchGetBuilds` of CodeBuild.
//!
//! <https://docs.aws.amazon.com/codebuild/latest/APIReference/API_Build.html>

use super::{End, Fate, absent, by_id};
use crate::json::Object;
use crate::sweep::moment;

pub(super) fn fate(answers: &[Object<'_>], id: &str) -> Fate {
    let Some(build) = by_id(answers, "builds", "id", id) else { return absent() };
    match build.text("buildStatus").as_deref() {
        Some("IN_PROGRESS") => Fate::Running("in progress".to_owned()),
        Some(status @ ("SUCCEEDED" | "FAILED" | "FAULT" | "TIMED_OUT" | "STOPPED")) => {
            let well = status == "SUCCEEDED";
            Fate::Ended(End {
                well,
                at: moment::seconds(&build, "endTime"),
                how: format!("ended with the status {status}"),
                failure_type: (!well).then(|| format!("CodeBuild.{status}")),
            })
        }
        status => Fate::unclear(status),
    }
}
