//! Ways through a JSON text that is known to be legal: past a string, past a value, over the escapes of a string.
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
    let mut at = start + 1;
    loop {
        match bytes.get(at) {
            None => return bytes.len(),
            Some(b'"') => return at + 1,
            Some(b'\\') => at += 2,
            Some(_) => match memchr2(b'"', b'\\', &bytes[at..]) {
                Some(distance) => at += distance,
                None => return bytes.len(),
            },
        }
    }
}

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
    memchr(b'\\', raw.as_bytes()).is_some()
}

/// A piece of a string's inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Escape<'a> {
    /// Characters as they are.
    Text(&'a str),
    /// What an escape stands for, or the two of a pair of surrogates.
    Character(char),
    /// An escaped surrogate without its pair.
    LoneSurrogate(u16),
}

/// The pieces of a legal string's inside, in their order.
pub fn escapes_and_texts(raw: &str) -> impl Iterator<Item = Escape<'_>> {
    let mut rest = raw;
    std::iter::from_fn(move || {
        let (piece, after) = first_piece(rest)?;
        rest = after;
        Some(piece)
    })
}

fn first_piece(raw: &str) -> Option<(Escape<'_>, &str)> {
    let Some(escape) = raw.strip_prefix('\\') else {
        let end = memchr(b'\\', raw.as_bytes()).unwrap_or(raw.len());
        return (end > 0).then(|| (Escape::Text(&raw[..end]), &raw[end..]));
    };
    let character = match escape.as_bytes().first()? {
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return Some(unicode_escape(escape)),
        other => char::from(*other),
    };
    Some((Escape::Character(character), escape.get(1..)?))
}

/// `escape` begins with the `u`.
fn unicode_escape(escape: &str) -> (Escape<'_>, &str) {
    let (unit, rest) = hex_unit(escape);
    if let Some(character) = char::from_u32(u32::from(unit)) {
        return (Escape::Character(character), rest);
    }
    if let (0xd800..=0xdbff, Some(second)) =
        (unit, rest.strip_prefix("\\").filter(|rest| rest.starts_with('u')))
    {
        let (low, after) = hex_unit(second);
        if let Some(Ok(character)) = char::decode_utf16([unit, low]).next() {
            return (Escape::Character(character), after);
        }
    }
    (Escape::LoneSurrogate(unit), rest)
}

/// The four digits after the `u`, and what follows.
fn hex_unit(escape: &str) -> (u16, &str) {
    let digits = escape.get(1..5).unwrap_or_default();
    (u16::from_str_radix(digits, 16).unwrap_or(0xfffd), escape.get(5..).unwrap_or_default())
}

/// FNV-1a: for names, which are short. <http://www.isthe.com/chongo/tech/comp/fnv/>
#[must_use]
pub fn fnv1a(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
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
        for raw in [r"plain", r#"\"\\\/\b\f\n\r\t"#, r"A\u00e9\ud83d\ude00", r"x\u0000y", "é\\u0041😀"] {
            let read: String = escapes_and_texts(raw)
                .map(|piece| match piece {
                    Escape::Text(text) => text.to_owned(),
                    Escape::Character(character) => character.to_string(),
                    Escape::LoneSurrogate(_) => unreachable!(),
                })
                .collect();
            assert_eq!(read, serde_json::from_str::<String>(&format!("\"{raw}\"")).unwrap());
        }
    }

    #[test]
    fn a_surrogate_without_its_pair_is_told() {
        let pieces: Vec<_> = escapes_and_texts(r"\ud800\ud83d\ude00\udc00\ud800A").collect();
        let expected = [
            Escape::LoneSurrogate(0xd800),
            Escape::Character('😀'),
            Escape::LoneSurrogate(0xdc00),
            Escape::LoneSurrogate(0xd800),
            Escape::Text("A"),
        ];
        assert_eq!(pieces, expected);
    }

    #[test]
    fn blanks_in_strings_stay() {
        assert_eq!(compacted("{ \"a b\" :\t[ 1 , \"\\\" \" ]\n}"), r#"{"a b":[1,"\" "]}"#);
    }
}
