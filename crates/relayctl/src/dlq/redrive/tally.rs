//! What a redrive did, counted, and told letter by letter where that is asked for.

use std::collections::BTreeMap;

use serde_json::json;

use super::plan::Why;
use crate::dlq::letter::Letter;
use crate::output::{Output, Tone, plural};

/// So many letters that stay are told one by one to a person; the others are counted.
const TOLD_MAX: usize = 10;

/// The counts of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Letters that were moved, or would be.
    pub moved: usize,
    /// Letters that stay, by why.
    pub stay: BTreeMap<&'static str, usize>,
    /// Letters that were sent and could not be deleted: the next run sends them again.
    pub doubtful: usize,
    /// Nothing was done, only told.
    is_rehearsal: bool,
}

impl Tally {
    /// The counts of what would be done.
    #[must_use]
    pub fn rehearsal() -> Self {
        Self { is_rehearsal: true, ..Self::default() }
    }

    /// A letter was moved.
    pub fn moves(&mut self, letter: &Letter, to: &str, output: &Output) {
        self.moved += 1;
        if output.is_json() {
            output.json(&json!({"id": letter.id(), "fate": "moved", "to": to}));
        }
    }

    /// A letter would be moved.
    pub fn would_move(&mut self, letter: &Letter, home: Option<&str>, output: &Output) {
        self.moved += 1;
        if output.is_json() {
            output.json(&json!({"id": letter.id(), "fate": "would-move", "to": home}));
        }
    }

    /// A letter stays.
    pub fn stays(&mut self, letter: &Letter, why: &Why, output: &Output) {
        *self.stay.entry(why.name()).or_default() += 1;
        if output.is_json() {
            output.json(&json!({
                "id": letter.id(), "fate": "stays", "why": why.name(), "reason": why.to_string(),
            }));
        } else if self.stayed() <= TOLD_MAX {
            output.talk(format!("{}: {why}", letter.id()));
        } else if self.stayed() == TOLD_MAX + 1 {
            output.talk("… further letters that stay are only counted (--json lists each)");
        }
    }

    /// A letter was sent and could not be deleted.
    pub fn doubts(&mut self, letter: &Letter, why: &str, output: &Output) {
        self.doubtful += 1;
        output.talk(format!("{}: sent, but not deleted, so the next run sends it again: {why}", letter.id()));
    }

    /// Whether every letter went where it should.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.stay.is_empty() && self.doubtful == 0
    }

    /// Prints the counts.
    pub fn print(&self, output: &Output) {
        if output.is_json() {
            let (moved, stay, doubtful) = (self.moved, &self.stay, self.doubtful);
            output.json(&json!({"summary": {"moved": moved, "stay": stay, "sentNotDeleted": doubtful}}));
            return;
        }
        let verb = if self.is_rehearsal { "would be moved" } else { "moved" };
        output.data(output.tint(Tone::Good, format!("{} {verb}", plural(self.moved, "letter"))));
        for (why, count) in &self.stay {
            output.data(output.tint(Tone::Odd, format!("{} left: {why}", plural(*count, "letter"))));
        }
        if self.doubtful > 0 {
            let doubtful = plural(self.doubtful, "letter");
            output.data(output.tint(Tone::Bad, format!("{doubtful} sent and not deleted")));
        }
    }

    fn stayed(&self) -> usize {
        self.stay.values().sum()
    }
}
