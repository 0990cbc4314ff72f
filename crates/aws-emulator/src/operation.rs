//! The operations that the endpoint serves, and how their services speak.

use super::answer::ServiceError;
use super::limits::{MODEL, OperationModel};
use super::protocols::Protocol;
use super::{
    auto_scaling, cloud_formation, code_deploy, code_pipeline, dynamodb, ecs, event_bridge, image_builder,
    lambda, sage_maker, service_catalog, sqs, step_functions, sts, swf,
};

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
    /// AWS Lambda, REST-JSON.
    Lambda,
    /// Amazon `SageMaker`, JSON 1.1.
    SageMaker,
    /// Amazon EC2 Auto Scaling, query protocol with XML answers.
    AutoScaling,
    /// AWS `CodeDeploy`, JSON 1.1.
    CodeDeploy,
    /// EC2 Image Builder, REST-JSON.
    ImageBuilder,
    /// AWS Service Catalog, JSON 1.1.
    ServiceCatalog,
    /// Amazon ECS, JSON 1.1.
    Ecs,
    /// Amazon `DynamoDB`, JSON 1.0.
    DynamoDb,
    /// The buckets in which AWS `CloudFormation` takes responses and signals, by presigned URLs.
    CloudFormationResponse,
}

/// The row of one service: how it speaks, and its names for what all services know.
#[derive(Debug)]
pub(crate) struct ServiceModel {
    signing_name: &'static str,
    /// The directory of the service's model in botocore; `None` has no operations of its own.
    model_name: Option<&'static str>,
    protocol: Protocol,
    /// The error of a throttled call, and its status.
    pub(crate) throttling: (&'static str, u16),
    /// The error of a request that breaks its model's limits.
    pub(crate) validation: &'static str,
    /// The member of an error that holds its words.
    pub(crate) message_member: &'static str,
}

impl ServiceModel {
    pub(crate) const fn new(signing_name: &'static str, protocol: Protocol) -> Self {
        Self {
            signing_name,
            model_name: Some(signing_name),
            protocol,
            throttling: ("ThrottlingException", 400),
            validation: "ValidationException",
            message_member: "message",
        }
    }

    pub(crate) const fn modelled_as(self, model_name: &'static str) -> Self {
        Self { model_name: Some(model_name), ..self }
    }

    pub(crate) const fn without_model(self) -> Self {
        Self { model_name: None, ..self }
    }

    pub(crate) const fn throttles_with(self, code: &'static str, status: u16) -> Self {
        Self { throttling: (code, status), ..self }
    }

    pub(crate) const fn validates_with(self, code: &'static str) -> Self {
        Self { validation: code, ..self }
    }

    pub(crate) const fn messages_as(self, message_member: &'static str) -> Self {
        Self { message_member, ..self }
    }
}

impl Service {
    pub(crate) const fn model(self) -> &'static ServiceModel {
        match self {
            Self::StepFunctions => &step_functions::SERVICE,
            Self::CodePipeline => &code_pipeline::SERVICE,
            Self::Swf => &swf::SERVICE,
            Self::Sqs => &sqs::SERVICE,
            Self::EventBridge => &event_bridge::SERVICE,
            Self::Sts => &sts::SERVICE,
            Self::Lambda => &lambda::SERVICE,
            Self::SageMaker => &sage_maker::SERVICE,
            Self::AutoScaling => &auto_scaling::SERVICE,
            Self::CodeDeploy => &code_deploy::SERVICE,
            Self::ImageBuilder => &image_builder::SERVICE,
            Self::ServiceCatalog => &service_catalog::SERVICE,
            Self::Ecs => &ecs::SERVICE,
            Self::DynamoDb => &dynamodb::SERVICE,
            Self::CloudFormationResponse => &cloud_formation::SERVICE,
        }
    }

    /// The service's name in the scope of a signature, in IAM actions and in error messages.
    #[must_use]
    pub const fn signing_name(self) -> &'static str {
        self.model().signing_name
    }

    pub(crate) const fn model_name(self) -> Option<&'static str> {
        self.model().model_name
    }

    pub(crate) const fn protocol(self) -> Protocol {
        self.model().protocol
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
    PutJobSuccessResult,
    PutThirdPartyJobFailureResult,
    PutThirdPartyJobSuccessResult,
    RespondActivityTaskFailed,
    RespondActivityTaskCompleted,
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
    SendDurableExecutionCallbackFailure,
    SendDurableExecutionCallbackSuccess,
    SendDurableExecutionCallbackHeartbeat,
    /// A `PUT` of a custom resource's response, by a presigned URL.
    PutCustomResourceResponse,
    /// A `PUT` of a signal to a wait condition, by a presigned URL.
    PutWaitConditionSignal,
    SendPipelineExecutionStepFailure,
    CompleteLifecycleAction,
    RecordLifecycleActionHeartbeat,
    PutLifecycleEventHookExecutionStatus,
    PutApprovalResult,
    SendWorkflowStepAction,
    NotifyProvisionProductEngineWorkflowResult,
    NotifyUpdateProvisionedProductEngineWorkflowResult,
    NotifyTerminateProvisionedProductEngineWorkflowResult,
    ContinueServiceDeployment,
    CreateTable,
    DescribeTable,
    PutItem,
    GetItem,
    UpdateItem,
    DeleteItem,
    Query,
    BatchGetItem,
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

    /// An error of this operation, with the status that its table of errors has for it.
    pub(crate) fn error(self, code: &str, message: String) -> ServiceError {
        let listed = self.model().errors.iter().find(|(listed, _)| *listed == code);
        ServiceError::with_status(listed.map_or(400, |(_, status)| *status), code, message)
    }

    /// The operation that an `X-Amz-Target` header names.
    pub(crate) fn from_target(target: &str) -> Option<Self> {
        let (prefix, name) = target.split_once('.')?;
        Self::all().find(|operation| {
            operation.name() == name
                && matches!(operation.service().protocol(),
                    Protocol::Json { target_prefix, .. } if target_prefix == prefix)
        })
    }

    /// The operation that the query protocol's `Action` and `Version` parameters name.
    pub(crate) fn from_action(action: &str, asked: &str) -> Option<Self> {
        Self::all().find(|operation| {
            operation.name() == action
                && matches!(operation.service().protocol(),
                    Protocol::Query { version, .. } if version == asked)
        })
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
        assert_eq!(Operation::from_action("AssumeRole", "2011-06-15"), Some(Operation::AssumeRole));
        assert_eq!(Operation::from_action("AssumeRole", "2011-01-01"), None);
        assert_eq!(Operation::from_action("SendMessage", "2012-11-05"), None);
    }
}
