//! Amazon SQS: queues of a region and account, and the operations on them.
//!
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/Welcome.html>

mod batch;
mod message;
mod queue;
mod queues;
mod receive;
mod send;
mod settings;

use std::collections::BTreeMap;

use super::answer::ServiceError;
use super::ids::Ids;
use super::operation::ServiceModel;
use super::protocols::Protocol;
use super::request::Caller;

pub(crate) use batch::{BatchFault, ChangeVisibilityBatch, DeleteBatch, SendBatch};
pub(crate) use message::{Attribute, hex};
pub use queue::{Disorder, QueueCounts};
pub(crate) use queue::{Message, NewMessage, Queue};
pub(crate) use queues::{
    CreateQueue, GetQueueAttributes, GetQueueUrl, ListDeadLetterSourceQueues, ListQueues, PurgeQueue,
    SetQueueAttributes,
};
pub(crate) use receive::{ChangeVisibility, Delete, Poll, Receive, nothing_received};
pub(crate) use send::Send;
pub(crate) use settings::MESSAGE_BYTES_MAX;

pub(crate) const SERVICE: ServiceModel = ServiceModel::new(
    "sqs",
    Protocol::Json { version: "1.0", target_prefix: "AmazonSQS", query_compatible: true },
)
.throttles_with("RequestThrottled", 400);

/// Which queue: the same name in another region or account is another queue.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct QueueKey {
    pub(crate) region: String,
    pub(crate) account: String,
    pub(crate) name: String,
}

impl QueueKey {
    pub(crate) fn arn(&self) -> String {
        format!("arn:aws:sqs:{}:{}:{}", self.region, self.account, self.name)
    }

    /// The key of the queue with this ARN.
    fn from_arn(arn: &str) -> Option<Self> {
        let parts: Vec<&str> = arn.split(':').collect();
        let ["arn", _, "sqs", region, account, name] = parts[..] else {
            return None;
        };
        Some(Self { region: region.to_owned(), account: account.to_owned(), name: name.to_owned() })
    }
}

/// The name decides whether a queue is FIFO; as in SQS, its ending is in small letters.
pub(crate) fn is_fifo_name(name: &str) -> bool {
    matches!(name.rsplit_once('.'), Some((_, "fifo")))
}

/// All queues.
#[derive(Debug, Default)]
pub(crate) struct Sqs {
    queues: BTreeMap<QueueKey, Queue>,
    disorder: Option<Disorder>,
}

/// What every operation knows beside its request.
pub(crate) struct Context<'a> {
    pub(crate) caller: &'a Caller,
    pub(crate) now_ms: u64,
    /// The endpoint's own URL, on which queue URLs are built; without a slash at its end.
    pub(crate) base_url: &'a str,
    pub(crate) ids: &'a mut Ids,
}

impl Sqs {
    pub(crate) fn new(disorder: Option<Disorder>) -> Self {
        Self { queues: BTreeMap::new(), disorder }
    }

    /// The queue that a URL names, in the caller's region.
    ///
    /// As in AWS, it is the region that the call goes to which counts, not the URL's host.
    pub(crate) fn by_url(
        &mut self,
        url: &str,
        caller: &Caller,
    ) -> Result<(QueueKey, &mut Queue), ServiceError> {
        let mut parts = url.rsplit('/');
        let (Some(name), Some(account)) = (parts.next(), parts.next()) else {
            let message = format!("The address {url} is not valid for this endpoint.");
            return Err(ServiceError::with_status(404, "InvalidAddress", message));
        };
        let key =
            QueueKey { region: caller.region.clone(), account: account.to_owned(), name: name.to_owned() };
        match self.queues.get_mut(&key) {
            Some(queue) => Ok((key, queue)),
            None => Err(no_such_queue()),
        }
    }

    pub(crate) fn get(&self, key: &QueueKey) -> Option<&Queue> {
        self.queues.get(key)
    }

    pub(crate) fn get_mut(&mut self, key: &QueueKey) -> Option<&mut Queue> {
        self.queues.get_mut(key)
    }

    /// Moves messages that were received too often to the queue of the redrive policy.
    fn bury(&mut self, dead: Vec<Message>, source: &QueueKey, now_ms: u64) {
        let target = self.queues.get(source).and_then(|queue| {
            let redrive = queue.settings.redrive()?;
            QueueKey::from_arn(&redrive.dead_letter_arn)
        });
        // The policy was checked when it was set, and there is no way to delete a queue.
        if let Some(queue) = target.and_then(|target| self.queues.get_mut(&target)) {
            for message in dead {
                queue.take_dead(message, source.arn(), now_ms);
            }
        }
    }
}

pub(crate) fn no_such_queue() -> ServiceError {
    ServiceError::new("QueueDoesNotExist", "The specified queue does not exist.")
}

pub(crate) fn invalid_value(message: impl Into<String>) -> ServiceError {
    ServiceError::new("InvalidParameterValue", message)
}

/// `Value 11 for parameter MaxNumberOfMessages is invalid. Reason: …`
pub(crate) fn invalid_parameter(
    value: impl std::fmt::Display,
    parameter: &str,
    reason: &str,
) -> ServiceError {
    invalid_value(format!("Value {value} for parameter {parameter} is invalid. Reason: {reason}"))
}

pub(crate) fn missing_parameter(parameter: &str) -> ServiceError {
    ServiceError::new("MissingParameter", format!("The request must contain the parameter {parameter}."))
}
