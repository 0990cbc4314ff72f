//! One target is down: what the others in the same batches feel, how hard the failing one is hit, and how soon it recovers.
//!
//! `cargo test --test it back_pressure -- --nocapture` prints the figures.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_emulator::{Endpoint, Fault, FaultRule, Operation, Options, RecordedCall, When};
use serde_json::{Value, json};

use super::dice::Dice;
use super::lambda::{End, Environment, Limits, batch_payload};
use super::scenario::RelaySettings;
use super::wire::Mischief;

/// Every call takes so long when nothing is wrong.
const CALL_MS: u64 = 100;
const OUTAGE_MS: (u64, u64) = (10_000, 40_000);
const END_MS: u64 = 50_000;

/// What the healthy target gets at least while the other never answers.
const HEALTHY_PER_SECOND_MIN: f64 = 2.5;

/// What was seen in one span of time.
struct Span {
    name: &'static str,
    healthy_per_second: f64,
    healthy_latency_ms_max: u64,
    failing_attempts_per_second: f64,
    failing_accepted_per_second: f64,
}

#[test]
fn a_target_that_hangs_slows_no_other_record_of_its_batch() {
    let spans = run_with_outage(Fault::NoAnswer { after_effect: false }, CALL_MS);
    assert_others_are_not_slowed(&spans);
    assert_recovers(&spans);
    assert!(spans[1].healthy_per_second >= HEALTHY_PER_SECOND_MIN, "the environment waits too long");
}

#[test]
fn a_target_that_comes_back_slow_is_not_taken_for_one_that_hangs() {
    let spans = run_with_outage(Fault::NoAnswer { after_effect: false }, 2_500);
    let [_, _, after] = &spans;
    // One batch in 2.5 s, from the first call on that has its full time.
    assert!(after.failing_accepted_per_second > 0.5, "a slow target is never waited for");
}

#[test]
fn a_target_that_throttles_slows_no_other_record_of_its_batch() {
    let spans = run_with_outage(Fault::Throttle { code: None, status: 400 }, CALL_MS);
    assert_others_are_not_slowed(&spans);
    assert_recovers(&spans);
    let [before, during, _] = &spans;
    let hits = during.failing_attempts_per_second / before.failing_attempts_per_second;
    assert!(hits < 2.0, "a target that throttles is not hammered: {hits} times the usual calls");
}

fn assert_others_are_not_slowed(spans: &[Span; 3]) {
    for span in spans {
        println!(
            "{:>6}: {:5.1} records a second to the healthy target, the slowest after {} ms; {:5.1} calls a second to the \
             other, {:5.1} accepted",
            span.name,
            span.healthy_per_second,
            span.healthy_latency_ms_max,
            span.failing_attempts_per_second,
            span.failing_accepted_per_second
        );
        assert!(span.healthy_latency_ms_max <= 3 * CALL_MS, "a healthy target's records wait");
    }
}

fn assert_recovers([before, _, after]: &[Span; 3]) {
    assert!(after.failing_accepted_per_second > 0.8 * before.failing_accepted_per_second, "no recovery");
}

/// Batches of ten, one after the other, half of them for a target that is down for a while and answers after `slow_ms` then.
fn run_with_outage(outage: Fault, slow_ms: u64) -> [Span; 3] {
    let seed = 7_000_000 + slow_ms + u64::from(matches!(outage, Fault::NoAnswer { .. }));
    fastrand::seed(seed);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let (from, to) = OUTAGE_MS;
        let is_down = FaultRule::always("swf:*", outage).when(When::WindowMs { from, to });
        let is_back = FaultRule::always("swf:*", Fault::Slow { delay_ms: slow_ms })
            .when(When::WindowMs { from: to, to: u64::MAX });
        let usual = FaultRule::always("*", Fault::Slow { delay_ms: CALL_MS });
        let options = Options {
            region: format!("sim-{seed}"),
            auto_open: true,
            faults: vec![is_down, is_back, usual],
            ..Options::default()
        };
        let endpoint = Endpoint::start(options).await.unwrap();
        let (calls, latencies) = deliver_until_the_end(&endpoint, seed).await;
        spans(&calls, &latencies, endpoint.clock().now_ms() - endpoint.clock().since_start_ms())
    })
}

/// All calls; and how long the slowest healthy record of each invocation took, with the time when it was delivered.
async fn deliver_until_the_end(endpoint: &Endpoint, seed: u64) -> (Vec<RecordedCall>, Vec<(u64, u64)>) {
    let settings = RelaySettings {
        dead_letters_are_fifo: false,
        concurrency: 10,
        receives_max: None,
        back_off_seconds: None,
        park_after: None,
        time_limit: Duration::from_secs(30),
    };
    endpoint.create_queue("dead", &[]).unwrap();
    let mischief = Arc::new(Mutex::new(Mischief { panic: 0, empty_answer: 0, dice: Dice::seeded(seed) }));
    let environment = Environment::start(&settings, endpoint, &mischief, "far-away", "ENVIRONMENT0");
    let (mut calls, mut latencies) = (Vec::new(), Vec::new());
    let mut number = 0;
    while endpoint.clock().since_start_ms() < END_MS {
        let started_ms = endpoint.clock().now_ms();
        let batch: Vec<Value> = (number..number + 10).map(message).collect();
        number += 10;
        let limits =
            Limits { remaining: Some(settings.time_limit), time_limit: settings.time_limit, polls: None };
        let payload = batch_payload(&batch, "arn:aws:sqs:r:1:source", endpoint.region());
        let end = environment.invoke(&payload, endpoint, limits).await;
        assert!(matches!(end, End::Answered(_)), "{end:?}");
        let healthy = endpoint.calls_of(Operation::SendTaskFailure).into_iter();
        let last_ms = healthy.map(|call| call.at_ms + CALL_MS).max().unwrap();
        latencies.push((started_ms, last_ms - started_ms));
        calls.extend(endpoint.calls());
        endpoint.forget_calls();
    }
    (calls, latencies)
}

fn message(number: u64) -> Value {
    let kind = if number.is_multiple_of(2) { "step-functions-task" } else { "swf-activity-task" };
    let body = json!({"target": {"kind": kind, "taskToken": format!("token-{number}")}}).to_string();
    json!({"MessageId": format!("m-{number}"), "ReceiptHandle": "h", "Body": body,
        "Attributes": {"ApproximateReceiveCount": "1"}})
}

fn spans(calls: &[RecordedCall], latencies: &[(u64, u64)], started_ms: u64) -> [Span; 3] {
    let (from, to) = OUTAGE_MS;
    [("before", 0, from), ("during", from, to), ("after", to, END_MS)].map(|(name, from, to)| {
        let within = |at_ms: u64| (from..to).contains(&(at_ms - started_ms));
        let seconds = f64::from(u32::try_from(to - from).unwrap()) / 1000.0;
        let per_second = |operation, is_counted: &dyn Fn(&RecordedCall) -> bool| {
            let counted = calls.iter().filter(|call| call.operation == operation && within(call.at_ms));
            f64::from(u32::try_from(counted.filter(|call| is_counted(call)).count()).unwrap()) / seconds
        };
        let accepted = |call: &RecordedCall| call.outcome.status == Some(200);
        let latency = latencies.iter().filter(|(at_ms, _)| within(*at_ms)).map(|(_, latency)| *latency);
        Span {
            name,
            healthy_per_second: per_second(Operation::SendTaskFailure, &accepted),
            healthy_latency_ms_max: latency.max().unwrap_or(0),
            failing_attempts_per_second: per_second(Operation::RespondActivityTaskFailed, &|_| true),
            failing_accepted_per_second: per_second(Operation::RespondActivityTaskFailed, &accepted),
        }
    })
}
