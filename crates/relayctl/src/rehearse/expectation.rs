//! What a file's folder and name say about how its events end.

use std::fmt;
use std::path::Path;

use failure_event::dead_letter::Code;
use failure_event::outcome::{Outcome, Registered};

/// The folder of the files that are delivered one after the other, for each builds on those before it.
const STEPS: &str = "leases";

/// Whether a file is to wait for those before it.
#[must_use]
pub fn is_step(path: &Path) -> bool {
    path.ancestors().skip(1).filter_map(Path::file_name).any(|folder| folder == STEPS)
}

/// How the events of a file are to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// The API accepts the failure, or the table holds a lease or a claim: a file in `routable`, or in none of these folders.
    Relayed,
    /// The task is closed already: a file in `routable` whose name says `duplicate`.
    AlreadySettled,
    /// A dead letter: a file in `unroutable`, whose name begins with the code.
    DeadLettered(Option<Code>),
    /// Nothing to do: a file in `ignored`.
    Ignored,
    /// The table holds it: a file in `leases`, whose name has the outcome after its number.
    Registered(Registered),
}

/// What a step can end as that concerns the table alone.
const REGISTERED: [Registered; 5] = [
    Registered::LeaseTaken,
    Registered::LeaseRenewed,
    Registered::LeaseReleased,
    Registered::Claimed,
    Registered::ClaimReleased,
];

impl Expectation {
    /// Reads the nearest folder that says something.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        for folder in path.ancestors().skip(1).filter_map(Path::file_name) {
            match folder.to_str() {
                Some("routable") => break,
                Some("unroutable") => {
                    let code = Code::ALL.into_iter().find(|code| name.starts_with(code.as_str()));
                    return Expectation::DeadLettered(code);
                }
                Some("ignored") => return Expectation::Ignored,
                Some(STEPS) => return Self::of_step(&name),
                _ => {}
            }
        }
        if name.contains("duplicate") { Expectation::AlreadySettled } else { Expectation::Relayed }
    }

    /// What the name of a step says, such as `2-lease-renewed-…`.
    fn of_step(name: &str) -> Self {
        let told = name.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == '-');
        let registered = REGISTERED.into_iter().find(|registered| told.starts_with(registered.as_str()));
        match registered {
            Some(registered) => Self::Registered(registered),
            None if told.starts_with("ignored") => Self::Ignored,
            None => Self::Relayed,
        }
    }

    /// Whether an event ended as it should.
    #[must_use]
    pub fn is_met_by(self, outcome: &Outcome) -> bool {
        match (self, outcome) {
            (Expectation::Relayed, Outcome::Relayed | Outcome::Registered(_))
            | (Expectation::AlreadySettled, Outcome::AlreadySettled(_))
            | (Expectation::Ignored, Outcome::Ignored)
            | (Expectation::DeadLettered(None), Outcome::DeadLettered(_)) => true,
            (Expectation::DeadLettered(Some(code)), Outcome::DeadLettered(reason)) => code == reason.code,
            (Expectation::Registered(expected), Outcome::Registered(registered)) => expected == *registered,
            _ => false,
        }
    }
}

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Expectation::Relayed => f.write_str("relayed"),
            Expectation::AlreadySettled => f.write_str("already-settled"),
            Expectation::DeadLettered(None) => f.write_str("dead-lettered"),
            Expectation::DeadLettered(Some(code)) => write!(f, "dead-lettered as {code}"),
            Expectation::Ignored => f.write_str("ignored"),
            Expectation::Registered(registered) => f.write_str(registered.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use failure_event::dead_letter::Reason;

    #[test]
    fn the_nearest_folder_that_says_something_counts() {
        let of = |path| Expectation::of(Path::new(path));
        assert_eq!(of("events/routable/a.json"), Expectation::Relayed);
        assert_eq!(of("events/unroutable/routable/a.json"), Expectation::Relayed);
        assert_eq!(of("a.json"), Expectation::Relayed);
        assert_eq!(of("routable/a-duplicate-of-a-task.json"), Expectation::AlreadySettled);
        assert_eq!(of("notices/ignored/ecs/a.json"), Expectation::Ignored);
        let malformed = Expectation::DeadLettered(Some(Code::MalformedEvent));
        assert_eq!(of("unroutable/MALFORMED_EVENT-empty.json"), malformed);
        assert_eq!(of("unroutable/something.json"), Expectation::DeadLettered(None));
        let renewed = Expectation::Registered(Registered::LeaseRenewed);
        assert_eq!(of("leases/a-story/2-lease-renewed-in-time.json"), renewed);
        assert_eq!(of("leases/a-story/3-relayed.json"), Expectation::Relayed);
    }

    #[test]
    fn a_dead_letter_has_the_code_that_the_name_begins_with() {
        let ended = Outcome::DeadLettered(Reason::invalid("x"));
        assert!(Expectation::DeadLettered(Some(Code::InvalidEvent)).is_met_by(&ended));
        assert!(!Expectation::DeadLettered(Some(Code::MalformedEvent)).is_met_by(&ended));
        assert!(!Expectation::Relayed.is_met_by(&ended));
    }
}
