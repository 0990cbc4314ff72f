//! What fuzzing checks, on the events of `events/` and on thousands of mutilations of each: a short run for every `cargo test`.
//! `fuzz/run` goes on from here for as long as one likes.

#[path = "../../fuzz/src/lib.rs"]
mod properties;

use properties::{ABANDONED_QUEUE, QUEUE, check_body, check_payload};

use failure_event::target::Kind;

use crate::event_files::{bytes, files, root};
use crate::simulation::Dice;

/// Mutilations of each file.
const MUTILATIONS: usize = 25;

/// What is put into a text.
const PIECES: [&str; 14] = [
    "\"",
    "{",
    "}",
    "[",
    "]",
    ",",
    "null",
    "\\ud83d",
    "\\u0000",
    "\u{feff}",
    "1e999",
    "😀",
    "\"target\":{",
    "\\",
];

#[test]
fn fuzzing_knows_each_kind_its_members_and_the_limits_of_its_operations() {
    properties::check_tables();
    let words = std::fs::read_to_string(root().join("fuzz/json.dict")).unwrap();
    for kind in Kind::ALL {
        assert!(words.contains(&format!("\"{}\"", kind.name())), "fuzz/json.dict lacks {}", kind.name());
        for member in kind.members() {
            let word = format!("\\\"{}\\\":", member.name);
            assert!(words.contains(&word), "fuzz/json.dict lacks {} of {}", member.name, kind.name());
        }
    }
}

#[test]
fn every_event_and_its_mutilations_keep_the_properties() {
    let mut dice = Dice::seeded(1);
    for file in files() {
        let text = String::from_utf8_lossy(&bytes(&file)).into_owned();
        check(&text);
        for _ in 0..MUTILATIONS {
            check(&mutilated(&text, &mut dice));
        }
    }
}

fn check(text: &str) {
    check_payload(text);
    check_body(text, QUEUE);
    check_body(text, ABANDONED_QUEUE);
}

/// The text with a few characters removed, doubled or put in.
fn mutilated(text: &str, dice: &mut Dice) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    for _ in 0..dice.between(1, 4) {
        let at = usize::try_from(dice.between(0, characters.len() as u64)).unwrap();
        let end = characters.len().min(at + usize::try_from(dice.between(0, 9)).unwrap());
        match dice.between(0, 2) {
            0 => drop(characters.drain(at..end)),
            1 => {
                let copy = characters[at..end].to_vec();
                characters.splice(at..at, copy);
            }
            _ => drop(characters.splice(at..at, dice.pick(&PIECES).chars())),
        }
    }
    characters.into_iter().collect()
}
