//! Why a text is not a state machine.

use std::fmt;

use super::DEPTH_MAX;
use crate::event::name_of;
use crate::json::{Json, NotJson, Type};

/// What is wrong with a definition, and where: a state's path, empty for the machine itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The text is not JSON.
    NotJson(NotJson),
    /// A member is missing.
    Missing {
        /// The state.
        path: String,
        /// Its member.
        member: &'static str,
    },
    /// A state, or a member of one, has another type.
    WrongType {
        /// The state.
        path: String,
        /// Its member; `None` for the state itself.
        member: Option<&'static str>,
        /// What it should be.
        expected: &'static str,
        /// What it is.
        found: Type,
    },
    /// A member has a value that the language does not know.
    Unknown {
        /// The state.
        path: String,
        /// Its member.
        member: &'static str,
        /// The value.
        given: String,
    },
    /// States or parameters are nested more deeply than [`DEPTH_MAX`].
    TooDeep {
        /// The state.
        path: String,
    },
}

impl Fault {
    pub(super) fn missing(path: &str, member: &'static str) -> Self {
        Fault::Missing { path: path.to_owned(), member }
    }

    pub(super) fn unknown(path: &str, member: &'static str, given: &str) -> Self {
        Fault::Unknown { path: path.to_owned(), member, given: given.to_owned() }
    }

    pub(super) fn wrong_type(
        path: &str,
        member: Option<&'static str>,
        expected: &'static str,
        found: Json<'_>,
    ) -> Self {
        Fault::WrongType { path: path.to_owned(), member, expected, found: found.json_type() }
    }

    /// The state's path; empty for the machine itself, and for a text that is not JSON.
    #[must_use]
    pub fn path(&self) -> &str {
        match self {
            Fault::NotJson(_) => "",
            Fault::Missing { path, .. }
            | Fault::WrongType { path, .. }
            | Fault::Unknown { path, .. }
            | Fault::TooDeep { path } => path,
        }
    }
}

impl From<NotJson> for Fault {
    fn from(error: NotJson) -> Self {
        Fault::NotJson(error)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path().is_empty() {
            write!(f, "state {}: ", self.path())?;
        }
        match self {
            Fault::NotJson(error) => write!(f, "not JSON: {error}"),
            Fault::Missing { member, .. } => write!(f, "{member} is missing"),
            Fault::WrongType { member, expected, found, .. } => {
                if let Some(member) = member {
                    write!(f, "{member}: ")?;
                }
                write!(f, "expected {expected}, found {}", name_of(*found))
            }
            Fault::Unknown { member, given, .. } => write!(f, "{member}: {given:?} is not known"),
            Fault::TooDeep { .. } => write!(f, "nested more than {DEPTH_MAX} levels deep"),
        }
    }
}

impl std::error::Error for Fault {}
