//! The embedded endpoint: AWS's protocols on a loopback port, for tests and for machines without
//! AWS.
//!
//! It serves the calls that the relay and its tool make: the failure APIs of Step Functions,
//! `CodePipeline` and SWF, Amazon SQS, `PutEvents` and STS. It keeps tasks and jobs that are open
//! and then closed, enforces each API's limits with the service's own errors, and goes wrong on
//! demand. It is an independent check of the relay, so it shares no code with it.
//!
//! ```text
//! stream ─ connection ─ dispatch ─┬─ record          what was called
//!                                 ├─ fault           what goes wrong with it
//!                                 └─ perform ─┬─ limits, shape     the services' models
//!                                             ├─ step_functions, code_pipeline, swf ─ work
//!                                             ├─ sqs ─ queue       a state machine without a clock
//!                                             ├─ event_bridge
//!                                             └─ sts
//! ```
//!
//! A `GET /tasks` is answered with the tasks and jobs as JSON, for whoever has the endpoint in another process.
//!
//! # Example
//!
//! Point an AWS SDK at [`Endpoint::url`] with any credentials, and look at what it did:
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! let endpoint = aws_emulator::Endpoint::start(aws_emulator::Options::default()).await?;
//! endpoint.open_task("a-task-token");
//! // … `SendTaskFailure` through an SDK …
//! let failure = endpoint.task("a-task-token").and_then(|task| task.failure().cloned());
//! # Ok(())
//! # }
//! ```

mod answer;
mod clock;
mod code_pipeline;
mod connection;
mod dispatch;
mod endpoint;
mod event_bridge;
mod fault;
mod ids;
mod limits;
mod operation;
mod perform;
mod record;
mod request;
mod shape;
mod sqs;
mod step_functions;
mod sts;
mod swf;
mod tasks_page;
#[cfg(test)]
mod wire_tests;
mod work;

pub use answer::ServiceError;
pub use clock::Clock;
pub use endpoint::{Endpoint, Options, QueuedMessage};
pub use fault::{CountBy, Fault, FaultRule, Matcher, When};
pub use limits::limits_as_json;
pub use operation::{Operation, Service};
pub use record::{CallOutcome, RecordedCall};
pub use sqs::{Disorder, QueueCounts};
pub use work::{ReportedFailure, Work, WorkKind, WorkReport, WorkState};

/// What the endpoint does not model, one sentence each: a test that passes here says nothing
/// about these.
pub const NOT_MODELLED: &[&str] = &[
    "IAM: every caller may do everything; only a fault denies access.",
    "Signatures: the credential scope is read, the signature is not checked.",
    "Quotas and throttling: only a fault throttles.",
    "KMS: nothing is encrypted; a task can be told that its key is denied, and faults do the rest.",
    "TLS: the endpoint speaks plain HTTP/1.1 on loopback.",
    "CodePipeline: the errors of duplicates and wrong tokens follow its documentation, no \
     recording of the service is known; the CBOR protocol is not spoken.",
    "SWF: a token that was never open is answered with ValidationException; the service may \
     hang instead.",
    "Step Functions: there are no state machines, only task tokens; TaskDoesNotExist never occurs.",
    "SQS: queues cannot be deleted, tagged or shared, and messages cannot be moved back with \
     StartMessageMoveTask; in-flight limits, receive attempt ids and fair queues have no effect; \
     policies, encryption settings and RedriveAllowPolicy are kept and ignored; an older receipt \
     handle still deletes a message of a standard queue.",
    "EventBridge: a bus sends every event to the one queue that it was given; rules, patterns, \
     retries and archives do not exist.",
    "STS: every role can be assumed by everybody; trust policies, session policies and tags have \
     no effect.",
    "The words of error messages: codes and statuses are the services', the words only where they \
     are known.",
];
