//! The stage: puts events on queues, and does what Lambda does until each of them has ended.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aws_emulator::{Fault, FaultRule, Matcher, Work, WorkReport};
use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, Message as SdkMessage, MessageSystemAttributeName};
use bytes::Bytes;
use failure_event::dead_letter::{Code, SOURCE_MESSAGE_ID};
use failure_event::lease::LEASE_SECONDS;
use failure_event::outcome::{Outcome, Registered};
use failure_event::rules::Rules;
use failure_relay::aws::clients::Clients;
use failure_relay::relay::{Failed, Relay, Response};
use failure_relay::settings::{QueueUrl, Settings};
use failure_watch::due::{Leases, Limits};
use failure_watch::queue::RelayQueue;
use failure_watch::services::Aws;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::Instant;

use super::board::{Board, Ended, Part, Prompter};
use super::expectation::{Expectation, is_step};
use crate::exit::{Exit, Problem};
use crate::inputs::{Course, Input, Message};
use crate::lambda::{self, Received};
use crate::output::plural;
use crate::sandbox::{DEAD_LETTERS, PARKING, QUEUE, Sandbox};
use crate::tasks;

/// How long one receive waits for messages, in seconds.
const WAIT_SECONDS: i32 = 1;

/// An invocation that fails comes back after this time, as often as Lambda repeats an asynchronous one.
const PAUSE: Duration = Duration::from_secs(1);
const ATTEMPTS: u32 = 3;

/// The queue of what is delivered to a relay without a table.
const QUEUE_WITHOUT_TABLE: &str = "failure-events-without-table";

/// All events, and how each reaches the relay.
#[derive(Debug, Default)]
pub struct Cast {
    parts: Vec<Part>,
    /// Messages that wait on a queue, by the queue's name and their ids.
    queued: BTreeMap<String, HashMap<String, Queued>>,
    invocations: Vec<Direct>,
    /// What waits for all that is before it.
    steps: Vec<Step>,
}

/// Delivered when all before it have ended.
#[derive(Debug)]
enum Step {
    Message(usize, Message),
    Invocation(Direct),
}

/// A message on a queue.
#[derive(Debug)]
struct Queued {
    part: usize,
    moved_from: Option<String>,
}

/// A payload that is delivered as it is, and its events.
#[derive(Debug)]
struct Direct {
    payload: Bytes,
    parts: Vec<usize>,
}

impl Cast {
    /// Opens the tasks and jobs that the inputs name, and puts the messages on their queues.
    ///
    /// # Errors
    /// A queue takes a message for no message.
    pub fn assemble(inputs: &[Input], sandbox: &Sandbox, settings: &Settings) -> Result<Self, Problem> {
        let mut cast = Self::default();
        for input in inputs {
            let works = tasks::named_in(input, sandbox, &settings.rules);
            let parts = cast.add_parts(input, works, sandbox);
            match (input.course(), is_step(&input.path)) {
                (Course::Invocation, is_step) => {
                    let direct = Direct { payload: input.bytes.clone(), parts };
                    if is_step {
                        cast.steps.push(Step::Invocation(direct));
                    } else {
                        cast.invocations.push(direct);
                    }
                }
                (Course::Queue(messages), true) => {
                    let messages = parts.into_iter().zip(messages);
                    cast.steps.extend(messages.map(|(part, message)| Step::Message(part, message)));
                }
                (Course::Queue(messages), false) => {
                    for (part, message) in parts.into_iter().zip(messages) {
                        cast.send(part, message, sandbox)?;
                    }
                }
            }
        }
        Ok(cast)
    }

    fn add_parts(&mut self, input: &Input, works: Vec<Option<Work>>, sandbox: &Sandbox) -> Vec<usize> {
        let (first, count) = (self.parts.len(), works.len());
        let expectation = Expectation::of(&input.path);
        for (index, work) in works.into_iter().enumerate() {
            let name = input.name_of_event(index, count);
            // A notice names no task: it is that of the claim before it.
            let work = work.or_else(|| self.work_of_story(&input.path));
            if let Some(work) = &work {
                open(work.clone(), expectation, sandbox);
            }
            self.parts.push(Part { name, expectation, work, outcome: None });
        }
        (first..first + count).collect()
    }

    /// The work that the steps before this one name.
    fn work_of_story(&self, path: &Path) -> Option<Work> {
        let folder = path.parent().filter(|_| is_step(path))?;
        self.parts.iter().rev().find(|part| Path::new(&part.name).parent() == Some(folder))?.work.clone()
    }

    /// Puts a message on its queue, whose name it returns.
    fn send(&mut self, part: usize, message: Message, sandbox: &Sandbox) -> Result<String, Problem> {
        let own = if self.parts[part].is_without_table() { QUEUE_WITHOUT_TABLE } else { QUEUE };
        let queue = message.queue.unwrap_or_else(|| own.to_owned());
        sandbox.create_queue(&queue)?;
        let sent = sandbox.endpoint.send_message(&queue, &message.body, &[], message.group.as_deref());
        let id = sent.map_err(|error| Problem::file(format!("{}: {error}", self.parts[part].name)))?;
        let waiting = self.queued.entry(queue.clone()).or_default();
        waiting.insert(id, Queued { part, moved_from: message.moved_from });
        Ok(queue)
    }

    /// The faults that make events exhaust their tries.
    pub fn faults(&self) -> impl Iterator<Item = FaultRule> {
        let exhausted = Expectation::DeadLettered(Some(Code::RetriesExhausted));
        let works = self
            .parts
            .iter()
            .filter(move |part| part.expectation == exhausted)
            .filter_map(|part| part.work.as_ref());
        works.map(|work| FaultRule::always("*", Fault::AccessDenied).matching(Matcher::identity(&work.id)))
    }

    /// The message as it was sent; a parked one says which it was.
    fn queued(&self, message: &Received) -> Option<&Queued> {
        let id = message.message_attributes.get(SOURCE_MESSAGE_ID).unwrap_or(&message.message_id);
        self.queued.values().find_map(|waiting| waiting.get(id))
    }

    fn part_of(&self, message: &Received) -> Option<usize> {
        Some(self.queued(message)?.part)
    }

    /// How much is rehearsed, for a person.
    #[must_use]
    pub fn counted(&self, files: usize) -> String {
        format!("{} from {}", plural(self.parts.len(), "event"), plural(files, "file"))
    }
}

fn open(work: Work, expectation: Expectation, sandbox: &Sandbox) {
    match expectation {
        Expectation::DeadLettered(Some(Code::RejectedByService)) => {}
        // Its time is over before the event comes.
        Expectation::AlreadySettled => sandbox.endpoint.open(Work { timeout_ms: Some(0), ..work }),
        Expectation::Relayed
        | Expectation::DeadLettered(_)
        | Expectation::Ignored
        | Expectation::Registered(_) => sandbox.endpoint.open(work),
    }
}

/// The relay with all around it.
#[derive(Debug)]
pub struct Stage<'s> {
    sandbox: &'s Sandbox,
    settings: Settings,
    relay: Relay,
    /// For what is to be refused as not enabled.
    relay_without_table: Relay,
    told: UnboundedReceiver<Ended>,
    sqs: aws_sdk_sqs::Client,
    function_arn: String,
    has_parking: bool,
    invocations: u32,
    cast: Cast,
    board: Board<'s>,
}

impl<'s> Stage<'s> {
    /// Prepares the relay; nothing happens yet.
    #[must_use]
    pub fn new(sandbox: &'s Sandbox, settings: &Settings, cast: Cast, board: Board<'s>) -> Self {
        let (prompter, told) = unbounded_channel();
        let endpoint = &sandbox.endpoint;
        board.expect(cast.parts.len());
        let relay = |settings: &Settings| {
            Relay::new(settings.clone(), Clients::new(settings), Prompter(prompter.clone()))
        };
        let rules = Rules { has_table: false, ..settings.rules.clone() };
        Self {
            sqs: Clients::new(settings).sqs(None),
            relay: relay(settings),
            relay_without_table: relay(&Settings { table_name: None, rules, ..settings.clone() }),
            settings: settings.clone(),
            function_arn: lambda::function_arn(endpoint.region(), endpoint.account()),
            has_parking: settings
                .parking
                .as_ref()
                .is_some_and(|parking| parking.queue.as_str() == endpoint.queue_url(PARKING)),
            sandbox,
            told,
            invocations: 0,
            cast,
            board,
        }
    }

    /// Delivers everything, until each event has ended or the time is up.
    ///
    /// # Errors
    /// The endpoint's own queues do not answer.
    pub async fn play(&mut self, time: Duration) -> Result<(), Problem> {
        let end = Instant::now() + time;
        let queues: Vec<String> = self.cast.queued.keys().cloned().collect();
        for direct in std::mem::take(&mut self.cast.invocations) {
            self.invoke_directly(&direct, end).await;
        }
        for queue in queues {
            self.empty(&queue, end).await?;
        }
        for step in std::mem::take(&mut self.cast.steps) {
            match step {
                Step::Invocation(direct) => self.invoke_directly(&direct, end).await,
                Step::Message(part, message) => {
                    let queue = self.cast.send(part, message, self.sandbox)?;
                    self.empty(&queue, end).await?;
                }
            }
        }
        self.let_leases_run_out(end).await
    }

    /// Does what the watch does, at a time when every lease that is still held has run out, and delivers what it publishes.
    async fn let_leases_run_out(&mut self, end: Instant) -> Result<(), Problem> {
        let Some(table) = self.settings.table_name.clone() else { return Ok(()) };
        let endpoint = &self.sandbox.endpoint;
        let services = Aws::new(Arc::new(Clients::new(&self.settings)));
        let url = QueueUrl::parse(&endpoint.queue_url(QUEUE)).map_err(Problem::local)?;
        let queue = RelayQueue::new(&services, &url, endpoint.region());
        let leases = Leases::new(&services, &table, endpoint.region(), &queue);
        let now = i64::try_from(endpoint.clock().now_ms()).unwrap_or(i64::MAX);
        let later = now.saturating_add(i64::from(LEASE_SECONDS.1) * 1000);
        let limits = Limits { last_begin: end, end };
        while !leases.publish_due(later, limits).await.problems.is_empty() && Instant::now() + PAUSE < end {
            tokio::time::sleep(PAUSE).await;
        }
        let waiting = self.cast.queued.entry(QUEUE.to_owned()).or_default();
        for message in endpoint.messages(QUEUE).unwrap_or_default() {
            if waiting.contains_key(&message.id) {
                continue;
            }
            let input = Input { path: PathBuf::new(), bytes: message.body.clone().into() };
            let work = tasks::named_in(&input, self.sandbox, &self.settings.rules).pop().flatten();
            let part = Part::published(&message.body, work);
            self.board.show_due(&part, &message.body);
            waiting.insert(message.id, Queued { part: self.cast.parts.len(), moved_from: None });
            self.cast.parts.push(part);
        }
        self.board.expect(self.cast.parts.len());
        self.empty(QUEUE, end).await
    }

    /// An invocation that fails is repeated, as Lambda does with an asynchronous one.
    async fn invoke_directly(&mut self, direct: &Direct, end: Instant) {
        for attempt in 1..=ATTEMPTS {
            let answer = self.invoke(direct.payload.clone(), &direct.parts).await;
            if answer.is_ok() || attempt == ATTEMPTS || Instant::now() + PAUSE > end {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Does what Lambda's event source mapping does with one queue: receive, invoke, delete what is not to be retried.
    async fn empty(&mut self, queue: &str, end: Instant) -> Result<(), Problem> {
        while self.is_waiting(queue) && Instant::now() < end {
            self.deliver(queue).await?;
            if self.has_parking {
                self.deliver(PARKING).await?;
            }
        }
        Ok(())
    }

    /// One batch from one queue, if there is any.
    async fn deliver(&mut self, queue: &str) -> Result<(), Problem> {
        let url = self.sandbox.endpoint.queue_url(queue);
        let received = self.receive(queue, &url).await?;
        if received.is_empty() {
            return Ok(());
        }
        // What was received is what was sent: `receive` has looked each of them up.
        let parts: Vec<usize> = received.iter().filter_map(|message| self.cast.part_of(message)).collect();
        let (arn, region) = (self.sandbox.endpoint.queue_arn(queue), self.sandbox.endpoint.region());
        let answer = self.invoke(lambda::batch_payload(&received, &arn, region), &parts).await;
        self.delete(&url, &received, answer).await
    }

    fn is_waiting(&self, queue: &str) -> bool {
        self.cast.queued[queue].values().any(|queued| !self.cast.parts[queued.part].has_ended())
    }

    async fn receive(&self, queue: &str, url: &str) -> Result<Vec<Received>, Problem> {
        let request = self.sqs.receive_message().queue_url(url);
        let request = request
            .max_number_of_messages(lambda::BATCH_MAX)
            .wait_time_seconds(WAIT_SECONDS)
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .message_attribute_names("All");
        let answer = request.send().await.map_err(|error| Problem::service(format!("{queue}: {error}")))?;
        let received = answer.messages.unwrap_or_default().into_iter().map(received);
        // What is on the queue is what was sent there, or parked.
        Ok(received
            .filter_map(|mut message| {
                if let Some(arn) = &self.cast.queued(&message)?.moved_from {
                    message
                        .attributes
                        .entry("DeadLetterQueueSourceArn".to_owned())
                        .or_insert_with(|| arn.clone());
                }
                Some(message)
            })
            .collect())
    }

    /// Deletes all messages that the answer does not name; none when the invocation failed.
    async fn delete(
        &self,
        url: &str,
        received: &[Received],
        answer: Result<Response, Failed>,
    ) -> Result<(), Problem> {
        let Ok(Response::SqsBatch(response)) = answer else { return Ok(()) };
        let is_kept =
            |id: &str| response.batch_item_failures.iter().any(|failure| failure.item_identifier == id);
        let done = received.iter().filter(|message| !is_kept(&message.message_id));
        let entries: Result<Vec<_>, _> = done
            .enumerate()
            .map(|(index, message)| {
                let entry = DeleteMessageBatchRequestEntry::builder().id(index.to_string());
                entry.receipt_handle(&message.receipt_handle).build()
            })
            .collect();
        let failed = |error: String| Problem::service(format!("{url}: {error}"));
        let entries = entries.map_err(|error| failed(error.to_string()))?;
        if entries.is_empty() {
            return Ok(());
        }
        let request = self.sqs.delete_message_batch().queue_url(url).set_entries(Some(entries));
        let answer = request.send().await.map_err(|error| failed(error.to_string()))?;
        match answer.failed().first() {
            Some(entry) => Err(failed(format!("a message was not deleted: {}", entry.code()))),
            None => Ok(()),
        }
    }

    /// Invokes the relay, and shows how its events end while it works. `parts` stand in the order of the records.
    async fn invoke(&mut self, payload: Bytes, parts: &[usize]) -> Result<Response, Failed> {
        self.invocations += 1;
        let invocation = lambda::invocation(payload, &self.function_arn, self.invocations);
        let is_without_table = parts.iter().any(|part| self.cast.parts[*part].is_without_table());
        let relay = if is_without_table { &self.relay_without_table } else { &self.relay };
        let working = relay.invoke(invocation);
        tokio::pin!(working);
        let mut note = |ended: Ended| {
            if let Some(part) = parts.get(ended.index) {
                self.board.note(&mut self.cast.parts[*part], ended);
            }
        };
        let answer = loop {
            tokio::select! {
                biased;
                Some(ended) = self.told.recv() => note(ended),
                answer = &mut working => break answer,
            }
        };
        while let Ok(ended) = self.told.try_recv() {
            note(ended);
        }
        answer
    }

    /// Tells the score, and asks the endpoint whether it saw the same.
    #[must_use]
    pub fn close(self) -> Exit {
        let disagreements = self.disagreements();
        if self.board.close(&self.cast.parts, &disagreements) { Exit::Yes } else { Exit::No }
    }

    /// Where the endpoint holds something else than the relay told.
    fn disagreements(&self) -> Vec<String> {
        let mut found = Vec::new();
        let tasks = self.sandbox.endpoint.tasks();
        let has_failed = |work: &Work| {
            let is_it = |task: &&WorkReport| task.kind == work.kind && task.id == work.id;
            tasks.iter().filter(is_it).any(|task| task.failure().is_some())
        };
        let mut expect = |part: &Part, expected: bool, what: &str| {
            if part.work.as_ref().is_none_or(|work| has_failed(work) != expected) {
                found.push(format!("{}: {what}", part.name));
            }
        };
        for (index, part) in self.cast.parts.iter().enumerate() {
            let later = self.cast.parts[index + 1..].iter().filter(|later| later.work == part.work);
            let is_released = || {
                later
                    .clone()
                    .any(|later| later.outcome == Some(Outcome::Registered(Registered::LeaseReleased)))
            };
            match part.outcome {
                Some(Outcome::Relayed) => {
                    expect(part, true, "reported as relayed, but the task was not failed");
                }
                Some(Outcome::Registered(Registered::LeaseTaken | Registered::LeaseRenewed))
                    if !is_released() =>
                {
                    expect(part, true, "the lease ran out, but the task was not failed");
                }
                Some(Outcome::Registered(Registered::LeaseReleased)) => {
                    expect(part, false, "the lease was released, but the task was failed");
                }
                _ => {}
            }
        }
        let mut told: Vec<&str> =
            self.cast.parts.iter().filter_map(|part| code_of(part.outcome.as_ref()?)).collect();
        let letters = self.sandbox.endpoint.messages(DEAD_LETTERS).unwrap_or_default();
        let mut stored: Vec<&str> = letters
            .iter()
            .filter_map(|letter| letter.attributes.get("ERROR_CODE").map(String::as_str))
            .collect();
        told.sort_unstable();
        stored.sort_unstable();
        if told != stored {
            found.push(format!(
                "reported as dead-lettered: {told:?}, but the dead-letter queue holds {stored:?}"
            ));
        }
        found
    }
}

fn code_of(outcome: &Outcome) -> Option<&'static str> {
    match outcome {
        Outcome::DeadLettered(reason) => Some(reason.code.as_str()),
        _ => None,
    }
}

fn received(message: SdkMessage) -> Received {
    let attributes = message.attributes.unwrap_or_default();
    Received {
        message_id: message.message_id.unwrap_or_default(),
        receipt_handle: message.receipt_handle.unwrap_or_default(),
        body: message.body.unwrap_or_default(),
        attributes: attributes.into_iter().map(|(name, value)| (name.as_str().to_owned(), value)).collect(),
        message_attributes: message
            .message_attributes
            .into_iter()
            .flatten()
            .filter_map(|(name, value)| Some((name, value.string_value?)))
            .collect(),
    }
}
