//! Expressions: conditions, updates and projections, with their placeholders.
//!
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.html>
//!
//! Attributes are those of the item itself: paths into lists and maps are not modelled.

mod condition;
mod key_condition;
mod lexer;
mod parser;
mod placeholders;
mod update;

pub(super) use condition::Condition;
pub(super) use key_condition::KeyCondition;
use parser::Parser;
pub(super) use placeholders::Placeholders;
pub(super) use update::Update;

use super::validation;
use crate::answer::ServiceError;

/// Which parameter an expression is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Condition,
    KeyCondition,
    Filter,
    Update,
    Projection,
}

impl Role {
    const fn parameter(self) -> &'static str {
        match self {
            Self::Condition => "ConditionExpression",
            Self::KeyCondition => "KeyConditionExpression",
            Self::Filter => "FilterExpression",
            Self::Update => "UpdateExpression",
            Self::Projection => "ProjectionExpression",
        }
    }

    /// `Invalid UpdateExpression: …`
    fn invalid(self, told: impl std::fmt::Display) -> ServiceError {
        validation(format!("Invalid {}: {told}", self.parameter()))
    }
}

/// The attributes that a projection names.
pub(super) fn read_projection(
    text: &str,
    placeholders: &mut Placeholders,
) -> Result<Vec<String>, ServiceError> {
    let mut parser = Parser::new(Role::Projection, text, placeholders)?;
    let mut names = vec![parser.attribute()?];
    while parser.takes(",") {
        let name = parser.attribute()?;
        if names.contains(&name) {
            return Err(parser.overlap(&name));
        }
        names.push(name);
    }
    parser.end()?;
    Ok(names)
}
