//! What is wrong with an input, each fault at its place. Pure.
//!
//! The rules are the relay's own: its router opens the envelopes and says what it found in them, every member is read by the code that
//! the function reads it by, and the relay has the last word. What it refuses for a reason that this module does not know is told without a place.

use std::ops::Range;

use failure_event::dead_letter::{Code, Reason};
use failure_event::envelope::{self, Delivery, Record, SqsDelivery, Via};
use failure_event::event::{self, Failure, Header};
use failure_event::json::{Json, NotJson, Object};
use failure_event::notice::{self, Meaning};
use failure_event::place::GivenPlace;
use failure_event::place::Home;
use failure_event::registration::Registration;
use failure_event::route::{Decision, End, Way, route_along};
use failure_event::rules::Rules;
use failure_event::target::{GivenMembers, GivenValue, Kind, Target};
use serde_json::json;

use super::similar::nearest;
use super::source::span_of;
use crate::inputs::{Course, Input};

const EVENT_MEMBERS: [&str; 8] = ["version", "id", "source", "time", "lease", "claim", "target", "failure"];
const LEASE_MEMBERS: [&str; 2] = ["action", "ttlSeconds"];
const CLAIM_MEMBERS: [&str; 3] = ["action", "resource", "ttlSeconds"];
const PLACE_MEMBERS: [&str; 3] = ["kind", "region", "account"];

/// The codes that say nothing of an event itself.
const OF_THE_DEPLOYMENT: [Code; 2] = [Code::TargetNotAllowed, Code::NotEnabled];

/// A text that was looked at: the file, or what it carries in a string.
#[derive(Debug)]
pub struct Document {
    /// The member that holds the text, such as `Records[0].body`; empty for the file itself.
    pub name: String,
    /// The text. It may hold secrets.
    pub text: String,
    /// What was found in it.
    pub findings: Vec<Finding>,
}

/// Something wrong or odd, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The code of the dead letter; `None` for a warning.
    pub code: Option<Code>,
    /// What is wrong, with its path; never a token.
    pub message: String,
    /// The bytes that are meant.
    pub span: Range<usize>,
    /// What was probably meant.
    pub help: Option<String>,
}

/// Finds everything that is wrong with an input, for a relay with these rules.
#[must_use]
pub fn diagnose(input: &Input, rules: &Rules, home: &Home) -> Vec<Document> {
    let text = input.text();
    let mut documents = Vec::new();
    let mut examine = |name: String, record: &Record<'_>| {
        documents.extend(inspect(name, record, rules, home));
    };
    match envelope::open(&text) {
        Delivery::SqsBatch(records) | Delivery::Sns(records) => {
            for (index, record) in records.iter().enumerate() {
                let member = if matches!(record.via, Via::Sns { .. }) { "Sns.Message" } else { "body" };
                examine(format!("Records[{index}].{member}"), record);
            }
        }
        Delivery::Single(record) if input.course() == Course::Invocation => examine(String::new(), &record),
        Delivery::Single(record) => {
            let via = Via::Sqs(SqsDelivery::default());
            examine(String::new(), &Record { via, ..record });
        }
    }
    documents
}

/// What the router opens in a record, with what is wrong where its way ends.
fn inspect(name: String, record: &Record<'_>, rules: &Rules, home: &Home) -> Vec<Document> {
    let mut opened = Opened { name, documents: Vec::new() };
    let route = route_along(record, rules, home, None, &mut opened);
    let Opened { name, mut documents } = opened;
    if documents.is_empty() {
        let text = record.body.as_arrived().into_owned();
        documents.push(Document { name, text, findings: Vec::new() });
    }
    settle(&mut documents, refusal(route.decision));
    documents
}

/// Why the relay would dead-letter the record. Which places are allowed, and whether there is a table for leases, is a matter of the
/// deployment, not of the event.
fn refusal(decision: Decision) -> Option<Reason> {
    match decision {
        Decision::Unroutable(reason) if !OF_THE_DEPLOYMENT.contains(&reason.code) => Some(reason),
        Decision::Unroutable(_)
        | Decision::Call(_)
        | Decision::Register(_)
        | Decision::LookUp(_)
        | Decision::Ignore => None,
    }
}

/// The relay has the last word: what it takes has no faults, and what it refuses has one of the relay's own code.
fn settle(documents: &mut [Document], refusal: Option<Reason>) {
    let code = refusal.as_ref().map(|reason| reason.code);
    let mut findings = documents.iter().flat_map(|document| &document.findings);
    if code.is_some() && findings.any(|finding| finding.code == code) {
        return;
    }
    for document in documents.iter_mut() {
        document.findings.retain(|finding| finding.code.is_none());
    }
    if let (Some(reason), Some(document)) = (refusal, documents.first_mut()) {
        let finding = Finding { code, message: reason.message, span: 0..1, help: None };
        document.findings.insert(0, finding);
    }
}

/// The texts that the router opens in a record, from the outermost to the innermost, and what is wrong with the last.
struct Opened {
    /// The member of the file that holds the record's body.
    name: String,
    documents: Vec<Document>,
}

impl Way for Opened {
    fn opens(&mut self, text: &str, envelope: Option<&'static str>) {
        let name = match (envelope, self.documents.last()) {
            (Some(envelope), Some(outer)) if !outer.name.is_empty() => format!("{}, {envelope}", outer.name),
            (Some(envelope), _) => envelope.to_owned(),
            (None, _) => self.name.clone(),
        };
        self.documents.push(Document { name, text: text.to_owned(), findings: Vec::new() });
    }

    fn ends<'a>(&mut self, text: &'a str, at: End<'_, 'a>) {
        let mut inspector = Inspector { text, findings: Vec::new() };
        match at {
            End::NotJson(error) => inspector.not_json(error),
            End::NoObject(json) => inspector.no_object(json),
            End::Event(object) => inspector.event(object),
            End::Notice(object, notice) => inspector.notice(object, &notice.meaning),
        }
        if let Some(innermost) = self.documents.last_mut() {
            innermost.findings = inspector.into_findings();
        }
    }
}

/// A target of which one member alone is seen, so that what is wrong is known to be wrong with that one.
struct Only<'t, 'a> {
    target: &'t Object<'a>,
    member: &'static str,
}

impl GivenMembers for Only<'_, '_> {
    fn given(&self, name: &str) -> Option<GivenValue<'_>> {
        if name == self.member { self.target.given(name) } else { None }
    }
}

struct Inspector<'a> {
    text: &'a str,
    findings: Vec<Finding>,
}

impl<'a> Inspector<'a> {
    fn into_findings(mut self) -> Vec<Finding> {
        self.findings.sort_by_key(|finding| finding.span.start);
        self.findings
    }

    fn no_object(&mut self, json: Json<'a>) {
        let message = format!("expected a JSON object, found {}", event::name_of(json.json_type()));
        self.fault(&Reason::new(Code::MalformedEvent, message), json, None);
    }

    /// What a notice means is wrong as a whole: its identity may stand anywhere.
    fn notice(&mut self, object: &Object<'a>, meaning: &Meaning) {
        match meaning {
            Meaning::Unnamed(unnamed) => {
                if let Some(reason) = &unnamed.otherwise {
                    self.fault(reason, object.json(), None);
                }
            }
            Meaning::Death(death) => {
                if let Err(reason) = &death.found.target.target {
                    let message = format!("{} (found as {})", reason.message, death.found.name);
                    self.fault(&Reason::new(reason.code, message), object.json(), None);
                }
            }
            Meaning::NoFailure | Meaning::AsksForWork => {}
        }
    }

    fn event(&mut self, object: &Object<'a>) {
        if Header::read(object).time_is_unreadable {
            let message = "time: is not an RFC 3339 time, so it is ignored";
            self.warn(message, self.value_span(object, "time"), Some("e.g. 2026-11-20T10:15:30Z".to_owned()));
        }
        let is_event = object.member("target").is_some();
        if let Some(reason) = event::check_version(object).err().filter(|_| is_event) {
            self.fault_at(
                &reason,
                self.value_span(object, "version"),
                Some("leave it out, or write \"1\"".to_owned()),
            );
        }
        match event::target(object) {
            // Records of another source: the reason is the relay's.
            Err(_) if object.member("Records").is_some() => {}
            Err(reason) => {
                let (span, help) = self.instead_of(object, "target");
                self.fault_at(&notice::asked_for_by(object).unwrap_or(reason), span, help);
            }
            Ok(target) => self.target(&target, &Failure::read(object.member("failure"))),
        }
        self.registration(object);
        if let Some(failure) = object.member("failure") {
            match failure.object() {
                Some(members) => self.unlisted(&members, "failure.", &Failure::MEMBERS),
                None => self.warn(
                    "failure: is not an object, so it is taken as the message",
                    self.span(failure),
                    None,
                ),
            }
        }
        self.unlisted(object, "", &EVENT_MEMBERS);
    }

    /// What is asked for in place of reporting a failure. Its reason begins with the path of the member that is wrong.
    fn registration(&mut self, event: &Object<'a>) {
        if let Err(reason) = Registration::read(event) {
            let path = reason.message.split(':').next().unwrap_or_default();
            let (name, member) = path.split_once('.').unwrap_or((path, ""));
            let (span, help) = match event.object(name) {
                Some(members) if !member.is_empty() => self.instead_of(&members, member),
                _ => (self.value_span(event, name), None),
            };
            self.fault_at(&reason, span, help);
        }
        for (name, listed) in [("lease", &LEASE_MEMBERS[..]), ("claim", &CLAIM_MEMBERS[..])] {
            if let Some(members) = event.object(name) {
                self.unlisted(&members, &format!("{name}."), listed);
            }
        }
    }

    fn target(&mut self, target: &Object<'a>, failure: &Failure<'_>) {
        for member in ["region", "account"] {
            if let Err(reason) = GivenPlace::read(&Only { target, member }) {
                self.fault_at(&reason, self.value_span(target, member), None);
            }
        }
        let Some(kind) = Kind::of(target) else { return self.wrong_kind(target) };
        for member in kind.members() {
            if let Err(reason) = member.read(target) {
                let (span, help) = self.instead_of(target, member.name);
                let lower = target.text(member.name).map(|value| value.to_lowercase());
                let lower = lower.filter(|lower| !member.is_secret && is_accepted(kind, member.name, lower));
                self.fault_at(
                    &reason,
                    span,
                    help.or_else(|| lower.map(|lower| format!("in lower case: \"{lower}\""))),
                );
            }
        }
        let members = kind.members().iter().map(|member| member.name);
        let listed: Vec<&str> = members.chain(PLACE_MEMBERS).collect();
        self.unlisted(target, "target.", &listed);
        if let Ok(identity) = Target::read(target) {
            let mut truncations = Vec::new();
            let _request = identity.request(failure, &mut truncations);
            for cut in truncations {
                let message =
                    format!("failure: {} is cut from {} to {} characters", cut.field, cut.from, cut.to);
                self.warn(&message, self.span(target.json()), None);
            }
        }
    }

    fn wrong_kind(&mut self, target: &Object<'a>) {
        if let Err(reason) = Target::read(target) {
            let (span, help) = self.instead_of(target, "kind");
            let meant =
                target.text("kind").and_then(|kind| nearest(&kind, Kind::ALL.iter().map(|kind| kind.name())));
            let help = help
                .or_else(|| meant.map(did_you_mean))
                .or_else(|| Some(format!("the kinds: {}", Kind::names())));
            self.fault_at(&reason, span, help);
        }
    }

    /// Members that are not listed are ignored, which is no fault; one that looks like a listed one that is missing is a slip.
    fn unlisted(&mut self, object: &Object<'a>, path: &str, listed: &[&str]) {
        for (name, value) in object.members().filter(|(name, _)| !listed.contains(&name.as_ref())) {
            let missing = listed.iter().copied().filter(|listed| object.member(listed).is_none());
            let Some(meant) = nearest(&name, missing) else { continue };
            // A required member that is missing is told as a fault, with the same help.
            let fault = format!("{path}{meant}: ");
            let is_told = self.findings.iter().any(|finding| finding.message.starts_with(&fault));
            if !is_told {
                let message = format!("{path}{name}: is not listed, so it is ignored");
                self.warn(&message, self.key_span(&name, value), Some(did_you_mean(meant)));
            }
        }
    }

    /// Where a member should be: its value, else a member whose name looks like it, else the object's start.
    fn instead_of(&self, object: &Object<'a>, member: &str) -> (Range<usize>, Option<String>) {
        if object.member_or_null(member).is_some() {
            return (self.value_span(object, member), None);
        }
        let similar = object.members().find(|(name, _)| nearest(name, [member]).is_some());
        match similar {
            Some((name, value)) => (self.key_span(&name, value), Some(did_you_mean(member))),
            None => (self.start_of(object.json()), None),
        }
    }

    fn value_span(&self, object: &Object<'a>, member: &str) -> Range<usize> {
        object.member_or_null(member).map_or_else(|| self.start_of(object.json()), |value| self.span(value))
    }

    /// A member's name with its quotes; where it holds escapes, its value.
    fn key_span(&self, name: &str, value: Json<'a>) -> Range<usize> {
        match span_of(self.text, name) {
            Some(span) if span.start > 0 => span.start - 1..span.end + 1,
            _ => self.span(value),
        }
    }

    fn span(&self, json: Json<'a>) -> Range<usize> {
        span_of(self.text, json.text()).unwrap_or(0..1)
    }

    fn start_of(&self, json: Json<'a>) -> Range<usize> {
        let start = self.span(json).start;
        start..start + 1
    }

    fn not_json(&mut self, error: &NotJson) {
        let lines = self.text.split_inclusive('\n').take(error.line.saturating_sub(1));
        let mark =
            if error.line == 1 && self.text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        let start = lines.map(str::len).sum::<usize>() + mark + error.column.saturating_sub(1);
        let start = self.text.floor_char_boundary(start.min(self.text.len()));
        self.fault_at(
            &Reason::new(Code::MalformedEvent, format!("is not JSON: {error}")),
            start..start + 1,
            None,
        );
    }

    fn fault(&mut self, reason: &Reason, json: Json<'a>, help: Option<String>) {
        self.fault_at(reason, self.start_of(json), help);
    }

    fn fault_at(&mut self, reason: &Reason, span: Range<usize>, help: Option<String>) {
        self.findings.push(Finding { code: Some(reason.code), message: reason.message.clone(), span, help });
    }

    fn warn(&mut self, message: &str, span: Range<usize>, help: Option<String>) {
        self.findings.push(Finding { code: None, message: message.to_owned(), span, help });
    }
}

fn did_you_mean(name: &str) -> String {
    format!("did you mean \"{name}\"?")
}

/// Whether this kind takes the value for its member.
fn is_accepted(kind: Kind, member: &str, value: &str) -> bool {
    let text = json!({member: value}).to_string();
    let object = Json::parse(&text).ok().and_then(Json::object);
    object.is_some_and(|object| {
        kind.members().iter().any(|known| known.name == member && known.read(&object).is_ok())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn findings(text: &str) -> Vec<(Option<Code>, String, String, Option<String>)> {
        let input = Input { path: "x.json".into(), bytes: Bytes::copy_from_slice(text.as_bytes()) };
        let of = |document: Document| {
            let text = document.text;
            document.findings.into_iter().map(move |finding| {
                let part = text.get(finding.span).unwrap_or_default().to_owned();
                (finding.code, finding.message, part, finding.help)
            })
        };
        diagnose(&input, &Rules::default(), &Home::new("us-east-1", "")).into_iter().flat_map(of).collect()
    }

    fn only(text: &str) -> (Option<Code>, String, String, Option<String>) {
        let mut findings = findings(text);
        assert_eq!(findings.len(), 1, "{findings:?}");
        findings.remove(0)
    }

    #[test]
    fn a_misspelt_member_is_pointed_at_with_what_was_meant() {
        let (code, message, part, help) = only(r#"{"target":{"kind":"swf-activity-task","taskTokn":"t"}}"#);
        assert_eq!((code, message.as_str()), (Some(Code::InvalidEvent), "target.taskToken: is missing"));
        assert_eq!((part.as_str(), help.as_deref()), ("\"taskTokn\"", Some("did you mean \"taskToken\"?")));
    }

    #[test]
    fn a_misspelt_kind_is_pointed_at_with_what_was_meant() {
        let (code, _, part, help) = only(r#"{"target":{"kind":"step-function-task","taskToken":"t"}}"#);
        assert_eq!((code, part.as_str()), (Some(Code::UnknownTarget), "\"step-function-task\""));
        assert_eq!(help.as_deref(), Some("did you mean \"step-functions-task\"?"));
    }

    #[test]
    fn all_faults_are_told_at_once_in_the_order_of_the_text() {
        let text = r#"{"version":2,"target":{"kind":"codepipeline-third-party-job","account":"1"},"failure":{"mesage":"m"}}"#;
        let told: Vec<String> = findings(text).into_iter().map(|(_, message, ..)| message).collect();
        let expected = [
            "version: expected \"1\" or \"1.<digits>\", found 2",
            "target.jobId: is missing",
            "target.clientToken: is missing",
            "target.account: expected 12 digits",
            "failure.mesage: is not listed, so it is ignored",
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn a_right_lease_and_a_right_claim_have_no_fault_and_a_wrong_one_is_pointed_at() {
        let target = r#""target":{"kind":"swf-activity-task","taskToken":"t"}"#;
        for right in [
            r#""lease":{"action":"take","ttlSeconds":600},"failure":{"type":"Render.Silent"}"#,
            r#""lease":{"action":"release"}"#,
            r#""claim":{"resource":"i-0123456789abcdef0"}"#,
        ] {
            assert_eq!(findings(&format!("{{{right},{target}}}")), [], "{right}");
        }
        for (wrong, message, part, help) in [
            (
                r#""lease":{"action":"take","ttlSeconds":30}"#,
                "lease.ttlSeconds: expected an integer from 60 to 86400",
                "30",
                None,
            ),
            (
                r#""lease":{"action":"renew","ttlSecond":60}"#,
                "lease.ttlSeconds: is missing",
                "\"ttlSecond\"",
                Some("did you mean \"ttlSeconds\"?"),
            ),
            (r#""lease":"take""#, "lease: expected an object, found a string", "\"take\"", None),
            (r#""claim":{}"#, "claim.resource: is missing", "{", None),
        ] {
            let (code, told, pointed_at, meant) = only(&format!("{{{wrong},{target}}}"));
            assert_eq!((code, told.as_str()), (Some(Code::InvalidEvent), message));
            assert_eq!((pointed_at.as_str(), meant.as_deref()), (part, help), "{wrong}");
        }
    }

    #[test]
    fn a_job_id_in_upper_case_is_shown_in_lower_case() {
        let id = "0F9A1B2C-0000-4000-8000-0123456789AB";
        let (_, _, part, help) =
            only(&format!(r#"{{"target":{{"kind":"codepipeline-job","jobId":"{id}"}}}}"#));
        assert_eq!(part, format!("\"{id}\""));
        assert_eq!(help.unwrap(), format!("in lower case: \"{}\"", id.to_lowercase()));
    }

    #[test]
    fn faults_inside_of_envelopes_are_found() {
        let inner = r#"{"target":{"kind":"codepipeline-job"}}"#;
        let note = json!({"Type": "Notification", "Message": inner}).to_string();
        assert_eq!(only(&note).1, "target.jobId: is missing");
        let batch = json!({"Records": [{"eventSource": "aws:sqs", "body": note}]}).to_string();
        assert_eq!(only(&batch).1, "target.jobId: is missing");
        let event = format!(r#"{{"detail-type":"x","detail":{inner}}}"#);
        assert_eq!(only(&event).2, "{");
    }

    #[test]
    fn a_text_that_is_no_json_is_pointed_at() {
        let (code, _, part, _) = only("{\n  \"a\": 1,\n  b\n}");
        assert_eq!((code, part.as_str()), (Some(Code::MalformedEvent), "b"));
        assert_eq!(only("").0, Some(Code::MalformedEvent));
        assert_eq!(only("é").0, Some(Code::MalformedEvent));
    }

    #[test]
    fn odd_things_are_warnings() {
        let text = r#"{"time":"noon","target":{"kind":"swf-activity-task","taskToken":"t","reigon":"eu-west-1"},"failure":"m"}"#;
        assert!(findings(text).iter().all(|(code, ..)| code.is_none()));
        assert_eq!(findings(text).len(), 3);
        assert_eq!(findings(r#"{"target":{"kind":"swf-activity-task","taskToken":"t","attempt":3}}"#), []);
    }
}
