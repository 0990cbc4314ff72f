//! What a task has started, by what the started service answered.
//!
//! Members stand in `PascalCase` in a history, as Step Functions' SDK integrations write them.
//! <https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html>

use std::fmt;

use super::history::OpenTask;
use super::token::{containers_with_token, member};
use crate::arn::Arn;
use crate::json::{Json, Object};
use crate::secret::Secret;

/// The most workers of one task that are looked at: the most instances or tasks that one call starts are fewer.
const WORKERS_MAX: usize = 1000;

/// Somebody who has to call back, or is to see to it that somebody does.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Worker {
    /// A task of ECS.
    EcsTask {
        /// Its ARN.
        arn: String,
        /// Its cluster's ARN.
        cluster: String,
        /// The containers that were given the token: they decide. When none was, each does.
        containers: Vec<String>,
    },
    /// A job of Batch, by its id.
    BatchJob(String),
    /// A build of CodeBuild, by its id.
    Build(String),
    /// An execution of Step Functions, by its ARN.
    Execution(String),
    /// An instance of EC2, by its id.
    Instance(String),
    /// A command of Systems Manager.
    Command {
        /// Its id.
        id: String,
        /// How many instances it was sent to, where it names them.
        targets: usize,
    },
}

impl Worker {
    /// The id or ARN by which its service knows it.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Worker::EcsTask { arn: id, .. }
            | Worker::BatchJob(id)
            | Worker::Build(id)
            | Worker::Execution(id)
            | Worker::Instance(id)
            | Worker::Command { id, .. } => id,
        }
    }

    /// What it is.
    #[must_use]
    pub fn noun(&self) -> &'static str {
        match self {
            Worker::EcsTask { .. } => "ECS task",
            Worker::BatchJob(_) => "Batch job",
            Worker::Build(_) => "CodeBuild build",
            Worker::Execution(_) => "execution",
            Worker::Instance(_) => "EC2 instance",
            Worker::Command { .. } => "SSM command",
        }
    }
}

impl fmt::Display for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.noun(), self.id())
    }
}

/// Why nobody can be asked what became of a task's workers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Nobody {
    /// The started service has not answered yet.
    NotSubmitted,
    /// No service is asked about what such a call starts.
    NotAsked(String),
    /// The answer of the started service names no worker that is known, or was left out of the history.
    NotNamed,
    /// It runs in another account, where the sweep sees nothing.
    OtherAccount,
}

impl fmt::Display for Nobody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Nobody::NotSubmitted => f.write_str("its worker is being started"),
            Nobody::NotAsked(resource) => write!(f, "nobody can be asked what became of {resource}"),
            Nobody::NotNamed => f.write_str("the history does not say what was started"),
            Nobody::OtherAccount => f.write_str("its worker runs in another account"),
        }
    }
}

/// The workers that a task has started. `account` is that of its state machine.
///
/// # Errors
/// Why none of them can be asked about.
pub fn workers(task: &OpenTask, token: Option<&Secret>, account: &str) -> Result<Vec<Worker>, Nobody> {
    let service = task.resource_type.strip_prefix("aws-sdk:").unwrap_or(&task.resource_type);
    let read: fn(&Object<'_>, &[String]) -> Option<Vec<Worker>> = match service {
        "ecs" => ecs_tasks,
        "batch" => |output, _| Some(vec![Worker::BatchJob(text(output, "JobId")?)]),
        "codebuild" => |output, _| Some(vec![Worker::Build(text(&object(output, "Build")?, "Id")?)]),
        "states" | "sfn" => |output, _| Some(vec![Worker::Execution(text(output, "ExecutionArn")?)]),
        "ec2" => |output, _| instances(output),
        "ssm" => |output, _| command(output),
        _ => return Err(not_asked(task)),
    };
    if task.submitted.is_none() && task.output.is_none() {
        return Err(Nobody::NotSubmitted);
    }
    let is_elsewhere = |arn: &str| Arn::parse(arn).is_some_and(|arn| arn.account != account);
    if task.role_arn.as_deref().is_some_and(is_elsewhere) {
        return Err(Nobody::OtherAccount);
    }
    let output = task.output.as_deref().and_then(|output| Json::parse(output).ok()).and_then(Json::object);
    let containers = token.map(|token| containers_with_token(task, token)).unwrap_or_default();
    let workers = output.and_then(|output| read(&output, &containers)).unwrap_or_default();
    if workers.is_empty() {
        return Err(Nobody::NotNamed);
    }
    if workers.iter().any(|worker| is_elsewhere(worker.id())) {
        return Err(Nobody::OtherAccount);
    }
    Ok(workers)
}

/// `lambda:invoke` of a resource `invoke.waitForTaskToken`.
fn not_asked(task: &OpenTask) -> Nobody {
    let action = task.resource.split('.').next().unwrap_or_default();
    Nobody::NotAsked(format!("{}:{action}", task.resource_type))
}

fn ecs_tasks(output: &Object<'_>, containers: &[String]) -> Option<Vec<Worker>> {
    let tasks = list(output, "Tasks").map(|task| {
        let (arn, cluster) = (text(&task, "TaskArn")?, text(&task, "ClusterArn")?);
        Some(Worker::EcsTask { arn, cluster, containers: containers.to_vec() })
    });
    tasks.collect()
}

fn instances(output: &Object<'_>) -> Option<Vec<Worker>> {
    let instances = list(output, "Instances").chain(list(output, "StartingInstances"));
    instances.map(|instance| Some(Worker::Instance(text(&instance, "InstanceId")?))).collect()
}

fn command(output: &Object<'_>) -> Option<Vec<Worker>> {
    let command = object(output, "Command")?;
    let targets = member(&command, "InstanceIds").and_then(Json::array).unwrap_or_default();
    Some(vec![Worker::Command { id: text(&command, "CommandId")?, targets: targets.into_iter().count() }])
}

fn text(object: &Object<'_>, name: &str) -> Option<String> {
    Some(member(object, name)?.string()?.text.into_owned()).filter(|text| !text.is_empty())
}

fn object<'a>(holder: &Object<'a>, name: &str) -> Option<Object<'a>> {
    member(holder, name)?.object()
}

fn list<'a>(holder: &Object<'a>, name: &str) -> impl Iterator<Item = Object<'a>> {
    let list = member(holder, name).and_then(Json::array).unwrap_or_default();
    list.into_iter().take(WORKERS_MAX).filter_map(Json::object)
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

    use super::*;

    const ACCOUNT: &str = "111122223333";

    fn task(resource_type: &str, output: Option<&str>) -> OpenTask {
        OpenTask {
            state: "Wait".to_owned(),
            since: None,
            submitted: output.map(|_| OffsetDateTime::UNIX_EPOCH),
            resource_type: resource_type.to_owned(),
            resource: "start.waitForTaskToken".to_owned(),
            region: None,
            role_arn: None,
            parameters: r#"{"Overrides":{"ContainerOverrides":[{"Name":"w","Command":["own"]}]}}"#.to_owned(),
            output: output.map(str::to_owned),
            inputs: Vec::new(),
        }
    }

    fn started(resource_type: &str, output: &str) -> Result<Vec<String>, Nobody> {
        let workers = workers(&task(resource_type, Some(output)), None, ACCOUNT)?;
        Ok(workers.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn each_service_names_what_it_started() {
        let arn = "arn:aws:ecs:eu-west-1:111122223333:task/c/1";
        let ecs = format!(r#"{{"Failures":[],"Tasks":[{{"TaskArn":"{arn}","ClusterArn":"c"}}]}}"#);
        let execution = "arn:aws:states:eu-west-1:111122223333:execution:m:e";
        let nested = format!(r#"{{"ExecutionArn":"{execution}","StartDate":1}}"#);
        for (resource_type, output, worker) in [
            ("ecs", ecs.as_str(), format!("ECS task {arn}")),
            ("aws-sdk:ecs", &ecs, format!("ECS task {arn}")),
            ("aws-sdk:batch", r#"{"JobId":"j","JobName":"n"}"#, "Batch job j".to_owned()),
            ("aws-sdk:codebuild", r#"{"Build":{"Id":"p:1"}}"#, "CodeBuild build p:1".to_owned()),
            ("states", &nested, format!("execution {execution}")),
            ("aws-sdk:sfn", &nested, format!("execution {execution}")),
            ("aws-sdk:ec2", r#"{"Instances":[{"InstanceId":"i-1"}]}"#, "EC2 instance i-1".to_owned()),
            (
                "aws-sdk:ssm",
                r#"{"Command":{"CommandId":"c","InstanceIds":["i-1"]}}"#,
                "SSM command c".to_owned(),
            ),
        ] {
            assert_eq!(started(resource_type, output), Ok(vec![worker]), "{resource_type}");
        }
    }

    #[test]
    fn a_task_may_have_started_several_workers() {
        let two = r#"{"Instances":[{"InstanceId":"i-1"},{"InstanceId":"i-2"}]}"#;
        assert_eq!(started("aws-sdk:ec2", two).unwrap(), ["EC2 instance i-1", "EC2 instance i-2"]);
        let half = r#"{"Instances":[{"InstanceId":"i-1"},{}]}"#;
        assert_eq!(started("aws-sdk:ec2", half), Err(Nobody::NotNamed), "the second may be alive");
    }

    #[test]
    fn where_nobody_can_be_asked_it_is_said_why() {
        let lambda = workers(&task("lambda", Some("{}")), None, ACCOUNT);
        assert_eq!(lambda, Err(Nobody::NotAsked("lambda:start".to_owned())));
        assert_eq!(workers(&task("ecs", None), None, ACCOUNT), Err(Nobody::NotSubmitted));
        for output in
            ["", "{}", r#"{"Tasks":[],"Failures":[{"Reason":"RESOURCE:MEMORY"}]}"#, r#"{"Tasks":[{}]}"#]
        {
            assert_eq!(started("ecs", output), Err(Nobody::NotNamed), "{output}");
        }
        let elsewhere = r#"{"ExecutionArn":"arn:aws:states:eu-west-1:444455556666:execution:m:e"}"#;
        assert_eq!(started("states", elsewhere), Err(Nobody::OtherAccount));
        let mut by_role = task("aws-sdk:batch", Some(r#"{"JobId":"j"}"#));
        by_role.role_arn = Some("arn:aws:iam::444455556666:role/r".to_owned());
        assert_eq!(workers(&by_role, None, ACCOUNT), Err(Nobody::OtherAccount));
        by_role.role_arn = Some("arn:aws:iam::111122223333:role/r".to_owned());
        assert!(workers(&by_role, None, ACCOUNT).is_ok());
    }

    #[test]
    fn an_ecs_task_knows_which_containers_were_given_the_token() {
        let output = r#"{"Tasks":[{"TaskArn":"t","ClusterArn":"c"}]}"#;
        let workers = workers(&task("ecs", Some(output)), Some(&Secret::new("own")), ACCOUNT).unwrap();
        let containers = vec!["w".to_owned()];
        assert_eq!(workers, [Worker::EcsTask { arn: "t".to_owned(), cluster: "c".to_owned(), containers }]);
    }
}
