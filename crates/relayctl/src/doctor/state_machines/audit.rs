//! The audit of a definition: every state that waits for a worker, and every name under which errors are handled. Pure.

use std::collections::BTreeMap;

use failure_event::json::Json;
use failure_event::notice::token_names;
use failure_event::states_language::{Definition, Handler, Limit, Pattern, Resource, State, Task};

use super::defect::{Defect, Field, seconds};
use super::error_names::{NeverMatches, never_matches};
use super::worker::Worker;
use crate::token_names::listed;

/// What the parameters of the relay's stack say; nothing where no stack was given.
#[derive(Clone, Debug, Default)]
pub struct RelayStack {
    /// Its parameters.
    pub parameters: BTreeMap<String, String>,
}

impl RelayStack {
    fn is_off(&self, parameter: &str) -> bool {
        self.parameters.get(parameter).is_some_and(|value| value == "false")
    }

    fn knows_token_name(&self, name: &str) -> bool {
        let own = self.parameters.get("TaskTokenNames").map(String::as_str).unwrap_or_default();
        token_names().any(|known| known == name) || listed(own).iter().any(|known| known == name)
    }
}

/// What is wrong with a definition: each state's path, and the defect.
pub fn audit<'d>(definition: &'d Definition<'_>, stack: &RelayStack) -> Vec<(&'d str, Defect)> {
    let mut found = Vec::new();
    for state in &definition.states {
        let mut defects = error_names(state);
        if let Some(task) = waiting(state) {
            defects.extend(limits(task, seconds(definition.timeout.as_ref())));
            defects.extend(limits_that_never_run_out(state, task));
            defects.extend(task_token(task, stack));
            defects.extend(notices(task, stack));
        }
        found.extend(defects.into_iter().map(|defect| (state.path.as_str(), defect)));
    }
    found
}

/// The task of a state that waits until somebody ends it with its token.
fn waiting<'s, 'd>(state: &'s State<'d>) -> Option<&'s Task<'d>> {
    let task = state.task.as_ref()?;
    matches!(task.resource.pattern(), Pattern::Callback | Pattern::Activity).then_some(task)
}

fn limits(task: &Task<'_>, machine: Option<u64>) -> Vec<Defect> {
    let mut defects = Vec::new();
    match (&task.timeout, &task.heartbeat) {
        (None, None) => defects.push(Defect::NoTimeLimit { machine }),
        (None, Some(_)) => defects.push(Defect::NoTimeout),
        (Some(timeout), None) => defects.push(Defect::NoHeartbeat { timeout: seconds(Some(timeout)) }),
        (Some(_), Some(_)) => {}
    }
    let worker = Worker::of(task);
    let start_seconds = worker.and_then(Worker::usual_start_seconds);
    if let (Some(Limit::Seconds(heartbeat_seconds)), Some(worker), Some(start_seconds)) =
        (&task.heartbeat, worker, start_seconds)
        && *heartbeat_seconds < start_seconds
    {
        let heartbeat_seconds = *heartbeat_seconds;
        defects.push(Defect::HeartbeatBeforeStart { heartbeat_seconds, worker, start_seconds });
    }
    defects
}

fn handlers<'s, 'd>(state: &'s State<'d>) -> [(Field, &'s [Handler<'d>]); 2] {
    [(Field::Retry, &state.retry), (Field::Catch, &state.catch)]
}

/// `States.Timeout` stands for a heartbeat that is missed too.
fn limits_that_never_run_out(state: &State<'_>, task: &Task<'_>) -> Vec<Defect> {
    let never = |name: &str| match name {
        "States.HeartbeatTimeout" if task.heartbeat.is_none() => Some("States.HeartbeatTimeout"),
        "States.Timeout" if task.heartbeat.is_none() && task.timeout.is_none() => Some("States.Timeout"),
        _ => None,
    };
    let mut defects = Vec::new();
    for (field, handlers) in handlers(state) {
        let names = handlers.iter().flat_map(|handler| &handler.errors);
        defects.extend(
            names.filter_map(|name| never(name)).map(|name| Defect::LimitNeverRunsOut { field, name }),
        );
    }
    defects
}

fn task_token(task: &Task<'_>, stack: &RelayStack) -> Vec<Defect> {
    if task.resource.pattern() == Pattern::Activity {
        return Vec::new();
    }
    if task.task_token.alone.is_empty() && task.task_token.in_expression.is_empty() {
        return vec![Defect::TokenNotPassed];
    }
    let has_notices = Worker::of(task).is_some_and(|worker| worker.notices().can_name_task);
    let names: Vec<String> =
        task.task_token.alone.iter().filter_map(|pointer| name_at(task, pointer)).collect();
    let is_found = names.iter().any(|name| stack.knows_token_name(name));
    let is_only_there =
        names.len() == task.task_token.alone.len() && task.task_token.in_expression.is_empty();
    match names.into_iter().next() {
        Some(name) if has_notices && !is_found && is_only_there => vec![Defect::TokenNameUnknown { name }],
        _ => Vec::new(),
    }
}

/// The name under which a worker has what stands at a pointer: a variable's or a member's; `None` within a list.
fn name_at(task: &Task<'_>, pointer: &str) -> Option<String> {
    let (parent, member) = pointer.rsplit_once('/')?;
    if member.parse::<usize>().is_ok() {
        return None;
    }
    let variable = task.parameters?.pointer(&format!("{parent}/Name"));
    match variable.and_then(Json::string).filter(|_| member == "Value") {
        Some(name) => Some(name.text.into_owned()),
        None => Some(member.replace("~1", "/").replace("~0", "~")),
    }
}

fn notices(task: &Task<'_>, stack: &RelayStack) -> Option<Defect> {
    let worker = Worker::of(task)?;
    let notices = worker.notices();
    // Claims are kept in the table of the leases.
    let needed = std::iter::once(notices.parameter).chain((!notices.can_name_task).then_some("Leases"));
    let off: Vec<_> = needed.filter(|parameter| stack.is_off(parameter)).collect();
    (!off.is_empty()).then_some(Defect::NoticesOff { worker, off })
}

fn error_names(state: &State<'_>) -> Vec<Defect> {
    let mut defects = Vec::new();
    for (field, handlers) in handlers(state) {
        for (index, handler) in handlers.iter().enumerate() {
            if handler.errors.iter().any(|name| name == "States.ALL") {
                defects.extend((handler.errors.len() > 1).then_some(Defect::AllNotAlone(field)));
                defects.extend((index + 1 < handlers.len()).then_some(Defect::AllNotLast(field)));
            }
            for name in &handler.errors {
                let why = why_never(state, name);
                defects.extend(why.map(|why| Defect::NameNeverMatches {
                    field,
                    name: name.to_string(),
                    why,
                }));
            }
        }
    }
    defects
}

/// A `Map` or `Parallel` sees the errors of all states within, and a `Fail` state there may make up any name.
fn why_never(state: &State<'_>, name: &str) -> Option<NeverMatches> {
    let resource = state.task.as_ref().map(|task| &task.resource);
    let pattern = resource.map_or(Pattern::Other, Resource::pattern);
    let is_of_integration = matches!(pattern, Pattern::Callback | Pattern::Sync | Pattern::RequestResponse);
    let is_of_sdk = !is_of_integration || resource.is_some_and(Resource::is_of_sdk);
    let why = never_matches(name, pattern, is_of_sdk)?;
    (why != NeverMatches::NotOfTheLanguage || resource.is_some()).then_some(why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const ECS: &str = "arn:aws:states:::ecs:runTask.waitForTaskToken";

    /// A state with which nothing is wrong.
    fn healthy() -> Value {
        let variable = json!({"Name": "TASK_TOKEN", "Value.$": "$$.Task.Token"});
        json!({
            "Type": "Task", "Resource": ECS, "TimeoutSeconds": 3600, "HeartbeatSeconds": 120, "End": true,
            "Parameters": {"Overrides": {"ContainerOverrides": [{"Name": "render", "Environment": [variable]}]}},
            "Retry": [{"ErrorEquals": ["ECS.TaskFailedToStart", "Worker.LeaseExpired"]}],
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "B"}],
        })
    }

    fn defects_with(stack: &RelayStack, change: impl FnOnce(&mut Value)) -> Vec<Defect> {
        let mut state = healthy();
        change(&mut state);
        let definition = json!({"StartAt": "A", "States": {"A": state}}).to_string();
        let definition = Definition::parse(&definition).unwrap();
        audit(&definition, stack).into_iter().map(|(_, defect)| defect).collect()
    }

    fn defects(change: impl FnOnce(&mut Value)) -> Vec<Defect> {
        defects_with(&RelayStack::default(), change)
    }

    fn without(state: &mut Value, member: &str) {
        state.as_object_mut().unwrap().remove(member);
    }

    #[test]
    fn nothing_is_wrong_with_a_state_that_is_limited_and_passes_its_token() {
        assert_eq!(defects(|_| {}), []);
    }

    #[test]
    fn what_waits_for_a_worker_has_a_time_limit() {
        let unlimited = |state: &mut Value| {
            without(state, "TimeoutSeconds");
            without(state, "HeartbeatSeconds");
        };
        assert_eq!(defects(unlimited), [Defect::NoTimeLimit { machine: None }]);
        let activity = |state: &mut Value| {
            unlimited(state);
            state["Resource"] = json!("arn:aws:states:eu-west-1:111122223333:activity:render");
        };
        assert_eq!(defects(activity), [Defect::NoTimeLimit { machine: None }]);
        assert_eq!(defects(|state| without(state, "TimeoutSeconds")), [Defect::NoTimeout]);
        let no_heartbeat = Defect::NoHeartbeat { timeout: Some(3600) };
        assert_eq!(defects(|state| without(state, "HeartbeatSeconds")), [no_heartbeat]);
        let synchronous = |state: &mut Value| {
            unlimited(state);
            state["Resource"] = json!("arn:aws:states:::ecs:runTask.sync");
            state["Retry"] = json!([]);
        };
        assert_eq!(defects(synchronous), []);
    }

    #[test]
    fn a_heartbeat_leaves_time_to_start() {
        let [Defect::HeartbeatBeforeStart { heartbeat_seconds: 59, worker: Worker::Ecs, .. }] =
            defects(|state| state["HeartbeatSeconds"] = json!(59))[..]
        else {
            panic!("a minute is what a task needs")
        };
        assert_eq!(defects(|state| state["HeartbeatSeconds"] = json!(60)), []);
        let queue = |state: &mut Value| {
            state["HeartbeatSeconds"] = json!(5);
            state["Resource"] = json!("arn:aws:states:::sqs:sendMessage.waitForTaskToken");
        };
        assert_eq!(defects(queue), []);
    }

    #[test]
    fn the_token_goes_to_the_worker_under_a_name_that_notices_are_searched_for() {
        assert_eq!(defects(|state| state["Parameters"] = json!({})), [Defect::TokenNotPassed]);
        let variable = "/Parameters/Overrides/ContainerOverrides/0/Environment/0/Name";
        let rename = |state: &mut Value| *state.pointer_mut(variable).unwrap() = json!("RENDER_TOKEN");
        assert_eq!(defects(rename), [Defect::TokenNameUnknown { name: "RENDER_TOKEN".to_owned() }]);
        let parameters = BTreeMap::from([("TaskTokenNames".to_owned(), "X, RENDER_TOKEN".to_owned())]);
        assert_eq!(defects_with(&RelayStack { parameters }, rename), []);
        let command = |state: &mut Value| {
            state["QueryLanguage"] = json!("JSONata");
            state["Arguments"] = json!({"Command": ["--task-token", "{% $states.context.Task.Token %}"]});
        };
        assert_eq!(defects(command), []);
    }

    #[test]
    fn notices_that_the_stack_has_off_are_told() {
        let stack = |value: &str| RelayStack {
            parameters: BTreeMap::from([("EcsTaskNotices".to_owned(), value.to_owned())]),
        };
        let off = Defect::NoticesOff { worker: Worker::Ecs, off: vec!["EcsTaskNotices"] };
        assert_eq!(defects_with(&stack("false"), |_| {}), [off]);
        assert_eq!(defects_with(&stack("true"), |_| {}), []);
    }

    #[test]
    fn where_notices_name_no_task_claims_are_needed_too() {
        let glue = |state: &mut Value| {
            state["Resource"] = json!("arn:aws:states:::aws-sdk:glue:startJobRun.waitForTaskToken");
            state["Parameters"] = json!({"Arguments": {"--any-name.$": "$$.Task.Token"}});
            state["Retry"] = json!([]);
        };
        let found = |notices: &str, leases: &str| {
            let given = [("GlueJobNotices", notices), ("Leases", leases)];
            let parameters = given.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
            defects_with(&RelayStack { parameters }, glue)
        };
        let off = |off: &[&'static str]| [Defect::NoticesOff { worker: Worker::Glue, off: off.to_vec() }];
        assert_eq!(found("false", "false"), off(&["GlueJobNotices", "Leases"]));
        assert_eq!(found("true", "false"), off(&["Leases"]));
        assert_eq!(found("true", "true"), []);
    }

    #[test]
    fn of_lambda_only_asynchronous_invocations_need_notices() {
        let parameters = BTreeMap::from([("LambdaNotices".to_owned(), "false".to_owned())]);
        let stack = RelayStack { parameters };
        let invoke = |invocation: &'static str| {
            move |state: &mut Value| {
                state["Resource"] = json!("arn:aws:states:::lambda:invoke.waitForTaskToken");
                let payload = json!({"taskToken.$": "$$.Task.Token"});
                state["Parameters"] = json!({"InvocationType": invocation, "Payload": payload});
            }
        };
        let off = Defect::NoticesOff { worker: Worker::LambdaEvent, off: vec!["LambdaNotices"] };
        assert_eq!(defects_with(&stack, invoke("Event")), [off]);
        assert_eq!(defects_with(&stack, invoke("RequestResponse")), []);
    }

    #[test]
    fn names_are_looked_at_in_retry_and_catch_and_in_their_order() {
        let names = |retry: Value| defects(move |state| state["Retry"] = retry);
        let misspelt = names(json!([{"ErrorEquals": ["Ecs.ServerException"]}]));
        assert!(
            matches!(misspelt[..], [Defect::NameNeverMatches { field: Field::Retry, .. }]),
            "{misspelt:?}"
        );
        let invented = |state: &mut Value| {
            *state =
                json!({"Type": "Parallel", "Branches": [], "Catch": [{"ErrorEquals": ["States.Quorum"]}]});
        };
        assert_eq!(defects(invented), []);
        let beside = names(json!([{"ErrorEquals": ["States.ALL", "ECS.ServerException"]}]));
        assert_eq!(beside, [Defect::AllNotAlone(Field::Retry)]);
        let behind =
            names(json!([{"ErrorEquals": ["States.ALL"]}, {"ErrorEquals": ["ECS.ServerException"]}]));
        assert_eq!(behind, [Defect::AllNotLast(Field::Retry)]);
        let never = defects(|state| {
            without(state, "HeartbeatSeconds");
            state["Catch"] = json!([{"ErrorEquals": ["States.HeartbeatTimeout"], "Next": "B"}]);
        });
        let never_runs_out =
            Defect::LimitNeverRunsOut { field: Field::Catch, name: "States.HeartbeatTimeout" };
        assert!(never.contains(&never_runs_out), "{never:?}");
    }
}
