//! What follows from the fates of its workers for a task that waits.

use time::{Duration, OffsetDateTime};

use super::SweepRules;
use super::fate::{End, Fate};

/// A worker that its service does not know is gone when it was started longer ago than this. ECS forgets a stopped task, and EC2 a
/// terminated instance, after an hour; what was started just now may not be known yet.
pub const FORGOTTEN_AFTER: Duration = Duration::hours(2);

/// How a task that waits is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Status {
    /// Its worker is gone.
    Stranded,
    /// Its worker ended well without calling back: it may have handed the token on.
    Silent,
    /// Nothing definite is known of its worker.
    Unknown,
    /// Its worker is there, or ended just now.
    Waiting,
}

impl Status {
    /// The status as people and programs read it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Stranded => "stranded",
            Status::Silent => "silent",
            Status::Unknown => "unknown",
            Status::Waiting => "waiting",
        }
    }
}

/// What a sweep finds of one task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// How the task is doing.
    pub status: Status,
    /// The worker that decides: the first that is gone, else the first whose fate made the status.
    pub decided_by: Option<usize>,
    /// When the last worker ended, where it is known.
    pub ended_at: Option<OffsetDateTime>,
}

/// A worker's end, or that it is forgotten, which has no moment.
enum Over<'a> {
    Ended(&'a End),
    Forgotten,
}

impl Over<'_> {
    fn is_well(&self) -> bool {
        matches!(self, Over::Ended(end) if end.well)
    }

    fn at(&self) -> Option<OffsetDateTime> {
        match self {
            Over::Ended(end) => end.at,
            Over::Forgotten => None,
        }
    }
}

/// Judges a task whose workers were submitted at `submitted`. Each of them must have ended; one that runs keeps the task waiting, and
/// one of which nothing definite is known keeps it unknown.
#[must_use]
pub fn judge(
    fates: &[Fate],
    submitted: Option<OffsetDateTime>,
    now: OffsetDateTime,
    rules: &SweepRules,
) -> Verdict {
    let at = |is: fn(&Fate) -> bool| fates.iter().position(is);
    if let Some(running) = at(|fate| matches!(fate, Fate::Running(_))) {
        return Verdict { status: Status::Waiting, decided_by: Some(running), ended_at: None };
    }
    let is_older =
        |moment: Option<OffsetDateTime>, age: Duration| moment.is_some_and(|moment| now - moment > age);
    let mut over = Vec::with_capacity(fates.len());
    for (index, fate) in fates.iter().enumerate() {
        over.push(match fate {
            Fate::Ended(end) => Over::Ended(end),
            Fate::Missing if is_older(submitted, FORGOTTEN_AFTER) => Over::Forgotten,
            _ => return Verdict { status: Status::Unknown, decided_by: Some(index), ended_at: None },
        });
    }
    let ended_at = over.iter().filter_map(Over::at).max();
    let verdict = |status, decided_by| Verdict { status, decided_by, ended_at };
    // The last to end counts; of one whose end has no time it is known when it was submitted.
    let times: Option<Vec<OffsetDateTime>> = over.iter().map(|over| over.at().or(submitted)).collect();
    let Some(counted_from) = times.and_then(|times| times.into_iter().max()) else {
        return verdict(Status::Unknown, None);
    };
    let is_past = |age: Duration| now - counted_from > age;
    match over.iter().position(|over| !over.is_well()) {
        _ if !is_past(rules.grace) => verdict(Status::Waiting, Some(0)),
        Some(gone) => verdict(Status::Stranded, Some(gone)),
        None if rules.silent.is_some_and(is_past) => verdict(Status::Stranded, Some(0)),
        None => verdict(Status::Silent, Some(0)),
    }
}

#[cfg(test)]
mod tests;
