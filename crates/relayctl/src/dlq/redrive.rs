//! `relayctl dlq redrive`: moves letters back to where they came from.
//!
//! A letter is deleted only after its send was confirmed, entry by entry. All state is in the queue: a run that is killed loses
//! nothing, and the next one goes on where it was; what was sent and not yet deleted at that moment is sent again.

mod mover;
mod one;
mod plan;
mod tally;

use std::fmt;
use std::time::Duration;

use aws_config::SdkConfig;
use clap::Args;
use futures_util::future::join_all;
use indicatif::{ProgressBar, ProgressState, ProgressStyle};

use super::Place;
use super::filter::Filter;
use super::queue::Queue;
use super::rate::Rate;
use super::scan::{Next, scan};
use crate::doctor::{Subject, source_queues};
use crate::exit::{Exit, Problem};
use crate::output::Output;
use crate::stop::Stop;
use mover::Mover;
use plan::{Fate, KnownQueues, Plan, TIMES_MAX};
use tally::Tally;

pub use one::move_back;

/// How long letters are hidden while a person edits one.
const HIDDEN_WHILE_EDITED: Duration = Duration::from_mins(15);

/// How long a run waits for letters that an earlier run, or another consumer, has in its hands.
const WAIT_MAX: Duration = Duration::from_secs(40);

/// How often it looks for them.
const WAIT_STEP: Duration = Duration::from_secs(2);

const EXAMPLES: &str = "\
Examples:
    relayctl dlq redrive --dry-run
    relayctl dlq redrive --code RETRIES_EXHAUSTED --since 2h --rate 100
    relayctl dlq redrive --id 5fea7756 --edit
    relayctl dlq redrive --stack failure-relay
    relayctl dlq redrive --to arn:aws:sqs:eu-west-1:111122223333:failures --json

Exit codes: 0 all that passes the filters is moved; 1 something stays; 4 the queue cannot be read, or refuses batch after batch.";

/// Moves dead letters back to where they came from
///
/// A letter goes back to the queue from which SQS moved it. One that only says where it came from goes there when that queue is
/// known to be the relay's: its redrive policy leads here, or it invokes the function that --stack or --function names. One that says
/// nothing goes to the only queue whose redrive policy leads here. A letter that the relay would refuse again stays, and so does
/// one that came back often. A run that was stopped or killed continues when it is started again.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Redrive {
    /// The queue to move all of them to, whatever they say: a URL, an ARN or a name
    #[arg(long, value_name = "QUEUE")]
    to: Option<String>,
    /// The relay's CloudFormation stack: letters may go to every queue that invokes its function
    #[arg(long, value_name = "NAME", conflicts_with = "to")]
    stack: Option<String>,
    /// The relay's function, where there is no stack
    #[arg(long, value_name = "NAME", conflicts_with_all = ["to", "stack"])]
    function: Option<String>,
    /// Says what would be done, and does nothing
    #[arg(long)]
    dry_run: bool,
    /// At most so many messages a second
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    /// At most so many letters
    #[arg(long, value_name = "COUNT")]
    limit: Option<usize>,
    /// Moves a letter even when the relay would refuse it again, or when it came back often
    #[arg(long)]
    force: bool,
    /// A letter that was redriven so often stays
    #[arg(long, value_name = "COUNT", default_value_t = TIMES_MAX)]
    times: u32,
    /// Opens each letter in $EDITOR first; it is sent when the relay would take it
    #[arg(long, conflicts_with = "dry_run")]
    edit: bool,
    /// Batches under way at once; one for a FIFO queue
    #[arg(long, value_name = "COUNT", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=64))]
    concurrency: u16,
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    place: Place,
}

impl Redrive {
    /// Moves what is to be moved and tells what was left, and why.
    pub async fn run(self, output: &Output) -> Result<Exit, Problem> {
        let output = &output.outliving_its_reader();
        let config = self.place.config().await?;
        let queue = Queue::find(&config, &self.place.queue).await?;
        let state = queue.state().await?;
        let to = match &self.to {
            Some(named) => Some(Queue::find(&config, named).await?),
            None => None,
        };
        if to.as_ref().is_some_and(|to| to.url() == queue.url()) {
            return Err(Problem::usage("--to names the dead-letter queue itself"));
        }
        let known = self.known_queues(&config, &queue, &state.arn, output).await?;
        let plan = Plan {
            filter: self.filter.clone(),
            judge: self.place.judge(),
            has_destination: to.is_some(),
            force: self.force,
            edit: self.edit,
            times_max: self.times,
            ..Plan::new(state.arn, known)
        };
        let stop = Stop::listen();
        if self.dry_run {
            return self.rehearse(&queue, &plan, &stop, output).await;
        }
        let mut mover = Mover {
            to,
            rate: Rate::new(self.rate),
            limit: self.limit,
            bar: progress(state.visible, output),
            ..Mover::new(&queue, &config, &plan, &stop, output)
        };
        if self.edit {
            mover.hidden = HIDDEN_WHILE_EDITED;
        }
        let ended = self.move_all(&mover, output).await;
        let tally = mover.finish().await;
        tally.print(output);
        ended?;
        if stop.is_wanted() {
            output.talk("stopped; run it again to continue");
            return Ok(Exit::No);
        }
        Ok(if tally.is_complete() { Exit::Yes } else { Exit::No })
    }

    /// The queues that letters may go back to.
    async fn known_queues(
        &self,
        config: &SdkConfig,
        queue: &Queue,
        own_arn: &str,
        output: &Output,
    ) -> Result<KnownQueues, Problem> {
        let of_relay = match (&self.stack, &self.function) {
            (Some(stack), _) => source_queues(config, Subject::Stack(stack)).await?,
            (None, Some(function)) => source_queues(config, Subject::Function(function)).await?,
            (None, None) => Vec::new(),
        };
        let sources = match queue.sources(own_arn).await {
            Ok(sources) => sources,
            Err(_) if self.to.is_some() => Vec::new(),
            Err(problem) => {
                output.talk(format!(
                    "the queues whose redrive policy leads here are not known: {}",
                    problem.message
                ));
                Vec::new()
            }
        };
        Ok(KnownQueues { sources, of_relay })
    }

    /// What would be done, without doing it.
    async fn rehearse(
        &self,
        queue: &Queue,
        plan: &Plan,
        stop: &Stop,
        output: &Output,
    ) -> Result<Exit, Problem> {
        let mut tally = Tally::rehearsal();
        scan(queue, stop, |letter| {
            if self.limit.is_some_and(|limit| tally.moved >= limit) {
                return Next::End;
            }
            match plan.fate_of(letter) {
                Fate::Skip => {}
                Fate::Stay(why) => tally.stays(letter, &why, output),
                Fate::Move { home } => tally.would_move(letter, home.as_deref(), output),
            }
            Next::Go
        })
        .await?;
        tally.print(output);
        Ok(if tally.is_complete() { Exit::Yes } else { Exit::No })
    }

    /// Moves until nothing is left that can be received, not even after waiting for what others have in their hands.
    async fn move_all(&self, mover: &Mover<'_>, output: &Output) -> Result<(), Problem> {
        // One batch after the other keeps the order of a FIFO queue (a letter that alone is refused is overtaken), a person's attention,
        // and a limit.
        let one_by_one = mover.source.is_fifo() || self.edit || self.limit.is_some();
        let at_once = if one_by_one { 1 } else { usize::from(self.concurrency) };
        let mut waited = Duration::ZERO;
        loop {
            let progress = mover.tally().moved;
            let ends = join_all((0..at_once).map(|_| mover.move_until_empty())).await;
            ends.into_iter().collect::<Result<(), Problem>>()?;
            if mover.is_over() {
                return Ok(());
            }
            let in_flight = mover.source.state().await?.in_flight;
            let held = u64::try_from(mover.held().len()).unwrap_or(u64::MAX);
            if mover.tally().moved > progress {
                waited = Duration::ZERO;
            }
            if in_flight <= held || waited >= WAIT_MAX {
                return Ok(());
            }
            if waited.is_zero() {
                let others = in_flight - held;
                output.talk(format!(
                    "about {others} more are in flight, perhaps since a run that was killed: waiting up to {} s for them",
                    WAIT_MAX.as_secs()
                ));
            }
            tokio::time::sleep(WAIT_STEP).await;
            waited += WAIT_STEP + Duration::from_secs(1);
        }
    }
}

fn progress(total: u64, output: &Output) -> ProgressBar {
    if !output.shows_progress() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(total);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos} of about {len}, {speed}, {eta} to go") {
        let speed = |state: &ProgressState, text: &mut dyn fmt::Write| {
            // A bar that cannot be drawn is no reason to stop.
            let _ = write!(text, "{:.0} a second", state.per_sec());
        };
        bar.set_style(style.with_key("speed", speed));
    }
    bar
}
