//! What must hold for every input, however odd: no panic, exactly one decision, limits that are kept, and a dead letter that
//! holds the record's body byte for byte and routes again as the record did.

use failure_event::dead_letter::{DeadLetter, Label, MESSAGE_SIZE_MAX, Reason};
use failure_event::envelope::{self, Body, Delivery, Record, Via};
use failure_event::json::{Json, JsonString};
use failure_event::place::Home;
use failure_event::request::{Address, Request, Secrets};
use failure_event::route::{Decision, PlannedRegistration, Route, route};
use failure_event::rules::Rules;
use failure_event::target::{Given, Kind};
use serde_json::Value;

/// Messages of this queue are abandoned work.
pub const ABANDONED_QUEUE: &str = "arn:aws:sqs:us-east-1:123456789012:render-jobs-dead-letters";

/// Any other queue.
pub const QUEUE: &str = "arn:aws:sqs:us-east-1:123456789012:failures";

const FUNCTION: &str = "arn:aws:lambda:us-east-1:123456789012:function:failure-relay";

/// The limits of the services, as their references state them: by operation, where a text stands in its input, and how many
/// UTF-16 code units it may have.
const LIMITS: [(&str, &[(&str, usize)]); 16] = [
    ("SendTaskFailure", &[("/taskToken", 2048), ("/error", 256), ("/cause", 32_768)]),
    ("RespondActivityTaskFailed", &[("/taskToken", 1024), ("/reason", 256), ("/details", 32_768)]),
    (
        "PutJobFailureResult",
        &[("/jobId", 36), ("/failureDetails/message", 5000), ("/failureDetails/externalExecutionId", 1500)],
    ),
    (
        "PutThirdPartyJobFailureResult",
        &[
            ("/jobId", 512),
            ("/clientToken", 256),
            ("/failureDetails/message", 5000),
            ("/failureDetails/externalExecutionId", 1500),
        ],
    ),
    (
        "SendDurableExecutionCallbackFailure",
        &[("/CallbackId", 1024), ("/ErrorType", 256), ("/ErrorMessage", 8192), ("/ErrorData", 32_768)],
    ),
    ("PutCustomResourceResponse", &[("/StackId", 1024), ("/RequestId", 128), ("/Reason", 4096)]),
    ("PutWaitConditionSignal", &[("/UniqueId", 64), ("/Reason", 4096)]),
    (
        "SendPipelineExecutionStepFailure",
        &[("/CallbackToken", 10), ("/FailureReason", 256), ("/ClientRequestToken", 128)],
    ),
    (
        "CompleteLifecycleAction",
        &[
            ("/AutoScalingGroupName", 1600),
            ("/LifecycleHookName", 255),
            ("/LifecycleActionToken", 36),
            ("/InstanceId", 19),
        ],
    ),
    (
        "PutLifecycleEventHookExecutionStatus",
        &[("/deploymentId", 64), ("/lifecycleEventHookExecutionId", 2048)],
    ),
    (
        "PutApprovalResult",
        &[("/pipelineName", 100), ("/stageName", 100), ("/actionName", 100), ("/result/summary", 512)],
    ),
    ("SendWorkflowStepAction", &[("/stepExecutionId", 41), ("/reason", 1024), ("/clientToken", 64)]),
    ("NotifyProvisionProductEngineWorkflowResult", ENGINE_WORKFLOW),
    ("NotifyUpdateProvisionedProductEngineWorkflowResult", ENGINE_WORKFLOW),
    ("NotifyTerminateProvisionedProductEngineWorkflowResult", ENGINE_WORKFLOW),
    ("ContinueServiceDeployment", &[("/hookId", 256), ("/serviceDeploymentArn", 2048)]),
];

const ENGINE_WORKFLOW: &[(&str, usize)] = &[
    ("/WorkflowToken", 20_000),
    ("/RecordId", 100),
    ("/FailureReason", 2048),
    ("/IdempotencyToken", 128),
    ("/ResourceIdentifier/UniqueTag/Key", 128),
    ("/ResourceIdentifier/UniqueTag/Value", 256),
];

/// Fails when a kind is in none of the tables here: each of its operations has limits, and one of the targets is of it.
pub fn check_tables() {
    for kind in Kind::ALL {
        let named = format!("\"kind\":\"{}\"", kind.name());
        assert!(TARGETS.iter().any(|target| target.contains(&named)), "no target is a {}", kind.name());
        for operation in kind.operations() {
            let is_listed = LIMITS.iter().any(|(name, _)| *name == operation.name);
            assert!(is_listed, "the limits of {} of {} are not listed", operation.name, kind.name());
        }
    }
}

/// The largest answer to CloudFormation, in bytes.
const RESPONSE_BYTES_MAX: usize = 4096;

/// A target of each kind.
pub const TARGETS: [&str; 14] = [
    r#"{"kind":"step-functions-task","taskToken":"token"}"#,
    r#"{"kind":"swf-activity-task","taskToken":"token","region":"eu-west-1"}"#,
    r#"{"kind":"codepipeline-job","jobId":"01234567-89ab-cdef-0123-456789abcdef","account":"111122223333"}"#,
    r#"{"kind":"codepipeline-third-party-job","jobId":"job","clientToken":"token"}"#,
    r#"{"kind":"lambda-durable-callback","callbackId":"dG9rZW4="}"#,
    r#"{"kind":"cloudformation-custom-resource","responseUrl":"https://cloudformation-custom-resource-response-useast1.s3.us-east-1.amazonaws.com/key?Expires=4102444799","stackId":"arn:aws:cloudformation:us-east-1:123456789012:stack/s/1","requestId":"r","logicalResourceId":"L"}"#,
    r#"{"kind":"cloudformation-wait-condition","signalUrl":"https://cloudformation-waitcondition-eu-west-1.s3.eu-west-1.amazonaws.com/key?Expires=4102444799"}"#,
    r#"{"kind":"sagemaker-pipeline-step","callbackToken":"26vcYbeWsZ"}"#,
    r#"{"kind":"auto-scaling-lifecycle-action","autoScalingGroupName":"g","lifecycleHookName":"h","instanceId":"i-1"}"#,
    r#"{"kind":"codedeploy-lifecycle-hook","deploymentId":"d-1","lifecycleEventHookExecutionId":"token"}"#,
    r#"{"kind":"codepipeline-approval","pipelineName":"p","stageName":"s","actionName":"a","token":"01234567-89ab-cdef-0123-456789abcdef"}"#,
    r#"{"kind":"image-builder-workflow-step","stepExecutionId":"step-01234567-89ab-cdef-0123-456789abcdef","imageBuildVersionArn":"arn:aws:imagebuilder:eu-west-1:111122223333:image/a/1.0.0/1"}"#,
    r#"{"kind":"service-catalog-engine-workflow","operation":"PROVISION_PRODUCT","workflowToken":"token","recordId":"rec-1"}"#,
    r#"{"kind":"ecs-deployment-hook","hookId":"h","serviceDeploymentArn":"arn:aws:ecs:eu-west-1:123456789012:service-deployment/c/s/1"}"#,
];

fn rules() -> Rules {
    Rules {
        regions: vec!["eu-west-1".to_owned()],
        accounts: vec!["111122223333".to_owned()],
        abandoned_work_queues: vec![ABANDONED_QUEUE.to_owned()],
        task_token_names: vec!["callback".to_owned(), "/deep/token".to_owned()],
        has_table: true,
        ..Rules::default()
    }
}

/// Checks all that must hold for a payload of an invocation.
pub fn check_payload(payload: &str) {
    match envelope::open(payload) {
        Delivery::SqsBatch(records) => {
            check_bodies(payload, &records);
            records.iter().for_each(check_record);
        }
        Delivery::Sns(records) => records.iter().for_each(check_record),
        Delivery::Single(record) => {
            assert_eq!(record.body.as_arrived(), payload, "the whole payload is the body");
            check_record(&record);
        }
    }
}

/// Checks a text as the body of a message.
pub fn check_body(body: &str, queue_arn: &str) {
    let attributes = serde_json::json!({"ApproximateReceiveCount": "3", "SenderId": "AIDAEXAMPLE"});
    let record = serde_json::json!({
        "messageId": "m", "receiptHandle": "h", "body": body, "attributes": attributes,
        "eventSource": "aws:sqs", "eventSourceARN": queue_arn,
    });
    check_payload(&serde_json::json!({"Records": [record]}).to_string());
}

/// Each record stands for one of the batch, and its body is what another JSON parser reads there.
fn check_bodies(payload: &str, records: &[Record<'_>]) {
    let Ok(parsed) = serde_json::from_str::<Value>(payload.trim_start_matches('\u{feff}')) else { return };
    let Some(expected) = parsed["Records"].as_array() else { return };
    assert_eq!(records.len(), expected.len(), "no record is lost and none is made up");
    for (record, expected) in records.iter().zip(expected) {
        if let Some(body) = expected["body"].as_str() {
            assert_eq!(record.body.as_arrived(), body, "a body is not byte for byte");
        }
    }
}

fn check_record(record: &Record<'_>) {
    let home = Home::new("us-east-1", FUNCTION);
    let routed = route(record, &rules(), &home);
    check_decision(&routed);
    let letter = check_letter(record, &routed);
    // What SQS stores is valid UTF-8, so a lone surrogate has been replaced; and only queues are redriven to.
    if matches!(record.via, Via::Sqs(_))
        && !letter.body.contains('\u{fffd}')
        && record.body.embedded().is_some()
    {
        let body = Body::Text(JsonString::from(letter.body.as_str()));
        let redriven = Record { origin: record.origin.clone(), via: record.via.clone(), body };
        let again = route(&redriven, &rules(), &home);
        assert_eq!(described(&routed), described(&again), "a redriven letter routes as the record did");
    }
}

/// What is decided, as far as it can be seen from outside.
fn described(route: &Route) -> String {
    match &route.decision {
        Decision::Call(planned) => {
            let form = planned.request.http(Secrets::Shown);
            format!("{:?} {} {:?} {} {}", planned.place, form.method, form.host, form.path, form.body)
        }
        Decision::Register(planned) => {
            format!("{:?} {} {}", planned.registration, planned.holder.key, planned.holder.target.expose())
        }
        Decision::LookUp(unnamed) => format!("{:?}", unnamed.resources),
        Decision::Unroutable(reason) => format!("{reason}"),
        Decision::Ignore => "ignored".to_owned(),
    }
}

fn check_decision(route: &Route) {
    match &route.decision {
        Decision::Call(planned) => {
            check_request(&planned.request);
            assert_eq!(route.subject.kind, Some(planned.request.kind));
        }
        Decision::Register(planned) => check_registration(planned),
        Decision::LookUp(unnamed) => assert!(!unnamed.resources.is_empty(), "a notice names what died"),
        Decision::Unroutable(reason) => check_reason(reason),
        Decision::Ignore => {}
    }
}

/// What is stored is an item, and the target in it is one that would be reported.
fn check_registration(planned: &PlannedRegistration) {
    let target = Json::parse(planned.holder.target.expose()).expect("a stored target is JSON");
    let target = target.object().expect("a stored target is an object");
    assert!(Given::read(&target).target.is_ok(), "a stored target is right");
    let failure = planned.holder.failure.as_deref().unwrap_or("null");
    assert!(Json::parse(failure).is_ok(), "a stored failure is JSON");
    let size = failure.len() + planned.holder.target.expose().len();
    assert!(size < 350_000, "an item of {size} bytes fits");
}

fn check_request(request: &Request) {
    let operation = request.operation.name;
    let input: Value =
        serde_json::from_str(&request.input().to_json(Secrets::Shown)).expect("an input is JSON");
    let (_, limits) =
        LIMITS.iter().find(|(name, _)| *name == operation).expect("the limits of each operation are listed");
    for (pointer, limit) in *limits {
        let text = input.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        assert!(text.encode_utf16().count() <= *limit, "{operation}: {pointer} is too long");
    }
    let form = request.http(Secrets::Shown);
    assert!(form.path.bytes().all(|byte| byte.is_ascii_graphic()), "{operation}: no path of a request line");
    if let Address::Presigned(_) = &request.address {
        assert!(form.body.len() <= RESPONSE_BYTES_MAX, "{operation}: the body is too long");
    }
}

fn check_reason(reason: &Reason) {
    assert!(!reason.message.is_empty(), "a reason says something");
    assert!(reason.message.encode_utf16().count() <= 1024, "a reason is short");
}

fn check_letter(record: &Record<'_>, routed: &Route) -> DeadLetter {
    let given = Reason::invalid("given");
    let reason = if let Decision::Unroutable(reason) = &routed.decision { reason } else { &given };
    let label = Label {
        reason,
        target_kind: routed.subject.kind.map(Kind::name),
        event_id: routed.subject.header.id.as_deref(),
        publisher: routed.subject.publisher.as_deref(),
        origin: &record.origin,
    };
    let letter =
        DeadLetter::new(record.body.as_arrived().into_owned(), label).with_fifo_ids(label, "request");
    assert_eq!(letter.body, record.body.as_arrived());
    assert!(letter.attributes.is_empty() || letter.size() <= MESSAGE_SIZE_MAX, "attributes go first");
    assert!(letter.attributes.len() <= 10, "SQS takes ten attributes");
    for (name, value) in &letter.attributes {
        assert!(!value.is_empty(), "{name} is empty");
        assert!(value.chars().all(is_stored_by_sqs), "{name} holds what SQS refuses");
    }
    for id in letter.fifo.iter().flat_map(|fifo| [&fifo.group, &fifo.deduplication]) {
        assert!((1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic()));
    }
    letter
}

/// `#x9 #xA #xD #x20–#xD7FF #xE000–#xFFFD #x10000–#x10FFFF`, by the reference of `SendMessage`.
fn is_stored_by_sqs(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}
