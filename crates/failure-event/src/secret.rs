//! A string that cannot be printed: task tokens and client tokens are bearer secrets.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use sha2::{Digest, Sha256};

/// Texts that an answer shares with a secret are hidden from this many characters on: a service may
/// quote the start or the end of a token, and shorter runs are words. No real token is as short as this.
const SHARED_RUN_MIN: usize = 8;

/// In a text of the relay's own, which quotes a value from its start or not at all, only a long run can be a secret's.
const QUOTED_RUN_MIN: usize = 32;

/// The names under which secrets stand in the JSON that workers publish: task tokens, and the artifact credentials of a
/// CodePipeline job.
const SECRET_NAMES: [&str; 11] = [
    "taskToken",
    "TaskToken",
    "TASK_TOKEN",
    "TASK_TOKEN_ENV_VARIABLE",
    "SFN_TASK_TOKEN",
    "SWF_TASK_TOKEN",
    "clientToken",
    "CODEPIPELINE_CLIENT_TOKEN",
    "accessKeyId",
    "secretAccessKey",
    "sessionToken",
];

/// What stands where a secret was.
const REDACTED: &str = "[redacted]";

/// A bearer secret. Neither `Debug` nor serialization shows it, and there is no `Display`; whoever needs the
/// characters says so with [`Secret::expose`].
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a text out of sight.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself, for the request that needs it and for nothing else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// `text` with the secret, and every run of eight or more of its characters, replaced. A secret that is shorter than that
    /// is replaced where it stands as a word of its own: hiding each of its letters would hide the text.
    #[must_use]
    pub fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.redact_runs(text, SHARED_RUN_MIN)
    }

    fn redact_runs<'t>(&self, text: &'t str, run_min: usize) -> Cow<'t, str> {
        let secret: Vec<char> = self.0.chars().collect();
        if secret.len() < SHARED_RUN_MIN {
            return self.redact_word(text);
        }
        let text_chars: Vec<char> = text.chars().collect();
        let window = run_min.min(secret.len());
        let runs: HashSet<&[char]> = secret.windows(window).collect();
        let mut hidden = vec![false; text_chars.len()];
        for (start, run) in text_chars.windows(window).enumerate() {
            if runs.contains(run) {
                hidden[start..start + window].fill(true);
            }
        }
        if !hidden.contains(&true) {
            return Cow::Borrowed(text);
        }
        Cow::Owned(replace_hidden(&text_chars, &hidden))
    }

    fn redact_word<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let is_edge = |neighbour: Option<char>| !neighbour.is_some_and(char::is_alphanumeric);
        let words = text.match_indices(&self.0).filter(|(start, word)| {
            let (before, after) = (&text[..*start], &text[start + word.len()..]);
            !word.is_empty() && is_edge(before.chars().next_back()) && is_edge(after.chars().next())
        });
        let (mut out, mut copied) = (String::new(), 0);
        for (start, word) in words {
            out.push_str(&text[copied..start]);
            out.push_str(REDACTED);
            copied = start + word.len();
        }
        if copied == 0 {
            return Cow::Borrowed(text);
        }
        out.push_str(&text[copied..]);
        Cow::Owned(out)
    }

    /// Whether a short text, such as an id, gives the secret away: it holds it, or is it, also with escaped slashes.
    fn is_told_by(&self, text: &str) -> bool {
        if self.0.chars().count() < SHARED_RUN_MIN {
            return text == self.0;
        }
        text.contains(&self.0) || text.replace("\\/", "/").contains(&self.0)
    }
}

/// The secrets that one event mentions, whether or not its target is right.
#[derive(Clone, Debug, Default)]
pub struct MentionedSecrets(Vec<Secret>);

impl MentionedSecrets {
    /// Adds one, once.
    pub fn add(&mut self, secret: Secret) {
        if !self.0.contains(&secret) {
            self.0.push(secret);
        }
    }

    /// What somebody else says about the event, without its secrets or parts of them.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| secret.redact(&text).into_owned())
    }

    /// What the relay itself says about the event, without its secrets.
    #[must_use]
    pub fn redact_own(&self, text: &str) -> String {
        self.0
            .iter()
            .fold(text.to_owned(), |text, secret| secret.redact_runs(&text, QUOTED_RUN_MIN).into_owned())
    }

    /// An id or a name that the publisher chose: as it is, unless it gives a secret away.
    #[must_use]
    pub fn redact_id<'t>(&self, id: &'t str) -> Cow<'t, str> {
        if self.0.iter().any(|secret| secret.is_told_by(id)) {
            Cow::Borrowed(REDACTED)
        } else {
            Cow::Borrowed(id)
        }
    }
}

/// JSON text, or text that quotes JSON, with the values of members that hold secrets by their name replaced.
#[must_use]
pub fn redact_named(text: &str) -> Cow<'_, str> {
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, value)) = next_named_value(rest) {
        out.push_str(before);
        out.push_str(REDACTED);
        rest = &rest[before.len() + value.len()..];
    }
    if out.is_empty() {
        return Cow::Borrowed(text);
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// What stands before the next value of a secret's name, and that value.
fn next_named_value(text: &str) -> Option<(&str, &str)> {
    let mut from = 0;
    loop {
        let (start, name) = SECRET_NAMES
            .iter()
            .filter_map(|name| Some((from + text[from..].find(name)?, *name)))
            .min_by_key(|(start, name)| (*start, std::cmp::Reverse(name.len())))?;
        from = start + name.len();
        if let Some(value) = value_after_name(&text[from..]) {
            let end = text.len() - value.len();
            let length = value.find(['"', '\\']).unwrap_or(value.len());
            return Some((&text[..end], &value[..length]));
        }
    }
}

/// The text after `": "`, in which the quotes may be escaped.
fn value_after_name(text: &str) -> Option<&str> {
    let after_name = text.trim_start_matches('\\').strip_prefix('"')?.trim_start();
    let value = after_name.strip_prefix(':')?.trim_start();
    value.trim_start_matches('\\').strip_prefix('"')
}

fn replace_hidden(text: &[char], hidden: &[bool]) -> String {
    let mut out = String::new();
    for (index, character) in text.iter().enumerate() {
        if !hidden[index] {
            out.push(*character);
        } else if index == 0 || !hidden[index - 1] {
            out.push_str(REDACTED);
        }
    }
    out
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

/// The first 16 hex digits of the SHA-256 of a token or job id: follows one task through the logs
/// without showing what could fail it.
#[must_use]
pub fn fingerprint(identity: &str) -> String {
    let mut digits = sha256_hex(identity);
    digits.truncate(16);
    digits
}

/// The SHA-256 of a text as 64 lower-case hex digits.
#[must_use]
pub fn sha256_hex(text: &str) -> String {
    use fmt::Write as _;
    Sha256::digest(text).iter().fold(String::with_capacity(64), |mut digits, byte| {
        // Writing to a String cannot fail.
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_printed() {
        let secret = Secret::new("AQCEAAAAKgAAAAMA");
        assert_eq!(format!("{secret:?}"), "[redacted]");
        assert_eq!(secret.redact("Invalid Token: 'AQCEAAAAKgAAAAMA'"), "Invalid Token: '[redacted]'");
    }

    #[test]
    fn a_part_of_a_secret_is_hidden_too() {
        let secret = Secret::new("AQCEAAAAKgAAAAMAAAAA-long-token");
        assert_eq!(secret.redact("token AQCEAAAAKg… is bad"), "token [redacted]… is bad");
        assert_eq!(secret.redact("a token is bad"), "a token is bad");
    }

    #[test]
    fn a_short_secret_is_hidden_only_as_a_word_of_its_own() {
        assert_eq!(Secret::new("t").redact("Invalid Token: 't'"), "Invalid Token: '[redacted]'");
        assert_eq!(Secret::new("Token").redact("InvalidToken"), "InvalidToken");
        assert_eq!(Secret::new("").redact("a"), "a");
    }

    #[test]
    fn an_id_is_hidden_only_when_it_gives_a_secret_away() {
        let mut mentioned = MentionedSecrets::default();
        mentioned.add(Secret::new("a"));
        mentioned.add(Secret::new("AQC/EAAAAKgAA"));
        assert_eq!(mentioned.redact_id("batch-a"), "batch-a");
        for id in ["a", "x-AQC/EAAAAKgAA-y", r#"["AQC\/EAAAAKgAA"]"#] {
            assert_eq!(mentioned.redact_id(id), "[redacted]", "{id}");
        }
    }

    #[test]
    fn a_sentence_of_the_relays_own_hides_a_quoted_secret_and_nothing_else() {
        let mut mentioned = MentionedSecrets::default();
        let token = format!("AQCE-eu-central-1-{}", "x".repeat(100));
        mentioned.add(Secret::new(token.clone()));
        let quoted = format!("target.region: {}… is not allowed", &token[..64]);
        assert_eq!(mentioned.redact_own(&quoted), "target.region: [redacted]… is not allowed");
        assert_eq!(mentioned.redact_own("target.region: eu-central-1"), "target.region: eu-central-1");
    }

    #[test]
    fn values_of_secret_names_are_hidden_in_json_and_in_quoted_json() {
        let json = r#"{"artifactCredentials":{"accessKeyId":"AKIA","secretAccessKey" : "hush","x":1},"TaskToken":"t"}"#;
        let expected = r#"{"artifactCredentials":{"accessKeyId":"[redacted]","secretAccessKey" : "[redacted]","x":1},"TaskToken":"[redacted]"}"#;
        assert_eq!(redact_named(json), expected);
        assert_eq!(
            redact_named(r#"said \"sessionToken\":\"hush\"."#),
            r#"said \"sessionToken\":\"[redacted]\"."#
        );
        assert_eq!(redact_named("no taskToken here"), "no taskToken here");
    }

    #[test]
    fn a_fingerprint_is_sixteen_hex_digits_of_the_sha_256() {
        assert_eq!(fingerprint("abc"), "ba7816bf8f01cfea");
    }
}
