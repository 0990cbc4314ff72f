//! `relayctl schema`: the JSON Schema of the failure event.

use clap::Args;
use failure_event::json::Json;
use failure_event::schema;

use crate::exit::{Exit, Problem};
use crate::output::Output;

const EXAMPLES: &str = "\
Examples:
    relayctl schema > failure-event.v1.schema.json
    check-jsonschema --schemafile <(relayctl schema) my-event.json";

/// Prints the JSON Schema (2020-12) of the failure event
///
/// It accepts exactly the events that name a task or job correctly; `relayctl validate` says more about one that does not.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Schema {}

impl Schema {
    /// Prints the schema; as one line with --json.
    ///
    /// # Errors
    /// None: the signature is that of every verb.
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "every verb has this signature")]
    pub fn run(self, output: &Output) -> Result<Exit, Problem> {
        let schema = schema::failure_event();
        match Json::parse(&schema) {
            Ok(json) if output.is_json() => output.data(json.compact()),
            _ => output.data(schema.trim_end()),
        }
        Ok(Exit::Yes)
    }
}
