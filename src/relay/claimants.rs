//! Notices that name no task: whoever has claimed what died is told, as if the notice had named it.

use std::collections::HashSet;
use std::panic::AssertUnwindSafe;

use failure_event::notice::Unnamed;
use failure_event::outcome::{Outcome, Retry};
use failure_event::route::{Decision, Subject, route_claimed};
use failure_event::table::Claimed;
use futures_util::FutureExt;
use tokio::time::timeout_at;

use super::registrations::now;
use super::{Planned, RecordContext, Turned};
use crate::aws::table::Table;

impl RecordContext<'_> {
    /// Remembers what died, looks up who has claimed it, and reports each.
    pub(super) async fn tell_claimants(&self, subject: Subject, unnamed: Unnamed, table: &Table) -> Turned {
        let finding = AssertUnwindSafe(self.claimants(&subject, &unnamed, table)).catch_unwind();
        let found = match timeout_at(self.turn.limits.calls_end(), finding).await {
            Ok(found) => found.unwrap_or(Err(Retry::Panicked)),
            Err(_) => Err(Retry::OutOfTime),
        };
        match found {
            Err(retry) => {
                let outcome = self.end_or_park(&subject, Outcome::Retry(retry), None).await;
                Turned::one(self.settled(subject, None, outcome))
            }
            Ok(claims) if claims.is_empty() => {
                let decision = unnamed.otherwise.map_or(Decision::Ignore, Decision::Unroutable);
                Turned::one(self.run(subject, Some(decision)).await)
            }
            Ok(claims) => self.tell_each(&subject, &unnamed, claims).await,
        }
    }

    async fn claimants(
        &self,
        subject: &Subject,
        unnamed: &Unnamed,
        table: &Table,
    ) -> Result<Vec<Claimed>, Retry> {
        // Remembered first, and also where it finds some: a claim that is written meanwhile or later finds the notice.
        for resource in &unnamed.resources {
            let remembered = table.remember(resource, &unnamed.failure, now()).await;
            remembered.map_err(|error| self.table_error(subject, error))?;
        }
        self.claims_on(subject, unnamed, table).await
    }

    /// The claims on any of the resources, of each target one.
    async fn claims_on(
        &self,
        subject: &Subject,
        unnamed: &Unnamed,
        table: &Table,
    ) -> Result<Vec<Claimed>, Retry> {
        let (mut found, mut targets) = (Vec::new(), HashSet::new());
        for resource in &unnamed.resources {
            let claims = table.claims_on(resource, now()).await;
            let claims = claims.map_err(|error| self.table_error(subject, error))?;
            found.extend(claims.into_iter().filter(|claimed| targets.insert(claimed.key.clone())));
        }
        Ok(found)
    }

    /// Reports each claimant. The record goes back, or is parked, once for all of them: those that were told before are settled then.
    async fn tell_each(&self, subject: &Subject, unnamed: &Unnamed, claims: Vec<Claimed>) -> Turned {
        let mut told = Vec::with_capacity(claims.len());
        let log = self.log_tail(subject).await;
        for claimed in claims {
            let rules = &self.relay.settings.rules;
            let failure = &unnamed.failure;
            let home = self.turn.home;
            let route = route_claimed(self.record, rules, home, subject, &claimed, failure, log.as_ref());
            let (outcome, planned) = self.attempt(&route.subject, Some(route.decision)).await;
            told.push((route.subject, outcome, planned));
        }
        if let Some(ended) = self.end_of_those_to_be_retried(&told).await {
            for (_, outcome, _) in &mut told {
                if matches!(outcome, Outcome::Retry(_)) {
                    *outcome = ended.clone();
                }
            }
        }
        let ranks = told.iter().map(|(_, outcome, _)| rank(outcome)).enumerate();
        let deciding = ranks.max_by_key(|(_, rank)| *rank).map_or(0, |(index, _)| index);
        let settled =
            told.into_iter().map(|(subject, outcome, planned)| self.settled(subject, planned, outcome));
        Turned { events: settled.collect(), deciding }
    }

    async fn end_of_those_to_be_retried(
        &self,
        told: &[(Subject, Outcome, Option<Planned>)],
    ) -> Option<Outcome> {
        let is_to_be_retried = |outcome: &Outcome| matches!(outcome, Outcome::Retry(_));
        let (subject, outcome, planned) = told.iter().find(|(_, outcome, _)| is_to_be_retried(outcome))?;
        Some(self.end_or_park(subject, outcome.clone(), planned.as_ref()).await)
    }
}

/// Which of several outcomes decides what becomes of the record, and what its invoker is told.
fn rank(outcome: &Outcome) -> u8 {
    match outcome {
        Outcome::Retry(_) => 5,
        Outcome::Parked(_) => 4,
        Outcome::DeadLettered(_) => 3,
        Outcome::Relayed => 2,
        Outcome::AlreadySettled(_) => 1,
        Outcome::Ignored | Outcome::Registered(_) => 0,
    }
}
