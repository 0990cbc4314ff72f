//! Receiving messages, and what a receipt handle is good for.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::answer::{Output, ServiceError};
use super::super::limits::SYSTEM_ATTRIBUTE_NAMES;
use super::super::request::Caller;
use super::message::{asked_for, attributes_json, md5_of_attributes};
use super::queue::{Gone, Handle, body_digest};
use super::send::sequence_number;
use super::settings::{VISIBILITY_SECONDS_MAX, unknown_attribute};
use super::{Context, Message, QueueKey, Sqs, invalid_parameter, invalid_value};

#[derive(Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Receive {
    queue_url: String,
    #[serde(default)]
    attribute_names: Option<Vec<String>>,
    message_system_attribute_names: Option<Vec<String>>,
    message_attribute_names: Option<Vec<String>>,
    max_number_of_messages: Option<i64>,
    visibility_timeout: Option<i64>,
    wait_time_seconds: Option<i64>,
}

/// What one look into the queue gave.
pub(crate) enum Poll {
    /// Messages, or none and the caller does not wait.
    Answer(Output),
    /// Nothing yet; some message becomes visible then, if nothing happens before.
    Wait { next_visible_ms: Option<u64> },
}

impl Receive {
    /// How long the caller waits, in milliseconds: its own wish or the queue's.
    pub(crate) fn wait_ms(&self, sqs: &mut Sqs, caller: &Caller) -> Result<u64, ServiceError> {
        let (_, queue) = sqs.by_url(&self.queue_url, caller)?;
        let reason = "Must be >= 0 and <= 20, if provided.";
        let own = in_range(self.wait_time_seconds, 0, 20, "WaitTimeSeconds", reason)?;
        let seconds = own.unwrap_or_else(|| queue.settings.number("ReceiveMessageWaitTimeSeconds"));
        Ok(seconds * 1000)
    }

    /// Takes what can be received now.
    pub(crate) fn poll(&self, sqs: &mut Sqs, context: &Context<'_>) -> Result<Poll, ServiceError> {
        self.check_names()?;
        let reason = "Must be between 1 and 10, if provided.";
        let wanted = self.max_number_of_messages;
        let count_max = in_range(wanted, 1, 10, "MaxNumberOfMessages", reason)?.unwrap_or(1);
        let visibility_seconds = check_visibility(self.visibility_timeout)?;
        let now_ms = context.now_ms;
        let (key, queue) = sqs.by_url(&self.queue_url, context.caller)?;
        let visibility_seconds =
            visibility_seconds.unwrap_or_else(|| queue.settings.number("VisibilityTimeout"));
        let count_max = usize::try_from(count_max).unwrap_or(1);
        let fifo = queue.fifo;
        let mut received = queue.receive(count_max, visibility_seconds * 1000, now_ms);
        while received.messages.is_empty() && received.look_again {
            let dead = received.dead;
            received = queue.receive(count_max, visibility_seconds * 1000, now_ms);
            received.dead.extend(dead);
        }
        let next_visible_ms = queue.next_visible_ms(now_ms);
        let is_empty = received.messages.is_empty();
        let described: Vec<Value> =
            received.messages.iter().map(|message| self.describe(message, &key, fifo)).collect();
        sqs.bury(received.dead, &key, now_ms);
        Ok(if is_empty {
            Poll::Wait { next_visible_ms }
        } else {
            Poll::Answer(Output::Json(json!({"Messages": described})))
        })
    }

    fn check_names(&self) -> Result<(), ServiceError> {
        let known = |name: &&String| SYSTEM_ATTRIBUTE_NAMES.contains(&name.as_str());
        match self.system_names().find(|name| !known(name)) {
            Some(name) => Err(unknown_attribute(name)),
            None => Ok(()),
        }
    }

    /// The newer list and its deprecated predecessor mean the same.
    fn system_names(&self) -> impl Iterator<Item = &String> {
        let lists = [&self.attribute_names, &self.message_system_attribute_names];
        lists.into_iter().flatten().flatten()
    }

    fn describe(&self, message: &Message, key: &QueueKey, fifo: bool) -> Value {
        let mut described = json!({
            "MessageId": message.id,
            "ReceiptHandle": receipt_handle(message, key),
            "MD5OfBody": body_digest(message),
            "Body": message.content.body,
        });
        let system = self.system_attributes(message, fifo);
        if !system.is_empty() {
            described["Attributes"] = Value::Object(system);
        }
        let names = self.message_attribute_names.as_deref().unwrap_or_default();
        let asked = asked_for(&message.content.attributes, names);
        if let Some(digest) = md5_of_attributes(asked.iter().copied()) {
            described["MD5OfMessageAttributes"] = json!(digest);
            described["MessageAttributes"] = attributes_json(&asked);
        }
        described
    }

    fn system_attributes(&self, message: &Message, fifo: bool) -> Map<String, Value> {
        let content = &message.content;
        let first = message.first_received_ms.unwrap_or(message.sent_ms);
        let sequence = fifo.then(|| sequence_number(message.sequence));
        let trace = content.system_attributes.get("AWSTraceHeader");
        let all = [
            ("SenderId", Some(content.sender.clone())),
            ("SentTimestamp", Some(message.sent_ms.to_string())),
            ("ApproximateReceiveCount", Some(message.receive_count.to_string())),
            ("ApproximateFirstReceiveTimestamp", Some(first.to_string())),
            ("SequenceNumber", sequence),
            ("MessageDeduplicationId", content.deduplication_id.clone()),
            ("MessageGroupId", content.group.clone()),
            ("AWSTraceHeader", trace.and_then(|trace| trace.as_text()).map(str::to_owned)),
            ("DeadLetterQueueSourceArn", message.source_arn.clone()),
        ];
        let wanted = |name: &str| self.system_names().any(|asked| asked == "All" || asked == name);
        all.into_iter()
            .filter(|(name, _)| wanted(name))
            .filter_map(|(name, value)| Some((name.to_owned(), json!(value?))))
            .collect()
    }
}

/// The answer of a receive that found nothing.
pub(crate) fn nothing_received() -> Output {
    Output::Json(json!({}))
}

fn in_range(
    value: Option<i64>,
    min: i64,
    max: i64,
    parameter: &str,
    reason: &str,
) -> Result<Option<u64>, ServiceError> {
    match value {
        Some(number) if number < min || number > max => Err(invalid_parameter(number, parameter, reason)),
        other => Ok(other.and_then(|number| u64::try_from(number).ok())),
    }
}

pub(crate) fn check_visibility(seconds: Option<i64>) -> Result<Option<u64>, ServiceError> {
    let max = i64::try_from(VISIBILITY_SECONDS_MAX).unwrap_or(i64::MAX);
    let reason = format!("Must be >= 0 and <= {VISIBILITY_SECONDS_MAX}, if provided.");
    in_range(seconds, 0, max, "VisibilityTimeout", &reason)
}

/// A handle that clients cannot read anything into; it is bound to its queue.
fn receipt_handle(message: &Message, key: &QueueKey) -> String {
    let (sequence, receive, id) = (message.sequence, message.receive_count, &message.id);
    STANDARD.encode(format!("{} {sequence} {receive} {id}", key.arn()))
}

fn parse_handle(handle: &str, key: &QueueKey) -> Result<Handle, ServiceError> {
    let parse = || {
        let text = String::from_utf8(STANDARD.decode(handle).ok()?).ok()?;
        let mut parts = text.split(' ');
        let arn = parts.next()?;
        let sequence = parts.next()?.parse().ok()?;
        let receive = parts.next()?.parse().ok()?;
        let message_id = parts.next()?.to_owned();
        (arn == key.arn()).then_some(Handle { sequence, receive, message_id })
    };
    parse().ok_or_else(|| {
        let message = format!("The input receipt handle \"{handle}\" is not a valid receipt handle.");
        ServiceError::with_status(404, "ReceiptHandleIsInvalid", message)
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Delete {
    queue_url: String,
    receipt_handle: String,
}

impl Delete {
    pub(crate) fn perform(&self, sqs: &mut Sqs, context: &Context<'_>) -> Result<Output, ServiceError> {
        delete(sqs, &self.queue_url, &self.receipt_handle, context)?;
        Ok(Output::Nothing)
    }
}

pub(crate) fn delete(
    sqs: &mut Sqs,
    queue_url: &str,
    receipt_handle: &str,
    context: &Context<'_>,
) -> Result<(), ServiceError> {
    let (key, queue) = sqs.by_url(queue_url, context.caller)?;
    let handle = parse_handle(receipt_handle, &key)?;
    queue.delete(&handle, context.now_ms).map_err(|_| {
        let reason = "The receipt handle has expired.";
        invalid_parameter(receipt_handle, "ReceiptHandle", reason)
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ChangeVisibility {
    queue_url: String,
    receipt_handle: String,
    visibility_timeout: i64,
}

impl ChangeVisibility {
    pub(crate) fn perform(&self, sqs: &mut Sqs, context: &Context<'_>) -> Result<Output, ServiceError> {
        let handle = &self.receipt_handle;
        change_visibility(sqs, &self.queue_url, handle, Some(self.visibility_timeout), context)?;
        Ok(Output::Nothing)
    }
}

/// Without a time-out (in a batch entry) the queue's own counts.
pub(crate) fn change_visibility(
    sqs: &mut Sqs,
    queue_url: &str,
    receipt_handle: &str,
    visibility_timeout: Option<i64>,
    context: &Context<'_>,
) -> Result<(), ServiceError> {
    let (key, queue) = sqs.by_url(queue_url, context.caller)?;
    let handle = parse_handle(receipt_handle, &key)?;
    let seconds =
        check_visibility(visibility_timeout)?.unwrap_or_else(|| queue.settings.number("VisibilityTimeout"));
    let longest_ms = VISIBILITY_SECONDS_MAX * 1000;
    let changed = queue.change_visibility(&handle, seconds * 1000, longest_ms, context.now_ms);
    changed.map_err(|gone| match gone {
        Gone::Deleted => invalid_parameter(
            receipt_handle,
            "ReceiptHandle",
            "Message does not exist or is not available for visibility timeout change.",
        ),
        Gone::NotInFlight => {
            ServiceError::new("MessageNotInflight", "The specified message isn't in flight.")
        }
        Gone::TooLong => invalid_value(format!(
            "Value {seconds} for parameter VisibilityTimeout is invalid. Reason: Total \
             VisibilityTimeout for the message is beyond the limit [{VISIBILITY_SECONDS_MAX} \
             seconds]."
        )),
    })
}
