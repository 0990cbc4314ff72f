//! The characters that a string's inside stands for.

use super::ESCAPED;
use crate::words::{WORD, bits, each, position_in, position_of, word_at};

/// Whether a string's inside has escapes.
#[must_use]
pub fn is_escaped(raw: &str) -> bool {
    position_of(b'\\', raw.as_bytes(), 0) < raw.len()
}

/// Where a string's inside can be cut from `length` bytes on: in no escape, pair of surrogates or character.
#[must_use]
pub fn escapes_end(raw: &str, length: usize) -> usize {
    let bytes = raw.as_bytes();
    let length = length.min(bytes.len());
    let mut at = 0;
    while at < length {
        at = position_of(b'\\', bytes, at);
        if at >= length {
            at = length;
        } else if bytes.get(at + 1) == Some(&b'u') {
            at += unicode_escape(&bytes[at..]).1;
        } else {
            at += 2;
        }
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
    // Characters are never longer than their escapes; a word is written before it is cut. What is never written takes no memory.
    let mut out = Vec::with_capacity(bytes.len() + WORD);
    let (mut at, mut has_lone_surrogate) = (0, false);
    while let Some(byte) = bytes.get(at) {
        if *byte != b'\\' {
            at = copy_run(bytes, at, &mut out);
            continue;
        }
        let escaped = bytes.get(at + 1).copied().unwrap_or_default();
        if matches!(escaped, b'"' | b'/') && bytes.get(at + 2) != Some(&b'\\') {
            // It stands for itself, and is copied with what follows.
            at = copy_run(bytes, at + 1, &mut out);
            continue;
        }
        if bytes.get(at + 6) == Some(&b'\\')
            && let Some(characters) = word_at(bytes, at).and_then(four_simple_escapes)
        {
            out.extend_from_slice(&characters);
            at += WORD;
            continue;
        }
        if escaped != b'u' {
            out.push(SIMPLE_ESCAPES[usize::from(escaped)]);
            at += 2;
            continue;
        }
        let (character, escape) = unicode_escape(&bytes[at..]);
        match character {
            None if lone_surrogates == LoneSurrogates::Kept => {
                out.extend(bytes[at..bytes.len().min(at + escape)].iter().map(u8::to_ascii_lowercase));
            }
            None => out.extend_from_slice(REPLACEMENT),
            Some(character) => match u8::try_from(character) {
                Ok(byte) if byte.is_ascii() => out.push(byte),
                _ => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
            },
        }
        has_lone_surrogate |= character.is_none();
        at += escape;
    }
    // Whole characters were put together, so this replaces nothing.
    let text =
        String::from_utf8(out).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    (text, has_lone_surrogate)
}

/// U+FFFD
const REPLACEMENT: &[u8; 3] = b"\xef\xbf\xbd";

/// What a word stands for that is four escapes of two bytes each: quotes of JSON inside JSON come in rows, and backslashes before them.
fn four_simple_escapes(word: u64) -> Option<[u8; WORD / 2]> {
    let (escaped, _) = ESCAPED[0][usize::from(bits(each(word, b'\\')))];
    let [_, a, _, b, _, c, _, d] = word.to_le_bytes();
    let is_meant = escaped == 0b1010_1010 && ![a, b, c, d].contains(&b'u');
    is_meant.then(|| [a, b, c, d].map(|letter| SIMPLE_ESCAPES[usize::from(letter)]))
}

/// What the letter behind a backslash stands for, where it is not `u`.
const SIMPLE_ESCAPES: [u8; 256] = {
    let mut table = [0; 256];
    let mut letter = 0u8;
    loop {
        table[letter as usize] = match letter {
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            itself => itself,
        };
        if letter == u8::MAX {
            break table;
        }
        letter += 1;
    }
};

/// Copies what stands between `at` and the next backslash, and returns where that is. A whole word is written even where the backslash
/// is in it: copying exactly as much takes longer than the most runs are.
#[inline]
fn copy_run(from: &[u8], at: usize, to: &mut Vec<u8>) -> usize {
    if let Some(word) = word_at(from, at) {
        let length = position_in(word, b'\\');
        if length < WORD {
            let end = to.len() + length;
            to.extend_from_slice(&word.to_le_bytes());
            to.truncate(end);
            return at + length;
        }
    }
    let end = position_of(b'\\', from, at);
    to.extend_from_slice(&from[at..end]);
    end
}

/// The character of `\uXXXX`, or of a pair of them, and the length of the escape; `None` for a surrogate without its pair.
pub(super) fn unicode_escape(bytes: &[u8]) -> (Option<char>, usize) {
    let unit = hex_unit(bytes, 2);
    if let Some(character) = char::from_u32(unit) {
        return (Some(character), 6);
    }
    if (0xd800..=0xdbff).contains(&unit) && bytes.get(6..8) == Some(b"\\u") {
        let low = hex_unit(bytes, 8);
        if (0xdc00..=0xdfff).contains(&low) {
            return (char::from_u32(0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00)), 12);
        }
    }
    (None, 6)
}

/// The four hex digits from `at` on; zero where there are fewer.
fn hex_unit(bytes: &[u8], at: usize) -> u32 {
    let Some(digits) = bytes.get(at..).and_then(|rest| rest.first_chunk::<4>()) else { return 0 };
    digits.iter().fold(0, |unit, digit| (unit << 4) | u32::from(HEX_DIGITS[usize::from(*digit)]))
}

/// The values of hex digits.
const HEX_DIGITS: [u8; 256] = {
    let mut table = [0; 256];
    let (lower, upper) = (b"0123456789abcdef", b"0123456789ABCDEF");
    let mut value = 0u8;
    while value < 16 {
        table[lower[value as usize] as usize] = value;
        table[upper[value as usize] as usize] = value;
        value += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json_scan::tests::texts_of;

    #[test]
    fn every_escape_is_read_as_serde_json_reads_it() {
        let units = [
            "x",
            "é",
            "plain text that is longer than words are",
            "\\\"",
            "\\\\",
            "\\/",
            "\\b",
            "\\f",
            "\\n",
            "\\r",
            "\\t",
            "\\u0041",
            "\\u00e9",
            "\\u20AC",
            "\\uD83d\\ude00",
            "\\u0000",
            "😀",
        ];
        for raw in texts_of(&units, 4_000) {
            let expected = serde_json::from_str::<String>(&format!("\"{raw}\"")).unwrap();
            assert_eq!(unescaped(&raw, LoneSurrogates::Replaced), (expected.clone(), false), "{raw}");
            assert_eq!(unescaped(&raw, LoneSurrogates::Kept), (expected, false), "{raw}");
            assert_eq!(is_escaped(&raw), raw.contains('\\'));
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
    fn surrogates_are_paired_as_utf_16_pairs_them() {
        let units = ["\\ud800", "\\udbFF", "\\udc00", "\\uDFFF", "\\u0041", "\\uFFFF"];
        for raw in texts_of(&units, 4_000) {
            let units: Vec<u16> =
                raw.split("\\u").skip(1).map(|unit| u16::from_str_radix(unit, 16).unwrap()).collect();
            let (text, has_lone_surrogate) = unescaped(&raw, LoneSurrogates::Replaced);
            assert_eq!(text, String::from_utf16_lossy(&units), "{raw}");
            assert_eq!(has_lone_surrogate, String::from_utf16(&units).is_err(), "{raw}");
        }
    }

    #[test]
    fn a_string_is_cut_behind_the_first_whole_character_that_is_long_enough() {
        let units =
            ["x", "é", "\\\"", "\\\\", "\\u0041", "\\ud800", "\\ud83d\\ude00", "longer than words are"];
        for raw in texts_of(&units, 2000) {
            let mut ends = vec![0];
            while let Some(end) = ends.last().copied().filter(|end| *end < raw.len()) {
                let escape = match raw.as_bytes().get(end..end + 2) {
                    Some(b"\\u") => unicode_escape(&raw.as_bytes()[end..]).1,
                    Some([b'\\', _]) => 2,
                    _ => raw[end..].chars().next().unwrap().len_utf8(),
                };
                ends.push(end + escape);
            }
            for length in 0..raw.len() + 2 {
                let expected = ends.iter().copied().find(|end| *end >= length).unwrap_or(raw.len());
                assert_eq!(escapes_end(&raw, length), expected, "{length} of {raw}");
            }
        }
    }
}
