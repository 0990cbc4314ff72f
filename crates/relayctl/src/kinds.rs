//! `relayctl kinds`: what can be told that a worker failed, as the relay itself has it.

use clap::Args;
use failure_event::operation::{Operation, Wire};
use failure_event::target::{Kind, Member, Rule};
use serde_json::{Value, json};

use crate::exit::{Exit, Problem};
use crate::output::Output;
use crate::table::Table;

const EXAMPLES: &str = "\
Examples:
    relayctl kinds
    relayctl kinds --json | jq -r 'select(.onByDefault | not) | .parameter'";

/// Lists the kinds of target: what identifies each, and what is called
///
/// As JSON: one object a line with all that is known of a kind, such as the rule of each member, the permissions that it needs and
/// the template's parameter that turns it on.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Kinds {}

impl Kinds {
    /// Lists them in the order in which they are registered.
    ///
    /// # Errors
    /// None: the signature is that of every verb.
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "every verb has this signature")]
    pub fn run(self, output: &Output) -> Result<Exit, Problem> {
        if output.is_json() {
            for kind in Kind::ALL {
                output.json(&as_json(*kind));
            }
            return Ok(Exit::Yes);
        }
        let mut table = Table::new(&["KIND", "MEMBERS", "CALLS", "WAKES UP"]);
        for kind in Kind::ALL {
            let wakes_up = kind.wakes_up().replace('`', "");
            table.row(&[kind.name().to_owned(), members(*kind), kind.labels(), wakes_up]);
        }
        output.data(table);
        Ok(Exit::Yes)
    }
}

/// The members for people: in brackets where they may be absent.
fn members(kind: Kind) -> String {
    let name = |member: &Member| {
        if member.is_required { member.name.to_owned() } else { format!("[{}]", member.name) }
    };
    kind.members().iter().map(name).collect::<Vec<_>>().join(" ")
}

fn as_json(kind: Kind) -> Value {
    json!({
        "kind": kind.name(),
        "wakesUp": kind.wakes_up(),
        "members": kind.members().iter().map(member).collect::<Vec<_>>(),
        "oneOf": kind.one_of(),
        "operations": kind.operations().iter().map(operation).collect::<Vec<_>>(),
        "actions": kind.actions().collect::<Vec<_>>(),
        "parameter": kind.parameter(),
        "onByDefault": kind.is_on_by_default(),
        "carriesText": kind.carries_text(),
    })
}

fn member(member: &Member) -> Value {
    json!({
        "name": member.name,
        "required": member.is_required,
        "secret": member.is_secret,
        "max": member.rule.max(),
        "unit": if matches!(member.rule, Rule::Bytes { .. }) { "bytes" } else { "utf16" },
        "pattern": member.rule.regex(),
        "enum": member.rule.texts(),
    })
}

fn operation(operation: &Operation) -> Value {
    json!({
        "service": operation.service.name,
        "name": operation.name,
        "action": operation.action,
        "wire": match operation.wire {
            Wire::AwsJson { .. } => "aws-json",
            Wire::RestJson { .. } => "rest-json",
            Wire::Query { .. } => "query",
            Wire::PresignedPut => "presigned-put",
        },
    })
}
