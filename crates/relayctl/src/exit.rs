//! How the tool exits. Each number has one meaning, in every verb, and `--help` tells it.

use std::fmt;
use std::process::ExitCode;

/// The exit codes, as `relayctl --help` shows them.
pub const HELP: &str = "\
Exit codes:
    0  done, and the answer is yes
    1  done, and the answer is no: an event is not routable, a rehearsal did not end as it should,
       something is wrong with a deployment, not all was sent
    2  the arguments are wrong
    3  a file cannot be read or written, or does not hold what it should
    4  AWS refused, or cannot be reached
    5  this machine refused: a port is taken, a program cannot be started
  `relayctl run` exits as the command that it runs.

Data goes to standard output, all else to standard error. `-` stands for standard input.";

/// How the tool exits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done, and the answer is yes.
    Yes,
    /// Done, and the answer is no.
    No,
    /// The arguments are wrong; clap exits with the same number.
    Usage,
    /// A file cannot be read or written, or does not hold what it should.
    File,
    /// AWS refused, or cannot be reached.
    Service,
    /// This machine refused.
    Local,
    /// As another program exited.
    As(u8),
}

impl Exit {
    /// The number.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Exit::Yes => 0,
            Exit::No => 1,
            Exit::Usage => 2,
            Exit::File => 3,
            Exit::Service => 4,
            Exit::Local => 5,
            Exit::As(code) => code,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit.code())
    }
}

/// Why a verb could not do what was asked: one sentence for people, and the exit code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What went wrong, and with what. Never a token.
    pub message: String,
    /// How the tool exits for it.
    pub exit: Exit,
}

impl Problem {
    /// The arguments do not fit together.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { message: message.into(), exit: Exit::Usage }
    }

    /// A file is missing, unreadable, or not what it should be.
    pub fn file(message: impl Into<String>) -> Self {
        Self { message: message.into(), exit: Exit::File }
    }

    /// AWS refused, or cannot be reached.
    pub fn service(message: impl Into<String>) -> Self {
        Self { message: message.into(), exit: Exit::Service }
    }

    /// This machine refused.
    pub fn local(message: impl Into<String>) -> Self {
        Self { message: message.into(), exit: Exit::Local }
    }

    /// The same problem, with what it means before it.
    #[must_use]
    pub fn of(&self, what: &str) -> Self {
        Self { message: format!("{what}: {}", self.message), exit: self.exit }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Problem {}
