//! A limit on messages a second.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Gives out turns, so many a second.
#[derive(Debug)]
pub struct Rate {
    /// `None` is no limit.
    per_second: Option<u32>,
    next: Mutex<Instant>,
}

impl Rate {
    /// At most so many messages a second.
    #[must_use]
    pub fn new(per_second: Option<u32>) -> Self {
        Self { per_second, next: Mutex::new(Instant::now()) }
    }

    /// How many messages one turn is for: as many as a batch holds, unless that is more than a second's worth.
    #[must_use]
    pub fn turn_size(&self, batch_max: usize) -> usize {
        match self.per_second {
            Some(limit) => usize::try_from(limit).unwrap_or(batch_max).clamp(1, batch_max),
            None => batch_max,
        }
    }

    /// Waits for the turn of `count` messages.
    pub async fn turn(&self, count: usize) {
        let Some(limit) = self.per_second else { return };
        let cost = Duration::from_secs_f64(
            f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / f64::from(limit.max(1)),
        );
        tokio::time::sleep_until(self.take(cost)).await;
    }

    fn take(&self, cost: Duration) -> Instant {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = (*next).max(Instant::now());
        *next = turn + cost;
        turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn turns_are_as_far_apart_as_the_limit_asks() {
        let began = Instant::now();
        let rate = Rate::new(Some(100));
        for _ in 0..11 {
            rate.turn(10).await;
        }
        assert_eq!(began.elapsed().as_millis(), 1000);
        Rate::new(None).turn(1000).await;
        assert_eq!(began.elapsed().as_millis(), 1000);
    }

    #[test]
    fn a_slow_rate_makes_small_turns() {
        assert_eq!(Rate::new(Some(3)).turn_size(10), 3);
        assert_eq!(Rate::new(Some(500)).turn_size(10), 10);
        assert_eq!(Rate::new(None).turn_size(10), 10);
    }
}
