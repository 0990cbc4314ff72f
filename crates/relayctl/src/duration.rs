//! Durations as people write them: `90`, `30s`, `15m`, `2h`, `7d`.

use std::time::Duration;

/// Reads a number of seconds, or a number and its unit.
///
/// # Errors
/// A sentence that says what was expected, for clap.
pub fn parse(text: &str) -> Result<Duration, String> {
    let expected = || format!("expected a duration such as 90, 30s, 15m, 2h or 7d, found \"{text}\"");
    let digits = text.trim_end_matches(|unit: char| unit.is_ascii_alphabetic());
    let unit_seconds = match &text[digits.len()..] {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(expected()),
    };
    let count: u64 = digits.parse().map_err(|_| expected())?;
    count.checked_mul(unit_seconds).map(Duration::from_secs).ok_or_else(expected)
}

/// [`parse`], for a duration that must be within so many seconds.
///
/// # Errors
/// A sentence with the limits, for clap.
pub fn within(text: &str, (least, most): (u32, u32)) -> Result<Duration, String> {
    match parse(text) {
        Ok(duration) if (u64::from(least)..=u64::from(most)).contains(&duration.as_secs()) => Ok(duration),
        _ => Err(format!("expected a duration from {least} to {most} seconds, such as 90s, 15m or 2h")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_outside_of_its_limits_is_told_with_them() {
        assert_eq!(within("1m", (60, 86_400)), Ok(Duration::from_mins(1)));
        assert_eq!(within("24h", (60, 86_400)), Ok(Duration::from_hours(24)));
        for text in ["59", "86401", "25h", "soon", "-1"] {
            assert!(within(text, (60, 86_400)).unwrap_err().contains("from 60 to 86400 seconds"), "{text}");
        }
    }

    #[test]
    fn a_number_alone_is_seconds_and_a_unit_multiplies_it() {
        let seconds = |text| parse(text).unwrap().as_secs();
        assert_eq!(["0", "90", "30s", "15m", "2h", "7d"].map(seconds), [0, 90, 30, 900, 7200, 604_800]);
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "s", "-1", "1.5h", "2 h", "1w", "é", "99999999999999999d"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
