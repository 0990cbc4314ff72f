use super::super::SweepRules;
use super::super::fate::End;
use super::super::listing::Execution;
use super::super::verdict::Verdict;
use super::*;
use crate::event::parse_time;
use crate::json::Json;
use crate::secret::Secret;
use crate::sweep::history::History;
use crate::sweep::waiting::Candidate;
use crate::target::Target;

const TOKEN: &str = "AQCEAAAAKgAAAAMAAAAAAAAAAb3";

fn stranded(end: End) -> WaitingTask {
    let worker = Worker::EcsTask { arn: "arn:t".to_owned(), cluster: "c".to_owned(), containers: Vec::new() };
    let verdict = Verdict { status: Status::Stranded, decided_by: Some(0), ended_at: end.at };
    WaitingTask {
        execution: "arn:e".to_owned(),
        state_machine: "arn:m".to_owned(),
        state: "Render".to_owned(),
        since: parse_time("2026-07-03T08:00:00Z"),
        workers: Ok(vec![(worker, Fate::Ended(end))]),
        verdict,
        token: Some(Secret::new(TOKEN)),
    }
}

fn killed() -> End {
    End {
        well: false,
        at: parse_time("2026-08-03T12:00:00Z"),
        how: "stopped (container w: exit code 137)".to_owned(),
        failure_type: Some("ECS.EssentialContainerExited".to_owned()),
    }
}

fn event(task: &WaitingTask, region: Option<&str>) -> Value {
    serde_json::from_str(&task.event(region).unwrap().body).unwrap()
}

#[test]
fn a_stranded_task_becomes_an_ordinary_failure_event() {
    let event = event(&stranded(killed()), None);
    assert_eq!(
        event,
        json!({
            "version": "1",
            "id": format!("sweep-{}", fingerprint(TOKEN)),
            "source": "failure-relay.sweep",
            "time": "2026-08-03T12:00:00Z",
            "target": {"kind": "step-functions-task", "taskToken": TOKEN},
            "failure": {
                "type": "ECS.EssentialContainerExited",
                "message": "The ECS task arn:t stopped (container w: exit code 137) at 2026-08-03T12:00:00Z. The state Render has waited for it since 2026-07-03T08:00:00Z.",
                "externalExecutionId": "arn:t",
                "details": {
                    "executionArn": "arn:e",
                    "state": "Render",
                    "waitingSince": "2026-07-03T08:00:00Z",
                    "workers": [{"worker": "ECS task arn:t", "ended": "stopped (container w: exit code 137)"}]
                }
            }
        })
    );
    let target = event["target"].to_string();
    assert!(Target::read(&Json::parse(&target).unwrap().object().unwrap()).is_ok());
}

#[test]
fn where_the_relay_may_be_elsewhere_the_target_names_its_region() {
    assert_eq!(event(&stranded(killed()), Some("eu-west-1"))["target"]["region"], "eu-west-1");
}

#[test]
fn an_end_without_a_type_of_its_own_is_worker_stranded() {
    let well = End { well: true, failure_type: None, how: "succeeded".to_owned(), at: None };
    let failure = &event(&stranded(well), None)["failure"];
    assert_eq!(failure["type"], "Worker.Stranded");
    assert_eq!(
        failure["message"],
        "The ECS task arn:t succeeded without calling back. The state Render has waited for it since 2026-07-03T08:00:00Z."
    );
    let mut forgotten = stranded(killed());
    forgotten.workers = forgotten.workers.map(|workers| vec![(workers[0].0.clone(), Fate::Missing)]);
    assert_eq!(event(&forgotten, None)["failure"]["type"], "Worker.Stranded");
    assert_eq!(forgotten.words(), "is not known to its service");
}

#[test]
fn what_a_service_says_of_a_worker_shows_no_token() {
    let mut history = History::default();
    let parameters = json!({"Payload": {"TaskToken": TOKEN}}).to_string();
    let output = json!({"JobId": "j"}).to_string();
    let page = json!({"events": [
        {"id": 1, "type": "TaskScheduled", "timestamp": 1_785_000_000, "taskScheduledEventDetails":
            {"resourceType": "aws-sdk:batch", "resource": "submitJob.waitForTaskToken", "parameters": parameters}},
        {"id": 2, "previousEventId": 1, "type": "TaskSubmitted", "timestamp": 1_785_000_000,
            "taskSubmittedEventDetails": {"output": output}}
    ]});
    history.read(&page.to_string()).unwrap();
    let execution = Execution {
        arn: "arn:aws:states:eu-west-1:111122223333:execution:m:e".to_owned(),
        state_machine: "m".to_owned(),
        lineage: "m".to_owned(),
        started: None,
    };
    let candidate = Candidate::new(&execution, &history.open_tasks()[0], None, &[]);
    let quoting = |_: &Worker| {
        Fate::Ended(End { how: format!("failed (exec: \"run --task-token {TOKEN}\")"), ..killed() })
    };
    let now = parse_time("2026-08-04T12:00:00Z").unwrap();
    let task = candidate.judged(quoting, now, &SweepRules::default());
    assert_eq!(task.status(), Status::Stranded);
    let event = task.event(None).unwrap();
    assert!(event.body.contains(TOKEN), "it is the target");
    let failure = serde_json::from_str::<Value>(&event.body).unwrap()["failure"].to_string();
    for shown in [task.words(), format!("{task:?}"), format!("{event:?}"), failure] {
        assert!(!shown.contains("AQCEAAAAK"), "{shown}");
    }
}

#[test]
fn more_than_the_limit_are_not_failed_at_all() {
    let tasks = vec![stranded(killed()); 3];
    assert_eq!(plan(&tasks, 2, None), Plan::TooMany { stranded: 3 });
    let Plan::Publish { events, without_token } = plan(&tasks, 3, None) else { panic!("three are allowed") };
    assert_eq!((events.len(), without_token), (3, 0));
}

#[test]
fn a_task_without_a_token_cannot_be_failed_and_one_that_is_not_stranded_is_not() {
    let without = WaitingTask { token: None, ..stranded(killed()) };
    assert_eq!(plan(&[without], 9, None), Plan::Publish { events: Vec::new(), without_token: 1 });
    for status in [Status::Silent, Status::Unknown, Status::Waiting] {
        let mut task = stranded(killed());
        task.verdict.status = status;
        assert_eq!(plan(&[task], 9, None), Plan::Publish { events: Vec::new(), without_token: 0 });
    }
}
