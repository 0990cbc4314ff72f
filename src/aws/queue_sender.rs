//! Sends messages to one queue. A message is stored when SQS has confirmed it, and not before.
//!
//! Messages that are written at the same time travel together: whoever finds messages waiting takes as many as one
//! `SendMessageBatch` holds and sends them, and each message's own entry in the answer decides its fate.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_sqs::Client;
use aws_sdk_sqs::operation::send_message_batch::SendMessageBatchOutput;
use aws_sdk_sqs::types::{
    MessageAttributeValue, MessageSystemAttributeNameForSends, MessageSystemAttributeValue,
    SendMessageBatchRequestEntry,
};
use tokio::sync::oneshot;

use crate::aws::answer;
use crate::aws::clients::Clients;
use crate::settings::QueueUrl;
use failure_event::dead_letter::MESSAGE_SIZE_MAX;
use failure_event::outcome::{ServiceError, is_own_trouble};

/// The most entries of one `SendMessageBatch`.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html>
pub const BATCH_MAX: usize = 10;

/// What SQS says of a message with characters that it does not take, with none at all, or with too many; and of a batch that
/// holds such a message.
const REFUSALS: [&str; 5] = [
    "InvalidMessageContents",
    "InvalidParameterValue",
    "InvalidParameterValueException",
    "MissingParameter",
    "BatchRequestTooLong",
];

/// A message to a queue.
pub trait QueueMessage: Sized + Send {
    /// The size that SQS counts.
    fn size(&self) -> usize;

    /// Whether SQS is known to refuse it as it is, so that it would only hold up a batch.
    fn travels_alone(&self) -> bool;

    /// What is sent where SQS refuses the message: forms that give up ever more of it, the first with the step 0.
    fn lesser_form(self, step: usize) -> Option<Self>;

    /// The message as SQS is sent it.
    fn into_parts(self) -> Parts;
}

/// A message as SQS is sent it.
#[derive(Default)]
pub struct Parts {
    /// The body.
    pub body: String,
    /// Name and value of each message attribute (String).
    pub attributes: Vec<(&'static str, String)>,
    /// The message group.
    pub group: Option<String>,
    /// The deduplication id, which only a FIFO queue takes.
    pub deduplication: Option<String>,
    /// How long SQS holds the message back; `None` leaves it to the queue.
    pub delay_seconds: Option<u16>,
    /// The system attribute `AWSTraceHeader`.
    pub trace_header: Option<String>,
}

/// Writes a message, once more for each form in which it has to be sent: a message goes into its request whole, so that there are
/// never two of it in memory.
pub type Writer<'a, M> = &'a (dyn Fn() -> M + Sync);

/// Stores messages in one queue.
#[derive(Debug)]
pub struct QueueSender<M> {
    clients: Arc<Clients>,
    url: QueueUrl,
    waiting: Mutex<Vec<Waiting<M>>>,
    /// How many messages were put down so far: the number of the next.
    messages: AtomicU64,
}

#[derive(Debug)]
struct Waiting<M> {
    number: u64,
    message: M,
    sender: oneshot::Sender<Fate>,
}

/// What became of a message in a batch.
#[derive(Debug)]
enum Fate {
    Stored,
    Failed(ServiceError),
    /// SQS does not take this message in the company of others.
    Refused,
    /// SQS does not take this message, which was sent alone.
    RefusedAlone(ServiceError),
}

impl<M: QueueMessage> QueueSender<M> {
    /// A sender to the queue of this URL, which is reached in its own region.
    #[must_use]
    pub fn new(url: QueueUrl, clients: Arc<Clients>) -> Self {
        Self { clients, url, waiting: Mutex::default(), messages: AtomicU64::default() }
    }

    /// Whether messages need a message group.
    #[must_use]
    pub fn is_fifo(&self) -> bool {
        self.url.is_fifo()
    }

    /// Created when there is a message: most invocations have none, and building a client dominates start-up.
    fn client(&self) -> Client {
        self.clients.sqs(self.url.region())
    }

    /// Stores one message.
    ///
    /// # Errors
    /// What SQS answered instead of a confirmation. The message may be stored nevertheless, when the answer was lost.
    pub async fn store(&self, write: Writer<'_, M>) -> Result<(), ServiceError> {
        let message = write();
        if self.is_fifo() || message.travels_alone() {
            return self.send_alone(message, write).await;
        }
        let (sender, receiver) = oneshot::channel();
        let number = self.put_down(message, sender);
        // Lets every record that has a message at this moment add it before the first batch is taken.
        tokio::task::yield_now().await;
        // Each sends only while its own message waits: one that is under way with others is held up by no further message.
        while let Some(batch) = self.take_batch(number) {
            self.send_batch(batch).await;
        }
        match receiver.await {
            Ok(Fate::Stored) => Ok(()),
            Ok(Fate::Failed(error)) => Err(error),
            // A message that was refused in company is sent alone, by whoever wrote it: it holds up no other.
            Ok(Fate::Refused) => self.send_alone(write(), write).await,
            Ok(Fate::RefusedAlone(error)) => self.send_lesser(error, write).await,
            // The sender is dropped only with the whole invocation's time: unconfirmed.
            Err(_) => Err(unconfirmed()),
        }
    }

    /// A panic while the lock is held leaves the messages that were waiting: they are still to be sent.
    fn waiting(&self) -> std::sync::MutexGuard<'_, Vec<Waiting<M>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put_down(&self, message: M, sender: oneshot::Sender<Fate>) -> u64 {
        let number = self.messages.fetch_add(1, Ordering::Relaxed);
        self.waiting().push(Waiting { number, message, sender });
        number
    }

    /// While the message of that number waits: as many messages as one request holds, oldest first. Those that nobody waits for
    /// any more are dropped.
    fn take_batch(&self, number: u64) -> Option<Vec<Waiting<M>>> {
        let mut waiting = self.waiting();
        waiting.retain(|waiting| !waiting.sender.is_closed());
        waiting.iter().find(|waiting| waiting.number == number)?;
        let mut size = 0;
        let fitting = waiting.iter().take(BATCH_MAX).take_while(|waiting| {
            size += waiting.message.size();
            size <= MESSAGE_SIZE_MAX
        });
        // A single message over the limit still has to be tried, for SQS to judge.
        let count = fitting.count().max(1);
        Some(waiting.drain(..count).collect())
    }

    async fn send_batch(&self, mut batch: Vec<Waiting<M>>) {
        if batch.len() == 1 {
            if let Some(Waiting { message, sender, .. }) = batch.pop() {
                let fate = match self.send_message(message).await {
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
        for (index, Waiting { message, sender, .. }) in batch.into_iter().enumerate() {
            request = request.entries(entry(index, message.into_parts()));
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

    /// Sends one message: as it is, and where SQS refuses that, in its lesser forms.
    async fn send_alone(&self, message: M, write: Writer<'_, M>) -> Result<(), ServiceError> {
        match self.send_message(message).await {
            Err(error) if is_refusal(&error) => self.send_lesser(error, write).await,
            answer => answer,
        }
    }

    async fn send_lesser(&self, mut refusal: ServiceError, write: Writer<'_, M>) -> Result<(), ServiceError> {
        let mut step = 0;
        while let Some(lesser) = write().lesser_form(step) {
            match self.send_message(lesser).await {
                Err(error) if is_refusal(&error) => refusal = error,
                answer => return answer,
            }
            step += 1;
        }
        Err(refusal)
    }

    /// The message id is the confirmation: a 200 without one, or one that cannot be read, confirms nothing.
    async fn send_message(&self, message: M) -> Result<(), ServiceError> {
        let Parts { body, attributes, group, deduplication, delay_seconds, trace_header } =
            message.into_parts();
        let mut request = self
            .client()
            .send_message()
            .queue_url(self.url.as_str())
            .message_body(body)
            .set_message_group_id(group)
            .set_message_deduplication_id(deduplication)
            .set_delay_seconds(delay_seconds.map(i32::from));
        for (name, value) in attributes {
            request = request.message_attributes(name, string_attribute(value));
        }
        if let Some(header) = trace_header {
            let name = MessageSystemAttributeNameForSends::AwsTraceHeader;
            request = request.message_system_attributes(name, string_system_attribute(header));
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
#[must_use]
pub fn is_refusal(error: &ServiceError) -> bool {
    if error.status.is_some_and(is_own_trouble) {
        return false;
    }
    let name = error.name.as_deref().unwrap_or_default();
    REFUSALS.iter().any(|refusal| name.ends_with(refusal))
}

/// The entry of one message says whether it is stored: `Failed` comes with HTTP 200. A message in neither list is not.
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
        ..ServiceError::default()
    }))
}

/// What stands for the confirmation that an answer does not hold.
#[must_use]
pub fn unconfirmed() -> ServiceError {
    ServiceError { name: Some("Unconfirmed".to_owned()), ..ServiceError::default() }
}

fn entry(index: usize, parts: Parts) -> SendMessageBatchRequestEntry {
    let mut entry = SendMessageBatchRequestEntry::builder()
        .id(index.to_string())
        .message_body(parts.body)
        .set_message_group_id(parts.group)
        .set_message_deduplication_id(parts.deduplication)
        .set_delay_seconds(parts.delay_seconds.map(i32::from));
    for (name, value) in parts.attributes {
        entry = entry.message_attributes(name, string_attribute(value));
    }
    if let Some(header) = parts.trace_header {
        let name = MessageSystemAttributeNameForSends::AwsTraceHeader;
        entry = entry.message_system_attributes(name, string_system_attribute(header));
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

fn string_system_attribute(value: String) -> MessageSystemAttributeValue {
    match MessageSystemAttributeValue::builder().data_type("String").string_value(value).build() {
        Ok(attribute) => attribute,
        Err(_) => unreachable!("the one required member, the data type, is set above"),
    }
}
