//! Many events at once: `SendMessageBatch` and `PutEvents`, whose entries can each be refused in an answer of HTTP 200.

use std::fmt;
use std::ops::Range;

use aws_config::SdkConfig;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use failure_relay::settings::QueueUrl;

use crate::aws;
use crate::outlet::{EVENT_DETAIL_TYPE, Outlet, message_group, random_id};

/// `source` of an event on a bus.
const EVENT_SOURCE: &str = "failure-relay.worker";

/// The most entries of one request, of both services.
const ENTRIES_MAX: usize = 10;

/// The most bytes of one request's bodies: 1 MiB, less some room for what else `EventBridge` counts.
const BYTES_MAX: usize = 1_000_000;

/// An event on its way.
#[derive(Clone)]
pub struct Parcel {
    /// What a person calls it.
    pub name: String,
    /// The event: it holds tokens.
    pub body: String,
    /// The message group, which only a FIFO queue takes.
    pub group: String,
}

impl fmt::Debug for Parcel {
    /// Shows all but the body.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parcel").field("name", &self.name).field("group", &self.group).finish_non_exhaustive()
    }
}

/// Why an event is not confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The service refused this very event.
    Entry(String),
    /// The request as a whole failed. The events may be there nevertheless, when the answer was lost.
    Call(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Entry(why) | Refusal::Call(why) => f.write_str(why),
        }
    }
}

/// Publishes all parcels and returns the id of each, in their order. After a request that failed, no other is tried.
pub async fn publish(
    outlet: &Outlet,
    config: &SdkConfig,
    parcels: &[Parcel],
) -> Vec<Result<String, Refusal>> {
    let config = match outlet.region() {
        Some(region) => aws::in_region(config, region),
        None => config.clone(),
    };
    let mut answers = Vec::with_capacity(parcels.len());
    for range in ranges(parcels) {
        let batch = &parcels[range];
        let answer = match outlet {
            Outlet::Queue(url) => send(&config, url, batch).await,
            Outlet::Bus(bus) => put(&config, bus, batch).await,
        };
        match answer {
            Ok(entries) => answers.extend(entries.into_iter().map(|entry| entry.map_err(Refusal::Entry))),
            Err(why) => {
                answers.resize(parcels.len(), Err(Refusal::Call(why)));
                break;
            }
        }
    }
    answers
}

/// How the parcels fall into requests.
fn ranges(parcels: &[Parcel]) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    let mut bytes = 0;
    for (index, parcel) in parcels.iter().enumerate() {
        bytes += parcel.body.len();
        match ranges.last_mut() {
            Some(range) if range.len() < ENTRIES_MAX && bytes <= BYTES_MAX => range.end = index + 1,
            _ => {
                bytes = parcel.body.len();
                ranges.push(index..index + 1);
            }
        }
    }
    ranges
}

/// What became of each entry of a request, or why the request failed.
type Entries = Result<Vec<Result<String, String>>, String>;

async fn send(config: &SdkConfig, url: &QueueUrl, batch: &[Parcel]) -> Entries {
    let mut request = aws_sdk_sqs::Client::new(config).send_message_batch().queue_url(url.as_str());
    for (index, parcel) in batch.iter().enumerate() {
        let mut entry =
            SendMessageBatchRequestEntry::builder().id(index.to_string()).message_body(&parcel.body);
        if url.is_fifo() {
            entry =
                entry.message_group_id(message_group(&parcel.group)).message_deduplication_id(random_id());
        }
        request = request.entries(entry.build().map_err(|error| error.to_string())?);
    }
    let answer = request.send().await.map_err(|error| aws::explain(&error))?;
    let entry = |index: usize| {
        let id = index.to_string();
        if let Some(sent) = answer.successful().iter().find(|entry| entry.id() == id) {
            return Ok(sent.message_id().to_owned());
        }
        let failed = answer.failed().iter().find(|entry| entry.id() == id);
        Err(failed.map_or_else(unconfirmed, |entry| said(Some(entry.code()), entry.message())))
    };
    Ok((0..batch.len()).map(entry).collect())
}

async fn put(config: &SdkConfig, bus: &str, batch: &[Parcel]) -> Entries {
    let mut request = aws_sdk_eventbridge::Client::new(config).put_events();
    for parcel in batch {
        let entry = PutEventsRequestEntry::builder().event_bus_name(bus).source(EVENT_SOURCE);
        request = request.entries(entry.detail_type(EVENT_DETAIL_TYPE).detail(&parcel.body).build());
    }
    let answer = request.send().await.map_err(|error| aws::explain(&error))?;
    let entry = |index: usize| match answer.entries().get(index) {
        Some(entry) => match (entry.event_id(), entry.error_code()) {
            (Some(id), None) => Ok(id.to_owned()),
            (_, code) => Err(said(code, entry.error_message())),
        },
        None => Err(unconfirmed()),
    };
    Ok((0..batch.len()).map(entry).collect())
}

fn said(code: Option<&str>, message: Option<&str>) -> String {
    format!("{}: {}", code.unwrap_or("refused"), message.unwrap_or("no reason was given"))
}

fn unconfirmed() -> String {
    "was neither confirmed nor refused".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parcels(sizes: &[usize]) -> Vec<Parcel> {
        let parcel =
            |size: &usize| Parcel { name: String::new(), body: "x".repeat(*size), group: String::new() };
        sizes.iter().map(parcel).collect()
    }

    #[test]
    fn a_request_holds_ten_entries_and_a_million_bytes() {
        assert_eq!(ranges(&parcels(&[1; 23])), [0..10, 10..20, 20..23]);
        assert_eq!(ranges(&parcels(&[600_000, 400_000, 1, 2_000_000, 1])), [0..2, 2..3, 3..4, 4..5]);
        assert_eq!(ranges(&[]), []);
    }
}
