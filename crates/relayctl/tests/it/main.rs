//! The built `relayctl`, run as a user runs it. One integration binary, so that the SDKs are linked once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod account;
mod deployed;
mod dlq;
mod doctor;
mod drill;
mod drilled;
#[path = "../../../../tests/it/event_files.rs"]
mod event_files;
mod explain;
mod explain_table;
mod lease;
mod leases;
mod publish;
mod rehearse;
mod run;
mod run_whole;
mod sessions;
mod state_machines;
mod sweep;
mod tool;
mod trace;
mod trail;
mod validate;
mod vectors;
mod version;
mod wire;
