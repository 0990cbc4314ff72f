//! The board: who plays, how each event ended, and what a person is shown of it.

use std::time::Duration;

use aws_emulator::Work;
use failure_event::dead_letter::Code;
use failure_event::outcome::Outcome;
use failure_event::place::Place;
use failure_event::target::Kind;
use failure_event::text::Truncation;
use failure_relay::telemetry::{Observer, Report};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedSender;

use super::expectation::Expectation;
use crate::output::{Output, Tone, plural};

/// One event of a file.
#[derive(Debug)]
pub struct Part {
    /// The file, and the event's number in it where there are several.
    pub name: String,
    /// How it is to end.
    pub expectation: Expectation,
    /// The task or job that it names.
    pub work: Option<Work>,
    /// How it ended at last.
    pub outcome: Option<Outcome>,
}

impl Part {
    /// What the watch has published for a lease that ran out.
    #[must_use]
    pub fn published(event: &str, work: Option<Work>) -> Self {
        let event: Value = serde_json::from_str(event).unwrap_or_default();
        let name = format!("the watch: {}", event["id"].as_str().unwrap_or_default());
        Self { name, expectation: Expectation::Relayed, work, outcome: None }
    }

    /// Whether it is to be refused as not enabled: it goes to a relay without a table.
    #[must_use]
    pub fn is_without_table(&self) -> bool {
        self.expectation == Expectation::DeadLettered(Some(Code::NotEnabled))
    }

    /// Whether nothing more happens to it.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.outcome.as_ref().is_some_and(is_end)
    }

    fn ended_well(&self) -> bool {
        self.outcome.as_ref().is_some_and(|outcome| self.expectation.is_met_by(outcome))
    }
}

/// Whether nothing more happens to a record that ended so.
fn is_end(outcome: &Outcome) -> bool {
    outcome.reason_to_retry().is_none()
}

/// What the relay tells of one event, taken out of its borrowed report.
#[derive(Debug)]
pub struct Ended {
    /// The record's place in its invocation, from 0.
    pub index: usize,
    /// How it ended.
    pub outcome: Outcome,
    kind: Option<Kind>,
    place: Option<Place>,
    truncations: Vec<Truncation>,
    event_id: Option<String>,
    fingerprint: Option<String>,
    duration: Duration,
}

/// Hands what the relay tells to the stage.
#[derive(Debug)]
pub struct Prompter(pub UnboundedSender<Ended>);

impl Observer for Prompter {
    fn event_ended(&self, report: &Report<'_>) {
        let ended = Ended {
            index: report.index,
            outcome: report.outcome.clone(),
            kind: report.subject.kind,
            place: report.place.cloned(),
            truncations: report.truncations.to_vec(),
            event_id: report.subject.header.id.clone(),
            fingerprint: report.subject.fingerprint.clone(),
            duration: report.duration,
        };
        // The stage listens for as long as the relay runs.
        let _ = self.0.send(ended);
    }
}

/// Shows how events end, and keeps the score.
#[derive(Debug)]
pub struct Board<'o> {
    output: &'o Output,
    bar: ProgressBar,
}

impl<'o> Board<'o> {
    /// A board without any event on it.
    #[must_use]
    pub fn new(output: &'o Output) -> Self {
        let target =
            if output.shows_progress() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let style = ProgressStyle::with_template("{bar:30} {pos} of {len} events, {elapsed}");
        let bar = ProgressBar::with_draw_target(None, target);
        Self { output, bar: bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())) }
    }

    /// So many events are going to end.
    pub fn expect(&self, events: usize) {
        self.bar.set_length(u64::try_from(events).unwrap_or(u64::MAX));
    }

    /// Shows the event that the watch has published for a lease that ran out, without its token.
    pub fn show_due(&self, part: &Part, event: &str) {
        let mut event: Value = serde_json::from_str(event).unwrap_or_default();
        if let Some(target) = event["target"].as_object_mut() {
            target.retain(|member, _| matches!(member.as_str(), "kind" | "region" | "account"));
        }
        let line = if self.output.is_json() {
            json!({"published": part.name, "content": event}).to_string()
        } else {
            let outcome = self.output.tint(Tone::Odd, format_args!("{:<15}", "published"));
            format!("{outcome} {}  {}", part.name, self.output.tint(Tone::Faint, event))
        };
        self.bar.suspend(|| self.output.data(line));
    }

    /// Shows how one event ended, and notes it on its part.
    pub fn note(&self, part: &mut Part, ended: Ended) {
        let had_ended = part.has_ended();
        let line =
            if self.output.is_json() { as_json(part, &ended).to_string() } else { self.line(part, &ended) };
        self.bar.suspend(|| self.output.data(line));
        part.outcome = Some(ended.outcome);
        if part.has_ended() && !had_ended {
            self.bar.inc(1);
        }
    }

    fn line(&self, part: &Part, ended: &Ended) -> String {
        let is_met = part.expectation.is_met_by(&ended.outcome);
        let is_over = is_end(&ended.outcome);
        let tone = match (is_met, is_over) {
            (true, _) => Tone::Good,
            (false, true) => Tone::Bad,
            (false, false) => Tone::Odd,
        };
        let outcome = self.output.tint(tone, format_args!("{:<15}", ended.outcome.as_str()));
        let mut line =
            format!("{outcome} {}  {}", part.name, self.output.tint(Tone::Faint, what_happened(ended)));
        if !is_met && is_over {
            line.push_str(&self.output.tint(Tone::Bad, format_args!("  (expected: {})", part.expectation)));
        }
        line
    }

    /// Tells the score; true when every event ended as it should and the endpoint agrees.
    pub fn close(&self, parts: &[Part], disagreements: &[String]) -> bool {
        self.bar.finish_and_clear();
        let unfinished = parts.iter().filter(|part| !part.has_ended());
        let wrong: Vec<&Part> = parts.iter().filter(|part| !part.ended_well()).collect();
        if self.output.is_json() {
            let names: Vec<&str> = wrong.iter().map(|part| part.name.as_str()).collect();
            self.output.json(&json!({"summary": {
                "events": parts.len(), "outcomes": json!(tally(parts).into_iter().collect::<serde_json::Map<_, _>>()),
                "unfinished": unfinished.count(), "unexpected": names, "disagreements": disagreements,
            }}));
        } else {
            self.tell_in_words(parts, &wrong, disagreements);
        }
        wrong.is_empty() && disagreements.is_empty()
    }

    fn tell_in_words(&self, parts: &[Part], wrong: &[&Part], disagreements: &[String]) {
        for part in parts.iter().filter(|part| !part.has_ended()) {
            let word = self.output.tint(Tone::Bad, format_args!("{:<15}", "unfinished"));
            self.output.data(format_args!("{word} {}  (expected: {})", part.name, part.expectation));
        }
        for disagreement in disagreements {
            self.output.data(self.output.tint(Tone::Bad, disagreement));
        }
        let outcomes: Vec<String> =
            tally(parts).into_iter().map(|(outcome, count)| format!("{count} {outcome}")).collect();
        let verdict = match wrong.len() {
            0 => self.output.tint(Tone::Good, "all ended as they should"),
            count => self.output.tint(Tone::Bad, format_args!("{count} did not end as they should")),
        };
        let events = plural(parts.len(), "event");
        self.output.data(format_args!("\n{events}: {}; {verdict}.", outcomes.join(", ")));
    }
}

/// How often each outcome occurred, those that did.
fn tally(parts: &[Part]) -> Vec<(String, Value)> {
    let names = [
        "relayed",
        "already-settled",
        "dead-lettered",
        "ignored",
        "lease-taken",
        "lease-renewed",
        "lease-released",
        "claimed",
        "claim-released",
        "parked",
        "retry",
    ];
    let count = |name: &str| {
        parts
            .iter()
            .filter(|part| part.outcome.as_ref().is_some_and(|outcome| outcome.as_str() == name))
            .count()
    };
    names
        .iter()
        .map(|name| (*name, count(name)))
        .filter(|(_, count)| *count > 0)
        .map(|(name, count)| (name.to_owned(), json!(count)))
        .collect()
}

fn what_happened(ended: &Ended) -> String {
    match &ended.outcome {
        Outcome::Relayed => with_cuts(called(ended), &ended.truncations),
        Outcome::AlreadySettled(error) => format!("{}: {error}", called(ended)),
        Outcome::DeadLettered(reason) => reason.to_string(),
        Outcome::Ignored => "no failure, or nobody waits for it".to_owned(),
        Outcome::Registered(_) => "the table holds it".to_owned(),
        Outcome::Parked(retry) | Outcome::Retry(retry) => retry.sentence(),
    }
}

fn called(ended: &Ended) -> String {
    let action = ended.kind.map_or_else(|| "nothing".to_owned(), Kind::labels);
    match &ended.place {
        Some(Place { region, account: Some(account) }) => {
            format!("{action} in {region}, account {}", account.id)
        }
        Some(place) => format!("{action} in {}", place.region),
        None => action,
    }
}

fn with_cuts(mut text: String, truncations: &[Truncation]) -> String {
    for cut in truncations {
        text.push_str(&format!("; cut: {} from {} to {}", cut.field, cut.from, cut.to));
    }
    text
}

/// The line of one event for programs; members that are not known are `null`.
fn as_json(part: &Part, ended: &Ended) -> Value {
    let reason = match &ended.outcome {
        Outcome::DeadLettered(reason) => Some(reason),
        _ => None,
    };
    let error = match &ended.outcome {
        Outcome::AlreadySettled(error) => Some(error),
        Outcome::Parked(retry) | Outcome::Retry(retry) => retry.service_error(),
        _ => None,
    };
    let truncations =
        ended.truncations.iter().map(|cut| json!({"field": cut.field, "from": cut.from, "to": cut.to}));
    json!({
        "event": part.name,
        "outcome": ended.outcome.as_str(),
        "expected": part.expectation.to_string(),
        "asExpected": part.expectation.is_met_by(&ended.outcome),
        "targetKind": ended.kind.map(Kind::name),
        "api": ended.place.as_ref().and(ended.kind).map(Kind::labels),
        "region": ended.place.as_ref().map(|place| &place.region),
        "account": ended.place.as_ref().and_then(|place| place.account.as_ref()).map(|account| &account.id),
        "cuts": truncations.collect::<Vec<_>>(),
        "errorCode": reason.map(|reason| reason.code.as_str()),
        "errorMessage": reason.map(|reason| &reason.message),
        "serviceError": error.and_then(|error| error.name.as_ref()),
        "eventId": ended.event_id,
        "targetFingerprint": ended.fingerprint,
        "durationMs": u64::try_from(ended.duration.as_millis()).unwrap_or(u64::MAX),
    })
}
