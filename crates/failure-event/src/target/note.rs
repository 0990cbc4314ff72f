//! The note: what an API with one text for people is told.

use crate::event::Failure;
use crate::text::{Truncation, cut_joined};

/// `message`, prefixed with the `type` where one was given, then `details` and `externalExecutionId`, each on a line of its own,
/// where they are present: the texts in a row.
#[must_use]
pub(super) fn note<'a>(failure: &'a Failure<'_>) -> Vec<&'a str> {
    let mut note = Vec::new();
    if let Some(given) = &failure.given_type {
        note.extend([given, ": "]);
    }
    note.push(failure.message());
    for line in [&failure.details, &failure.external_execution_id].into_iter().flatten() {
        note.extend(["\n", line]);
    }
    note
}

/// [`note`] within `limit` UTF-16 code units with the event's id behind it, noting in `truncations` that it was cut.
pub(super) fn note_within(
    field: &'static str,
    failure: &Failure<'_>,
    limit: usize,
    truncations: &mut Vec<Truncation>,
) -> String {
    cut_joined(field, &note(failure), &failure.last_line(), limit, truncations)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_holds_what_is_known_and_no_default_type() {
        let whole = Failure {
            given_type: Some("Render.OutOfMemory".into()),
            given_message: Some("it broke".into()),
            details: Some("{ \"frame\": 1 }".into()),
            external_execution_id: Some("run-1".into()),
            event_id: None,
        };
        assert_eq!(note(&whole).concat(), "Render.OutOfMemory: it broke\n{ \"frame\": 1 }\nrun-1");
        assert_eq!(note(&Failure::default()), ["The worker reported a failure without a message."]);
    }
}
