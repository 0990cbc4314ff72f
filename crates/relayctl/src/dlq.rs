//! `relayctl dlq`: reads dead letters and moves them back.

mod describe;
mod edit;
mod filter;
mod find;
mod held;
mod judge;
mod letter;
mod list;
mod purge;
mod queue;
mod rate;
mod redrive;
mod scan;
mod show;
mod stats;

use std::sync::Arc;

use aws_config::SdkConfig;
use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};
use failure_event::arn::Arn;
use failure_relay::settings::QueueUrl;

use crate::aws;
use crate::exit::{Exit, Problem};
use crate::output::Output;
use crate::token_names::TokenNames;
use judge::Judge;

pub use describe::{age, on_one_line, rfc3339};
pub use find::{FoundLetter, Letters, find_letters};
pub use held::Held;
pub use letter::{Letter, short};
pub use queue::{BATCH_MAX, Queue};
pub use redrive::move_back;
pub use scan::{Next, scan};

const EXAMPLES: &str = "\
Examples:
    export RELAY_DEAD_LETTER_QUEUE_URL=https://sqs.eu-west-1.amazonaws.com/111122223333/dead-letters
    relayctl dlq stats
    relayctl dlq list --code INVALID_EVENT --since 2h
    relayctl dlq show 5fea7756
    relayctl dlq redrive --dry-run
    relayctl dlq redrive --code RETRIES_EXHAUSTED --rate 100
    relayctl dlq redrive --id 5fea7756 --edit
    relayctl dlq purge --code MALFORMED_EVENT --before 7d --yes";

/// Reads dead letters and moves them back
///
/// Works on any SQS queue: the relay's own dead letters, those that SQS's redrive policies move, those of EventBridge rules and
/// of Lambda functions. Reading hides each letter for a moment, and counts as a receive.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Dlq {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    List(list::List),
    Show(show::Show),
    Stats(stats::Stats),
    Redrive(Box<redrive::Redrive>),
    Purge(purge::Purge),
}

impl Dlq {
    /// Does what the inner verb says.
    ///
    /// # Errors
    /// The queue cannot be reached, or the arguments do not fit together.
    pub fn run(self, output: &Output) -> Result<Exit, Problem> {
        crate::block_on(async {
            match self.verb {
                Verb::List(verb) => verb.run(output).await,
                Verb::Show(verb) => verb.run(output).await,
                Verb::Stats(verb) => verb.run(output).await,
                Verb::Redrive(verb) => verb.run(output).await,
                Verb::Purge(verb) => verb.run(output).await,
            }
        })
    }
}

/// The arguments of every verb here.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Which queue")]
#[group(id = "place")]
struct Place {
    /// The dead-letter queue: a URL, an ARN or a name
    #[arg(
        long = "queue-url",
        alias = "queue",
        value_name = "QUEUE",
        env = "RELAY_DEAD_LETTER_QUEUE_URL",
        hide_env_values = true,
        value_parser = NonEmptyStringValueParser::new()
    )]
    queue: String,
    #[command(flatten)]
    tokens: TokenNames,
    #[command(flatten)]
    aws: aws::Options,
}

impl Place {
    async fn config(&self) -> Result<SdkConfig, Problem> {
        let url = QueueUrl::parse(&self.queue).ok();
        let of_arn = Arn::parse(&self.queue).map(|arn| arn.region);
        self.aws.load(url.as_ref().and_then(QueueUrl::region).or(of_arn)).await
    }

    async fn open(&self) -> Result<Queue, Problem> {
        Queue::find(&self.config().await?, &self.queue).await
    }

    fn judge(&self) -> Arc<Judge> {
        Arc::new(Judge { task_token_names: self.tokens.all() })
    }
}

/// In a FIFO queue, a message that is read locks those behind it in its group.
fn warn_of_fifo(queue: &Queue, output: &Output) {
    if queue.is_fifo() {
        output.talk("note: of each message group of a FIFO queue only the first letters can be read");
    }
}
