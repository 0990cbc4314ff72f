//! Lambda: execution environments that live from one invocation to the next until they are killed, and the event source
//! mapping's batches and its reading of their answers.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use aws_emulator::Endpoint;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use bytes::Bytes;
use failure_relay::aws::clients::Clients;
use failure_relay::relay::{Invocation, Relay};
use failure_relay::settings::Settings;
use failure_relay::telemetry::{Observer, Report};
use futures_util::FutureExt;
use serde_json::{Value, json};

use super::scenario::{BACK_OFF_CAP, PARKING_QUEUE, RelaySettings};
use super::wire::{InMemory, Mischief};

/// Nobody reads the logs and metrics of a simulation: its judge looks at what was done, not at what is said.
#[derive(Debug)]
struct Silent;

impl Observer for Silent {
    fn event_ended(&self, _: &Report<'_>) {}
}

/// An execution environment: a relay with its own clients and keys.
pub struct Environment {
    relay: Relay,
    /// Its access key id tells its calls from those of others.
    pub key: String,
}

impl Environment {
    pub fn start(
        settings: &RelaySettings,
        endpoint: &Endpoint,
        mischief: &Arc<Mutex<Mischief>>,
        other_region: &str,
        key: &str,
    ) -> Self {
        // The wire knows one server; a URL with a port would be another one in each run.
        let dead_letters =
            format!("http://sim/{}/{}", endpoint.account(), super::world::dead_letter_queue(settings));
        let parking = format!("http://sim/{}/{PARKING_QUEUE}", endpoint.account());
        let variable = |name: &str| match name {
            "RELAY_PARKING_QUEUE_URL" => settings.park_after.map(|_| parking.clone()),
            "RELAY_PARK_AFTER" => settings.park_after.map(|receives| receives.to_string()),
            "RELAY_DEAD_LETTER_QUEUE_URL" => Some(dead_letters.clone()),
            "RELAY_ALLOWED_REGIONS" => Some(other_region.to_owned()),
            "RELAY_ALLOWED_ACCOUNTS" => Some(super::records::OTHER_ACCOUNT.to_owned()),
            "RELAY_ROLE_NAME" => Some("role".to_owned()),
            "RELAY_CONCURRENCY" => Some(settings.concurrency.to_string()),
            "RELAY_MAX_RECEIVES" => settings.receives_max.map(|receives| receives.to_string()),
            "RELAY_RETRY_BASE_SECONDS" => settings.back_off_seconds.map(|seconds| seconds.to_string()),
            "RELAY_RETRY_CAP_SECONDS" => Some(BACK_OFF_CAP.to_string()),
            "AWS_ENDPOINT_URL" => Some("http://sim".to_owned()),
            "AWS_REGION" => Some(endpoint.region().to_owned()),
            "AWS_ACCESS_KEY_ID" => Some(key.to_owned()),
            "AWS_SECRET_ACCESS_KEY" => Some("secret".to_owned()),
            _ => None,
        };
        Self::with(&variable, endpoint, mischief, key.to_owned())
    }

    /// An environment with these variables.
    pub fn with(
        variable: &dyn Fn(&str) -> Option<String>,
        endpoint: &Endpoint,
        mischief: &Arc<Mutex<Mischief>>,
        key: String,
    ) -> Self {
        let settings = Settings::from_variables(variable).expect("the settings are valid");
        let wire = InMemory::new(endpoint.clone(), Arc::clone(mischief));
        let clients = Clients::with_http_client(&settings, SharedHttpClient::new(wire));
        let relay = Relay::new(settings, clients, Silent);
        Self { relay, key }
    }

    /// One invocation. The function is told `remaining`, and ended after `time_limit` or so many polls.
    pub async fn invoke(&self, payload: &str, endpoint: &Endpoint, limits: Limits) -> End {
        let invocation = Invocation {
            payload: Bytes::from(payload.to_owned()),
            request_id: format!("request-{}-{}", self.key, endpoint.call_count()),
            function_arn: format!(
                "arn:aws:lambda:{}:{}:function:failure-relay",
                endpoint.region(),
                endpoint.account()
            ),
            ends_at: limits.remaining.map(|remaining| tokio::time::Instant::now() + remaining),
        };
        let answer = AssertUnwindSafe(self.relay.invoke(invocation)).catch_unwind();
        let interrupted = Interrupted { inner: Box::pin(answer), polls_left: limits.polls };
        match tokio::time::timeout(limits.time_limit, interrupted).await {
            Err(_) => End::RanOutOfTime,
            Ok(None) => End::Interrupted,
            Ok(Some(Err(_))) => End::Panicked,
            Ok(Some(Ok(Err(_)))) => End::Failed,
            Ok(Some(Ok(Ok(response)))) => {
                End::Answered(serde_json::to_value(response).expect("a response is JSON"))
            }
        }
    }
}

/// What limits an invocation.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// What the function is told; it is told nothing where its clock says that the deadline is over.
    pub remaining: Option<Duration>,
    /// When it is ended.
    pub time_limit: Duration,
    /// It is ended after so many polls, wherever it waits then.
    pub polls: Option<u64>,
}

/// How an invocation ended.
#[derive(Clone, Debug, PartialEq)]
pub enum End {
    Answered(Value),
    Failed,
    Panicked,
    Interrupted,
    RanOutOfTime,
}

/// A future that is given up after a number of polls.
struct Interrupted<F> {
    inner: Pin<Box<F>>,
    polls_left: Option<u64>,
}

impl<F: Future> Future for Interrupted<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.polls_left {
            Some(0) => return Poll::Ready(None),
            Some(polls) => *polls -= 1,
            None => {}
        }
        self.inner.as_mut().poll(context).map(Some)
    }
}

/// The batch as Lambda hands it over, of messages as `ReceiveMessage` returns them.
pub fn batch_payload(messages: &[Value], queue_arn: &str, region: &str) -> String {
    let records: Vec<Value> = messages
        .iter()
        .map(|message| {
            json!({
                "messageId": message["MessageId"], "receiptHandle": message["ReceiptHandle"], "body": message["Body"],
                "attributes": message["Attributes"], "messageAttributes": as_lambda_shows(&message["MessageAttributes"]), "md5OfBody": message["MD5OfBody"],
                "eventSource": "aws:sqs", "eventSourceARN": queue_arn, "awsRegion": region,
            })
        })
        .collect();
    json!({"Records": records}).to_string()
}

/// Message attributes as `ReceiveMessage` returns them, in Lambda's spelling.
fn as_lambda_shows(attributes: &Value) -> Value {
    let shown = attributes.as_object().into_iter().flatten().map(|(name, attribute)| {
        let value = json!({"stringValue": attribute["StringValue"], "dataType": attribute["DataType"]});
        (name.clone(), value)
    });
    Value::Object(shown.collect())
}

/// What the mapping makes of an answer: the messages that stay in the queue, or why the whole batch counts as failed. It would take an
/// identifier that is there twice; nobody else should have to.
///
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>
pub fn failed_messages(answer: &Value, batch: &[Value]) -> Result<Vec<String>, String> {
    let Some(failures) = answer["batchItemFailures"].as_array() else {
        return Err(format!("no list of failures: {answer}"));
    };
    let mut ids = Vec::new();
    for failure in failures {
        match failure["itemIdentifier"].as_str() {
            Some(id) if ids.iter().any(|named| named == id) => return Err(format!("named twice: {failure}")),
            Some(id) if batch.iter().any(|message| message["MessageId"] == id) => ids.push(id.to_owned()),
            _ => return Err(format!("an identifier that is not in the batch: {failure}")),
        }
    }
    Ok(ids)
}
