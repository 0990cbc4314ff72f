//! From a record to where it goes: a call, a reason why it cannot be routed, or nothing to do. Total, and pure.
//!
//! This module never calls anything, never fails and never prints. What it decides is a value, so that `relayctl explain` shows
//! the very decision that the function acts on.

mod way;

use std::borrow::Cow;
use std::fmt;

use crate::dead_letter::{Code, Reason};
use crate::envelope::{self, Content, DEPTH_MAX, RECORDS_MAX, Record, Via};
use crate::event::{self, Failure, Header};
use crate::json::{Json, NotJson, Object};
use crate::log_tail::{LogTail, WorkersLog};
use crate::notice::{self, AbandonedWork, Death, Found, Meaning, Notice, Unnamed};
use crate::place::{GivenPlace, Home, OtherAccount, Place};
use crate::registration::Registration;
use crate::request::Request;
use crate::rules::Rules;
use crate::secret::{MentionedSecrets, fingerprint};
use crate::secret_names::SecretNames;
use crate::table::{Claimed, Holder, TableRequest, register_claim, register_lease};
use crate::target::{Given, Kind, PlaceSource, SECRET_MAX, Target};
use crate::text::{Truncation, cut};

pub use way::{End, Way};

/// How much is kept of the id of an event from a queue, in UTF-16 code units. Logs and dead letters hold its first 256, in which any
/// secret may begin.
const ID_MAX: usize = SECRET_MAX + 1024;

/// Where a record goes, and what is known of it.
pub struct Route {
    /// What is known of the event, for logs, metrics, dead letters and responses.
    pub subject: Subject,
    /// What is to be done.
    pub decision: Decision,
    /// The body of a record that cannot be routed, as it arrived, where it had to be copied to be read: its dead letter needs no second
    /// copy.
    pub body: Option<String>,
}

impl fmt::Debug for Route {
    /// The body holds the token, so only its size is shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Route")
            .field("subject", &self.subject)
            .field("decision", &self.decision)
            .field("body_bytes", &self.body.as_ref().map(String::len))
            .finish()
    }
}

/// What is known of an event. What is not known is `None`.
#[derive(Clone, Debug, Default)]
pub struct Subject {
    /// The envelopes that were opened and the notice that was recognised, outermost first.
    pub path: Vec<&'static str>,
    /// Id, source and time; the id with its defaults.
    pub header: Header,
    /// Who sent it, as the outermost envelope vouches for it.
    pub publisher: Option<String>,
    /// The kind of target.
    pub kind: Option<Kind>,
    /// Follows one task through the logs.
    pub fingerprint: Option<String>,
    /// Type and message of the failure, for a kind whose API takes no text: the log line alone has them.
    pub untold: Option<Untold>,
    /// Must be shown nowhere.
    pub secrets: MentionedSecrets,
    /// The variable or member of a notice in which the identity was found.
    pub found_as: Option<String>,
    /// Whether this is work that no worker finished: its receive count started in the worker's own queue.
    pub is_abandoned_work: bool,
    /// Where the log of a dead worker is, where its last lines are wanted.
    pub log: Option<Box<WorkersLog>>,
}

/// Why a task failed, where its API cannot be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Untold {
    /// `failure.type`, or its default.
    pub failure_type: String,
    /// `failure.message`, or its default, within [`UNTOLD_MESSAGE_MAX`].
    pub message: String,
}

/// The longest id that a log line holds, and with it a text, in UTF-16 code units.
pub const EVENT_ID_MAX: usize = 256;

/// The longest type and message that a log line holds of such a failure, in UTF-16 code units.
const UNTOLD_TYPE_MAX: usize = 256;
/// See `UNTOLD_TYPE_MAX`.
pub const UNTOLD_MESSAGE_MAX: usize = 5000;

impl Subject {
    /// A publisher that puts the token in the id must not find it in a log.
    fn without_secrets(mut self) -> Self {
        let texts = [&mut self.header.id, &mut self.header.source, &mut self.publisher];
        for text in texts.into_iter().flatten() {
            *text = self.secrets.redact_id(text).into_owned();
        }
        self
    }
}

/// What is to be done with a record.
#[derive(Debug)]
pub enum Decision {
    /// Call an API.
    Call(Box<PlannedCall>),
    /// Write a lease or a claim into the table.
    Register(Box<PlannedRegistration>),
    /// Look up whose resource died.
    LookUp(Box<Unnamed>),
    /// Dead-letter it.
    Unroutable(Reason),
    /// A notice that is no failure, or that names no task or job.
    Ignore,
}

/// A call, and where it goes.
#[derive(Debug)]
pub struct PlannedCall {
    /// The request.
    pub request: Request,
    /// Region and account.
    pub place: Place,
    /// The texts that did not fit.
    pub truncations: Vec<Truncation>,
    /// The members that were not given, by their paths.
    pub defaults: Vec<&'static str>,
}

/// A lease or a claim, as the table is told of it.
#[derive(Debug)]
pub struct PlannedRegistration {
    /// What is asked for.
    pub registration: Registration,
    /// The target that it is for.
    pub holder: Holder,
    /// Where that target is.
    pub place: Place,
    /// The event's own id, without secrets; that of a message is none.
    pub id: Option<String>,
    /// The event's own source, without secrets.
    pub source: Option<String>,
    /// When it was sent, in milliseconds since 1970; `None` is now.
    pub sent_at: Option<i64>,
}

impl PlannedRegistration {
    /// The request that writes it into the table. `now` is the present time in milliseconds since 1970.
    #[must_use]
    pub fn request(&self, table: &str, now: i64) -> TableRequest {
        let sent_at = self.sent_at.unwrap_or(now);
        match &self.registration {
            Registration::Lease(lease) => {
                let own = (self.id.as_deref(), self.source.as_deref());
                register_lease(table, *lease, &self.holder, own, sent_at, now)
            }
            Registration::Claim(claim) => register_claim(table, claim, &self.holder, sent_at, now),
        }
    }
}

/// Routes one record.
#[must_use]
pub fn route(record: &Record<'_>, rules: &Rules, home: &Home) -> Route {
    route_with_log(record, rules, home, None)
}

/// [`route`], once more for a notice, when the last lines of the worker's log are known.
#[must_use]
pub fn route_with_log(record: &Record<'_>, rules: &Rules, home: &Home, log: Option<&LogTail>) -> Route {
    route_along(record, rules, home, log, &mut ())
}

/// [`route`], telling which way it takes.
#[must_use]
pub fn route_along(
    record: &Record<'_>,
    rules: &Rules,
    home: &Home,
    log: Option<&LogTail>,
    way: &mut impl Way,
) -> Route {
    let mut router = Router { log, ..Router::new(record, rules, home) };
    router.subject.header.id = router.default_id(None);
    let body = record.body.string();
    let decision = match &body {
        Some(body) => {
            let text = body.embedded();
            router.text(Layer { text: &text, depth: record.depth(), envelope: None, id: None }, way)
        }
        None if router.abandoned_queue().is_some() => Err(router.work_without_identity()),
        None => Err(Reason::new(Code::MalformedEvent, router.absent_body())),
    };
    let route = router.end(decision);
    match (&route.decision, body.map(|body| body.text)) {
        (Decision::Unroutable(_), Some(Cow::Owned(body))) => Route { body: Some(body), ..route },
        _ => route,
    }
}

/// Routes the failure of a target that had claimed what died: as if the notice had named it. What the claim says of the failure wins
/// over what the notice says. `subject` is what is known of the notice, or of the claim that came after it.
#[must_use]
pub fn route_claimed(
    record: &Record<'_>,
    rules: &Rules,
    home: &Home,
    subject: &Subject,
    claimed: &Claimed,
    notice: &Failure<'static>,
    log: Option<&LogTail>,
) -> Route {
    let mut router = Router { subject: subject.clone(), log, ..Router::new(record, rules, home) };
    let decision = router.claimed(claimed, notice);
    router.end(decision)
}

/// Where the router is in a record.
#[derive(Clone, Copy)]
struct Layer<'t> {
    /// The text that was opened last.
    text: &'t str,
    /// So many envelopes were opened.
    depth: usize,
    /// The name of the one that holds the text; `None` for the body of the record.
    envelope: Option<&'static str>,
    /// The id that the innermost one gives to what it carries.
    id: Option<&'t str>,
}

struct Router<'a> {
    record: &'a Record<'a>,
    rules: &'a Rules,
    home: &'a Home,
    subject: Subject,
    /// What is known of the dead worker's log.
    log: Option<&'a LogTail>,
}

impl<'a> Router<'a> {
    fn new(record: &'a Record<'a>, rules: &'a Rules, home: &'a Home) -> Self {
        let secrets = MentionedSecrets::of(SecretNames::with(&rules.task_token_names));
        let publisher = record.origin.publisher.clone();
        Self { record, rules, home, subject: Subject { publisher, secrets, ..Subject::default() }, log: None }
    }

    /// The route, of which no text shows a secret.
    fn end(self, decision: Result<Decision, Reason>) -> Route {
        let secrets = &self.subject.secrets;
        let decision = decision.unwrap_or_else(|reason| {
            Decision::Unroutable(Reason::new(reason.code, secrets.redact_own(&reason.message)))
        });
        Route { subject: self.subject.without_secrets(), decision, body: None }
    }

    /// Content that is JSON in a text.
    fn text(&mut self, layer: Layer<'_>, way: &mut impl Way) -> Result<Decision, Reason> {
        way.opens(layer.text, layer.envelope);
        let error = match Json::parse(layer.text) {
            Ok(json) => return self.json(json, layer, way),
            Err(error) => error,
        };
        way.ends(layer.text, End::NotJson(&error));
        if self.abandoned_queue().is_some() {
            return Err(self.work_without_identity());
        }
        Err(Reason::new(Code::MalformedEvent, not_json(layer.depth, &error)))
    }

    fn json<'t>(&mut self, json: Json<'t>, layer: Layer<'t>, way: &mut impl Way) -> Result<Decision, Reason> {
        if let Some(object) = json.object() {
            return self.object(&object, layer, way);
        }
        way.ends(layer.text, End::NoObject(json));
        if self.abandoned_queue().is_some() {
            return Err(self.work_without_identity());
        }
        let found = event::name_of(json.json_type());
        Err(Reason::new(Code::MalformedEvent, format!("expected a JSON object, found {found}")))
    }

    /// An object is a failure event, a notice, an envelope, or what is left: an event without a target.
    fn object<'t>(
        &mut self,
        object: &Object<'t>,
        layer: Layer<'t>,
        way: &mut impl Way,
    ) -> Result<Decision, Reason> {
        let in_abandoned_queue = self.abandoned_queue().is_some();
        if let Some(target) = object.object("target") {
            way.ends(layer.text, End::Event(object));
            if in_abandoned_queue && Kind::of(&target).is_none() {
                return self.abandoned_work(object);
            }
            return self.event(object, Some(&target), layer.id);
        }
        if let Some(notice) = notice::recognise(object, &self.rules.task_token_names) {
            way.ends(layer.text, End::Notice(object, &notice));
            if in_abandoned_queue && matches!(notice.meaning, Meaning::AsksForWork) {
                return self.abandoned_work(object);
            }
            self.note_log(object, &notice);
            return self.notice(notice, layer.id);
        }
        let Some(envelope) = envelope::recognise(object) else {
            way.ends(layer.text, End::Event(object));
            if in_abandoned_queue {
                return self.abandoned_work(object);
            }
            return self.event(object, None, layer.id);
        };
        if layer.depth >= DEPTH_MAX {
            return Err(Reason::invalid(format!(
                "an envelope inside {DEPTH_MAX} others: at most {DEPTH_MAX} are opened"
            )));
        }
        self.subject.path.push(envelope.name);
        let id = envelope.id.as_deref();
        self.subject.header.id = self.default_id(id);
        let depth = layer.depth + 1;
        match envelope.content {
            Content::Text(text) => {
                let text = text.into_embedded();
                self.text(Layer { text: &text, depth, envelope: Some(envelope.name), id }, way)
            }
            Content::Value(json) => self.json(json, Layer { depth, id, ..layer }, way),
        }
    }

    /// An event, and its target where that is an object.
    fn event(
        &mut self,
        event: &Object<'_>,
        target: Option<&Object<'_>>,
        envelope_id: Option<&str>,
    ) -> Result<Decision, Reason> {
        self.set_header(Header::read(event), envelope_id);
        let given = target.map(|target| Given::read(target));
        if let Some(given) = &given {
            self.note_target(given);
        }
        if event.member("target").is_some() {
            event::check_version(event)?;
        }
        let (Some(target), Some(given)) = (target, given) else {
            return Err(self.explain_missing_target(event, event::missing_target(event)));
        };
        match Registration::read(event)? {
            Some(registration) => self.register(registration, event, target, given),
            None => self.call(given, || Failure::read(event.member("failure")), &GivenPlace::default()),
        }
    }

    /// What is checked of a failure event's target is checked here too, whatever is asked for.
    fn register(
        &mut self,
        registration: Registration,
        event: &Object<'_>,
        target: &Object<'_>,
        given: Given,
    ) -> Result<Decision, Reason> {
        let (identity, given) = self.identified(given)?;
        let place = self.checked_place(&identity, given, &GivenPlace::default())?;
        if !self.rules.has_table {
            let message =
                format!("{}: this relay has no table for it (RELAY_TABLE_NAME)", registration.member());
            return Err(Reason::new(Code::NotEnabled, message));
        }
        // Once more, without the defaults: an id may be as long as its record, and few events register anything.
        let own = Header::read(event);
        let without_secrets = |text: String| self.subject.secrets.redact_id(&text).into_owned();
        Ok(Decision::Register(Box::new(PlannedRegistration {
            registration,
            holder: Holder::new(event, target, &identity, &place, self.home),
            place,
            id: own.id.map(without_secrets),
            source: own.source.map(without_secrets),
            sent_at: self.record.sent_at(),
        })))
    }

    /// The call that reports a target which had claimed what died. Where the target is was decided when it claimed.
    fn claimed(&mut self, claimed: &Claimed, notice: &Failure<'static>) -> Result<Decision, Reason> {
        let unreadable = || Reason::invalid("the claim cannot be read");
        let target =
            Json::parse(claimed.target.expose()).ok().and_then(Json::object).ok_or_else(unreadable)?;
        let given = Given::read(&target);
        self.note_target(&given);
        let own = claimed.failure.as_deref().and_then(|failure| Json::parse(failure).ok());
        let notice = self.with_log(notice.clone());
        let failure = || Failure::read(own).or(notice);
        let place = GivenPlace { region: Some(claimed.region.clone()), account: claimed.account.clone() };
        self.call(given, failure, &place)
    }

    fn notice(&mut self, notice: Notice, envelope_id: Option<&str>) -> Result<Decision, Reason> {
        self.subject.path.push(notice.name);
        self.set_header(notice.header, envelope_id);
        match notice.meaning {
            Meaning::NoFailure | Meaning::AsksForWork => Ok(Decision::Ignore),
            Meaning::Unnamed(unnamed) => self.unnamed(unnamed),
            Meaning::Death(death) => self.death(*death),
        }
    }

    /// A death that names no task concerns whoever claimed what died.
    fn unnamed(&self, unnamed: Box<Unnamed>) -> Result<Decision, Reason> {
        match unnamed.otherwise {
            _ if self.rules.has_table && !unnamed.resources.is_empty() => Ok(Decision::LookUp(unnamed)),
            None => Ok(Decision::Ignore),
            Some(reason) => Err(reason),
        }
    }

    fn abandoned_work(&mut self, body: &Object<'_>) -> Result<Decision, Reason> {
        let record = self.record;
        let (Some(queue_arn), Via::Sqs(delivery)) = (self.abandoned_queue(), &record.via) else {
            return Err(self.work_without_identity());
        };
        let work = AbandonedWork {
            queue_arn,
            source_queue_arn: delivery.dead_letter_source_arn.as_deref(),
            receives: record.origin.receives,
            message_id: record.origin.message_id.as_deref(),
        };
        match notice::abandoned_work(work, body, &self.rules.task_token_names) {
            None => Err(self.work_without_identity()),
            Some((found, failure)) => {
                self.note_abandoned_work();
                self.death(Death { failure, found, region: None, account: None })
            }
        }
    }

    fn note_abandoned_work(&mut self) {
        self.subject.path.push(notice::ABANDONED_WORK);
        self.subject.is_abandoned_work = true;
    }

    /// It may be the last copy of that work, so it is kept.
    fn work_without_identity(&mut self) -> Reason {
        self.note_abandoned_work();
        Reason::invalid(notice::WORK_WITHOUT_IDENTITY)
    }

    fn death(&mut self, death: Death) -> Result<Decision, Reason> {
        let Found { name, target } = death.found;
        self.subject.found_as = Some(name.clone());
        let from_notice = GivenPlace { region: death.region, account: death.account };
        self.note_target(&target);
        let failure = self.with_log(death.failure);
        self.call(target, || failure, &from_notice)
            .map_err(|reason| Reason::new(reason.code, format!("{} (found as {name})", reason.message)))
    }

    /// The call to make; `default_place` is where it goes unless the target says otherwise.
    fn call<'f>(
        &mut self,
        given: Given,
        failure: impl FnOnce() -> Failure<'f>,
        default_place: &GivenPlace,
    ) -> Result<Decision, Reason> {
        let (identity, given) = self.identified(given)?;
        let failure = Failure { event_id: self.event_id(), ..failure() };
        self.note_untold(identity.kind(), &failure);
        let defaults = defaults(&given.clone().or(&identity.place()), &failure);
        let place = self.checked_place(&identity, given, default_place)?;
        let mut truncations = Vec::new();
        let request = identity.request(&failure, &mut truncations);
        Ok(Decision::Call(Box::new(PlannedCall { request, place, truncations, defaults })))
    }

    /// The task or job that a target names, and the place that it names beside it.
    fn identified(&mut self, given: Given) -> Result<(Target, GivenPlace), Reason> {
        let identity = given.target?;
        self.subject.fingerprint = Some(fingerprint(identity.identity()));
        let place = match identity.kind().place_source() {
            PlaceSource::Members => given.place?,
            PlaceSource::Identity => GivenPlace::default(),
        };
        Ok((identity, place))
    }

    /// Where the target is, when it may be called there.
    fn checked_place(
        &self,
        identity: &Target,
        given: GivenPlace,
        default_place: &GivenPlace,
    ) -> Result<Place, Reason> {
        self.check_enabled(identity.kind())?;
        let given = given.or(&identity.place());
        match identity.kind().place_source() {
            PlaceSource::Members => self.place(&given.or(default_place)),
            // The allow-lists hold, but no role is assumed: the URL is the permission.
            PlaceSource::Identity => Ok(Place { account: None, ..self.place(&given)? }),
        }
    }

    /// What is known of a target before it is known to be right.
    fn note_target(&mut self, target: &Given) {
        self.subject.kind = target.kind;
        for secret in &target.secrets {
            self.subject.secrets.add(secret.clone());
        }
    }

    /// Only in the relay's own account: no role of another lets it read logs.
    fn note_log(&mut self, object: &Object<'_>, notice: &Notice) {
        let failure = match &notice.meaning {
            _ if self.rules.log_lines == 0 => return,
            Meaning::Death(death) => &death.failure,
            Meaning::Unnamed(unnamed) => &unnamed.failure,
            Meaning::NoFailure | Meaning::AsksForWork => return,
        };
        let own = self.home.account.as_ref();
        let account = object.description("account");
        if account.as_deref().is_none_or(|account| own.is_some_and(|own| own.id == account)) {
            self.subject.log = WorkersLog::of_notice(object, failure, &self.home.region).map(Box::new);
        }
    }

    /// The failure that a notice tells, with what is known of the worker's log. The target's secrets are known before.
    fn with_log(&self, failure: Failure<'static>) -> Failure<'static> {
        match self.log {
            Some(log) => log.added_to(failure, &self.subject.secrets),
            None => failure,
        }
    }

    /// The id as the log line shows it, where the texts are to name it.
    fn event_id<'f>(&self) -> Option<Cow<'f, str>> {
        let id = self.subject.header.id.as_deref().filter(|_| self.rules.names_events)?;
        Some(Cow::Owned(cut(&self.subject.secrets.redact_id(id), EVENT_ID_MAX).into_owned()))
    }

    fn note_untold(&mut self, kind: Kind, failure: &Failure<'_>) {
        if kind.carries_text() {
            return;
        }
        let shown = |text: &str, max| self.subject.secrets.redact_foreign(&cut(text, max));
        self.subject.untold = Some(Untold {
            failure_type: shown(failure.type_name(), UNTOLD_TYPE_MAX),
            message: shown(failure.message(), UNTOLD_MESSAGE_MAX),
        });
    }

    fn check_enabled(&self, kind: Kind) -> Result<(), Reason> {
        match &self.rules.targets {
            Some(enabled) if !enabled.contains(&kind) => Err(Reason::new(
                Code::TargetNotAllowed,
                format!(
                    "target.kind: {} is not enabled (RELAY_TARGETS; in the template {}=true)",
                    kind.name(),
                    kind.parameter()
                ),
            )),
            _ => Ok(()),
        }
    }

    fn place(&self, given: &GivenPlace) -> Result<Place, Reason> {
        let not_allowed = |member: &str, value: &str, setting: &str| {
            let value = event::shortened(value);
            Err(Reason::new(
                Code::TargetNotAllowed,
                format!("target.{member}: {value} is not allowed ({setting})"),
            ))
        };
        let region = given.region.as_deref().unwrap_or(&self.home.region);
        if region != self.home.region && !self.rules.regions.iter().any(|allowed| allowed == region) {
            return not_allowed("region", region, "RELAY_ALLOWED_REGIONS");
        }
        let own = self.home.account.as_ref();
        let account = match given.account.as_deref() {
            None => None,
            Some(id) if own.is_some_and(|own| own.id == id) => None,
            Some(id) if self.rules.accounts.iter().any(|allowed| allowed == id) => {
                let partition = own.map_or("aws", |own| own.partition.as_str()).to_owned();
                Some(OtherAccount { id: id.to_owned(), partition })
            }
            Some(id) => return not_allowed("account", id, "RELAY_ALLOWED_ACCOUNTS"),
        };
        Ok(Place { region: region.to_owned(), account })
    }

    /// The queue of this record, when its messages are abandoned work.
    fn abandoned_queue(&self) -> Option<&'a str> {
        let record = self.record;
        let queue = record.origin.source_arn.as_deref()?;
        let is_listed = self.rules.abandoned_work_queues.iter().any(|listed| listed == queue);
        (is_listed && matches!(record.via, Via::Sqs(_))).then_some(queue)
    }

    fn set_header(&mut self, mut header: Header, envelope_id: Option<&str>) {
        let id = header.id.take().or_else(|| self.default_id(envelope_id));
        // Only an answer has the whole of a long id, and a queue is given none.
        let id = match self.record.via {
            Via::Sqs(_) => id.map(|id| cut(&id, ID_MAX).into_owned()),
            Via::Sns { .. } | Via::Invocation => id,
        };
        self.subject.header = Header { id, ..header };
    }

    /// The innermost envelope's id, else the record's.
    fn default_id(&self, envelope_id: Option<&str>) -> Option<String> {
        envelope_id.or(self.record.id()).map(str::to_owned)
    }

    fn explain_missing_target(&self, event: &Object<'_>, reason: Reason) -> Reason {
        let is_other_batch = self.record.via == Via::Invocation && event.member("Records").is_some();
        if is_other_batch && event.member("target").is_none() {
            return Reason::invalid(format!(
                "Records: expected at most {RECORDS_MAX} records of aws:sqs or aws:sns"
            ));
        }
        notice::asked_for_by(event).unwrap_or(reason)
    }

    fn absent_body(&self) -> &'static str {
        match self.record.via {
            Via::Sqs(_) => "body: expected a string with the event",
            Via::Sns { .. } => "Sns.Message: expected a string with the event",
            Via::Invocation => "expected a JSON object",
        }
    }
}

fn defaults(given: &GivenPlace, failure: &Failure<'_>) -> Vec<&'static str> {
    let members = [
        ("target.region", given.region.is_none()),
        ("target.account", given.account.is_none()),
        ("failure.type", failure.given_type.is_none()),
        ("failure.message", failure.given_message.is_none()),
    ];
    members.into_iter().filter(|(_, is_default)| *is_default).map(|(member, _)| member).collect()
}

fn not_json(depth: usize, error: &NotJson) -> String {
    match depth {
        0 => format!("the payload is not JSON: {error}"),
        _ => format!("the body is not JSON: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::{Delivery, open};

    /// The route of the one record of a batch; its body is given as the literal that stands in the payload.
    fn routed<T>(literal: &str, see: impl FnOnce(&Record<'_>, Route) -> T) -> T {
        let payload =
            format!(r#"{{"Records":[{{"eventSource":"aws:sqs","messageId":"m","body":{literal}}}]}}"#);
        let Delivery::SqsBatch(records) = open(&payload) else { panic!("{payload}") };
        see(&records[0], route(&records[0], &Rules::default(), &Home::new("eu-west-1", "")))
    }

    #[test]
    fn the_body_of_what_cannot_be_routed_is_handed_on_as_it_arrived() {
        for literal in [r#""{\"target\":{\"kind\":\"?\"}}""#, r#""no\tJSON""#, r#""\ud800\/{}""#] {
            routed(literal, |record, route| {
                assert_eq!(route.body.unwrap(), record.body.as_arrived(), "{literal}");
            });
        }
        for literal in [r#""plain""#, "7"] {
            routed(literal, |_, route| assert_eq!(route.body, None, "{literal}: nothing was copied"));
        }
        let routable = r#""{\"target\":{\"kind\":\"step-functions-task\",\"taskToken\":\"t\"}}""#;
        routed(routable, |_, route| assert_eq!(route.body, None));
    }

    #[test]
    fn the_body_is_not_printed() {
        let literal = r#""{\"target\":{\"kind\":\"?\",\"taskToken\":\"AQCEAAAAKgAAAAMA\"}}""#;
        routed(literal, |_, route| assert!(!format!("{route:?}").contains("AQCE")));
    }
}
