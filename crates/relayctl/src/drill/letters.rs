//! The dead letters of a run, and the drills that are seen by them.

use std::collections::BTreeSet;
use std::time::Duration;

use failure_event::dead_letter::Code;
use serde_json::json;
use tokio::time::Instant;

use super::stage::{LOOK_AGAIN, Miss, Stage};
use crate::dlq::{BATCH_MAX, Held, Letter, Next, Queue, move_back, scan};
use crate::exit::Problem;
use crate::outlet::Outlet;
use crate::stop::Stop;

/// How long others' letters are hidden while this run's are deleted.
const HIDDEN: Duration = Duration::from_secs(30);

/// A kind that no relay will ever know.
const UNKNOWN_KIND: &str = "drill";

/// The letters of this run.
#[derive(Clone, Debug)]
pub struct Letters {
    /// The dead-letter queue.
    pub queue: Queue,
    /// How the ids of this run's events begin.
    pub prefix: String,
}

/// A letter, as far as a drill looks at it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The message id.
    pub id: String,
    /// Why it is dead.
    pub code: String,
    /// The same for people.
    pub reason: String,
    /// How often it was moved back.
    pub redrives: u32,
}

impl Letters {
    /// The letter of an event that was moved back so often, where it is there now. All letters are left in the queue.
    ///
    /// # Errors
    /// What SQS answered.
    pub async fn look(&self, event_id: &str, redrives: u32, stop: &Stop) -> Result<Option<Seen>, Problem> {
        let mut found = None;
        scan(&self.queue, stop, |letter| {
            if letter.event_id() != Some(event_id) || letter.redrives() < redrives {
                return Next::Go;
            }
            let (id, code, reason) = (letter.id(), letter.code(), letter.reason());
            let [id, code, reason] = [id, code, reason].map(str::to_owned);
            found = Some(Seen { id, code, reason, redrives: letter.redrives() });
            Next::End
        })
        .await?;
        Ok(found)
    }

    /// Deletes the letters of this run until those that are awaited are gone or the time is over. Returns the events whose letters were
    /// deleted.
    ///
    /// # Errors
    /// What SQS answered.
    pub async fn delete(
        &self,
        awaited: &BTreeSet<String>,
        until: Instant,
    ) -> Result<BTreeSet<String>, Problem> {
        let (mut held, mut deleted) = (Held::default(), BTreeSet::new());
        let ended = self.delete_holding(awaited, until, &mut held, &mut deleted).await;
        held.release(&self.queue).await;
        ended.map(|()| deleted)
    }

    async fn delete_holding(
        &self,
        awaited: &BTreeSet<String>,
        until: Instant,
        held: &mut Held,
        deleted: &mut BTreeSet<String>,
    ) -> Result<(), Problem> {
        loop {
            let letters = self.queue.receive(BATCH_MAX, HIDDEN).await?;
            let (own, others): (Vec<&Letter>, Vec<&Letter>) =
                letters.iter().partition(|letter| self.is_own(letter));
            let is_news = others.into_iter().filter(|letter| held.add(letter)).count() > 0;
            let receipts: Vec<&str> = own.iter().map(|letter| letter.receipt()).collect();
            if !own.is_empty()
                && let Some(why) = self.queue.delete(&receipts).await.into_iter().flatten().next()
            {
                return Err(Problem::service(why));
            }
            deleted.extend(own.iter().filter_map(|letter| letter.event_id()).map(str::to_owned));
            let is_all_seen = own.is_empty() && !is_news;
            if is_all_seen && (awaited.is_subset(deleted) || Instant::now() >= until) {
                return Ok(());
            }
            if is_all_seen {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        }
    }

    fn is_own(&self, letter: &Letter) -> bool {
        letter.event_id().is_some_and(|id| id.starts_with(&self.prefix))
    }
}

/// An event that nobody can relay, on the queue: it becomes a dead letter, is moved back, and comes again.
///
/// # Errors
/// It did not, or could not be tried.
pub async fn dead_letter(stage: &Stage<'_>) -> Result<String, Miss> {
    let id = stage.name("dead-letter");
    let (queue_arn, queue) =
        stage.site.queue.as_ref().ok_or_else(|| Miss::Failed("no queue leads to the function".to_owned()))?;
    let letters = stage.letters().await?;
    let first = arrival(stage, &letters, queue, &id).await?;
    let is_moved =
        move_back(stage.config, &letters.queue, queue_arn, &first.id, &stage.stop, stage.output).await?;
    if !is_moved {
        return Err(Miss::Failed("its dead letter could not be moved back".to_owned()));
    }
    let again = stage
        .wait_for(stage.deadline(), async || Ok(letters.look(&id, 1, &stage.stop).await?))
        .await?
        .ok_or_else(|| {
            Miss::Failed(format!("moved back, it did not come again within {} s", stage.timeout.as_secs()))
        })?;
    check(&again)?;
    Ok(format!(
        "dead-lettered as {}, moved back, and again with REDRIVE_COUNT {}",
        again.code, again.redrives
    ))
}

/// The same on the bus, without moving it back.
///
/// # Errors
/// It did not arrive, or could not be tried.
pub async fn from_bus(stage: &Stage<'_>) -> Result<String, Miss> {
    let bus = stage.site.bus.clone().unwrap_or_default();
    let letters = stage.letters().await?;
    let seen = arrival(stage, &letters, &Outlet::Bus(bus), &stage.name("bus")).await?;
    Ok(format!("by the rule and the queue to a dead letter, {}", seen.code))
}

/// Publishes an event of an unknown kind and waits for its letter.
async fn arrival(stage: &Stage<'_>, letters: &Letters, outlet: &Outlet, id: &str) -> Result<Seen, Miss> {
    let failure = json!({"type": "Drill.Failed", "message": stage.message()});
    let event =
        json!({"id": id, "source": "relayctl-drill", "target": {"kind": UNKNOWN_KIND}, "failure": failure});
    stage.traces.lock().await.letter_may_come(id);
    stage.publish_to(outlet, &event).await?;
    stage.traces.lock().await.letter_must_come(id);
    let look = async || Ok(letters.look(id, 0, &stage.stop).await?);
    let seen = stage.wait_for(stage.deadline(), look).await?;
    let late = || Miss::Failed(format!("no dead letter within {} s", stage.timeout.as_secs()));
    let seen = seen.ok_or_else(late)?;
    check(&seen)?;
    Ok(seen)
}

/// EventBridge's own letters hold the event too, when its rule could not deliver.
fn check(seen: &Seen) -> Result<(), Miss> {
    if seen.code == Code::UnknownTarget.as_str() {
        return Ok(());
    }
    Err(Miss::Failed(format!("a dead letter, but as {} ({})", seen.code, seen.reason)))
}
