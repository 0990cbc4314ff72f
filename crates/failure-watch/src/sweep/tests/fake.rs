//! An account of AWS as values: its executions and workers, its quotas, and its troubles.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

use failure_event::operation::Operation;
use failure_event::outcome::{Obstacle, ServiceError};
use failure_event::place::Place;
use failure_event::request::HttpForm;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::services::Services;

/// 2026-08-03T12:00:00Z
pub(super) const NOW: i64 = 1_785_758_400;
pub(super) const MACHINE: &str = "arn:aws:states:eu-west-1:111122223333:stateMachine:render";
const CLUSTER: &str = "arn:aws:ecs:eu-west-1:111122223333:cluster/c";

/// The buckets of AWS: tokens, and how many come a second.
const QUOTAS: [(&str, f64, f64); 6] = [
    ("ListStateMachines", 100.0, 5.0),
    ("ListExecutions", 100.0, 2.0),
    ("GetExecutionHistory", 400.0, 20.0),
    ("DescribeStateMachineForExecution", 200.0, 1.0),
    ("DescribeExecution", 250.0, 10.0),
    ("DescribeTasks", 100.0, 20.0),
];

/// What an operation does instead of its work.
#[derive(Clone)]
pub(super) enum Trouble {
    /// It answers this name and status.
    Error(&'static str, u16),
    /// No answer comes.
    Silence,
    /// It answers this.
    Text(&'static str),
}

#[derive(Default)]
pub(super) struct FakeAws {
    /// By ARN: the type of each state machine.
    pub(super) machines: Vec<(String, &'static str)>,
    /// By the ARN of a state machine or map run: its running executions.
    pub(super) executions: HashMap<String, Vec<Value>>,
    /// By the ARN of an execution: its events.
    pub(super) histories: HashMap<String, Vec<Value>>,
    pub(super) definition: String,
    /// By id or ARN: what its service tells of a worker.
    pub(super) workers: HashMap<String, Value>,
    /// By operation, or by operation and a word of the request (`DescribeTasks bad`).
    pub(super) troubles: HashMap<String, Trouble>,
    /// How many events are on a page.
    pub(super) page: usize,
    /// How long each answer takes.
    pub(super) latency: Duration,
    pub(super) has_quotas: bool,
    pub(super) calls: RefCell<Vec<(String, String)>>,
    buckets: RefCell<HashMap<String, (f64, Instant)>>,
}

impl FakeAws {
    pub(super) fn new() -> Self {
        Self {
            machines: vec![(MACHINE.to_owned(), "STANDARD")],
            definition: definition(),
            page: 1000,
            ..Self::default()
        }
    }

    /// An execution with a callback state that has started a worker. Returns its ARN.
    pub(super) fn waits(&mut self, name: &str, resource_type: &str, output: &Value) -> String {
        let arn = format!("arn:aws:states:eu-west-1:111122223333:execution:render:{name}");
        self.executions.entry(MACHINE.to_owned()).or_default().push(json!({
            "executionArn": arn, "stateMachineArn": MACHINE, "name": name, "status": "RUNNING",
            "startDate": NOW - 90_000,
        }));
        self.histories.insert(arn.clone(), history(name, resource_type, output));
        arn
    }

    /// An execution that waits for an ECS task, which is told of like this.
    pub(super) fn waits_for_task(&mut self, name: &str, task: Value) -> String {
        let task_arn = task_arn(name);
        let output = json!({"Tasks": [{"TaskArn": task_arn, "ClusterArn": CLUSTER}], "Failures": []});
        let execution = self.waits(name, "ecs", &output);
        if let Value::Object(mut task) = task {
            task.insert("taskArn".to_owned(), json!(task_arn));
            self.workers.insert(task_arn, Value::Object(task));
        }
        execution
    }

    pub(super) fn calls_of(&self, operation: &str) -> usize {
        self.calls.borrow().iter().filter(|(name, _)| name == operation).count()
    }

    fn take_token(&self, operation: &str) -> bool {
        let known = QUOTAS.iter().find(|(name, ..)| *name == operation);
        let Some((_, size, rate)) = known.filter(|_| self.has_quotas) else { return true };
        let mut buckets = self.buckets.borrow_mut();
        let (tokens, at) = buckets.entry(operation.to_owned()).or_insert((*size, Instant::now()));
        *tokens = (*tokens + at.elapsed().as_secs_f64() * rate).min(*size);
        *at = Instant::now();
        let has_one = *tokens >= 1.0;
        *tokens -= if has_one { 1.0 } else { 0.0 };
        has_one
    }

    fn trouble(&self, operation: &str, body: &str) -> Option<Trouble> {
        let is_met = |key: &&String| match key.split_once(' ') {
            Some((name, word)) => name == operation && body.contains(word),
            None => *key == operation,
        };
        self.troubles.get(self.troubles.keys().find(is_met)?).cloned()
    }

    fn answer(&self, operation: &str, body: &str) -> Result<String, ServiceError> {
        let asked: Value = serde_json::from_str(body).unwrap_or_default();
        let text = |name: &str| asked[name].as_str().unwrap_or_default().to_owned();
        let list = |name: &str| asked[name].as_array().cloned().unwrap_or_default();
        let known = |ids: Vec<Value>| {
            ids.iter().filter_map(|id| self.workers.get(id.as_str()?)).cloned().collect::<Vec<_>>()
        };
        Ok(match operation {
            "ListStateMachines" => {
                let machine = |(arn, kind): &(String, &str)| json!({"stateMachineArn": arn, "type": kind});
                json!({"stateMachines": self.machines.iter().map(machine).collect::<Vec<_>>()}).to_string()
            }
            "ListExecutions" => {
                assert_eq!(asked["statusFilter"], "RUNNING");
                let parent = [text("stateMachineArn"), text("mapRunArn")].concat();
                let running = self.executions.get(&parent).cloned().unwrap_or_default();
                self.paged(&asked, "executions", &running)
            }
            "GetExecutionHistory" => match self.histories.get(&text("executionArn")) {
                Some(events) => self.paged(&asked, "events", events),
                None => return Err(error("ExecutionDoesNotExist", 400)),
            },
            "DescribeStateMachineForExecution" => {
                json!({"definition": self.definition, "updateDate": NOW - 1_000_000}).to_string()
            }
            "DescribeExecution" => match self.workers.get(&text("executionArn")) {
                Some(execution) => execution.to_string(),
                None => return Err(error("ExecutionDoesNotExist", 400)),
            },
            "DescribeTasks" => {
                assert_eq!(asked["cluster"], CLUSTER);
                let ids = list("tasks");
                assert!(ids.len() <= 100, "DescribeTasks takes a hundred");
                let missing = ids.iter().filter(|id| !self.workers.contains_key(id.as_str().unwrap()));
                let failures: Vec<Value> =
                    missing.map(|arn| json!({"arn": arn, "reason": "MISSING"})).collect();
                json!({"tasks": known(ids.clone()), "failures": failures}).to_string()
            }
            "DescribeJobs" => json!({"jobs": known(list("jobs"))}).to_string(),
            "BatchGetBuilds" => json!({"builds": known(list("ids")), "buildsNotFound": []}).to_string(),
            "ListCommandInvocations" => {
                let invocations = self.workers.get(&text("CommandId")).cloned().unwrap_or(json!([]));
                json!({"CommandInvocations": invocations}).to_string()
            }
            "DescribeInstances" => self.instances(body),
            other => panic!("nobody asks for {other}"),
        })
    }

    fn paged(&self, asked: &Value, list: &str, items: &[Value]) -> String {
        let start: usize = asked["nextToken"].as_str().map_or(0, |token| token.parse().unwrap());
        let end = items.len().min(start + self.page);
        let mut page = json!({list: items[start..end]});
        if end < items.len() {
            page["nextToken"] = json!(end.to_string());
        }
        page.to_string()
    }

    fn instances(&self, form: &str) -> String {
        let ids = form.split('&').filter_map(|member| member.strip_prefix("Filter.1.Value."));
        let known = ids.filter_map(|value| self.workers.get_key_value(value.split_once('=')?.1));
        let items: Vec<String> = known
            .map(|(id, instance)| {
                format!(
                    "<item><instancesSet><item><instanceId>{id}</instanceId><instanceState><name>{}</name></instanceState><reason>{}</reason></item></instancesSet></item>",
                    instance["state"].as_str().unwrap(),
                    instance["reason"].as_str().unwrap_or_default()
                )
            })
            .collect();
        format!(
            "<DescribeInstancesResponse><reservationSet>{}</reservationSet></DescribeInstancesResponse>",
            items.concat()
        )
    }
}

impl Services for FakeAws {
    async fn ask(
        &self,
        operation: &'static Operation,
        form: HttpForm,
        place: &Place,
    ) -> Result<String, ServiceError> {
        assert_eq!(place.region, "eu-west-1");
        self.calls.borrow_mut().push((operation.name.to_owned(), form.body.clone()));
        sleep(self.latency).await;
        if !self.take_token(operation.name) {
            return Err(error("ThrottlingException", 400));
        }
        match self.trouble(operation.name, &form.body) {
            Some(Trouble::Error(name, status)) => Err(error(name, status)),
            Some(Trouble::Silence) => Err(ServiceError {
                name: Some("TimeoutError".to_owned()),
                obstacle: Some(Obstacle::Silence),
                ..ServiceError::default()
            }),
            Some(Trouble::Text(text)) => Ok(text.to_owned()),
            None => self.answer(operation.name, &form.body),
        }
    }
}

fn error(name: &str, status: u16) -> ServiceError {
    ServiceError { name: Some(name.to_owned()), status: Some(status), ..ServiceError::default() }
}

pub(super) fn task_arn(name: &str) -> String {
    format!("arn:aws:ecs:eu-west-1:111122223333:task/c/{name}")
}

/// A stopped task whose container failed, an hour ago.
pub(super) fn killed() -> Value {
    json!({
        "lastStatus": "STOPPED", "stopCode": "EssentialContainerExited", "stoppedAt": NOW - 3600,
        "containers": [{"name": "worker", "exitCode": 137}],
    })
}

fn definition() -> String {
    let parameters = json!({"Overrides": {"ContainerOverrides": [
        {"Name": "worker", "Environment": [{"Name": "GRIP", "Value.$": "$$.Task.Token"}]}]}});
    let resource = "arn:aws:states:::ecs:runTask.waitForTaskToken";
    json!({"StartAt": "Render", "States": {"Render":
        {"Type": "Task", "Resource": resource, "Parameters": parameters, "End": true}}})
    .to_string()
}

fn history(name: &str, resource_type: &str, output: &Value) -> Vec<Value> {
    let parameters = json!({"Overrides": {"ContainerOverrides": [
        {"Name": "worker", "Environment": [{"Name": "GRIP", "Value": format!("token-of-{name}")}]}]}});
    let at = NOW - 86_400;
    vec![
        json!({"id": 1, "previousEventId": 0, "type": "ExecutionStarted", "timestamp": at}),
        json!({"id": 2, "previousEventId": 0, "type": "TaskStateEntered", "timestamp": at,
            "stateEnteredEventDetails": {"name": "Render", "input": "{}"}}),
        json!({"id": 3, "previousEventId": 2, "type": "TaskScheduled", "timestamp": at,
            "taskScheduledEventDetails": {"resourceType": resource_type, "region": "eu-west-1",
                "resource": "runTask.waitForTaskToken", "parameters": parameters.to_string()}}),
        json!({"id": 4, "previousEventId": 3, "type": "TaskStarted", "timestamp": at}),
        json!({"id": 5, "previousEventId": 4, "type": "TaskSubmitted", "timestamp": at,
            "taskSubmittedEventDetails": {"output": output.to_string()}}),
    ]
}
