//! Success, told to the service itself with the worker's own role. The services that take one are few.

use failure_event::outcome::{Answer, Verdict, classify};
use failure_event::place::Place;
use failure_event::target::{Kind, Target};
use failure_event::text::utf16_len;
use failure_relay::aws::clients::Clients;
use serde_json::value::RawValue;

use super::calls::{Body, Call, at_path, beside};

/// The types of a success that did not come about.
pub const RESULT_NOT_ACCEPTED: &str = "Worker.ResultNotAccepted";
/// See [`RESULT_NOT_ACCEPTED`].
pub const NOT_TOLD: &str = "Worker.SuccessNotTold";

/// The longest result of any service, in bytes.
pub const RESULT_BYTES_MAX: usize = 1_048_576;

/// What a service answers to an output that it cannot read.
const INVALID_OUTPUT: &str = "InvalidOutput";

/// A call that tells success.
#[derive(Debug)]
pub struct Success {
    call: Call,
    /// How long a result may be, and in what; `None` where there is none.
    limit: Option<Limit>,
}

/// How long a result may be.
#[derive(Debug)]
struct Limit {
    max: usize,
    unit: &'static str,
    measure: fn(&str) -> usize,
}

/// The length in bytes.
const fn bytes(max: usize) -> Limit {
    Limit { max, unit: "bytes", measure: str::len }
}

const SUCCESSES: [Success; 5] = [
    // https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskSuccess.html
    Success {
        call: Call {
            kind: Kind::StepFunctionsTask,
            operation: beside(Kind::StepFunctionsTask, "SendTaskSuccess", "states:SendTaskSuccess"),
            identity: &["taskToken"],
            body: Body::ResultIn("output"),
        },
        limit: Some(bytes(262_144)),
    },
    Success {
        call: Call {
            kind: Kind::CodePipelineJob,
            operation: beside(
                Kind::CodePipelineJob,
                "PutJobSuccessResult",
                "codepipeline:PutJobSuccessResult",
            ),
            identity: &["jobId"],
            body: Body::Members,
        },
        limit: None,
    },
    Success {
        call: Call {
            kind: Kind::CodePipelineThirdPartyJob,
            operation: beside(
                Kind::CodePipelineThirdPartyJob,
                "PutThirdPartyJobSuccessResult",
                "codepipeline:PutThirdPartyJobSuccessResult",
            ),
            identity: &["jobId", "clientToken"],
            body: Body::Members,
        },
        limit: None,
    },
    // https://docs.aws.amazon.com/amazonswf/latest/apireference/API_RespondActivityTaskCompleted.html
    Success {
        call: Call {
            kind: Kind::SwfActivityTask,
            operation: beside(
                Kind::SwfActivityTask,
                "RespondActivityTaskCompleted",
                "swf:RespondActivityTaskCompleted",
            ),
            identity: &["taskToken"],
            body: Body::ResultIn("result"),
        },
        limit: Some(Limit { max: 32_768, unit: "characters", measure: utf16_len }),
    },
    // https://docs.aws.amazon.com/lambda/latest/api/API_SendDurableExecutionCallbackSuccess.html
    Success {
        call: Call {
            kind: Kind::LambdaDurableCallback,
            operation: at_path(
                Kind::LambdaDurableCallback,
                "SendDurableExecutionCallbackSuccess",
                "lambda:SendDurableExecutionCallbackSuccess",
                "/2025-12-01/durable-execution-callbacks/{CallbackId}/succeed",
            ),
            identity: &[],
            body: Body::Payload,
        },
        limit: Some(bytes(RESULT_BYTES_MAX)),
    },
];

/// Why a success did not come about, which is a failure of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unsuccessful {
    /// The result is not JSON, or longer than the service takes.
    ResultNotAccepted(String),
    /// The service was not told.
    NotTold(String),
}

impl Unsuccessful {
    /// The failure's type.
    #[must_use]
    pub fn failure_type(&self) -> &'static str {
        match self {
            Unsuccessful::ResultNotAccepted(_) => RESULT_NOT_ACCEPTED,
            Unsuccessful::NotTold(_) => NOT_TOLD,
        }
    }

    /// What a person should read.
    #[must_use]
    pub fn message(&self) -> &str {
        match self {
            Unsuccessful::ResultNotAccepted(message) | Unsuccessful::NotTold(message) => message,
        }
    }
}

/// The call that tells success for targets of this kind, where there is one.
#[must_use]
pub fn of(kind: Kind) -> Option<&'static Success> {
    SUCCESSES.iter().find(|success| success.call.kind == kind)
}

/// The kinds whose services take a success, for people.
#[must_use]
pub fn kinds() -> String {
    SUCCESSES.iter().map(|success| success.call.kind.name()).collect::<Vec<_>>().join(", ")
}

impl Success {
    /// Whether the service takes a result.
    #[must_use]
    pub fn takes_result(&self) -> bool {
        self.limit.is_some()
    }

    /// Tells the service, and says in one line how that went. `result` is what the command left; nothing is `null`.
    ///
    /// # Errors
    /// The success did not come about. No token is in the message.
    pub async fn tell(
        &'static self,
        target: &Target,
        result: &str,
        clients: &Clients,
        place: &Place,
    ) -> Result<String, Unsuccessful> {
        let result = self.checked(result)?;
        let action = self.call.operation.label();
        let answer = self.call.send(target, result, clients, place).await;
        match (classify(&answer, self.call.kind.errors()), answer) {
            (Verdict::Accepted, _) | (_, Answer::Accepted) => Ok(format!("reported with {action}")),
            (Verdict::Settled, _) => Ok(format!("not needed, {action}: the task or job is closed already")),
            (_, Answer::Failed(error)) => {
                let said = error.message.as_deref().unwrap_or_default();
                let said = target.secret().map_or(said.into(), |secret| secret.redact(said));
                let message = format!("{action}: {error} {said}").trim_end().to_owned();
                Err(match error.name.as_deref() {
                    Some(INVALID_OUTPUT) => Unsuccessful::ResultNotAccepted(message),
                    _ => Unsuccessful::NotTold(message),
                })
            }
        }
    }

    fn checked<'r>(&self, result: &'r str) -> Result<Option<&'r str>, Unsuccessful> {
        let Some(limit) = &self.limit else { return Ok(None) };
        let text = if result.trim().is_empty() { "null" } else { result.trim() };
        let length = (limit.measure)(text);
        if length > limit.max {
            return Err(Unsuccessful::ResultNotAccepted(format!(
                "the result has {length} {}, and {} takes {} at most",
                limit.unit,
                self.call.operation.label(),
                limit.max
            )));
        }
        // What stands in the result is the worker's own affair, so none of it is quoted.
        serde_json::from_str::<&RawValue>(text).map_err(|error| {
            Unsuccessful::ResultNotAccepted(format!(
                "the result is not JSON: line {}, column {}",
                error.line(),
                error.column()
            ))
        })?;
        Ok(Some(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(kind: Kind, result: &str) -> Result<Option<&str>, Unsuccessful> {
        of(kind).unwrap().checked(result)
    }

    #[test]
    fn no_result_is_null_and_blanks_around_it_do_not_count() {
        assert_eq!(checked(Kind::StepFunctionsTask, ""), Ok(Some("null")));
        assert_eq!(checked(Kind::StepFunctionsTask, " {\"a\": 1}\n"), Ok(Some("{\"a\": 1}")));
        assert_eq!(checked(Kind::CodePipelineJob, "no JSON, and nobody asks"), Ok(None));
    }

    #[test]
    fn what_is_not_json_or_too_long_is_not_accepted() {
        let refused = |kind, result: &str| checked(kind, result).unwrap_err().message().to_owned();
        assert_eq!(
            refused(Kind::StepFunctionsTask, "all 7 frames"),
            "the result is not JSON: line 1, column 1"
        );
        let long = format!("\"{}\"", "é".repeat(32_767));
        assert!(checked(Kind::StepFunctionsTask, &long).is_ok());
        assert_eq!(
            refused(Kind::SwfActivityTask, &long),
            "the result has 32769 characters, and swf:RespondActivityTaskCompleted takes 32768 at most"
        );
    }

    #[test]
    fn a_kind_without_a_call_for_success_has_none() {
        assert!(of(Kind::CloudFormationCustomResource).is_none());
        assert!(kinds().starts_with("step-functions-task, codepipeline-job"));
    }
}
