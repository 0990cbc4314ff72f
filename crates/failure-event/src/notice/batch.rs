//! Batch Job State Change: a job that failed for good.
//!
//! <https://docs.aws.amazon.com/batch/latest/userguide/batch_job_events.html>

use std::borrow::Cow;

use super::command::Command;
use super::environment::Environment;
use super::{AwsEvent, Details, Meaning, failure, objects};
use crate::event::Failure;
use crate::json::Object;
use crate::notice::identity::Found;

/// The `detail-type`.
pub(super) const NAME: &str = "Batch Job State Change";

pub(super) fn meaning(event: &AwsEvent<'_>, names: &[String]) -> Meaning {
    let Some(detail) = &event.detail else { return Meaning::NoFailure };
    if detail.text("status").as_deref() != Some("FAILED") {
        return Meaning::NoFailure;
    }
    event.death(in_job(detail, names), told(detail))
}

/// A job runs as a container, as ECS or EKS properties, or as node ranges that hold any of these.
fn in_job(job: &Object<'_>, names: &[String]) -> Option<Found> {
    in_properties(job, names).or_else(|| {
        let ranges = job.object("nodeProperties")?.member("nodeRangeProperties");
        objects(ranges).find_map(|range| in_properties(&range, names))
    })
}

fn in_properties(job: &Object<'_>, names: &[String]) -> Option<Found> {
    in_container(job, names).or_else(|| in_ecs(job, names)).or_else(|| in_eks(job, names))
}

fn in_container(job: &Object<'_>, names: &[String]) -> Option<Found> {
    in_environment_or_command(&job.object("container")?, "environment", names)
}

fn in_ecs(job: &Object<'_>, names: &[String]) -> Option<Found> {
    let tasks = job.object("ecsProperties")?.member("taskProperties");
    objects(tasks)
        .flat_map(|task| objects(task.member("containers")).collect::<Vec<_>>())
        .find_map(|container| in_environment_or_command(&container, "environment", names))
}

fn in_eks(job: &Object<'_>, names: &[String]) -> Option<Found> {
    let pod = job.object("eksProperties")?.object("podProperties")?;
    objects(pod.member("containers"))
        .chain(objects(pod.member("initContainers")))
        .find_map(|container| in_environment_or_command(&container, "env", names))
}

/// Only containers of a pod part their command into `command` and `args`.
fn in_environment_or_command(container: &Object<'_>, environment: &str, names: &[String]) -> Option<Found> {
    let command = || Command::read([container.member("command"), container.member("args")]).found(names);
    Environment::listed(container.member(environment)).found(names).or_else(command)
}

fn told(detail: &Object<'_>) -> Failure<'static> {
    let last_attempt =
        objects(detail.member("attempts")).last().and_then(|attempt| attempt.object("container"));
    let reason = last_attempt.as_ref().and_then(|container| container.description("reason"));
    let sentence =
        || Cow::Owned(format!("The Batch job {} failed.", detail.description("jobName").unwrap_or_default()));
    let message = reason.or_else(|| detail.description("statusReason")).unwrap_or_else(sentence).into_owned();
    let mut details = Details::default()
        .copy(detail, &["jobArn", "jobName", "jobId", "jobQueue", "jobDefinition", "statusReason"]);
    if let Some(container) = &last_attempt {
        details = details.copy(container, &["exitCode", "logStreamName", "taskArn"]);
    }
    failure("Batch.JobFailed".to_owned(), message, detail.description("jobId"), details)
}
