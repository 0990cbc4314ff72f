//! CloudWatch Logs: the lines of a log group that tell one thing, where every line is a JSON object, and the last lines of a stream.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html>
//! <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetLogEvents.html>

use serde_json::json;

use crate::json::{Json, NotJson};
use crate::operation::{EndpointException, Operation, Service, Wire};
use crate::request::HttpForm;

/// Amazon CloudWatch Logs
pub const CLOUDWATCH_LOGS: Service = Service {
    name: "CloudWatch Logs",
    endpoint_prefix: "logs",
    exceptions: &[
        EndpointException::fips("us-gov-east-1", "logs"),
        EndpointException::fips("us-gov-west-1", "logs"),
    ],
    signing_name: "logs",
    endpoint_variable: "CLOUDWATCH_LOGS",
};

const WIRE: Wire = Wire::AwsJson { version: "1.1", target: "Logs_20140328" };

/// `FilterLogEvents`
pub static FILTER_LOG_EVENTS: Operation = Operation {
    service: &CLOUDWATCH_LOGS,
    name: "FilterLogEvents",
    action: Some("logs:FilterLogEvents"),
    wire: WIRE,
};

/// `GetLogEvents`
pub static GET_LOG_EVENTS: Operation = Operation {
    service: &CLOUDWATCH_LOGS,
    name: "GetLogEvents",
    action: Some("logs:GetLogEvents"),
    wire: WIRE,
};

/// The most conditions of one pattern: it may have 1,024 characters, and one condition on a fingerprint takes fifty.
pub const CONDITIONS_MAX: usize = 15;

/// A line of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// When it was written, in milliseconds since 1970.
    pub at: i64,
    /// The stream that holds it.
    pub stream: String,
    /// The line itself.
    pub text: String,
}

/// A page of lines, and the token of the page after it. A page may be empty and not the last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogPage {
    /// Its lines.
    pub lines: Vec<LogLine>,
    /// `None` after the last page.
    pub next: Option<String>,
}

/// The pattern of lines that have one of these values in one of these members. A `*` in a value stands for anything: whoever reads the
/// lines compares once more.
#[must_use]
pub fn pattern(conditions: &[(&str, &str)]) -> String {
    let quoted = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"");
    let condition = |(member, value): &(&str, &str)| format!("($.{member} = \"{}\")", quoted(value));
    format!("{{ {} }}", conditions.iter().map(condition).collect::<Vec<_>>().join(" || "))
}

/// The next page of the lines of a log group, a name or an ARN, that match a pattern; `since` is in milliseconds since 1970.
#[must_use]
pub fn filter_form(group: &str, pattern: &str, since: i64, next: Option<&str>) -> HttpForm {
    let (member, group) = if group.starts_with("arn:") {
        // As CloudFormation writes a log group's ARN, it stands for all its streams.
        ("logGroupIdentifier", group.trim_end_matches(":*"))
    } else {
        ("logGroupName", group)
    };
    let mut body = json!({member: group, "filterPattern": pattern, "startTime": since});
    if let Some(next) = next {
        body["nextToken"] = json!(next);
    }
    HttpForm::of(&FILTER_LOG_EVENTS, body.to_string())
}

/// The lines of a page.
///
/// # Errors
/// The page is not JSON.
pub fn page(answer: &str) -> Result<LogPage, NotJson> {
    let Some(answer) = Json::parse(answer)?.object() else { return Ok(LogPage::default()) };
    let events = answer.member("events").and_then(Json::array).unwrap_or_default();
    let line = |event: Json<'_>| {
        let event = event.object()?;
        Some(LogLine {
            at: event.member("timestamp")?.text().parse().ok()?,
            stream: event.description("logStreamName").unwrap_or_default().into_owned(),
            text: event.text("message")?.into_owned(),
        })
    };
    let lines = events.into_iter().filter_map(line).collect();
    Ok(LogPage { lines, next: answer.description("nextToken").map(std::borrow::Cow::into_owned) })
}

/// The last `count` lines of a stream, in their order.
#[must_use]
pub fn last_lines_form(group: &str, stream: &str, count: u32) -> HttpForm {
    let body =
        json!({"logGroupName": group, "logStreamName": stream, "limit": count, "startFromHead": false});
    HttpForm::of(&GET_LOG_EVENTS, body.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_asks_for_any_of_its_conditions_and_quotes_what_a_publisher_chose() {
        let conditions = [("event_id", r#"a"b\c"#), ("target_fingerprint", "9747f4cb18cad243")];
        assert_eq!(
            pattern(&conditions),
            r#"{ ($.event_id = "a\"b\\c") || ($.target_fingerprint = "9747f4cb18cad243") }"#
        );
        let longest = [("target_fingerprint", "9747f4cb18cad243"); CONDITIONS_MAX];
        assert!(pattern(&longest).len() <= 1024);
    }

    #[test]
    fn a_group_is_named_or_identified_by_its_arn() {
        let named = filter_form("/aws/lambda/relay", "{ x }", 7, None);
        assert_eq!(named.headers[1].1, "Logs_20140328.FilterLogEvents");
        assert_eq!(
            named.body,
            r#"{"filterPattern":"{ x }","logGroupName":"/aws/lambda/relay","startTime":7}"#
        );
        let identified = filter_form("arn:aws:logs:eu-west-1:1:log-group:relay:*", "{ x }", 7, Some("n"));
        assert_eq!(
            identified.body,
            r#"{"filterPattern":"{ x }","logGroupIdentifier":"arn:aws:logs:eu-west-1:1:log-group:relay","nextToken":"n","startTime":7}"#
        );
    }

    #[test]
    fn a_page_may_be_empty_and_not_the_last() {
        assert_eq!(
            page(r#"{"events":[],"nextToken":"n"}"#),
            Ok(LogPage { lines: vec![], next: Some("n".to_owned()) })
        );
        let read =
            page(r#"{"events":[{"timestamp":5,"message":"{}","logStreamName":"s"},{"timestamp":"x"}]}"#);
        let line = LogLine { at: 5, stream: "s".to_owned(), text: "{}".to_owned() };
        assert_eq!(read, Ok(LogPage { lines: vec![line], next: None }));
        assert!(page("<html>").is_err());
        assert_eq!(page("[]"), Ok(LogPage::default()));
    }
}
