//! What a worker writes, without secrets: those that are known by their value, and those that stand under a secret's name.
//!
//! A text is read as a person would: as JSON, JSON in a string, a list of variables, or a command line, in any spelling of the names.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use failure_event::redaction::REDACTED;
use failure_event::secret::{MentionedSecrets, Secret};
use failure_event::secret_names;
use failure_event::spelling::plain;
use regex_lite::{Captures, Regex, RegexBuilder};
use serde_json::Value;

/// Names under which AWS's own credentials stand, beside the names of tokens.
const CREDENTIALS: [&str; 5] =
    ["accessKeyId", "secretAccessKey", "sessionToken", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];

/// A shorter secret is hidden only as a word of its own.
const LENGTH_MIN: usize = 8;

// The expressions take linear time, so nothing in them needs a bound. Whether the quotes match is seen afterwards.

/// `"NAME": "value"` with quotes of either sort, escaped any number of times; or `"--NAME", "value"`.
static QUOTED: LazyLock<Regex> = LazyLock::new(|| {
    expression(
        r#"(?P<escape>\\*)(?P<quote>["'])(?P<dashes>--)?(?P<name>(?:[\w-]|\\+u[0-9a-f]{4})+)(?P<escape_after>\\*)(?P<quote_after>["'])\s*(?P<separator>[:,])\s*(?P<value_escape>\\*)(?P<value_quote>["'])"#,
    )
});

/// `"name": "NAME", "value": "`, as environments are listed.
static LISTED: LazyLock<Regex> = LazyLock::new(|| {
    expression(
        r#"["']name\\*["']\s*:\s*\\*["'](?P<name>[\w-]+)\\*["']\s*,\s*\\*["']value\\*["']\s*:\s*(?P<value_escape>\\*)(?P<value_quote>["'])"#,
    )
});

/// The same, the value first.
static LISTED_BACKWARDS: LazyLock<Regex> = LazyLock::new(|| {
    expression(
        r#"(?P<before>["']value\\*["']\s*:\s*\\*["'])(?P<value>[^"'\\]+)(?P<after>\\*["']\s*,\s*\\*["']name\\*["']\s*:\s*\\*["'](?P<name>[\w-]+)\\*["'])"#,
    )
});

/// `--NAME value` and `--NAME=value`.
static OPTION: LazyLock<Regex> = LazyLock::new(|| {
    expression(
        r#"(?P<before>--(?P<name>[a-z][\w-]+)(?:=|\s+))(?P<value>[^\s"',;]+|"[^"]*"|'[^']*')(?P<after>)"#,
    )
});

/// `NAME=value`.
static ASSIGNMENT: LazyLock<Regex> = LazyLock::new(|| {
    expression(
        r#"(?P<before>\b(?P<name>[a-z][\w-]+)=)(?P<value>[^\s"',;&()\[\]]+|"[^"]*"|'[^']*')(?P<after>)"#,
    )
});

#[expect(clippy::expect_used, reason = "each expression is a constant, and a test compiles it")]
fn expression(text: &str) -> Regex {
    RegexBuilder::new(text).case_insensitive(true).build().expect("a regular expression")
}

/// Takes the secrets out of what a worker says.
#[derive(Debug)]
pub struct Redactor {
    /// Spellings of the names under which secrets stand.
    names: BTreeSet<String>,
    /// The longest first, so that one that is part of another leaves nothing of it.
    secrets: Vec<Secret>,
}

impl Redactor {
    /// Hides these secrets, and what stands under a usual name or one of `further_names`, which may be JSON pointers, in texts and in
    /// `variables`.
    #[must_use]
    pub fn new(secrets: Vec<Secret>, further_names: &[String], variables: &[(String, String)]) -> Self {
        let further = further_names.iter().map(|name| name.rsplit('/').next().unwrap_or(name));
        let names = secret_names::of_tokens().chain(CREDENTIALS).map(plain).chain(further.map(plain));
        let mut redactor = Self { names: names.filter(|name| !name.is_empty()).collect(), secrets };
        let of_variables = variables.iter().filter(|(name, _)| redactor.is_secret(name));
        let of_variables: Vec<Secret> = of_variables.map(|(_, value)| Secret::new(value.as_str())).collect();
        redactor.secrets.extend(of_variables);
        redactor.secrets.retain(|secret| !secret.expose().is_empty());
        redactor.secrets.sort_by_key(|secret| std::cmp::Reverse(secret.expose().len()));
        redactor
    }

    /// Whether a value stands under this name that nobody may see.
    fn is_secret(&self, name: &str) -> bool {
        self.names.contains(&plain(&String::from_iter(Unescaped::of(name).characters)))
    }

    /// The text without secrets.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        let text = self.secrets.iter().fold(text.to_owned(), |text, secret| without(secret, &text));
        let text = self.without_quoted(&LISTED, &self.without_quoted(&QUOTED, &text));
        [&LISTED_BACKWARDS, &OPTION, &ASSIGNMENT].into_iter().fold(text, |text, expression| {
            expression.replace_all(&text, |found: &Captures<'_>| self.replaced(found)).into_owned()
        })
    }

    /// Takes the secrets out of every text of a value, the names of members included.
    #[must_use]
    pub fn value(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(&text)),
            Value::Array(items) => Value::Array(self.items(items)),
            Value::Object(members) => {
                let is_listed =
                    members.get("name").and_then(Value::as_str).is_some_and(|name| self.is_secret(name));
                let member = |(name, value): (String, Value)| {
                    let is_secret = self.is_secret(&name) || (is_listed && name == "value");
                    let value =
                        if is_secret && holds_text(&value) { REDACTED.into() } else { self.value(value) };
                    (self.text(&name), value)
                };
                Value::Object(members.into_iter().map(member).collect())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => value,
        }
    }

    /// A list may be a command line, in which a secret follows its option.
    fn items(&self, items: Vec<Value>) -> Vec<Value> {
        let mut follows_option = false;
        let item = |item: Value| {
            let text = item.as_str();
            let is_argument = text.is_some_and(|text| !text.starts_with("--"));
            let is_secret = follows_option && is_argument;
            follows_option =
                text.and_then(|text| text.strip_prefix("--")).is_some_and(|name| self.is_secret(name));
            if is_secret { REDACTED.into() } else { self.value(item) }
        };
        items.into_iter().map(item).collect()
    }

    fn replaced(&self, found: &Captures<'_>) -> String {
        let value = found["value"].trim_matches(['"', '\'']);
        if !self.is_secret(&found["name"]) || value == REDACTED || value.starts_with("--") {
            return found[0].to_owned();
        }
        format!("{}{REDACTED}{}", &found["before"], &found["after"])
    }

    /// Hides the values that follow a match, up to the quote that closes them, which is escaped as the opening one is.
    fn without_quoted(&self, expression: &Regex, text: &str) -> String {
        let (mut out, mut copied, mut from) = (String::new(), 0, 0);
        while let Some(found) = expression.captures_at(text, from) {
            let Some(whole) = found.get(0) else { break };
            if self.is_secret(&found["name"]) && is_member(&found) {
                out.push_str(&text[copied..whole.end()]);
                out.push_str(REDACTED);
                let quote = found["value_quote"].chars().next().unwrap_or('"');
                copied = closing_quote(text, whole.end(), quote, found["value_escape"].len());
                from = copied;
            } else {
                // The quote that was opened may itself begin the next name: all before a match's end is ASCII but for the name.
                from = text.ceil_char_boundary(whole.start() + 1);
            }
        }
        out.push_str(&text[copied..]);
        out
    }
}

fn holds_text(value: &Value) -> bool {
    match value {
        Value::String(text) => !text.is_empty(),
        Value::Number(_) | Value::Bool(_) => true,
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}

/// A member's name is followed by a colon, an option in a list by a comma; and both its quotes are the same.
fn is_member(found: &Captures<'_>) -> bool {
    let text = |name: &str| found.name(name).map(|part| part.as_str());
    let Some(separator) = text("separator") else { return true };
    (separator == ",") == text("dashes").is_some()
        && text("quote") == text("quote_after")
        && text("escape") == text("escape_after")
}

/// Where the value ends: before the first quote with no more backslashes than the opening one had.
fn closing_quote(text: &str, start: usize, quote: char, escapes: usize) -> usize {
    let quotes = text[start..].match_indices(quote).map(|(at, _)| start + at);
    let backslashes =
        |at: usize| text[start..at].bytes().rev().take_while(|byte| *byte == b'\\').take(escapes + 1).count();
    quotes
        .map(|at| (at, backslashes(at)))
        .find(|(_, count)| *count <= escapes)
        .map_or(text.len(), |(at, count)| at - count)
}

/// The text without one secret, in whatever form JSON and URLs give it, and without parts of it.
fn without(secret: &Secret, text: &str) -> String {
    if secret.expose().chars().count() < LENGTH_MIN {
        return secret.redact(text).into_owned();
    }
    let encoded = percent_encoding::utf8_percent_encode(secret.expose(), percent_encoding::NON_ALPHANUMERIC);
    let text = text.replace(&encoded.to_string(), REDACTED);
    let text = Unescaped::of(&text).without(secret.expose(), &text);
    if secret.expose().starts_with("https://") {
        // Every URL begins with the same letters.
        let mut mentioned = MentionedSecrets::default();
        mentioned.add(secret.clone());
        return mentioned.redact_own(&text);
    }
    secret.redact(&text).into_owned()
}

/// The characters of a text behind the escapes of JSON, however often they were escaped, and where each stands.
struct Unescaped {
    characters: Vec<char>,
    starts: Vec<usize>,
}

impl Unescaped {
    fn of(text: &str) -> Self {
        let (mut characters, mut starts) = (Vec::new(), Vec::new());
        let mut rest = text;
        while let Some(next) = rest.chars().next() {
            let (character, length) = escaped(rest).unwrap_or((next, next.len_utf8()));
            characters.push(character);
            starts.push(text.len() - rest.len());
            rest = &rest[length..];
        }
        starts.push(text.len());
        Self { characters, starts }
    }

    /// The text, of which these are the characters, without a secret.
    fn without(&self, secret: &str, text: &str) -> String {
        let secret: Vec<char> = secret.chars().collect();
        let (mut out, mut copied, mut at) = (String::new(), 0, 0);
        while at + secret.len() <= self.characters.len() {
            if self.characters[at..].starts_with(&secret) {
                out.push_str(&text[copied..self.starts[at]]);
                out.push_str(REDACTED);
                at += secret.len();
                copied = self.starts[at];
            } else {
                at += 1;
            }
        }
        out.push_str(&text[copied..]);
        out
    }
}

/// The character that a text begins with as `\/` or `\u0041`, with any number of backslashes, and the length of the escape.
fn escaped(text: &str) -> Option<(char, usize)> {
    let after = text.trim_start_matches('\\');
    let backslashes = text.len() - after.len();
    if backslashes == 0 {
        return None;
    }
    if after.starts_with('/') {
        return Some(('/', backslashes + 1));
    }
    let digits = after.strip_prefix('u')?.get(..4)?;
    let character = char::from_u32(u32::from_str_radix(digits, 16).ok()?)?;
    Some((character, backslashes + 5))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TOKEN: &str = "AQCEAAAAKgAAAAMAAAAAAAAAAfp/8Q+Zs1mW==";

    fn redactor() -> Redactor {
        Redactor::new(vec![Secret::new(TOKEN), Secret::new("t0")], &["/input/my_token".to_owned()], &[])
    }

    #[test]
    fn a_token_is_hidden_in_whatever_form_json_and_urls_give_it() {
        for form in [
            TOKEN.to_owned(),
            TOKEN.replace('/', r"\/"),
            TOKEN.replace('/', r"\\\/"),
            TOKEN.replace('A', r"\u0041"),
            "AQCEAAAAKgAAAAMAAAAAAAAAAfp%2F8Q%2BZs1mW%3D%3D".to_owned(),
        ] {
            assert_eq!(redactor().text(&format!("a {form} b")), "a [redacted] b", "{form}");
        }
        assert_eq!(redactor().text("t0 is not at0"), "[redacted] is not at0");
    }

    #[test]
    fn what_stands_under_a_secrets_name_is_hidden_in_any_spelling() {
        for (text, expected) in [
            (r#"{"task-token" : "x", "a": "b"}"#, r#"{"task-token" : "[redacted]", "a": "b"}"#),
            (r#"{\"SWF_TASK_TOKEN\":\"x\\\"y\"}"#, r#"{\"SWF_TASK_TOKEN\":\"[redacted]\"}"#),
            (r#"{"task\u0054oken":"x"}"#, r#"{"task\u0054oken":"[redacted]"}"#),
            (r#"[{"name":"TASK_TOKEN","value":"x"}]"#, r#"[{"name":"TASK_TOKEN","value":"[redacted]"}]"#),
            (r#"{"value":"x","name":"TASK_TOKEN"}"#, r#"{"value":"[redacted]","name":"TASK_TOKEN"}"#),
            (r#"["--task-token", "x"]"#, r#"["--task-token", "[redacted]"]"#),
            ("render --taskToken=x --frame 7", "render --taskToken=[redacted] --frame 7"),
            ("render --task-token --frame 7", "render --task-token --frame 7"),
            ("TASK_TOKEN=x python3", "TASK_TOKEN=[redacted] python3"),
            (r#"{"MyToken": "x"}"#, r#"{"MyToken": "[redacted]"}"#),
            (
                r#"{"a": "taskToken", "b": "c"} no taskToken: "#,
                r#"{"a": "taskToken", "b": "c"} no taskToken: "#,
            ),
        ] {
            assert_eq!(redactor().text(text), expected);
        }
    }

    #[test]
    fn a_value_has_no_secret_in_its_texts_and_names() {
        let value = json!({
            "input": {"TaskToken": 7, "responseUrl": {"kept": "a"}},
            "list": [{"name": "TASK_TOKEN", "value": "x"}, "--task-token", "x", "--task-token", "--y"],
            TOKEN: true,
        });
        let expected = json!({
            "input": {"TaskToken": "[redacted]", "responseUrl": {"kept": "a"}},
            "list": [{"name": "TASK_TOKEN", "value": "[redacted]"}, "--task-token", "[redacted]", "--task-token", "--y"],
            "[redacted]": true,
        });
        assert_eq!(redactor().value(value), expected);
    }

    #[test]
    fn a_url_hides_itself_and_not_every_other() {
        let url = "https://bucket.s3.eu-west-1.amazonaws.com/x?X-Amz-Signature=abcdef";
        let redactor = Redactor::new(vec![Secret::new(url)], &[], &[]);
        assert_eq!(
            redactor.text(&format!("PUT {url} failed, see https://example.com")),
            "PUT [redacted] failed, see https://example.com"
        );
    }
}
