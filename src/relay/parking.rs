//! Parking: which records wait in the parking queue, and which have waited long enough.

use std::fmt;

use time::{Duration, OffsetDateTime};
use tokio::time::timeout_at;

use super::EventContext;
use super::circuit::{Api, Caller};
use crate::settings::Parking;
use failure_event::outcome::{Outcome, Retry, ServiceError};
use failure_event::parked::{ParkedMessage, can_be_parked, kept_attributes};

/// Why this is the last time that a record is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastTry {
    /// It was received as often as `RELAY_MAX_RECEIVES` allows.
    Received(u32),
    /// It was parked for longer than `RELAY_PARKED_SECONDS_MAX` allows.
    Parked {
        /// That setting.
        seconds_max: u32,
    },
}

impl fmt::Display for LastTry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LastTry::Received(receives) => write!(f, "received {receives} times"),
            LastTry::Parked { seconds_max } => write!(f, "parked for more than {seconds_max} s"),
        }
    }
}

impl EventContext<'_> {
    /// Whether this is the last try: when it is still to be retried then, it is dead-lettered.
    pub(super) fn last_try(&self) -> Option<LastTry> {
        self.last_receive().map(LastTry::Received).or_else(|| self.parked_too_long())
    }

    /// How often the record was received, when that is as often as the settings allow.
    fn last_receive(&self) -> Option<u32> {
        let most = self.context.relay.settings.max_receives?;
        self.context
            .record
            .origin
            .receives
            .filter(|receives| *receives >= most && !self.subject.is_abandoned_work)
    }

    fn parked_too_long(&self) -> Option<LastTry> {
        let (parking, _) = self.context.relay.parking.as_ref()?;
        let since = self.context.record.origin.parked_since.as_ref()?;
        let most = Duration::seconds(i64::from(parking.parked_seconds_max));
        let is_over = OffsetDateTime::now_utc() - since.time() > most;
        is_over.then_some(LastTry::Parked { seconds_max: parking.parked_seconds_max })
    }

    /// What the record's call may cost others: nothing where it is the last, or where no other record waits for it.
    pub(super) fn caller(&self) -> Caller {
        if self.last_try().is_some() {
            return Caller::Unhurried;
        }
        match (self.parkable(), self.context.turn.siblings) {
            (Some(_), _) if self.was_parked() => Caller::ParkableAgain,
            (Some(_), _) => Caller::ParkableFresh,
            (None, 0 | 1) => Caller::Unhurried,
            (None, _) => Caller::Hurried,
        }
    }

    /// Whether a record that is to be retried, and not for the last time, waits in the parking queue instead.
    pub(super) fn is_to_be_parked(&self, retry: &Retry, api: Option<&Api>) -> bool {
        let Some(parking) = self.parkable() else { return false };
        match retry {
            Retry::CircuitOpen => true,
            Retry::Service(_) => {
                let receives = self.context.record.origin.receives;
                self.was_parked()
                    || receives.is_some_and(|receives| receives >= parking.after_receives)
                    || api.is_some_and(|api| self.context.relay.circuits.is_open(api))
            }
            Retry::ParkingQueue(_)
            | Retry::DeadLetterQueue(_)
            | Retry::Table(_)
            | Retry::OutOfTime
            | Retry::NotAttempted
            | Retry::Follower
            | Retry::Panicked => false,
        }
    }

    /// Parks the record. Unless SQS confirms it, the record is to be retried.
    pub(super) async fn park(&self, retry: Retry) -> Outcome {
        let now = OffsetDateTime::now_utc();
        let Some((parking, queue)) = &self.context.relay.parking else { return Outcome::Retry(retry) };
        let delay_seconds = delay_seconds(parking);
        let Some(attributes) = kept_attributes(self.context.record, now) else {
            return Outcome::Retry(retry);
        };
        let message = || ParkedMessage::new(self.context.record, attributes.clone(), delay_seconds);
        match timeout_at(self.context.turn.limits.letters_end(), queue.store(&message)).await {
            Ok(Ok(())) => Outcome::Parked(retry),
            Ok(Err(error)) => Outcome::Retry(Retry::ParkingQueue(self.without_secrets(error))),
            Err(_) => Outcome::Retry(Retry::ParkingQueue(ServiceError::timed_out())),
        }
    }

    /// The settings of the parking queue, where this record can be parked.
    fn parkable(&self) -> Option<&Parking> {
        let (parking, _) = self.context.relay.parking.as_ref()?;
        can_be_parked(self.context.record, OffsetDateTime::now_utc()).then_some(parking)
    }

    fn was_parked(&self) -> bool {
        self.context.record.sqs_delivery().is_some_and(|delivery| delivery.is_parked)
    }
}

/// Between half of the longest delay and all of it, at random: what was parked together does not come back together.
fn delay_seconds(parking: &Parking) -> u16 {
    let most = parking.delay_seconds_max;
    fastrand::u16(most.div_ceil(2)..=most)
}
