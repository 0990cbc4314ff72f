//! Abandoned work: a message in a worker's own dead-letter queue. No worker could finish it, and none is left to say so.

use super::{Details, failure, identity};
use crate::event::Failure;
use crate::json::Object;
use crate::notice::identity::Found;

/// The reason of a dead letter of abandoned work in which no task was found. It is all that such a letter tells of its kind, so whoever
/// reads it compares it with this, and it stays as it is.
pub const WORK_WITHOUT_IDENTITY: &str =
    "abandoned work: no task or job was found in it, and it may be the last copy of that work";

/// What the notice is called, for people.
pub const NAME: &str = "abandoned work";

/// What is known of a message that no worker finished.
#[derive(Clone, Copy, Debug)]
pub struct AbandonedWork<'a> {
    /// The worker's dead-letter queue.
    pub queue_arn: &'a str,
    /// The worker's queue, from which SQS moved the message.
    pub source_queue_arn: Option<&'a str>,
    /// How often the message was received.
    pub receives: Option<u32>,
    /// The SQS message id.
    pub message_id: Option<&'a str>,
}

/// The identity in the work, and what is said about it.
#[must_use]
pub fn read(
    work: AbandonedWork<'_>,
    body: &Object<'_>,
    names: &[String],
) -> Option<(Found, Failure<'static>)> {
    Some((identity::found_in_payload(body, names)?, told(work)))
}

fn told(work: AbandonedWork<'_>) -> Failure<'static> {
    let queue = work.source_queue_arn.unwrap_or(work.queue_arn);
    let how_often =
        work.receives.map_or_else(String::new, |receives| format!(" after it was received {receives} times"));
    let receives = work.receives.map(|receives| receives.to_string());
    let details = Details::default()
        .text("deadLetterQueueArn", Some(work.queue_arn))
        .text("queueArn", work.source_queue_arn)
        .text("receives", receives.as_deref());
    failure(
        "Worker.Abandoned".to_owned(),
        format!("The work from {queue} was abandoned{how_often}."),
        work.message_id.map(std::borrow::Cow::Borrowed),
        details,
    )
}
