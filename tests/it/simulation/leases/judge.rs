//! The judge of leases and claims. It knows nothing of the table: what was sent, acknowledged and published is enough.

use std::collections::HashSet;

use aws_emulator::Endpoint;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::story::{Act, Deed};

/// The report of a lease that ran out.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Published {
    token: String,
    due_ms: u64,
}

impl Published {
    pub fn read(body: &str) -> Self {
        let event: Value = serde_json::from_str(body).expect("an event is JSON");
        let due = OffsetDateTime::parse(event["time"].as_str().unwrap(), &Rfc3339).expect("a time");
        let due_ms = u64::try_from(due.unix_timestamp_nanos() / 1_000_000).unwrap();
        Self { token: event["target"]["taskToken"].as_str().unwrap().to_owned(), due_ms }
    }
}

/// What the judge remembers from one run of the watch to the next.
#[derive(Debug, Default)]
pub struct Judge {
    published: HashSet<Published>,
    /// The acts that were acknowledged when the present run of the watch began.
    acknowledged: Vec<bool>,
}

impl Judge {
    pub fn watch_begins(&mut self, acts: &[Act]) {
        self.acknowledged = acts.iter().map(|act| act.acknowledged.is_some()).collect();
    }

    /// What is published was due, and nothing newer was known; and what was due is published when nothing stood in the way.
    pub fn watch_ends(&mut self, acts: &[Act], published: Vec<Published>, now_ms: u64, is_complete: bool) {
        for report in &published {
            assert!(report.due_ms <= now_ms, "{report:?} is published before it is due");
            self.assert_nothing_newer_was_known(acts, report);
        }
        self.published.extend(published);
        if is_complete {
            self.assert_all_that_is_due_is_published(acts, now_ms);
        }
    }

    fn assert_nothing_newer_was_known(&self, acts: &[Act], report: &Published) {
        let reported = acts.iter().find(|act| of(act, &report.token) && due_ms(act) == Some(report.due_ms));
        let reported = reported.unwrap_or_else(|| panic!("{report:?} was never taken"));
        assert!(reported.attempted.is_some(), "{report:?} was not delivered");
        let is_newer = |act: &Act| of(act, &report.token) && act.sent_ms > reported.sent_ms;
        let mut known =
            acts.iter().zip(&self.acknowledged).filter(|(act, is_known)| **is_known && is_newer(act));
        // A lease that was reported is forgotten: a duplicate of what was sent before it is then the first that is heard.
        let was_reported = acts
            .iter()
            .filter(|act| is_newer(act))
            .filter_map(due_ms)
            .any(|due_ms| self.published.contains(&Published { due_ms, ..report.clone() }));
        let newer = known.next().filter(|_| !was_reported);
        assert!(newer.is_none(), "{report:?} is published, though {newer:?} was acknowledged");
    }

    /// The last word of each worker counts, when it was acknowledged.
    fn assert_all_that_is_due_is_published(&self, acts: &[Act], now_ms: u64) {
        for act in acts.iter().filter(|act| act.acknowledged.is_some()) {
            let (Some(token), Some(due_ms)) = (&act.token, due_ms(act)) else { continue };
            let has_newer = acts
                .iter()
                .any(|other| other.attempted.is_some() && of(other, token) && other.sent_ms > act.sent_ms);
            let report = Published { token: token.clone(), due_ms };
            let is_missing = due_ms <= now_ms && !has_newer && !self.published.contains(&report);
            assert!(!is_missing, "lost: {report:?} ran out and is not published");
        }
    }
}

/// All is delivered and acknowledged: whose resource died has failed, and nobody else who claimed one.
pub fn judge_claims(acts: &[Act], endpoint: &Endpoint) {
    assert!(acts.iter().all(|act| act.acknowledged.is_some()), "something was never acknowledged");
    for claim in acts.iter().filter(|act| act.deed == Deed::Claim) {
        let token = claim.token.as_deref().expect("a claim has a target");
        let notice = acts.iter().find(|act| act.deed == Deed::Notice && act.resource == claim.resource);
        let taken_back = acts.iter().find(|act| act.deed == Deed::Unclaim && of(act, token));
        let has_failed = endpoint.task(token).is_some_and(|task| task.failure().is_some());
        let Some(notice) = notice else {
            assert!(!has_failed, "{token} has failed, though nothing died");
            continue;
        };
        let is_taken_back_before = taken_back.is_some_and(|end| end.acknowledged < notice.attempted);
        assert!(!is_taken_back_before || !has_failed, "{token} has failed, though its claim was taken back");
        assert!(has_failed || taken_back.is_some(), "lost: {token} was claimed, and its resource died");
    }
}

fn of(act: &Act, token: &str) -> bool {
    act.token.as_deref() == Some(token)
}

fn due_ms(act: &Act) -> Option<u64> {
    match act.deed {
        Deed::Hold { due_ms } => Some(due_ms),
        _ => None,
    }
}
