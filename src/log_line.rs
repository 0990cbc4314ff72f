//! How long a log line may be: whatever a publisher or a service writes, a line stays a line.
//!
//! CloudWatch cuts what is over its limit, and then a line is not JSON; and a publisher must not decide what a log costs.

use std::borrow::Cow;
use std::io::{self, Write};

use tracing_subscriber::fmt::MakeWriter;

use failure_event::text::{MARKER, cut, cut_by};
use failure_event::{dead_letter, route};

/// The longest text of a line, in UTF-16 code units.
pub const TEXT_MAX: usize = route::EVENT_ID_MAX;

/// The longest `error_message`, and the longest sentence about why the function does not start.
pub const ERROR_MESSAGE_MAX: usize = dead_letter::ERROR_MESSAGE_MAX;

/// The longest `failure_message`.
pub const FAILURE_MESSAGE_MAX: usize = route::UNTOLD_MESSAGE_MAX;

/// The longest line, in bytes.
pub const LINE_BYTES_MAX: usize = 16 * 1024;

/// What is kept back of a line for its names, numbers, codes and punctuation.
const FRAME_BYTES: usize = 1536;

/// A text of a line that has no other long one.
#[must_use]
pub fn short(text: &str) -> Cow<'_, str> {
    cut(text, TEXT_MAX)
}

/// A text of a line, and how many UTF-16 code units of it are shown; `None` is left out.
pub type Text<'t> = Option<(&'t str, usize)>;

/// The texts of one line: each cut to its limit, and where all of them together would still be over the line's, the longest ones to one
/// length that fits. Lengths are those in the line, where an escape takes up to eight bytes.
#[must_use]
pub fn fitted<const N: usize>(texts: [Text<'_>; N]) -> [Option<Cow<'_, str>>; N] {
    let texts = texts.map(|text| text.map(|(text, limit)| cut(text, limit)));
    let mut lengths = texts.each_ref().map(|text| text.as_deref().map_or(0, written_len));
    lengths.sort_unstable();
    let room = room_of_each(&lengths, LINE_BYTES_MAX - FRAME_BYTES);
    texts.map(|text| text.map(|text| within(text, room)))
}

/// The room that each text may take so that all of them are within `room`; `lengths` ascend. What short ones leave is the others'.
fn room_of_each(lengths: &[usize], mut room: usize) -> usize {
    for (index, length) in lengths.iter().enumerate() {
        let share = room / (lengths.len() - index);
        if *length > share {
            return share;
        }
        room -= length;
    }
    usize::MAX
}

fn within(text: Cow<'_, str>, room: usize) -> Cow<'_, str> {
    if written_len(&text) <= room {
        return text;
    }
    Cow::Owned(cut_by(&text, room, written_char_len, written_len(MARKER)).into_owned())
}

fn written_len(text: &str) -> usize {
    text.chars().map(written_char_len).sum()
}

/// How many bytes a character takes in a line of either format: in JSON, or as Rust's `Debug` writes it.
fn written_char_len(character: char) -> usize {
    let in_json = match character {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        '\0'..='\u{1f}' => 6,
        _ => character.len_utf8(),
    };
    in_json.max(character.escape_debug().map(char::len_utf8).sum())
}

/// Standard output, for lines of which none is over the limit: the last resort, for lines of other crates.
#[derive(Clone, Copy, Debug)]
pub struct BoundedLines {
    /// Whether a line is JSON, and must stay so.
    pub is_json: bool,
}

impl<'w> MakeWriter<'w> for BoundedLines {
    type Writer = Self;

    fn make_writer(&'w self) -> Self {
        *self
    }
}

impl Write for BoundedLines {
    /// Each call brings one line.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let bounded = bounded_line(line, self.is_json);
        io::stdout().lock().write_all(&bounded)?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stdout().lock().flush()
    }
}

fn bounded_line(line: &[u8], is_json: bool) -> Cow<'_, [u8]> {
    if line.len() <= LINE_BYTES_MAX {
        return Cow::Borrowed(line);
    }
    let note = format!("a log line of {} bytes is left out", line.len());
    let instead = if is_json {
        format!("{{\"level\":\"WARN\",\"timestamp\":\"{}\",\"message\":\"{note}\"}}\n", crate::emf::now())
    } else {
        format!("WARN {note}\n")
    };
    Cow::Owned(instead.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use failure_event::text::utf16_len;

    #[test]
    fn a_text_within_its_limit_is_whole_and_a_longer_one_ends_with_the_marker() {
        let (fits, over) = ("é".repeat(256), "é".repeat(257));
        let [first, second, third] = fitted([Some((&fits, 256)), Some((&over, 256)), None]);
        assert_eq!(first.as_deref(), Some(fits.as_str()));
        let second = second.unwrap();
        assert!(second.ends_with(MARKER) && utf16_len(&second) == 256);
        assert_eq!(third, None);
    }

    #[test]
    fn texts_of_escapes_share_what_a_line_holds_and_ordinary_ones_beside_them_stay_whole() {
        for unit in ["\u{1}", "\u{301}", "\"", "字"] {
            let long = unit.repeat(6000);
            let texts = fitted([
                Some((&long, TEXT_MAX)),
                Some((&long, TEXT_MAX)),
                Some((&long, ERROR_MESSAGE_MAX)),
                Some((&long, FAILURE_MESSAGE_MAX)),
                Some(("id", TEXT_MAX)),
            ]);
            let written: usize = texts.iter().flatten().map(|text| written_len(text)).sum();
            assert!(written <= LINE_BYTES_MAX - FRAME_BYTES, "{unit:?}: {written}");
            assert!(written >= LINE_BYTES_MAX - FRAME_BYTES - 64 || unit == "\"", "{unit:?}: {written}");
            assert_eq!(texts[4].as_deref(), Some("id"));
        }
    }

    #[test]
    fn a_failure_message_alone_is_shown_as_far_as_its_limit() {
        let long = "é".repeat(6000);
        let [message] = fitted([Some((&long, FAILURE_MESSAGE_MAX))]);
        assert_eq!(utf16_len(&message.unwrap()), FAILURE_MESSAGE_MAX);
    }

    #[test]
    fn a_line_of_another_crate_that_is_too_long_is_told_of_and_left_out() {
        let fits = vec![b'x'; LINE_BYTES_MAX];
        assert_eq!(&*bounded_line(&fits, true), fits.as_slice());
        let over = vec![b'x'; LINE_BYTES_MAX + 1];
        let line = bounded_line(&over, true).into_owned();
        let line: serde_json::Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(line["message"], "a log line of 16385 bytes is left out");
        assert!(bounded_line(&over, false).starts_with(b"WARN "));
    }
}
