//! What a hostile or broken publisher may cost, and what it may make the relay say: bounds, and no secrets.

use std::borrow::Cow;

use failure_event::envelope::{self, Delivery};
use failure_event::event::Failure;
use failure_event::json::Json;
use failure_event::place::Home;
use failure_event::request::Secrets;
use failure_event::route::{Decision, Route, route};
use failure_event::rules::Rules;
use failure_event::secret::{MentionedSecrets, Secret};
use failure_event::secret_names::SecretNames;
use failure_event::target::Target;
use failure_event::text::{self, ContextMember, Value, utf16_len};
use failure_relay::log_line::{FAILURE_MESSAGE_MAX, LINE_BYTES_MAX, TEXT_MAX, fitted};
use serde_json::json;

fn routed(body: &str) -> Route {
    let record = json!({"messageId": "m", "body": body, "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:us-east-1:1:q"});
    let payload = json!({ "Records": [record] }).to_string();
    let Delivery::SqsBatch(records) = envelope::open(&payload) else { panic!("{payload}") };
    route(&records[0], &Rules::default(), &Home::new("us-east-1", ""))
}

fn cause(message: &str, details: &str, execution: &str) -> String {
    let failure = json!({"message": message, "details": details, "externalExecutionId": execution});
    let event = json!({"target": {"kind": "step-functions-task", "taskToken": "t"}, "failure": failure});
    let Decision::Call(planned) = routed(&event.to_string()).decision else { panic!() };
    let request: serde_json::Value =
        serde_json::from_str(&planned.request.http(Secrets::Shown).body).unwrap();
    request["cause"].as_str().unwrap().to_owned()
}

#[test]
fn the_longest_member_of_a_cause_is_cut_and_the_shorter_ones_stay() {
    for (message, details, execution) in
        [(40_000, 9_000, 9_000), (9_000, 40_000, 9_000), (9_000, 9_000, 40_000)]
    {
        let texts = [message, details, execution].map(|length| "x".repeat(length));
        let cause = cause(&texts[0], &texts[1], &texts[2]);
        assert_eq!(utf16_len(&cause), 32_768);
        let shown: serde_json::Value = serde_json::from_str(&cause).unwrap();
        for (name, text) in ["message", "details", "externalExecutionId"].into_iter().zip(&texts) {
            let shown = shown[name].as_str().unwrap();
            assert_eq!(shown == text, text.len() == 9_000, "{name} of {}", text.len());
        }
    }
}

#[test]
fn of_the_longest_only_the_marker_is_left_before_the_next_is_cut() {
    let cause = cause(&"m".repeat(34_000), &"d".repeat(36_000), &"r".repeat(100));
    let shown: serde_json::Value = serde_json::from_str(&cause).unwrap();
    assert_eq!(shown["details"], text::MARKER);
    assert!(shown["message"].as_str().unwrap().len() > 32_000);
    assert_eq!(shown["externalExecutionId"], "r".repeat(100));
}

#[test]
fn members_without_a_message_are_cut_by_the_same_rule() {
    let (details, id) = ("[1,2]", "r".repeat(500));
    let members = [
        ContextMember { name: "details", value: Value::Json(details) },
        ContextMember { name: "externalExecutionId", value: Value::Text(&id) },
    ];
    let mut truncations = Vec::new();
    let object = text::object_within("ErrorData", &members, 200, &mut truncations);
    assert_eq!((utf16_len(&object), truncations.len()), (200, 1));
    assert_eq!(Json::parse(&object).unwrap().object().unwrap().member("details").unwrap().text(), details);
}

#[test]
fn a_message_and_details_of_a_job_are_cut_as_one_text() {
    let failure = Failure {
        given_type: Some(Cow::Borrowed("T")),
        given_message: Some(Cow::Owned("m".repeat(3000))),
        details: Some(Cow::Owned(format!("\"{}\"", "d".repeat(3000)))),
        ..Failure::default()
    };
    let mut truncations = Vec::new();
    let target = r#"{"kind":"codepipeline-job","jobId":"11111111-2222-3333-4444-555555555555"}"#;
    let target = Target::read(&Json::parse(target).unwrap().object().unwrap()).unwrap();
    let body = target.request(&failure, &mut truncations).body;
    let message = body.members("failureDetails").unwrap().text("message").unwrap();
    assert_eq!(utf16_len(message), 5000);
    assert!(message.starts_with("T: mmm") && message.ends_with(text::MARKER));
    assert_eq!((truncations[0].from, truncations[0].to), (3 + 3000 + 1 + 3002, 5000));
}

#[test]
fn a_secret_is_hidden_in_every_form_that_json_gives_it() {
    let mut secrets = MentionedSecrets::of(SecretNames::with(&["my-grip".to_owned()]));
    secrets.add(Secret::new("AQCEAAAAKgAAAAMAAAAA/token"));
    let escaped = "AQCEAAAAKgAAAAMAAAAA/token"
        .chars()
        .fold(String::new(), |escaped, letter| escaped + &format!("\\u{:04x}", letter as u32));
    for text in [
        escaped.as_str(),
        &escaped.replace('\\', r"\\"),
        r"AQCEAAAAKgAAAAMAAAAA\/token",
        r#"{"MyGrip":"hush\/hush"}"#,
        r#"{\"MY_GRIP\":\"hush\"}"#,
        r#"[{"value":"hush","name":"TASK_TOKEN"}]"#,
        "worker --my-grip hush",
        r#"["--taskToken","hush"]"#,
    ] {
        let shown = secrets.redact_foreign(text);
        assert!(shown.contains("[redacted]"), "{shown}");
        for part in ["AQCE", "token", "hush", "\\u0041\\u0051", "KgAA"] {
            assert!(!shown.replace("taskToken", "").contains(part), "{part}: {shown}");
        }
    }
}

#[test]
fn no_line_is_longer_than_its_bound_whatever_the_texts_are() {
    for unit in ["\u{1}", "\u{301}", "字", "😀", "\""] {
        let long = unit.repeat(10_000);
        let texts = fitted([(); 9].map(|()| Some((long.as_str(), TEXT_MAX))));
        let messages =
            fitted([Some((long.as_str(), FAILURE_MESSAGE_MAX)), Some((long.as_str(), FAILURE_MESSAGE_MAX))]);
        for texts in [texts.as_slice(), messages.as_slice()] {
            let written: usize = texts.iter().flatten().map(|text| format!("{text:?}").len()).sum();
            assert!(written < LINE_BYTES_MAX - 1000, "{unit:?}: {written}");
            assert!(texts.iter().flatten().all(|text| text.ends_with(text::MARKER)));
        }
    }
}

#[test]
fn a_secret_over_every_limit_is_kept_only_as_far_as_it_can_be_a_secret() {
    let token = "x".repeat(1_000_000);
    let event = json!({"id": token, "target": {"kind": "step-functions-task", "taskToken": token}});
    let route = routed(&event.to_string());
    assert_eq!(route.subject.header.id.as_deref(), Some("[redacted]"));
    let Decision::Unroutable(reason) = route.decision else { panic!() };
    assert_eq!(reason.message, "target.taskToken: has 1000000 characters, expected 1 to 2048");
}

#[test]
fn more_records_than_sqs_puts_into_one_batch_are_one_event_that_is_wrong() {
    let records =
        |count: usize| format!("{{\"Records\":[{}]}}", vec![r#"{"eventSource":"aws:sqs"}"#; count].join(","));
    assert!(
        matches!(envelope::open(&records(10_000)), Delivery::SqsBatch(records) if records.len() == 10_000)
    );
    assert!(matches!(envelope::open(&records(10_001)), Delivery::Single(_)));
}

#[test]
fn the_attributes_of_a_parked_message_are_believed_on_the_parking_queue_alone() {
    const PARKING: &str = "arn:aws:sqs:us-east-1:1:parking";
    const ELSEWHERE: &str = "arn:aws:sqs:us-east-1:1:somebody-elses";
    let origin_on = |queue: &str| {
        let attribute = json!({"stringValue": ELSEWHERE, "dataType": "String"});
        let record = json!({
            "eventSource": "aws:sqs", "eventSourceARN": queue, "messageId": "m", "body": "{}",
            "messageAttributes": {"SOURCE_ARN": attribute},
        });
        let payload = json!({ "Records": [record] }).to_string();
        let Delivery::SqsBatch(records) = envelope::open_with_parking(&payload, |arn| arn == PARKING) else {
            panic!("{payload}")
        };
        records[0].origin.source_arn.clone()
    };
    assert_eq!(origin_on(PARKING).as_deref(), Some(ELSEWHERE));
    assert_eq!(origin_on("arn:aws:sqs:us-east-1:1:q").as_deref(), Some("arn:aws:sqs:us-east-1:1:q"));
}
