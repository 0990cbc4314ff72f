//! What holds for every kind: each limit at its boundary, each pattern as its expression, each request member by member.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::{Value, json};

use super::{Kind, Member, Rule, Target};
use crate::dead_letter::Reason;
use crate::event::Failure;
use crate::json::Json;
use crate::presigned::Bucket;
use crate::request::{HttpForm, Secrets};
use crate::secret::sha256_hex;
use crate::text::{MARKER, Truncation, utf16_len};

const UUID: &str = "0f9a1b2c-0000-4000-8000-0123456789ab";
const RESPONSE_URL: &str =
    "https://cloudformation-custom-resource-response-euwest1.s3.eu-west-1.amazonaws.com/a-key?Expires=1";
const SIGNAL_URL: &str =
    "https://cloudformation-waitcondition-eu-west-1.s3.eu-west-1.amazonaws.com/a/key?Expires=1";
const STACK: &str = "arn:aws:cloudformation:eu-west-1:111122223333:stack/app/1";
const IMAGE: &str = "arn:aws:imagebuilder:eu-west-1:111122223333:image/app/1.0.0/1";
const DEPLOYMENT: &str = "arn:aws:ecs:eu-west-1:111122223333:service-deployment/cluster/service/1";

/// A target of each kind with all members that it must have.
pub(super) fn sample(kind: Kind) -> Value {
    let mut target = match kind {
        Kind::CodePipelineJob => json!({"jobId": UUID}),
        Kind::CodePipelineThirdPartyJob => json!({"jobId": "j", "clientToken": "c"}),
        Kind::StepFunctionsTask | Kind::SwfActivityTask => json!({"taskToken": "t"}),
        Kind::LambdaDurableCallback => json!({"callbackId": "AA+/=="}),
        Kind::CloudFormationCustomResource => json!({
            "responseUrl": RESPONSE_URL, "stackId": STACK, "requestId": "r", "logicalResourceId": "L"
        }),
        Kind::CloudFormationWaitCondition => json!({"signalUrl": SIGNAL_URL}),
        Kind::SageMakerPipelineStep => json!({"callbackToken": "26vcYbeWsZ"}),
        Kind::AutoScalingLifecycleAction => json!({
            "autoScalingGroupName": "g", "lifecycleHookName": "h", "lifecycleActionToken": UUID
        }),
        Kind::CodeDeployLifecycleHook => json!({"deploymentId": "d", "lifecycleEventHookExecutionId": "h"}),
        Kind::CodePipelineApproval => {
            json!({"pipelineName": "P", "stageName": "S", "actionName": "A", "token": UUID})
        }
        Kind::ImageBuilderWorkflowStep => {
            json!({"stepExecutionId": format!("step-{UUID}"), "imageBuildVersionArn": IMAGE})
        }
        Kind::ServiceCatalogEngineWorkflow => {
            json!({"operation": "PROVISION_PRODUCT", "workflowToken": "w", "recordId": "rec-1"})
        }
        Kind::EcsDeploymentHook => json!({"hookId": "h", "serviceDeploymentArn": DEPLOYMENT}),
    };
    target["kind"] = json!(kind.name());
    target
}

fn read(target: &Value) -> Result<Target, Reason> {
    let text = target.to_string();
    Target::read(&Json::parse(&text).unwrap().object().unwrap())
}

fn reads(kind: Kind, member: &str, value: &str) -> bool {
    let mut target = sample(kind);
    target[member] = json!(value);
    read(&target).is_ok()
}

fn all_members() -> impl Iterator<Item = (Kind, &'static Member)> {
    Kind::ALL.iter().flat_map(|kind| kind.members().iter().map(|member| (*kind, member)))
}

/// A text of so many units that keeps the rule in everything but, perhaps, its length; `None` where the length is in the form.
fn of_length(rule: Rule, units: usize) -> Option<String> {
    let filled = |start: &str, with: &str| {
        let fill = units.checked_sub(start.len())?;
        Some(format!("{start}{}", with.repeat(fill)))
    };
    match rule {
        Rule::Length { .. } | Rule::Bytes { .. } => filled("", "x"),
        Rule::Arn { .. } => filled("arn:aws:s:eu-west-1:111122223333:r", "x"),
        Rule::PresignedUrl { bucket: Bucket::CustomResourceResponse, .. } => filled(RESPONSE_URL, "x"),
        Rule::PresignedUrl { bucket: Bucket::WaitCondition, .. } => filled(SIGNAL_URL, "x"),
        Rule::Pattern { pattern, .. } => {
            let text = filled("", "A")?;
            Regex::new(pattern.regex).unwrap().is_match(&text).then_some(text)
        }
        Rule::LowerCaseUuid | Rule::OneOf(_) => None,
    }
}

#[test]
fn a_sample_of_each_kind_is_a_target_of_it() {
    for kind in Kind::ALL {
        assert_eq!(read(&sample(*kind)).unwrap().kind(), *kind);
    }
}

#[test]
fn each_limit_holds_at_its_boundary() {
    let mut checked = 0;
    for (kind, member) in all_members() {
        let Some(max) = member.rule.max() else { continue };
        assert!(!reads(kind, member.name, ""), "{} {} is taken empty", kind.name(), member.name);
        if let Some(longest) = of_length(member.rule, max) {
            assert!(reads(kind, member.name, &longest), "{} {} of {max}", kind.name(), member.name);
            let over = of_length(member.rule, max + 1).unwrap_or_else(|| format!("{longest}A"));
            assert!(!reads(kind, member.name, &over), "{} {} of {max} and one", kind.name(), member.name);
            checked += 1;
        }
    }
    assert!(checked >= 25, "only {checked} limits were checked");
}

#[test]
fn lengths_are_utf16_units_but_where_bytes_are_named() {
    for (kind, member) in all_members() {
        match member.rule {
            Rule::Length { max } => {
                let half = "😀".repeat(max / 2);
                assert!(reads(kind, member.name, &half), "{} {}", kind.name(), member.name);
                assert!(!reads(kind, member.name, &format!("{half}😀")), "{} {}", kind.name(), member.name);
            }
            Rule::Bytes { max } => {
                let quarter = "😀".repeat(max / 4);
                assert!(reads(kind, member.name, &quarter), "{} {}", kind.name(), member.name);
                assert!(
                    !reads(kind, member.name, &format!("{quarter}😀")),
                    "{} {}",
                    kind.name(),
                    member.name
                );
            }
            _ => {}
        }
    }
}

#[test]
fn a_member_that_is_required_is_missed_and_one_that_is_not_is_a_text_or_absent() {
    for (kind, member) in all_members() {
        let mut target = sample(kind);
        for wrong in [json!(7), json!({}), json!([]), json!(true)] {
            target[member.name] = wrong;
            let reason = read(&target).unwrap_err().message;
            assert!(reason.starts_with(&format!("target.{}: expected a string", member.name)), "{reason}");
        }
        target[member.name] = Value::Null;
        let is_the_one = kind.one_of().contains(&member.name) && sample(kind).get(member.name).is_some();
        let is_needed = member.is_required || is_the_one;
        assert_eq!(read(&target).is_err(), is_needed, "{} {}", kind.name(), member.name);
    }
}

/// Texts around what a pattern takes: each short text of the characters that matter, and small changes of what fits.
fn candidates() -> Vec<String> {
    let pieces = [
        "", "A", "z", "0", "-", "_", ".", "@", "/", "+", "=", "==", "===", " ", "\n", "é", "😀", ":",
        "step-", UUID,
    ];
    let mut texts = Vec::new();
    for first in pieces {
        for second in pieces {
            texts.extend(pieces.map(|third| format!("{first}{second}{third}")));
        }
    }
    let accounts = [
        "111122223333",
        "11112222333",
        "1111222233334",
        "aws",
        "aws-",
        "aws-marketplace",
        "aws-Ab",
        "aws-a1",
        "amazon",
        "",
    ];
    let images = [
        "a/1.0.0/1",
        "a-_0/10.20.30/40",
        "A/1.0.0/1",
        "a/1.0.0",
        "a/1.0/1",
        "a/1.0.0.0/1",
        "/1.0.0/1",
        "a/1.0.0/",
        "a/1..0/1",
        "a/1.0.0/1/2",
        "a/1.0.0/x",
        "a:b/1.0.0/1",
    ];
    for partition in ["aws", "aws-cn", "awsx", "gov", ""] {
        for service in ["imagebuilder", "ec2"] {
            for region in ["eu-west-1", "anywhere", ""] {
                for account in accounts {
                    texts.extend(
                        images.map(|image| {
                            format!("arn:{partition}:{service}:{region}:{account}:image/{image}")
                        }),
                    );
                }
            }
        }
    }
    texts.extend(["26vcYbeWsZ", "26vcYbeWs", "26vcYbeWsZ1", "26vcYbeWs-"].map(str::to_owned));
    let upper = UUID.to_uppercase();
    texts.extend([upper.clone(), format!("step-{upper}"), UUID.replace('-', "_"), UUID.replace('0', "g")]);
    texts
}

#[test]
fn each_matcher_agrees_with_its_expression() {
    let mut patterns = BTreeMap::new();
    for (_, member) in all_members() {
        if let Rule::Pattern { pattern, .. } = member.rule {
            patterns.insert(pattern.regex, pattern);
        }
    }
    assert!(patterns.len() >= 9, "{patterns:?}");
    let texts = candidates();
    for (regex, pattern) in patterns {
        let expression = Regex::new(regex).unwrap();
        let mut matched = 0;
        for text in &texts {
            assert_eq!((pattern.matches)(text), expression.is_match(text), "{regex} and {text:?}");
            matched += usize::from((pattern.matches)(text));
        }
        assert!(matched > 0 && matched < texts.len(), "no text puts {regex} to the test");
    }
}

#[test]
fn the_other_rules_agree_with_the_expressions_that_the_schema_has() {
    let texts = candidates().into_iter().chain([RESPONSE_URL, SIGNAL_URL, STACK, UUID].map(str::to_owned));
    let texts: Vec<String> = texts.collect();
    let other = all_members().filter(|(_, member)| !matches!(member.rule, Rule::Pattern { .. }));
    for (kind, member) in other {
        let Some(regex) = member.rule.regex() else { continue };
        let expression = Regex::new(regex).unwrap();
        for text in texts.iter().filter(|text| reads(kind, member.name, text)) {
            assert!(expression.is_match(text), "{} {} takes {text:?}", kind.name(), member.name);
        }
    }
}

fn failure() -> Failure<'static> {
    Failure {
        given_type: Some("T".into()),
        given_message: Some("m".into()),
        details: Some("{ \"a\" : 1.50 }".into()),
        external_execution_id: Some("run".into()),
        event_id: None,
    }
}

const NOTE: &str = "T: m\n{ \"a\" : 1.50 }\nrun";

pub(super) fn form(target: &Value, failure: &Failure<'_>) -> (HttpForm, Vec<Truncation>) {
    let mut truncations = Vec::new();
    let form = read(target).unwrap().request(failure, &mut truncations).http(Secrets::Shown);
    (form, truncations)
}

/// The body of the request that reports [`failure`], written from the services' references.
fn expected(kind: Kind) -> Value {
    let token = |identity: &str| sha256_hex(&format!("{}\n{identity}", kind.name()));
    let context = r#"{"message":"m","details":{ "a" : 1.50 },"externalExecutionId":"run"}"#;
    let job = json!({"type": "JobFailed", "message": "T: m\n{ \"a\" : 1.50 }", "externalExecutionId": "run"});
    match kind {
        Kind::CodePipelineJob => json!({"jobId": UUID, "failureDetails": job}),
        Kind::CodePipelineThirdPartyJob => json!({"jobId": "j", "clientToken": "c", "failureDetails": job}),
        Kind::StepFunctionsTask => json!({"taskToken": "t", "error": "T", "cause": context}),
        Kind::SwfActivityTask => json!({"taskToken": "t", "reason": "T", "details": context}),
        Kind::LambdaDurableCallback => json!({
            "ErrorType": "T", "ErrorMessage": "m",
            "ErrorData": r#"{"details":{ "a" : 1.50 },"externalExecutionId":"run"}"#,
        }),
        Kind::CloudFormationCustomResource => json!({
            "Status": "FAILED", "Reason": NOTE, "PhysicalResourceId": "failure-relay:r", "StackId": STACK,
            "RequestId": "r", "LogicalResourceId": "L",
        }),
        Kind::CloudFormationWaitCondition => {
            let id = &sha256_hex(SIGNAL_URL.split('?').next().unwrap())[..32];
            json!({"Status": "FAILURE", "Reason": NOTE, "UniqueId": id, "Data": ""})
        }
        Kind::SageMakerPipelineStep => json!({
            "CallbackToken": "26vcYbeWsZ", "FailureReason": NOTE, "ClientRequestToken": token("26vcYbeWsZ"),
        }),
        // A form: see below.
        Kind::AutoScalingLifecycleAction => Value::Null,
        Kind::CodeDeployLifecycleHook => {
            json!({"deploymentId": "d", "lifecycleEventHookExecutionId": "h", "status": "Failed"})
        }
        Kind::CodePipelineApproval => json!({
            "pipelineName": "P", "stageName": "S", "actionName": "A", "token": UUID,
            "result": {"summary": NOTE, "status": "Rejected"},
        }),
        Kind::ImageBuilderWorkflowStep => {
            let step = format!("step-{UUID}");
            json!({
                "stepExecutionId": step, "imageBuildVersionArn": IMAGE, "action": "STOP", "reason": NOTE,
                "clientToken": token(&step),
            })
        }
        Kind::ServiceCatalogEngineWorkflow => json!({
            "WorkflowToken": "w", "RecordId": "rec-1", "Status": "FAILED", "FailureReason": NOTE,
            "IdempotencyToken": token("rec-1"),
        }),
        Kind::EcsDeploymentHook => {
            json!({"serviceDeploymentArn": DEPLOYMENT, "hookId": "h", "action": "ROLLBACK"})
        }
    }
}

#[test]
fn each_request_is_what_its_service_takes() {
    for kind in Kind::ALL {
        let (form, truncations) = form(&sample(*kind), &failure());
        assert!(truncations.is_empty(), "{truncations:?}");
        if *kind == Kind::AutoScalingLifecycleAction {
            let expected = format!(
                "Action=CompleteLifecycleAction&Version=2011-01-01&AutoScalingGroupName=g&LifecycleHookName=h\
                 &LifecycleActionToken={UUID}&LifecycleActionResult=ABANDON"
            );
            assert_eq!(form.body, expected);
        } else {
            let body: Value = serde_json::from_str(&form.body).unwrap();
            assert_eq!(body, expected(*kind), "{}", kind.name());
        }
    }
}

#[test]
fn a_path_is_always_the_same_but_for_a_callback_and_a_url() {
    for kind in Kind::ALL {
        let (form, _) = form(&sample(*kind), &failure());
        let (method, path) = match kind {
            Kind::LambdaDurableCallback => {
                ("POST", "/2025-12-01/durable-execution-callbacks/AA%2B%2F%3D%3D/fail")
            }
            Kind::CloudFormationCustomResource => ("PUT", "/a-key?Expires=1"),
            Kind::CloudFormationWaitCondition => ("PUT", "/a/key?Expires=1"),
            Kind::ImageBuilderWorkflowStep => ("PUT", "/SendWorkflowStepAction"),
            Kind::CodePipelineJob
            | Kind::CodePipelineThirdPartyJob
            | Kind::StepFunctionsTask
            | Kind::SwfActivityTask
            | Kind::SageMakerPipelineStep
            | Kind::AutoScalingLifecycleAction
            | Kind::CodeDeployLifecycleHook
            | Kind::CodePipelineApproval
            | Kind::ServiceCatalogEngineWorkflow
            | Kind::EcsDeploymentHook => ("POST", "/"),
        };
        assert_eq!((form.method, form.path.as_str()), (method, path), "{}", kind.name());
    }
}

#[test]
fn a_response_to_cloudformation_fills_its_bytes_and_no_more() {
    for kind in [Kind::CloudFormationCustomResource, Kind::CloudFormationWaitCondition] {
        for text in ["m", "é", "枠", "😀", "\"", "\u{1}", "a\u{1}é😀\""] {
            let failure = Failure { given_message: Some(text.repeat(5000).into()), ..Failure::default() };
            let (form, truncations) = form(&sample(kind), &failure);
            assert!((4091..=4096).contains(&form.body.len()), "{} bytes of {text:?}", form.body.len());
            let body: Value = serde_json::from_str(&form.body).unwrap();
            let reason = body["Reason"].as_str().unwrap();
            assert!(reason.ends_with(MARKER));
            assert_eq!(truncations.len(), 1);
            assert_eq!((truncations[0].field, truncations[0].to), ("Reason", utf16_len(reason)));
        }
    }
}

/// Every text of a body, those inside of others and of JSON in a text too.
fn texts_of(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => match serde_json::from_str(text) {
            Ok(inner @ Value::Object(_)) => texts_of(&inner),
            _ => vec![text.clone()],
        },
        Value::Object(members) => members.values().flat_map(texts_of).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn the_id_of_an_event_is_the_last_line_of_a_text_however_much_of_that_is_cut() {
    let id = "é".repeat(100);
    let line = format!("\nfailure-relay event_id: {id}");
    for kind in Kind::ALL.iter().filter(|kind| kind.carries_text()) {
        for details in [None, Some("[1]".into()), Some(format!("\"{}\"", "d".repeat(300_000)).into())] {
            for message in ["m".to_owned(), "m".repeat(40_000)] {
                let failure = Failure {
                    given_message: Some(message.into()),
                    details: details.clone(),
                    event_id: Some(id.as_str().into()),
                    ..Failure::default()
                };
                let (named, truncations) = form(&sample(*kind), &failure);
                let texts = texts_of(&serde_json::from_str(&named.body).unwrap());
                let is_named = texts.iter().any(|text| text.ends_with(&line) || *text == id);
                assert!(is_named, "{}: {truncations:?}", kind.name());
                assert!(truncations.iter().all(|cut| cut.to < cut.from), "{}: {truncations:?}", kind.name());
                let (unnamed, _) = form(&sample(*kind), &Failure { event_id: None, ..failure });
                assert!(!unnamed.body.contains(&id), "{}", kind.name());
            }
        }
    }
}

#[test]
fn a_text_with_the_id_of_its_event_is_within_its_limit() {
    let event_id = Some("i".repeat(100).into());
    let failure = Failure { given_message: Some("m".repeat(40_000).into()), ..Failure::default() };
    let named = Failure { event_id, ..failure.clone() };
    for kind in Kind::ALL.iter().filter(|kind| kind.carries_text()) {
        let (_, whole) = form(&sample(*kind), &failure);
        let (_, truncations) = form(&sample(*kind), &named);
        assert_eq!(truncations.len(), 1, "{}", kind.name());
        assert_eq!(truncations[0].field, whole[0].field);
        // In JSON, whose bytes CloudFormation counts, a line break takes two.
        assert!(
            (0..=1).contains(&(whole[0].to - truncations[0].to)),
            "{}: {} of {}",
            kind.name(),
            truncations[0].to,
            whole[0].to
        );
    }
}

#[test]
fn service_catalog_is_sent_a_space_for_what_it_refuses() {
    let message = "\u{0}a\u{8}\t\n\u{b}\r\u{1f} \u{7f}\u{d7ff}\u{e000}\u{fffd}\u{fffe}\u{ffff}😀z";
    let failure = Failure { given_message: Some(message.into()), ..Failure::default() };
    let (form, _) = form(&sample(Kind::ServiceCatalogEngineWorkflow), &failure);
    let body: Value = serde_json::from_str(&form.body).unwrap();
    assert_eq!(body["FailureReason"], " a \t\n \r  \u{7f}\u{d7ff}\u{e000}\u{fffd}   z");
}

#[test]
fn a_tracer_tag_is_sent_where_a_product_is_provisioned() {
    for (operation, is_sent) in [
        ("PROVISION_PRODUCT", true),
        ("UPDATE_PROVISIONED_PRODUCT", false),
        ("TERMINATE_PROVISIONED_PRODUCT", false),
    ] {
        let mut target = sample(Kind::ServiceCatalogEngineWorkflow);
        target["operation"] = json!(operation);
        target["tracerTagKey"] = json!("k");
        target["tracerTagValue"] = json!("v");
        let (form, _) = form(&target, &failure());
        let body: Value = serde_json::from_str(&form.body).unwrap();
        let tag = json!({"UniqueTag": {"Key": "k", "Value": "v"}});
        assert_eq!(body.get("ResourceIdentifier"), is_sent.then_some(&tag), "{operation}");
    }
}
