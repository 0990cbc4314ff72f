//! `relayctl rehearse`: the real relay against the embedded endpoint, with a user's own events.

mod board;
mod expectation;
mod stage;

use std::path::PathBuf;
use std::time::Duration;

use aws_emulator::FaultRule;
use clap::Args;

use crate::exit::{Exit, Problem};
use crate::inputs::Input;
use crate::output::Output;
use crate::sandbox::{PARKING, Sandbox};
use board::Board;
use stage::{Cast, Stage};

const EXAMPLES: &str = "\
Examples:
    relayctl rehearse events/routable events/unroutable events/leases
    relayctl rehearse my-event.json --json | jq 'select(.outcome).outcome'
    relayctl rehearse events/routable --set RELAY_CONCURRENCY=1
    relayctl rehearse events/routable --faults faults.json
    relayctl rehearse events/routable --parking --faults faults.json

A file in a folder `routable` is to be relayed (or found settled, when its name says `duplicate`), one in \
`unroutable` to be dead-lettered with the code that its name begins with, one in `ignored` to be ignored, and any other to \
be relayed. The files in a folder `leases` are delivered one after the other, each to end as its name says after its number. At \
last every lease that is still held runs out, and what the watch would publish is shown and delivered. The tasks and jobs that the events name are open, but for REJECTED_BY_SERVICE (never opened), duplicates \
(closed before) and RETRIES_EXHAUSTED (the service denies access).";

/// Beside what every sandbox sets: a record that fails comes back after a second, and is given up at the third try.
const SETTINGS: [(&str, &str); 3] =
    [("RELAY_MAX_RECEIVES", "3"), ("RELAY_RETRY_BASE_SECONDS", "1"), ("RELAY_RETRY_CAP_SECONDS", "1")];

/// Sends events through the real relay on this machine and reports how each one ends
///
/// It starts the embedded endpoint, opens the tasks and jobs that the events name, puts the events on its queue, and runs the
/// relay's handler over the AWS SDK and loopback HTTP, in batches as Lambda's event source mapping makes them. A file that is
/// the payload of an invocation is delivered as one: the messages of an SQS batch by their queue, SNS records and
/// EventBridge events directly. Nothing leaves this machine. It exits with 0 only if every event ended as its folder says.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Rehearse {
    /// Files and folders with events; `-` is standard input
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// A JSON array of fault rules: what goes wrong, with which calls
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,
    /// Runs with a parking queue: an event whose target is in trouble waits there for a second, and comes back
    #[arg(long)]
    parking: bool,
    /// Sets one of the relay's settings, e.g. `RELAY_CONCURRENCY=1`
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = crate::relay::parse_setting)]
    settings: Vec<(String, String)>,
    /// Gives up after so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    timeout: u64,
}

impl Rehearse {
    /// Rehearses all events once.
    ///
    /// # Errors
    /// A file cannot be read, a setting is wrong, or the endpoint cannot be started.
    pub fn run(self, output: &Output) -> Result<Exit, Problem> {
        let inputs = Input::read_all(&self.paths)?;
        let faults = self.faults.as_deref().map(crate::sandbox::read_faults).transpose()?.unwrap_or_default();
        crate::block_on(async {
            let sandbox = Sandbox::start(0, Vec::new(), false).await?;
            let mut own: Vec<_> =
                SETTINGS.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            if self.parking {
                own.push(("RELAY_PARKING_QUEUE_URL".to_owned(), sandbox.create_queue(PARKING)?));
                own.push(("RELAY_PARK_AFTER".to_owned(), "1".to_owned()));
            }
            let settings = sandbox.settings(&[own, self.settings].concat())?;
            let cast = Cast::assemble(&inputs, &sandbox, &settings)?;
            output.talk(format!("Rehearsing {} on {}.", cast.counted(inputs.len()), sandbox.endpoint.url()));
            let rules: Vec<FaultRule> = cast.faults().chain(faults).collect();
            sandbox.endpoint.set_faults(rules);
            let mut stage = Stage::new(&sandbox, &settings, cast, Board::new(output));
            stage.play(Duration::from_secs(self.timeout)).await?;
            Ok(stage.close())
        })
    }
}
