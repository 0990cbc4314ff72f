//! The rule above all others: no live worker is failed because an API was slow, throttled or denied.

use super::*;

/// A task whose worker is alive, of each service that is asked.
fn lives() -> FakeAws {
    let mut aws = FakeAws::new();
    aws.waits_for_task("task", json!({"lastStatus": "RUNNING"}));
    aws.waits("job", "aws-sdk:batch", &json!({"JobId": "j"}));
    aws.workers.insert("j".to_owned(), json!({"jobId": "j", "status": "RUNNING"}));
    aws.waits("build", "aws-sdk:codebuild", &json!({"Build": {"Id": "p:1"}}));
    aws.workers.insert("p:1".to_owned(), json!({"id": "p:1", "buildStatus": "IN_PROGRESS"}));
    let child = "arn:aws:states:eu-west-1:111122223333:execution:child:c";
    aws.waits("nested", "states", &json!({"ExecutionArn": child}));
    aws.workers.insert(child.to_owned(), json!({"executionArn": child, "status": "RUNNING"}));
    aws.waits("instance", "aws-sdk:ec2", &json!({"Instances": [{"InstanceId": "i-1"}]}));
    aws.workers.insert("i-1".to_owned(), json!({"state": "running"}));
    aws.waits("command", "aws-sdk:ssm", &json!({"Command": {"CommandId": "c", "InstanceIds": ["i-1"]}}));
    aws.workers.insert("c".to_owned(), json!([{"CommandId": "c", "Status": "InProgress"}]));
    aws
}

const OPERATIONS: [&str; 10] = [
    "ListStateMachines",
    "ListExecutions",
    "GetExecutionHistory",
    "DescribeStateMachineForExecution",
    "DescribeExecution",
    "DescribeTasks",
    "DescribeJobs",
    "BatchGetBuilds",
    "DescribeInstances",
    "ListCommandInvocations",
];

fn troubles() -> Vec<Trouble> {
    let names = [
        "ThrottlingException",
        "TooManyRequestsException",
        "RequestLimitExceeded",
        "AccessDeniedException",
        "UnauthorizedOperation",
        "ExpiredTokenException",
        "InvalidSignatureException",
        "InternalServerError",
        "ServiceUnavailable",
        "ClusterNotFoundException",
        "InvalidParameterException",
        "InvalidInstanceID.NotFound",
        "ExecutionDoesNotExist",
        "InvalidCommandId",
        "KmsAccessDeniedException",
        "AnErrorOfTomorrow",
    ];
    let errors = names
        .into_iter()
        .flat_map(|name| [400, 403, 404, 429, 500, 503].map(|status| Trouble::Error(name, status)));
    let texts = [
        "",
        "{}",
        "[]",
        "null",
        "<html>502 Bad Gateway</html>",
        "{\"tasks\":[],\"failures\":[]}",
        "{\"jobs\":[],\"builds\":[],\"CommandInvocations\":[]}",
        "{\"message\":\"Rate exceeded\"}",
        "<DescribeInstancesResponse><reservationSet>",
        "<Response><Errors><Error><Code>RequestLimitExceeded</Code></Error></Errors></Response>",
    ];
    errors.chain(texts.map(Trouble::Text)).chain([Trouble::Silence]).collect()
}

#[tokio::test(start_paused = true)]
async fn no_trouble_of_any_api_makes_a_live_worker_gone() {
    let rules = SweepRules { silent: Some(time::Duration::seconds(1)), ..SweepRules::default() };
    let question = Sweep { rules, ..question() };
    for operation in OPERATIONS {
        for trouble in troubles() {
            let mut aws = lives();
            let told = match &trouble {
                Trouble::Error(name, status) => format!("{operation}: {name} {status}"),
                Trouble::Silence => format!("{operation}: silence"),
                Trouble::Text(text) => format!("{operation}: {text:?}"),
            };
            aws.troubles.insert(operation.to_owned(), trouble);
            let Ok(swept) = sweep(&question, &aws, now(), &|_| {}).await else { continue };
            for task in &swept.tasks {
                let status = task.status();
                assert!(matches!(status, Status::Waiting | Status::Unknown), "{told}: {task:?}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_worker_too_is_only_known_by_an_answer() {
    for trouble in troubles() {
        let mut aws = FakeAws::new();
        aws.waits_for_task("dead", killed());
        aws.troubles.insert("DescribeTasks".to_owned(), trouble);
        assert_eq!(statuses(&swept(&aws).await), [("dead", Status::Unknown)]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_started_just_now_and_is_not_known_yet_is_unknown() {
    let mut aws = FakeAws::new();
    let execution = aws.waits_for_task("new", Value::Null);
    assert!(!aws.workers.contains_key(&task_arn("new")));
    assert_eq!(statuses(&swept(&aws).await), [("new", Status::Stranded)], "it was started a day ago");
    for event in aws.histories.get_mut(&execution).unwrap() {
        event["timestamp"] = json!(NOW - 7100);
    }
    assert_eq!(statuses(&swept(&aws).await), [("new", Status::Unknown)]);
}
