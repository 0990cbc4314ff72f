//! A seeded simulation of the whole path, in virtual time: an SQS queue, Lambda's event source mapping, the real relay over
//! real SDK clients, and services that go wrong, with a judge that shares no code with the relay.
//!
//! ```text
//! scenario (drawn from the seed)
//!    └─ world ── records ─→ source queue ─→ lambda ─→ Relay ─→ wire ─→ embedded endpoint, with faults
//!                                │             │                            │
//!                                └──── oracle ←┴───────── evidence ←────────┘
//! ```
//!
//! `RELAY_SIM_SEED=17 cargo test --test it every_record` replays one run exactly, `RELAY_SIM_RUNS=20000` makes more of them.

mod answer_table;
mod back_pressure;
mod batches;
mod dice;
mod evidence;
mod fault_matrix;
mod isolation;
mod lambda;
mod leases;
mod oracle;
mod records;
mod runs;
mod scenario;
mod stage;
mod wire;
mod world;

pub use dice::Dice;
