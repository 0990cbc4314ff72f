//! The endpoint's own time: one seam for visibility time-outs, task time-outs and credentials.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// What the endpoint takes for the time of day, in milliseconds since 1970.
///
/// It is a start plus tokio's elapsed time, so a runtime with paused time moves it too, and
/// [`Clock::advance`] moves it without waiting. It never goes back.
#[derive(Clone, Debug)]
pub struct Clock {
    started: Instant,
    epoch_ms: u64,
    ahead_ms: Arc<AtomicU64>,
}

impl Clock {
    /// A clock that shows `epoch_ms` now, or the system's time of day when that is `None`.
    #[must_use]
    pub fn starting_at(epoch_ms: Option<u64>) -> Self {
        Self {
            started: Instant::now(),
            epoch_ms: epoch_ms.unwrap_or_else(system_ms),
            ahead_ms: Arc::new(AtomicU64::new(0)),
        }
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.epoch_ms + self.since_start_ms()
    }

    /// Milliseconds since the endpoint was started; [`Clock::advance`] counts.
    #[must_use]
    pub fn since_start_ms(&self) -> u64 {
        whole_ms(self.started.elapsed()) + self.ahead_ms.load(Ordering::SeqCst)
    }

    /// Moves this clock and all its clones forward.
    pub fn advance(&self, by: Duration) {
        self.ahead_ms.fetch_add(whole_ms(by), Ordering::SeqCst);
    }
}

/// A duration in whole milliseconds; what passes 64 bits (584 million years) is their maximum.
fn whole_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn system_ms() -> u64 {
    // A machine whose clock stands before 1970 gets 1970: the endpoint only needs order.
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, whole_ms)
}

/// `2025-01-31T23:59:59Z`: RFC 3339 in UTC, whole seconds, as STS and `EventBridge` write it.
pub(crate) fn rfc3339(epoch_ms: u64) -> String {
    let seconds = epoch_ms / 1000;
    let (year, month, day) = civil_date(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// `20250131T235959Z`: the basic form of ISO 8601, as signatures have it.
pub(crate) fn basic_iso8601(epoch_ms: u64) -> String {
    rfc3339(epoch_ms).replace(['-', ':'], "")
}

/// Reads the basic form; `None` is another form, or a time before 1970.
pub(crate) fn parse_basic_iso8601(text: &str) -> Option<u64> {
    let number = |from: usize, to: usize| {
        let digits = text.get(from..to).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
        digits.parse::<u64>().ok()
    };
    if text.len() != 16 || text.get(8..9) != Some("T") || !text.ends_with('Z') {
        return None;
    }
    let days = days_since_1970(number(0, 4)?, number(4, 6)?, number(6, 8)?)?;
    let seconds = number(9, 11)? * 3600 + number(11, 13)? * 60 + number(13, 15)?;
    Some((days * 86_400 + seconds) * 1000)
}

/// The inverse of [`civil_date`]; a day that is in no calendar is not looked for.
fn days_since_1970(year: u64, month: u64, day: u64) -> Option<u64> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let year = year.checked_sub(u64::from(month <= 2))?;
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let days = year * 365 + year / 4 - year / 100 + year / 400 + day_of_year;
    days.checked_sub(719_468)
}

/// Days since 1970-01-01 as year, month, day of the Gregorian calendar.
///
/// Years are counted from 1 March, so that the leap day is the last of its year, and in eras of
/// 400 years, each of 146,097 days.
fn civil_date(days_since_1970: u64) -> (u64, u64, u64) {
    let days = days_since_1970 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_gregorian_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_767_225_599, "2025-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(rfc3339(seconds * 1000), text);
        }
    }

    #[test]
    fn the_basic_form_is_read_as_it_is_written() {
        for epoch_ms in [0, 951_782_399_000, 951_782_400_000, 1_767_225_599_000, 4_107_542_400_000] {
            assert_eq!(parse_basic_iso8601(&basic_iso8601(epoch_ms)), Some(epoch_ms));
        }
        for wrong in ["", "2025-01-31T23:59:59Z", "20251331T235959Z", "19691231T235959Z", "+0250131T235959Z"]
        {
            assert_eq!(parse_basic_iso8601(wrong), None, "{wrong}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn time_is_tokio_s_plus_what_it_was_advanced_by() {
        let clock = Clock::starting_at(Some(1_000));
        tokio::time::advance(Duration::from_millis(5)).await;
        clock.clone().advance(Duration::from_secs(2));
        assert_eq!(clock.now_ms(), 3_005);
        assert_eq!(clock.since_start_ms(), 2_005);
    }
}
