//! The letters that a run has received and leaves in the queue: known again when SQS hands them out once more, and made visible
//! at the end.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::letter::Letter;
use super::queue::Queue;

/// So many letters are made visible at the end; the others become visible by themselves, soon. This bounds the memory of a
/// run: a receipt is some hundred bytes.
const RECEIPTS_MAX: usize = 20_000;

/// Letters that are left.
#[derive(Debug, Default)]
pub struct Held {
    receipts: HashMap<u64, Option<String>>,
    kept: usize,
}

impl Held {
    /// Remembers a letter. False when it was known; its newer receipt replaces the old one.
    pub fn add(&mut self, letter: &Letter) -> bool {
        let key = key_of(letter.id());
        let known = self.receipts.get(&key);
        let has_room = self.kept < RECEIPTS_MAX || known.is_some_and(Option::is_some);
        let receipt = has_room.then(|| letter.receipt().to_owned());
        let is_new = known.is_none();
        if receipt.is_some() && !known.is_some_and(Option::is_some) {
            self.kept += 1;
        }
        self.receipts.insert(key, receipt);
        is_new
    }

    /// Whether a letter is known; its newer receipt then replaces the old one.
    pub fn renew(&mut self, letter: &Letter) -> bool {
        self.receipts.contains_key(&key_of(letter.id())) && !self.add(letter)
    }

    /// How many letters are left.
    #[must_use]
    pub fn len(&self) -> usize {
        self.receipts.len()
    }

    /// Makes the letters visible.
    pub async fn release(self, queue: &Queue) {
        let receipts: Vec<String> = self.receipts.into_values().flatten().collect();
        queue.release(&receipts).await;
    }
}

/// An id as eight bytes: of a million ids no two are likely to share one.
fn key_of(id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::super::letter::tests::letter;
    use super::*;

    #[test]
    fn a_letter_that_comes_again_is_known_and_counted_once() {
        let mut held = Held::default();
        assert!(!held.renew(&letter("{}", &[])));
        assert!(held.add(&letter("{}", &[])));
        assert!(held.renew(&letter("{}", &[])));
        assert!(!held.add(&letter("{}", &[])));
        assert_eq!((held.len(), held.kept), (1, 1));
    }
}
