//! Environment variables, and what is wrong with one that stops a function.

use std::fmt;
use std::str::FromStr;

/// A setting that stops the function: its name, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingError {
    /// The environment variable.
    pub name: &'static str,
    /// What is wrong and what was expected.
    pub what: String,
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.what)
    }
}

impl std::error::Error for SettingError {}

/// Named variables; an empty value counts as absent.
pub struct Variables<'a>(pub &'a dyn Fn(&str) -> Option<String>);

impl Variables<'_> {
    /// The value of a variable without the blanks around it.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<String> {
        (self.0)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    /// Whether a variable says `true`, in any spelling of case.
    #[must_use]
    pub fn is_true(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// What a variable parses to; `None` where it is absent.
    ///
    /// # Errors
    /// It does not parse.
    pub fn optional<T>(
        &self,
        name: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, SettingError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        parse(&value).map(Some).map_err(|what| SettingError { name, what })
    }

    /// What a variable parses to.
    ///
    /// # Errors
    /// It is absent, or does not parse.
    pub fn required<T>(
        &self,
        name: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, SettingError> {
        self.optional(name, parse)?.ok_or_else(|| SettingError { name, what: "is missing".to_owned() })
    }

    /// What the items of a variable parse to, which stand between commas. One that is absent has none.
    ///
    /// # Errors
    /// One of them does not parse.
    pub fn list<T>(
        &self,
        name: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Vec<T>, SettingError> {
        let value = self.get(name).unwrap_or_default();
        let items = value.split(',').map(str::trim).filter(|item| !item.is_empty());
        items.map(parse).collect::<Result<_, _>>().map_err(|what| SettingError { name, what })
    }
}

/// A whole number.
///
/// # Errors
/// A sentence that says what is there instead.
pub fn parse_number<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("expected a whole number, found \"{text}\""))
}

/// `true` or `false`, in any spelling of case.
///
/// # Errors
/// A sentence that says what is there instead.
pub fn parse_bool(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(format!("expected true or false, found \"{text}\"")),
    }
}

/// A whole number that is not 0.
///
/// # Errors
/// A sentence that says what is there instead.
pub fn parse_one_or_more<N: FromStr + PartialEq + From<u8>>(text: &str) -> Result<N, String> {
    let number: N = parse_number(text)?;
    if number == N::from(0) { Err("expected 1 or more, found 0".to_owned()) } else { Ok(number) }
}

/// A count that no record reaches is as good as the greatest.
#[must_use]
pub fn saturated(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
