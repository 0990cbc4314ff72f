//! The notices that AWS itself sends: a worker that dies publishes nothing, but what ran it does.
//!
//! One file per notice: how it is recognised, when it is a failure, where the identity of the failed task is looked for, and what
//! is said about it. Notices that never hold an identity are rows of one table, `state_change`. A notice is recognised before its
//! EventBridge form would be unwrapped, and is no envelope itself.

mod abandoned_work;
mod batch;
mod codebuild;
mod command;
mod ecs;
mod environment;
mod identity;
mod lambda;
mod shapes;
mod state_change;
mod step_functions;
mod task_token;
mod unnamed;

use std::borrow::Cow;

use crate::event::{Failure, Header};
use crate::json::{Json, Object, quoted};

pub use abandoned_work::{
    AbandonedWork, NAME as ABANDONED_WORK, WORK_WITHOUT_IDENTITY, read as abandoned_work,
};
pub use environment::in_variables as identity_in_variables;
pub use identity::{Found, Identity, token_names};
pub use shapes::asked_for_by;
pub use task_token::{task_token_in_command, task_token_in_payload, task_token_in_variables};
pub use unnamed::Unnamed;

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
    /// Something failed that names no task or job: it concerns whoever claimed it.
    Unnamed(Box<Unnamed>),
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
        _ => state_change::recognise(&event)?,
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

    /// The death that this event tells: of the task that was found, else of what its failure calls its execution.
    fn death(&self, found: Option<Found>, failure: Failure<'static>) -> Meaning {
        match found {
            None => Meaning::Unnamed(Box::new(Unnamed::of(failure))),
            Some(found) => {
                let (region, account) = (self.region.clone(), self.account.clone());
                Meaning::Death(Box::new(Death { failure, found, region, account }))
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
        event_id: None,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dead_letter::Code;

    fn unnamed(notice: &str) -> Unnamed {
        match recognise(&Json::parse(notice).unwrap().object().unwrap(), &[]).unwrap().meaning {
            Meaning::Unnamed(unnamed) => *unnamed,
            other => panic!("{notice}: {other:?}"),
        }
    }

    fn event(source: &str, detail_type: &str, detail: &str) -> String {
        format!(r#"{{"source":"{source}","detail-type":"{detail_type}","detail":{{{detail}}}}}"#)
    }

    #[test]
    fn a_death_without_an_identity_is_that_of_its_execution() {
        let execution = "arn:aws:states:eu-west-1:111122223333:execution:child:run-1";
        let build = "arn:aws:codebuild:eu-west-1:111122223333:build/render:c340e456";
        for (notice, error, resources) in [
            (
                event("aws.batch", batch::NAME, r#""status":"FAILED","jobId":"4c7599ae""#),
                "Batch.JobFailed",
                vec!["4c7599ae"],
            ),
            (
                event("aws.codebuild", codebuild::NAME, &format!(r#""build-status":"STOPPED","build-id":"{build}""#)),
                "CodeBuild.STOPPED",
                vec![build, "render:c340e456"],
            ),
            (
                event(
                    "aws.states",
                    step_functions::NAME,
                    &format!(r#""status":"ABORTED","executionArn":"{execution}","input":"{{}}""#),
                ),
                "StepFunctions.ABORTED",
                vec![execution, "run-1"],
            ),
            (
                r#"{"requestContext":{"condition":"EventAgeExceeded","requestId":"r-1"},"requestPayload":null}"#.to_owned(),
                "Lambda.EventAgeExceeded",
                vec!["r-1"],
            ),
        ] {
            let death = unnamed(&notice);
            assert_eq!((death.failure.type_name(), &death.otherwise), (error, &None));
            assert_eq!(death.resources, resources);
        }
    }

    #[test]
    fn a_death_whose_identity_was_left_out_is_not_ignored_where_nobody_claimed_it() {
        for (notice, resources) in [
            (
                event(
                    "aws.states",
                    step_functions::NAME,
                    r#""status":"FAILED","executionArn":"e","inputDetails":{"included":false}"#,
                ),
                vec!["e"],
            ),
            (
                r#"{"requestContext":{"condition":"RetriesExhausted","requestId":"r-1"}}"#.to_owned(),
                vec!["r-1"],
            ),
            (event("lambda", lambda::FAILURE, r#""requestContext":{"requestId":"r-1"}"#), vec!["r-1"]),
            (format!(r#"{{"source":"lambda","detail-type":"{}"}}"#, lambda::FAILURE), vec![]),
        ] {
            let death = unnamed(&notice);
            assert_eq!(death.resources, resources, "{notice}");
            assert_eq!(death.otherwise.unwrap().code, Code::InvalidEvent, "{notice}");
        }
    }

    #[test]
    fn a_notice_that_names_nobody_keeps_its_header() {
        let notice = r#"{"id":"n-1","source":"aws.ec2","detail-type":"EC2 Instance State-change Notification","time":"2026-11-20T10:15:31Z","detail":{"state":"terminated"}}"#;
        let header = recognise(&Json::parse(notice).unwrap().object().unwrap(), &[]).unwrap().header;
        assert_eq!((header.id.as_deref(), header.source.as_deref()), (Some("n-1"), Some("aws.ec2")));
        assert_eq!(header.time, crate::event::parse_time("2026-11-20T10:15:31Z"));
    }
}
