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
    /// A run of a Glue job.
    Glue,
    /// A training, processing or transform job of SageMaker.
    SageMaker,
    /// A step of an EMR cluster.
    Emr,
    /// A job run of EMR Serverless.
    EmrServerless,
    /// A command of Systems Manager.
    Ssm,
    /// A batch inference job of Bedrock.
    Bedrock,
}

/// The notices of a kind of worker's deaths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notices {
    /// The parameter of the relay's stack that takes them.
    pub parameter: &'static str,
    /// Whether they can hold the task token. Of the others a claim tells whose they are.
    pub can_name_task: bool,
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
            ("glue", "startJobRun") => Some(Worker::Glue),
            ("sagemaker", "createTrainingJob" | "createProcessingJob" | "createTransformJob") => {
                Some(Worker::SageMaker)
            }
            ("elasticmapreduce" | "emr", "addStep" | "addJobFlowSteps") => Some(Worker::Emr),
            ("emr-serverless" | "emrserverless", "startJobRun") => Some(Worker::EmrServerless),
            ("ssm", "sendCommand") => Some(Worker::Ssm),
            ("bedrock", "createModelInvocationJob") => Some(Worker::Bedrock),
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
            Worker::Glue => "a Glue job",
            Worker::SageMaker => "a SageMaker job",
            Worker::Emr => "a step of an EMR cluster",
            Worker::EmrServerless => "a job run of EMR Serverless",
            Worker::Ssm => "a command of Systems Manager",
            Worker::Bedrock => "a Bedrock batch inference job",
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
            Worker::LambdaEvent
            | Worker::Execution
            | Worker::Glue
            | Worker::SageMaker
            | Worker::Emr
            | Worker::EmrServerless
            | Worker::Ssm
            | Worker::Bedrock => None,
        }
    }

    /// The notices that tell of its death.
    pub fn notices(self) -> Notices {
        let naming = |parameter| Notices { parameter, can_name_task: true };
        let claimed = |parameter| Notices { parameter, can_name_task: false };
        match self {
            Worker::Ecs => naming("EcsTaskNotices"),
            Worker::Batch => naming("BatchJobNotices"),
            Worker::CodeBuild => naming("CodeBuildNotices"),
            Worker::LambdaEvent => naming("LambdaNotices"),
            Worker::Execution => naming("StepFunctionsNotices"),
            Worker::Ec2 => claimed("Ec2InstanceNotices"),
            Worker::Glue => claimed("GlueJobNotices"),
            Worker::SageMaker => claimed("SageMakerJobNotices"),
            Worker::Emr => claimed("EmrStepNotices"),
            Worker::EmrServerless => claimed("EmrServerlessJobNotices"),
            Worker::Ssm => claimed("SsmCommandNotices"),
            Worker::Bedrock => claimed("BedrockJobNotices"),
        }
    }
}

/// Whether `InvocationType` is `Event`.
fn is_event(parameters: Option<Json<'_>>) -> bool {
    let invocation = parameters.and_then(|parameters| parameters.pointer("/InvocationType"));
    invocation.is_some_and(|invocation| invocation.to_text() == "Event")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_worker_has_its_parameter_in_the_template() {
        let template = include_str!("../../../../../template.yaml");
        let workers = [
            Worker::Ecs,
            Worker::Batch,
            Worker::CodeBuild,
            Worker::Ec2,
            Worker::LambdaEvent,
            Worker::Execution,
            Worker::Glue,
            Worker::SageMaker,
            Worker::Emr,
            Worker::EmrServerless,
            Worker::Ssm,
            Worker::Bedrock,
        ];
        for parameter in workers.map(|worker| worker.notices().parameter) {
            assert!(template.contains(&format!("\n  {parameter}:\n    Type: String\n")), "{parameter}");
        }
    }
}
