//! What is published to the relay on behalf of a worker that no longer can: by the watch, and by a sweep from a terminal.

use std::fmt;

/// A failure event that is to be published.
#[derive(Clone, PartialEq, Eq)]
pub struct Publication {
    /// The fingerprint of what is reported: it follows it through the logs, and is its message group where there are any.
    pub fingerprint: String,
    /// The event: JSON that holds the token.
    pub body: String,
}

impl fmt::Debug for Publication {
    /// The body holds a token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publication").field("fingerprint", &self.fingerprint).finish_non_exhaustive()
    }
}
