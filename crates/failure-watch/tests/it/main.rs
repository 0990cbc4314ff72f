//! Relay and watch as they are deployed, against the embedded endpoint: from a lease to the failure of a task whose worker has vanished.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_emulator::{Endpoint, Fault, FaultRule, Operation, Options, When};
use failure_relay::aws::clients::Clients;
use failure_relay::aws::connector;
use failure_relay::relay::{Invocation, Relay};
use failure_relay::telemetry::Lines;
use failure_watch::services::Aws;
use failure_watch::settings::SweepSettings;
use failure_watch::watch::{Answer, Sweeper, Swept, Watch};
use serde_json::{Value, json};
use tokio::time::Instant;

struct NoSweep;

impl Sweeper for NoSweep {
    async fn sweep(&self, _settings: &SweepSettings, _end: Instant) -> Result<Swept, String> {
        unreachable!("no test asks for a sweep")
    }
}

/// A stack: the endpoint, the relay, and the watch.
struct Stack {
    endpoint: Endpoint,
    queue: &'static str,
    relay: Relay,
    watch: Watch<Aws, NoSweep>,
}

impl Stack {
    async fn with_queue(queue: &'static str) -> Self {
        let endpoint = Endpoint::start(Options::default()).await.unwrap();
        let url = endpoint.create_queue(queue, &[]).unwrap();
        let dead = endpoint.create_queue("dead", &[]).unwrap();
        endpoint.call(Operation::CreateTable, table()).unwrap();
        let given = [
            ("RELAY_QUEUE_URL", url),
            ("RELAY_DEAD_LETTER_QUEUE_URL", dead),
            ("RELAY_TABLE_NAME", "leases".to_owned()),
            ("AWS_REGION", endpoint.region().to_owned()),
            ("AWS_ENDPOINT_URL", endpoint.url().to_owned()),
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "secret".to_owned()),
        ];
        let variable =
            |name: &str| given.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone());
        let settings = failure_relay::settings::Settings::from_variables(&variable).unwrap();
        let clients = Clients::new(&settings);
        let relay = Relay::new(settings, clients, Lines { metrics_level: "INFO" });
        let settings = failure_watch::settings::Settings::from_variables(&variable).unwrap();
        let clients = Clients::of_own_role(&settings.aws, connector::client(&settings.aws.roots));
        let watch = Watch::new(settings, Aws::new(Arc::new(clients)), NoSweep, "INFO");
        Self { endpoint, queue, relay, watch }
    }

    /// Hands the relay a batch of one message of its queue, which was sent so many seconds ago.
    async fn relayed(&self, body: &Value, seconds_ago: u64) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let sent_at = now.as_millis() - u128::from(seconds_ago) * 1000;
        let batch = json!({"Records": [{
            "messageId": "m",
            "body": body.to_string(),
            "attributes": {"SentTimestamp": sent_at.to_string(), "ApproximateReceiveCount": "1"},
            "eventSource": "aws:sqs",
            "eventSourceARN": self.endpoint.queue_arn(self.queue),
        }]});
        let answer = self.relay.invoke(invocation(batch.to_string())).await.unwrap();
        assert_eq!(serde_json::to_value(answer).unwrap(), json!({"batchItemFailures": []}));
    }

    async fn watched(&self) -> Answer {
        self.watch.invoke(invocation("{}".to_owned())).await.unwrap()
    }

    fn events(&self) -> Vec<Value> {
        let messages = self.endpoint.messages(self.queue).unwrap();
        messages.iter().map(|message| serde_json::from_str(&message.body).unwrap()).collect()
    }
}

fn invocation(payload: String) -> Invocation {
    Invocation {
        payload: payload.into(),
        request_id: "r".to_owned(),
        function_arn: "arn:aws:lambda:us-east-1:123456789012:function:f".to_owned(),
        ends_at: Some(Instant::now() + Duration::from_mins(1)),
    }
}

/// As the template has it.
fn table() -> Value {
    let key = |hash: &str, range: &str| json!([{"AttributeName": hash, "KeyType": "HASH"}, {"AttributeName": range, "KeyType": "RANGE"}]);
    let attribute = |name: &str, kind: &str| json!({"AttributeName": name, "AttributeType": kind});
    let projected =
        ["kind", "region", "account", "fingerprint", "event_id", "source", "sent_at", "ttl_seconds"];
    json!({
        "TableName": "leases",
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
            attribute("pk", "S"), attribute("sk", "S"), attribute("due_shard", "S"), attribute("due_at", "N"),
        ],
        "KeySchema": key("pk", "sk"),
        "GlobalSecondaryIndexes": [{
            "IndexName": "due",
            "KeySchema": key("due_shard", "due_at"),
            "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": projected},
        }],
    })
}

fn take(token: &str) -> Value {
    json!({
        "lease": {"action": "take", "ttlSeconds": 60},
        "target": {"kind": "step-functions-task", "taskToken": token},
        "failure": {"type": "Render.Vanished"},
        "source": "render",
    })
}

fn of(token: &str, action: &Value) -> Value {
    json!({"lease": action, "target": {"kind": "step-functions-task", "taskToken": token}})
}

fn counted(answer: &Answer) -> (u64, u64) {
    (answer.due, answer.published)
}

#[tokio::test]
async fn a_worker_that_takes_a_lease_and_vanishes_is_reported() {
    let stack = Stack::with_queue("failures").await;
    stack.endpoint.open_task("a-token");
    stack.relayed(&take("a-token"), 90).await;
    assert_eq!(counted(&stack.watched().await), (1, 1));
    let events = stack.events();
    let [event] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((&event["source"], &event["failure"]["type"]), (&json!("render"), &json!("Render.Vanished")));
    stack.relayed(event, 0).await;
    let failure = stack.endpoint.task("a-token").unwrap().failure().cloned().unwrap();
    assert_eq!(failure.error.as_deref(), Some("Render.Vanished"));
    assert!(failure.cause.as_deref().unwrap().starts_with("No sign of life since "));
    assert_eq!(counted(&stack.watched().await), (0, 0), "it is gone");
}

#[tokio::test]
async fn one_that_renews_or_releases_is_not() {
    let stack = Stack::with_queue("failures").await;
    for token in ["renews", "releases", "is-early"] {
        stack.relayed(&take(token), 90).await;
    }
    stack.relayed(&of("renews", &json!({"action": "renew", "ttlSeconds": 60})), 30).await;
    stack.relayed(&of("releases", &json!({"action": "release"})), 30).await;
    // Queues reorder: what was sent before the release comes after it.
    stack.relayed(&of("releases", &json!({"action": "renew", "ttlSeconds": 60})), 80).await;
    stack.relayed(&of("is-early", &json!({"action": "renew", "ttlSeconds": 600})), 80).await;
    assert_eq!(counted(&stack.watched().await), (0, 0));
    assert!(stack.events().is_empty());
}

#[tokio::test]
async fn a_fifo_queue_takes_each_occasion_once() {
    let stack = Stack::with_queue("failures.fifo").await;
    stack.relayed(&take("a-token"), 90).await;
    // The lease stays, because it cannot be deleted: the next run publishes it again.
    stack.endpoint.set_faults(vec![FaultRule::always("DeleteItem", Fault::AccessDenied)]);
    for _ in 0..2 {
        stack.watch.invoke(invocation(String::new())).await.unwrap_err();
    }
    stack.endpoint.set_faults(Vec::new());
    assert_eq!(counted(&stack.watched().await), (1, 1));
    assert_eq!(stack.events().len(), 1, "the queue has taken it for the same message");
}

#[tokio::test]
async fn a_hundred_and_more_are_published_whatever_the_services_do_in_between() {
    let stack = Stack::with_queue("failures").await;
    for number in 0..150 {
        stack.relayed(&take(&format!("token-{number}")), 90).await;
    }
    let sometimes = |seed| When::Probability { chance: 0.1, seed };
    let partial = Fault::PartialBatchFailure { positions: vec![0, 3], code: None, sender_fault: false };
    let garbage = Fault::Garbage200 { after_effect: true };
    stack.endpoint.set_faults(vec![
        FaultRule::always("Query", Fault::Throttle { code: None, status: 400 }).when(sometimes(1)),
        FaultRule::always("BatchGetItem", partial.clone()).when(sometimes(2)),
        FaultRule::always("SendMessageBatch", partial).when(sometimes(3)),
        FaultRule::always("SendMessageBatch", garbage).when(sometimes(4)),
        FaultRule::always("SendMessageBatch", Fault::CutAfterEffect).when(sometimes(5)),
        FaultRule::always("DeleteItem", Fault::CutAfterEffect).when(sometimes(6)),
        FaultRule::always("DeleteItem", Fault::Html502).when(sometimes(7)),
    ]);
    let mut runs = 0;
    while !stack.endpoint.table_items("leases").unwrap().is_empty() {
        // A run that met with trouble fails, and has done what it could.
        let _answer = stack.watch.invoke(invocation(String::new())).await;
        runs += 1;
        assert!(runs < 20);
    }
    let mut tokens: Vec<String> =
        stack.events().iter().map(|event| event["target"]["taskToken"].to_string()).collect();
    tokens.sort_unstable();
    tokens.dedup();
    assert_eq!(tokens.len(), 150);
}
