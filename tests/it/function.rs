//! The function's own binary, started as Lambda starts it: the Runtime API and AWS are on loopback. What the simulation cannot see is
//! seen here: what the process makes of an invocation, and what it writes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_emulator::{Endpoint, Fault, FaultRule, Options};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Mutex, oneshot};
use tokio::time::timeout;

const QUEUE: &str = "arn:aws:sqs:us-east-1:123456789012:failures";
const FUNCTION_ARN: &str = "arn:aws:lambda:us-east-1:123456789012:function:failure-relay";

/// What the function posted for an invocation.
#[derive(Debug, PartialEq)]
enum Posted {
    Response(Value),
    Error(Value),
}

/// An invocation that the function is to fetch.
struct Waiting {
    payload: Bytes,
    time_limit: Duration,
    posted: oneshot::Sender<Posted>,
}

/// The Lambda Runtime API for one process. <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>
struct RuntimeApi {
    waiting: Mutex<UnboundedReceiver<Waiting>>,
    under_way: Mutex<Option<(String, oneshot::Sender<Posted>)>>,
    invocations: AtomicU64,
}

impl RuntimeApi {
    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> hyper::Result<Response<Full<Bytes>>> {
        let path = request.uri().path().to_owned();
        let parts: Vec<&str> = path.trim_start_matches("/2018-06-01/runtime/").split('/').collect();
        match parts.as_slice() {
            ["invocation", "next"] => Ok(self.next().await),
            ["invocation", id, what] => {
                let body = request.into_body().collect().await?.to_bytes();
                let json = serde_json::from_slice(&body).unwrap();
                let (expected, posted) =
                    self.under_way.lock().await.take().expect("an invocation is under way");
                assert_eq!(*id, expected);
                let _ = posted.send(if *what == "response" {
                    Posted::Response(json)
                } else {
                    Posted::Error(json)
                });
                Ok(status(202))
            }
            _ => Ok(status(404)),
        }
    }

    async fn next(&self) -> Response<Full<Bytes>> {
        let Some(waiting) = self.waiting.lock().await.recv().await else { return status(410) };
        let id = format!("request-{}", self.invocations.fetch_add(1, Ordering::Relaxed));
        *self.under_way.lock().await = Some((id.clone(), waiting.posted));
        let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + waiting.time_limit;
        Response::builder()
            .header("lambda-runtime-aws-request-id", id)
            .header("lambda-runtime-deadline-ms", deadline.as_millis().to_string())
            .header("lambda-runtime-invoked-function-arn", FUNCTION_ARN)
            .body(Full::new(waiting.payload))
            .unwrap()
    }
}

fn status(status: u16) -> Response<Full<Bytes>> {
    Response::builder().status(status).body(Full::default()).unwrap()
}

/// The function, and AWS before it.
struct Function {
    endpoint: Endpoint,
    invocations: UnboundedSender<Waiting>,
    process: Child,
    output: PathBuf,
}

impl Function {
    async fn start(name: &str, variables: &[(&str, &str)]) -> Self {
        let endpoint = Endpoint::start(Options { auto_open: true, ..Options::default() }).await.unwrap();
        endpoint.create_queue("dead", &[]).unwrap();
        let (invocations, waiting) = unbounded_channel();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(serve(listener, waiting));
        let output = std::env::temp_dir().join(format!("failure-relay-{}-{name}.log", std::process::id()));
        let written = File::create(&output).unwrap();
        let process = Command::new(env!("CARGO_BIN_EXE_failure-relay"))
            .env_clear()
            .envs([
                ("AWS_LAMBDA_RUNTIME_API", address.as_str()),
                ("AWS_LAMBDA_FUNCTION_NAME", "failure-relay"),
                ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
                ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
                ("AWS_ENDPOINT_URL", endpoint.url()),
                ("AWS_REGION", "us-east-1"),
                ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
                ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
                ("RELAY_DEAD_LETTER_QUEUE_URL", &endpoint.queue_url("dead")),
            ])
            .envs(variables.iter().copied())
            .stderr(Stdio::from(written.try_clone().unwrap()))
            .stdout(written)
            .spawn()
            .unwrap();
        Self { endpoint, invocations, process, output }
    }

    async fn invoke(&self, payload: impl Into<Bytes>) -> Posted {
        self.invoke_within(payload, Duration::from_secs(20)).await
    }

    /// One invocation, which Lambda gives up after its time limit.
    async fn invoke_within(&self, payload: impl Into<Bytes>, time_limit: Duration) -> Posted {
        let (posted, answer) = oneshot::channel();
        let waiting = Waiting { payload: payload.into(), time_limit, posted };
        assert!(self.invocations.send(waiting).is_ok(), "the function runs");
        timeout(time_limit, answer).await.expect("it answers in its time").unwrap()
    }

    /// The messages of a batch that come back.
    async fn batch(&self, messages: &[(&str, &str)]) -> Vec<String> {
        came_back(self.invoke(batch(messages)).await)
    }

    fn written(&self) -> String {
        std::fs::read_to_string(&self.output).unwrap()
    }

    /// The lines that tell how an event ended, by the record's id.
    fn outcomes(&self) -> BTreeMap<String, Value> {
        let lines =
            self.written().lines().map(serde_json::from_str).collect::<Result<Vec<Value>, _>>().unwrap();
        let told = lines.into_iter().filter(|line| line["outcome"].is_string());
        let mut by_record = BTreeMap::new();
        for line in told {
            let id = line["record_id"].as_str().unwrap().to_owned();
            assert!(by_record.insert(id, line).is_none(), "one line an event");
        }
        by_record
    }
}

fn batch(messages: &[(&str, &str)]) -> String {
    let record = |(id, body): &(&str, &str)| {
        json!({"messageId": id, "body": body, "receiptHandle": "h", "eventSource": "aws:sqs", "eventSourceARN": QUEUE,
            "attributes": {"ApproximateReceiveCount": "2"}})
    };
    json!({"Records": messages.iter().map(record).collect::<Vec<_>>()}).to_string()
}

fn came_back(posted: Posted) -> Vec<String> {
    let Posted::Response(answer) = posted else { panic!("a batch is answered") };
    let failures = answer["batchItemFailures"].as_array().unwrap();
    failures.iter().map(|failure| failure["itemIdentifier"].as_str().unwrap().to_owned()).collect()
}

impl Drop for Function {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_file(&self.output);
    }
}

async fn serve(listener: TcpListener, waiting: UnboundedReceiver<Waiting>) {
    let api = Arc::new(RuntimeApi {
        waiting: Mutex::new(waiting),
        under_way: Mutex::default(),
        invocations: AtomicU64::default(),
    });
    while let Ok((stream, _)) = listener.accept().await {
        let api = Arc::clone(&api);
        let service = service_fn(move |request| Arc::clone(&api).answer(request));
        tokio::spawn(
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
        );
    }
}

fn event(kind: &str, token: &str) -> String {
    let secret = format!("secret-token-of-{token}");
    let target = match kind {
        "codepipeline-job" => json!({"kind": kind, "jobId": "01234567-89ab-cdef-0123-456789abcdef"}),
        "codepipeline-third-party-job" => {
            json!({"kind": kind, "jobId": format!("job-{token}"), "clientToken": secret})
        }
        _ => json!({"kind": kind, "taskToken": secret}),
    };
    // A worker that prints its token must not make it known.
    json!({"target": target, "id": format!("id {secret}"), "failure": {"message": secret, "details": {"t": secret}}}).to_string()
}

fn error(code: &str, message: &str) -> Fault {
    Fault::ServiceError {
        code: code.to_owned(),
        status: 400,
        message: message.to_owned(),
        after_effect: false,
    }
}

#[tokio::test]
async fn each_invocation_is_answered_with_what_became_of_its_own_records() {
    let function = Function::start("own", &[]).await;
    function.endpoint.set_faults(vec![FaultRule::always("RespondActivityTaskFailed", Fault::AccessDenied)]);
    for round in 0..3 {
        let (good, bad) = (format!("good-{round}"), format!("bad-{round}"));
        let events = [event("swf-activity-task", &bad), event("step-functions-task", &good)];
        assert_eq!(function.batch(&[(&bad, &events[0]), (&good, &events[1])]).await, [bad]);
        let Posted::Response(answer) = function.invoke(event("codepipeline-job", "")).await else {
            panic!("it is relayed, or found settled")
        };
        assert_eq!(answer["targetKind"], "codepipeline-job");
    }
}

#[tokio::test]
async fn an_event_without_a_queue_that_is_to_be_retried_fails_its_invocation() {
    let function = Function::start("fails", &[]).await;
    function.endpoint.set_faults(vec![FaultRule::always("SendTaskFailure", Fault::AccessDenied)]);
    let event = event("step-functions-task", "retry");
    let sns = json!({"Records": [{"EventSource": "aws:sns", "Sns": {"Message": event}}]}).to_string();
    let detail: Value = serde_json::from_str(&event).unwrap();
    let rule = json!({"detail-type": "Worker Failed", "source": "s", "detail": detail}).to_string();
    for payload in [event, sns, rule] {
        let posted = function.invoke(payload).await;
        assert!(matches!(&posted, Posted::Error(error) if error["errorType"] == "Retry"), "{posted:?}");
    }
    function.endpoint.set_faults(vec![FaultRule::always("SendMessage", Fault::AccessDenied)]);
    assert!(matches!(function.invoke("no json").await, Posted::Error(_)));
}

#[tokio::test]
async fn a_payload_that_is_no_json_is_a_dead_letter_and_the_function_lives_on() {
    let function = Function::start("no-json", &[]).await;
    for payload in ["no json", "", "{\"half\":", "\u{feff}"] {
        let Posted::Response(answer) = function.invoke(payload).await else { panic!("it is answered") };
        assert_eq!(
            (&answer["outcome"], &answer["errorCode"]),
            (&"dead-lettered".into(), &"MALFORMED_EVENT".into())
        );
    }
    let Posted::Response(answer) = function.invoke(Bytes::from_static(b"\xff\xfe")).await else {
        panic!("it is answered")
    };
    assert_eq!(answer["outcome"], "dead-lettered");
    let letters = function.endpoint.messages("dead").unwrap();
    let bodies: Vec<&str> = letters.iter().map(|letter| letter.body.as_str()).collect();
    // SQS stores no empty message.
    assert_eq!(bodies, ["no json", "\"\"", "{\"half\":", "\u{feff}", "\u{fffd}\u{fffd}"]);
}

#[tokio::test]
async fn the_first_line_names_version_and_commit() {
    let function = Function::start("version", &[]).await;
    function.invoke("no json").await;
    let line: Value = serde_json::from_str(function.written().lines().next().unwrap()).unwrap();
    assert_eq!(line["message"], "the relay starts");
    assert_eq!(line["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(line["commit"], option_env!("FAILURE_RELAY_COMMIT").unwrap_or("unknown"));
    assert_eq!(line["level"], "INFO");
}

#[tokio::test]
async fn each_event_ends_in_one_line_that_tells_its_own_end() {
    let function = Function::start("lines", &[("AWS_LAMBDA_LOG_LEVEL", "DEBUG")]).await;
    function.endpoint.set_faults(vec![
        FaultRule::always("RespondActivityTaskFailed", Fault::AccessDenied),
        FaultRule::always("PutThirdPartyJobFailureResult", error("InvalidJobStateException", "closed")),
    ]);
    let running =
        r#"{"source":"aws.ecs","detail-type":"ECS Task State Change","detail":{"lastStatus":"RUNNING"}}"#;
    let events = [
        event("step-functions-task", "a"),
        event("swf-activity-task", "b"),
        event("codepipeline-third-party-job", "c"),
        running.to_owned(),
        "no json".to_owned(),
    ];
    let ids = ["relayed", "retry", "already-settled", "ignored", "dead-lettered"];
    let messages: Vec<(&str, &str)> = ids.into_iter().zip(events.iter().map(String::as_str)).collect();
    assert_eq!(function.batch(&messages).await, ["retry"]);
    let lines = function.outcomes();
    let levels = [
        ("relayed", "INFO"),
        ("retry", "WARN"),
        ("already-settled", "INFO"),
        ("ignored", "DEBUG"),
        ("dead-lettered", "ERROR"),
    ];
    for (id, level) in levels {
        let line = &lines[id];
        assert_eq!((line["outcome"].as_str(), line["level"].as_str()), (Some(id), Some(level)));
        assert_eq!(line["receives"], 2);
    }
    assert_eq!(lines["retry"]["service_error"], "AccessDeniedException");
    assert_eq!(lines["dead-lettered"]["error_code"], "MALFORMED_EVENT");
    let fingerprints: BTreeSet<_> =
        lines.values().filter_map(|line| line["target_fingerprint"].as_str()).collect();
    assert_eq!(fingerprints.len(), 3, "each task has its own");
}

#[tokio::test]
async fn the_metrics_of_an_invocation_count_each_record_once() {
    let function = Function::start("metrics", &[("AWS_LAMBDA_LOG_LEVEL", "ERROR")]).await;
    function.endpoint.set_faults(vec![FaultRule::always("RespondActivityTaskFailed", Fault::AccessDenied)]);
    let (good, bad) = (event("step-functions-task", "good"), event("swf-activity-task", "bad"));
    let messages = [("1", good.as_str()), ("2", "no json"), ("3", &bad), ("4", &bad), ("5", "[]")];
    function.batch(&messages).await;
    let written = function.written();
    let lines: Vec<Value> = written.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let total = |metric: &str| lines.iter().filter_map(|line| line[metric].as_u64()).sum::<u64>();
    assert_eq!(["Relayed", "Retried", "DeadLettered"].map(total), [1, 2, 2]);
}

/// Sends what shows a token most easily: a token in the id, in the text, in a wrong target, and in a service's own words.
async fn tempt(function: &Function, code: &str, secret: &str) {
    let quoted = format!("no such token: {secret}");
    let rules = ["states:*", "swf:*", "codepipeline:*"]
        .map(|operation| FaultRule::always(operation, error(code, &quoted)));
    function.endpoint.set_faults(rules.into());
    let kinds = ["step-functions-task", "swf-activity-task", "codepipeline-third-party-job"];
    let events = kinds.map(|kind| event(kind, "x"));
    let wrong = events[0].replace("\"kind\":\"step", "\"region\":\"mars\",\"kind\":\"step");
    let unknown = events[0].replace("step-functions-task", secret);
    let mut messages: Vec<(&str, &str)> = kinds.into_iter().zip(events.iter().map(String::as_str)).collect();
    messages.extend([("wrong", wrong.as_str()), ("unknown", unknown.as_str())]);
    function.batch(&messages).await;
    for payload in [&events[0], &wrong] {
        let posted = function.invoke(payload.clone()).await;
        assert!(!format!("{posted:?}").contains(secret), "{posted:?}");
    }
}

#[tokio::test]
async fn no_token_is_shown_at_any_level() {
    let secret = "secret-token-of-x";
    for format in ["JSON", "Text"] {
        let variables = [
            ("AWS_LAMBDA_LOG_LEVEL", "TRACE"),
            ("AWS_LAMBDA_LOG_FORMAT", format),
            ("RELAY_MAX_RECEIVES", "2"),
        ];
        let function = Function::start(&format!("secrets-{format}"), &variables).await;
        for code in [
            "AccessDeniedException",
            "InvalidToken",
            "InvalidClientTokenException",
            "TaskTimedOut",
            "KmsAccessDeniedException",
        ] {
            tempt(&function, code, secret).await;
        }
        let (written, letters) = (function.written(), function.endpoint.messages("dead").unwrap());
        assert!(written.contains("target_fingerprint") && !letters.is_empty());
        let line = written.lines().find(|line| line.contains(secret));
        assert!(line.is_none(), "{line:?}");
        let attributes: Vec<_> = letters.iter().map(|letter| &letter.attributes).collect();
        assert!(!format!("{attributes:?}").contains(secret), "{attributes:?}");
    }
}

/// The time limit is shorter than that of a call.
#[tokio::test]
async fn a_service_that_never_answers_does_not_keep_the_function_from_answering_in_its_time() {
    let function = Function::start("hangs", &[]).await;
    function.endpoint.set_faults(vec![FaultRule::always("swf:*", Fault::NoAnswer { after_effect: false })]);
    let events = ["swf-activity-task", "step-functions-task"].map(|kind| event(kind, kind));
    let payload = batch(&[("silent", &events[0]), ("healthy", &events[1])]);
    assert_eq!(came_back(function.invoke_within(payload, Duration::from_secs(4)).await), ["silent"]);
}
