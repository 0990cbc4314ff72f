//! The notices that AWS itself sends: a worker that dies publishes nothing, but what ran it does.
//!
//! One file per notice: how it is recognised, when it is a failure, where the identity of the failed task is looked for, and what
//! is said about it. A notice is recognised before its EventBridge form would be unwrapped, and is no envelope itself.

mod abandoned_work;
mod batch;
mod codebuild;
mod command;
mod ecs;
mod environment;
mod identity;
mod lambda;
mod shapes;
mod step_functions;

use std::borrow::Cow;

use crate::dead_letter::Reason;
use crate::event::{Failure, Header};
use crate::json::{Json, Object, quoted};

pub use abandoned_work::{
    AbandonedWork, NAME as ABANDONED_WORK, WORK_WITHOUT_IDENTITY, read as abandoned_work,
};
pub use environment::in_variables as identity_in_variables;
pub use identity::{Found, Identity, token_names};
pub use shapes::asked_for_by;

/// The most containers, attempts or nodes of a notice that are looked at. AWS allows ten containers of a task, ten attempts and five groups
/// of nodes; a notice with more than this is somebody else's.
const LISTED_MAX: usize = 1000;

/// The objects of a list, as far as it is looked at.
fn objects(list: Option<Json<'_>>) -> impl Iterator<Item = Object<'_>> {
    let items = list.and_then(Json::array).unwrap_or_default().with_objects();
    items.take(LISTED_MAX).filter_map(|(_, object)| object)
}

/// A notice, read.
#[derive(Clone, Debug)]
pub struct Notice {
    /// What it is, for people.
    pub name: &'static str,
    /// Its own id, source and time.
    pub header: Header,
    /// What it means.
    pub meaning: Meaning,
}

/// What a notice means for an orchestrator.
#[derive(Clone, Debug)]
pub enum Meaning {
    /// Nothing failed.
    NoFailure,
    /// Nothing failed: AWS asks a worker for work. In a worker's dead-letter queue nobody took it.
    AsksForWork,
    /// Something failed that names no task or job: nobody waits for it.
    Nameless,
    /// Something failed, and whom it concerns cannot be told: ignoring it might hide a failure.
    Unreadable(Reason),
    /// A task or job failed.
    Death(Box<Death>),
}

/// The death of a worker, and the task that it leaves behind.
#[derive(Clone, Debug)]
pub struct Death {
    /// Why.
    pub failure: Failure<'static>,
    /// The identity of the task, as it was found.
    pub found: Found,
    /// The notice's region, unless the identity names its own.
    pub region: Option<String>,
    /// The notice's account, unless the identity names its own.
    pub account: Option<String>,
}

/// Recognises a notice among the objects that a body can hold. `names` are further names of task tokens.
#[must_use]
pub fn recognise(object: &Object<'_>, names: &[String]) -> Option<Notice> {
    if let Some(meaning) = lambda::bare_record(object, names) {
        return Some(Notice { name: lambda::NAME, header: lambda::header(object), meaning });
    }
    if let Some(name) = shapes::asks_for_work(object) {
        let is_test = name == shapes::TEST_NOTIFICATION;
        let meaning = if is_test { Meaning::NoFailure } else { Meaning::AsksForWork };
        return Some(Notice { name, header: Header::read(object), meaning });
    }
    let event = AwsEvent::read(object)?;
    let (name, meaning) = match (event.source.as_ref(), event.detail_type.as_ref()) {
        ("lambda", lambda::FAILURE | lambda::SUCCESS) => (lambda::NAME, lambda::meaning(&event, names)),
        ("aws.ecs", ecs::NAME) => (ecs::NAME, ecs::meaning(&event, names)),
        ("aws.batch", batch::NAME) => (batch::NAME, batch::meaning(&event, names)),
        ("aws.codebuild", codebuild::NAME) => (codebuild::NAME, codebuild::meaning(&event, names)),
        ("aws.states", step_functions::NAME) => {
            (step_functions::NAME, step_functions::meaning(&event, names))
        }
        _ => return None,
    };
    let mut header = Header::read(object);
    let record = event.detail.as_ref().filter(|_| name == lambda::NAME);
    if let Some(time) = record.and_then(|record| lambda::header(record).time) {
        header.time = Some(time);
    }
    Some(Notice { name, header, meaning })
}

/// An EventBridge event of AWS's own.
struct AwsEvent<'a> {
    source: Cow<'a, str>,
    detail_type: Cow<'a, str>,
    /// `None` where it is missing or no object.
    detail: Option<Object<'a>>,
    region: Option<String>,
    account: Option<String>,
}

impl<'a> AwsEvent<'a> {
    fn read(object: &Object<'a>) -> Option<Self> {
        let text = |name: &str| object.description(name).map(Cow::into_owned);
        Some(Self {
            source: object.text("source")?,
            detail_type: object.text("detail-type")?,
            detail: object.object("detail"),
            region: text("region"),
            account: text("account"),
        })
    }

    /// The death that this event tells, when its task was found.
    fn death(&self, found: Option<Found>, failure: impl FnOnce() -> Failure<'static>) -> Meaning {
        match found {
            None => Meaning::Nameless,
            Some(found) => {
                let (region, account) = (self.region.clone(), self.account.clone());
                Meaning::Death(Box::new(Death { failure: failure(), found, region, account }))
            }
        }
    }
}

/// A failure that a notice tells: its type always counts as given.
fn failure(
    given_type: String,
    message: String,
    execution: Option<Cow<'_, str>>,
    details: Details,
) -> Failure<'static> {
    Failure {
        given_type: Some(Cow::Owned(given_type)),
        given_message: Some(Cow::Owned(message)),
        details: details.into_json().map(Cow::Owned),
        external_execution_id: execution.map(|execution| Cow::Owned(execution.into_owned())),
    }
}

/// The `details` of a notice: what else helps a person, picked member by member, so that no secret slips in.
#[derive(Default)]
struct Details(String);

impl Details {
    /// Copies members as they are, those that are there.
    fn copy(mut self, object: &Object<'_>, names: &[&str]) -> Self {
        for name in names {
            if let Some(value) = object.member(name) {
                self = self.json(name, value);
            }
        }
        self
    }

    fn json(mut self, name: &str, value: Json<'_>) -> Self {
        self.push(name, value.text());
        self
    }

    fn text(mut self, name: &str, value: Option<&str>) -> Self {
        if let Some(value) = value {
            self.push(name, &quoted(value));
        }
        self
    }

    /// Into one text that grows: a value may be as large as its record.
    fn push(&mut self, name: &str, value: &str) {
        self.0.push_str(if self.0.is_empty() { "{" } else { "," });
        self.0.push_str(&quoted(name));
        self.0.push(':');
        self.0.push_str(value);
    }

    fn into_json(mut self) -> Option<String> {
        if self.0.is_empty() {
            return None;
        }
        self.0.push('}');
        Some(self.0)
    }
}
