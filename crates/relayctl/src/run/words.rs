//! A failure in the worker's own words: what it wrote to a file, or as the last line of standard error, in the schema of a failure
//! event's `failure`.

use std::io::ErrorKind;
use std::path::Path;

use failure_event::event::Failure;
use failure_event::json::{Json, Object};
use serde_json::Value;

use super::last_line::Line;
use crate::exit::Problem;

/// How much of a file is read. An event holds less.
pub const BYTES_MAX: usize = 1_048_576;

/// What a worker says of its failure. What it does not say is `None`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Words {
    /// `type`
    pub failure_type: Option<String>,
    /// `message`
    pub message: Option<String>,
    /// `details`
    pub details: Option<Value>,
    /// `externalExecutionId`
    pub execution_id: Option<String>,
}

impl Words {
    /// The words in a file's text; anything but a JSON object is the message.
    #[must_use]
    pub fn of_text(text: &str) -> Option<Self> {
        let text = text.trim_start_matches('\u{feff}').trim();
        if text.is_empty() {
            return None;
        }
        let object = Json::parse(text).ok().filter(|json| json.object().is_some());
        let message = || Self { message: Some(text.to_owned()), ..Self::default() };
        Some(object.map_or_else(message, |json| Self::read(&Failure::read(Some(json)))))
    }

    /// The words in a line of standard error: only a JSON object with a `type` or a `message`, and with no member that a failure has
    /// not. A line of a log in JSON has others, such as a level.
    #[must_use]
    pub fn of_line(line: &Line) -> Option<Self> {
        let text = std::str::from_utf8(&line.bytes).ok().filter(|_| line.is_whole())?.trim();
        let json = Json::parse(text).ok()?;
        let object = json.object()?;
        if !is_failure(&object) {
            return None;
        }
        Some(Self::read(&Failure::read(Some(json))))
    }

    fn read(failure: &Failure<'_>) -> Self {
        let text = |text: &Option<std::borrow::Cow<'_, str>>| text.as_deref().map(str::to_owned);
        let details = failure.details.as_deref();
        // A number that no double holds is kept as its text.
        let details =
            details.map(|json| serde_json::from_str(json).unwrap_or_else(|_| Value::String(json.to_owned())));
        Self {
            failure_type: text(&failure.given_type),
            message: text(&failure.given_message),
            details,
            execution_id: text(&failure.external_execution_id),
        }
    }
}

fn is_failure(object: &Object<'_>) -> bool {
    let says_something = ["type", "message"].iter().any(|name| object.description(name).is_some());
    says_something && object.members().all(|(name, _)| Failure::MEMBERS.contains(&&*name))
}

/// Removes what an earlier run left in a file, so that it is not taken for this one's. What is no plain file is left alone.
///
/// # Errors
/// The file is there and cannot be removed.
pub fn forget(path: &Path) -> Result<(), Problem> {
    if !path.is_file() {
        return Ok(());
    }
    std::fs::remove_file(path)
        .map_err(|error| Problem::file(format!("{}: cannot be removed: {error}", path.display())))
}

/// The text of a file that the command may have written, as far as `bytes_max`; empty where it has not.
///
/// # Errors
/// The file is there and cannot be read.
pub fn written(path: &Path, bytes_max: usize) -> Result<String, String> {
    use std::io::Read as _;
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(String::new()),
        Err(error) => return Err(format!("{}: cannot be read: {error}", path.display())),
    };
    let mut bytes = Vec::new();
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX);
    let read = file.take(limit).read_to_end(&mut bytes);
    read.map_err(|error| format!("{}: cannot be read: {error}", path.display()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of_line(text: &str) -> Option<Words> {
        Words::of_line(&Line { bytes: text.as_bytes().to_vec(), length: text.len() })
    }

    #[test]
    fn a_file_holds_a_failure_or_a_message() {
        let typed = Words::of_text(" {\"type\":\"Render.NoSpace\",\"details\":{\"frame\":7}}\n").unwrap();
        assert_eq!(typed.failure_type.as_deref(), Some("Render.NoSpace"));
        assert_eq!((typed.message, typed.details), (None, Some(json!({"frame": 7}))));
        for text in ["disk full\n", "[1]", "{broken"] {
            assert_eq!(Words::of_text(text).unwrap().message.as_deref(), Some(text.trim()), "{text}");
        }
        assert_eq!(Words::of_text(" \n"), None);
    }

    #[test]
    fn a_line_is_a_failure_only_when_it_is_nothing_else() {
        let words = of_line("{\"type\":\"E\",\"message\":\"m\",\"externalExecutionId\":\"x\"}\r").unwrap();
        assert_eq!((words.failure_type.as_deref(), words.message.as_deref()), (Some("E"), Some("m")));
        let huge = of_line(r#"{"type":"E","details":{"n":1e400}}"#).unwrap();
        assert_eq!(huge.details, Some(json!(r#"{"n":1e400}"#)), "a number that no double holds");
        for line in [
            "disk full",
            "{}",
            r#"{"details":1}"#,
            r#"{"level":"error","message":"m"}"#,
            r#"{"type":"","message":null}"#,
            r#"["type"]"#,
        ] {
            assert_eq!(of_line(line), None, "{line}");
        }
        let cut = Line { bytes: b"{\"type\":\"E\"}".to_vec(), length: 99 };
        assert_eq!(Words::of_line(&cut), None, "what is missing may say something else");
    }
}
