//! A target as it is given: the `target` object of an event, or the members that a notice names one by one.
//!
//! Both are read by the same code, once, and into the same value. No JSON text is made on the way.

use std::borrow::Cow;

use super::{Kind, Target, mentioned_secrets};
use crate::dead_letter::Reason;
use crate::json::{Json, JsonString, Object, Type, quoted};
use crate::place::GivenPlace;
use crate::secret::Secret;

/// The members of a target, wherever they stand.
pub trait GivenMembers {
    /// The value of a member; `null` counts as absent.
    fn given(&self, name: &str) -> Option<GivenValue<'_>>;
}

/// The value of a member: JSON as it was published, or a text that never was JSON.
#[derive(Clone, Debug)]
pub enum GivenValue<'a> {
    /// Any JSON but `null`.
    Json(Json<'a>),
    /// A variable of a process, or a part of an argument.
    Text(JsonString<'a>),
}

impl<'a> GivenValue<'a> {
    /// The characters, when this is a string.
    #[must_use]
    pub fn string(&self) -> Option<JsonString<'a>> {
        match self {
            GivenValue::Json(json) => json.string(),
            GivenValue::Text(text) => Some(text.clone()),
        }
    }

    /// The start of the characters, when this is a string: all of them, or at least those of the first `bytes` bytes of its literal.
    #[must_use]
    pub fn string_start(&self, bytes: usize) -> Option<Cow<'a, str>> {
        match self {
            GivenValue::Json(json) => json.string_start(bytes),
            GivenValue::Text(text) => Some(text.text.clone()),
        }
    }

    /// The type that the value has, or would have, in JSON.
    #[must_use]
    pub fn json_type(&self) -> Type {
        match self {
            GivenValue::Json(json) => json.json_type(),
            GivenValue::Text(_) => Type::String,
        }
    }

    /// Whether this is the empty string.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            GivenValue::Json(json) => json.text() == "\"\"",
            GivenValue::Text(text) => text.text.is_empty(),
        }
    }

    /// Whether this is a string, and not empty.
    #[must_use]
    pub fn is_text(&self) -> bool {
        self.json_type() == Type::String && !self.is_empty()
    }

    /// The value as JSON text.
    #[must_use]
    pub fn to_json(&self) -> String {
        match self {
            GivenValue::Json(json) => json.compact(),
            GivenValue::Text(text) => quoted(&text.text),
        }
    }
}

impl GivenMembers for Object<'_> {
    fn given(&self, name: &str) -> Option<GivenValue<'_>> {
        self.member(name).map(GivenValue::Json)
    }
}

/// A target that is named member by member.
#[derive(Clone, Debug)]
pub struct Named<'a> {
    /// Its kind.
    pub kind: Kind,
    /// Its other members.
    pub members: Vec<(&'static str, GivenValue<'a>)>,
}

impl Named<'_> {
    /// The `target` object that says the same.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut target = format!("{{\"kind\":{}", quoted(self.kind.name()));
        for (name, value) in &self.members {
            target.push_str(&format!(",{}:{}", quoted(name), value.to_json()));
        }
        target.push('}');
        target
    }
}

impl GivenMembers for Named<'_> {
    fn given(&self, name: &str) -> Option<GivenValue<'_>> {
        if name == "kind" {
            return Some(GivenValue::Text(JsonString::from(self.kind.name())));
        }
        self.members.iter().find(|(member, _)| *member == name).map(|(_, value)| value.clone())
    }
}

/// A target, read: what is known of it even where it is wrong, and what it names where it is right.
#[derive(Clone, Debug)]
pub struct Given {
    /// The kind, when it is one of those that are listed.
    pub kind: Option<Kind>,
    /// The secrets that it mentions, right or wrong.
    pub secrets: Vec<Secret>,
    /// The task or job.
    pub target: Result<Target, Reason>,
    /// Where it is.
    pub place: Result<GivenPlace, Reason>,
}

impl Given {
    /// Reads a target's members.
    #[must_use]
    pub fn read(members: &dyn GivenMembers) -> Self {
        Self {
            kind: Kind::of(members),
            secrets: mentioned_secrets(members).collect(),
            target: Target::read(members),
            place: GivenPlace::read(members),
        }
    }

    /// What stands where a target should, and is not a JSON object.
    #[must_use]
    pub fn not_an_object() -> Self {
        Self {
            kind: None,
            secrets: Vec::new(),
            target: Err(Reason::invalid("expected a JSON object with a target")),
            place: Ok(GivenPlace::default()),
        }
    }
}
