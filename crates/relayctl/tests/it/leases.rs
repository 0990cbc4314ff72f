//! `relayctl leases`: who holds what, due when, and never a token.

use std::process::Output;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_emulator::{Endpoint, Fault, FaultRule, Operation};
use failure_event::json::Json;
use failure_event::lease::Lease;
use failure_event::place::{Home, OtherAccount, Place};
use failure_event::table::{Holder, register_lease};
use failure_event::target::Target;
use serde_json::{Value, json};

use crate::deployed::Deployed;
use crate::tool::{endpoint, relayctl, stderr, stdout};

pub const TABLE: &str = "leases";

pub async fn with_table() -> Endpoint {
    let endpoint = endpoint().await;
    let key = |hash: &str, range: &str| json!([{"AttributeName": hash, "KeyType": "HASH"}, {"AttributeName": range, "KeyType": "RANGE"}]);
    let attribute = |name: &str, kind: &str| json!({"AttributeName": name, "AttributeType": kind});
    let shown = ["kind", "region", "account", "fingerprint", "event_id", "source", "sent_at", "ttl_seconds"];
    let table = json!({
        "TableName": TABLE,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions":
            [attribute("pk", "S"), attribute("sk", "S"), attribute("due_shard", "S"), attribute("due_at", "N")],
        "KeySchema": key("pk", "sk"),
        "GlobalSecondaryIndexes": [{
            "IndexName": "due",
            "KeySchema": key("due_shard", "due_at"),
            "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": shown},
        }],
    });
    endpoint.call(Operation::CreateTable, table).unwrap();
    endpoint
}

fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

/// Writes what an action on the lease of a task leaves in the table, as of so many seconds ago.
fn register(endpoint: &Endpoint, lease: Lease, token: &str, source: Option<&str>, seconds_ago: i64) {
    let target = json!({"kind": "step-functions-task", "taskToken": token});
    let event = json!({"target": target, "failure": {"message": "not heard of"}}).to_string();
    let event = Json::parse(&event).unwrap().object().unwrap();
    let given = event.object("target").unwrap();
    let account = OtherAccount { id: "111122223333".to_owned(), partition: "aws".to_owned() };
    let place = Place { region: "eu-west-1".to_owned(), account: Some(account) };
    let home = Home::new("us-east-1", "");
    let holder = Holder::new(&event, &given, &Target::read(&given).unwrap(), &place, &home);
    let sent_at = now() - seconds_ago * 1000;
    let names = (Some("job-7"), source);
    let request = register_lease(TABLE, lease, &holder, names, sent_at, now());
    let body: Value = serde_json::from_str(&request.http().body).unwrap();
    endpoint.call(Operation::UpdateItem, body).unwrap();
}

fn leases(endpoint: &Endpoint, arguments: &[&str]) -> Output {
    relayctl(endpoint, &[&["leases"], arguments].concat()).output().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn leases_are_listed_by_their_due_time_and_the_overdue_ones_are_marked() {
    let endpoint = with_table().await;
    let lease = Lease::Take { ttl_seconds: 3600 };
    for number in 0..20 {
        let token = format!("AQCEAAAAKgAAAAMAAAAA{number}");
        register(&endpoint, lease, &token, Some(&format!("farm-{number}")), number * 199);
    }
    register(&endpoint, lease, "AQCEAAAAKgAAAAMAreleased", None, 60);
    register(&endpoint, Lease::Release, "AQCEAAAAKgAAAAMAreleased", None, 30);
    let output = leases(&endpoint, &["--table", TABLE]);
    let rows: Vec<String> = stdout(&output).lines().map(str::to_owned).collect();
    assert_eq!(rows.len(), 21, "{}", stdout(&output));
    assert!(rows[0].starts_with("DUE") && rows[1].starts_with("OVERDUE 3 min"), "{}", rows[1]);
    assert!(rows[1].contains("farm-19") && rows[20].contains("farm-0"), "{}", rows[1]);
    for part in ["in 59 min", "step-functions-task", "eu-west-1", "111122223333", "job-7"] {
        assert!(rows[20].contains(part), "{part}: {}", rows[20]);
    }
    assert!(stderr(&output).starts_with("20 leases, 1 of them overdue\n"), "{}", stderr(&output));
    assert!(stderr(&output).contains("is the watch running?"), "{}", stderr(&output));
    assert!(!stdout(&output).contains("AQCE") && !stdout(&output).contains("not heard of"));
    let asked = endpoint.calls_of(Operation::Query);
    assert!(asked.iter().all(|call| call.json().unwrap()["IndexName"] == "due"));
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_get_one_object_a_lease() {
    let endpoint = with_table().await;
    register(&endpoint, Lease::Take { ttl_seconds: 60 }, "AQCEAAAAKgAAAAMA", None, 90);
    let mut command = relayctl(&endpoint, &["leases", "--json", "--quiet"]);
    let output = command.env("RELAY_TABLE_NAME", TABLE).output().unwrap();
    let lease: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!((&lease["isOverdue"], &lease["source"]), (&json!(true), &Value::Null));
    assert_eq!((&lease["kind"], &lease["id"]), (&json!("step-functions-task"), &json!("job-7")));
    assert!(lease["due"].as_str() > lease["lastSign"].as_str(), "{lease}");
    assert_eq!(stderr(&output), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_is_that_of_the_stack() {
    let deployed = Deployed::start(&[]).await;
    let endpoint = endpoint().await;
    let mut command = relayctl(&endpoint, &["leases", "--stack", "failure-relay", "--json"]);
    command.env("AWS_ENDPOINT_URL", &deployed.url).env("RELAY_TABLE_NAME", "another");
    let output = command.output().unwrap();
    let said = stdout(&output);
    let overdue = said.lines().next().unwrap_or_else(|| panic!("{}", stderr(&output)));
    assert!(overdue.contains("09c1bdc7aadaca1a") && said.lines().count() == 2, "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_not_named_or_may_not_be_read_is_told() {
    let endpoint = with_table().await;
    let output = leases(&endpoint, &[]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    let output = leases(&endpoint, &["--table", "no-such-table"]);
    assert_eq!(output.status.code(), Some(4));
    assert!(stderr(&output).contains("ResourceNotFoundException"), "{}", stderr(&output));
    endpoint.set_faults(vec![FaultRule::always("Query", Fault::AccessDenied)]);
    let output = leases(&endpoint, &["--table", TABLE]);
    assert_eq!(output.status.code(), Some(4));
    assert!(stderr(&output).contains("AccessDenied"), "{}", stderr(&output));
    assert!(stdout(&output).is_empty());
}
