//! The names under which secrets stand: one list for logs, dead letters and the tool.
//!
//! It is made of what the kinds call secret, of the names under which notices carry tokens, and of those that the settings add. A
//! name counts in any spelling: case, `-` and `_` make no difference.

use std::sync::LazyLock;

use crate::notice;
use crate::spelling::plain;
use crate::target::Kind;

/// Names beside those of tokens: what a CodePipeline job has for its worker.
const OTHERS: [&str; 4] = ["accessKeyId", "secretAccessKey", "sessionToken", "continuationToken"];

/// A listed name of at least this many letters is known also as the end of a longer one: `myTaskToken`, `AWS_SESSION_TOKEN`.
/// Shorter ones are words that other names end in.
const ENDING_MIN: usize = 8;

/// No name of a secret is longer than this.
const NAME_MAX: usize = 128;

/// The names that kinds and notices give to secrets.
pub fn of_tokens() -> impl Iterator<Item = &'static str> {
    let members = Kind::ALL.iter().flat_map(|kind| kind.members()).filter(|member| member.is_secret);
    members.map(|member| member.name).chain(notice::token_names())
}

static LISTED: LazyLock<Vec<String>> = LazyLock::new(|| {
    let mut names: Vec<String> = of_tokens().chain(OTHERS).map(plain).collect();
    names.sort_unstable();
    names.dedup();
    names
});

/// The names of secrets: the listed ones, and those that the settings add.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretNames {
    of_settings: Vec<String>,
}

impl SecretNames {
    /// `task_token_names` are those of `RELAY_TASK_TOKEN_NAMES`. Of a JSON pointer the last member's name counts.
    #[must_use]
    pub fn with(task_token_names: &[String]) -> Self {
        let last = |name: &String| plain(name.rsplit('/').next().unwrap_or(name));
        let is_index = |name: &String| name.bytes().all(|byte| byte.is_ascii_digit());
        Self { of_settings: task_token_names.iter().map(last).filter(|name| !is_index(name)).collect() }
    }

    /// Whether what stands under this name is a secret.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        if name.len() > NAME_MAX {
            return false;
        }
        let name = plain(name);
        let is_listed = |listed: &String| {
            *listed == name || (listed.len() >= ENDING_MIN && name.ends_with(listed.as_str()))
        };
        LISTED.iter().any(is_listed) || self.of_settings.contains(&name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_secret_member_and_every_name_of_a_notice_is_listed() {
        let names = SecretNames::default();
        let members = Kind::ALL.iter().flat_map(|kind| kind.members()).filter(|member| member.is_secret);
        for name in members.map(|member| member.name).chain(notice::token_names()) {
            assert!(names.contains(name), "{name}");
        }
        assert!(names.contains("secretAccessKey") && names.contains("AWS_STEPFUNCTIONS_TASK_TOKEN"));
    }

    #[test]
    fn a_name_counts_in_any_spelling() {
        for name in
            ["taskToken", "TASK_TOKEN", "task-token", "--Task-Token", "myTaskToken", "AWS_SESSION_TOKEN"]
        {
            assert!(SecretNames::default().contains(name), "{name}");
        }
        for name in ["jobId", "CODEPIPELINE_JOB_ID", "kind", "task", "", "taskTokens", "name"] {
            assert!(!SecretNames::default().contains(name), "{name}");
        }
    }

    #[test]
    fn the_settings_add_names() {
        let names = SecretNames::with(&[
            "Callback_Handle".to_owned(),
            "/detail/grip".to_owned(),
            "/list/0".to_owned(),
        ]);
        for name in ["callbackHandle", "CALLBACK-HANDLE", "grip", "taskToken"] {
            assert!(names.contains(name), "{name}");
        }
        assert!(!names.contains("0") && !names.contains("detail") && !names.contains("myGrip"));
    }
}
