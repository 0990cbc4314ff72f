//! Sending one message: the checks of `SendMessage` and of each entry of a batch.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::super::answer::{Output, ServiceError};
use super::message::{
    AttributeInput, check_characters, hex, md5_of_attributes, md5_of_body, read_attributes,
    read_system_attributes, size_bytes,
};
use super::{Context, NewMessage, Queue, Sqs, invalid_parameter, invalid_value, missing_parameter};

/// The message that a request or a batch entry holds.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct MessageInput {
    message_body: String,
    delay_seconds: Option<i64>,
    message_attributes: Option<BTreeMap<String, AttributeInput>>,
    message_system_attributes: Option<BTreeMap<String, AttributeInput>>,
    message_deduplication_id: Option<String>,
    message_group_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Send {
    queue_url: String,
    #[serde(flatten)]
    message: MessageInput,
}

impl Send {
    pub(crate) fn perform(self, sqs: &mut Sqs, context: &mut Context<'_>) -> Result<Output, ServiceError> {
        let (_, queue) = sqs.by_url(&self.queue_url, context.caller)?;
        let message = self.message.check(queue, &context.caller.account)?;
        Ok(Output::Json(store(queue, message, context)))
    }
}

/// Stores a checked message and describes it as SQS does.
pub(crate) fn store(queue: &mut Queue, message: NewMessage, context: &mut Context<'_>) -> Value {
    let mut answer = json!({"MD5OfMessageBody": md5_of_body(&message.body)});
    if let Some(digest) = md5_of_attributes(&message.attributes) {
        answer["MD5OfMessageAttributes"] = json!(digest);
    }
    if let Some(digest) = md5_of_attributes(&message.system_attributes) {
        answer["MD5OfMessageSystemAttributes"] = json!(digest);
    }
    let stored = queue.send(context.ids.uuid(), message, context.now_ms);
    answer["MessageId"] = json!(stored.id);
    if queue.fifo {
        answer["SequenceNumber"] = json!(sequence_number(stored.sequence));
    }
    answer
}

/// A FIFO sequence number: 20 digits that grow.
pub(crate) fn sequence_number(sequence: u64) -> String {
    format!("188{sequence:017}")
}

impl MessageInput {
    /// What the size limits count, before anything else is checked.
    pub(crate) fn approximate_bytes(&self) -> Result<usize, ServiceError> {
        let attributes = read_attributes(self.message_attributes.clone())?;
        Ok(size_bytes(&self.message_body, &attributes))
    }

    /// Checks everything that the queue asks of a message.
    pub(crate) fn check(self, queue: &Queue, account: &str) -> Result<NewMessage, ServiceError> {
        if self.message_body.is_empty() {
            return Err(missing_parameter("MessageBody"));
        }
        let attributes = read_attributes(self.message_attributes)?;
        let system_attributes = read_system_attributes(self.message_system_attributes)?;
        let limit = queue.settings.number("MaximumMessageSize");
        let size = u64::try_from(size_bytes(&self.message_body, &attributes)).unwrap_or(u64::MAX);
        if size > limit {
            return Err(invalid_value(format!(
                "One or more parameters are invalid. Reason: Message must be shorter than {limit} \
                 bytes."
            )));
        }
        check_characters(&self.message_body)?;
        for (parameter, id) in [
            ("MessageGroupId", &self.message_group_id),
            ("MessageDeduplicationId", &self.message_deduplication_id),
        ] {
            check_fifo_id(parameter, id.as_deref())?;
        }
        let mut message = NewMessage {
            body: self.message_body,
            attributes,
            system_attributes,
            sender: format!("AIDALOCAL{account}"),
            delay_seconds: check_delay(self.delay_seconds)?,
            group: self.message_group_id,
            deduplication_id: self.message_deduplication_id,
        };
        if queue.fifo {
            complete_fifo(&mut message, queue)?;
        } else if let Some(id) = &message.deduplication_id {
            let reason = "The request includes a parameter that is not valid for this queue type.";
            return Err(invalid_parameter(id, "MessageDeduplicationId", reason));
        }
        Ok(message)
    }
}

/// A FIFO message has a group, a deduplication id (its own, or the body's SHA-256) and no delay.
fn complete_fifo(message: &mut NewMessage, queue: &Queue) -> Result<(), ServiceError> {
    if message.group.is_none() {
        return Err(missing_parameter("MessageGroupId"));
    }
    if let Some(delay) = message.delay_seconds.filter(|delay| *delay > 0) {
        let reason = "The request include parameter that is not valid for this queue type.";
        return Err(invalid_parameter(delay, "DelaySeconds", reason));
    }
    message.delay_seconds = None;
    if message.deduplication_id.is_none() {
        if !queue.settings.is("ContentBasedDeduplication", "true") {
            return Err(invalid_value(
                "The queue should either have ContentBasedDeduplication enabled or \
                 MessageDeduplicationId provided explicitly",
            ));
        }
        message.deduplication_id = Some(hex(&Sha256::digest(&message.body)));
    }
    Ok(())
}

fn check_delay(delay_seconds: Option<i64>) -> Result<Option<u64>, ServiceError> {
    match delay_seconds {
        None => Ok(None),
        Some(seconds @ 0..=900) => Ok(u64::try_from(seconds).ok()),
        Some(seconds) => {
            let reason = "DelaySeconds must be >= 0 and <= 900.";
            Err(invalid_parameter(seconds, "DelaySeconds", reason))
        }
    }
}

/// Group and deduplication ids: 1 to 128 letters, digits and punctuation marks of ASCII.
fn check_fifo_id(parameter: &str, id: Option<&str>) -> Result<(), ServiceError> {
    let valid = |id: &str| (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
    match id.filter(|id| !valid(id)) {
        None => Ok(()),
        Some(id) => {
            let reason = format!(
                "{parameter} can only include alphanumeric and punctuation characters. 1 to 128 \
                 in length."
            );
            Err(invalid_parameter(id, parameter, &reason))
        }
    }
}
