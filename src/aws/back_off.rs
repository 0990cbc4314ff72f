//! Back-off by visibility: a record to be retried stays hidden for a random time that grows with its receives.
//!
//! Best effort: SQS delivers the record again without it, only sooner or later than is good.

use std::collections::BTreeMap;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
use aws_sdk_sqs::types::{BatchResultErrorEntry, ChangeMessageVisibilityBatchRequestEntry};
use futures_util::{StreamExt, stream};

use crate::aws::answer;
use crate::aws::clients::Clients;
use crate::log_line::short;
use crate::settings::{Aws, BackOff};

/// The most entries of one `ChangeMessageVisibilityBatch`.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibilityBatch.html>
const BATCH_MAX: usize = 10;

/// How many of these calls are under way at once: a whole batch that is to be retried must not open a connection per call.
const CALLS_AT_ONCE_MAX: usize = 10;

/// No region's name is longer, by far.
const REGION_LENGTH_MAX: usize = 32;

/// A record to be hidden for a while.
#[derive(Clone, PartialEq, Eq)]
pub struct Hidden {
    /// Its queue.
    pub queue_arn: String,
    /// The handle of this delivery.
    pub receipt_handle: String,
    /// For how long, in seconds.
    pub seconds: u32,
}

/// The most seconds for a record that was received so often: base · 2^(receives − 1), at most the cap.
///
/// The receives of abandoned work began in the worker's own queue and say nothing about the relay, so it uses the cap.
#[must_use]
pub fn seconds_max(back_off: BackOff, receives: u32, is_abandoned_work: bool) -> u32 {
    if is_abandoned_work {
        return back_off.cap_seconds;
    }
    let doublings = receives.saturating_sub(1);
    let factor = 1u32.checked_shl(doublings).unwrap_or(u32::MAX);
    back_off.base_seconds.saturating_mul(factor).min(back_off.cap_seconds)
}

/// Hides the records; what cannot be hidden is logged.
///
/// Lambda's batches come from one queue. Whoever invokes the function directly may name a queue a record, so clients are made one by
/// one as their turn comes, and [`Clients::sqs`] keeps few of them.
pub async fn hide(records: Vec<Hidden>, clients: &Clients, aws: &Aws) {
    let mut by_queue: BTreeMap<String, Vec<Hidden>> = BTreeMap::new();
    for record in records {
        by_queue.entry(record.queue_arn.clone()).or_default().push(record);
    }
    let chunks = by_queue.iter().flat_map(|(arn, records)| {
        records.chunks(BATCH_MAX).map(move |chunk| hide_in_queue(arn, chunk, clients, aws))
    });
    stream::iter(chunks).for_each_concurrent(CALLS_AT_ONCE_MAX, |hiding| hiding).await;
}

async fn hide_in_queue(arn: &str, records: &[Hidden], clients: &Clients, aws: &Aws) {
    let parts: Vec<&str> = arn.split(':').collect();
    let ["arn", _, "sqs", region, account, name] = parts.as_slice() else {
        tracing::warn!(queue = &*short(arn), "no back-off: the queue's ARN cannot be read");
        return;
    };
    if !may_be_region(region) {
        tracing::warn!(queue = &*short(arn), "no back-off: the queue's ARN names no region");
        return;
    }
    let Some(url) = queue_url(region, account, name, aws).await else {
        tracing::warn!(queue = &*short(arn), "no back-off: the queue's endpoint cannot be told");
        return;
    };
    change_visibility(&clients.sqs(Some(region)), &url, records).await;
}

/// Whether a text may be a region's name: it becomes a part of a host's name, and a client is kept under it.
fn may_be_region(text: &str) -> bool {
    let is_taken = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=REGION_LENGTH_MAX).contains(&text.len()) && text.bytes().all(is_taken)
}

/// The endpoint that the SDK itself would call, with the path of the queue.
async fn queue_url(region: &str, account: &str, name: &str, aws: &Aws) -> Option<String> {
    let params = Params::builder()
        .region(region)
        .use_fips(aws.use_fips)
        .use_dual_stack(aws.use_dual_stack)
        .set_endpoint(aws.endpoints.of("SQS").map(str::to_owned))
        .build()
        .ok()?;
    let endpoint = DefaultResolver::new().resolve_endpoint(&params).await.ok()?;
    Some(format!("{}/{account}/{name}", endpoint.url().trim_end_matches('/')))
}

async fn change_visibility(client: &Client, url: &str, records: &[Hidden]) {
    let mut request = client.change_message_visibility_batch().queue_url(url);
    for (index, record) in records.iter().enumerate() {
        let entry = ChangeMessageVisibilityBatchRequestEntry::builder()
            .id(index.to_string())
            .receipt_handle(&record.receipt_handle)
            .visibility_timeout(i32::try_from(record.seconds).unwrap_or(i32::MAX));
        match entry.build() {
            Ok(entry) => request = request.entries(entry),
            Err(_) => unreachable!("the two required members, id and receipt handle, are set above"),
        }
    }
    match request.send().await {
        Ok(output) if output.failed().is_empty() => {}
        Ok(output) => {
            let codes: Vec<&str> = output.failed().iter().map(BatchResultErrorEntry::code).collect();
            tracing::warn!(
                failed = codes.len(),
                service_error = codes.first().map(|code| short(code)).as_deref(),
                "no back-off for some records"
            );
        }
        Err(error) => {
            let error = answer::service_error(&error);
            tracing::warn!(
                failed = records.len(),
                service_error = error.name.as_deref().map(short).as_deref(),
                "no back-off for some records"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_doubles_with_each_receive_up_to_the_cap() {
        let back_off = BackOff { base_seconds: 5, cap_seconds: 900 };
        let seconds: Vec<u32> =
            [0, 1, 2, 3, 8, 9, 33, 1000].map(|receives| seconds_max(back_off, receives, false)).into();
        assert_eq!(seconds, [5, 5, 10, 20, 640, 900, 900, 900]);
    }

    #[test]
    fn what_cannot_be_a_regions_name_gets_no_client() {
        assert!(["eu-west-1", "us-iso-east-1", "local"].into_iter().all(may_be_region));
        let long = "x".repeat(33);
        assert!(!["", "EU", "a.b", "a/b", "a@b", long.as_str()].into_iter().any(may_be_region));
    }

    #[test]
    fn abandoned_work_uses_the_cap() {
        assert_eq!(seconds_max(BackOff { base_seconds: 5, cap_seconds: 900 }, 1, true), 900);
    }
}
