//! The parking queue's client. A record is parked when SQS has confirmed its message, and not before.

use std::sync::Arc;

use crate::clients::Clients;
use crate::outcome::ServiceError;
use crate::parked::ParkedMessage;
use crate::queue_sender::{QueueMessage, QueueSender};
use crate::settings::QueueUrl;

/// Parks records.
#[derive(Debug)]
pub struct ParkingQueue {
    sender: QueueSender<ParkedMessage>,
}

impl ParkingQueue {
    /// The queue of the settings, reached in its own region.
    #[must_use]
    pub fn new(url: QueueUrl, clients: Arc<Clients>) -> Self {
        Self { sender: QueueSender::new(url, clients) }
    }

    /// Stores one message.
    ///
    /// # Errors
    /// What SQS answered instead of a confirmation. The message may be stored nevertheless, when the answer was lost.
    pub async fn store(&self, message: ParkedMessage) -> Result<(), ServiceError> {
        self.sender.store(message).await
    }
}

impl QueueMessage for ParkedMessage {
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
        (self.message_group.as_deref(), None)
    }

    fn delay_seconds(&self) -> Option<u16> {
        Some(self.delay_seconds)
    }

    fn trace_header(&self) -> Option<&str> {
        self.trace_header.as_deref()
    }

    fn travels_alone(&self) -> bool {
        false
    }

    /// Neither the body nor what tells which record it is can be given up: where SQS refuses that, the record stays where it is.
    fn lesser_forms(self) -> Vec<Self> {
        if self.trace_header.is_none() && self.message_group.is_none() {
            return Vec::new();
        }
        vec![Self { trace_header: None, message_group: None, ..self }]
    }
}
