//! One integration binary, so that the SDKs are linked once.

mod architecture;
mod contributor;
mod simulation;
