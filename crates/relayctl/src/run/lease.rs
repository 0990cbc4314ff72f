//! The lease on the task: taken before the work, renewed at a third, lost when no renewal is confirmed in its time.

use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::safeguards::Requests;
use crate::exit::Problem;
use crate::output::Output;

/// How often in its time a lease is renewed.
const RENEWALS: u32 = 3;

/// A renewal that was not confirmed is tried again after this part of the ttl, and not sooner than after [`RETRY_MIN`].
const RETRIES: u32 = 36;
const RETRY_MIN: Duration = Duration::from_secs(2);

/// The longest sleep from one look at the clocks to the next: a timer stands still while the machine is suspended.
const LOOK: Duration = Duration::from_secs(1);

/// A moment on two clocks. The steady one stands still while the machine is suspended or its VM is frozen, and the relay's does
/// not. The wall clock makes up for that time afterwards, but may be set back. So the longer of the two times is the one that
/// has passed: too short a time would keep a worker alive whose task is failed.
#[derive(Clone, Copy, Debug)]
struct Moment {
    steady: Instant,
    wall: SystemTime,
}

impl Moment {
    fn now() -> Self {
        Self { steady: Instant::now(), wall: SystemTime::now() }
    }

    fn since(self, earlier: Self) -> Duration {
        let on_the_wall = self.wall.duration_since(earlier.wall).unwrap_or_default();
        self.steady.saturating_duration_since(earlier.steady).max(on_the_wall)
    }
}

/// How long a lease holds, and when it is renewed. Pure.
#[derive(Clone, Copy, Debug)]
struct Term {
    ttl: Duration,
    /// When the last one that was confirmed was sent: the relay counts from there.
    held_since: Option<Moment>,
    tried_at: Moment,
    is_failing: bool,
}

impl Term {
    /// A lease that is sent now.
    fn new(ttl: Duration, now: Moment) -> Self {
        Self { ttl, held_since: None, tried_at: now, is_failing: false }
    }

    fn note(&mut self, sent_at: Moment, is_confirmed: bool) {
        self.tried_at = sent_at;
        self.is_failing = !is_confirmed;
        if is_confirmed {
            self.held_since = Some(sent_at);
        }
    }

    /// How long until it is lost; `None` for one that was never confirmed.
    fn left(&self, now: Moment) -> Option<Duration> {
        self.held_since.map(|held_since| self.ttl.saturating_sub(now.since(held_since)))
    }

    fn is_lost(&self, now: Moment) -> bool {
        self.left(now).is_some_and(|left| left.is_zero())
    }

    /// How long until it is renewed, or lost. One that was never taken is not asked for more often than one that is held.
    fn rest(&self, now: Moment) -> Duration {
        let is_late = self.is_failing && self.held_since.is_some();
        let pause = if is_late { (self.ttl / RETRIES).max(RETRY_MIN) } else { self.ttl / RENEWALS };
        let rest = pause.saturating_sub(now.since(self.tried_at));
        self.left(now).map_or(rest, |left| rest.min(left))
    }
}

/// Waits until a time that is counted down is over.
async fn wait(left: impl Fn(Moment) -> Duration) {
    loop {
        let left = left(Moment::now());
        if left.is_zero() {
            return;
        }
        tokio::time::sleep(left.min(LOOK)).await;
    }
}

/// A lease that is kept in a task of its own, whatever else is waited for.
#[derive(Debug)]
pub struct Lease {
    keeper: JoinHandle<bool>,
    lost: Option<oneshot::Receiver<()>>,
    /// Dropped to keep it no more.
    ended: oneshot::Sender<()>,
}

impl Lease {
    /// Takes the lease and keeps it. One that cannot be taken is told, and tried again when it would be renewed.
    pub async fn take(ttl: Duration, requests: Requests, output: &Output) -> Self {
        let mut term = Term::new(ttl, Moment::now());
        let taken = requests.publish("lease", &held("take", ttl)).await;
        term.note(term.tried_at, taken.is_ok());
        if let Err(problem) = taken {
            output.problem(&problem.of("the lease could not be taken, the command runs without it"));
        }
        let (ended, end) = oneshot::channel();
        let (tell_lost, lost) = oneshot::channel();
        let keeper = Keeper { term, requests, output: output.clone() };
        Self { keeper: tokio::spawn(keeper.keep(end, tell_lost)), lost: Some(lost), ended }
    }

    /// Returns when it is lost; not for one that ends as it should.
    pub async fn lost(&mut self) {
        let is_lost = match self.lost.take() {
            Some(lost) => lost.await.is_ok(),
            None => false,
        };
        if !is_lost {
            std::future::pending::<()>().await;
        }
    }

    /// Renews it no more. A renewal on its way is waited for: one that arrived after the release would take the lease again.
    /// Returns whether it was ever held.
    pub async fn end(self) -> bool {
        drop(self.ended);
        self.keeper.await.unwrap_or(false)
    }
}

fn held(action: &str, ttl: Duration) -> Value {
    json!({"action": action, "ttlSeconds": ttl.as_secs()})
}

struct Keeper {
    term: Term,
    requests: Requests,
    output: Output,
}

impl Keeper {
    /// Renews until the end, or until the lease is lost: whatever is due then comes too late, so that is looked at first.
    async fn keep(mut self, mut end: oneshot::Receiver<()>, tell_lost: oneshot::Sender<()>) -> bool {
        loop {
            let term = self.term;
            tokio::select! {
                _ = &mut end => break,
                () = wait(|now| term.rest(now)) => {}
            }
            let sent_at = Moment::now();
            if term.is_lost(sent_at) {
                // The command has ended where nobody listens any more.
                let _ = tell_lost.send(());
                break;
            }
            let renewal = held("renew", term.ttl);
            tokio::select! {
                renewed = self.requests.publish("lease", &renewal) => self.note(sent_at, renewed),
                () = wait(|now| term.left(now).unwrap_or(LOOK)) => {}
            }
        }
        self.term.held_since.is_some()
    }

    /// Of renewals that fail one after the other, the first is told.
    fn note(&mut self, sent_at: Moment, renewed: Result<(), Problem>) {
        let is_confirmed = renewed.is_ok();
        if let Err(problem) = renewed
            && !self.term.is_failing
        {
            self.output.talk(format_args!("relayctl: {}", problem.of("the lease is not renewed yet")));
        }
        self.term.note(sent_at, is_confirmed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_mins(1);

    fn after(moment: Moment, steady: u64, wall: i64) -> Moment {
        let by = Duration::from_secs(wall.unsigned_abs());
        let wall = if wall < 0 { moment.wall - by } else { moment.wall + by };
        Moment { steady: moment.steady + Duration::from_secs(steady), wall }
    }

    fn seconds(moment: Moment, count: u64) -> Moment {
        after(moment, count, i64::try_from(count).unwrap())
    }

    fn taken() -> (Moment, Term) {
        let start = Moment::now();
        let mut term = Term::new(TTL, start);
        term.note(start, true);
        (start, term)
    }

    #[test]
    fn a_lease_is_renewed_at_a_third() {
        let (start, term) = taken();
        assert_eq!(term.rest(start), Duration::from_secs(20));
        assert_eq!(term.rest(seconds(start, 20)), Duration::ZERO);
    }

    #[test]
    fn a_lease_is_lost_its_time_after_the_sending_of_the_last_that_was_confirmed() {
        let (start, mut term) = taken();
        term.note(seconds(start, 20), true);
        term.note(seconds(start, 40), false);
        assert!(!term.is_lost(seconds(start, 79)));
        assert!(term.is_lost(seconds(start, 80)));
    }

    #[test]
    fn a_renewal_that_failed_is_tried_again_soon() {
        let (start, mut term) = taken();
        term.note(seconds(start, 20), false);
        assert_eq!(term.rest(seconds(start, 20)), RETRY_MIN);
        assert_eq!(term.rest(seconds(start, 59)), Duration::ZERO);
        term.note(seconds(start, 59), false);
        assert_eq!(term.rest(seconds(start, 59)), Duration::from_secs(1), "no later than its loss");
    }

    #[test]
    fn a_lease_that_was_never_taken_is_not_lost_and_asked_for_at_each_third() {
        let start = Moment::now();
        let mut term = Term::new(TTL, start);
        term.note(start, false);
        assert!(!term.is_lost(seconds(start, 1000)));
        assert_eq!(term.rest(start), Duration::from_secs(20));
    }

    #[test]
    fn the_time_of_a_suspended_machine_counts_and_a_wall_clock_that_is_set_back_does_not_help() {
        let (start, term) = taken();
        assert!(term.is_lost(after(start, 1, 60)));
        assert!(term.is_lost(after(start, 60, -3600)));
        assert!(!term.is_lost(after(start, 59, 59)));
    }
}
