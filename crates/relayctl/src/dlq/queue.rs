//! One SQS queue: found by URL, ARN or name, and used ten messages at a time.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, DeleteMessageBatchResultEntry,
    MessageSystemAttributeName, QueueAttributeName, SendMessageBatchRequestEntry,
    SendMessageBatchResultEntry,
};
use failure_event::arn::Arn;
use failure_relay::settings::QueueUrl;
use futures_util::stream::{self, StreamExt};

use super::letter::Letter;
use crate::aws;
use crate::exit::Problem;

/// The most messages of one request.
pub const BATCH_MAX: usize = 10;

/// How long a receive waits for messages: a receive that does not wait asks only some of the servers of a queue.
const WAIT_SECONDS: i32 = 1;

/// How many requests that release letters are under way at once.
const RELEASES_AT_ONCE: usize = 16;

/// A queue and the client of its region.
#[derive(Clone, Debug)]
pub struct Queue {
    client: Client,
    url: String,
}

/// How many messages a queue holds, as SQS counts them: about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// The queue's ARN.
    pub arn: String,
    /// Can be received now.
    pub visible: u64,
    /// Received by somebody and neither deleted nor visible again.
    pub in_flight: u64,
    /// Not visible yet.
    pub delayed: u64,
}

impl Queue {
    /// Finds a queue by its URL, its ARN, or its name.
    ///
    /// # Errors
    /// There is no such queue, or it cannot be asked for.
    pub async fn find(config: &SdkConfig, named: &str) -> Result<Self, Problem> {
        if named.contains("://") {
            let url = QueueUrl::parse(named).map_err(|what| Problem::usage(format!("\"{named}\" {what}")))?;
            let config = url.region().map_or_else(|| config.clone(), |region| aws::in_region(config, region));
            return Ok(Self { client: Client::new(&config), url: url.as_str().to_owned() });
        }
        let (client, name, account) = match Arn::parse(named) {
            Some(Arn { service: "sqs", region, account, resource, .. }) if !resource.contains(':') => {
                (Client::new(&aws::in_region(config, region)), resource, Some(account.to_owned()))
            }
            None if !named.contains(':') => (Client::new(config), named, None),
            Some(_) | None => {
                return Err(Problem::usage(format!(
                    "\"{named}\" is neither a queue's URL nor its ARN or name"
                )));
            }
        };
        let found =
            client.get_queue_url().queue_name(name).set_queue_owner_aws_account_id(account).send().await;
        let found =
            found.map_err(|error| Problem::service(format!("queue {named}: {}", aws::explain(&error))))?;
        Ok(Self { client, url: found.queue_url().unwrap_or_default().to_owned() })
    }

    /// Whether the queue keeps the order within message groups.
    #[must_use]
    pub fn is_fifo(&self) -> bool {
        self.url.ends_with(".fifo")
    }

    /// The queue's URL.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Receives up to `count` letters and hides them for a while.
    ///
    /// # Errors
    /// What SQS answered.
    pub async fn receive(&self, count: usize, hidden: Duration) -> Result<Vec<Letter>, Problem> {
        let received = self
            .client
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(small(count.min(BATCH_MAX)))
            .visibility_timeout(seconds(hidden))
            .wait_time_seconds(WAIT_SECONDS)
            .message_attribute_names("All")
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .send()
            .await;
        let received = received.map_err(|error| self.problem(&aws::explain(&error)))?;
        Ok(received.messages.unwrap_or_default().into_iter().map(Letter::from).collect())
    }

    /// Makes letters visible again. Best effort: without it they become visible when their time is over.
    pub async fn release(&self, receipts: &[String]) {
        let requests = receipts.chunks(BATCH_MAX).map(|chunk| {
            let entry = |(index, receipt): (usize, &String)| {
                let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(index.to_string());
                entry.receipt_handle(receipt).visibility_timeout(0).build().ok()
            };
            let entries = chunk.iter().enumerate().filter_map(entry).collect();
            let request = self.client.change_message_visibility_batch().queue_url(&self.url);
            request.set_entries(Some(entries)).send()
        });
        // A receipt that is out of date is one of a letter that is visible already.
        let requests = stream::iter(requests).buffer_unordered(RELEASES_AT_ONCE);
        requests.for_each(|_| std::future::ready(())).await;
    }

    /// Deletes letters by their receipts. Returns for each why it was not deleted, `None` where it was.
    pub async fn delete(&self, receipts: &[&str]) -> Vec<Option<String>> {
        let entry = |(index, receipt): (usize, &&str)| {
            let entry = DeleteMessageBatchRequestEntry::builder().id(index.to_string());
            entry.receipt_handle(*receipt).build().ok()
        };
        let entries = receipts.iter().enumerate().filter_map(entry).collect();
        let request = self.client.delete_message_batch().queue_url(&self.url).set_entries(Some(entries));
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) => return vec![Some(aws::explain(&error)); receipts.len()],
        };
        let deleted: Vec<&str> = answer.successful().iter().map(DeleteMessageBatchResultEntry::id).collect();
        let failed = answer.failed().iter().map(|entry| (entry.id(), entry.code(), entry.message()));
        fates(receipts.len(), &deleted, &failed.collect::<Vec<_>>())
    }

    /// Sends up to ten messages. Returns for each why it was not confirmed, `None` where it was: an entry may be refused in an
    /// answer of HTTP 200.
    pub async fn send(&self, entries: Vec<SendMessageBatchRequestEntry>) -> Vec<Option<String>> {
        let count = entries.len();
        let sent =
            self.client.send_message_batch().queue_url(&self.url).set_entries(Some(entries)).send().await;
        let answer = match sent {
            Ok(answer) => answer,
            Err(error) => return vec![Some(aws::explain(&error)); count],
        };
        let confirmed: Vec<&str> = answer.successful().iter().map(SendMessageBatchResultEntry::id).collect();
        let failed = answer.failed().iter().map(|entry| (entry.id(), entry.code(), entry.message()));
        fates(count, &confirmed, &failed.collect::<Vec<_>>())
    }

    /// The queue's ARN and how many messages it holds.
    ///
    /// # Errors
    /// What SQS answered.
    pub async fn state(&self) -> Result<State, Problem> {
        use QueueAttributeName as Name;
        let wanted = [
            Name::QueueArn,
            Name::ApproximateNumberOfMessages,
            Name::ApproximateNumberOfMessagesNotVisible,
            Name::ApproximateNumberOfMessagesDelayed,
        ];
        let asked = self
            .client
            .get_queue_attributes()
            .queue_url(&self.url)
            .set_attribute_names(Some(wanted.to_vec()));
        let answer = asked.send().await.map_err(|error| self.problem(&aws::explain(&error)))?;
        let attributes = answer.attributes.unwrap_or_default();
        let number = |name| attributes.get(&name).and_then(|count: &String| count.parse().ok()).unwrap_or(0);
        Ok(State {
            visible: number(Name::ApproximateNumberOfMessages),
            in_flight: number(Name::ApproximateNumberOfMessagesNotVisible),
            delayed: number(Name::ApproximateNumberOfMessagesDelayed),
            arn: attributes.get(&Name::QueueArn).cloned().unwrap_or_default(),
        })
    }

    /// The ARNs of the queues whose redrive policy leads here, as SQS itself says.
    ///
    /// # Errors
    /// What SQS answered.
    pub async fn sources(&self, own_arn: &str) -> Result<Vec<String>, Problem> {
        let pages = self.client.list_dead_letter_source_queues().queue_url(&self.url).into_paginator();
        let urls = pages.items().send().collect::<Result<Vec<_>, _>>().await;
        let urls = urls.map_err(|error| self.problem(&aws::explain(&error)))?;
        // A queue and its dead-letter queue share region and account.
        let place = own_arn.rsplit_once(':').map(|(place, _)| place).unwrap_or_default();
        Ok(urls.iter().filter_map(|url| Some(format!("{place}:{}", url.rsplit('/').next()?))).collect())
    }

    /// Deletes every message.
    ///
    /// # Errors
    /// What SQS answered; a second purge within a minute is refused.
    pub async fn purge(&self) -> Result<(), Problem> {
        let purged = self.client.purge_queue().queue_url(&self.url).send().await;
        purged.map(drop).map_err(|error| self.problem(&aws::explain(&error)))
    }

    fn problem(&self, what: &str) -> Problem {
        Problem::service(format!("queue {}: {what}", self.url))
    }
}

/// The fate of each entry of a batch, by its index. One in neither list is not done.
fn fates(count: usize, done: &[&str], failed: &[(&str, &str, Option<&str>)]) -> Vec<Option<String>> {
    let fate = |index: usize| {
        let id = index.to_string();
        if done.contains(&id.as_str()) {
            return None;
        }
        let entry = failed.iter().find(|(entry, _, _)| *entry == id);
        Some(match entry {
            Some((_, code, Some(message))) => format!("{code}: {message}"),
            Some((_, code, None)) => (*code).to_owned(),
            None => "not confirmed".to_owned(),
        })
    };
    (0..count).map(fate).collect()
}

fn seconds(duration: Duration) -> i32 {
    i32::try_from(duration.as_secs()).unwrap_or(i32::MAX)
}

fn small(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_in_neither_list_is_not_done() {
        let failed = [("1", "InternalError", Some("try again")), ("2", "AccessDenied", None)];
        let expected = [None, Some("InternalError: try again"), Some("AccessDenied"), Some("not confirmed")];
        assert_eq!(fates(4, &["0"], &failed), expected.map(|fate| fate.map(str::to_owned)));
    }
}
