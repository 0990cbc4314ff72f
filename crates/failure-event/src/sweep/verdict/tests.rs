use super::*;
use crate::event::parse_time;

fn now() -> OffsetDateTime {
    parse_time("2026-08-03T12:00:00Z").unwrap()
}

#[expect(clippy::unnecessary_wraps, reason = "a moment may not be known, and every place for one says so")]
fn ago(seconds: i64) -> Option<OffsetDateTime> {
    Some(now() - Duration::seconds(seconds))
}

fn ended(well: bool, at: Option<OffsetDateTime>) -> Fate {
    Fate::Ended(End { well, at, how: "stopped".to_owned(), failure_type: None })
}

fn status_of(fates: &[Fate], submitted: Option<OffsetDateTime>, silent: Option<i64>) -> Status {
    let rules = SweepRules { silent: silent.map(Duration::seconds), ..SweepRules::default() };
    judge(fates, submitted, now(), &rules).status
}

const DAY: i64 = 86_400;

#[test]
fn a_worker_is_gone_when_it_ended_badly_before_the_grace_began() {
    for (seconds, status) in [
        (-60, Status::Waiting), // in the future, by another clock
        (0, Status::Waiting),
        (120, Status::Waiting),
        (121, Status::Stranded),
        (31 * DAY, Status::Stranded),
    ] {
        assert_eq!(status_of(&[ended(false, ago(seconds))], ago(40 * DAY), None), status, "{seconds} s ago");
    }
}

#[test]
fn an_end_without_a_time_counts_from_the_submission_and_without_that_from_nothing() {
    assert_eq!(status_of(&[ended(false, None)], ago(121), None), Status::Stranded);
    assert_eq!(status_of(&[ended(false, None)], ago(119), None), Status::Waiting);
    assert_eq!(status_of(&[ended(false, None)], None, None), Status::Unknown);
    let one_without = [ended(false, ago(DAY)), ended(false, None)];
    assert_eq!(status_of(&one_without, ago(60), None), Status::Waiting);
    assert_eq!(status_of(&one_without, None, None), Status::Unknown);
}

#[test]
fn a_worker_that_ended_well_is_silent_and_never_stranded_unless_a_setting_says_when() {
    let well = |seconds| [ended(true, ago(seconds))];
    assert_eq!(status_of(&well(60), ago(DAY), None), Status::Waiting, "it may just be calling back");
    assert_eq!(status_of(&well(300 * DAY), ago(301 * DAY), None), Status::Silent);
    assert_eq!(status_of(&well(3600), ago(DAY), Some(3600)), Status::Silent);
    assert_eq!(status_of(&well(3601), ago(DAY), Some(3600)), Status::Stranded);
    assert_eq!(status_of(&well(60), ago(DAY), Some(30)), Status::Waiting, "the grace holds all the same");
}

#[test]
fn what_a_service_does_not_know_is_gone_only_two_hours_after_its_start() {
    for (submitted, status) in [
        (ago(2 * 3600 + 1), Status::Stranded),
        (ago(2 * 3600), Status::Unknown),
        (ago(10), Status::Unknown),
        (ago(-10), Status::Unknown),
        (None, Status::Unknown),
    ] {
        assert_eq!(status_of(&[Fate::Missing], submitted, None), status, "{submitted:?}");
    }
}

/// Every fate that is not an end, or is not over for long enough.
fn harmless() -> Vec<(Fate, Status)> {
    vec![
        (Fate::Running("running".to_owned()), Status::Waiting),
        (Fate::Missing, Status::Unknown),
        (Fate::Unknown("ThrottlingException".to_owned()), Status::Unknown),
        (ended(false, ago(30)), Status::Waiting),
        (ended(true, ago(30)), Status::Waiting),
    ]
}

#[test]
fn of_several_workers_all_must_have_ended() {
    let submitted = ago(3600);
    for (fate, status) in harmless() {
        let dead = || ended(false, ago(1800));
        for fates in [vec![fate.clone()], vec![fate.clone(), dead()], vec![dead(), dead(), fate.clone()]] {
            assert_eq!(status_of(&fates, submitted, Some(1)), status, "{fates:?}");
        }
    }
    let both = [ended(true, ago(1800)), ended(false, ago(600))];
    let verdict = judge(&both, submitted, now(), &SweepRules::default());
    let expected = Verdict { status: Status::Stranded, decided_by: Some(1), ended_at: ago(600) };
    assert_eq!(verdict, expected, "one is gone, and the other will not call back either");
    let all_well = [ended(true, ago(1800)), ended(true, ago(600))];
    assert_eq!(status_of(&all_well, submitted, None), Status::Silent);
}

#[test]
fn one_that_runs_keeps_the_task_waiting_whatever_is_not_known_of_the_others() {
    let fates = [Fate::Unknown("AccessDenied".to_owned()), Fate::Running("running".to_owned())];
    assert_eq!(status_of(&fates, ago(DAY), None), Status::Waiting);
}

#[test]
fn without_workers_nothing_is_known() {
    assert_eq!(status_of(&[], ago(DAY), Some(1)), Status::Unknown);
}
