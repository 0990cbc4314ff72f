//! Names that people spell in several ways: `taskToken`, `TASK_TOKEN`, `--task-token`.

/// A name without what makes no difference: `-`, `_` and case.
#[must_use]
pub fn plain(name: &str) -> String {
    name.chars().filter(|letter| !matches!(letter, '-' | '_')).flat_map(char::to_lowercase).collect()
}
