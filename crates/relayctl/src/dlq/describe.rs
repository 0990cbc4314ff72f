//! Letters for people and scripts: a row, a line of JSON, a page. Secrets stay out unless they are asked for.

use std::time::SystemTime;

use failure_event::json::Json;
use failure_event::secret::fingerprint;
use failure_event::secret_names::SecretNames;
use failure_event::target::Kind;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::judge::Judge;
use super::letter::{Letter, short};

/// What stands for a body that may hold a secret which cannot be told.
const HIDDEN_BODY: &str = "(not JSON: it may hold a token, --show-secrets shows it)";

/// A letter as one JSON object.
#[must_use]
pub fn as_json(letter: &Letter) -> Value {
    let all = json!({
        "id": letter.id(),
        "writer": letter.writer().name(),
        "code": letter.code(),
        "reason": non_empty(letter.reason()),
        "targetKind": letter.kind(),
        "eventId": letter.event_id(),
        "source": letter.source(),
        "publisher": letter.publisher(),
        "home": letter.home(),
        "sourceMessageId": letter.source_message_id(),
        "sent": letter.sent().map(rfc3339),
        "receives": letter.receives(),
        "redrives": letter.redrives(),
        "group": letter.group(),
        "bodyBytes": letter.body().len(),
    });
    without_nulls(all)
}

/// A letter as the cells of a row, in the order of [`HEADER`].
#[must_use]
pub fn as_row(letter: &Letter, now: SystemTime) -> [String; 7] {
    [
        letter.id().chars().take(ID_CHARACTERS).collect(),
        letter.sent().map(|sent| age(sent, now)).unwrap_or_default(),
        letter.code().to_owned(),
        letter.kind().unwrap_or("-").to_owned(),
        letter.source().map_or("-", short).to_owned(),
        letter.publisher().unwrap_or("-").to_owned(),
        letter.reason().to_owned(),
    ]
    .map(|cell| on_one_line(&cell))
}

/// A text as a terminal may get it: whoever wrote the letter chose its attributes.
#[must_use]
pub fn on_one_line(text: &str) -> String {
    text.replace(char::is_control, " ")
}

/// So much of an id tells letters apart, and is what the verbs take in its place; --json has the whole.
const ID_CHARACTERS: usize = 8;

/// The names of a row's cells.
pub const HEADER: [&str; 7] = ["ID", "AGE", "CODE", "KIND", "SOURCE", "PUBLISHER", "REASON"];

/// The body: as it is, or without what it keeps secret.
#[must_use]
pub fn body(letter: &Letter, judge: &Judge, show_secrets: bool) -> String {
    if show_secrets {
        return letter.body().to_owned();
    }
    if Json::parse(letter.body()).is_err() {
        return HIDDEN_BODY.to_owned();
    }
    let Ok(mut value) = serde_json::from_str::<Value>(letter.body().trim_start_matches('\u{feff}')) else {
        return HIDDEN_BODY.to_owned();
    };
    hide_secret_members(&mut value, &SecretNames::with(&judge.task_token_names));
    let text = serde_json::to_string_pretty(&value).unwrap_or_default();
    judge.route(letter, letter.body()).subject.secrets.redact(&text)
}

/// The event's target in words: its kind, and the fingerprint that the relay's logs have for it.
#[must_use]
pub fn target(letter: &Letter, judge: &Judge) -> Option<(Kind, Option<String>)> {
    let subject = judge.route(letter, letter.body()).subject;
    Some((subject.kind?, subject.fingerprint))
}

/// Puts fingerprints in the place of tokens and credentials; JSON in strings is looked through too, as envelopes hold it.
fn hide_secret_members(value: &mut Value, names: &SecretNames) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(text) if names.contains(name) => *text = hidden(text),
                    _ => hide_secret_members(member, names),
                }
            }
            // A variable of an environment: {"name": "TASK_TOKEN", "value": …}.
            hide_secret_variable(value, names);
        }
        Value::Array(items) => items.iter_mut().for_each(|item| hide_secret_members(item, names)),
        Value::String(text) => {
            if let Ok(mut inner @ (Value::Object(_) | Value::Array(_))) = serde_json::from_str::<Value>(text)
            {
                hide_secret_members(&mut inner, names);
                *text = inner.to_string();
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn hide_secret_variable(value: &mut Value, names: &SecretNames) {
    let is_secret = value["name"].as_str().is_some_and(|name| names.contains(name));
    if let Some(Value::String(text)) = value.get_mut("value").filter(|_| is_secret) {
        *text = hidden(text);
    }
}

fn hidden(text: &str) -> String {
    format!("sha256:{}", fingerprint(text))
}

/// How long ago, in its largest unit.
#[must_use]
pub fn age(sent: SystemTime, now: SystemTime) -> String {
    let seconds = now.duration_since(sent).unwrap_or_default().as_secs();
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// A time as RFC 3339 text, to the second.
#[must_use]
pub fn rfc3339(time: SystemTime) -> String {
    let time = OffsetDateTime::from(time);
    time.replace_nanosecond(0).unwrap_or(time).format(&Rfc3339).unwrap_or_default()
}

fn non_empty(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => members.into_iter().filter(|(_, member)| !member.is_null()).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::letter::tests::letter;
    use super::*;

    fn shown(text: &str) -> String {
        body(&letter(text, &[]), &Judge { task_token_names: vec!["MY_TOKEN".to_owned()] }, false)
    }

    #[test]
    fn no_token_is_shown_wherever_it_stands() {
        let bodies = [
            r#"{"target":{"kind":"step-functions-task","taskToken":"SECRET-1"}}"#,
            r#"{"detail":{"MY_TOKEN":"SECRET-1","environment":[{"name":"TASK_TOKEN","value":"SECRET-1"}]}}"#,
            r#"{"Type":"Notification","Message":"{\"target\":{\"clientToken\":\"SECRET-1\"}}"}"#,
            r#"{"CodePipeline.job":{"data":{"artifactCredentials":{"secretAccessKey":"SECRET-1"}}}}"#,
            r#"{"target":{"kind":"swf-activity-task","taskToken":"SECRET-1"},"failure":"SECRET-1 failed"}"#,
            "taskToken=SECRET-1",
        ];
        for text in bodies {
            assert!(!shown(text).contains("SECRET-1"), "{}", shown(text));
        }
    }

    #[test]
    fn what_is_no_secret_is_shown() {
        let text = shown(r#"{"failure":{"message":"disk full","details":{"exitCode":1}}}"#);
        assert!(text.contains("disk full") && text.contains("\"exitCode\": 1"));
        let own = letter("anything", &[]);
        assert_eq!(body(&own, &Judge::default(), true), "anything");
    }

    #[test]
    fn an_age_is_told_in_its_largest_unit() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_hours(1000);
        let ago = |seconds| age(now - Duration::from_secs(seconds), now);
        assert_eq!([5, 600, 10_000, 900_000].map(ago), ["5 s", "10 min", "2 h", "10 d"]);
    }
}
