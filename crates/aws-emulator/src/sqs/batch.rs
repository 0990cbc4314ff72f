//! The batch operations: rules for the whole batch, and a result for each entry.

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::answer::{Output, ServiceError};
use super::receive::{change_visibility, delete};
use super::send::{MessageInput, store};
use super::settings::MESSAGE_BYTES_MAX;
use super::{Context, Sqs};

/// A batch has at most so many entries.
const ENTRIES_MAX: usize = 10;
/// An entry's id is at most so long.
const ENTRY_ID_CHARACTERS_MAX: usize = 80;

/// Entries that fail by order of a fault, whatever they hold.
#[derive(Clone, Debug)]
pub(crate) struct BatchFault {
    /// From 0; none means all.
    pub(crate) positions: Vec<usize>,
    pub(crate) code: Option<String>,
    pub(crate) sender_fault: bool,
}

impl BatchFault {
    pub(crate) fn hits(&self, position: usize) -> bool {
        self.positions.is_empty() || self.positions.contains(&position)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SendBatch {
    queue_url: String,
    entries: Vec<SendEntry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SendEntry {
    id: String,
    #[serde(flatten)]
    message: MessageInput,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DeleteBatch {
    queue_url: String,
    entries: Vec<DeleteEntry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DeleteEntry {
    id: String,
    receipt_handle: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ChangeVisibilityBatch {
    queue_url: String,
    entries: Vec<ChangeVisibilityEntry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ChangeVisibilityEntry {
    id: String,
    receipt_handle: String,
    visibility_timeout: Option<i64>,
}

impl SendBatch {
    pub(crate) fn perform(
        self,
        sqs: &mut Sqs,
        context: &mut Context<'_>,
        fault: Option<&BatchFault>,
    ) -> Result<Output, ServiceError> {
        let (_, queue) = sqs.by_url(&self.queue_url, context.caller)?;
        check_ids("SendMessageBatchRequestEntry", self.entries.iter().map(|entry| &entry.id))?;
        check_total(&self.entries)?;
        let account = context.caller.account.clone();
        let mut results = Results::default();
        for (position, SendEntry { id, message }) in self.entries.into_iter().enumerate() {
            results.push(position, &id, fault, || {
                let message = message.check(queue, &account)?;
                Ok(store(queue, message, context))
            });
        }
        Ok(results.output())
    }
}

/// All bodies and attributes of a batch together have the limit of one message.
fn check_total(entries: &[SendEntry]) -> Result<(), ServiceError> {
    let mut total = 0;
    for entry in entries {
        // An entry whose attributes cannot be read fails on its own later.
        total += entry.message.approximate_bytes().unwrap_or(0);
    }
    if u64::try_from(total).unwrap_or(u64::MAX) <= MESSAGE_BYTES_MAX {
        return Ok(());
    }
    Err(ServiceError::new(
        "BatchRequestTooLong",
        format!(
            "Batch requests cannot be longer than {MESSAGE_BYTES_MAX} bytes. You have sent \
             {total} bytes."
        ),
    ))
}

impl DeleteBatch {
    pub(crate) fn perform(
        self,
        sqs: &mut Sqs,
        context: &Context<'_>,
        fault: Option<&BatchFault>,
    ) -> Result<Output, ServiceError> {
        sqs.by_url(&self.queue_url, context.caller)?;
        check_ids("DeleteMessageBatchRequestEntry", self.entries.iter().map(|entry| &entry.id))?;
        let mut results = Results::default();
        for (position, entry) in self.entries.into_iter().enumerate() {
            results.push(position, &entry.id, fault, || {
                delete(sqs, &self.queue_url, &entry.receipt_handle, context)?;
                Ok(json!({}))
            });
        }
        Ok(results.output())
    }
}

impl ChangeVisibilityBatch {
    pub(crate) fn perform(
        self,
        sqs: &mut Sqs,
        context: &Context<'_>,
        fault: Option<&BatchFault>,
    ) -> Result<Output, ServiceError> {
        sqs.by_url(&self.queue_url, context.caller)?;
        let ids = self.entries.iter().map(|entry| &entry.id);
        check_ids("ChangeMessageVisibilityBatchRequestEntry", ids)?;
        let mut results = Results::default();
        for (position, entry) in self.entries.into_iter().enumerate() {
            results.push(position, &entry.id, fault, || {
                let (handle, seconds) = (&entry.receipt_handle, entry.visibility_timeout);
                change_visibility(sqs, &self.queue_url, handle, seconds, context)?;
                Ok(json!({}))
            });
        }
        Ok(results.output())
    }
}

/// `Successful` and `Failed`, which an answer always has both.
#[derive(Default)]
struct Results {
    successful: Vec<Value>,
    failed: Vec<Value>,
}

impl Results {
    /// Carries out one entry, unless the fault hits it.
    fn push(
        &mut self,
        position: usize,
        id: &str,
        fault: Option<&BatchFault>,
        perform: impl FnOnce() -> Result<Value, ServiceError>,
    ) {
        if let Some(fault) = fault.filter(|fault| fault.hits(position)) {
            let code = fault.code.as_deref().unwrap_or("InternalError");
            let message = "The entry failed by order of a fault.";
            self.fail(id, code, message, fault.sender_fault);
            return;
        }
        match perform() {
            Ok(mut answer) => {
                answer["Id"] = json!(id);
                self.successful.push(answer);
            }
            Err(error) => self.fail(id, &error.code, &error.message, error.status < 500),
        }
    }

    fn fail(&mut self, id: &str, code: &str, message: &str, sender_fault: bool) {
        self.failed.push(json!({
            "Id": id,
            "Code": code,
            "Message": message,
            "SenderFault": sender_fault,
        }));
    }

    fn output(self) -> Output {
        Output::Json(json!({"Successful": self.successful, "Failed": self.failed}))
    }
}

fn check_ids<'a>(entry: &str, ids: impl ExactSizeIterator<Item = &'a String>) -> Result<(), ServiceError> {
    match ids.len() {
        0 => {
            let message = format!("There should be at least one {entry} in the request.");
            return Err(ServiceError::new("EmptyBatchRequest", message));
        }
        1..=ENTRIES_MAX => {}
        count => {
            let message =
                format!("Maximum number of entries per request are {ENTRIES_MAX}. You have sent {count}.");
            return Err(ServiceError::new("TooManyEntriesInBatchRequest", message));
        }
    }
    let mut seen = HashSet::new();
    for id in ids {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if !(1..=ENTRY_ID_CHARACTERS_MAX).contains(&id.len()) || !id.bytes().all(allowed) {
            let message = "A batch entry id can only contain alphanumeric characters, hyphens \
                           and underscores. It can be at most 80 letters long.";
            return Err(ServiceError::new("InvalidBatchEntryId", message));
        }
        if !seen.insert(id) {
            let message = format!("Id {id} repeated.");
            return Err(ServiceError::new("BatchEntryIdsNotDistinct", message));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(ids: &[&str]) -> Option<String> {
        let ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
        check_ids("Entry", ids.iter()).err().map(|error| error.code)
    }

    #[test]
    fn a_batch_has_one_to_ten_entries_with_distinct_valid_ids() {
        assert_eq!(code(&["a", "b-_9"]), None);
        assert_eq!(code(&[]).as_deref(), Some("EmptyBatchRequest"));
        assert_eq!(code(&["a"; 11]).as_deref(), Some("TooManyEntriesInBatchRequest"));
        assert_eq!(code(&["a", "a"]).as_deref(), Some("BatchEntryIdsNotDistinct"));
        assert_eq!(code(&["a b"]).as_deref(), Some("InvalidBatchEntryId"));
        assert_eq!(code(&["x".repeat(81).as_str()]).as_deref(), Some("InvalidBatchEntryId"));
    }
}
