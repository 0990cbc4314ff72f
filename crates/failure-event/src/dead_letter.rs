//! The dead letter: a record that no later try can help, stored with the reason, ready to be moved back.
//!
//! The body is the record's own, byte for byte; all that is said about it stands in message attributes.
//! This module names no queue client: the function's `dead_letter_queue` sends what is made here.

use std::borrow::Cow;
use std::fmt;

use crate::parked::{PARKED_SINCE, ParkedSince};
use crate::secret::sha256_hex;
use crate::text::cut;
use crate::words::{WORD, holds_control_or, word_at};

/// The longest reason, in characters.
pub const ERROR_MESSAGE_MAX: usize = 1024;

/// The longest event id that an attribute holds, in characters.
pub const EVENT_ID_MAX: usize = 256;

/// The longest publisher that an attribute holds, in characters. SQS's own ids are shorter; a direct invocation may say anything.
const PUBLISHER_MAX: usize = 256;

/// The largest SQS message in bytes, attributes included.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>
pub const MESSAGE_SIZE_MAX: usize = 1_048_576;

/// The longest message group and deduplication id, in characters.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>
const FIFO_ID_MAX: usize = 128;

/// The message group of a dead letter that has no group and no id of its own.
const DEFAULT_GROUP: &str = "failure-relay";

/// The attribute in which a message that was moved back from a dead-letter queue tells how often. A dead letter of it keeps
/// the count, so that one that keeps coming back can be told from one that is new.
pub const REDRIVE_COUNT: &str = "REDRIVE_COUNT";

/// The attribute that holds [`Origin::source_arn`].
pub const SOURCE_ARN: &str = "SOURCE_ARN";

/// The attribute that holds [`Origin::message_id`].
pub const SOURCE_MESSAGE_ID: &str = "SOURCE_MESSAGE_ID";

/// The attribute that counts receives: those before the last in a dead letter, all of them in a parked message.
pub const RETRY_ATTEMPTS: &str = "RETRY_ATTEMPTS";

/// The attribute that holds [`Origin::publisher`].
pub const PUBLISHER: &str = "PUBLISHER";

/// Why a record is dead-lettered, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Code {
    /// Not JSON, or no JSON object.
    MalformedEvent,
    /// A member is missing or wrong.
    InvalidEvent,
    /// A schema version that this relay does not know.
    UnsupportedVersion,
    /// No such `kind`.
    UnknownTarget,
    /// A kind that is switched off, or a region or account outside the allow-list.
    TargetNotAllowed,
    /// The service refused the request for good.
    RejectedByService,
    /// Received as often as `RELAY_MAX_RECEIVES` allows, and still failing.
    RetriesExhausted,
    /// A lease or a claim, which this relay has no table for.
    NotEnabled,
}

impl Code {
    /// Every code.
    pub const ALL: [Code; 8] = [
        Code::MalformedEvent,
        Code::InvalidEvent,
        Code::UnsupportedVersion,
        Code::UnknownTarget,
        Code::TargetNotAllowed,
        Code::RejectedByService,
        Code::RetriesExhausted,
        Code::NotEnabled,
    ];

    /// The code as the `ERROR_CODE` attribute, logs and responses hold it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Code::MalformedEvent => "MALFORMED_EVENT",
            Code::InvalidEvent => "INVALID_EVENT",
            Code::UnsupportedVersion => "UNSUPPORTED_VERSION",
            Code::UnknownTarget => "UNKNOWN_TARGET",
            Code::TargetNotAllowed => "TARGET_NOT_ALLOWED",
            Code::RejectedByService => "REJECTED_BY_SERVICE",
            Code::RetriesExhausted => "RETRIES_EXHAUSTED",
            Code::NotEnabled => "NOT_ENABLED",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a record is dead-lettered: the code, and for people what is wrong and where, as a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// For programs.
    pub code: Code,
    /// For people: never a token, at most [`ERROR_MESSAGE_MAX`] characters that SQS accepts.
    pub message: String,
    /// The service's error name, where a service's answer is the reason.
    pub service_error: Option<String>,
}

impl Reason {
    /// A reason; characters that SQS refuses are replaced and the text is cut to its limit.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        // What is cut off need not be cleaned, and the marker needs no cleaning.
        let message = storable(&cut(&message.into(), ERROR_MESSAGE_MAX)).into_owned();
        Self { code, message, service_error: None }
    }

    /// The reason, with the name of the service's error behind it.
    #[must_use]
    pub fn after(self, service_error: Option<&str>) -> Self {
        Self { service_error: service_error.map(str::to_owned), ..self }
    }

    /// A member of the event is missing or wrong.
    #[must_use]
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Code::InvalidEvent, message)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

/// Where a record came from, as far as a dead letter tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The queue, topic or rule that invoked the relay.
    pub source_arn: Option<String>,
    /// The SQS message id.
    pub message_id: Option<String>,
    /// How often SQS has delivered the record, this delivery included.
    pub receives: Option<u32>,
    /// The record's own message group.
    pub message_group: Option<String>,
    /// How often the message was moved back from a dead-letter queue: its own attribute [`REDRIVE_COUNT`].
    pub redrives: Option<u32>,
    /// Who sent it, as the outermost envelope vouches for it: the `SenderId` of an SQS record, or the `account` of an EventBridge
    /// event that invoked the relay.
    pub publisher: Option<String>,
    /// When it was parked first, when it was.
    pub parked_since: Option<ParkedSince>,
    /// When it was sent, in milliseconds since 1970, as an EventBridge event or SNS say.
    pub sent_at: Option<i64>,
}

/// A message for the dead-letter queue.
#[derive(Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The record's body, byte for byte as it arrived.
    pub body: String,
    /// Name and value of each message attribute (String).
    pub attributes: Vec<(&'static str, String)>,
    /// Message group and deduplication id, which only a FIFO queue takes.
    pub fifo: Option<FifoIds>,
}

/// The two ids that a FIFO queue asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FifoIds {
    /// `MessageGroupId`
    pub group: String,
    /// `MessageDeduplicationId`
    pub deduplication: String,
}

/// What a dead letter says about its record.
#[derive(Clone, Copy, Debug)]
pub struct Label<'a> {
    /// Why.
    pub reason: &'a Reason,
    /// The kind, when it is one of those that are listed.
    pub target_kind: Option<&'static str>,
    /// The event's id, when known.
    pub event_id: Option<&'a str>,
    /// Who sent it, when known.
    pub publisher: Option<&'a str>,
    /// Where it came from.
    pub origin: &'a Origin,
}

impl DeadLetter {
    /// Labels a record's body. Where body and attributes together would pass the size limit, the attributes go.
    #[must_use]
    pub fn new(body: String, label: Label<'_>) -> Self {
        let mut letter = Self { body, attributes: attributes(label), fifo: None };
        if letter.size() > MESSAGE_SIZE_MAX {
            letter.attributes.clear();
        }
        letter
    }

    /// Adds what a FIFO queue asks for. `invocation_id` stands in where there is no message id.
    #[must_use]
    pub fn with_fifo_ids(mut self, label: Label<'_>, invocation_id: &str) -> Self {
        let group = label.origin.message_group.as_deref().or(label.event_id).unwrap_or(DEFAULT_GROUP);
        let deduplication = label.origin.message_id.as_deref().unwrap_or(invocation_id);
        self.fifo = Some(FifoIds { group: fifo_id(group), deduplication: fifo_id(deduplication) });
        self
    }

    /// The size that SQS counts: body, and each attribute's name, type and value, in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        message_size(&self.body, &self.attributes)
    }

    /// Whether SQS accepts the body as it is: one that is not empty, and holds no control characters.
    #[must_use]
    pub fn is_storable(&self) -> bool {
        !self.body.is_empty() && !holds_refused(&self.body)
    }

    /// The letter with the nearest body that SQS accepts.
    #[must_use]
    pub fn with_storable_body(mut self) -> Self {
        if self.body.is_empty() {
            "\"\"".clone_into(&mut self.body);
        } else if let Cow::Owned(body) = storable(&self.body) {
            self.body = body;
        }
        self
    }
}

impl fmt::Debug for DeadLetter {
    /// The body holds the token, so only its size is shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadLetter")
            .field("body_bytes", &self.body.len())
            .field("attributes", &self.attributes)
            .finish_non_exhaustive()
    }
}

/// The size that SQS counts: body, and each attribute's name, type and value, in bytes. System attributes do not count.
#[must_use]
pub fn message_size(body: &str, attributes: &[(&str, String)]) -> usize {
    let attribute_size = |(name, value): &(&str, String)| name.len() + "String".len() + value.len();
    body.len() + attributes.iter().map(attribute_size).sum::<usize>()
}

fn attributes(label: Label<'_>) -> Vec<(&'static str, String)> {
    let origin = label.origin;
    let retries = origin.receives.map(|receives| receives.saturating_sub(1).to_string());
    let redrives = origin.redrives.map(|redrives| redrives.to_string());
    let known = [
        ("ERROR_CODE", Some(label.reason.code.as_str())),
        ("ERROR_MESSAGE", Some(label.reason.message.as_str())),
        ("TARGET_KIND", label.target_kind),
        ("EVENT_ID", label.event_id.map(|id| prefix(id, EVENT_ID_MAX))),
        (SOURCE_ARN, origin.source_arn.as_deref()),
        (SOURCE_MESSAGE_ID, origin.message_id.as_deref()),
        (RETRY_ATTEMPTS, retries.as_deref()),
        (PUBLISHER, label.publisher.map(|publisher| prefix(publisher, PUBLISHER_MAX))),
        (REDRIVE_COUNT, redrives.as_deref()),
        (PARKED_SINCE, origin.parked_since.as_ref().map(ParkedSince::as_str)),
    ];
    known_attributes(known)
}

/// The attributes that have a value, with each character that SQS refuses replaced.
pub(crate) fn known_attributes<const N: usize>(
    attributes: [(&'static str, Option<&str>); N],
) -> Vec<(&'static str, String)> {
    attributes
        .into_iter()
        .filter_map(|(name, value)| {
            value.filter(|value| !value.is_empty()).map(|value| (name, storable(value).into_owned()))
        })
        .collect()
}

/// The first `max` characters of a text, in UTF-16 code units.
fn prefix(text: &str, max: usize) -> &str {
    let mut used = 0;
    for (start, character) in text.char_indices() {
        used += character.len_utf16();
        if used > max {
            return &text[..start];
        }
    }
    text
}

/// The text with each character that SQS refuses replaced by U+FFFD.
/// Accepted are `#x9 #xA #xD #x20–#xD7FF #xE000–#xFFFD #x10000–#x10FFFF`.
fn storable(text: &str) -> Cow<'_, str> {
    if !holds_refused(text) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace(is_refused_by_sqs, "\u{fffd}"))
}

/// Whether SQS refuses a character of the text. Only those that begin with such a byte need a closer look.
fn holds_refused(text: &str) -> bool {
    let is_suspect = |byte: u8| (byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r')) || byte == 0xef;
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let end = bytes.len().min(at + WORD);
        if word_at(bytes, at).is_some_and(|word| !holds_control_or(word, 0xef)) {
            at = end;
        }
        while at < end {
            if is_suspect(bytes[at]) {
                return text.contains(is_refused_by_sqs);
            }
            at += 1;
        }
    }
    false
}

fn is_refused_by_sqs(character: char) -> bool {
    matches!(character, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}

/// The id itself where SQS takes it (1 to 128 ASCII letters, digits and punctuation), else its SHA-256.
fn fifo_id(id: &str) -> String {
    let accepted = (1..=FIFO_ID_MAX).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
    if accepted { id.to_owned() } else { sha256_hex(id) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin() -> Origin {
        Origin {
            source_arn: Some("arn:aws:sqs:eu-west-1:111122223333:failures".into()),
            message_id: Some("m-1".into()),
            receives: Some(3),
            ..Origin::default()
        }
    }

    fn letter(body: &str, origin: &Origin, event_id: Option<&str>) -> DeadLetter {
        let reason = Reason::invalid("target.jobId: is missing");
        let (target_kind, publisher) = (Some("codepipeline-job"), origin.publisher.as_deref());
        let label = Label { reason: &reason, target_kind, event_id, publisher, origin };
        DeadLetter::new(body.to_owned(), label)
    }

    #[test]
    fn a_dead_letter_says_all_that_is_known_and_nothing_else() {
        let known = letter("{}", &origin(), Some("e-1")).attributes;
        let expected = [
            ("ERROR_CODE", "INVALID_EVENT"),
            ("ERROR_MESSAGE", "target.jobId: is missing"),
            ("TARGET_KIND", "codepipeline-job"),
            ("EVENT_ID", "e-1"),
            ("SOURCE_ARN", "arn:aws:sqs:eu-west-1:111122223333:failures"),
            ("SOURCE_MESSAGE_ID", "m-1"),
            ("RETRY_ATTEMPTS", "2"),
        ];
        assert_eq!(known, expected.map(|(name, value)| (name, value.to_owned())));
        let names: Vec<_> =
            letter("{}", &Origin::default(), Some("")).attributes.into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["ERROR_CODE", "ERROR_MESSAGE", "TARGET_KIND"]);
    }

    #[test]
    fn a_letter_says_who_sent_it_within_256_characters() {
        let publisher = |id: String| {
            let origin = Origin { publisher: Some(id), ..Origin::default() };
            letter("{}", &origin, None).attributes.into_iter().find(|(name, _)| *name == "PUBLISHER")
        };
        assert_eq!(publisher("AIDAEXAMPLE".into()), Some(("PUBLISHER", "AIDAEXAMPLE".to_owned())));
        assert_eq!(publisher("x".repeat(1000)), Some(("PUBLISHER", "x".repeat(256))));
        assert_eq!(publisher(String::new()), None);
    }

    #[test]
    fn a_letter_that_was_redriven_keeps_its_count() {
        let origin = Origin { redrives: Some(2), ..Origin::default() };
        assert!(letter("{}", &origin, None).attributes.contains(&("REDRIVE_COUNT", "2".to_owned())));
    }

    #[test]
    fn a_letter_of_a_parked_record_says_since_when_and_who_published_it() {
        let origin = Origin {
            publisher: Some("AIDAEXAMPLE".into()),
            parked_since: ParkedSince::parse("2026-11-21T10:00:00.000Z"),
            ..Origin::default()
        };
        let attributes = letter("{}", &origin, None).attributes;
        assert!(attributes.contains(&("PUBLISHER", "AIDAEXAMPLE".to_owned())));
        assert!(attributes.contains(&("PARKED_SINCE", "2026-11-21T10:00:00.000Z".to_owned())), "verbatim");
    }

    #[test]
    fn the_attributes_go_when_body_and_attributes_would_not_fit() {
        let attributes_size = letter("", &origin(), None).size();
        let fits = "x".repeat(MESSAGE_SIZE_MAX - attributes_size);
        assert!(!letter(&fits, &origin(), None).attributes.is_empty());
        let over = letter(&format!("{fits}x"), &origin(), None);
        assert!(over.attributes.is_empty());
        assert_eq!(over.body.len(), fits.len() + 1);
    }

    #[test]
    fn a_reason_is_cut_and_cleaned() {
        let reason = Reason::invalid("a\0\u{1f}\tb\u{ffff}");
        assert_eq!(reason.message, "a\u{fffd}\u{fffd}\tb\u{fffd}");
        assert_eq!(Reason::invalid("😀".repeat(2000)).message, format!("{}… [truncated]", "😀".repeat(505)));
    }

    #[test]
    fn a_fifo_queue_is_given_the_records_own_group_and_id() {
        let own = Origin { message_group: Some("g".into()), ..origin() };
        let reason = Reason::invalid("x");
        let ids = |origin: &Origin, event_id| {
            let label = Label { reason: &reason, target_kind: None, event_id, publisher: None, origin };
            DeadLetter::new("{}".into(), label).with_fifo_ids(label, "r-1").fifo.unwrap()
        };
        assert_eq!(ids(&own, Some("e")), FifoIds { group: "g".into(), deduplication: "m-1".into() });
        assert_eq!(
            ids(&Origin::default(), Some("e")),
            FifoIds { group: "e".into(), deduplication: "r-1".into() }
        );
        assert_eq!(ids(&Origin::default(), None).group, "failure-relay");
        assert_eq!(ids(&Origin::default(), Some("a b")).group, sha256_hex("a b"));
        assert_eq!(ids(&Origin::default(), Some(&"x".repeat(129))).group.len(), 64);
    }

    #[test]
    fn a_body_that_sqs_refuses_has_a_storable_form() {
        let ordinary = "{\"a\": \"é😀\"}\r\n\t";
        for (body, stored) in [(ordinary, ordinary), ("a\u{1}b", "a\u{fffd}b"), ("", "\"\"")] {
            let letter = letter(body, &origin(), None);
            assert_eq!(letter.is_storable(), body == stored);
            assert_eq!(letter.with_storable_body().body, stored);
        }
    }

    #[test]
    fn the_body_is_not_printed() {
        assert!(!format!("{:?}", letter("secret", &origin(), None)).contains("secret"));
    }
}
