//! Faults as data: what goes wrong with a call, and with which calls.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::ids::draw;
use super::operation::{Operation, Service};
use super::request::{Caller, Request};

/// What goes wrong with a call.
///
/// In JSON a fault is its name in kebab-case, or an object with the name as its one member:
/// `"cut-after-effect"`, `{"throttle": {}}`, `{"slow": {"delay_ms": 500}}`. "Effect" is what the
/// operation changes: a task that is closed, a message that is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Fault {
    /// The call is throttled; nothing takes effect.
    Throttle {
        /// The error's name; default the service's own: `ThrottlingException` of most,
        /// `RequestThrottled` of SQS, `Throttling` of STS, for example.
        #[serde(default)]
        code: Option<String>,
        /// HTTP status; default 400, or where the service's own error has another status, that.
        #[serde(default = "bad_request")]
        status: u16,
    },
    /// An error of the service itself, in its protocol.
    ServerError {
        /// HTTP status; default 500.
        #[serde(default = "internal_error")]
        status: u16,
        /// The operation takes effect all the same; default false.
        #[serde(default)]
        after_effect: bool,
    },
    /// A 502 with a page of HTML, as a load balancer sends it; nothing takes effect.
    #[serde(rename = "html-502")]
    Html502,
    /// The connection is closed without an answer, and nothing takes effect.
    CutBeforeEffect,
    /// The operation takes effect, then the connection is closed without an answer.
    CutAfterEffect,
    /// The operation takes effect, then the connection is closed within the answer's body
    /// (without an answer where the body is shorter than two bytes).
    CutMidAnswer,
    /// The call is never answered; the connection stays open.
    NoAnswer {
        /// The operation takes effect all the same; default false.
        #[serde(default)]
        after_effect: bool,
    },
    /// The operation takes effect, and the answer's body comes in small pieces.
    SlowDrip {
        /// Size of a piece in bytes, 1 or more; default 1.
        #[serde(default = "one")]
        piece_bytes: usize,
        /// Time before each piece, in milliseconds.
        delay_ms: u64,
    },
    /// The operation takes effect, and is answered, only after a while: also when the caller has
    /// hung up in the meantime.
    Slow {
        /// In milliseconds.
        delay_ms: u64,
    },
    /// The caller lacks a permission; nothing takes effect.
    AccessDenied,
    /// The caller's credentials are expired; nothing takes effect.
    ExpiredCredentials,
    /// Any error, in the service's protocol.
    ServiceError {
        /// The error's name, such as `InternalException`.
        code: String,
        /// HTTP status; default 400.
        #[serde(default = "bad_request")]
        status: u16,
        /// What a person reads; default empty.
        #[serde(default)]
        message: String,
        /// The operation takes effect all the same; default false.
        #[serde(default)]
        after_effect: bool,
    },
    /// A 200 with a body that is no answer.
    #[serde(rename = "garbage-200")]
    Garbage200 {
        /// The operation takes effect, as a 200 says; default true.
        #[serde(default = "yes")]
        after_effect: bool,
    },
    /// A 200 whose body is an error of the service.
    #[serde(rename = "error-in-200")]
    ErrorIn200 {
        /// The error's name; default `InternalFailure`.
        #[serde(default = "internal_failure")]
        code: String,
        /// The operation takes effect, as a 200 says; default true.
        #[serde(default = "yes")]
        after_effect: bool,
    },
    /// Entries of a batch are refused, in an answer with status 200; keys of a `BatchGetItem` are
    /// left unprocessed. Calls that are no batch pass.
    PartialBatchFailure {
        /// The positions that fail, from 0; default: all.
        #[serde(default)]
        positions: Vec<usize>,
        /// The entries' error; default `InternalError` (`EventBridge`: `InternalFailure`).
        #[serde(default)]
        code: Option<String>,
        /// SQS's mark that the sender is to blame; default false.
        #[serde(default)]
        sender_fault: bool,
    },
    /// The KMS key may not be used. Step Functions: only a report with an error, a cause or an
    /// output is refused, others pass.
    KmsAccessDenied,
    /// The KMS key is disabled or being deleted; as [`Fault::KmsAccessDenied`] otherwise.
    KmsInvalidState,
}

const fn bad_request() -> u16 {
    400
}

const fn internal_error() -> u16 {
    500
}

const fn one() -> usize {
    1
}

const fn yes() -> bool {
    true
}

fn internal_failure() -> String {
    "InternalFailure".to_owned()
}

impl Fault {
    /// The fault's name, as it is written in JSON.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Throttle { .. } => "throttle",
            Self::ServerError { .. } => "server-error",
            Self::Html502 => "html-502",
            Self::CutBeforeEffect => "cut-before-effect",
            Self::CutAfterEffect => "cut-after-effect",
            Self::CutMidAnswer => "cut-mid-answer",
            Self::NoAnswer { .. } => "no-answer",
            Self::SlowDrip { .. } => "slow-drip",
            Self::Slow { .. } => "slow",
            Self::AccessDenied => "access-denied",
            Self::ExpiredCredentials => "expired-credentials",
            Self::ServiceError { .. } => "service-error",
            Self::Garbage200 { .. } => "garbage-200",
            Self::ErrorIn200 { .. } => "error-in-200",
            Self::PartialBatchFailure { .. } => "partial-batch-failure",
            Self::KmsAccessDenied => "kms-access-denied",
            Self::KmsInvalidState => "kms-invalid-state",
        }
    }

    /// Whether the fault has a meaning for this call; one that has none lets it pass.
    fn concerns(&self, request: &Request) -> bool {
        match self {
            Self::PartialBatchFailure { .. } => matches!(
                request.operation,
                Operation::SendMessageBatch
                    | Operation::DeleteMessageBatch
                    | Operation::ChangeMessageVisibilityBatch
                    | Operation::PutEvents
                    | Operation::BatchGetItem
            ),
            Self::KmsAccessDenied | Self::KmsInvalidState => {
                request.operation.service() != Service::StepFunctions
                    || ["error", "cause", "output"].iter().any(|member| request.text(member).is_some())
            }
            _ => true,
        }
    }
}

/// A fault and the calls that it happens to. The first rule that fits a call is applied.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// A pattern for the operation, with `*` for any text: `SendTaskFailure`, `Put*`, or with the
    /// service's signing name, `sqs:*`. Default `*`.
    #[serde(default = "anything")]
    pub operation: String,
    /// What else must fit; default: nothing.
    #[serde(default)]
    pub matching: Matcher,
    /// Which of the calls that fit; default: always.
    #[serde(default)]
    pub when: When,
    /// Whether calls are counted for the whole rule or for each identity; default: the rule.
    #[serde(default)]
    pub count_by: CountBy,
    /// The rule ends after so many faults; default: never.
    #[serde(default)]
    pub at_most: Option<u64>,
    /// What goes wrong.
    pub fault: Fault,
}

fn anything() -> String {
    "*".to_owned()
}

impl FaultRule {
    /// The fault on every call of the operations that the pattern names.
    pub fn always(operation: impl Into<String>, fault: Fault) -> Self {
        Self {
            operation: operation.into(),
            matching: Matcher::default(),
            when: When::Always,
            count_by: CountBy::Rule,
            at_most: None,
            fault,
        }
    }

    /// The same rule for another choice of calls.
    #[must_use]
    pub fn when(self, when: When) -> Self {
        Self { when, ..self }
    }

    /// The same rule for calls that also fit the matcher.
    #[must_use]
    pub fn matching(self, matching: Matcher) -> Self {
        Self { matching, ..self }
    }

    /// The same rule, with calls counted for each identity on its own.
    #[must_use]
    pub fn for_each_identity(self) -> Self {
        Self { count_by: CountBy::Identity, ..self }
    }

    /// Reads a JSON array of rules, as `relayctl serve --faults FILE` takes it.
    ///
    /// # Errors
    ///
    /// A sentence that says what is wrong: no JSON, an unknown member or name, or an operation
    /// pattern that no operation fits.
    pub fn list_from_json(json: &str) -> Result<Vec<Self>, String> {
        let rules: Vec<Self> = serde_json::from_str(json).map_err(|error| error.to_string())?;
        match rules.iter().find_map(FaultRule::mistake) {
            Some(mistake) => Err(mistake),
            None => Ok(rules),
        }
    }

    /// What makes this rule useless, if anything does.
    fn mistake(&self) -> Option<String> {
        if !Operation::all().any(|operation| self.names(operation)) {
            return Some(format!("no operation fits the pattern {:?}", self.operation));
        }
        match (&self.when, &self.fault) {
            (When::Probability { chance, .. }, _) if !(0.0..=1.0).contains(chance) => {
                Some(format!("a chance is between 0 and 1, not {chance}"))
            }
            (_, Fault::SlowDrip { piece_bytes: 0, .. }) => {
                Some("slow-drip needs piece_bytes of 1 or more".to_owned())
            }
            _ => None,
        }
    }

    fn names(&self, operation: Operation) -> bool {
        let full = format!("{}:{}", operation.service().signing_name(), operation.name());
        fits(&self.operation, operation.name()) || fits(&self.operation, &full)
    }
}

/// What a call must carry; every member that is there must fit. `*` stands for any text.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Matcher {
    /// What the call is about, of any kind: a task token, a job id, a callback id, a request id, the
    /// URL of a wait condition without its query, or what else the work is known by.
    pub identity: Option<String>,
    /// The call's `taskToken`.
    pub task_token: Option<String>,
    /// The call's `jobId`.
    pub job_id: Option<String>,
    /// The name of the queue.
    pub queue: Option<String>,
    /// The role that is to be assumed.
    pub role_arn: Option<String>,
    /// The region of the caller's credential scope.
    pub region: Option<String>,
    /// The account of the caller's access key.
    pub account: Option<String>,
    /// A text that stands somewhere in the raw body, without `*`.
    pub body_contains: Option<String>,
}

impl std::fmt::Debug for Matcher {
    /// Shows no task token and no text of a body.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Matcher")
            .field("job_id", &self.job_id)
            .field("queue", &self.queue)
            .field("role_arn", &self.role_arn)
            .field("region", &self.region)
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

impl Matcher {
    /// Calls that are about the work with this id or token, of any kind.
    pub fn identity(id: impl Into<String>) -> Self {
        Self { identity: Some(id.into()), ..Self::default() }
    }

    /// Calls for the Step Functions or SWF task with this token.
    pub fn task_token(token: impl Into<String>) -> Self {
        Self { task_token: Some(token.into()), ..Self::default() }
    }

    /// Calls for the job with this id.
    pub fn job_id(id: impl Into<String>) -> Self {
        Self { job_id: Some(id.into()), ..Self::default() }
    }

    /// Calls to the queue of this name.
    pub fn queue(name: impl Into<String>) -> Self {
        Self { queue: Some(name.into()), ..Self::default() }
    }

    fn fits(&self, request: &Request, caller: &Caller) -> bool {
        let fit = |wanted: &Option<String>, found: Option<&str>| match (wanted, found) {
            (None, _) => true,
            (Some(pattern), Some(text)) => fits(pattern, text),
            (Some(_), None) => false,
        };
        let contains = |text: &String| {
            let (body, text) = (&request.body[..], text.as_bytes());
            text.is_empty() || body.windows(text.len()).any(|window| window == text)
        };
        fit(&self.identity, request.identity())
            && fit(&self.task_token, request.text("taskToken"))
            && fit(&self.job_id, request.text("jobId"))
            && fit(&self.queue, request.queue())
            && fit(&self.role_arn, request.text("RoleArn"))
            && fit(&self.region, Some(&caller.region))
            && fit(&self.account, Some(&caller.account))
            && self.body_contains.as_ref().is_none_or(contains)
    }
}

/// Which of the calls that fit a rule get its fault. Calls are counted from 1.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum When {
    /// All of them.
    #[default]
    Always,
    /// Those with these numbers.
    Calls(Vec<u64>),
    /// The first so many.
    First(u64),
    /// All after the first so many.
    After(u64),
    /// Each with this chance. The draw depends on the seed, the call's identity and its number
    /// for that identity alone, so it is the same in every run, however calls interleave.
    Probability {
        /// From 0 (never) to 1 (always).
        chance: f64,
        /// Another seed, another choice; default 0.
        #[serde(default)]
        seed: u64,
    },
    /// Those that arrive in a span of time, in milliseconds since the endpoint's start.
    WindowMs {
        /// The first millisecond.
        from: u64,
        /// The first millisecond after it.
        to: u64,
    },
}

/// Whose calls [`When`] counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CountBy {
    /// All calls that fit the rule together.
    #[default]
    Rule,
    /// Those of each identity on its own: what the work is known by, a role, or for SQS and
    /// `EventBridge` the exact body.
    Identity,
}

/// The rules in force, with what they have counted.
#[derive(Default)]
pub(crate) struct FaultPlan {
    rules: Vec<Counted>,
}

struct Counted {
    rule: FaultRule,
    fitted: u64,
    applied: u64,
    by_identity: HashMap<Vec<u8>, u64>,
}

impl FaultPlan {
    /// Puts rules in force; counting starts anew.
    pub(crate) fn of(rules: Vec<FaultRule>) -> Self {
        let counted = rules.into_iter().map(|rule| Counted {
            rule,
            fitted: 0,
            applied: 0,
            by_identity: HashMap::new(),
        });
        Self { rules: counted.collect() }
    }

    /// The fault for this call, if a rule has one. Every rule that fits counts the call.
    pub(crate) fn next(&mut self, request: &Request, caller: &Caller, since_start_ms: u64) -> Option<Fault> {
        let mut chosen = None;
        for counted in &mut self.rules {
            let hit = counted.hit(request, caller, since_start_ms);
            if hit && chosen.is_none() {
                counted.applied += 1;
                chosen = Some(counted.rule.fault.clone());
            }
        }
        chosen
    }

    /// How often each rule was applied, in their order.
    pub(crate) fn applied(&self) -> Vec<u64> {
        self.rules.iter().map(|counted| counted.applied).collect()
    }
}

impl Counted {
    fn hit(&mut self, request: &Request, caller: &Caller, since_start_ms: u64) -> bool {
        let rule = &self.rule;
        if !rule.names(request.operation)
            || !rule.matching.fits(request, caller)
            || !rule.fault.concerns(request)
        {
            return false;
        }
        self.fitted += 1;
        let identity = identity(request);
        // A count for each identity costs memory, so it is only kept where it is asked for.
        let keeps_identities =
            rule.count_by == CountBy::Identity || matches!(rule.when, When::Probability { .. });
        let for_identity = if keeps_identities {
            let count = self.by_identity.entry(identity.to_vec()).or_default();
            *count += 1;
            *count
        } else {
            0
        };
        let number = match rule.count_by {
            CountBy::Rule => self.fitted,
            CountBy::Identity => for_identity,
        };
        let wanted = match &rule.when {
            When::Always => true,
            When::Calls(numbers) => numbers.contains(&number),
            When::First(count) => number <= *count,
            When::After(count) => number > *count,
            When::Probability { chance, seed } => draw(*seed, identity, for_identity) < *chance,
            When::WindowMs { from, to } => (*from..*to).contains(&since_start_ms),
        };
        wanted && rule.at_most.is_none_or(|limit| self.applied < limit)
    }
}

/// What a call is about: the same in every attempt at the same thing.
fn identity(request: &Request) -> &[u8] {
    request.identity().map_or(&request.body[..], str::as_bytes)
}

/// Whether `text` fits a pattern in which `*` stands for any text, also none.
fn fits(pattern: &str, text: &str) -> bool {
    let Some((head, mut rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(head) else {
        return false;
    };
    while let Some((middle, tail)) = rest.split_once('*') {
        match text.find(middle) {
            Some(at) => text = &text[at + middle.len()..],
            None => return false,
        }
        rest = tail;
    }
    text.ends_with(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Head;
    use hyper::body::Bytes;

    fn read(method: &str, uri: &str, header: (&'static str, &'static str), body: String) -> Request {
        let request = hyper::Request::builder().method(method).uri(uri).header(header.0, header.1).body(());
        let (parts, ()) = request.expect("it is well formed").into_parts();
        let request = Request::read(Head::of(parts), Bytes::from(body));
        request.unwrap_or_else(|_| panic!("the operation is not known"))
    }

    fn request(token: &str) -> Request {
        let target = ("x-amz-target", "AWSStepFunctions.SendTaskFailure");
        read("POST", "/", target, format!(r#"{{"taskToken":"{token}"}}"#))
    }

    fn caller() -> Caller {
        Caller {
            access_key_id: "AKID".to_owned(),
            account: "111111111111".to_owned(),
            region: "eu-west-1".to_owned(),
        }
    }

    fn hits(rule: FaultRule, tokens: &[&str]) -> Vec<bool> {
        let mut plan = FaultPlan::of(vec![rule]);
        let hit = |token: &&str| plan.next(&request(token), &caller(), 5).is_some();
        tokens.iter().map(hit).collect()
    }

    #[test]
    fn a_star_stands_for_any_text() {
        assert!(fits("*", "") && fits("a*c", "abc") && fits("*b*", "abc") && fits("abc", "abc"));
        assert!(!fits("a*b", "abc") && !fits("abc", "ab") && !fits("a*a", "a"));
    }

    #[test]
    fn calls_are_counted_for_the_rule_or_for_each_identity() {
        let rule = FaultRule::always("Send*", Fault::Html502).when(When::First(1));
        assert_eq!(hits(rule.clone(), &["a", "b", "a"]), [true, false, false]);
        assert_eq!(hits(rule.for_each_identity(), &["a", "b", "a"]), [true, true, false]);
    }

    #[test]
    fn a_chance_is_the_same_for_the_same_identity_whatever_comes_between() {
        let rule = FaultRule::always("*", Fault::Html502).when(When::Probability { chance: 0.5, seed: 3 });
        let alone: Vec<bool> = hits(rule.clone(), &["a"; 20]);
        let mixed = hits(rule, &["a", "b"].repeat(20));
        let of_a: Vec<bool> = mixed.into_iter().step_by(2).collect();
        assert_eq!(alone, of_a);
        assert!(alone.contains(&true) && alone.contains(&false));
    }

    #[test]
    fn a_matcher_a_window_and_a_limit_narrow_a_rule() {
        let rule = FaultRule::always("states:*", Fault::Html502);
        let of_a = rule.clone().matching(Matcher::task_token("a*"));
        assert_eq!(hits(of_a, &["abc", "b"]), [true, false]);
        let late = rule.clone().when(When::WindowMs { from: 6, to: 9 });
        assert_eq!(hits(late, &["a"]), [false]);
        let once = FaultRule { at_most: Some(1), ..rule };
        assert_eq!(hits(once, &["a", "a"]), [true, false]);
    }

    #[test]
    fn the_identity_of_a_call_is_in_its_path_its_form_its_body_or_its_url() {
        let path = "/2025-12-01/durable-execution-callbacks/a%2Bb/fail";
        let form = "Action=CompleteLifecycleAction&Version=2011-01-01&InstanceId=a%2Bb";
        let host = "cloudformation-custom-resource-response-useast1.s3.us-east-1.amazonaws.com";
        for call in [
            read("POST", path, ("host", "lambda"), String::new()),
            read("POST", "/", ("host", "autoscaling"), form.to_owned()),
            read("PUT", "/SendWorkflowStepAction", ("host", "ib"), r#"{"stepExecutionId":"a+b"}"#.to_owned()),
            read("PUT", "/stack%7CThing%7Ca%2Bb", ("host", host), "not JSON".to_owned()),
        ] {
            assert_eq!(call.identity(), Some("a+b"), "{:?}", call.operation);
            assert!(Matcher::identity("a+*").fits(&call, &caller()));
            assert!(!Matcher::identity("b").fits(&call, &caller()));
        }
    }

    #[test]
    fn a_denied_key_does_not_concern_a_report_without_text() {
        let rule = FaultRule::always("*", Fault::KmsAccessDenied);
        assert_eq!(hits(rule, &["a"]), [false]);
    }

    #[test]
    fn rules_are_read_from_json_with_their_defaults() {
        let rules = FaultRule::list_from_json(
            r#"[{"operation": "sqs:*", "fault": {"throttle": {}}, "matching": {"queue": "q"}},
                {"fault": "html-502", "when": {"probability": {"chance": 0.25, "seed": 7}}},
                {"fault": {"no-answer": {}}, "when": {"calls": [1, 3]}, "count_by": "identity"}]"#,
        )
        .expect("they are well formed");
        assert_eq!(rules[0].fault, Fault::Throttle { code: None, status: 400 });
        assert_eq!(rules[1].operation, "*");
        assert_eq!(rules[2].count_by, CountBy::Identity);
    }

    #[test]
    fn mistakes_in_rules_are_told() {
        for (json, part) in [
            (r#"[{"fault": "html-503"}]"#, "unknown variant"),
            (r#"[{"fault": "html-502", "whenn": 1}]"#, "unknown field"),
            (r#"[{"operation": "SendTask", "fault": "html-502"}]"#, "no operation fits"),
            (r#"[{"fault": "html-502", "when": {"probability": {"chance": 2}}}]"#, "between 0 and 1"),
        ] {
            let told = FaultRule::list_from_json(json).expect_err("it is wrong");
            assert!(told.contains(part), "{told}");
        }
    }

    #[test]
    fn the_name_of_a_fault_is_its_name_in_json() {
        for fault in [Fault::Html502, Fault::Garbage200 { after_effect: true }] {
            let json = serde_json::to_string(&fault).expect("it serializes");
            assert!(json.contains(fault.name()), "{json}");
        }
    }
}
