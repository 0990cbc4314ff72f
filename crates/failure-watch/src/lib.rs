//! The watch: it notices the deaths that nobody reports.
//!
//! It is a Lambda function of its own, so that its permissions are its own. It shares the pure core ([`failure_event`]) and what
//! talks to AWS ([`failure_relay`]) with the relay, and publishes what it finds to the relay's queue: it fails nothing itself.
//!
//! | module | what it knows |
//! | --- | --- |
//! | [`watch`] | one invocation: its parts, of which none stops another, and what is answered |
//! | [`due`] | leases that came due |
//! | [`sweep`] | what is asked of AWS to find tasks that wait for a worker that is gone |
//! | [`queue`] | the relay's queue, and what confirms that it stored an event |
//! | [`services`] | the edge: how a request that is data is answered |
//! | [`settings`] | the environment, read once |
//! | [`telemetry`] | metrics |

pub mod due;
#[cfg(test)]
mod fake;
pub mod queue;
pub mod services;
pub mod settings;
pub mod sweep;
pub mod telemetry;
pub mod watch;
