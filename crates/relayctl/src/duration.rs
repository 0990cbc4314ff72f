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

#[cfg(test)]
mod tests {
    use super::*;

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
