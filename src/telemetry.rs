//! Logs and metrics: one line an event, and CloudWatch metrics once an invocation.
//!
//! A failure is logged once, here, where its record is settled. What a line may hold is picked member by member: no body, no token, no
//! request is ever passed to a logger. Other crates are heard only from WARN on, because some of them print
//! payloads at TRACE.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::time::{Duration, SystemTime};

use serde_json::{Map, Value, json};
use tracing::Level;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

use failure_event::envelope::Record;
use failure_event::outcome::{Outcome, Registered, Retry};
use failure_event::place::Place;
use failure_event::route::Subject;
use failure_event::text::Truncation;

use crate::emf;
use crate::log_line::{self, BoundedLines};

/// Every metric, and its unit. Those of leases and claims stand only in lines of events that had some.
pub const METRICS: [(&str, &str); 13] = [
    ("Relayed", "Count"),
    ("AlreadySettled", "Count"),
    ("DeadLettered", "Count"),
    ("Retried", "Count"),
    ("Parked", "Count"),
    ("Ignored", "Count"),
    ("Truncated", "Count"),
    (REPORT_AGE, "Milliseconds"),
    ("LeaseTaken", "Count"),
    ("LeaseRenewed", "Count"),
    ("LeaseReleased", "Count"),
    ("Claimed", "Count"),
    ("ClaimReleased", "Count"),
];

const REPORT_AGE: &str = "ReportAge";

/// CloudWatch takes at most this many values of a metric in one line.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>
const VALUES_PER_LINE_MAX: usize = 100;

/// The dimension of events whose kind is not one of those that are listed.
const UNKNOWN_KIND: &str = "unknown";

/// How one event ended, as it is told.
#[derive(Debug)]
pub struct Report<'a> {
    /// The record's place in its invocation, from 0.
    pub index: usize,
    /// The record that carried it.
    pub record: &'a Record<'a>,
    /// What is known of it.
    pub subject: &'a Subject,
    /// How it ended.
    pub outcome: &'a Outcome,
    /// How long the relay worked on it.
    pub duration: Duration,
    /// From its `time` to now; `None` where it has none.
    pub age: Option<Duration>,
    /// Where the call went or would have gone; `None` where none was decided on.
    pub place: Option<&'a Place>,
    /// The texts of the request that did not fit.
    pub truncations: &'a [Truncation],
}

/// Who is told how events end: the function writes [`Lines`], a rehearsal shows it to a person.
///
/// It is called between two steps of the relay, so it must not wait.
pub trait Observer: std::fmt::Debug + Send + Sync {
    /// An event has ended, attempted or not.
    fn event_ended(&self, report: &Report<'_>);

    /// All events of one invocation have ended, in the order of their records.
    fn invocation_ended(&self, _reports: &[Report<'_>]) {}
}

/// Writes a log line an event and the metrics of each invocation to standard output.
#[derive(Clone, Copy, Debug)]
pub struct Lines {
    /// The level that metric lines carry: one that the configured level lets through.
    pub metrics_level: &'static str,
}

impl Observer for Lines {
    fn event_ended(&self, report: &Report<'_>) {
        log(report);
    }

    fn invocation_ended(&self, reports: &[Report<'_>]) {
        let mut metrics = Metrics::default();
        for report in reports {
            metrics.count(report);
        }
        print(&metrics.lines(SystemTime::now(), self.metrics_level));
    }
}

/// Starts logging to standard output, one line an event. `function` is who says that it panicked.
pub fn start(function: &'static str, level: Option<Level>, json: bool) {
    let ours = LevelFilter::from(level);
    let filter = Targets::new()
        .with_target("failure_relay", ours)
        .with_target("failure_watch", ours)
        // It repeats each failed invocation, which is told above in full.
        .with_target("lambda_runtime::layers::panic", LevelFilter::OFF)
        .with_default(ours.min(LevelFilter::WARN));
    let lines = fmt::layer().with_target(false).with_ansi(false).with_writer(BoundedLines { is_json: json });
    let lines = if json {
        lines.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed()
    } else {
        lines.boxed()
    };
    // It fails only where logging was started before, by whoever embeds the relay.
    let _ = tracing_subscriber::registry().with(lines.with_filter(filter)).try_init();
    std::panic::set_hook(Box::new(move |panic| {
        // The panic's message may quote what it was about, so only its place is told.
        let place = panic.location().map(ToString::to_string);
        tracing::error!(place, "{function} panicked; what it was working on is tried again");
    }));
}

/// Writes the line of one event.
pub fn log(report: &Report<'_>) {
    let (record, subject) = (report.record, report.subject);
    let dead_letter = match report.outcome {
        Outcome::DeadLettered(reason) => Some(reason),
        _ => None,
    };
    let retry_reason = report.outcome.reason_to_retry().map(Retry::sentence);
    let untold = subject.untold.as_ref();
    // An id is longer than what is shown of it only where somebody chose it: its start is searched for secrets.
    let record_id = record.id().map(|id| subject.secrets.redact_id(id));
    let trace_header = record.sqs_delivery().and_then(|delivery| delivery.trace_header.as_deref());
    let trace_id = trace_header.map(|id| subject.secrets.redact_id(id));
    let text = |text| Some((text, log_line::TEXT_MAX));
    let texts = log_line::fitted([
        subject.header.id.as_deref().and_then(text),
        subject.header.source.as_deref().and_then(text),
        subject.publisher.as_deref().and_then(text),
        record_id.as_deref().and_then(text),
        trace_id.as_deref().and_then(text),
        report.outcome.service_error().and_then(text),
        untold.and_then(|untold| text(&untold.failure_type)),
        untold.map(|untold| (untold.message.as_str(), log_line::FAILURE_MESSAGE_MAX)),
        retry_reason.as_deref().and_then(text),
        dead_letter.map(|reason| (reason.message.as_str(), log_line::ERROR_MESSAGE_MAX)),
    ]);
    let [
        event_id,
        source,
        publisher,
        record_id,
        trace_id,
        service_error,
        failure_type,
        failure_message,
        retry_reason,
        error_message,
    ] = texts.each_ref().map(Option::as_deref);
    macro_rules! line {
        ($level:expr) => {{
            tracing::event!(
                $level,
                outcome = report.outcome.as_str(),
                target_kind = subject.kind.map(|kind| kind.name()),
                target_fingerprint = subject.fingerprint.as_deref(),
                event_id,
                source,
                publisher,
                record_id,
                receives = record.origin.receives,
                duration_ms = millis(report.duration),
                age_ms = report.age.map(millis),
                error_code = dead_letter.map(|reason| reason.code.as_str()),
                error_message,
                service_error,
                failure_type,
                failure_message,
                retry_reason,
                trace_id,
                "{}",
                summary(report)
            )
        }};
    }
    match report.outcome {
        Outcome::Relayed | Outcome::AlreadySettled(_) => line!(Level::INFO),
        Outcome::Retry(_) | Outcome::Parked(_) => line!(Level::WARN),
        Outcome::DeadLettered(_) => line!(Level::ERROR),
        Outcome::Ignored | Outcome::Registered(Registered::LeaseRenewed) => line!(Level::DEBUG),
        Outcome::Registered(_) => line!(Level::INFO),
    }
}

fn summary(report: &Report<'_>) -> String {
    let kind = report.subject.kind.map_or("event", |kind| kind.name());
    format!("{kind} {}", report.outcome.as_str())
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The metrics of one invocation, per kind of target.
#[derive(Debug, Default)]
pub struct Metrics {
    by_kind: BTreeMap<&'static str, Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    relayed: u64,
    already_settled: u64,
    dead_lettered: u64,
    retried: u64,
    parked: u64,
    ignored: u64,
    truncated: u64,
    registered: BTreeMap<Registered, u64>,
    ages_ms: Vec<u64>,
}

impl Metrics {
    /// Counts one event.
    pub fn count(&mut self, report: &Report<'_>) {
        let counts =
            self.by_kind.entry(report.subject.kind.map_or(UNKNOWN_KIND, |kind| kind.name())).or_default();
        match report.outcome {
            Outcome::Relayed => {
                counts.relayed += 1;
                counts.truncated += u64::from(!report.truncations.is_empty());
                counts.ages_ms.extend(report.age.map(millis));
            }
            Outcome::AlreadySettled(_) => counts.already_settled += 1,
            Outcome::DeadLettered(_) => counts.dead_lettered += 1,
            Outcome::Ignored => counts.ignored += 1,
            Outcome::Registered(registered) => *counts.registered.entry(*registered).or_default() += 1,
            Outcome::Retry(_) => counts.retried += 1,
            Outcome::Parked(_) => counts.parked += 1,
        }
    }

    /// The lines in CloudWatch's embedded metric format. `level` is one that the configured level lets through.
    #[must_use]
    pub fn lines(&self, now: SystemTime, level: &str) -> String {
        let mut lines = String::new();
        for (kind, counts) in &self.by_kind {
            let mut ages = counts.ages_ms.chunks(VALUES_PER_LINE_MAX);
            let mut values = counts.values();
            if let Some(ages) = ages.next() {
                values.insert(REPORT_AGE.to_owned(), json!(ages));
            }
            // Writing to a String cannot fail.
            let _ = writeln!(lines, "{}", line_of(kind, values, now, level));
            for ages in ages {
                let values = Map::from_iter([(REPORT_AGE.to_owned(), json!(ages))]);
                let _ = writeln!(lines, "{}", line_of(kind, values, now, level));
            }
        }
        lines
    }
}

impl Counts {
    fn values(&self) -> Map<String, Value> {
        let counts = [
            self.relayed,
            self.already_settled,
            self.dead_lettered,
            self.retried,
            self.parked,
            self.ignored,
            self.truncated,
        ];
        let counted = METRICS.iter().zip(counts).map(|((name, _), count)| (*name, count));
        // Where there are no leases, there are no metrics of them.
        let registered = self.registered.iter().map(|(registered, count)| (registered.metric(), *count));
        counted.chain(registered).map(|(name, count)| (name.to_owned(), json!(count))).collect()
    }
}

/// The line of a kind: its metrics count for the kind, and for all kinds together.
fn line_of(kind: &str, mut values: Map<String, Value>, now: SystemTime, level: &str) -> Value {
    values.insert("TargetKind".to_owned(), json!(kind));
    emf::line(values, &METRICS, &[&["TargetKind"], &[]], now, level)
}

/// A level that passes the configured one, for lines that are written at every level.
#[must_use]
pub fn passing_level(configured: Option<Level>) -> &'static str {
    match configured {
        None => "FATAL",
        Some(Level::ERROR) => "ERROR",
        Some(Level::WARN) => "WARN",
        Some(_) => "INFO",
    }
}

/// Writes lines to standard output, in one piece.
pub fn print(lines: &str) {
    // A function whose standard output is closed has nobody to tell.
    let _ = std::io::stdout().lock().write_all(lines.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;

    fn emf(counts: Counts) -> Vec<Value> {
        let metrics = Metrics { by_kind: BTreeMap::from([("swf-activity-task", counts)]) };
        let lines = metrics.lines(UNIX_EPOCH + Duration::from_millis(1_700_000_000_123), "INFO");
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn a_line_names_each_metric_that_it_holds() {
        let lines = emf(Counts { relayed: 2, truncated: 1, ages_ms: vec![5, 7], ..Counts::default() });
        let [line] = lines.as_slice() else { panic!("{lines:?}") };
        assert_eq!(line["Relayed"], 2);
        assert_eq!(line["ReportAge"], json!([5, 7]));
        assert_eq!(line["TargetKind"], "swf-activity-task");
        assert_eq!(line["_aws"]["Timestamp"], 1_700_000_000_123_u64);
        assert_eq!(line["timestamp"], "2023-11-14T22:13:20.123Z");
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(directive["Dimensions"], json!([["TargetKind"], []]));
        for metric in directive["Metrics"].as_array().unwrap() {
            assert!(!line[metric["Name"].as_str().unwrap()].is_null());
        }
        assert_eq!(directive["Metrics"].as_array().unwrap().len(), 8, "those of leases are not there");
    }

    #[test]
    fn more_than_a_hundred_ages_take_further_lines_that_count_nothing_twice() {
        let lines = emf(Counts { relayed: 250, ages_ms: vec![1; 250], ..Counts::default() });
        let ages: Vec<usize> = lines.iter().map(|line| line["ReportAge"].as_array().unwrap().len()).collect();
        assert_eq!(ages, [100, 100, 50]);
        assert_eq!(lines.iter().filter_map(|line| line["Relayed"].as_u64()).sum::<u64>(), 250);
    }

    #[test]
    fn metrics_pass_every_configured_level() {
        let levels = [Some(Level::TRACE), Some(Level::INFO), Some(Level::WARN), Some(Level::ERROR), None];
        assert_eq!(levels.map(passing_level), ["INFO", "INFO", "WARN", "ERROR", "FATAL"]);
    }
}
