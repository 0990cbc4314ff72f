//! The last line of a stream, whole, in bounded memory: what a command says last may be its result, or its failure.

/// What is kept of a stream.
#[derive(Debug)]
pub struct LastLine {
    bytes_max: usize,
    /// The line that has not ended yet.
    open: Line,
    /// The last that has, and is not blank.
    ended: Line,
}

/// A line of the stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// As it was written, as far as it was kept.
    pub bytes: Vec<u8>,
    /// How long it was.
    pub length: usize,
}

impl LastLine {
    /// Keeps up to `bytes_max` bytes of a line.
    #[must_use]
    pub fn new(bytes_max: usize) -> Self {
        Self { bytes_max, open: Line::default(), ended: Line::default() }
    }

    /// Takes the next piece of the stream.
    pub fn push(&mut self, piece: &[u8]) {
        let mut parts = piece.split(|byte| *byte == b'\n').peekable();
        while let Some(part) = parts.next() {
            let room = self.bytes_max.saturating_sub(self.open.bytes.len());
            self.open.bytes.extend_from_slice(&part[..part.len().min(room)]);
            self.open.length += part.len();
            if parts.peek().is_some() {
                self.end_line();
            }
        }
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.open);
        if !line.is_blank() {
            self.ended = line;
        }
    }

    /// The last line that is not blank.
    #[must_use]
    pub fn line(&self) -> Option<&Line> {
        [&self.open, &self.ended].into_iter().find(|line| !line.is_blank())
    }
}

impl Line {
    fn is_blank(&self) -> bool {
        self.bytes.trim_ascii().is_empty()
    }

    /// Whether nothing of it is missing.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.bytes.len() == self.length
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last(bytes_max: usize, pieces: &[&str]) -> Option<(String, bool)> {
        let mut kept = LastLine::new(bytes_max);
        for piece in pieces {
            kept.push(piece.as_bytes());
        }
        kept.line().map(|line| (String::from_utf8(line.bytes.clone()).unwrap(), line.is_whole()))
    }

    #[test]
    fn the_last_line_that_is_not_blank_is_kept_however_the_stream_is_cut() {
        assert_eq!(last(9, &["a\n{\"b", "\":1}\n", "\n \r\n"]), Some(("{\"b\":1}".to_owned(), true)));
        assert_eq!(last(9, &["a\nopen"]), Some(("open".to_owned(), true)));
        assert_eq!(last(9, &["\n", " "]), None);
    }

    #[test]
    fn a_line_that_is_too_long_says_so() {
        assert_eq!(last(4, &["abc", "def\n"]), Some(("abcd".to_owned(), false)));
        assert_eq!(last(4, &["abcdef\n", "last\n"]), Some(("last".to_owned(), true)));
    }
}
