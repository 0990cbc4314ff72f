//! The relay's log lines about what is looked for, out of all its log groups.

use std::time::SystemTime;

use aws_config::SdkConfig;
use failure_event::arn::Arn;
use failure_event::cloudwatch_logs::{
    CONDITIONS_MAX, FILTER_LOG_EVENTS, LogLine, filter_form, page, pattern,
};
use failure_event::event::parse_time;
use failure_event::place::Place as Region;
use failure_watch::services::{Aws, Services};
use serde_json::{Map, Value};
use time::OffsetDateTime;

use super::Wanted;
use super::place::Place;
use crate::exit::Problem;

/// A log line of either function.
#[derive(Clone, Debug)]
pub struct Line {
    /// When it was written, as it says itself.
    pub at: OffsetDateTime,
    /// The log group that holds it.
    pub group: String,
    /// The stream in that group.
    pub stream: String,
    members: Map<String, Value>,
}

impl Line {
    /// A line that is a JSON object; nothing else is one of the functions' own.
    #[must_use]
    pub fn read(line: &LogLine, group: &str) -> Option<Self> {
        let Ok(Value::Object(members)) = serde_json::from_str(&line.text) else { return None };
        let own = members.get("timestamp").and_then(Value::as_str).and_then(parse_time);
        let at = || OffsetDateTime::from_unix_timestamp_nanos(i128::from(line.at) * 1_000_000).ok();
        Some(Self { at: own.or_else(at)?, group: group.to_owned(), stream: line.stream.clone(), members })
    }

    /// A member that is a text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.members.get(name)?.as_str()
    }

    /// A member that is a number.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<u64> {
        self.members.get(name)?.as_u64()
    }
}

/// All lines that are about what is wanted, in the order of time.
///
/// # Errors
/// A log group cannot be read.
pub async fn read(
    services: &Aws,
    place: &Place,
    config: &SdkConfig,
    wanted: &Wanted,
    since: SystemTime,
) -> Result<Vec<Line>, Problem> {
    let own_region = config.region().map(ToString::to_string).unwrap_or_default();
    let since = since.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
    let since = i64::try_from(since).unwrap_or(i64::MAX);
    let conditions = wanted.conditions();
    let mut lines = Vec::new();
    for group in &place.log_groups {
        // A log group in another region says so in its ARN.
        let region = Arn::parse(group).map_or(own_region.as_str(), |arn| arn.region);
        let region = Region { region: region.to_owned(), account: None };
        // Two conditions of one pattern may meet in one line, those of two patterns not: a line is about one event.
        for conditions in conditions.chunks(CONDITIONS_MAX) {
            let found = of_group(services, group, &region, conditions, since).await?;
            let lines_of = found.iter().filter_map(|line| Line::read(line, group));
            lines.extend(lines_of.filter(|line| is_meant(line, conditions)));
        }
    }
    lines.sort_by_key(|line| line.at);
    Ok(lines)
}

/// A pattern takes a `*` in an id for anything.
fn is_meant(line: &Line, conditions: &[(&str, &str)]) -> bool {
    conditions.iter().any(|(member, value)| line.text(member) == Some(value))
}

async fn of_group(
    services: &Aws,
    group: &str,
    region: &Region,
    conditions: &[(&str, &str)],
    since: i64,
) -> Result<Vec<LogLine>, Problem> {
    let trouble = |what: String| Problem::service(format!("log group {group}: {what}"));
    let pattern = pattern(conditions);
    let (mut lines, mut next) = (Vec::new(), None::<String>);
    loop {
        let form = filter_form(group, &pattern, since, next.as_deref());
        let answer = services.ask(&FILTER_LOG_EVENTS, form, region).await;
        let answer = answer.map_err(|error| {
            let said = error.message.as_deref().map(|message| format!(": {message}")).unwrap_or_default();
            trouble(format!("CloudWatch Logs {}{said}", error.as_predicate()))
        })?;
        let read = page(&answer).map_err(|_| trouble("answered what is not JSON".to_owned()))?;
        lines.extend(read.lines);
        // The token of the last page, given once more, would go on for ever.
        if read.next.is_none() || read.next == next {
            return Ok(lines);
        }
        next = read.next;
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A line of the relay, written so many milliseconds after a moment.
    pub(crate) fn line(after_ms: i64, members: &str) -> Line {
        let at = 1_795_169_730_000 + after_ms;
        let line = LogLine { at, stream: "stream".to_owned(), text: members.to_owned() };
        Line::read(&line, "/aws/lambda/relay").unwrap()
    }

    #[test]
    fn a_line_is_as_old_as_it_says_itself() {
        let own = line(0, r#"{"timestamp":"2026-01-01T00:00:00.250Z","event_id":"x","receives":3}"#);
        assert_eq!(own.at, parse_time("2026-01-01T00:00:00.250Z").unwrap());
        assert_eq!((own.text("event_id"), own.number("receives")), (Some("x"), Some(3)));
        assert_eq!(line(0, "{}").at, parse_time("2026-11-20T10:15:30Z").unwrap());
    }

    #[test]
    fn a_star_in_an_id_stands_for_itself() {
        let conditions = [("event_id", "render-*"), ("record_id", "render-*")];
        assert!(is_meant(&line(0, r#"{"event_id":"render-*"}"#), &conditions));
        assert!(!is_meant(&line(0, r#"{"event_id":"render-7"}"#), &conditions));
    }

    #[test]
    fn what_is_no_json_object_is_no_line_of_the_relay() {
        for text in ["START RequestId: 1", "[]", "7"] {
            let line = LogLine { at: 0, stream: String::new(), text: text.to_owned() };
            assert!(Line::read(&line, "g").is_none(), "{text}");
        }
    }
}
