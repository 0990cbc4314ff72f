//! The shell: one invocation, its records, their order, their time, and what is answered.
//!
//! **A record is done only after its call was accepted, its task was found closed, or its dead letter or its parked copy was
//! stored.** All else goes back to whoever sent it. `Relay::settle` is where that is decided.
//!
//! Records are worked on side by side, up to the concurrency of the settings; the records of one FIFO message group one after the other.
//! No record can spoil another: each is parsed on its own, and a panic is caught and is that record's retry.

mod answer_to_invoker;
mod circuit;
mod claimants;
mod log_tail;
mod parking;
mod registrations;
mod time_limits;

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, stream};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use failure_event::dead_letter::{Code, DeadLetter, Label, Reason};
use failure_event::envelope::{self, Delivery, Record};
use failure_event::outcome::{Answer, Health, Outcome, Retry, ServiceError, Verdict, classify};
use failure_event::place::{Home, Place};
use failure_event::request::Request;
use failure_event::route::{Decision, PlannedCall, Route, Subject, route};
use failure_event::target::Kind;
use failure_event::text::{Truncation, cut};

use crate::aws::back_off::{self, Hidden};
use crate::aws::clients::Clients;
use crate::aws::dead_letter_queue::DeadLetterQueue;
use crate::aws::parking_queue::ParkingQueue;
use crate::aws::senders;
use crate::aws::table::Table;
use crate::log_line::{self, fitted, short};
use crate::settings::{Parking, Settings};
use crate::telemetry::{Observer, Report};

use circuit::{Admission, Api, Change, Circuits};
use parking::LastTry;

pub use answer_to_invoker::{EventAnswer, Failed, Response};
pub use time_limits::TimeLimits;

/// How much of what a service says is read, in UTF-16 code units: more than any text holds that shows it.
const SERVICE_TEXT_MAX: usize = 4096;

/// One invocation as Lambda hands it over.
#[derive(Clone)]
pub struct Invocation {
    /// The payload, which may be anything.
    pub payload: Bytes,
    /// Lambda's id of this invocation.
    pub request_id: String,
    /// The ARN with which the function was invoked: it tells the relay's own account.
    pub function_arn: String,
    /// When Lambda ends the invocation; `None` where that is not told.
    pub ends_at: Option<Instant>,
}

/// The relay, ready for invocations.
#[derive(Debug)]
pub struct Relay {
    settings: Settings,
    clients: Arc<Clients>,
    dead_letters: DeadLetterQueue,
    parking: Option<(Parking, ParkingQueue)>,
    table: Option<Table>,
    circuits: Circuits,
    log_reads: Semaphore,
    observer: Box<dyn Observer>,
}

/// One event on its way: what is known of it before and after its turn.
struct Settled {
    subject: Subject,
    outcome: Outcome,
    place: Option<Place>,
    truncations: Vec<Truncation>,
    duration: Duration,
    age: Option<Duration>,
}

/// How a record ended: each of the events that it stood for, at least one, and how it ended as a whole.
struct Turned {
    events: Vec<Settled>,
    /// The place of the one that decides what becomes of the record.
    deciding: usize,
}

/// What the records of one invocation share.
struct Turn<'a> {
    home: &'a Home,
    limits: TimeLimits,
    request_id: &'a str,
    /// How many records stand beside each other, which tells whether their dead letters need numbers.
    siblings: usize,
}

impl Relay {
    /// A relay with these settings and clients, which tells `observer` how each event ends.
    #[must_use]
    pub fn new(settings: Settings, clients: Clients, observer: impl Observer + 'static) -> Self {
        let clients = Arc::new(clients);
        let dead_letters = DeadLetterQueue::new(settings.dead_letter_queue.clone(), Arc::clone(&clients));
        let parking = settings.parking.clone().map(|parking| {
            let queue = ParkingQueue::new(parking.queue.clone(), Arc::clone(&clients));
            (parking, queue)
        });
        let table = settings.table_name.clone();
        let table = table.map(|name| Table::new(name, &settings.aws.region, Arc::clone(&clients)));
        let (circuits, observer) = (Circuits::default(), Box::new(observer));
        let log_reads = Semaphore::new(log_tail::READS_AT_ONCE);
        Self { settings, clients, dead_letters, parking, table, circuits, log_reads, observer }
    }

    /// Works on one invocation.
    ///
    /// # Errors
    /// [`Failed`] when the invoker must try again: an event that came alone is to be retried, or a record to be retried
    /// has no id to name it by.
    pub async fn invoke(&self, invocation: Invocation) -> Result<Response, Failed> {
        self.clients.begin_invocation(&invocation.function_arn, &invocation.request_id);
        let payload = String::from_utf8_lossy(&invocation.payload);
        let parking_queue = self.settings.parking.as_ref().map(|parking| &parking.queue);
        let is_parking_queue = |arn: &str| parking_queue.is_some_and(|queue| queue.may_be(arn));
        match envelope::open_with_parking(&payload, is_parking_queue) {
            Delivery::SqsBatch(records) => {
                let limits = TimeLimits::new(invocation.ends_at, records.len());
                let settled = self.work(&records, &invocation, limits).await;
                self.back_off(&records, &settled, limits).await;
                Response::to_sqs(records.iter().zip(settled.iter().map(|settled| &settled.outcome)))
            }
            Delivery::Sns(records) => self.work_and_answer_each(&records, &invocation).await,
            Delivery::Single(record) => self.work_and_answer_each(&[record], &invocation).await,
        }
    }

    async fn work_and_answer_each(
        &self,
        records: &[Record<'_>],
        invocation: &Invocation,
    ) -> Result<Response, Failed> {
        let limits = TimeLimits::new(invocation.ends_at, records.len());
        let settled = self.work(records, invocation, limits).await;
        Response::to_each(settled.iter().map(|settled| (&settled.subject, &settled.outcome)))
    }

    /// Works on all records of an invocation; what is returned stands in their order: of each what decides what becomes of it.
    async fn work(
        &self,
        records: &[Record<'_>],
        invocation: &Invocation,
        limits: TimeLimits,
    ) -> Vec<Settled> {
        let home = Home::new(&self.settings.aws.region, &invocation.function_arn);
        let turn = Turn { home: &home, limits, request_id: &invocation.request_id, siblings: records.len() };
        let groups =
            stream::iter(ordered_groups(records)).map(|group| self.work_in_order(group, records, &turn));
        let mut turned: Vec<(usize, Turned)> =
            groups.buffer_unordered(self.settings.concurrency).concat().await;
        turned.sort_unstable_by_key(|(index, _)| *index);
        let reports = turned.iter().flat_map(|(index, turned)| {
            turned.events.iter().map(move |settled| settled.report(*index, &records[*index]))
        });
        self.observer.invocation_ended(&reports.collect::<Vec<_>>());
        turned.into_iter().map(|(_, turned)| turned.into_deciding()).collect()
    }

    /// Works on the records of one ordered group, one after the other. After one that is to be retried the rest are not attempted.
    async fn work_in_order(
        &self,
        group: Vec<usize>,
        records: &[Record<'_>],
        turn: &Turn<'_>,
    ) -> Vec<(usize, Turned)> {
        let mut done = Vec::with_capacity(group.len());
        let mut is_blocked = false;
        for index in group {
            let turned = self.take_turn(&records[index], index, is_blocked, turn).await;
            for settled in &turned.events {
                is_blocked |= matches!(settled.outcome, Outcome::Retry(_));
                self.observer.event_ended(&settled.report(index, &records[index]));
            }
            done.push((index, turned));
        }
        done
    }

    async fn take_turn(
        &self,
        record: &Record<'_>,
        index: usize,
        is_blocked: bool,
        turn: &Turn<'_>,
    ) -> Turned {
        let started = Instant::now();
        let routed = catch_unwind(AssertUnwindSafe(|| route(record, &self.settings.rules, turn.home)));
        let (subject, decision, body) = match routed {
            Ok(Route { subject, decision, body }) => (subject, Some(decision), body),
            Err(_) => (Subject::default(), None, None),
        };
        if subject.header.time_is_unreadable {
            let event_id = subject.header.id.as_deref().map(short);
            tracing::warn!(event_id = event_id.as_deref(), "time: is not an RFC 3339 time, so it is ignored");
        }
        let context = RecordContext { relay: self, record, index, turn, started, body: Mutex::new(body) };
        if is_blocked {
            return Turned::one(context.ended(subject, decision.as_ref(), Outcome::Retry(Retry::Follower)));
        }
        if turn.limits.calls_are_over() {
            return Turned::one(context.ended(
                subject,
                decision.as_ref(),
                Outcome::Retry(Retry::NotAttempted),
            ));
        }
        match (decision, &self.table) {
            (Some(Decision::LookUp(unnamed)), Some(table)) => {
                context.tell_claimants(subject, *unnamed, table).await
            }
            (Some(Decision::Register(planned)), Some(table)) => {
                Turned::one(context.register(subject, &planned, table).await)
            }
            (decision, _) => {
                let (subject, decision) = context.with_log(subject, decision).await;
                Turned::one(context.run(subject, decision).await)
            }
        }
    }

    /// Does what was decided. This is the acknowledgement rule: an outcome other than a retry is returned only when the service
    /// or the dead-letter queue has confirmed it.
    async fn settle(&self, decision: Decision, event: &EventContext<'_>) -> Outcome {
        let planned = match decision {
            Decision::Ignore => return Outcome::Ignored,
            Decision::Unroutable(reason) => return event.store(reason).await,
            Decision::Call(planned) => planned,
            // Without a table the router decides on neither, and with one they are carried out before.
            Decision::Register(_) | Decision::LookUp(_) => return Outcome::Retry(Retry::NotAttempted),
        };
        if has_expired(&planned.request) {
            return Outcome::AlreadySettled(ServiceError::default());
        }
        let answer = match self.call_unless_open(&planned, event).await {
            Ok(answer) => answer,
            Err(retry) => return Outcome::Retry(retry),
        };
        let verdict = match &answer {
            Answer::Failed(error) if error.status == Some(403) && has_expired(&planned.request) => {
                Verdict::Settled
            }
            _ => classify(&answer, planned.request.errors()),
        };
        let error = match answer {
            Answer::Accepted => ServiceError::default(),
            Answer::Failed(error) => event.without_secrets(error),
        };
        match verdict {
            Verdict::Accepted => Outcome::Relayed,
            Verdict::Settled => Outcome::AlreadySettled(error),
            Verdict::Rejected => event.store(rejection(&planned.request, &error)).await,
            Verdict::Retry => Outcome::Retry(Retry::Service(error)),
        }
    }

    /// Calls the API for as long as its circuit, and the invocation's time, let it.
    async fn call_unless_open(
        &self,
        planned: &PlannedCall,
        event: &EventContext<'_>,
    ) -> Result<Answer, Retry> {
        let api = api_of(planned);
        let started = Instant::now();
        let Admission::Call(allowance) = self.circuits.admit(&api, event.caller(), started) else {
            return Err(Retry::CircuitOpen);
        };
        let deadline = event.context.turn.limits.calls_end();
        let own_end = allowance.time().map(|time| started + time).filter(|end| *end < deadline);
        let answered = timeout_at(own_end.unwrap_or(deadline), self.call(planned, event.subject)).await;
        let now = Instant::now();
        let (health, ended) = match answered {
            Ok(answer) => (answer.health(), Ok(answer)),
            Err(_) if own_end.is_some() => (Health::Silent, Ok(Answer::Failed(ServiceError::timed_out()))),
            // Cut off by the deadline: an API that was given as much as others get has kept silent all the same.
            Err(_) if now - started >= circuit::SHORT => (Health::Silent, Err(Retry::OutOfTime)),
            Err(_) => (Health::Unknown, Err(Retry::OutOfTime)),
        };
        if let Some(change) = self.circuits.learn(&api, allowance, health, now) {
            tell_of(change, planned);
        }
        ended
    }

    /// Calls the API; once more without the texts where only the state machine's own key stands in the way.
    async fn call(&self, planned: &PlannedCall, subject: &Subject) -> Answer {
        let mut answer = senders::send(&planned.request, &self.clients, &planned.place).await;
        if let Some((bare, lost)) = planned.request.fallback(&answer) {
            let lost =
                [&lost.failure_type, &lost.failure_message].map(|text| subject.secrets.redact_foreign(text));
            let texts = fitted([
                subject.header.id.as_deref().map(|id| (id, log_line::TEXT_MAX)),
                Some((&lost[0], log_line::TEXT_MAX)),
                Some((&lost[1], log_line::FAILURE_MESSAGE_MAX)),
            ]);
            let [event_id, failure_type, failure_message] = texts.each_ref().map(Option::as_deref);
            tracing::warn!(
                event_id,
                target_fingerprint = subject.fingerprint,
                failure_type,
                failure_message,
                "the state machine's key cannot be used: the failure is sent without error and cause"
            );
            answer = senders::send(&bare, &self.clients, &planned.place).await;
        }
        answer
    }

    /// Hides the records that are to be retried for a while, where the settings say so.
    async fn back_off(&self, records: &[Record<'_>], settled: &[Settled], limits: TimeLimits) {
        let Some(back_off) = self.settings.back_off else { return };
        let hidden: Vec<Hidden> = records
            .iter()
            .zip(settled)
            .filter(|(_, settled)| matches!(settled.outcome, Outcome::Retry(_)))
            .filter_map(|(record, settled)| {
                let delivery = record.sqs_delivery()?;
                let receives = record.origin.receives.unwrap_or(1);
                let most = back_off::seconds_max(back_off, receives, settled.subject.is_abandoned_work);
                Some(Hidden {
                    queue_arn: delivery.queue_arn.clone()?,
                    receipt_handle: delivery.receipt_handle.clone()?,
                    seconds: fastrand::u32(1..=most.max(1)),
                })
            })
            .collect();
        let hiding = back_off::hide(hidden, &self.clients, &self.settings.aws);
        // A panic here must not take back what is done: the answer is still to be given.
        match timeout_at(limits.back_off_ends(), AssertUnwindSafe(hiding).catch_unwind()).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => {
                tracing::warn!("no back-off for some records: the relay panicked; please report it");
            }
            Err(_) => tracing::warn!("no back-off for some records: the time was up"),
        }
    }
}

/// One record of an invocation, when it is its turn.
struct RecordContext<'a> {
    relay: &'a Relay,
    record: &'a Record<'a>,
    index: usize,
    turn: &'a Turn<'a>,
    started: Instant,
    /// The body as the router left it, for the first dead letter.
    body: Mutex<Option<String>>,
}

impl RecordContext<'_> {
    /// Carries out what was decided on one event; without a decision the router panicked.
    async fn run(&self, subject: Subject, decision: Option<Decision>) -> Settled {
        let (outcome, planned) = self.attempt(&subject, decision).await;
        let outcome = self.end_or_park(&subject, outcome, planned.as_ref()).await;
        self.settled(subject, planned, outcome)
    }

    /// Settles the event; a panic on the way (or before, when there is no decision) is its retry, and touches no other.
    async fn attempt(&self, subject: &Subject, decision: Option<Decision>) -> (Outcome, Option<Planned>) {
        let planned = decision.as_ref().and_then(Planned::of);
        let outcome = match decision {
            None => Outcome::Retry(Retry::Panicked),
            Some(decision) => {
                let event = self.event(subject);
                let settling = AssertUnwindSafe(self.relay.settle(decision, &event)).catch_unwind();
                settling.await.unwrap_or(Outcome::Retry(Retry::Panicked))
            }
        };
        (outcome, planned)
    }

    /// What becomes of the record when an event of it is to be retried.
    async fn end_or_park(&self, subject: &Subject, outcome: Outcome, planned: Option<&Planned>) -> Outcome {
        let event = self.event(subject);
        let ending = event.end_or_park(outcome, planned.map(|planned| &planned.api));
        AssertUnwindSafe(ending).catch_unwind().await.unwrap_or(Outcome::Retry(Retry::Panicked))
    }

    /// An event that was decided on and not attempted.
    fn ended(&self, subject: Subject, decision: Option<&Decision>, outcome: Outcome) -> Settled {
        self.settled(subject, decision.and_then(Planned::of), outcome)
    }

    fn settled(&self, subject: Subject, planned: Option<Planned>, outcome: Outcome) -> Settled {
        let age = subject.header.time.map(|time| age_of(SystemTime::from(time)));
        let (place, truncations) = planned.map(|planned| (planned.api.0, planned.truncations)).unzip();
        let truncations = truncations.unwrap_or_default();
        Settled { subject, outcome, place, truncations, duration: self.started.elapsed(), age }
    }

    fn event<'l>(&'l self, subject: &'l Subject) -> EventContext<'l> {
        EventContext { context: self, subject }
    }
}

/// What is still to be told of a call when it is made.
struct Planned {
    api: Api,
    truncations: Vec<Truncation>,
}

impl Planned {
    fn of(decision: &Decision) -> Option<Self> {
        match decision {
            Decision::Call(planned) => {
                Some(Self { api: api_of(planned), truncations: planned.truncations.clone() })
            }
            Decision::Unroutable(_) | Decision::Ignore | Decision::Register(_) | Decision::LookUp(_) => None,
        }
    }
}

impl Turned {
    fn one(settled: Settled) -> Self {
        Self { events: vec![settled], deciding: 0 }
    }

    fn into_deciding(mut self) -> Settled {
        self.events.swap_remove(self.deciding)
    }
}

/// One event of a record, with what is known of it: what its record is dead-lettered or parked with.
struct EventContext<'a> {
    context: &'a RecordContext<'a>,
    subject: &'a Subject,
}

impl EventContext<'_> {
    /// Stores the record with the reason. Unless SQS confirms it, the record is to be retried.
    async fn store(&self, reason: Reason) -> Outcome {
        let letter = || self.letter(&reason);
        let until = self.context.turn.limits.letters_end();
        match timeout_at(until, self.context.relay.dead_letters.store(&letter)).await {
            Ok(Ok(())) => Outcome::DeadLettered(reason),
            Ok(Err(error)) => Outcome::Retry(Retry::DeadLetterQueue(self.without_secrets(error))),
            Err(_) => Outcome::Retry(Retry::DeadLetterQueue(ServiceError::timed_out())),
        }
    }

    /// What becomes of an outcome: a record that is still to be retried after its last try is dead-lettered, and one whose target is in
    /// trouble is parked.
    async fn end_or_park(&self, outcome: Outcome, api: Option<&Api>) -> Outcome {
        let Outcome::Retry(retry) = outcome else { return outcome };
        match self.last_try() {
            Some(last) if retry.target_was_attempted() => self.end_exhausted(&retry, &last).await,
            None if self.is_to_be_parked(&retry, api) => self.park(retry).await,
            _ => Outcome::Retry(retry),
        }
    }

    async fn end_exhausted(&self, retry: &Retry, last: &LastTry) -> Outcome {
        let answered = retry.service_error().filter(|error| error.status.is_some());
        let message = match answered.and_then(|error| error.message.as_deref()) {
            Some(said) => format!("{last}, at last {}: {said}", retry.sentence()),
            None => format!("{last}, at last {}", retry.sentence()),
        };
        let name = retry.service_error().and_then(|error| error.name.as_deref());
        self.store(Reason::new(Code::RetriesExhausted, message).after(name)).await
    }

    fn letter(&self, reason: &Reason) -> DeadLetter {
        let label = Label {
            reason,
            target_kind: self.subject.kind.map(Kind::name),
            event_id: self.subject.header.id.as_deref(),
            publisher: self.subject.publisher.as_deref(),
            origin: &self.context.record.origin,
        };
        // Few letters are written more than once: only those take a copy more.
        let body = self.context.body.lock().unwrap_or_else(PoisonError::into_inner).take();
        let body = body.unwrap_or_else(|| self.context.record.body.as_arrived().into_owned());
        let letter = DeadLetter::new(body, label);
        if self.context.relay.dead_letters.is_fifo() {
            letter.with_fifo_ids(label, &self.invocation_id())
        } else {
            letter
        }
    }

    /// The invocation's request id, numbered where several records share it.
    fn invocation_id(&self) -> String {
        match self.context.turn.siblings {
            0 | 1 => self.context.turn.request_id.to_owned(),
            _ => format!("{}-{}", self.context.turn.request_id, self.context.index + 1),
        }
    }

    fn without_secrets(&self, mut error: ServiceError) -> ServiceError {
        // No more is searched than can be shown, and the marker of the cut.
        let redact = |text: String| self.subject.secrets.redact_foreign(&cut(&text, SERVICE_TEXT_MAX));
        error.message = error.message.map(redact);
        error.name = error.name.map(redact);
        error
    }
}

/// The API that a call goes to, and where.
fn api_of(planned: &PlannedCall) -> Api {
    (planned.place.clone(), planned.request.kind)
}

/// Once for each change, and not for each record that it concerns.
fn tell_of(change: Change, planned: &PlannedCall) {
    let action = planned.request.operation.label();
    let region = planned.place.region.as_str();
    let account = planned.place.account.as_ref().map(|account| account.id.as_str());
    match change {
        Change::Opened => tracing::warn!(
            region,
            account,
            "the circuit of {action} is open: it has not answered, or with a 5xx, {} times in a row",
            circuit::OPENS_AFTER
        ),
        Change::Closed => tracing::info!(region, account, "the circuit of {action} is closed: it answers"),
    }
}

impl Settled {
    fn report<'a>(&'a self, index: usize, record: &'a Record<'a>) -> Report<'a> {
        Report {
            index,
            record,
            subject: &self.subject,
            outcome: &self.outcome,
            duration: self.duration,
            age: self.age,
            place: self.place.as_ref(),
            truncations: &self.truncations,
        }
    }
}

/// How long ago that was; a time in the future is now.
fn age_of(time: SystemTime) -> Duration {
    SystemTime::now().duration_since(time).unwrap_or_default()
}

/// Which records are worked on one after the other: those of one FIFO message group. Any other is a group of its own.
fn ordered_groups(records: &[Record<'_>]) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::with_capacity(records.len());
    let mut index_of_id: HashMap<&str, usize> = HashMap::new();
    for (index, record) in records.iter().enumerate() {
        let own = groups.len();
        let group = record.fifo_group().map_or(own, |id| *index_of_id.entry(id).or_insert(own));
        if group == own {
            groups.push(Vec::new());
        }
        groups[group].push(index);
    }
    groups
}

/// Whether the URL of a request is good no longer: nobody waits for it any more.
fn has_expired(request: &Request) -> bool {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    request.expires_at().is_some_and(|at| i64::try_from(now.as_secs()).is_ok_and(|now| at <= now))
}

/// Why a service refused for good. The service's own words help, and hold no secret any more.
fn rejection(request: &Request, error: &ServiceError) -> Reason {
    let action = request.operation.label();
    let message = match &error.message {
        Some(said) => format!("target: {action} answered {error}: {said}"),
        None => format!("target: {action} answered {error}"),
    };
    Reason::new(Code::RejectedByService, message).after(error.name.as_deref())
}
