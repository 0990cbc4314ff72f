//! How a command ended, what that means for the task that it worked on, and how it is said.

use std::fmt;
use std::time::Duration;

use rustix::process::Signal;

use super::spot::Interruption;

/// What a shell adds to a signal's number to make an exit code of it.
const SIGNAL_BASE: i32 = 128;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With an exit code.
    Exited(i32),
    /// By a signal.
    Killed(i32),
    /// It was told to stop and has not ended within the time that it was given.
    NotEnded,
}

/// What told a command to stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// A signal from outside.
    Signal(Signal),
    /// The end of its instance.
    Spot(Interruption),
    /// The loss of its lease: its task is about to be failed.
    LeaseLost,
}

/// A command's run, as far as it is known when it is reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// How it ended.
    pub ending: Ending,
    /// What told it to stop, when something did.
    pub stopped_by: Option<Stop>,
    /// How long it ran.
    pub duration: Duration,
}

impl Ending {
    /// The exit code that a shell would give.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        let code = match self {
            Ending::Exited(code) => code,
            Ending::Killed(signal) => SIGNAL_BASE + signal,
            Ending::NotEnded => SIGNAL_BASE + Signal::KILL.as_raw(),
        };
        u8::try_from(code).unwrap_or(u8::MAX)
    }
}

impl Run {
    /// Whether the task was left undone. A worker that was told to stop and ended well has not finished its work; had it
    /// finished and said so, the task is closed, and a further report of it does nothing.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        self.ending != Ending::Exited(0) || self.stopped_by.is_some()
    }

    /// The machine-readable name of the failure.
    #[must_use]
    pub fn failure_type(&self) -> &'static str {
        match (&self.stopped_by, self.ending) {
            (Some(Stop::Spot(_)), _) => "EC2.SpotInterruption",
            (Some(Stop::LeaseLost), _) => "Worker.LeaseLost",
            (Some(Stop::Signal(_)), _) | (None, Ending::NotEnded) => "Worker.Interrupted",
            (None, Ending::Exited(_)) => "Worker.Exited",
            (None, Ending::Killed(_)) => "Worker.Killed",
        }
    }

    /// What a person should read of the run of `program`.
    #[must_use]
    pub fn sentence(&self, program: &str) -> String {
        let ended = self.how_it_ended();
        let after = human(self.duration);
        match &self.stopped_by {
            Some(stop) => format!("{program} was told to stop ({stop}) and {ended}, after {after}"),
            None => format!("{program} {ended} after {after}"),
        }
    }

    fn how_it_ended(&self) -> String {
        match self.ending {
            Ending::Exited(code) => match code - SIGNAL_BASE {
                // A shell that ran the worker passes its death on like this.
                signal if signal > 0 && is_named(signal) => {
                    format!("ended with exit code {code} (128 + {})", name(signal))
                }
                _ => format!("ended with exit code {code}"),
            },
            Ending::Killed(signal) if signal == Signal::KILL.as_raw() && self.stopped_by.is_none() => {
                "was killed by SIGKILL (out of memory is the usual reason)".to_owned()
            }
            Ending::Killed(signal) => format!("was killed by {}", name(signal)),
            Ending::NotEnded => "has not ended in time".to_owned(),
        }
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stop::Signal(signal) => f.write_str(&name(signal.as_raw())),
            Stop::Spot(Interruption { action, time }) => {
                write!(f, "spot interruption: {action}")?;
                time.as_ref().map_or(Ok(()), |time| write!(f, " at {time}"))
            }
            Stop::LeaseLost => f.write_str("lease lost"),
        }
    }
}

/// The signal of a name, with or without `SIG`, in either case.
///
/// # Errors
/// A sentence with the names that there are, for clap.
pub fn signal(text: &str) -> Result<Signal, String> {
    let wanted = text.to_ascii_uppercase();
    let is_meant = |known: &str| known == wanted || known.strip_prefix("SIG") == Some(&wanted);
    let known = NAMES.iter().find(|(_, known)| is_meant(known)).map(|(signal, _)| *signal);
    known.ok_or_else(|| {
        let names: Vec<&str> = NAMES.iter().map(|(_, name)| *name).collect();
        format!("expected one of {}", names.join(", "))
    })
}

/// A signal as `kill -l` names it.
#[must_use]
pub fn name(signal: i32) -> String {
    match NAMES.iter().find(|(known, _)| known.as_raw() == signal) {
        Some((_, name)) => (*name).to_owned(),
        None => format!("signal {signal}"),
    }
}

fn is_named(signal: i32) -> bool {
    NAMES.iter().any(|(known, _)| known.as_raw() == signal)
}

const NAMES: [(Signal, &str); 19] = [
    (Signal::HUP, "SIGHUP"),
    (Signal::INT, "SIGINT"),
    (Signal::QUIT, "SIGQUIT"),
    (Signal::ILL, "SIGILL"),
    (Signal::TRAP, "SIGTRAP"),
    (Signal::ABORT, "SIGABRT"),
    (Signal::BUS, "SIGBUS"),
    (Signal::FPE, "SIGFPE"),
    (Signal::KILL, "SIGKILL"),
    (Signal::USR1, "SIGUSR1"),
    (Signal::SEGV, "SIGSEGV"),
    (Signal::USR2, "SIGUSR2"),
    (Signal::PIPE, "SIGPIPE"),
    (Signal::ALARM, "SIGALRM"),
    (Signal::TERM, "SIGTERM"),
    (Signal::XCPU, "SIGXCPU"),
    (Signal::XFSZ, "SIGXFSZ"),
    (Signal::SYS, "SIGSYS"),
    (Signal::WINCH, "SIGWINCH"),
];

/// A duration as a person says it.
#[must_use]
pub fn human(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => format!("{:.1} s", duration.as_secs_f64()),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(ending: Ending, stopped_by: Option<Signal>) -> Run {
        Run { ending, stopped_by: stopped_by.map(Stop::Signal), duration: Duration::from_millis(2500) }
    }

    #[test]
    fn only_an_exit_with_zero_that_nobody_asked_for_is_a_success() {
        assert!(!run(Ending::Exited(0), None).is_failure());
        assert!(run(Ending::Exited(0), Some(Signal::TERM)).is_failure());
        assert!(run(Ending::Exited(1), None).is_failure());
        assert!(run(Ending::Killed(9), None).is_failure());
        assert!(run(Ending::NotEnded, Some(Signal::TERM)).is_failure());
    }

    #[test]
    fn the_exit_code_is_the_commands_own_or_a_shells() {
        assert_eq!(Ending::Exited(3).exit_code(), 3);
        assert_eq!(Ending::Killed(9).exit_code(), 137);
        assert_eq!(Ending::Killed(15).exit_code(), 143);
    }

    #[test]
    fn each_ending_has_its_sentence_and_its_type() {
        let said = |ending, stopped_by| {
            let run = run(ending, stopped_by);
            (run.failure_type(), run.sentence("render"))
        };
        let cases = [
            (said(Ending::Exited(3), None), "Worker.Exited", "render ended with exit code 3 after 2.5 s"),
            (
                said(Ending::Exited(137), None),
                "Worker.Exited",
                "render ended with exit code 137 (128 + SIGKILL) after 2.5 s",
            ),
            (said(Ending::Killed(11), None), "Worker.Killed", "render was killed by SIGSEGV after 2.5 s"),
            (said(Ending::Killed(64), None), "Worker.Killed", "render was killed by signal 64 after 2.5 s"),
            (
                said(Ending::Exited(0), Some(Signal::TERM)),
                "Worker.Interrupted",
                "render was told to stop (SIGTERM) and ended with exit code 0, after 2.5 s",
            ),
            (
                said(Ending::NotEnded, Some(Signal::TERM)),
                "Worker.Interrupted",
                "render was told to stop (SIGTERM) and has not ended in time, after 2.5 s",
            ),
        ];
        for ((failure_type, sentence), expected_type, expected) in cases {
            assert_eq!((failure_type, sentence.as_str()), (expected_type, expected));
        }
    }

    #[test]
    fn a_spot_interruption_has_a_type_of_its_own() {
        let notice =
            Interruption { action: "terminate".to_owned(), time: Some("2026-11-20T10:15:30Z".to_owned()) };
        let run = Run { stopped_by: Some(Stop::Spot(notice)), ..run(Ending::Exited(0), None) };
        assert_eq!((run.is_failure(), run.failure_type()), (true, "EC2.SpotInterruption"));
        assert_eq!(
            run.sentence("render"),
            "render was told to stop (spot interruption: terminate at 2026-11-20T10:15:30Z) and ended with exit code 0, after 2.5 s"
        );
    }

    #[test]
    fn a_lost_lease_has_a_type_of_its_own() {
        let run = Run { stopped_by: Some(Stop::LeaseLost), ..run(Ending::Killed(9), None) };
        assert_eq!((run.is_failure(), run.failure_type()), (true, "Worker.LeaseLost"));
        assert_eq!(
            run.sentence("render"),
            "render was told to stop (lease lost) and was killed by SIGKILL, after 2.5 s"
        );
    }

    #[test]
    fn a_signal_is_named_with_or_without_its_prefix() {
        assert_eq!(signal("SIGQUIT"), Ok(Signal::QUIT));
        assert_eq!(signal("winch"), Ok(Signal::WINCH));
        assert!(signal("SIGNOT").unwrap_err().contains("SIGTERM"));
    }

    #[test]
    fn a_long_run_is_said_in_minutes_and_hours() {
        assert_eq!(human(Duration::from_secs(182)), "3 min 2 s");
        assert_eq!(human(Duration::from_mins(125)), "2 h 5 min");
    }
}
