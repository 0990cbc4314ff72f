//! Carrying an operation out: its request checked against the table of limits, then its effect.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::answer::{Output, ServiceError};
use super::cloud_formation;
use super::dynamodb::DynamoDb;
use super::event_bridge::{Buses, PutEvents};
use super::ids::Ids;
use super::operation::{Operation, Service};
use super::request::{Caller, serialization_error};
use super::shape::{type_error, violations};
use super::sqs::{self, BatchFault, Context, Poll, Sqs};
use super::sts::{AssumeRole, Sessions};
use super::work::Ledger;

/// Everything that operations change.
pub(crate) struct State {
    pub(crate) ids: Ids,
    pub(crate) ledger: Ledger,
    pub(crate) sqs: Sqs,
    pub(crate) buses: Buses,
    pub(crate) sessions: Sessions,
    pub(crate) tables: DynamoDb,
}

/// Where and when an operation is carried out.
#[derive(Clone, Copy)]
pub(crate) struct Setting<'a> {
    pub(crate) caller: &'a Caller,
    pub(crate) now_ms: u64,
    pub(crate) base_url: &'a str,
    /// Entries of a batch that are to fail.
    pub(crate) batch_fault: Option<&'a BatchFault>,
}

/// Refuses what the operation's model refuses, in its service's words.
pub(crate) fn check(operation: Operation, input: &Value) -> Result<(), ServiceError> {
    let shape = &operation.model().input;
    if let Some(error) = type_error(shape, input) {
        return Err(serialization_error(error));
    }
    let found = violations(shape, input);
    if operation.service() == Service::Sqs {
        // SQS says what is missing and checks values with its own errors.
        return match found.iter().find(|violation| violation.missing) {
            Some(violation) => Err(sqs::missing_parameter(&capitalized(&violation.path))),
            None => Ok(()),
        };
    }
    if found.is_empty() {
        return Ok(());
    }
    let sentences: Vec<&str> = found.iter().map(|found| found.sentence.as_str()).collect();
    let errors = if found.len() == 1 { "error" } else { "errors" };
    Err(ServiceError::new(
        operation.service().model().validation,
        format!("{} validation {errors} detected: {}", found.len(), sentences.join("; ")),
    ))
}

/// SQS's parameters start with a capital letter, unlike the paths of violations.
fn capitalized(path: &str) -> String {
    let mut letters = path.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

impl State {
    /// Checks and carries out one operation. A receive looks once and does not wait.
    pub(crate) fn perform(
        &mut self,
        operation: Operation,
        input: Value,
        setting: Setting<'_>,
    ) -> Result<Output, ServiceError> {
        check(operation, &input)?;
        match operation.service() {
            Service::Sqs => self.perform_sqs(operation, input, setting),
            Service::EventBridge => {
                let Setting { batch_fault, .. } = setting;
                let (_, sqs, buses, mut context) = self.split(setting);
                read::<PutEvents>(input)?.perform(buses, sqs, &mut context, batch_fault)
            }
            Service::Sts => self.perform_sts(operation, input, setting),
            Service::DynamoDb => self.tables.perform(operation, input, setting),
            _ => self.perform_report(operation, &input, setting),
        }
    }

    fn perform_report(
        &mut self,
        operation: Operation,
        input: &Value,
        Setting { caller, now_ms, .. }: Setting<'_>,
    ) -> Result<Output, ServiceError> {
        let report = operation.model().report.as_ref().ok_or_else(not_of_this_service)?;
        if operation.service() == Service::CloudFormationResponse {
            return Ok(cloud_formation::heed(report.kind, input, &mut self.ledger, caller, now_ms));
        }
        report.perform(operation, input, &mut self.ledger, caller, now_ms)
    }

    fn perform_sts(
        &mut self,
        operation: Operation,
        input: Value,
        Setting { caller, now_ms, .. }: Setting<'_>,
    ) -> Result<Output, ServiceError> {
        match operation {
            Operation::AssumeRole => {
                read::<AssumeRole>(input)?.perform(&mut self.sessions, &mut self.ids, now_ms)
            }
            Operation::GetCallerIdentity => Ok(self.sessions.caller_identity(caller)),
            _ => Err(not_of_this_service()),
        }
    }

    fn perform_sqs(
        &mut self,
        operation: Operation,
        input: Value,
        setting: Setting<'_>,
    ) -> Result<Output, ServiceError> {
        let fault = setting.batch_fault;
        let (_, sqs, _, mut context) = self.split(setting);
        let context = &mut context;
        match operation {
            Operation::CreateQueue => read::<sqs::CreateQueue>(input)?.perform(sqs, context),
            Operation::GetQueueUrl => read::<sqs::GetQueueUrl>(input)?.perform(sqs, context),
            Operation::ListQueues => read::<sqs::ListQueues>(input)?.perform(sqs, context),
            Operation::ListDeadLetterSourceQueues => {
                read::<sqs::ListDeadLetterSourceQueues>(input)?.perform(sqs, context)
            }
            Operation::GetQueueAttributes => read::<sqs::GetQueueAttributes>(input)?.perform(sqs, context),
            Operation::SetQueueAttributes => read::<sqs::SetQueueAttributes>(input)?.perform(sqs, context),
            Operation::PurgeQueue => read::<sqs::PurgeQueue>(input)?.perform(sqs, context),
            Operation::SendMessage => read::<sqs::Send>(input)?.perform(sqs, context),
            Operation::SendMessageBatch => read::<sqs::SendBatch>(input)?.perform(sqs, context, fault),
            Operation::ReceiveMessage => match read::<sqs::Receive>(input)?.poll(sqs, context)? {
                Poll::Answer(output) => Ok(output),
                Poll::Wait { .. } => Ok(sqs::nothing_received()),
            },
            Operation::DeleteMessage => read::<sqs::Delete>(input)?.perform(sqs, context),
            Operation::DeleteMessageBatch => read::<sqs::DeleteBatch>(input)?.perform(sqs, context, fault),
            Operation::ChangeMessageVisibility => read::<sqs::ChangeVisibility>(input)?.perform(sqs, context),
            Operation::ChangeMessageVisibilityBatch => {
                read::<sqs::ChangeVisibilityBatch>(input)?.perform(sqs, context, fault)
            }
            _ => Err(not_of_this_service()),
        }
    }

    /// One look of a waiting receive. The request was checked before.
    pub(crate) fn poll(
        &mut self,
        receive: &sqs::Receive,
        setting: Setting<'_>,
    ) -> Result<Poll, ServiceError> {
        let (_, sqs, _, context) = self.split(setting);
        receive.poll(sqs, &context)
    }

    /// The parts that an operation on queues needs, borrowed apart from each other.
    fn split<'a>(
        &'a mut self,
        setting: Setting<'a>,
    ) -> (&'a mut Ledger, &'a mut Sqs, &'a Buses, Context<'a>) {
        let context = Context {
            caller: setting.caller,
            now_ms: setting.now_ms,
            base_url: setting.base_url,
            ids: &mut self.ids,
        };
        (&mut self.ledger, &mut self.sqs, &self.buses, context)
    }
}

/// Reads a request whose types were checked; numbers beyond 64 bits can still fail.
pub(crate) fn read<T: DeserializeOwned>(input: Value) -> Result<T, ServiceError> {
    // serde's message may quote a value, so it is not passed on.
    serde_json::from_value(input).map_err(|_| serialization_error("a member has a wrong value"))
}

/// Each operation is matched under its own service, so this is never reached; a table that were
/// wrong about it would show in every test of that operation.
pub(crate) fn not_of_this_service() -> ServiceError {
    ServiceError::with_status(500, "InternalFailure", "The operation is not of this service.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn error(operation: Operation, input: &Value) -> ServiceError {
        check(operation, input).expect_err("the request is wrong")
    }

    #[test]
    fn an_over_long_cause_is_told_in_aws_s_words() {
        let input = json!({"taskToken": "t", "cause": "x".repeat(32_769)});
        let error = error(Operation::SendTaskFailure, &input);
        assert_eq!(error.code, "ValidationException");
        assert_eq!(
            error.message,
            "1 validation error detected: Value at 'cause' failed to satisfy constraint: Member \
             must have length less than or equal to 32768"
        );
    }

    #[test]
    fn several_mistakes_are_counted() {
        let input = json!({"jobId": "x", "failureDetails": {"type": "Oops", "message": ""}});
        let error = error(Operation::PutJobFailureResult, &input);
        assert!(error.message.starts_with("3 validation errors detected: Value 'x' at 'jobId'"));
    }

    #[test]
    fn another_json_type_is_a_serialization_exception() {
        let error = error(Operation::SendTaskFailure, &json!({"taskToken": 1}));
        assert_eq!(error.code, "SerializationException");
    }

    #[test]
    fn sqs_names_the_missing_parameter() {
        let error = error(Operation::SendMessage, &json!({"MessageBody": "x"}));
        assert_eq!(error.code, "MissingParameter");
        assert!(error.message.ends_with("QueueUrl."));
    }
}
