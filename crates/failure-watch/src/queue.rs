//! The relay's queue. An event is published when SQS has confirmed it, and not before.

use std::borrow::Cow;
use std::slice;

use failure_event::dead_letter::MESSAGE_SIZE_MAX;
use failure_event::operation::{EndpointException, Operation, Service, Wire};
use failure_event::outcome::ServiceError;
use failure_event::place::Place;
use failure_event::publication::Publication;
use failure_event::request::HttpForm;
use failure_event::secret::sha256_hex;
use failure_relay::aws::queue_sender::{BATCH_MAX, is_refusal, unconfirmed};
use failure_relay::settings::QueueUrl;
use serde::{Deserialize, Serialize};

use crate::services::Services;

/// Amazon SQS
static SQS: Service = Service {
    name: "SQS",
    endpoint_prefix: "sqs",
    exceptions: &[EndpointException::fips("aws-us-gov", "sqs")],
    signing_name: "sqs",
    endpoint_variable: "SQS",
};

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html>
static SEND_MESSAGE_BATCH: Operation = Operation {
    service: &SQS,
    name: "SendMessageBatch",
    action: Some("sqs:SendMessage"),
    wire: Wire::AwsJson { version: "1.0", target: "AmazonSQS" },
};

/// Whether SQS has stored an event, or what it answered instead. It may be stored nevertheless, when the answer was lost.
pub type Confirmation = Result<(), ServiceError>;

/// The queue from which the relay takes failure events.
#[derive(Debug)]
pub struct RelayQueue<'a, S> {
    services: &'a S,
    url: &'a QueueUrl,
    place: Place,
}

impl<'a, S: Services> RelayQueue<'a, S> {
    /// The queue of this URL, which is reached in its own region, else in `own_region`.
    #[must_use]
    pub fn new(services: &'a S, url: &'a QueueUrl, own_region: &str) -> Self {
        let region = url.region().unwrap_or(own_region).to_owned();
        Self { services, url, place: Place { region, account: None } }
    }

    /// Publishes events, and tells of each whether it is stored, in their order.
    pub async fn publish(&self, events: &[Publication]) -> Vec<Confirmation> {
        let mut confirmations = Vec::with_capacity(events.len());
        for batch in batches(events) {
            confirmations.extend(self.publish_batch(batch).await);
        }
        confirmations
    }

    /// Sends a batch, and what was not stored for its own sake once more, alone. Where SQS answers nothing of use to the whole batch,
    /// another try is the next invocation's.
    async fn publish_batch(&self, batch: &[Publication]) -> Vec<Confirmation> {
        let mut confirmations = self.send(batch).await;
        for (event, confirmation) in batch.iter().zip(&mut confirmations) {
            let Err(error) = confirmation else { continue };
            if is_its_own(error) && (batch.len() > 1 || !is_refusal(error)) {
                *confirmation =
                    self.send(slice::from_ref(event)).await.pop().unwrap_or_else(|| Err(unconfirmed()));
            }
        }
        confirmations
    }

    async fn send(&self, batch: &[Publication]) -> Vec<Confirmation> {
        let form = HttpForm::of(&SEND_MESSAGE_BATCH, self.request(batch));
        let answered = self.services.ask(&SEND_MESSAGE_BATCH, form, &self.place).await;
        let answer = answered.map(|body| serde_json::from_str(&body).unwrap_or_default());
        (0..batch.len()).map(|index| confirmation(answer.as_ref(), index)).collect()
    }

    fn request(&self, batch: &[Publication]) -> String {
        let is_fifo = self.url.is_fifo();
        let entries = batch.iter().enumerate().map(|(index, event)| Entry {
            id: index.to_string(),
            message_body: accepted(&event.body),
            message_group_id: is_fifo.then_some(event.fingerprint.as_str()),
            // The same event of the same lease or sweep, published again after a crash, is the same message.
            message_deduplication_id: is_fifo.then(|| sha256_hex(&event.body)),
        });
        let request = Request { queue_url: self.url.as_str(), entries: entries.collect() };
        // Texts always serialize; an empty request would be refused by SQS.
        serde_json::to_string(&request).unwrap_or_default()
    }
}

/// Whether an event was not stored for its own sake, and not because SQS has trouble with whatever it is sent: an entry of a batch
/// that failed, or a message that SQS refuses.
#[must_use]
pub fn is_its_own(error: &ServiceError) -> bool {
    error.status == Some(200) || is_refusal(error)
}

/// As many events as one request holds.
fn batches(mut events: &[Publication]) -> impl Iterator<Item = &[Publication]> {
    std::iter::from_fn(move || {
        let mut size = 0;
        let fitting = events.iter().take(BATCH_MAX).take_while(|event| {
            size += accepted(&event.body).len();
            size <= MESSAGE_SIZE_MAX
        });
        // A single event over the limit still has to be tried, for SQS to judge.
        let count = fitting.count().max(1).min(events.len());
        let (batch, rest) = events.split_at(count);
        events = rest;
        (!batch.is_empty()).then_some(batch)
    })
}

/// The body without the two characters that JSON allows in a string and SQS in no message: escaped they are the same JSON.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>
fn accepted(body: &str) -> Cow<'_, str> {
    if body.contains(['\u{fffe}', '\u{ffff}']) {
        Cow::Owned(body.replace('\u{fffe}', "\\ufffe").replace('\u{ffff}', "\\uffff"))
    } else {
        Cow::Borrowed(body)
    }
}

/// The entry of one event says whether it is stored: `Failed` comes with HTTP 200. An event in neither list is not.
fn confirmation(answer: Result<&Answer, &ServiceError>, index: usize) -> Confirmation {
    let answer = answer.map_err(Clone::clone)?;
    let id = index.to_string();
    if answer.successful.iter().any(|entry| entry.id == id) {
        return Ok(());
    }
    let failed = answer.failed.iter().find(|entry| entry.id == id);
    Err(failed.map_or_else(unconfirmed, |entry| ServiceError {
        name: Some(entry.code.clone()),
        status: Some(200),
        ..ServiceError::default()
    }))
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Request<'a> {
    queue_url: &'a str,
    entries: Vec<Entry<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Entry<'a> {
    id: String,
    message_body: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_group_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_deduplication_id: Option<String>,
}

/// What SQS answers to a batch. An answer that cannot be read confirms nothing.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Answer {
    successful: Vec<Stored>,
    failed: Vec<Failed>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Stored {
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Failed {
    id: String,
    code: String,
}
