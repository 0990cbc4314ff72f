//! `relayctl explain`: each step that the relay takes with an input, and the request that AWS would get.
//!
//! It shows the decision of [`failure_event::route::route`], the very one that the function acts on.

mod registration;
mod sent;

use std::path::PathBuf;
use std::time::SystemTime;

use clap::Args;
use failure_event::dead_letter::{Code, DeadLetter, Label, Reason};
use failure_event::envelope::{self, Delivery, Record, Via};
use failure_event::place::Home;
use failure_event::place::Place;
use failure_event::request::Secrets;
use failure_event::route::{Decision, PlannedCall, PlannedRegistration, Route, Subject, route};
use failure_event::rules::Rules;
use failure_event::target::Kind;
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;

use crate::exit::{Exit, Problem};
use crate::inputs::{Course, Input};
use crate::output::{Output, Tone};
use crate::relay;
use sent::Sent;

const EXAMPLES: &str = "\
Examples:
    relayctl explain my-event.json
    aws sqs receive-message --queue-url \"$URL\" | jq -r '.Messages[0].Body' | relayctl explain -
    relayctl explain my-event.json --set RELAY_ALLOWED_REGIONS=us-west-2 --json | jq -r .request.body

A file that is neither an SQS batch nor a \
payload of SNS or EventBridge is taken as the body of an SQS message. Exits with 1 when an event would be dead-lettered.";

/// Shows each step that the relay takes with an event, and the exact request that AWS would get
///
/// Nothing is sent. Tokens are shown as fingerprints, unless --show-secrets asks for them.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Explain {
    /// Files and folders with events; `-` is standard input
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Shows task tokens and client tokens as they are: whoever has one can end the task
    #[arg(long)]
    show_secrets: bool,
    #[command(flatten)]
    relay: relay::Options,
}

impl Explain {
    /// Explains all events.
    ///
    /// # Errors
    /// A file cannot be read, or a setting is wrong.
    pub fn run(self, output: &Output) -> Result<Exit, Problem> {
        let (settings, home) = (self.relay.settings()?, self.relay.home());
        let rules = &settings.rules;
        let relay = &Relay {
            place: Place { region: home.region.clone(), account: None },
            home,
            table: settings.table_name.as_deref(),
            now: now(),
            secrets: if self.show_secrets { Secrets::Shown } else { Secrets::Fingerprinted },
        };
        let mut is_routable = true;
        for input in Input::read_all(&self.paths)? {
            let payload = payload(&input);
            let records = match envelope::open(&payload) {
                Delivery::SqsBatch(records) | Delivery::Sns(records) => records,
                Delivery::Single(record) => vec![record],
            };
            for (index, record) in records.iter().enumerate() {
                let name = input.name_of_event(index, records.len());
                let route = route(record, rules, &relay.home);
                let asked = asked_for(record, rules, &relay.home, &route);
                let explained = Explained { name, record, route, asked, relay };
                is_routable &= !matches!(explained.route.decision, Decision::Unroutable(_));
                explained.show(output);
            }
        }
        Ok(if is_routable { Exit::Yes } else { Exit::No })
    }
}

/// The route of a lease or claim for a relay that has a table, where this one has none: what is asked for is worth knowing.
fn asked_for(record: &Record<'_>, rules: &Rules, home: &Home, routed: &Route) -> Option<Route> {
    let is_refused =
        matches!(&routed.decision, Decision::Unroutable(reason) if reason.code == Code::NotEnabled);
    is_refused.then(|| route(record, &Rules { has_table: true, ..rules.clone() }, home))
}

/// The payload with which the function would be invoked.
fn payload(input: &Input) -> String {
    let text = input.text();
    let is_batch = matches!(envelope::open(&text), Delivery::SqsBatch(_));
    if is_batch || input.course() == Course::Invocation {
        return text.into_owned();
    }
    json!({"Records": [{"eventSource": "aws:sqs", "body": text}]}).to_string()
}

/// One record, and what the relay decides about it.
struct Explained<'a> {
    name: String,
    record: &'a Record<'a>,
    route: Route,
    asked: Option<Route>,
    relay: &'a Relay<'a>,
}

/// The relay whose decisions are shown, and how.
struct Relay<'a> {
    home: Home,
    /// Where its table is.
    place: Place,
    /// The table of leases and claims, where there is one.
    table: Option<&'a str>,
    /// The present time, in milliseconds since 1970.
    now: i64,
    secrets: Secrets,
}

impl Explained<'_> {
    fn show(&self, output: &Output) {
        if output.is_json() {
            output.json(&self.as_json());
            return;
        }
        output.data(output.tint(Tone::Strong, &self.name));
        for (step, what) in self.steps() {
            output.data(format_args!("  {} {what}", output.tint(Tone::Faint, format_args!("{step:<10}"))));
        }
        if let Decision::Unroutable(reason) = &self.route.decision {
            for (name, value) in self.letter(reason).attributes {
                output
                    .data(format_args!("  {} {value}", output.tint(Tone::Faint, format_args!("{name:<17}"))));
            }
        }
        if let Some(sent) = self.sent() {
            output.data(format_args!("\n{}", sent.body));
        }
        output.data("");
    }

    /// What happens, in its order.
    fn steps(&self) -> Vec<(&'static str, String)> {
        let subject = &self.route.subject;
        let mut steps = vec![("delivered", self.delivered().to_owned())];
        if !subject.path.is_empty() {
            steps.push(("recognised", subject.path.join(", then ")));
        }
        if let Some(header) = told_of(subject) {
            steps.push(("event", header));
        }
        if let Some(kind) = subject.kind {
            steps.push(("target", target(kind, subject)));
        }
        if let Some(planned) = self.registration() {
            steps.push(("place", self.place(&planned.place)));
            steps.extend(registration::steps(planned, &self.route.subject.secrets));
        }
        match &self.route.decision {
            Decision::Call(planned) => self.call_steps(planned, &mut steps),
            Decision::Register(planned) => {
                steps.push(("outcome", registration::outcome(&planned.registration).to_owned()));
                steps.extend(self.sent().map(|sent| ("request", format!("{} with the body", sent.api))));
            }
            Decision::LookUp(unnamed) => {
                let resources = unnamed.resources.join(" or ");
                let what = format!("looks up who claimed {resources}; without a claim the notice is ");
                let otherwise = unnamed.otherwise.as_ref().map_or("ignored", |_| "dead-lettered");
                steps.push(("outcome", what + otherwise));
            }
            Decision::Unroutable(_) => {
                steps.push(("outcome", "dead-lettered, with the attributes".to_owned()));
            }
            Decision::Ignore => {
                let why = "ignored: the notice reports no failure, or names no task or job";
                steps.push(("outcome", why.to_owned()));
            }
        }
        steps
    }

    /// What is asked for of the table, whether or not there is one.
    fn registration(&self) -> Option<&PlannedRegistration> {
        match &self.asked.as_ref().unwrap_or(&self.route).decision {
            Decision::Register(planned) => Some(planned),
            _ => None,
        }
    }

    fn call_steps(&self, planned: &PlannedCall, steps: &mut Vec<(&'static str, String)>) {
        steps.push(("place", self.place(&planned.place)));
        let defaults: Vec<&str> =
            planned.defaults.iter().filter(|member| member.starts_with("failure")).copied().collect();
        if !defaults.is_empty() {
            steps.push(("defaults", defaults.join(", ")));
        }
        for cut in &planned.truncations {
            steps.push(("cut", format!("{} from {} to {} characters", cut.field, cut.from, cut.to)));
        }
        steps.push(("outcome", format!("calls {} with the body", planned.request.operation.label())));
    }

    fn delivered(&self) -> &'static str {
        match self.record.via {
            Via::Sqs(_) => "as the body of an SQS message",
            Via::Sns { .. } => "as the message of an SNS record",
            Via::Invocation => "as the payload of an invocation",
        }
    }

    fn place(&self, place: &Place) -> String {
        let own = if place.region == self.relay.home.region { " (the relay's own)" } else { "" };
        let account = match &place.account {
            Some(account) => format!("account {}", account.id),
            None => "the relay's own account".to_owned(),
        };
        format!("region {}{own}, {account}", place.region)
    }

    /// The request that is sent at once.
    fn sent(&self) -> Option<Sent<'_>> {
        Sent::of(&self.route, self.relay)
    }

    fn letter(&self, reason: &Reason) -> DeadLetter {
        let subject = &self.route.subject;
        let label = Label {
            reason,
            target_kind: subject.kind.map(Kind::name),
            event_id: subject.header.id.as_deref(),
            publisher: subject.publisher.as_deref(),
            origin: &self.record.origin,
        };
        DeadLetter::new(self.record.body.as_arrived().into_owned(), label)
    }

    /// The same for programs; members that are not known are `null`.
    fn as_json(&self) -> Value {
        let subject = &self.route.subject;
        let mut line = json!({
            "event": self.name,
            "delivered": self.delivered(),
            "recognised": subject.path,
            "foundAs": subject.found_as,
            "id": subject.header.id,
            "source": subject.header.source,
            "time": subject.header.time.and_then(|time| time.format(&Rfc3339).ok()),
            "targetKind": subject.kind.map(Kind::name),
            "targetFingerprint": subject.fingerprint,
        });
        if let Some(planned) = self.registration() {
            line["registration"] = registration::as_json(planned, &subject.secrets);
        }
        if let Some(sent) = self.sent() {
            line["request"] = sent.as_json();
        }
        match &self.route.decision {
            Decision::Call(planned) => {
                line["request"]["defaults"] = json!(planned.defaults);
                let truncations = planned.truncations.iter();
                let truncations =
                    truncations.map(|cut| json!({"field": cut.field, "from": cut.from, "to": cut.to}));
                line["request"]["cuts"] = truncations.collect();
            }
            Decision::Register(_) => {}
            Decision::LookUp(unnamed) => line["lookedUp"] = json!(unnamed.resources),
            Decision::Ignore => line["ignored"] = json!(true),
            Decision::Unroutable(reason) => {
                let attributes = self.letter(reason).attributes.into_iter();
                let attributes = attributes.map(|(name, value)| (name.to_owned(), json!(value)));
                line["deadLetter"] = Value::Object(attributes.collect());
            }
        }
        line
    }
}

/// The present time in milliseconds since 1970.
fn now() -> i64 {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX)
}

fn told_of(subject: &Subject) -> Option<String> {
    let header = &subject.header;
    let id = header.id.as_ref().map(|id| format!("id {id}"));
    let source = header.source.as_ref().map(|source| format!("source {source}"));
    let time = header.time.and_then(|time| time.format(&Rfc3339).ok()).map(|time| format!("time {time}"));
    let unreadable =
        header.time_is_unreadable.then(|| "time that is not readable, so it is ignored".to_owned());
    let parts: Vec<String> = [id, source, time, unreadable].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn target(kind: Kind, subject: &Subject) -> String {
    let mut text = kind.name().to_owned();
    if let Some(fingerprint) = &subject.fingerprint {
        text.push_str(&format!(", fingerprint {fingerprint}"));
    }
    if let Some(name) = &subject.found_as {
        text.push_str(&format!(", found as {name}"));
    }
    text
}
