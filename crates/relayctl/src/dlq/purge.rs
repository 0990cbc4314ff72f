//! `relayctl dlq purge`: deletes letters for good.

use std::io::{self, BufRead, IsTerminal, Write};
use std::time::Duration;

use clap::Args;

use super::Place;
use super::filter::Filter;
use super::held::Held;
use super::queue::{BATCH_MAX, Queue};
use super::scan::{Next, scan};
use crate::exit::{Exit, Problem};
use crate::output::{Output, plural};
use crate::stop::Stop;

/// How long letters are hidden that are not to be deleted, while others are.
const HIDDEN: Duration = Duration::from_mins(1);

const EXAMPLES: &str = "\
Examples:
    relayctl dlq purge --code MALFORMED_EVENT --before 7d --dry-run
    relayctl dlq purge --code MALFORMED_EVENT --before 7d --yes";

/// Deletes dead letters for good: those that pass the filters, or all
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Purge {
    /// Deletes without asking
    #[arg(long)]
    yes: bool,
    /// Says how many would be deleted, and deletes none
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    place: Place,
}

impl Purge {
    /// Deletes, after a question.
    pub async fn run(self, output: &Output) -> Result<Exit, Problem> {
        let queue = self.place.open().await?;
        if self.dry_run {
            let mut count = 0;
            scan(&queue, &Stop::listen(), |letter| {
                count += usize::from(self.filter.passes(letter));
                Next::Go
            })
            .await?;
            output.data(format!("{} would be deleted", plural(count, "letter")));
            return Ok(Exit::Yes);
        }
        let what = if self.filter.is_empty() { "all letters" } else { "the letters that pass the filters" };
        if !self.yes && !is_confirmed(&format!("Delete {what} of {}?", queue.url()))? {
            output.talk("nothing was deleted");
            return Ok(Exit::No);
        }
        if self.filter.is_empty() {
            queue.purge().await?;
            output.talk("all letters are being deleted; SQS takes up to a minute for it");
            return Ok(Exit::Yes);
        }
        self.delete_matching(&queue, output).await
    }

    async fn delete_matching(&self, queue: &Queue, output: &Output) -> Result<Exit, Problem> {
        let (stop, mut held) = (Stop::listen(), Held::default());
        let deleted = self.delete_all(queue, &stop, &mut held).await;
        held.release(queue).await;
        output.data(format!("{} deleted", plural(deleted?, "letter")));
        Ok(if stop.is_wanted() { Exit::No } else { Exit::Yes })
    }

    async fn delete_all(&self, queue: &Queue, stop: &Stop, held: &mut Held) -> Result<usize, Problem> {
        let mut deleted = 0;
        while !stop.is_wanted() {
            let letters = queue.receive(BATCH_MAX, HIDDEN).await?;
            let (matching, others): (Vec<_>, Vec<_>) =
                letters.iter().partition(|letter| self.filter.passes(letter));
            let is_news = others.into_iter().filter(|letter| held.add(letter)).count() > 0;
            if matching.is_empty() && !is_news {
                break;
            }
            if matching.is_empty() {
                continue;
            }
            let receipts: Vec<&str> = matching.iter().map(|letter| letter.receipt()).collect();
            let fates = queue.delete(&receipts).await;
            if let Some(why) = fates.iter().flatten().next() {
                return Err(Problem::service(format!("after {deleted} letters were deleted: {why}")));
            }
            deleted += matching.len();
        }
        Ok(deleted)
    }
}

/// Asks a person; where there is none, the answer is an error that says what to do.
fn is_confirmed(question: &str) -> Result<bool, Problem> {
    if !io::stdin().is_terminal() {
        return Err(Problem::usage(format!("{question} There is no terminal to confirm on: give --yes")));
    }
    let mut talk = io::stderr().lock();
    let mut answer = String::new();
    // Without a standard error nobody sees the question, and the answer is no.
    let asked = write!(talk, "{question} [y/N] ").and_then(|()| talk.flush());
    let read = asked.and_then(|()| io::stdin().lock().read_line(&mut answer));
    Ok(read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes"))
}
