//! The embedded endpoint: AWS's protocols on a loopback port, for tests and for machines without
//! AWS.
//!
//! It serves the calls that the relay and its tool make: every API by which a worker's failure is
//! reported to a service that waits for it ([`WorkKind`] lists them), Amazon SQS, `PutEvents`, `DynamoDB`
//! and STS. It keeps work that is open and then closed, enforces each API's limits with the service's
//! own errors, and goes wrong on demand. It is an independent check of the relay, so it shares no code with it.
//!
//! ```text
//! stream ─ connection ─ dispatch ─┬─ request, protocols   JSON, query, REST, presigned
//!                                 ├─ record               what was called
//!                                 ├─ fault                what goes wrong with it
//!                                 └─ perform ─┬─ limits, shape     the services' models
//!                                             ├─ report, kind ─ work
//!                                             ├─ sqs ─ queue       a state machine without a clock
//!                                             ├─ event_bridge
//!                                             ├─ dynamodb ─ expression
//!                                             └─ sts
//! ```
//!
//! A service whose calls report on work is a file of constants: its row ([`Service`]), its kinds of
//! work (`kind::Kind`), and its operations (`limits::OperationModel`) with what each does to the
//! work (`report::Report`). One more kind is such rows, and their names in three lists:
//! [`WorkKind`] with `kind::KINDS`, [`Operation`] with `limits::MODEL`, and for a new service
//! [`Service`]. Tests hold the lists together, `tests/service_models` holds the rows to the models.
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
mod auto_scaling;
mod clock;
mod cloud_formation;
mod code_deploy;
mod code_pipeline;
mod connection;
mod dispatch;
mod dynamodb;
mod ecs;
mod endpoint;
mod event_bridge;
mod fault;
mod ids;
mod image_builder;
mod kind;
mod lambda;
mod limits;
mod operation;
mod perform;
mod protocols;
mod record;
mod report;
mod request;
mod sage_maker;
mod service_catalog;
mod shape;
mod signature;
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
pub use request::CredentialScope;
pub use sqs::{Disorder, QueueCounts};
pub use work::{ReportedFailure, Work, WorkKind, WorkReport, WorkState};

/// What the endpoint does not model, one sentence each: a test that passes here says nothing
/// about these.
pub const NOT_MODELLED: &[&str] = &[
    "IAM: every caller may do everything; only a fault denies access.",
    "Signatures: the credential scope is read; the signature is checked only with the option that \
     names the secret key, and its date is not held against the clock.",
    "Quotas and throttling: only a fault throttles.",
    "KMS: nothing is encrypted; a task can be told that its key is denied, and faults do the rest.",
    "TLS: the endpoint speaks plain HTTP/1.1 on loopback.",
    "CodePipeline: the errors of duplicates and wrong tokens follow its documentation, no \
     recording of the service is known.",
    "CodePipeline, CodeDeploy, Service Catalog: the CBOR protocol is not spoken.",
    "Lambda: callback ids are not decoded, so that any base64 may be open in any region and \
     account; a completed callback answers InvalidParameterValueException, as AWS's published \
     workers expect, and only one whose time is up CallbackTimeoutException; the 1 MB that an \
     error may have in all is not enforced.",
    "SageMaker: there are no pipelines, and the execution in the answer is always the same; what a \
     closed step answers is not documented, here it is ResourceNotFound; ConflictException never \
     occurs.",
    "Auto Scaling: a group or a hook exists when some action in it was ever opened; heartbeats \
     have no limit of 48 hours; ResourceContention never occurs.",
    "CodeDeploy: a deployment exists when some hook in it was ever opened; which error a stopped \
     or timed-out deployment answers is not documented, here it is \
     LifecycleEventAlreadyCompletedException.",
    "Image Builder: the error of a step that is no longer waiting is not documented by name, here \
     it is InvalidRequestException, and a request beyond the limits InvalidParameterValueException.",
    "Service Catalog: its model has two errors and does not say which is whose; here an unknown \
     record is ResourceNotFoundException, and a wrong token or a closed record \
     InvalidParametersException; any of the three operations ends any record.",
    "ECS: an unknown or closed hook answers InvalidParameterException, which is not documented.",
    "Idempotency tokens: one is remembered for the work that it ended, not for the account; that \
     SageMaker and Service Catalog answer a repeated token with other content as they answer a \
     second report is not documented.",
    "CloudFormation: a file that it does not heed is recorded and changes nothing, where the \
     service would fail the resource or wait on; one signal ends a wait condition; only the \
     signatures of URLs that the endpoint made are checked, by a checksum of its own.",
    "SWF: a token that was never open is answered with ValidationException; the service may \
     hang instead.",
    "Step Functions: there are no state machines, only task tokens; TaskDoesNotExist never occurs.",
    "SQS: queues cannot be deleted, tagged or shared, and messages cannot be moved back with \
     StartMessageMoveTask; in-flight limits, receive attempt ids and fair queues have no effect; \
     policies, encryption settings and RedriveAllowPolicy are kept and ignored; an older receipt \
     handle still deletes a message of a standard queue.",
    "EventBridge: a bus sends every event to the one queue that it was given; rules, patterns, \
     retries and archives do not exist.",
    "DynamoDB: only expressions, and of them neither paths into lists and maps nor sets, sums, \
     list_append, ADD, DELETE, IN, size, contains and attribute_type; every read sees every write, \
     where an index of the service lags behind; a time to live is an attribute like others and \
     deletes nothing; capacity, local indexes, streams and transactions do not exist.",
    "STS: every role can be assumed by everybody; trust policies, session policies and tags have \
     no effect.",
    "The words of error messages: codes and statuses are the services', the words only where they \
     are known.",
];
