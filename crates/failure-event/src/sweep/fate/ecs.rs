//! `DescribeTasks` of ECS.
//!
//! <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTasks.html>

use super::{End, Fate, absent, by_id, objects, with_reasons};
use crate::json::{Json, Object, Type};
use crate::sweep::moment;

/// The one stop code that leaves it to the exit code whether the work was done.
const CONTAINER_EXITED: &str = "EssentialContainerExited";

/// The states of a task that is there.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html>
const ALIVE: [&str; 7] =
    ["PROVISIONING", "PENDING", "ACTIVATING", "RUNNING", "DEACTIVATING", "STOPPING", "DEPROVISIONING"];

pub(super) fn fate(answers: &[Object<'_>], arn: &str, containers: &[String]) -> Fate {
    if let Some(task) = by_id(answers, "tasks", "taskArn", arn) {
        return of_task(&task, containers);
    }
    match by_id(answers, "failures", "arn", arn) {
        Some(failure) => match failure.description("reason").as_deref() {
            Some("MISSING") => Fate::Missing,
            reason => Fate::Unknown(format!("ECS says {}", reason.unwrap_or("nothing of it"))),
        },
        None => absent(),
    }
}

fn of_task(task: &Object<'_>, containers: &[String]) -> Fate {
    match task.text("lastStatus").as_deref() {
        Some("STOPPED") => Fate::Ended(end(task, containers)),
        Some(status) if ALIVE.contains(&status) => Fate::Running(status.to_lowercase()),
        status => Fate::unclear(status),
    }
}

fn end(task: &Object<'_>, given_token: &[String]) -> End {
    let stop_code = task.description("stopCode");
    let was_taken_away = stop_code.as_deref().is_some_and(|code| code != CONTAINER_EXITED);
    let failed = deciding(task, given_token).into_iter().find(Container::failed);
    let reason = task.description("stoppedReason").map(std::borrow::Cow::into_owned);
    let code = stop_code.as_deref().filter(|_| was_taken_away).map(str::to_owned);
    let well = !was_taken_away && failed.is_none();
    End {
        well,
        at: moment::seconds(task, "stoppedAt"),
        how: with_reasons("stopped", [code, reason, failed.map(|container| container.words())]),
        failure_type: (!well).then(|| format!("ECS.{}", stop_code.as_deref().unwrap_or("Stopped"))),
    }
}

/// A container whose end decides.
struct Container<'a> {
    name: String,
    /// Its entry in the answer, which a task that failed to start may lack.
    entry: Option<Object<'a>>,
}

/// Those that were given the token; when none was, all.
fn deciding<'a>(task: &Object<'a>, given_token: &[String]) -> Vec<Container<'a>> {
    let all = objects(std::slice::from_ref(task), "containers");
    let name = |entry: &Object<'_>| entry.text("name").unwrap_or_default().into_owned();
    if given_token.is_empty() {
        return all.into_iter().map(|entry| Container { name: name(&entry), entry: Some(entry) }).collect();
    }
    let by_name = |given: &String| all.iter().find(|entry| name(entry) == *given).cloned();
    given_token.iter().map(|given| Container { name: given.clone(), entry: by_name(given) }).collect()
}

impl Container<'_> {
    /// A container that never ran, or was killed before it could say, has no exit code.
    fn failed(&self) -> bool {
        self.exit_code().is_none_or(|code| code.text().parse::<f64>() != Ok(0.0))
    }

    fn exit_code(&self) -> Option<Json<'_>> {
        let code = self.entry.as_ref()?.member("exitCode")?;
        (code.json_type() == Type::Number).then_some(code)
    }

    fn words(&self) -> String {
        let reason = self.entry.as_ref().and_then(|entry| entry.description("reason"));
        let code =
            self.exit_code().map_or("no exit code".to_owned(), |code| format!("exit code {}", code.text()));
        match reason {
            Some(reason) => format!("container {}: {reason}, {code}", self.name),
            None => format!("container {}: {code}", self.name),
        }
    }
}
