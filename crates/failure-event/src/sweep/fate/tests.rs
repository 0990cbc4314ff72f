use super::*;
use crate::event::parse_time;

fn asked(worker: &Worker, answer: &str) -> Fate {
    fates(std::slice::from_ref(worker), &[Page::Json(answer.to_owned())]).remove(0)
}

fn task(containers: &[&str]) -> Worker {
    let containers = containers.iter().map(|name| (*name).to_owned()).collect();
    Worker::EcsTask { arn: "t".to_owned(), cluster: "c".to_owned(), containers }
}

fn end(fate: &Fate) -> &End {
    match fate {
        Fate::Ended(end) => end,
        other => panic!("{other:?} is no end"),
    }
}

fn assert_unknown(worker: &Worker, answer: &str) {
    assert!(matches!(asked(worker, answer), Fate::Unknown(_)), "{worker}: {answer}");
}

/// One worker of each kind, with the answer's list and the member that holds its id and status.
fn each_kind() -> Vec<(Worker, &'static str, &'static str, &'static str)> {
    vec![
        (task(&[]), "tasks", "taskArn", "lastStatus"),
        (Worker::BatchJob("t".to_owned()), "jobs", "jobId", "status"),
        (Worker::Build("t".to_owned()), "builds", "id", "buildStatus"),
        (Worker::Command { id: "t".to_owned(), targets: 1 }, "CommandInvocations", "CommandId", "Status"),
    ]
}

#[test]
fn no_answer_that_is_not_definite_says_anything_of_a_worker() {
    let mut workers: Vec<Worker> = each_kind().into_iter().map(|(worker, ..)| worker).collect();
    workers.push(Worker::Execution("t".to_owned()));
    for worker in &workers {
        for answer in [
            "",
            "<html>",
            "[]",
            "null",
            "{}",
            r#"{"tasks":7,"jobs":{},"builds":"x"}"#,
            r#"{"message":"Rate exceeded"}"#,
        ] {
            assert_unknown(worker, answer);
        }
        assert!(matches!(fates(std::slice::from_ref(worker), &[]).remove(0), Fate::Unknown(_)));
    }
}

#[test]
fn an_answer_about_others_and_a_status_that_is_not_known_say_nothing() {
    for (worker, list, id, status) in each_kind() {
        for ended in ["STOPPED", "FAILED", "Failed", "TIMED_OUT"] {
            assert_unknown(&worker, &format!(r#"{{"{list}":[{{"{id}":"other","{status}":"{ended}"}}]}}"#));
        }
        for odd in [r#""stopped?""#, r#""""#, "null", "7", r#""failed""#] {
            assert_unknown(&worker, &format!(r#"{{"{list}":[{{"{id}":"t","{status}":{odd}}}]}}"#));
        }
        assert_unknown(&worker, &format!(r#"{{"{list}":[{{"{id}":"t"}}]}}"#));
    }
    let execution = Worker::Execution("t".to_owned());
    assert_unknown(&execution, r#"{"executionArn":"other","status":"FAILED"}"#);
    assert_unknown(&execution, r#"{"executionArn":"t","status":"PAUSED"}"#);
}

#[test]
fn one_page_that_cannot_be_read_makes_the_answer_worthless() {
    let stopped = r#"{"tasks":[{"taskArn":"t","lastStatus":"STOPPED"}]}"#.to_owned();
    let pages = [Page::Json(stopped), Page::Json("<html>".to_owned())];
    assert!(matches!(fates(&[task(&[])], &pages).remove(0), Fate::Unknown(_)));
}

#[test]
fn a_worker_that_is_there_runs_in_every_status_of_its_service() {
    let statuses: [&[&str]; 4] = [
        &["PROVISIONING", "PENDING", "ACTIVATING", "RUNNING", "DEACTIVATING", "STOPPING", "DEPROVISIONING"],
        &["SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING"],
        &["IN_PROGRESS"],
        &["Pending", "InProgress", "Delayed", "Cancelling"],
    ];
    for ((worker, list, id, member), statuses) in each_kind().into_iter().zip(statuses) {
        for status in statuses {
            let answer = format!(r#"{{"{list}":[{{"{id}":"t","{member}":"{status}"}}]}}"#);
            assert!(matches!(asked(&worker, &answer), Fate::Running(_)), "{worker} {status}");
        }
    }
    for status in ["RUNNING", "PENDING_REDRIVE"] {
        let answer = format!(r#"{{"executionArn":"t","status":"{status}"}}"#);
        assert!(matches!(asked(&Worker::Execution("t".to_owned()), &answer), Fate::Running(_)));
    }
}

fn stopped(rest: &str) -> String {
    format!(r#"{{"tasks":[{{"taskArn":"t","lastStatus":"STOPPED","stoppedAt":1785758400.0{rest}}}]}}"#)
}

const TWO: &str = r#","stopCode":"EssentialContainerExited","stoppedReason":"Essential container in task exited","containers":[{"name":"logs","exitCode":1},{"name":"worker","exitCode":0}]"#;

#[test]
fn the_container_that_was_given_the_token_decides() {
    assert!(end(&asked(&task(&["worker"]), &stopped(TWO))).well);
    let logs = asked(&task(&["logs"]), &stopped(TWO));
    assert_eq!(end(&logs).how, "stopped (Essential container in task exited; container logs: exit code 1)");
    assert_eq!(end(&logs).failure_type.as_deref(), Some("ECS.EssentialContainerExited"));
    assert_eq!(end(&logs).at, parse_time("2026-08-03T12:00:00Z"));
    assert!(!end(&asked(&task(&[]), &stopped(TWO))).well, "when none was given it, any does");
    assert!(!end(&asked(&task(&["worker", "logs"]), &stopped(TWO))).well);
    assert!(!end(&asked(&task(&["absent"]), &stopped(TWO))).well, "one that never ran has no exit code");
}

#[test]
fn a_task_that_was_taken_away_is_gone_whatever_its_exit_code() {
    let spot = r#","stopCode":"SpotInterruption","containers":[{"name":"worker","exitCode":0}]"#;
    let fate = asked(&task(&["worker"]), &stopped(spot));
    assert_eq!((end(&fate).well, end(&fate).how.as_str()), (false, "stopped (SpotInterruption)"));
    assert_eq!(end(&fate).failure_type.as_deref(), Some("ECS.SpotInterruption"));
    let no_code =
        asked(&task(&["worker"]), &stopped(r#","containers":[{"name":"worker","reason":"OutOfMemory"}]"#));
    assert_eq!(end(&no_code).how, "stopped (container worker: OutOfMemory, no exit code)");
    assert_eq!(end(&no_code).failure_type.as_deref(), Some("ECS.Stopped"));
}

#[test]
fn only_missing_among_the_failures_of_ecs_means_that_a_task_is_not_known() {
    let failure = |reason: &str| format!(r#"{{"tasks":[],"failures":[{{"arn":"t","reason":"{reason}"}}]}}"#);
    assert_eq!(asked(&task(&[]), &failure("MISSING")), Fate::Missing);
    assert_unknown(&task(&[]), &failure("ACCESS_DENIED"));
    assert_unknown(&task(&[]), r#"{"failures":[{"arn":"t"}]}"#);
    assert_unknown(&task(&[]), r#"{"failures":[{"arn":"other","reason":"MISSING"}]}"#);
}

#[test]
fn a_job_of_batch_ends_in_milliseconds() {
    let job = |rest: &str| format!(r#"{{"jobs":[{{"jobId":"t","stoppedAt":1785758400000,{rest}}}]}}"#);
    let worker = Worker::BatchJob("t".to_owned());
    let killed = job(
        r#""status":"FAILED","statusReason":"Host EC2 terminated","attempts":[{"container":{"exitCode":137,"reason":"OutOfMemoryError"}}]"#,
    );
    let fate = asked(&worker, &killed);
    assert_eq!(end(&fate).how, "failed (OutOfMemoryError, exit code 137)");
    assert_eq!(end(&fate).at, parse_time("2026-08-03T12:00:00Z"));
    assert_eq!(end(&fate).failure_type.as_deref(), Some("Batch.JobFailed"));
    assert!(end(&asked(&worker, &job(r#""status":"SUCCEEDED""#))).well);
}

#[test]
fn a_build_ends_with_its_status() {
    let build = |status: &str| {
        format!(
            r#"{{"builds":[{{"id":"t","buildStatus":"{status}","endTime":1785758400.5}}],"buildsNotFound":[]}}"#
        )
    };
    let worker = Worker::Build("t".to_owned());
    for status in ["FAILED", "FAULT", "TIMED_OUT", "STOPPED"] {
        let fate = asked(&worker, &build(status));
        assert!(!end(&fate).well);
        assert_eq!(end(&fate).failure_type, Some(format!("CodeBuild.{status}")));
    }
    assert!(end(&asked(&worker, &build("SUCCEEDED"))).well);
    assert_unknown(&worker, r#"{"builds":[],"buildsNotFound":["t"]}"#);
}

#[test]
fn an_execution_ends_with_its_error_and_cause() {
    let execution = |rest: &str| format!(r#"{{"executionArn":"t","stopDate":1785758400.0,{rest}}}"#);
    let worker = Worker::Execution("t".to_owned());
    let failed =
        asked(&worker, &execution(r#""status":"FAILED","error":"Render.NoDisk","cause":"the disk is full""#));
    assert_eq!(end(&failed).how, "ended with the status FAILED (Render.NoDisk; the disk is full)");
    assert_eq!(end(&failed).failure_type.as_deref(), Some("Render.NoDisk"));
    let aborted = asked(&worker, &execution(r#""status":"ABORTED""#));
    assert_eq!(end(&aborted).failure_type.as_deref(), Some("StepFunctions.ABORTED"));
    assert!(end(&asked(&worker, &execution(r#""status":"SUCCEEDED""#))).well);
}

fn instance(state: &str, reason: &str) -> Fate {
    let instance = Instance { id: "i-1".to_owned(), state: state.to_owned(), reason: reason.to_owned() };
    let page = Page::Instances { instances: vec![instance], next: None };
    fates(&[Worker::Instance("i-1".to_owned())], &[page]).remove(0)
}

#[test]
fn an_instance_tells_its_end_in_a_reason() {
    let terminated = instance("terminated", "User initiated (2026-08-03 12:00:00 GMT)");
    assert_eq!(end(&terminated).at, parse_time("2026-08-03T12:00:00Z"));
    assert!(!end(&terminated).well);
    for reason in [
        "",
        "Server.SpotInstanceTermination",
        "User initiated",
        "User initiated (soon)",
        "(2026-08-03 GMT)",
        ")",
        "(",
    ] {
        assert_eq!(end(&instance("stopped", reason)).at, None, "{reason}");
    }
    for state in ["pending", "running", "shutting-down", "stopping"] {
        assert!(matches!(instance(state, ""), Fate::Running(_)), "{state}");
    }
    for state in ["", "hibernated"] {
        assert!(matches!(instance(state, ""), Fate::Unknown(_)), "{state}");
    }
    let nobody = Page::Instances { instances: Vec::new(), next: None };
    assert_eq!(fates(&[Worker::Instance("i-1".to_owned())], &[nobody]), [Fate::Missing]);
}

fn command(targets: usize, invocations: &[(&str, &str)]) -> Fate {
    let invocation = |(status, plugins): &(&str, &str)| {
        format!(
            r#"{{"CommandId":"t","InstanceId":"i-1","Status":"{status}","StatusDetails":"{status}","CommandPlugins":[{plugins}]}}"#
        )
    };
    let invocations: Vec<String> = invocations.iter().map(invocation).collect();
    let worker = Worker::Command { id: "t".to_owned(), targets };
    asked(&worker, &format!(r#"{{"CommandInvocations":[{}]}}"#, invocations.join(",")))
}

#[test]
fn a_command_has_ended_when_all_of_its_invocations_have() {
    const EARLY: &str = r#"{"ResponseFinishDateTime":1785754800.0}"#;
    const LATE: &str = r#"{"ResponseFinishDateTime":1785758400.0},{"ResponseFinishDateTime":-62135596800.0}"#;
    let failed = command(2, &[("Success", LATE), ("Failed", EARLY)]);
    assert_eq!((end(&failed).well, end(&failed).how.as_str()), (false, "ended as Failed on i-1"));
    assert_eq!(end(&failed).at, parse_time("2026-08-03T12:00:00Z"));
    assert!(end(&command(1, &[("Success", EARLY)])).well);
    assert_eq!(end(&command(1, &[("TimedOut", "")])).at, None, "one that was never delivered");
    assert!(matches!(command(2, &[("Failed", EARLY), ("InProgress", "")]), Fate::Running(_)));
    assert!(matches!(command(2, &[("Failed", EARLY)]), Fate::Unknown(_)), "the second may be running");
    assert!(matches!(command(0, &[]), Fate::Unknown(_)));
    assert!(matches!(command(1, &[("Failed", EARLY), ("Odd", "")]), Fate::Unknown(_)));
}
