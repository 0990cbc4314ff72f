//! The moving itself: receive, decide, send, and delete what was confirmed; several batches at once.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_sqs::types::{
    MessageAttributeValue, MessageSystemAttributeNameForSends, MessageSystemAttributeValue,
    SendMessageBatchRequestEntry,
};
use failure_event::dead_letter::{MESSAGE_SIZE_MAX, REDRIVE_COUNT};
use indicatif::ProgressBar;

use super::plan::{Fate, Plan, Why};
use super::tally::Tally;
use crate::dlq::edit::edit;
use crate::dlq::held::Held;
use crate::dlq::letter::Letter;
use crate::dlq::queue::{BATCH_MAX, Queue};
use crate::dlq::rate::Rate;
use crate::exit::Problem;
use crate::output::Output;
use crate::stop::Stop;

/// How long letters are hidden while they are moved. After a kill they are back after this time.
const HIDDEN: Duration = Duration::from_secs(30);

/// After so many batches in a row of which nothing was taken, or nothing could be deleted, the run ends: each of them costs seconds,
/// or leaves letters that are sent twice.
const REFUSED_BATCHES_MAX: usize = 5;

/// After so many batches in a row that hold nothing new, all is seen: what a run leaves comes back to it when its time is over.
const KNOWN_BATCHES_MAX: usize = 10;

/// SQS takes no more attributes with a message.
const ATTRIBUTES_MAX: usize = 10;

/// The message group of a letter that has none, in a FIFO queue.
const DEFAULT_GROUP: &str = "failure-relay";

/// All that the batches of one run share.
#[derive(Debug)]
pub struct Mover<'a> {
    /// The dead-letter queue.
    pub source: &'a Queue,
    /// The configuration of clients for other queues.
    pub config: &'a SdkConfig,
    /// The queue that the run names.
    pub to: Option<Queue>,
    /// What is to be done with a letter.
    pub plan: &'a Plan,
    /// Messages a second.
    pub rate: Rate,
    /// How long letters are hidden.
    pub hidden: Duration,
    /// At most so many letters are moved.
    pub limit: Option<usize>,
    /// Whether the user wants to stop.
    pub stop: &'a Stop,
    /// Where letters are told.
    pub output: &'a Output,
    /// Letters that are done with.
    pub bar: ProgressBar,
    /// Queues that were found, by ARN; why one was not.
    pub homes: tokio::sync::Mutex<HashMap<String, Result<Queue, String>>>,
    /// The counts.
    pub tally: Mutex<Tally>,
    /// The letters that stay.
    pub held: Mutex<Held>,
}

/// A letter on its way, with the body that it is sent with.
struct Parcel {
    letter: Letter,
    /// Another body, where the user edited it.
    edited: Option<String>,
}

impl Parcel {
    fn body(&self) -> &str {
        self.edited.as_deref().unwrap_or_else(|| self.letter.body())
    }
}

impl<'a> Mover<'a> {
    /// A mover of every letter of the plan, each to where it came from, as fast as it goes.
    pub fn new(
        source: &'a Queue,
        config: &'a SdkConfig,
        plan: &'a Plan,
        stop: &'a Stop,
        output: &'a Output,
    ) -> Self {
        Self {
            source,
            config,
            to: None,
            plan,
            rate: Rate::new(None),
            hidden: HIDDEN,
            limit: None,
            stop,
            output,
            bar: ProgressBar::hidden(),
            homes: tokio::sync::Mutex::default(),
            tally: Mutex::default(),
            held: Mutex::default(),
        }
    }

    /// Makes the letters that stay visible again, and returns the counts.
    pub async fn finish(self) -> Tally {
        self.bar.finish_and_clear();
        let held = self.held.into_inner().unwrap_or_else(PoisonError::into_inner);
        held.release(self.source).await;
        self.tally.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves letters until receives bring nothing new, or the run is over.
    ///
    /// # Errors
    /// The queue cannot be read, or batch after batch is refused.
    pub async fn move_until_empty(&self) -> Result<(), Problem> {
        let (mut refused_batches, mut known_batches) = (0, 0);
        while !self.is_over() {
            let count = self.rate.turn_size(BATCH_MAX).min(self.room());
            self.rate.turn(count).await;
            let letters = self.source.receive(count, self.hidden).await?;
            let is_empty = letters.is_empty();
            let Sorted { by_home, any_news } = self.sort(letters)?;
            known_batches = if any_news { 0 } else { known_batches + 1 };
            if is_empty || known_batches >= KNOWN_BATCHES_MAX {
                return Ok(());
            }
            for (home, parcels) in by_home {
                match self.deliver(home.as_deref(), parcels).await {
                    Some(why) => refused_batches += usize::from(!why.is_empty()),
                    None => refused_batches = 0,
                }
            }
            if refused_batches >= REFUSED_BATCHES_MAX {
                return Err(Problem::service("SQS rejects batch after batch; see the reasons above"));
            }
        }
        Ok(())
    }

    /// Whether no further letter is to be taken.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.stop.is_wanted() || self.room() == 0
    }

    /// How many letters the limit still allows to be sent.
    fn room(&self) -> usize {
        let tally = self.tally();
        self.limit.map_or(usize::MAX, |limit| limit.saturating_sub(tally.moved + tally.doubtful))
    }

    /// The counts so far.
    pub fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The letters that stay, so far.
    pub fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Decides for each letter, and sorts those that are to be moved by where they go. One that could not be sent, or not be deleted, is
    /// the next run's.
    fn sort(&self, letters: Vec<Letter>) -> Result<Sorted, Problem> {
        let mut sorted = Sorted::default();
        for letter in letters {
            match self.plan.fate_of(&letter) {
                Fate::Skip => sorted.any_news |= self.held().add(&letter),
                Fate::Stay(why) => sorted.any_news |= self.stay(&letter, &why),
                Fate::Move { .. } if self.held().renew(&letter) => {}
                Fate::Move { home } => {
                    let home = home.filter(|_| self.to.is_none());
                    if self.plan.edit {
                        match edit(&letter, &self.plan.judge, self.output)? {
                            Some(body) => sorted.add(home, Parcel { letter, edited: Some(body) }),
                            None => sorted.any_news |= self.stay(&letter, &Why::NotEdited),
                        }
                    } else {
                        sorted.add(home, Parcel { letter, edited: None });
                    }
                }
            }
        }
        Ok(sorted)
    }

    /// Leaves a letter. One that is known already is not told again.
    fn stay(&self, letter: &Letter, why: &Why) -> bool {
        let is_new = self.held().add(letter);
        if is_new {
            self.bar.suspend(|| self.tally().stays(letter, why, self.output));
            self.bar.inc(1);
        }
        is_new
    }

    /// Sends parcels to one queue and deletes the letters of those that it confirmed. Returns why nothing was taken, or deleted.
    async fn deliver(&self, home: Option<&str>, parcels: Vec<Parcel>) -> Option<String> {
        let queue = match self.queue_of(home).await {
            Ok(queue) => queue,
            Err(why) => {
                for parcel in &parcels {
                    self.stay(&parcel.letter, &Why::NotSent(why.clone()));
                }
                return Some(why);
            }
        };
        let mut reason = None;
        let mut was_any_moved = false;
        for batch in batches(parcels) {
            let entries = batch.iter().enumerate().map(|(index, parcel)| entry(index, parcel, &queue));
            let fates = queue.send(entries.collect()).await;
            let mut confirmed = Vec::new();
            for (parcel, fate) in batch.iter().zip(fates) {
                match fate {
                    None => confirmed.push(&parcel.letter),
                    Some(why) => {
                        self.stay(&parcel.letter, &Why::NotSent(why.clone()));
                        reason = Some(why);
                    }
                }
            }
            match self.delete(&confirmed, queue.url()).await {
                Some(why) => reason = Some(why),
                None => was_any_moved |= !confirmed.is_empty(),
            }
        }
        reason.filter(|_| !was_any_moved)
    }

    /// Deletes letters whose send was confirmed. What fails is tried once more; then the letter is told as sent and not deleted.
    /// Returns why none was deleted.
    async fn delete(&self, letters: &[&Letter], to: &str) -> Option<String> {
        let mut failed = self.try_to_delete(letters, to).await;
        if !failed.is_empty() {
            let again: Vec<&Letter> = failed.iter().map(|(letter, _)| *letter).collect();
            failed = self.try_to_delete(&again, to).await;
        }
        for (letter, why) in &failed {
            self.held().add(letter);
            self.bar.suspend(|| self.tally().doubts(letter, why, self.output));
            self.bar.inc(1);
        }
        let is_none_deleted = failed.len() == letters.len();
        failed.pop().filter(|_| is_none_deleted).map(|(_, why)| why)
    }

    /// Deletes letters once, and returns those that are still there, each with the reason.
    async fn try_to_delete<'l>(&self, letters: &[&'l Letter], to: &str) -> Vec<(&'l Letter, String)> {
        if letters.is_empty() {
            return Vec::new();
        }
        let receipts: Vec<&str> = letters.iter().map(|letter| letter.receipt()).collect();
        let fates = self.source.delete(&receipts).await;
        let mut failed = Vec::new();
        for (letter, fate) in letters.iter().zip(fates) {
            match fate {
                None => {
                    self.bar.suspend(|| self.tally().moves(letter, to, self.output));
                    self.bar.inc(1);
                }
                Some(why) => failed.push((*letter, why)),
            }
        }
        failed
    }

    /// The queue that the run names, else the one that the letter names.
    async fn queue_of(&self, home: Option<&str>) -> Result<Queue, String> {
        if let Some(to) = &self.to {
            return Ok(to.clone());
        }
        let arn = home.ok_or("no queue is named")?;
        let mut homes = self.homes.lock().await;
        if let Some(known) = homes.get(arn) {
            return known.clone();
        }
        let found = Queue::find(self.config, arn).await.map_err(|problem| problem.message);
        homes.insert(arn.to_owned(), found.clone());
        found
    }
}

/// Letters that are to be moved, by the queue that they go to.
#[derive(Default)]
struct Sorted {
    by_home: HashMap<Option<String>, Vec<Parcel>>,
    /// Whether any letter was not known before.
    any_news: bool,
}

impl Sorted {
    fn add(&mut self, home: Option<String>, parcel: Parcel) {
        self.any_news = true;
        self.by_home.entry(home).or_default().push(parcel);
    }
}

/// Batches within SQS's limits on entries and bytes, in order.
fn batches(parcels: Vec<Parcel>) -> Vec<Vec<Parcel>> {
    let mut batches: Vec<Vec<Parcel>> = Vec::new();
    let mut room = 0;
    for parcel in parcels {
        let size = size_of(&parcel);
        if let Some(batch) = batches.last_mut().filter(|batch| batch.len() < BATCH_MAX && size <= room) {
            room -= size;
            batch.push(parcel);
        } else {
            room = MESSAGE_SIZE_MAX.saturating_sub(size);
            batches.push(vec![parcel]);
        }
    }
    batches
}

/// What SQS counts of a message: its body and its attributes.
fn size_of(parcel: &Parcel) -> usize {
    let attributes = parcel.letter.own_attributes();
    let attributes = attributes.iter().map(|(name, value)| name.len() + size_of_value(value));
    parcel.body().len() + attributes.sum::<usize>() + count_size()
}

fn size_of_value(value: &MessageAttributeValue) -> usize {
    let text = value.string_value().map_or(0, str::len);
    value.data_type().len() + text + value.binary_value().map_or(0, |bytes| bytes.as_ref().len())
}

fn count_size() -> usize {
    REDRIVE_COUNT.len() + "Number".len() + u32::MAX.to_string().len()
}

/// The entry of one letter. A FIFO queue stores it once, however often it is sent within five minutes.
fn entry(index: usize, parcel: &Parcel, to: &Queue) -> SendMessageBatchRequestEntry {
    let letter = &parcel.letter;
    let mut attributes = letter.own_attributes();
    if size_of(parcel) <= MESSAGE_SIZE_MAX && attributes.len() < ATTRIBUTES_MAX {
        let count = (letter.redrives() + 1).to_string();
        let count = MessageAttributeValue::builder().data_type("Number").string_value(count).build();
        attributes.extend(count.ok().map(|count| (REDRIVE_COUNT.to_owned(), count)));
    }
    let mut entry = SendMessageBatchRequestEntry::builder()
        .id(index.to_string())
        .message_body(parcel.body())
        .set_message_attributes(Some(attributes).filter(|attributes| !attributes.is_empty()));
    if to.is_fifo() {
        entry = entry
            .message_group_id(letter.group().unwrap_or(DEFAULT_GROUP))
            .message_deduplication_id(letter.id());
    }
    if let Some(trace) = letter.trace_header() {
        let trace = MessageSystemAttributeValue::builder().data_type("String").string_value(trace).build();
        let attributes =
            trace.into_iter().map(|trace| (MessageSystemAttributeNameForSends::AwsTraceHeader, trace));
        entry = entry.set_message_system_attributes(Some(attributes.collect()));
    }
    match entry.build() {
        Ok(entry) => entry,
        Err(_) => unreachable!("the two required members, id and body, are set above"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dlq::letter::tests::letter;

    fn parcel(bytes: usize) -> Parcel {
        Parcel { letter: letter(&"x".repeat(bytes), &[]), edited: None }
    }

    #[test]
    fn a_batch_holds_ten_letters_and_one_mebibyte_at_most() {
        let sizes = |parcels: Vec<Parcel>| batches(parcels).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(sizes((0..23).map(|_| parcel(10)).collect()), [10, 10, 3]);
        assert_eq!(sizes((0..5).map(|_| parcel(400_000)).collect()), [2, 2, 1]);
        assert_eq!(sizes(vec![parcel(MESSAGE_SIZE_MAX)]), [1]);
    }
}
