//! The ledger of tasks and jobs: open, then closed once.

use std::collections::BTreeMap;
use std::fmt;

use hyper::body::Bytes;
use serde_json::Value;

use super::kind::{KINDS, Kind, Mention};
use super::limits::is_account;
use super::operation::Operation;
use super::request::{Caller, Head, Request};

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
    /// A callback of a durable execution, known by its id.
    LambdaDurableCallback,
    /// A request of a custom resource, known by its id, in a stack and for a logical resource.
    CloudFormationCustomResource,
    /// A wait condition, known by the URL of its handle without the query.
    CloudFormationWaitCondition,
    /// A callback step of a `SageMaker` pipeline, known by its callback token.
    SageMakerPipelineStep,
    /// An action of a lifecycle hook, known by its token or by its instance, in a group.
    AutoScalingLifecycleAction,
    /// A hook of a `CodeDeploy` deployment, known by its execution id, in a deployment.
    CodeDeployLifecycleHook,
    /// A manual approval, known by its token, in a pipeline, a stage and an action.
    CodePipelineApproval,
    /// A waiting workflow step of Image Builder, known by its id, for an image.
    ImageBuilderWorkflowStep,
    /// A workflow of an external engine, known by its record; its workflow token must fit.
    ServiceCatalogEngineWorkflow,
    /// A hook at which an ECS deployment pauses, known by its id, in a service deployment.
    EcsDeploymentHook,
}

impl WorkKind {
    /// Every kind, in the order of the variants.
    pub fn all() -> impl Iterator<Item = Self> {
        KINDS.iter().map(|kind| kind.work)
    }

    /// The kind's name, such as `step-functions-task`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.model().name
    }

    pub(crate) fn model(self) -> &'static Kind {
        // The table has the order of the variants; a test holds it.
        KINDS[self as usize]
    }
}

/// Work to open, built from one of the constructors.
#[derive(Clone, PartialEq, Eq)]
pub struct Work {
    /// Which service it belongs to.
    pub kind: WorkKind,
    /// What its service knows it by. Where that is a token, it is a secret.
    pub id: String,
    /// What else a report has to name, by its name in the API, such as the `clientToken` of a
    /// third-party job. Tokens among them are secrets.
    pub members: BTreeMap<&'static str, String>,
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
    pub(crate) fn new(kind: WorkKind, id: impl Into<String>) -> Self {
        Self {
            kind,
            id: id.into(),
            members: BTreeMap::new(),
            region: None,
            account: None,
            timeout_ms: None,
            heartbeat_timeout_ms: None,
            kms_denied: false,
            cancel_requested: false,
        }
    }

    pub(crate) fn with(mut self, member: &'static str, value: impl Into<String>) -> Self {
        self.members.insert(member, value.into());
        self
    }

    /// The same work in the region and account of an ARN, those that it has.
    pub(crate) fn at_arn(self, arn: &str) -> Self {
        let part = |position| arn.split(':').nth(position).filter(|part: &&str| !part.is_empty());
        let (region, account) = (part(3), part(4).filter(|account| is_account(account)));
        Self { region: region.map(str::to_owned), account: account.map(str::to_owned), ..self }
    }

    /// The work that a call with this input reports on; `None` when the operation reports on none,
    /// or the input does not name it. An input has the members of the API reference, wherever in
    /// a request they stand. Region and account are the endpoint's.
    #[must_use]
    pub fn named_by(operation: Operation, input: &Value) -> Option<Self> {
        let report = operation.model().report.as_ref()?;
        Self::mentioned(&Mention::of(report.kind, input))
    }

    /// The work that a whole HTTP request reports on, as it would go over the wire; `None` when it
    /// names none. Its region and account are the endpoint's, or those of the stack in a presigned
    /// URL.
    #[must_use]
    pub fn of_request(method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Option<Self> {
        let mut request = hyper::Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut head = Head::of(request.body(()).ok()?.into_parts().0);
        let host = url.split_once("://")?.1.split(['/', '?']).next()?;
        head.headers.entry("host").or_insert(host.parse().ok()?);
        let request = Request::read(head, Bytes::copy_from_slice(body)).ok()?;
        let work = Self::named_by(request.operation, request.input.as_ref().ok()?)?;
        Some(match request.presigned {
            Some(presigned) => Self { region: Some(presigned.region), account: presigned.account, ..work },
            None => work,
        })
    }

    fn mentioned(mention: &Mention<'_>) -> Option<Self> {
        let (named_by, id) = mention.identity()?;
        let work = Self::new(mention.kind.work, id);
        let others = mention.kind.other_members().filter(|member| *member != named_by);
        let others = others.filter_map(|member| Some((member, mention.text(member)?)));
        Some(others.fold(work, |work, (member, value)| work.with(member, value)))
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
    /// A success was accepted, with its output where the API carries one.
    Succeeded(String),
    /// Its time was up before anybody reported an end.
    TimedOut,
}

/// The failure that a service accepted; absent members were not sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportedFailure {
    /// `error` (Step Functions), `reason` (SWF), `failureDetails.type` (`CodePipeline`) or
    /// `ErrorType` (Lambda).
    pub error: Option<String>,
    /// `cause` (Step Functions), `details` (SWF), `failureDetails.message` (`CodePipeline`),
    /// `ErrorMessage` (Lambda), or the one text that the API carries.
    pub cause: Option<String>,
    /// `failureDetails.externalExecutionId` (`CodePipeline`).
    pub external_execution_id: Option<String>,
    /// `ErrorData` (Lambda), `PhysicalResourceId` (custom resource) or `Data` (wait condition).
    pub data: Option<String>,
    /// When it was accepted, in milliseconds since 1970 on the endpoint's clock.
    pub at_ms: u64,
}

/// A task or job as the endpoint knows it now.
#[derive(Clone, PartialEq, Eq)]
pub struct WorkReport {
    /// Which service it belongs to.
    pub kind: WorkKind,
    /// What its service knows it by. Where that is a token, it is a secret.
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

/// Identity of work: the same id in another region, account or place is other work.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    kind: WorkKind,
    region: String,
    account: String,
    id: String,
    /// The values of the kind's places.
    places: Vec<String>,
}

impl Key {
    /// The smallest key of a kind in a region and account.
    fn first(kind: WorkKind, caller: &Caller) -> Self {
        let (region, account) = (caller.region.clone(), caller.account.clone());
        Self { kind, region, account, id: String::new(), places: Vec::new() }
    }

    fn is_of(&self, kind: WorkKind, caller: &Caller) -> bool {
        self.kind == kind && self.region == caller.region && self.account == caller.account
    }
}

/// One entry of the ledger.
struct Entry {
    work: Work,
    state: WorkState,
    opened_ms: u64,
    heartbeat_ms: u64,
    heartbeats: u64,
    refused_reports: u64,
    /// What the report that ended it is to be known again by.
    accepted: Option<Repeat>,
}

/// By what a service knows a call that is made again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Repeat {
    pub(crate) token: String,
    pub(crate) content: Value,
}

impl Entry {
    /// Why no report is taken any more.
    fn over(&self) -> Option<Refusal> {
        match self.state {
            WorkState::Open => None,
            WorkState::Failed(_) | WorkState::Succeeded(_) => Some(Refusal::Closed),
            WorkState::TimedOut => Some(Refusal::TimedOut),
        }
    }

    /// Holds the call's proof, and the identities that it names beside the first, against the work.
    fn prove(&mut self, mention: &Mention<'_>) -> Result<(), Refusal> {
        let kind = mention.kind;
        if let Some((member, sent)) =
            kind.proof.as_ref().and_then(|proof| Some((proof.member, mention.text(proof.member)?)))
        {
            let own = self.work.members.entry(member).or_insert_with(|| sent.to_owned());
            if own != sent {
                return Err(Refusal::WrongProof);
            }
        }
        let differs = |member: &&str| {
            let own = self.work.members.get(member);
            matches!((own, mention.text(member)), (Some(own), Some(sent)) if own != sent)
        };
        if kind.identity.iter().any(differs) { Err(Refusal::Unknown) } else { Ok(()) }
    }

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

/// Why the ledger refuses a report; each kind has its own error for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// No such work was ever open here.
    Unknown,
    /// Nothing was ever open in the place at this position of the kind's places.
    WrongPlace(usize),
    /// What proves that the caller may report is not the work's.
    WrongProof,
    /// Its end was reported before.
    Closed,
    /// Its time was up before.
    TimedOut,
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
        let place = |place: &super::kind::Place| work.members.get(place.member).cloned().unwrap_or_default();
        let key = Key {
            kind: work.kind,
            region: work.region.clone().unwrap_or_else(|| region.to_owned()),
            account: work.account.clone().unwrap_or_else(|| account.to_owned()),
            id: work.id.clone(),
            places: work.kind.model().places.iter().map(place).collect(),
        };
        let entry = Entry {
            work,
            state: WorkState::Open,
            opened_ms: now_ms,
            heartbeat_ms: now_ms,
            heartbeats: 0,
            refused_reports: 0,
            accepted: None,
        };
        self.entries.insert(key, entry);
    }

    /// Ends work once; every later report is refused.
    pub(crate) fn end(
        &mut self,
        caller: &Caller,
        mention: &Mention<'_>,
        ending: Ending,
        repeat: Option<Repeat>,
        now_ms: u64,
    ) -> Result<&Work, Refusal> {
        let entry = self.entry(caller, mention, now_ms)?;
        if let Some(refusal) = entry.over() {
            entry.refused_reports += 1;
            return Err(refusal);
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
        entry.accepted = repeat;
        Ok(&entry.work)
    }

    /// Takes a heartbeat.
    pub(crate) fn heartbeat(
        &mut self,
        caller: &Caller,
        mention: &Mention<'_>,
        now_ms: u64,
    ) -> Result<&Work, Refusal> {
        let entry = self.entry(caller, mention, now_ms)?;
        if let Some(refusal) = entry.over() {
            return Err(refusal);
        }
        entry.heartbeats += 1;
        entry.heartbeat_ms = now_ms;
        Ok(&entry.work)
    }

    /// The work of a mention and the report that ended it, where that can be repeated.
    pub(crate) fn accepted(&self, caller: &Caller, mention: &Mention<'_>) -> Option<(&Work, &Repeat)> {
        let entry = self.entries.get(&self.key_of(caller, mention).ok()?)?;
        Some((&entry.work, entry.accepted.as_ref()?))
    }

    fn entry(&mut self, caller: &Caller, mention: &Mention<'_>, now_ms: u64) -> Result<&mut Entry, Refusal> {
        let found = match self.key_of(caller, mention) {
            Err(_) if self.auto_open => {
                let work = Work::mentioned(mention).ok_or(Refusal::Unknown)?;
                self.open(work, &caller.region, &caller.account, now_ms);
                self.key_of(caller, mention)
            }
            found => found,
        };
        let entry = self.entries.get_mut(&found?).ok_or(Refusal::Unknown)?;
        entry.prove(mention)?;
        entry.time_out(now_ms);
        Ok(entry)
    }

    /// The key of the work that a call names.
    fn key_of(&self, caller: &Caller, mention: &Mention<'_>) -> Result<Key, Refusal> {
        let (named_by, id) = mention.identity().ok_or(Refusal::Unknown)?;
        let kind = mention.kind;
        let first = Key::first(kind.work, caller);
        let exact = Key { id: id.to_owned(), places: mention.places(), ..first.clone() };
        if self.entries.contains_key(&exact) {
            return Ok(exact);
        }
        if kind.identity.len() == 1 && (kind.places.is_empty() || self.auto_open) {
            // Nothing that a look at every entry could find.
            return Err(Refusal::Unknown);
        }
        let entries = self.entries.range(first..).take_while(|(key, _)| key.is_of(kind.work, caller));
        let mut candidates: Vec<(&Key, &Entry)> = entries.collect();
        for (position, (place, value)) in kind.places.iter().zip(&exact.places).enumerate() {
            let own = |entry: &Entry| entry.work.members.get(place.member) == Some(value);
            candidates.retain(|(_, entry)| own(entry));
            if candidates.is_empty() {
                return Err(Refusal::WrongPlace(position));
            }
        }
        let named = |entry: &Entry| entry.work.members.get(named_by).is_some_and(|value| value == id);
        let found = candidates.into_iter().find(|(_, entry)| named(entry));
        found.map(|(key, _)| key.clone()).ok_or(Refusal::Unknown)
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

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
            data: None,
            at_ms: 0,
        })
    }

    /// The task that every report of these tests is about.
    fn input() -> Value {
        json!({"taskToken": "t"})
    }

    fn end(ledger: &mut Ledger, account: &str, now_ms: u64) -> Result<(), Refusal> {
        let input = input();
        let mention = Mention::of(WorkKind::StepFunctionsTask.model(), &input);
        ledger.end(&caller(account), &mention, failure(Some("c")), None, now_ms).map(|_| ())
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
        let input = input();
        let mention = Mention::of(WorkKind::StepFunctionsTask.model(), &input);
        assert!(ledger.heartbeat(&caller("111111111111"), &mention, 9).is_ok());
        assert_eq!(end(&mut ledger, "111111111111", 19), Err(Refusal::TimedOut));
        assert_eq!(ledger.reports(19)[0].state, WorkState::TimedOut);
    }

    #[test]
    fn a_denied_key_lets_only_a_failure_without_text_through() {
        let mut ledger = ledger_with(Work { kms_denied: true, ..Work::step_functions_task("t") });
        assert_eq!(end(&mut ledger, "111111111111", 1), Err(Refusal::KmsDenied));
        let input = input();
        let mention = Mention::of(WorkKind::StepFunctionsTask.model(), &input);
        assert!(ledger.end(&caller("111111111111"), &mention, failure(None), None, 2).is_ok());
    }

    #[test]
    fn a_lifecycle_action_is_known_by_its_token_or_by_its_instance_in_its_group_and_hook() {
        let token = "71514b9d-6a40-4b26-8523-05e7ee35fa40";
        let ledger = ledger_with(Work::lifecycle_action("group", "hook", token, "i-1"));
        let find = |group: &str, hook: &str, identity: Value| {
            let mut input = json!({"AutoScalingGroupName": group, "LifecycleHookName": hook});
            input["LifecycleActionToken"] = identity["token"].clone();
            input["InstanceId"] = identity["instance"].clone();
            let mention = Mention::of(WorkKind::AutoScalingLifecycleAction.model(), &input);
            ledger.key_of(&caller("111111111111"), &mention).map(|key| key.id)
        };
        assert_eq!(find("group", "hook", json!({"token": token})), Ok(token.to_owned()));
        assert_eq!(find("group", "hook", json!({"instance": "i-1"})), Ok(token.to_owned()));
        assert_eq!(find("group", "hook", json!({"instance": "i-2"})), Err(Refusal::Unknown));
        assert_eq!(find("group", "other", json!({"token": token})), Err(Refusal::WrongPlace(1)));
        assert_eq!(find("other", "hook", json!({"token": token})), Err(Refusal::WrongPlace(0)));
    }

    #[test]
    fn the_input_of_a_call_names_its_work() {
        let input = json!({"jobId": "j", "clientToken": "c", "failureDetails": {}});
        let work = Work::named_by(Operation::PutThirdPartyJobFailureResult, &input);
        assert_eq!(work, Some(Work::third_party_job("j", "c")));
        assert_eq!(Work::named_by(Operation::SendMessage, &input), None);
    }

    #[test]
    fn a_whole_request_names_its_work() {
        let headers = [("x-amz-target", "SageMaker.SendPipelineExecutionStepFailure")];
        let body = br#"{"CallbackToken":"26vcYbeWsZ"}"#;
        let found =
            Work::of_request("POST", "https://api.sagemaker.eu-west-1.amazonaws.com/", &headers, body);
        assert_eq!(found, Some(Work::sagemaker_step("26vcYbeWsZ")));
        let url = "https://lambda.eu-west-1.amazonaws.com/2025-12-01/durable-execution-callbacks/a%2Fb/fail";
        assert_eq!(Work::of_request("POST", url, &[], b""), Some(Work::durable_callback("a/b")));
        let stack = "arn:aws:cloudformation:eu-west-1:111111111111:stack/app/1";
        let url = crate::cloud_formation::response_url(stack, "Image", "r", 0);
        let found = Work::of_request("PUT", &url, &[], b"{}");
        assert_eq!(found, Some(Work::custom_resource(stack, "Image", "r")));
        assert_eq!(Work::of_request("POST", "https://example.com/none", &[], b""), None);
    }

    #[test]
    fn debug_shows_no_token() {
        let work = Work::third_party_job("job-id", "client-secret");
        assert!(!format!("{work:?}").contains("client-secret"));
        let mut ledger = ledger_with(Work::step_functions_task("task-secret"));
        assert!(!format!("{:?}", ledger.reports(0)).contains("task-secret"));
    }
}
