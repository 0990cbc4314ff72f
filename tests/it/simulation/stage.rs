//! One environment before an endpoint of its own, in virtual time: for what one invocation alone shows.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_emulator::{Endpoint, Fault, Operation, Options, WorkKind};
use serde_json::{Value, json};

use super::dice::Dice;
use super::lambda::{End, Environment, Limits, batch_payload};
use super::wire::Mischief;

pub const RELAYED: &str = "relayed";
pub const SETTLED: &str = "already-settled";
pub const REJECTED: &str = "dead-lettered";
pub const RETRY: &str = "retry";

/// The source queue of batches.
pub const QUEUE: &str = "arn:aws:sqs:us-east-1:123456789012:failures";

/// The APIs: operation, `target`, and the names that end a record.
pub const APIS: [Api; 16] = [
    Api {
        operation: "SendTaskFailure",
        target: r#"{"kind":"step-functions-task","taskToken":"t"}"#,
        settled: &["TaskTimedOut", "TaskDoesNotExist"],
        rejected: &["InvalidToken"],
        is_presigned: false,
    },
    Api {
        operation: "RespondActivityTaskFailed",
        target: r#"{"kind":"swf-activity-task","taskToken":"t"}"#,
        settled: &["UnknownResourceFault"],
        rejected: &[],
        is_presigned: false,
    },
    Api {
        operation: "PutJobFailureResult",
        target: r#"{"kind":"codepipeline-job","jobId":"01234567-89ab-cdef-0123-456789abcdef"}"#,
        settled: &["InvalidJobStateException"],
        rejected: &["JobNotFoundException", "InvalidClientTokenException"],
        is_presigned: false,
    },
    Api {
        operation: "PutThirdPartyJobFailureResult",
        target: r#"{"kind":"codepipeline-third-party-job","jobId":"j","clientToken":"c"}"#,
        settled: &["InvalidJobStateException"],
        rejected: &["JobNotFoundException", "InvalidClientTokenException"],
        is_presigned: false,
    },
    Api {
        operation: "SendDurableExecutionCallbackFailure",
        target: r#"{"kind":"lambda-durable-callback","callbackId":"dG9rZW4="}"#,
        settled: &["CallbackTimeoutException", "InvalidParameterValueException"],
        rejected: &["ResourceNotFoundException"],
        is_presigned: false,
    },
    Api {
        operation: "PutCustomResourceResponse",
        target: r#"{"kind":"cloudformation-custom-resource","responseUrl":"https://cloudformation-custom-resource-response-euwest1.s3.eu-west-1.amazonaws.com/arn%3Aaws%3Acloudformation%3Aeu-west-1%3A123456789012%3Astack/app/1%7CL%7Cr?AWSAccessKeyId=AKIA&Expires=4102444799&Signature=s","stackId":"arn:aws:cloudformation:eu-west-1:123456789012:stack/app/1","requestId":"r","logicalResourceId":"L"}"#,
        settled: &[],
        rejected: &[],
        is_presigned: true,
    },
    Api {
        operation: "PutWaitConditionSignal",
        target: r#"{"kind":"cloudformation-wait-condition","signalUrl":"https://cloudformation-waitcondition-eu-west-1.s3.eu-west-1.amazonaws.com/arn%3Aaws%3Acloudformation%3Aeu-west-1%3A123456789012%3Astack/app/1/Handle?AWSAccessKeyId=AKIA&Expires=4102444799&Signature=s"}"#,
        settled: &[],
        rejected: &[],
        is_presigned: true,
    },
    Api {
        operation: "SendPipelineExecutionStepFailure",
        target: r#"{"kind":"sagemaker-pipeline-step","callbackToken":"26vcYbeWsZ"}"#,
        settled: &[],
        rejected: &["ResourceNotFound", "ValidationException"],
        is_presigned: false,
    },
    Api {
        operation: "CompleteLifecycleAction",
        target: r#"{"kind":"auto-scaling-lifecycle-action","autoScalingGroupName":"g","lifecycleHookName":"h","lifecycleActionToken":"01234567-89ab-cdef-0123-456789abcdef"}"#,
        settled: &[],
        rejected: &["ValidationError"],
        is_presigned: false,
    },
    Api {
        operation: "PutLifecycleEventHookExecutionStatus",
        target: r#"{"kind":"codedeploy-lifecycle-hook","deploymentId":"d-1","lifecycleEventHookExecutionId":"t"}"#,
        settled: &["LifecycleEventAlreadyCompletedException"],
        rejected: &[
            "InvalidLifecycleEventHookExecutionIdException",
            "InvalidLifecycleEventHookExecutionStatusException",
            "DeploymentDoesNotExistException",
            "DeploymentIdRequiredException",
            "InvalidDeploymentIdException",
            "UnsupportedActionForDeploymentTypeException",
        ],
        is_presigned: false,
    },
    Api {
        operation: "PutApprovalResult",
        target: r#"{"kind":"codepipeline-approval","pipelineName":"p","stageName":"s","actionName":"a","token":"01234567-89ab-cdef-0123-456789abcdef"}"#,
        settled: &["ApprovalAlreadyCompletedException", "InvalidApprovalTokenException"],
        rejected: &["PipelineNotFoundException", "StageNotFoundException", "ActionNotFoundException"],
        is_presigned: false,
    },
    Api {
        operation: "SendWorkflowStepAction",
        target: r#"{"kind":"image-builder-workflow-step","stepExecutionId":"step-01234567-89ab-cdef-0123-456789abcdef","imageBuildVersionArn":"arn:aws:imagebuilder:eu-west-1:123456789012:image/a/1.0.0/1"}"#,
        settled: &["IdempotentParameterMismatchException"],
        rejected: &["ResourceNotFoundException", "InvalidRequestException", "ClientException"],
        is_presigned: false,
    },
    Api {
        operation: "NotifyProvisionProductEngineWorkflowResult",
        target: r#"{"kind":"service-catalog-engine-workflow","operation":"PROVISION_PRODUCT","workflowToken":"t","recordId":"rec-1"}"#,
        settled: &[],
        rejected: &["InvalidParametersException", "ResourceNotFoundException"],
        is_presigned: false,
    },
    Api {
        operation: "NotifyUpdateProvisionedProductEngineWorkflowResult",
        target: r#"{"kind":"service-catalog-engine-workflow","operation":"UPDATE_PROVISIONED_PRODUCT","workflowToken":"t","recordId":"rec-1"}"#,
        settled: &[],
        rejected: &["InvalidParametersException", "ResourceNotFoundException"],
        is_presigned: false,
    },
    Api {
        operation: "NotifyTerminateProvisionedProductEngineWorkflowResult",
        target: r#"{"kind":"service-catalog-engine-workflow","operation":"TERMINATE_PROVISIONED_PRODUCT","workflowToken":"t","recordId":"rec-1"}"#,
        settled: &[],
        rejected: &["InvalidParametersException", "ResourceNotFoundException"],
        is_presigned: false,
    },
    Api {
        operation: "ContinueServiceDeployment",
        target: r#"{"kind":"ecs-deployment-hook","hookId":"h","serviceDeploymentArn":"arn:aws:ecs:eu-west-1:123456789012:service-deployment/c/s/1"}"#,
        settled: &[],
        rejected: &[
            "ServiceDeploymentNotFoundException",
            "UnsupportedFeatureException",
            "InvalidParameterException",
            "ClientException",
        ],
        is_presigned: false,
    },
];

/// One of the APIs.
pub struct Api {
    pub operation: &'static str,
    pub target: &'static str,
    pub settled: &'static [&'static str],
    pub rejected: &'static [&'static str],
    /// It is reached by whoever has the URL: without a role, and a refusal is final whatever its name.
    pub is_presigned: bool,
}

impl Api {
    pub fn event(&self) -> String {
        format!("{{\"target\":{},\"failure\":{{\"message\":\"why\"}}}}", self.target)
    }
}

#[test]
fn each_operation_of_each_kind_is_among_the_apis() {
    for kind in failure_event::target::Kind::ALL {
        for operation in kind.operations() {
            let named = format!("\"kind\":\"{}\"", kind.name());
            let mut apis = APIS.iter().filter(|api| api.target.contains(&named));
            let is_listed = apis.any(|api| api.operation == operation.name);
            assert!(is_listed, "APIS lacks {} of {}", operation.name, kind.name());
        }
    }
}

/// The endpoint imports nothing of ours, so what it lacks is asked for here.
#[test]
fn each_kind_and_each_operation_of_it_is_played_by_the_endpoint() {
    for kind in failure_event::target::Kind::ALL {
        let is_known = WorkKind::all().any(|work| work.name() == kind.name());
        assert!(is_known, "the endpoint knows no work of {}", kind.name());
        for operation in kind.operations() {
            let is_played = Operation::all().any(|played| played.name() == operation.name);
            assert!(is_played, "the endpoint does not play {} of {}", operation.name, kind.name());
        }
    }
}

/// An error of a service, as its protocol has it.
pub fn error(code: &str, status: u16) -> Fault {
    Fault::ServiceError { code: code.to_owned(), status, message: "said it".to_owned(), after_effect: false }
}

/// An environment before an endpoint of its own, in virtual time.
pub struct Stage {
    pub endpoint: Endpoint,
    environment: Environment,
}

impl Stage {
    pub async fn set(name: &str, variables: &[(&str, &str)]) -> Self {
        let options = Options { region: format!("sim-{name}"), auto_open: true, ..Options::default() };
        let endpoint = Endpoint::start(options).await.unwrap();
        endpoint.create_queue("dead", &[]).unwrap();
        let mischief = Arc::new(Mutex::new(Mischief { panic: 0, empty_answer: 0, dice: Dice::seeded(1) }));
        let given = |name: &str| match name {
            "RELAY_DEAD_LETTER_QUEUE_URL" => Some("http://sim/123456789012/dead".to_owned()),
            "AWS_ENDPOINT_URL" | "AWS_ENDPOINT_URL_CLOUDFORMATION_RESPONSE" => Some("http://sim".to_owned()),
            // Of the ARNs and URLs above.
            "RELAY_ALLOWED_REGIONS" => Some("eu-west-1".to_owned()),
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

    pub async fn invoke(&self, payload: &str) -> End {
        self.invoke_for(payload, None).await
    }

    /// An invocation that is given up after so many polls.
    pub async fn invoke_for(&self, payload: &str, polls: Option<u64>) -> End {
        let time_limit = Duration::from_mins(1);
        let limits = Limits { remaining: Some(time_limit), time_limit, polls };
        self.environment.invoke(payload, &self.endpoint, limits).await
    }

    /// How an event ends that comes without a queue, and the code of its dead letter.
    pub async fn outcome(&self, event: &str) -> (String, Option<String>) {
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
    pub async fn batch(&self, messages: &[Value], queue_arn: &str) -> Vec<String> {
        let End::Answered(answer) = self.invoke(&batch_payload(messages, queue_arn, "r")).await else {
            panic!("a batch is answered")
        };
        let failures = answer["batchItemFailures"].as_array().unwrap();
        failures.iter().map(|failure| failure["itemIdentifier"].as_str().unwrap().to_owned()).collect()
    }

    pub fn letters(&self) -> Vec<(String, Option<String>)> {
        let letters = self.endpoint.messages("dead").unwrap();
        letters
            .iter()
            .map(|letter| (letter.body.clone(), letter.attributes.get("ERROR_CODE").cloned()))
            .collect()
    }
}

/// Runs a test without waiting.
pub fn in_virtual_time(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.unwrap().block_on(test);
}

/// A message as `ReceiveMessage` returns it.
pub fn message(id: &str, body: &str, receives: u32) -> Value {
    json!({"MessageId": id, "ReceiptHandle": format!("handle-{id}"), "Body": body,
        "Attributes": {"ApproximateReceiveCount": receives.to_string()}})
}
