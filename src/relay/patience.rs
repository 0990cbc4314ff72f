//! How long a call may take: its full time, or less while its API keeps silent.
//!
//! An API that accepts and never answers holds the environment for the full time of a call, batch after batch, and the records
//! for all other APIs wait behind. So after such a call the next ones to the same API get a short time, and one of them the full
//! time every few seconds: that one finds out an API that is slow, and not dead. An answer of any kind ends the silence.
//!
//! What is remembered here decides how long an answer is waited for, and nothing else: every record is attempted, and no outcome comes
//! from here.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use failure_event::outcome::{Answer, ServiceError};
use failure_event::place::Place;
use failure_event::target::Kind;

/// The short time. The services answer in tens of milliseconds; a new connection to another continent takes under a second.
pub const SHORT: Duration = Duration::from_secs(1);

/// How long after a call that had its full time in vain the next one has it.
const FULL_TIME_EVERY: Duration = Duration::from_secs(10);

/// One API at one place. There are as many as the settings allow.
pub type Api = (Place, Kind);

/// Which APIs keep silent.
#[derive(Debug, Default)]
pub struct Patience {
    /// When each was last given the full time.
    silent: Mutex<HashMap<Api, Instant>>,
}

/// How long one call may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowance {
    /// As long as the clients' own limits let it.
    Full,
    /// [`SHORT`]
    Short,
}

impl Patience {
    /// How long a call to this API may take that begins now.
    pub fn allow(&self, api: &Api, now: Instant) -> Allowance {
        match self.silent().get_mut(api) {
            Some(full_time_at) if now < *full_time_at + FULL_TIME_EVERY => Allowance::Short,
            Some(full_time_at) => {
                *full_time_at = now;
                Allowance::Full
            }
            None => Allowance::Full,
        }
    }

    /// Learns from how a call ended. Only one that had its full time tells that an API is silent.
    pub fn learn(&self, api: &Api, allowance: Allowance, answer: &Answer, now: Instant) {
        if came_from_the_service(answer) {
            self.silent().remove(api);
        } else if allowance == Allowance::Full && never_came(answer) {
            self.silent().insert(api.clone(), now);
        }
    }

    /// A panic while the lock is held leaves at worst a call with its full time, or one with a short one.
    fn silent(&self) -> std::sync::MutexGuard<'_, HashMap<Api, Instant>> {
        self.silent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How the clients name an answer that did not come in time.
const TIME_OUT: &str = "TimeoutError";

/// What stands for an answer that did not come in time.
pub fn timed_out() -> Answer {
    Answer::Failed(ServiceError { name: Some(TIME_OUT.to_owned()), ..ServiceError::default() })
}

fn never_came(answer: &Answer) -> bool {
    matches!(answer, Answer::Failed(error) if error.name.as_deref() == Some(TIME_OUT))
}

fn came_from_the_service(answer: &Answer) -> bool {
    match answer {
        Answer::Accepted => true,
        Answer::Failed(error) => error.status.is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn api(region: &str) -> Api {
        (Place { region: region.to_owned(), account: None }, Kind::SwfActivityTask)
    }

    fn refused() -> Answer {
        Answer::Failed(ServiceError { status: Some(400), ..ServiceError::default() })
    }

    #[test]
    fn after_a_silence_calls_to_that_api_are_short_and_to_others_they_are_not() {
        let (patience, now) = (Patience::default(), Instant::now());
        assert_eq!(patience.allow(&api("here"), now), Allowance::Full);
        patience.learn(&api("here"), Allowance::Full, &timed_out(), now);
        assert_eq!(patience.allow(&api("here"), now), Allowance::Short);
        assert_eq!(patience.allow(&api("there"), now), Allowance::Full);
        let (here, _) = api("here");
        assert_eq!(patience.allow(&(here, Kind::StepFunctionsTask), now), Allowance::Full);
    }

    #[test]
    fn any_answer_of_the_service_ends_the_silence() {
        for answer in [Answer::Accepted, refused()] {
            let (patience, now) = (Patience::default(), Instant::now());
            patience.learn(&api("here"), Allowance::Full, &timed_out(), now);
            patience.learn(&api("here"), Allowance::Short, &answer, now);
            assert_eq!(patience.allow(&api("here"), now), Allowance::Full);
        }
    }

    #[test]
    fn one_call_every_few_seconds_has_its_full_time() {
        let (patience, start) = (Patience::default(), Instant::now());
        patience.learn(&api("here"), Allowance::Full, &timed_out(), start);
        let mut full = Vec::new();
        for second in 0..35 {
            let now = start + Duration::from_secs(second);
            if patience.allow(&api("here"), now) == Allowance::Full {
                full.push(second);
                assert_eq!(patience.allow(&api("here"), now), Allowance::Short, "one is enough");
            }
        }
        assert_eq!(full, [10, 20, 30]);
    }

    #[test]
    fn a_call_that_was_cut_short_and_a_lost_connection_tell_no_silence() {
        let (patience, now) = (Patience::default(), Instant::now());
        patience.learn(&api("here"), Allowance::Short, &timed_out(), now);
        let lost = ServiceError { name: Some("ConnectionError".to_owned()), ..ServiceError::default() };
        patience.learn(&api("here"), Allowance::Full, &Answer::Failed(lost), now);
        assert_eq!(patience.allow(&api("here"), now), Allowance::Full);
    }
}
