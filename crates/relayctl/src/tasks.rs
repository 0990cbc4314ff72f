//! The tasks and jobs that events name, as the embedded endpoint opens them.

use std::collections::BTreeMap;

use aws_emulator::{Operation, Work, WorkKind};
use failure_event::envelope::{self, Delivery};
use failure_event::place::Home;
use failure_event::request::Secrets;
use failure_event::route::{Decision, PlannedCall, route};
use failure_event::rules::Rules;
use serde_json::Value;

use crate::inputs::{Course, Input, Message};
use crate::lambda::{self, Received};
use crate::sandbox::{QUEUE, Sandbox};

/// The work that each event of an input names, in their order; `None` for one that leads to no call.
#[must_use]
pub fn named_in(input: &Input, sandbox: &Sandbox, rules: &Rules) -> Vec<Option<Work>> {
    let endpoint = &sandbox.endpoint;
    let home = Home::new(endpoint.region(), &lambda::function_arn(endpoint.region(), endpoint.account()));
    match input.course() {
        Course::Invocation => named_in_payload(&input.text(), rules, &home),
        Course::Queue(messages) => {
            let payloads = messages.iter().map(|message| planned_payload(message, sandbox));
            payloads.flat_map(|payload| named_in_payload(&payload, rules, &home)).collect()
        }
    }
}

/// What Lambda would make of a message, before it is on a queue.
fn planned_payload(message: &Message, sandbox: &Sandbox) -> String {
    let queue = message.queue.as_deref().unwrap_or(QUEUE);
    let received = Received {
        message_id: "planned".to_owned(),
        receipt_handle: "planned".to_owned(),
        body: message.body.clone(),
        attributes: BTreeMap::new(),
        message_attributes: BTreeMap::new(),
    };
    let (arn, region) = (sandbox.endpoint.queue_arn(queue), sandbox.endpoint.region());
    String::from_utf8_lossy(&lambda::batch_payload(&[received], &arn, region)).into_owned()
}

/// The work that each event of a payload names; of a lease or a claim, its target.
fn named_in_payload(payload: &str, rules: &Rules, home: &Home) -> Vec<Option<Work>> {
    let records = match envelope::open(payload) {
        Delivery::SqsBatch(records) | Delivery::Sns(records) => records,
        Delivery::Single(record) => vec![record],
    };
    let work = |record| match route(record, rules, home).decision {
        Decision::Call(planned) => work_of(&planned),
        Decision::Register(planned) => {
            let report = format!("{{\"target\":{}}}", planned.holder.target.expose());
            named_in_payload(&report, rules, home).pop().flatten()
        }
        Decision::LookUp(_) | Decision::Unroutable(_) | Decision::Ignore => None,
    };
    records.iter().map(work).collect()
}

/// The work that a call reports on, as its request names it; `None` for an operation that the endpoint does not play.
fn work_of(planned: &PlannedCall) -> Option<Work> {
    let request = &planned.request;
    let operation = Operation::all().find(|operation| operation.name() == request.operation.name)?;
    let input: Value = serde_json::from_str(&request.input().to_json(Secrets::Shown)).unwrap_or_default();
    let work = Work::named_by(operation, &input)?;
    let text = |name: &str| input[name].as_str().unwrap_or_default();
    // No role is assumed for a URL: it is of the place that it names itself.
    let work = match work.kind {
        WorkKind::CloudFormationCustomResource => {
            return Some(Work::custom_resource(
                text("StackId"),
                text("LogicalResourceId"),
                text("RequestId"),
            ));
        }
        WorkKind::CloudFormationWaitCondition => return Some(Work::wait_condition(text("Url"))),
        WorkKind::StepFunctionsTask
        | WorkKind::SwfActivityTask
        | WorkKind::CodePipelineJob
        | WorkKind::CodePipelineThirdPartyJob
        | WorkKind::LambdaDurableCallback
        | WorkKind::SageMakerPipelineStep
        | WorkKind::AutoScalingLifecycleAction
        | WorkKind::CodeDeployLifecycleHook
        | WorkKind::CodePipelineApproval
        | WorkKind::ImageBuilderWorkflowStep
        | WorkKind::ServiceCatalogEngineWorkflow
        | WorkKind::EcsDeploymentHook => work.in_region(&planned.place.region),
    };
    Some(match &planned.place.account {
        Some(account) => work.in_account(&account.id),
        None => work,
    })
}
