//! The sweep at the edge: asks AWS what waits, for whom, and what became of them.
//!
//! Whatever cannot be read is counted and stops nothing else. What an answer means is the core's business
//! ([`failure_event::sweep`]): here a call that fails makes a worker unknown, and nobody gone.

mod answers;
mod definitions;
mod fail;
mod in_watch;
mod instances;
mod pace;
mod read;

use std::collections::HashSet;
use std::fmt;

use failure_event::outcome::{Obstacle, ServiceError};
use failure_event::sweep::SweepRules;
use failure_event::sweep::listing::{
    Execution, Parent, executions, executions_form, state_machines, state_machines_form,
};
use failure_event::sweep::operations::{LIST_EXECUTIONS, LIST_STATE_MACHINES};
use failure_event::sweep::verdict::Status;
use failure_event::sweep::waiting::WaitingTask;
use futures_util::{StreamExt, stream};
use time::OffsetDateTime;
use tokio::time::{Instant, timeout_at};

use crate::services::Services;
use definitions::Definitions;
use pace::Paced;

pub use fail::{Failed, fail};
pub use in_watch::Sweeper;

/// How many calls of one kind are in flight at once. Rates are kept apart from this: it only hides the time that answers take.
const CONCURRENCY: usize = 10;

/// How many executions' workers are asked about together: as many as one request may name.
const TOGETHER: usize = 100;

/// Why something was not read that nothing was wrong with.
const OUT_OF_TIME: &str = "the sweep's time was up before its turn";

/// What a sweep looks at, and how fast.
#[derive(Clone, Debug)]
pub struct Sweep {
    /// What the operator decides.
    pub rules: SweepRules,
    /// The region in which state machines are looked at.
    pub region: String,
    /// Requests a second to each API; `None` is half of what AWS allows an account by default.
    pub rate: Option<f64>,
    /// No call is made after this moment; what was not read by then counts as errors.
    pub deadline: Option<Instant>,
}

/// What a sweep has found.
#[derive(Debug, Default)]
pub struct Swept {
    /// Every task that waits to be called back.
    pub tasks: Vec<WaitingTask>,
    /// How many executions were running.
    pub executions: usize,
    /// What could not be read.
    pub errors: Vec<SweepError>,
}

impl Swept {
    /// How many tasks are doing so.
    #[must_use]
    pub fn count(&self, status: Status) -> usize {
        self.tasks.iter().filter(|task| task.status() == status).count()
    }
}

/// A state machine or an execution that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SweepError {
    /// Its ARN.
    pub what: String,
    /// What the service answered, or what stood in the way.
    pub why: String,
}

impl SweepError {
    fn of(what: &str, error: &ServiceError) -> Self {
        let why = match error.obstacle {
            Some(Obstacle::NotSent) => OUT_OF_TIME.to_owned(),
            _ => format!("Step Functions {}", error.as_predicate()),
        };
        Self { what: what.to_owned(), why }
    }
}

impl fmt::Display for SweepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.why)
    }
}

/// How far a sweep is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// So many executions are running.
    Listed(usize),
    /// One more of them was read.
    Read,
}

/// Sweeps. `now` is the time at which it begins: a worker that ends while it goes on has ended just now.
///
/// # Errors
/// The state machines cannot be listed.
pub async fn sweep<S: Services>(
    sweep: &Sweep,
    services: &S,
    now: OffsetDateTime,
    progress: &dyn Fn(Progress),
) -> Result<Swept, ServiceError> {
    let paced = Paced::new(services, sweep);
    let mut swept = Swept::default();
    let mut machines = machines(&paced, &sweep.rules).await?;
    // A sweep whose time is up before all are read begins elsewhere the next time.
    fastrand::shuffle(&mut machines);
    let (executions, errors) = listed(&paced, &machines, sweep.deadline).await;
    swept.errors.extend(errors);
    swept.executions = executions.len();
    progress(Progress::Listed(executions.len()));
    let running: HashSet<&str> = executions.iter().map(|execution| execution.arn.as_str()).collect();
    let definitions = Definitions::default();
    let (rules, paced, definitions, running) = (&sweep.rules, &paced, &definitions, &running);
    let mut rounds = stream::iter(&executions)
        .map(|execution| async move {
            let found = read::execution(paced, definitions, execution, rules).await;
            progress(Progress::Read);
            found
        })
        .buffer_unordered(CONCURRENCY)
        .chunks(TOGETHER)
        .map(|found| answers::judged(paced, running, found, now, rules))
        .buffer_unordered(CONCURRENCY);
    while let Some((tasks, errors)) = rounds.next().await {
        swept.tasks.extend(tasks);
        swept.errors.extend(errors);
    }
    Ok(swept)
}

/// The state machines that are looked at. Those whose whole ARN is known need not be listed.
async fn machines<S: Services>(
    paced: &Paced<'_, S>,
    rules: &SweepRules,
) -> Result<Vec<String>, ServiceError> {
    let patterns = &rules.state_machines;
    let exact = patterns.iter().filter_map(|pattern| pattern.exact());
    let mut machines: Vec<String> = exact.map(str::to_owned).collect();
    if patterns.is_empty() || patterns.iter().any(|pattern| pattern.exact().is_none()) {
        let is_meant =
            |arn: &String| patterns.is_empty() || patterns.iter().any(|pattern| pattern.matches(arn));
        let form = |next: Option<&str>| state_machines_form(next);
        paced
            .pages(&LIST_STATE_MACHINES, None, form, |page| {
                let listed = state_machines(page).ok()?;
                machines.extend(listed.items.into_iter().filter(is_meant));
                Some(listed.next)
            })
            .await?;
    }
    let mut known = HashSet::new();
    machines.retain(|machine| known.insert(machine.clone()));
    Ok(machines)
}

/// The running executions of all of them, as far as they can be listed in half of the time: the other half is for reading what is listed.
async fn listed<S: Services>(
    paced: &Paced<'_, S>,
    machines: &[String],
    deadline: Option<Instant>,
) -> (Vec<Execution>, Vec<SweepError>) {
    let now = Instant::now();
    let ends = deadline.map(|deadline| now + deadline.saturating_duration_since(now) / 2);
    let mut listings = stream::iter(machines)
        .map(|machine| async move { (machine, running(paced, Parent::StateMachine(machine), machine).await) })
        .buffer_unordered(CONCURRENCY);
    let (mut executions, mut errors) = (Vec::new(), Vec::new());
    let mut unlisted: HashSet<&String> = machines.iter().collect();
    loop {
        let next = match ends {
            Some(ends) => timeout_at(ends, listings.next()).await.ok().flatten(),
            None => listings.next().await,
        };
        let Some((machine, (listed, error))) = next else { break };
        unlisted.remove(machine);
        executions.extend(listed);
        errors.extend(error);
    }
    let out_of_time = |machine: &String| SweepError { what: machine.clone(), why: OUT_OF_TIME.to_owned() };
    errors.extend(unlisted.into_iter().map(out_of_time));
    (executions, errors)
}

/// The running executions of a state machine or a distributed map, as far as they can be listed.
async fn running<S: Services>(
    paced: &Paced<'_, S>,
    parent: Parent<'_>,
    name: &str,
) -> (Vec<Execution>, Option<SweepError>) {
    let mut running = Vec::new();
    let listed = paced
        .pages(
            &LIST_EXECUTIONS,
            None,
            |next| executions_form(parent, next),
            |page| {
                let listed = executions(page).ok()?;
                running.extend(listed.items);
                Some(listed.next)
            },
        )
        .await;
    let error = match listed {
        // An express workflow lists no executions, and ends within minutes.
        Err(error) if error.name.as_deref() == Some("StateMachineTypeNotSupported") => None,
        Err(error) => Some(SweepError::of(name, &error)),
        Ok(()) => None,
    };
    (running, error)
}

#[cfg(test)]
mod tests;
