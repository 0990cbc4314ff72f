//! Where a drill takes place: the parts of the stack that it uses.

use aws_sdk_cloudformation::types::StackResourceSummary;
use failure_relay::settings::QueueUrl;

use crate::doctor::Deployment;
use crate::outlet::Outlet;

/// The parts of a deployed relay.
#[derive(Clone, Debug)]
pub struct Site {
    /// The relay's function.
    pub function: String,
    /// The queue to which publishers send: its ARN and itself; `None` when nothing leads from one to the function.
    pub queue: Option<(String, Outlet)>,
    /// The URL of the dead-letter queue.
    pub dead_letters: Option<String>,
    /// The name of the bus.
    pub bus: Option<String>,
    /// The ARN of the canary's state machine.
    pub canary: Option<String>,
    /// The rule that starts the watch each minute, where leases are on.
    pub leases_rule: Option<String>,
    /// Whether leases are on.
    pub has_leases: bool,
}

impl Site {
    /// The parts of a stack; `None` without a function.
    #[must_use]
    pub fn find(deployment: &Deployment, resources: &[StackResourceSummary]) -> Option<Self> {
        let function = deployment.function.as_ref()?.name.clone();
        let of_type = |kind: &'static str| {
            resources.iter().filter(move |resource| resource.resource_type() == Some(kind)).filter_map(
                |resource| Some((resource.logical_resource_id()?, resource.physical_resource_id()?)),
            )
        };
        let named = |kind, part: &'static str| {
            of_type(kind).find(|(name, _)| name.contains(part)).map(|(_, id)| id.to_owned())
        };
        let queue = deployment.sources().find_map(|(mapping, queue)| {
            let url = QueueUrl::parse(&queue.url).ok()?;
            let is_own = deployment.is_own_queue(&mapping.queue_arn);
            is_own.then(|| (mapping.queue_arn.clone(), Outlet::Queue(url)))
        });
        Some(Self {
            function,
            queue,
            dead_letters: deployment.variable("RELAY_DEAD_LETTER_QUEUE_URL").map(str::to_owned),
            bus: of_type("AWS::Events::EventBus").next().map(|(_, id)| id.to_owned()),
            canary: named("AWS::StepFunctions::StateMachine", "Canary"),
            leases_rule: named("AWS::Events::Rule", "LeasesRule"),
            has_leases: deployment.variable("RELAY_TABLE_NAME").is_some(),
        })
    }
}
