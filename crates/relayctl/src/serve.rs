//! `relayctl serve`: keeps the embedded endpoint running, for a relay in another process.

use std::path::PathBuf;

use aws_emulator::{self, RecordedCall};
use clap::Args;
use serde_json::{Map, Value, json};
use tokio::sync::broadcast::error::RecvError;

use crate::exit::{Exit, Problem};
use crate::inputs::Input;
use crate::output::{Output, Tone};
use crate::sandbox::{self, QUEUE, Sandbox};
use crate::tasks;

const EXAMPLES: &str = "\
Examples:
    relayctl serve
        In another terminal, with the lines that it prints:
            export AWS_ENDPOINT_URL=http://127.0.0.1:4599 …
            cargo lambda watch
            cargo lambda invoke failure-relay --data-file events/routable/step-functions-task.json
    relayctl serve --open events/routable
    relayctl serve --faults faults.json
        faults.json: [{\"operation\": \"SendTaskFailure\", \"when\": {\"first\": 2}, \"fault\": {\"throttle\": {}}}]
    relayctl serve --limits | python3 tests/service_models/check_limits.py";

/// Runs AWS's failure APIs, SQS, EventBridge, DynamoDB and STS on this machine, for a relay in another process
///
/// Standard output holds the environment that makes the relay use the endpoint, as lines for a shell. Each call that arrives
/// is logged to standard error (with --json to standard output), without tokens. A GET of /tasks answers with the state of each task
/// and job. It runs until it is interrupted.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Serve {
    /// The port on 127.0.0.1; 0 takes any that is free
    #[arg(long, default_value_t = 4599)]
    port: u16,
    /// Opens only the tasks and jobs that these events name; without it, each is open when a call first names it
    #[arg(long, value_name = "PATH", num_args = 1..)]
    open: Vec<PathBuf>,
    /// A JSON array of fault rules: what goes wrong, with which calls
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,
    /// Prints the limits that the endpoint enforces, as JSON, and ends
    #[arg(long)]
    limits: bool,
}

impl Serve {
    /// Serves until the process is ended.
    ///
    /// # Errors
    /// The port is taken, or the file of fault rules cannot be read.
    pub fn run(self, output: &Output) -> Result<Exit, Problem> {
        if self.limits {
            output.data(aws_emulator::limits_as_json());
            return Ok(Exit::Yes);
        }
        let faults = self.faults.as_deref().map(sandbox::read_faults).transpose()?.unwrap_or_default();
        crate::block_on(async {
            let sandbox = Sandbox::start(self.port, faults, self.open.is_empty()).await?;
            let mut calls = sandbox.endpoint.subscribe();
            let opened = self.open_tasks(&sandbox)?;
            introduce(&sandbox, opened, output);
            loop {
                match calls.recv().await {
                    Ok(call) => tell(&call, output),
                    Err(RecvError::Lagged(missed)) => output.talk(format!("… {missed} more calls")),
                    Err(RecvError::Closed) => return Ok(Exit::Yes),
                }
            }
        })
    }

    /// Opens what the events name; `None` when everything is open.
    fn open_tasks(&self, sandbox: &Sandbox) -> Result<Option<usize>, Problem> {
        if self.open.is_empty() {
            return Ok(None);
        }
        let settings = sandbox.settings(&[])?;
        for input in Input::read_all(&self.open)? {
            for work in tasks::named_in(&input, sandbox, &settings.rules).into_iter().flatten() {
                sandbox.endpoint.open(work);
            }
        }
        Ok(Some(sandbox.endpoint.open_count()))
    }
}

fn introduce(sandbox: &Sandbox, opened: Option<usize>, output: &Output) {
    output.talk("What this endpoint does not model:");
    for sentence in aws_emulator::NOT_MODELLED {
        output.talk(format!("  - {sentence}"));
    }
    match opened {
        None => output.talk("Every task and job is open when a call first names it."),
        Some(count) => output.talk(format!("Open tasks and jobs: {count}; all others are unknown.")),
    }
    let environment = sandbox.environment();
    if output.is_json() {
        let environment: Map<String, Value> =
            environment.into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
        output.json(&json!({"environment": environment, "queueUrl": sandbox.endpoint.queue_url(QUEUE)}));
    } else {
        for (name, value) in environment {
            output.data(format!("export {name}='{value}'"));
        }
    }
    let url = output.tint_talk(Tone::Strong, sandbox.endpoint.url());
    output.talk(format!("\nListening on {url} until interrupted."));
}

/// One call, without its body: that holds tokens.
fn tell(call: &RecordedCall, output: &Output) {
    let service = call.operation.service().signing_name();
    let operation = format!("{service}:{}", call.operation.name());
    let outcome = &call.outcome;
    if output.is_json() {
        output.json(&json!({"call": {
            "sequence": call.sequence, "operation": operation, "region": call.region, "account": call.account,
            "status": outcome.status, "error": outcome.error_code, "tookEffect": outcome.took_effect,
            "fault": outcome.fault,
        }}));
        return;
    }
    let answer = match (outcome.status, &outcome.error_code) {
        (Some(200), None) => output.tint_talk(Tone::Good, "200"),
        (Some(status), error) => output
            .tint_talk(Tone::Bad, format!("{status} {}", error.as_deref().unwrap_or_default()).trim_end()),
        (None, _) => output.tint_talk(Tone::Bad, "no answer"),
    };
    let fault = outcome.fault.map(|fault| format!(" (fault: {fault})")).unwrap_or_default();
    output.talk(format!("{operation} in {}/{}: {answer}{fault}", call.region, call.account));
}
