//! Places in a text, and lines of it as a person is shown them: with a caret, and without secrets.

use std::ops::Range;

use failure_event::secret_names::SecretNames;

/// The most characters of a line that are shown.
const WIDTH_MAX: usize = 96;

/// From so many characters on, a word without blanks may be a token.
const TOKEN_MIN: usize = 20;

/// Members whose values are no secrets, however long they are.
const PUBLIC: [&str; 6] = ["kind", "jobId", "region", "account", "version", "time"];

/// Where `part`, which was cut out of `text`, stands in it.
#[must_use]
pub fn span_of(text: &str, part: &str) -> Option<Range<usize>> {
    let start = part.as_ptr().addr().checked_sub(text.as_ptr().addr())?;
    let span = start..start.checked_add(part.len())?;
    (text.get(span.clone()) == Some(part)).then_some(span)
}

/// A place for people: line and column count from 1, the column in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

/// The place of a byte.
#[must_use]
pub fn place_of(text: &str, offset: usize) -> Place {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
    let column = before[line_start..].trim_start_matches('\u{feff}').chars().count() + 1;
    Place { line: before.matches('\n').count() + 1, column }
}

/// A line, and the carets under the part of it that is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snippet {
    /// The line, shortened and without secrets.
    pub line: String,
    /// As many blanks as stand before the part.
    pub indent: usize,
    /// As many carets as the part is long on this line, at least one.
    pub carets: usize,
}

/// The line in which `span` begins.
#[must_use]
pub fn snippet(text: &str, span: &Range<usize>) -> Snippet {
    let place = place_of(text, span.start);
    let shown = masked(text);
    let line: Vec<char> = shown.lines().nth(place.line - 1).unwrap_or_default().chars().collect();
    let line: Vec<char> = line.into_iter().filter(|letter| *letter != '\u{feff}').collect();
    let start = (place.column - 1).min(line.len());
    let length =
        text.get(span.clone()).map_or(1, |part| part.lines().next().unwrap_or_default().chars().count());
    let first = if line.len() <= WIDTH_MAX { 0 } else { start.saturating_sub(WIDTH_MAX / 3) };
    let last = line.len().min(first + WIDTH_MAX);
    let mut short: String =
        line[first..last].iter().map(|letter| if letter.is_control() { ' ' } else { *letter }).collect();
    if last < line.len() {
        short.push('…');
    }
    let lead = if first > 0 { "…" } else { "" };
    Snippet {
        line: format!("{lead}{short}"),
        indent: start - first + lead.chars().count(),
        carets: length.clamp(1, (last - start).max(1)),
    }
}

/// The text with as many characters, those of possible secrets hidden: long words, JSON inside of strings, and the values
/// of members whose names speak of tokens, secrets or credentials. It takes any text, JSON or not.
#[must_use]
pub fn masked(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut key = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let part = if first == '"' { string_literal(rest) } else { word(rest) };
        rest = &rest[part.len()..];
        if first != '"' {
            push(&mut out, part, part.chars().count() >= TOKEN_MIN);
        } else if rest.trim_start().starts_with(':') {
            part.trim_matches('"').clone_into(&mut key);
            out.push_str(part);
        } else {
            push(&mut out, part, is_secret(&key, part));
        }
    }
    out
}

/// A string with its quotes; one that never ends goes to the end of its line.
fn string_literal(text: &str) -> &str {
    let mut is_escaped = false;
    for (index, letter) in text.char_indices().skip(1) {
        match letter {
            '"' if !is_escaped => return &text[..=index],
            '\n' => return &text[..index],
            _ => is_escaped = letter == '\\' && !is_escaped,
        }
    }
    text
}

/// What stands together outside of strings, or one character of what never does.
fn word(text: &str) -> &str {
    let is_apart = |letter: char| letter.is_whitespace() || "\"{}[],:".contains(letter);
    match text.find(is_apart) {
        Some(0) => &text[..text.chars().next().map_or(0, char::len_utf8)],
        Some(end) => &text[..end],
        None => text,
    }
}

fn is_secret(key: &str, literal: &str) -> bool {
    if PUBLIC.contains(&key) {
        return false;
    }
    let name = key.to_lowercase();
    // A source is a draft, in which a name may be misspelt: words are enough to hide a value here.
    let speaks_of_secrets = SecretNames::default().contains(key)
        || ["token", "secret", "credential", "target"].iter().any(|word| name.contains(word));
    let longest =
        literal.split(char::is_whitespace).map(|word| word.chars().count()).max().unwrap_or_default();
    speaks_of_secrets || longest >= TOKEN_MIN || literal.contains("\\\"")
}

fn push(out: &mut String, part: &str, is_hidden: bool) {
    if is_hidden {
        out.extend(part.chars().map(|letter| if letter == '"' { '"' } else { '*' }));
    } else {
        out.push_str(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_characters_from_one() {
        let text = "{\n  \"ä\": \"x\"\n}";
        let offset = text.find("\"x\"").unwrap();
        assert_eq!(place_of(text, offset), Place { line: 2, column: 8 });
        assert_eq!(place_of("\u{feff}{", 3), Place { line: 1, column: 1 });
        assert_eq!(place_of("", 0), Place { line: 1, column: 1 });
    }

    #[test]
    fn a_part_is_found_where_it_was_cut_out_and_nowhere_else() {
        let text = String::from("abcabc");
        assert_eq!(span_of(&text, &text[3..]), Some(3..6));
        assert_eq!(span_of(&text, "abc"), None);
    }

    #[test]
    fn a_snippet_points_at_the_part() {
        let text = "{\n  \"kind\": \"lambda\"\n}";
        let start = text.find("\"lambda\"").unwrap();
        let shown = snippet(text, &(start..start + 8));
        assert_eq!(shown, Snippet { line: "  \"kind\": \"lambda\"".to_owned(), indent: 10, carets: 8 });
    }

    #[test]
    fn a_long_line_is_shown_around_the_part() {
        let text = format!("[{}\"here\"{}]", "1,".repeat(400), ",2".repeat(400));
        let start = text.find("\"here\"").unwrap();
        let shown = snippet(&text, &(start..start + 6));
        let under: String = shown.line.chars().skip(shown.indent).take(shown.carets).collect();
        assert_eq!(under, "\"here\"");
        assert!(shown.line.chars().count() <= WIDTH_MAX + 2);
    }

    #[test]
    fn possible_secrets_are_hidden_and_columns_stay() {
        let text = r#"{"taskToken": "short", "x": "AQCEAAAAKgAAAAMAAAAA", "jobId": "0f9a1b2c-0000-4000-8000-0123456789ab",
"m": "it broke", "body": "{\"a\":1}", AQCEAAAAKgAAAAMAAAAA"#;
        let shown = masked(text);
        assert_eq!(shown.chars().count(), text.chars().count());
        assert!(!shown.contains("AQCE") && !shown.contains("short") && !shown.contains("\\\"a"));
        assert!(shown.contains("0f9a1b2c-0000") && shown.contains("it broke"));
    }

    #[test]
    fn a_string_that_never_ends_is_hidden_to_the_end_of_its_line() {
        assert_eq!(masked("{\"taskToken\": \"AQCE\n}"), "{\"taskToken\": \"****\n}");
    }
}
