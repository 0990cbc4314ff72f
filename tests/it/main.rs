//! One integration binary, so that the SDKs are linked once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod architecture;
mod contributor;
mod deployed;
mod dlq;
mod doctor;
mod events;
mod explain;
mod function;
mod hostile;
mod https;
mod limits;
mod mutilated_events;
mod publish;
mod run;
mod schema;
mod sessions;
mod simulation;
mod tool;
mod validate;
