//! What a file's folder and name say about how its events end.

use std::fmt;
use std::path::Path;

use failure_event::dead_letter::Code;
use failure_event::outcome::Outcome;

/// How the events of a file are to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// The API accepts the failure: a file in `routable`, or in none of these folders.
    Relayed,
    /// The task is closed already: a file in `routable` whose name says `duplicate`.
    AlreadySettled,
    /// A dead letter: a file in `unroutable`, whose name begins with the code.
    DeadLettered(Option<Code>),
    /// Nothing to do: a file in `ignored`.
    Ignored,
}

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
                _ => {}
            }
        }
        if name.contains("duplicate") { Expectation::AlreadySettled } else { Expectation::Relayed }
    }

    /// Whether an event ended as it should.
    #[must_use]
    pub fn is_met_by(self, outcome: &Outcome) -> bool {
        match (self, outcome) {
            (Expectation::Relayed, Outcome::Relayed)
            | (Expectation::AlreadySettled, Outcome::AlreadySettled(_))
            | (Expectation::Ignored, Outcome::Ignored)
            | (Expectation::DeadLettered(None), Outcome::DeadLettered(_)) => true,
            (Expectation::DeadLettered(Some(code)), Outcome::DeadLettered(reason)) => code == reason.code,
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
    }

    #[test]
    fn a_dead_letter_has_the_code_that_the_name_begins_with() {
        let ended = Outcome::DeadLettered(Reason::invalid("x"));
        assert!(Expectation::DeadLettered(Some(Code::InvalidEvent)).is_met_by(&ended));
        assert!(!Expectation::DeadLettered(Some(Code::MalformedEvent)).is_met_by(&ended));
        assert!(!Expectation::Relayed.is_met_by(&ended));
    }
}
