//! The shell: one invocation, its records, their order, their time, and what is answered.
//!
//! **A record is done only after its call was accepted, its task was found closed, or its dead letter was stored.** All else
//! goes back to whoever sent it. `Relay::settle` is where that is decided.
//!
//! Records are worked on side by side, up to the concurrency of the settings; the records of one FIFO message group one after the other.
//! No record can spoil another: each is parsed on its own, and a panic is caught and is that record's retry.

mod answer_to_invoker;
mod patience;
mod time_limits;

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, stream};
use tokio::time::{Instant, timeout, timeout_at};

use crate::back_off::{self, Hidden};
use crate::clients::{Clients, Place};
use crate::dead_letter::{Code, DeadLetter, Label, Reason};
use crate::dead_letter_queue::DeadLetterQueue;
use crate::envelope::{self, Delivery, Record, Via};
use crate::log_line::{self, fitted, short};
use crate::outcome::{Answer, Outcome, Retry, ServiceError, Verdict, classify};
use crate::route::{Decision, Home, PlannedCall, Route, Subject, route};
use crate::settings::Settings;
use crate::target::{Call, Kind};
use crate::telemetry::{Observer, Report};
use crate::text::{Cut, cut};

use patience::{Allowance, Patience};

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
    patience: Patience,
    observer: Box<dyn Observer>,
}

/// One record on its way: what is known of it before and after its turn.
struct Settled {
    subject: Subject,
    outcome: Outcome,
    place: Option<Place>,
    cuts: Vec<Cut>,
    duration: Duration,
    age: Option<Duration>,
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
        Self { settings, clients, dead_letters, patience: Patience::default(), observer: Box::new(observer) }
    }

    /// Works on one invocation.
    ///
    /// # Errors
    /// [`Failed`] when the invoker must try again: an event that came alone is to be retried, or a record to be retried
    /// has no id to name it by.
    pub async fn invoke(&self, invocation: Invocation) -> Result<Response, Failed> {
        let payload = String::from_utf8_lossy(&invocation.payload);
        match envelope::open(&payload) {
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

    /// Works on all records of an invocation; what is returned stands in their order.
    async fn work(
        &self,
        records: &[Record<'_>],
        invocation: &Invocation,
        limits: TimeLimits,
    ) -> Vec<Settled> {
        let home = Home::new(&self.settings.aws.region, &invocation.function_arn);
        let turn = Turn { home: &home, limits, request_id: &invocation.request_id, siblings: records.len() };
        let lanes = stream::iter(lanes(records)).map(|lane| self.work_in_order(lane, records, &turn));
        let mut settled: Vec<(usize, Settled)> =
            lanes.buffer_unordered(self.settings.concurrency).concat().await;
        settled.sort_unstable_by_key(|(index, _)| *index);
        let settled: Vec<Settled> = settled.into_iter().map(|(_, settled)| settled).collect();
        let reports =
            settled.iter().enumerate().map(|(index, settled)| settled.report(index, &records[index]));
        self.observer.invocation_ended(&reports.collect::<Vec<_>>());
        settled
    }

    /// Works on the records of one lane, one after the other. After one that is to be retried the rest are not attempted.
    async fn work_in_order(
        &self,
        lane: Vec<usize>,
        records: &[Record<'_>],
        turn: &Turn<'_>,
    ) -> Vec<(usize, Settled)> {
        let mut done = Vec::with_capacity(lane.len());
        let mut is_blocked = false;
        for index in lane {
            let settled = self.take_turn(&records[index], index, is_blocked, turn).await;
            is_blocked = is_blocked || matches!(settled.outcome, Outcome::Retry(_));
            self.observer.event_ended(&settled.report(index, &records[index]));
            done.push((index, settled));
        }
        done
    }

    async fn take_turn(
        &self,
        record: &Record<'_>,
        index: usize,
        is_blocked: bool,
        turn: &Turn<'_>,
    ) -> Settled {
        let started = Instant::now();
        let routed = catch_unwind(AssertUnwindSafe(|| route(record, &self.settings.rules, turn.home)));
        let (subject, decision) = match routed {
            Ok(Route { subject, decision }) => (subject, Some(decision)),
            Err(_) => (Subject::default(), None),
        };
        if subject.header.time_is_unreadable {
            let event_id = subject.header.id.as_deref().map(short);
            tracing::warn!(event_id = event_id.as_deref(), "time: is no RFC 3339 time, so it is ignored");
        }
        let (place, cuts) = match &decision {
            Some(Decision::Call(planned)) => (Some(planned.place.clone()), planned.cuts.clone()),
            _ => (None, Vec::new()),
        };
        let outcome = if is_blocked {
            Outcome::Retry(Retry::Follower)
        } else if turn.limits.calls_are_over() {
            Outcome::Retry(Retry::NotAttempted)
        } else {
            self.attempt(decision, &Letterbox { relay: self, record, index, subject: &subject, turn }).await
        };
        let age = subject.header.time.map(|time| age_of(SystemTime::from(time)));
        Settled { subject, outcome, place, cuts, duration: started.elapsed(), age }
    }

    /// Settles the record; a panic on the way (or before, when there is no decision) is its retry, and touches no other.
    async fn attempt(&self, decision: Option<Decision>, letterbox: &Letterbox<'_>) -> Outcome {
        let panicked = |_| Outcome::Retry(Retry::Panicked);
        let outcome = match decision {
            None => Outcome::Retry(Retry::Panicked),
            Some(decision) => {
                let settling = AssertUnwindSafe(self.settle(decision, letterbox)).catch_unwind();
                settling.await.unwrap_or_else(panicked)
            }
        };
        let ending = AssertUnwindSafe(letterbox.end_exhausted(outcome)).catch_unwind();
        ending.await.unwrap_or_else(panicked)
    }

    /// Does what was decided. This is the acknowledgement rule: an outcome other than a retry is returned only when the service
    /// or the dead-letter queue has confirmed it.
    async fn settle(&self, decision: Decision, letterbox: &Letterbox<'_>) -> Outcome {
        let planned = match decision {
            Decision::Ignore => return Outcome::Ignored,
            Decision::Unroutable(reason) => return letterbox.store(reason).await,
            Decision::Call(planned) => planned,
        };
        let limit = letterbox.turn.limits.calls_end();
        let Ok(answer) = timeout_at(limit, self.call_with_patience(&planned, letterbox)).await else {
            return Outcome::Retry(Retry::OutOfTime);
        };
        let verdict = classify(&answer, planned.call.errors());
        let error = match answer {
            Answer::Accepted => ServiceError::default(),
            Answer::Failed(error) => letterbox.without_secrets(error),
        };
        match verdict {
            Verdict::Accepted => Outcome::Relayed,
            Verdict::Settled => Outcome::AlreadySettled(error),
            Verdict::Rejected => letterbox.store(rejection(&planned.call, &error)).await,
            Verdict::Retry => Outcome::Retry(Retry::Service(error)),
        }
    }

    /// Calls the API, and waits a short time only while that API keeps silent and other records wait too.
    async fn call_with_patience(&self, planned: &PlannedCall, letterbox: &Letterbox<'_>) -> Answer {
        let api = (planned.place.clone(), planned.call.kind());
        let allowance = if letterbox.may_be_hurried() {
            self.patience.allow(&api, Instant::now())
        } else {
            Allowance::Full
        };
        let call = self.call(planned, letterbox.subject);
        let answer = match allowance {
            Allowance::Full => call.await,
            Allowance::Short => {
                timeout(patience::SHORT, call).await.unwrap_or_else(|_| patience::timed_out())
            }
        };
        self.patience.learn(&api, allowance, &answer, Instant::now());
        answer
    }

    /// Calls the API; once more without the texts where only the state machine's own key stands in the way.
    async fn call(&self, planned: &PlannedCall, subject: &Subject) -> Answer {
        let mut answer = planned.call.send(&self.clients, &planned.place).await;
        if let Some((bare, lost)) = planned.call.without_encrypted_texts(&answer) {
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
            answer = bare.send(&self.clients, &planned.place).await;
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
                let Via::Sqs(delivery) = &record.via else { return None };
                let receives = record.origin.receives.unwrap_or(1);
                let most = back_off::seconds_max(back_off, receives, settled.subject.is_abandoned_work);
                Some(Hidden {
                    queue_arn: record.origin.source_arn.clone()?,
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

/// The way of one record into the dead-letter queue.
struct Letterbox<'a> {
    relay: &'a Relay,
    record: &'a Record<'a>,
    index: usize,
    subject: &'a Subject,
    turn: &'a Turn<'a>,
}

impl Letterbox<'_> {
    /// Stores the record with the reason. Unless SQS confirms it, the record is to be retried.
    async fn store(&self, reason: Reason) -> Outcome {
        let letter = || self.letter(&reason);
        match timeout_at(self.turn.limits.letters_end(), self.relay.dead_letters.store(&letter)).await {
            Ok(Ok(())) => Outcome::DeadLettered(reason),
            Ok(Err(error)) => Outcome::Retry(Retry::DeadLetterQueue(self.without_secrets(error))),
            Err(_) => Outcome::Retry(Retry::DeadLetterQueue(ServiceError {
                name: Some("TimeoutError".to_owned()),
                ..ServiceError::default()
            })),
        }
    }

    /// How often the record was received, when that is as often as the settings allow: an attempt that is to be retried ends it.
    fn last_receive(&self) -> Option<u32> {
        let most = self.relay.settings.max_receives?;
        self.record.origin.receives.filter(|receives| *receives >= most && !self.subject.is_abandoned_work)
    }

    /// Whether a call may be given up early: not where no other record waits for it, and not where that ends the record.
    fn may_be_hurried(&self) -> bool {
        self.turn.siblings > 1 && self.last_receive().is_none()
    }

    /// Ends a record that was received as often as the settings allow, attempted, and is still to be retried.
    async fn end_exhausted(&self, outcome: Outcome) -> Outcome {
        match (&outcome, self.last_receive()) {
            (Outcome::Retry(retry), Some(receives)) if retry.target_was_attempted() => {
                let answered = retry.service_error().filter(|error| error.status.is_some());
                let message = match answered.and_then(|error| error.message.as_deref()) {
                    Some(said) => format!("received {receives} times, at last {}: {said}", retry.sentence()),
                    None => format!("received {receives} times, at last {}", retry.sentence()),
                };
                let name = retry.service_error().and_then(|error| error.name.as_deref());
                self.store(Reason::new(Code::RetriesExhausted, message).after(name)).await
            }
            _ => outcome,
        }
    }

    fn letter(&self, reason: &Reason) -> DeadLetter {
        let label = Label {
            reason,
            target_kind: self.subject.kind.map(Kind::name),
            event_id: self.subject.header.id.as_deref(),
            origin: &self.record.origin,
        };
        let letter = DeadLetter::new(self.record.body.as_arrived().into_owned(), label);
        if self.relay.dead_letters.is_fifo() {
            letter.with_fifo_ids(label, &self.invocation_id())
        } else {
            letter
        }
    }

    /// The invocation's request id, numbered where several records share it.
    fn invocation_id(&self) -> String {
        match self.turn.siblings {
            0 | 1 => self.turn.request_id.to_owned(),
            _ => format!("{}-{}", self.turn.request_id, self.index + 1),
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
            cuts: &self.cuts,
        }
    }
}

/// How long ago that was; a time in the future is now.
fn age_of(time: SystemTime) -> Duration {
    SystemTime::now().duration_since(time).unwrap_or_default()
}

/// Which records are worked on one after the other: those of one FIFO message group. Any other is a lane of its own.
fn lanes(records: &[Record<'_>]) -> Vec<Vec<usize>> {
    let mut lanes: Vec<Vec<usize>> = Vec::with_capacity(records.len());
    let mut lane_of_group: HashMap<&str, usize> = HashMap::new();
    for (index, record) in records.iter().enumerate() {
        let own_lane = lanes.len();
        let lane =
            record.fifo_group().map_or(own_lane, |group| *lane_of_group.entry(group).or_insert(own_lane));
        if lane == own_lane {
            lanes.push(Vec::new());
        }
        lanes[lane].push(index);
    }
    lanes
}

/// Why a service refused for good. The service's own words help, and hold no secret any more.
fn rejection(call: &Call, error: &ServiceError) -> Reason {
    let action = call.kind().action();
    let message = match &error.message {
        Some(said) => format!("target: {action} answered {error}: {said}"),
        None => format!("target: {action} answered {error}"),
    };
    Reason::new(Code::RejectedByService, message).after(error.name.as_deref())
}
