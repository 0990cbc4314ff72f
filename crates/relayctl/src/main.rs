//! `relayctl`: the tool beside the relay, for those who publish failures and those who operate it.
//!
//! One file a verb: its arguments, its help and what it does, side by side. A verb takes the [`Output`] and returns how the
//! tool exits; nothing here prints or exits on its own. To add one, write `crates/relayctl/src/<verb>.rs` and add its line to each
//! of the three lists below.

mod aws;
mod duration;
mod event;
mod exit;
mod inputs;
mod lambda;
mod outlet;
mod output;
mod relay;
mod sandbox;
mod stack;
mod stop;
mod table;
mod tasks;
mod token_names;

mod claim;
mod completions;
mod dlq;
mod doctor;
mod drill;
mod explain;
mod kinds;
mod lease;
mod leases;
mod man;
mod publish;
mod registration;
mod rehearse;
mod run;
mod schema;
mod serve;
mod sweep;
mod trace;
mod validate;

use std::ffi::OsString;

use clap::{Parser, Subcommand};
use failure_relay::version::{COMMIT, VERSION};

use exit::{Exit, Problem};
use output::Output;

/// Tells AWS orchestrators that a worker failed: the tool beside the failure relay.
#[derive(Debug, Parser)]
#[command(name = "relayctl", version = version(), after_help = exit::HELP, max_term_width = 110)]
struct Arguments {
    #[command(flatten)]
    output: output::Options,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Claim(Box<claim::Claim>),
    Completions(completions::Completions),
    Dlq(dlq::Dlq),
    Doctor(doctor::Doctor),
    Drill(drill::Drill),
    Explain(explain::Explain),
    Kinds(kinds::Kinds),
    Lease(lease::Lease),
    Leases(leases::Leases),
    Man(man::ManPages),
    Publish(Box<publish::Publish>),
    Rehearse(rehearse::Rehearse),
    Schema(schema::Schema),
    Run(Box<run::Run>),
    Serve(serve::Serve),
    Sweep(Box<sweep::Sweep>),
    Trace(Box<trace::Trace>),
    Validate(validate::Validate),
}

impl Verb {
    fn run(self, output: &Output) -> Result<Exit, Problem> {
        match self {
            Verb::Claim(verb) => verb.run(output),
            Verb::Completions(verb) => verb.run(output),
            Verb::Dlq(verb) => verb.run(output),
            Verb::Doctor(verb) => verb.run(output),
            Verb::Drill(verb) => verb.run(output),
            Verb::Explain(verb) => verb.run(output),
            Verb::Kinds(verb) => verb.run(output),
            Verb::Lease(verb) => verb.run(output),
            Verb::Leases(verb) => verb.run(output),
            Verb::Man(verb) => verb.run(output),
            Verb::Publish(verb) => verb.run(output),
            Verb::Rehearse(verb) => verb.run(output),
            Verb::Schema(verb) => verb.run(output),
            Verb::Run(verb) => verb.run(output),
            Verb::Serve(verb) => verb.run(output),
            Verb::Sweep(verb) => verb.run(output),
            Verb::Trace(verb) => verb.run(output),
            Verb::Validate(verb) => verb.run(output),
        }
    }
}

fn main() -> std::process::ExitCode {
    let arguments = Arguments::parse();
    let output = Output::new(&arguments.output);
    let exit = arguments.verb.run(&output).unwrap_or_else(|problem| {
        output.problem(&problem);
        problem.exit
    });
    exit.into()
}

/// What `--version` prints after the name.
fn version() -> String {
    format!("{VERSION} (commit {COMMIT})")
}

/// Runs the asynchronous part of a verb to its end.
///
/// # Errors
/// The machine does not give what a runtime needs.
fn block_on<T>(work: impl Future<Output = Result<T, Problem>>) -> Result<T, Problem> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| Problem::local(format!("no runtime could be started: {error}")))?.block_on(work)
}

/// The variables of this process; one that is not Unicode names nothing that is looked for.
fn environment() -> Vec<(String, String)> {
    let text =
        |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
    std::env::vars_os().filter_map(text).collect()
}
