//! The parts that work on values, without a process around them:
//! `cargo bench --manifest-path benches/harness/Cargo.toml --target-dir target/bench/harness`

use divan::{Bencher, black_box};
use failure_event::envelope::{self, Delivery};
use failure_event::place::Home;
use failure_event::route::route;
use failure_event::rules::Rules;
use serde_json::json;

const RECORDS: usize = 10;

fn main() {
    divan::main();
}

fn payload() -> String {
    let event = json!({
        "target": {"kind": "step-functions-task", "taskToken": "AQCEAAAAKgAAAAMAAAAAAAAAAb3VvVbGN0".repeat(17)},
        "failure": {"type": "Render.OutOfMemory", "message": "The renderer was stopped on frame 1172."}
    });
    let record = json!({"messageId": "m", "body": event.to_string(), "eventSource": "aws:sqs"});
    json!({ "Records": vec![record; RECORDS] }).to_string()
}

#[divan::bench]
fn ten_records_out_of_their_envelope(bencher: Bencher) {
    let payload = payload();
    bencher.bench(|| matches!(envelope::open(black_box(&payload)), Delivery::SqsBatch(records) if records.len() == RECORDS));
}

#[divan::bench]
fn the_route_of_one_record(bencher: Bencher) {
    let payload = payload();
    let Delivery::SqsBatch(records) = envelope::open(&payload) else { panic!("a batch") };
    let home = Home::new("eu-west-1", "arn:aws:lambda:eu-west-1:111122223333:function:relay");
    let rules = Rules::default();
    bencher.bench(|| route(black_box(&records[0]), &rules, &home));
}
