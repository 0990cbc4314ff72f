//! The services of which more than one kind of target is told. A service of one kind alone stands in that kind's file.

use crate::operation::Service;

/// AWS `CodePipeline`
pub(super) const CODE_PIPELINE: Service = Service {
    name: "CodePipeline",
    endpoint_prefix: "codepipeline",
    fips_prefixes: &[],
    signing_name: "codepipeline",
    endpoint_variable: "CODEPIPELINE",
};

/// The buckets to which workers answer CloudFormation.
pub(super) const CLOUDFORMATION_RESPONSE: Service = Service {
    name: "CloudFormation",
    endpoint_prefix: "s3",
    fips_prefixes: &[],
    signing_name: "",
    endpoint_variable: "CLOUDFORMATION_RESPONSE",
};
