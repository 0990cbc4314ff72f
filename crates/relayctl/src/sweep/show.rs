//! What was found, as a person reads it at three in the morning, and as a program does.

use std::time::SystemTime;

use failure_event::sweep::fate::Fate;
use failure_event::sweep::verdict::Status;
use failure_event::sweep::waiting::WaitingTask;
use failure_event::sweep::worker::Worker;
use failure_event::text::cut;
use serde_json::{Value, json};

use super::fail::Reported;
use crate::dlq::{age, on_one_line, rfc3339};
use crate::output::Output;
use crate::table::Table;

/// The longest cell: a cause may be a whole stack trace.
const CELL_MAX: usize = 160;

const HEADER: [&str; 7] = ["STATUS", "EXECUTION", "STATE", "WAITS", "WORKER", "ENDED", "WHAT BECAME OF IT"];

/// Prints all tasks, the worst first, and what to do about them.
pub fn tasks(tasks: &[WaitingTask], reported: &Reported, output: &Output) {
    let mut tasks: Vec<&WaitingTask> = tasks.iter().collect();
    tasks.sort_by_key(|task| (task.status(), task.since, task.execution.clone()));
    if output.is_json() {
        for task in tasks {
            output.json(&as_json(task, reported));
        }
        return;
    }
    if tasks.is_empty() {
        return;
    }
    let (mut table, now) = (Table::new(&HEADER), SystemTime::now());
    for task in &tasks {
        table.row(&as_row(task, now));
    }
    output.data(table);
    for status in [Status::Stranded, Status::Silent, Status::Unknown] {
        let of_status = || tasks.iter().copied().filter(|task| task.status() == status);
        let is_reported = |task: &WaitingTask| reported.id_of(task.fingerprint().as_deref()).is_some();
        if !of_status().all(is_reported) {
            output.talk(format_args!("{}: {}", status.as_str(), advice(status)));
        }
    }
}

fn advice(status: Status) -> &'static str {
    match status {
        Status::Stranded => {
            "nobody will call these back; `relayctl sweep --fail` reports them to the relay, which fails them"
        }
        Status::Silent => {
            "these workers ended well and did not call back; unless they handed the token on, --silent-after counts them as stranded"
        }
        Status::Unknown => "look at these yourself; a lease or HeartbeatSeconds makes such a death known",
        Status::Waiting => "nothing is to be done",
    }
}

fn as_row(task: &WaitingTask, now: SystemTime) -> [String; 7] {
    let since = |moment: Option<time::OffsetDateTime>| {
        moment.map_or_else(|| "-".to_owned(), |moment| age(moment.into(), now))
    };
    let execution =
        task.execution.split_once(":execution:").map_or(task.execution.as_str(), |(_, name)| name);
    [
        task.status().as_str().to_owned(),
        execution.to_owned(),
        task.state.clone(),
        since(task.since),
        worker(task),
        since(task.verdict.ended_at),
        cut(&became(task), CELL_MAX).into_owned(),
    ]
    .map(|cell| on_one_line(&cell))
}

/// The worker that decides, else the first, by the end of its name.
fn worker(task: &WaitingTask) -> String {
    let Ok(workers) = &task.workers else { return "-".to_owned() };
    let Some((worker, _)) = task.decided_by().or_else(|| workers.first()) else { return "-".to_owned() };
    let id = worker.id().rsplit('/').next().unwrap_or_default();
    let id = id.split_once(":execution:").map_or(id, |(_, name)| name);
    match workers.len() {
        1 => format!("{} {id}", worker.noun()),
        count => format!("{} {id} (of {count})", worker.noun()),
    }
}

/// What became of it, without the moment, which has a column of its own.
fn became(task: &WaitingTask) -> String {
    match task.decided_by() {
        Some((_, Fate::Ended(end))) => end.how.clone(),
        _ => task.words(),
    }
}

fn as_json(task: &WaitingTask, reported: &Reported) -> Value {
    let moment = |moment: Option<time::OffsetDateTime>| moment.map(|moment| rfc3339(moment.into()));
    let fingerprint = task.fingerprint();
    let told = |(worker, fate): &(Worker, Fate)| {
        let ended_at = match fate {
            Fate::Ended(end) => moment(end.at),
            Fate::Running(_) | Fate::Missing | Fate::Unknown(_) => None,
        };
        json!({"kind": worker.noun(), "id": worker.id(), "fate": fate.words(), "endedAt": ended_at})
    };
    json!({
        "status": task.status().as_str(),
        "executionArn": task.execution,
        "stateMachineArn": task.state_machine,
        "state": task.state,
        "waitingSince": moment(task.since),
        "endedAt": moment(task.verdict.ended_at),
        "workers": task.workers.iter().flatten().map(told).collect::<Vec<_>>(),
        "what": task.words(),
        "reportedAs": reported.id_of(fingerprint.as_deref()),
        "targetFingerprint": fingerprint,
    })
}
