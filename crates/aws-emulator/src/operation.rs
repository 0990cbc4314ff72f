//! The operations that the endpoint serves, and how their services speak.

use super::limits::{MODEL, OperationModel};

/// A service whose operations the endpoint serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// AWS Step Functions, JSON 1.0.
    StepFunctions,
    /// AWS `CodePipeline`, JSON 1.1.
    CodePipeline,
    /// Amazon Simple Workflow Service, JSON 1.0.
    Swf,
    /// Amazon Simple Queue Service, JSON 1.0 with `x-amzn-query-error` beside its errors.
    Sqs,
    /// Amazon `EventBridge`, JSON 1.1.
    EventBridge,
    /// AWS Security Token Service, query protocol with XML answers.
    Sts,
}

impl Service {
    /// The service's name in the scope of a signature, in IAM actions and in error messages.
    #[must_use]
    pub const fn signing_name(self) -> &'static str {
        match self {
            Self::StepFunctions => "states",
            Self::CodePipeline => "codepipeline",
            Self::Swf => "swf",
            Self::Sqs => "sqs",
            Self::EventBridge => "events",
            Self::Sts => "sts",
        }
    }

    /// The directory of the service's model in botocore.
    pub(crate) const fn model_name(self) -> &'static str {
        match self {
            Self::StepFunctions => "stepfunctions",
            other => other.signing_name(),
        }
    }

    /// What stands before the dot in the `X-Amz-Target` header; none for the query protocol.
    const fn target_prefix(self) -> Option<&'static str> {
        match self {
            Self::StepFunctions => Some("AWSStepFunctions"),
            Self::CodePipeline => Some("CodePipeline_20150709"),
            Self::Swf => Some("SimpleWorkflowService"),
            Self::Sqs => Some("AmazonSQS"),
            Self::EventBridge => Some("AWSEvents"),
            Self::Sts => None,
        }
    }

    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Self::StepFunctions | Self::Swf | Self::Sqs => "application/x-amz-json-1.0",
            Self::CodePipeline | Self::EventBridge => "application/x-amz-json-1.1",
            Self::Sts => "text/xml",
        }
    }
}

/// An operation that the endpoint serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names are those of the AWS APIs")]
pub enum Operation {
    SendTaskFailure,
    SendTaskHeartbeat,
    SendTaskSuccess,
    PutJobFailureResult,
    PutThirdPartyJobFailureResult,
    RespondActivityTaskFailed,
    RecordActivityTaskHeartbeat,
    CreateQueue,
    GetQueueUrl,
    ListQueues,
    ListDeadLetterSourceQueues,
    SendMessage,
    SendMessageBatch,
    ReceiveMessage,
    DeleteMessage,
    DeleteMessageBatch,
    ChangeMessageVisibility,
    ChangeMessageVisibilityBatch,
    GetQueueAttributes,
    SetQueueAttributes,
    PurgeQueue,
    PutEvents,
    AssumeRole,
    GetCallerIdentity,
}

impl Operation {
    /// Every operation, in the order of the table of limits.
    pub fn all() -> impl Iterator<Item = Self> {
        MODEL.iter().map(|model| model.operation)
    }

    /// The operation's name in its API, such as `SendTaskFailure`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.model().name
    }

    /// The service that the operation belongs to.
    #[must_use]
    pub fn service(self) -> Service {
        self.model().service
    }

    pub(crate) fn model(self) -> &'static OperationModel {
        // The table has the order of the variants; a test holds it.
        &MODEL[self as usize]
    }

    /// The operation that an `X-Amz-Target` header names.
    pub(crate) fn from_target(target: &str) -> Option<Self> {
        let (prefix, name) = target.split_once('.')?;
        Self::all()
            .find(|operation| operation.name() == name && operation.service().target_prefix() == Some(prefix))
    }

    /// The operation that the query protocol's `Action` parameter names.
    pub(crate) fn from_action(action: &str) -> Option<Self> {
        Self::all()
            .find(|operation| operation.name() == action && operation.service().target_prefix().is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_limits_has_the_order_of_the_variants() {
        for (index, model) in MODEL.iter().enumerate() {
            assert_eq!(model.operation as usize, index);
            assert_eq!(format!("{:?}", model.operation), model.name);
        }
    }

    #[test]
    fn targets_and_actions_name_operations_of_their_own_service_only() {
        let found = Operation::from_target("AWSStepFunctions.SendTaskFailure");
        assert_eq!(found, Some(Operation::SendTaskFailure));
        assert_eq!(Operation::from_target("AmazonSQS.SendTaskFailure"), None);
        assert_eq!(Operation::from_action("AssumeRole"), Some(Operation::AssumeRole));
        assert_eq!(Operation::from_action("SendMessage"), None);
    }
}
