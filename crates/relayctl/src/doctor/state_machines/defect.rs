//! What can be wrong with a state, in the operator's words, each with the fix.

use failure_event::states_language::{Fault, Limit};

use super::super::checks::{Finding, Severity, finding};
use super::error_names::NeverMatches;
use super::worker::Worker;

/// `Retry` or `Catch`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// What is tried again.
    Retry,
    /// What leads elsewhere.
    Catch,
}

impl Field {
    fn name(self) -> &'static str {
        match self {
            Field::Retry => "Retry",
            Field::Catch => "Catch",
        }
    }
}

/// Something wrong with a state, or with the whole definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Defect {
    /// It is not a definition.
    Broken(Fault),
    /// It waits for a worker and has no limit of its own.
    NoTimeLimit {
        /// The limit of the whole machine.
        machine: Option<u64>,
    },
    /// It waits for a worker, and only a time-out of the whole work ends that.
    NoHeartbeat {
        /// The time-out.
        timeout: Option<u64>,
    },
    /// It demands heartbeats, but as long as they come it waits for ever.
    NoTimeout,
    /// Heartbeats are due before the worker can send one.
    HeartbeatBeforeStart {
        /// When they are due.
        heartbeat_seconds: u64,
        /// What starts.
        worker: Worker,
        /// How long that takes.
        start_seconds: u64,
    },
    /// Nobody is given its task token.
    TokenNotPassed,
    /// The task token goes where a notice is not searched for it.
    TokenNameUnknown {
        /// The name under which the worker has it.
        name: String,
    },
    /// The relay's stack does not take notices of such workers.
    NoticesOff {
        /// Who dies unheard.
        worker: Worker,
        /// The parameters of the stack that would let somebody.
        off: Vec<&'static str>,
    },
    /// A name in `ErrorEquals` never matches.
    NameNeverMatches {
        /// Where it stands.
        field: Field,
        /// The name.
        name: String,
        /// Why.
        why: NeverMatches,
    },
    /// A limit that it does not have cannot run out.
    LimitNeverRunsOut {
        /// Where it stands.
        field: Field,
        /// The name of the limit's error.
        name: &'static str,
    },
    /// `States.ALL` stands beside other names.
    AllNotAlone(Field),
    /// Something stands behind `States.ALL`, and is never reached.
    AllNotLast(Field),
}

/// The limit as a number, where it is one.
pub fn seconds(limit: Option<&Limit<'_>>) -> Option<u64> {
    match limit {
        Some(Limit::Seconds(seconds)) => Some(*seconds),
        _ => None,
    }
}

impl Defect {
    /// The finding about a state or a machine.
    pub fn finding(&self, about: &str) -> Finding {
        finding(self.id(), self.severity(), about, self.what(), self.fix())
    }

    fn id(&self) -> &'static str {
        match self {
            Defect::Broken(_) => "definition-broken",
            Defect::NoTimeLimit { .. } => "no-time-limit",
            Defect::NoHeartbeat { .. } => "no-heartbeat",
            Defect::NoTimeout => "no-timeout",
            Defect::HeartbeatBeforeStart { .. } => "heartbeat-before-start",
            Defect::TokenNotPassed => "token-not-passed",
            Defect::TokenNameUnknown { .. } => "token-name-unknown",
            Defect::NoticesOff { .. } => "notices-off",
            Defect::NameNeverMatches { .. } => "name-never-matches",
            Defect::LimitNeverRunsOut { .. } => "limit-never-runs-out",
            Defect::AllNotAlone(_) => "all-not-alone",
            Defect::AllNotLast(_) => "all-not-last",
        }
    }

    fn severity(&self) -> Severity {
        match self {
            Defect::Broken(_) | Defect::AllNotAlone(_) | Defect::AllNotLast(_) => Severity::Broken,
            Defect::NoTimeLimit { machine: None }
            | Defect::HeartbeatBeforeStart { .. }
            | Defect::TokenNotPassed
            | Defect::NoticesOff { .. }
            | Defect::NameNeverMatches { .. }
            | Defect::LimitNeverRunsOut { .. } => Severity::Risky,
            Defect::NoTimeLimit { .. }
            | Defect::NoHeartbeat { .. }
            | Defect::NoTimeout
            | Defect::TokenNameUnknown { .. } => Severity::Note,
        }
    }

    fn what(&self) -> String {
        match self {
            Defect::Broken(fault) => format!("{fault}: Step Functions refuses it"),
            Defect::NoTimeLimit { machine: None } => {
                "it has neither TimeoutSeconds nor HeartbeatSeconds: when its worker dies without a report, the execution waits for up to a year".to_owned()
            }
            Defect::NoTimeLimit { machine: Some(seconds) } => format!(
                "it has neither TimeoutSeconds nor HeartbeatSeconds: only the machine's own {seconds} s end it, and then no Catch runs"
            ),
            Defect::NoHeartbeat { timeout } => format!(
                "it has no HeartbeatSeconds: a worker that dies without a report is missed {}",
                timeout.map_or("only when the time-out ends".to_owned(), |seconds| format!("after {seconds} s only"))
            ),
            Defect::NoTimeout => {
                "it has no TimeoutSeconds: a worker that hangs, but whose heartbeats go on, is waited for up to a year".to_owned()
            }
            Defect::HeartbeatBeforeStart { heartbeat_seconds, worker, start_seconds } => format!(
                "HeartbeatSeconds is {heartbeat_seconds}, but {} usually takes {start_seconds} s to start, and sends none before",
                worker.name()
            ),
            Defect::TokenNotPassed => "its task token is passed to nothing: no worker can end it".to_owned(),
            Defect::TokenNameUnknown { name } => format!(
                "its task token goes to {name}, where the relay does not look for it: a notice of the worker's death names no task"
            ),
            Defect::NoticesOff { worker, off } => format!(
                "it waits for {}, and the relay's stack has {} off: nobody reports its death",
                worker.name(),
                off.join(" and ")
            ),
            Defect::NameNeverMatches { field, name, why } => format!(
                "{} names {name}, which never matches: {}",
                field.name(),
                match why {
                    NeverMatches::Misspelt(right) => format!("it is spelt {right}"),
                    NeverMatches::NotOfTheLanguage => "the prefix States. is reserved, and no error has this name".to_owned(),
                    NeverMatches::OnlyWithToken => "a .sync state ends with States.TaskFailed".to_owned(),
                    NeverMatches::NobodyReports => {
                        "neither the API that starts the worker nor the relay reports it".to_owned()
                    }
                }
            ),
            Defect::LimitNeverRunsOut { field, name } => {
                format!("{} names {name}, but the state has no such limit", field.name())
            }
            Defect::AllNotAlone(field) => format!("{} names States.ALL beside others, which the language forbids", field.name()),
            Defect::AllNotLast(field) => format!("{} has more behind States.ALL, which the language forbids", field.name()),
        }
    }

    fn fix(&self) -> String {
        match self {
            Defect::Broken(_) => "correct the definition".to_owned(),
            Defect::NoTimeLimit { .. } => {
                "TimeoutSeconds: longer than the work ever takes; HeartbeatSeconds too where the worker sends heartbeats".to_owned()
            }
            Defect::NoHeartbeat { .. } => {
                "HeartbeatSeconds, where the worker sends heartbeats, as `relayctl run` does every 30 s".to_owned()
            }
            Defect::NoTimeout => "TimeoutSeconds: longer than the work ever takes".to_owned(),
            Defect::HeartbeatBeforeStart { start_seconds, .. } => {
                format!("HeartbeatSeconds: {} or more", start_seconds * 2)
            }
            Defect::TokenNotPassed => {
                "pass $$.Task.Token (JSONata: {% $states.context.Task.Token %}) on to the worker, as TASK_TOKEN".to_owned()
            }
            Defect::TokenNameUnknown { name } => {
                format!("name it TASK_TOKEN, or add {name} to the stack's TaskTokenNames")
            }
            Defect::NoticesOff { worker, off } => {
                let switched_on: Vec<_> = off.iter().map(|parameter| format!("{parameter}=true")).collect();
                let claim = if worker.notices().can_name_task {
                    ""
                } else {
                    ", and claim the task for the worker: docs/leases.md"
                };
                format!("deploy the relay's stack with {}{claim}", switched_on.join(" "))
            }
            Defect::NameNeverMatches { why: NeverMatches::Misspelt(right), .. } => right.clone(),
            Defect::NameNeverMatches { why: NeverMatches::OnlyWithToken | NeverMatches::NotOfTheLanguage, .. } => {
                "States.TaskFailed, which matches all but time-outs".to_owned()
            }
            Defect::NameNeverMatches { .. } => {
                "a name of docs/dead-workers.md, or States.TaskFailed, which matches all but time-outs".to_owned()
            }
            Defect::LimitNeverRunsOut { name, .. } => match *name {
                "States.HeartbeatTimeout" => "HeartbeatSeconds".to_owned(),
                _ => "TimeoutSeconds".to_owned(),
            },
            Defect::AllNotAlone(_) => "give States.ALL an entry of its own, the last one".to_owned(),
            Defect::AllNotLast(_) => "move States.ALL to the end".to_owned(),
        }
    }
}
