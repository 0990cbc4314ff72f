//! What was called: the record that tests, `serve` and `rehearse` look at.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use hyper::body::Bytes;
use serde_json::Value;
use tokio::sync::broadcast;

use super::operation::Operation;
use super::request::{CredentialScope, Head};

/// One call as it arrived, with what it was answered.
#[derive(Clone)]
pub struct RecordedCall {
    /// Position among all calls since the start, from 0.
    pub sequence: u64,
    /// What was called.
    pub operation: Operation,
    /// The region of the caller's credential scope.
    pub region: String,
    /// The account of the caller's access key.
    pub account: String,
    /// The caller's access key id.
    pub access_key_id: String,
    /// When it arrived, in milliseconds since 1970 on the endpoint's clock.
    pub at_ms: u64,
    /// What the signature in the `Authorization` header is for; `None` when there is none.
    pub signed_for: Option<CredentialScope>,
    /// What became of it.
    pub outcome: CallOutcome,
    head: Arc<Head>,
    body: Bytes,
}

/// What became of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallOutcome {
    /// The HTTP status of the answer; `None` when none was sent (cut, hanging, or still open).
    pub status: Option<u16>,
    /// The error's name, where the answer was an error.
    pub error_code: Option<String>,
    /// The operation itself was carried out and succeeded, whatever the caller was told.
    pub took_effect: bool,
    /// The name of the fault that was applied, such as `cut-after-effect`.
    pub fault: Option<&'static str>,
    /// Why nothing took effect although the caller was told that all is well: a file that S3
    /// stored and that `CloudFormation` does not heed.
    pub unheeded: Option<String>,
}

impl RecordedCall {
    /// The HTTP method.
    #[must_use]
    pub fn method(&self) -> &str {
        self.head.method.as_str()
    }

    /// The path exactly as it arrived, percent-encoded. It may hold a token: treat it as a secret.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.head.path
    }

    /// The query exactly as it arrived, without its question mark. That of a presigned URL is a
    /// secret.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.head.query.as_deref()
    }

    /// The first header of this name, whatever its case; `None` also when it is not ASCII text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.header(name)
    }

    /// All headers as they arrived, their names in lower case.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.head.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()))
    }

    /// The body exactly as it arrived. It holds task tokens: treat it as a secret.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The body as JSON; `None` when it is not JSON (STS speaks the query protocol).
    #[must_use]
    pub fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }
}

impl fmt::Debug for RecordedCall {
    /// Shows everything but path, query, headers and body, which hold secrets.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("RecordedCall")
            .field("sequence", &self.sequence)
            .field("operation", &self.operation)
            .field("region", &self.region)
            .field("account", &self.account)
            .field("at_ms", &self.at_ms)
            .field("outcome", &self.outcome)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// What is known of a call when it arrives.
pub(crate) struct Arrival {
    pub(crate) operation: Operation,
    pub(crate) region: String,
    pub(crate) account: String,
    pub(crate) access_key_id: String,
    pub(crate) at_ms: u64,
    pub(crate) signed_for: Option<CredentialScope>,
    pub(crate) head: Arc<Head>,
    pub(crate) body: Bytes,
}

/// The newest calls, up to a limit.
pub(crate) struct CallLog {
    calls: VecDeque<RecordedCall>,
    next_sequence: u64,
    keep: usize,
    finished: broadcast::Sender<RecordedCall>,
}

impl CallLog {
    pub(crate) fn keeping(keep: usize) -> Self {
        // A subscriber that lags more than this loses the oldest and is told so.
        let (finished, _) = broadcast::channel(1024);
        Self { calls: VecDeque::new(), next_sequence: 0, keep, finished }
    }

    /// Records an arrival and returns its sequence number.
    pub(crate) fn arrive(&mut self, arrival: Arrival) -> RecordedCall {
        let call = RecordedCall {
            sequence: self.next_sequence,
            operation: arrival.operation,
            region: arrival.region,
            account: arrival.account,
            access_key_id: arrival.access_key_id,
            at_ms: arrival.at_ms,
            signed_for: arrival.signed_for,
            outcome: CallOutcome::default(),
            head: arrival.head,
            body: arrival.body,
        };
        self.next_sequence += 1;
        self.calls.push_back(call.clone());
        while self.calls.len() > self.keep {
            self.calls.pop_front();
        }
        call
    }

    /// Completes a call and tells subscribers.
    pub(crate) fn finish(&mut self, sequence: u64, outcome: CallOutcome) {
        let Some(first) = self.calls.front().map(|call| call.sequence) else {
            return;
        };
        let position = sequence.checked_sub(first).and_then(|n| usize::try_from(n).ok());
        if let Some(call) = position.and_then(|position| self.calls.get_mut(position)) {
            call.outcome = outcome;
            // Nobody listening is no error.
            let _ = self.finished.send(call.clone());
        }
    }

    pub(crate) fn calls(&self) -> Vec<RecordedCall> {
        self.calls.iter().cloned().collect()
    }

    /// How many calls arrived since the start, those no longer kept included.
    pub(crate) fn arrived(&self) -> u64 {
        self.next_sequence
    }

    pub(crate) fn clear(&mut self) {
        self.calls.clear();
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<RecordedCall> {
        self.finished.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrival() -> Arrival {
        Arrival {
            operation: Operation::SendTaskFailure,
            region: "eu-west-1".to_owned(),
            account: "111111111111".to_owned(),
            access_key_id: "AKID".to_owned(),
            at_ms: 0,
            signed_for: None,
            head: Arc::new(Head {
                method: hyper::Method::POST,
                path: "/secret".to_owned(),
                query: Some("token=secret".to_owned()),
                headers: hyper::HeaderMap::new(),
            }),
            body: Bytes::from_static(br#"{"taskToken":"secret"}"#),
        }
    }

    #[test]
    fn debug_of_a_call_hides_its_path_its_query_and_its_body() {
        let call = CallLog::keeping(9).arrive(arrival());
        assert!(!format!("{call:?}").contains("secret"));
        assert_eq!(call.body(), br#"{"taskToken":"secret"}"#);
    }

    #[test]
    fn only_the_newest_calls_are_kept_and_numbers_go_on() {
        let mut log = CallLog::keeping(2);
        for _ in 0..3 {
            log.arrive(arrival());
        }
        let sequences: Vec<u64> = log.calls().iter().map(|call| call.sequence).collect();
        assert_eq!(sequences, [1, 2]);
        assert_eq!(log.arrived(), 3);
    }

    #[test]
    fn an_outcome_finds_its_call_after_older_ones_are_gone() {
        let mut log = CallLog::keeping(1);
        log.arrive(arrival());
        log.arrive(arrival());
        let outcome = CallOutcome { status: Some(200), took_effect: true, ..CallOutcome::default() };
        log.finish(0, outcome.clone());
        log.finish(1, outcome.clone());
        assert_eq!(log.calls()[0].outcome, outcome);
    }
}
