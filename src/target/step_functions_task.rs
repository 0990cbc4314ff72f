//! A Step Functions activity or `.waitForTaskToken` callback: `SendTaskFailure`.
//!
//! <https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskFailure.html>

use std::borrow::Cow;

use serde::Serialize;

use super::{FailureApi, LostTexts, Member, Rule, Secrets};
use crate::answer;
use crate::clients::{Clients, Place};
use crate::dead_letter::Reason;
use crate::event::Failure;
use crate::json::Object;
use crate::outcome::{Answer, ErrorTable};
use crate::secret::Secret;
use crate::text::{Cut, cut_field, with_context};

/// The longest `error`, in UTF-16 code units.
pub const ERROR_MAX: usize = 256;

/// The longest `cause`, in UTF-16 code units.
pub const CAUSE_MAX: usize = 32_768;

const TASK_TOKEN: Member = Member { name: "taskToken", rule: Rule::Length { max: 2048 }, is_secret: true };

/// The state machine's own KMS key stands in the way of the texts, and of nothing else.
const KEY_ERRORS: [&str; 2] = ["KmsAccessDeniedException", "KmsInvalidStateException"];

/// The task that failed.
#[derive(Clone, Debug)]
pub struct StepFunctionsTask {
    task_token: Secret,
}

/// The request of `SendTaskFailure`. Both texts or neither: without them it needs no key.
#[derive(Clone, Debug)]
pub struct SendTaskFailure {
    task_token: Secret,
    texts: Option<Texts>,
}

#[derive(Clone, Debug, Serialize)]
struct Texts {
    error: String,
    cause: String,
}

impl FailureApi for StepFunctionsTask {
    const KIND: &'static str = "step-functions-task";
    const ACTION: &'static str = "states:SendTaskFailure";
    const MEMBERS: &'static [Member] = &[TASK_TOKEN];
    const ERRORS: ErrorTable =
        ErrorTable { settled: &["TaskTimedOut", "TaskDoesNotExist"], rejected: &["InvalidToken"] };
    type Call = SendTaskFailure;

    fn identify(target: &Object<'_>) -> Result<Self, Reason> {
        Ok(Self { task_token: Secret::new(TASK_TOKEN.read(target)?) })
    }

    fn identity(&self) -> &str {
        self.task_token.expose()
    }

    fn secret(&self) -> Option<&Secret> {
        Some(&self.task_token)
    }

    fn call(self, failure: &Failure<'_>, cuts: &mut Vec<Cut>) -> Self::Call {
        let error = cut_field("error", Cow::Borrowed(failure.type_name()), ERROR_MAX, cuts).into_owned();
        let cause = with_context("cause", failure, CAUSE_MAX, cuts);
        SendTaskFailure { task_token: self.task_token, texts: Some(Texts { error, cause }) }
    }

    fn wire_body(call: &Self::Call, secrets: Secrets) -> String {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Wire<'a> {
            task_token: &'a str,
            #[serde(flatten)]
            texts: Option<&'a Texts>,
        }
        super::to_wire(&Wire { task_token: &secrets.render(&call.task_token), texts: call.texts.as_ref() })
    }

    async fn send(call: &Self::Call, clients: &Clients, place: &Place) -> Answer {
        let client = clients.sfn(place);
        let texts = call.texts.as_ref();
        let request = client
            .send_task_failure()
            .task_token(call.task_token.expose())
            .set_error(texts.map(|texts| texts.error.clone()))
            .set_cause(texts.map(|texts| texts.cause.clone()));
        answer::of(request.send().await)
    }

    fn without_encrypted_texts(call: &Self::Call, answer: &Answer) -> Option<(Self::Call, LostTexts)> {
        let Answer::Failed(error) = answer else { return None };
        let texts = call.texts.as_ref()?;
        let key_is_in_the_way = KEY_ERRORS.contains(&error.name.as_deref()?);
        key_is_in_the_way.then(|| {
            let lost = LostTexts { failure_type: texts.error.clone(), failure_message: texts.cause.clone() };
            (SendTaskFailure { task_token: call.task_token.clone(), texts: None }, lost)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::ServiceError;

    fn call() -> SendTaskFailure {
        let texts = Texts { error: "E".into(), cause: "c".into() };
        SendTaskFailure { task_token: Secret::new("token"), texts: Some(texts) }
    }

    fn failed(name: &str) -> Answer {
        Answer::Failed(ServiceError { name: Some(name.into()), status: Some(400), message: None })
    }

    #[test]
    fn only_the_two_key_errors_ask_for_a_second_try_without_texts() {
        for name in KEY_ERRORS {
            let (bare, lost) = StepFunctionsTask::without_encrypted_texts(&call(), &failed(name)).unwrap();
            assert_eq!(StepFunctionsTask::wire_body(&bare, Secrets::Shown), r#"{"taskToken":"token"}"#);
            assert_eq!((lost.failure_type.as_str(), lost.failure_message.as_str()), ("E", "c"));
            assert!(
                StepFunctionsTask::without_encrypted_texts(&bare, &failed(name)).is_none(),
                "there is no third try"
            );
        }
        for name in ["KmsThrottlingException", "AccessDeniedException"] {
            assert!(StepFunctionsTask::without_encrypted_texts(&call(), &failed(name)).is_none());
        }
        assert!(StepFunctionsTask::without_encrypted_texts(&call(), &Answer::Accepted).is_none());
    }
}
