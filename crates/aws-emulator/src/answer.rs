//! What the endpoint answers: results and errors, in each service's protocol.

use std::fmt;

use serde_json::Value;

/// An error as a service gives it.
///
/// The code is the short one, such as `TaskTimedOut`; on the wire it gets the namespace that the
/// service puts before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceError {
    /// HTTP status, such as 400.
    pub status: u16,
    /// The error's name, such as `InvalidToken`.
    pub code: String,
    /// What a person reads. It never holds a secret of the request.
    pub message: String,
}

impl ServiceError {
    /// An error with status 400, as almost all of these services use for the caller's mistakes.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::with_status(400, code, message)
    }

    /// An error with another status.
    pub fn with_status(status: u16, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { status, code: code.into(), message: message.into() }
    }
}

impl fmt::Display for ServiceError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({}): {}", self.code, self.status, self.message)
    }
}

impl std::error::Error for ServiceError {}

/// What an operation returns when it succeeds.
#[derive(Debug)]
pub(crate) enum Output {
    /// No output is modelled: the body is empty.
    Nothing,
    Json(Value),
    /// The inside of the query protocol's `<…Result>`.
    Xml(String),
    /// The caller is answered as if all were well, and nothing took effect: why.
    Unheeded(String),
}

/// A complete HTTP answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    /// Headers beside the content type and the length.
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
    /// The error's name, for the record of calls.
    pub(crate) error_code: Option<String>,
    /// Why nothing took effect although the caller is told that all is well, for that record too.
    pub(crate) unheeded: Option<String>,
}

impl Answer {
    /// An answer with status 200.
    pub(crate) fn new(content_type: &'static str, body: String) -> Self {
        Self { status: 200, content_type, headers: Vec::new(), body, error_code: None, unheeded: None }
    }

    pub(crate) fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    #[cfg(test)]
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(header, _)| *header == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// Text as it may stand between XML tags; characters that XML 1.0 has not become U+FFFD.
pub(crate) fn escape_xml(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\t' | '\n' | '\r' => escaped.push(letter),
            letter if letter < ' ' => escaped.push('\u{fffd}'),
            letter => escaped.push(letter),
        }
    }
    escaped
}
