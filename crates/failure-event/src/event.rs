//! The failure event, version 1: the one schema in which workers publish.
//!
//! Identity is exact, description is best effort: `target` must name one failed task or job precisely, while
//! whatever is missing or odd in `failure` is defaulted. An orchestrator that is told "failed, no reason given" is better
//! off than one that waits for a time-out.

use std::borrow::Cow;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::dead_letter::{Code, Reason};
use crate::json::{Json, Object, Type};
use crate::target::SECRET_MAX;
use crate::text::cut;

/// The `type` of a failure that gives none.
pub const DEFAULT_TYPE: &str = "WorkerFailed";

/// The `message` of a failure that gives none.
pub const DEFAULT_MESSAGE: &str = "The worker reported a failure without a message.";

/// How much of an unknown version or kind a reason quotes, in characters.
const QUOTED_MAX: usize = 64;

/// How much of a `source` is kept, in UTF-16 code units: only logs show it, and they show less.
const SOURCE_MAX: usize = SECRET_MAX + 1024;

/// What the event says of itself, for correlation and logs. Nothing here decides where it goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// The publisher's correlation id.
    pub id: Option<String>,
    /// Who publishes.
    pub source: Option<String>,
    /// When the work failed.
    pub time: Option<OffsetDateTime>,
    /// Whether a `time` was given that is no RFC 3339 text.
    pub time_is_unreadable: bool,
}

impl Header {
    /// Reads `id`, `source` and `time`; `null` and empty texts are absent.
    #[must_use]
    pub fn read(event: &Object<'_>) -> Self {
        let text = |name| event.description(name).map(Cow::into_owned);
        let given = event.description("time");
        let time = given.as_deref().and_then(parse_time);
        Self {
            id: text("id"),
            source: event.description("source").map(|source| cut(&source, SOURCE_MAX).into_owned()),
            time,
            time_is_unreadable: given.is_some() && time.is_none(),
        }
    }
}

/// An RFC 3339 time.
#[must_use]
pub fn parse_time(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc3339).ok()
}

/// Why the work failed, as published. What was not given is told apart from its default, because some APIs
/// are sent a `type` only where one was given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failure<'a> {
    /// `type`, where it was given.
    pub given_type: Option<Cow<'a, str>>,
    /// `message`, where it was given.
    pub given_message: Option<Cow<'a, str>>,
    /// `details`: any JSON, byte for byte as it was published.
    pub details: Option<Cow<'a, str>>,
    /// The worker's own id of the run.
    pub external_execution_id: Option<Cow<'a, str>>,
    /// The id under which the relay logs the event, where the texts are to name it. No event says it here.
    pub event_id: Option<Cow<'a, str>>,
}

impl<'a> Failure<'a> {
    /// The members that it can have. Others are of no use, and no mistake.
    pub const MEMBERS: [&'static str; 4] = ["type", "message", "details", "externalExecutionId"];

    /// Reads the `failure` member. It cannot fail: a value that is no object is taken as the message.
    #[must_use]
    pub fn read(failure: Option<Json<'a>>) -> Self {
        let Some(json) = failure else { return Self::default() };
        let Some(object) = json.object() else {
            return Self {
                given_message: Some(json.to_text()).filter(|text| !text.is_empty()),
                ..Self::default()
            };
        };
        Self {
            given_type: object.description("type"),
            given_message: object.description("message"),
            details: object
                .member("details")
                .map(Json::text)
                .filter(|text| *text != "\"\"")
                .map(Cow::Borrowed),
            external_execution_id: object.description("externalExecutionId"),
            event_id: None,
        }
    }

    /// The same failure, of which nothing stands in the event any more.
    #[must_use]
    pub fn into_owned(self) -> Failure<'static> {
        let owned = |text: Option<Cow<'a, str>>| text.map(|text| Cow::Owned(text.into_owned()));
        Failure {
            given_type: owned(self.given_type),
            given_message: owned(self.given_message),
            details: owned(self.details),
            external_execution_id: owned(self.external_execution_id),
            event_id: owned(self.event_id),
        }
    }

    /// This failure, completed by another where it says nothing.
    #[must_use]
    pub fn or(self, other: Failure<'a>) -> Self {
        Self {
            given_type: self.given_type.or(other.given_type),
            given_message: self.given_message.or(other.given_message),
            details: self.details.or(other.details),
            external_execution_id: self.external_execution_id.or(other.external_execution_id),
            event_id: self.event_id.or(other.event_id),
        }
    }

    /// The last line of a text for people, its line break before it; empty where the event is not to be named.
    #[must_use]
    pub fn last_line(&self) -> String {
        self.event_id.as_deref().map_or_else(String::new, |id| format!("\nfailure-relay event_id: {id}"))
    }

    /// The machine-readable name of the error, or its default.
    #[must_use]
    pub fn type_name(&self) -> &str {
        self.given_type.as_deref().unwrap_or(DEFAULT_TYPE)
    }

    /// What a person should read, or its default.
    #[must_use]
    pub fn message(&self) -> &str {
        self.given_message.as_deref().unwrap_or(DEFAULT_MESSAGE)
    }
}

/// Refuses a schema version that this relay does not know, before anything else of the event is looked at.
///
/// # Errors
/// `UNSUPPORTED_VERSION` for anything but `"1"` or `"1.<digits>"`.
pub fn check_version(event: &Object<'_>) -> Result<(), Reason> {
    let Some(version) = event.member("version") else { return Ok(()) };
    let known = version.string().is_some_and(|string| is_version_1(&string.text));
    if known {
        return Ok(());
    }
    let shown = shortened(version.text());
    Err(Reason::new(
        Code::UnsupportedVersion,
        format!("version: expected \"1\" or \"1.<digits>\", found {shown}"),
    ))
}

fn is_version_1(version: &str) -> bool {
    match version.strip_prefix("1.") {
        Some(minor) => !minor.is_empty() && minor.bytes().all(|byte| byte.is_ascii_digit()),
        None => version == "1",
    }
}

/// The `target` object of an event.
///
/// # Errors
/// `INVALID_EVENT` when it is missing or no object.
pub fn target<'a>(event: &Object<'a>) -> Result<Object<'a>, Reason> {
    event.object("target").ok_or_else(|| missing_target(event))
}

/// `INVALID_EVENT`: the event's `target` is missing or no object.
#[must_use]
pub fn missing_target(event: &Object<'_>) -> Reason {
    match event.member("target") {
        None => Reason::invalid("target: is missing; it names the task or job that failed"),
        Some(other) => {
            Reason::invalid(format!("target: expected an object, found {}", name_of(other.json_type())))
        }
    }
}

/// A JSON type as a person says it.
#[must_use]
pub fn name_of(json_type: Type) -> &'static str {
    match json_type {
        Type::Null => "null",
        Type::Bool => "a boolean",
        Type::Number => "a number",
        Type::String => "a string",
        Type::Array => "an array",
        Type::Object => "an object",
    }
}

/// The start of a text that a reason quotes.
#[must_use]
pub fn shortened(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(QUOTED_MAX) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(text: &str) -> Object<'_> {
        Json::parse(text).unwrap().object().unwrap()
    }

    fn failure(text: &str) -> Failure<'_> {
        Failure::read(object(text).member("failure"))
    }

    #[test]
    fn a_missing_failure_has_the_defaults() {
        for text in [
            "{}",
            r#"{"failure":null}"#,
            r#"{"failure":{}}"#,
            r#"{"failure":""}"#,
            r#"{"failure":{"type":"","message":null,"details":""}}"#,
        ] {
            assert_eq!(failure(text), Failure::default(), "{text}");
            assert_eq!(failure(text).type_name(), "WorkerFailed");
            assert_eq!(failure(text).message(), "The worker reported a failure without a message.");
        }
    }

    #[test]
    fn a_failure_that_is_no_object_is_its_message() {
        assert_eq!(failure(r#"{"failure":"it broke"}"#).message(), "it broke");
        assert_eq!(failure(r#"{"failure":[1, 2]}"#).message(), "[1,2]");
    }

    #[test]
    fn a_member_of_the_wrong_type_is_its_compact_text() {
        let read = failure(
            r#"{"failure":{"type":false,"message":42,"details":{ "a": 1 },"externalExecutionId":{ "b": 2 }}}"#,
        );
        assert_eq!(read.type_name(), "false");
        assert_eq!(read.message(), "42");
        assert_eq!(read.details.as_deref(), Some(r#"{ "a": 1 }"#));
        assert_eq!(read.external_execution_id.as_deref(), Some(r#"{"b":2}"#));
    }

    #[test]
    fn versions_of_the_first_generation_are_known() {
        for version in [r#""1""#, r#""1.0""#, r#""1.27""#, "null"] {
            assert_eq!(check_version(&object(&format!("{{\"version\":{version}}}"))), Ok(()), "{version}");
        }
        for version in [r#""2""#, r#""1.""#, r#""1.x""#, r#""""#, "1", "{}", r#""1.0.0""#] {
            let refused = check_version(&object(&format!("{{\"version\":{version}}}"))).unwrap_err();
            assert_eq!(refused.code, Code::UnsupportedVersion, "{version}");
        }
    }

    #[test]
    fn a_time_that_does_not_parse_is_absent() {
        assert!(Header::read(&object(r#"{"time":"2026-11-20T10:00:00.5+01:00"}"#)).time.is_some());
        for time in ["\"yesterday\"", "5", "{}"] {
            let text = format!("{{\"time\":{time}}}");
            let header = Header::read(&object(&text));
            assert_eq!((header.time, header.time_is_unreadable), (None, true));
        }
    }
}
