//! The steps of an event's way, told from its log lines: values in, values out.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use time::OffsetDateTime;

use super::execution::Task;
use super::line::Line;
use crate::dlq::FoundLetter;

/// Outcomes after which an event does not come back.
const FINAL: [&str; 3] = ["relayed", "already-settled", "ignored"];

/// One step.
#[derive(Clone, Debug)]
pub struct Step {
    /// When it was taken.
    pub at: OffsetDateTime,
    /// What it is called: an outcome of the relay, or `waits`, `failed`, `received`, `noted`, `dead letter`.
    pub name: String,
    /// What there is to know, for people.
    pub what: String,
    /// The event that took it, where it is one's.
    pub event_id: Option<String>,
    /// The fingerprint of the task or job.
    pub fingerprint: Option<String>,
    /// The line that tells it: log group and stream.
    pub told_in: Option<(String, String)>,
}

impl Step {
    /// Whether the relay knows of it: that a task waits says nothing of that.
    #[must_use]
    pub fn is_of_relay(&self) -> bool {
        self.name != "waits"
    }
}

/// Whether every event of these lines has come to an end that needs nobody.
#[must_use]
pub fn is_over(lines: &[Line]) -> bool {
    let last = last_outcomes(lines);
    !last.is_empty() && last.values().all(|line| line.text("outcome").is_some_and(is_final))
}

fn is_final(outcome: &str) -> bool {
    FINAL.contains(&outcome) || outcome.starts_with("lease-") || outcome.starts_with("claim")
}

/// The last line with an outcome of each event, by its id; lines are in the order of time.
#[must_use]
pub fn last_outcomes(lines: &[Line]) -> BTreeMap<&str, &Line> {
    let of_events = lines.iter().filter(|line| line.text("outcome").is_some());
    of_events.filter_map(|line| Some((line.text("event_id")?, line))).collect()
}

/// A task of an execution that began to wait.
#[must_use]
pub fn of_task(task: &Task) -> Step {
    let token = match &task.fingerprint {
        Some(fingerprint) => format!("for its task token {fingerprint} to be sent"),
        None => "for a task token that was not found in its parameters".to_owned(),
    };
    Step {
        at: task.since.unwrap_or(OffsetDateTime::UNIX_EPOCH),
        name: "waits".to_owned(),
        what: format!("state {} waits {token}", task.state),
        event_id: None,
        fingerprint: task.fingerprint.clone(),
        told_in: None,
    }
}

/// A letter that lies in the dead-letter queue now.
#[must_use]
pub fn of_letter(letter: &FoundLetter) -> Step {
    Step {
        at: letter.sent.map_or(OffsetDateTime::UNIX_EPOCH, OffsetDateTime::from),
        name: "dead letter".to_owned(),
        what: format!("{} lies in the dead-letter queue: relayctl dlq show {}", letter.code, letter.id),
        event_id: letter.event_id.clone(),
        fingerprint: letter.fingerprint.clone(),
        told_in: None,
    }
}

/// The steps that lines tell. What is parked comes back within `parked_at_most`.
#[must_use]
pub fn of_lines(lines: &[Line], parked_at_most: Duration) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut dated = BTreeSet::new();
    for line in lines {
        let step = |at: OffsetDateTime, name: &str, what: String| Step {
            at,
            name: name.to_owned(),
            what,
            event_id: line.text("event_id").map(str::to_owned),
            fingerprint: line.text("target_fingerprint").map(str::to_owned),
            told_in: Some((line.group.clone(), line.stream.clone())),
        };
        let Some(outcome) = line.text("outcome") else {
            steps.push(step(line.at, "noted", line.text("message").unwrap_or_default().to_owned()));
            continue;
        };
        // Each try tells the age once more: the first is enough.
        if let Some(failed) = before(line, "age_ms").filter(|_| dated.insert(line.text("event_id"))) {
            steps.push(step(failed, "failed", "as the event's own time has it".to_owned()));
        }
        let received = before(line, "duration_ms").unwrap_or(line.at);
        steps.push(step(received, "received", receipt(line)));
        steps.push(step(line.at, outcome, result(line, outcome, parked_at_most)));
    }
    steps
}

/// So many milliseconds before the line was written.
fn before(line: &Line, member: &str) -> Option<OffsetDateTime> {
    let millis = i64::try_from(line.number(member)?).ok()?;
    line.at.checked_sub(time::Duration::milliseconds(millis))
}

fn receipt(line: &Line) -> String {
    let times = line.number("receives").map(|receives| format!("receive {receives}"));
    let source = line.text("source").map(|source| format!("source {source}"));
    let publisher = line.text("publisher").map(|publisher| format!("sent by {publisher}"));
    [times, source, publisher].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn result(line: &Line, outcome: &str, parked_at_most: Duration) -> String {
    let target = || {
        let parts = [line.text("target_kind"), line.text("target_fingerprint")];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    };
    let reason =
        || line.text("retry_reason").unwrap_or("for a reason that the line does not tell").to_owned();
    match outcome {
        "relayed" => format!("{} was told", target()),
        "already-settled" => {
            format!(
                "{} waited no longer: {}",
                target(),
                line.text("service_error").unwrap_or("no error named")
            )
        }
        "dead-lettered" => {
            let parts = [line.text("error_code"), line.text("error_message")];
            parts.into_iter().flatten().collect::<Vec<_>>().join(": ")
        }
        "parked" => match line.at.checked_add(time::Duration::try_from(parked_at_most).unwrap_or_default()) {
            Some(back) => format!("{}; it is back by {}", reason(), rfc3339(back)),
            None => reason(),
        },
        "retry" => reason(),
        _ => target(),
    }
}

/// A moment to the millisecond, which is as fine as the lines tell durations.
#[must_use]
pub fn rfc3339(moment: OffsetDateTime) -> String {
    let (date, time) = (moment.date(), moment.time());
    format!("{date}T{:02}:{:02}:{:02}.{:03}Z", time.hour(), time.minute(), time.second(), time.millisecond())
}

#[cfg(test)]
mod tests {
    use super::super::line::tests::line;
    use super::*;

    fn told(lines: &[Line]) -> Vec<(String, String, String)> {
        let mut steps = of_lines(lines, Duration::from_mins(15));
        steps.sort_by_key(|step| step.at);
        steps.into_iter().map(|step| (rfc3339(step.at)[11..].to_owned(), step.name, step.what)).collect()
    }

    fn tuple(at: &str, name: &str, what: &str) -> (String, String, String) {
        (at.to_owned(), name.to_owned(), what.to_owned())
    }

    const PARKED: &str = r#"{"outcome":"parked","event_id":"e","target_kind":"step-functions-task","target_fingerprint":"f","receives":3,"duration_ms":2000,"age_ms":90000,"source":"farm","publisher":"AIDA","retry_reason":"the service answered with ServiceUnavailable (HTTP 503)"}"#;
    const RELAYED: &str = r#"{"outcome":"relayed","event_id":"e","target_kind":"step-functions-task","target_fingerprint":"f","receives":4,"duration_ms":50,"age_ms":690000}"#;

    #[test]
    fn the_way_is_told_in_the_order_in_which_it_was_gone() {
        assert_eq!(
            told(&[line(0, PARKED), line(600_000, RELAYED)]),
            [
                tuple("10:14:00.000Z", "failed", "as the event's own time has it"),
                tuple("10:15:28.000Z", "received", "receive 3, source farm, sent by AIDA"),
                tuple(
                    "10:15:30.000Z",
                    "parked",
                    "the service answered with ServiceUnavailable (HTTP 503); it is back by 2026-11-20T10:30:30.000Z"
                ),
                tuple("10:25:29.950Z", "received", "receive 4"),
                tuple("10:25:30.000Z", "relayed", "step-functions-task f was told"),
            ]
        );
    }

    #[test]
    fn each_outcome_has_its_reason() {
        let what = |members: &str| told(&[line(0, members)]).pop().unwrap();
        assert_eq!(
            what(
                r#"{"outcome":"dead-lettered","error_code":"INVALID_EVENT","error_message":"target: is missing"}"#
            ),
            tuple("10:15:30.000Z", "dead-lettered", "INVALID_EVENT: target: is missing")
        );
        assert_eq!(
            what(r#"{"outcome":"already-settled","target_kind":"k","service_error":"TaskTimedOut"}"#).2,
            "k waited no longer: TaskTimedOut"
        );
        assert_eq!(what(r#"{"outcome":"retry"}"#).2, "for a reason that the line does not tell");
        assert_eq!(what(r#"{"message":"a task waits"}"#), tuple("10:15:30.000Z", "noted", "a task waits"));
    }

    #[test]
    fn nothing_is_over_while_the_last_line_of_one_event_leaves_it_open() {
        assert!(is_over(&[line(0, PARKED), line(1, RELAYED)]));
        assert!(!is_over(&[line(0, RELAYED), line(1, PARKED)]));
        let other = r#"{"outcome":"dead-lettered","event_id":"other"}"#;
        assert!(!is_over(&[line(0, RELAYED), line(1, other)]));
        assert!(!is_over(&[]));
        assert!(is_over(&[line(0, r#"{"outcome":"lease-taken","event_id":"e"}"#)]));
    }
}
