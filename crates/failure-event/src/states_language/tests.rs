use super::*;

/// A machine with these states.
fn machine(states: &str) -> String {
    format!(r#"{{"StartAt": "A", "States": {states}}}"#)
}

fn fault(definition: &str) -> String {
    Definition::parse(definition).unwrap_err().to_string()
}

const CALLBACK: &str = r#"{"Type": "Task", "Resource": "arn:aws:states:::ecs:runTask.waitForTaskToken",
    "TimeoutSeconds": 3600, "HeartbeatSecondsPath": "$.beat", "Parameters": {"Token.$": "$$.Task.Token"},
    "Retry": [{"ErrorEquals": ["ECS.TaskFailedToStart", "Worker.Exited"]}],
    "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "B"}]}"#;

#[test]
fn a_task_says_what_it_waits_for_how_long_and_what_it_handles() {
    let text = machine(&format!(r#"{{"A": {CALLBACK}, "B": {{"Type": "Succeed"}}}}"#));
    let definition = Definition::parse(&text).unwrap();
    let state = definition.state("A").unwrap();
    let task = state.task.as_ref().unwrap();
    assert_eq!(task.resource.pattern(), Pattern::Callback);
    assert_eq!(task.timeout, Some(Limit::Seconds(3600)));
    assert_eq!(task.heartbeat, Some(Limit::Computed("$.beat".into())));
    assert_eq!(task.task_token.alone, ["/Token"]);
    assert_eq!(state.retry[0].errors, ["ECS.TaskFailedToStart", "Worker.Exited"]);
    assert_eq!(state.catch[0].errors, ["States.ALL"]);
    assert!(definition.state("B").unwrap().task.is_none());
}

#[test]
fn states_within_states_are_found_with_their_path() {
    let text = machine(
        r#"{"Each": {"Type": "Map", "ItemProcessor": {"StartAt": "Fan", "States": {
                "Fan": {"Type": "Parallel", "Branches": [
                    {"StartAt": "P", "States": {"P": {"Type": "Pass"}}},
                    {"StartAt": "Q", "States": {"Q": {"Type": "Wait", "Seconds": 1}}}]}}}},
            "Old": {"Type": "Map", "Iterator": {"StartAt": "R", "States": {"R": {"Type": "Fail"}}}}}"#,
    );
    let definition = Definition::parse(&text).unwrap();
    let paths: Vec<&str> = definition.states.iter().map(|state| state.path.as_str()).collect();
    assert_eq!(paths, ["Each", "Each > Fan", "Each > Fan[0] > P", "Each > Fan[1] > Q", "Old", "Old > R"]);
}

#[test]
fn a_states_own_query_language_wins_over_the_machines() {
    let text = r#"{"QueryLanguage": "JSONata", "TimeoutSeconds": 60, "States": {
        "A": {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
              "TimeoutSeconds": "{% $limit %}", "Arguments": {"Token": "{% $states.context.Task.Token %}"}},
        "B": {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
              "QueryLanguage": "JSONPath", "Parameters": {"Token.$": "$$.Task.Token"}}}}"#;
    let definition = Definition::parse(text).unwrap();
    assert_eq!(definition.timeout, Some(Limit::Seconds(60)));
    assert_eq!(definition.states[0].query_language, QueryLanguage::JSONata);
    assert_eq!(definition.states[1].query_language, QueryLanguage::JSONPath);
    for state in &definition.states {
        assert_eq!(state.task.as_ref().unwrap().task_token.alone, ["/Token"], "{}", state.name);
    }
}

#[test]
fn what_is_broken_is_named_with_its_place() {
    for (definition, message) in [
        ("{", "not JSON: EOF while parsing an object at line 1 column 1"),
        ("[]", "expected an object, found an array"),
        ("{}", "States is missing"),
        (r#"{"States": [], "QueryLanguage": "JSONPath"}"#, "States: expected an object, found an array"),
        (r#"{"States": {}, "QueryLanguage": "jsonata"}"#, r#"QueryLanguage: "jsonata" is not known"#),
        (
            r#"{"States": {}, "TimeoutSeconds": 1.5}"#,
            "TimeoutSeconds: expected a whole number of seconds, found a number",
        ),
        (r#"{"States": {"A": 7}}"#, "state A: expected an object, found a number"),
        (r#"{"States": {"A": {}}}"#, "state A: Type is missing"),
        (r#"{"States": {"A": {"Type": "Taks"}}}"#, r#"state A: Type: "Taks" is not known"#),
        (r#"{"States": {"A": {"Type": "Task"}}}"#, "state A: Resource is missing"),
        (
            r#"{"States": {"A": {"Type": "Task", "Resource": {}}}}"#,
            "state A: Resource: expected a string, found an object",
        ),
        (r#"{"States": {"A": {"Type": "Parallel", "Branches": [{}]}}}"#, "state A[0]: States is missing"),
        (
            r#"{"States": {"A": {"Type": "Map", "Iterator": {"States": {"B": {"Type": "Pass", "Retry": [{}]}}}}}}"#,
            "state A > B: Retry: expected objects with a list of ErrorEquals, found an object",
        ),
    ] {
        assert_eq!(fault(definition), message, "{definition}");
    }
}

#[test]
fn states_that_are_nested_too_deeply_are_not_read() {
    let nested = |depth: usize| {
        (1..depth).fold(r#"{"States": {}}"#.to_owned(), |inner, _| {
            format!(r#"{{"States": {{"A": {{"Type": "Map", "ItemProcessor": {inner}}}}}}}"#)
        })
    };
    assert_eq!(Definition::parse(&nested(DEPTH_MAX)).unwrap().states.len(), DEPTH_MAX - 1);
    assert!(fault(&nested(DEPTH_MAX + 1)).ends_with("nested more than 64 levels deep"));
}
