//! The last lines of a stream, in bounded memory, however long the stream and its lines are.

use std::collections::VecDeque;

/// How much of a line is kept, in bytes. Whatever a worker writes, its tail stays small.
const LINE_BYTES_MAX: usize = 2000;

/// The last lines of what was written so far.
#[derive(Debug)]
pub struct Tail {
    lines_max: usize,
    lines: VecDeque<Line>,
    /// The line that has not ended yet.
    open: Line,
}

#[derive(Clone, Debug, Default)]
struct Line {
    bytes: Vec<u8>,
    is_cut: bool,
}

impl Tail {
    /// Keeps up to `lines_max` lines.
    #[must_use]
    pub fn new(lines_max: usize) -> Self {
        Self { lines_max, lines: VecDeque::new(), open: Line::default() }
    }

    /// Takes the next piece of the stream.
    pub fn push(&mut self, piece: &[u8]) {
        let mut parts = piece.split(|byte| *byte == b'\n').peekable();
        while let Some(part) = parts.next() {
            self.open.push(part);
            if parts.peek().is_some() {
                self.end_line();
            }
        }
    }

    fn end_line(&mut self) {
        self.lines.push_back(std::mem::take(&mut self.open));
        if self.lines.len() > self.lines_max {
            self.lines.pop_front();
        }
    }

    /// The last lines, oldest first, of which as many as fit in `bytes_max`; empty lines at the end are left out.
    #[must_use]
    pub fn lines(&self, bytes_max: usize) -> Vec<String> {
        let texts = self.lines.iter().chain([&self.open]).map(Line::text);
        let mut texts: Vec<String> = texts.collect();
        while texts.last().is_some_and(|text| text.trim().is_empty()) {
            texts.pop();
        }
        let mut bytes = 0;
        let fitting = texts.iter().rev().take(self.lines_max).take_while(|text| {
            bytes += text.len();
            bytes <= bytes_max
        });
        let first = texts.len() - fitting.count();
        texts.split_off(first)
    }
}

impl Line {
    fn push(&mut self, part: &[u8]) {
        let room = LINE_BYTES_MAX.saturating_sub(self.bytes.len());
        self.is_cut |= part.len() > room;
        self.bytes.extend_from_slice(&part[..part.len().min(room)]);
    }

    /// What a terminal would show: the text after the last carriage return, without escape sequences.
    fn text(&self) -> String {
        let text = String::from_utf8_lossy(&self.bytes);
        let shown = text.trim_end_matches('\r').rsplit('\r').next().unwrap_or_default();
        let mut plain = without_escapes(shown);
        if self.is_cut {
            plain.push('…');
        }
        plain
    }
}

/// The text without the escape sequences that colour it, and without other control characters.
fn without_escapes(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\u{1b}' if characters.as_str().starts_with('[') => {
                characters.by_ref().skip(1).find(|end| matches!(end, '@'..='~'));
            }
            '\t' => plain.push('\t'),
            _ if character.is_control() => {}
            _ => plain.push(character),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tail(lines_max: usize, pieces: &[&str]) -> Vec<String> {
        let mut tail = Tail::new(lines_max);
        for piece in pieces {
            tail.push(piece.as_bytes());
        }
        tail.lines(1000)
    }

    #[test]
    fn the_last_lines_are_kept_however_the_stream_is_cut() {
        assert_eq!(tail(2, &["a\nb", "b\nc", "c\n"]), ["bb", "cc"]);
        assert_eq!(tail(2, &["a\nb\nopen"]), ["b", "open"]);
        assert_eq!(tail(5, &["a\n\n\n"]), ["a"]);
        assert_eq!(tail(0, &["a\n"]), [""; 0]);
    }

    #[test]
    fn a_long_line_keeps_its_start_and_many_lines_keep_their_end() {
        let long = "x".repeat(LINE_BYTES_MAX + 1);
        let mut tail = Tail::new(3);
        for _ in 0..1000 {
            tail.push(long.as_bytes());
        }
        assert_eq!(tail.lines(5000), [format!("{}…", "x".repeat(LINE_BYTES_MAX))]);
        tail.push(b"\nshort\nlast\n");
        assert_eq!(tail.lines(1000), ["short", "last"]);
    }

    #[test]
    fn a_line_reads_as_on_a_terminal() {
        assert_eq!(
            tail(3, &["\u{1b}[31mred\u{1b}[0m\r\n10 %\r50 %\rdone\n\u{7}bell\tx"]),
            ["red", "done", "bell\tx"]
        );
        assert_eq!(tail(3, &["\u{1b}[31"]), [""; 0]);
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced() {
        let mut tail = Tail::new(1);
        tail.push(b"a\xffb\n");
        assert_eq!(tail.lines(100), ["a\u{fffd}b"]);
    }
}
