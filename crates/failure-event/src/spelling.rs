//! Names that people spell in several ways: `taskToken`, `TASK_TOKEN`, `--task-token`.

/// A name without what makes no difference: `-`, `_` and case.
#[must_use]
pub fn plain(name: &str) -> String {
    letters(name).collect()
}

/// Which of these plain names a name is a spelling of. Nothing is put together for it: there may be very many names.
pub fn position_of_plain<'p>(name: &str, plain: impl IntoIterator<Item = &'p str>) -> Option<usize> {
    let first = letters(name).next();
    plain.into_iter().position(|plain| plain.chars().next() == first && letters(name).eq(plain.chars()))
}

fn letters(name: &str) -> impl Iterator<Item = char> {
    name.chars().filter(|letter| !matches!(letter, '-' | '_')).flat_map(char::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spelling_is_known_by_its_plain_name() {
        let names = ["tasktoken", "swftasktoken", "", "i̇d", "kid"];
        let position = |name| position_of_plain(name, names);
        for (name, plain) in [
            ("task-token", 0),
            ("--TASK_Token", 0),
            ("SwfTaskToken", 1),
            ("-_", 2),
            ("İd", 3),
            ("\u{212a}ID", 4),
        ] {
            assert_eq!(position(name), Some(plain), "{name}");
            assert_eq!(super::plain(name), names[plain]);
        }
        for name in ["tasktokens", "asktoken", "task token", "x"] {
            assert_eq!(position(name), None, "{name}");
        }
    }
}
