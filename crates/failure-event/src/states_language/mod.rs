//! Definitions of state machines in the Amazon States Language, as far as they say who waits for whom.
//!
//! A definition is flattened: the states within a `Map` or `Parallel` stand beside all others, each with its path. What waits for a
//! worker is a [`Task`] whose [`Pattern`] is a callback or an activity; where the worker finds its task token is in
//! [`Task::task_token`].
//!
//! <https://states-language.net/>,
//! <https://docs.aws.amazon.com/step-functions/latest/dg/concepts-amazon-states-language.html>

mod fault;
mod resource;
mod task_token;

use std::borrow::Cow;

use crate::json::{Json, Object, Type};

pub use fault::Fault;
pub use resource::{Pattern, Resource};
pub use task_token::TaskToken;

/// The most levels of states within states, and of objects and arrays within parameters.
pub const DEPTH_MAX: usize = 64;

/// A definition's states.
#[derive(Clone, Debug)]
pub struct Definition<'a> {
    /// All states, those within a `Map` or `Parallel` included, in the order of the text.
    pub states: Vec<State<'a>>,
    /// `TimeoutSeconds` of the whole machine.
    pub timeout: Option<Limit<'a>>,
}

/// A state.
#[derive(Clone, Debug)]
pub struct State<'a> {
    /// Its name, unique in the whole machine.
    pub name: Cow<'a, str>,
    /// The names of the states around it and its own, such as `Each video > Render`; in a `Parallel` with the number of the
    /// branch, from 0 on: `Fan out[1] > Render`.
    pub path: String,
    /// Its `Type`.
    pub state_type: StateType,
    /// The language of its expressions.
    pub query_language: QueryLanguage,
    /// What it runs, when it is a `Task`.
    pub task: Option<Task<'a>>,
    /// Its `Retry`, one after the other.
    pub retry: Vec<Handler<'a>>,
    /// Its `Catch`, one after the other.
    pub catch: Vec<Handler<'a>>,
}

/// What a `Task` state runs.
#[derive(Clone, Debug)]
pub struct Task<'a> {
    /// Its `Resource`.
    pub resource: Resource<'a>,
    /// Its `Parameters`, or in `JSONata` its `Arguments`.
    pub parameters: Option<Json<'a>>,
    /// `TimeoutSeconds`, or `TimeoutSecondsPath`.
    pub timeout: Option<Limit<'a>>,
    /// `HeartbeatSeconds`, or `HeartbeatSecondsPath`.
    pub heartbeat: Option<Limit<'a>>,
    /// Where its task token goes, when it waits for one.
    pub task_token: TaskToken,
}

/// A time limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Limit<'a> {
    /// A number of seconds.
    Seconds(u64),
    /// A path or an expression, which only an execution knows the value of.
    Computed(Cow<'a, str>),
}

/// One entry of `Retry` or `Catch`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handler<'a> {
    /// The names of errors in `ErrorEquals`.
    pub errors: Vec<Cow<'a, str>>,
}

/// The type of a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the language's own")]
pub enum StateType {
    Task,
    Pass,
    Choice,
    Wait,
    Succeed,
    Fail,
    Parallel,
    Map,
}

impl StateType {
    const ALL: [(&'static str, StateType); 8] = [
        ("Task", StateType::Task),
        ("Pass", StateType::Pass),
        ("Choice", StateType::Choice),
        ("Wait", StateType::Wait),
        ("Succeed", StateType::Succeed),
        ("Fail", StateType::Fail),
        ("Parallel", StateType::Parallel),
        ("Map", StateType::Map),
    ];
}

/// The language in which a state's expressions are written.
/// <https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the language's own")]
pub enum QueryLanguage {
    JSONPath,
    JSONata,
}

impl<'a> Definition<'a> {
    /// Reads a definition.
    ///
    /// # Errors
    /// It is not JSON, or not a state machine.
    pub fn parse(text: &'a str) -> Result<Self, Fault> {
        Self::read(Json::parse(text)?)
    }

    /// Reads a definition that is JSON already.
    ///
    /// # Errors
    /// It is not a state machine.
    pub fn read(json: Json<'a>) -> Result<Self, Fault> {
        let machine = json.object().ok_or_else(|| Fault::wrong_type("", None, "an object", json))?;
        let query_language = query_language(&machine, "")?.unwrap_or(QueryLanguage::JSONPath);
        let timeout = limit(&machine, "", "TimeoutSeconds")?;
        let mut reader = Reader { query_language, states: Vec::new() };
        reader.machine(&machine, "", 0)?;
        Ok(Self { states: reader.states, timeout })
    }

    /// The state of this name, at whatever depth: an execution's history names states without their path.
    #[must_use]
    pub fn state(&self, name: &str) -> Option<&State<'a>> {
        self.states.iter().find(|state| state.name == name)
    }
}

/// Reads machines within machines into one list.
struct Reader<'a> {
    /// The language of states that name none, at whatever depth.
    query_language: QueryLanguage,
    states: Vec<State<'a>>,
}

impl<'a> Reader<'a> {
    /// The states of the whole machine, of a branch or of an item's processor, whose states' paths begin with `around`.
    fn machine(&mut self, machine: &Object<'a>, around: &str, depth: usize) -> Result<(), Fault> {
        if depth == DEPTH_MAX {
            return Err(Fault::TooDeep { path: around.to_owned() });
        }
        let states = machine
            .member("States")
            .ok_or_else(|| Fault::Missing { path: around.to_owned(), member: "States" })?;
        let states =
            states.object().ok_or_else(|| Fault::wrong_type(around, Some("States"), "an object", states))?;
        for (name, state) in states.members() {
            let path = if around.is_empty() { name.to_string() } else { format!("{around} > {name}") };
            let members = state.object().ok_or_else(|| Fault::wrong_type(&path, None, "an object", state))?;
            self.states.push(self.state(name, path.clone(), &members)?);
            self.inner_machines(&members, &path, depth + 1)?;
        }
        Ok(())
    }

    fn state(&self, name: Cow<'a, str>, path: String, members: &Object<'a>) -> Result<State<'a>, Fault> {
        let state_type = state_type(members, &path)?;
        let query_language = query_language(members, &path)?.unwrap_or(self.query_language);
        let task = match state_type {
            StateType::Task => Some(task(members, &path, query_language)?),
            _ => None,
        };
        let retry = handlers(members, &path, "Retry")?;
        let catch = handlers(members, &path, "Catch")?;
        Ok(State { name, path, state_type, query_language, task, retry, catch })
    }

    /// What runs within a `Map`, whose `ItemProcessor` was once called `Iterator`, or a `Parallel`.
    fn inner_machines(&mut self, members: &Object<'a>, path: &str, depth: usize) -> Result<(), Fault> {
        for member in ["ItemProcessor", "Iterator"] {
            let Some(processor) = members.member(member) else { continue };
            let processor = processor
                .object()
                .ok_or_else(|| Fault::wrong_type(path, Some(member), "an object", processor))?;
            self.machine(&processor, path, depth)?;
        }
        let Some(branches) = members.member("Branches") else { return Ok(()) };
        let branches = branches
            .array()
            .ok_or_else(|| Fault::wrong_type(path, Some("Branches"), "an array", branches))?;
        for (number, branch) in branches.into_iter().enumerate() {
            let around = format!("{path}[{number}]");
            let branch =
                branch.object().ok_or_else(|| Fault::wrong_type(&around, None, "an object", branch))?;
            self.machine(&branch, &around, depth)?;
        }
        Ok(())
    }
}

fn task<'a>(members: &Object<'a>, path: &str, query_language: QueryLanguage) -> Result<Task<'a>, Fault> {
    let resource =
        Resource::new(text(members, path, "Resource")?.ok_or_else(|| Fault::missing(path, "Resource"))?);
    let parameters = members.member(match query_language {
        QueryLanguage::JSONPath => "Parameters",
        QueryLanguage::JSONata => "Arguments",
    });
    let task_token = match (resource.pattern(), parameters) {
        (Pattern::Callback, Some(parameters)) => TaskToken::within(parameters, query_language)
            .ok_or_else(|| Fault::TooDeep { path: path.to_owned() })?,
        _ => TaskToken::default(),
    };
    Ok(Task {
        resource,
        parameters,
        timeout: limit(members, path, "TimeoutSeconds")?,
        heartbeat: limit(members, path, "HeartbeatSeconds")?,
        task_token,
    })
}

fn state_type(members: &Object<'_>, path: &str) -> Result<StateType, Fault> {
    let given = text(members, path, "Type")?.ok_or_else(|| Fault::missing(path, "Type"))?;
    let known = StateType::ALL.iter().find(|(name, _)| *name == given);
    known.map(|(_, state_type)| *state_type).ok_or_else(|| Fault::unknown(path, "Type", &given))
}

fn query_language(members: &Object<'_>, path: &str) -> Result<Option<QueryLanguage>, Fault> {
    match text(members, path, "QueryLanguage")?.as_deref() {
        None => Ok(None),
        Some("JSONPath") => Ok(Some(QueryLanguage::JSONPath)),
        Some("JSONata") => Ok(Some(QueryLanguage::JSONata)),
        Some(given) => Err(Fault::unknown(path, "QueryLanguage", given)),
    }
}

/// A limit as a number or an expression, or as a path in the member of the same name and `Path`.
fn limit<'a>(members: &Object<'a>, path: &str, member: &'static str) -> Result<Option<Limit<'a>>, Fault> {
    let Some(given) = members.member(member) else {
        let computed = members.member(&format!("{member}Path")).map(Json::to_text);
        return Ok(computed.map(Limit::Computed));
    };
    let wrong = || Fault::wrong_type(path, Some(member), "a whole number of seconds", given);
    match given.json_type() {
        Type::String => Ok(Some(Limit::Computed(given.to_text()))),
        _ => given.text().parse().map(|seconds| Some(Limit::Seconds(seconds))).map_err(|_| wrong()),
    }
}

fn handlers<'a>(members: &Object<'a>, path: &str, member: &'static str) -> Result<Vec<Handler<'a>>, Fault> {
    let Some(given) = members.member(member) else { return Ok(Vec::new()) };
    let given = given.array().ok_or_else(|| Fault::wrong_type(path, Some(member), "an array", given))?;
    let handler = |handler: Json<'a>| {
        let wrong = || Fault::wrong_type(path, Some(member), "objects with a list of ErrorEquals", handler);
        let errors =
            handler.object().and_then(|handler| handler.member("ErrorEquals")?.array()).ok_or_else(wrong)?;
        let errors =
            errors.into_iter().map(|error| error.string().map(|error| error.text)).collect::<Option<_>>();
        Ok(Handler { errors: errors.ok_or_else(wrong)? })
    };
    given.into_iter().map(handler).collect()
}

fn text<'a>(members: &Object<'a>, path: &str, member: &'static str) -> Result<Option<Cow<'a, str>>, Fault> {
    let Some(given) = members.member(member) else { return Ok(None) };
    let string = given.string().ok_or_else(|| Fault::wrong_type(path, Some(member), "a string", given))?;
    Ok(Some(string.text))
}

#[cfg(test)]
mod tests;
