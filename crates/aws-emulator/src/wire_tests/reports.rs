//! Each API by which work is reported on: what it accepts, and what it answers to a second report,
//! to an identity that was never open, and to a request beyond its limits.

use super::*;

const STEP: &str = "step-0f5706de-1ab4-4d1c-95ae-b4fd2e0d0b1f";
const IMAGE: &str = "arn:aws:imagebuilder:us-east-1:123456789012:image/app/1.0.0/1";
const TOKEN: &str = "71514b9d-6a40-4b26-8523-05e7ee35fa40";
const DEPLOYMENT: &str = "arn:aws:ecs:us-east-1:123456789012:service-deployment/c/s/1";

/// Sends a whole request.
pub(super) async fn request(endpoint: &Endpoint, line: &str, headers: &str, body: &str) -> Seen {
    let mut stream = endpoint.connect_in_memory();
    let request = format!(
        "{line} HTTP/1.1\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.expect("the endpoint reads");
    read(stream).await
}

async fn json_call(endpoint: &Endpoint, service: &str, target: &str, body: &Value) -> Seen {
    read(send(endpoint, target, &signed(service), &body.to_string()).await).await
}

async fn rest_call(endpoint: &Endpoint, service: &str, line: &str, body: &str) -> Seen {
    request(endpoint, line, &format!("host: localhost\r\n{}", signed(service)), body).await
}

async fn form_call(endpoint: &Endpoint, form: &str) -> Seen {
    let form = format!("Version=2011-01-01&{form}");
    let headers =
        format!("host: a\r\ncontent-type: application/x-www-form-urlencoded\r\n{}", signed("autoscaling"));
    request(endpoint, "POST /", &headers, &form).await
}

/// Status and error name, as an SDK would read them.
fn told(seen: &Seen) -> (u16, String) {
    let header = seen.head.lines().find_map(|line| line.strip_prefix("x-amzn-errortype: "));
    let json: Value = serde_json::from_str(&seen.body).unwrap_or_default();
    let in_json = json["__type"].as_str().map(|name| name.rsplit('#').next().unwrap_or(name));
    let in_xml = || seen.body.split_once("<Code>")?.1.split('<').next();
    let code = header.or(in_json).or_else(in_xml).unwrap_or_default();
    (seen.status.unwrap_or_default(), code.to_owned())
}

fn ok() -> (u16, String) {
    (200, String::new())
}

fn bad(code: &str) -> (u16, String) {
    (400, code.to_owned())
}

fn cause(endpoint: &Endpoint, id: &str) -> Option<String> {
    endpoint.task(id)?.failure()?.cause.clone()
}

#[tokio::test(start_paused = true)]
async fn a_durable_callback_fails_once_with_its_texts() {
    let endpoint = endpoint_with(Vec::new()).await;
    endpoint.open(Work::durable_callback("Ab9h/Z+i="));
    endpoint.open(Work { timeout_ms: Some(0), ..Work::durable_callback("late") });
    let fail = |id: &'static str, body: &'static str| {
        let line = format!("POST /2025-12-01/durable-execution-callbacks/{id}/fail");
        let endpoint = endpoint.clone();
        async move { rest_call(&endpoint, "lambda", &line, body).await }
    };
    let body = r#"{"ErrorType":"T","ErrorMessage":"M","ErrorData":"{}"}"#;
    let unknown = told(&fail("bm9uZQ%3D%3D", body).await);
    assert_eq!(unknown, (404, "ResourceNotFoundException".to_owned()));
    let accepted = fail("Ab9h%2FZ%2Bi%3D", body).await;
    assert_eq!((told(&accepted), accepted.body.as_str()), (ok(), "{}"));
    let report = endpoint.task("Ab9h/Z+i=").expect("it was opened");
    let failure = report.failure().expect("it failed");
    assert_eq!(
        (failure.error.as_deref(), failure.cause.as_deref(), failure.data.as_deref()),
        (Some("T"), Some("M"), Some("{}"))
    );
    let again = fail("Ab9h%2FZ%2Bi%3D", body).await;
    assert_eq!(told(&again), bad("InvalidParameterValueException"));
    assert!(again.body.contains(r#""Type":"User""#), "{again:?}");
    assert_eq!(told(&fail("late", "").await), bad("CallbackTimeoutException"));
    assert_eq!(told(&fail("a%3Db", "").await), bad("ValidationException"));
    assert_eq!(told(&fail("late", r#"{"ErrorType":1}"#).await), bad("SerializationException"));
    let unrouted = told(&fail("a/b", "").await);
    assert_eq!(unrouted, (404, "UnknownOperationException".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_durable_callback_takes_heartbeats_and_a_result_of_bytes() {
    let endpoint = endpoint_with(Vec::new()).await;
    endpoint.open(Work { heartbeat_timeout_ms: Some(1000), ..Work::durable_callback("id") });
    for _ in 0..3 {
        endpoint.advance(Duration::from_millis(900));
        let line = "POST /2025-12-01/durable-execution-callbacks/id/heartbeat";
        assert_eq!(told(&rest_call(&endpoint, "lambda", line, "").await), ok());
    }
    let line = "POST /2025-12-01/durable-execution-callbacks/id/succeed";
    let over = told(&rest_call(&endpoint, "lambda", line, &"x".repeat(1_048_577)).await);
    assert_eq!(over, bad("ValidationException"));
    assert_eq!(told(&rest_call(&endpoint, "lambda", line, "not JSON").await), ok());
    let report = endpoint.task("id").expect("it was opened");
    assert_eq!((report.heartbeats, report.state), (3, WorkState::Succeeded("bm90IEpTT04=".to_owned())));
}

#[tokio::test(start_paused = true)]
async fn a_pipeline_step_of_sage_maker_fails_once_and_a_repeated_call_is_answered_as_the_first() {
    let endpoint = endpoint_with(Vec::new()).await;
    endpoint.open(Work::sagemaker_step("26vcYbeWsZ"));
    let call = |body: Value| {
        let endpoint = endpoint.clone();
        let target = "SageMaker.SendPipelineExecutionStepFailure";
        async move { json_call(&endpoint, "sagemaker", target, &body).await }
    };
    let first = json!({"CallbackToken": "26vcYbeWsZ", "FailureReason": "why", "ClientRequestToken": TOKEN});
    let accepted = call(first.clone()).await;
    assert!(accepted.body.contains("arn:aws:sagemaker:us-east-1:123456789012:pipeline/"), "{accepted:?}");
    assert_eq!(told(&call(first).await), ok());
    assert_eq!(endpoint.task("26vcYbeWsZ").expect("it was opened").refused_reports, 0);
    let second = json!({"CallbackToken": "26vcYbeWsZ", "FailureReason": "else", "ClientRequestToken": TOKEN});
    assert_eq!(told(&call(second).await), bad("ResourceNotFound"));
    assert_eq!(told(&call(json!({"CallbackToken": "0000000000"})).await), bad("ResourceNotFound"));
    assert_eq!(told(&call(json!({"CallbackToken": "short"})).await), bad("ValidationException"));
    let long = json!({"CallbackToken": "26vcYbeWsZ", "FailureReason": "x".repeat(257)});
    assert_eq!(told(&call(long).await), bad("ValidationException"));
    assert_eq!(cause(&endpoint, "26vcYbeWsZ").as_deref(), Some("why"));
}

#[tokio::test(start_paused = true)]
async fn a_lifecycle_action_is_abandoned_once_by_its_token_or_by_its_instance() {
    let endpoint = endpoint_with(Vec::new()).await;
    endpoint.open(Work::lifecycle_action("my group", "my/hook", TOKEN, "i-1"));
    let complete = |form: String| {
        let endpoint = endpoint.clone();
        let action = "Action=CompleteLifecycleAction&LifecycleActionResult=ABANDON";
        async move { form_call(&endpoint, &format!("{action}&{form}")).await }
    };
    let place = "AutoScalingGroupName=my+group&LifecycleHookName=my%2Fhook";
    let beat = format!("Action=RecordLifecycleActionHeartbeat&{place}&InstanceId=i-1");
    assert_eq!(told(&form_call(&endpoint, &beat).await), ok());
    let accepted = complete(format!("{place}&InstanceId=i-1")).await;
    assert_eq!(told(&accepted), ok());
    assert!(accepted.body.contains("<CompleteLifecycleActionResult></CompleteLifecycleActionResult>"));
    let report = endpoint.task(TOKEN).expect("it was opened");
    let failure = report.failure().expect("it failed");
    assert_eq!((report.heartbeats, &failure.error, &failure.cause), (1, &None, &None));
    for (form, words) in [
        (
            format!("{place}&LifecycleActionToken={TOKEN}"),
            format!("<Message>No active Lifecycle Action found with token {TOKEN}"),
        ),
        (
            format!("{place}&InstanceId=i-2"),
            "<Message>No active Lifecycle Action found with instance ID i-2".to_owned(),
        ),
        (
            "AutoScalingGroupName=other&LifecycleHookName=my/hook&InstanceId=i-1".to_owned(),
            "<Message>AutoScalingGroup name not found - AutoScalingGroup other not found".to_owned(),
        ),
        (format!("{place}&LifecycleActionToken=short"), "Member must have length".to_owned()),
        (place.to_owned(), "<Message>Either a lifecycle action token".to_owned()),
    ] {
        let seen = complete(form).await;
        assert_eq!(told(&seen), bad("ValidationError"), "{seen:?}");
        assert!(seen.body.contains(&words), "{seen:?}");
    }
    let odd = "Action=CompleteLifecycleAction&LifecycleActionResult=MAYBE";
    assert_eq!(
        told(&form_call(&endpoint, &format!("{odd}&{place}&InstanceId=i-1")).await),
        bad("ValidationError")
    );
}

#[tokio::test(start_paused = true)]
async fn a_hook_of_code_deploy_fails_once_and_each_mistake_has_its_error() {
    let endpoint = endpoint_with(Vec::new()).await;
    endpoint.open(Work::code_deploy_hook("d-IHWDEND8F", "eyJl"));
    let put = |deployment: &str, hook: &str, status: &str| {
        let body = json!({
            "deploymentId": deployment, "lifecycleEventHookExecutionId": hook, "status": status,
        });
        let endpoint = endpoint.clone();
        let target = "CodeDeploy_20141006.PutLifecycleEventHookExecutionStatus";
        async move { json_call(&endpoint, "codedeploy", target, &body).await }
    };
    let accepted = put("d-IHWDEND8F", "eyJl", "Failed").await;
    assert_eq!(accepted.body, r#"{"lifecycleEventHookExecutionId":"eyJl"}"#);
    assert!(endpoint.task("eyJl").expect("it was opened").failure().is_some());
    for (deployment, hook, status, code) in [
        ("d-IHWDEND8F", "eyJl", "Failed", "LifecycleEventAlreadyCompletedException"),
        ("d-IHWDEND8F", "none", "Failed", "InvalidLifecycleEventHookExecutionIdException"),
        ("d-IHWDEND8F", "", "Failed", "InvalidLifecycleEventHookExecutionIdException"),
        ("d-NONE00000", "eyJl", "Failed", "DeploymentDoesNotExistException"),
        ("", "eyJl", "Failed", "DeploymentIdRequiredException"),
        ("IHWDEND8F", "eyJl", "Failed", "InvalidDeploymentIdException"),
        ("d-IHWDEND8F", "eyJl", "Pending", "InvalidLifecycleEventHookExecutionStatusException"),
        ("d-IHWDEND8F", "eyJl", "Odd", "ValidationException"),
    ] {
        assert_eq!(told(&put(deployment, hook, status).await), bad(code));
    }
}

#[tokio::test(start_paused = true)]
async fn an_approval_is_rejected_once_in_its_pipeline_stage_and_action() {
    let endpoint = endpoint_with(Vec::new()).await;
    let other = "00000000-6a40-4b26-8523-05e7ee35fa40";
    endpoint.open(Work::approval("P", "S", "A", TOKEN));
    endpoint.open(Work { timeout_ms: Some(0), ..Work::approval("P", "S", "A", other) });
    let put = |place: [&str; 3], token: &str, summary: &str| {
        let body = json!({
            "pipelineName": place[0], "stageName": place[1], "actionName": place[2], "token": token,
            "result": {"status": "Rejected", "summary": summary},
        });
        let endpoint = endpoint.clone();
        let target = "CodePipeline_20150709.PutApprovalResult";
        async move { json_call(&endpoint, "codepipeline", target, &body).await }
    };
    let unknown = "ffffffff-6a40-4b26-8523-05e7ee35fa40";
    for (place, token, code) in [
        (["X", "S", "A"], TOKEN, "PipelineNotFoundException"),
        (["P", "X", "A"], TOKEN, "StageNotFoundException"),
        (["P", "S", "X"], TOKEN, "ActionNotFoundException"),
        (["P", "S", "A"], unknown, "InvalidApprovalTokenException"),
        (["P", "S", "A"], other, "InvalidApprovalTokenException"),
        (["P", "S", "A"], "NOT-A-UUID", "ValidationException"),
    ] {
        assert_eq!(told(&put(place, token, "why").await), bad(code), "{place:?}");
    }
    let long = told(&put(["P", "S", "A"], TOKEN, &"x".repeat(513)).await);
    assert_eq!(long, bad("ValidationException"));
    assert_eq!(put(["P", "S", "A"], TOKEN, "why").await.body, r#"{"approvedAt":0}"#);
    assert_eq!(cause(&endpoint, TOKEN).as_deref(), Some("why"));
    let again = told(&put(["P", "S", "A"], TOKEN, "why").await);
    assert_eq!(again, bad("ApprovalAlreadyCompletedException"));
}

#[tokio::test(start_paused = true)]
async fn a_workflow_step_of_image_builder_stops_once_and_its_token_is_idempotent() {
    let endpoint = endpoint_with(Vec::new()).await;
    endpoint.open(Work::workflow_step(STEP, IMAGE));
    let stop = |step: &str, image: &str, reason: &str, token: &str| {
        let body = json!({
            "stepExecutionId": step, "imageBuildVersionArn": image, "action": "STOP", "reason": reason,
            "clientToken": token,
        });
        let endpoint = endpoint.clone();
        async move { rest_call(&endpoint, "imagebuilder", "PUT /SendWorkflowStepAction", &body.to_string()).await }
    };
    let none = STEP.replace('f', "e");
    let not_found = (404, "ResourceNotFoundException".to_owned());
    assert_eq!(told(&stop(&none, IMAGE, "why", "t").await), not_found);
    assert_eq!(told(&stop(STEP, &IMAGE.replace("app", "other"), "why", "t").await), not_found);
    assert_eq!(told(&stop("step-1", IMAGE, "why", "t").await), bad("InvalidParameterValueException"));
    let long = told(&stop(STEP, IMAGE, &"x".repeat(1025), "t").await);
    assert_eq!(long, bad("InvalidParameterValueException"));
    for _ in 0..2 {
        assert_eq!(told(&stop(STEP, IMAGE, "why", "t").await), ok());
    }
    let other = told(&stop(STEP, IMAGE, "else", "t").await);
    assert_eq!(other, bad("IdempotentParameterMismatchException"));
    assert_eq!(told(&stop(STEP, IMAGE, "why", "t2").await), bad("InvalidRequestException"));
    assert_eq!(cause(&endpoint, STEP).as_deref(), Some("why"));
}

#[tokio::test(start_paused = true)]
async fn an_engine_workflow_of_service_catalog_ends_once_by_each_of_three_operations() {
    for operation in ["ProvisionProduct", "UpdateProvisionedProduct", "TerminateProvisionedProduct"] {
        let endpoint = endpoint_with(Vec::new()).await;
        endpoint.open(Work::engine_workflow("token+/=", "rec-1"));
        let notify = |token: &str, record: &str, reason: &str, idempotency: &str| {
            let body = json!({
                "WorkflowToken": token, "RecordId": record, "Status": "FAILED", "FailureReason": reason,
                "IdempotencyToken": idempotency,
            });
            let endpoint = endpoint.clone();
            let target = format!("AWS242ServiceCatalogService.Notify{operation}EngineWorkflowResult");
            async move { json_call(&endpoint, "servicecatalog", &target, &body).await }
        };
        for (token, record, reason, code) in [
            ("token+/=", "rec-2", "why", "ResourceNotFoundException"),
            ("other", "rec-1", "why", "InvalidParametersException"),
            ("token+/=", "rec 1", "why", "ValidationException"),
            ("token+/=", "rec-1", "\u{1f600}", "ValidationException"),
            ("token+/=", "rec-1", "", "ValidationException"),
        ] {
            assert_eq!(told(&notify(token, record, reason, "i").await), bad(code), "{operation}");
        }
        assert_eq!(told(&notify("token+/=", "rec-1", "why", "i").await), ok());
        assert_eq!(told(&notify("token+/=", "rec-1", "why", "i").await), ok());
        let again = told(&notify("token+/=", "rec-1", "why", "i2").await);
        assert_eq!(again, bad("InvalidParametersException"));
        assert_eq!(cause(&endpoint, "rec-1").as_deref(), Some("why"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_deployment_hook_of_ecs_rolls_back_once_and_continues_by_default() {
    let endpoint = endpoint_with(Vec::new()).await;
    endpoint.open(Work::deployment_hook("ecs-pause-1", DEPLOYMENT));
    endpoint.open(Work::deployment_hook("ecs-pause-2", DEPLOYMENT));
    let go_on = |body: Value| {
        let endpoint = endpoint.clone();
        let target = "AmazonEC2ContainerServiceV20141113.ContinueServiceDeployment";
        async move { json_call(&endpoint, "ecs", target, &body).await }
    };
    let rollback = json!({"hookId": "ecs-pause-1", "serviceDeploymentArn": DEPLOYMENT, "action": "ROLLBACK"});
    assert!(go_on(rollback.clone()).await.body.contains(DEPLOYMENT));
    assert!(endpoint.task("ecs-pause-1").expect("it was opened").failure().is_some());
    assert_eq!(told(&go_on(rollback).await), bad("InvalidParameterException"));
    let default = json!({"hookId": "ecs-pause-2", "serviceDeploymentArn": DEPLOYMENT});
    assert_eq!(told(&go_on(default).await), ok());
    let state = endpoint.task("ecs-pause-2").expect("it was opened").state;
    assert_eq!(state, WorkState::Succeeded(String::new()));
    let (none, other) = (
        json!({"hookId": "none", "serviceDeploymentArn": DEPLOYMENT, "action": "ROLLBACK"}),
        json!({"hookId": "ecs-pause-1", "serviceDeploymentArn": "arn:other", "action": "ROLLBACK"}),
    );
    assert_eq!(told(&go_on(none).await), bad("InvalidParameterException"));
    assert_eq!(told(&go_on(other).await), bad("ServiceDeploymentNotFoundException"));
    let missing = json!({"hookId": "ecs-pause-1", "action": "ROLLBACK"});
    assert_eq!(told(&go_on(missing).await), bad("InvalidParameterException"));
}

#[tokio::test(start_paused = true)]
async fn work_is_opened_on_first_mention_whatever_names_it() {
    let endpoint = start(Options { auto_open: true, ..Options::default() }).await;
    let form = "AutoScalingGroupName=g&LifecycleHookName=h&LifecycleActionResult=ABANDON&InstanceId=i-1";
    let form = format!("Action=CompleteLifecycleAction&{form}");
    assert_eq!(told(&form_call(&endpoint, &form).await), ok());
    assert_eq!(told(&form_call(&endpoint, &form).await), bad("ValidationError"));
    for hook in ["ecs-pause-1", "ecs-pause-2"] {
        let body = json!({"hookId": hook, "serviceDeploymentArn": DEPLOYMENT, "action": "ROLLBACK"});
        let target = "AmazonEC2ContainerServiceV20141113.ContinueServiceDeployment";
        assert_eq!(told(&json_call(&endpoint, "ecs", target, &body).await), ok());
    }
    let kinds: Vec<&str> = endpoint.tasks().iter().map(|report| report.kind.name()).collect();
    assert_eq!(kinds, ["auto-scaling-lifecycle-action", "ecs-deployment-hook", "ecs-deployment-hook"]);
}

#[tokio::test(start_paused = true)]
async fn faults_are_written_in_each_protocol_and_find_their_identity() {
    let rules =
        ["a", "i-1"].map(|id| FaultRule::always("*", Fault::AccessDenied).matching(Matcher::identity(id)));
    let throttle = FaultRule::always("*", Fault::Throttle { code: None, status: 400 });
    let rules: Vec<FaultRule> = rules.into_iter().chain([throttle]).collect();
    let endpoint = start(Options { faults: rules, auto_open: true, ..Options::default() }).await;
    let fail = |id: &str| format!("POST /2025-12-01/durable-execution-callbacks/{id}/fail");
    let denied = rest_call(&endpoint, "lambda", &fail("a"), "").await;
    assert_eq!(told(&denied), (403, "AccessDeniedException".to_owned()));
    let throttled = rest_call(&endpoint, "lambda", &fail("b"), "").await;
    assert_eq!(told(&throttled), (429, "TooManyRequestsException".to_owned()));
    let form = "Action=CompleteLifecycleAction&AutoScalingGroupName=g&LifecycleHookName=h&InstanceId";
    let denied = form_call(&endpoint, &format!("{form}=i-1")).await;
    assert_eq!(told(&denied), (403, "AccessDenied".to_owned()));
    let throttled = form_call(&endpoint, &format!("{form}=i-2")).await;
    assert_eq!(told(&throttled), bad("Throttling"));
    assert!(
        throttled
            .body
            .starts_with("<ErrorResponse xmlns=\"http://autoscaling.amazonaws.com/doc/2011-01-01/\">")
    );
    assert_eq!(endpoint.faults_applied(), [1, 1, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_call_is_recorded_as_it_arrived_with_what_its_signature_is_for() {
    let endpoint = endpoint_with(Vec::new()).await;
    let line = "POST /2025-12-01/durable-execution-callbacks/a%2Fb%3D/fail?q=%20";
    let headers = format!("host: h\r\nX-Odd: 1\r\nX-Odd: 2\r\n{}", signed("lambda"));
    request(&endpoint, line, &headers, "{ }").await;
    let call = &endpoint.calls()[0];
    let path = "/2025-12-01/durable-execution-callbacks/a%2Fb%3D/fail";
    assert_eq!((call.method(), call.path(), call.query()), ("POST", path, Some("q=%20")));
    let odd: Vec<&[u8]> =
        call.headers().filter(|(name, _)| *name == "x-odd").map(|(_, value)| value).collect();
    assert_eq!((odd, call.header("X-ODD"), call.body()), (vec![&b"1"[..], b"2"], Some("1"), &b"{ }"[..]));
    let scope = call.signed_for.as_ref().expect("it is signed");
    assert_eq!((scope.service.as_str(), scope.region.as_str()), ("lambda", "us-east-1"));
}

#[tokio::test(start_paused = true)]
async fn a_wrong_signature_is_refused_where_signatures_are_checked() {
    let checking =
        Options { secret_access_key: Some("secret".to_owned()), auto_open: true, ..Options::default() };
    let endpoint = start(checking).await;
    let line = "POST /2025-12-01/durable-execution-callbacks/a%2Fb%2B%3D/fail?b=2&a=%20x";
    let signed_by_botocore = "host: lambda.us-east-1.amazonaws.com\r\ncontent-type: application/json\r\n\
         x-amz-date: 20250101T000000Z\r\nauthorization: AWS4-HMAC-SHA256 \
         Credential=AKIDEXAMPLE/20250101/us-east-1/lambda/aws4_request, \
         SignedHeaders=content-type;host;x-amz-date, \
         Signature=818436f63986a05ea94457d9a89a8f1af896b0d6dfb1030ce69f4863cbcd8767\r\n";
    let right = request(&endpoint, line, signed_by_botocore, r#"{"ErrorType":"T"}"#).await;
    assert_eq!(told(&right), ok());
    let wrong = request(&endpoint, line, signed_by_botocore, r#"{"ErrorType":"U"}"#).await;
    assert_eq!(told(&wrong), (403, "InvalidSignatureException".to_owned()));
    let form = "Action=CompleteLifecycleAction&AutoScalingGroupName=g&LifecycleHookName=h&InstanceId=i-1";
    assert_eq!(told(&form_call(&endpoint, form).await), (403, "SignatureDoesNotMatch".to_owned()));
}
