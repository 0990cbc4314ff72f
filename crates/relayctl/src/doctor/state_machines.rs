//! `relayctl doctor --state-machines`: which states wait for a worker without a limit, and which errors they can never handle.

mod account;
mod audit;
mod defect;
mod error_names;
mod files;
mod template;
mod worker;
mod yaml;

use std::path::PathBuf;

use failure_event::states_language::Definition;

use super::checks::Finding;
use crate::aws;
use crate::exit::{Exit, Problem};
use crate::output::{Output, plural};
use audit::{RelayStack, audit};
use defect::Defect;

/// A state machine that was read.
#[derive(Clone, Debug)]
struct StateMachine {
    /// Its name; in a template, the file and its logical id.
    name: String,
    /// Its definition.
    definition: String,
}

/// The state machines that were asked for.
#[derive(Clone, Debug, Default)]
struct StateMachines {
    found: Vec<StateMachine>,
    /// What could not be read, and why.
    unread: Vec<String>,
}

/// Reads, audits and prints. Without files, the machines are those of the account and region.
///
/// # Errors
/// A file, the account's machines or the stack cannot be read.
pub async fn run(
    files: &[PathBuf],
    stack: Option<&str>,
    aws: &aws::Options,
    output: &Output,
) -> Result<Exit, Problem> {
    let machines =
        if files.is_empty() { account::read(&aws.load(None).await?).await? } else { files::read(files)? };
    let stack = match stack {
        Some(name) => account::relay_stack(&aws.load(None).await?, name).await?,
        None => RelayStack::default(),
    };
    super::tell_unread(&machines.unread, output);
    output.talk(format!("{} read", plural(machines.found.len(), "state machine")));
    let exit = super::report(&examine(&machines.found, &stack), output);
    let incomplete = if files.is_empty() { Exit::Service } else { Exit::File };
    Ok(if exit == Exit::Yes && !machines.unread.is_empty() { incomplete } else { exit })
}

/// What is wrong with the machines, worst first.
fn examine(machines: &[StateMachine], stack: &RelayStack) -> Vec<Finding> {
    let mut findings: Vec<Finding> = machines.iter().flat_map(|machine| of_machine(machine, stack)).collect();
    findings.sort_by_key(|finding| finding.severity);
    findings
}

fn of_machine(machine: &StateMachine, stack: &RelayStack) -> Vec<Finding> {
    match Definition::parse(&machine.definition) {
        Ok(definition) => audit(&definition, stack)
            .iter()
            .map(|(path, defect)| defect.finding(&format!("{}: {path}", machine.name)))
            .collect(),
        Err(fault) => vec![Defect::Broken(fault).finding(&machine.name)],
    }
}
