//! What the services answer, by operation.

use aws_emulator::Operation;
use serde_json::{Value, json};

use crate::wire::stack_resource;

use super::{DEAD_LETTERS, QUEUE, Stage, parsed, relay};

const PLACE: &str = "us-east-1:123456789012";
const BUS: &str = "drilled-bus";
const RULE: &str = "arn:aws:events:us-east-1:123456789012:rule/drilled-bus/failures";

/// The stack in which a mapping and a permission are wrong.
const WRONG: &str = "failure-relay-2";

/// The rules of the bus that do nothing, each in the stack of the same name.
const DISABLED_RULE: &str = "disabled-rule";
pub(super) const DELETED_RULE: &str = "deleted-rule";

pub(super) fn answer(operation: &str, path: &str, body: &str, stage: &Stage) -> String {
    let is_change = ["Create", "Delete", "Start", "Stop"].iter().any(|verb| operation.starts_with(verb));
    if is_change && !operation.contains("Message") {
        stage.changes.lock().unwrap().push(operation.to_owned());
    }
    match operation {
        "ListStackResources" => xml(operation, &stack(body)),
        "ListAttachedRolePolicies" => {
            xml(operation, "<IsTruncated>false</IsTruncated><AttachedPolicies></AttachedPolicies>")
        }
        "ListRolePolicies" => xml(
            operation,
            "<IsTruncated>false</IsTruncated><PolicyNames><member>relay</member></PolicyNames>",
        ),
        "GetRolePolicy" => {
            let document = policy(is_of(body, WRONG)).to_string().replace('"', "%22");
            xml(
                operation,
                &format!(
                    "<RoleName>r</RoleName><PolicyName>p</PolicyName><PolicyDocument>{document}</PolicyDocument>"
                ),
            )
        }
        "GetFunctionConfiguration" => function(path, stage).to_string(),
        "ListEventSourceMappings" => mappings(stage).to_string(),
        "Invoke" => relay::invoked(&parsed(body), stage).to_string(),
        "DescribeRule" => {
            let name = parsed(body)["Name"].clone();
            let is_enabled = name != DISABLED_RULE;
            json!({"Name": name, "Arn": RULE, "State": if is_enabled { "ENABLED" } else { "DISABLED" }})
                .to_string()
        }
        "ListTargetsByRule" => {
            let dead_letters = json!({"Arn": stage.endpoint.queue_arn(DEAD_LETTERS)});
            let target = json!({"Id": "queue", "Arn": stage.endpoint.queue_arn(QUEUE), "DeadLetterConfig": dead_letters});
            json!({"Targets": [target]}).to_string()
        }
        "PutEvents" => {
            let asked = parsed(body);
            let entry = &asked["Entries"][0];
            let event = json!({"detail-type": entry["DetailType"], "detail": parsed(entry["Detail"].as_str().unwrap())});
            stage.endpoint.send_message(QUEUE, &event.to_string(), &[], None).unwrap();
            json!({"FailedEntryCount": 0, "Entries": [{"EventId": "e"}]}).to_string()
        }
        "DescribeAlarms" => String::new(),
        _ => step_functions(operation, stage).unwrap_or_else(|| sqs(operation, body, stage)).to_string(),
    }
}

/// The function is named as its stack is, and the role as both.
fn is_of(request: &str, stack: &str) -> bool {
    request.split(['&', '/']).any(|part| part.rsplit('=').next() == Some(stack))
}

fn xml(operation: &str, result: &str) -> String {
    format!("<{operation}Response><{operation}Result>{result}</{operation}Result></{operation}Response>")
}

fn stack(asked: &str) -> String {
    let function = stack_resource(
        "AWS::Lambda::Function",
        "RelayFunction",
        if is_of(asked, WRONG) { WRONG } else { "failure-relay" },
    );
    let name =
        [DISABLED_RULE, DELETED_RULE].into_iter().find(|rule| is_of(asked, rule)).unwrap_or("failures");
    let bus = stack_resource("AWS::Events::EventBus", "EventBus", BUS);
    let rule = stack_resource("AWS::Events::Rule", "FailureRule", &format!("{BUS}|{name}"));
    format!("<StackResourceSummaries>{function}{bus}{rule}</StackResourceSummaries>")
}

fn policy(is_wrong: bool) -> Value {
    let kinds = ["codepipeline:*", "swf:*", if is_wrong { "sns:*" } else { "states:SendTaskFailure" }];
    json!({"Statement": [
        {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"},
        {"Effect": "Allow", "Action": kinds, "Resource": "*"}]})
}

fn function(path: &str, stage: &Stage) -> Value {
    let name = if is_of(path, WRONG) { WRONG } else { "failure-relay" };
    *stage.is_disabled.lock().unwrap() = name == WRONG;
    json!({
        "FunctionName": name,
        "Role": format!("arn:aws:iam::123456789012:role/{name}"),
        "State": "Active",
        "Timeout": 30,
        "Environment": {"Variables": {
            "RELAY_DEAD_LETTER_QUEUE_URL": stage.endpoint.queue_url(DEAD_LETTERS),
            "RELAY_TARGETS": "codepipeline-job,step-functions-task,swf-activity-task",
        }},
    })
}

fn mappings(stage: &Stage) -> Value {
    let enabled = if *stage.is_disabled.lock().unwrap() { "Disabled" } else { "Enabled" };
    json!({"EventSourceMappings": [{
        "EventSourceArn": stage.endpoint.queue_arn(QUEUE),
        "State": enabled,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
    }]})
}

/// A state machine with one task, and its execution.
fn step_functions(operation: &str, stage: &Stage) -> Option<Value> {
    let arn = |what: &str| format!("arn:aws:states:{PLACE}:{what}:drill");
    let date = 1_795_169_730;
    Some(match operation {
        "CreateActivity" => json!({"activityArn": arn("activity"), "creationDate": date}),
        "CreateStateMachine" => json!({"stateMachineArn": arn("stateMachine"), "creationDate": date}),
        "StartExecution" => json!({"executionArn": arn("execution"), "startDate": date}),
        "GetActivityTask" => json!({"taskToken": relay::TOKEN, "input": "{}"}),
        "StopExecution" => json!({"stopDate": date}),
        "DeleteStateMachine" | "DeleteActivity" => json!({}),
        "DescribeExecution" => {
            let told = stage.told.lock().unwrap().clone();
            let mut execution = json!({"executionArn": arn("execution"), "stateMachineArn": arn("stateMachine"),
                "startDate": date, "status": if told.is_some() { "FAILED" } else { "RUNNING" }});
            if let Some((error, cause)) = told {
                execution["error"] = error.into();
                execution["cause"] = cause.into();
            }
            execution
        }
        _ => return None,
    })
}

/// The embedded endpoint's own SQS, which knows no policies.
fn sqs(operation: &str, body: &str, stage: &Stage) -> Value {
    let known = Operation::all().find(|known| known.name() == operation);
    let known = known.unwrap_or_else(|| panic!("a drill called {operation}, which its help does not list"));
    let mut answer = stage.endpoint.call(known, parsed(body)).unwrap();
    if operation == "GetQueueAttributes" {
        answer["Attributes"]["Policy"] = json!({"Statement": {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:SendMessage", "Resource": "*", "Condition": {"ArnEquals": {"aws:SourceArn": RULE}}}})
        .to_string()
        .into();
    }
    answer
}
