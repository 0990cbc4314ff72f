//! Leases, claims and notices whatever goes wrong: delivered late, twice and in any order, while the table fails and environments are
//! killed. Relay and watch are the real ones; the judge knows what was sent, what was acknowledged and what was published.
//!
//! `RELAY_SIM_SEED=17 cargo test --test it leases` replays one run, `RELAY_SIM_RUNS=20000` makes more of them.

mod judge;
mod story;

use std::cell::RefCell;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_emulator::{Endpoint, Fault, FaultRule, Operation, Options, When};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use failure_relay::aws::clients::Clients;
use failure_relay::settings::QueueUrl;
use failure_watch::due::{Leases, Limits as WatchLimits, Tally};
use failure_watch::queue::RelayQueue;
use failure_watch::services::Aws;
use futures_util::future::join;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::dice::Dice;
use super::lambda::{End, Environment, Limits, batch_payload, failed_messages};
use super::scenario::every_fault;
use super::stage::in_virtual_time;
use super::wire::{InMemory, Mischief};
use judge::{Judge, Published, judge_claims};
use story::{Act, Delivery};

/// Runs unless `RELAY_SIM_RUNS` says otherwise.
const RUNS_DEFAULT: u64 = 30;

const SOURCE: &str = "source";
const TABLE: &str = "leases";

/// The watch is invoked so often.
const MINUTE_MS: u64 = 60_000;

/// After so many invocations nothing goes wrong any more.
const TROUBLED_INVOCATIONS: u64 = 60;

/// Far more invocations than any run needs.
const INVOCATIONS_MAX: u64 = 5_000;

/// What is delivered within this time is delivered side by side.
const TOGETHER_MS: u64 = 2_000;

#[test]
fn who_neither_renews_nor_releases_in_time_is_reported_and_nobody_else() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let seeds = match number("RELAY_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("RELAY_SIM_RUNS").unwrap_or(RUNS_DEFAULT),
    };
    for seed in seeds {
        let run = || in_virtual_time(async { World::of(seed).await.live().await });
        if let Err(cause) = std::panic::catch_unwind(run) {
            println!("RELAY_SIM_SEED={seed}");
            std::panic::resume_unwind(cause);
        }
    }
}

struct World {
    endpoint: Endpoint,
    dice: RefCell<Dice>,
    environments: [Environment; 2],
    watch: Aws,
    acts: Vec<Act>,
    waiting: Vec<Delivery>,
    judge: Judge,
    invocations: u64,
    /// What the watch's clock showed when the run began, in milliseconds since 1970.
    began_ms: u64,
    is_healed: bool,
}

impl World {
    async fn of(seed: u64) -> Self {
        let mut dice = Dice::seeded(seed);
        let options = Options { region: format!("sim-{seed}"), auto_open: true, ..Options::default() };
        let endpoint = Endpoint::start(options).await.unwrap();
        for queue in [SOURCE, "dead"] {
            endpoint.create_queue(queue, &[]).unwrap();
        }
        endpoint.call(Operation::CreateTable, table()).unwrap();
        endpoint.set_faults(draw_faults(&mut dice));
        let mischief = Arc::new(Mutex::new(Mischief { panic: 0, empty_answer: 0, dice: dice.fork() }));
        let region = endpoint.region().to_owned();
        let variable = |name: &str| match name {
            "RELAY_QUEUE_URL" => Some(format!("http://sim/123456789012/{SOURCE}")),
            "RELAY_DEAD_LETTER_QUEUE_URL" => Some("http://sim/123456789012/dead".to_owned()),
            "RELAY_TABLE_NAME" => Some(TABLE.to_owned()),
            "AWS_ENDPOINT_URL" => Some("http://sim".to_owned()),
            "AWS_REGION" => Some(region.clone()),
            "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some("ENVIRONMENT".to_owned()),
            _ => None,
        };
        let environment = || Environment::with(&variable, &endpoint, &mischief, "ENVIRONMENT".to_owned());
        let settings = failure_watch::settings::Settings::from_variables(&variable).unwrap();
        let wire = SharedHttpClient::new(InMemory::new(endpoint.clone(), Arc::clone(&mischief)));
        let began = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let began_ms = u64::try_from(began.as_millis()).unwrap();
        let (acts, waiting) = story::draw(&mut dice, began_ms);
        Self {
            environments: [environment(), environment()],
            watch: Aws::new(Arc::new(Clients::of_own_role(&settings.aws, wire))),
            judge: Judge::default(),
            dice: RefCell::new(dice),
            endpoint,
            acts,
            waiting,
            invocations: 0,
            began_ms,
            is_healed: false,
        }
    }

    async fn live(mut self) {
        let mut next_watch_ms = self.began_ms + MINUTE_MS;
        while let Some(first) = self.waiting.iter().map(|delivery| delivery.at_ms).min() {
            if next_watch_ms <= first {
                self.run_watch(next_watch_ms).await;
                next_watch_ms += MINUTE_MS;
            } else {
                self.deliver_until(first + TOGETHER_MS).await;
            }
        }
        self.heal();
        // By then every lease has run out.
        let at_last_ms = next_watch_ms + 86_400_000;
        let tally = self.run_watch(at_last_ms).await;
        assert!(tally.problems.is_empty() && !tally.is_cut_off, "nothing goes wrong any more: {tally:?}");
        judge_claims(&self.acts, &self.endpoint);
        assert!(self.endpoint.messages("dead").unwrap().is_empty(), "nothing here is to be dead-lettered");
    }

    /// Hands what is due by then to two environments at once; what comes back is delivered again later.
    async fn deliver_until(&mut self, until_ms: u64) {
        let (now, later) =
            std::mem::take(&mut self.waiting).into_iter().partition(|one| one.at_ms <= until_ms);
        self.waiting = later;
        let now: Vec<Delivery> = now;
        let halves = now.split_at(now.len() / 2);
        self.invocations += 2;
        assert!(self.invocations < INVOCATIONS_MAX, "the run does not come to its end");
        if self.invocations >= TROUBLED_INVOCATIONS {
            self.heal();
        }
        for delivery in &now {
            self.acts[delivery.act].is_attempted_in(self.invocations);
        }
        let (first, second) = join(self.invoke(0, halves.0), self.invoke(1, halves.1)).await;
        for delivery in now {
            if first.contains(&delivery.id) || second.contains(&delivery.id) {
                let pause_ms = self.dice.borrow_mut().between(1_000, 40_000);
                self.waiting.push(Delivery { at_ms: delivery.at_ms + pause_ms, ..delivery });
            } else {
                self.acts[delivery.act].is_acknowledged_in(self.invocations);
            }
        }
    }

    /// The ids of what comes back.
    async fn invoke(&self, environment: usize, deliveries: &[Delivery]) -> Vec<String> {
        let all = || deliveries.iter().map(|delivery| delivery.id.clone()).collect();
        if deliveries.is_empty() {
            return Vec::new();
        }
        let messages: Vec<Value> = deliveries.iter().map(|delivery| self.message(delivery)).collect();
        let queue = self.endpoint.queue_arn(SOURCE);
        let payload = batch_payload(&messages, &queue, self.endpoint.region());
        let is_killed = !self.is_healed && self.dice.borrow_mut().per_mille(200);
        let polls = is_killed.then(|| self.dice.borrow_mut().between(0, 150));
        let time_limit = Duration::from_secs(25);
        let limits = Limits { remaining: Some(time_limit), time_limit, polls };
        match self.environments[environment].invoke(&payload, &self.endpoint, limits).await {
            End::Answered(answer) => failed_messages(&answer, &messages).expect("a right answer"),
            End::Interrupted => all(),
            other => panic!("an invocation with a batch ended as {other:?}"),
        }
    }

    fn message(&self, delivery: &Delivery) -> Value {
        let act = &self.acts[delivery.act];
        json!({
            "MessageId": delivery.id, "ReceiptHandle": "handle", "Body": act.body,
            "Attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": act.sent_ms.to_string()},
        })
    }

    async fn run_watch(&mut self, now_ms: u64) -> Tally {
        self.judge.watch_begins(&self.acts);
        let url = QueueUrl::parse(&format!("http://sim/123456789012/{SOURCE}")).unwrap();
        let queue = RelayQueue::new(&self.watch, &url, self.endpoint.region());
        let end = Instant::now() + Duration::from_mins(1);
        let leases = Leases::new(&self.watch, TABLE, self.endpoint.region(), &queue);
        let now = i64::try_from(now_ms).unwrap();
        let tally = leases.publish_due(now, WatchLimits { last_begin: end, end }).await;
        // What was slow is there now: the watch gave it up, and SQS stored it.
        tokio::time::sleep(Duration::from_secs(30)).await;
        let published = self.published();
        let is_complete = tally.problems.is_empty() && !tally.is_cut_off;
        self.judge.watch_ends(&self.acts, published, now_ms, is_complete);
        tally
    }

    /// What the watch has put on the queue, which is empty then.
    fn published(&self) -> Vec<Published> {
        let mut published = Vec::new();
        loop {
            let url = self.endpoint.queue_url(SOURCE);
            let input = json!({"QueueUrl": url, "MaxNumberOfMessages": 10});
            let answer = self.endpoint.call(Operation::ReceiveMessage, input).unwrap();
            let Some(messages) = answer["Messages"].as_array() else { return published };
            for message in messages {
                published.push(Published::read(message["Body"].as_str().unwrap()));
                let input = json!({"QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"]});
                self.endpoint.call(Operation::DeleteMessage, input).unwrap();
            }
        }
    }

    fn heal(&mut self) {
        self.is_healed = true;
        self.endpoint.set_faults(Vec::new());
    }
}

/// Up to three kinds of trouble of the table and the queue, each now and then. One run in eight has none.
fn draw_faults(dice: &mut Dice) -> Vec<FaultRule> {
    let operations = [
        "dynamodb:*",
        "UpdateItem",
        "GetItem",
        "Query",
        "BatchGetItem",
        "DeleteItem",
        "sqs:SendMessageBatch",
        "SendTaskFailure",
    ];
    let rules = if dice.per_mille(125) { 0 } else { dice.between(1, 3) };
    let rule = |_| {
        let after_effect = dice.per_mille(500);
        let operation = *dice.pick(&operations);
        let faults: Vec<Fault> =
            every_fault(after_effect).into_iter().filter(|fault| is_trouble(fault, operation)).collect();
        let percent = u32::try_from(dice.between(5, 60)).unwrap();
        let when = When::Probability { chance: f64::from(percent) / 100.0, seed: dice.number() };
        FaultRule::always(operation, dice.pick(&faults).clone()).when(when)
    };
    (0..rules).map(rule).collect()
}

/// Whether a service in trouble answers so. A 200 without an effect nobody can tell from one with it, and an error of the task ends it.
fn is_trouble(fault: &Fault, operation: &str) -> bool {
    match fault {
        Fault::Garbage200 { after_effect } | Fault::ErrorIn200 { after_effect, .. } => *after_effect,
        Fault::ServiceError { .. } => operation != "SendTaskFailure",
        _ => true,
    }
}

/// As the template has it.
fn table() -> Value {
    let keys = |hash: &str, range: &str| {
        json!([
            {"AttributeName": hash, "KeyType": "HASH"},
            {"AttributeName": range, "KeyType": "RANGE"},
        ])
    };
    let attribute = |name: &str, kind: &str| json!({"AttributeName": name, "AttributeType": kind});
    let projected =
        ["kind", "region", "account", "fingerprint", "event_id", "source", "sent_at", "ttl_seconds"];
    json!({
        "TableName": TABLE,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
            attribute("pk", "S"), attribute("sk", "S"), attribute("due_shard", "S"), attribute("due_at", "N"),
        ],
        "KeySchema": keys("pk", "sk"),
        "GlobalSecondaryIndexes": [{
            "IndexName": "due",
            "KeySchema": keys("due_shard", "due_at"),
            "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": projected},
        }],
    })
}
