//! A paused deployment of an ECS service: `ContinueServiceDeployment`, which carries no text.
//!
//! <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContinueServiceDeployment.html>

use super::services::ECS;
use super::{FailureApi, GivenMembers, Member, Report, Rule};
use crate::arn::Arn;
use crate::dead_letter::Reason;
use crate::event::Failure;
use crate::operation::{Operation, Wire};
use crate::outcome::ErrorTable;
use crate::place::GivenPlace;
use crate::request::Value;
use crate::secret::Secret;
use crate::text::Truncation;

const HOOK_ID: Member = Member::required("hookId", Rule::Length { max: 256 });
const DEPLOYMENT_ARN: Member = Member::required("serviceDeploymentArn", Rule::Arn { max: 2048 });

/// The hook at which the deployment waits.
#[derive(Clone, Debug)]
pub struct EcsDeploymentHook {
    hook_id: String,
    deployment_arn: String,
}

impl FailureApi for EcsDeploymentHook {
    const KIND: &'static str = "ecs-deployment-hook";
    const WAKES_UP: &'static str = "an ECS deployment at a pause";
    const PARAMETER: &'static str = "EnableEcsDeploymentHooks";
    const OPERATIONS: &'static [Operation] = &[Operation {
        service: &ECS,
        name: "ContinueServiceDeployment",
        action: Some("ecs:ContinueServiceDeployment"),
        wire: Wire::AwsJson { version: "1.1", target: "AmazonEC2ContainerServiceV20141113" },
    }];
    const MEMBERS: &'static [Member] = &[HOOK_ID, DEPLOYMENT_ARN];
    const ERRORS: ErrorTable = ErrorTable {
        rejected: &[
            "ServiceDeploymentNotFoundException",
            "UnsupportedFeatureException",
            "InvalidParameterException",
            "ClientException",
        ],
        ..ErrorTable::EMPTY
    };
    const CARRIES_TEXT: bool = false;

    fn identify(target: &dyn GivenMembers) -> Result<Self, Reason> {
        Ok(Self { hook_id: HOOK_ID.read(target)?, deployment_arn: DEPLOYMENT_ARN.read(target)? })
    }

    fn identity(&self) -> &str {
        &self.hook_id
    }

    fn secret(&self) -> Option<&Secret> {
        None
    }

    fn place(&self) -> GivenPlace {
        Arn::parse(&self.deployment_arn).map(|arn| arn.place()).unwrap_or_default()
    }

    /// The action is always said: the service's default is to continue.
    fn report(self, _failure: &Failure<'_>, _cuts: &mut Vec<Truncation>) -> Report {
        let members = vec![
            (DEPLOYMENT_ARN.name, Value::Text(self.deployment_arn)),
            (HOOK_ID.name, Value::Text(self.hook_id)),
            ("action", Value::Text("ROLLBACK".to_owned())),
        ];
        Report::to(&Self::OPERATIONS[0], members)
    }
}
