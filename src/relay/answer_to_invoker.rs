//! What the invoker is told: SQS which records to deliver again, everyone else how each event ended.
//!
//! Lambda takes a batch response with an empty or missing identifier as "everything failed", so such a response is
//! never made: the invocation fails instead, openly.

use std::collections::HashSet;
use std::fmt;

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse};
use serde::Serialize;

use failure_event::envelope::Record;
use failure_event::outcome::Outcome;
use failure_event::route::Subject;
use failure_event::target::Kind;
use failure_event::text::cut;

use crate::log_line::ERROR_MESSAGE_MAX;

/// The response to an invocation that did not fail.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Response {
    /// The records of an SQS batch that are to be delivered again.
    SqsBatch(SqsBatchResponse),
    /// How the one event ended.
    One(EventAnswer),
    /// How each of several SNS records ended.
    Several(Vec<EventAnswer>),
}

/// How one event ended, as the invoker reads it; what is not known is left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EventAnswer {
    /// One of the outcomes.
    pub outcome: &'static str,
    /// The kind of target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_kind: Option<&'static str>,
    /// The event's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
    /// The code of a dead letter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_code: Option<&'static str>,
    /// The reason of a dead letter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
}

impl EventAnswer {
    fn new(subject: &Subject, outcome: &Outcome) -> Self {
        let reason = match outcome {
            Outcome::DeadLettered(reason) => Some(reason),
            _ => None,
        };
        Self {
            outcome: outcome.as_str(),
            target_kind: subject.kind.map(Kind::name),
            event_id: subject.header.id.clone(),
            error_code: reason.map(|reason| reason.code.as_str()),
            error_message: reason.map(|reason| reason.message.clone()),
        }
    }
}

/// The invocation failed, so that whoever invoked the relay tries again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// One sentence for people; never a token.
    pub reason: String,
}

impl Failed {
    /// A sentence, which Lambda logs, so that it is bounded as in a log line.
    fn because(sentence: &str) -> Self {
        Self { reason: cut(sentence, ERROR_MESSAGE_MAX).into_owned() }
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Failed {}

impl Response {
    /// The records to be delivered again.
    ///
    /// # Errors
    /// [`Failed`] when one of them has no id: only the whole batch can be given back.
    pub fn to_sqs<'a>(records: impl Iterator<Item = (&'a Record<'a>, &'a Outcome)>) -> Result<Self, Failed> {
        let mut failures: Vec<BatchItemFailure> = Vec::new();
        let mut named = HashSet::new();
        for (record, outcome) in records {
            let Outcome::Retry(retry) = outcome else { continue };
            let delivery = record.sqs_delivery();
            let Some(id) = delivery.and_then(|delivery| delivery.message_id.as_deref()) else {
                let what = format!("a record without a messageId is to be retried: {}", retry.sentence());
                return Err(Failed::because(&what));
            };
            if named.insert(id) {
                let mut failure = BatchItemFailure::default();
                id.clone_into(&mut failure.item_identifier);
                failures.push(failure);
            }
        }
        let mut response = SqsBatchResponse::default();
        response.batch_item_failures = failures;
        Ok(Self::SqsBatch(response))
    }

    /// How each event ended.
    ///
    /// # Errors
    /// [`Failed`] when one of them is to be retried: these invokers can only repeat the whole invocation.
    pub fn to_each<'a>(events: impl Iterator<Item = (&'a Subject, &'a Outcome)>) -> Result<Self, Failed> {
        let mut answers = Vec::new();
        for (subject, outcome) in events {
            if let Outcome::Retry(retry) = outcome {
                return Err(Failed::because(&format!("to be retried: {}", retry.sentence())));
            }
            answers.push(EventAnswer::new(subject, outcome));
        }
        if answers.len() == 1 {
            return Ok(Self::One(answers.remove(0)));
        }
        Ok(Self::Several(answers))
    }
}
