//! The arguments that leases and claims have in common: for which target, what is reported of it one day, and where to.

use clap::Args;

use crate::event::{FailureOptions, HeaderOptions, TargetOptions};
use crate::exit::{Exit, Problem};
use crate::output::Output;
use crate::publish::Destination;

/// The target that takes a lease or claims a resource.
#[derive(Debug, Args)]
pub struct Registrant {
    #[command(flatten)]
    target: TargetOptions,
    #[command(flatten)]
    failure: FailureOptions,
    #[command(flatten)]
    header: HeaderOptions,
    #[command(flatten)]
    destination: Destination,
}

impl Registrant {
    /// What is to be reported of the target one day, where anything is said of it.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        self.failure.given()
    }

    /// Publishes the event that asks for it: `asks`, JSON, is the event's member of this name.
    ///
    /// # Errors
    /// No place or no target is named, or AWS cannot be reached.
    pub fn publish(
        &self,
        name: &str,
        asks: String,
        failure: Option<String>,
        output: &Output,
    ) -> Result<Exit, Problem> {
        let members = [(name, Some(asks)), ("target", Some(self.target.target()?)), ("failure", failure)];
        self.destination.publish(&[self.header.event(name, &members)], output)
    }
}
