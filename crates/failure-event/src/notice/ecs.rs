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

/// A container of the task, as it ended.
struct Container<'a> {
    name: Cow<'a, str>,
    /// Its entry in `containers`, which a task that failed to start may lack.
    entry: Option<Object<'a>>,
}

/// A container whose overrides name a task.
struct Worker<'a> {
    container: Container<'a>,
    found: Found,
}

/// The containers of a notice, by their names.
type Entries<'a> = HashMap<Cow<'a, str>, Object<'a>>;

pub(super) fn meaning(event: &AwsEvent<'_>, names: &[String]) -> Meaning {
    let Some(detail) = &event.detail else { return Meaning::NoFailure };
    if detail.text("lastStatus").as_deref() != Some("STOPPED") {
        return Meaning::NoFailure;
    }
    let stop_code = detail.description("stopCode");
    let was_taken_away = stop_code.as_deref().is_some_and(|code| code != CONTAINER_EXITED);
    let (entries, overrides) = (entries(detail), overrides(detail));
    let mut workers = workers(&overrides, &entries, names).peekable();
    if workers.peek().is_none() {
        let failed = containers(detail, &overrides, &entries).find(Container::failed);
        return match (failed, was_taken_away) {
            (None, false) => Meaning::NoFailure,
            (failed, _) => event.death(None, told(detail, stop_code.as_deref(), failed.as_ref())),
        };
    }
    match workers.find(|worker| was_taken_away || worker.container.failed()) {
        Some(Worker { container, found }) => {
            event.death(Some(found), told(detail, stop_code.as_deref(), Some(&container)))
        }
        None => Meaning::NoFailure,
    }
}

fn entries<'a>(detail: &Object<'a>) -> Entries<'a> {
    let by_name = |container: Object<'a>| Some((container.text("name")?, container));
    objects(detail.member("containers")).filter_map(by_name).collect()
}

/// The containers with an identity, in the order of `containerOverrides`.
fn workers<'a>(
    overrides: &[Object<'a>],
    entries: &Entries<'a>,
    names: &[String],
) -> impl Iterator<Item = Worker<'a>> {
    overrides.iter().filter_map(move |container_override| {
        let environment = Environment::listed(container_override.member("environment"));
        let command = || Command::read([container_override.member("command")]).found(names);
        let found = environment.found(names).or_else(command)?;
        let name = container_override.text("name").unwrap_or_default();
        let entry = entries.get(&name).cloned();
        Some(Worker { container: Container { name, entry }, found })
    })
}

/// All containers: those that are listed, then those that only the overrides name.
fn containers<'a>(
    detail: &Object<'a>,
    overrides: &[Object<'a>],
    entries: &Entries<'a>,
) -> impl Iterator<Item = Container<'a>> {
    let listed = objects(detail.member("containers"))
        .map(|entry| Container { name: entry.text("name").unwrap_or_default(), entry: Some(entry) });
    let not_listed = overrides
        .iter()
        .filter_map(|container_override| container_override.text("name"))
        .filter(|name| !entries.contains_key(name))
        .map(|name| Container { name, entry: None });
    listed.chain(not_listed)
}

/// Read once: they may be most of a notice.
fn overrides<'a>(detail: &Object<'a>) -> Vec<Object<'a>> {
    let list = detail.object("overrides").and_then(|overrides| overrides.member("containerOverrides"));
    objects(list).collect()
}

impl Container<'_> {
    /// A container that never ran, or was killed before it could say, has no exit code.
    fn failed(&self) -> bool {
        self.exit_code().is_none_or(|code| code.parse::<f64>() != Ok(0.0))
    }

    fn exit_code(&self) -> Option<String> {
        let code = self.entry.as_ref()?.member("exitCode")?;
        (code.json_type() == Type::Number).then(|| code.text().to_owned())
    }

    /// `container <name>: <reason>, exit code <n>`, without the parts that are not known.
    fn ending(&self) -> String {
        let reason = self.entry.as_ref().and_then(|entry| entry.description("reason")).map(Cow::into_owned);
        let exit_code = self.exit_code().map(|code| format!("exit code {code}"));
        let ending: Vec<String> = reason.into_iter().chain(exit_code).collect();
        let mut container = format!("container {}", self.name).trim_end().to_owned();
        if !ending.is_empty() {
            container.push_str(&format!(": {}", ending.join(", ")));
        }
        container
    }
}

/// What is said about a task: of one that was taken away, and in which no container failed, no container is told.
fn told(detail: &Object<'_>, stop_code: Option<&str>, container: Option<&Container<'_>>) -> Failure<'static> {
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
    let mut details = Details::default()
        .copy(detail, &copied)
        .text("container", container.map(|container| container.name.as_ref()));
    if let Some(entry) = container.and_then(|container| container.entry.as_ref()) {
        details = details.copy(entry, &["exitCode", "reason", "runtimeId"]);
    }
    failure(
        format!("ECS.{}", stop_code.unwrap_or("Stopped")),
        message(detail.description("stoppedReason"), container),
        detail.description("taskArn"),
        details,
    )
}

/// `<stoppedReason> (<how the container ended>)`, without what is not known.
fn message(stopped_reason: Option<Cow<'_, str>>, container: Option<&Container<'_>>) -> String {
    match (stopped_reason, container.map(Container::ending)) {
        (Some(reason), Some(ending)) => format!("{reason} ({ending})"),
        (Some(reason), None) => reason.into_owned(),
        (None, Some(ending)) => format!("({ending})"),
        (None, None) => "The ECS task was stopped.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Json;
    use crate::notice::{Unnamed, recognise};

    const ARN: &str = "arn:aws:ecs:eu-west-1:111122223333:task/cluster/c0ffee";

    fn meaning(detail: &str) -> Meaning {
        let event = format!(
            r#"{{"source":"aws.ecs","detail-type":"{NAME}","detail":{{"lastStatus":"STOPPED","taskArn":"{ARN}",{detail}}}}}"#
        );
        recognise(&Json::parse(&event).unwrap().object().unwrap(), &[]).unwrap().meaning
    }

    fn unnamed(detail: &str) -> Unnamed {
        match meaning(detail) {
            Meaning::Unnamed(unnamed) => *unnamed,
            other => panic!("{detail}: {other:?}"),
        }
    }

    #[test]
    fn a_task_that_names_nobody_is_dead_by_any_container() {
        for (dead, message) in [
            (
                r#""containers":[{"name":"a","exitCode":0},{"name":"b","exitCode":137}]"#,
                "(container b: exit code 137)",
            ),
            (r#""containers":[{"name":"a","exitCode":0},{"name":"b","exitCode":null}]"#, "(container b)"),
            (
                r#""containers":[{"reason":"CannotPullContainerError"}]"#,
                "(container: CannotPullContainerError)",
            ),
            (
                r#""containers":[{"name":"a","exitCode":0}],"overrides":{"containerOverrides":[{"name":"a"},{"name":"b"}]}"#,
                "(container b)",
            ),
            (
                r#""stoppedReason":"why","stopCode":"EssentialContainerExited","containers":[{"name":"a","exitCode":1}]"#,
                "why (container a: exit code 1)",
            ),
        ] {
            let death = unnamed(dead);
            assert_eq!(death.failure.given_message.unwrap(), message, "{dead}");
            assert_eq!(death.resources, [ARN, "c0ffee"]);
            assert_eq!(death.failure.external_execution_id.unwrap(), ARN);
        }
    }

    #[test]
    fn a_task_that_names_nobody_is_dead_by_its_stop_code() {
        let death = unnamed(r#""stopCode":"SpotInterruption","containers":[{"name":"a","exitCode":0}]"#);
        assert_eq!(death.failure.given_type.unwrap(), "ECS.SpotInterruption");
        assert_eq!(death.failure.given_message.unwrap(), "The ECS task was stopped.");
        let death =
            unnamed(r#""stopCode":"TaskFailedToStart","stoppedReason":"no capacity","containers":[]"#);
        assert_eq!(death.failure.given_message.unwrap(), "no capacity");
    }

    #[test]
    fn a_task_that_names_nobody_and_ended_well_is_no_failure() {
        for well in [
            r#""containers":[]"#,
            r#""containers":[{"name":"a","exitCode":0},{"name":"b","exitCode":0.0}]"#,
            r#""stopCode":"EssentialContainerExited","containers":[{"name":"a","exitCode":0}],"overrides":{"containerOverrides":[{"name":"a"}]}"#,
        ] {
            assert!(matches!(meaning(well), Meaning::NoFailure), "{well}");
        }
    }

    #[test]
    fn where_a_container_names_a_task_only_such_containers_count() {
        let overrides = r#""overrides":{"containerOverrides":[{"name":"a","environment":[{"name":"TASK_TOKEN","value":"t"}]}]}"#;
        let well =
            format!(r#""containers":[{{"name":"a","exitCode":0}},{{"name":"b","exitCode":1}}],{overrides}"#);
        assert!(matches!(meaning(&well), Meaning::NoFailure));
        let dead = format!(r#""containers":[{{"name":"a","exitCode":1}}],{overrides}"#);
        assert!(matches!(meaning(&dead), Meaning::Death(_)));
    }
}
