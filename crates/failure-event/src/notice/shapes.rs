//! Exact shapes in which AWS hands workers an identity: the events with which it asks them for work.
//!
//! Each shape needs all of its members as strings that are not empty. Inside the payload of a worker that died, a shape is the
//! identity of what it leaves behind; sent to the relay by itself it is a worker's business, and no failure.

use super::identity::Identity;
use crate::dead_letter::Reason;
use crate::json::{NameSieve, Object};
use crate::target::{ENGINE_OPERATIONS, GivenValue, Kind, Named, is_callback_token, names_durable_execution};

/// What a shape is called for people, and what it says.
pub(super) struct Shape {
    /// What AWS sends, e.g. `a CloudFormation custom resource request`.
    pub(super) name: &'static str,
    /// An object without any of these members does not have this shape, which is quickly told.
    one_of: NameSieve,
    /// The identity, where an object has this shape.
    find: for<'a> fn(&Object<'a>) -> Option<Named<'a>>,
}

const fn shape(
    name: &'static str,
    one_of: &[&str],
    find: for<'a> fn(&Object<'a>) -> Option<Named<'a>>,
) -> Shape {
    Shape { name, one_of: NameSieve::of(one_of), find }
}

/// All shapes, in the order in which they are tried.
const SHAPES: [Shape; 9] = [
    shape("CloudFormation custom resource request", &["RequestType"], custom_resource),
    shape("CodeDeploy lifecycle hook event", &["DeploymentId"], codedeploy_hook),
    shape(LIFECYCLE, &["LifecycleActionToken", "detail"], lifecycle_action),
    shape("SageMaker callback step message", &["token"], sagemaker_step),
    shape("Service Catalog engine message", &["operation"], service_catalog),
    shape("CodePipeline approval notification", &["approval"], approval),
    shape(ECS_HOOK, &["detail"], ecs_hook),
    shape(IMAGE_BUILDER_STEP, &["detail"], image_builder_step),
    shape("Lambda durable callback", &["callbackId", "callback_id", "CallbackId", "job"], durable_callback),
];

/// The identity of an object that has one of the shapes.
pub(super) fn identity<'a>(object: &Object<'a>) -> Option<Identity<'a>> {
    let (name, named) = recognise(object)?;
    Some(Identity::of_shape(name, named))
}

/// Why an object without a target is no failure event, where it has one of the shapes: it is what a worker was asked for work
/// with.
#[must_use]
pub fn asked_for_by(object: &Object<'_>) -> Option<Reason> {
    let (name, _) = recognise(object).filter(|_| object.member("target").is_none())?;
    Some(Reason::invalid(format!(
        "target: is missing; this looks like a message with which AWS asks a worker for work ({name})"
    )))
}

/// Whether an object asks a worker for work, in a form that AWS sends to rules and queues by itself: an EventBridge event of
/// Auto Scaling, ECS or Image Builder, or the message with which Auto Scaling tests a queue.
pub(super) fn asks_for_work(object: &Object<'_>) -> Option<&'static str> {
    if has(object, "Event", "autoscaling:TEST_NOTIFICATION") {
        return Some(TEST_NOTIFICATION);
    }
    if is_ecs_hook(object) {
        return Some(ECS_HOOK);
    }
    if is_image_builder_step(object) {
        return Some(IMAGE_BUILDER_STEP);
    }
    let is_action = has(object, "source", "aws.autoscaling")
        && object.object("detail").is_some_and(|detail| is_lifecycle_action(&detail));
    is_action.then_some(LIFECYCLE)
}

/// What the test message of Auto Scaling is called, for people. It concerns nobody, wherever it is met.
pub(super) const TEST_NOTIFICATION: &str = "Auto Scaling test notification";
const LIFECYCLE: &str = "Auto Scaling lifecycle action";
const ECS_HOOK: &str = "ECS Hook State Change";
const IMAGE_BUILDER_STEP: &str = "EC2 Image Builder Workflow Step Waiting";

fn has(object: &Object<'_>, name: &str, value: &str) -> bool {
    object.text(name).as_deref() == Some(value)
}

fn is_ecs_hook(object: &Object<'_>) -> bool {
    has(object, "source", "aws.ecs") && has(object, "detail-type", ECS_HOOK)
}

fn is_image_builder_step(object: &Object<'_>) -> bool {
    has(object, "source", "aws.imagebuilder") && has(object, "detail-type", IMAGE_BUILDER_STEP)
}

fn recognise<'a>(object: &Object<'a>) -> Option<(&'static str, Named<'a>)> {
    let may_have = |shape: &&Shape| object.may_hold_one(shape.one_of);
    SHAPES.iter().filter(may_have).find_map(|shape| Some((shape.name, (shape.find)(object)?)))
}

/// A member that is a string and not empty.
fn text<'a>(object: &Object<'a>, name: &str) -> Option<GivenValue<'a>> {
    object.member(name).map(GivenValue::Json).filter(GivenValue::is_text)
}

/// A target of these members of an object, all of which it has, each under its name in a target.
fn of_members<'a>(kind: Kind, object: &Object<'a>, members: &[(&'static str, &str)]) -> Option<Named<'a>> {
    let members = members.iter().map(|(member, name)| Some((*member, text(object, name)?)));
    Some(Named { kind, members: members.collect::<Option<_>>()? })
}

/// Adds members that may be missing.
fn with_optional<'a>(
    mut named: Named<'a>,
    object: &Object<'a>,
    members: &[(&'static str, &str)],
) -> Named<'a> {
    let known = members.iter().filter_map(|(member, name)| Some((*member, text(object, name)?)));
    named.members.extend(known);
    named
}

/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-requests.html>
fn custom_resource<'a>(object: &Object<'a>) -> Option<Named<'a>> {
    text(object, "RequestType")?;
    let members = [
        ("responseUrl", "ResponseURL"),
        ("stackId", "StackId"),
        ("requestId", "RequestId"),
        ("logicalResourceId", "LogicalResourceId"),
    ];
    let named = of_members(Kind::CloudFormationCustomResource, object, &members)?;
    Some(with_optional(named, object, &[("physicalResourceId", "PhysicalResourceId")]))
}

/// <https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure-hooks.html>
fn codedeploy_hook<'a>(object: &Object<'a>) -> Option<Named<'a>> {
    let members = [
        ("deploymentId", "DeploymentId"),
        ("lifecycleEventHookExecutionId", "LifecycleEventHookExecutionId"),
    ];
    of_members(Kind::CodeDeployLifecycleHook, object, &members)
}

const LIFECYCLE_ACTION: [(&str, &str); 3] = [
    ("lifecycleActionToken", "LifecycleActionToken"),
    ("autoScalingGroupName", "AutoScalingGroupName"),
    ("lifecycleHookName", "LifecycleHookName"),
];

fn is_lifecycle_action(object: &Object<'_>) -> bool {
    of_members(Kind::AutoScalingLifecycleAction, object, &LIFECYCLE_ACTION).is_some()
}

/// In a message of SNS or SQS, or in the `detail` of an event, whose place is then that of the event.
/// <https://docs.aws.amazon.com/autoscaling/ec2/userguide/prepare-for-lifecycle-notifications.html>
fn lifecycle_action<'a>(object: &Object<'a>) -> Option<Named<'a>> {
    let is_event = object.text("source").as_deref() == Some("aws.autoscaling");
    let detail = object.object("detail").filter(|_| is_event);
    let holder = detail.as_ref().unwrap_or(object);
    let named = of_members(Kind::AutoScalingLifecycleAction, holder, &LIFECYCLE_ACTION)?;
    let mut named = with_optional(named, holder, &[("instanceId", "EC2InstanceId")]);
    if detail.is_some() {
        named = with_optional(named, object, &[("region", "region"), ("account", "account")]);
    }
    if !named.members.iter().any(|(name, _)| *name == "account") {
        named = with_optional(named, holder, &[("account", "AccountId")]);
    }
    Some(named)
}

/// <https://docs.aws.amazon.com/sagemaker/latest/dg/build-and-manage-steps-types.html>
fn sagemaker_step<'a>(object: &Object<'a>) -> Option<Named<'a>> {
    object.text("token").filter(|token| is_callback_token(token))?;
    let members = [("callbackToken", "token"), ("pipelineExecutionArn", "pipelineExecutionArn")];
    of_members(Kind::SageMakerPipelineStep, object, &members)
}

/// <https://docs.aws.amazon.com/servicecatalog/latest/adminguide/getstarted-Terraform-engine.html>
fn service_catalog<'a>(object: &Object<'a>) -> Option<Named<'a>> {
    object.text("operation").filter(|operation| ENGINE_OPERATIONS.contains(&operation.as_ref()))?;
    let members = [("operation", "operation"), ("workflowToken", "token"), ("recordId", "recordId")];
    let named = of_members(Kind::ServiceCatalogEngineWorkflow, object, &members)?;
    Some(match object.object("tracerTag") {
        Some(tag) => with_optional(named, &tag, &[("tracerTagKey", "key"), ("tracerTagValue", "value")]),
        None => named,
    })
}

/// <https://docs.aws.amazon.com/codepipeline/latest/userguide/approvals-json-format.html>
fn approval<'a>(object: &Object<'a>) -> Option<Named<'a>> {
    let members = ["pipelineName", "stageName", "actionName", "token"].map(|name| (name, name));
    let named = of_members(Kind::CodePipelineApproval, &object.object("approval")?, &members)?;
    Some(with_optional(named, object, &[("region", "region")]))
}

/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_hook_state_change_events.html>
fn ecs_hook<'a>(object: &Object<'a>) -> Option<Named<'a>> {
    let has = |name: &str, value: &str| object.text(name).as_deref() == Some(value);
    let detail =
        object.object("detail").filter(|_| has("source", "aws.ecs") && has("detail-type", ECS_HOOK))?;
    detail.text("eventName").filter(|name| name == "HOOK_AWAITING_ACTION")?;
    let members = ["hookId", "serviceDeploymentArn"].map(|name| (name, name));
    of_members(Kind::EcsDeploymentHook, &detail, &members)
}

/// The image stands among the resources, outside of `detail`.
/// <https://docs.aws.amazon.com/imagebuilder/latest/userguide/integ-eventbridge.html>
fn image_builder_step<'a>(object: &Object<'a>) -> Option<Named<'a>> {
    let detail = object.object("detail").filter(|_| is_image_builder_step(object))?;
    let image = object.member("resources")?.array()?.into_iter().next()?;
    let image = Some(GivenValue::Json(image)).filter(GivenValue::is_text)?;
    let step = [("stepExecutionId", "workflow-step-execution-id")];
    let mut named = of_members(Kind::ImageBuilderWorkflowStep, &detail, &step)?;
    named.members.push(("imageBuildVersionArn", image));
    Some(named)
}

/// The names are the workers' own, so the id itself must tell that it is one.
/// <https://docs.aws.amazon.com/lambda/latest/dg/durable-functions.html>
fn durable_callback<'a>(object: &Object<'a>) -> Option<Named<'a>> {
    let is_callback = |id: &GivenValue<'_>| id.string().is_some_and(|id| names_durable_execution(&id.text));
    let names = ["callbackId", "callback_id", "CallbackId"].into_iter();
    let own = names.filter_map(|name| text(object, name)).find(is_callback);
    let in_job = || text(&object.object("job")?, "callbackId").filter(is_callback);
    let id = own.or_else(in_job)?;
    Some(Named { kind: Kind::LambdaDurableCallback, members: vec![("callbackId", id)] })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Json;

    fn found(text: &str) -> Option<String> {
        identity(&Json::parse(text).unwrap().object().unwrap()).and_then(|identity| identity.to_json())
    }

    #[test]
    fn each_shape_names_its_kind_and_members() {
        let arn = "arn:aws:lambda:eu-west-1:111122223333:function:f:1/durable-execution/e/1";
        let id = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, arn);
        for (payload, target) in [
            (
                r#"{"RequestType":"Create","ResponseURL":"https://x/","StackId":"s","RequestId":"r","LogicalResourceId":"l"}"#.to_owned(),
                r#"{"kind":"cloudformation-custom-resource","responseUrl":"https://x/","stackId":"s","requestId":"r","logicalResourceId":"l"}"#.to_owned(),
            ),
            (
                r#"{"DeploymentId":"d","LifecycleEventHookExecutionId":"h"}"#.to_owned(),
                r#"{"kind":"codedeploy-lifecycle-hook","deploymentId":"d","lifecycleEventHookExecutionId":"h"}"#.to_owned(),
            ),
            (
                r#"{"source":"aws.autoscaling","region":"r","account":"a","detail":{"LifecycleActionToken":"t","AutoScalingGroupName":"g","LifecycleHookName":"h","EC2InstanceId":"i"}}"#.to_owned(),
                r#"{"kind":"auto-scaling-lifecycle-action","lifecycleActionToken":"t","autoScalingGroupName":"g","lifecycleHookName":"h","instanceId":"i","region":"r","account":"a"}"#.to_owned(),
            ),
            (
                r#"{"AccountId":"a","LifecycleActionToken":"t","AutoScalingGroupName":"g","LifecycleHookName":"h"}"#.to_owned(),
                r#"{"kind":"auto-scaling-lifecycle-action","lifecycleActionToken":"t","autoScalingGroupName":"g","lifecycleHookName":"h","account":"a"}"#.to_owned(),
            ),
            (
                r#"{"token":"SYZ8ExZ3Sd","pipelineExecutionArn":"p","status":"Stopping"}"#.to_owned(),
                r#"{"kind":"sagemaker-pipeline-step","callbackToken":"SYZ8ExZ3Sd","pipelineExecutionArn":"p"}"#.to_owned(),
            ),
            (
                r#"{"token":"t","recordId":"r","operation":"PROVISION_PRODUCT","tracerTag":{"key":"k","value":"v"}}"#.to_owned(),
                r#"{"kind":"service-catalog-engine-workflow","operation":"PROVISION_PRODUCT","workflowToken":"t","recordId":"r","tracerTagKey":"k","tracerTagValue":"v"}"#.to_owned(),
            ),
            (
                r#"{"region":"r","approval":{"pipelineName":"p","stageName":"s","actionName":"a","token":"t"}}"#.to_owned(),
                r#"{"kind":"codepipeline-approval","pipelineName":"p","stageName":"s","actionName":"a","token":"t","region":"r"}"#.to_owned(),
            ),
            (
                r#"{"source":"aws.ecs","detail-type":"ECS Hook State Change","detail":{"eventName":"HOOK_AWAITING_ACTION","hookId":"h","serviceDeploymentArn":"a"}}"#.to_owned(),
                r#"{"kind":"ecs-deployment-hook","hookId":"h","serviceDeploymentArn":"a"}"#.to_owned(),
            ),
            (
                r#"{"source":"aws.imagebuilder","detail-type":"EC2 Image Builder Workflow Step Waiting","resources":["i","w"],"detail":{"workflow-step-execution-id":"s"}}"#.to_owned(),
                r#"{"kind":"image-builder-workflow-step","stepExecutionId":"s","imageBuildVersionArn":"i"}"#.to_owned(),
            ),
            (
                format!(r#"{{"job":{{"callbackId":"{id}"}}}}"#),
                format!(r#"{{"kind":"lambda-durable-callback","callbackId":"{id}"}}"#),
            ),
            (
                format!(r#"{{"callbackId":"order-17","callback_id":"{id}"}}"#),
                format!(r#"{{"kind":"lambda-durable-callback","callbackId":"{id}"}}"#),
            ),
            (
                format!(r#"{{"callbackId":"order-17","CallbackId":"AAAA","job":{{"callbackId":"{id}"}}}}"#),
                format!(r#"{{"kind":"lambda-durable-callback","callbackId":"{id}"}}"#),
            ),
        ] {
            assert_eq!(found(&payload).as_deref(), Some(target.as_str()), "{payload}");
        }
    }

    #[test]
    fn a_shape_that_lacks_a_member_is_none() {
        for payload in [
            r#"{"RequestType":"","ResponseURL":"u","StackId":"s","RequestId":"r","LogicalResourceId":"l"}"#,
            r#"{"DeploymentId":"d","LifecycleEventHookExecutionId":7}"#,
            r#"{"token":"SYZ8ExZ3Sd"}"#,
            r#"{"token":"elevenchars","pipelineExecutionArn":"p"}"#,
            r#"{"token":"t","recordId":"r","operation":"OTHER"}"#,
            r#"{"callbackId":"AAAA"}"#,
            r#"{"source":"aws.ecs","detail-type":"ECS Hook State Change","detail":{"eventName":"HOOK_DONE","hookId":"h","serviceDeploymentArn":"a"}}"#,
        ] {
            assert_eq!(found(payload), None, "{payload}");
        }
    }

    #[test]
    fn the_events_that_ask_for_work_are_known_by_themselves() {
        let asks = |text: &str| asks_for_work(&Json::parse(text).unwrap().object().unwrap());
        assert!(asks(r#"{"Event":"autoscaling:TEST_NOTIFICATION"}"#).is_some());
        assert!(asks(r#"{"source":"aws.ecs","detail-type":"ECS Hook State Change","detail":{}}"#).is_some());
        assert!(asks(r#"{"source":"aws.ecs","detail-type":"ECS Task State Change","detail":{}}"#).is_none());
        assert!(asks(r#"{"source":"aws.autoscaling","detail":{"x":1}}"#).is_none());
    }
}
