//! A run: the queue, the services and the function's environments, in virtual time, until everything has come to its end.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_emulator::{Endpoint, Operation, Options, QueuedMessage};
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::dice::Dice;
use super::evidence::{Evidence, FUNCTION_KEY, Seen};
use super::lambda::{End, Environment, Limits, batch_payload, failed_messages};
use super::oracle::{self, Answered, Delivered};
use super::records::{Published, Publisher};
use super::scenario::{PARKING_QUEUE, RelaySettings, Scenario, Trouble};
use super::wire::Mischief;

/// Turns of all environments after which a run is given up: it does not come to its end.
const TURNS_MAX: u64 = 16_000;

/// An environment is replaced when it is so old, as Lambda does.
const ENVIRONMENT_AGE_MAX_MS: u64 = 20 * 60 * 1000;

/// What a run leaves behind, to be compared with its replay.
pub type Trace = Vec<String>;

/// Everything around the relay.
pub struct World {
    pub endpoint: Endpoint,
    pub scenario: Scenario,
    pub evidence: Evidence,
    /// No fault, no trouble and no disorder: each record is delivered once.
    pub is_calm: bool,
    in_queue: HashMap<String, Published>,
    payloads: Vec<Payload>,
    waiting_payloads: RefCell<Vec<usize>>,
    payloads_under_way: Cell<usize>,
    deliveries: RefCell<HashMap<String, usize>>,
    trouble: RefCell<Trouble>,
    mischief: Arc<Mutex<Mischief>>,
    dice: RefCell<Dice>,
    invocations: Cell<u64>,
    started_environments: Cell<u64>,
    turns: Cell<u64>,
}

/// What comes without a queue: an event alone, or SNS records.
struct Payload {
    text: String,
    records: Vec<Published>,
}

/// The queue of the relay's settings.
pub fn dead_letter_queue(settings: &RelaySettings) -> &'static str {
    if settings.dead_letters_are_fifo { "dead.fifo" } else { "dead" }
}

/// Runs a scenario to its end; a breach of the promise is a panic.
pub fn run(scenario: Scenario) -> Trace {
    // The relay's and the SDK's own chance.
    fastrand::seed(scenario.seed);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("a runtime can be built");
    runtime.block_on(async {
        let world = World::start(scenario).await;
        world.live().await;
        oracle::judge_end(&world);
        world.endpoint.shutdown();
        world.trace()
    })
}

impl World {
    async fn start(scenario: Scenario) -> Self {
        let mut dice = Dice::seeded(!scenario.seed);
        // The SDK keeps its retry quota by region, so each run has its own.
        let options = Options {
            region: format!("sim-{}", scenario.seed),
            disorder: scenario.queue.disorder,
            seed: scenario.seed,
            ..Options::default()
        };
        let endpoint = Endpoint::start(options).await.expect("a port is free");
        let other_region = format!("far-{}", scenario.seed);
        let mut publisher = Publisher::new(&endpoint, dice.fork(), scenario.seed, other_region);
        create_queues(&endpoint, &scenario);
        let in_queue = (0..scenario.records)
            .map(|_| publish(&endpoint, &scenario, publisher.next(), &mut dice))
            .collect();
        let payloads: Vec<Payload> =
            (0..scenario.payloads).map(|_| Payload::draw(&mut publisher, &mut dice)).collect();
        endpoint.set_faults(scenario.faults.clone());
        let trouble = scenario.trouble.clone();
        Self {
            is_calm: scenario.is_calm(),
            waiting_payloads: RefCell::new((0..payloads.len()).collect()),
            mischief: Arc::new(Mutex::new(Mischief {
                panic: trouble.panic,
                empty_answer: trouble.empty_answer,
                dice: dice.fork(),
            })),
            dice: RefCell::new(dice),
            trouble: RefCell::new(trouble),
            evidence: Evidence::default(),
            payloads_under_way: Cell::new(0),
            deliveries: RefCell::default(),
            invocations: Cell::new(0),
            started_environments: Cell::new(0),
            turns: Cell::new(0),
            endpoint,
            scenario,
            in_queue,
            payloads,
        }
    }

    /// The message of that id, as it was sent to the source queue.
    pub fn sent(&self, id: &str) -> Option<&Published> {
        self.in_queue.get(id)
    }

    pub fn published(&self) -> Vec<&Published> {
        let of_payloads = self.payloads.iter().flat_map(|payload| &payload.records);
        self.in_queue.values().chain(of_payloads).collect()
    }

    pub fn dead_letters(&self) -> Vec<QueuedMessage> {
        self.endpoint.messages(dead_letter_queue(&self.scenario.settings)).expect("the queue is there")
    }

    /// What SQS gave up on, by the source queue's redrive policy.
    pub fn buried(&self) -> Vec<QueuedMessage> {
        self.endpoint.messages(self.scenario.queue.burial_ground()).expect("the queue is there")
    }

    /// What waits for its target, or for its next try.
    pub fn parked(&self) -> Vec<QueuedMessage> {
        self.endpoint.messages(PARKING_QUEUE).expect("the queue is there")
    }

    /// How often a record was handed to the function.
    pub fn deliveries(&self, published: &Published) -> usize {
        self.deliveries.borrow().get(&published.marker).copied().unwrap_or(0)
    }

    async fn live(&self) {
        join_all((0..self.scenario.environments).map(|_| self.work())).await;
    }

    /// One environment after the other, each for as long as it lives.
    async fn work(&self) {
        while !self.is_done() {
            let environment = self.start_environment();
            let born_ms = self.endpoint.clock().now_ms();
            while !self.is_done() && self.endpoint.clock().now_ms() < born_ms + ENVIRONMENT_AGE_MAX_MS {
                if !self.take_turn(&environment).await {
                    break;
                }
            }
        }
    }

    fn start_environment(&self) -> Environment {
        let number = self.started_environments.get();
        self.started_environments.set(number + 1);
        let other_region = format!("far-{}", self.scenario.seed);
        let key = format!("{FUNCTION_KEY}{number}");
        Environment::start(&self.scenario.settings, &self.endpoint, &self.mischief, &other_region, &key)
    }

    fn is_done(&self) -> bool {
        let is_empty = |queue| self.endpoint.queue_counts(queue).expect("the queue is there").total() == 0;
        is_empty(self.scenario.queue.name())
            && is_empty(PARKING_QUEUE)
            && self.waiting_payloads.borrow().is_empty()
            && self.payloads_under_way.get() == 0
    }

    /// One invocation, or a pause when there is nothing to do. False when the environment did not survive it.
    async fn take_turn(&self, environment: &Environment) -> bool {
        self.turns.set(self.turns.get() + 1);
        assert!(self.turns.get() < TURNS_MAX, "the run does not come to its end");
        let payload = if self.dice.borrow_mut().per_mille(300) {
            self.waiting_payloads.borrow_mut().pop()
        } else {
            None
        };
        if let Some(index) = payload {
            return self.deliver_payload(environment, index).await;
        }
        // Each mapping has its own pollers.
        let mut queues = [self.scenario.queue.name(), PARKING_QUEUE];
        if self.scenario.settings.park_after.is_some() && self.dice.borrow_mut().per_mille(300) {
            queues.reverse();
        }
        for queue in queues {
            let batch = self.receive_batch(queue);
            if !batch.is_empty() {
                return self.deliver_batch(environment, queue, &batch).await;
            }
        }
        sleep(Duration::from_secs(1)).await;
        true
    }

    fn receive_batch(&self, name: &str) -> Vec<Value> {
        let mut batch = Vec::new();
        let queue = &self.scenario.queue;
        while batch.len() < usize::try_from(queue.batch_size).unwrap() {
            let wanted = (usize::try_from(queue.batch_size).unwrap() - batch.len()).min(10);
            let url = self.endpoint.queue_url(name);
            let input = json!({"QueueUrl": url, "MaxNumberOfMessages": wanted, "AttributeNames": ["All"],
                "MessageAttributeNames": ["All"]});
            let answer = self.endpoint.call(Operation::ReceiveMessage, input).expect("the input is valid");
            let Some(messages) = answer["Messages"].as_array() else { break };
            batch.extend(messages.iter().cloned());
        }
        batch
    }

    async fn deliver_batch(&self, environment: &Environment, queue: &str, batch: &[Value]) -> bool {
        let arn = self.endpoint.queue_arn(queue);
        let payload = batch_payload(batch, &arn, self.endpoint.region());
        let records = batch.iter().map(|message| self.delivered(message)).collect();
        let Some((answered, answer)) = self.invoke(environment, &payload, records).await else {
            return false;
        };
        let answer = match answer {
            End::Answered(answer) => answer,
            End::Interrupted => return true,
            other => panic!("an invocation with a batch ended as {other:?}"),
        };
        let failed =
            failed_messages(&answer, batch).unwrap_or_else(|wrong| panic!("a wrong answer: {wrong}"));
        let failed = HashSet::from_iter(failed);
        oracle::judge_batch(self, &answered, &failed);
        let is_lost = self.happens(|trouble| trouble.lost_deletion);
        if !is_lost {
            self.delete(queue, batch, &failed);
        }
        true
    }

    fn delivered(&self, message: &Value) -> Delivered<'_> {
        let id = message["MessageId"].as_str().expect("a message has an id").to_owned();
        let group = message["Attributes"]["MessageGroupId"].as_str().map(str::to_owned);
        let receives = message["Attributes"]["ApproximateReceiveCount"].as_str().expect("it was received");
        let receives: u32 = receives.parse().expect("a number");
        let kept = |name: &str| message["MessageAttributes"][name]["StringValue"].as_str();
        // What is parked is told by the attributes that the relay has put on it: the judge has seen that they are right.
        let before = kept("RETRY_ATTEMPTS").map_or(0, |count| count.parse().expect("a number"));
        let sent_as = kept("SOURCE_MESSAGE_ID").unwrap_or(&id).to_owned();
        Delivered {
            published: &self.in_queue[&sent_as],
            is_parked: kept("PARKED_SINCE").is_some(),
            sent_as,
            id,
            group,
            receipt_handle: message["ReceiptHandle"].as_str().map(str::to_owned),
            receives: Some(receives + before),
        }
    }

    fn delete(&self, queue: &str, batch: &[Value], failed: &HashSet<String>) {
        for message in batch {
            if !failed.contains(message["MessageId"].as_str().expect("a message has an id")) {
                let url = self.endpoint.queue_url(queue);
                let input = json!({"QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"]});
                // A handle that expired in the meantime deletes nothing: the message is delivered again.
                let _ = self.endpoint.call(Operation::DeleteMessage, input);
            }
        }
    }

    async fn deliver_payload(&self, environment: &Environment, index: usize) -> bool {
        let payload = &self.payloads[index];
        self.payloads_under_way.set(self.payloads_under_way.get() + 1);
        let records = payload.records.iter().map(|published| Delivered {
            id: published.marker.clone(),
            sent_as: published.marker.clone(),
            is_parked: false,
            group: None,
            receipt_handle: None,
            receives: None,
            published,
        });
        let ended = self.invoke(environment, &payload.text, records.collect()).await;
        let survived = ended.is_some();
        match ended {
            Some((answered, End::Answered(answer))) => oracle::judge_payload(self, &answered, &answer),
            Some((_, End::Panicked)) => panic!("an invocation panicked"),
            // Lambda invokes the function again, as long as it takes here.
            _ => {
                sleep(Duration::from_secs(20)).await;
                self.waiting_payloads.borrow_mut().push(index);
            }
        }
        self.payloads_under_way.set(self.payloads_under_way.get() - 1);
        survived
    }

    /// Invokes the function. Nothing comes back from an environment that was killed.
    async fn invoke<'a>(
        &self,
        environment: &Environment,
        payload: &str,
        records: Vec<Delivered<'a>>,
    ) -> Option<(Answered<'a>, End)> {
        self.count_invocation(&records);
        let time_limit = self.scenario.settings.time_limit;
        let is_killed = self.happens(|trouble| trouble.kill);
        let is_cancelled = self.happens(|trouble| trouble.cancel);
        let remaining = self.told_time(time_limit);
        let random_polls = || self.dice.borrow_mut().between(0, 150);
        let polls =
            (is_killed || is_cancelled).then(|| self.trouble.borrow().polls.unwrap_or_else(random_polls));
        self.let_the_clock_jump(time_limit);
        // Asked before: another environment may be the one that heals everything in the meantime.
        let is_peaceful = {
            let mischief = self.mischief.lock().unwrap();
            mischief.panic == 0 && mischief.empty_answer == 0
        };
        let first = self.endpoint.call_count();
        let end = environment.invoke(payload, &self.endpoint, Limits { remaining, time_limit, polls }).await;
        if end == End::RanOutOfTime {
            assert!(remaining != Some(time_limit), "the function did not answer in its time");
            return None;
        }
        if is_killed && end == End::Interrupted {
            return None;
        }
        let calls = self.evidence.since(&self.endpoint, first).into_iter();
        let calls = calls.filter(|call| is_of(call, environment)).collect();
        let is_undisturbed = remaining == Some(time_limit) && is_peaceful;
        Some((Answered { records, calls, is_undisturbed }, end))
    }

    fn count_invocation(&self, records: &[Delivered<'_>]) {
        for record in records {
            *self.deliveries.borrow_mut().entry(record.published.marker.clone()).or_default() += 1;
        }
        self.invocations.set(self.invocations.get() + 1);
        if self.invocations.get() == self.scenario.troubled_invocations {
            self.heal();
        }
    }

    /// From now on nothing goes wrong any more.
    fn heal(&self) {
        self.endpoint.set_faults(Vec::new());
        *self.trouble.borrow_mut() = Trouble::default();
        let mut mischief = self.mischief.lock().unwrap();
        (mischief.panic, mischief.empty_answer) = (0, 0);
    }

    fn happens(&self, trouble: impl Fn(&Trouble) -> u64) -> bool {
        let per_mille = trouble(&self.trouble.borrow());
        self.dice.borrow_mut().per_mille(per_mille)
    }

    /// The time that the function is told; a wrong clock tells too much, too little, or nothing.
    fn told_time(&self, time_limit: Duration) -> Option<Duration> {
        if !self.happens(|trouble| trouble.clock_skew) {
            return Some(time_limit);
        }
        let wrong = [None, Some(time_limit * 4), Some(time_limit / 10), Some(Duration::ZERO)];
        *self.dice.borrow_mut().pick(&wrong)
    }

    /// At some moment of the invocation the messages in flight are visible again.
    fn let_the_clock_jump(&self, within: Duration) {
        if !self.happens(|trouble| trouble.clock_jump) {
            return;
        }
        let within_ms = u64::try_from(within.as_millis()).unwrap();
        let after = Duration::from_millis(self.dice.borrow_mut().between(0, within_ms));
        let jump = Duration::from_secs(self.scenario.queue.visibility_seconds);
        let endpoint = self.endpoint.clone();
        tokio::spawn(async move {
            sleep(after).await;
            endpoint.advance(jump);
        });
    }

    fn trace(&self) -> Trace {
        let calls = self.endpoint.calls();
        let started_ms = calls.first().map_or(0, |call| call.at_ms);
        calls
            .iter()
            .map(|call| {
                let after_ms = call.at_ms - started_ms;
                format!("{after_ms} ms {:?} {} {:?}", call.operation, call.access_key_id, call.outcome)
            })
            .collect()
    }
}

/// Calls under an assumed role carry a key of their own; no other environment's.
fn is_of(call: &Seen, environment: &Environment) -> bool {
    call.access_key_id == environment.key || !call.is_by_the_functions_role()
}

fn create_queues(endpoint: &Endpoint, scenario: &Scenario) {
    let queue = &scenario.queue;
    let create = |name: &str, attributes: &[(&str, &str)]| {
        endpoint.create_queue(name, attributes).expect("the queue is valid");
    };
    create(queue.burial_ground(), &[]);
    create(PARKING_QUEUE, &[]);
    create(dead_letter_queue(&scenario.settings), &[]);
    let visibility = queue.visibility_seconds.to_string();
    let burial_ground = endpoint.queue_arn(queue.burial_ground());
    let redrive = queue
        .receives_max
        .map(|most| json!({"deadLetterTargetArn": burial_ground, "maxReceiveCount": most}).to_string());
    let mut attributes = vec![("VisibilityTimeout", visibility.as_str())];
    attributes.extend(redrive.as_deref().map(|redrive| ("RedrivePolicy", redrive)));
    create(queue.name(), &attributes);
}

fn publish(
    endpoint: &Endpoint,
    scenario: &Scenario,
    published: Published,
    dice: &mut Dice,
) -> (String, Published) {
    let group = scenario.queue.is_fifo.then(|| format!("group-{}", dice.between(0, 2)));
    let id = endpoint.send_message(scenario.queue.name(), &published.body, &[], group.as_deref());
    (id.expect("the message is valid"), published)
}

impl Payload {
    fn draw(publisher: &mut Publisher<'_>, dice: &mut Dice) -> Self {
        let records: Vec<Published> = match dice.between(0, 3) {
            0 | 1 => vec![publisher.next()],
            count => (0..count).map(|_| publisher.next()).collect(),
        };
        let is_alone = records.len() == 1 && dice.per_mille(500);
        let text = if is_alone { records[0].body.clone() } else { sns_payload(&records) };
        Self { text, records }
    }
}

fn sns_payload(records: &[Published]) -> String {
    let records: Vec<Value> = records
        .iter()
        .map(|record| {
            let sns =
                json!({"Message": record.body, "MessageId": record.marker, "TopicArn": "arn:aws:sns:r:1:t"});
            json!({"EventSource": "aws:sns", "Sns": sns})
        })
        .collect();
    json!({"Records": records}).to_string()
}
