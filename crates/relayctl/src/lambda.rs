//! What AWS Lambda does around the function: it makes batches of messages, and invocations of payloads.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html>

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use failure_relay::relay::Invocation;
use serde_json::{Value, json};
use tokio::time::Instant;

/// The most messages of one batch.
pub const BATCH_MAX: i32 = 10;

/// How long the function may work on one invocation.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A message as Lambda received it from a queue.
#[derive(Clone, PartialEq, Eq)]
pub struct Received {
    /// The message's id.
    pub message_id: String,
    /// The handle of this delivery.
    pub receipt_handle: String,
    /// The body: it holds tokens.
    pub body: String,
    /// System attributes by name, such as `ApproximateReceiveCount`.
    pub attributes: BTreeMap<String, String>,
    /// Message attributes (String) by name: those that parking has put on it.
    pub message_attributes: BTreeMap<String, String>,
}

impl Received {
    fn shown_attributes(&self) -> Value {
        let shown = self
            .message_attributes
            .iter()
            .map(|(name, value)| (name.clone(), json!({"stringValue": value, "dataType": "String"})));
        Value::Object(shown.collect())
    }
}

/// The payload of a batch from one queue.
#[must_use]
pub fn batch_payload(messages: &[Received], queue_arn: &str, region: &str) -> Bytes {
    let record = |message: &Received| -> Value {
        json!({
            "messageId": message.message_id,
            "receiptHandle": message.receipt_handle,
            "body": message.body,
            "attributes": message.attributes,
            "messageAttributes": message.shown_attributes(),
            "eventSource": "aws:sqs",
            "eventSourceARN": queue_arn,
            "awsRegion": region,
        })
    };
    let records: Vec<Value> = messages.iter().map(record).collect();
    Bytes::from(json!({"Records": records}).to_string())
}

/// The ARN of the function that lives in this region and account.
#[must_use]
pub fn function_arn(region: &str, account: &str) -> String {
    format!("arn:aws:lambda:{region}:{account}:function:failure-relay")
}

/// An invocation with this payload, the `number`-th one.
#[must_use]
pub fn invocation(payload: Bytes, function_arn: &str, number: u32) -> Invocation {
    Invocation {
        payload,
        request_id: format!("00000000-0000-4000-8000-{number:012}"),
        function_arn: function_arn.to_owned(),
        ends_at: Some(Instant::now() + TIMEOUT),
    }
}
