//! Presigned `PUT`s: what S3 stores or refuses, and what `CloudFormation` heeds of it.

use super::reports::request;
use super::*;

const STACK: &str = "arn:aws:cloudformation:eu-west-1:111111111111:stack/app/ff829c70";
const REQUEST: &str = "ad46aec7";

fn response(request_id: &str) -> Value {
    json!({
        "Status": "FAILED", "Reason": "why", "PhysicalResourceId": "p", "StackId": STACK,
        "RequestId": request_id, "LogicalResourceId": "Image",
    })
}

/// Sends a `PUT` to a URL, byte for byte, with headers beside host and length.
async fn put(endpoint: &Endpoint, url: &str, headers: &str, body: &str) -> Seen {
    let (host, path) =
        url.strip_prefix("https://").and_then(|rest| rest.split_once('/')).expect("it is a URL");
    request(endpoint, &format!("PUT /{path}"), &format!("host: {host}\r\n{headers}"), body).await
}

async fn with_resource() -> (Endpoint, String) {
    let endpoint = start(Options::default()).await;
    endpoint.open(Work::custom_resource(STACK, "Image", REQUEST));
    let url = endpoint.response_url(STACK, "Image", REQUEST);
    (endpoint, url)
}

fn code(seen: &Seen) -> Option<&str> {
    seen.body.split_once("<Code>")?.1.split('<').next()
}

#[tokio::test(start_paused = true)]
async fn a_custom_resource_fails_once_in_the_region_and_account_of_its_stack() {
    let (endpoint, url) = with_resource().await;
    assert!(url.starts_with(
        "https://cloudformation-custom-resource-response-euwest1.s3.eu-west-1.amazonaws.com/\
         arn%3Aaws%3Acloudformation%3Aeu-west-1%3A111111111111%3Astack/app/ff829c70%7CImage%7Cad46aec7?"
    ));
    let body = response(REQUEST).to_string();
    for (took_effect, unheeded) in [(true, None), (false, Some("It was answered or its time was up before."))]
    {
        let seen = put(&endpoint, &url, "content-type: \r\n", &body).await;
        assert_eq!((seen.status, seen.body.as_str()), (Some(200), ""));
        let outcome = endpoint.calls().pop().expect("it was recorded").outcome;
        assert_eq!((outcome.took_effect, outcome.unheeded.as_deref()), (took_effect, unheeded));
    }
    let report = endpoint.task(REQUEST).expect("it was opened");
    assert_eq!((report.region.as_str(), report.account.as_str()), ("eu-west-1", "111111111111"));
    let failure = report.failure().expect("it failed");
    assert_eq!((failure.cause.as_deref(), failure.data.as_deref()), (Some("why"), Some("p")));
    assert_eq!(report.refused_reports, 1);
}

#[tokio::test(start_paused = true)]
async fn a_call_shows_how_it_was_made_and_its_debug_form_no_part_of_the_url() {
    let (endpoint, url) = with_resource().await;
    put(&endpoint, &url, "content-type: text/plain\r\n", "{}").await;
    let call = &endpoint.calls()[0];
    assert_eq!(call.operation, Operation::PutCustomResourceResponse);
    let (_, sent) = url.split_once(".com").expect("it is a URL");
    assert_eq!(format!("{}?{}", call.path(), call.query().expect("it has one")), sent);
    assert_eq!((call.header("content-type"), call.header("content-length")), (Some("text/plain"), Some("2")));
    assert_eq!((call.signed_for.as_ref(), call.header("authorization")), (None, None));
    let debug = format!("{call:?}");
    assert!(!debug.contains("Signature") && !debug.contains(REQUEST), "{debug}");
}

#[tokio::test(start_paused = true)]
async fn what_s3_refuses_has_its_error_in_xml_and_no_effect() {
    let (endpoint, url) = with_resource().await;
    let body = response(REQUEST).to_string();
    let foreign = url.replace("ASIACLOUDFORMATION00", "ASIASOMEBODYELSE0000");
    let older =
        format!("{}?AWSAccessKeyId=A&Expires=60&Signature=s", url.split('?').next().unwrap_or_default());
    for (url, headers, status, expected) in [
        (url.replace("%7C", "%7c"), "", 403, "SignatureDoesNotMatch"),
        (url.replace("&X-Amz-Expires=7200", ""), "", 400, "AuthorizationQueryParametersError"),
        (url.replace("7200", "9999"), "", 403, "SignatureDoesNotMatch"),
        (url.replace("euwest1", "euwest2"), "", 404, "NoSuchBucket"),
        (url.split('?').next().unwrap_or_default().to_owned(), "", 403, "AccessDenied"),
        (url.clone(), "authorization: Basic eA==\r\n", 400, "InvalidArgument"),
        (older.clone(), "content-type: application/json\r\n", 403, "SignatureDoesNotMatch"),
    ] {
        let seen = put(&endpoint, &url, headers, &body).await;
        assert_eq!((seen.status, code(&seen)), (Some(status), Some(expected)), "{url}");
        assert!(seen.head.contains("content-type: application/xml"), "{seen:?}");
        assert!(!is_over(&endpoint), "{url}");
    }
    for url in [foreign, older] {
        let seen = put(&endpoint, &url, "content-type: \r\n", "not JSON").await;
        assert_eq!(seen.status, Some(200), "{url}");
    }
}

fn is_over(endpoint: &Endpoint) -> bool {
    endpoint.task(REQUEST).expect("it was opened").state != WorkState::Open
}

#[tokio::test(start_paused = true)]
async fn a_url_expires_by_its_own_query_and_the_endpoint_s_clock() {
    let (endpoint, url) = with_resource().await;
    let body = response(REQUEST).to_string();
    endpoint.advance(Duration::from_hours(2));
    let seen = put(&endpoint, &url, "", &body).await;
    assert_eq!((seen.status, code(&seen)), (Some(403), Some("AccessDenied")));
    assert!(seen.body.contains("<Message>Request has expired</Message>"), "{seen:?}");
    let older =
        format!("{}?AWSAccessKeyId=A&Expires=7200&Signature=s", url.split('?').next().unwrap_or_default());
    assert_eq!(put(&endpoint, &older, "", &body).await.status, Some(403));
    assert_eq!(put(&endpoint, &older.replace("7200", "7201"), "", &body).await.status, Some(200));
    assert!(is_over(&endpoint));
}

#[tokio::test(start_paused = true)]
async fn a_body_in_chunks_is_not_implemented() {
    let (endpoint, url) = with_resource().await;
    let (host, path) =
        url.strip_prefix("https://").and_then(|rest| rest.split_once('/')).expect("it is a URL");
    let mut stream = endpoint.connect_in_memory();
    let request = format!(
        "PUT /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n\
         2\r\n{{}}\r\n0\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.expect("the endpoint reads");
    let seen = read(stream).await;
    assert_eq!((seen.status, code(&seen)), (Some(501), Some("NotImplemented")));
    assert_eq!(endpoint.calls()[0].header("transfer-encoding"), Some("chunked"));
}

#[tokio::test(start_paused = true)]
async fn what_cloud_formation_does_not_heed_is_stored_and_recorded_with_the_reason() {
    let (endpoint, url) = with_resource().await;
    let with = |member: &str, value: Value| {
        let mut body = response(REQUEST);
        body[member] = value;
        body.to_string()
    };
    for (body, why) in [
        (with("Reason", json!("ü".repeat(2048))), "Response object is too long."),
        ("[]".to_owned(), "The response is not a JSON object."),
        (with("Status", json!("FAILURE")), "The response has no valid Status."),
        (with("Reason", json!("")), "The response has no Reason."),
        (with("PhysicalResourceId", json!("x".repeat(1025))), "Invalid PhysicalResourceId."),
        (with("RequestId", json!("another")), "The response's RequestId is not that of the URL."),
    ] {
        let seen = put(&endpoint, &url, "", &body).await;
        assert_eq!(seen.status, Some(200), "{why}");
        let outcome = endpoint.calls().pop().expect("it was recorded").outcome;
        assert_eq!((outcome.took_effect, outcome.unheeded.as_deref()), (false, Some(why)));
    }
    let unknown = endpoint.response_url(STACK, "Image", "unknown");
    put(&endpoint, &unknown, "", &response("unknown").to_string()).await;
    let outcome = endpoint.calls().pop().expect("it was recorded").outcome;
    assert_eq!(outcome.unheeded.as_deref(), Some("Nothing that is open waits for this response."));
    assert!(!is_over(&endpoint));
}

#[tokio::test(start_paused = true)]
async fn a_body_of_4096_bytes_is_the_longest_that_is_heeded() {
    let (endpoint, url) = with_resource().await;
    let mut body = response(REQUEST);
    let rest = 4096 - body.to_string().len();
    body["Reason"] = json!("x".repeat(rest + "why".len()));
    put(&endpoint, &url, "", &body.to_string()).await;
    assert!(is_over(&endpoint));
}

#[tokio::test(start_paused = true)]
async fn a_wait_condition_fails_once_and_the_same_signal_again_is_a_retransmission() {
    let endpoint = start(Options::default()).await;
    let url = endpoint.signal_url(STACK, "Handle");
    assert!(
        url.starts_with(
            "https://cloudformation-waitcondition-eu-west-1.s3.eu-west-1.amazonaws.com/arn%3Aaws"
        )
    );
    endpoint.open(Work::wait_condition(&url));
    let signal =
        |id: &str| json!({"Status": "FAILURE", "Reason": "why", "UniqueId": id, "Data": ""}).to_string();
    for (id, took_effect) in [("", false), ("a", true), ("a", true), ("b", false)] {
        assert_eq!(put(&endpoint, &url, "", &signal(id)).await.status, Some(200));
        let call = endpoint.calls().pop().expect("it was recorded");
        assert_eq!(
            (call.operation, call.outcome.took_effect),
            (Operation::PutWaitConditionSignal, took_effect)
        );
    }
    let report = &endpoint.tasks()[0];
    assert_eq!((report.region.as_str(), report.account.as_str()), ("eu-west-1", "111111111111"));
    assert_eq!(report.failure().and_then(|failure| failure.cause.as_deref()), Some("why"));
}

#[tokio::test(start_paused = true)]
async fn a_fault_of_s3_is_matched_by_the_request_s_id_and_written_in_its_xml() {
    let fault = Fault::ServiceError {
        code: "SignatureDoesNotMatch".to_owned(),
        status: 403,
        message: "told".to_owned(),
        after_effect: false,
    };
    let rule = FaultRule::always("s3:PutCustomResourceResponse", fault).matching(Matcher::identity(REQUEST));
    let (endpoint, url) = with_resource().await;
    endpoint.set_faults(vec![rule]);
    let seen = put(&endpoint, &url, "", &response(REQUEST).to_string()).await;
    assert_eq!((seen.status, code(&seen)), (Some(403), Some("SignatureDoesNotMatch")));
    assert!(!is_over(&endpoint));
}
