//! A lifecycle event hook of a CodeDeploy deployment: `PutLifecycleEventHookExecutionStatus`, which carries no text.
//!
//! <https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_PutLifecycleEventHookExecutionStatus.html>

use super::{FailureApi, GivenMembers, Member, Report, Rule};
use crate::dead_letter::Reason;
use crate::event::Failure;
use crate::operation::{Operation, Service, Wire};
use crate::outcome::ErrorTable;
use crate::request::Value;
use crate::secret::Secret;
use crate::text::Truncation;

const CODE_DEPLOY: Service = Service {
    name: "CodeDeploy",
    endpoint_prefix: "codedeploy",
    exceptions: &[],
    signing_name: "codedeploy",
    endpoint_variable: "CODEDEPLOY",
};

const DEPLOYMENT_ID: Member = Member::required("deploymentId", Rule::Length { max: 64 });
const EXECUTION_ID: Member = Member::secret("lifecycleEventHookExecutionId", Rule::Length { max: 2048 });

/// The hook whose answer the deployment waits for.
#[derive(Clone, Debug)]
pub struct CodeDeployLifecycleHook {
    deployment_id: String,
    execution_id: Secret,
}

impl FailureApi for CodeDeployLifecycleHook {
    const KIND: &'static str = "codedeploy-lifecycle-hook";
    const WAKES_UP: &'static str = "a CodeDeploy deployment at a hook";
    const PARAMETER: &'static str = "EnableCodeDeployLifecycleHooks";
    const OPERATIONS: &'static [Operation] = &[Operation {
        service: &CODE_DEPLOY,
        name: "PutLifecycleEventHookExecutionStatus",
        action: Some("codedeploy:PutLifecycleEventHookExecutionStatus"),
        wire: Wire::AwsJson { version: "1.1", target: "CodeDeploy_20141006" },
    }];
    const MEMBERS: &'static [Member] = &[DEPLOYMENT_ID, EXECUTION_ID];
    const ERRORS: ErrorTable = ErrorTable {
        settled: &["LifecycleEventAlreadyCompletedException"],
        rejected: &[
            "InvalidLifecycleEventHookExecutionIdException",
            "InvalidLifecycleEventHookExecutionStatusException",
            "DeploymentDoesNotExistException",
            "DeploymentIdRequiredException",
            "InvalidDeploymentIdException",
            "UnsupportedActionForDeploymentTypeException",
        ],
        ..ErrorTable::EMPTY
    };
    const CARRIES_TEXT: bool = false;

    fn identify(target: &dyn GivenMembers) -> Result<Self, Reason> {
        Ok(Self {
            deployment_id: DEPLOYMENT_ID.read(target)?,
            execution_id: EXECUTION_ID.read_secret(target)?,
        })
    }

    fn identity(&self) -> &str {
        self.execution_id.expose()
    }

    fn secret(&self) -> Option<&Secret> {
        Some(&self.execution_id)
    }

    fn report(self, _failure: &Failure<'_>, _cuts: &mut Vec<Truncation>) -> Report {
        let members = vec![
            (DEPLOYMENT_ID.name, Value::Text(self.deployment_id)),
            (EXECUTION_ID.name, Value::Secret(self.execution_id)),
            ("status", Value::Text("Failed".to_owned())),
        ];
        Report::to(&Self::OPERATIONS[0], members)
    }
}
