//! Leases and claims: written into the table, which alone decides whether they take effect.

use std::time::SystemTime;

use failure_event::claim::Action;
use failure_event::outcome::{Outcome, Registered, Retry, ServiceError};
use failure_event::registration::Registration;
use failure_event::route::{PlannedRegistration, Route, Subject, route_claimed};
use failure_event::table::Claimed;
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;
use tokio::time::timeout_at;

use super::{RecordContext, Settled};
use crate::aws::table::{Table, Written};

/// What became of a claim beside being written down.
enum Found {
    /// Nothing: its resource has not died lately.
    Nothing,
    /// Its resource had died before: the target has failed.
    Death(Box<Route>),
}

impl RecordContext<'_> {
    /// Writes a lease or a claim down. A claim of what has died before is relayed at once.
    pub(super) async fn register(
        &self,
        subject: Subject,
        planned: &PlannedRegistration,
        table: &Table,
    ) -> Settled {
        let writing = AssertUnwindSafe(self.write(&subject, planned, table)).catch_unwind();
        let written = match timeout_at(self.turn.limits.calls_end(), writing).await {
            Ok(written) => written.unwrap_or(Err(Retry::Panicked)),
            Err(_) => Err(Retry::OutOfTime),
        };
        match written {
            Ok(Found::Death(route)) => self.run(route.subject, Some(route.decision)).await,
            Ok(Found::Nothing) => {
                let outcome = Outcome::Registered(Registered::of(&planned.registration));
                self.settled(subject, None, outcome)
            }
            Err(retry) => {
                let outcome = self.end_or_park(&subject, Outcome::Retry(retry), None).await;
                self.settled(subject, None, outcome)
            }
        }
    }

    /// A claim is written before the notice is looked for, and a notice before its claims are: whichever comes first, the other
    /// finds it.
    async fn write(
        &self,
        subject: &Subject,
        planned: &PlannedRegistration,
        table: &Table,
    ) -> Result<Found, Retry> {
        let now = now();
        let trouble = |error| self.table_error(subject, error);
        let written = table.write(&planned.request(table.name(), now)).await.map_err(trouble)?;
        let claim = match &planned.registration {
            Registration::Claim(claim) if claim.action != Action::Release => claim,
            Registration::Claim(_) | Registration::Lease(_) => return Ok(Found::Nothing),
        };
        if written == Written::Overtaken {
            return Ok(Found::Nothing);
        }
        let Some(failure) = table.remembered(&claim.resource, now).await.map_err(trouble)? else {
            return Ok(Found::Nothing);
        };
        let (rules, claimed) = (&self.relay.settings.rules, Claimed::from(&planned.holder));
        let route = route_claimed(self.record, rules, self.turn.home, subject, &claimed, &failure, None);
        Ok(Found::Death(Box::new(route)))
    }

    /// Why the record is to be retried: what the table says may quote the target.
    pub(super) fn table_error(&self, subject: &Subject, error: ServiceError) -> Retry {
        Retry::Table(self.event(subject).without_secrets(error))
    }
}

/// The present time in milliseconds since 1970.
pub(super) fn now() -> i64 {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX)
}
