//! The envelopes: what AWS wraps around an event on its way, and how the relay finds what is inside.
//!
//! An invocation's payload is an SQS batch, SNS records, or a single event. Inside a body further envelopes may be nested, up to
//! [`DEPTH_MAX`] deep, the outermost counted. A record's body stays a text until it is that record's turn: one poison
//! body touches nobody else.

use std::borrow::Cow;

use crate::arn::Arn;
use crate::dead_letter::{Origin, REDRIVE_COUNT};
use crate::event::parse_time;
use crate::json::{Json, JsonString, Object, Type};
use crate::parked;
use crate::place::is_account;

/// How many envelopes are opened, the outermost counted.
pub const DEPTH_MAX: usize = 4;

/// The most records of one batch, which is the most that SQS and Lambda put into one. A larger one is of somebody else's making.
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-parameters.html>
pub const RECORDS_MAX: usize = 10_000;

/// What one invocation delivers.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one of it an invocation, and it is never copied")]
pub enum Delivery<'a> {
    /// An SQS batch, perhaps empty: answered with the records to be retried.
    SqsBatch(Vec<Record<'a>>),
    /// SNS records: each is answered, and a retry fails the invocation.
    Sns(Vec<Record<'a>>),
    /// One event, from EventBridge or from whoever invoked the function.
    Single(Record<'a>),
}

/// One record: what it carries and where it came from.
#[derive(Clone, Debug)]
pub struct Record<'a> {
    /// Where the record came from.
    pub origin: Origin,
    /// How it came, which decides how it is answered.
    pub via: Via,
    /// The event as text, as it arrived.
    pub body: Body<'a>,
}

/// How a record came to the relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Via {
    /// From an SQS queue.
    Sqs(SqsDelivery),
    /// From an SNS topic, which invoked the function.
    Sns {
        /// `Sns.MessageId`
        message_id: Option<String>,
    },
    /// As the invocation's own payload.
    Invocation,
}

/// What SQS says of a delivery beside what a dead letter tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SqsDelivery {
    /// The queue that delivered it: for a parked record the parking queue, and not the queue that the record came from first.
    pub queue_arn: Option<String>,
    /// The id of the message that was delivered, by which `batchItemFailures` names it.
    pub message_id: Option<String>,
    /// The handle with which the visibility of this delivery is changed.
    pub receipt_handle: Option<String>,
    /// The queue from which SQS moved the message here, when this is a dead-letter queue.
    pub dead_letter_source_arn: Option<String>,
    /// `AWSTraceHeader`
    pub trace_header: Option<String>,
    /// `SentTimestamp` of the message that the publisher sent.
    pub sent_at: Option<String>,
    /// Whether the parking queue delivered it.
    pub is_parked: bool,
}

impl SqsDelivery {
    /// Whether order must hold: the queue is a FIFO queue.
    #[must_use]
    pub fn is_fifo(&self) -> bool {
        self.queue_arn.as_deref().is_some_and(|arn| arn.ends_with(".fifo"))
    }
}

/// A record's body.
#[derive(Clone, Debug)]
pub enum Body<'a> {
    /// The text that carries the event.
    Text(JsonString<'a>),
    /// The JSON string that carries the event. It is read when it is the record's turn: the bodies of a batch are not all held twice.
    Literal(Json<'a>),
    /// A record without one. What it holds instead is kept, so that nothing is lost.
    Absent(Json<'a>),
}

impl<'a> Body<'a> {
    /// The member of a record that carries the event, where it is a string; else the record itself.
    fn of(member: Option<Json<'a>>, record: Json<'a>) -> Self {
        match member.filter(|body| body.json_type() == Type::String) {
            Some(body) => Self::Literal(body),
            None => Self::Absent(record),
        }
    }

    /// The body byte for byte, as a dead letter keeps it.
    #[must_use]
    pub fn as_arrived(&self) -> Cow<'_, str> {
        match self {
            Body::Text(string) => Cow::Borrowed(&string.text),
            Body::Literal(literal) => literal.to_text(),
            Body::Absent(record) => Cow::Borrowed(record.text()),
        }
    }

    /// The bytes that the body has at the most: no escape is shorter than what it stands for.
    #[must_use]
    pub fn size_max(&self) -> usize {
        match self {
            Body::Text(string) => string.text.len(),
            Body::Literal(json) | Body::Absent(json) => json.text().len(),
        }
    }

    /// The string that carries the event.
    #[must_use]
    pub fn string(&self) -> Option<JsonString<'a>> {
        match self {
            Body::Text(string) => Some(string.clone()),
            Body::Literal(literal) => literal.string(),
            Body::Absent(_) => None,
        }
    }

    /// The text that carries the event, as JSON that is itself to be parsed.
    #[must_use]
    pub fn embedded(&self) -> Option<Cow<'a, str>> {
        self.string().map(JsonString::into_embedded)
    }
}

impl Record<'_> {
    /// How many envelopes were opened to find the body.
    #[must_use]
    pub fn depth(&self) -> usize {
        usize::from(self.via != Via::Invocation)
    }

    /// The id that whoever delivered the record gave it.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        match &self.via {
            Via::Sns { message_id } => message_id.as_deref(),
            Via::Sqs(_) | Via::Invocation => self.origin.message_id.as_deref(),
        }
    }

    /// When it was sent, in milliseconds since 1970, as whoever delivered it vouches: for a parked record, when the first message was.
    #[must_use]
    pub fn sent_at(&self) -> Option<i64> {
        match self.sqs_delivery() {
            Some(delivery) => delivery.sent_at.as_deref()?.parse().ok(),
            None => self.origin.sent_at,
        }
    }

    /// The message group in which order must hold: that of a record of a FIFO queue.
    #[must_use]
    pub fn fifo_group(&self) -> Option<&str> {
        let from_fifo = self.sqs_delivery().is_some_and(SqsDelivery::is_fifo);
        self.origin.message_group.as_deref().filter(|_| from_fifo)
    }

    /// What SQS says of the delivery, when the record came from a queue.
    #[must_use]
    pub fn sqs_delivery(&self) -> Option<&SqsDelivery> {
        match &self.via {
            Via::Sqs(delivery) => Some(delivery),
            Via::Sns { .. } | Via::Invocation => None,
        }
    }
}

/// Reads an invocation's payload. It is total: whatever is no batch is a single event, and what is wrong with that is
/// found when it is routed.
#[must_use]
pub fn open(payload: &str) -> Delivery<'_> {
    open_with_parking(payload, |_| false)
}

/// [`open`], where some records come from the parking queue: each of those counts as the record that was parked. Only the queue's ARN
/// tells them apart, because anyone may put the attributes of a parked message on a message of their own.
#[must_use]
pub fn open_with_parking(payload: &str, is_parking_queue: impl Fn(&str) -> bool) -> Delivery<'_> {
    let object = Json::parse(payload).ok().and_then(Json::object);
    let batch = object.as_ref().and_then(|object| batch(object, &is_parking_queue));
    batch.unwrap_or_else(|| Delivery::Single(single(payload, object.as_ref())))
}

fn batch<'a>(object: &Object<'a>, is_parking_queue: &dyn Fn(&str) -> bool) -> Option<Delivery<'a>> {
    if object.holds_object("target") {
        return None;
    }
    let records = object.member("Records")?.array()?.with_objects();
    let records: Vec<(Json<'a>, Option<Object<'a>>)> = records.take(RECORDS_MAX + 1).collect();
    if records.len() > RECORDS_MAX {
        return None;
    }
    let mut service = records.is_empty().then_some(Service::Sqs);
    for record in records.iter().filter_map(|(_, record)| record.as_ref()) {
        if record.text("eventSource").as_deref() == Some("aws:sqs") {
            service = Some(Service::Sqs);
            break;
        }
        if record.text("EventSource").as_deref() == Some("aws:sns") {
            service = Some(Service::Sns);
        }
    }
    Some(match service? {
        Service::Sqs => Delivery::SqsBatch(
            records.into_iter().map(|record| sqs_record(record, is_parking_queue)).collect(),
        ),
        Service::Sns => Delivery::Sns(records.into_iter().map(sns_record).collect()),
    })
}

/// Whose records they are. One of SQS makes all of them a batch of SQS.
enum Service {
    Sqs,
    Sns,
}

fn single<'a>(payload: &'a str, event: Option<&Object<'a>>) -> Record<'a> {
    let source_arn = event.and_then(rule_arn);
    let publisher = event.and_then(account);
    let sent_at = event.filter(|event| is_event_bridge(event)).and_then(|event| millis(&event.text("time")?));
    Record {
        origin: Origin { source_arn, publisher, sent_at, ..Origin::default() },
        via: Via::Invocation,
        body: Body::Text(JsonString::from(payload)),
    }
}

/// The rule that sent an EventBridge event, which only some events name among their resources.
fn rule_arn(event: &Object<'_>) -> Option<String> {
    event.member("detail-type")?;
    let resources = event.member("resources")?.array()?;
    resources.into_iter().filter_map(Json::string).map(|resource| resource.text).find_map(|arn| {
        let is_rule = |arn: Arn<'_>| arn.service == "events" && arn.resource.starts_with("rule/");
        Arn::parse(&arn).is_some_and(is_rule).then(|| arn.clone().into_owned())
    })
}

/// The account that put an EventBridge event on its bus.
fn account(event: &Object<'_>) -> Option<String> {
    let account = event.text("account").filter(|_| is_event_bridge(event))?;
    Some(account.into_owned()).filter(|account| is_account(account))
}

fn is_event_bridge(event: &Object<'_>) -> bool {
    event_bridge(event).is_some() && !event.holds_object("target")
}

/// An RFC 3339 time in milliseconds since 1970.
fn millis(time: &str) -> Option<i64> {
    i64::try_from(parse_time(time)?.unix_timestamp_nanos() / 1_000_000).ok()
}

fn sqs_record<'a>(
    (json, record): (Json<'a>, Option<Object<'a>>),
    is_parking_queue: &dyn Fn(&str) -> bool,
) -> Record<'a> {
    let text = |name: &str| Some(record.as_ref()?.text(name)?.into_owned()).filter(|text| !text.is_empty());
    let attributes = record.as_ref().and_then(|record| record.object("attributes"));
    let attribute = |name: &str| Some(attributes.as_ref()?.description(name)?.into_owned());
    let body = record.as_ref().and_then(|record| record.member("body"));
    let (queue_arn, message_id) = (text("eventSourceARN"), text("messageId"));
    let is_parked = queue_arn.as_deref().is_some_and(is_parking_queue);
    let own = Record {
        origin: Origin {
            source_arn: queue_arn.clone(),
            message_id: message_id.clone(),
            receives: attribute("ApproximateReceiveCount")
                .and_then(|count| count.parse().ok())
                .map(saturated),
            message_group: attribute("MessageGroupId"),
            redrives: record.as_ref().and_then(redrives),
            publisher: attribute("SenderId").filter(|sender| !sender.is_empty()),
            parked_since: None,
            sent_at: None,
        },
        via: Via::Sqs(SqsDelivery {
            queue_arn,
            message_id,
            receipt_handle: text("receiptHandle"),
            dead_letter_source_arn: attribute("DeadLetterQueueSourceArn"),
            trace_header: attribute("AWSTraceHeader"),
            sent_at: attribute("SentTimestamp"),
            is_parked,
        }),
        body: Body::of(body, json),
    };
    match record.filter(|_| is_parked).and_then(|record| record.object("messageAttributes")) {
        Some(attributes) => parked::restored(own, &attributes),
        None => own,
    }
}

fn saturated(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// The count that a redrive left on the message.
fn redrives(record: &Object<'_>) -> Option<u32> {
    let attribute = record.object("messageAttributes")?.object(REDRIVE_COUNT)?;
    attribute.text("stringValue")?.parse().ok()
}

fn sns_record<'a>((json, record): (Json<'a>, Option<Object<'a>>)) -> Record<'a> {
    let sns = record.and_then(|record| record.object("Sns"));
    let text = |name: &str| Some(sns.as_ref()?.text(name)?.into_owned()).filter(|text| !text.is_empty());
    let body = sns.as_ref().and_then(|sns| sns.member("Message"));
    Record {
        origin: Origin {
            source_arn: text("TopicArn"),
            sent_at: text("Timestamp").as_deref().and_then(millis),
            ..Origin::default()
        },
        via: Via::Sns { message_id: text("MessageId") },
        body: Body::of(body, json),
    }
}

/// An envelope inside a body.
#[derive(Clone, Debug)]
pub struct Envelope<'a> {
    /// What it is, for people.
    pub name: &'static str,
    /// The id that it gives to what it carries.
    pub id: Option<Cow<'a, str>>,
    /// What it carries.
    pub content: Content<'a>,
}

/// What an envelope carries.
#[derive(Clone, Debug)]
pub enum Content<'a> {
    /// JSON in a string.
    Text(JsonString<'a>),
    /// JSON as it stands.
    Value(Json<'a>),
}

/// Recognises an envelope. Whether the object is a failure event or a notice is asked first, by the caller.
#[must_use]
pub fn recognise<'a>(object: &Object<'a>) -> Option<Envelope<'a>> {
    sns_notification(object).or_else(|| event_bridge(object)).or_else(|| cloud_event(object))
}

fn sns_notification<'a>(object: &Object<'a>) -> Option<Envelope<'a>> {
    if object.text("Type").as_deref() != Some("Notification") {
        return None;
    }
    let message = object.member("Message")?.string()?;
    Some(Envelope {
        name: "SNS notification",
        id: object.description("MessageId"),
        content: Content::Text(message),
    })
}

fn event_bridge<'a>(object: &Object<'a>) -> Option<Envelope<'a>> {
    object.member("detail-type")?;
    let detail = object.member("detail")?;
    Some(Envelope {
        name: "EventBridge event",
        id: object.description("id"),
        content: Content::Value(detail),
    })
}

fn cloud_event<'a>(object: &Object<'a>) -> Option<Envelope<'a>> {
    object.member("specversion")?;
    let data = object.member("data")?;
    Some(Envelope { name: "CloudEvent", id: object.description("id"), content: Content::Value(data) })
}

/// Searches a payload that may itself be wrapped (an envelope of a body, or `Records` with one record): the object, then what each
/// envelope holds, until something is found. `look` is told whether an object is the innermost. Where an envelope holds no object,
/// the envelope itself is what there is.
pub fn search<T>(object: &Object<'_>, look: &mut dyn FnMut(&Object<'_>, bool) -> Option<T>) -> Option<T> {
    search_within(object, DEPTH_MAX, look)
}

fn search_within<T>(
    object: &Object<'_>,
    levels: usize,
    look: &mut dyn FnMut(&Object<'_>, bool) -> Option<T>,
) -> Option<T> {
    if levels == 0 || object.object("target").is_some() {
        return look(object, true);
    }
    let content = only_record(object).or_else(|| Some(recognise(object)?.content));
    let mut inside =
        |inner: &Object<'_>| look(object, false).or_else(|| search_within(inner, levels - 1, &mut *look));
    match content {
        Some(Content::Value(json)) => match json.object() {
            Some(inner) => inside(&inner),
            None => look(object, true),
        },
        Some(Content::Text(string)) => {
            let text = string.into_embedded();
            match Json::parse(&text).ok().and_then(Json::object) {
                Some(inner) => inside(&inner),
                None => look(object, true),
            }
        }
        None => look(object, true),
    }
}

fn only_record<'a>(object: &Object<'a>) -> Option<Content<'a>> {
    let records = object.member("Records")?.array()?;
    let record = records.only()?.object()?;
    let body = record.member("body").or_else(|| record.object("Sns")?.member("Message"));
    match body {
        Some(body) => Some(body.string().map_or(Content::Value(body), Content::Text)),
        None => Some(Content::Value(record.json())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inside(text: &str) -> String {
        let mut innermost =
            |object: &Object<'_>, is_innermost: bool| is_innermost.then(|| object.json().text().to_owned());
        search(&Json::parse(text).unwrap().object().unwrap(), &mut innermost).unwrap()
    }

    #[test]
    fn records_of_sqs_and_sns_are_batches_and_all_else_is_a_single_event() {
        assert!(matches!(open(r#"{"Records":[]}"#), Delivery::SqsBatch(records) if records.is_empty()));
        assert!(matches!(open(r#"{"Records":[{"eventSource":"aws:sqs"}]}"#), Delivery::SqsBatch(_)));
        assert!(matches!(open(r#"{"Records":[{"EventSource":"aws:sns"}]}"#), Delivery::Sns(_)));
        for single in [
            r#"{"Records":[{"eventSource":"aws:s3"}]}"#,
            r#"{"Records":[],"target":{}}"#,
            "{}",
            "[]",
            "x",
            "",
        ] {
            assert!(matches!(open(single), Delivery::Single(_)), "{single}");
        }
    }

    #[test]
    fn a_record_without_a_body_keeps_what_it_holds() {
        let Delivery::SqsBatch(records) =
            open(r#"{"Records":[{"eventSource":"aws:sqs","messageId":"m"},7]}"#)
        else {
            panic!()
        };
        assert_eq!(records[0].body.as_arrived(), r#"{"eventSource":"aws:sqs","messageId":"m"}"#);
        assert_eq!(records[1].body.as_arrived(), "7");
        assert_eq!(records[1].origin.message_id, None);
    }

    #[test]
    fn a_record_that_was_redriven_says_how_often() {
        let redrives = |attributes: &str| {
            let payload = format!(
                r#"{{"Records":[{{"eventSource":"aws:sqs","body":"{{}}","messageAttributes":{attributes}}}]}}"#
            );
            let Delivery::SqsBatch(records) = open(&payload) else { panic!() };
            records[0].origin.redrives
        };
        assert_eq!(redrives(r#"{"REDRIVE_COUNT":{"stringValue":"2","dataType":"Number"}}"#), Some(2));
        assert_eq!(redrives(r#"{"REDRIVE_COUNT":{"stringValue":"-1"}}"#), None);
        assert_eq!(redrives("{}"), None);
    }

    #[test]
    fn the_outermost_envelope_vouches_for_the_publisher() {
        let publisher = |payload: &str| match open(payload) {
            Delivery::SqsBatch(records) | Delivery::Sns(records) => records[0].origin.publisher.clone(),
            Delivery::Single(record) => record.origin.publisher,
        };
        let sqs = r#"{"Records":[{"eventSource":"aws:sqs","attributes":{"SenderId":"AIDAEXAMPLE"},"body":"{\"detail-type\":\"x\",\"account\":\"111122223333\",\"detail\":{}}"}]}"#;
        assert_eq!(publisher(sqs).as_deref(), Some("AIDAEXAMPLE"));
        let event = r#"{"detail-type":"x","account":"111122223333","detail":{}}"#;
        assert_eq!(publisher(event).as_deref(), Some("111122223333"));
        for unknown in [
            r#"{"account":"111122223333"}"#,
            r#"{"detail-type":"x","account":"me","detail":{}}"#,
            r#"{"detail-type":"x","account":"111122223333","detail":{},"target":{}}"#,
            r#"{"Records":[{"EventSource":"aws:sns","Sns":{"Message":"{}"}}]}"#,
        ] {
            assert_eq!(publisher(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn order_holds_only_in_groups_of_a_fifo_queue() {
        let record = |arn: &str| {
            let payload = format!(
                r#"{{"Records":[{{"eventSource":"aws:sqs","eventSourceARN":"{arn}","attributes":{{"MessageGroupId":"g","ApproximateReceiveCount":"3"}}}}]}}"#
            );
            let Delivery::SqsBatch(records) = open(&payload) else { panic!() };
            assert_eq!(records[0].origin.receives, Some(3));
            records[0].fifo_group().map(str::to_owned)
        };
        assert_eq!(record("arn:aws:sqs:eu-west-1:111122223333:q.fifo").as_deref(), Some("g"));
        assert_eq!(record("arn:aws:sqs:eu-west-1:111122223333:q"), None);
    }

    #[test]
    fn only_a_rule_among_the_resources_is_the_source() {
        let arn = |resources: &str| {
            let payload = format!(r#"{{"detail-type":"x","detail":{{}},"resources":[{resources}]}}"#);
            let Delivery::Single(record) = open(&payload) else { panic!() };
            record.origin.source_arn
        };
        let rule = "arn:aws:events:eu-west-1:111122223333:rule/bus/failures";
        assert_eq!(arn(&format!(r#""arn:aws:ecs:eu-west-1:1:task/x","{rule}""#)).as_deref(), Some(rule));
        assert_eq!(arn(r#""arn:aws:ecs:eu-west-1:1:task/x", 7"#), None);
    }

    #[test]
    fn a_wrapped_payload_is_unwrapped_to_the_innermost_object() {
        assert_eq!(inside(r#"{"detail-type":"x","detail":{"a":1}}"#), r#"{"a":1}"#);
        assert_eq!(inside(r#"{"Records":[{"body":"{\"a\":1}"}]}"#), r#"{"a":1}"#);
        assert_eq!(
            inside(r#"{"Records":[{"Sns":{"Message":"{\"specversion\":\"1.0\",\"data\":{\"a\":1}}"}}]}"#),
            r#"{"a":1}"#
        );
        assert_eq!(
            inside(r#"{"Type":"Notification","Message":"no json"}"#),
            r#"{"Type":"Notification","Message":"no json"}"#
        );
        let two = r#"{"Records":[{"body":"{}"},{"body":"{}"}]}"#;
        assert_eq!(inside(two), two);
    }
}
