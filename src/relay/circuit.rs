//! The circuit breaker of each API: whether a call is made at all, and how long it may take.
//!
//! An API that accepts and never answers holds the environment for the full time of a call, batch after batch, and the records
//! for all other APIs wait behind. Two things are done about it.
//!
//! - **A circuit.** After [`OPENS_AFTER`] calls in a row without an answer, or with a 5xx, the circuit of that API is open: a record
//!   that can be parked is parked without a call. Now and then one call is let through, the half-open probe; the first answer of any
//!   kind closes the circuit. Where a record goes is decided elsewhere: here is known only whether its API is worth a call.
//! - **Short times.** A record that cannot be parked is called, circuit or not. After a call that had its full time in vain the next
//!   ones get a short time, and one of them the full time every few seconds: that one finds out an API that is slow, and not dead.
//!
//! A record that can be parked never has the full time while it is fresh, because it has another chance that costs nobody anything:
//! what the parking queue delivers has the full time again.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use failure_event::outcome::Health;
use failure_event::place::Place;
use failure_event::target::Kind;

/// So many calls in a row without an answer open the circuit. The SDK makes three attempts of a call that is answered with a 5xx, so
/// that the API has failed 18 times then.
pub const OPENS_AFTER: u32 = 6;

/// From the opening to the first probe, at most. Most outages are shorter, and what is parked meanwhile waits for minutes.
const FIRST_PROBE_AFTER: Duration = Duration::from_secs(10);

/// From one probe to the next, at most: at least every 30 s, with some room for a batch that takes long.
const PROBE_EVERY: Duration = Duration::from_secs(25);

/// How long a probe may take that holds up no other record.
const PROBE: Duration = Duration::from_secs(2);

/// How long a call may take, and a probe, while other records wait: what is healthy answers in tens of milliseconds, and a new
/// connection to another continent takes under a second.
pub const SHORT: Duration = Duration::from_secs(1);

/// How long the call of a fresh record may take that can be parked.
const FRESH: Duration = Duration::from_secs(2);

/// Interval between full-time calls to a silent API.
const FULL_TIME_EVERY: Duration = Duration::from_secs(10);

/// One API at one place. There are as many as the settings allow.
pub type Api = (Place, Kind);

/// The APIs that are in trouble. One that answers is not remembered.
#[derive(Debug, Default)]
pub struct Circuits {
    in_trouble: Mutex<HashMap<Api, Trouble>>,
}

/// What a record's call may cost others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Nothing: it is alone, or this call decides its end. It is always called, and for as long as it takes.
    Unhurried,
    /// Others wait for it, and it cannot be parked: it is always called.
    Hurried,
    /// It can be parked, and others wait for it.
    ParkableFresh,
    /// It can be parked, and holds up none that is fresh: it comes from the parking queue.
    ParkableAgain,
}

/// Whether a call is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It is made, and may take so long.
    Call(Allowance),
    /// The circuit is open.
    Refused,
}

/// How long one call may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowance {
    /// As long as the clients' own limits let it.
    Full,
    /// Long enough to tell that the API is silent.
    Telling(Duration),
    /// Too short to tell anything but that it is still silent.
    Short,
    /// The half-open probe.
    Probe(Duration),
}

/// A circuit that has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Its API is called only now and then.
    Opened,
    /// Its API is called again.
    Closed,
}

#[derive(Debug, Default)]
struct Trouble {
    /// Calls in a row without an answer.
    failures: u32,
    /// When the last call that could tell began to be silent, while the API is.
    silent_since: Option<Instant>,
    /// When the next probe is due, while the circuit is open.
    next_probe: Option<Instant>,
}

impl Allowance {
    /// `None` is the clients' own limit.
    pub fn time(self) -> Option<Duration> {
        match self {
            Allowance::Full => None,
            Allowance::Telling(time) | Allowance::Probe(time) => Some(time),
            Allowance::Short => Some(SHORT),
        }
    }
}

impl Circuits {
    /// Whether a call to this API is made that would begin now, and how long it may take.
    pub fn admit(&self, api: &Api, caller: Caller, now: Instant) -> Admission {
        let mut in_trouble = self.in_trouble();
        let trouble = in_trouble.get_mut(api);
        match (caller, trouble) {
            (Caller::Unhurried, _) | (Caller::Hurried | Caller::ParkableAgain, None) => {
                Admission::Call(Allowance::Full)
            }
            (Caller::ParkableFresh, None) => Admission::Call(Allowance::Telling(FRESH)),
            (Caller::Hurried, Some(trouble)) => Admission::Call(trouble.hurry(Allowance::Full, now)),
            (Caller::ParkableFresh, Some(trouble)) => trouble.admit(SHORT, Allowance::Telling(FRESH), now),
            (Caller::ParkableAgain, Some(trouble)) => trouble.admit(PROBE, Allowance::Full, now),
        }
    }

    /// Whether the circuit of this API is open.
    pub fn is_open(&self, api: &Api) -> bool {
        self.in_trouble().get(api).is_some_and(|trouble| trouble.next_probe.is_some())
    }

    /// Learns from how a call ended; whether that has changed the circuit.
    pub fn learn(&self, api: &Api, allowance: Allowance, health: Health, now: Instant) -> Option<Change> {
        let mut in_trouble = self.in_trouble();
        match health {
            Health::Unknown => None,
            Health::Answers => {
                let was_open = in_trouble.remove(api)?.next_probe.is_some();
                was_open.then_some(Change::Closed)
            }
            Health::Fails | Health::Silent => {
                let trouble = in_trouble.entry(api.clone()).or_default();
                trouble.failures = trouble.failures.saturating_add(1);
                let is_telling = matches!(allowance, Allowance::Full | Allowance::Telling(_));
                if health == Health::Silent && is_telling {
                    trouble.silent_since = Some(now);
                }
                let opens = trouble.failures >= OPENS_AFTER && trouble.next_probe.is_none();
                if opens {
                    trouble.next_probe = Some(now + spread(FIRST_PROBE_AFTER));
                }
                opens.then_some(Change::Opened)
            }
        }
    }

    /// A panic while the lock is held leaves at worst a circuit that opens or closes one call late.
    fn in_trouble(&self) -> std::sync::MutexGuard<'_, HashMap<Api, Trouble>> {
        self.in_trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Trouble {
    /// For a record that can be parked.
    fn admit(&mut self, probe: Duration, usual: Allowance, now: Instant) -> Admission {
        match self.next_probe {
            None => Admission::Call(self.hurry(usual, now)),
            // Whatever becomes of this one, the next waits: a call that is given up tells nothing, and must not be the last.
            Some(due) if due <= now => {
                self.next_probe = Some(now + spread(PROBE_EVERY));
                Admission::Call(Allowance::Probe(probe))
            }
            Some(_) => Admission::Refused,
        }
    }

    /// The usual time, or less while the API is silent.
    fn hurry(&mut self, usual: Allowance, now: Instant) -> Allowance {
        match self.silent_since {
            Some(since) if now < since + FULL_TIME_EVERY => Allowance::Short,
            Some(_) => {
                self.silent_since = Some(now);
                usual
            }
            None => usual,
        }
    }
}

/// So long, or up to a fifth less. The circuits of all environments open together; their probes must not go on together, or the batches
/// of all of them are held up at once.
fn spread(most: Duration) -> Duration {
    most.mul_f64(1.0 - fastrand::f64() / 5.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn api(region: &str) -> Api {
        (Place { region: region.to_owned(), account: None }, Kind::SwfActivityTask)
    }

    fn open_circuit(now: Instant) -> Circuits {
        let circuits = Circuits::default();
        for call in 1..=OPENS_AFTER {
            let change = circuits.learn(&api("here"), Allowance::Full, Health::Fails, now);
            assert_eq!(change, (call == OPENS_AFTER).then_some(Change::Opened), "call {call}");
        }
        circuits
    }

    fn allowance(circuits: &Circuits, caller: Caller, now: Instant) -> Allowance {
        match circuits.admit(&api("here"), caller, now) {
            Admission::Call(allowance) => allowance,
            Admission::Refused => panic!("refused"),
        }
    }

    fn is_refused(circuits: &Circuits, now: Instant) -> bool {
        circuits.admit(&api("here"), Caller::ParkableFresh, now) == Admission::Refused
    }

    #[test]
    fn six_calls_in_a_row_without_an_answer_open_the_circuit_of_that_api_alone() {
        let now = Instant::now();
        let circuits = open_circuit(now);
        assert!(circuits.is_open(&api("here")) && is_refused(&circuits, now));
        let (here, _) = api("here");
        for other in [api("there"), (here, Kind::StepFunctionsTask)] {
            assert!(!circuits.is_open(&other));
            let admission = circuits.admit(&other, Caller::ParkableFresh, now);
            assert_eq!(admission, Admission::Call(Allowance::Telling(FRESH)));
        }
    }

    #[test]
    fn an_answer_in_between_starts_the_count_again() {
        let (circuits, now) = (Circuits::default(), Instant::now());
        for health in [Health::Silent, Health::Fails, Health::Answers].repeat(10) {
            assert_eq!(circuits.learn(&api("here"), Allowance::Full, health, now), None);
        }
        assert!(!circuits.is_open(&api("here")));
    }

    #[test]
    fn a_call_that_was_never_sent_neither_opens_nor_closes() {
        let (circuits, now) = (Circuits::default(), Instant::now());
        for _ in 0..100 {
            circuits.learn(&api("here"), Allowance::Full, Health::Unknown, now);
        }
        assert!(!circuits.is_open(&api("here")));
        let circuits = open_circuit(now);
        assert_eq!(circuits.learn(&api("here"), Allowance::Full, Health::Unknown, now), None);
        assert!(circuits.is_open(&api("here")));
    }

    #[test]
    fn one_call_at_a_time_probes_an_open_circuit_at_least_every_thirty_seconds() {
        let start = Instant::now();
        let circuits = open_circuit(start);
        let mut probes = Vec::new();
        for tenth in 0..1200 {
            let now = start + Duration::from_millis(tenth * 100);
            if !is_refused(&circuits, now) {
                probes.push(now - start);
                assert!(is_refused(&circuits, now), "one is enough");
                let change = circuits.learn(&api("here"), Allowance::Probe(SHORT), Health::Silent, now);
                assert_eq!(change, None);
            }
        }
        let seconds =
            |least: u64, most: u64| Duration::from_secs(least)..=Duration::from_millis(most * 1000 + 100);
        assert!(seconds(8, 10).contains(&probes[0]), "{probes:?}");
        assert!(
            probes.windows(2).all(|pair| seconds(20, 25).contains(&(pair[1].abs_diff(pair[0])))),
            "{probes:?}"
        );
        assert!(probes.len() >= 5, "{probes:?}");
    }

    #[test]
    fn circuits_that_open_together_do_not_probe_together() {
        let start = Instant::now();
        let circuits: Vec<Circuits> = (0..20).map(|_| open_circuit(start)).collect();
        let first_tenths = |tenths: u64| {
            let now = start + Duration::from_millis(tenths * 100);
            circuits.iter().filter(|circuits| !is_refused(circuits, now)).count()
        };
        let together: Vec<usize> = (0..=101).map(first_tenths).collect();
        assert_eq!(together.iter().sum::<usize>(), circuits.len());
        assert!(together.iter().all(|count| *count < 10), "{together:?}");
    }

    #[test]
    fn a_probe_that_was_given_up_is_followed_by_another() {
        let start = Instant::now();
        let circuits = open_circuit(start);
        assert!(!is_refused(&circuits, start + FIRST_PROBE_AFTER), "and nothing is learned from it");
        assert!(!is_refused(&circuits, start + FIRST_PROBE_AFTER + PROBE_EVERY));
    }

    #[test]
    fn a_probe_is_shorter_where_fresh_records_wait() {
        let now = Instant::now();
        let later = now + FIRST_PROBE_AFTER;
        assert_eq!(
            allowance(&open_circuit(now), Caller::ParkableFresh, later).time(),
            Some(Duration::from_secs(1))
        );
        assert_eq!(
            allowance(&open_circuit(now), Caller::ParkableAgain, later).time(),
            Some(Duration::from_secs(2))
        );
    }

    #[test]
    fn the_first_answer_of_any_call_closes_the_circuit() {
        let now = Instant::now();
        for allowance in [Allowance::Probe(PROBE), Allowance::Full, Allowance::Short] {
            let circuits = open_circuit(now);
            let change = circuits.learn(&api("here"), allowance, Health::Answers, now);
            assert_eq!(change, Some(Change::Closed));
            assert!(!is_refused(&circuits, now));
        }
    }

    #[test]
    fn a_record_that_cannot_be_parked_is_called_while_the_circuit_is_open() {
        let now = Instant::now();
        let circuits = open_circuit(now);
        for caller in [Caller::Unhurried, Caller::Hurried] {
            assert!(matches!(circuits.admit(&api("here"), caller, now), Admission::Call(_)), "{caller:?}");
        }
    }

    #[test]
    fn after_a_silence_calls_to_that_api_are_short_and_to_others_they_are_not() {
        let (circuits, now) = (Circuits::default(), Instant::now());
        assert_eq!(allowance(&circuits, Caller::Hurried, now), Allowance::Full);
        circuits.learn(&api("here"), Allowance::Full, Health::Silent, now);
        for hurried in [Caller::Hurried, Caller::ParkableFresh, Caller::ParkableAgain] {
            assert_eq!(allowance(&circuits, hurried, now), Allowance::Short, "{hurried:?}");
        }
        assert_eq!(allowance(&circuits, Caller::Unhurried, now), Allowance::Full);
        let there = circuits.admit(&api("there"), Caller::Hurried, now);
        assert_eq!(there, Admission::Call(Allowance::Full));
    }

    #[test]
    fn what_the_parking_queue_delivers_has_the_full_time_and_what_is_fresh_has_not() {
        let (circuits, now) = (Circuits::default(), Instant::now());
        assert_eq!(allowance(&circuits, Caller::ParkableAgain, now), Allowance::Full);
        assert_eq!(allowance(&circuits, Caller::ParkableFresh, now).time(), Some(Duration::from_secs(2)));
    }

    #[test]
    fn one_call_every_few_seconds_has_its_full_time() {
        let (circuits, start) = (Circuits::default(), Instant::now());
        circuits.learn(&api("here"), Allowance::Full, Health::Silent, start);
        let mut full = Vec::new();
        for second in 0..35 {
            let now = start + Duration::from_secs(second);
            if allowance(&circuits, Caller::Hurried, now) == Allowance::Full {
                full.push(second);
                assert_eq!(allowance(&circuits, Caller::Hurried, now), Allowance::Short, "one is enough");
            }
        }
        assert_eq!(full, [10, 20, 30]);
    }

    #[test]
    fn a_call_that_was_cut_short_and_a_lost_connection_tell_no_silence() {
        let (circuits, now) = (Circuits::default(), Instant::now());
        circuits.learn(&api("here"), Allowance::Short, Health::Silent, now);
        circuits.learn(&api("here"), Allowance::Full, Health::Fails, now);
        assert_eq!(allowance(&circuits, Caller::Hurried, now), Allowance::Full);
    }
}
