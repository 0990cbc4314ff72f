//! A lease that nobody renews: the watch must report it.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::callback::{self, Waiting, ended, open_task};
use super::probe;
use super::stage::{Miss, Stage};
use crate::doctor::enabled_kinds;

/// The shortest lease that there is.
pub const TTL: Duration = Duration::from_mins(1);

/// How long the watch, which is started each minute, and the relay may take.
pub const WATCH_MAX: Duration = Duration::from_mins(2);

/// What a lease that ran out is told as.
const ERROR: &str = "Drill.LeaseExpired";

/// By what the end of a lease is seen.
enum Sight {
    /// A real task is failed.
    Task(Waiting),
    /// The relay's service rejects a made-up one, and a dead letter comes.
    Letter,
}

/// Takes a lease and lets it run out.
///
/// # Errors
/// It was not reported in time, or could not be tried.
pub async fn run(stage: &Stage<'_>) -> Result<String, Miss> {
    let (target, sight) = target(stage).await?;
    let id = stage.name("lease");
    stage.traces.lock().await.letter_may_come(&id);
    stage.traces.lock().await.lease = Some(json!({"lease": {"action": "release"}, "target": target}));
    let failure = json!({"type": ERROR, "message": stage.message()});
    let lease = json!({"action": "take", "ttlSeconds": TTL.as_secs()});
    let taken = Instant::now();
    stage.publish(&json!({"id": id, "source": "relayctl-drill", "lease": lease, "target": target, "failure": failure})).await?;
    let until = taken + TTL + WATCH_MAX.max(stage.timeout);
    let said = match sight {
        Sight::Task(task) => ended(stage, &task, ERROR, until).await?,
        Sight::Letter => letter(stage, &id, until).await?,
    };
    stage.traces.lock().await.lease = None;
    if taken.elapsed() < TTL {
        return Err(Miss::Failed(format!(
            "it ran out after {} s of {}",
            taken.elapsed().as_secs(),
            TTL.as_secs()
        )));
    }
    Ok(said)
}

/// The task of a temporary state machine where there is a role for one, else a made-up one whose end is a dead letter.
async fn target(stage: &Stage<'_>) -> Result<(Value, Sight), Miss> {
    let kinds = enabled_kinds(stage.deployment);
    if stage.role.is_some() && kinds.iter().any(|kind| kind.name() == callback::KIND) {
        let task = open_task(stage, "lease").await?;
        let target = json!({"kind": callback::KIND, "taskToken": task.token});
        return Ok((target, Sight::Task(task)));
    }
    for kind in kinds {
        if probe::ends_as_letter(stage, kind).await?
            && let Some(target) = probe::target_of(stage, kind, None)
        {
            return Ok((target, Sight::Letter));
        }
    }
    Err(Miss::Skipped(
        "of no enabled kind a made-up task becomes a dead letter: give --state-machine-role".to_owned(),
    ))
}

async fn letter(stage: &Stage<'_>, id: &str, until: Instant) -> Result<String, Miss> {
    // Nothing can come before, and looking counts as a receive of all letters.
    stage.wait_for(Instant::now() + TTL, async || Ok(None::<()>)).await?;
    let letters = stage.letters().await?;
    let seen = stage.wait_for(until, async || Ok(letters.look(id, 0, &stage.stop).await?)).await?;
    let seen = seen.ok_or_else(|| Miss::Failed("it ran out, and nobody reported it".to_owned()))?;
    stage.traces.lock().await.letter_must_come(id);
    Ok(format!("it ran out and was reported: {}", seen.reason))
}
