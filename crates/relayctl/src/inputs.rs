//! The files that a user hands over: found, read, and told how each would reach the relay.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use failure_event::envelope::{self, Delivery, Record, Via};
use failure_event::json::Json;

use crate::exit::Problem;

/// Stands for standard input.
pub const STDIN: &str = "-";

/// The largest input: the most that Lambda takes as a payload. A message is smaller still.
const BYTES_MAX: u64 = 6 * 1024 * 1024;

/// A file with an event, or with the whole payload of an invocation.
#[derive(Clone, Debug)]
pub struct Input {
    /// Where it was found; `-` is standard input.
    pub path: PathBuf,
    /// What it holds: bytes, because a user may hand over anything.
    pub bytes: Bytes,
}

/// How an input reaches the relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Course {
    /// As messages of queues, out of which Lambda makes SQS batches.
    Queue(Vec<Message>),
    /// As the payload of an invocation: from SNS, an `EventBridge` rule or another service, or what no queue would take.
    Invocation,
}

/// What is put on a queue.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// The queue's name, where the input names one.
    pub queue: Option<String>,
    /// The body: it holds tokens.
    pub body: String,
    /// The message group.
    pub group: Option<String>,
    /// The queue that SQS moved the message from, when the input says so.
    pub moved_from: Option<String>,
}

impl fmt::Debug for Message {
    /// Shows all but the body.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("queue", &self.queue)
            .field("group", &self.group)
            .finish_non_exhaustive()
    }
}

impl Input {
    /// Reads one file, or standard input.
    ///
    /// # Errors
    /// It cannot be read, or is larger than anything that reaches a relay.
    pub fn read(path: &Path) -> Result<Self, Problem> {
        let problem = |why: &dyn fmt::Display| Problem::file(format!("{}: {why}", path.display()));
        let mut bytes = Vec::new();
        let read = if path.as_os_str() == STDIN {
            io::stdin().lock().take(BYTES_MAX + 1).read_to_end(&mut bytes)
        } else {
            File::open(path).and_then(|file| file.take(BYTES_MAX + 1).read_to_end(&mut bytes))
        };
        let count = read.map_err(|error| problem(&error))?;
        if u64::try_from(count).is_ok_and(|count| count > BYTES_MAX) {
            return Err(problem(&"is larger than 6 MiB, the most that Lambda takes"));
        }
        Ok(Self { path: path.to_owned(), bytes: Bytes::from(bytes) })
    }

    /// Reads files, and all files in folders and their folders, in the order of their names. Hidden files and Markdown are no
    /// events.
    ///
    /// # Errors
    /// One cannot be read, or there is none.
    pub fn read_all(paths: &[PathBuf]) -> Result<Vec<Self>, Problem> {
        let mut files = Vec::new();
        for path in paths {
            find(path, &mut files)?;
        }
        if files.is_empty() {
            return Err(Problem::file("there is no file to read"));
        }
        files.iter().map(|file| Self::read(file)).collect()
    }

    /// The name of one of its events, by which a person finds it.
    #[must_use]
    pub fn name_of_event(&self, index: usize, count: usize) -> String {
        let file = self.path.display();
        if count == 1 { file.to_string() } else { format!("{file}#{}", index + 1) }
    }

    /// The file as a text, as the relay takes it.
    #[must_use]
    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.bytes)
    }

    /// How the input reaches the relay. An SQS batch stands for the messages in it. A record of SNS and an event of
    /// `EventBridge` are payloads of their own. All else is the body of a message.
    #[must_use]
    pub fn course(&self) -> Course {
        let Ok(text) = std::str::from_utf8(&self.bytes) else { return Course::Invocation };
        match envelope::open(text) {
            Delivery::SqsBatch(records) => Course::Queue(records.iter().map(message).collect()),
            Delivery::Sns(_) => Course::Invocation,
            Delivery::Single(_) if is_payload(text) || !is_storable(text) => Course::Invocation,
            Delivery::Single(_) => {
                let body = text.to_owned();
                Course::Queue(vec![Message { queue: None, body, group: None, moved_from: None }])
            }
        }
    }
}

fn find(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), Problem> {
    if path.as_os_str() == STDIN || !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    let unreadable = |error: io::Error| Problem::file(format!("{}: {error}", path.display()));
    let mut inside = Vec::new();
    for entry in std::fs::read_dir(path).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?.path();
        let name = entry.file_name().unwrap_or_default().to_string_lossy();
        if !name.starts_with('.') && !name.ends_with(".md") {
            inside.push(entry);
        }
    }
    inside.sort();
    inside.iter().try_for_each(|path| find(path, files))
}

fn message(record: &Record<'_>) -> Message {
    let queue = record.origin.source_arn.as_deref().and_then(|arn| arn.rsplit(':').next()).map(str::to_owned);
    let moved_from = match &record.via {
        Via::Sqs(delivery) => delivery.dead_letter_source_arn.clone(),
        Via::Sns { .. } | Via::Invocation => None,
    };
    let body = record.body.as_arrived().into_owned();
    Message { queue, body, group: record.origin.message_group.clone(), moved_from }
}

/// Whether the text is what a service invokes a function with: an event of `EventBridge`, or records.
fn is_payload(text: &str) -> bool {
    let object = Json::parse(text).ok().and_then(Json::object);
    object.is_some_and(|event| {
        let is_event_bridge = event.member("detail-type").is_some() && event.member("detail").is_some();
        event.object("target").is_none() && (is_event_bridge || event.member("Records").is_some())
    })
}

/// Whether SQS takes the text as a body: it is not empty and holds no control characters but tabs and line ends.
fn is_storable(text: &str) -> bool {
    let is_refused = |character: char| character < ' ' && !matches!(character, '\t' | '\n' | '\r');
    !text.is_empty() && !text.contains(is_refused) && !text.contains(['\u{fffe}', '\u{ffff}'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn course(text: &str) -> Course {
        Input { path: PathBuf::from("x.json"), bytes: Bytes::copy_from_slice(text.as_bytes()) }.course()
    }

    #[test]
    fn a_batch_stands_for_the_messages_in_it() {
        let batch = r#"{"Records":[
            {"eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:us-east-1:1:q.fifo","body":"{}",
             "attributes":{"MessageGroupId":"g","DeadLetterQueueSourceArn":"arn:aws:sqs:us-east-1:1:jobs"}}]}"#;
        let message = Message {
            queue: Some("q.fifo".to_owned()),
            body: "{}".to_owned(),
            group: Some("g".to_owned()),
            moved_from: Some("arn:aws:sqs:us-east-1:1:jobs".to_owned()),
        };
        assert_eq!(course(batch), Course::Queue(vec![message]));
        assert_eq!(course(r#"{"Records":[]}"#), Course::Queue(Vec::new()));
    }

    #[test]
    fn what_aws_hands_to_the_function_itself_is_an_invocation() {
        assert_eq!(course(r#"{"detail-type":"x","detail":{}}"#), Course::Invocation);
        assert_eq!(course(r#"{"Records":[{"EventSource":"aws:sns"}]}"#), Course::Invocation);
        assert_eq!(course(r#"{"Records":[{"eventSource":"aws:s3"}]}"#), Course::Invocation);
    }

    #[test]
    fn what_no_queue_takes_is_an_invocation_and_all_else_a_message() {
        for text in ["", "{\"a\":\"\u{1}\"}"] {
            assert_eq!(course(text), Course::Invocation);
        }
        for text in ["no json", "{}", "[]", r#"{"detail-type":"x","detail":{},"target":{}}"#] {
            assert!(matches!(course(text), Course::Queue(messages) if messages.len() == 1), "{text}");
        }
    }
}
