//! One invocation of the watch: leases that came due, and a sweep where one is asked for.
//!
//! Trouble of one part is logged, fails the invocation at the end, and stops no other part.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use failure_event::json::Json;
use failure_relay::relay::Invocation;
use futures_util::FutureExt;
use lambda_runtime::Diagnostic;
use serde::Serialize;
use tokio::time::Instant;

use crate::due::{Leases, Limits, Tally};
use crate::queue::RelayQueue;
use crate::services::Services;
use crate::settings::{Settings, SweepSettings};
use crate::telemetry;

/// Kept back for the answer.
const ANSWER: Duration = Duration::from_secs(1);

/// Kept back for what has begun, so that an event which is published is deleted too: two calls that take long.
const LAST_CALLS: Duration = Duration::from_secs(8);

/// Stands in for a deadline that is not told.
const NO_DEADLINE: Duration = Duration::from_mins(1);

/// What a sweep found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Swept {
    /// Tasks whose worker is there, or ended within the grace.
    pub waiting: u64,
    /// Tasks whose worker is gone.
    pub stranded: u64,
    /// Tasks whose worker ended well and did not call back.
    pub silent: u64,
    /// Stranded tasks whose failure was published.
    pub failed: u64,
    /// Tasks of which nothing definite is known.
    pub unknown: u64,
    /// Executions and state machines that could not be read, and whether there were too many stranded tasks to fail them.
    #[serde(skip)]
    pub errors: u64,
    /// A sentence that says what kept it from publishing all that it should.
    #[serde(skip)]
    pub problem: Option<String>,
}

/// Who sweeps.
pub trait Sweeper {
    /// Looks for tasks that wait for a worker that is gone, up to `end`.
    ///
    /// # Errors
    /// A sentence that says what kept it from sweeping at all.
    fn sweep(&self, settings: &SweepSettings, end: Instant) -> impl Future<Output = Result<Swept, String>>;
}

/// What is answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// Leases that are due.
    pub due: u64,
    /// Those whose event was published.
    pub published: u64,
    /// What the sweep found, where there was one.
    #[serde(flatten)]
    pub swept: Option<Swept>,
}

/// Not all that was to be done could be done; the next invocation does it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfinished {
    /// What stood in the way, one sentence each.
    pub problems: Vec<String>,
}

impl From<Unfinished> for Diagnostic {
    fn from(unfinished: Unfinished) -> Self {
        Self { error_type: "Unfinished".to_owned(), error_message: unfinished.problems.join("; ") }
    }
}

/// The watch, ready for invocations.
#[derive(Debug)]
pub struct Watch<S, W> {
    settings: Settings,
    services: S,
    sweeper: W,
    metrics_level: &'static str,
}

impl<S: Services, W: Sweeper> Watch<S, W> {
    /// A watch with these settings, which asks these services, and whose lines of metrics carry that level.
    #[must_use]
    pub fn new(settings: Settings, services: S, sweeper: W, metrics_level: &'static str) -> Self {
        Self { settings, services, sweeper, metrics_level }
    }

    /// Works on one invocation. Whatever its payload is, leases that came due are published.
    ///
    /// # Errors
    /// [`Unfinished`] when a part could not be done.
    pub async fn invoke(&self, invocation: Invocation) -> Result<Answer, Unfinished> {
        let limits = limits(Instant::now(), invocation.ends_at);
        let sweep = self.settings.sweep.as_ref().filter(|_| asks_for_a_sweep(&invocation.payload));
        let leases = caught(self.publish_due(limits));
        let sweeping = async {
            match sweep {
                Some(settings) => {
                    Some(caught(self.sweeper.sweep(settings, limits.last_begin)).await.flatten())
                }
                None => None,
            }
        };
        // Side by side, so that neither takes the other's time.
        let (leases, swept) = futures_util::future::join(leases, sweeping).await;
        self.end(leases, swept)
    }

    async fn publish_due(&self, limits: Limits) -> Tally {
        let Some(table) = &self.settings.table else { return Tally::default() };
        let region = &self.settings.aws.region;
        let queue = RelayQueue::new(&self.services, &self.settings.queue, region);
        Leases::new(&self.services, table, region, &queue).publish_due(now(), limits).await
    }

    fn end(
        &self,
        leases: Result<Tally, String>,
        swept: Option<Result<Swept, String>>,
    ) -> Result<Answer, Unfinished> {
        let mut problems = Vec::new();
        let tally = leases.unwrap_or_else(|problem| {
            problems.push(problem);
            Tally::default()
        });
        problems.extend(tally.sentences());
        let swept = swept.and_then(|swept| swept.map_err(|problem| problems.push(problem)).ok());
        problems.extend(swept.as_ref().and_then(|swept| swept.problem.clone()));
        for problem in &problems {
            tracing::error!("{problem}");
        }
        if tally.is_cut_off {
            tracing::warn!("the time is up: the leases that are left are published in the next invocation");
        }
        telemetry::write(&tally, swept.as_ref(), self.metrics_level);
        if problems.is_empty() {
            Ok(Answer { due: tally.due, published: tally.published, swept })
        } else {
            Err(Unfinished { problems })
        }
    }
}

/// What a part came to; a panic is that part's trouble.
async fn caught<T>(part: impl Future<Output = T>) -> Result<T, String> {
    AssertUnwindSafe(part).catch_unwind().await.map_err(|_| "the watch panicked; please report it".to_owned())
}

/// Little time is halved: what has begun needs some of it.
fn limits(now: Instant, ends_at: Option<Instant>) -> Limits {
    let time = ends_at.map_or(NO_DEADLINE, |end| end.saturating_duration_since(now));
    let end = now + time.saturating_sub(ANSWER.min(time / 10));
    Limits { last_begin: end - LAST_CALLS.min(time / 2).min(end - now), end }
}

/// `{"sweep": true}`
fn asks_for_a_sweep(payload: &[u8]) -> bool {
    let payload = String::from_utf8_lossy(payload);
    let object = Json::parse(&payload).ok().and_then(Json::object);
    object.is_some_and(|object| object.member("sweep").is_some_and(|sweep| sweep.text() == "true"))
}

/// Milliseconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{Fake, refused};
    use serde_json::json;

    const FOUND: Swept =
        Swept { waiting: 1, stranded: 2, silent: 3, failed: 4, unknown: 5, errors: 6, problem: None };

    /// Answers what it is told to, or panics.
    struct Sweeps(Option<Result<Swept, String>>);

    impl Sweeper for Sweeps {
        async fn sweep(&self, _settings: &SweepSettings, _end: Instant) -> Result<Swept, String> {
            self.0.clone().expect("a sweep that panics")
        }
    }

    fn watch(fake: Fake, sweeps: Sweeps, more: &[(&str, &str)]) -> Watch<Fake, Sweeps> {
        let variable = |name: &str| {
            let given = more.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
            given.or_else(|| match name {
                "RELAY_QUEUE_URL" => Some("http://127.0.0.1:9/111122223333/failures".to_owned()),
                "AWS_REGION" => Some("eu-west-1".to_owned()),
                _ => None,
            })
        };
        Watch::new(Settings::from_variables(&variable).unwrap(), fake, sweeps, "INFO")
    }

    const ON: [(&str, &str); 2] = [("RELAY_TABLE_NAME", "leases"), ("RELAY_SWEEP", "report")];

    fn invocation(payload: &'static [u8]) -> Invocation {
        Invocation {
            payload: payload.into(),
            request_id: "r".to_owned(),
            function_arn: String::new(),
            ends_at: Some(Instant::now() + Duration::from_mins(1)),
        }
    }

    async fn answered(watch: &Watch<Fake, Sweeps>, payload: &'static [u8]) -> serde_json::Value {
        serde_json::to_value(watch.invoke(invocation(payload)).await.unwrap()).unwrap()
    }

    #[tokio::test]
    async fn whatever_the_payload_is_leases_are_published_and_no_sweep_is_done() {
        for payload in
            [&b""[..], b"null", b"{}", b"\xff", b"[", b"{\"sweep\":false}", b"{\"sweep\":\"true\"}"]
        {
            let watch = watch(Fake::with_leases(2), Sweeps(Some(Ok(FOUND))), &ON);
            assert_eq!(answered(&watch, payload).await, json!({"due": 2, "published": 2}), "{payload:?}");
        }
    }

    #[tokio::test]
    async fn a_sweep_that_is_asked_for_is_answered_with_its_five_numbers() {
        let watch = watch(Fake::with_leases(2), Sweeps(Some(Ok(FOUND))), &ON);
        let both = json!({
            "due": 2, "published": 2, "waiting": 1, "stranded": 2, "silent": 3, "failed": 4, "unknown": 5,
        });
        assert_eq!(answered(&watch, b" {\"sweep\": true} ").await, both);
    }

    #[tokio::test]
    async fn what_is_off_is_not_done() {
        let watch = watch(Fake::with_leases(2), Sweeps(None), &[]);
        assert_eq!(answered(&watch, b"{\"sweep\":true}").await, json!({"due": 0, "published": 0}));
        assert_eq!(watch.services.calls.get(), 0, "without a table nothing is asked");
    }

    #[tokio::test]
    async fn trouble_of_one_part_fails_the_invocation_and_stops_no_other() {
        for sweeps in [None, Some(Err("the state machines cannot be listed".to_owned()))] {
            let watch = watch(Fake::with_leases(2), Sweeps(sweeps), &ON);
            let unfinished = watch.invoke(invocation(b"{\"sweep\":true}")).await.unwrap_err();
            assert_eq!(unfinished.problems.len(), 1);
            assert_eq!(watch.services.queue.borrow().len(), 2, "the leases are published all the same");
        }
        let broken = Fake::with_leases(2).told(|_, operation, _| {
            (operation == "SendMessageBatch").then(|| Err(refused("ServiceUnavailable", 503)))
        });
        let watch = watch(broken, Sweeps(Some(Ok(FOUND))), &ON);
        let unfinished = watch.invoke(invocation(b"{\"sweep\":true}")).await.unwrap_err();
        assert_eq!(
            unfinished.problems,
            [
                "due leases could not be published: the queue answered with ServiceUnavailable (HTTP 503) (2 times)"
            ]
        );
    }

    #[test]
    fn there_is_always_time_to_answer_and_always_a_moment_to_begin() {
        let now = Instant::now();
        for millis in [0, 10, 500, 3_000, 60_000, 900_000] {
            let ends_at = now + Duration::from_millis(millis);
            let Limits { last_begin, end } = limits(now, Some(ends_at));
            assert!(now <= last_begin && last_begin <= end && end <= ends_at, "{millis}");
            assert!(millis == 0 || (now < last_begin && end < ends_at), "{millis}");
        }
        assert!(limits(now, None).end < now + NO_DEADLINE);
    }
}
