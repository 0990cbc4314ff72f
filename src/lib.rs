//! The Lambda function: what an invocation holds is routed by [`failure_event`], and this crate carries it out.
//!
//! ```text
//! payload ─ envelope ─ route ─┬─ Request ──── senders ─ answer ─ outcome    ─┐
//!   (bytes)  (records)  (pure) ├─ Unroutable ─ dead_letter ─ dead_letter_queue ├─ telemetry, response
//!                              └─ Ignore                                      ─┘
//! ```
//!
//! The map, from the edge inwards:
//!
//! | module | what it knows |
//! | --- | --- |
//! | [`relay`] | one invocation: order, concurrency, time, panics, and when a record is done |
//! | [`function`] | how a function starts, and answers one invocation after the other |
//! | [`payload`] | the payload as bytes, before Lambda's runtime crate parses it |
//! | [`settings`] | the environment, read once |
//! | [`aws`] | everything that talks to AWS: clients, connections, keys, senders, queues |
//! | [`telemetry`], [`emf`], [`log_line`] | log lines and metrics, and how long a line may be |
//! | [`version`] | which version this is |
//!
//! `ARCHITECTURE.md` names the invariants.

pub mod aws;
pub mod emf;
pub mod function;
pub mod log_line;
pub mod payload;
pub mod relay;
pub mod settings;
pub mod telemetry;
pub mod version;
