//! Hiding secrets in texts that others wrote: lost texts, services' messages, ids.
//!
//! A secret may stand there as it is or in any form that JSON gives it: with escaped slashes, in `\u` escapes, in JSON inside a
//! string inside JSON. So a text is read as the characters that it stands for once every level of escapes is undone, each of which
//! knows the part of the text that it came from. What is found among the characters is hidden in the text.
//!
//! Every step passes over the text once, for each level of escapes: callers hand over bounded texts, and a hostile one
//! costs no more than another.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

use crate::secret_names::SecretNames;

/// What stands where a secret was.
pub const REDACTED: &str = "[redacted]";

/// A name is looked at as far as this many characters before its end: a token is one long word, too.
const NAME_MAX: usize = 64;

/// A text as the characters that it stands for.
pub struct Characters<'t> {
    text: &'t str,
    read: Vec<Character>,
    is_hidden: Vec<bool>,
}

#[derive(Clone, Copy)]
struct Character {
    value: char,
    /// Where it begins in the text; it ends where the next one begins.
    start: u32,
    /// How many levels of escapes were around it.
    depth: u8,
}

impl<'t> Characters<'t> {
    /// Undoes every level of escapes. Of a text over 4 GiB only the start is seen, and the rest is hidden.
    #[must_use]
    pub fn of(text: &'t str) -> Self {
        let plain = text.char_indices().map_while(|(start, value)| {
            Some(Character { value, start: u32::try_from(start).ok()?, depth: 0 })
        });
        let mut characters: Vec<Character> = plain.collect();
        // A level more takes twice as many backslashes, so there are few.
        while let Some(fewer) = without_one_level(&characters) {
            characters = fewer;
        }
        let is_hidden = vec![false; characters.len()];
        Self { text, read: characters, is_hidden }
    }

    /// The characters themselves.
    #[must_use]
    pub fn values(&self) -> Vec<char> {
        self.read.iter().map(|character| character.value).collect()
    }

    /// Hides every run of at least `run_min` characters that the text shares with `secret`.
    pub fn hide_shared_runs(&mut self, secret: &[char], run_min: usize) {
        let window = run_min.min(secret.len()).max(1);
        let values = self.values();
        // The text is bounded and the secret may not be: what is kept is of the text.
        let of_text: Runs = run_hashes(&values, window).collect();
        let shared: Runs = run_hashes(secret, window).filter(|hash| of_text.contains(hash)).collect();
        for (start, hash) in run_hashes(&values, window).enumerate() {
            if shared.contains(&hash) {
                self.is_hidden[start..start + window].fill(true);
            }
        }
    }

    /// Hides `secret` where it stands as a word of its own.
    pub fn hide_word(&mut self, secret: &[char]) {
        let values = self.values();
        let is_edge = |neighbour: Option<&char>| !neighbour.is_some_and(|letter| letter.is_alphanumeric());
        for (start, found) in values.windows(secret.len().max(1)).enumerate() {
            let end = start + found.len();
            let before = start.checked_sub(1).and_then(|before| values.get(before));
            if found == secret && is_edge(before) && is_edge(values.get(end)) {
                self.is_hidden[start..end].fill(true);
            }
        }
    }

    /// Hides what stands under the name of a secret: as a member, as the `value` beside a `name`, or in a command line.
    pub fn hide_named(&mut self, names: &SecretNames) {
        let mut objects = vec![Variable::default()];
        let mut at = 0;
        while at < self.read.len() {
            match self.read[at].value {
                '{' => objects.push(Variable::default()),
                '}' if objects.len() > 1 => drop(objects.pop()),
                letter if is_of_name(letter) => {
                    let end = self.end_of(at, is_of_name);
                    let variable = objects.last_mut().filter(|variable| !variable.is_done);
                    at = self.hide_by_name(Word { start: at, end }, names, variable);
                    continue;
                }
                _ => {}
            }
            at += 1;
        }
    }

    /// Reads on after a word that may be a name, and returns where.
    fn hide_by_name(&mut self, word: Word, names: &SecretNames, variable: Option<&mut Variable>) -> usize {
        let name = self.text_of(word);
        let member = self.member_value(word);
        if let (Some(value), Some(variable)) = (member, variable) {
            if name.eq_ignore_ascii_case("value") {
                variable.value = Some(value);
            } else if name.eq_ignore_ascii_case("name") {
                let inside = value + usize::from(self.is_quote(value));
                let inner = Word { start: inside, end: self.end_of(inside, is_of_name) };
                variable.is_secret = names.contains(&self.text_of(inner));
            }
            if let (true, Some(value)) = (variable.is_secret, variable.value) {
                variable.is_done = true;
                let end = self.hide_value(value);
                return end.max(word.end);
            }
        }
        if !names.contains(&name) {
            return word.end;
        }
        let argument = || self.argument(word);
        member.or_else(argument).map_or(word.end, |value| self.hide_value(value).max(word.end))
    }

    /// Where the value begins of a member with this name: `"name": …`.
    fn member_value(&self, name: Word) -> Option<usize> {
        let is_quoted = name.start > 0 && self.is_quote(name.start - 1) && self.is_quote(name.end);
        let colon = self.end_of(name.end + 1, char::is_whitespace);
        (is_quoted && self.is(colon, ':')).then(|| self.end_of(colon + 1, char::is_whitespace))
    }

    /// Where the value begins of `NAME=…`, `--NAME …`, or of a list's `"--NAME", …`.
    fn argument(&self, name: Word) -> Option<usize> {
        let is_option = self.is(name.start, '-');
        let behind = name.end + usize::from(self.is_quote(name.end));
        let next = self.end_of(behind, char::is_whitespace);
        if self.is(next, '=') {
            return Some(next + 1);
        }
        if is_option && self.is(next, ',') {
            return Some(self.end_of(next + 1, char::is_whitespace));
        }
        (is_option && next > behind).then_some(next)
    }

    /// Hides the value that begins there, without its quotes, and returns where it ends. A text that breaks off ends it.
    fn hide_value(&mut self, start: usize) -> usize {
        let Some(first) = self.read.get(start).copied() else { return start };
        if self.is_hidden[start] {
            return start;
        }
        let (inside, end) = match first.value {
            '"' | '\'' => {
                let is_closing = |other: &Character| other.value == first.value && other.depth <= first.depth;
                let length = self.read[start + 1..].iter().position(is_closing);
                (start + 1, length.map_or(self.read.len(), |length| start + 1 + length))
            }
            '{' | '[' => (start, self.end_of_brackets(start)),
            _ => (start, self.end_of(start, is_of_argument)),
        };
        if self.text_of(Word { start: inside, end: end.min(inside + 5) }) != "null" {
            self.is_hidden[inside..end].fill(true);
        }
        end
    }

    fn end_of_brackets(&self, start: usize) -> usize {
        let mut depth = 0usize;
        for (index, character) in self.read.iter().enumerate().skip(start) {
            match character.value {
                '{' | '[' => depth += 1,
                '}' | ']' if depth == 1 => return index + 1,
                '}' | ']' => depth -= 1,
                _ => {}
            }
        }
        self.read.len()
    }

    /// Where the characters end that begin at `start` and are all such.
    fn end_of(&self, start: usize, is_such: impl Fn(char) -> bool) -> usize {
        let rest = self.read.get(start..).unwrap_or_default();
        start + rest.iter().take_while(|character| is_such(character.value)).count()
    }

    fn is(&self, at: usize, value: char) -> bool {
        self.read.get(at).is_some_and(|character| character.value == value)
    }

    fn is_quote(&self, at: usize) -> bool {
        self.is(at, '"') || self.is(at, '\'')
    }

    /// The end of a word, which is where a name tells what it is.
    fn text_of(&self, word: Word) -> String {
        let start = word.start.max(word.end.saturating_sub(NAME_MAX));
        self.read.get(start..word.end).unwrap_or_default().iter().map(|character| character.value).collect()
    }

    /// The text, each hidden part of it replaced; `None` where nothing was hidden.
    #[must_use]
    pub fn shown(&self) -> Option<String> {
        if !self.is_hidden.contains(&true) {
            return None;
        }
        let mut out = String::with_capacity(self.text.len());
        for (index, character) in self.read.iter().enumerate() {
            let end = self.read.get(index + 1).map_or(self.text.len(), |next| next.start as usize);
            if !self.is_hidden[index] {
                out.push_str(&self.text[character.start as usize..end]);
            } else if index == 0 || !self.is_hidden[index - 1] {
                out.push_str(REDACTED);
            }
        }
        Some(out)
    }
}

/// Runs of characters by their hashes. Two that share one by chance hide a run too many, which gives nothing away.
type Runs = HashSet<u64, BuildHasherDefault<AlreadyHashed>>;

/// Takes the hash of a run as it is, but for its low bits, which chosen characters could make equal.
#[derive(Default)]
struct AlreadyHashed(u64);

impl Hasher for AlreadyHashed {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(self.0.rotate_left(8) ^ u64::from(*byte));
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash ^ (hash >> 32);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// The hash of every run of `length` characters, each in two steps from the one before: a polynomial modulo 2⁶⁴.
fn run_hashes(characters: &[char], length: usize) -> impl Iterator<Item = u64> {
    const BASE: u64 = 0x9e37_79b9_7f4a_7c15;
    let next = |hash: u64, letter: char| hash.wrapping_mul(BASE).wrapping_add(u64::from(letter) + 1);
    let leaving = (0..length).fold(1u64, |power, _| power.wrapping_mul(BASE));
    let first = characters.get(..length).map(|run| run.iter().fold(0, |hash, letter| next(hash, *letter)));
    let mut moved = first.unwrap_or_default();
    let rest = characters.iter().zip(characters.iter().skip(length)).map(move |(left, entered)| {
        moved = next(moved, *entered).wrapping_sub((u64::from(*left) + 1).wrapping_mul(leaving));
        moved
    });
    first.into_iter().chain(rest)
}

/// The characters from `start` up to `end`.
#[derive(Clone, Copy)]
struct Word {
    start: usize,
    end: usize,
}

/// An object that may be a variable: `{"name": …, "value": …}`, in either order.
#[derive(Default)]
struct Variable {
    is_secret: bool,
    /// Where its value begins.
    value: Option<usize>,
    is_done: bool,
}

fn is_of_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_')
}

/// Whether a value without quotes goes on.
fn is_of_argument(letter: char) -> bool {
    !letter.is_whitespace() && !matches!(letter, '"' | '\'' | ',' | ']' | '}')
}

/// The characters that stand there when one level of escapes is undone; `None` where there are no escapes.
fn without_one_level(escaped: &[Character]) -> Option<Vec<Character>> {
    if !escaped
        .iter()
        .zip(escaped.iter().skip(1))
        .any(|(first, second)| first.value == '\\' && is_escape(second.value))
    {
        return None;
    }
    let mut plain = Vec::with_capacity(escaped.len());
    let mut rest = escaped;
    while let Some(first) = rest.first() {
        let (value, length) = unescaped(rest).unwrap_or((first.value, 1));
        let depth = if length > 1 { rest[length - 1].depth.saturating_add(1) } else { first.depth };
        plain.push(Character { value, start: first.start, depth });
        rest = &rest[length..];
    }
    (plain.len() < escaped.len()).then_some(plain)
}

fn is_escape(letter: char) -> bool {
    matches!(letter, '"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't' | 'u')
}

/// The character that an escape at the very start stands for, and how many characters the escape has.
fn unescaped(escaped: &[Character]) -> Option<(char, usize)> {
    if escaped.first()?.value != '\\' {
        return None;
    }
    Some(match escaped.get(1)?.value {
        letter @ ('"' | '\\' | '/') => (letter, 2),
        'b' => ('\u{8}', 2),
        'f' => ('\u{c}', 2),
        'n' => ('\n', 2),
        'r' => ('\r', 2),
        't' => ('\t', 2),
        'u' => return unicode_escape(escaped),
        _ => return None,
    })
}

fn unicode_escape(escaped: &[Character]) -> Option<(char, usize)> {
    let unit = hex_unit(escaped)?;
    if let Some(value) = char::from_u32(u32::from(unit)) {
        return Some((value, 6));
    }
    let low = escaped
        .get(6..)
        .filter(|next| next.first().is_some_and(|next| next.value == '\\'))
        .and_then(hex_unit);
    match char::decode_utf16([unit, low.unwrap_or_default()]).next() {
        Some(Ok(value)) => Some((value, 12)),
        _ => Some((char::REPLACEMENT_CHARACTER, 6)),
    }
}

/// The unit of `\uXXXX`.
fn hex_unit(escaped: &[Character]) -> Option<u16> {
    let digits = escaped.get(1..6).filter(|digits| digits[0].value == 'u')?;
    digits[1..]
        .iter()
        .try_fold(0u16, |unit, digit| Some((unit << 4) | u16::try_from(digit.value.to_digit(16)?).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hidden(text: &str) -> String {
        let names = SecretNames::with(&["My_Handle".to_owned()]);
        let mut characters = Characters::of(text);
        characters.hide_named(&names);
        characters.shown().unwrap_or_else(|| text.to_owned())
    }

    /// `text` as a JSON string inside of `levels` JSON strings.
    fn quoted_in(levels: usize, text: &str) -> String {
        (0..levels).fold(text.to_owned(), |text, _| crate::json::quoted(&text))
    }

    #[test]
    fn a_member_with_the_name_of_a_secret_is_hidden_at_any_depth_of_strings() {
        let json = r#"{"a":1,"taskToken" : "AQC\"/x","b":"seen","TASK-TOKEN":"x","myHandle":"h","secretAccessKey":"wJalr\/K7MD"}"#;
        for levels in 0..5 {
            let shown = hidden(&quoted_in(levels, json));
            for part in ["AQC", "\"x\"", "\"h\"", "wJalr", "K7MD"] {
                assert!(!shown.contains(part), "{part} at {levels}: {shown}");
            }
            assert!(shown.contains("seen") && shown.matches(REDACTED).count() == 4, "{levels}: {shown}");
        }
        assert_eq!(hidden(r#"{"taskToken":"t","b":[1]}"#), r#"{"taskToken":"[redacted]","b":[1]}"#);
    }

    #[test]
    fn names_and_values_in_escapes_are_read() {
        for text in [
            r#"{"task\u0054oken":"\u0041QC"}"#,
            r#"{\"task\u0054oken\":\"\u0041QC\"}"#,
            r"\u0022taskToken\u0022:\u0022AQC\u0022",
            r#"{\\\"taskToken\\\":\\\"\\u0041QC\\\"}"#,
        ] {
            let shown = hidden(text);
            assert!(shown.contains(REDACTED) && !shown.contains("QC"), "{shown}");
        }
    }

    #[test]
    fn the_value_beside_a_secrets_name_is_hidden_in_either_order() {
        for text in [
            r#"[{"name":"TASK_TOKEN","value":"hush"},{"name":"PATH","value":"/bin"}]"#,
            r#"[{"value":"hush","name":"TASK_TOKEN"},{"value":"/bin","name":"PATH"}]"#,
            r#"[{"name":"my-handle","type":"PLAINTEXT","value":"hush"},{"Value":"/bin","Name":"PATH"}]"#,
            r#"[{\"Name\":\"swf_task_token\",\"Value\":\"hush\"},{\"name\":\"PATH\",\"value\":\"/bin\"}]"#,
        ] {
            let shown = hidden(text);
            assert!(shown.contains("/bin") && !shown.contains("hush"), "{shown}");
        }
    }

    #[test]
    fn the_value_of_an_option_is_hidden_in_command_lines_and_lists_of_words() {
        for text in [
            "worker --task-token hush --verbose",
            "worker --taskToken=hush --verbose",
            "worker --taskToken='hush' --verbose",
            "worker TASK_TOKEN=hush --verbose",
            r#"["worker","--task-token","hush","--verbose"]"#,
            r#"["worker", "--task-token" , "hush", "--verbose"]"#,
            r#"["worker","--taskToken=hush","--verbose"]"#,
            r#"{\"cmd\":[\"--task-token\",\"hush\"],\"x\":\"--verbose\"}"#,
            "[worker, --task-token, hush, --verbose]",
        ] {
            let shown = hidden(text);
            assert!(
                shown.contains("--verbose") && !shown.contains("hush") && shown.contains(REDACTED),
                "{shown}"
            );
        }
    }

    #[test]
    fn a_text_that_breaks_off_is_hidden_to_its_end() {
        for text in
            [r#"{"taskToken":"hush… [truncated]"#, r#"{"taskToken":["hush","#, r#"{"taskToken":{"a":"hush"#]
        {
            assert!(!hidden(text).contains("hush"), "{}", hidden(text));
        }
    }

    #[test]
    fn other_text_is_shown_as_it_is() {
        for text in [
            "target.taskToken: is missing",
            r"C:\temp\new \u12 is no \x escape \",
            r#"{"jobId":"j","name":"PATH","value":"/bin"}"#,
            r#"{"taskToken":null}"#,
            "Value at 'taskToken' failed to satisfy constraint",
            "",
        ] {
            assert_eq!(hidden(text), text);
        }
    }
}
