//! Creating, finding, describing and emptying queues.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::answer::{Output, ServiceError};
use super::settings::{Settings, check_attribute_name};
use super::{Context, Queue, QueueKey, Sqs, invalid_parameter, invalid_value, is_fifo_name, no_such_queue};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CreateQueue {
    pub(crate) queue_name: String,
    pub(crate) attributes: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct GetQueueUrl {
    queue_name: String,
    #[serde(rename = "QueueOwnerAWSAccountId")]
    owner: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListQueues {
    queue_name_prefix: Option<String>,
    next_token: Option<String>,
    max_results: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListDeadLetterSourceQueues {
    queue_url: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct GetQueueAttributes {
    queue_url: String,
    attribute_names: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SetQueueAttributes {
    queue_url: String,
    attributes: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PurgeQueue {
    queue_url: String,
}

impl CreateQueue {
    /// Creates the queue, or finds it when it is there with the same attributes.
    pub(crate) fn perform(self, sqs: &mut Sqs, context: &Context<'_>) -> Result<Output, ServiceError> {
        let attributes = self.attributes.unwrap_or_default();
        check_queue_name(&self.queue_name)?;
        let fifo = is_fifo_name(&self.queue_name);
        if fifo && attributes.get("FifoQueue").map(String::as_str) != Some("true") {
            return Err(invalid_value(
                "The name of a queue that is not FIFO can only include alphanumeric characters, \
                 hyphens, or underscores. 1 to 80 in length.",
            ));
        }
        let key = QueueKey {
            region: context.caller.region.clone(),
            account: context.caller.account.clone(),
            name: self.queue_name,
        };
        let url = url_of(&key, context.base_url);
        if let Some(queue) = sqs.queues.get(&key) {
            if let Some(name) = queue.settings.differs_in(&attributes) {
                let message = format!(
                    "A queue already exists with the same name and a different value for \
                     attribute {name}"
                );
                return Err(ServiceError::new("QueueNameExists", message));
            }
            return Ok(Output::Json(json!({"QueueUrl": url})));
        }
        let mut queue = Queue::new(key.arn(), fifo, context.now_ms, sqs.disorder);
        queue.settings.set(attributes, fifo)?;
        sqs.check_redrive(&queue.settings, fifo)?;
        sqs.queues.insert(key, queue);
        Ok(Output::Json(json!({"QueueUrl": url})))
    }
}

fn check_queue_name(name: &str) -> Result<(), ServiceError> {
    let stem = name.strip_suffix(".fifo").unwrap_or(name);
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    if !stem.is_empty() && name.len() <= 80 && stem.chars().all(allowed) {
        return Ok(());
    }
    Err(invalid_value("Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"))
}

/// `http://127.0.0.1:4566/123456789012/queue`.
pub(crate) fn url_of(key: &QueueKey, base_url: &str) -> String {
    format!("{base_url}/{}/{}", key.account, key.name)
}

impl Sqs {
    /// A redrive policy must name a queue that is there and of the same type.
    fn check_redrive(&self, settings: &Settings, fifo: bool) -> Result<(), ServiceError> {
        let Some(redrive) = settings.redrive() else {
            return Ok(());
        };
        let arn = &redrive.dead_letter_arn;
        let target = QueueKey::from_arn(arn).and_then(|key| self.queues.get(&key));
        match target {
            Some(target) if target.fifo == fifo => Ok(()),
            Some(_) => Err(invalid_parameter(
                arn,
                "RedrivePolicy",
                "Dead-letter queue must be same type of queue as the source.",
            )),
            None => Err(invalid_parameter(arn, "RedrivePolicy", "Dead letter target does not exist.")),
        }
    }
}

impl GetQueueUrl {
    pub(crate) fn perform(self, sqs: &Sqs, context: &Context<'_>) -> Result<Output, ServiceError> {
        let key = QueueKey {
            region: context.caller.region.clone(),
            account: self.owner.unwrap_or_else(|| context.caller.account.clone()),
            name: self.queue_name,
        };
        if !sqs.queues.contains_key(&key) {
            return Err(no_such_queue());
        }
        Ok(Output::Json(json!({"QueueUrl": url_of(&key, context.base_url)})))
    }
}

impl ListQueues {
    pub(crate) fn perform(self, sqs: &Sqs, context: &Context<'_>) -> Result<Output, ServiceError> {
        let page_max = match self.max_results {
            None => 1000,
            Some(number @ 1..=1000) => usize::try_from(number).unwrap_or(1000),
            Some(number) => {
                let reason = "MaxResults must be an integer between 1 and 1000.";
                return Err(invalid_parameter(number, "MaxResults", reason));
            }
        };
        let prefix = self.queue_name_prefix.unwrap_or_default();
        let after = self.next_token.unwrap_or_default();
        let own: Vec<&QueueKey> = sqs
            .queues
            .keys()
            .filter(|key| key.region == context.caller.region)
            .filter(|key| key.account == context.caller.account)
            .filter(|key| key.name.starts_with(&prefix) && key.name > after)
            .collect();
        let page = &own[..own.len().min(page_max)];
        let urls: Vec<String> = page.iter().map(|key| url_of(key, context.base_url)).collect();
        let mut answer = json!({"QueueUrls": urls});
        // A next token is only given when the caller asked for pages.
        let more = page.len() < own.len() && self.max_results.is_some();
        if let Some(last) = page.last().filter(|_| more) {
            answer["NextToken"] = json!(last.name);
        }
        Ok(Output::Json(answer))
    }
}

impl ListDeadLetterSourceQueues {
    /// The queues whose redrive policy leads to this one, on one page.
    pub(crate) fn perform(self, sqs: &mut Sqs, context: &Context<'_>) -> Result<Output, ServiceError> {
        let (key, _) = sqs.by_url(&self.queue_url, context.caller)?;
        let own_arn = key.arn();
        let leads_here = |queue: &Queue| {
            queue.settings.redrive().is_some_and(|redrive| redrive.dead_letter_arn == own_arn)
        };
        let sources = sqs.queues.iter().filter(|(_, queue)| leads_here(queue));
        let urls: Vec<String> = sources.map(|(key, _)| url_of(key, context.base_url)).collect();
        Ok(Output::Json(json!({"queueUrls": urls})))
    }
}

impl GetQueueAttributes {
    pub(crate) fn perform(self, sqs: &mut Sqs, context: &Context<'_>) -> Result<Output, ServiceError> {
        let (_, queue) = sqs.by_url(&self.queue_url, context.caller)?;
        let asked = self.attribute_names.unwrap_or_default();
        for name in &asked {
            check_attribute_name(name)?;
        }
        let all = asked.iter().any(|name| name == "All");
        let attributes: Map<String, Value> = described(queue, context.now_ms)
            .into_iter()
            .filter(|(name, _)| all || asked.iter().any(|asked| asked == name))
            .map(|(name, value)| (name.to_owned(), json!(value)))
            .collect();
        if attributes.is_empty() {
            return Ok(Output::Json(json!({})));
        }
        Ok(Output::Json(json!({"Attributes": attributes})))
    }
}

/// Every attribute that has a value.
fn described(queue: &Queue, now_ms: u64) -> Vec<(&'static str, String)> {
    const SETTINGS: &[&str] = &[
        "Policy",
        "VisibilityTimeout",
        "MaximumMessageSize",
        "MessageRetentionPeriod",
        "DelaySeconds",
        "ReceiveMessageWaitTimeSeconds",
        "RedrivePolicy",
        "KmsMasterKeyId",
        "RedriveAllowPolicy",
        "SqsManagedSseEnabled",
    ];
    const FIFO_SETTINGS: &[&str] =
        &["FifoQueue", "ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit"];
    let counts = queue.counts(now_ms);
    let mut described = vec![
        ("QueueArn", queue.arn.clone()),
        ("ApproximateNumberOfMessages", counts.visible.to_string()),
        ("ApproximateNumberOfMessagesNotVisible", counts.in_flight.to_string()),
        ("ApproximateNumberOfMessagesDelayed", counts.delayed.to_string()),
        ("CreatedTimestamp", (queue.created_ms / 1000).to_string()),
        ("LastModifiedTimestamp", (queue.modified_ms / 1000).to_string()),
    ];
    let fifo_settings = if queue.fifo { FIFO_SETTINGS } else { &[] };
    for name in SETTINGS.iter().chain(fifo_settings) {
        described.extend(queue.settings.text(name).map(|value| (*name, value)));
    }
    described
}

impl SetQueueAttributes {
    pub(crate) fn perform(self, sqs: &mut Sqs, context: &Context<'_>) -> Result<Output, ServiceError> {
        let (key, queue) = sqs.by_url(&self.queue_url, context.caller)?;
        let (mut settings, fifo) = (queue.settings.clone(), queue.fifo);
        settings.set(self.attributes, fifo)?;
        sqs.check_redrive(&settings, fifo)?;
        if let Some(queue) = sqs.queues.get_mut(&key) {
            queue.settings = settings;
            queue.modified_ms = context.now_ms;
        }
        Ok(Output::Nothing)
    }
}

impl PurgeQueue {
    pub(crate) fn perform(&self, sqs: &mut Sqs, context: &Context<'_>) -> Result<Output, ServiceError> {
        let (key, queue) = sqs.by_url(&self.queue_url, context.caller)?;
        if queue.purge(context.now_ms) {
            return Ok(Output::Nothing);
        }
        let message = format!("Only one PurgeQueue operation on {} is allowed every 60 seconds.", key.name);
        Err(ServiceError::with_status(403, "PurgeQueueInProgress", message))
    }
}
