//! The dead-letter queue's client. A dead letter is stored when SQS has confirmed it, and not before.
//!
//! Letters that are written at the same time travel together: whoever finds letters waiting takes as many as one
//! `SendMessageBatch` holds and sends them, and each letter's own entry in the answer decides its fate.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_sqs::Client;
use aws_sdk_sqs::operation::send_message_batch::SendMessageBatchOutput;
use aws_sdk_sqs::types::{MessageAttributeValue, SendMessageBatchRequestEntry};
use tokio::sync::oneshot;

use crate::answer;
use crate::clients::Clients;
use crate::dead_letter::{DeadLetter, MESSAGE_SIZE_MAX};
use crate::outcome::{ServiceError, is_own_trouble};
use crate::settings::QueueUrl;

/// The most entries of one `SendMessageBatch`.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html>
const BATCH_MAX: usize = 10;

/// What SQS says of a message with characters that it does not take, with none at all, or with too many; and of a batch that
/// holds such a message.
const REFUSALS: [&str; 5] = [
    "InvalidMessageContents",
    "InvalidParameterValue",
    "InvalidParameterValueException",
    "MissingParameter",
    "BatchRequestTooLong",
];

/// Stores dead letters.
#[derive(Debug)]
pub struct DeadLetterQueue {
    clients: Arc<Clients>,
    url: QueueUrl,
    waiting: Mutex<Vec<Waiting>>,
    /// How many letters were put down so far: the number of the next.
    letters: AtomicU64,
}

#[derive(Debug)]
struct Waiting {
    number: u64,
    letter: DeadLetter,
    sender: oneshot::Sender<Fate>,
}

/// What became of a letter in a batch.
#[derive(Debug)]
enum Fate {
    Stored,
    Failed(ServiceError),
    /// SQS does not take this letter in the company of others.
    Refused,
    /// SQS does not take this letter, which was sent alone.
    RefusedAlone(ServiceError),
}

impl DeadLetterQueue {
    /// The queue of the settings, reached in its own region.
    #[must_use]
    pub fn new(url: QueueUrl, clients: Arc<Clients>) -> Self {
        Self { clients, url, waiting: Mutex::default(), letters: AtomicU64::default() }
    }

    /// Whether letters need a message group.
    #[must_use]
    pub fn is_fifo(&self) -> bool {
        self.url.is_fifo()
    }

    /// Asked for when there is a letter: most invocations have none, and to make a client takes longer than all else before the first.
    fn client(&self) -> Client {
        self.clients.sqs(self.url.region())
    }

    /// Stores one letter. `letter` writes it, once more for each form in which it has to be sent: a letter goes into its request
    /// whole, so that there are never two of it.
    ///
    /// # Errors
    /// What SQS answered instead of a confirmation. The letter may be stored nevertheless, when the answer was lost.
    pub async fn store(&self, letter: &(dyn Fn() -> DeadLetter + Sync)) -> Result<(), ServiceError> {
        let first = letter();
        if self.is_fifo() || !first.is_storable() {
            return self.send_alone(first, letter).await;
        }
        let (sender, receiver) = oneshot::channel();
        let number = self.put_down(first, sender);
        // Lets every record that is unroutable at this moment add its letter before the first batch is taken.
        tokio::task::yield_now().await;
        // Each sends only while its own letter waits: one that is under way with others is held up by no further letter.
        while let Some(batch) = self.take_batch(number) {
            self.send_batch(batch).await;
        }
        match receiver.await {
            Ok(fate) => self.end(fate, letter).await,
            // The sender is dropped only with the whole invocation's time: unconfirmed.
            Err(_) => Err(unconfirmed()),
        }
    }

    /// A letter that was refused in company is sent alone, by whoever wrote it: it holds up no other.
    async fn end(&self, fate: Fate, letter: &(dyn Fn() -> DeadLetter + Sync)) -> Result<(), ServiceError> {
        match fate {
            Fate::Stored => Ok(()),
            Fate::Failed(error) => Err(error),
            Fate::Refused => self.send_alone(letter(), letter).await,
            Fate::RefusedAlone(error) => self.send_lesser(error, letter).await,
        }
    }

    /// A panic while the lock is held leaves the letters that were waiting: they are still to be sent.
    fn waiting(&self) -> std::sync::MutexGuard<'_, Vec<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put_down(&self, letter: DeadLetter, sender: oneshot::Sender<Fate>) -> u64 {
        let number = self.letters.fetch_add(1, Ordering::Relaxed);
        self.waiting().push(Waiting { number, letter, sender });
        number
    }

    /// While the letter of that number waits: as many letters as one request holds, oldest first. Those that nobody waits for
    /// any more are dropped.
    fn take_batch(&self, number: u64) -> Option<Vec<Waiting>> {
        let mut waiting = self.waiting();
        waiting.retain(|waiting| !waiting.sender.is_closed());
        waiting.iter().find(|waiting| waiting.number == number)?;
        let mut size = 0;
        let fitting = waiting.iter().take(BATCH_MAX).take_while(|waiting| {
            size += waiting.letter.size();
            size <= MESSAGE_SIZE_MAX
        });
        // A single letter over the limit still has to be tried, for SQS to judge.
        let count = fitting.count().max(1);
        Some(waiting.drain(..count).collect())
    }

    async fn send_batch(&self, mut batch: Vec<Waiting>) {
        if batch.len() == 1 {
            if let Some(Waiting { letter, sender, .. }) = batch.pop() {
                let fate = match self.send_message(letter).await {
                    Ok(()) => Fate::Stored,
                    Err(error) if is_refusal(&error) => Fate::RefusedAlone(error),
                    Err(error) => Fate::Failed(error),
                };
                // Nobody listens only when the record's time was up.
                let _ = sender.send(fate);
            }
            return;
        }
        let mut request = self.client().send_message_batch().queue_url(self.url.as_str());
        let mut senders = Vec::with_capacity(batch.len());
        for (index, Waiting { letter, sender, .. }) in batch.into_iter().enumerate() {
            request = request.entries(entry(index, letter));
            senders.push(sender);
        }
        let answer = request.send().await.map_err(|error| answer::service_error(&error));
        for (index, sender) in senders.into_iter().enumerate() {
            let confirmed =
                answer.as_ref().map_err(Clone::clone).and_then(|output| confirmation(output, index));
            let _ = sender.send(match confirmed {
                Ok(()) => Fate::Stored,
                Err(error) if is_refusal(&error) => Fate::Refused,
                Err(error) => Fate::Failed(error),
            });
        }
    }

    /// Sends one letter: as it is, and where SQS refuses that, in forms that give up ever more of it, but never the body.
    async fn send_alone(
        &self,
        first: DeadLetter,
        letter: &(dyn Fn() -> DeadLetter + Sync),
    ) -> Result<(), ServiceError> {
        match self.send_message(first).await {
            Err(error) if is_refusal(&error) => self.send_lesser(error, letter).await,
            answer => answer,
        }
    }

    /// The forms after the first. A letter that is larger than any message can be is refused in every form.
    async fn send_lesser(
        &self,
        refusal: ServiceError,
        letter: &(dyn Fn() -> DeadLetter + Sync),
    ) -> Result<(), ServiceError> {
        let again = letter();
        if again.body.len() > MESSAGE_SIZE_MAX {
            return Err(refusal);
        }
        let again = if again.is_storable() {
            again
        } else {
            match self.send_message(again.with_storable_body()).await {
                Err(error) if is_refusal(&error) => letter().with_storable_body(),
                answer => return answer,
            }
        };
        self.send_message(DeadLetter { attributes: Vec::new(), ..again }).await
    }

    /// The message id is the confirmation: a 200 without one, or one that cannot be read, confirms nothing.
    async fn send_message(&self, letter: DeadLetter) -> Result<(), ServiceError> {
        let DeadLetter { body, attributes, fifo } = letter;
        let (group, deduplication) = fifo.map(|fifo| (fifo.group, fifo.deduplication)).unzip();
        let mut request = self
            .client()
            .send_message()
            .queue_url(self.url.as_str())
            .message_body(body)
            .set_message_group_id(group)
            .set_message_deduplication_id(deduplication);
        for (name, value) in attributes {
            request = request.message_attributes(name, string_attribute(value));
        }
        match request.send().await {
            Ok(output) if output.message_id().is_some_and(|id| !id.is_empty()) => Ok(()),
            Ok(_) => Err(unconfirmed()),
            Err(error) => Err(answer::service_error(&error)),
        }
    }
}

/// Whether SQS says that this very message, or this very batch of messages, is not to its liking. A status of 429 or 5xx is its own
/// trouble, whatever name it gives; entries of a batch have no status.
fn is_refusal(error: &ServiceError) -> bool {
    if error.status.is_some_and(is_own_trouble) {
        return false;
    }
    let name = error.name.as_deref().unwrap_or_default();
    REFUSALS.iter().any(|refusal| name.ends_with(refusal))
}

/// The entry of one letter says whether it is stored: `Failed` comes with HTTP 200. A letter in neither list is not.
fn confirmation(output: &SendMessageBatchOutput, index: usize) -> Result<(), ServiceError> {
    let id = index.to_string();
    if output.successful().iter().any(|entry| entry.id() == id) {
        return Ok(());
    }
    let failed = output.failed().iter().find(|entry| entry.id() == id);
    Err(failed.map_or_else(unconfirmed, |entry| ServiceError {
        name: Some(entry.code().to_owned()),
        status: Some(200),
        message: entry.message().map(str::to_owned),
    }))
}

fn unconfirmed() -> ServiceError {
    ServiceError { name: Some("Unconfirmed".to_owned()), ..ServiceError::default() }
}

fn entry(index: usize, letter: DeadLetter) -> SendMessageBatchRequestEntry {
    let mut entry = SendMessageBatchRequestEntry::builder().id(index.to_string()).message_body(letter.body);
    for (name, value) in letter.attributes {
        entry = entry.message_attributes(name, string_attribute(value));
    }
    match entry.build() {
        Ok(entry) => entry,
        Err(_) => unreachable!("the two required members, id and body, are set above"),
    }
}

fn string_attribute(value: String) -> MessageAttributeValue {
    match MessageAttributeValue::builder().data_type("String").string_value(value).build() {
        Ok(attribute) => attribute,
        Err(_) => unreachable!("the one required member, the data type, is set above"),
    }
}
