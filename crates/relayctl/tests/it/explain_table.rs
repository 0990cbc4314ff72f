//! `relayctl explain` prints the write of a lease or a claim as the function sends it, and no token unless it is told to.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::slice;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_emulator::Operation;
use failure_event::json::Json;
use failure_event::operation::{Operation as UpdateItem, Wire};
use failure_event::registration::Registration;
use failure_event::table::DYNAMO_DB;
use serde_json::{Value, json};

use crate::event_files::{bytes, root};
use crate::explain::{Request, explain, explained, invocation, received, relay};
use crate::leases::{TABLE, with_table};

/// The bodies in `events/leases` that register something.
fn registrations() -> Vec<String> {
    let in_folder = |folder: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    };
    let files = in_folder(&root().join("events/leases"))
        .iter()
        .flat_map(|folder| in_folder(folder))
        .collect::<Vec<_>>();
    let texts = files.iter().map(|file| String::from_utf8(bytes(file)).unwrap());
    let registers = |text: &String| {
        let event = Json::parse(text).unwrap().object().unwrap();
        Registration::read(&event).unwrap().is_some()
    };
    texts.filter(registers).collect()
}

/// All of them in one batch of SQS, each sent at a time of its own.
fn batch(bodies: &[String]) -> Vec<u8> {
    let records = bodies.iter().enumerate().map(|(index, body)| {
        json!({
            "eventSource": "aws:sqs",
            "messageId": format!("m{index}"),
            "attributes": {"SentTimestamp": (1_795_169_730_000_u64 + index as u64).to_string()},
            "body": body,
        })
    });
    json!({"Records": records.collect::<Vec<_>>()}).to_string().into_bytes()
}

fn payload_file(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, batch(&registrations())).unwrap();
    path
}

fn body(request: &Request) -> Value {
    serde_json::from_str(&request.body).unwrap()
}

/// Requests by key and action of their item. When it expires hangs on the present time, so that it is looked at and set to 0.
fn by_item(requests: impl IntoIterator<Item = Request>) -> BTreeMap<String, Request> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let comparable = |mut request: Request| {
        let body = body(&request);
        let values = &body["ExpressionAttributeValues"];
        if let Some(expires_at) = values[":expires_at"]["N"].as_str() {
            let seconds: u64 = expires_at.parse().unwrap();
            assert!((now + 3500..now + 1_209_700).contains(&seconds), "{expires_at}");
            request.body = request.body.replace(expires_at, "0");
        }
        (format!("{} {}", body["Key"], values[":sent_at"]["N"]), request)
    };
    requests.into_iter().map(comparable).collect()
}

#[tokio::test]
async fn the_writes_that_are_printed_are_those_that_are_sent_to_the_byte() {
    let file = payload_file("writes-to-compare.json");
    let printed =
        explain(&["--show-secrets", "--set", &format!("RELAY_TABLE_NAME={TABLE}")], slice::from_ref(&file));
    let printed = by_item(explained(&printed));
    assert_eq!(printed.len(), registrations().len());

    let endpoint = with_table().await;
    let relay = relay(&endpoint, &[("RELAY_TABLE_NAME", TABLE)]);
    relay.invoke(invocation(bytes(&file))).await.unwrap();
    let update = &UpdateItem {
        service: &DYNAMO_DB,
        name: "UpdateItem",
        action: Some("dynamodb:UpdateItem"),
        wire: Wire::AwsJson { version: "1.0", target: "DynamoDB_20120810" },
    };
    let sent = endpoint.calls_of(Operation::UpdateItem).into_iter().map(|call| received(&call, update));
    assert_eq!(printed, by_item(sent));
}

#[test]
fn a_write_is_printed_without_the_token_that_it_holds() {
    let file = payload_file("writes-without-tokens.json");
    let table = format!("RELAY_TABLE_NAME={TABLE}");
    let shown = by_item(explained(&explain(&["--show-secrets", "--set", &table], slice::from_ref(&file))));
    let hidden = by_item(explained(&explain(&["--set", &table], &[file])));
    let mut tokens = 0;
    for (item, shown) in &shown {
        let hidden = &hidden[item];
        let target = body(shown)["ExpressionAttributeValues"][":target"]["S"].as_str().map(str::to_owned);
        let Some(target) = target else {
            assert_eq!(shown, hidden, "what is released holds no token");
            continue;
        };
        let target: Value = serde_json::from_str(&target).unwrap();
        let token = target["taskToken"].as_str().unwrap();
        assert!(shown.body.contains(token));
        assert_eq!(shown.body.replace(token, "[redacted]"), hidden.body);
        tokens += 1;
    }
    assert!(tokens > 5, "only {tokens} tokens were looked for");
}

#[test]
fn without_a_table_nothing_is_written() {
    let line = &explain(&[], &[payload_file("writes-without-a-table.json")])[0];
    assert_eq!((&line["request"], &line["deadLetter"]["ERROR_CODE"]), (&Value::Null, &json!("NOT_ENABLED")));
}
