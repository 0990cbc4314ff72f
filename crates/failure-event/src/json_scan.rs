//! Ways through a JSON text that is known to be legal: past a string, past a value, over the escapes of a string.
//!
//! Loops here go by an index: the function is compiled for its size, and then nothing makes an iterator as quick.
//!
//! [`crate::json`] has checked the text once. After that a value is passed over by its quotes and brackets alone, without a tree,
//! a stack or a copy, so that what an object costs does not depend on what is in it.

use memchr::{memchr, memchr2};

/// Where the blanks end that begin at `at`.
#[must_use]
pub fn blanks_end(bytes: &[u8], mut at: usize) -> usize {
    while matches!(bytes.get(at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
        at += 1;
    }
    at
}

/// Where the string ends whose opening quote is at `start`: behind its closing quote.
#[must_use]
pub fn string_end(bytes: &[u8], start: usize) -> usize {
    let (mut at, mut search_from) = (start + 1, start + 1 + SHORT_RUN);
    while at < bytes.len() {
        match bytes[at] {
            b'"' => return at + 1,
            b'\\' => {
                at += 2;
                search_from = at + SHORT_RUN;
            }
            _ if at < search_from => at += 1,
            _ => match memchr2(b'"', b'\\', &bytes[at..]) {
                Some(distance) => at += distance,
                None => return bytes.len(),
            },
        }
    }
    bytes.len()
}

/// Most runs without a quote or an escape are shorter than it takes to begin a search with vectors.
const SHORT_RUN: usize = 24;

/// Where the value ends that begins at `start`.
#[must_use]
pub fn value_end(bytes: &[u8], start: usize) -> usize {
    match bytes.get(start) {
        Some(b'"') => string_end(bytes, start),
        Some(b'{' | b'[') => nested_end(bytes, start),
        _ => scalar_end(bytes, start),
    }
}

/// In a legal text brackets match, so that counting them is enough.
fn nested_end(bytes: &[u8], start: usize) -> usize {
    let (mut depth, mut at) = (0usize, start);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at = string_end(bytes, at);
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

fn scalar_end(bytes: &[u8], start: usize) -> usize {
    let is_end = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r');
    bytes[start.min(bytes.len())..].iter().position(is_end).map_or(bytes.len(), |length| start + length)
}

/// The same JSON text without the blanks between its tokens.
#[must_use]
pub fn compacted(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len());
    let mut at = blanks_end(bytes, 0);
    while at < bytes.len() {
        let end = tokens_end(bytes, at);
        out.push_str(&text[at..end]);
        at = blanks_end(bytes, end);
    }
    out
}

/// Where the next blank is that is in no string.
fn tokens_end(bytes: &[u8], mut at: usize) -> usize {
    loop {
        match bytes.get(at) {
            None | Some(b' ' | b'\t' | b'\n' | b'\r') => return at.min(bytes.len()),
            Some(b'"') => at = string_end(bytes, at),
            Some(_) => at += 1,
        }
    }
}

/// Whether a string's inside has escapes.
#[must_use]
pub fn is_escaped(raw: &str) -> bool {
    run_end(raw.as_bytes(), 0) < raw.len()
}

/// Where a string's inside can be cut from `length` bytes on: in no escape, pair of surrogates or character.
#[must_use]
pub fn escapes_end(raw: &str, length: usize) -> usize {
    let bytes = raw.as_bytes();
    let mut at = 0;
    while at < length.min(bytes.len()) {
        at += match (bytes[at], bytes.get(at + 1)) {
            (b'\\', Some(b'u')) => unicode_escape(&bytes[at..]).1,
            (b'\\', _) => 2,
            _ => 1,
        };
    }
    (at.min(bytes.len())..=bytes.len()).find(|end| raw.is_char_boundary(*end)).unwrap_or(bytes.len())
}

/// What becomes of an escaped surrogate that has no pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoneSurrogates {
    /// U+FFFD, as in any text.
    Replaced,
    /// Its escape stays.
    Kept,
}

/// The characters of a legal string's inside, and whether there was a surrogate without its pair.
#[must_use]
pub fn unescaped(raw: &str, lone_surrogates: LoneSurrogates) -> (String, bool) {
    let bytes = raw.as_bytes();
    // Characters are never longer than their escapes.
    let mut out = Vec::with_capacity(bytes.len());
    let (mut at, mut has_lone_surrogate) = (0, false);
    while at < bytes.len() {
        let run_end = run_end(bytes, at);
        out.extend_from_slice(&bytes[at..run_end]);
        at = run_end;
        while at + 1 < bytes.len() && bytes[at] == b'\\' {
            let simple = match bytes[at + 1] {
                b'u' => 0,
                b'b' => 8,
                b'f' => 12,
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                other => other,
            };
            if simple != 0 {
                out.push(simple);
                at += 2;
                continue;
            }
            let (character, length) = unicode_escape(&bytes[at..]);
            match (character, lone_surrogates) {
                (Some(character), _) => {
                    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                }
                (None, LoneSurrogates::Replaced) => out.extend_from_slice("\u{fffd}".as_bytes()),
                (None, LoneSurrogates::Kept) => {
                    out.extend(bytes[at..bytes.len().min(at + length)].to_ascii_lowercase());
                }
            }
            has_lone_surrogate |= character.is_none();
            at += length;
        }
    }
    // Whole characters were put together, so this replaces nothing.
    let text =
        String::from_utf8(out).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    (text, has_lone_surrogate)
}

/// Where the next backslash is.
fn run_end(bytes: &[u8], start: usize) -> usize {
    let (mut at, short) = (start, bytes.len().min(start + SHORT_RUN));
    while at < short {
        if bytes[at] == b'\\' {
            return at;
        }
        at += 1;
    }
    memchr(b'\\', &bytes[at..]).map_or(bytes.len(), |length| at + length)
}

/// The character of `\uXXXX`, or of a pair of them, and the length of the escape; `None` for a surrogate without its pair.
fn unicode_escape(bytes: &[u8]) -> (Option<char>, usize) {
    let unit = hex_unit(bytes, 2);
    if let Some(character) = char::from_u32(u32::from(unit)) {
        return (Some(character), 6);
    }
    if (0xd800..=0xdbff).contains(&unit)
        && bytes.get(6..8) == Some(b"\\u")
        && let Some(Ok(character)) = char::decode_utf16([unit, hex_unit(bytes, 8)]).next()
    {
        return (Some(character), 12);
    }
    (None, 6)
}

/// The four hex digits from `at` on.
fn hex_unit(bytes: &[u8], at: usize) -> u16 {
    let (mut unit, mut at, end) = (0, at, bytes.len().min(at + 4));
    while at < end {
        let value = match bytes[at] {
            digit @ b'0'..=b'9' => digit - b'0',
            letter => (letter | 0x20).wrapping_sub(b'a').wrapping_add(10),
        };
        unit = (unit << 4) | u16::from(value);
        at += 1;
    }
    unit
}

/// FNV-1a: for names, which are short. <http://www.isthe.com/chongo/tech/comp/fnv/>
#[must_use]
pub fn fnv1a(text: &str) -> u32 {
    let (bytes, mut hash, mut at) = (text.as_bytes(), 0x811c_9dc5_u32, 0);
    while at < bytes.len() {
        hash = (hash ^ u32::from(bytes[at])).wrapping_mul(0x0100_0193);
        at += 1;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_ends_where_its_last_bracket_or_quote_is() {
        for value in
            [r#""a\"b\\""#, r#"{"a":"}","b":[{}]}"#, "[[[1]],\"]\"]", "-1.5e9", "null", r#""\\\\\"""#]
        {
            for behind in ["", ",1", "]", " }"] {
                let text = format!("{value}{behind}");
                assert_eq!(value_end(text.as_bytes(), 0), value.len(), "{text}");
            }
        }
    }

    #[test]
    fn every_escape_is_read_as_serde_json_reads_it() {
        for raw in [
            r"plain",
            r#"\"\\\/\b\f\n\r\t"#,
            r"A\u00e9\uD83d\ude00",
            r"x\u0000y",
            "é\\u0041😀\\\\",
            "\\\\\\\\",
        ] {
            let expected = serde_json::from_str::<String>(&format!("\"{raw}\"")).unwrap();
            assert_eq!(unescaped(raw, LoneSurrogates::Replaced), (expected, false));
        }
    }

    #[test]
    fn a_surrogate_without_its_pair_is_told() {
        let raw = r"\ud800\ud83d\ude00\uDC00\ud800A";
        assert_eq!(
            unescaped(raw, LoneSurrogates::Replaced),
            ("\u{fffd}😀\u{fffd}\u{fffd}A".to_owned(), true)
        );
        assert_eq!(unescaped(raw, LoneSurrogates::Kept), (r"\ud800😀\udc00\ud800A".to_owned(), true));
    }

    #[test]
    fn blanks_in_strings_stay() {
        assert_eq!(compacted("{ \"a b\" :\t[ 1 , \"\\\" \" ]\n}"), r#"{"a b":[1,"\" "]}"#);
    }
}
