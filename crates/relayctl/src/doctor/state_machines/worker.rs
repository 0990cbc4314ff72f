//! What is known of the workers that a service starts: how long they take to start, and which notice tells of their death.

use failure_event::json::Json;
use failure_event::states_language::{Pattern, Task};

/// A service that starts workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worker {
    /// An ECS task.
    Ecs,
    /// A Batch job.
    Batch,
    /// A CodeBuild build.
    CodeBuild,
    /// An EC2 instance.
    Ec2,
    /// A Lambda function that is invoked asynchronously: of another, Step Functions hears itself.
    LambdaEvent,
    /// A nested execution.
    Execution,
}

impl Worker {
    /// The worker that a task starts and waits for, where it is of a kind that is known.
    pub fn of(task: &Task<'_>) -> Option<Self> {
        if task.resource.pattern() != Pattern::Callback {
            return None;
        }
        match task.resource.service_and_api()? {
            ("ecs", _) => Some(Worker::Ecs),
            ("batch", _) => Some(Worker::Batch),
            ("codebuild", _) => Some(Worker::CodeBuild),
            ("ec2", "runInstances") => Some(Worker::Ec2),
            ("lambda", _) => is_event(task.parameters).then_some(Worker::LambdaEvent),
            ("states" | "sfn", _) => Some(Worker::Execution),
            _ => None,
        }
    }

    /// Its name in a sentence.
    pub fn name(self) -> &'static str {
        match self {
            Worker::Ecs => "an ECS task",
            Worker::Batch => "a Batch job",
            Worker::CodeBuild => "a CodeBuild build",
            Worker::Ec2 => "an EC2 instance",
            Worker::LambdaEvent => "an asynchronous Lambda invocation",
            Worker::Execution => "a nested execution",
        }
    }

    /// How many seconds pass from the start until a worker can send its first heartbeat: what is usual, not what is promised.
    /// Assumed are an image of some hundred megabytes, pulled anew, and capacity that is there.
    pub fn usual_start_seconds(self) -> Option<u64> {
        match self {
            // A network interface, the image, a boot: a build's container too.
            Worker::Ecs | Worker::CodeBuild | Worker::Ec2 => Some(60),
            // The same after the queue's scheduler.
            Worker::Batch => Some(120),
            Worker::LambdaEvent | Worker::Execution => None,
        }
    }

    /// The parameter of the relay's stack that takes the notices of such workers' deaths.
    pub fn notices_parameter(self) -> Option<&'static str> {
        match self {
            Worker::Ecs => Some("EcsTaskNotices"),
            Worker::Batch => Some("BatchJobNotices"),
            Worker::CodeBuild => Some("CodeBuildNotices"),
            Worker::LambdaEvent => Some("LambdaNotices"),
            Worker::Execution => Some("StepFunctionsNotices"),
            Worker::Ec2 => None,
        }
    }
}

/// Whether `InvocationType` is `Event`.
fn is_event(parameters: Option<Json<'_>>) -> bool {
    let invocation = parameters.and_then(|parameters| parameters.pointer("/InvocationType"));
    invocation.is_some_and(|invocation| invocation.to_text() == "Event")
}
