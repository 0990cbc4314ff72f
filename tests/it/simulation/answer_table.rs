//! Each answer of each API alone, and what becomes of the record: the contract's table, row by row.

use std::collections::BTreeSet;

use aws_emulator::{Fault, FaultRule, Matcher, Operation};

use super::stage::{APIS, Api, REJECTED, RELAYED, RETRY, SETTLED, Stage, error, in_virtual_time};

/// Names that end a record of every API.
const REJECTED_BY_ALL: [&str; 4] = [
    "ValidationException",
    "SerializationException",
    "InvalidParameterValue",
    "InvalidParameterValueException",
];

/// Answers after which a later try can help, unless an API's own table says otherwise.
const RETRIED_BY_MOST: [(&str, u16); 28] = [
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

/// How a record ends that is answered with this error, by the contract.
fn expected(api: &Api, name: &str, status: u16) -> &'static str {
    let is_final = status < 500 && status != 429;
    match name {
        _ if !is_final => RETRY,
        _ if api.settled.contains(&name) => SETTLED,
        _ if api.rejected.contains(&name) || REJECTED_BY_ALL.contains(&name) => REJECTED,
        "RequestTimeTooSkewed" => RETRY,
        _ if api.is_presigned && status != 408 => REJECTED,
        _ => RETRY,
    }
}

/// Each error and status, and how a record ends that is answered with it.
fn rows(api: &Api) -> Vec<(&'static str, u16, &'static str)> {
    let own = |api: &Api| api.settled.iter().chain(api.rejected).copied().collect::<Vec<_>>();
    let of_apis = APIS.iter().flat_map(own).map(|name| (name, 400));
    let failing = own(api).into_iter().flat_map(|name| [(name, 500), (name, 429)]);
    let common = REJECTED_BY_ALL.into_iter().map(|name| (name, 400));
    let skewed = [("RequestTimeTooSkewed", 403), ("RequestTimeout", 408), ("", 408)];
    let answers: BTreeSet<(&str, u16)> =
        of_apis.chain(failing).chain(common).chain(RETRIED_BY_MOST).chain(skewed).collect();
    answers.into_iter().map(|(name, status)| (name, status, expected(api, name, status))).collect()
}

#[test]
fn each_answer_ends_the_record_as_the_table_says() {
    in_virtual_time(async {
        for api in &APIS {
            let stage = Stage::set(api.operation, &[]).await;
            for (code, status, expected) in rows(api) {
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
fn a_role_that_cannot_be_assumed_ends_no_record_whatever_sts_says() {
    in_virtual_time(async {
        let other_account = [("RELAY_ALLOWED_ACCOUNTS", "222222222222"), ("RELAY_ROLE_NAME", "relay")];
        for api in APIS.iter().filter(|api| !api.is_presigned) {
            let stage = Stage::set(&format!("{}-sts", api.operation), &other_account).await;
            let event = api.event().replace("\"kind\"", "\"account\":\"222222222222\",\"kind\"");
            for code in
                api.settled.iter().chain(api.rejected).chain(&REJECTED_BY_ALL).chain(&["AccessDenied"])
            {
                stage.endpoint.set_faults(vec![FaultRule::always("AssumeRole", error(code, 400))]);
                assert_eq!(stage.outcome(&event).await.0, RETRY, "{} after {code}", api.operation);
            }
            stage.endpoint.set_faults(Vec::new());
            assert_eq!(stage.outcome(&event).await.0, RELAYED);
        }
    });
}

#[test]
fn of_one_service_the_text_tells_whether_the_action_is_closed() {
    in_virtual_time(async {
        let api = APIS.iter().find(|api| api.operation == "CompleteLifecycleAction").unwrap();
        let stage = Stage::set("the-one-text", &[]).await;
        for (message, expected) in [
            ("No active Lifecycle Action found with token t", SETTLED),
            ("No active Lifecycle Action found with instance ID i-1", SETTLED),
            ("AutoScalingGroup name not found - no such group", REJECTED),
            ("Sorry: No active Lifecycle Action found", REJECTED),
            ("", REJECTED),
        ] {
            let fault = Fault::ServiceError {
                code: "ValidationError".to_owned(),
                status: 400,
                message: message.to_owned(),
                after_effect: false,
            };
            stage.endpoint.set_faults(vec![FaultRule::always(api.operation, fault)]);
            assert_eq!(stage.outcome(&api.event()).await.0, expected, "{message:?}");
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
