//! The token of a Step Functions task, where an identity is looked for: a payload, variables, a command. Other identities count for none.

use super::command::Command;
use super::environment::in_variables;
use super::identity::{Found, Identity, found_in_payload};
use crate::json::{Json, Object};
use crate::secret::Secret;
use crate::target::Kind;

/// The token in a JSON payload, which is unwrapped first.
#[must_use]
pub fn task_token_in_payload(payload: &Object<'_>, names: &[String]) -> Option<Secret> {
    token(found_in_payload(payload, names)?)
}

/// The token in environment variables.
#[must_use]
pub fn task_token_in_variables(variables: &[(String, String)], names: &[String]) -> Option<Secret> {
    token(in_variables(variables, names, &mut |identity: Identity<'_>| identity.read())?)
}

/// The token on a command line: a list of strings.
#[must_use]
pub fn task_token_in_command(command: Json<'_>, names: &[String]) -> Option<Secret> {
    token(Command::read([Some(command)]).found(names)?)
}

fn token(found: Found) -> Option<Secret> {
    let target = found.target.target.ok()?;
    if target.kind() != Kind::StepFunctionsTask {
        return None;
    }
    target.secret().cloned()
}
