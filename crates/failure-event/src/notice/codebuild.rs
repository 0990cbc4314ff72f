//! CodeBuild Build State Change: a build that failed, timed out or was stopped.
//!
//! <https://docs.aws.amazon.com/codebuild/latest/userguide/sample-build-notifications.html>

use super::environment::Environment;
use super::{AwsEvent, Details, Meaning, failure};
use crate::event::Failure;
use crate::json::Object;

/// The `detail-type`.
pub(super) const NAME: &str = "CodeBuild Build State Change";

pub(super) fn meaning(event: &AwsEvent<'_>, names: &[String]) -> Meaning {
    let Some(detail) = &event.detail else { return Meaning::NoFailure };
    let status = detail.text("build-status").unwrap_or_default();
    if !matches!(status.as_ref(), "FAILED" | "FAULT" | "TIMED_OUT" | "STOPPED") {
        return Meaning::NoFailure;
    }
    let information = detail.object("additional-information");
    let environment = information.as_ref().and_then(|information| information.object("environment"));
    let list = environment.and_then(|environment| environment.member("environment-variables"));
    let found = Environment::Listed { list, keep: holds_its_value }.found(names);
    event.death(found, told(detail, information.as_ref(), &status))
}

/// A variable of another type names a parameter or a secret; its value is not the identity.
fn holds_its_value(variable: &Object<'_>) -> bool {
    variable.description("type").is_none_or(|kind| kind == "PLAINTEXT")
}

fn told(detail: &Object<'_>, information: Option<&Object<'_>>, status: &str) -> Failure<'static> {
    let project = detail.description("project-name");
    let mut details =
        Details::default().copy(detail, &["build-id", "project-name", "build-status", "current-phase"]);
    if let Some(logs) = information.and_then(|information| information.object("logs")) {
        details = details.copy(&logs, &["group-name", "stream-name", "deep-link"]);
    }
    failure(
        format!("CodeBuild.{status}"),
        format!(
            "The CodeBuild project {} ended a build with the status {status}.",
            project.unwrap_or_default()
        ),
        detail.description("build-id"),
        details,
    )
}
