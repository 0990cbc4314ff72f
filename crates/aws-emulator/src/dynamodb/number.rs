//! Numbers as `DynamoDB` keeps them: decimal, exact, with up to 38 significant digits.
//!
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html>

use std::cmp::Ordering;
use std::fmt;

use super::validation;
use crate::answer::ServiceError;

/// So many significant digits at most.
const DIGITS_MAX: usize = 38;
/// The largest magnitude is `0.999…` times ten to this power.
const EXPONENT_MAX: i32 = 126;
/// The smallest magnitude is `0.1` times ten to this power.
const EXPONENT_MIN: i32 = -129;

/// `0.` and the digits, times ten to the power of the exponent. Equal numbers are the same value
/// here, whatever they were written like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Number {
    negative: bool,
    /// From 0 to 9, without zeros at either end; zero has none.
    digits: Vec<u8>,
    exponent: i32,
}

impl Number {
    /// Reads what a caller wrote, such as `-1.50` or `2e3`.
    pub(super) fn read(text: &str) -> Result<Self, ServiceError> {
        let not_a_number =
            || validation(format!("The parameter cannot be converted to a numeric value: {text}"));
        let (mantissa, power) = match text.split_once(['e', 'E']) {
            Some((mantissa, power)) => (mantissa, power.parse::<i32>().map_err(|_| not_a_number())?),
            None => (text, 0),
        };
        let (negative, mantissa) = match mantissa.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, mantissa.strip_prefix('+').unwrap_or(mantissa)),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = [whole, fraction].concat();
        if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err(not_a_number());
        }
        let point = i32::try_from(whole.len()).map_err(|_| not_a_number())?;
        Self::normal(negative, digits.as_bytes(), point.saturating_add(power)).within_limits()
    }

    fn normal(negative: bool, digits: &[u8], exponent: i32) -> Self {
        let Some(first) = digits.iter().position(|digit| *digit != b'0') else {
            return Self::default();
        };
        let last = digits.iter().rposition(|digit| *digit != b'0').unwrap_or(first);
        let zeros = i32::try_from(first).unwrap_or(i32::MAX);
        let digits = digits[first..=last].iter().map(|digit| digit - b'0').collect();
        Self { negative, digits, exponent: exponent.saturating_sub(zeros) }
    }

    fn within_limits(self) -> Result<Self, ServiceError> {
        let supported = "with magnitude";
        if self.digits.len() > DIGITS_MAX {
            Err(validation("Attempting to store more than 38 significant digits in a Number"))
        } else if self.exponent > EXPONENT_MAX {
            let told = "larger than supported range";
            Err(validation(format!("Number overflow. Attempting to store a number {supported} {told}")))
        } else if self.exponent < EXPONENT_MIN {
            let told = "smaller than supported range";
            Err(validation(format!("Number underflow. Attempting to store a number {supported} {told}")))
        } else {
            Ok(self)
        }
    }

    /// Two digits are a byte, and one more byte is for all else.
    pub(super) fn size_bytes(&self) -> usize {
        self.digits.len().div_ceil(2) + 1 + usize::from(self.negative)
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        // -1, 0 or 1.
        let sign = |number: &Self| match (number.digits.is_empty(), number.negative) {
            (true, _) => 0,
            (false, negative) => {
                if negative {
                    -1
                } else {
                    1
                }
            }
        };
        let magnitude = || self.exponent.cmp(&other.exponent).then_with(|| self.digits.cmp(&other.digits));
        sign(self)
            .cmp(&sign(other))
            .then_with(|| if self.negative { magnitude().reverse() } else { magnitude() })
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Number {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.negative {
            formatter.write_str("-")?;
        }
        let point = usize::try_from(self.exponent).unwrap_or(0);
        if point == 0 {
            let zeros = usize::try_from(-self.exponent).unwrap_or(0);
            formatter.write_str(if self.digits.is_empty() { "0" } else { "0." })?;
            formatter.write_str(&"0".repeat(zeros))?;
        }
        for (position, digit) in self.digits.iter().enumerate() {
            if position == point && point > 0 {
                formatter.write_str(".")?;
            }
            write!(formatter, "{digit}")?;
        }
        formatter.write_str(&"0".repeat(point.saturating_sub(self.digits.len())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        Number::read(text).expect("it is a number")
    }

    #[test]
    fn a_number_is_given_back_without_what_means_nothing() {
        for (written, kept) in [
            ("0", "0"),
            ("-0.0", "0"),
            ("007", "7"),
            ("1.50", "1.5"),
            ("-120", "-120"),
            ("0.0012", "0.0012"),
            ("1e3", "1000"),
            ("12.5E-3", "0.0125"),
            ("+.5", "0.5"),
            ("1795287600000", "1795287600000"),
        ] {
            assert_eq!(number(written).to_string(), kept, "{written}");
        }
    }

    #[test]
    fn numbers_are_ordered_by_value_and_not_by_their_letters() {
        let ordered = ["-100", "-20", "-0.5", "0", "0.05", "0.5", "9", "10", "99.9", "1e2"];
        for pair in ordered.windows(2) {
            assert!(number(pair[0]) < number(pair[1]), "{pair:?}");
        }
        assert_eq!(number("1.0"), number("1"));
    }

    #[test]
    fn what_is_no_number_or_too_large_is_refused() {
        for wrong in ["", "x", "1e", "1.2.3", "-", ".", "0x1", "NaN", "1e126", "1e-131"] {
            assert!(Number::read(wrong).is_err(), "{wrong}");
        }
        assert!(Number::read(&"9".repeat(38)).is_ok());
        assert!(Number::read(&"9".repeat(39)).is_err());
        assert!(Number::read("1e125").is_ok() && Number::read("1e-130").is_ok());
    }
}
