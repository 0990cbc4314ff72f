//! Failing what is stranded: each task becomes an ordinary failure event.

use failure_event::publication::Publication;
use failure_event::sweep::report::{Plan, plan};
use failure_event::sweep::waiting::WaitingTask;

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failed {
    /// Events whose storing was confirmed.
    pub published: usize,
    /// Events whose storing was not confirmed.
    pub unconfirmed: usize,
    /// What else counts as an error of the sweep: the brake, a task without a token.
    pub errors: usize,
}

/// Publishes an event for each stranded task, unless there are more than `fails_max`: a wrong answer must not fail a thousand
/// executions. `publish` tells of each event whether it is stored.
pub async fn fail<E>(
    tasks: &[WaitingTask],
    fails_max: usize,
    publish: impl AsyncFnOnce(Vec<Publication>) -> Vec<Result<(), E>>,
) -> Failed {
    match plan(tasks, fails_max, None) {
        Plan::TooMany { stranded } => {
            tracing::error!(
                stranded,
                fails_max,
                "no task was failed: more are stranded than RELAY_SWEEP_FAILS_MAX allows in one sweep"
            );
            Failed { errors: 1, ..Failed::default() }
        }
        Plan::Publish { events, without_token } => {
            if without_token > 0 {
                tracing::error!(
                    without_token,
                    "stranded tasks cannot be failed: their tokens were not found"
                );
            }
            let count = events.len();
            let confirmed = if count == 0 { Vec::new() } else { publish(events).await };
            let published = confirmed.iter().filter(|confirmation| confirmation.is_ok()).count();
            Failed { published, unconfirmed: count - published, errors: without_token }
        }
    }
}
