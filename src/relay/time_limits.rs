//! How long an invocation may take, and what it keeps back to answer in time.
//!
//! A function that is cut off answers nothing: its whole batch comes back, the records that were done included. So calls end
//! first, then dead letters, then the back-off, and the rest of the time is for the answer.

use std::time::Duration;

use tokio::time::Instant;

/// Kept back for the answer itself and for freezing.
const ANSWER: Duration = Duration::from_millis(100);

/// Kept back for the answer, per record: its parsing, log line, metrics and entry in the response. They take 13 µs of CPU, and a
/// function of 128 MB has 7 % of a core.
const ANSWER_PER_RECORD: Duration = Duration::from_micros(200);

/// Kept back for hiding the records that are to be retried.
const BACK_OFF: Duration = Duration::from_millis(200);

/// Kept back for dead letters of records whose calls did not end.
const LETTERS: Duration = Duration::from_millis(300);

/// Stands in for a limit that is not told.
const NO_DEADLINE: Duration = Duration::from_mins(15);

/// The moments at which an invocation stops doing things.
#[derive(Clone, Copy, Debug)]
pub struct TimeLimits {
    back_off: Instant,
}

impl TimeLimits {
    /// The limits of an invocation that Lambda ends at `ends_at`, where that is told.
    ///
    /// They hold by the monotonic clock, so that a jump of the time of day in mid-invocation moves none.
    #[must_use]
    pub fn new(ends_at: Option<Instant>, records: usize) -> Self {
        let ends_at = ends_at.unwrap_or_else(|| Instant::now() + NO_DEADLINE);
        let records = u32::try_from(records).unwrap_or(u32::MAX);
        Self { back_off: earlier(earlier(ends_at, ANSWER), ANSWER_PER_RECORD.saturating_mul(records)) }
    }

    /// Calls to the services that are under way then are given up.
    #[must_use]
    pub fn calls_end(self) -> Instant {
        earlier(self.letters_end(), LETTERS)
    }

    /// Dead letters that are not confirmed then count as not stored.
    #[must_use]
    pub fn letters_end(self) -> Instant {
        earlier(self.back_off, BACK_OFF)
    }

    /// Records that are not hidden then come back as the queue decides.
    #[must_use]
    pub fn back_off_ends(self) -> Instant {
        self.back_off
    }

    /// Whether there is no time left to begin a call.
    #[must_use]
    pub fn calls_are_over(self) -> bool {
        Instant::now() >= self.calls_end()
    }
}

/// A moment before the process began is now.
fn earlier(moment: Instant, by: Duration) -> Instant {
    moment.checked_sub(by).unwrap_or_else(Instant::now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_end_before_letters_and_letters_before_the_back_off() {
        let limits = TimeLimits::new(Some(Instant::now() + Duration::from_secs(3)), 10);
        assert!(!limits.calls_are_over());
        assert!(limits.calls_end() < limits.letters_end());
        assert!(limits.letters_end() < limits.back_off_ends());
        assert!(limits.back_off_ends() < Instant::now() + Duration::from_secs(3));
    }

    #[test]
    fn too_little_time_is_no_time_and_none_that_is_told_is_no_limit() {
        let over_after = |millis, records| {
            TimeLimits::new(Some(Instant::now() + Duration::from_millis(millis)), records).calls_are_over()
        };
        assert!(over_after(0, 1));
        assert!(over_after(400, 10));
        assert!(over_after(1500, 10_000));
        assert!(!TimeLimits::new(None, 10).calls_are_over());
    }
}
