mod fake;
mod safety;

use std::cell::RefCell;
use std::time::Duration;

use failure_event::outcome::ServiceError;
use failure_event::publication::Publication;
use failure_event::sweep::{ArnPattern, SweepRules};
use serde_json::{Value, json};

use super::*;
use fake::{FakeAws, MACHINE, NOW, Trouble, killed, task_arn};

fn question() -> Sweep {
    Sweep { rules: SweepRules::default(), region: "eu-west-1".to_owned(), rate: None, deadline: None }
}

fn now() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(NOW).unwrap()
}

async fn swept_with(aws: &FakeAws, question: &Sweep) -> Swept {
    sweep(question, aws, now(), &|_| {}).await.unwrap()
}

async fn swept(aws: &FakeAws) -> Swept {
    swept_with(aws, &question()).await
}

fn statuses(swept: &Swept) -> Vec<(&str, Status)> {
    let mut statuses: Vec<(&str, Status)> =
        swept.tasks.iter().map(|task| (task.execution.rsplit(':').next().unwrap(), task.status())).collect();
    statuses.sort_unstable();
    statuses
}

#[tokio::test(start_paused = true)]
async fn a_task_whose_worker_is_gone_is_found_with_its_token() {
    let mut aws = FakeAws::new();
    aws.waits_for_task("dead", killed());
    aws.waits_for_task("alive", json!({"lastStatus": "RUNNING"}));
    let swept = swept(&aws).await;
    assert_eq!(statuses(&swept), [("alive", Status::Waiting), ("dead", Status::Stranded)]);
    assert_eq!((swept.executions, swept.errors.as_slice()), (2, [].as_slice()));
    let dead = swept.tasks.iter().find(|task| task.status() == Status::Stranded).unwrap();
    let event: Value = serde_json::from_str(&dead.event(None).unwrap().body).unwrap();
    assert_eq!(event["target"]["taskToken"], "token-of-dead");
    assert_eq!(event["failure"]["type"], "ECS.EssentialContainerExited");
    assert_eq!(aws.calls_of("DescribeTasks"), 1, "one question about both");
    assert_eq!(aws.calls_of("DescribeStateMachineForExecution"), 1, "one definition for both");
}

#[tokio::test(start_paused = true)]
async fn a_long_history_is_read_page_by_page() {
    let mut aws = FakeAws::new();
    aws.waits_for_task("dead", killed());
    aws.page = 2;
    assert_eq!(statuses(&swept(&aws).await), [("dead", Status::Stranded)]);
    assert_eq!(aws.calls_of("GetExecutionHistory"), 3);
}

#[tokio::test(start_paused = true)]
async fn each_service_is_asked_about_its_own() {
    let mut aws = FakeAws::new();
    let ended = NOW - 3600;
    aws.waits("batch", "aws-sdk:batch", &json!({"JobId": "j"}));
    aws.workers.insert("j".to_owned(), json!({"jobId": "j", "status": "FAILED", "stoppedAt": ended * 1000}));
    aws.waits("build", "aws-sdk:codebuild", &json!({"Build": {"Id": "p:1"}}));
    aws.workers.insert("p:1".to_owned(), json!({"id": "p:1", "buildStatus": "FAULT", "endTime": ended}));
    let child = "arn:aws:states:eu-west-1:111122223333:execution:child:c";
    aws.waits("nested", "states", &json!({"ExecutionArn": child}));
    let failed = json!({"executionArn": child, "status": "TIMED_OUT", "stopDate": ended});
    aws.workers.insert(child.to_owned(), failed);
    aws.waits(
        "instances",
        "aws-sdk:ec2",
        &json!({"Instances": [{"InstanceId": "i-1"}, {"InstanceId": "i-2"}]}),
    );
    aws.workers
        .insert("i-1".to_owned(), json!({"state": "terminated", "reason": "Server.SpotInstanceTermination"}));
    aws.waits("command", "aws-sdk:ssm", &json!({"Command": {"CommandId": "c", "InstanceIds": ["i-1"]}}));
    let plugins = json!([{"ResponseFinishDateTime": ended}]);
    let invocation =
        json!([{"CommandId": "c", "InstanceId": "i-1", "Status": "Failed", "CommandPlugins": plugins}]);
    aws.workers.insert("c".to_owned(), invocation);
    aws.waits("queue", "sqs", &json!({"MessageId": "m"}));
    let swept = swept(&aws).await;
    let stranded = Status::Stranded;
    assert_eq!(
        statuses(&swept),
        [
            ("batch", stranded),
            ("build", stranded),
            ("command", stranded),
            ("instances", stranded),
            ("nested", stranded),
            ("queue", Status::Unknown),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_nested_execution_that_is_listed_as_running_is_not_asked_about() {
    let mut aws = FakeAws::new();
    let child = aws.waits_for_task("child", json!({"lastStatus": "RUNNING"}));
    aws.waits("parent", "states", &json!({"ExecutionArn": child}));
    assert_eq!(statuses(&swept(&aws).await), [("child", Status::Waiting), ("parent", Status::Waiting)]);
    assert_eq!(aws.calls_of("DescribeExecution"), 0);
}

#[tokio::test(start_paused = true)]
async fn the_children_of_a_distributed_map_are_swept_too() {
    let mut aws = FakeAws::new();
    let child = aws.waits_for_task("child", killed());
    let run = "arn:aws:states:eu-west-1:111122223333:mapRun:render/map:1";
    let children = aws.executions.remove(MACHINE).unwrap();
    aws.executions.insert(run.to_owned(), children);
    let parent = aws.waits("parent", "ecs", &json!({}));
    let started = json!({"id": 1, "type": "MapRunStarted", "mapRunStartedEventDetails": {"mapRunArn": run}});
    aws.histories.insert(parent, vec![started]);
    let swept = swept(&aws).await;
    assert_eq!(swept.tasks.len(), 1);
    assert_eq!(
        (swept.tasks[0].execution.as_str(), swept.tasks[0].status()),
        (child.as_str(), Status::Stranded)
    );
}

#[tokio::test(start_paused = true)]
async fn only_the_state_machines_that_are_meant_are_read() {
    let mut aws = FakeAws::new();
    aws.waits_for_task("dead", killed());
    aws.machines.push((MACHINE.replace("render", "express"), "EXPRESS"));
    aws.machines.push((MACHINE.replace("render", "other"), "STANDARD"));
    let with = |patterns: &[&str]| {
        let state_machines = patterns.iter().map(|pattern| ArnPattern::parse(pattern).unwrap()).collect();
        Sweep { rules: SweepRules { state_machines, ..SweepRules::default() }, ..question() }
    };
    assert_eq!(swept(&aws).await.tasks.len(), 1);
    assert_eq!(aws.calls_of("ListExecutions"), 2, "express state machines list none");
    assert_eq!(swept_with(&aws, &with(&["*:ren*", "*:other"])).await.tasks.len(), 1);
    assert_eq!(swept_with(&aws, &with(&["*:other"])).await.tasks.len(), 0);
    let listings = aws.calls_of("ListStateMachines");
    assert_eq!(swept_with(&aws, &with(&[MACHINE, MACHINE])).await.tasks.len(), 1);
    assert_eq!(aws.calls_of("ListStateMachines"), listings, "a whole ARN need not be looked up");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_counted_and_stops_nothing_else() {
    let mut aws = FakeAws::new();
    aws.waits_for_task("dead", killed());
    let gone = aws.waits_for_task("gone", killed());
    aws.histories.remove(&gone);
    for (name, trouble) in [("denied", "AccessDeniedException"), ("express", "StateMachineTypeNotSupported")]
    {
        let machine = MACHINE.replace("render", name);
        aws.troubles.insert(format!("ListExecutions {machine}"), Trouble::Error(trouble, 400));
        aws.machines.push((machine, "STANDARD"));
    }
    let swept = swept(&aws).await;
    assert_eq!(statuses(&swept), [("dead", Status::Stranded)]);
    let mut errors: Vec<String> = swept.errors.iter().map(ToString::to_string).collect();
    errors.sort_unstable();
    assert_eq!(errors.len(), 2, "an express workflow is no error: {errors:?}");
    assert!(errors[0].contains(":execution:render:gone: Step Functions answered with ExecutionDoesNotExist"));
    assert!(errors[1].contains(":stateMachine:denied: Step Functions answered with AccessDeniedException"));
}

#[tokio::test(start_paused = true)]
async fn without_a_list_of_state_machines_there_is_no_sweep() {
    let mut aws = FakeAws::new();
    aws.troubles.insert("ListStateMachines".to_owned(), Trouble::Error("AccessDeniedException", 400));
    let error = sweep(&question(), &aws, now(), &|_| {}).await.unwrap_err();
    assert_eq!(error.name.as_deref(), Some("AccessDeniedException"));
}

#[tokio::test(start_paused = true)]
async fn a_definition_that_cannot_be_read_leaves_the_names() {
    let mut aws = FakeAws::new();
    aws.waits_for_task("dead", killed());
    aws.waits_for_task("dead-too", killed());
    aws.troubles
        .insert("DescribeStateMachineForExecution".to_owned(), Trouble::Error("AccessDeniedException", 400));
    let rules = SweepRules { task_token_names: vec!["GRIP".to_owned()], ..SweepRules::default() };
    let swept = swept_with(&aws, &Sweep { rules, ..question() }).await;
    assert!(swept.tasks.iter().all(|task| task.token.is_some()));
    assert_eq!((swept.errors.len(), aws.calls_of("DescribeStateMachineForExecution")), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn one_bad_id_makes_nobody_else_unknown() {
    let mut aws = FakeAws::new();
    aws.waits_for_task("bad", killed());
    aws.waits_for_task("dead", killed());
    aws.troubles
        .insert("DescribeTasks task/c/bad".to_owned(), Trouble::Error("InvalidParameterException", 400));
    assert_eq!(statuses(&swept(&aws).await), [("bad", Status::Unknown), ("dead", Status::Stranded)]);
    assert_eq!(aws.calls_of("DescribeTasks"), 3);
}

#[tokio::test(start_paused = true)]
async fn a_throttle_is_waited_out() {
    let mut aws = FakeAws::new();
    aws.waits_for_task("dead", killed());
    aws.troubles.insert("DescribeTasks".to_owned(), Trouble::Error("ThrottlingException", 400));
    assert_eq!(statuses(&swept(&aws).await), [("dead", Status::Unknown)]);
    assert_eq!(aws.calls_of("DescribeTasks"), 4);
}

#[tokio::test(start_paused = true)]
async fn after_the_deadline_nothing_is_asked_and_what_is_unread_is_counted() {
    let mut aws = FakeAws::new();
    aws.latency = Duration::from_secs(5);
    for number in 0..60 {
        aws.waits_for_task(&format!("dead-{number}"), killed());
    }
    let began = Instant::now();
    let deadline = Some(began + Duration::from_secs(40));
    let swept = swept_with(&aws, &Sweep { deadline, ..question() }).await;
    assert!(began.elapsed() <= Duration::from_secs(45), "{:?}", began.elapsed());
    assert!(!swept.errors.is_empty() && !swept.tasks.is_empty());
    assert_eq!(swept.tasks.len() + swept.errors.len(), 60);
    assert!(
        swept.tasks.iter().all(|task| task.status() == Status::Stranded),
        "what was read was asked about"
    );
}

#[tokio::test(start_paused = true)]
async fn a_thousand_executions_take_less_than_two_minutes_and_half_of_the_quotas() {
    let mut aws = FakeAws::new();
    aws.has_quotas = true;
    aws.latency = Duration::from_millis(100);
    for number in 0..1000 {
        let name = format!("e{number}");
        let execution = if number % 2 == 0 {
            aws.waits_for_task(&name, killed())
        } else {
            let child = format!("arn:aws:states:eu-west-1:111122223333:execution:child:{number}");
            let status = json!({"executionArn": child, "status": "FAILED", "stopDate": NOW - 3600});
            aws.workers.insert(child.clone(), status);
            aws.waits(&name, "states", &json!({"ExecutionArn": child}))
        };
        let history = aws.histories.get_mut(&execution).unwrap();
        history.extend((6..51).map(|id| json!({"id": id, "previousEventId": 1, "type": "PassStateEntered"})));
    }
    let (began, seen) = (Instant::now(), RefCell::new(Vec::new()));
    let swept = sweep(&question(), &aws, now(), &|step| seen.borrow_mut().push(step)).await.unwrap();
    assert!(began.elapsed() < Duration::from_mins(2), "{:?}", began.elapsed());
    assert_eq!((swept.count(Status::Stranded), swept.errors.len()), (1000, 0));
    assert_eq!(aws.calls_of("GetExecutionHistory"), 1000, "none was throttled");
    assert_eq!(aws.calls_of("DescribeExecution"), 500, "none was throttled");
    assert_eq!(seen.borrow()[0], Progress::Listed(1000));
    assert_eq!(seen.borrow().len(), 1001);
    let slow = Sweep { rate: Some(50.0), ..question() };
    let began = Instant::now();
    aws.has_quotas = false;
    swept_with(&aws, &slow).await;
    assert!(began.elapsed() >= Duration::from_secs(19), "a rate replaces the quotas: {:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn each_stranded_task_becomes_an_event_unless_there_are_too_many() {
    let mut aws = FakeAws::new();
    for name in ["a", "b", "c"] {
        aws.waits_for_task(name, killed());
    }
    aws.waits_for_task("alive", json!({"lastStatus": "RUNNING"}));
    let tasks = swept(&aws).await.tasks;
    let published = RefCell::new(Vec::new());
    let publish = async |events: Vec<Publication>| {
        published.borrow_mut().extend(events.clone());
        events.iter().map(|_| Ok::<(), ServiceError>(())).collect()
    };
    assert_eq!(fail(&tasks, 2, &publish).await, Failed { errors: 1, ..Failed::default() });
    assert!(published.borrow().is_empty());
    assert_eq!(fail(&tasks, 3, &publish).await, Failed { published: 3, ..Failed::default() });
    assert_eq!(published.borrow().len(), 3);
    let refused = async |events: Vec<Publication>| {
        events.iter().enumerate().map(|(index, _)| if index == 0 { Ok(()) } else { Err(()) }).collect()
    };
    assert_eq!(fail(&tasks, 3, refused).await, Failed { published: 1, unconfirmed: 2, errors: 0 });
}
