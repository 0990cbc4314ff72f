//! Each answer of each API alone, and what becomes of the record: the contract's table, row by row.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use failure_relay::local::{Endpoint, Fault, FaultRule, Matcher, Operation, Options};
use serde_json::{Value, json};

use super::dice::Dice;
use super::lambda::{End, Environment, Limits, batch_payload};
use super::wire::Mischief;

const RELAYED: &str = "relayed";
const SETTLED: &str = "already-settled";
const REJECTED: &str = "dead-lettered";
const RETRY: &str = "retry";

/// The four APIs: operation, `target`, and the names that end a record.
const APIS: [Api; 4] = [
    Api {
        operation: "SendTaskFailure",
        target: r#"{"kind":"step-functions-task","taskToken":"t"}"#,
        settled: &["TaskTimedOut", "TaskDoesNotExist"],
        rejected: &["InvalidToken"],
    },
    Api {
        operation: "RespondActivityTaskFailed",
        target: r#"{"kind":"swf-activity-task","taskToken":"t"}"#,
        settled: &["UnknownResourceFault"],
        rejected: &[],
    },
    Api {
        operation: "PutJobFailureResult",
        target: r#"{"kind":"codepipeline-job","jobId":"01234567-89ab-cdef-0123-456789abcdef"}"#,
        settled: &["InvalidJobStateException"],
        rejected: &["JobNotFoundException", "InvalidClientTokenException"],
    },
    Api {
        operation: "PutThirdPartyJobFailureResult",
        target: r#"{"kind":"codepipeline-third-party-job","jobId":"j","clientToken":"c"}"#,
        settled: &["InvalidJobStateException"],
        rejected: &["JobNotFoundException", "InvalidClientTokenException"],
    },
];

/// Names that end a record of every API.
const REJECTED_BY_ALL: [&str; 4] = [
    "ValidationException",
    "SerializationException",
    "InvalidParameterValue",
    "InvalidParameterValueException",
];

/// Answers after which a later try can help, whatever the API. The names that end a record elsewhere end none here.
const RETRIED_BY_ALL: [(&str, u16); 28] = [
    ("ThrottlingException", 400),
    ("Throttling", 400),
    ("ThrottledException", 400),
    ("TooManyRequestsException", 429),
    ("RequestLimitExceeded", 400),
    ("ProvisionedThroughputExceededException", 400),
    ("KmsThrottlingException", 400),
    ("", 429),
    ("", 400),
    ("InternalServerError", 500),
    ("InternalFailure", 500),
    ("ServiceUnavailable", 503),
    ("ValidationException", 500),
    ("ValidationException", 429),
    ("AccessDeniedException", 400),
    ("AccessDeniedException", 403),
    ("AccessDenied", 403),
    ("KmsAccessDenied", 400),
    ("ExpiredTokenException", 400),
    ("ExpiredToken", 403),
    ("UnrecognizedClientException", 400),
    ("InvalidSignatureException", 403),
    ("InvalidClientTokenId", 403),
    ("MissingAuthenticationTokenException", 403),
    ("OperationNotPermittedFault", 400),
    ("InvalidNonceException", 400),
    ("ResourceNotFoundException", 400),
    ("NobodyKnowsThisException", 400),
];

struct Api {
    operation: &'static str,
    target: &'static str,
    settled: &'static [&'static str],
    rejected: &'static [&'static str],
}

impl Api {
    /// Each error and status, and how a record ends that is answered with it.
    fn rows(&self) -> Vec<(&'static str, u16, &'static str)> {
        let of =
            |names: &[&'static str], outcome| names.iter().map(move |name| (*name, 400, outcome)).collect();
        let foreign: Vec<&str> = APIS
            .iter()
            .flat_map(|api| api.settled.iter().chain(api.rejected))
            .copied()
            .filter(|name| !self.settled.contains(name) && !self.rejected.contains(name))
            .collect();
        let retried = RETRIED_BY_ALL.map(|(name, status)| (name, status, RETRY)).to_vec();
        let failing = self.settled.iter().chain(self.rejected).map(|name| (*name, 500, RETRY)).collect();
        [
            of(self.settled, SETTLED),
            of(self.rejected, REJECTED),
            of(&REJECTED_BY_ALL, REJECTED),
            of(&foreign, RETRY),
            retried,
            failing,
        ]
        .concat()
    }

    fn event(&self) -> String {
        format!("{{\"target\":{},\"failure\":{{\"message\":\"why\"}}}}", self.target)
    }
}

fn error(code: &str, status: u16) -> Fault {
    Fault::ServiceError { code: code.to_owned(), status, message: "said it".to_owned(), after_effect: false }
}

/// An environment before an endpoint of its own, in virtual time.
struct Stage {
    endpoint: Endpoint,
    environment: Environment,
}

impl Stage {
    async fn set(name: &str, variables: &[(&str, &str)]) -> Self {
        let options = Options { region: format!("sim-{name}"), auto_open: true, ..Options::default() };
        let endpoint = Endpoint::start(options).await.unwrap();
        endpoint.create_queue("dead", &[]).unwrap();
        let mischief = Arc::new(Mutex::new(Mischief { panic: 0, empty_answer: 0, dice: Dice::seeded(1) }));
        let given = |name: &str| match name {
            "RELAY_DEAD_LETTER_QUEUE_URL" => Some("http://sim/123456789012/dead".to_owned()),
            "AWS_ENDPOINT_URL" => Some("http://sim".to_owned()),
            "AWS_REGION" => Some(endpoint.region().to_owned()),
            "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some("ENVIRONMENT".to_owned()),
            _ => None,
        };
        let variable = |name: &str| {
            let own = variables.iter().find(|(variable, _)| *variable == name);
            own.map(|(_, value)| (*value).to_owned()).or_else(|| given(name))
        };
        let environment = Environment::with(&variable, &endpoint, &mischief, "ENVIRONMENT".to_owned());
        Self { endpoint, environment }
    }

    async fn invoke(&self, payload: &str) -> End {
        self.invoke_for(payload, None).await
    }

    /// An invocation that is given up after so many polls.
    async fn invoke_for(&self, payload: &str, polls: Option<u64>) -> End {
        let time_limit = Duration::from_mins(1);
        let limits = Limits { remaining: Some(time_limit), time_limit, polls };
        self.environment.invoke(payload, &self.endpoint, limits).await
    }

    /// How an event ends that comes without a queue, and the code of its dead letter.
    async fn outcome(&self, event: &str) -> (String, Option<String>) {
        match self.invoke(event).await {
            End::Failed => (RETRY.to_owned(), None),
            End::Answered(answer) => {
                let member = |name: &str| answer[name].as_str().map(str::to_owned);
                (member("outcome").unwrap(), member("errorCode"))
            }
            other => panic!("{other:?}"),
        }
    }

    /// The messages of a batch that come back.
    async fn batch(&self, messages: &[Value], queue_arn: &str) -> Vec<String> {
        let End::Answered(answer) = self.invoke(&batch_payload(messages, queue_arn, "r")).await else {
            panic!("a batch is answered")
        };
        let failures = answer["batchItemFailures"].as_array().unwrap();
        failures.iter().map(|failure| failure["itemIdentifier"].as_str().unwrap().to_owned()).collect()
    }

    fn letters(&self) -> Vec<(String, Option<String>)> {
        let letters = self.endpoint.messages("dead").unwrap();
        letters
            .iter()
            .map(|letter| (letter.body.clone(), letter.attributes.get("ERROR_CODE").cloned()))
            .collect()
    }
}

fn in_virtual_time(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.unwrap().block_on(test);
}

fn message(id: &str, body: &str, receives: u32) -> Value {
    json!({"MessageId": id, "ReceiptHandle": format!("handle-{id}"), "Body": body,
        "Attributes": {"ApproximateReceiveCount": receives.to_string()}})
}

const QUEUE: &str = "arn:aws:sqs:us-east-1:123456789012:failures";

#[test]
fn each_answer_ends_the_record_as_the_table_says() {
    in_virtual_time(async {
        for api in &APIS {
            let stage = Stage::set(api.operation, &[]).await;
            for (code, status, expected) in api.rows() {
                stage.endpoint.set_faults(vec![FaultRule::always(api.operation, error(code, status))]);
                let before = stage.letters().len();
                let (outcome, letter) = stage.outcome(&api.event()).await;
                assert_eq!(outcome, expected, "{} answered {code:?} with {status}", api.operation);
                let is_letter = expected == REJECTED;
                assert_eq!(letter.as_deref(), is_letter.then_some("REJECTED_BY_SERVICE"));
                assert_eq!(stage.letters().len(), before + usize::from(is_letter), "{code:?} with {status}");
            }
            stage.endpoint.set_faults(Vec::new());
            assert_eq!(stage.outcome(&api.event()).await.0, RELAYED);
        }
    });
}

#[test]
fn a_200_is_an_acceptance_whatever_its_body_holds() {
    in_virtual_time(async {
        for api in &APIS {
            let stage = Stage::set(&format!("{}-200", api.operation), &[]).await;
            let error = Fault::ErrorIn200 { code: "InternalFailure".to_owned(), after_effect: true };
            for fault in [Fault::Garbage200 { after_effect: true }, error] {
                stage.endpoint.set_faults(vec![FaultRule::always(api.operation, fault)]);
                assert_eq!(stage.outcome(&api.event()).await.0, RELAYED);
                stage.endpoint.forget_tasks();
            }
        }
    });
}

#[test]
fn the_second_try_without_texts_decides_where_the_key_cannot_be_used() {
    in_virtual_time(async {
        let [api, ..] = &APIS;
        let second_answers = [
            (None, RELAYED),
            (Some(error("TaskTimedOut", 400)), SETTLED),
            (Some(error("InvalidToken", 400)), REJECTED),
            (Some(error("KmsAccessDeniedException", 400)), RETRY),
            (Some(error("KmsInvalidStateException", 400)), RETRY),
            (Some(Fault::AccessDenied), RETRY),
            (Some(Fault::ServerError { status: 500, after_effect: false }), RETRY),
            (Some(Fault::NoAnswer { after_effect: false }), RETRY),
        ];
        for first in ["KmsAccessDeniedException", "KmsInvalidStateException"] {
            let stage = Stage::set(first, &[]).await;
            for (second, expected) in &second_answers {
                let with_text = Matcher { body_contains: Some("\"cause\"".to_owned()), ..Matcher::default() };
                let key = FaultRule::always(api.operation, error(first, 400)).matching(with_text);
                let second = second.clone().map(|fault| FaultRule::always(api.operation, fault));
                stage.endpoint.set_faults([key].into_iter().chain(second).collect());
                stage.endpoint.forget_calls();
                assert_eq!(stage.outcome(&api.event()).await.0, *expected, "{first}, then {expected}");
                let calls = stage.endpoint.calls_of(Operation::SendTaskFailure);
                let (with_text, bare): (Vec<_>, Vec<_>) =
                    calls.iter().partition(|call| call.json().unwrap()["cause"].is_string());
                assert!(!with_text.is_empty() && !bare.is_empty(), "both were tried");
                assert!(bare.iter().all(|call| call.json().unwrap()["error"].is_null()), "no text at all");
            }
        }
    });
}

#[test]
fn another_key_error_brings_no_second_try_without_texts() {
    in_virtual_time(async {
        let stage = Stage::set("other-key-error", &[]).await;
        let [api, ..] = &APIS;
        for code in ["KmsThrottlingException", "KmsDisabledException", "AccessDeniedException"] {
            stage.endpoint.set_faults(vec![FaultRule::always(api.operation, error(code, 400))]);
            assert_eq!(stage.outcome(&api.event()).await.0, RETRY);
        }
        let calls = stage.endpoint.calls_of(Operation::SendTaskFailure);
        assert!(calls.iter().all(|call| call.json().unwrap()["cause"] == "why"));
    });
}

#[test]
fn letters_and_back_off_go_to_the_regions_of_their_queues() {
    in_virtual_time(async {
        let variables = [
            ("AWS_REGION", "sim-home"),
            ("RELAY_DEAD_LETTER_QUEUE_URL", "https://sqs.sim-queues-1.amazonaws.com/123456789012/dead"),
            ("RELAY_RETRY_BASE_SECONDS", "5"),
        ];
        let stage = Stage::set("queues-1", &variables).await;
        stage.endpoint.set_faults(vec![FaultRule::always("SendTaskFailure", Fault::AccessDenied)]);
        let [api, ..] = &APIS;
        let messages = [message("a", "no json", 1), message("b", &api.event(), 1)];
        let came_back = stage.batch(&messages, "arn:aws:sqs:ap-south-1:123456789012:failures").await;
        assert_eq!(came_back, ["b"]);
        let regions = |operation| {
            stage.endpoint.calls_of(operation).into_iter().map(|call| call.region).collect::<Vec<_>>()
        };
        assert_eq!(regions(Operation::SendMessage), ["sim-queues-1"]);
        assert_eq!(regions(Operation::ChangeMessageVisibilityBatch), ["ap-south-1"]);
        assert_eq!(regions(Operation::SendTaskFailure), ["sim-home"]);
    });
}

#[test]
fn each_call_goes_to_the_place_of_its_own_target() {
    in_virtual_time(async {
        let places = [
            (None, None),
            (Some("far-1"), None),
            (None, Some("222222222222")),
            (Some("far-1"), Some("222222222222")),
            (Some("far-2"), Some("333333333333")),
            (Some("far-2"), None),
        ];
        let variables = [
            ("RELAY_ALLOWED_REGIONS", "far-1,far-2"),
            ("RELAY_ALLOWED_ACCOUNTS", "222222222222,333333333333"),
            ("RELAY_ROLE_NAME", "role"),
        ];
        let stage = Stage::set("places", &variables).await;
        let own = ("sim-places".to_owned(), stage.endpoint.account().to_owned());
        // Twice: with clients that are made and with clients that are kept.
        for round in 0..2 {
            let token = |number: usize| format!("token-{round}-{number}");
            let event = |number: usize, (region, account): &(Option<&str>, Option<&str>)| json!({"target": {"kind": "step-functions-task", "taskToken": token(number), "region": region, "account": account}});
            let messages: Vec<Value> = places
                .iter()
                .enumerate()
                .map(|(number, place)| message(&number.to_string(), &event(number, place).to_string(), 1))
                .collect();
            assert!(stage.batch(&messages, QUEUE).await.is_empty());
            let calls = stage.endpoint.calls_of(Operation::SendTaskFailure);
            for (number, (region, account)) in places.iter().enumerate() {
                let of_token: Vec<_> =
                    calls.iter().filter(|call| call.json().unwrap()["taskToken"] == token(number)).collect();
                let expected = (region.unwrap_or(&own.0), account.unwrap_or(&own.1));
                let found: Vec<_> =
                    of_token.iter().map(|call| (call.region.as_str(), call.account.as_str())).collect();
                assert_eq!(found, [expected]);
            }
        }
    });
}

#[test]
fn only_the_last_receive_of_an_attempted_record_exhausts_it() {
    in_virtual_time(async {
        let variables = [
            ("RELAY_MAX_RECEIVES", "3"),
            ("RELAY_ABANDONED_WORK_QUEUES", "arn:aws:sqs:us-east-1:123456789012:jobs-dead"),
        ];
        let stage = Stage::set("exhausted", &variables).await;
        stage.endpoint.set_faults(vec![FaultRule::always("SendTaskFailure", Fault::AccessDenied)]);
        let [api, ..] = &APIS;
        let messages: Vec<Value> =
            (1..=5).map(|receives| message(&receives.to_string(), &api.event(), receives)).collect();
        assert_eq!(stage.batch(&messages, QUEUE).await, ["1", "2"]);
        let exhausted = (api.event(), Some("RETRIES_EXHAUSTED".to_owned()));
        assert_eq!(stage.letters(), [exhausted.clone(), exhausted.clone(), exhausted]);
        // The receives of abandoned work began in the worker's own queue.
        let abandoned = [message("w", r#"{"TASK_TOKEN":"t"}"#, 9)];
        assert_eq!(stage.batch(&abandoned, "arn:aws:sqs:us-east-1:123456789012:jobs-dead").await, ["w"]);
        assert_eq!(stage.letters().len(), 3);
    });
}

#[test]
fn followers_of_a_group_are_never_exhausted() {
    in_virtual_time(async {
        let stage = Stage::set("followers", &[("RELAY_MAX_RECEIVES", "3")]).await;
        stage.endpoint.set_faults(vec![FaultRule::always("SendTaskFailure", Fault::AccessDenied)]);
        let [api, ..] = &APIS;
        let messages: Vec<Value> = [("first", 1), ("second", 9)]
            .map(|(id, receives)| {
                let mut message = message(id, &api.event(), receives);
                message["Attributes"]["MessageGroupId"] = "g".into();
                message
            })
            .into();
        assert_eq!(stage.batch(&messages, &format!("{QUEUE}.fifo")).await, ["first", "second"]);
        assert!(stage.letters().is_empty());
    });
}

#[test]
fn a_batch_fails_as_a_whole_where_a_record_that_is_to_be_retried_has_no_id() {
    in_virtual_time(async {
        let stage = Stage::set("no-id", &[]).await;
        let [api, ..] = &APIS;
        for id in [Value::Null, "".into()] {
            let mut nameless = message("", &api.event(), 1);
            nameless["MessageId"] = id;
            let payload = batch_payload(&[nameless, message("other", &api.event(), 1)], QUEUE, "r");
            assert!(matches!(stage.invoke(&payload).await, End::Answered(_)), "nothing is to be retried");
            stage.endpoint.set_faults(vec![FaultRule::always(api.operation, Fault::AccessDenied)]);
            assert_eq!(stage.invoke(&payload).await, End::Failed);
            stage.endpoint.set_faults(Vec::new());
        }
    });
}

#[test]
fn a_message_that_a_batch_holds_twice_is_named_once() {
    in_virtual_time(async {
        let stage = Stage::set("twice", &[]).await;
        let [api, ..] = &APIS;
        stage.endpoint.set_faults(vec![FaultRule::always(api.operation, Fault::AccessDenied)]);
        let messages = [message("a", &api.event(), 1), message("a", &api.event(), 2)];
        assert_eq!(stage.batch(&messages, QUEUE).await, ["a"]);
    });
}

#[test]
fn letters_of_an_invocation_that_was_given_up_are_not_sent_with_the_next() {
    in_virtual_time(async {
        for polls in 0..12 {
            let stage = Stage::set(&format!("given-up-{polls}"), &[]).await;
            let given_up = batch_payload(&["1", "2", "3"].map(|id| message(id, "given up", 1)), QUEUE, "r");
            let _ = stage.invoke_for(&given_up, Some(polls)).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
            stage.endpoint.forget_calls();
            assert!(stage.batch(&["4", "5"].map(|id| message(id, "next", 1)), QUEUE).await.is_empty());
            let sent = stage.endpoint.calls();
            assert!(!sent.is_empty());
            assert!(!sent.iter().any(|call| String::from_utf8_lossy(call.body()).contains("given up")));
        }
    });
}

/// Has an API keep silent for a whole call, so that the next calls to it may be short.
async fn keep_silent(stage: &Stage, messages: &[Value]) {
    let silent = FaultRule::always("swf:*", Fault::NoAnswer { after_effect: false });
    stage.endpoint.set_faults(vec![silent]);
    assert_eq!(stage.batch(messages, QUEUE).await.len(), 1);
    stage.endpoint.set_faults(vec![FaultRule::always("swf:*", Fault::Slow { delay_ms: 3_000 })]);
}

#[test]
fn nobody_is_hurried_whom_it_would_end_or_who_holds_up_no_other() {
    in_virtual_time(async {
        let stage = Stage::set("hurry", &[("RELAY_MAX_RECEIVES", "3")]).await;
        let [sfn, swf, ..] = &APIS;
        let other = message("other", &sfn.event(), 1);
        let batch = |receives| [message("slow", &swf.event(), receives), other.clone()];
        keep_silent(&stage, &batch(1)).await;
        assert_eq!(stage.batch(&batch(1), QUEUE).await, ["slow"], "others wait, and it comes back");
        assert!(stage.batch(&batch(3), QUEUE).await.is_empty(), "its last receive has its full time");
        assert!(stage.letters().is_empty());
        assert!(stage.batch(&batch(1), QUEUE).await.is_empty(), "an answer ended the silence");
        keep_silent(&stage, &batch(1)).await;
        assert!(stage.batch(&batch(1)[..1], QUEUE).await.is_empty(), "it is alone");
    });
}

#[test]
fn several_sns_records_are_answered_each_in_its_place() {
    in_virtual_time(async {
        let stage = Stage::set("sns", &[]).await;
        stage.endpoint.set_faults(vec![
            FaultRule::always("SendTaskFailure", error("TaskTimedOut", 400)),
            // The first ends last.
            FaultRule::always("PutJobFailureResult", Fault::Slow { delay_ms: 900 }),
        ]);
        let [sfn, swf, job, _] = &APIS;
        let events = [job.event(), "no json".to_owned(), sfn.event(), swf.event()];
        let record = |event: &String| json!({"EventSource": "aws:sns", "Sns": {"Message": event}});
        let payload = json!({"Records": events.each_ref().map(record)}).to_string();
        let End::Answered(answers) = stage.invoke(&payload).await else { panic!("it is answered") };
        let outcomes: Vec<&str> =
            answers.as_array().unwrap().iter().map(|answer| answer["outcome"].as_str().unwrap()).collect();
        assert_eq!(outcomes, [RELAYED, REJECTED, SETTLED, RELAYED]);
    });
}
