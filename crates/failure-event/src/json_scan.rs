//! Ways through a JSON text that is known to be legal: past a string, past a value, over the escapes of a string.
//!
//! Loops here go by an index: the function is compiled for its size, and then nothing makes an iterator as quick.
//!
//! [`crate::json`] has checked the text once. After that a value is passed over by its quotes and brackets alone, without a tree,
//! a stack or a copy, so that what an object costs does not depend on what is in it.

mod escapes;

use memchr::memchr;

use crate::words::{WORD, bits, each, word_at};

pub use escapes::{LoneSurrogates, escapes_end, is_escaped, unescaped};

/// Where the blanks end that begin at `at`. Outside of its strings a legal text has no other byte as low as these.
#[must_use]
pub fn blanks_end(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).is_some_and(|byte| *byte <= b' ') {
        at += 1;
    }
    at
}

/// Where the string ends whose opening quote is at `start`: behind the first quote before which the backslashes are even in number.
#[must_use]
pub fn string_end(bytes: &[u8], start: usize) -> usize {
    match near_string_end(bytes, start + 1) {
        Ok(end) => end,
        Err(at) => far_string_end(bytes, at),
    }
}

/// Where a string ends that goes on at `at`, byte by byte; where it still goes on, when that is further away. Other escapes are passed
/// over by their two bytes: what follows `\u` is like any other text.
#[inline]
fn near_string_end(bytes: &[u8], mut at: usize) -> Result<usize, usize> {
    let near = &bytes[..bytes.len().min(at + SHORT_RUN)];
    while let Some(byte) = near.get(at) {
        if !ENDS_A_RUN[usize::from(*byte)] {
            at += 1;
        } else if *byte == b'\\' {
            at += 2;
        } else {
            return Ok(at + 1);
        }
    }
    Err(at)
}

/// Where a long string ends that goes on at `at`, a word at a time. Where quotes are far apart, from one to the next: then other escapes
/// cost nothing.
#[inline(never)]
fn far_string_end(bytes: &[u8], mut at: usize) -> usize {
    let (mut is_escaped, mut without_quotes) = (false, 0);
    while let Some(word) = word_at(bytes, at) {
        if without_quotes >= SHORT_RUN {
            let start = at + usize::from(is_escaped);
            let Some(distance) = memchr(b'"', &bytes[start..]) else { return bytes.len() };
            at = start + distance + 1;
            if !is_escaped_at(bytes, start, at - 1) {
                return at;
            }
            (is_escaped, without_quotes) = (false, 0);
            continue;
        }
        let (quotes, backslashes) = (bits(each(word, b'"')), bits(each(word, b'\\')));
        let (escaped, behind) = ESCAPED[usize::from(is_escaped)][usize::from(backslashes)];
        let closing = quotes & !escaped;
        if closing != 0 {
            return at + closing.trailing_zeros() as usize + 1;
        }
        is_escaped = behind;
        at += WORD;
        without_quotes = if quotes == 0 { without_quotes + WORD } else { 0 };
    }
    near_string_end(bytes, at + usize::from(is_escaped)).unwrap_or(bytes.len())
}

/// By whether the first byte of a word is escaped, and by which are backslashes: which are escaped, and whether the byte behind is.
const ESCAPED: [[(u8, bool); 256]; 2] = {
    let mut table = [[(0, false); 256]; 2];
    let mut index = 0;
    while index < 512 {
        let (first_is_escaped, backslashes) = (index / 256, index % 256);
        let (mut escaped, mut is_escaped, mut byte) = (0, first_is_escaped == 1, 0);
        while byte < WORD {
            escaped |= (is_escaped as u8) << byte;
            is_escaped = !is_escaped && backslashes >> byte & 1 == 1;
            byte += 1;
        }
        table[first_is_escaped][backslashes] = (escaped, is_escaped);
        index += 1;
    }
    table
};

/// Most runs without a quote are shorter than it takes to begin a search with vectors.
const SHORT_RUN: usize = 4 * WORD;

/// Whether a byte of a string is no plain one.
const ENDS_A_RUN: [bool; 256] = {
    let mut table = [false; 256];
    table[b'"' as usize] = true;
    table[b'\\' as usize] = true;
    table
};

/// Whether the byte at `at` is escaped, in a text that goes on at `start`, where no escape does.
fn is_escaped_at(bytes: &[u8], start: usize, at: usize) -> bool {
    let mut run_start = at;
    while run_start > start && bytes[run_start - 1] == b'\\' {
        run_start -= 1;
    }
    (at - run_start) % 2 == 1
}

/// Where the value ends that begins at `start`.
#[inline]
#[must_use]
pub fn value_end(bytes: &[u8], start: usize) -> usize {
    match bytes.get(start) {
        Some(b'"') => string_end(bytes, start),
        Some(b'{' | b'[') => nested_end(bytes, start),
        _ => scalar_end(bytes, start),
    }
}

/// In a legal text brackets match, so that counting them is enough. Those of lists differ from those of objects in one bit.
#[inline(never)]
fn nested_end(bytes: &[u8], start: usize) -> usize {
    const OF_OBJECTS: u8 = b'{' ^ b'[';
    let (mut depth, mut at) = (0usize, start);
    while let Some(byte) = bytes.get(at) {
        if !NESTS[usize::from(*byte)] {
            at += 1;
            continue;
        }
        match byte | OF_OBJECTS {
            b'"' => {
                at = string_end(bytes, at);
                continue;
            }
            b'{' => depth += 1,
            b'}' => {
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

/// Whether a byte outside of strings begins one, or begins or ends a list or an object.
const NESTS: [bool; 256] = {
    let mut table = [false; 256];
    table[b'"' as usize] = true;
    table[b'{' as usize] = true;
    table[b'}' as usize] = true;
    table[b'[' as usize] = true;
    table[b']' as usize] = true;
    table
};

fn scalar_end(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).is_some_and(|byte| !matches!(byte, 0..=b' ' | b',' | b']' | b'}')) {
        at += 1;
    }
    at.min(bytes.len())
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
            None | Some(0..=b' ') => return at.min(bytes.len()),
            Some(b'"') => at = string_end(bytes, at),
            Some(_) => at += 1,
        }
    }
}

/// FNV-1a: for names, which are short. <http://www.isthe.com/chongo/tech/comp/fnv/>
#[must_use]
pub fn fnv1a(text: &str) -> u32 {
    text.bytes().fold(FNV_OFFSET, fnv1a_step)
}

/// [`fnv1a`] of a text that stands in a JSON string as it is; `None` of one with quotes or backslashes.
#[must_use]
pub fn fnv1a_of_plain(text: &str) -> Option<u32> {
    text.bytes()
        .try_fold(FNV_OFFSET, |hash, byte| (!ENDS_A_RUN[usize::from(byte)]).then(|| fnv1a_step(hash, byte)))
}

const FNV_OFFSET: u32 = 0x811c_9dc5;

fn fnv1a_step(hash: u32, byte: u8) -> u32 {
    (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts that are put together from `units`, the same ones each time.
    pub(super) fn texts_of(units: &[&str], count: usize) -> impl Iterator<Item = String> {
        let mut state = 1u64;
        // <https://prng.di.unimi.it/splitmix64.c>
        let mut below = move |limit: usize| {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            usize::try_from((mixed >> 33) % limit as u64).unwrap()
        };
        let longest = 40;
        (0..count).map(move |_| (0..below(longest)).map(|_| units[below(units.len())]).collect())
    }

    /// Where a string ends, byte by byte.
    fn string_end_by_bytes(bytes: &[u8], start: usize) -> usize {
        let mut at = start + 1;
        while bytes[at] != b'"' {
            at += if bytes[at] == b'\\' { 2 } else { 1 };
        }
        at + 1
    }

    /// The inside of legal strings.
    fn insides() -> impl Iterator<Item = String> {
        texts_of(
            &[
                "\\\\",
                "\\\"",
                "\\n",
                "\\u0041",
                "x",
                "é",
                "#",
                "{",
                "]",
                "text that is longer than words are",
            ],
            4_000,
        )
    }

    #[test]
    fn a_string_ends_at_the_first_quote_that_is_not_escaped() {
        for inside in insides() {
            for behind in ["", "\"", ",\"\\\"\"", "}}}}}}}}"] {
                let text = format!("[\"{inside}\"{behind}");
                let end = string_end(text.as_bytes(), 1);
                assert_eq!(end, inside.len() + 3, "{text}");
                assert_eq!(end, string_end_by_bytes(text.as_bytes(), 1));
            }
        }
    }

    #[test]
    fn a_string_that_breaks_off_ends_with_its_text() {
        for text in ["\"", "\"a", "\"\\", "\"\\\"", "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\\\""] {
            assert_eq!(string_end(text.as_bytes(), 0), text.len());
        }
    }

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
    fn a_value_ends_where_serde_json_sees_its_end() {
        for (index, inside) in insides().enumerate() {
            let value = match index % 4 {
                0 => format!("[\"{inside}\",[{{}}],1e9,null , true]"),
                1 => format!("{{\"{inside}\":\"{inside}\" , \"\":[] }}"),
                2 => format!("[[[\"{inside}\"]],{{\"a\":{{\"{inside}\":-1}}}}]"),
                _ => format!("\"{inside}\""),
            };
            let text = format!("{value} [\"{inside}\"");
            let mut values = serde_json::Deserializer::from_str(&text).into_iter::<serde::de::IgnoredAny>();
            assert!(values.next().is_some_and(|value| value.is_ok()), "{text}");
            assert_eq!(value_end(text.as_bytes(), 0), values.byte_offset(), "{text}");
        }
    }

    #[test]
    fn blanks_in_strings_stay() {
        assert_eq!(compacted("{ \"a b\" :\t[ 1 , \"\\\" \" ]\n}"), r#"{"a b":[1,"\" "]}"#);
    }
}
