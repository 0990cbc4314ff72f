//! What one batch, or one payload, shows alone: where calls go, who comes back, and what is put into the dead-letter queue.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_emulator::{Fault, FaultRule, Operation, When};
use serde_json::{Value, json};

use super::lambda::{End, batch_payload};
use super::stage::{APIS, QUEUE, REJECTED, RELAYED, SETTLED, Stage, error, in_virtual_time, message};

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
        let [hidden] = &stage.endpoint.calls_of(Operation::ChangeMessageVisibilityBatch)[..] else {
            panic!("one call")
        };
        assert_eq!(hidden.json().unwrap()["QueueUrl"], "http://sim/123456789012/failures");
    });
}

#[test]
fn each_call_goes_to_the_place_of_its_own_target() {
    in_virtual_time(async {
        let variables = [
            ("RELAY_ALLOWED_REGIONS", "far-1,far-2"),
            ("RELAY_ALLOWED_ACCOUNTS", "222222222222,333333333333"),
            ("RELAY_ROLE_NAME", "role"),
        ];
        let stage = Stage::set("places", &variables).await;
        let (region, account) = (stage.endpoint.region(), stage.endpoint.account());
        let places = [
            (region, account),
            ("far-1", account),
            (region, "222222222222"),
            ("far-1", "222222222222"),
            ("far-2", "333333333333"),
            ("far-2", account),
        ];
        // Twice: with clients that are made, and with clients that are kept.
        for round in 0..2 {
            let token = |number: usize| format!("token-{round}-{number}");
            let task = |(number, (region, account)): (usize, &(&str, &str))| {
                let target = json!({"kind": "step-functions-task", "taskToken": token(number), "region": region, "account": account});
                message(&token(number), &json!({"target": target}).to_string(), 1)
            };
            let messages: Vec<Value> = places.iter().enumerate().map(task).collect();
            assert!(stage.batch(&messages, QUEUE).await.is_empty());
            for call in stage.endpoint.calls_of(Operation::SendTaskFailure) {
                let number =
                    (0..places.len()).find(|number| call.json().unwrap()["taskToken"] == token(*number));
                assert_eq!((call.region.as_str(), call.account.as_str()), places[number.unwrap()]);
                assert_eq!(
                    call.access_key_id == "ENVIRONMENT",
                    call.account == account,
                    "its own role is at home"
                );
            }
            stage.endpoint.forget_calls();
        }
    });
}

#[test]
fn what_the_settings_do_not_allow_is_a_dead_letter_and_never_called() {
    in_virtual_time(async {
        let variables = [
            ("RELAY_TARGETS", "step-functions-task"),
            ("RELAY_ALLOWED_REGIONS", "far-1"),
            ("RELAY_ALLOWED_ACCOUNTS", "222222222222"),
            ("RELAY_ROLE_NAME", "role"),
        ];
        let stage = Stage::set("allowed", &variables).await;
        let [_, swf, job, third_party, ..] = &APIS;
        let elsewhere = |member: &str, value: &str| {
            json!({"target": {"kind": "step-functions-task", "taskToken": "t", member: value}}).to_string()
        };
        let region = elsewhere("region", "far-2");
        let bodies =
            [swf.event(), job.event(), third_party.event(), region, elsewhere("account", "333333333333")];
        for (number, body) in bodies.iter().enumerate() {
            assert!(stage.batch(&[message(&number.to_string(), body, 1)], QUEUE).await.is_empty());
        }
        let letters = bodies.map(|body| (body, Some("TARGET_NOT_ALLOWED".to_owned())));
        assert_eq!(stage.letters(), letters);
        assert!(stage.endpoint.calls().iter().all(|call| call.operation == Operation::SendMessage));
    });
}

#[test]
fn a_letter_says_where_it_came_from_and_why() {
    in_virtual_time(async {
        let stage = Stage::set("attributes", &[]).await;
        let body = r#"{"id":"e","target":{"kind":"codepipeline-job","jobId":"no UUID"}}"#;
        let mut message = message("m", body, 3);
        message["Attributes"]["SenderId"] = "AROAEXAMPLE:worker".into();
        assert!(stage.batch(&[message], QUEUE).await.is_empty());
        let [letter] = &stage.endpoint.messages("dead").unwrap()[..] else { panic!("one letter") };
        let expected = [
            ("ERROR_CODE", "INVALID_EVENT"),
            ("ERROR_MESSAGE", "target.jobId: expected a lower-case UUID"),
            ("EVENT_ID", "e"),
            ("PUBLISHER", "AROAEXAMPLE:worker"),
            ("RETRY_ATTEMPTS", "2"),
            ("SOURCE_ARN", QUEUE),
            ("SOURCE_MESSAGE_ID", "m"),
            ("TARGET_KIND", "codepipeline-job"),
        ];
        let attributes = letter.attributes.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        assert_eq!(attributes.collect::<Vec<_>>(), expected);
    });
}

#[test]
fn a_publisher_that_is_a_token_is_not_told() {
    in_virtual_time(async {
        let stage = Stage::set("publisher", &[]).await;
        let body =
            r#"{"target":{"kind":"codepipeline-third-party-job","clientToken":"secret-client-token"}}"#;
        let mut message = message("m", body, 1);
        message["Attributes"]["SenderId"] = "secret-client-token".into();
        assert!(stage.batch(&[message], QUEUE).await.is_empty());
        let [letter] = &stage.endpoint.messages("dead").unwrap()[..] else { panic!("one letter") };
        assert_eq!(letter.attributes["PUBLISHER"], "[redacted]");
    });
}

/// A task whose containers have these overrides and exit codes.
fn ecs_task(containers: &[(Value, u32)]) -> String {
    let overrides: Vec<&Value> = containers.iter().map(|(container, _)| container).collect();
    let ended =
        containers.iter().map(|(container, code)| json!({"name": container["name"], "exitCode": code}));
    json!({
        "source": "aws.ecs", "detail-type": "ECS Task State Change",
        "detail": {
            "lastStatus": "STOPPED",
            "containers": ended.collect::<Vec<_>>(),
            "overrides": {"containerOverrides": overrides},
        },
    })
    .to_string()
}

#[test]
fn the_task_of_a_dead_worker_is_found_where_its_worker_got_it() {
    in_virtual_time(async {
        let stage = Stage::set("found", &[]).await;
        let variable = |name: &str, value: &str| json!({"name": name, "value": value});
        let json = r#"{"TaskToken":"in-json"}"#;
        let worker = |environment: &[Value], command: &[&str]| json!({"name": "worker", "environment": environment, "command": command});
        let name = variable("TASK_TOKEN", "in-name");
        let event = variable("EVENT", json);
        let option = "--taskToken=in-option";
        let failed = [
            (worker(&[event.clone(), name], &[option]), Some("in-name")),
            (worker(&[variable("EMPTY", "{}"), event], &[option]), Some("in-json")),
            (worker(&[variable("EMPTY", "{}")], &[json, "--task-token", "in-option"]), Some("in-option")),
            (worker(&[], &["{", json, "--token", "t"]), Some("in-json")),
            (worker(&[], &["{}", json]), None),
        ];
        for (worker, expected) in failed {
            stage.invoke(&ecs_task(&[(worker.clone(), 137)])).await;
            let calls = stage.endpoint.calls_of(Operation::SendTaskFailure);
            let found =
                calls.first().map(|call| call.json().unwrap()["taskToken"].as_str().unwrap().to_owned());
            assert_eq!(found.as_deref(), expected, "{worker}");
            stage.endpoint.forget_calls();
        }
        let well = json!({"name": "well", "command": [option]});
        stage.invoke(&ecs_task(&[(well, 0), (worker(&[], &[]), 1)])).await;
        assert!(stage.endpoint.calls().is_empty(), "the container that ended well lends nothing");
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
        let letters = stage.endpoint.messages("dead").unwrap();
        let attempts = letters.iter().map(|letter| letter.attributes["RETRY_ATTEMPTS"].as_str());
        assert_eq!(
            attempts.collect::<BTreeSet<_>>(),
            BTreeSet::from(["2", "3", "4"]),
            "receives before this one"
        );
        // The receives of abandoned work began in the worker's own queue.
        let abandoned = [message("w", r#"{"TASK_TOKEN":"t"}"#, 9)];
        assert_eq!(stage.batch(&abandoned, "arn:aws:sqs:us-east-1:123456789012:jobs-dead").await, ["w"]);
        assert_eq!(stage.letters().len(), 3);
    });
}

#[test]
fn only_a_refusal_costs_a_letter_its_reason() {
    in_virtual_time(async {
        let refused_once = |status| {
            FaultRule::always("SendMessage", error("InvalidMessageContents", status)).when(When::First(1))
        };
        for (status, code) in [(400, None), (429, Some("MALFORMED_EVENT")), (500, Some("MALFORMED_EVENT"))] {
            let stage = Stage::set(&format!("refused-{status}"), &[]).await;
            stage.endpoint.set_faults(vec![refused_once(status)]);
            let message = [message("m", "no json", 1)];
            while !stage.batch(&message, QUEUE).await.is_empty() {}
            assert_eq!(stage.letters(), [("no json".to_owned(), code.map(str::to_owned))], "{status}");
        }
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
        let [sfn, swf, job, ..] = &APIS;
        let events = [job.event(), "no json".to_owned(), sfn.event(), swf.event()];
        let record = |event: &String| json!({"EventSource": "aws:sns", "Sns": {"Message": event}});
        let payload = json!({"Records": events.each_ref().map(record)}).to_string();
        let End::Answered(answers) = stage.invoke(&payload).await else { panic!("it is answered") };
        let outcomes: Vec<&str> =
            answers.as_array().unwrap().iter().map(|answer| answer["outcome"].as_str().unwrap()).collect();
        assert_eq!(outcomes, [RELAYED, REJECTED, SETTLED, RELAYED]);
        assert_eq!(
            stage.letters(),
            [("no json".to_owned(), Some("MALFORMED_EVENT".to_owned()))],
            "the message alone"
        );
    });
}
