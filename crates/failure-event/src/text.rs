//! Texts within an API's limits: counting, cutting, and the text with context that is valid JSON.
//!
//! Limits count UTF-16 code units: a text that is within a limit by this count is within it by code
//! points too, so it holds however a service counts its "characters".

use std::borrow::Cow;

use crate::event::Failure;
use crate::json::quoted;

/// What ends a text that was cut.
pub const MARKER: &str = "… [truncated]";

/// A text that did not fit: which field, and its length before and after, in UTF-16 code units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The API's name of the field, e.g. `cause`.
    pub field: &'static str,
    /// Its length as published.
    pub from: usize,
    /// Its length as sent.
    pub to: usize,
}

/// The length of a text in UTF-16 code units.
#[must_use]
pub fn utf16_len(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

/// `text` within `limit` units: whole, or cut on a character boundary with [`MARKER`] at its end.
#[must_use]
pub fn cut(text: &str, limit: usize) -> Cow<'_, str> {
    cut_by(text, limit, char::len_utf16, utf16_len(MARKER))
}

/// [`cut`], noting in `cuts` that the field was cut.
pub fn cut_field<'t>(
    field: &'static str,
    text: Cow<'t, str>,
    limit: usize,
    cuts: &mut Vec<Cut>,
) -> Cow<'t, str> {
    match cut(&text, limit) {
        Cow::Borrowed(_) => text,
        Cow::Owned(short) => {
            cuts.push(Cut { field, from: utf16_len(&text), to: utf16_len(&short) });
            Cow::Owned(short)
        }
    }
}

/// Cuts by any measure of a character's cost; `marker_cost` is the marker's by the same measure.
fn cut_by(text: &str, limit: usize, cost: impl Fn(char) -> usize, marker_cost: usize) -> Cow<'_, str> {
    let mut used = 0;
    let mut end_with_marker = 0;
    for (start, character) in text.char_indices() {
        if used + marker_cost <= limit {
            end_with_marker = start;
        }
        used += cost(character);
        if used > limit {
            return Cow::Owned(format!("{}{MARKER}", &text[..end_with_marker]));
        }
    }
    Cow::Borrowed(text)
}

/// *Text with context*: the message alone, or a compact JSON object with `message`, `details` (verbatim) and
/// `externalExecutionId`, within `limit` units and always valid JSON.
pub fn with_context(field: &'static str, failure: &Failure<'_>, limit: usize, cuts: &mut Vec<Cut>) -> String {
    let message = failure.message();
    let details = failure.details.as_deref();
    let execution = failure.external_execution_id.as_deref();
    if details.is_none() && execution.is_none() {
        return cut_field(field, Cow::Borrowed(message), limit, cuts).into_owned();
    }
    let whole = context_object(&quoted(message), details, execution.map(quoted).as_deref());
    let from = utf16_len(&whole);
    if from <= limit {
        return whole;
    }
    let short = cut_context(message, details, execution, limit);
    cuts.push(Cut { field, from, to: utf16_len(&short) });
    short
}

fn context_object(message: &str, details: Option<&str>, execution: Option<&str>) -> String {
    let mut object = format!("{{\"message\":{message}");
    for (name, value) in [("details", details), ("externalExecutionId", execution)] {
        if let Some(value) = value {
            object.push_str(&format!(",\"{name}\":{value}"));
        }
    }
    object.push('}');
    object
}

/// Cuts `details` first, to a JSON string; when that alone cannot do it, `message` and `externalExecutionId` share what is
/// left, each certain of half and free to use what the other does not need.
fn cut_context(message: &str, details: Option<&str>, execution: Option<&str>, limit: usize) -> String {
    let (message_quoted, execution_quoted) = (quoted(message), execution.map(quoted));
    if let Some(details) = details {
        let frame = utf16_len(&context_object(&message_quoted, Some(""), execution_quoted.as_deref()));
        let room = limit.saturating_sub(frame);
        if room >= quoted_len(MARKER) {
            let details = quoted_within(details, room);
            return context_object(&message_quoted, Some(&details), execution_quoted.as_deref());
        }
    }
    let details = details.map(|_| quoted(MARKER));
    let frame = utf16_len(&context_object("", details.as_deref(), execution.map(|_| "")));
    let room = limit.saturating_sub(frame);
    let (message_len, execution_len) =
        (utf16_len(&message_quoted), execution_quoted.as_deref().map_or(0, utf16_len));
    let message_room = room.saturating_sub(execution_len.min(room / 2));
    let message = quoted_within(message, message_room.min(message_len));
    let execution_room = room.saturating_sub(utf16_len(&message));
    let execution = execution.map(|execution| quoted_within(execution, execution_room));
    context_object(&message, details.as_deref(), execution.as_deref())
}

/// A text as a JSON string of at most `limit` units, quotes and escapes counted.
fn quoted_within(text: &str, limit: usize) -> String {
    let inside = limit.saturating_sub(2);
    quoted(&cut_by(text, inside, quoted_char_len, quoted_len(MARKER) - 2))
}

fn quoted_len(text: &str) -> usize {
    2 + text.chars().map(quoted_char_len).sum::<usize>()
}

/// How many units a character takes inside a JSON string.
fn quoted_char_len(character: char) -> usize {
    match character {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        '\0'..='\u{1f}' => 6,
        _ => character.len_utf16(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure<'a>(message: &'a str, details: Option<&'a str>, execution: Option<&'a str>) -> Failure<'a> {
        Failure {
            given_type: None,
            given_message: Some(Cow::Borrowed(message)),
            details: details.map(Cow::Borrowed),
            external_execution_id: execution.map(Cow::Borrowed),
        }
    }

    fn cause(
        message: &str,
        details: Option<&str>,
        execution: Option<&str>,
        limit: usize,
    ) -> (String, Vec<Cut>) {
        let mut cuts = Vec::new();
        let text = with_context("cause", &failure(message, details, execution), limit, &mut cuts);
        (text, cuts)
    }

    #[test]
    fn a_text_at_its_limit_is_whole_and_one_unit_more_is_cut() {
        let text = "x".repeat(256);
        assert_eq!(cut(&text, 256), text);
        let over = cut(&"x".repeat(257), 256).into_owned();
        assert_eq!(over, format!("{}{MARKER}", "x".repeat(243)));
        assert_eq!(utf16_len(&over), 256);
    }

    #[test]
    fn an_astral_character_counts_two_units_and_is_never_split() {
        assert_eq!(cut(&"😀".repeat(128), 256), "😀".repeat(128));
        let over = cut(&"😀".repeat(129), 256).into_owned();
        assert_eq!(over, format!("{}{MARKER}", "😀".repeat(121)));
        assert_eq!(utf16_len(&over), 255);
    }

    #[test]
    fn a_message_without_context_stays_a_plain_text() {
        assert_eq!(cause("it \"broke\"", None, None, 100).0, "it \"broke\"");
    }

    #[test]
    fn context_is_compact_and_details_are_verbatim() {
        let (text, cuts) = cause("m", Some("{ \"b\" : 1.0,  \"a\":1e400 }"), Some("run-1"), 1000);
        assert_eq!(
            text,
            r#"{"message":"m","details":{ "b" : 1.0,  "a":1e400 },"externalExecutionId":"run-1"}"#
        );
        assert!(cuts.is_empty());
    }

    #[test]
    fn details_over_the_limit_become_a_string_of_their_start_and_use_the_room_in_full() {
        let details = format!("{{\"log\":\"{}\"}}", "y".repeat(500));
        let (text, cuts) = cause("m", Some(&details), Some("run-1"), 200);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        let kept = value["details"].as_str().unwrap().strip_suffix(MARKER).unwrap();
        assert!(details.starts_with(kept));
        assert_eq!(value["message"], "m");
        assert_eq!(value["externalExecutionId"], "run-1");
        assert_eq!(utf16_len(&text), 200);
        assert_eq!(cuts, [Cut { field: "cause", from: 566, to: 200 }]);
    }

    #[test]
    fn message_and_execution_share_the_room_when_cutting_details_is_not_enough() {
        for (message, execution) in [(500, 500), (500, 3), (3, 500)] {
            let (text, _) = cause(&"\"".repeat(message), Some("[1]"), Some(&"\u{1}".repeat(execution)), 200);
            let value: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!(value["details"], MARKER);
            assert!((190..=200).contains(&utf16_len(&text)), "{} units", utf16_len(&text));
        }
    }

    #[test]
    fn a_cut_context_is_valid_json_within_every_limit() {
        let nasty = "\u{1}\"\\😀é\n".repeat(40);
        for limit in 120..400 {
            let (text, _) = cause(&nasty, Some(&quoted(&nasty)), Some(&nasty), limit);
            assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{text}");
            assert!(utf16_len(&text) <= limit, "{} over {limit}", utf16_len(&text));
        }
    }
}
