//! A real task: a temporary state machine waits for an activity, the drill is its worker, and reports by the queue that it failed.

use std::time::Duration;

use aws_sdk_sfn::Client;
use aws_sdk_sfn::config::Builder;
use aws_sdk_sfn::config::timeout::TimeoutConfig;
use aws_sdk_sfn::types::ExecutionStatus;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::stage::{Miss, Stage};
use super::traces::Made;
use crate::aws::explain;
use crate::doctor::{Request, may};
use crate::exit::Problem;

/// The kind of such a task.
pub const KIND: &str = "step-functions-task";

/// An activity's task is asked for with a long poll of a minute; one that is cut off may take the task with it.
const POLL_MAX: Duration = Duration::from_secs(75);

/// An execution that is left behind ends by itself.
const TASK_SECONDS_MAX: u32 = 600;

/// An execution whose task was handed out.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// The execution's ARN.
    pub execution: String,
    /// The task's token.
    pub token: String,
}

/// Has the relay fail a task, and looks at what the execution was told.
///
/// # Errors
/// It was not failed so, or could not be tried.
pub async fn run(stage: &Stage<'_>) -> Result<String, Miss> {
    let task = open_task(stage, "callback").await?;
    let target = json!({"kind": KIND, "taskToken": task.token});
    let failure = json!({"type": "Drill.Failed", "message": stage.message()});
    let event = json!({"id": stage.name("callback"), "source": "relayctl-drill", "target": target, "failure": failure});
    stage.publish(&event).await?;
    ended(stage, &task, "Drill.Failed", stage.deadline()).await
}

/// Waits until the execution has failed with this error and the run's message.
///
/// # Errors
/// It did not.
pub async fn ended(stage: &Stage<'_>, task: &Waiting, error: &str, until: Instant) -> Result<String, Miss> {
    let client = Client::new(stage.config);
    let describe = async || {
        let asked = client.describe_execution().execution_arn(&task.execution).send().await;
        let found = asked.map_err(|error| Miss::Untried(explain(&error)))?;
        Ok((*found.status() != ExecutionStatus::Running).then_some(found))
    };
    let Some(found) = stage.wait_for(until, describe).await? else {
        return Err(Miss::Failed("the execution still waits".to_owned()));
    };
    let told = (found.error().unwrap_or_default(), found.cause().unwrap_or_default());
    if told == (error, stage.message().as_str()) {
        return Ok(format!("the execution failed with {error}, as published"));
    }
    Err(Miss::Failed(format!("the execution ended as {} with {}: {}", found.status(), told.0, told.1)))
}

/// Makes an activity and a state machine that waits for it, starts it, and takes the task.
///
/// # Errors
/// Step Functions refused, or the relay's role may not fail it.
pub async fn open_task(stage: &Stage<'_>, name: &str) -> Result<Waiting, Miss> {
    let client = Client::new(stage.config);
    let refused = |what: &str, why: String| Miss::Untried(format!("{what}: {why}"));
    let created = client.create_activity().name(stage.name(name)).send().await;
    let created = created.map_err(|error| refused("the activity", explain(&error)))?;
    let activity = created.activity_arn().to_owned();
    stage.traces.lock().await.made.push(Made::Activity(activity.clone()));
    let request = Request {
        action: "states:SendTaskFailure",
        resource: Some(&activity),
        region: Some(&stage.deployment.region),
        account: None,
    };
    if stage.deployment.permissions.as_ref().is_some_and(|held| !may(held, request)) {
        return Err(Miss::Skipped(format!(
            "the relay may fail other tasks only: StepFunctionsArns does not cover {activity}"
        )));
    }
    let machine = client
        .create_state_machine()
        .name(stage.name(name))
        .role_arn(stage.role.unwrap_or_default())
        .definition(definition(&activity).to_string())
        .send()
        .await
        .map_err(|error| refused("the state machine", explain(&error)))?;
    let machine = machine.state_machine_arn().to_owned();
    stage.traces.lock().await.made.push(Made::StateMachine(machine.clone()));
    let started = client.start_execution().state_machine_arn(&machine).send().await;
    let execution =
        started.map_err(|error| refused("the execution", explain(&error)))?.execution_arn().to_owned();
    stage.traces.lock().await.made.push(Made::Execution(execution.clone()));
    let token = take(stage, &activity).await?;
    Ok(Waiting { execution, token })
}

/// Asks for the activity's task. What interrupts the run does not wait for the poll.
async fn take(stage: &Stage<'_>, activity: &str) -> Result<String, Miss> {
    let limits = TimeoutConfig::builder().operation_timeout(POLL_MAX).build();
    let client = Client::from_conf(Builder::from(stage.config).timeout_config(limits).build());
    let poll = client.get_activity_task().activity_arn(activity).worker_name("relayctl-drill").send();
    let interrupted = stage.wait_for(Instant::now() + POLL_MAX, async || Ok(None::<()>));
    let answer = tokio::select! {
        answer = poll => answer.map_err(|error| Problem::service(format!("the activity: {}", explain(&error))))?,
        ended = interrupted => return Err(ended.err().unwrap_or_else(no_task)),
    };
    answer.task_token().filter(|token| !token.is_empty()).map(str::to_owned).ok_or_else(no_task)
}

fn no_task() -> Miss {
    Miss::Untried("Step Functions handed out no task within a minute".to_owned())
}

fn definition(activity: &str) -> Value {
    let wait = json!({"Type": "Task", "Resource": activity, "TimeoutSeconds": TASK_SECONDS_MAX, "End": true});
    json!({"Comment": "A drill of the failure relay. It may be deleted.", "StartAt": "Wait", "States": {"Wait": wait}})
}
