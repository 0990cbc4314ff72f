//! The services of which more than one kind of target is told, or the sweep too. Others stand in their kind's file.

use crate::operation::Service;

/// AWS `CodePipeline`
pub(super) const CODE_PIPELINE: Service = Service {
    name: "CodePipeline",
    endpoint_prefix: "codepipeline",
    exceptions: &[],
    signing_name: "codepipeline",
    endpoint_variable: "CODEPIPELINE",
};

/// Amazon ECS
pub(crate) const ECS: Service = Service {
    name: "ECS",
    endpoint_prefix: "ecs",
    exceptions: &[],
    signing_name: "ecs",
    endpoint_variable: "ECS",
};

/// The buckets to which workers answer CloudFormation.
pub(super) const CLOUDFORMATION_RESPONSE: Service = Service {
    name: "CloudFormation",
    endpoint_prefix: "s3",
    exceptions: &[],
    signing_name: "",
    endpoint_variable: "CLOUDFORMATION_RESPONSE",
};
