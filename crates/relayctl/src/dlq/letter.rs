//! One dead letter, whoever wrote it: the relay, SQS's own redrive, EventBridge or Lambda. What is read here is what a
//! message says of itself; where it can go follows from that.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use aws_sdk_sqs::types::{Message, MessageAttributeValue, MessageSystemAttributeName as System};
use failure_event::arn::Arn;
use failure_event::dead_letter::{
    Code, PUBLISHER, REDRIVE_COUNT, RETRY_ATTEMPTS, SOURCE_ARN, SOURCE_MESSAGE_ID,
};
use failure_event::notice::WORK_WITHOUT_IDENTITY;
use failure_event::parked::PARKED_SINCE;

/// Attributes that are about the letter and not about the work: a redriven message goes without them.
const LABELS: [&str; 16] = [
    "ERROR_CODE",
    "ERROR_MESSAGE",
    "TARGET_KIND",
    "EVENT_ID",
    SOURCE_ARN,
    SOURCE_MESSAGE_ID,
    RETRY_ATTEMPTS,
    PUBLISHER,
    PARKED_SINCE,
    "RULE_ARN",
    "TARGET_ARN",
    "EXHAUSTED_RETRY_CONDITION",
    "RequestID",
    "ErrorCode",
    "ErrorMessage",
    REDRIVE_COUNT,
];

/// Who put the letter into the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writer {
    /// The failure relay.
    Relay,
    /// SQS itself, after too many receives.
    Sqs,
    /// A rule that could not deliver.
    EventBridge,
    /// A Lambda function's dead-letter configuration.
    Lambda,
    /// Nobody who says so.
    Unknown,
}

impl Writer {
    /// The writer's name for people and scripts.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Writer::Relay => "relay",
            Writer::Sqs => "sqs",
            Writer::EventBridge => "eventbridge",
            Writer::Lambda => "lambda",
            Writer::Unknown => "unknown",
        }
    }
}

/// A dead letter as it was received.
#[derive(Clone, Debug)]
pub struct Letter {
    message: Message,
}

impl From<Message> for Letter {
    fn from(message: Message) -> Self {
        Self { message }
    }
}

impl Letter {
    /// The message id in the dead-letter queue.
    #[must_use]
    pub fn id(&self) -> &str {
        self.message.message_id().unwrap_or_default()
    }

    /// The body, byte for byte.
    #[must_use]
    pub fn body(&self) -> &str {
        self.message.body().unwrap_or_default()
    }

    /// The handle of this receive.
    #[must_use]
    pub fn receipt(&self) -> &str {
        self.message.receipt_handle().unwrap_or_default()
    }

    /// Who wrote it.
    #[must_use]
    pub fn writer(&self) -> Writer {
        let is_relays = |code: &str| Code::ALL.iter().any(|known| known.as_str() == code);
        if self.moved_from().is_some() {
            Writer::Sqs
        } else if self.attribute("RULE_ARN").is_some() {
            Writer::EventBridge
        } else if self.attribute("ERROR_CODE").is_some_and(is_relays) {
            Writer::Relay
        } else if self.attribute("RequestID").is_some() && self.attribute("ErrorMessage").is_some() {
            Writer::Lambda
        } else {
            Writer::Unknown
        }
    }

    /// Why it is dead, for programs.
    #[must_use]
    pub fn code(&self) -> &str {
        let given = match self.writer() {
            Writer::Sqs => Some("TOO_MANY_RECEIVES"),
            Writer::Lambda => self.attribute("ErrorCode"),
            Writer::Relay | Writer::EventBridge | Writer::Unknown => self.attribute("ERROR_CODE"),
        };
        given.unwrap_or("NONE")
    }

    /// Whether this is abandoned work in which the relay found no task.
    #[must_use]
    pub fn is_work_without_identity(&self) -> bool {
        self.reason() == WORK_WITHOUT_IDENTITY
    }

    /// Why it is dead, for people.
    #[must_use]
    pub fn reason(&self) -> &str {
        self.attribute("ERROR_MESSAGE").or_else(|| self.attribute("ErrorMessage")).unwrap_or_default()
    }

    /// The kind of target, where the relay could tell it.
    #[must_use]
    pub fn kind(&self) -> Option<&str> {
        self.attribute("TARGET_KIND")
    }

    /// The event's id.
    #[must_use]
    pub fn event_id(&self) -> Option<&str> {
        self.attribute("EVENT_ID")
    }

    /// The id of the message that became this letter.
    #[must_use]
    pub fn source_message_id(&self) -> Option<&str> {
        self.attribute("SOURCE_MESSAGE_ID")
    }

    /// Who sent the work: as the relay was told, else the sender of this very message, who is the publisher only where SQS moved it.
    #[must_use]
    pub fn publisher(&self) -> Option<&str> {
        let sender = || self.system(&System::SenderId).filter(|_| self.moved_from().is_some());
        sender().or_else(|| self.attribute(PUBLISHER))
    }

    /// The queue from which SQS itself moved it here.
    #[must_use]
    pub fn moved_from(&self) -> Option<&str> {
        self.system(&System::DeadLetterQueueSourceArn)
    }

    /// Where it came from: a queue, a topic or a rule. What SQS itself says comes first: attributes may be the publisher's own.
    #[must_use]
    pub fn source(&self) -> Option<&str> {
        self.moved_from().or_else(|| self.attribute("SOURCE_ARN")).or_else(|| self.attribute("RULE_ARN"))
    }

    /// The queue that it says it goes back to, where it says one: that from which it came, or the one to which a rule could not deliver.
    #[must_use]
    pub fn home(&self) -> Option<&str> {
        let candidates = [self.moved_from(), self.attribute("SOURCE_ARN"), self.attribute("TARGET_ARN")];
        candidates.into_iter().flatten().find(|arn| is_queue(arn))
    }

    /// When it was sent: by the relay to this queue, by others to the queue from which it was moved.
    #[must_use]
    pub fn sent(&self) -> Option<SystemTime> {
        let milliseconds = self.system(&System::SentTimestamp)?.parse().ok()?;
        Some(SystemTime::UNIX_EPOCH + Duration::from_millis(milliseconds))
    }

    /// How often it was received, this time included.
    #[must_use]
    pub fn receives(&self) -> u32 {
        let count = self.system(&System::ApproximateReceiveCount);
        count.and_then(|count| count.parse().ok()).unwrap_or(1)
    }

    /// How often it was redriven before.
    #[must_use]
    pub fn redrives(&self) -> u32 {
        self.attribute(REDRIVE_COUNT).and_then(|count| count.parse().ok()).unwrap_or(0)
    }

    /// Its message group.
    #[must_use]
    pub fn group(&self) -> Option<&str> {
        self.system(&System::MessageGroupId)
    }

    /// What helps to follow a trace.
    #[must_use]
    pub fn trace_header(&self) -> Option<&str> {
        self.system(&System::AwsTraceHeader)
    }

    /// The attributes that the work itself had, which go back with it.
    #[must_use]
    pub fn own_attributes(&self) -> HashMap<String, MessageAttributeValue> {
        let all = self.message.message_attributes().into_iter().flatten();
        all.filter(|(name, _)| !LABELS.contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }

    /// An attribute that is text and not empty.
    fn attribute(&self, name: &str) -> Option<&str> {
        let value = self.message.message_attributes()?.get(name)?.string_value()?;
        (!value.is_empty()).then_some(value)
    }

    fn system(&self, name: &System) -> Option<&str> {
        self.message.attributes()?.get(name).map(String::as_str)
    }
}

/// Whether an ARN is a queue's.
#[must_use]
pub fn is_queue(arn: &str) -> bool {
    Arn::parse(arn).is_some_and(|arn| arn.service == "sqs")
}

/// The last part of an ARN, which is its name.
#[must_use]
pub fn short(arn: &str) -> &str {
    arn.rsplit([':', '/']).next().unwrap_or(arn)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    const QUEUE: &str = "arn:aws:sqs:eu-west-1:111122223333:failures";

    /// A letter with these attributes; names of system attributes start with a dot.
    pub(crate) fn letter(body: &str, attributes: &[(&str, &str)]) -> Letter {
        let mut message = Message::builder().message_id("m-1").receipt_handle("r-1").body(body);
        for (name, value) in attributes {
            let text = MessageAttributeValue::builder().data_type("String").string_value(*value).build();
            message = match name.strip_prefix('.') {
                Some(system) => message.attributes(System::from(system), *value),
                None => message.message_attributes(*name, text.unwrap()),
            };
        }
        Letter::from(message.build())
    }

    #[test]
    fn each_writer_is_known_by_its_labels() {
        let relay = letter("{}", &[("ERROR_CODE", "INVALID_EVENT"), ("SOURCE_ARN", QUEUE)]);
        let rule = letter(
            "{}",
            &[
                ("ERROR_CODE", "NO_PERMISSIONS"),
                ("RULE_ARN", "arn:aws:events:::rule/x"),
                ("TARGET_ARN", QUEUE),
            ],
        );
        let moved = letter("{}", &[(".DeadLetterQueueSourceArn", QUEUE), ("OWN", "x")]);
        let lambda = letter("{}", &[("RequestID", "r"), ("ErrorCode", "200"), ("ErrorMessage", "boom")]);
        let unknown = letter("{}", &[]);
        let read = |letter: &Letter| {
            (
                letter.writer(),
                letter.code().to_owned(),
                letter.home().is_some(),
                letter.own_attributes().len(),
            )
        };
        assert_eq!(read(&relay), (Writer::Relay, "INVALID_EVENT".to_owned(), true, 0));
        assert_eq!(read(&rule), (Writer::EventBridge, "NO_PERMISSIONS".to_owned(), true, 0));
        assert_eq!(read(&moved), (Writer::Sqs, "TOO_MANY_RECEIVES".to_owned(), true, 1));
        assert_eq!(read(&lambda), (Writer::Lambda, "200".to_owned(), false, 0));
        assert_eq!(read(&unknown), (Writer::Unknown, "NONE".to_owned(), false, 0));
    }

    #[test]
    fn what_sqs_says_outweighs_the_publishers_own_attributes() {
        let other = "arn:aws:sqs:eu-west-1:999999999999:stolen";
        let labels =
            [(".DeadLetterQueueSourceArn", QUEUE), ("SOURCE_ARN", other), ("ERROR_CODE", "INVALID_EVENT")];
        let forged = letter("{}", &labels);
        assert_eq!((forged.writer(), forged.home()), (Writer::Sqs, Some(QUEUE)));
    }

    #[test]
    fn what_came_from_a_topic_or_a_rule_has_no_queue_to_go_back_to() {
        let topic = "arn:aws:sns:eu-west-1:111122223333:failures";
        let letter = letter("{}", &[("ERROR_CODE", "INVALID_EVENT"), ("SOURCE_ARN", topic)]);
        assert_eq!((letter.source(), letter.home()), (Some(topic), None));
    }

    #[test]
    fn the_publisher_is_the_one_that_the_relay_or_sqs_tells() {
        let relays = letter("{}", &[("PUBLISHER", "AIDAPUBLISHER"), (".SenderId", "AROARELAY:relay")]);
        assert_eq!(relays.publisher(), Some("AIDAPUBLISHER"));
        assert!(relays.own_attributes().is_empty());
        let moved = letter(
            "{}",
            &[(".DeadLetterQueueSourceArn", QUEUE), (".SenderId", "AIDASENDER"), ("PUBLISHER", "forged")],
        );
        assert_eq!(moved.publisher(), Some("AIDASENDER"));
        assert_eq!(letter("{}", &[(".SenderId", "AROARELAY:relay")]).publisher(), None);
    }

    #[test]
    fn counts_that_are_missing_or_odd_have_a_default() {
        let odd = letter("{}", &[(REDRIVE_COUNT, "many"), (".ApproximateReceiveCount", "")]);
        assert_eq!((odd.redrives(), odd.receives(), odd.sent()), (0, 1, None));
        assert_eq!(letter("{}", &[(REDRIVE_COUNT, "2")]).redrives(), 2);
    }
}
