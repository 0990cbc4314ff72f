//! No orchestrator waits on a dead worker.
//!
//! Workers publish one *failure event* to SQS or EventBridge; this library, as the Lambda function `failure-relay`, tells the
//! right API of the right service, region and account that the work has failed. What cannot be routed goes to a
//! dead-letter queue with the reason. Notices that AWS itself sends about dead workers are understood too.
//!
//! One event flows in a straight line:
//!
//! ```text
//! payload ─ envelope ─ route ─┬─ Call ─────── target::send ─ answer ─ outcome   ─┐
//!   (bytes)  (records)  (pure) ├─ Unroutable ─ dead_letter ─ dead_letter_queue    ├─ telemetry, response
//!                              └─ Ignore                                         ─┘
//! ```
//!
//! The map, from the edge inwards:
//!
//! | module | what it knows |
//! | --- | --- |
//! | [`relay`] | one invocation: order, concurrency, time, panics, and when a record is done |
//! | [`payload`] | the payload as bytes, before Lambda's runtime crate parses it |
//! | [`settings`] | the environment, read once |
//! | [`clients`], [`answer`] | the SDK: clients per region and account, and what its results mean |
//! | [`https`], [`assumed_role`] | connections for all clients, and keys for other accounts |
//! | [`dead_letter_queue`], [`back_off`] | what SQS is asked |
//! | [`telemetry`], [`log_line`] | log lines and metrics, and how long a line may be |
//! | [`route`] | record → call, reason or nothing. Pure and total |
//! | [`envelope`], [`event`], [`notice`] | what arrives |
//! | [`target`], [`failure_details`], [`text`] | what is sent, within its limits |
//! | [`outcome`], [`dead_letter`] | how an event ends |
//! | [`json`], [`secret`] | text that is kept as it was published; text that cannot be printed |
//! | [`redaction`], [`secret_names`] | how secrets are hidden in what others wrote, and what they are called |
//!
//! `ARCHITECTURE.md` names the invariants; `tests/it/architecture.rs` holds them.

pub mod answer;
pub mod assumed_role;
pub mod back_off;
pub mod clients;
pub mod dead_letter;
pub mod dead_letter_queue;
pub mod envelope;
pub mod event;
pub mod failure_details;
pub mod https;
pub mod json;
mod json_scan;
#[cfg(feature = "local")]
pub mod local;
pub mod log_line;
pub mod notice;
pub mod outcome;
pub mod payload;
pub mod redaction;
pub mod relay;
pub mod route;
pub mod schema;
pub mod secret;
pub mod secret_names;
pub mod settings;
pub mod target;
pub mod telemetry;
pub mod text;
