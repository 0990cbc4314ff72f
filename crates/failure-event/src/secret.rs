//! A string that cannot be printed: task tokens and client tokens are bearer secrets.

use std::borrow::Cow;
use std::fmt;

use sha2::{Digest, Sha256};

use crate::redaction::{Characters, REDACTED};
use crate::secret_names::SecretNames;
use crate::text::cut;

/// Texts that an answer shares with a secret are hidden from this many characters on: a service may
/// quote the start or the end of a token, and shorter runs are words. No real token is as short as this.
const SHARED_RUN_MIN: usize = 8;

/// In a text of the relay's own, which quotes a value from its start or not at all, only a long run can be a secret's.
const QUOTED_RUN_MIN: usize = 32;

/// The longest id or name that is searched for secrets. A longer one is cut to it, unless it can hold none.
const SEARCHED_MAX: usize = 8192;

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
        let mut characters = Characters::of(text);
        self.hide_in(&mut characters, run_min);
        characters.shown().map_or(Cow::Borrowed(text), Cow::Owned)
    }

    /// Hides the secret however the text escapes it.
    fn hide_in(&self, characters: &mut Characters<'_>, run_min: usize) {
        let secret = Characters::of(&self.0).values();
        if secret.len() < SHARED_RUN_MIN {
            characters.hide_word(&secret);
        } else {
            characters.hide_shared_runs(&secret, run_min);
        }
    }

    /// Whether an id gives the secret away: it holds it, or is it, however it is escaped.
    fn is_told_by(&self, id: &str) -> bool {
        if self.0.chars().count() < SHARED_RUN_MIN {
            return id == self.0;
        }
        id.contains(&self.0)
    }
}

/// The secrets that one event mentions, whether or not its target is right, and the names under which there may be more.
#[derive(Clone, Debug, Default)]
pub struct MentionedSecrets {
    secrets: Vec<Secret>,
    names: SecretNames,
}

impl MentionedSecrets {
    /// None so far; `names` tell where there may be some.
    #[must_use]
    pub fn of(names: SecretNames) -> Self {
        Self { secrets: Vec::new(), names }
    }

    /// Adds one, once.
    pub fn add(&mut self, secret: Secret) {
        if !self.secrets.contains(&secret) {
            self.secrets.push(secret);
        }
    }

    /// A text of this project's own about the event, which may quote it: without its secrets or parts of them.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        self.shown(text, SHARED_RUN_MIN, false)
    }

    /// What somebody else says about the event, without its secrets or parts of them, and without any that stands under a secret's
    /// name. The text is a bounded one.
    #[must_use]
    pub fn redact_foreign(&self, text: &str) -> String {
        self.shown(text, SHARED_RUN_MIN, true)
    }

    /// What the relay itself says about the event, without its secrets.
    #[must_use]
    pub fn redact_own(&self, text: &str) -> String {
        self.shown(text, QUOTED_RUN_MIN, true)
    }

    fn shown(&self, text: &str, run_min: usize, with_names: bool) -> String {
        let mut characters = Characters::of(text);
        for secret in &self.secrets {
            secret.hide_in(&mut characters, run_min);
        }
        if with_names {
            characters.hide_named(&self.names);
        }
        characters.shown().unwrap_or_else(|| text.to_owned())
    }

    /// An id or a name that the publisher chose: as it is, unless it gives a secret away.
    #[must_use]
    pub fn redact_id<'t>(&self, id: &'t str) -> Cow<'t, str> {
        if self.secrets.iter().any(|secret| secret.is_told_by(id)) {
            return Cow::Borrowed(REDACTED);
        }
        // Without these no secret has a name, and none is escaped.
        if !id.contains(['"', '\'', '\\', '=']) && !id.contains("--") {
            return Cow::Borrowed(id);
        }
        let searched = cut(id, SEARCHED_MAX);
        let mut characters = Characters::of(&searched);
        let plain: String = characters.values().iter().collect();
        if self.secrets.iter().any(|secret| secret.is_told_by(&plain)) {
            return Cow::Borrowed(REDACTED);
        }
        characters.hide_named(&self.names);
        match characters.shown() {
            Some(shown) => Cow::Owned(shown),
            None => searched,
        }
    }
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
    use crate::text::utf16_len;

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
        for id in ["a", "x-AQC/EAAAAKgAA-y", r#"["AQC\/EAAAAKgAA"]"#, r"\u0041QC\/EAAAAKgAA"] {
            assert_eq!(mentioned.redact_id(id), "[redacted]", "{id}");
        }
        assert_eq!(mentioned.redact_id(r#"{"taskToken":"x"}"#), r#"{"taskToken":"[redacted]"}"#);
    }

    #[test]
    fn a_long_id_is_shown_in_full_unless_a_secret_may_be_hidden_in_it() {
        let mentioned = MentionedSecrets::default();
        let plain = "x".repeat(100_000);
        assert_eq!(mentioned.redact_id(&plain), plain);
        assert_eq!(utf16_len(&mentioned.redact_id(&format!("{plain}\""))), SEARCHED_MAX);
    }

    #[test]
    fn what_somebody_else_says_shows_no_secret_in_any_form() {
        let mut mentioned = MentionedSecrets::of(SecretNames::with(&["grip".to_owned()]));
        mentioned.add(Secret::new("AQC/EAAAAKgAAAAMAAAAAAAAAAb3"));
        for text in [
            r"AQC\/EAAAAKgAAAAM",
            r"\u0041QC/EAAAAKgAAAAM",
            r"\\u0041QC\\/EAAAAKgAAAAM",
            r#"{"grip":"hush","x":"AQC/EAAAAKgAAAAMAAAAAAAAAAb3"}"#,
        ] {
            let shown = mentioned.redact_foreign(text);
            assert!(!shown.contains("EAAAAKg") && !shown.contains("hush"), "{shown}");
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
    fn a_fingerprint_is_sixteen_hex_digits_of_the_sha_256() {
        assert_eq!(fingerprint("abc"), "ba7816bf8f01cfea");
    }
}
