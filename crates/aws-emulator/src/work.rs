//! The ledger of tasks and jobs: open, then closed once.

use std::collections::BTreeMap;
use std::fmt;

use super::answer::ServiceError;
use super::request::Caller;

/// What a piece of work is to its service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WorkKind {
    /// A Step Functions task, known by its task token.
    StepFunctionsTask,
    /// An SWF activity task, known by its task token.
    SwfActivityTask,
    /// A `CodePipeline` job, known by its id.
    CodePipelineJob,
    /// A `CodePipeline` third-party job, known by its id; its client token must fit.
    CodePipelineThirdPartyJob,
}

/// A task or job to open, built from one of the four constructors.
#[derive(Clone, PartialEq, Eq)]
pub struct Work {
    /// Which service it belongs to.
    pub kind: WorkKind,
    /// Task token or job id. A task token is a secret.
    pub id: String,
    /// The client token of a third-party job: a secret. `None` takes the first that is sent.
    pub client_token: Option<String>,
    /// The region that it lives in; `None` is the endpoint's.
    pub region: Option<String>,
    /// The account that it lives in; `None` is the endpoint's.
    pub account: Option<String>,
    /// It times out when it was not closed after so many milliseconds. `None` is never.
    pub timeout_ms: Option<u64>,
    /// It times out when no heartbeat came for so many milliseconds. `None` is never.
    pub heartbeat_timeout_ms: Option<u64>,
    /// The state machine's KMS key may not be used: a failure with an error or a cause is answered
    /// with `KmsAccessDeniedException`. Step Functions only.
    pub kms_denied: bool,
    /// SWF answers heartbeats with `cancelRequested`.
    pub cancel_requested: bool,
}

impl Work {
    fn new(kind: WorkKind, id: impl Into<String>) -> Self {
        Self {
            kind,
            id: id.into(),
            client_token: None,
            region: None,
            account: None,
            timeout_ms: None,
            heartbeat_timeout_ms: None,
            kms_denied: false,
            cancel_requested: false,
        }
    }

    /// A Step Functions task in the endpoint's own region and account.
    pub fn step_functions_task(task_token: impl Into<String>) -> Self {
        Self::new(WorkKind::StepFunctionsTask, task_token)
    }

    /// An SWF activity task in the endpoint's own region and account.
    pub fn swf_activity_task(task_token: impl Into<String>) -> Self {
        Self::new(WorkKind::SwfActivityTask, task_token)
    }

    /// A `CodePipeline` job in the endpoint's own region and account.
    pub fn code_pipeline_job(job_id: impl Into<String>) -> Self {
        Self::new(WorkKind::CodePipelineJob, job_id)
    }

    /// A `CodePipeline` third-party job in the endpoint's own region and account.
    pub fn third_party_job(job_id: impl Into<String>, client_token: impl Into<String>) -> Self {
        Self {
            client_token: Some(client_token.into()),
            ..Self::new(WorkKind::CodePipelineThirdPartyJob, job_id)
        }
    }

    /// The same work in another region.
    #[must_use]
    pub fn in_region(self, region: impl Into<String>) -> Self {
        Self { region: Some(region.into()), ..self }
    }

    /// The same work in another account (12 digits).
    #[must_use]
    pub fn in_account(self, account: impl Into<String>) -> Self {
        Self { account: Some(account.into()), ..self }
    }
}

impl fmt::Debug for Work {
    /// Shows kind and place, never a token.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Work")
            .field("kind", &self.kind)
            .field("region", &self.region)
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

/// What became of a task or job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorkState {
    /// Nobody has reported an end.
    Open,
    /// A failure was accepted.
    Failed(ReportedFailure),
    /// A success was accepted (Step Functions only), with its output.
    Succeeded(String),
    /// Its time was up before anybody reported an end.
    TimedOut,
}

/// The failure that a service accepted; absent members were not sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportedFailure {
    /// `error` (Step Functions), `reason` (SWF) or `failureDetails.type` (`CodePipeline`).
    pub error: Option<String>,
    /// `cause` (Step Functions), `details` (SWF) or `failureDetails.message` (`CodePipeline`).
    pub cause: Option<String>,
    /// `failureDetails.externalExecutionId` (`CodePipeline`).
    pub external_execution_id: Option<String>,
    /// When it was accepted, in milliseconds since 1970 on the endpoint's clock.
    pub at_ms: u64,
}

/// A task or job as the endpoint knows it now.
#[derive(Clone, PartialEq, Eq)]
pub struct WorkReport {
    /// Which service it belongs to.
    pub kind: WorkKind,
    /// Task token or job id. A task token is a secret.
    pub id: String,
    /// The region that it lives in.
    pub region: String,
    /// The account that it lives in.
    pub account: String,
    /// Open, or how it ended.
    pub state: WorkState,
    /// How many heartbeats were accepted.
    pub heartbeats: u64,
    /// How many reports of an end were refused because it had ended before.
    pub refused_reports: u64,
}

impl WorkReport {
    /// The accepted failure, if that is how it ended.
    #[must_use]
    pub fn failure(&self) -> Option<&ReportedFailure> {
        match &self.state {
            WorkState::Failed(failure) => Some(failure),
            WorkState::Open | WorkState::Succeeded(_) | WorkState::TimedOut => None,
        }
    }
}

impl fmt::Debug for WorkReport {
    /// Shows kind, place and state, never a token.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("WorkReport")
            .field("kind", &self.kind)
            .field("region", &self.region)
            .field("account", &self.account)
            .field("state", &self.state)
            .field("heartbeats", &self.heartbeats)
            .field("refused_reports", &self.refused_reports)
            .finish_non_exhaustive()
    }
}

/// Identity of work: the same id in another region or account is other work.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    kind: WorkKind,
    region: String,
    account: String,
    id: String,
}

/// One entry of the ledger.
struct Entry {
    work: Work,
    state: WorkState,
    opened_ms: u64,
    heartbeat_ms: u64,
    heartbeats: u64,
    refused_reports: u64,
}

impl Entry {
    fn report(&mut self, key: &Key, now_ms: u64) -> WorkReport {
        self.time_out(now_ms);
        WorkReport {
            kind: key.kind,
            id: key.id.clone(),
            region: key.region.clone(),
            account: key.account.clone(),
            state: self.state.clone(),
            heartbeats: self.heartbeats,
            refused_reports: self.refused_reports,
        }
    }

    fn time_out(&mut self, now_ms: u64) {
        let over = |since_ms: u64, limit_ms: Option<u64>| {
            limit_ms.is_some_and(|limit_ms| now_ms >= since_ms.saturating_add(limit_ms))
        };
        if self.state == WorkState::Open
            && (over(self.opened_ms, self.work.timeout_ms)
                || over(self.heartbeat_ms, self.work.heartbeat_timeout_ms))
        {
            self.state = WorkState::TimedOut;
        }
    }
}

/// Why the ledger refuses a report; each service has its own error for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// No such work was ever open here.
    Unknown,
    /// It has ended before.
    Closed,
    /// The client token is not the job's.
    WrongClientToken,
    /// The state machine's key may not be used.
    KmsDenied,
}

/// How a report ends a piece of work.
pub(crate) enum Ending {
    Failed(ReportedFailure),
    Succeeded(String),
}

/// All work that was ever opened, by identity.
#[derive(Default)]
pub(crate) struct Ledger {
    entries: BTreeMap<Key, Entry>,
    /// Work is opened on first mention.
    auto_open: bool,
}

impl Ledger {
    pub(crate) fn new(auto_open: bool) -> Self {
        Self { entries: BTreeMap::new(), auto_open }
    }

    /// Opens work in `region` and `account` unless the work names its own; what is there already
    /// is opened anew.
    pub(crate) fn open(&mut self, work: Work, region: &str, account: &str, now_ms: u64) {
        let key = Key {
            kind: work.kind,
            region: work.region.clone().unwrap_or_else(|| region.to_owned()),
            account: work.account.clone().unwrap_or_else(|| account.to_owned()),
            id: work.id.clone(),
        };
        let entry = Entry {
            work,
            state: WorkState::Open,
            opened_ms: now_ms,
            heartbeat_ms: now_ms,
            heartbeats: 0,
            refused_reports: 0,
        };
        self.entries.insert(key, entry);
    }

    /// Ends work once; every later report is refused.
    pub(crate) fn end(
        &mut self,
        caller: &Caller,
        report: &Report<'_>,
        ending: Ending,
        now_ms: u64,
    ) -> Result<(), Refusal> {
        let entry = self.entry(caller, report, now_ms)?;
        if entry.state != WorkState::Open {
            entry.refused_reports += 1;
            return Err(Refusal::Closed);
        }
        let speaks = match &ending {
            Ending::Failed(failure) => failure.error.is_some() || failure.cause.is_some(),
            Ending::Succeeded(_) => true,
        };
        if entry.work.kms_denied && speaks {
            return Err(Refusal::KmsDenied);
        }
        entry.state = match ending {
            Ending::Failed(failure) => WorkState::Failed(failure),
            Ending::Succeeded(output) => WorkState::Succeeded(output),
        };
        Ok(())
    }

    /// Takes a heartbeat; true when the worker is asked to cancel.
    pub(crate) fn heartbeat(
        &mut self,
        caller: &Caller,
        report: &Report<'_>,
        now_ms: u64,
    ) -> Result<bool, Refusal> {
        let entry = self.entry(caller, report, now_ms)?;
        if entry.state != WorkState::Open {
            return Err(Refusal::Closed);
        }
        entry.heartbeats += 1;
        entry.heartbeat_ms = now_ms;
        Ok(entry.work.cancel_requested)
    }

    fn entry(&mut self, caller: &Caller, report: &Report<'_>, now_ms: u64) -> Result<&mut Entry, Refusal> {
        let key = Key {
            kind: report.kind,
            region: caller.region.clone(),
            account: caller.account.clone(),
            id: report.id.to_owned(),
        };
        if self.auto_open && !self.entries.contains_key(&key) {
            let work = Work::new(report.kind, report.id);
            self.open(work, &caller.region, &caller.account, now_ms);
        }
        let entry = self.entries.get_mut(&key).ok_or(Refusal::Unknown)?;
        if let Some(sent) = report.client_token {
            let own = entry.work.client_token.get_or_insert_with(|| sent.to_owned());
            if own != sent {
                return Err(Refusal::WrongClientToken);
            }
        }
        entry.time_out(now_ms);
        Ok(entry)
    }

    /// Everything that was ever opened, ordered by kind, region, account and id.
    pub(crate) fn reports(&mut self, now_ms: u64) -> Vec<WorkReport> {
        self.entries.iter_mut().map(|(key, entry)| entry.report(key, now_ms)).collect()
    }

    /// The first work with this id.
    pub(crate) fn find(&mut self, id: &str, now_ms: u64) -> Option<WorkReport> {
        let (key, entry) = self.entries.iter_mut().find(|(key, _)| key.id == id)?;
        Some(entry.report(key, now_ms))
    }

    /// How much work is open.
    pub(crate) fn open_count(&mut self, now_ms: u64) -> usize {
        self.entries.values_mut().for_each(|entry| entry.time_out(now_ms));
        self.entries.values().filter(|entry| entry.state == WorkState::Open).count()
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }
}

/// Which work a call speaks of.
pub(crate) struct Report<'a> {
    pub(crate) kind: WorkKind,
    pub(crate) id: &'a str,
    pub(crate) client_token: Option<&'a str>,
}

impl<'a> Report<'a> {
    pub(crate) fn of(kind: WorkKind, id: &'a str) -> Self {
        Self { kind, id, client_token: None }
    }
}

/// The error for a refusal that only Step Functions knows; elsewhere it cannot occur.
pub(crate) fn kms_denied() -> ServiceError {
    ServiceError::new(
        "KmsAccessDeniedException",
        "The caller is not allowed to use the KMS key of the state machine.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(account: &str) -> Caller {
        Caller {
            access_key_id: "AKID".to_owned(),
            account: account.to_owned(),
            region: "eu-west-1".to_owned(),
        }
    }

    fn failure(cause: Option<&str>) -> Ending {
        Ending::Failed(ReportedFailure {
            error: None,
            cause: cause.map(str::to_owned),
            external_execution_id: None,
            at_ms: 0,
        })
    }

    fn end(ledger: &mut Ledger, account: &str, now_ms: u64) -> Result<(), Refusal> {
        let report = Report::of(WorkKind::StepFunctionsTask, "t");
        ledger.end(&caller(account), &report, failure(Some("c")), now_ms)
    }

    fn ledger_with(work: Work) -> Ledger {
        let mut ledger = Ledger::new(false);
        ledger.open(work, "eu-west-1", "111111111111", 0);
        ledger
    }

    #[test]
    fn work_ends_once_and_later_reports_are_counted() {
        let mut ledger = ledger_with(Work::step_functions_task("t"));
        assert_eq!(end(&mut ledger, "111111111111", 1), Ok(()));
        assert_eq!(end(&mut ledger, "111111111111", 2), Err(Refusal::Closed));
        assert_eq!(ledger.reports(3)[0].refused_reports, 1);
    }

    #[test]
    fn work_of_another_account_is_unknown() {
        let mut ledger = ledger_with(Work::step_functions_task("t"));
        assert_eq!(end(&mut ledger, "222222222222", 1), Err(Refusal::Unknown));
    }

    #[test]
    fn work_whose_heartbeats_stop_times_out() {
        let mut ledger =
            ledger_with(Work { heartbeat_timeout_ms: Some(10), ..Work::step_functions_task("t") });
        let report = Report::of(WorkKind::StepFunctionsTask, "t");
        assert_eq!(ledger.heartbeat(&caller("111111111111"), &report, 9), Ok(false));
        assert_eq!(end(&mut ledger, "111111111111", 19), Err(Refusal::Closed));
        assert_eq!(ledger.reports(19)[0].state, WorkState::TimedOut);
    }

    #[test]
    fn a_denied_key_lets_only_a_failure_without_text_through() {
        let mut ledger = ledger_with(Work { kms_denied: true, ..Work::step_functions_task("t") });
        assert_eq!(end(&mut ledger, "111111111111", 1), Err(Refusal::KmsDenied));
        let report = Report::of(WorkKind::StepFunctionsTask, "t");
        let silent = ledger.end(&caller("111111111111"), &report, failure(None), 2);
        assert_eq!(silent, Ok(()));
    }

    #[test]
    fn debug_shows_no_token() {
        let work = Work::third_party_job("job-id", "client-secret");
        assert!(!format!("{work:?}").contains("client-secret"));
        let mut ledger = ledger_with(Work::step_functions_task("task-secret"));
        assert!(!format!("{:?}", ledger.reports(0)).contains("task-secret"));
    }
}
