//! A string that cannot be printed: task tokens and client tokens are bearer secrets.

use std::borrow::Cow;
use std::fmt;

use sha2::{Digest, Sha256};

/// Texts that an answer shares with a secret are hidden from this many characters on: a service may
/// quote the start or the end of a token, and shorter runs are words.
const SHARED_RUN_MIN: usize = 8;

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

    /// `text` with the secret, and every run of eight or more of its characters, replaced.
    #[must_use]
    pub fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.0.is_empty() {
            return Cow::Borrowed(text);
        }
        let secret: Vec<char> = self.0.chars().collect();
        let text_chars: Vec<char> = text.chars().collect();
        let window = SHARED_RUN_MIN.min(secret.len());
        let runs: std::collections::HashSet<&[char]> = secret.windows(window).collect();
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
        assert_eq!(Secret::new("ab").redact("cab"), "c[redacted]");
    }

    #[test]
    fn a_fingerprint_is_sixteen_hex_digits_of_the_sha_256() {
        assert_eq!(fingerprint("abc"), "ba7816bf8f01cfea");
    }
}
