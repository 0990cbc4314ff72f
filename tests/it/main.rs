//! One integration binary, so that the SDKs are linked once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "all of this is tests, where a panic is a failure"
)]

mod architecture;
mod contributor;
mod simulation;
