//! The operations that a sweep calls. All of them only read.

use crate::operation::{EndpointException, Operation, Service, Wire};
use crate::target::{ECS, STEP_FUNCTIONS};

const BATCH: Service = Service {
    name: "Batch",
    endpoint_prefix: "batch",
    exceptions: &[
        EndpointException::fips("aws", "fips.batch"),
        EndpointException::fips("aws-us-gov", "batch"),
    ],
    signing_name: "batch",
    endpoint_variable: "BATCH",
};

const CODEBUILD: Service = Service {
    name: "CodeBuild",
    endpoint_prefix: "codebuild",
    exceptions: &[],
    signing_name: "codebuild",
    endpoint_variable: "CODEBUILD",
};

const EC2: Service = Service {
    name: "EC2",
    endpoint_prefix: "ec2",
    exceptions: &[EndpointException::fips("aws-us-gov", "ec2")],
    signing_name: "ec2",
    endpoint_variable: "EC2",
};

const SSM: Service = Service {
    name: "Systems Manager",
    endpoint_prefix: "ssm",
    exceptions: &[EndpointException::fips("aws-us-gov", "ssm")],
    signing_name: "ssm",
    endpoint_variable: "SSM",
};

const STATES_WIRE: Wire = Wire::AwsJson { version: "1.0", target: "AWSStepFunctions" };

/// `ListStateMachines`
pub static LIST_STATE_MACHINES: Operation = Operation {
    service: &STEP_FUNCTIONS,
    name: "ListStateMachines",
    action: Some("states:ListStateMachines"),
    wire: STATES_WIRE,
};

/// `ListExecutions`
pub static LIST_EXECUTIONS: Operation = Operation {
    service: &STEP_FUNCTIONS,
    name: "ListExecutions",
    action: Some("states:ListExecutions"),
    wire: STATES_WIRE,
};

/// `GetExecutionHistory`
pub static GET_EXECUTION_HISTORY: Operation = Operation {
    service: &STEP_FUNCTIONS,
    name: "GetExecutionHistory",
    action: Some("states:GetExecutionHistory"),
    wire: STATES_WIRE,
};

/// `DescribeStateMachineForExecution`
pub static DESCRIBE_STATE_MACHINE_FOR_EXECUTION: Operation = Operation {
    service: &STEP_FUNCTIONS,
    name: "DescribeStateMachineForExecution",
    action: Some("states:DescribeStateMachineForExecution"),
    wire: STATES_WIRE,
};

/// `DescribeExecution`
pub static DESCRIBE_EXECUTION: Operation = Operation {
    service: &STEP_FUNCTIONS,
    name: "DescribeExecution",
    action: Some("states:DescribeExecution"),
    wire: STATES_WIRE,
};

/// `DescribeTasks` of ECS
pub static DESCRIBE_TASKS: Operation = Operation {
    service: &ECS,
    name: "DescribeTasks",
    action: Some("ecs:DescribeTasks"),
    wire: Wire::AwsJson { version: "1.1", target: "AmazonEC2ContainerServiceV20141113" },
};

/// `DescribeJobs` of Batch
pub static DESCRIBE_JOBS: Operation = Operation {
    service: &BATCH,
    name: "DescribeJobs",
    action: Some("batch:DescribeJobs"),
    wire: Wire::RestJson { method: "POST", path: "/v1/describejobs" },
};

/// `BatchGetBuilds` of CodeBuild
pub static BATCH_GET_BUILDS: Operation = Operation {
    service: &CODEBUILD,
    name: "BatchGetBuilds",
    action: Some("codebuild:BatchGetBuilds"),
    wire: Wire::AwsJson { version: "1.1", target: "CodeBuild_20161006" },
};

/// `DescribeInstances` of EC2, which is answered in XML
pub static DESCRIBE_INSTANCES: Operation = Operation {
    service: &EC2,
    name: "DescribeInstances",
    action: Some("ec2:DescribeInstances"),
    wire: Wire::Query { version: "2016-11-15" },
};

/// `ListCommandInvocations` of Systems Manager
pub static LIST_COMMAND_INVOCATIONS: Operation = Operation {
    service: &SSM,
    name: "ListCommandInvocations",
    action: Some("ssm:ListCommandInvocations"),
    wire: Wire::AwsJson { version: "1.1", target: "AmazonSSM" },
};

/// All of them.
pub static ALL: [&Operation; 10] = [
    &LIST_STATE_MACHINES,
    &LIST_EXECUTIONS,
    &GET_EXECUTION_HISTORY,
    &DESCRIBE_STATE_MACHINE_FOR_EXECUTION,
    &DESCRIBE_EXECUTION,
    &DESCRIBE_TASKS,
    &DESCRIBE_JOBS,
    &BATCH_GET_BUILDS,
    &DESCRIBE_INSTANCES,
    &LIST_COMMAND_INVOCATIONS,
];
