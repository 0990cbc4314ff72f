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
pub struct Truncation {
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
    // Each character has one byte that continues none, and those of four bytes are two units.
    text.bytes().map(|byte| usize::from(byte & 0xc0 != 0x80) + usize::from(byte >= 0xf0)).sum()
}

/// `text` within `limit` units: whole, or cut on a character boundary with [`MARKER`] at its end.
#[must_use]
pub fn cut(text: &str, limit: usize) -> Cow<'_, str> {
    cut_by(text, limit, char::len_utf16, utf16_len(MARKER))
}

/// [`cut`], noting in `truncations` that the field was cut.
pub fn cut_field<'t>(
    field: &'static str,
    text: Cow<'t, str>,
    limit: usize,
    truncations: &mut Vec<Truncation>,
) -> Cow<'t, str> {
    match cut(&text, limit) {
        Cow::Borrowed(_) => text,
        Cow::Owned(short) => {
            truncations.push(Truncation { field, from: utf16_len(&text), to: utf16_len(&short) });
            Cow::Owned(short)
        }
    }
}

/// [`cut_field`] of several texts in a row, of which no more is put together than is kept, and of a last one that is not cut. Where that
/// one would take more than half of the room, it is left out.
pub fn cut_joined(
    field: &'static str,
    texts: &[&str],
    last: &str,
    limit: usize,
    truncations: &mut Vec<Truncation>,
) -> String {
    let last = Some(last).filter(|last| utf16_len(last) * 2 <= limit).unwrap_or_default();
    let last_len = utf16_len(last);
    let from = texts.iter().map(|text| utf16_len(text)).sum::<usize>() + last_len;
    if from <= limit {
        return texts.concat() + last;
    }
    let limit = limit.saturating_sub(last_len);
    let mut start = String::new();
    for text in texts {
        // One character more than fits is enough to see that it does not.
        let room = (limit + 1).saturating_sub(utf16_len(&start));
        start.extend(text.chars().take(room));
    }
    let short = cut(&start, limit).into_owned() + last;
    truncations.push(Truncation { field, from, to: utf16_len(&short) });
    short
}

/// Cuts by any measure of a character's cost; `marker_cost` is the marker's by the same measure.
pub fn cut_by(text: &str, limit: usize, cost: impl Fn(char) -> usize, marker_cost: usize) -> Cow<'_, str> {
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
/// `externalExecutionId`, within `limit` units and always valid JSON. The event's id is the last line, or the member `eventId`: it is
/// shorter than what is cut.
pub fn with_context(
    field: &'static str,
    failure: &Failure<'_>,
    limit: usize,
    truncations: &mut Vec<Truncation>,
) -> String {
    let message = failure.message();
    let details = failure.details.as_deref();
    let execution = failure.external_execution_id.as_deref();
    if details.is_none() && execution.is_none() {
        return cut_joined(field, &[message], &failure.last_line(), limit, truncations);
    }
    let members = [
        Some(ContextMember { name: "message", value: Value::Text(message) }),
        details.map(|details| ContextMember { name: "details", value: Value::Json(details) }),
        execution.map(|id| ContextMember { name: "externalExecutionId", value: Value::Text(id) }),
        failure.event_id.as_deref().map(|id| ContextMember { name: "eventId", value: Value::Text(id) }),
    ];
    let members: Vec<ContextMember<'_>> = members.into_iter().flatten().collect();
    object_within(field, &members, limit, truncations)
}

/// One member of a JSON text that tells an API about a failure.
#[derive(Clone, Copy, Debug)]
pub struct ContextMember<'a> {
    /// Its name, which needs no escapes.
    pub name: &'static str,
    /// What it holds.
    pub value: Value<'a>,
}

/// What a member holds.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    /// Characters, which become a JSON string.
    Text(&'a str),
    /// JSON, which stays as it is; cut, it becomes a JSON string of its start.
    Json(&'a str),
}

impl Value<'_> {
    /// Its length as it stands in the JSON, escapes and quotes included.
    fn len(self) -> usize {
        match self {
            Value::Text(text) => quoted_len(text),
            Value::Json(json) => utf16_len(json),
        }
    }
}

/// A compact JSON object of these members in their order, within `limit` units and always valid JSON.
///
/// When it is too long, the longest member is cut as far as is needed, down to the marker alone; when that is not enough, the next
/// longest, and so on. The shorter ones stay as they are. Of members of the same length the later one is cut first.
pub fn object_within(
    field: &'static str,
    members: &[ContextMember<'_>],
    limit: usize,
    truncations: &mut Vec<Truncation>,
) -> String {
    let mut lengths: Vec<usize> = members.iter().map(|member| member.value.len()).collect();
    let frame = 1 + members.iter().map(|member| member.name.len() + 4).sum::<usize>();
    let from = frame + lengths.iter().sum::<usize>();
    let mut too_long = from.saturating_sub(limit);
    let mut longest_first: Vec<usize> = (0..members.len()).rev().collect();
    longest_first.sort_by_key(|index| std::cmp::Reverse(lengths[*index]));
    let mut rooms = vec![None; members.len()];
    for index in longest_first {
        if too_long == 0 || lengths[index] <= quoted_len(MARKER) {
            break;
        }
        let room = lengths[index].saturating_sub(too_long).max(quoted_len(MARKER));
        too_long -= too_long.min(lengths[index] - room);
        lengths[index] = room;
        rooms[index] = Some(room);
    }
    let object = object_of(members, &rooms);
    if from > limit {
        truncations.push(Truncation { field, from, to: utf16_len(&object) });
    }
    object
}

/// The object, its members cut to their rooms, where they have one.
fn object_of(members: &[ContextMember<'_>], rooms: &[Option<usize>]) -> String {
    let mut object = String::from("{");
    for (member, room) in members.iter().zip(rooms) {
        if object.len() > 1 {
            object.push(',');
        }
        object.push_str(&format!("\"{}\":", member.name));
        match (member.value, room) {
            (Value::Text(text) | Value::Json(text), Some(room)) => {
                object.push_str(&quoted_within(text, *room));
            }
            (Value::Text(text), None) => object.push_str(&quoted(text)),
            (Value::Json(json), None) => object.push_str(json),
        }
    }
    object.push('}');
    object
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
            event_id: None,
        }
    }

    fn cause(
        message: &str,
        details: Option<&str>,
        execution: Option<&str>,
        limit: usize,
    ) -> (String, Vec<Truncation>) {
        let mut truncations = Vec::new();
        let text = with_context("cause", &failure(message, details, execution), limit, &mut truncations);
        (text, truncations)
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
        let (text, truncations) = cause("m", Some("{ \"b\" : 1.0,  \"a\":1e400 }"), Some("run-1"), 1000);
        assert_eq!(
            text,
            r#"{"message":"m","details":{ "b" : 1.0,  "a":1e400 },"externalExecutionId":"run-1"}"#
        );
        assert!(truncations.is_empty());
    }

    #[test]
    fn details_over_the_limit_become_a_string_of_their_start_and_use_the_room_in_full() {
        let details = format!("{{\"log\":\"{}\"}}", "y".repeat(500));
        let (text, truncations) = cause("m", Some(&details), Some("run-1"), 200);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        let kept = value["details"].as_str().unwrap().strip_suffix(MARKER).unwrap();
        assert!(details.starts_with(kept));
        assert_eq!(value["message"], "m");
        assert_eq!(value["externalExecutionId"], "run-1");
        assert_eq!(utf16_len(&text), 200);
        assert_eq!(truncations, [Truncation { field: "cause", from: 566, to: 200 }]);
    }

    /// The lengths of the members as they stand in the JSON, and whether each was cut.
    fn shares(message: &str, details: &str, execution: &str, limit: usize) -> [(usize, bool); 3] {
        let (text, _) = cause(message, Some(details), Some(execution), limit);
        assert!(utf16_len(&text) <= limit);
        let object = crate::json::Json::parse(&text).unwrap().object().unwrap();
        ["message", "details", "externalExecutionId"].map(|name| {
            let value = object.member(name).unwrap().text();
            (utf16_len(value), value.ends_with("… [truncated]\""))
        })
    }

    #[test]
    fn the_longest_member_is_cut_as_far_as_needed_and_the_others_stay() {
        let (short, long) = ("s".repeat(40), "l".repeat(500));
        let quoted_long = quoted(&long);
        assert_eq!(shares(&long, "[1]", &short, 200), [(109, true), (3, false), (42, false)]);
        assert_eq!(shares(&short, &quoted_long, &short, 200), [(42, false), (70, true), (42, false)]);
        assert_eq!(shares(&short, "[1]", &long, 200), [(42, false), (3, false), (109, true)]);
    }

    #[test]
    fn the_next_longest_is_cut_only_when_of_the_longest_no_more_than_the_marker_is_left() {
        let marker = quoted_len(MARKER);
        let text = |length: usize| "x".repeat(length);
        // 46 of the 200 units are names and punctuation.
        assert_eq!(
            shares(&text(100), &quoted(&text(200)), &text(30), 200),
            [(102, false), (20, true), (32, false)]
        );
        assert_eq!(
            shares(&text(105), &quoted(&text(200)), &text(30), 200),
            [(107, false), (marker, true), (32, false)]
        );
        assert_eq!(
            shares(&text(106), &quoted(&text(200)), &text(30), 200),
            [(107, true), (marker, true), (32, false)]
        );
        assert_eq!(
            shares(&text(90), &quoted(&text(80)), &text(300), 200),
            [(57, true), (82, false), (marker, true)]
        );
    }

    #[test]
    fn escapes_count_in_what_is_longest() {
        // 60 control characters are 360 units in JSON, and longer than 300 letters.
        let shares = shares(&"\u{1}".repeat(60), "1", &"x".repeat(300), 400);
        assert_eq!(shares[2], (302, false));
        assert!(shares[0].1 && (46..=51).contains(&shares[0].0), "{shares:?}");
    }

    #[test]
    fn of_members_of_one_length_the_later_is_cut_first() {
        let text = "x".repeat(300);
        let shares = shares(&text, &quoted(&text), "run", 400);
        assert_eq!(shares.map(|(_, is_cut)| is_cut), [false, true, false]);
    }

    #[test]
    fn an_object_of_other_members_is_cut_by_the_same_rule() {
        let members = [
            ContextMember { name: "details", value: Value::Json("[1, 2]") },
            ContextMember { name: "externalExecutionId", value: Value::Text("a\nb") },
        ];
        let mut truncations = Vec::new();
        let whole = object_within("ErrorData", &members, 100, &mut truncations);
        assert_eq!(whole, r#"{"details":[1, 2],"externalExecutionId":"a\nb"}"#);
        assert!(truncations.is_empty());
        assert_eq!(object_within("ErrorData", &[], 100, &mut truncations), "{}");
    }

    #[test]
    fn texts_in_a_row_are_cut_as_one() {
        let cut_of = |texts: &[&str], last: &str, limit| {
            let mut truncations = Vec::new();
            (cut_joined("message", texts, last, limit, &mut truncations), truncations)
        };
        assert_eq!(cut_of(&["a", ": ", "b"], "", 4), ("a: b".to_owned(), vec![]));
        assert_eq!(cut_of(&["a", ": "], "b", 4), ("a: b".to_owned(), vec![]));
        assert_eq!(cut_of(&["a"], "\nb", 3), ("a".to_owned(), vec![]), "more than half");
        for texts in [
            ["T".repeat(30), "m".repeat(3)],
            ["T".repeat(3), "😀".repeat(30)],
            ["😀".repeat(9), "m".repeat(9)],
        ] {
            let texts = [texts[0].as_str(), texts[1].as_str()];
            for limit in 15..25 {
                let (short, truncations) = cut_of(&texts, "", limit);
                assert_eq!(short, cut(&texts.concat(), limit));
                assert_eq!(truncations[0].from, utf16_len(&texts.concat()));
                let (with_last, truncations) = cut_of(&texts, "\nlast", limit + 5);
                assert_eq!(with_last, format!("{short}\nlast"));
                assert_eq!(
                    (truncations[0].from, truncations[0].to),
                    (utf16_len(&texts.concat()) + 5, utf16_len(&with_last))
                );
            }
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
