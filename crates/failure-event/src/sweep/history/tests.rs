use super::*;

/// A history in lines: `id<previous type details`.
fn history(lines: &str) -> History {
    read_into(History::default(), lines)
}

fn read_into(mut history: History, lines: &str) -> History {
    let events: Vec<String> =
        lines.lines().map(str::trim).filter(|line| !line.is_empty()).map(event).collect();
    for page in events.chunks(3) {
        history.read(&format!(r#"{{"events":[{}]}}"#, page.join(","))).unwrap();
    }
    history
}

/// The details of tasks and states are made of a name.
fn event(line: &str) -> String {
    let mut words = line.split_whitespace();
    let (id, previous) = words.next().unwrap().split_once('<').unwrap();
    let (kind, name) = (words.next().unwrap(), words.next().unwrap_or_default());
    let details = match kind {
        "TaskScheduled" => {
            let resource = if name.is_empty() { "runTask.waitForTaskToken" } else { name };
            format!(
                r#","taskScheduledEventDetails":{{"resourceType":"ecs","resource":"{resource}","region":"eu-west-1","parameters":"{{}}"}}"#
            )
        }
        "TaskSubmitted" => r#","taskSubmittedEventDetails":{"output":"{}"}"#.to_owned(),
        "MapRunStarted" => format!(r#","mapRunStartedEventDetails":{{"mapRunArn":"{name}"}}"#),
        "ExecutionStarted" => r#","executionStartedEventDetails":{"input":"of the execution"}"#.to_owned(),
        kind if kind.ends_with("StateEntered") => {
            format!(r#","stateEnteredEventDetails":{{"name":"{name}","input":"of {name}"}}"#)
        }
        _ => String::new(),
    };
    format!(
        r#"{{"id":{id},"previousEventId":{previous},"type":"{kind}","timestamp":17672256{id:0>2}.5{details}}}"#
    )
}

fn open(lines: &str) -> Vec<String> {
    history(lines).open_tasks().into_iter().map(|task| task.state).collect()
}

const NONE: [&str; 0] = [];

#[test]
fn a_submitted_task_waits_until_it_is_called_back() {
    let lines = "1<0 ExecutionStarted
        2<0 TaskStateEntered Render
        3<2 TaskScheduled
        4<3 TaskStarted
        5<4 TaskSubmitted";
    let tasks = history(lines).open_tasks();
    assert_eq!(tasks.len(), 1);
    assert_eq!((tasks[0].state.as_str(), tasks[0].region.as_deref()), ("Render", Some("eu-west-1")));
    assert_eq!(tasks[0].since.map(OffsetDateTime::unix_timestamp), Some(1_767_225_603));
    assert_eq!(tasks[0].submitted.map(OffsetDateTime::unix_timestamp), Some(1_767_225_605));
    assert_eq!(tasks[0].inputs, ["of Render", "of the execution"]);
    for end in ["TaskSucceeded", "TaskFailed", "TaskTimedOut", "TaskStateExited"] {
        assert_eq!(open(&format!("{lines}\n6<5 {end}")), NONE, "{end}");
    }
    assert_eq!(open("2<0 TaskStateEntered a\n3<2 TaskScheduled\n4<3 TaskStartFailed"), NONE);
    assert_eq!(
        open("2<0 TaskStateEntered a\n3<2 TaskScheduled\n4<3 TaskStarted\n5<4 TaskSubmitFailed"),
        NONE
    );
}

#[test]
fn tasks_that_nobody_calls_back_are_none_of_ours() {
    for resource in ["runTask.sync", "runTask", "invoke"] {
        assert_eq!(
            open(&format!("2<0 TaskStateEntered a\n3<2 TaskScheduled {resource}\n4<3 TaskStarted")),
            NONE
        );
    }
    assert_eq!(open("2<0 TaskStateEntered a\n3<2 ActivityScheduled\n4<3 ActivityStarted"), NONE);
}

#[test]
fn a_retried_task_waits_once_in_its_state() {
    let lines = "2<0 TaskStateEntered Render
        3<2 TaskScheduled
        4<3 TaskStarted
        5<4 TaskSubmitted
        6<5 TaskTimedOut
        7<6 TaskScheduled
        8<7 TaskStarted";
    assert_eq!(open(lines), ["Render"]);
    assert_eq!(history(lines).open_tasks()[0].submitted, None);
}

const PARALLEL: &str = "2<0 ParallelStateEntered Both
    3<2 ParallelStateStarted
    4<3 TaskStateEntered Left
    5<4 TaskScheduled
    6<3 TaskStateEntered Right
    7<6 TaskScheduled
    8<5 TaskStarted
    9<8 TaskSubmitted
    10<7 TaskStarted
    11<10 TaskSubmitted";

#[test]
fn branches_wait_side_by_side() {
    assert_eq!(open(PARALLEL), ["Left", "Right"]);
    assert_eq!(open(&format!("{PARALLEL}\n12<9 TaskSucceeded\n13<12 TaskStateExited")), ["Right"]);
}

#[test]
fn an_abort_names_its_cause_in_another_branch_and_closes_what_is_around_that() {
    let aborted = format!("{PARALLEL}\n12<9 TaskFailed\n13<12 TaskStateAborted");
    assert_eq!(open(&aborted), NONE);
    let caught = format!("{aborted}\n14<12 ParallelStateFailed\n15<14 ParallelStateExited");
    assert_eq!(open(&caught), NONE);
    let goes_on = format!("{caught}\n16<15 TaskStateEntered Repair\n17<16 TaskScheduled");
    assert_eq!(open(&goes_on), ["Repair"]);
}

#[test]
fn a_parallel_that_is_retried_starts_a_second_time_without_an_end() {
    for previous in [2, 12] {
        let retried = format!(
            "{PARALLEL}\n12<9 TaskFailed\n13<{previous} ParallelStateStarted\n14<13 TaskStateEntered Left\n15<14 TaskScheduled"
        );
        assert_eq!(open(&retried), ["Left"], "after event {previous}");
    }
}

#[test]
fn an_inner_parallel_that_fails_closes_nothing_around_it() {
    let lines = "2<0 ParallelStateEntered Outer
        3<2 ParallelStateStarted
        4<3 TaskStateEntered Beside
        5<4 TaskScheduled
        6<3 ParallelStateEntered Inner
        7<6 ParallelStateStarted
        8<7 TaskStateEntered Fails
        9<8 TaskScheduled
        10<7 TaskStateEntered Aborted
        11<10 TaskScheduled
        12<9 TaskFailed
        13<12 TaskStateAborted
        14<12 TaskStateAborted";
    assert_eq!(open(lines), ["Beside"]);
    let inner = format!("{lines}\n15<12 ParallelStateFailed\n16<15 ParallelStateExited");
    assert_eq!(open(&inner), ["Beside"]);
    assert_eq!(open(&format!("{inner}\n17<16 FailStateEntered no\n18<17 TaskStateAborted")), NONE);
    assert_eq!(open(&format!("{lines}\n15<12 ParallelStateFailed\n16<15 ParallelStateFailed")), NONE);
}

const MAP: &str = "2<0 MapStateEntered All
    3<2 MapStateStarted
    4<3 MapIterationStarted
    5<4 TaskStateEntered Each
    6<5 TaskScheduled
    7<3 MapIterationStarted
    8<7 TaskStateEntered Each
    9<8 TaskScheduled";

#[test]
fn each_iteration_of_a_map_waits_by_itself() {
    assert_eq!(open(MAP), ["Each", "Each"]);
    let one = format!("{MAP}\n10<6 TaskSucceeded\n11<10 TaskStateExited\n12<11 MapIterationSucceeded");
    assert_eq!(open(&one), ["Each"]);
    let next = format!("{one}\n13<12 MapIterationStarted\n14<13 TaskStateEntered Each\n15<14 TaskScheduled");
    assert_eq!(open(&next), ["Each", "Each"]);
}

#[test]
fn an_iteration_that_fails_takes_the_others_of_its_map_along() {
    let failed = format!("{MAP}\n10<6 TaskFailed\n11<10 MapIterationFailed");
    assert_eq!(open(&failed), ["Each"]);
    assert_eq!(open(&format!("{failed}\n12<10 MapIterationAborted")), NONE);
    assert_eq!(open(&format!("{failed}\n12<11 MapStateFailed")), NONE);
    assert_eq!(open(&format!("{failed}\n12<10 MapStateStarted")), NONE, "it is retried");
}

#[test]
fn after_a_redrive_nothing_of_before_is_open() {
    let lines = format!("{PARALLEL}\n12<9 TaskTimedOut\n13<12 ExecutionFailed\n14<13 ExecutionRedriven");
    assert_eq!(open(&lines), NONE);
    assert_eq!(open(&format!("{lines}\n15<14 TaskStateEntered Left\n16<15 TaskScheduled")), ["Left"]);
    assert_eq!(open(&format!("{PARALLEL}\n12<11 ExecutionRedriven")), NONE);
}

#[test]
fn the_runs_of_distributed_maps_are_known_while_they_run() {
    let lines = "2<0 MapStateEntered All\n3<2 MapStateStarted\n4<3 MapRunStarted arn:of:the:run";
    assert_eq!(history(lines).map_runs(), ["arn:of:the:run"]);
    for end in ["5<4 MapRunSucceeded", "5<4 MapRunFailed", "5<4 ExecutionAborted", "5<4 MapStateFailed"] {
        assert_eq!(history(&format!("{lines}\n{end}")).map_runs(), NONE, "{end}");
    }
    let beside = "2<0 ParallelStateEntered P\n3<2 ParallelStateStarted\n4<3 MapStateEntered M\n5<4 MapStateStarted\n6<5 MapRunStarted r\n7<6 MapRunSucceeded\n8<7 MapStateSucceeded\n9<3 TaskStateEntered T\n10<9 TaskScheduled";
    assert_eq!(open(beside), ["T"], "the end of a run ends nothing around its map");
}

#[test]
fn odd_histories_are_read_as_far_as_they_go() {
    let mut history = History::default();
    assert!(history.read("<html>").is_err());
    for page in
        ["[]", "{}", r#"{"events":7}"#, r#"{"events":[7,{},{"id":1},{"id":"x","type":"TaskScheduled"}]}"#]
    {
        assert_eq!(history.read(page).unwrap(), None, "{page}");
    }
    assert_eq!(history.read(r#"{"events":[],"nextToken":"n"}"#).unwrap().as_deref(), Some("n"));
    for kind in [
        "TaskStateAborted",
        "ParallelStateFailed",
        "MapIterationStarted",
        "MapIterationFailed",
        "MapRunFailed",
        "TaskSubmitted",
        "Unheard",
    ] {
        let lines =
            format!("2<0 TaskStateEntered a\n3<2 TaskScheduled\n4<99 {kind}\n5<99 ParallelStateStarted");
        assert_eq!(open(&lines), ["a"], "{kind} of nothing closes nothing");
    }
}

#[test]
fn a_history_that_keeps_all_tells_of_tasks_that_were_called_back_too() {
    let lines = "1<0 ExecutionStarted
        2<0 TaskStateEntered Render
        3<2 TaskScheduled
        4<3 TaskSubmitted
        5<4 TaskFailed
        6<5 TaskStateExited
        7<6 TaskStateEntered Wait
        8<7 TaskScheduled
        9<8 ExecutionAborted";
    let states = |history: History| -> Vec<(String, usize)> {
        let tasks = history.scheduled_tasks().iter();
        tasks.map(|task| (task.state.clone(), task.inputs.len())).collect()
    };
    let both = [("Render".to_owned(), 2), ("Wait".to_owned(), 2)];
    assert_eq!(
        states(read_into(History::keeping_all(), lines)),
        both,
        "with the inputs that they were given"
    );
    assert_eq!(states(history(lines)), [], "a sweep need not remember them");
    assert_eq!(open(lines), NONE);
}
