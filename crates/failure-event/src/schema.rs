//! The JSON Schema of the failure event, made from what the relay itself reads by: the kinds, their members and rules.
//!
//! It accepts exactly the events that name a task or job well. What only describes is unrestricted, as it is for the
//! relay, so a schema that is green says nothing about whether a region is allowed or a token is known.
//!
//! <https://json-schema.org/draft/2020-12>

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::claim::{CLAIM_SECONDS, RESOURCE_MAX};
use crate::event::{DEFAULT_MESSAGE, DEFAULT_TYPE};
use crate::lease::LEASE_SECONDS;
use crate::operation::Operation;
use crate::target::{Kind, Member, Rule};

/// The file in this repository that holds the schema.
pub const FILE: &str = "schema/failure-event.v1.schema.json";

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";
const ID: &str = "urn:failure-relay:failure-event:v1";

/// The schema of the failure event, version 1, as indented JSON with a line end.
#[must_use]
pub fn failure_event() -> String {
    // Texts, numbers and lists with fixed names always serialize; an empty text would fail every test.
    let mut text = serde_json::to_string_pretty(&event()).unwrap_or_default();
    text.push('\n');
    text
}

/// A schema, or a part of one, in the order in which a person reads it.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Node {
    #[serde(rename = "$schema", skip_serializing_if = "Option::is_none")]
    dialect: Option<&'static str>,
    #[serde(rename = "$id", skip_serializing_if = "Option::is_none")]
    id: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(rename = "$comment", skip_serializing_if = "Option::is_none")]
    comment: Option<&'static str>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    types: Option<Types>,
    #[serde(rename = "const", skip_serializing_if = "Option::is_none")]
    constant: Option<&'static str>,
    #[serde(rename = "enum", skip_serializing_if = "Vec::is_empty")]
    one_of: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pattern: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min_length: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_length: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    minimum: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    maximum: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    default: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    required: Vec<&'static str>,
    #[serde(skip_serializing_if = "Members::is_empty")]
    properties: Members,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    any_of: Vec<Node>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    all_of: Vec<Node>,
    #[serde(rename = "if", skip_serializing_if = "Option::is_none")]
    condition: Option<Box<Node>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    then: Option<Box<Node>>,
}

/// The members of an object, in their order.
#[derive(Clone, Debug, Default)]
struct Members(Vec<(&'static str, Node)>);

impl Members {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Members {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, node) in &self.0 {
            map.serialize_entry(name, node)?;
        }
        map.end()
    }
}

/// The JSON types of a value.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(untagged)]
enum Types {
    One(&'static str),
    Either([&'static str; 2]),
}

const OBJECT: Option<Types> = Some(Types::One("object"));
const STRING: Option<Types> = Some(Types::One("string"));
/// `null` counts as absent.
const STRING_OR_ABSENT: Option<Types> = Some(Types::Either(["string", "null"]));

const OBJECT_OR_ABSENT: Option<Types> = Some(Types::Either(["object", "null"]));
const INTEGER_OR_ABSENT: Option<Types> = Some(Types::Either(["integer", "null"]));

fn described(description: &str) -> Node {
    Node { description: Some(description.to_owned()), ..Node::default() }
}

fn event() -> Node {
    let version = Node {
        types: STRING_OR_ABSENT,
        pattern: Some(r"^1(\.[0-9]+)?$"),
        ..described("The schema's version: \"1\", or \"1.\" and digits.")
    };
    let id = described("The publisher's correlation id; by default the id of the innermost envelope.");
    let source = described("Who publishes, for logs.");
    let time = Node {
        format: Some("date-time"),
        ..described("When the work failed; a value that is not an RFC 3339 time is ignored.")
    };
    Node {
        dialect: Some(DIALECT),
        id: Some(ID),
        title: Some("Failure event, version 1"),
        description: Some("A worker failed at a task or job that an AWS orchestrator waits for.".to_owned()),
        comment: Some("Generated by `relayctl schema`. Members that are not listed are ignored."),
        types: OBJECT,
        required: vec!["target"],
        properties: Members(vec![
            ("version", version),
            ("id", id),
            ("source", source),
            ("time", time),
            ("lease", lease()),
            ("claim", claim()),
            ("target", target()),
            ("failure", failure()),
        ]),
        any_of: vec![absent("lease"), absent("claim")],
        ..Node::default()
    }
}

/// What an object is that has no such member: `null` counts as absent.
fn absent(member: &'static str) -> Node {
    let null = Node { types: Some(Types::One("null")), ..Node::default() };
    Node { properties: Members(vec![(member, null)]), ..Node::default() }
}

fn lease() -> Node {
    let action = Node { types: STRING, one_of: vec!["take", "renew", "release"], ..Node::default() };
    let release = Node { constant: Some("release"), ..Node::default() };
    let ttl = ttl_seconds(LEASE_SECONDS, "How long the worker may be silent; for all but release.");
    let given = Node { types: Some(Types::One("integer")), ..Node::default() };
    Node {
        types: OBJECT_OR_ABSENT,
        required: vec!["action"],
        properties: Members(vec![("action", action), ("ttlSeconds", ttl)]),
        any_of: vec![
            Node { properties: Members(vec![("action", release)]), ..Node::default() },
            Node {
                required: vec!["ttlSeconds"],
                properties: Members(vec![("ttlSeconds", given)]),
                ..Node::default()
            },
        ],
        ..described(
            "In place of reporting the target now: it has failed unless its worker says otherwise in this time.",
        )
    }
}

fn claim() -> Node {
    let resource = Node {
        types: STRING,
        min_length: Some(1),
        max_length: Some(RESOURCE_MAX),
        ..described("The ARN or id by which the notice of its death names it.")
    };
    let action = Node {
        types: STRING_OR_ABSENT,
        pattern: Some("^(take|release)$"),
        default: Some("take"),
        ..Node::default()
    };
    let ttl = ttl_seconds(CLAIM_SECONDS, "How long the claim stands; by default 14 days.");
    Node {
        types: OBJECT_OR_ABSENT,
        required: vec!["resource"],
        properties: Members(vec![("resource", resource), ("action", action), ("ttlSeconds", ttl)]),
        ..described("In place of reporting the target now: it has failed when this resource dies.")
    }
}

fn ttl_seconds((least, most): (u32, u32), description: &str) -> Node {
    Node {
        types: INTEGER_OR_ABSENT,
        minimum: Some(least),
        maximum: Some(most),
        comment: Some("The relay takes digits alone, JSON Schema 60.0 too."),
        ..described(description)
    }
}

fn target() -> Node {
    let kind =
        Node { types: STRING, one_of: Kind::ALL.iter().map(|kind| kind.name()).collect(), ..Node::default() };
    let region = Node {
        types: STRING_OR_ABSENT,
        min_length: Some(1),
        ..described("The region of the task or job; by default the relay's own.")
    };
    let account = Node {
        types: STRING_OR_ABSENT,
        pattern: Some("^[0-9]{12}$"),
        ..described("The account of the task or job; by default the relay's own.")
    };
    Node {
        comment: Some("The relay counts UTF-16 code units, JSON Schema counts characters."),
        types: OBJECT,
        required: vec!["kind"],
        properties: Members(vec![("kind", kind), ("region", region), ("account", account)]),
        all_of: Kind::ALL.iter().copied().map(members_of).collect(),
        ..described("The one task or job that failed, named exactly.")
    }
}

/// What a target of this kind must hold.
fn members_of(kind: Kind) -> Node {
    let is_kind = Node { constant: Some(kind.name()), ..Node::default() };
    let condition =
        Node { required: vec!["kind"], properties: Members(vec![("kind", is_kind)]), ..Node::default() };
    let members = kind.members();
    let operations: Vec<String> = kind.operations().iter().map(Operation::label).collect();
    let then = Node {
        required: members.iter().filter(|member| member.is_required).map(|member| member.name).collect(),
        properties: Members(members.iter().map(|member| (member.name, of_member(member))).collect()),
        any_of: kind.one_of().iter().copied().map(present).collect(),
        ..described(&format!("Reported with {}.", operations.join(" or ")))
    };
    Node { condition: Some(Box::new(condition)), then: Some(Box::new(then)), ..Node::default() }
}

/// What an object is that has this member as a string.
fn present(member: &'static str) -> Node {
    let text = Node { types: STRING, ..Node::default() };
    Node { required: vec![member], properties: Members(vec![(member, text)]), ..Node::default() }
}

/// `null` counts as absent.
fn of_member(member: &Member) -> Node {
    let node = of_rule(member.rule);
    if member.is_required { node } else { Node { types: STRING_OR_ABSENT, ..node } }
}

fn of_rule(rule: Rule) -> Node {
    Node {
        types: STRING,
        one_of: rule.texts().to_vec(),
        pattern: rule.regex(),
        min_length: rule.max().map(|_| 1),
        max_length: rule.max(),
        ..Node::default()
    }
}

fn failure() -> Node {
    let members = [
        ("type", "A short name of the error for programs, e.g. Render.OutOfMemory.", Some(DEFAULT_TYPE)),
        ("message", "What a person should read.", Some(DEFAULT_MESSAGE)),
        ("details", "Structured context, kept byte for byte.", None),
        ("externalExecutionId", "The worker's own id of the run.", None),
    ];
    let members =
        members.map(|(name, description, default)| (name, Node { default, ..described(description) }));
    Node {
        properties: Members(members.into()),
        ..described(
            "Why it failed. A member that is no string is taken as its JSON text; what is no object is taken as the message.",
        )
    }
}
