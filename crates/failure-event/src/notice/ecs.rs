//! ECS Task State Change: a container that ended, or was taken away, with the work undone.
//!
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_task_events.html>

use std::borrow::Cow;
use std::collections::HashMap;

use super::command::Command;
use super::environment::Environment;
use super::{AwsEvent, Details, Meaning, failure, objects};
use crate::event::Failure;
use crate::json::{Object, Type};
use crate::notice::identity::Found;

/// The `detail-type`.
pub(super) const NAME: &str = "ECS Task State Change";

/// The one stop code that leaves it to the exit code whether the work was done. With any other the task was taken away: a
/// worker that ended well on SIGTERM has not finished its work.
const CONTAINER_EXITED: &str = "EssentialContainerExited";

/// A container whose overrides name a task.
struct Worker<'a> {
    name: Cow<'a, str>,
    found: Found,
    /// Its entry in `containers`, which a task that failed to start may lack.
    container: Option<Object<'a>>,
}

pub(super) fn meaning(event: &AwsEvent<'_>, names: &[String]) -> Meaning {
    let Some(detail) = &event.detail else { return Meaning::NoFailure };
    if detail.text("lastStatus").as_deref() != Some("STOPPED") {
        return Meaning::NoFailure;
    }
    let stop_code = detail.description("stopCode");
    let was_taken_away = stop_code.as_deref().is_some_and(|code| code != CONTAINER_EXITED);
    let mut workers = workers(detail, names);
    match workers.find(|worker| was_taken_away || worker.failed()) {
        Some(worker) => {
            let failure = told(detail, stop_code.as_deref(), &worker);
            event.death(Some(worker.found), || failure)
        }
        None => Meaning::NoFailure,
    }
}

/// The containers with an identity, in the order of `containerOverrides`.
fn workers<'a>(detail: &Object<'a>, names: &[String]) -> impl Iterator<Item = Worker<'a>> {
    let by_name = |container: Object<'a>| Some((container.text("name")?, container));
    let containers: HashMap<_, _> = objects(detail.member("containers")).filter_map(by_name).collect();
    let overrides = detail.object("overrides").and_then(|overrides| overrides.member("containerOverrides"));
    objects(overrides).filter_map(move |container_override| {
        let environment = Environment::listed(container_override.member("environment"));
        let command = || Command::read([container_override.member("command")]).found(names);
        let found = environment.found(names).or_else(command)?;
        let name = container_override.text("name").unwrap_or_default();
        let container = containers.get(&name).cloned();
        Some(Worker { name, found, container })
    })
}

impl Worker<'_> {
    /// A container that never ran, or was killed before it could say, has no exit code.
    fn failed(&self) -> bool {
        self.exit_code().is_none_or(|code| code.parse::<f64>() != Ok(0.0))
    }

    fn exit_code(&self) -> Option<String> {
        let code = self.container.as_ref()?.member("exitCode")?;
        (code.json_type() == Type::Number).then(|| code.text().to_owned())
    }
}

fn told(detail: &Object<'_>, stop_code: Option<&str>, worker: &Worker<'_>) -> Failure<'static> {
    let copied = [
        "taskArn",
        "clusterArn",
        "taskDefinitionArn",
        "group",
        "startedBy",
        "stopCode",
        "startedAt",
        "stoppedAt",
    ];
    let mut details = Details::default().copy(detail, &copied).text("container", Some(&*worker.name));
    if let Some(container) = &worker.container {
        details = details.copy(container, &["exitCode", "reason", "runtimeId"]);
    }
    failure(
        format!("ECS.{}", stop_code.unwrap_or("Stopped")),
        message(detail.description("stoppedReason").as_deref(), worker),
        detail.description("taskArn"),
        details,
    )
}

/// `<stoppedReason> (container <name>: <reason>, exit code <n>)`, without the parts that are not known.
fn message(stopped_reason: Option<&str>, worker: &Worker<'_>) -> String {
    let reason =
        worker.container.as_ref().and_then(|container| container.description("reason")).map(Cow::into_owned);
    let exit_code = worker.exit_code().map(|code| format!("exit code {code}"));
    let ending: Vec<String> = reason.into_iter().chain(exit_code).collect();
    let mut container = format!("container {}", worker.name).trim_end().to_owned();
    if !ending.is_empty() {
        container.push_str(&format!(": {}", ending.join(", ")));
    }
    match stopped_reason {
        Some(stopped_reason) => format!("{stopped_reason} ({container})"),
        None => format!("({container})"),
    }
}
