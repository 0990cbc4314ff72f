//! `DescribeInstances` of EC2, which tells when an instance ended only in a reason: `User initiated (2026-01-01 00:00:00 GMT)`.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Instance.html>

use time::OffsetDateTime;

use super::{End, Fate, with_reasons};
use crate::event::parse_time;

/// An instance, as far as it matters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Instance {
    /// Its id.
    pub id: String,
    /// The name of its state.
    pub state: String,
    /// Why it is in this state, and since when; may be empty.
    pub reason: String,
}

pub(super) fn fate(instances: &[&Instance], id: &str) -> Fate {
    let Some(instance) = instances.iter().find(|instance| instance.id == id) else { return Fate::Missing };
    match instance.state.as_str() {
        state @ ("terminated" | "stopped") => Fate::Ended(End {
            well: false,
            at: ended_at(&instance.reason),
            how: with_reasons(&format!("is {state}"), [Some(instance.reason.clone())]),
            // Notices of EC2 name no task, and have no type of their own.
            failure_type: None,
        }),
        state @ ("pending" | "running" | "shutting-down" | "stopping") => Fate::Running(state.to_owned()),
        "" => Fate::unclear(None),
        state => Fate::unclear(Some(state)),
    }
}

/// The moment in the last brackets of a reason.
fn ended_at(reason: &str) -> Option<OffsetDateTime> {
    let (_, moment) = reason.trim().strip_suffix(')')?.rsplit_once('(')?;
    let (date, clock) = moment.strip_suffix(" GMT")?.split_once(' ')?;
    parse_time(&format!("{date}T{clock}Z"))
}
