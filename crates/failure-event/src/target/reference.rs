//! What the services' references say of each kind, written from them and not from the kinds' files: limits, secrets and errors.
//!
//! A copy on purpose. Whatever a kind's file says otherwise is a fault, and each is told by kind and by name.

use serde_json::Value;

use super::every_kind::{form, sample};
use super::{Kind, Member};
use crate::event::Failure;
use crate::outcome::{ClientErrors, ErrorTable};
use crate::text::utf16_len;

/// One kind, by its references.
#[derive(Default)]
struct Reference {
    members: Vec<Identifying>,
    /// The texts of the request that tell of the failure, as pointers into its body, and the most UTF-16 code units of each.
    texts: Vec<(&'static str, usize)>,
    settled: Vec<&'static str>,
    rejected: Vec<&'static str>,
    /// The name that settles where its message begins so, and rejects else.
    settled_by_message: Option<(&'static str, &'static str)>,
    /// The names after which another answer of the 400s is no refusal.
    all_rejected_but: Option<Vec<&'static str>>,
}

/// An identifying member: its name, the most units that it may have unless its form says so, and whether it is a secret.
type Identifying = (&'static str, Option<usize>, bool);

const fn open(name: &'static str, max: usize) -> Identifying {
    (name, Some(max), false)
}

const fn secret(name: &'static str, max: usize) -> Identifying {
    (name, Some(max), true)
}

/// So many bytes has an answer to CloudFormation at most.
const RESPONSE_BYTES_MAX: usize = 4096;

impl Reference {
    fn of(members: impl Into<Vec<Identifying>>) -> Self {
        Self { members: members.into(), ..Self::default() }
    }

    /// What CodePipeline states for both of its kinds of jobs.
    fn of_codepipeline_job(members: impl Into<Vec<Identifying>>) -> Self {
        Self::of(members)
            .texts([("/failureDetails/message", 5000), ("/failureDetails/externalExecutionId", 1500)])
            .settled_by(["InvalidJobStateException"])
            .rejected_by(["JobNotFoundException", "InvalidClientTokenException"])
    }

    /// What S3 answers whoever puts to a presigned URL.
    fn of_response(members: impl Into<Vec<Identifying>>) -> Self {
        Self { all_rejected_but: Some(vec!["RequestTimeTooSkewed"]), ..Self::of(members) }
    }

    fn texts(self, texts: impl Into<Vec<(&'static str, usize)>>) -> Self {
        Self { texts: texts.into(), ..self }
    }

    fn settled_by(self, names: impl Into<Vec<&'static str>>) -> Self {
        Self { settled: names.into(), ..self }
    }

    fn rejected_by(self, names: impl Into<Vec<&'static str>>) -> Self {
        Self { rejected: names.into(), ..self }
    }

    fn settled_by_message(self, name: &'static str, begins: &'static str) -> Self {
        Self { settled_by_message: Some((name, begins)), ..self }
    }
}

fn reference(kind: Kind) -> Reference {
    match kind {
        Kind::CodePipelineJob => Reference::of_codepipeline_job([("jobId", None, false)]),
        Kind::CodePipelineThirdPartyJob => {
            Reference::of_codepipeline_job([open("jobId", 512), secret("clientToken", 256)])
        }
        Kind::StepFunctionsTask => Reference::of([secret("taskToken", 2048)])
            .texts([("/error", 256), ("/cause", 32_768)])
            .settled_by(["TaskTimedOut", "TaskDoesNotExist"])
            .rejected_by(["InvalidToken"]),
        Kind::SwfActivityTask => Reference::of([secret("taskToken", 1024)])
            .texts([("/reason", 256), ("/details", 32_768)])
            .settled_by(["UnknownResourceFault"]),
        Kind::LambdaDurableCallback => Reference::of([secret("callbackId", 1024)])
            .texts([("/ErrorType", 256), ("/ErrorMessage", 8192), ("/ErrorData", 32_768)])
            .settled_by(["CallbackTimeoutException", "InvalidParameterValueException"])
            .rejected_by(["ResourceNotFoundException"]),
        Kind::CloudFormationCustomResource => Reference::of_response([
            secret("responseUrl", 8192),
            open("stackId", 1024),
            open("requestId", 128),
            open("logicalResourceId", 255),
            open("physicalResourceId", 1024),
        ]),
        Kind::CloudFormationWaitCondition => {
            Reference::of_response([secret("signalUrl", 8192), open("uniqueId", 64)])
        }
        Kind::SageMakerPipelineStep => {
            Reference::of([secret("callbackToken", 10), open("pipelineExecutionArn", 2048)])
                .texts([("/FailureReason", 256)])
                .rejected_by(["ResourceNotFound", "ValidationException"])
        }
        Kind::AutoScalingLifecycleAction => Reference::of([
            open("autoScalingGroupName", 1600),
            open("lifecycleHookName", 255),
            open("lifecycleActionToken", 36),
            open("instanceId", 19),
        ])
        .settled_by_message("ValidationError", "No active Lifecycle Action found"),
        Kind::CodeDeployLifecycleHook => {
            Reference::of([open("deploymentId", 64), secret("lifecycleEventHookExecutionId", 2048)])
                .settled_by(["LifecycleEventAlreadyCompletedException"])
                .rejected_by([
                    "InvalidLifecycleEventHookExecutionIdException",
                    "InvalidLifecycleEventHookExecutionStatusException",
                    "DeploymentDoesNotExistException",
                    "DeploymentIdRequiredException",
                    "InvalidDeploymentIdException",
                    "UnsupportedActionForDeploymentTypeException",
                ])
        }
        Kind::CodePipelineApproval => {
            let names = ["pipelineName", "stageName", "actionName"].map(|name| open(name, 100));
            Reference::of([names.as_slice(), &[("token", None, true)]].concat())
                .texts([("/result/summary", 512)])
                .settled_by(["ApprovalAlreadyCompletedException", "InvalidApprovalTokenException"])
                .rejected_by([
                    "PipelineNotFoundException",
                    "StageNotFoundException",
                    "ActionNotFoundException",
                ])
        }
        Kind::ImageBuilderWorkflowStep => {
            Reference::of([open("stepExecutionId", 41), open("imageBuildVersionArn", 2048)])
                .texts([("/reason", 1024)])
                .settled_by(["IdempotentParameterMismatchException"])
                .rejected_by(["ResourceNotFoundException", "InvalidRequestException", "ClientException"])
        }
        Kind::ServiceCatalogEngineWorkflow => Reference::of([
            ("operation", None, false),
            secret("workflowToken", 20_000),
            open("recordId", 100),
            open("tracerTagKey", 128),
            open("tracerTagValue", 256),
        ])
        .texts([("/FailureReason", 2048)])
        .rejected_by(["InvalidParametersException", "ResourceNotFoundException"]),
        Kind::EcsDeploymentHook => Reference::of([open("hookId", 256), open("serviceDeploymentArn", 2048)])
            .rejected_by([
                "ServiceDeploymentNotFoundException",
                "UnsupportedFeatureException",
                "InvalidParameterException",
                "ClientException",
            ]),
    }
}

/// Asks every kind, and tells every fault.
fn assert_no_faults(of: impl Fn(Kind, &Reference) -> Vec<String>) {
    let of_kind = |kind: &Kind| -> Vec<String> {
        let faults = of(*kind, &reference(*kind));
        faults.into_iter().map(|fault| format!("{}: {fault}", kind.name())).collect()
    };
    let faults: Vec<String> = Kind::ALL.iter().flat_map(of_kind).collect();
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn each_member_has_the_limit_and_the_secrecy_that_its_reference_states() {
    assert_no_faults(|kind, reference| {
        let described = |member: &Member| (member.name, member.rule.max(), member.is_secret);
        let found: Vec<Identifying> = kind.members().iter().map(described).collect();
        let names =
            |members: &[Identifying]| members.iter().map(|(name, ..)| *name).collect::<Vec<_>>().join(", ");
        if names(&found) != names(&reference.members) {
            return vec![format!("has {} and not {}", names(&found), names(&reference.members))];
        }
        let pairs = found.iter().zip(&reference.members);
        pairs.flat_map(|(found, stated)| faults_of_member(*found, *stated)).collect()
    });
}

fn faults_of_member((name, max, is_secret): Identifying, stated: Identifying) -> Vec<String> {
    let told = |max: Option<usize>| max.map_or_else(|| "no number".to_owned(), |max| max.to_string());
    let mut faults = Vec::new();
    if max != stated.1 {
        faults.push(format!("the limit of {name} is {} and not {}", told(max), told(stated.1)));
    }
    if is_secret != stated.2 {
        faults.push(format!("the secret flag of {name} is {is_secret}"));
    }
    faults
}

#[test]
fn a_failure_fills_each_text_to_the_limit_that_its_reference_states() {
    let long = |length: usize| "x".repeat(length);
    let alone = Failure {
        given_type: Some(long(50_000).into()),
        given_message: Some(long(50_000).into()),
        ..Failure::default()
    };
    let context = Failure {
        given_message: Some(long(50_000).into()),
        details: Some(format!("\"{}\"", long(50_000)).into()),
        external_execution_id: Some(long(5000).into()),
        ..Failure::default()
    };
    assert_no_faults(|kind, reference| {
        let bodies = [&alone, &context].map(|failure| form(&sample(kind), failure).0.body);
        if reference.all_rejected_but.is_some() {
            return faults_of_response(&bodies);
        }
        let bodies = bodies.map(|body| serde_json::from_str::<Value>(&body).unwrap_or_default());
        let longest = |pointer: &str| {
            let texts = bodies.iter().filter_map(|body| body.pointer(pointer)?.as_str().map(utf16_len));
            texts.max().unwrap_or_default()
        };
        let wrong = reference.texts.iter().filter(|(pointer, max)| longest(pointer) != *max);
        let mut faults: Vec<String> = wrong
            .map(|(pointer, max)| format!("{pointer} has {} units and not {max}", longest(pointer)))
            .collect();
        if kind.carries_text() == reference.texts.is_empty() {
            faults.push(format!("{} texts are listed", reference.texts.len()));
        }
        faults
    });
}

/// Which of its characters fills the last byte is told by `a_response_to_cloudformation_fills_its_bytes_and_no_more`.
fn faults_of_response(bodies: &[String]) -> Vec<String> {
    let wrong = bodies.iter().filter(|body| body.len() != RESPONSE_BYTES_MAX);
    wrong.map(|body| format!("the body has {} bytes and not {RESPONSE_BYTES_MAX}", body.len())).collect()
}

#[test]
fn each_error_ends_an_event_as_its_reference_states() {
    assert_no_faults(|kind, reference| {
        let table: &ErrorTable = kind.errors();
        let by_message = table.settled_by_message.map(|it| (it.name, it.begins));
        let all_rejected_but = match table.client_errors {
            ClientErrors::Retried => None,
            ClientErrors::Rejected { except } => Some(except.to_vec()),
        };
        let mut faults = faults_of_names("settles", table.settled, &reference.settled);
        faults.extend(faults_of_names("rejects", table.rejected, &reference.rejected));
        if by_message != reference.settled_by_message {
            faults.push(format!(
                "{by_message:?} settles by its message, not {:?}",
                reference.settled_by_message
            ));
        }
        if all_rejected_but != reference.all_rejected_but {
            faults.push(format!(
                "all is rejected but {all_rejected_but:?}, not {:?}",
                reference.all_rejected_but
            ));
        }
        faults
    });
}

fn faults_of_names(what: &str, table: &[&str], stated: &[&str]) -> Vec<String> {
    let lacking = stated.iter().filter(|name| !table.contains(name));
    let more = table.iter().filter(|name| !stated.contains(name));
    lacking
        .map(|name| format!("{name} no longer {what}"))
        .chain(more.map(|name| format!("{name} {what}, which no reference states")))
        .collect()
}
