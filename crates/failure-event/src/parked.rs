//! The parked message: a record that waits in the parking queue, where it is not in flight and holds up nobody.
//!
//! The body is the record's own, byte for byte. The message attributes keep what the record was, so that it counts as the same record
//! when the parking queue delivers it. This module names no queue client: the function's `parking_queue` sends what is made here.

use std::fmt;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::dead_letter::{
    MESSAGE_SIZE_MAX, Origin, PUBLISHER, REDRIVE_COUNT, RETRY_ATTEMPTS, SOURCE_ARN, SOURCE_MESSAGE_ID,
    known_attributes, message_size,
};
use crate::envelope::{Body, Record, SqsDelivery, Via};
use crate::event::parse_time;
use crate::json::Object;

/// The attribute that tells when a record was parked first.
pub const PARKED_SINCE: &str = "PARKED_SINCE";

/// The attribute that keeps the first message's `SentTimestamp`.
pub const SENT_AT: &str = "SENT_AT";

/// The attribute that keeps the first message's `DeadLetterQueueSourceArn`: the text of abandoned work names that queue.
pub const DEAD_LETTER_SOURCE_ARN: &str = "DEAD_LETTER_SOURCE_ARN";

/// What a message that is too large with its attributes can do without: a later delivery counts as the same record all the same.
const DISPENSABLE: [&str; 2] = [SENT_AT, PUBLISHER];

/// When a record was parked first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParkedSince {
    /// As the first parking wrote it.
    text: String,
    time: OffsetDateTime,
}

impl ParkedSince {
    /// Reads an RFC 3339 time.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Some(Self { time: parse_time(text)?, text: text.to_owned() })
    }

    /// That moment, to the millisecond.
    #[must_use]
    pub fn at(time: OffsetDateTime) -> Self {
        let time = time.replace_millisecond(time.millisecond()).unwrap_or(time);
        // Rfc3339 fails only for years past 9999.
        Self { text: time.format(&Rfc3339).unwrap_or_default(), time }
    }

    /// In RFC 3339, to the byte as the first parking wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The moment itself.
    #[must_use]
    pub fn time(&self) -> OffsetDateTime {
        self.time
    }
}

/// A message for the parking queue.
#[derive(Clone, PartialEq, Eq)]
pub struct ParkedMessage {
    /// The record's body, byte for byte as it arrived.
    pub body: String,
    /// Name and value of each message attribute (String).
    pub attributes: Vec<(&'static str, String)>,
    /// `AWSTraceHeader`, a system attribute.
    pub trace_header: Option<String>,
    /// The record's message group, which on a standard queue shares out the throughput among tenants.
    pub message_group: Option<String>,
    /// How long SQS holds the message back.
    pub delay_seconds: u16,
}

impl ParkedMessage {
    /// The message that parks a record whose [`kept_attributes`] these are.
    #[must_use]
    pub fn new(record: &Record<'_>, attributes: Vec<(&'static str, String)>, delay_seconds: u16) -> Self {
        Self {
            body: record.body.as_arrived().into_owned(),
            attributes,
            trace_header: record.sqs_delivery().and_then(|delivery| delivery.trace_header.clone()),
            message_group: record.origin.message_group.clone(),
            delay_seconds,
        }
    }

    /// The size that SQS counts.
    #[must_use]
    pub fn size(&self) -> usize {
        message_size(&self.body, &self.attributes)
    }
}

impl fmt::Debug for ParkedMessage {
    /// The body holds the token, so only its size is shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParkedMessage")
            .field("body_bytes", &self.body.len())
            .field("attributes", &self.attributes)
            .field("delay_seconds", &self.delay_seconds)
            .finish_non_exhaustive()
    }
}

/// Whether a record can be parked.
#[must_use]
pub fn can_be_parked(record: &Record<'_>, now: OffsetDateTime) -> bool {
    kept_attributes(record, now).is_some()
}

/// What tells which record a parked message is; `None` where it cannot be parked: it did not come from a standard queue, or does not
/// fit into a message together with these.
#[must_use]
pub fn kept_attributes(record: &Record<'_>, now: OffsetDateTime) -> Option<Vec<(&'static str, String)>> {
    let delivery = record.sqs_delivery()?;
    let is_standard = delivery.queue_arn.is_some() && !delivery.is_fifo();
    if !is_standard || matches!(record.body, Body::Absent(_)) {
        return None;
    }
    let mut attributes = attributes(&record.origin, delivery, now);
    // Every call asks: nearly all records fit by far, which is seen without reading their bodies.
    if record.body.size_max() + message_size("", &attributes) <= MESSAGE_SIZE_MAX {
        return Some(attributes);
    }
    let body = record.body.as_arrived();
    for dispensable in DISPENSABLE {
        if message_size(&body, &attributes) > MESSAGE_SIZE_MAX {
            attributes.retain(|(name, _)| *name != dispensable);
        }
    }
    (message_size(&body, &attributes) <= MESSAGE_SIZE_MAX).then_some(attributes)
}

fn attributes(origin: &Origin, delivery: &SqsDelivery, now: OffsetDateTime) -> Vec<(&'static str, String)> {
    let since = origin.parked_since.clone().unwrap_or_else(|| ParkedSince::at(now));
    let receives = origin.receives.map(|receives| receives.to_string());
    let redrives = origin.redrives.map(|redrives| redrives.to_string());
    known_attributes([
        (PARKED_SINCE, Some(since.as_str())),
        (RETRY_ATTEMPTS, receives.as_deref()),
        (SOURCE_ARN, origin.source_arn.as_deref()),
        (SOURCE_MESSAGE_ID, origin.message_id.as_deref()),
        (DEAD_LETTER_SOURCE_ARN, delivery.dead_letter_source_arn.as_deref()),
        (REDRIVE_COUNT, redrives.as_deref()),
        (PUBLISHER, origin.publisher.as_deref()),
        (SENT_AT, delivery.sent_at.as_deref()),
    ])
}

/// The record that was parked, read from the parking queue's delivery of it and its message attributes. What they do not tell stays as
/// the delivery has it.
#[must_use]
pub fn restored<'a>(delivered: Record<'a>, attributes: &Object<'_>) -> Record<'a> {
    let text = |name: &str| {
        let attribute = attributes.object(name)?;
        Some(attribute.text("stringValue")?.into_owned()).filter(|value| !value.is_empty())
    };
    let Record { origin, via, body } = delivered;
    let parked_since = text(PARKED_SINCE).as_deref().and_then(ParkedSince::parse);
    let receives_before = text(RETRY_ATTEMPTS).and_then(|count| count.parse::<u32>().ok());
    let origin = Origin {
        source_arn: text(SOURCE_ARN).or(origin.source_arn),
        message_id: text(SOURCE_MESSAGE_ID).or(origin.message_id),
        receives: match receives_before {
            Some(before) => Some(before.saturating_add(origin.receives.unwrap_or(1))),
            None => origin.receives,
        },
        // The sender of a message that the relay has parked is the relay, which is not who published it.
        publisher: text(PUBLISHER).or(origin.publisher.filter(|_| parked_since.is_none())),
        parked_since,
        ..origin
    };
    let via = match via {
        Via::Sqs(delivery) => Via::Sqs(SqsDelivery {
            sent_at: text(SENT_AT).or(delivery.sent_at),
            dead_letter_source_arn: text(DEAD_LETTER_SOURCE_ARN).or(delivery.dead_letter_source_arn),
            ..delivery
        }),
        other => other,
    };
    Record { origin, via, body }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::{Delivery, open_with_parking};

    const SOURCE: &str = "arn:aws:sqs:eu-west-1:111122223333:failures";
    const PARKING: &str = "arn:aws:sqs:eu-west-1:111122223333:failures-parking";

    fn now() -> OffsetDateTime {
        parse_time("2026-11-21T10:00:00.123456789Z").unwrap()
    }

    fn record_json(queue: &str, id: &str, body: &str, message_attributes: &str) -> String {
        let body = serde_json::to_string(body).unwrap();
        format!(
            r#"{{"Records":[{{"messageId":"{id}","receiptHandle":"h","body":{body},"eventSource":"aws:sqs",
            "eventSourceARN":"{queue}","attributes":{{"ApproximateReceiveCount":"3","SentTimestamp":"17","SenderId":"AIDA",
            "AWSTraceHeader":"Root=1"}},"messageAttributes":{message_attributes}}}]}}"#
        )
    }

    fn opened(payload: &str) -> Record<'_> {
        let Delivery::SqsBatch(mut records) = open_with_parking(payload, |arn| arn == PARKING) else {
            panic!("a batch")
        };
        records.remove(0)
    }

    fn as_lambda_shows(attributes: &[(&str, String)]) -> String {
        let shown = attributes
            .iter()
            .map(|(name, value)| format!(r#""{name}":{{"stringValue":"{value}","dataType":"String"}}"#));
        format!("{{{}}}", shown.collect::<Vec<_>>().join(","))
    }

    fn message_of(record: &Record<'_>, now: OffsetDateTime, delay_seconds: u16) -> ParkedMessage {
        ParkedMessage::new(record, kept_attributes(record, now).unwrap(), delay_seconds)
    }

    #[test]
    fn a_parked_message_keeps_what_its_record_was() {
        let payload = record_json(SOURCE, "first", " {\"a\": 1}\r\n", "{}");
        let message = message_of(&opened(&payload), now(), 7);
        assert_eq!(message.body, " {\"a\": 1}\r\n");
        assert_eq!((message.trace_header.as_deref(), message.delay_seconds), (Some("Root=1"), 7));
        let expected = [
            ("PARKED_SINCE", "2026-11-21T10:00:00.123Z"),
            ("RETRY_ATTEMPTS", "3"),
            ("SOURCE_ARN", SOURCE),
            ("SOURCE_MESSAGE_ID", "first"),
            ("PUBLISHER", "AIDA"),
            ("SENT_AT", "17"),
        ];
        assert_eq!(message.attributes, expected.map(|(name, value)| (name, value.to_owned())));
    }

    #[test]
    fn a_record_of_the_parking_queue_counts_as_the_record_that_was_parked() {
        let first = record_json(SOURCE, "first", "{}", "{}");
        let parked = message_of(&opened(&first), now(), 7);
        let second = record_json(PARKING, "second", "{}", &as_lambda_shows(&parked.attributes));
        let record = opened(&second);
        let was = opened(&first).origin;
        assert_eq!(record.origin.source_arn, was.source_arn);
        assert_eq!(record.origin.message_id, was.message_id);
        assert_eq!(record.origin.publisher, was.publisher);
        assert_eq!(record.origin.receives, Some(6), "three before, and three of its own");
        let delivery = record.sqs_delivery().unwrap();
        assert_eq!(delivery.message_id.as_deref(), Some("second"), "it is answered by its own id");
        assert_eq!(delivery.queue_arn.as_deref(), Some(PARKING));
        let again = message_of(&record, now() + time::Duration::DAY, 7);
        let since = |message: &ParkedMessage| message.attributes[0].clone();
        assert_eq!(since(&again), since(&parked), "of the first parking");
        assert_eq!(again.attributes[1], ("RETRY_ATTEMPTS", "6".to_owned()));
    }

    #[test]
    fn the_same_attributes_on_a_message_of_any_other_queue_are_nothing() {
        let forged = r#"{"PARKED_SINCE":{"stringValue":"2020-01-01T00:00:00Z"},"RETRY_ATTEMPTS":{"stringValue":"99"},
            "SOURCE_ARN":{"stringValue":"arn:aws:sqs:eu-west-1:111122223333:payroll"},"PUBLISHER":{"stringValue":"root"}}"#;
        let payload = record_json(SOURCE, "m", "{}", forged);
        let Origin { source_arn, receives, publisher, parked_since, .. } = opened(&payload).origin;
        assert_eq!((source_arn.as_deref(), receives), (Some(SOURCE), Some(3)));
        assert_eq!((publisher.as_deref(), parked_since), (Some("AIDA"), None));
    }

    #[test]
    fn a_parked_record_whose_publisher_is_not_known_was_not_published_by_the_relay() {
        let payload =
            record_json(PARKING, "m", "{}", r#"{"PARKED_SINCE":{"stringValue":"2020-01-01T00:00:00Z"}}"#);
        assert_eq!(opened(&payload).origin.publisher, None);
        let by_hand = record_json(PARKING, "m", "{}", "{}");
        assert_eq!(opened(&by_hand).origin.publisher.as_deref(), Some("AIDA"));
    }

    #[test]
    fn only_records_of_a_standard_queue_that_fit_with_their_identity_can_be_parked() {
        let fifo = record_json(&format!("{SOURCE}.fifo"), "m", "{}", "{}");
        assert!(!can_be_parked(&opened(&fifo), now()));
        let small = record_json(SOURCE, "m", "", "{}");
        let all = kept_attributes(&opened(&small), now()).unwrap();
        let fits_with_all = MESSAGE_SIZE_MAX - message_size("", &all);
        let without = |names: &[&str]| {
            let kept: Vec<_> = all.iter().filter(|(name, _)| !names.contains(name)).cloned().collect();
            MESSAGE_SIZE_MAX - message_size("", &kept)
        };
        let names_at = |size: usize| {
            let payload = record_json(SOURCE, "m", &"x".repeat(size), "{}");
            kept_attributes(&opened(&payload), now()).map(|kept| kept.len())
        };
        assert_eq!(names_at(fits_with_all), Some(6));
        assert_eq!(names_at(fits_with_all + 1), Some(5), "without SENT_AT");
        assert_eq!(names_at(without(&[SENT_AT, PUBLISHER])), Some(4));
        assert_eq!(names_at(without(&[SENT_AT, PUBLISHER]) + 1), None, "it stays where it is");
    }

    #[test]
    fn the_body_is_not_printed() {
        let payload = record_json(SOURCE, "m", "secret", "{}");
        let message = message_of(&opened(&payload), now(), 1);
        assert!(!format!("{message:?}").contains("secret"));
    }
}
