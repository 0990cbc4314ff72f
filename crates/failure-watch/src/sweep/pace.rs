//! How fast AWS is asked: an account has so many requests of each API, and others need them too.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use failure_event::operation::Operation;
use failure_event::outcome::{Obstacle, ServiceError};
use failure_event::place::Place;
use failure_event::request::HttpForm;
use failure_event::sweep::operations::{
    DESCRIBE_EXECUTION, DESCRIBE_STATE_MACHINE_FOR_EXECUTION, GET_EXECUTION_HISTORY, LIST_EXECUTIONS,
    LIST_STATE_MACHINES,
};
use tokio::time::{Instant, sleep_until};

use super::Sweep;
use crate::services::Services;

/// Tokens of a bucket, and how many are added a second.
type Quota = (f64, f64);

/// AWS's default quotas of Step Functions, in the regions that have the lesser ones.
/// <https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>
const QUOTAS: [(&Operation, Quota); 5] = [
    (&LIST_STATE_MACHINES, (100.0, 5.0)),
    (&LIST_EXECUTIONS, (100.0, 2.0)),
    (&GET_EXECUTION_HISTORY, (400.0, 20.0)),
    (&DESCRIBE_STATE_MACHINE_FOR_EXECUTION, (200.0, 1.0)),
    (&DESCRIBE_EXECUTION, (250.0, 10.0)),
];

/// For the describing operations of other services, which allow more.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/request-throttling.html>
const OTHERS: Quota = (50.0, 10.0);

/// What a sweep takes of a quota: the other half is everybody else's.
const SHARE: f64 = 0.5;

/// The names under which services throttle.
const THROTTLES: [&str; 7] = [
    "ThrottlingException",
    "Throttling",
    "ThrottledException",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "KmsThrottlingException",
];

/// How long is waited after a throttle, once and again; the request itself was tried several times by then.
const PAUSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(4), Duration::from_secs(16)];

/// Reading ends so long before the deadline, so that the workers of what was read can still be asked about.
const ASKING_TIME: Duration = Duration::from_secs(15);

/// The most pages of one list: two million executions, or more events than a history can hold.
const PAGES_MAX: usize = 2000;

/// AWS, asked no faster than it likes.
pub(super) struct Paced<'a, S> {
    services: &'a S,
    region: &'a str,
    rate: Option<f64>,
    deadline: Option<Instant>,
    buckets: Mutex<HashMap<&'static str, Bucket>>,
}

/// A bucket that was full at the beginning.
struct Bucket {
    /// How much time one token takes to come.
    interval: Duration,
    /// How far ahead of that the tokens of a full bucket let one be.
    ahead: Duration,
    /// When the next token would come if the bucket were empty.
    next: Instant,
}

impl Bucket {
    fn new((size, per_second): Quota) -> Self {
        let interval = Duration::from_secs_f64(1.0 / per_second);
        Self { interval, ahead: interval.mul_f64((size - 1.0).max(0.0)), next: Instant::now() }
    }

    /// When a request may go that asks now.
    fn take(&mut self) -> Instant {
        let now = Instant::now();
        let next = self.next.max(now);
        self.next = next + self.interval;
        next.checked_sub(self.ahead).map_or(now, |turn| turn.max(now))
    }

    /// Nobody goes before the pause is over, and afterwards only at the rate.
    fn pause(&mut self, pause: Duration) {
        self.next = self.next.max(Instant::now() + pause + self.ahead);
    }
}

impl<'a, S: Services> Paced<'a, S> {
    pub(super) fn new(services: &'a S, sweep: &'a Sweep) -> Self {
        Self {
            services,
            region: &sweep.region,
            rate: sweep.rate,
            deadline: sweep.deadline,
            buckets: Mutex::default(),
        }
    }

    /// Asks, in the state machines' own region unless another is given.
    pub(super) async fn ask(
        &self,
        operation: &'static Operation,
        form: impl Fn() -> HttpForm,
        region: Option<&str>,
    ) -> Result<String, ServiceError> {
        let place = Place { region: region.unwrap_or(self.region).to_owned(), account: None };
        let mut pauses = PAUSES.into_iter();
        loop {
            self.turn(operation).await?;
            match self.services.ask(operation, form(), &place).await {
                Err(error) if is_throttle(&error) => {
                    let Some(pause) = pauses.next() else { return Err(error) };
                    self.with_bucket(operation, |bucket| bucket.pause(pause));
                }
                answer => return answer,
            }
        }
    }

    /// Asks for one page after the other. `take` reads a page and returns the token of the next; none where it cannot be read.
    pub(super) async fn pages(
        &self,
        operation: &'static Operation,
        region: Option<&str>,
        form: impl Fn(Option<&str>) -> HttpForm,
        mut take: impl FnMut(&str) -> Option<Option<String>>,
    ) -> Result<(), ServiceError> {
        let mut next: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let page = self.ask(operation, || form(next.as_deref()), region).await?;
            next = take(&page).ok_or_else(|| named("UnreadableResponse", None))?;
            if next.is_none() {
                return Ok(());
            }
        }
        Err(named("TooManyPages", None))
    }

    async fn turn(&self, operation: &'static Operation) -> Result<(), ServiceError> {
        let turn = self.with_bucket(operation, Bucket::take);
        let kept_back =
            if operation.name == GET_EXECUTION_HISTORY.name { ASKING_TIME } else { Duration::ZERO };
        if self.deadline.is_some_and(|deadline| turn + kept_back > deadline) {
            return Err(named("OutOfTime", Some(Obstacle::NotSent)));
        }
        sleep_until(turn).await;
        Ok(())
    }

    fn with_bucket<T>(&self, operation: &'static Operation, with: impl FnOnce(&mut Bucket) -> T) -> T {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        with(buckets.entry(operation.name).or_insert_with(|| Bucket::new(self.quota(operation))))
    }

    fn quota(&self, operation: &Operation) -> Quota {
        let known = QUOTAS.iter().find(|(of, _)| of.name == operation.name);
        let (size, per_second) = known.map_or(OTHERS, |(_, quota)| *quota);
        match self.rate {
            Some(rate) => (rate, rate),
            None => (size * SHARE, per_second * SHARE),
        }
    }
}

pub(super) fn is_throttle(error: &ServiceError) -> bool {
    error.status == Some(429) || error.name.as_deref().is_some_and(|name| THROTTLES.contains(&name))
}

fn named(name: &str, obstacle: Option<Obstacle>) -> ServiceError {
    ServiceError { name: Some(name.to_owned()), obstacle, ..ServiceError::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_full_bucket_is_emptied_at_once_and_then_fills_at_its_rate() {
        let began = Instant::now();
        let mut bucket = Bucket::new((5.0, 2.0));
        let turns: Vec<u128> = (0..8).map(|_| (bucket.take() - began).as_millis()).collect();
        assert_eq!(turns, [0, 0, 0, 0, 0, 500, 1000, 1500]);
        sleep_until(began + Duration::from_mins(1)).await;
        assert_eq!((bucket.take() - began).as_millis(), 60_000);
        bucket.pause(Duration::from_secs(4));
        assert_eq!((bucket.take() - began).as_millis(), 64_000);
        assert_eq!((bucket.take() - began).as_millis(), 64_500);
    }
}
