//! `failureDetails`, which both CodePipeline job APIs are sent.
//!
//! <https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_FailureDetails.html>

use std::borrow::Cow;

use crate::event::Failure;
use crate::request::{Members, Value};
use crate::text::{Truncation, cut_field, cut_joined};

/// The longest `message`, in UTF-16 code units.
pub const MESSAGE_MAX: usize = 5000;

/// The longest `externalExecutionId`, in UTF-16 code units.
pub const EXECUTION_ID_MAX: usize = 1500;

/// The types of failure that CodePipeline knows.
pub const TYPES: [&str; 6] = [
    "JobFailed",
    "ConfigurationError",
    "PermissionError",
    "RevisionOutOfSync",
    "RevisionUnavailable",
    "SystemUnavailable",
];

/// What `CodePipeline` is told about a failed job, within its limits. A `type` that it does not know is kept as the start
/// of the message.
#[must_use]
pub fn failure_details(failure: &Failure<'_>, truncations: &mut Vec<Truncation>) -> Members {
    let known = TYPES.iter().find(|known| **known == failure.type_name());
    let prefix =
        failure.given_type.as_deref().filter(|_| known.is_none()).map_or(["", ""], |given| [given, ": "]);
    let details = failure.details.as_deref().map_or(["", ""], |details| ["\n", details]);
    let texts = [prefix[0], prefix[1], failure.message(), details[0], details[1]];
    let message =
        cut_joined("failureDetails.message", &texts, &failure.last_line(), MESSAGE_MAX, truncations);
    let mut members = vec![
        ("type", Value::Text((*known.unwrap_or(&TYPES[0])).to_owned())),
        ("message", Value::Text(message)),
    ];
    if let Some(execution) = failure.external_execution_id.as_deref() {
        let field = "failureDetails.externalExecutionId";
        let execution = cut_field(field, Cow::Borrowed(execution), EXECUTION_ID_MAX, truncations);
        members.push(("externalExecutionId", Value::Text(execution.into_owned())));
    }
    Members::new(members)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(given_type: Option<&'static str>, details: Option<&'static str>) -> Failure<'static> {
        Failure {
            given_type: given_type.map(Cow::Borrowed),
            given_message: Some(Cow::Borrowed("it broke")),
            details: details.map(Cow::Borrowed),
            external_execution_id: None,
            event_id: None,
        }
    }

    fn sent(given_type: Option<&'static str>, details: Option<&'static str>) -> (String, String) {
        let sent = failure_details(&failure(given_type, details), &mut Vec::new());
        let text = |name| sent.text(name).unwrap().to_owned();
        (text("type"), text("message"))
    }

    #[test]
    fn a_known_type_is_sent_as_the_type() {
        for known in TYPES {
            assert_eq!(sent(Some(known), None), (known.to_owned(), "it broke".to_owned()));
        }
    }

    #[test]
    fn an_unknown_type_is_kept_in_the_message_and_a_missing_one_leaves_no_trace() {
        assert_eq!(
            sent(Some("Render.OutOfMemory"), None),
            ("JobFailed".to_owned(), "Render.OutOfMemory: it broke".to_owned())
        );
        assert_eq!(sent(None, None), ("JobFailed".to_owned(), "it broke".to_owned()));
    }

    #[test]
    fn details_follow_on_a_line_of_their_own() {
        assert_eq!(sent(None, Some("{ \"a\":1 }")).1, "it broke\n{ \"a\":1 }");
    }

    #[test]
    fn both_texts_are_cut_to_their_limits() {
        let long = Failure {
            given_message: Some(Cow::Owned("m".repeat(5001))),
            external_execution_id: Some(Cow::Owned("e".repeat(1501))),
            ..Failure::default()
        };
        let mut truncations = Vec::new();
        let sent = failure_details(&long, &mut truncations);
        assert_eq!(crate::text::utf16_len(sent.text("message").unwrap()), MESSAGE_MAX);
        assert_eq!(crate::text::utf16_len(sent.text("externalExecutionId").unwrap()), EXECUTION_ID_MAX);
        let cut: Vec<_> = truncations.iter().map(|cut| (cut.field, cut.from, cut.to)).collect();
        assert_eq!(
            cut,
            [("failureDetails.message", 5001, 5000), ("failureDetails.externalExecutionId", 1501, 1500)]
        );
    }
}
