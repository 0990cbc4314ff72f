use super::*;
use crate::notice::{Meaning, recognise};
use crate::secret::Secret;
use crate::secret_names::SecretNames;

const TASK: &str = "arn:aws:ecs:eu-west-1:111122223333:task/renderers/0f3ad16c";
const DEFINITION: &str = "arn:aws:ecs:eu-west-1:111122223333:task-definition/render:7";

/// The log of a notice that the relay takes for a death.
fn log_of(source: &str, detail_type: &str, detail: &str) -> Option<WorkersLog> {
    let notice = format!(
        r#"{{"source":"{source}","detail-type":"{detail_type}","region":"eu-west-1","detail":{{{detail}}}}}"#
    );
    let notice = Json::parse(&notice).unwrap().object().unwrap();
    let failure = match recognise(&notice, &[]).unwrap().meaning {
        Meaning::Death(death) => death.failure,
        Meaning::Unnamed(unnamed) => unnamed.failure,
        other => panic!("{detail}: {other:?}"),
    };
    WorkersLog::of_notice(&notice, &failure, "us-east-1")
}

fn of_job(more: &str) -> Option<WorkersLog> {
    log_of("aws.batch", "Batch Job State Change", &format!(r#""status":"FAILED","jobId":"j",{more}"#))
}

fn stream(group: &str, stream: &str) -> LogStream {
    LogStream { region: "eu-west-1".to_owned(), group: group.to_owned(), stream: stream.to_owned() }
}

#[test]
fn a_jobs_log_is_that_of_its_last_attempt() {
    for (job, group, name) in [
        (r#""container":{"logStreamName":"d/default/1"}"#, "/aws/batch/job", "d/default/1"),
        (
            r#""container":{"logStreamName":"d/1"},"attempts":[{"container":{"logStreamName":"d/0"}},{"container":{"logStreamName":"d/2"}}]"#,
            "/aws/batch/job",
            "d/2",
        ),
        (
            r#""container":{"logStreamName":"s","logConfiguration":{"logDriver":"awslogs","options":{"awslogs-group":"mine"}}}"#,
            "mine",
            "s",
        ),
    ] {
        assert_eq!(of_job(job), Some(WorkersLog::Stream(stream(group, name))), "{job}");
    }
    let elsewhere =
        r#""container":{"logStreamName":"s","logConfiguration":{"logDriver":"splunk","options":{}}}"#;
    for job in [r#""container":{}"#, r#""attempts":[]"#, elsewhere] {
        assert_eq!(of_job(job), None, "{job}");
    }
}

#[test]
fn a_region_that_is_none_would_choose_the_host_and_names_no_log() {
    let in_region = |region: &str| {
        of_job(&format!(
            r#""container":{{"logStreamName":"s","logConfiguration":{{"logDriver":"awslogs","options":{{"awslogs-region":"{region}"}}}}}}"#
        ))
    };
    assert!(in_region("eu-central-1").is_some());
    for region in ["evil.example/", "evil.example#", "x@evil.example", "eu-west-1.evil.example", "eu west 1"]
    {
        assert_eq!(in_region(region), None, "{region}");
    }
    let container = |region: &str| {
        let notice = format!(
            r#"{{"source":"aws.ecs","region":"{region}","detail":{{"taskArn":"{TASK}","taskDefinitionArn":"{DEFINITION}"}}}}"#
        );
        let notice = Json::parse(&notice).unwrap().object().unwrap();
        let failure = Failure { details: Some(r#"{"container":"c"}"#.into()), ..Failure::default() };
        WorkersLog::of_notice(&notice, &failure, "us-east-1")
    };
    assert!(container("eu-west-1").is_some());
    assert_eq!(container("evil.example/"), None);
    let Some(WorkersLog::TaskDefinition(of_task)) = container("eu-west-1") else {
        panic!("a task has a definition")
    };
    let answer = r#"{"taskDefinition":{"containerDefinitions":[{"name":"c","logConfiguration":{"logDriver":"awslogs",
        "options":{"awslogs-group":"g","awslogs-stream-prefix":"p","awslogs-region":"evil.example/"}}}]}}"#;
    assert_eq!(of_task.stream_in(answer), None);
}

#[test]
fn a_builds_log_is_named_in_its_notice() {
    let build = |logs: &str| {
        let detail = format!(r#""build-status":"FAILED","additional-information":{{"logs":{logs}}}"#);
        log_of("aws.codebuild", "CodeBuild Build State Change", &detail)
    };
    let logs = r#"{"group-name":"/aws/codebuild/render","stream-name":"c340e456","deep-link":"https://x"}"#;
    assert_eq!(build(logs), Some(WorkersLog::Stream(stream("/aws/codebuild/render", "c340e456"))));
    assert_eq!(build(r#"{"deep-link":"https://x"}"#), None, "it writes to S3 alone");
}

fn of_task(containers: &str) -> Option<WorkersLog> {
    let detail = format!(
        r#""lastStatus":"STOPPED","stopCode":"SpotInterruption","taskArn":"{TASK}","taskDefinitionArn":"{DEFINITION}","containers":[{containers}]"#
    );
    log_of("aws.ecs", "ECS Task State Change", &detail)
}

#[test]
fn a_tasks_log_is_where_its_definition_says_of_the_container_that_failed() {
    let Some(WorkersLog::TaskDefinition(container)) = of_task(r#"{"name":"render","exitCode":137}"#) else {
        panic!()
    };
    assert_eq!(container.form().body, format!(r#"{{"taskDefinition":"{DEFINITION}"}}"#));
    let answer = |configuration: &str| {
        container.stream_in(&format!(
            r#"{{"taskDefinition":{{"containerDefinitions":[{{"name":"other","logConfiguration":{{"logDriver":"awslogs","options":{{"awslogs-group":"no","awslogs-stream-prefix":"no"}}}}}},{{"name":"render","logConfiguration":{configuration}}}]}}}}"#
        ))
    };
    let found = answer(
        r#"{"logDriver":"awslogs","options":{"awslogs-group":"/ecs/render","awslogs-stream-prefix":"ecs","awslogs-region":"eu-west-1"}}"#,
    );
    assert_eq!(found, Some(stream("/ecs/render", "ecs/render/0f3ad16c")));
    for without in [
        r#"{"logDriver":"awsfirelens","options":{"awslogs-group":"g","awslogs-stream-prefix":"p"}}"#,
        r#"{"logDriver":"awslogs","options":{"awslogs-group":"g"}}"#,
        "null",
    ] {
        assert_eq!(answer(without), None, "{without}");
    }
    assert_eq!(container.stream_in("<html>"), None);
    assert_eq!(of_task(""), None, "no container failed: none is told");
}

#[test]
fn the_console_shows_the_very_stream() {
    assert_eq!(
        stream("/ecs/render", "ecs/render/[1]0f").console().unwrap(),
        "https://console.aws.amazon.com/cloudwatch/home?region=eu-west-1#logsV2:log-groups/log-group/$252Fecs$252Frender/log-events/ecs$252Frender$252F$255B1$255D0f"
    );
    let of = |region: &str| LogStream { region: region.to_owned(), ..stream("g", "s") }.console();
    assert!(of("cn-north-1").unwrap().starts_with("https://console.amazonaws.cn/"));
    assert_eq!(of("us-iso-east-1"), None);
}

fn told(tail: &LogTail, details: Option<&str>) -> String {
    let mut secrets = MentionedSecrets::of(SecretNames::with(&[]));
    secrets.add(Secret::new("AQCEAAAAKgAAAAMAsecret"));
    let details = details.map(|details| Cow::Owned(details.to_owned()));
    let failure = tail.added_to(Failure { details, ..Failure::default() }, &secrets);
    failure.details.unwrap_or_default().into_owned()
}

#[test]
fn the_lines_are_in_the_details_cut_and_without_secrets() {
    let long = "x".repeat(600);
    let answer = serde_json::json!({"events": [
        {"timestamp": 1, "message": "starting with AQCEAAAAKgAAAAMAsecret\n"},
        {"timestamp": 2, "message": "run --task-token AQCEotherToken \"quoted\""},
        {"timestamp": 3, "message": long},
    ]})
    .to_string();
    let tail = LogTail::of(&stream("g", "s"), Some(&answer));
    let details: serde_json::Value = serde_json::from_str(&told(&tail, Some(r#"{"exitCode":1}"#))).unwrap();
    assert_eq!((&details["exitCode"], details["log"].as_array().unwrap().len()), (&serde_json::json!(1), 3));
    assert!(!details.to_string().contains("AQCE"), "{details}");
    assert!(details["log"][0].as_str().unwrap().starts_with("starting with "));
    let last = details["log"][2].as_str().unwrap();
    assert!(last.len() < 520 && last.ends_with("… [truncated]"), "{last}");
    assert!(details["console"].as_str().unwrap().contains("/log-group/g/log-events/s"));
}

#[test]
fn a_log_that_cannot_be_read_leaves_the_way_to_it() {
    for answer in [None, Some("<html>"), Some("{}"), Some(r#"{"events":[]}"#)] {
        let tail = LogTail::of(&stream("g", "s"), answer);
        assert!(!told(&tail, None).contains("\"log\""), "{answer:?}");
        assert!(told(&tail, None).starts_with(r#"{"console":"https://"#), "{answer:?}");
    }
}

#[test]
fn details_that_are_no_object_stay_as_they_are() {
    let tail = LogTail::of(&stream("g", "s"), None);
    assert_eq!(told(&tail, Some("[1]")), "[1]");
}
