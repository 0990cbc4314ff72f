//! What is published in a run, and what is to become of each record by the contract.

use aws_emulator::{Endpoint, Operation, Work};
use serde_json::{Value, json};

use super::dice::Dice;

/// The account in which the relay assumes a role.
pub const OTHER_ACCOUNT: &str = "222222222222";

/// What is to become of a record, known when it is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Its task or job is open: it is to be failed.
    Reaches(String),
    /// Its task or job has ended before.
    Ended(String),
    /// The service never knew its task or job.
    Refused(String),
    /// It cannot be routed, for the reason with this code.
    Unroutable(&'static str),
    /// It is a notice that is no failure.
    NoFailure,
}

impl Fate {
    /// The task token or job id that calls for this record carry.
    pub fn identity(&self) -> Option<&str> {
        match self {
            Fate::Reaches(id) | Fate::Ended(id) | Fate::Refused(id) => Some(id),
            Fate::Unroutable(_) | Fate::NoFailure => None,
        }
    }
}

const IMAGE: &str = "arn:aws:imagebuilder:eu-west-1:123456789012:image/a/1.0.0/1";
const DEPLOYMENT: &str = "arn:aws:ecs:eu-west-1:123456789012:service-deployment/c/s/1";

/// A record as it was published.
#[derive(Clone, Debug)]
pub struct Published {
    /// The body of the message, or the payload of an invocation without a queue.
    pub body: String,
    pub fate: Fate,
    /// Stands in the failure's text, so that the service's ledger tells whose failure it took.
    pub marker: String,
}

/// Makes records; their tasks and jobs are opened in the endpoint.
pub struct Publisher<'a> {
    pub endpoint: &'a Endpoint,
    pub dice: Dice,
    pub seed: u64,
    pub other_region: String,
    made: Vec<Published>,
}

/// Work as a `target` names it and as the endpoint opens it.
struct Target {
    json: Value,
    id: String,
    work: Work,
}

impl<'a> Publisher<'a> {
    pub fn new(endpoint: &'a Endpoint, dice: Dice, seed: u64, other_region: String) -> Self {
        Self { endpoint, dice, seed, other_region, made: Vec::new() }
    }

    /// One more record. Now and then it names work that an earlier one named too.
    pub fn next(&mut self) -> Published {
        let marker = format!("record-{}-{}-", self.seed, self.made.len());
        let (body, fate) = match self.dice.between(0, 19) {
            0..=6 => self.open_work(&marker),
            7 => self.ended_work(&marker),
            8 => self.unknown_work(&marker),
            9 => self.work_of_an_earlier_record(&marker),
            10 => self.dead_container(&marker),
            11 => self.dead_function(&marker),
            12 => no_failure(&mut self.dice, &marker),
            _ => unroutable(&mut self.dice, &marker),
        };
        let published = Published { body, fate, marker };
        self.made.push(published.clone());
        published
    }

    fn open_work(&mut self, marker: &str) -> (String, Fate) {
        let target = self.target(marker);
        self.endpoint.open(target.work);
        (self.event(&target.json, marker), Fate::Reaches(target.id))
    }

    fn ended_work(&mut self, marker: &str) -> (String, Fate) {
        let token = format!("{marker}ended");
        self.endpoint.open_task(&token);
        let success = json!({"taskToken": token, "output": "{}"});
        self.endpoint.call(Operation::SendTaskSuccess, success).expect("the task is open");
        (self.event(&json!({"kind": "step-functions-task", "taskToken": token}), marker), Fate::Ended(token))
    }

    fn unknown_work(&mut self, marker: &str) -> (String, Fate) {
        let target = self.target(marker);
        (self.event(&target.json, marker), Fate::Refused(target.id))
    }

    fn work_of_an_earlier_record(&mut self, marker: &str) -> (String, Fate) {
        let earlier = self.made.iter().rev().find_map(|made| match &made.fate {
            Fate::Reaches(id) if id.starts_with("token") => Some(id.clone()),
            _ => None,
        });
        let Some(id) = earlier else { return self.open_work(marker) };
        (self.event(&json!({"kind": "step-functions-task", "taskToken": id}), marker), Fate::Reaches(id))
    }

    fn target(&mut self, marker: &str) -> Target {
        let unique = self.dice.number();
        let uuid = format!("{:08x}-0000-4000-8000-{:012x}", unique >> 32, unique & 0xffff_ffff);
        let token = format!("token-{marker}{unique:x}");
        match self.dice.between(0, 9) {
            0 | 1 => Target {
                json: json!({"kind": "step-functions-task", "taskToken": token}),
                work: Work::step_functions_task(&token),
                id: token,
            },
            2 => Target {
                json: json!({"kind": "swf-activity-task", "taskToken": format!("swf-{token}")}),
                work: Work::swf_activity_task(format!("swf-{token}")),
                id: format!("swf-{token}"),
            },
            3 => Target {
                json: json!({"kind": "codepipeline-job", "jobId": uuid}),
                work: Work::code_pipeline_job(&uuid),
                id: uuid,
            },
            4 => Target {
                json: json!({"kind": "codepipeline-third-party-job", "jobId": uuid, "clientToken": "c"}),
                work: Work::third_party_job(&uuid, "c"),
                id: uuid,
            },
            5 => self.elsewhere(format!("far-{token}")),
            _ => self.of_a_further_kind(&token, &uuid, unique),
        }
    }

    /// Work that the sender of requests as data reports on. Presigned URLs are left to the table of answers: what S3 takes tells
    /// nothing of who waits.
    fn of_a_further_kind(&mut self, token: &str, uuid: &str, unique: u64) -> Target {
        let (kind, id, target, operation, input) = match self.dice.between(0, 7) {
            0 => {
                let id = format!("Ab9{unique:032x}");
                let input = json!({"CallbackId": id});
                let target = json!({"callbackId": id});
                ("lambda-durable-callback", id, target, "SendDurableExecutionCallbackFailure", input)
            }
            1 => {
                let id = format!("{:010}", unique % 10_000_000_000);
                let target = json!({"callbackToken": id});
                let input = json!({"CallbackToken": id});
                ("sagemaker-pipeline-step", id, target, "SendPipelineExecutionStepFailure", input)
            }
            2 => {
                let id = uuid.to_owned();
                let target = json!({"autoScalingGroupName": "g", "lifecycleHookName": "h", "lifecycleActionToken": id});
                let input = json!({"AutoScalingGroupName": "g", "LifecycleHookName": "h", "LifecycleActionToken": id});
                ("auto-scaling-lifecycle-action", id, target, "CompleteLifecycleAction", input)
            }
            3 => {
                let id = format!("hook-{token}");
                let both = json!({"deploymentId": "d-1", "lifecycleEventHookExecutionId": id});
                let operation = "PutLifecycleEventHookExecutionStatus";
                ("codedeploy-lifecycle-hook", id, both.clone(), operation, both)
            }
            4 => {
                let id = uuid.to_owned();
                let both = json!({"pipelineName": "p", "stageName": "s", "actionName": "a", "token": id});
                ("codepipeline-approval", id, both.clone(), "PutApprovalResult", both)
            }
            5 => {
                let id = format!("step-{uuid}");
                let both = json!({"stepExecutionId": id, "imageBuildVersionArn": IMAGE});
                ("image-builder-workflow-step", id, both.clone(), "SendWorkflowStepAction", both)
            }
            6 => {
                let id = format!("rec-{unique:x}");
                let target = json!({"operation": "PROVISION_PRODUCT", "workflowToken": "w", "recordId": id});
                let input = json!({"WorkflowToken": "w", "RecordId": id});
                let operation = "NotifyProvisionProductEngineWorkflowResult";
                ("service-catalog-engine-workflow", id, target, operation, input)
            }
            _ => {
                let id = format!("ecs-pause-{token}");
                let both = json!({"hookId": id, "serviceDeploymentArn": DEPLOYMENT});
                ("ecs-deployment-hook", id, both.clone(), "ContinueServiceDeployment", both)
            }
        };
        let mut json = target;
        json["kind"] = json!(kind);
        // ARNs are of a region and an account of their own, unless the target says otherwise.
        json["region"] = json!(self.endpoint.region());
        json["account"] = json!(self.endpoint.account());
        let operation = Operation::all().find(|played| played.name() == operation).expect("it is played");
        let work = Work::named_by(operation, &input).expect("the input names its work");
        Target { json, id, work: work.in_region(self.endpoint.region()).in_account(self.endpoint.account()) }
    }

    /// A task in another region or account.
    fn elsewhere(&mut self, token: String) -> Target {
        let kind = "step-functions-task";
        let work = Work::step_functions_task(&token);
        let (json, work) = if self.dice.per_mille(500) {
            let region = &self.other_region;
            (json!({"kind": kind, "taskToken": token, "region": region}), work.in_region(region))
        } else {
            let account = OTHER_ACCOUNT;
            (json!({"kind": kind, "taskToken": token, "account": account}), work.in_account(account))
        };
        Target { json, id: token, work }
    }

    /// A failure event, alone or in an envelope. Event ids repeat: they identify nothing.
    fn event(&mut self, target: &Value, marker: &str) -> String {
        let id = self.dice.between(0, 2);
        let details = *self.dice.pick(&["{ \"n\" : 1.0, \"big\":12345678901234567890123 }", "[]", "\"é😀\""]);
        let message = format!("{marker} {}", "x".repeat(*self.dice.pick(&[0, 0, 0, 9_000])));
        let event = format!(
            "{{\"id\":\"e{id}\", \"target\":{target},\"failure\":{{\"type\":\"Sim.Failure\",\"message\":\"{message}\",\
             \"details\":{details}}}}}"
        );
        match self.dice.between(0, 7) {
            0 => json!({"Type": "Notification", "MessageId": "s", "Message": event}).to_string(),
            1 => format!("{{\"detail-type\":\"Failed\",\"source\":\"sim\",\"detail\":{event}}}"),
            2 => format!("{{\"specversion\":\"1.0\",\"id\":\"c\",\"data\":{event}}}"),
            3 => format!("\u{feff}\r\n {event}\t"),
            _ => event,
        }
    }

    fn dead_container(&mut self, marker: &str) -> (String, Fate) {
        let token = format!("token-ecs-{marker}");
        self.endpoint.open_task(&token);
        let environment = json!([{"name": "TASK_TOKEN", "value": token}]);
        let body = json!({
            "source": "aws.ecs", "detail-type": "ECS Task State Change", "region": self.endpoint.region(),
            "account": self.endpoint.account(), "detail": {
                "lastStatus": "STOPPED", "stopCode": "EssentialContainerExited", "stoppedReason": marker,
                "containers": [{"name": "c", "exitCode": 137, "reason": "OutOfMemoryError"}],
                "overrides": {"containerOverrides": [{"name": "c", "environment": environment}]},
            },
        });
        (body.to_string(), Fate::Reaches(token))
    }

    fn dead_function(&mut self, marker: &str) -> (String, Fate) {
        let token = format!("token-fn-{marker}");
        self.endpoint.open_task(&token);
        let arn = format!("arn:aws:lambda:{}:{}:function:f", self.endpoint.region(), self.endpoint.account());
        let body = json!({
            "version": "1.0", "requestContext": {"requestId": "r", "functionArn": arn, "condition": "RetriesExhausted"},
            "requestPayload": {"taskToken": token}, "responsePayload": {"errorMessage": marker, "errorType": "E"},
        });
        (body.to_string(), Fate::Reaches(token))
    }
}

fn no_failure(dice: &mut Dice, marker: &str) -> (String, Fate) {
    let running = json!({"source": "aws.ecs", "detail-type": "ECS Task State Change", "id": marker,
        "detail": {"lastStatus": "RUNNING"}});
    let nameless = json!({"source": "aws.codebuild", "detail-type": "CodeBuild Build State Change", "id": marker,
        "detail": {"build-status": "FAILED"}});
    (dice.pick(&[running, nameless]).to_string(), Fate::NoFailure)
}

fn unroutable(dice: &mut Dice, marker: &str) -> (String, Fate) {
    let (body, code) = match dice.between(0, 9) {
        0 => (format!("{marker} is not JSON: {{"), "MALFORMED_EVENT"),
        1 => (format!("[\"{marker}\"]"), "MALFORMED_EVENT"),
        2 => (
            format!("{{\"target\":{{\"kind\":\"codepipeline-job\",\"jobId\":\"{marker}\"}}}}"),
            "INVALID_EVENT",
        ),
        3 => (format!("{{\"message\":\"{marker}\"}}"), "INVALID_EVENT"),
        4 => (format!("{{\"target\":{{\"kind\":\"{marker}\"}}}}"), "UNKNOWN_TARGET"),
        5 => (format!("{{\"version\":\"2\",\"target\":{{}},\"id\":\"{marker}\"}}"), "UNSUPPORTED_VERSION"),
        6 => (
            format!(
                "{{\"target\":{{\"kind\":\"swf-activity-task\",\"taskToken\":\"{marker}\",\"region\":\"mars-1\"}}}}"
            ),
            "TARGET_NOT_ALLOWED",
        ),
        7 if dice.per_mille(60) => (format!("{marker}{}", "é".repeat(524_000)), "MALFORMED_EVENT"),
        _ => (format!("{{\r\n\t\"{marker}\": \"\\u0000 <&> 😀\", \"detail\": 1.50}} "), "INVALID_EVENT"),
    };
    (body, Fate::Unroutable(code))
}
