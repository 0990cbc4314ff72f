//! What a CloudFormation stack consists of.

use aws_config::SdkConfig;
use aws_sdk_cloudformation::types::StackResourceSummary;

use crate::aws::explain;
use crate::exit::Problem;

/// All resources of a stack.
///
/// # Errors
/// There is no such stack, or it cannot be read.
pub async fn resources(config: &SdkConfig, name: &str) -> Result<Vec<StackResourceSummary>, Problem> {
    let client = aws_sdk_cloudformation::Client::new(config);
    // DescribeStackResources would end after a hundred resources.
    let listed = client.list_stack_resources().stack_name(name).into_paginator().items().send();
    let listed = listed.collect::<Result<Vec<_>, _>>().await;
    listed.map_err(|error| Problem::service(format!("stack {name}: {}", explain(&error))))
}
