//! One queue as a state machine: what is visible, in flight, delayed, and in which order.
//!
//! Time comes in as an argument, so that every rule here can be tested without waiting.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use super::super::ids::draw;
use super::message::{Attributes, md5_of_body};
use super::settings::{Redrive, Settings};

/// A FIFO queue refuses to store the same deduplication id again for so long: five minutes.
const DEDUPLICATION_MS: u64 = 300_000;

/// Makes standard queues as unreliable as SQS says that they may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Disorder {
    /// Another seed, another disorder.
    pub seed: u64,
    /// The chance from 0 to 1 that a receive passes over a message that it could return.
    pub reorder: f64,
    /// The chance from 0 to 1 that a received message stays visible, and so is received twice.
    pub duplicate: f64,
}

/// A message to store.
#[derive(Clone, Debug)]
pub(crate) struct NewMessage {
    pub(crate) body: String,
    pub(crate) attributes: Attributes,
    pub(crate) system_attributes: Attributes,
    pub(crate) sender: String,
    pub(crate) delay_seconds: Option<u64>,
    pub(crate) group: Option<String>,
    pub(crate) deduplication_id: Option<String>,
}

/// A message in a queue.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) id: String,
    /// Order of arrival in this queue, from 1.
    pub(crate) sequence: u64,
    pub(crate) content: NewMessage,
    pub(crate) sent_ms: u64,
    pub(crate) receive_count: u64,
    pub(crate) first_received_ms: Option<u64>,
    /// The queue whose redrive policy moved it here.
    pub(crate) source_arn: Option<String>,
    visible_at_ms: u64,
    last_received_ms: u64,
    /// Received and not yet visible again, as long as `visible_at_ms` is in the future.
    in_flight: bool,
}

impl Message {
    pub(crate) fn group(&self) -> &str {
        self.content.group.as_deref().unwrap_or_default()
    }

    pub(crate) fn is_in_flight(&self, now_ms: u64) -> bool {
        self.in_flight && self.visible_at_ms > now_ms
    }

    pub(crate) fn is_visible(&self, now_ms: u64) -> bool {
        self.visible_at_ms <= now_ms
    }
}

/// Which message was stored, or had been stored before under the same deduplication id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) id: String,
    pub(crate) sequence: u64,
}

/// What a receive found.
#[derive(Debug, Default)]
pub(crate) struct Received {
    /// Messages to return, as they are after this receive.
    pub(crate) messages: Vec<Message>,
    /// Messages that were received too often: they are out of this queue.
    pub(crate) dead: Vec<Message>,
    /// Messages were taken out, dead or expired; others may have stood behind them.
    pub(crate) look_again: bool,
}

/// Why a receipt handle's message cannot be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gone {
    /// There is no such message any more.
    Deleted,
    /// The message is there, but not in flight under this handle.
    NotInFlight,
    /// It would be invisible for longer than twelve hours in all.
    TooLong,
}

/// How many messages a queue holds, by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueCounts {
    /// Can be received now.
    pub visible: usize,
    /// Were received and are neither deleted nor visible again.
    pub in_flight: usize,
    /// Were never received and are not visible yet.
    pub delayed: usize,
}

impl QueueCounts {
    /// All messages in the queue.
    #[must_use]
    pub const fn total(self) -> usize {
        self.visible + self.in_flight + self.delayed
    }
}

/// A deduplication id within its scope: a message group, or "" for the whole queue.
type Memory = (String, String);

/// A queue's messages and what it remembers of them.
#[derive(Debug)]
pub(crate) struct Queue {
    pub(crate) arn: String,
    pub(crate) fifo: bool,
    pub(crate) settings: Settings,
    pub(crate) created_ms: u64,
    pub(crate) modified_ms: u64,
    purged_ms: Option<u64>,
    messages: BTreeMap<u64, Message>,
    /// All messages by the time when they are visible (again), then by arrival.
    by_visibility: BTreeSet<(u64, u64)>,
    last_sequence: u64,
    /// What each deduplication id of the last five minutes was stored as.
    remembered: HashMap<Memory, Stored>,
    /// The same ids with the time when they were stored, oldest first.
    remembered_since: VecDeque<(u64, Memory)>,
    disorder: Option<Disorder>,
    draws: u64,
}

impl Queue {
    pub(crate) fn new(arn: String, fifo: bool, now_ms: u64, disorder: Option<Disorder>) -> Self {
        Self {
            arn,
            fifo,
            settings: Settings::default(),
            created_ms: now_ms,
            modified_ms: now_ms,
            purged_ms: None,
            messages: BTreeMap::new(),
            by_visibility: BTreeSet::new(),
            last_sequence: 0,
            remembered: HashMap::new(),
            remembered_since: VecDeque::new(),
            disorder: disorder.filter(|_| !fifo),
            draws: 0,
        }
    }

    /// Stores a message, unless a FIFO queue stored the same deduplication id within five minutes.
    pub(crate) fn send(&mut self, id: String, content: NewMessage, now_ms: u64) -> Stored {
        self.forget(now_ms);
        let memory = self.memory_of(&content);
        if let Some(stored) = memory.as_ref().and_then(|memory| self.remembered.get(memory)) {
            return stored.clone();
        }
        let delay_seconds = content.delay_seconds.unwrap_or_else(|| self.settings.number("DelaySeconds"));
        let stored = self.insert(Message {
            id,
            sequence: 0,
            content,
            sent_ms: now_ms,
            receive_count: 0,
            first_received_ms: None,
            source_arn: None,
            visible_at_ms: now_ms + delay_seconds * 1000,
            last_received_ms: 0,
            in_flight: false,
        });
        if let Some(memory) = memory {
            self.remembered_since.push_back((now_ms, memory.clone()));
            self.remembered.insert(memory, stored.clone());
        }
        stored
    }

    fn memory_of(&self, content: &NewMessage) -> Option<Memory> {
        let deduplication_id = content.deduplication_id.clone().filter(|_| self.fifo)?;
        let by_group = self.settings.is("DeduplicationScope", "messageGroup");
        let group = content.group.clone().filter(|_| by_group);
        Some((group.unwrap_or_default(), deduplication_id))
    }

    /// Forgets deduplication ids that are older than five minutes.
    fn forget(&mut self, now_ms: u64) {
        while let Some((since_ms, memory)) = self.remembered_since.front() {
            if now_ms < since_ms + DEDUPLICATION_MS {
                break;
            }
            self.remembered.remove(memory);
            self.remembered_since.pop_front();
        }
    }

    /// Takes a message that another queue's redrive policy moved here.
    pub(crate) fn take_dead(&mut self, message: Message, source_arn: String, now_ms: u64) {
        self.insert(Message {
            source_arn: Some(source_arn),
            visible_at_ms: now_ms,
            in_flight: false,
            ..message
        });
    }

    fn insert(&mut self, message: Message) -> Stored {
        self.last_sequence += 1;
        let sequence = self.last_sequence;
        let stored = Stored { id: message.id.clone(), sequence };
        self.by_visibility.insert((message.visible_at_ms, sequence));
        self.messages.insert(sequence, Message { sequence, ..message });
        stored
    }

    /// Takes up to `count_max` visible messages and hides them for `visibility_ms`.
    pub(crate) fn receive(&mut self, count_max: usize, visibility_ms: u64, now_ms: u64) -> Received {
        let candidates = if self.fifo {
            self.fifo_candidates(count_max, now_ms)
        } else {
            self.standard_candidates(count_max, now_ms)
        };
        let mut received = Received::default();
        for sequence in candidates {
            if received.messages.len() == count_max {
                break;
            }
            if self.is_expired(sequence, now_ms) {
                self.remove(sequence);
                received.look_again = true;
            } else if self.is_dead(sequence) {
                received.dead.extend(self.remove(sequence));
                received.look_again = true;
            } else {
                let hidden_ms = if self.happens(self.disorder.map(|disorder| disorder.duplicate)) {
                    0
                } else {
                    visibility_ms
                };
                received.messages.extend(self.hide(sequence, hidden_ms, now_ms));
            }
        }
        received
    }

    /// Visible messages by the time since when they are visible.
    fn standard_candidates(&mut self, count_max: usize, now_ms: u64) -> Vec<u64> {
        let visible = self.by_visibility.range(..=(now_ms, u64::MAX));
        let visible = visible.map(|(_, sequence)| *sequence);
        let Some(disorder) = self.disorder else {
            return visible.take(candidates_max(count_max)).collect();
        };
        let all: Vec<u64> = visible.collect();
        let passed_over = |_: &u64| self.happens(Some(disorder.reorder));
        let (late, soon): (Vec<u64>, Vec<u64>) = all.into_iter().partition(passed_over);
        // Those that were passed over come last: a receive that finds nothing else returns them.
        soon.into_iter().chain(late).collect()
    }

    /// Visible messages in their order, without the groups that are locked.
    fn fifo_candidates(&self, count_max: usize, now_ms: u64) -> Vec<u64> {
        let invisible = self.by_visibility.range((now_ms + 1, 0)..);
        let invisible = invisible.filter_map(|(_, sequence)| self.messages.get(sequence));
        let in_flight = invisible.filter(|message| message.in_flight);
        let mut locked: HashSet<&str> = in_flight.map(Message::group).collect();
        let mut candidates = Vec::new();
        for (sequence, message) in &self.messages {
            if candidates.len() == candidates_max(count_max) {
                break;
            }
            if locked.contains(message.group()) {
                continue;
            }
            if message.is_visible(now_ms) {
                candidates.push(*sequence);
            } else {
                // A delayed message holds back what comes after it in its group.
                locked.insert(message.group());
            }
        }
        candidates
    }

    fn is_expired(&self, sequence: u64, now_ms: u64) -> bool {
        let retention_ms = self.settings.number("MessageRetentionPeriod") * 1000;
        let message = self.messages.get(&sequence);
        message.is_some_and(|message| now_ms >= message.sent_ms + retention_ms)
    }

    fn is_dead(&self, sequence: u64) -> bool {
        let message = self.messages.get(&sequence);
        let redrive = self.settings.redrive();
        message
            .zip(redrive)
            .is_some_and(|(message, Redrive { receives_max, .. })| message.receive_count >= *receives_max)
    }

    fn hide(&mut self, sequence: u64, hidden_ms: u64, now_ms: u64) -> Option<Message> {
        let message = self.messages.get_mut(&sequence)?;
        self.by_visibility.remove(&(message.visible_at_ms, sequence));
        message.visible_at_ms = now_ms + hidden_ms;
        message.in_flight = true;
        message.receive_count += 1;
        message.last_received_ms = now_ms;
        message.first_received_ms.get_or_insert(now_ms);
        self.by_visibility.insert((message.visible_at_ms, sequence));
        Some(message.clone())
    }

    fn remove(&mut self, sequence: u64) -> Option<Message> {
        let message = self.messages.remove(&sequence)?;
        self.by_visibility.remove(&(message.visible_at_ms, sequence));
        Some(message)
    }

    fn happens(&mut self, chance: Option<f64>) -> bool {
        let Some((chance, disorder)) = chance.zip(self.disorder) else {
            return false;
        };
        self.draws += 1;
        draw(disorder.seed, self.arn.as_bytes(), self.draws) < chance
    }

    /// Deletes what a receipt handle names; what is not there any more is no error.
    ///
    /// # Errors
    ///
    /// A FIFO queue refuses a handle whose visibility time-out is over.
    pub(crate) fn delete(&mut self, handle: &Handle, now_ms: u64) -> Result<(), Gone> {
        let Some(message) = self.named_by(handle) else {
            return Ok(());
        };
        let current = message.is_in_flight(now_ms) && message.receive_count == handle.receive;
        if self.fifo && !current {
            return Err(Gone::NotInFlight);
        }
        self.remove(handle.sequence);
        Ok(())
    }

    /// Makes a message in flight invisible for so long from now on; 0 makes it visible.
    pub(crate) fn change_visibility(
        &mut self,
        handle: &Handle,
        visibility_ms: u64,
        longest_ms: u64,
        now_ms: u64,
    ) -> Result<(), Gone> {
        let message = self.named_by(handle).ok_or(Gone::Deleted)?;
        if !message.is_in_flight(now_ms) || message.receive_count != handle.receive {
            return Err(Gone::NotInFlight);
        }
        if now_ms + visibility_ms > message.last_received_ms + longest_ms {
            return Err(Gone::TooLong);
        }
        let (was_ms, is_ms) = (message.visible_at_ms, now_ms + visibility_ms);
        self.by_visibility.remove(&(was_ms, handle.sequence));
        self.by_visibility.insert((is_ms, handle.sequence));
        if let Some(message) = self.messages.get_mut(&handle.sequence) {
            message.visible_at_ms = is_ms;
        }
        Ok(())
    }

    fn named_by(&self, handle: &Handle) -> Option<&Message> {
        let message = self.messages.get(&handle.sequence)?;
        (message.id == handle.message_id).then_some(message)
    }

    /// Deletes all messages; false when the last purge is less than 60 seconds ago.
    pub(crate) fn purge(&mut self, now_ms: u64) -> bool {
        if self.purged_ms.is_some_and(|purged_ms| now_ms < purged_ms + 60_000) {
            return false;
        }
        self.purged_ms = Some(now_ms);
        self.messages.clear();
        self.by_visibility.clear();
        true
    }

    pub(crate) fn counts(&self, now_ms: u64) -> QueueCounts {
        let mut counts = QueueCounts::default();
        for message in self.live(now_ms) {
            if message.is_visible(now_ms) {
                counts.visible += 1;
            } else if message.in_flight {
                counts.in_flight += 1;
            } else {
                counts.delayed += 1;
            }
        }
        counts
    }

    /// All messages within their retention period, in the order of their arrival.
    pub(crate) fn live(&self, now_ms: u64) -> impl Iterator<Item = &Message> {
        let retention_ms = self.settings.number("MessageRetentionPeriod") * 1000;
        self.messages.values().filter(move |message| now_ms < message.sent_ms + retention_ms)
    }

    /// When the next message that is invisible now becomes visible.
    pub(crate) fn next_visible_ms(&self, now_ms: u64) -> Option<u64> {
        let later = self.by_visibility.range((now_ms + 1, 0)..).next();
        later.map(|(visible_at_ms, _)| *visible_at_ms)
    }
}

/// What a receipt handle stands for: one receive of one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Handle {
    pub(crate) sequence: u64,
    /// The receive count that the message had then.
    pub(crate) receive: u64,
    pub(crate) message_id: String,
}

/// How many messages a receive looks at: some may turn out to be dead or expired.
const fn candidates_max(count_max: usize) -> usize {
    count_max * 2 + 10
}

/// The MD5 of a message's body, for answers.
pub(crate) fn body_digest(message: &Message) -> String {
    md5_of_body(&message.content.body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(fifo: bool) -> Queue {
        Queue::new("arn:aws:sqs:eu-west-1:111111111111:q".to_owned(), fifo, 0, None)
    }

    fn content(body: &str, group: Option<&str>) -> NewMessage {
        NewMessage {
            body: body.to_owned(),
            attributes: Attributes::new(),
            system_attributes: Attributes::new(),
            sender: String::new(),
            delay_seconds: None,
            group: group.map(str::to_owned),
            deduplication_id: group.map(|_| body.to_owned()),
        }
    }

    fn send(queue: &mut Queue, body: &str, group: Option<&str>) -> Stored {
        queue.send(format!("id-{body}"), content(body, group), 0)
    }

    fn bodies(received: &Received) -> Vec<&str> {
        let bodies = received.messages.iter().map(|message| message.content.body.as_str());
        bodies.collect()
    }

    fn handle(message: &Message) -> Handle {
        Handle { sequence: message.sequence, receive: message.receive_count, message_id: message.id.clone() }
    }

    #[test]
    fn a_received_message_is_invisible_until_its_time_out() {
        let mut queue = queue(false);
        send(&mut queue, "a", None);
        assert_eq!(bodies(&queue.receive(10, 1000, 0)), ["a"]);
        assert!(queue.receive(10, 1000, 999).messages.is_empty());
        assert_eq!(queue.counts(999).in_flight, 1);
        let again = queue.receive(10, 1000, 1000);
        assert_eq!(again.messages[0].receive_count, 2);
    }

    #[test]
    fn a_deleted_message_never_comes_back() {
        let mut queue = queue(false);
        send(&mut queue, "a", None);
        let received = queue.receive(1, 1000, 0);
        assert_eq!(queue.delete(&handle(&received.messages[0]), 1), Ok(()));
        assert!(queue.receive(1, 1000, 5000).messages.is_empty());
        assert_eq!(queue.counts(5000).total(), 0);
    }

    #[test]
    fn visibility_can_be_changed_in_flight_only_and_for_twelve_hours_at_most() {
        let mut queue = queue(false);
        send(&mut queue, "a", None);
        let received = queue.receive(1, 1000, 0);
        let handle = handle(&received.messages[0]);
        assert_eq!(queue.change_visibility(&handle, 5000, 9000, 500), Ok(()));
        assert_eq!(queue.change_visibility(&handle, 8501, 9000, 500), Err(Gone::TooLong));
        assert_eq!(queue.change_visibility(&handle, 0, 9000, 500), Ok(()));
        assert_eq!(queue.change_visibility(&handle, 1, 9000, 500), Err(Gone::NotInFlight));
        assert_eq!(queue.receive(1, 1000, 500).messages.len(), 1);
    }

    #[test]
    fn a_message_received_too_often_is_dead_on_the_next_receive() {
        let mut queue = queue(false);
        let policy = r#"{"deadLetterTargetArn":"a","maxReceiveCount":2}"#.to_owned();
        let attributes = BTreeMap::from([("RedrivePolicy".to_owned(), policy)]);
        queue.settings.set(attributes, false).expect("the policy is valid");
        send(&mut queue, "a", None);
        for now_ms in [0, 10] {
            assert_eq!(queue.receive(1, 10, now_ms).messages.len(), 1);
        }
        let received = queue.receive(1, 10, 20);
        assert!(received.messages.is_empty());
        assert_eq!(received.dead[0].receive_count, 2);
        assert_eq!(queue.counts(20).total(), 0);
    }

    #[test]
    fn a_group_with_a_message_in_flight_is_locked() {
        let mut queue = queue(true);
        for (body, group) in [("a1", "a"), ("a2", "a"), ("b1", "b"), ("a3", "a")] {
            send(&mut queue, body, Some(group));
        }
        let first = queue.receive(2, 1000, 0);
        assert_eq!(bodies(&first), ["a1", "a2"]);
        assert_eq!(bodies(&queue.receive(10, 1000, 1)), ["b1"]);
        queue.delete(&handle(&first.messages[0]), 2).expect("it is in flight");
        assert!(queue.receive(10, 1000, 3).messages.is_empty());
        queue.delete(&handle(&first.messages[1]), 4).expect("it is in flight");
        assert_eq!(bodies(&queue.receive(10, 1000, 5)), ["a3"]);
    }

    #[test]
    fn a_group_comes_back_in_order_after_its_time_out() {
        let mut queue = queue(true);
        send(&mut queue, "a1", Some("a"));
        send(&mut queue, "a2", Some("a"));
        let first = queue.receive(10, 1000, 0);
        assert_eq!(bodies(&queue.receive(10, 1000, 1000)), ["a1", "a2"]);
        let stale = queue.delete(&handle(&first.messages[0]), 1001);
        assert_eq!(stale, Err(Gone::NotInFlight));
    }

    #[test]
    fn a_deduplication_id_is_remembered_for_five_minutes() {
        let mut queue = queue(true);
        let first = send(&mut queue, "a", Some("g"));
        let again = queue.send("other".to_owned(), content("a", Some("g")), 299_999);
        assert_eq!(again, first);
        let later = queue.send("other".to_owned(), content("a", Some("g")), 300_000);
        assert_eq!(later.id, "other");
        assert_eq!(queue.counts(300_000).total(), 2);
    }

    #[test]
    fn a_delayed_message_waits_and_an_old_one_expires() {
        let mut queue = queue(false);
        let mut delayed = content("a", None);
        delayed.delay_seconds = Some(2);
        queue.send("id".to_owned(), delayed, 0);
        assert_eq!(queue.counts(1999).delayed, 1);
        assert_eq!(queue.next_visible_ms(0), Some(2000));
        assert!(queue.receive(1, 0, 345_600_000).messages.is_empty());
        assert_eq!(queue.counts(345_600_000).total(), 0);
    }

    #[test]
    fn disorder_repeats_messages_and_changes_their_order_but_loses_none() {
        let disorder = Disorder { seed: 5, reorder: 0.3, duplicate: 0.3 };
        let mut queue = Queue::new("arn".to_owned(), false, 0, Some(disorder));
        for number in 0..100 {
            send(&mut queue, &number.to_string(), None);
        }
        let mut seen = Vec::new();
        while queue.counts(0).visible > 0 {
            let received = queue.receive(10, 1000, 0);
            seen.extend(received.messages.iter().map(|message| message.sequence));
        }
        let distinct: BTreeSet<u64> = seen.iter().copied().collect();
        assert_eq!(distinct.len(), 100);
        assert!(seen.len() > 100);
        assert!(!seen.is_sorted());
    }
}
