//! A task that waits: as its history tells it, and as a sweep found it when its workers were asked about.

use time::OffsetDateTime;

use super::SweepRules;
use super::fate::{End, Fate};
use super::history::OpenTask;
use super::listing::Execution;
use super::moment::rfc3339;
use super::token::token;
use super::verdict::{Status, Verdict, judge};
use super::worker::{Nobody, Worker, workers};
use crate::arn::Arn;
use crate::secret::{MentionedSecrets, Secret, fingerprint};
use crate::secret_names::SecretNames;
use crate::text::cut;

/// How much of what a service says of a worker is told, in UTF-16 code units: as much as any API of a target takes.
const TOLD_MAX: usize = 32_768;

/// A task that waits, with those who have to call it back.
#[derive(Clone, Debug)]
pub struct Candidate {
    execution: String,
    state_machine: String,
    state: String,
    since: Option<OffsetDateTime>,
    submitted: Option<OffsetDateTime>,
    /// The region in which the workers are.
    pub region: Option<String>,
    /// What it has started; or why nobody can be asked.
    pub workers: Result<Vec<Worker>, Nobody>,
    token: Option<Secret>,
}

impl Candidate {
    /// What is known of an open task of an execution; its definition may not be. `names` are further names of task tokens.
    #[must_use]
    pub fn new(execution: &Execution, task: &OpenTask, definition: Option<&str>, names: &[String]) -> Self {
        let token = token(task, definition, names);
        let account = Arn::parse(&execution.arn).map(|arn| arn.account).unwrap_or_default();
        Self {
            execution: execution.arn.clone(),
            state_machine: execution.state_machine.clone(),
            state: task.state.clone(),
            since: task.since,
            submitted: task.submitted,
            region: task.region.clone(),
            workers: workers(task, token.as_ref(), account),
            token,
        }
    }

    /// Judges it by the fates of its workers.
    #[must_use]
    pub fn judged(
        self,
        fate_of: impl Fn(&Worker) -> Fate,
        now: OffsetDateTime,
        rules: &SweepRules,
    ) -> WaitingTask {
        // What a service says of a worker may quote the token with which it was started, or another.
        let mut secrets = MentionedSecrets::of(SecretNames::with(&rules.task_token_names));
        self.token.iter().for_each(|token| secrets.add(token.clone()));
        let hide = |text: String| secrets.redact_foreign(&cut(&text, TOLD_MAX));
        let shown = |fate: Fate| match fate {
            Fate::Ended(end) => Fate::Ended(End { how: hide(end.how), ..end }),
            Fate::Unknown(why) => Fate::Unknown(hide(why)),
            Fate::Running(_) | Fate::Missing => fate,
        };
        let workers = self.workers.map(|workers| {
            let told = |worker: Worker| (shown(fate_of(&worker)), worker);
            workers.into_iter().map(told).map(|(fate, worker)| (worker, fate)).collect::<Vec<_>>()
        });
        let fates = workers.iter().flatten().map(|(_, fate)| fate.clone()).collect::<Vec<_>>();
        WaitingTask {
            verdict: judge(&fates, self.submitted, now, rules),
            execution: self.execution,
            state_machine: self.state_machine,
            state: self.state,
            since: self.since,
            workers,
            token: self.token,
        }
    }
}

/// A task that waits, and what became of its workers.
#[derive(Clone, Debug)]
pub struct WaitingTask {
    /// The ARN of the execution.
    pub execution: String,
    /// The ARN of its state machine.
    pub state_machine: String,
    /// The name of the state.
    pub state: String,
    /// Since when it waits.
    pub since: Option<OffsetDateTime>,
    /// What it has started, and what became of it; or why nobody can be asked.
    pub workers: Result<Vec<(Worker, Fate)>, Nobody>,
    /// What follows.
    pub verdict: Verdict,
    /// Its token, where it was found.
    pub token: Option<Secret>,
}

impl WaitingTask {
    /// How the task is doing.
    #[must_use]
    pub fn status(&self) -> Status {
        self.verdict.status
    }

    /// The fingerprint of its token, by which it is followed through logs.
    #[must_use]
    pub fn fingerprint(&self) -> Option<String> {
        self.token.as_ref().map(|token| fingerprint(token.expose()))
    }

    /// The worker that decides, and what became of it.
    #[must_use]
    pub fn decided_by(&self) -> Option<&(Worker, Fate)> {
        self.workers.as_ref().ok()?.get(self.verdict.decided_by?)
    }

    /// What became of the worker that decides, in words that follow on its name: `stopped (exit code 137) at …`.
    #[must_use]
    pub fn words(&self) -> String {
        match (&self.workers, self.decided_by()) {
            (_, Some((_, Fate::Ended(End { at: Some(at), how, .. })))) => {
                format!("{how} at {}", rfc3339(*at))
            }
            (_, Some((_, fate))) => fate.words(),
            (Err(nobody), None) => nobody.to_string(),
            (Ok(_), None) => "nothing is known of its worker".to_owned(),
        }
    }
}
