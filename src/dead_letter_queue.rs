//! The dead-letter queue's client. A dead letter is stored when SQS has confirmed it, and not before.

use std::sync::Arc;

use crate::clients::Clients;
use crate::dead_letter::DeadLetter;
use crate::outcome::ServiceError;
use crate::queue_sender::{QueueMessage, QueueSender, group_and_deduplication};
use crate::settings::QueueUrl;

/// Stores dead letters.
#[derive(Debug)]
pub struct DeadLetterQueue {
    sender: QueueSender<DeadLetter>,
}

impl DeadLetterQueue {
    /// The queue of the settings, reached in its own region.
    #[must_use]
    pub fn new(url: QueueUrl, clients: Arc<Clients>) -> Self {
        Self { sender: QueueSender::new(url, clients) }
    }

    /// Whether letters need a message group.
    #[must_use]
    pub fn is_fifo(&self) -> bool {
        self.sender.is_fifo()
    }

    /// Stores one letter.
    ///
    /// # Errors
    /// What SQS answered instead of a confirmation. The letter may be stored nevertheless, when the answer was lost.
    pub async fn store(&self, letter: DeadLetter) -> Result<(), ServiceError> {
        self.sender.store(letter).await
    }
}

impl QueueMessage for DeadLetter {
    fn body(&self) -> &str {
        &self.body
    }

    fn attributes(&self) -> &[(&'static str, String)] {
        &self.attributes
    }

    fn size(&self) -> usize {
        self.size()
    }

    fn group_and_deduplication(&self) -> (Option<&str>, Option<&str>) {
        group_and_deduplication(self.fifo.as_ref())
    }

    fn delay_seconds(&self) -> Option<u16> {
        None
    }

    fn trace_header(&self) -> Option<&str> {
        None
    }

    fn travels_alone(&self) -> bool {
        self.storable_body().is_some()
    }

    /// The letter with a body that SQS stores, where its own is not; then without its attributes, for a queue whose own size limit
    /// is lower than SQS's. The body is never given up.
    fn lesser_forms(self) -> Vec<Self> {
        let storable = self.storable_body().map(|body| DeadLetter { body, ..self.clone() });
        let bare = DeadLetter { attributes: Vec::new(), ..storable.clone().unwrap_or(self) };
        storable.into_iter().chain([bare]).collect()
    }
}
