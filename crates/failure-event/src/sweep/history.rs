//! The history of an execution: which of its callback states wait.
//!
//! An abort names the event that *caused* it, which stands in another branch; what it closes is therefore found by the Parallel or
//! Map around that event. A Parallel that is retried has a second start and no end. After a redrive, nothing of before is open.
//!
//! <https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html>

mod scope;

use std::collections::HashMap;
use std::fmt;

use time::OffsetDateTime;

use super::moment;
use crate::json::{Json, NotJson, Object};
use scope::{ROOT, ScopeId, Scopes};

/// How the resource of a state ends that waits to be called back.
const CALLBACK: &str = ".waitForTaskToken";

/// A callback state that is open.
#[derive(Clone)]
pub struct OpenTask {
    /// The state's name.
    pub state: String,
    /// When the task was scheduled.
    pub since: Option<OffsetDateTime>,
    /// When the service accepted what was started.
    pub submitted: Option<OffsetDateTime>,
    /// The service that was called, e.g. `ecs` or `aws-sdk:ecs`.
    pub resource_type: String,
    /// What it was called for, e.g. `runTask.waitForTaskToken`.
    pub resource: String,
    /// The region that was called.
    pub region: Option<String>,
    /// The role with which it was called, where that is not the state machine's own.
    pub role_arn: Option<String>,
    /// What it was called with: JSON, which holds the token.
    pub(super) parameters: String,
    /// What it answered: JSON, which may hold the token.
    pub(super) output: Option<String>,
    /// What the state was given, which cannot hold the token of a task that did not exist yet.
    pub(super) inputs: Vec<String>,
}

impl fmt::Debug for OpenTask {
    /// Parameters, answer and inputs may hold tokens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("OpenTask");
        shown.field("state", &self.state).field("since", &self.since).field("resource", &self.resource);
        shown.finish_non_exhaustive()
    }
}

/// A history as far as it was read: pages in the order in which they happened.
#[derive(Default)]
pub struct History {
    /// Where each event stands.
    marks: HashMap<u64, Mark>,
    scopes: Scopes,
    states: Vec<State>,
    open: Vec<Running>,
    /// Every task that was ever scheduled, where they are asked for.
    scheduled: Option<Vec<OpenTask>>,
    map_runs: Vec<(String, ScopeId)>,
    input: Option<String>,
}

/// Where an event stands.
#[derive(Clone, Copy, Default)]
struct Mark {
    scope: ScopeId,
    state: Option<usize>,
    is: Position,
}

/// Where an event stands in a Parallel or Map.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Position {
    /// In a branch, or in none.
    #[default]
    Inside,
    /// At the entry or after the end of one.
    Outside,
}

/// A state that was entered.
struct State {
    name: String,
    /// Until it is exited.
    input: Option<String>,
}

/// An open task, and the events that it consists of so far.
struct Running {
    events: Vec<u64>,
    scope: ScopeId,
    state: Option<usize>,
    task: OpenTask,
}

/// One event.
struct Event<'a> {
    id: u64,
    previous: u64,
    kind: &'a str,
    json: &'a Object<'a>,
}

impl History {
    /// A history that keeps what it has closed: see [`History::scheduled_tasks`].
    #[must_use]
    pub fn keeping_all() -> Self {
        Self { scheduled: Some(Vec::new()), ..Self::default() }
    }

    /// Reads the next page, in the order in which the events happened, and returns the token of the page after it.
    ///
    /// # Errors
    /// The page is not JSON.
    pub fn read(&mut self, page: &str) -> Result<Option<String>, NotJson> {
        let page = Json::parse(page)?.object();
        let events = page.as_ref().and_then(|page| page.member("events")).and_then(Json::array);
        for event in events.unwrap_or_default().into_iter().filter_map(Json::object) {
            self.read_event(&event);
        }
        Ok(page.and_then(|page| Some(page.description("nextToken")?.into_owned())))
    }

    /// The callback states that are open at the end of what was read.
    #[must_use]
    pub fn open_tasks(&self) -> Vec<OpenTask> {
        self.open.iter().map(|running| self.with_inputs(running)).collect()
    }

    /// The callback states that were ever scheduled in what was read, as they were then, whether or not they are open; none unless the
    /// history keeps them all.
    #[must_use]
    pub fn scheduled_tasks(&self) -> &[OpenTask] {
        self.scheduled.as_deref().unwrap_or_default()
    }

    /// The distributed maps that run at the end of what was read: their children are executions of their own.
    #[must_use]
    pub fn map_runs(&self) -> Vec<String> {
        self.map_runs.iter().map(|(run, _)| run.clone()).collect()
    }

    fn with_inputs(&self, running: &Running) -> OpenTask {
        let state = running.state.and_then(|state| self.states.get(state));
        let inputs = state.and_then(|state| state.input.clone()).into_iter().chain(self.input.clone());
        let name = state.map(|state| state.name.clone()).unwrap_or_default();
        OpenTask { state: name, inputs: inputs.collect(), ..running.task.clone() }
    }

    fn read_event(&mut self, event: &Object<'_>) {
        let number = |name: &str| event.member(name).and_then(|value| value.text().parse().ok());
        let (Some(id), Some(kind)) = (number("id"), event.text("type")) else { return };
        let previous = number("previousEventId").unwrap_or_default();
        let before = self.marks.get(&previous).copied().unwrap_or_default();
        let mark = self.follow(&Event { id, previous, kind: &kind, json: event }, before);
        self.marks.insert(id, mark);
    }

    /// Does what an event says, and returns where it stands.
    fn follow(&mut self, event: &Event<'_>, before: Mark) -> Mark {
        let inside = Mark { is: Position::Inside, ..before };
        match event.kind {
            "ExecutionStarted" => {
                let details = event.json.object("executionStartedEventDetails");
                self.input = details.and_then(|details| Some(details.text("input")?.into_owned()));
                Mark::default()
            }
            "ExecutionRedriven" | "ExecutionSucceeded" | "ExecutionFailed" | "ExecutionAborted"
            | "ExecutionTimedOut" => {
                self.open.clear();
                self.map_runs.clear();
                self.scopes.end(ROOT);
                Mark::default()
            }
            "ParallelStateEntered" | "MapStateEntered" => {
                Mark { is: Position::Outside, ..self.enter(event, before) }
            }
            kind if kind.ends_with("StateEntered") => self.enter(event, before),
            "ParallelStateStarted" | "MapStateStarted" => self.start(event, before),
            "MapRunStarted" | "MapRunRedriven" => {
                let details = ["mapRunStartedEventDetails", "mapRunRedrivenEventDetails"];
                let details = details.into_iter().find_map(|name| event.json.object(name));
                let run = details.and_then(|details| Some(details.text("mapRunArn")?.into_owned()));
                self.map_runs.extend(run.map(|run| (run, before.scope)));
                inside
            }
            "MapIterationStarted" => {
                let around = self.scopes.open_around(before.scope).unwrap_or(ROOT);
                Mark { scope: self.scopes.begin_iteration(around), ..inside }
            }
            "MapIterationSucceeded" | "MapIterationFailed" => {
                Mark { scope: self.end(self.scopes.iteration_around(before.scope), before.scope), ..inside }
            }
            kind if kind.ends_with("Aborted") => self.abort(event, inside),
            "ParallelStateSucceeded" | "ParallelStateFailed" | "MapStateSucceeded" | "MapStateFailed" => {
                let scope = self.end(self.scopes.open_around(before.scope), before.scope);
                Mark { scope, is: Position::Outside, ..before }
            }
            "MapRunSucceeded" | "MapRunFailed" => {
                self.map_runs.retain(|(_, scope)| *scope != before.scope);
                inside
            }
            _ => {
                self.follow_task(event, before);
                inside
            }
        }
    }

    fn enter(&mut self, event: &Event<'_>, before: Mark) -> Mark {
        let details = event.json.object("stateEnteredEventDetails");
        let text = |name: &str| Some(details.as_ref()?.text(name)?.into_owned());
        // Only a task waits, and only its input is asked for.
        let input = if event.kind == "TaskStateEntered" { text("input") } else { None };
        self.states.push(State { name: text("name").unwrap_or_default(), input });
        Mark { scope: before.scope, state: Some(self.states.len() - 1), is: Position::Inside }
    }

    /// A Parallel or Map begins, or begins once more: then what it began before is over.
    fn start(&mut self, event: &Event<'_>, before: Mark) -> Mark {
        let mut parent = before.scope;
        if before.is == Position::Inside {
            parent = self.end(self.scopes.open_around(before.scope), before.scope);
        } else if let Some(again) = self.scopes.begun_at(event.previous) {
            self.end(Some(again), before.scope);
        }
        Mark { scope: self.scopes.begin(parent, event.previous), is: Position::Inside, ..before }
    }

    /// Ends a Parallel, a Map or an iteration with all that is open in it, and returns what is around it.
    fn end(&mut self, ended: Option<ScopeId>, otherwise: ScopeId) -> ScopeId {
        let Some(ended) = ended else { return otherwise };
        self.close_in(ended);
        self.scopes.end(ended);
        self.scopes.parent(ended)
    }

    fn close_in(&mut self, scope: ScopeId) {
        self.open.retain(|running| !self.scopes.holds(scope, running.scope));
        self.map_runs.retain(|(_, place)| !self.scopes.holds(scope, *place));
    }

    /// One branch was given up because of another: all of what is around that other one is.
    fn abort(&mut self, event: &Event<'_>, inside: Mark) -> Mark {
        if !self.close_task(event.previous)
            && let Some(around) = self.scopes.open_around(inside.scope)
        {
            self.close_in(around);
        }
        inside
    }

    fn follow_task(&mut self, event: &Event<'_>, before: Mark) {
        match event.kind {
            "TaskScheduled" => self.schedule(event, before),
            "TaskStarted" | "TaskSubmitted" => {
                let is_of_it = |running: &&mut Running| running.events.contains(&event.previous);
                let Some(running) = self.open.iter_mut().find(is_of_it) else { return };
                running.events.push(event.id);
                if event.kind == "TaskSubmitted" {
                    running.task.submitted = moment::seconds(event.json, "timestamp");
                    let details = event.json.object("taskSubmittedEventDetails");
                    running.task.output =
                        details.and_then(|details| Some(details.text("output")?.into_owned()));
                }
            }
            "TaskSucceeded" | "TaskFailed" | "TaskTimedOut" | "TaskStartFailed" | "TaskSubmitFailed" => {
                self.close_task(event.previous);
            }
            "TaskStateExited" => {
                self.close_task(event.previous);
                if let Some(state) = before.state.and_then(|state| self.states.get_mut(state)) {
                    state.input = None;
                }
            }
            _ => {}
        }
    }

    fn close_task(&mut self, of_event: u64) -> bool {
        let before = self.open.len();
        self.open.retain(|running| !running.events.contains(&of_event));
        self.open.len() < before
    }

    fn schedule(&mut self, event: &Event<'_>, before: Mark) {
        let Some(details) = event.json.object("taskScheduledEventDetails") else { return };
        let text = |name: &str| details.text(name).map(std::borrow::Cow::into_owned);
        let Some(resource) = text("resource").filter(|resource| resource.ends_with(CALLBACK)) else { return };
        let credentials = details.object("taskCredentials");
        let task = OpenTask {
            state: String::new(),
            since: moment::seconds(event.json, "timestamp"),
            submitted: None,
            resource_type: text("resourceType").unwrap_or_default(),
            resource,
            region: text("region").filter(|region| !region.is_empty()),
            role_arn: credentials.and_then(|role| Some(role.description("roleArn")?.into_owned())),
            parameters: text("parameters").unwrap_or_default(),
            output: None,
            inputs: Vec::new(),
        };
        let running = Running { events: vec![event.id], scope: before.scope, state: before.state, task };
        let kept = self.scheduled.is_some().then(|| self.with_inputs(&running));
        if let Some(scheduled) = &mut self.scheduled {
            scheduled.extend(kept);
        }
        self.open.push(running);
    }
}

#[cfg(test)]
mod tests;
