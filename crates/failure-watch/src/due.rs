//! Leases that came due: each becomes a failure event on the relay's queue.
//!
//! **A lease is deleted only after SQS has confirmed its event, and only if it was not renewed meanwhile.** So an event may be
//! published twice, and never not at all. What cannot be done now, because the queue or the table does not answer or the time is up, is
//! done by the next invocation.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use failure_event::outcome::ServiceError;
use failure_event::place::Place;
use failure_event::publication::Publication;
use failure_event::table::{
    DueLease, OVERTAKEN, SHARDS, TableRequest, Unreadable, delete_due, due_in, due_keys_in, due_page,
    read_due,
};
use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use tokio::time::{Instant, sleep, timeout_at};

use crate::queue::{RelayQueue, is_its_own};
use crate::services::Services;

/// Keys that are asked for at once: a few kilobytes.
const PAGE: usize = 100;

/// Leases that are read and published at once in each shard. With its failure a lease has up to 400 KB, so this bounds memory.
const CHUNK: usize = 10;

/// Leases that are deleted at once in each shard.
const DELETES: usize = 5;

/// How often the table is asked again for what it left out of an answer.
const READS: u32 = 5;

/// The pause before that.
const PAUSE: Duration = Duration::from_millis(100);

/// What became of the leases that came due.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Leases that are due, as far as they were read.
    pub due: u64,
    /// Those of which SQS has confirmed the event.
    pub published: u64,
    /// What stood in the way of the others, and how often.
    pub problems: BTreeMap<Step, (u32, String)>,
    /// Whether the time was up before all were done.
    pub is_cut_off: bool,
}

/// What is done with a lease that came due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Its key is found in the index.
    Find,
    /// It is read as it is now.
    Read,
    /// Its event is published.
    Publish,
    /// It is deleted.
    Delete,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Step::Find => "due leases could not be looked for: the table",
            Step::Read => "due leases could not be read: the table",
            Step::Publish => "due leases could not be published: the queue",
            Step::Delete => "published leases could not be deleted, and will be published again: the table",
        })
    }
}

/// When work ends.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Nothing new is begun then.
    pub last_begin: Instant,
    /// What is under way then is given up.
    pub end: Instant,
}

/// The leases of a table.
#[derive(Debug)]
pub struct Leases<'a, S> {
    services: &'a S,
    table: &'a str,
    place: Place,
    queue: &'a RelayQueue<'a, S>,
}

/// Why no further lease of a shard is tried.
struct Stopped;

/// One run over the leases that are due at a moment.
struct Run<'a, S> {
    leases: &'a Leases<'a, S>,
    now: i64,
    last_begin: Instant,
    tally: RefCell<Tally>,
}

impl<'a, S: Services> Leases<'a, S> {
    /// The leases of the table of this name in a region, of which events go to that queue.
    #[must_use]
    pub fn new(services: &'a S, table: &'a str, region: &str, queue: &'a RelayQueue<'a, S>) -> Self {
        Self { services, table, place: Place { region: region.to_owned(), account: None }, queue }
    }

    /// Publishes the leases that are due at `now`, in milliseconds since 1970, the oldest of each shard first.
    pub async fn publish_due(&self, now: i64, limits: Limits) -> Tally {
        let run = Run { leases: self, now, last_begin: limits.last_begin, tally: RefCell::default() };
        let shards = join_all((0..SHARDS).map(|shard| run.publish_shard(shard)));
        let is_over = timeout_at(limits.end, shards).await.is_err();
        let mut tally = run.tally.into_inner();
        tally.is_cut_off |= is_over;
        tally
    }

    async fn ask(&self, request: &TableRequest) -> Result<String, ServiceError> {
        self.services.ask(request.operation, request.http(), &self.place).await
    }
}

impl<S: Services> Run<'_, S> {
    /// The trouble of one shard is not that of another: each ends on its own.
    async fn publish_shard(&self, shard: u8) {
        // What stopped it is in the tally.
        let _stopped = self.publish_pages(shard).await;
    }

    async fn publish_pages(&self, shard: u8) -> Result<(), Stopped> {
        let mut start = None;
        loop {
            self.may_begin()?;
            let request = due_page(self.leases.table, shard, self.now, PAGE, start.as_ref());
            let page = self.read_with(Step::Find, &request, due_keys_in).await?;
            for keys in page.items.chunks(CHUNK) {
                self.publish_keys(keys.to_vec()).await?;
            }
            match page.next {
                Some(next) => start = Some(next),
                None => return Ok(()),
            }
        }
    }

    /// Publishes those of these leases that are still due. The index may not know yet that one was renewed, so each is read first.
    async fn publish_keys(&self, mut keys: Vec<String>) -> Result<(), Stopped> {
        for _ in 0..READS {
            self.may_begin()?;
            let request = read_due(self.leases.table, &keys);
            let table = self.leases.table;
            let read = |body: &str| due_in(body, table, self.now);
            let (due, left_out) = self.read_with(Step::Read, &request, read).await?;
            self.publish(due).await?;
            if left_out.is_empty() {
                return Ok(());
            }
            keys = left_out;
            sleep(PAUSE).await;
        }
        Err(self.problem(Step::Read, "leaves some of them out, again and again".to_owned()))
    }

    async fn publish(&self, due: Vec<DueLease>) -> Result<(), Stopped> {
        let event =
            |lease: &DueLease| Publication { fingerprint: lease.fingerprint.clone(), body: lease.event() };
        let events: Vec<Publication> = due.iter().map(event).collect();
        let confirmations = self.leases.queue.publish(&events).await;
        drop(events);
        let mut published = Vec::with_capacity(due.len());
        let mut ended = Ok(());
        self.tally.borrow_mut().due += due.len() as u64;
        for (lease, confirmation) in due.into_iter().zip(confirmations) {
            match confirmation {
                Ok(()) => published.push(lease),
                Err(error) => {
                    let stopped = self.problem(Step::Publish, error.as_predicate());
                    // One event that SQS does not take holds up no other.
                    if !is_its_own(&error) {
                        ended = Err(stopped);
                    }
                }
            }
        }
        self.tally.borrow_mut().published += published.len() as u64;
        let deleting = stream::iter(published).map(|lease| self.delete(lease)).buffer_unordered(DELETES);
        let deleted: Vec<Result<(), Stopped>> = deleting.collect().await;
        deleted.into_iter().collect::<Result<(), Stopped>>().and(ended)
    }

    /// Deletes a lease whose event is confirmed. One that was renewed meanwhile stays.
    async fn delete(&self, lease: DueLease) -> Result<(), Stopped> {
        tracing::debug!(target_fingerprint = lease.fingerprint, "a lease came due");
        match self.leases.ask(&delete_due(self.leases.table, &lease)).await {
            Ok(_) => Ok(()),
            Err(error) if error.name.as_deref() == Some(OVERTAKEN) => Ok(()),
            Err(error) => Err(self.problem(Step::Delete, error.as_predicate())),
        }
    }

    async fn read_with<T>(
        &self,
        step: Step,
        request: &TableRequest,
        read: impl FnOnce(&str) -> Result<T, Unreadable>,
    ) -> Result<T, Stopped> {
        let body =
            self.leases.ask(request).await.map_err(|error| self.problem(step, error.as_predicate()))?;
        read(&body).map_err(|_| self.problem(step, "answered what cannot be read".to_owned()))
    }

    fn may_begin(&self) -> Result<(), Stopped> {
        if Instant::now() < self.last_begin {
            return Ok(());
        }
        self.tally.borrow_mut().is_cut_off = true;
        Err(Stopped)
    }

    fn problem(&self, step: Step, what: String) -> Stopped {
        let mut tally = self.tally.borrow_mut();
        tally.problems.entry(step).or_insert((0, what)).0 += 1;
        Stopped
    }
}

impl Tally {
    /// One sentence for each thing that stood in the way.
    pub fn sentences(&self) -> impl Iterator<Item = String> {
        self.problems.iter().map(|(step, (times, what))| match times {
            1 => format!("{step} {what}"),
            _ => format!("{step} {what} ({times} times)"),
        })
    }
}

#[cfg(test)]
mod tests;
