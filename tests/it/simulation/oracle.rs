//! The judge. It knows what was published, what the mapping delivered and what the services saw, and nothing of the relay.
//!
//! It speaks twice: at each answer, before the mapping acts on it, and at the end of the run. A breach is a panic with the reason.

use std::collections::{HashMap, HashSet};

use aws_emulator::{QueuedMessage, WorkState};
use serde_json::Value;

use super::evidence::{ParkedCopy, Seen};
use super::records::{Fate, Published};
use super::scenario::{BACK_OFF_CAP, RelaySettings};
use super::world::World;

/// So many failures of its API, and no fewer, may keep a record from being called.
const CIRCUIT_OPENS_AFTER: usize = 6;

/// One record of an invocation.
pub struct Delivered<'a> {
    /// Its message id; what an answer names it by.
    pub id: String,
    /// The id under which it was published: for a parked record another one.
    pub sent_as: String,
    /// The parking queue delivered it.
    pub is_parked: bool,
    pub group: Option<String>,
    /// What a message from a queue has beside: the handle of this delivery, and how often it was received.
    pub receipt_handle: Option<String>,
    pub receives: Option<u32>,
    pub published: &'a Published,
}

/// An invocation that was answered.
pub struct Answered<'a> {
    pub records: Vec<Delivered<'a>>,
    /// The calls that it made.
    pub calls: Vec<Seen>,
    /// The function was told its true time, and no call panicked on purpose.
    pub is_undisturbed: bool,
}

impl Answered<'_> {
    fn letter_calls<'b>(&'b self, record: &'b Published) -> impl Iterator<Item = &'b Seen> {
        self.calls.iter().filter(|call| call.holds_letter(&record.body))
    }

    /// The copies of a record that it put into the parking queue, with the calls that did so.
    fn parkings<'b>(&'b self, record: &'b Delivered<'_>) -> impl Iterator<Item = (&'b Seen, &'b ParkedCopy)> {
        let copies = self.calls.iter().flat_map(|call| call.parked().iter().map(move |copy| (call, copy)));
        copies.filter(|(_, copy)| copy.attributes.get("SOURCE_MESSAGE_ID") == Some(&record.sent_as))
    }

    fn work_calls<'b>(&'b self, record: &'b Published) -> impl Iterator<Item = &'b Seen> {
        let id = record.fate.identity();
        self.calls.iter().filter(move |call| id.is_some_and(|id| call.is_about_work(id)))
    }

    /// The same message, or the same work, is in the batch more than once: calls cannot be told apart.
    fn is_ambiguous(&self, record: &Delivered<'_>) -> bool {
        let id = record.published.fate.identity();
        let is_same = |other: &&Delivered<'_>| {
            other.id == record.id || (id.is_some() && other.published.fate.identity() == id)
        };
        self.records.iter().filter(is_same).count() > 1
    }

    fn was_touched(&self, record: &Published) -> bool {
        self.work_calls(record).next().is_some() || self.letter_calls(record).next().is_some()
    }
}

/// Judges the answer to a batch: these messages are to come back, all others are done.
pub fn judge_batch(world: &World, invocation: &Answered<'_>, failed: &HashSet<String>) {
    for record in &invocation.records {
        if failed.contains(&record.id) {
            assert_has_a_reason_to_come_back(invocation, record);
            assert_is_not_exhausted(world, invocation, record);
        } else {
            assert_may_be_deleted(world, invocation, record);
        }
    }
    assert_every_acceptance_counts_once(invocation, failed);
    assert_letters_are_of_this_batch(invocation);
    assert_what_is_parked_may_be(world, invocation);
    assert_only_what_comes_back_is_hidden(world, invocation, failed);
    assert_groups_keep_their_order(invocation, failed);
    let is_calm = invocation.is_undisturbed && invocation.calls.iter().all(Seen::is_clean);
    assert!(!is_calm || failed.is_empty(), "records come back though nothing went wrong");
}

/// Judges the answer to a payload without a queue, which tells the outcome of each record.
pub fn judge_payload(world: &World, invocation: &Answered<'_>, answer: &Value) {
    let answers = answer.as_array().cloned().unwrap_or_else(|| vec![answer.clone()]);
    assert_eq!(answers.len(), invocation.records.len(), "each record has one outcome: {answer}");
    let is_parked = invocation.calls.iter().any(|call| !call.parked().is_empty());
    assert!(!is_parked, "a record that came without a queue is parked");
    for (record, told) in invocation.records.iter().zip(answers) {
        let published = record.published;
        let is_proven = match told["outcome"].as_str().unwrap_or_default() {
            "relayed" => invocation.work_calls(published).any(Seen::is_accepted),
            "already-settled" => invocation.work_calls(published).any(Seen::says_settled),
            "dead-lettered" => is_stored(world, invocation, published),
            "ignored" => published.fate == Fate::NoFailure,
            _ => false,
        };
        assert!(is_proven, "the outcome {told} of {:?} is not proven", published.fate);
    }
}

fn assert_may_be_deleted(world: &World, invocation: &Answered<'_>, record: &Delivered<'_>) {
    let published = record.published;
    let is_done = match &published.fate {
        Fate::Reaches(_) | Fate::Ended(_) | Fate::Refused(_) => {
            let ends = |call: &Seen| call.is_accepted() || call.says_settled();
            invocation.work_calls(published).any(ends)
                || is_stored(world, invocation, published)
                || lies_in_parking(world, invocation, record)
        }
        Fate::Unroutable(_) => is_stored(world, invocation, published),
        Fate::NoFailure => !invocation.was_touched(published),
    };
    assert!(is_done, "lost: {} of {:?} is acknowledged without proof", record.id, published.fate);
}

/// A letter is stored when this invocation sent it, SQS took it, and it lies in the queue byte for byte.
fn is_stored(world: &World, invocation: &Answered<'_>, record: &Published) -> bool {
    invocation.letter_calls(record).any(|call| call.outcome.took_effect)
        && world.dead_letters().iter().any(|letter| letter.body == record.body)
}

/// A record is parked when this invocation sent its copy, SQS took it, and it lies there, byte for byte and as the record that it was.
fn lies_in_parking(world: &World, invocation: &Answered<'_>, record: &Delivered<'_>) -> bool {
    invocation.parkings(record).any(|(call, copy)| {
        let lies_there = || {
            world
                .parked()
                .iter()
                .any(|message| message.body == record.published.body && message.attributes == copy.attributes)
        };
        // After a jump of the clock it may have been delivered already.
        call.outcome.took_effect && (lies_there() || world.scenario.trouble.clock_jump > 0)
    })
}

/// Parked are records of this batch that failed for their target's sake, and as what they are.
fn assert_what_is_parked_may_be(world: &World, invocation: &Answered<'_>) {
    for copy in invocation.calls.iter().flat_map(Seen::parked) {
        let id = copy.attributes.get("SOURCE_MESSAGE_ID").expect("a parked copy says which message it was");
        let of_message = invocation.records.iter().filter(|record| record.sent_as == *id);
        let receives = copy.attributes.get("RETRY_ATTEMPTS").and_then(|receives| receives.parse().ok());
        // A batch may hold a message twice.
        let record = of_message.into_iter().find(|record| record.receives == receives);
        let record = record.expect("what is parked is a record of this batch, with its receives");
        assert_eq!(copy.body, record.published.body, "a parked copy is not byte for byte");
        assert!(!world.is_calm, "a record is parked though nothing went wrong");
        assert!(!world.scenario.queue.is_fifo, "a record of a FIFO queue is parked");
        assert!(record.published.fate.identity().is_some(), "{} has no target, and is parked", record.id);
        assert!(copy.attributes.contains_key("PARKED_SINCE"), "nobody knows since when it is parked");
        let delay = copy.delay_seconds.unwrap_or(0);
        assert!((BACK_OFF_CAP.div_ceil(2)..=BACK_OFF_CAP).contains(&delay), "parked for {delay} s");
        assert_had_a_reason_to_be_parked(world, invocation, record);
    }
}

/// It was received often enough, or parked before, or its API did not answer for some time.
fn assert_had_a_reason_to_be_parked(world: &World, invocation: &Answered<'_>, record: &Delivered<'_>) {
    if invocation.is_ambiguous(record) {
        return;
    }
    let RelaySettings { park_after, receives_max, .. } = world.scenario.settings;
    let was_received = |limit: Option<u32>| limit.is_some_and(|most| record.receives >= Some(most));
    assert!(!was_received(receives_max), "{} was exhausted, and is parked", record.id);
    let ends = |call: &Seen| call.is_clean() && (call.is_accepted() || call.says_settled());
    assert!(!invocation.work_calls(record.published).any(ends), "{} was taken and is parked", record.id);
    let is_due = record.is_parked || was_received(park_after);
    let was_called = invocation.work_calls(record.published).next().is_some();
    let has_failed = was_called || invocation.calls.iter().any(Seen::may_open_a_circuit);
    if !(is_due && has_failed) {
        let failures = world.evidence.since(&world.endpoint, 0).into_iter().filter(Seen::may_open_a_circuit);
        assert!(
            failures.count() >= CIRCUIT_OPENS_AFTER,
            "{} is parked, and no API was in trouble",
            record.id
        );
    }
}

/// Two records of the same work need two answers, or one answer and one letter.
fn assert_every_acceptance_counts_once(invocation: &Answered<'_>, failed: &HashSet<String>) {
    let mut needed: HashMap<&str, HashSet<&str>> = HashMap::new();
    for record in &invocation.records {
        let Some(id) = record.published.fate.identity() else { continue };
        let is_kept = invocation.letter_calls(record.published).next().is_some()
            || invocation.parkings(record).next().is_some();
        if !failed.contains(&record.id) && !is_kept {
            needed.entry(id).or_default().insert(&record.id);
        }
    }
    for (id, records) in needed {
        let ends = |call: &&Seen| call.is_about_work(id) && (call.is_accepted() || call.says_settled());
        let answers = invocation.calls.iter().filter(ends).count();
        assert!(answers >= records.len(), "lost: {} records are done by {answers} answers", records.len());
    }
}

/// Nothing is left over from an earlier invocation.
fn assert_letters_are_of_this_batch(invocation: &Answered<'_>) {
    for call in &invocation.calls {
        let is_own = |body: &String| invocation.records.iter().any(|record| record.published.body == *body);
        assert!(call.letters().iter().all(is_own), "a letter of an earlier invocation is sent");
    }
}

/// What the service or the dead-letter queue has confirmed in good order must not be given back.
fn assert_has_a_reason_to_come_back(invocation: &Answered<'_>, record: &Delivered<'_>) {
    let published = record.published;
    if invocation.is_ambiguous(record) {
        return;
    }
    // A name that means either is no proof: what is rejected waits for its letter.
    let is_closed = |call: &Seen| call.says_settled() && !call.says_rejected();
    let ends = |call: &Seen| {
        call.is_by_the_functions_role() && call.is_clean() && (call.is_accepted() || is_closed(call))
    };
    let told: Vec<&Seen> = invocation.work_calls(published).collect();
    assert!(!told.iter().any(|call| ends(call)), "{} was taken and comes back: {told:?}", record.id);
    // A record may send the letters of others with or after its own: when that panics, it comes back though it is stored.
    if invocation.is_undisturbed {
        let stores = |call: &Seen| call.is_clean() && call.outcome.took_effect;
        assert!(!invocation.letter_calls(published).any(stores), "{} was stored and comes back", record.id);
        let parks = |(call, _): (&Seen, _)| stores(call);
        assert!(!invocation.parkings(record).any(parks), "{} was parked and comes back", record.id);
    }
}

/// A record that was received as often as the settings allow, and attempted, at least tries to become a letter.
fn assert_is_not_exhausted(world: &World, invocation: &Answered<'_>, record: &Delivered<'_>) {
    let limit = world.scenario.settings.receives_max;
    let is_last = limit.is_some_and(|most| record.receives.is_some_and(|receives| receives >= most));
    if is_last && invocation.is_undisturbed && !invocation.is_ambiguous(record) {
        let was_attempted = invocation.work_calls(record.published).any(Seen::is_by_the_functions_role);
        let has_letter = invocation.letter_calls(record.published).next().is_some();
        assert!(!was_attempted || has_letter, "{} is exhausted and comes back as if not", record.id);
    }
}

/// Back-off is for records that come back: from 1 s to base · 2^(receives − 1), at most the cap.
fn assert_only_what_comes_back_is_hidden(world: &World, invocation: &Answered<'_>, failed: &HashSet<String>) {
    for (handle, seconds) in invocation.calls.iter().flat_map(Seen::hidden) {
        let is_hidden = |record: &&Delivered<'_>| record.receipt_handle.as_ref() == Some(handle);
        let record = invocation.records.iter().find(is_hidden).expect("what is hidden was delivered");
        assert!(failed.contains(&record.id), "{} is done and hidden", record.id);
        let doublings = record.receives.unwrap_or(1).saturating_sub(1).min(20);
        let most = world.scenario.settings.back_off_seconds.map(|base| (base << doublings).min(BACK_OFF_CAP));
        let is_within = most.is_some_and(|most| (1..=most).contains(seconds));
        assert!(is_within, "{} is hidden for {seconds} s, at most {most:?}", record.id);
    }
}

/// In a FIFO queue nothing of a group is attempted after a record that comes back, and no two of it at once.
fn assert_groups_keep_their_order(invocation: &Answered<'_>, failed: &HashSet<String>) {
    let mut earlier: HashMap<&str, (Option<u64>, bool)> = HashMap::new();
    for record in invocation.records.iter().filter(|record| !invocation.is_ambiguous(record)) {
        let Some(group) = record.group.as_deref() else { continue };
        let comes_back = failed.contains(&record.id);
        let published = record.published;
        let calls = invocation.work_calls(published).chain(invocation.letter_calls(published));
        let mut own = calls.filter(|call| call.is_by_the_functions_role()).map(|call| call.sequence);
        let first = own.next();
        let last = own.max().or(first);
        if let Some((last_of_earlier, is_blocked)) = earlier.get(group) {
            assert!(!is_blocked || comes_back, "{} overtakes its group", record.id);
            assert!(!is_blocked || first.is_none(), "{} was attempted before its turn", record.id);
            let is_after = first.is_none() || first > *last_of_earlier;
            assert!(is_after, "{} was in flight with its group", record.id);
        }
        let state = earlier.entry(group).or_insert((None, false));
        *state = (state.0.max(last), state.1 || comes_back);
    }
}

/// Judges the end of a run, when the source queue is empty.
pub fn judge_end(world: &World) {
    let calls = world.evidence.since(&world.endpoint, 0);
    let (letters, buried) = (world.dead_letters(), world.buried());
    for letter in &letters {
        assert_letter_is_right(world, letter, &calls);
    }
    for published in world.published() {
        assert_ended(world, published, &calls, &letters, &buried);
    }
    if world.is_calm {
        assert!(buried.is_empty(), "nothing went wrong, and SQS gave up on {} records", buried.len());
        assert_each_was_done_once(world, &calls);
    }
}

fn assert_each_was_done_once(world: &World, calls: &[Seen]) {
    for published in world.published() {
        let of_work = |id| calls.iter().filter(|call| call.is_about_work(id)).count();
        let sharing = |id| world.published().iter().filter(|other| other.fate.identity() == Some(id)).count();
        if let Some(id) = published.fate.identity() {
            assert_eq!(of_work(id), sharing(id), "nothing went wrong: one call for each record");
        }
        let letters = calls.iter().filter(|call| call.holds_letter(&published.body)).count();
        assert!(letters <= 1, "nothing went wrong: one letter at most");
    }
}

fn assert_letter_is_right(world: &World, letter: &QueuedMessage, calls: &[Seen]) {
    let Some(published) = world.published().into_iter().find(|published| published.body == letter.body)
    else {
        panic!("a dead letter that nobody published: its body is not byte for byte");
    };
    let copies = world.dead_letters().iter().filter(|other| other.body == letter.body).count();
    // Each delivery may end in a letter, and each attempt after a lost answer stores one more.
    let unclean = calls.iter().filter(|call| !call.is_clean()).flat_map(Seen::letters);
    let lost_answers = unclean.filter(|body| **body == letter.body).count();
    let most = world.deliveries(published) + lost_answers;
    assert!(copies <= most, "{copies} letters, expected at most {most}");
    let Some(code) = letter.attributes.get("ERROR_CODE") else {
        // The attributes go where the letter would be too large with them, or where SQS refused it.
        let is_excused = letter.body.len() > 1_040_000
            || calls.iter().any(|call| call.holds_letter(&letter.body) && call.says_refused());
        assert!(is_excused, "a letter without a reason");
        return;
    };
    if let Some(id) = letter.attributes.get("SOURCE_MESSAGE_ID") {
        let is_of = world.sent(id).is_some_and(|sent| sent.body == letter.body);
        assert!(is_of, "a letter bears the id of another message");
    }
    let attempts = letter.attributes.get("RETRY_ATTEMPTS").and_then(|attempts| attempts.parse::<u32>().ok());
    let receives = attempts.map_or(0, |attempts| attempts + 1);
    let is_exhausted = world.scenario.settings.receives_max.is_some_and(|most| receives >= most);
    let may_be = match (&published.fate, code.as_str()) {
        (Fate::NoFailure, _) => false,
        (Fate::Unroutable(_), "RETRIES_EXHAUSTED") => is_exhausted && world.scenario.trouble.panic > 0,
        (Fate::Unroutable(expected), found) => *expected == found,
        (_, "RETRIES_EXHAUSTED") => is_exhausted,
        // Without a fault the service rejects only what it never knew; else the call went to the wrong place.
        (Fate::Reaches(id) | Fate::Ended(id), "REJECTED_BY_SERVICE") => calls.iter().any(|call| {
            let was_failed = || call.cannot_say_settled() && has_failed(world, id);
            call.is_about_work(id) && call.says_rejected() && (!call.is_clean() || was_failed())
        }),
        (Fate::Refused(id), "REJECTED_BY_SERVICE") => {
            calls.iter().any(|call| call.is_about_work(id) && call.says_rejected())
        }
        _ => false,
    };
    assert!(may_be, "a letter says {code} of {:?}", published.fate);
}

fn assert_ended(
    world: &World,
    published: &Published,
    calls: &[Seen],
    letters: &[QueuedMessage],
    buried: &[QueuedMessage],
) {
    let is_letter = letters.iter().any(|letter| letter.body == published.body);
    let is_buried = buried.iter().any(|message| message.body == published.body);
    let told = |id: &str| {
        calls.iter().any(|call| call.is_about_work(id) && (call.is_accepted() || call.says_settled()))
    };
    let ended = match &published.fate {
        Fate::Reaches(id) => is_letter || is_buried || told(id) || has_failed(world, id),
        Fate::Ended(id) | Fate::Refused(id) => is_letter || is_buried || told(id),
        Fate::Unroutable(_) => is_letter || is_buried,
        Fate::NoFailure => !is_letter,
    };
    assert!(ended, "lost: {:?} ended nowhere", published.fate);
}

/// The service's ledger holds a failure, and it is that of a record of this work.
fn has_failed(world: &World, id: &str) -> bool {
    let Some(work) = world.endpoint.task(id) else { return false };
    match &work.state {
        WorkState::Failed(failure) => {
            let cause = failure.cause.as_deref();
            let is_own = |published: &&Published| {
                published.fate.identity() == Some(id)
                    && cause.is_none_or(|cause| cause.contains(&published.marker))
            };
            assert!(world.published().iter().any(is_own), "a foreign failure");
            true
        }
        WorkState::Open | WorkState::Succeeded(_) | WorkState::TimedOut => false,
    }
}
