//! What a `Task` state calls, and whether it waits.

use std::borrow::Cow;

/// A `Resource`: the ARN of a service integration, of an activity, or of a Lambda function.
/// <https://docs.aws.amazon.com/step-functions/latest/dg/integrate-services.html>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource<'a>(Cow<'a, str>);

/// What a task waits for.
/// <https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// For whoever has the task token: `.waitForTaskToken`.
    Callback,
    /// For the job that it started: `.sync`, `.sync:2`.
    Sync,
    /// For the service's answer only.
    RequestResponse,
    /// For a worker that asks for work: an activity.
    Activity,
    /// Not known from the text: the ARN of a Lambda function, or one that is yet to be filled in.
    Other,
}

/// What an ARN of an activity says after region and account.
const ACTIVITY: &str = "activity:";

/// What stands before a service that is called as its SDK does.
const SDK: &str = "aws-sdk:";

impl<'a> Resource<'a> {
    /// The resource of this ARN.
    #[must_use]
    pub fn new(arn: impl Into<Cow<'a, str>>) -> Self {
        Self(arn.into())
    }

    /// The ARN as it was written.
    #[must_use]
    pub fn arn(&self) -> &str {
        &self.0
    }

    /// What a task with this resource waits for.
    #[must_use]
    pub fn pattern(&self) -> Pattern {
        match self.of_step_functions() {
            None => Pattern::Other,
            Some(name) if name.starts_with(ACTIVITY) => Pattern::Activity,
            Some(name) => match name.rsplit_once('.') {
                Some((_, "waitForTaskToken")) => Pattern::Callback,
                Some((_, "sync" | "sync:2")) => Pattern::Sync,
                _ => Pattern::RequestResponse,
            },
        }
    }

    /// The service of an integration and its API: `("ecs", "runTask")`, `("ecs", "runTask")` for `aws-sdk:ecs:runTask` too. An
    /// integration's own name for a service may differ from that of its SDK: `states` and `sfn`.
    #[must_use]
    pub fn service_and_api(&self) -> Option<(&str, &str)> {
        let name = self.of_step_functions().filter(|name| !name.starts_with(ACTIVITY))?;
        let (service, api) = name.strip_prefix(SDK).unwrap_or(name).split_once(':')?;
        Some((service, api.split_once('.').map_or(api, |(api, _)| api)))
    }

    /// Whether the service is called as its SDK does, which names its errors in another way than an integration of its own:
    /// `Ecs.ClusterNotFoundException` for `ECS.ClusterNotFoundException`.
    #[must_use]
    pub fn is_of_sdk(&self) -> bool {
        self.of_step_functions().is_some_and(|name| name.starts_with(SDK))
    }

    /// What stands behind `arn:<partition>:states:<region>:<account>:`. The partition may be a reference of a template, which
    /// has colons of its own.
    fn of_step_functions(&self) -> Option<&str> {
        let (_, rest) = self.0.strip_prefix("arn:")?.split_once(":states:")?;
        let (_region, rest) = rest.split_once(':')?;
        let (_account, name) = rest.split_once(':')?;
        Some(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_resource_says_what_is_waited_for() {
        for (arn, pattern, service_and_api) in [
            ("arn:aws:states:::ecs:runTask.waitForTaskToken", Pattern::Callback, Some(("ecs", "runTask"))),
            (
                "arn:aws-us-gov:states:::aws-sdk:batch:submitJob.waitForTaskToken",
                Pattern::Callback,
                Some(("batch", "submitJob")),
            ),
            (
                "arn:aws:states:::states:startExecution.sync:2",
                Pattern::Sync,
                Some(("states", "startExecution")),
            ),
            ("arn:aws:states:::batch:submitJob.sync", Pattern::Sync, Some(("batch", "submitJob"))),
            ("arn:aws:states:::lambda:invoke", Pattern::RequestResponse, Some(("lambda", "invoke"))),
            (
                "arn:${AWS::Partition}:states:::sqs:sendMessage",
                Pattern::RequestResponse,
                Some(("sqs", "sendMessage")),
            ),
            ("arn:aws:states:eu-west-1:111122223333:activity:render.sync", Pattern::Activity, None),
            ("arn:aws:lambda:eu-west-1:111122223333:function:render", Pattern::Other, None),
            ("${RenderActivity}", Pattern::Other, None),
            ("arn:aws:states", Pattern::Other, None),
            ("", Pattern::Other, None),
        ] {
            let resource = Resource::new(arn);
            assert_eq!(resource.pattern(), pattern, "{arn}");
            assert_eq!(resource.service_and_api(), service_and_api, "{arn}");
            assert_eq!(resource.is_of_sdk(), arn.contains("aws-sdk"), "{arn}");
        }
    }
}
