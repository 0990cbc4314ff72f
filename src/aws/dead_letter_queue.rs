//! The dead-letter queue's client. A dead letter is stored when SQS has confirmed it, and not before.

use std::sync::Arc;

use failure_event::dead_letter::{DeadLetter, MESSAGE_SIZE_MAX};
use failure_event::outcome::ServiceError;

use super::queue_sender::{Parts, QueueMessage, QueueSender, Writer};
use crate::aws::clients::Clients;
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

    /// Stores the letter that `write` writes.
    ///
    /// # Errors
    /// What SQS answered instead of a confirmation. The letter may be stored nevertheless, when the answer was lost.
    pub async fn store(&self, write: Writer<'_, DeadLetter>) -> Result<(), ServiceError> {
        self.sender.store(write).await
    }
}

impl QueueMessage for DeadLetter {
    fn size(&self) -> usize {
        self.size()
    }

    fn travels_alone(&self) -> bool {
        !self.is_storable()
    }

    /// The letter with a body that SQS stores, where its own is not; then without its attributes, for a queue whose own size limit
    /// is lower than SQS's. The body is never given up: one that is larger than any message can be has no lesser form.
    fn lesser_form(self, step: usize) -> Option<Self> {
        if self.body.len() > MESSAGE_SIZE_MAX {
            return None;
        }
        match (self.is_storable(), step) {
            (false, 0) => Some(self.with_storable_body()),
            (false, 1) => Some(DeadLetter { attributes: Vec::new(), ..self.with_storable_body() }),
            (true, 0) => Some(DeadLetter { attributes: Vec::new(), ..self }),
            _ => None,
        }
    }

    fn into_parts(self) -> Parts {
        let (group, deduplication) = self.fifo.map(|fifo| (fifo.group, fifo.deduplication)).unzip();
        Parts { body: self.body, attributes: self.attributes, group, deduplication, ..Parts::default() }
    }
}
