use std::cell::Cell;
use std::collections::BTreeSet;

use failure_relay::settings::QueueUrl;
use serde_json::{Value, json};

use super::*;
use crate::fake::{DUE_AT, Fake, SENT_AT, lease, refused, token_of};

const NOW: i64 = DUE_AT + 30_000;

async fn run_on(fake: &Fake, queue: &str, seconds: u64) -> Tally {
    let url = QueueUrl::parse(queue).unwrap();
    let queue = RelayQueue::new(fake, &url, "eu-west-1");
    let end = Instant::now() + Duration::from_secs(seconds);
    let limits = Limits { last_begin: end - Duration::from_secs(1), end };
    Leases::new(fake, "leases", "eu-west-1", &queue).publish_due(NOW, limits).await
}

async fn run(fake: &Fake) -> Tally {
    run_on(fake, "https://sqs.eu-west-1.amazonaws.com/111122223333/failures", 50).await
}

fn counted(tally: &Tally) -> (u64, u64) {
    (tally.due, tally.published)
}

fn all(count: usize) -> BTreeSet<String> {
    (0..count).map(|number| format!("token-{number}")).collect()
}

#[tokio::test]
async fn a_lease_that_came_due_is_published_and_gone() {
    let fake = Fake::with_leases(1);
    let tally = run(&fake).await;
    assert_eq!(tally, Tally { due: 1, published: 1, ..Tally::default() });
    assert!(fake.leases.borrow().is_empty());
    let entry = fake.queue.borrow()[0].clone();
    let event: Value = serde_json::from_str(entry["MessageBody"].as_str().unwrap()).unwrap();
    assert_eq!(
        event,
        json!({
            "version": "1",
            "id": "lease-0000000000000000",
            "time": "2023-11-14T22:13:20Z",
            "target": {"kind": "step-functions-task", "taskToken": "token-0"},
            "failure": {
                "type": "Worker.LeaseExpired",
                "message": "No sign of life since 2023-11-14T22:03:20Z (lease of 600 s).",
            },
        })
    );
    assert_eq!(entry.get("MessageGroupId"), None, "a standard queue needs no group");
}

#[tokio::test]
async fn one_that_is_not_due_stays() {
    let fake = Fake::with_leases(1);
    fake.renew(&lease(0).0);
    assert_eq!(run(&fake).await, Tally::default());
    assert_eq!((fake.queue.borrow().len(), fake.leases.borrow().len()), (0, 1));
}

#[tokio::test]
async fn an_index_that_lags_behind_fails_no_live_worker() {
    let fake = Fake::with_leases(3);
    let (renewed, old) = lease(1);
    fake.renew(&renewed);
    fake.stale.borrow_mut().insert(renewed.clone(), old);
    // Released and deleted since: the table knows nothing of it.
    let (gone, old) = lease(7);
    fake.stale.borrow_mut().insert(gone, old);
    assert_eq!(counted(&run(&fake).await), (2, 2));
    assert_eq!(fake.reported(), BTreeSet::from(["token-0".to_owned(), "token-2".to_owned()]));
    assert!(fake.leases.borrow().contains_key(&renewed));
}

#[tokio::test]
async fn a_renewal_between_publishing_and_deleting_wins() {
    let fake = Fake::with_leases(1).told(|fake, operation, _| {
        if operation == "DeleteItem" {
            fake.renew(&lease(0).0);
        }
        None
    });
    let tally = run(&fake).await;
    assert_eq!((counted(&tally), tally.problems.len()), ((1, 1), 0));
    assert!(fake.leases.borrow().contains_key(&lease(0).0), "it is alive again");
}

#[tokio::test]
async fn ten_thousand_are_published_in_one_run_with_a_bound_on_what_is_under_way() {
    let fake = Fake::with_leases(10_000);
    assert_eq!(counted(&run(&fake).await), (10_000, 10_000));
    assert_eq!(fake.queue.borrow().len(), 10_000, "each once");
    assert_eq!(fake.reported(), all(10_000));
    assert!(fake.leases.borrow().is_empty());
    let (most, _) = fake.at_once.get();
    assert!(most <= usize::from(SHARDS) * DELETES, "{most}");
}

#[tokio::test]
async fn while_the_queue_is_down_no_lease_is_deleted() {
    for error in [refused("ServiceUnavailable", 503), refused("AccessDenied", 403), ServiceError::timed_out()]
    {
        let name = error.name.clone().unwrap();
        let fake = Fake::with_leases(100)
            .told(move |_, operation, _| (operation == "SendMessageBatch").then(|| Err(error.clone())));
        let tally = run(&fake).await;
        assert_eq!(tally.published, 0);
        assert_eq!(fake.leases.borrow().len(), 100);
        let (times, what) = &tally.problems[&Step::Publish];
        assert!(what.contains(&name), "{what}");
        assert!(*times <= 80, "a queue that is down is not asked for each page");
        // It is there again.
        *fake.script.borrow_mut() = None;
        assert_eq!(counted(&run(&fake).await), (100, 100));
        assert_eq!(fake.reported(), all(100));
    }
}

#[tokio::test]
async fn a_table_that_fails_in_mid_page_loses_nothing() {
    for broken in ["Query", "BatchGetItem", "DeleteItem"] {
        let calls = Cell::new(0);
        let fake = Fake::with_leases(1000).told(move |_, operation, _| {
            let is_hit = operation == broken && calls.replace(calls.get() + 1) % 3 == 2;
            is_hit.then(|| Err(refused("ProvisionedThroughputExceededException", 400)))
        });
        let tally = run(&fake).await;
        assert!(!tally.problems.is_empty(), "{broken}");
        *fake.script.borrow_mut() = None;
        run(&fake).await;
        assert_eq!(fake.reported(), all(1000), "{broken}");
        assert!(fake.leases.borrow().is_empty(), "{broken}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_table_leaves_out_of_an_answer_is_asked_for_again() {
    let first = Cell::new(true);
    let fake = Fake::with_leases(8).told(move |_, operation, request| {
        let leaves_out = operation == "BatchGetItem" && first.replace(false);
        let keys = &request["RequestItems"]["leases"];
        leaves_out.then(|| {
            Ok(json!({"Responses": {"leases": []}, "UnprocessedKeys": {"leases": keys}}).to_string())
        })
    });
    assert_eq!(counted(&run(&fake).await), (8, 8));
    let always = Fake::with_leases(8).told(|_, operation, request| {
        let keys = &request["RequestItems"]["leases"];
        (operation == "BatchGetItem")
            .then(|| Ok(json!({"Responses": {}, "UnprocessedKeys": {"leases": keys}}).to_string()))
    });
    let tally = run(&always).await;
    assert_eq!((counted(&tally), tally.problems[&Step::Read].0), ((0, 0), 8));
    assert!(always.calls.get() < 60, "it does not ask for ever");
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_is_a_problem_and_no_empty_table() {
    for broken in ["Query", "BatchGetItem"] {
        let fake = Fake::with_leases(8)
            .told(move |_, operation, _| (operation == broken).then(|| Ok("<html>".to_owned())));
        assert_eq!(run(&fake).await.problems.len(), 1, "{broken}");
    }
}

#[tokio::test]
async fn each_entrys_own_confirmation_counts() {
    // The queue stores all but every fourth, says so of a fourth of them, and says nothing of the others.
    let fake = Fake::with_leases(80).told(|fake, operation, request| {
        if operation != "SendMessageBatch" {
            return None;
        }
        let (mut stored, mut failed) = (Vec::new(), Vec::new());
        for entry in request["Entries"].as_array().unwrap() {
            let number: usize = token_of(entry)["token-".len()..].parse().unwrap();
            match number % 16 {
                3 => failed.push(json!({"Id": entry["Id"], "Code": "InternalError", "SenderFault": false})),
                7 | 11 | 15 => {}
                _ => {
                    fake.queue.borrow_mut().push(entry.clone());
                    stored.push(json!({"Id": entry["Id"], "MessageId": "m"}));
                }
            }
        }
        Some(Ok(json!({"Successful": stored, "Failed": failed}).to_string()))
    });
    let tally = run(&fake).await;
    assert_eq!(
        fake.leases.borrow().len(),
        80 - fake.queue.borrow().len(),
        "what is confirmed is deleted, and no more"
    );
    assert_eq!(usize::try_from(tally.published).unwrap(), fake.queue.borrow().len());
    assert!(tally.problems.contains_key(&Step::Publish));
}

#[tokio::test]
async fn an_event_that_sqs_does_not_take_holds_up_no_other() {
    // A batch that holds it is refused as a whole.
    let fake = Fake::with_leases(400).told(|_, operation, request| {
        let entries = request["Entries"].as_array()?;
        let holds_it = entries.iter().any(|entry| token_of(entry) == "token-8");
        (operation == "SendMessageBatch" && holds_it).then(|| Err(refused("InvalidMessageContents", 400)))
    });
    let tally = run(&fake).await;
    assert_eq!(counted(&tally), (400, 399));
    assert_eq!(fake.leases.borrow().keys().collect::<Vec<_>>(), [&lease(8).0]);
    assert_eq!(tally.problems[&Step::Publish].0, 1);
}

#[tokio::test]
async fn a_run_that_is_killed_anywhere_loses_nothing() {
    let whole = Fake::with_leases(100);
    run(&whole).await;
    for killed_at in (0..whole.calls.get()).step_by(7) {
        let fake = Fake::with_leases(100);
        let calls = Cell::new(0);
        *fake.script.borrow_mut() = Some(Box::new(move |_, _, _| {
            calls.set(calls.get() + 1);
            assert!(calls.get() <= killed_at, "killed");
            None
        }));
        let killed = futures_util::FutureExt::catch_unwind(std::panic::AssertUnwindSafe(run(&fake))).await;
        assert!(killed.is_err(), "{killed_at}");
        *fake.script.borrow_mut() = None;
        run(&fake).await;
        assert_eq!(fake.reported(), all(100), "killed at {killed_at}");
        assert!(fake.leases.borrow().is_empty());
    }
}

#[tokio::test]
async fn two_runs_at_once_publish_twice_at_worst_and_miss_nothing() {
    let fake = Fake::with_leases(200);
    let (one, other) = futures_util::future::join(run(&fake), run(&fake)).await;
    assert_eq!(fake.reported(), all(200));
    assert!(one.problems.is_empty() && other.problems.is_empty(), "who comes second finds it gone");
    assert!(fake.leases.borrow().is_empty());
}

#[tokio::test]
async fn a_fifo_queue_gets_a_group_a_target_and_the_same_id_for_the_same_occasion() {
    let url = "https://sqs.eu-west-1.amazonaws.com/111122223333/failures.fifo";
    let fake = Fake::with_leases(20).told(|_, operation, _| {
        (operation == "DeleteItem").then(|| Err(refused("InternalServerError", 500)))
    });
    run_on(&fake, url, 50).await;
    let first: BTreeSet<String> = ids(&fake);
    assert_eq!(first.len(), 20, "each lease has its own");
    // The run died before it deleted: the second event of the same occasion is the same message.
    run_on(&fake, url, 50).await;
    assert_eq!(ids(&fake), first);
    // The worker came back, took the lease anew, and died again.
    *fake.script.borrow_mut() = None;
    for number in 0..20 {
        let later = fake.leases.borrow().get(&lease(number).0).cloned().map(|mut item| {
            item["due_at"] = json!({"N": (DUE_AT + 1000).to_string()});
            item["sent_at"] = json!({"N": (SENT_AT + 1000).to_string()});
            item
        });
        fake.leases.borrow_mut().insert(lease(number).0, later.unwrap());
    }
    run_on(&fake, url, 50).await;
    assert_eq!(ids(&fake).len(), 40);
    for entry in fake.queue.borrow().iter() {
        let number: usize = token_of(entry)["token-".len()..].parse().unwrap();
        assert_eq!(entry["MessageGroupId"], format!("{number:016x}"));
    }
}

fn ids(fake: &Fake) -> BTreeSet<String> {
    let id = |entry: &Value| entry["MessageDeduplicationId"].as_str().unwrap().to_owned();
    fake.queue.borrow().iter().map(id).collect()
}

#[tokio::test(start_paused = true)]
async fn what_the_deadline_does_not_allow_is_left_for_the_next_run() {
    // Each call takes its time, by a clock that runs only while all wait.
    struct Slow(Fake);
    impl Services for Slow {
        async fn ask(
            &self,
            operation: &'static failure_event::operation::Operation,
            form: failure_event::request::HttpForm,
            place: &Place,
        ) -> Result<String, ServiceError> {
            sleep(Duration::from_millis(200)).await;
            self.0.ask(operation, form, place).await
        }
    }
    let slow = Slow(Fake::with_leases(5000));
    let url = QueueUrl::parse("https://sqs.eu-west-1.amazonaws.com/111122223333/failures").unwrap();
    let mut runs = 0;
    while !slow.0.leases.borrow().is_empty() {
        let queue = RelayQueue::new(&slow, &url, "eu-west-1");
        let end = Instant::now() + Duration::from_secs(20);
        let limits = Limits { last_begin: end - Duration::from_secs(2), end };
        let tally = Leases::new(&slow, "leases", "eu-west-1", &queue).publish_due(NOW, limits).await;
        assert!(Instant::now() <= end, "it ends in time");
        assert!(tally.problems.is_empty(), "no time is no trouble");
        assert_eq!(tally.is_cut_off, !slow.0.leases.borrow().is_empty());
        assert!(tally.published > 0, "each run does a part");
        runs += 1;
        assert!(runs < 20);
    }
    assert!(runs > 1);
    assert_eq!(slow.0.reported(), all(5000));
    assert_eq!(slow.0.queue.borrow().len(), 5000, "what has begun is ended, so none is published twice");
}

#[tokio::test]
async fn events_with_long_failures_share_a_request_only_as_far_as_it_holds() {
    let fake = Fake::with_leases(16);
    for item in fake.leases.borrow_mut().values_mut() {
        // Eight of them are 2.4 MB; the fake refuses what SQS would refuse.
        let failure = json!({"message": "x".repeat(300_000)}).to_string();
        item["failure"] = json!({"S": failure});
        item["due_shard"] = json!({"S": "0"});
    }
    assert_eq!(counted(&run(&fake).await), (16, 16));
}

#[tokio::test]
async fn characters_that_sqs_refuses_travel_as_escapes() {
    let fake = Fake::with_leases(1);
    let message = "odd \u{fffe} and \u{ffff}";
    for item in fake.leases.borrow_mut().values_mut() {
        item["failure"] = json!({"S": json!({"message": message}).to_string()});
    }
    run(&fake).await;
    let body = fake.queue.borrow()[0]["MessageBody"].as_str().unwrap().to_owned();
    assert!(!body.contains(['\u{fffe}', '\u{ffff}']));
    let event: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(event["failure"]["message"], message);
}
