//! The stack's own canary, started now.

use std::time::Duration;

use aws_sdk_sfn::Client;
use aws_sdk_sfn::types::ExecutionStatus;
use tokio::time::Instant;

use super::lease::{TTL, WATCH_MAX};
use super::stage::{Miss, Stage};
use super::traces::Made;
use crate::aws::explain;

/// How long the canary takes at most, but for its lease.
const RUN_MAX: Duration = Duration::from_mins(2);

/// Starts the canary and waits for its end. It judges itself.
///
/// # Errors
/// It did not succeed, or may not be started.
pub async fn run(stage: &Stage<'_>) -> Result<String, Miss> {
    let client = Client::new(stage.config);
    let machine = stage.site.canary.as_deref().unwrap_or_default();
    let started = client
        .start_execution()
        .state_machine_arn(machine)
        .name(stage.name("canary"))
        .input("{}")
        .send()
        .await;
    let execution = started.map_err(|error| Miss::Untried(explain(&error)))?.execution_arn().to_owned();
    stage.traces.lock().await.made.push(Made::Execution(execution.clone()));
    let lease = if stage.site.has_leases { TTL + WATCH_MAX } else { Duration::ZERO };
    let describe = async || {
        let asked = client.describe_execution().execution_arn(&execution).send().await;
        let found = asked.map_err(|error| Miss::Untried(explain(&error)))?;
        Ok((*found.status() != ExecutionStatus::Running).then_some(found))
    };
    let until = Instant::now() + stage.timeout.max(RUN_MAX) + lease;
    let Some(found) = stage.wait_for(until, describe).await? else {
        return Err(Miss::Failed("it still runs".to_owned()));
    };
    if *found.status() == ExecutionStatus::Succeeded {
        return Ok("it was failed as it should be".to_owned());
    }
    let (error, cause) = (found.error().unwrap_or_default(), found.cause().unwrap_or_default());
    Err(Miss::Failed(format!("it ended as {} with {error}: {cause}", found.status())))
}
