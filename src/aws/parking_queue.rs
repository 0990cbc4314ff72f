//! The parking queue's client. A record is parked when SQS has confirmed its message, and not before.

use std::sync::Arc;

use crate::aws::clients::Clients;
use crate::aws::queue_sender::{Parts, QueueMessage, QueueSender, Writer};
use crate::settings::QueueUrl;
use failure_event::outcome::ServiceError;
use failure_event::parked::ParkedMessage;

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

    /// Stores the message that `write` writes.
    ///
    /// # Errors
    /// What SQS answered instead of a confirmation. The message may be stored nevertheless, when the answer was lost.
    pub async fn store(&self, write: Writer<'_, ParkedMessage>) -> Result<(), ServiceError> {
        self.sender.store(write).await
    }
}

impl QueueMessage for ParkedMessage {
    fn size(&self) -> usize {
        self.size()
    }

    fn travels_alone(&self) -> bool {
        false
    }

    /// Neither the body nor what tells which record it is can be given up: where SQS refuses that, the record stays where it is.
    fn lesser_form(self, step: usize) -> Option<Self> {
        let can_give_up = step == 0 && (self.trace_header.is_some() || self.message_group.is_some());
        can_give_up.then_some(Self { trace_header: None, message_group: None, ..self })
    }

    fn into_parts(self) -> Parts {
        Parts {
            body: self.body,
            attributes: self.attributes,
            group: self.message_group,
            deduplication: None,
            delay_seconds: Some(self.delay_seconds),
            trace_header: self.trace_header,
        }
    }
}
