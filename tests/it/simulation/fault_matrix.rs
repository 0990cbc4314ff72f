//! Each fault and each kind of trouble alone: the rows of the matrix in `docs/reliability.md`.

use aws_emulator::{Disorder, Fault};
use failure_event::operation::Wire;
use failure_event::target::Kind;

use super::runs::assert_all_hold;
use super::scenario::{Scenario, Trouble};

/// Where each fault happens.
const PLACES: [&str; 12] = [
    "states:*",
    "codepipeline:*",
    "swf:*",
    "lambda:*",
    "sagemaker:*",
    "autoscaling:*",
    "codedeploy:*",
    "imagebuilder:*",
    "servicecatalog:*",
    "ecs:*",
    "sqs:*",
    "sts:*",
];

/// Runs of each fault at each place.
const RUNS_PER_PLACE: u64 = 1;

/// Runs of each kind of trouble.
const RUNS_PER_TROUBLE: u64 = 40;

/// Each row has its own seeds.
fn assert_faults_lose_nothing(row: u64, faults: &[Fault]) {
    let cases: Vec<(&str, &Fault)> =
        faults.iter().flat_map(|fault| PLACES.map(|place| (place, fault))).collect();
    assert_all_hold(cases.len() as u64 * RUNS_PER_PLACE, |number| {
        let (place, fault) = cases[usize::try_from(number / RUNS_PER_PLACE).unwrap()];
        Scenario::with_fault(row * 1_000_000 + number, place, fault.clone())
    });
}

fn assert_trouble_loses_nothing(row: u64, trouble: &Trouble) {
    assert_all_hold(RUNS_PER_TROUBLE, |number| {
        Scenario::with_trouble(row * 1_000_000 + number, trouble.clone())
    });
}

fn error(code: &str, status: u16, after_effect: bool) -> Fault {
    Fault::ServiceError { code: code.to_owned(), status, message: "why".to_owned(), after_effect }
}

#[test]
fn each_service_that_signs_its_calls_is_a_place_of_faults() {
    let operations = Kind::ALL.iter().flat_map(|kind| kind.operations());
    for operation in operations.filter(|operation| operation.wire != Wire::PresignedPut) {
        let place = format!("{}:*", operation.service.signing_name);
        assert!(PLACES.contains(&place.as_str()), "no fault happens at {place}");
    }
}

#[test]
fn without_trouble_each_record_is_delivered_and_called_once() {
    assert_all_hold(RUNS_PER_TROUBLE, |number| {
        let mut scenario = Scenario::calm(1_000_000 + number);
        scenario.queue.disorder = None;
        scenario
    });
}

#[test]
fn throttling_in_any_of_its_names_loses_nothing() {
    let named = |code: &str, status| Fault::Throttle { code: Some(code.to_owned()), status };
    let throttle = Fault::Throttle { code: None, status: 400 };
    let kms = named("KmsThrottlingException", 400);
    assert_faults_lose_nothing(2, &[throttle, named("TooManyRequestsException", 429), kms, named("", 429)]);
}

#[test]
fn a_server_error_before_or_after_the_effect_loses_nothing() {
    let failed = |status, after_effect| Fault::ServerError { status, after_effect };
    let faults = [failed(500, false), failed(503, true), Fault::Html502, error("TaskTimedOut", 500, false)];
    assert_faults_lose_nothing(3, &faults);
}

#[test]
fn a_connection_that_is_cut_before_the_effect_loses_nothing() {
    assert_faults_lose_nothing(4, &[Fault::CutBeforeEffect]);
}

#[test]
fn an_answer_that_is_lost_after_the_effect_loses_nothing() {
    assert_faults_lose_nothing(5, &[Fault::CutAfterEffect, Fault::CutMidAnswer]);
}

#[test]
fn a_service_that_never_answers_loses_nothing() {
    let silent = |after_effect| Fault::NoAnswer { after_effect };
    assert_faults_lose_nothing(6, &[silent(false), silent(true)]);
}

#[test]
fn an_answer_that_drips_or_comes_late_loses_nothing() {
    let late = |delay_ms| Fault::Slow { delay_ms };
    assert_faults_lose_nothing(
        7,
        &[Fault::SlowDrip { piece_bytes: 1, delay_ms: 400 }, late(2_500), late(9_000)],
    );
}

#[test]
fn denied_access_and_expired_credentials_lose_nothing() {
    assert_faults_lose_nothing(8, &[Fault::AccessDenied, Fault::ExpiredCredentials]);
}

#[test]
fn an_error_that_no_table_knows_loses_nothing() {
    let faults = [error("NobodyKnows", 400, false), error("NobodyKnows", 400, true), error("", 400, false)];
    assert_faults_lose_nothing(9, &faults);
}

#[test]
fn a_200_that_is_no_answer_or_holds_an_error_loses_nothing() {
    let garbage = |after_effect| Fault::Garbage200 { after_effect };
    let error = |after_effect| Fault::ErrorIn200 { code: "InternalFailure".to_owned(), after_effect };
    assert_faults_lose_nothing(10, &[garbage(false), garbage(true), error(false), error(true)]);
}

#[test]
fn letters_that_are_refused_in_a_200_are_not_lost() {
    let refused = |positions: &[usize], sender_fault| Fault::PartialBatchFailure {
        positions: positions.to_vec(),
        code: None,
        sender_fault,
    };
    let fault = |number: u64| match number % 3 {
        0 => refused(&[], false),
        1 => refused(&[0, 2], true),
        _ => refused(&[1], false),
    };
    assert_all_hold(60, |number| {
        let mut scenario = Scenario::with_fault(11_000_000 + number, "sqs:SendMessageBatch", fault(number));
        scenario.settings.dead_letters_are_fifo = false;
        scenario.settings.concurrency = 10;
        scenario
    });
}

#[test]
fn a_key_that_cannot_be_used_loses_nothing() {
    assert_faults_lose_nothing(12, &[Fault::KmsAccessDenied, Fault::KmsInvalidState]);
}

#[test]
fn records_stay_in_their_queue_while_the_dead_letter_queue_is_down() {
    let fault = |number: u64| match number % 4 {
        0 => Fault::ServerError { status: 503, after_effect: false },
        1 => Fault::NoAnswer { after_effect: false },
        2 => Fault::CutBeforeEffect,
        _ => error("QueueDoesNotExist", 400, false),
    };
    assert_all_hold(RUNS_PER_TROUBLE, |number| {
        let mut scenario = Scenario::with_fault(13_000_000 + number, "sqs:SendMessage*", fault(number));
        scenario.faults[0].when = aws_emulator::When::Always;
        scenario
    });
}

#[test]
fn a_refusal_or_a_closed_task_that_the_service_reports_ends_the_record() {
    let faults = ["ValidationException", "TaskTimedOut", "InvalidJobStateException", "UnknownResourceFault"];
    assert_faults_lose_nothing(14, &faults.map(|code| error(code, 400, false)));
}

#[test]
fn records_of_a_target_in_trouble_are_parked_and_not_lost() {
    let faults = [
        Fault::AccessDenied,
        Fault::Throttle { code: None, status: 400 },
        Fault::ServerError { status: 503, after_effect: true },
        Fault::NoAnswer { after_effect: false },
        Fault::NoAnswer { after_effect: true },
        Fault::CutAfterEffect,
    ];
    let places = PLACES.into_iter().filter(|place| *place != "sqs:*");
    let cases: Vec<(&str, &Fault)> =
        faults.iter().flat_map(|fault| places.clone().map(move |place| (place, fault))).collect();
    assert_all_hold(cases.len() as u64 * RUNS_PER_PLACE, |number| {
        let (place, fault) = cases[usize::try_from(number / RUNS_PER_PLACE).unwrap()];
        Scenario::with_fault(31_000_000 + number, place, fault.clone()).with_parking(1)
    });
}

#[test]
fn records_stay_in_their_queue_while_the_parking_queue_is_down() {
    let fault = |number: u64| match number % 6 {
        0 => Fault::ServerError { status: 503, after_effect: false },
        1 => Fault::ServerError { status: 503, after_effect: true },
        2 => Fault::NoAnswer { after_effect: false },
        3 => Fault::CutAfterEffect,
        4 => Fault::PartialBatchFailure { positions: vec![0, 2], code: None, sender_fault: false },
        _ => error("QueueDoesNotExist", 400, false),
    };
    assert_all_hold(RUNS_PER_TROUBLE, |number| {
        let mut scenario = Scenario::with_fault(32_000_000 + number, "swf:*", Fault::AccessDenied);
        scenario.faults.extend(Scenario::with_fault(number, "sqs:SendMessage*", fault(number)).faults);
        scenario.with_parking(1)
    });
}

#[test]
fn a_parked_record_survives_kills_panics_and_deletions_that_are_lost() {
    assert_all_hold(RUNS_PER_TROUBLE, |number| {
        let trouble = match number % 4 {
            0 => Trouble { kill: 400, ..Trouble::default() },
            1 => Trouble { panic: 150, ..Trouble::default() },
            2 => Trouble { lost_deletion: 400, clock_jump: 300, ..Trouble::default() },
            _ => Trouble { empty_answer: 400, ..Trouble::default() },
        };
        let mut scenario = Scenario::with_trouble(33_000_000 + number, trouble);
        let fault = Fault::ServerError { status: 500, after_effect: false };
        scenario.faults = Scenario::with_fault(number, "swf:*", fault).faults;
        scenario.with_parking(1 + u32::try_from(number % 2).unwrap())
    });
}

#[test]
fn a_kill_at_any_moment_loses_nothing() {
    assert_trouble_loses_nothing(20, &Trouble { kill: 600, ..Trouble::default() });
}

#[test]
fn a_cancellation_at_any_await_point_loses_nothing() {
    assert_all_hold(120, |polls| {
        let trouble = Trouble { cancel: 700, polls: Some(polls), ..Trouble::default() };
        Scenario::with_trouble(21_000_000 + polls % 4, trouble)
    });
}

#[test]
fn a_panic_in_any_call_is_that_records_retry() {
    assert_trouble_loses_nothing(22, &Trouble { panic: 250, ..Trouble::default() });
}

#[test]
fn an_answer_without_members_confirms_no_letter() {
    assert_trouble_loses_nothing(30, &Trouble { empty_answer: 500, ..Trouble::default() });
}

#[test]
fn a_deletion_that_is_lost_delivers_again_and_nothing_worse() {
    assert_trouble_loses_nothing(23, &Trouble { lost_deletion: 500, ..Trouble::default() });
}

#[test]
fn messages_that_are_visible_again_in_mid_flight_are_not_lost() {
    let trouble = Trouble { clock_jump: 800, lost_deletion: 100, ..Trouble::default() };
    assert_all_hold(RUNS_PER_TROUBLE, |number| {
        let mut scenario = Scenario::with_trouble(24_000_000 + number, trouble.clone());
        scenario.faults = Scenario::with_fault(0, "*", Fault::Slow { delay_ms: 700 }).faults;
        scenario.environments = 3;
        scenario
    });
}

#[test]
fn a_function_whose_clock_is_wrong_loses_nothing() {
    assert_all_hold(RUNS_PER_TROUBLE, |number| {
        let trouble = Trouble { clock_skew: 700, ..Trouble::default() };
        let mut scenario = Scenario::with_trouble(25_000_000 + number, trouble);
        scenario.faults = Scenario::with_fault(0, "*", Fault::NoAnswer { after_effect: true }).faults;
        scenario
    });
}

#[test]
fn too_little_time_for_the_whole_batch_loses_nothing() {
    assert_all_hold(RUNS_PER_TROUBLE, |number| {
        let mut scenario = Scenario::with_fault(26_000_000 + number, "*", Fault::Slow { delay_ms: 900 });
        scenario.settings.concurrency = 1;
        scenario.settings.time_limit = std::time::Duration::from_millis(2_000 + 150 * number);
        scenario
    });
}

#[test]
fn duplicates_and_disorder_of_the_queue_lose_nothing() {
    assert_all_hold(RUNS_PER_TROUBLE, |number| {
        let mut scenario = Scenario::calm(27_000_000 + number);
        scenario.queue.is_fifo = false;
        scenario.queue.disorder = Some(Disorder { seed: number, reorder: 0.4, duplicate: 0.4 });
        scenario
    });
}

#[test]
fn message_groups_keep_their_order_when_a_record_comes_back() {
    assert_all_hold(RUNS_PER_TROUBLE, |number| {
        let fault = Fault::ServerError { status: 500, after_effect: number % 2 == 0 };
        let mut scenario = Scenario::with_fault(28_000_000 + number, "*", fault);
        scenario.queue.is_fifo = true;
        scenario.queue.batch_size = 10;
        scenario
    });
}

#[test]
fn a_redrive_policy_that_gives_up_first_keeps_the_record() {
    assert_all_hold(RUNS_PER_TROUBLE, |number| {
        let mut scenario = Scenario::with_fault(29_000_000 + number, "*", Fault::AccessDenied);
        scenario.faults[0].when = aws_emulator::When::Always;
        scenario.queue.receives_max = Some(2);
        scenario
    });
}
