//! One integration binary, so that the SDKs are linked once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod architecture;
mod contributor;
mod event_files;
mod events;
mod function;
mod hostile;
mod https;
mod limits;
mod mutilated_events;
mod schema;
mod simulation;
