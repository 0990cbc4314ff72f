//! `ListCommandInvocations` of Systems Manager: one invocation for each instance, whose end only its plugins tell.
//!
//! <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_CommandInvocation.html>

use time::OffsetDateTime;

use super::{End, Fate, objects};
use crate::json::Object;
use crate::sweep::moment;

pub(super) fn fate(answers: &[Object<'_>], id: &str, targets: usize) -> Fate {
    let is_of_it = |invocation: &Object<'_>| invocation.text("CommandId").as_deref() == Some(id);
    let invocations: Vec<Object<'_>> =
        objects(answers, "CommandInvocations").into_iter().filter(is_of_it).collect();
    if invocations.is_empty() || invocations.len() < targets {
        return Fate::Unknown("not all of its invocations are listed".to_owned());
    }
    let (mut running, mut failed) = (None, None);
    for invocation in &invocations {
        match invocation.text("Status").as_deref() {
            Some("Success") => {}
            Some(status @ ("Failed" | "TimedOut" | "Cancelled")) => {
                failed = failed.or_else(|| Some(words(invocation, status)));
            }
            Some(status @ ("Pending" | "InProgress" | "Delayed" | "Cancelling")) => {
                running = Some(status.to_owned());
            }
            status => return Fate::unclear(status),
        }
    }
    match running {
        Some(status) => Fate::Running(status),
        None => Fate::Ended(End {
            well: failed.is_none(),
            at: ended_at(&invocations),
            how: failed.unwrap_or_else(|| "succeeded".to_owned()),
            // Notices of SSM name no task, and have no type of their own.
            failure_type: None,
        }),
    }
}

fn words(invocation: &Object<'_>, status: &str) -> String {
    let details = invocation.description("StatusDetails").unwrap_or(status.into());
    match invocation.description("InstanceId") {
        Some(instance) => format!("ended as {details} on {instance}"),
        None => format!("ended as {details}"),
    }
}

/// The last end of a plugin, as far as they tell: an invocation that was never delivered has none.
fn ended_at(invocations: &[Object<'_>]) -> Option<OffsetDateTime> {
    let plugins = objects(invocations, "CommandPlugins");
    plugins.iter().filter_map(|plugin| moment::seconds(plugin, "ResponseFinishDateTime")).max()
}
