//! What must hold for every input, however odd: no panic, exactly one decision, limits that are kept, and a dead letter that
//! holds the record's body byte for byte and routes again as the record did.

use failure_event::dead_letter::{DeadLetter, Label, MESSAGE_SIZE_MAX, Reason};
use failure_event::envelope::{self, Body, Delivery, Record, Via};
use failure_event::json::JsonString;
use failure_event::place::Home;
use failure_event::request::Secrets;
use failure_event::route::{Decision, Route, route};
use failure_event::rules::Rules;
use failure_event::target::Kind;
use serde_json::Value;

/// Messages of this queue are abandoned work.
pub const ABANDONED_QUEUE: &str = "arn:aws:sqs:us-east-1:123456789012:render-jobs-dead-letters";

/// Any other queue.
pub const QUEUE: &str = "arn:aws:sqs:us-east-1:123456789012:failures";

const FUNCTION: &str = "arn:aws:lambda:us-east-1:123456789012:function:failure-relay";

/// The limits of the services, as their references state them: where a text stands in a request, and how long it may be.
const LIMITS: [(&str, usize); 8] = [
    ("/taskToken", 2048),
    ("/error", 256),
    ("/cause", 32_768),
    ("/reason", 256),
    ("/details", 32_768),
    ("/failureDetails/message", 5000),
    ("/failureDetails/externalExecutionId", 1500),
    ("/clientToken", 256),
];

fn rules() -> Rules {
    Rules {
        regions: vec!["eu-west-1".to_owned()],
        accounts: vec!["111122223333".to_owned()],
        abandoned_work_queues: vec![ABANDONED_QUEUE.to_owned()],
        task_token_names: vec!["callback".to_owned(), "/deep/token".to_owned()],
        ..Rules::default()
    }
}

/// Checks all that must hold for a payload of an invocation.
pub fn check_payload(payload: &str) {
    match envelope::open(payload) {
        Delivery::SqsBatch(records) => {
            check_bodies(payload, &records);
            records.iter().for_each(check_record);
        }
        Delivery::Sns(records) => records.iter().for_each(check_record),
        Delivery::Single(record) => {
            assert_eq!(record.body.as_arrived(), payload, "the whole payload is the body");
            check_record(&record);
        }
    }
}

/// Checks a text as the body of a message.
pub fn check_body(body: &str, queue_arn: &str) {
    let attributes = serde_json::json!({"ApproximateReceiveCount": "3", "SenderId": "AIDAEXAMPLE"});
    let record = serde_json::json!({
        "messageId": "m", "receiptHandle": "h", "body": body, "attributes": attributes,
        "eventSource": "aws:sqs", "eventSourceARN": queue_arn,
    });
    check_payload(&serde_json::json!({"Records": [record]}).to_string());
}

/// Each record stands for one of the batch, and its body is what another JSON parser reads there.
fn check_bodies(payload: &str, records: &[Record<'_>]) {
    let Ok(parsed) = serde_json::from_str::<Value>(payload.trim_start_matches('\u{feff}')) else { return };
    let Some(expected) = parsed["Records"].as_array() else { return };
    assert_eq!(records.len(), expected.len(), "no record is lost and none is made up");
    for (record, expected) in records.iter().zip(expected) {
        if let Some(body) = expected["body"].as_str() {
            assert_eq!(record.body.as_arrived(), body, "a body is not byte for byte");
        }
    }
}

fn check_record(record: &Record<'_>) {
    let home = Home::new("us-east-1", FUNCTION);
    let routed = route(record, &rules(), &home);
    check_decision(&routed);
    let letter = check_letter(record, &routed);
    // What SQS stores is valid UTF-8, so a lone surrogate has been replaced; and only queues are redriven to.
    if matches!(record.via, Via::Sqs(_))
        && !letter.body.contains('\u{fffd}')
        && record.body.embedded().is_some()
    {
        let body = Body::Text(JsonString::from(letter.body.as_str()));
        let redriven = Record { origin: record.origin.clone(), via: record.via.clone(), body };
        let again = route(&redriven, &rules(), &home);
        assert_eq!(described(&routed), described(&again), "a redriven letter routes as the record did");
    }
}

/// What is decided, as far as it can be seen from outside.
fn described(route: &Route) -> String {
    match &route.decision {
        Decision::Call(planned) => {
            format!("{:?} {}", planned.place, planned.request.http(Secrets::Shown).body)
        }
        Decision::Unroutable(reason) => format!("{reason}"),
        Decision::Ignore => "ignored".to_owned(),
    }
}

fn check_decision(route: &Route) {
    match &route.decision {
        Decision::Call(planned) => {
            let request: Value =
                serde_json::from_str(&planned.request.http(Secrets::Shown).body).expect("a request is JSON");
            for (pointer, limit) in LIMITS {
                let text = request.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
                assert!(text.encode_utf16().count() <= limit, "{pointer} is too long");
            }
            assert_eq!(route.subject.kind, Some(planned.request.kind));
        }
        Decision::Unroutable(reason) => check_reason(reason),
        Decision::Ignore => {}
    }
}

fn check_reason(reason: &Reason) {
    assert!(!reason.message.is_empty(), "a reason says something");
    assert!(reason.message.encode_utf16().count() <= 1024, "a reason is short");
}

fn check_letter(record: &Record<'_>, routed: &Route) -> DeadLetter {
    let given = Reason::invalid("given");
    let reason = if let Decision::Unroutable(reason) = &routed.decision { reason } else { &given };
    let label = Label {
        reason,
        target_kind: routed.subject.kind.map(Kind::name),
        event_id: routed.subject.header.id.as_deref(),
        publisher: routed.subject.publisher.as_deref(),
        origin: &record.origin,
    };
    let letter =
        DeadLetter::new(record.body.as_arrived().into_owned(), label).with_fifo_ids(label, "request");
    assert_eq!(letter.body, record.body.as_arrived());
    assert!(letter.attributes.is_empty() || letter.size() <= MESSAGE_SIZE_MAX, "attributes go first");
    assert!(letter.attributes.len() <= 10, "SQS takes ten attributes");
    for (name, value) in &letter.attributes {
        assert!(!value.is_empty(), "{name} is empty");
        assert!(value.chars().all(is_stored_by_sqs), "{name} holds what SQS refuses");
    }
    for id in letter.fifo.iter().flat_map(|fifo| [&fifo.group, &fifo.deduplication]) {
        assert!((1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic()));
    }
    letter
}

/// `#x9 #xA #xD #x20–#xD7FF #xE000–#xFFFD #x10000–#x10FFFF`, by the reference of `SendMessage`.
fn is_stored_by_sqs(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}
