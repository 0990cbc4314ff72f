//! What can be wrong with a deployment, in the operator's words, each with the fix. Pure.

use failure_event::partition::Partition;
use failure_event::target::Kind;
use failure_relay::aws::clients::role_arn;
use failure_relay::settings::Settings;

use super::deployment::{Deployment, Mapping, Queue, Watched};
use super::parking::{PARKING_QUEUE_URL, parking};
use super::policy::{Request, may};
use super::queue_policy::lets_rule_send;
use crate::dlq::short;

/// A message that may be received less often than this becomes a dead letter in a short outage.
const RECEIVES_EAGER: u32 = 10;

/// How much longer than the function's time-out a message must be hidden, as Lambda asks for.
const VISIBILITY_FACTOR: u32 = 6;

/// The longest that a queue keeps a message.
pub(super) const RETENTION_SECONDS_MAX: u32 = 1_209_600;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Failures are lost, or not relayed at all.
    Broken,
    /// Failures will be lost or delayed when something else goes wrong.
    Risky,
    /// Worth knowing.
    Note,
}

impl Severity {
    /// The severity's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Severity::Broken => "broken",
            Severity::Risky => "risky",
            Severity::Note => "note",
        }
    }
}

/// The way of a failure that a finding lies on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the relay's queue to the function, and to the dead-letter queue.
    Queue,
    /// From a bus to the relay's queue; `None` is the default bus.
    Bus(Option<String>),
    /// From the function to the service of this kind, in these regions.
    Kind(Kind, Vec<String>),
    /// From the function to another account.
    Account(String),
    /// None of these.
    Other,
}

/// Something that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// A name for scripts.
    pub id: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// Where it lies.
    pub way: Way,
    /// What it is about.
    pub about: String,
    /// What is wrong, and what follows from it.
    pub what: String,
    /// What to do.
    pub fix: String,
}

/// What one check finds.
pub(super) type Findings = Vec<Finding>;

/// Every check, worst findings first.
#[must_use]
pub fn examine(deployment: &Deployment) -> Findings {
    let checks = [function, settings, mappings, queues, parking, dead_letters, permissions, rules, alarms];
    let mut findings = Findings::new();
    for finding in checks.iter().flat_map(|check| check(deployment)) {
        // Two source queues may share a dead-letter queue, which is to be told of once.
        if !findings.contains(&finding) {
            findings.push(finding);
        }
    }
    findings.sort_by_key(|finding| finding.severity);
    findings
}

pub(super) fn finding(
    id: &'static str,
    severity: Severity,
    about: &str,
    what: impl Into<String>,
    fix: impl Into<String>,
) -> Finding {
    let (about, what, fix) = (about.to_owned(), what.into(), fix.into());
    Finding { id, severity, way: Way::Other, about, what, fix }
}

impl Finding {
    fn on(self, way: Way) -> Self {
        Self { way, ..self }
    }
}

fn function(deployment: &Deployment) -> Findings {
    let Some(function) = &deployment.function else {
        let what = "there is no relay function: nothing is relayed";
        let fix = "deploy the stack again";
        return vec![finding("no-function", Severity::Broken, "function", what, fix).on(Way::Queue)];
    };
    if matches!(function.state.as_str(), "Active" | "") {
        return Vec::new();
    }
    let what = format!("its state is {}: it may not be invoked", function.state);
    let fix = "look at StateReason in `aws lambda get-function-configuration`, and deploy again";
    vec![finding("function-not-active", Severity::Broken, &function.name, what, fix).on(Way::Queue)]
}

/// The function's own reader of its settings says what stops it.
fn settings(deployment: &Deployment) -> Findings {
    let Some(function) = &deployment.function else { return Vec::new() };
    let lookup = |name: &str| match name {
        // Lambda sets this one itself.
        "AWS_REGION" => Some(deployment.region.clone()),
        _ => function.environment.get(name).cloned(),
    };
    match Settings::from_variables(&lookup) {
        Ok(_) => Vec::new(),
        Err(error) => {
            let what = format!("{error}: the function stops at start, and nothing is relayed");
            let fix = format!("set {} in the function's environment", error.name);
            vec![finding("wrong-setting", Severity::Broken, &function.name, what, fix).on(Way::Queue)]
        }
    }
}

fn mappings(deployment: &Deployment) -> Findings {
    let Some(function) = &deployment.function else { return Vec::new() };
    let mut findings = Findings::new();
    if deployment.mappings.is_empty() {
        let what = "no queue invokes it: what is published to the queue stays there";
        let fix = "add an event source mapping from the queue, with ReportBatchItemFailures";
        findings.push(finding("no-mapping", Severity::Broken, &function.name, what, fix).on(Way::Queue));
    }
    for mapping in &deployment.mappings {
        let about = format!("mapping of {}", short(&mapping.queue_arn));
        let way = if deployment.is_own_queue(&mapping.queue_arn) { Way::Queue } else { Way::Other };
        if !mapping.is_enabled {
            let what = "it is disabled: failures wait in the queue until they expire";
            let fix = "enable it: aws lambda update-event-source-mapping --enabled --uuid …";
            findings.push(finding("mapping-disabled", Severity::Broken, &about, what, fix).on(way));
        }
        if !mapping.reports_item_failures {
            let what = "ReportBatchItemFailures is missing: Lambda deletes the whole batch, and what was to be retried is lost";
            let fix = "FunctionResponseTypes: [ReportBatchItemFailures]";
            findings.push(finding("no-item-failures", Severity::Broken, &about, what, fix));
        }
    }
    for arn in deployment.list("RELAY_ABANDONED_WORK_QUEUES") {
        if !deployment.mappings.iter().any(|mapping| mapping.queue_arn == arn) {
            let what = "it is among RELAY_ABANDONED_WORK_QUEUES, but does not invoke the function: that work is never reported";
            let fix = "add an event source mapping, or take it off the list";
            findings.push(finding("abandoned-work-unmapped", Severity::Broken, short(arn), what, fix));
        }
    }
    findings
}

fn queues(deployment: &Deployment) -> Findings {
    let timeout = deployment.function.as_ref().map_or(0, |function| function.timeout_seconds);
    let mut findings = Findings::new();
    for (mapping, queue) in deployment.sources() {
        let about = short(&mapping.queue_arn);
        let wanted = VISIBILITY_FACTOR * timeout + mapping.window_seconds;
        let is_abandoned_work = deployment.is_abandoned_work(&mapping.queue_arn);
        if queue.visibility_seconds < wanted && !is_abandoned_work {
            let has = queue.visibility_seconds;
            let what = format!(
                "its visibility time-out is {has} s, below {VISIBILITY_FACTOR} × the function's {timeout} s: a batch that is still worked on is given out again"
            );
            findings.push(finding(
                "visibility-too-short",
                Severity::Risky,
                about,
                what,
                format!("VisibilityTimeout: {wanted}"),
            ));
        }
        if !is_abandoned_work {
            findings.extend(redrive(deployment, mapping, queue));
        }
        if !queue.is_encrypted {
            findings.push(not_encrypted(about));
        }
    }
    findings
}

fn redrive(deployment: &Deployment, mapping: &Mapping, queue: &Queue) -> Findings {
    let about = short(&mapping.queue_arn);
    let Some(redrive) = &queue.redrive else {
        let what = "it has no redrive policy: a message on which the function crashes comes back until it expires, and is lost then";
        let fix = "RedrivePolicy with the dead-letter queue and maxReceiveCount: 1000";
        return vec![finding("no-redrive", Severity::Broken, about, what, fix)];
    };
    let mut findings = Findings::new();
    if redrive.receives_max < RECEIVES_EAGER {
        let minutes = u64::from(redrive.receives_max) * u64::from(queue.visibility_seconds) / 60;
        let what = format!(
            "maxReceiveCount is {}: after at most {minutes} min of an outage, failures that only had to wait become dead letters",
            redrive.receives_max
        );
        findings.push(finding("redrive-too-eager", Severity::Risky, about, what, "maxReceiveCount: 1000"));
    }
    let Some(dead) = deployment.queues.get(&redrive.target_arn) else { return findings };
    if dead.retention_seconds < queue.retention_seconds {
        let (dead_days, days) = (dead.retention_seconds / 86_400, queue.retention_seconds / 86_400);
        let what = format!(
            "it keeps messages for {dead_days} d, its source for {days} d; SQS counts from the first sending, so a dead letter may expire as it arrives"
        );
        let fix = format!("MessageRetentionPeriod: {RETENTION_SECONDS_MAX} (14 days, the longest)");
        findings.push(finding("retention-too-short", Severity::Risky, short(&redrive.target_arn), what, fix));
    }
    if !dead.is_encrypted {
        findings.push(not_encrypted(short(&redrive.target_arn)));
    }
    findings
}

fn not_encrypted(about: &str) -> Finding {
    let what = "it is not encrypted at rest, and messages hold task tokens";
    finding("not-encrypted", Severity::Risky, about, what, "SqsManagedSseEnabled: true, or a KMS key")
}

fn dead_letters(deployment: &Deployment) -> Findings {
    let Some(url) = deployment.variable("RELAY_DEAD_LETTER_QUEUE_URL") else { return Vec::new() };
    let Some((arn, queue)) = deployment.dead_letters() else {
        let what = format!(
            "RELAY_DEAD_LETTER_QUEUE_URL names {url}, which cannot be read: what cannot be relayed is retried for ever"
        );
        let fix = "set it to the URL of a queue that is there";
        let about = "dead-letter queue";
        return vec![finding("no-dead-letter-queue", Severity::Broken, about, what, fix).on(Way::Queue)];
    };
    let mut findings = Findings::new();
    let is_target_of_redrive = deployment
        .sources()
        .any(|(_, source)| source.redrive.as_ref().is_some_and(|redrive| redrive.target_arn == arn));
    if !queue.is_encrypted && !is_target_of_redrive {
        findings.push(not_encrypted(short(arn)));
    }
    if queue.messages > 0 {
        let what = format!("it holds about {} letters", queue.messages);
        let fix = format!("relayctl dlq stats --queue-url {url}");
        findings.push(finding("letters-waiting", Severity::Note, short(arn), what, fix));
    }
    findings
}

fn permissions(deployment: &Deployment) -> Findings {
    let Some(statements) = &deployment.permissions else { return Vec::new() };
    let lacks = |request: &Request<'_>| !may(statements, *request);
    let mut findings = Findings::new();
    let sent_to = [
        (deployment.dead_letters(), "dead letters cannot be stored, and are retried for ever"),
        (deployment.parking(), "nothing can be parked, and a target that is down delays the others"),
    ];
    for (queue, what) in sent_to {
        let Some((arn, _)) = queue else { continue };
        let request = Request { action: "sqs:SendMessage", resource: Some(arn), ..Request::default() };
        if lacks(&request) {
            findings.push(lacking(&[request.action], &format!(" on {arn}"), what).on(Way::Queue));
        }
    }
    for mapping in &deployment.mappings {
        let arn = &mapping.queue_arn;
        let request = |action| Request { action, resource: Some(arn), ..Request::default() };
        let mut missing = consuming(deployment);
        missing.retain(|action| lacks(&request(action)));
        if !missing.is_empty() {
            let way = if deployment.is_own_queue(arn) { Way::Queue } else { Way::Other };
            let what = "the queue cannot be worked off as it should";
            findings.push(lacking(&missing, &format!(" on {arn}"), what).on(way));
        }
    }
    for kind in enabled_kinds(deployment) {
        for action in kind.actions() {
            let request = |region| Request { action, region: Some(region), ..Request::default() };
            let mut missing = regions(deployment);
            missing.retain(|region| lacks(&request(region)));
            if !missing.is_empty() {
                let what = format!("{} is enabled, but cannot be failed", kind.name());
                let place = format!(" in {}", missing.join(", "));
                findings.push(
                    lacking(&[action], &place, &what)
                        .on(Way::Kind(kind, missing.iter().map(|&region| region.to_owned()).collect())),
                );
            }
        }
    }
    for (role, account) in roles(deployment) {
        let (action, resource, account_id) = ("sts:AssumeRole", Some(role.as_str()), Some(account));
        if lacks(&Request { action, resource, account: account_id, region: None }) {
            let what = format!("account {account} is allowed, but its role cannot be assumed");
            let way = Way::Account(account.to_owned());
            findings.push(lacking(&[action], &format!(" on {role}"), &what).on(way));
        }
    }
    findings
}

fn lacking(actions: &[&str], place: &str, what: &str) -> Finding {
    let actions = actions.join(", ");
    let fix = format!("allow {actions}{place} to the function's role");
    finding(
        "role-lacks-permission",
        Severity::Broken,
        "role",
        format!("it lacks {actions}{place}: {what}"),
        fix,
    )
}

fn consuming(deployment: &Deployment) -> Vec<&'static str> {
    let mut actions = vec!["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"];
    if deployment.variable("RELAY_RETRY_BASE_SECONDS").is_some_and(|base| base != "0") {
        actions.push("sqs:ChangeMessageVisibility");
    }
    actions
}

/// The kinds that are on, in the order of registration.
#[must_use]
pub fn enabled_kinds(deployment: &Deployment) -> Vec<Kind> {
    let listed = deployment.list("RELAY_TARGETS");
    let all = Kind::ALL.iter().copied();
    all.filter(|kind| listed.is_empty() || listed.contains(&kind.name())).collect()
}

/// The regions that an event may name, the relay's own first.
#[must_use]
pub fn regions(deployment: &Deployment) -> Vec<&str> {
    let mut regions = vec![deployment.region.as_str()];
    regions.extend(deployment.list("RELAY_ALLOWED_REGIONS"));
    regions
}

/// The role of each allowed account, and the account.
#[must_use]
pub fn roles(deployment: &Deployment) -> Vec<(String, &str)> {
    let Some(name) = deployment.variable("RELAY_ROLE_NAME") else { return Vec::new() };
    let partition = Partition::of(&deployment.region).id;
    let role = |account| (role_arn(partition, account, name), account);
    deployment.list("RELAY_ALLOWED_ACCOUNTS").into_iter().map(role).collect()
}

fn rules(deployment: &Deployment) -> Findings {
    let mut findings = Findings::new();
    for rule in deployment.rules.iter().filter(|rule| rule.is_enabled) {
        let way = || Way::Bus(rule.bus.clone());
        if rule.targets.is_empty() {
            let what = "it has no target: the events that it catches vanish";
            let fix = "add the relay's queue as its target";
            findings.push(finding("rule-without-target", Severity::Broken, &rule.name, what, fix).on(way()));
        }
        for target in &rule.targets {
            let queue = deployment.queues.get(&target.arn);
            if queue.is_some_and(|queue| !lets_rule_send(queue.policy.as_deref(), &target.arn, &rule.arn)) {
                let queue = short(&target.arn);
                let what =
                    format!("the policy of {queue} lets it send nothing: what it catches does not arrive");
                let fix = format!(
                    "allow sqs:SendMessage to events.amazonaws.com with aws:SourceArn {} there",
                    rule.arn
                );
                findings
                    .push(finding("queue-refuses-rule", Severity::Broken, &rule.name, what, fix).on(way()));
            }
            if queue.is_none() && !is_function(deployment, &target.arn) {
                let what =
                    format!("its target {} is neither the relay nor a queue that invokes it", target.arn);
                let fix = "let it lead to the relay's queue";
                findings.push(finding("rule-elsewhere", Severity::Note, &rule.name, what, fix).on(way()));
            }
            if target.dead_letter_arn.is_none() {
                let what = "its target has no dead-letter queue: an event that cannot be delivered for a day is lost";
                let fix = "DeadLetterConfig with the relay's dead-letter queue";
                findings.push(finding("rule-without-dead-letters", Severity::Risky, &rule.name, what, fix));
            }
        }
    }
    findings
}

fn is_function(deployment: &Deployment, arn: &str) -> bool {
    deployment.function.as_ref().is_some_and(|function| arn.contains(&format!(":function:{}", function.name)))
}

fn alarms(deployment: &Deployment) -> Findings {
    let Some(alarms) = &deployment.alarms else { return Vec::new() };
    let mut findings = Findings::new();
    let has_parking = deployment.variable(PARKING_QUEUE_URL).is_some();
    for watched in Watched::ALL.into_iter().filter(|watched| *watched != Watched::Parked || has_parking) {
        let (namespace, metric) = watched.metric();
        if !alarms.iter().any(|alarm| alarm.watched == watched) {
            let what = match watched {
                Watched::DeadLetters => "no alarm reports dead letters",
                Watched::Backlog => "no alarm reports failures that wait too long to be relayed",
                Watched::InFlight => "no alarm reports a queue that nears SQS's limit of messages in flight",
                Watched::Parked => "no alarm reports parked failures that are not tried again",
                Watched::Errors => "no alarm reports errors of the function",
            };
            let fix = format!("add an alarm on {namespace} {metric}");
            findings.push(finding("alarm-missing", Severity::Risky, metric, what, fix));
        }
    }
    for alarm in alarms {
        if !alarm.has_actions {
            let fix = "deploy the stack with AlarmEmail or AlarmTopicArn; without it, AlarmActions with a topic that somebody reads";
            let what = "it has no action, or its actions are disabled: it notifies nobody";
            findings.push(finding("alarm-without-action", Severity::Risky, &alarm.name, what, fix));
        }
        if alarm.is_ringing {
            let fix = "see the runbook";
            findings.push(finding("alarm-rings", Severity::Note, &alarm.name, "it is in alarm now", fix));
        }
    }
    findings
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;

    use super::super::deployment::{Alarm, Function, Redrive, Rule, RuleTarget};
    use super::super::policy::statements;
    use super::*;
    use serde_json::json;

    const QUEUE: &str = "arn:aws:sqs:eu-west-1:111122223333:failures";
    const DEAD: &str = "arn:aws:sqs:eu-west-1:111122223333:dead";
    const RULE: &str = "arn:aws:events:eu-west-1:111122223333:rule/failures/all";
    const URL: &str = "https://sqs.eu-west-1.amazonaws.com/111122223333/dead";
    pub const PARKING: &str = "arn:aws:sqs:eu-west-1:111122223333:parking";
    const PARKING_URL: &str = "https://sqs.eu-west-1.amazonaws.com/111122223333/parking";
    /// With the permissions of every kind.
    fn policy() -> String {
        let actions: Vec<&str> = Kind::ALL.iter().flat_map(|kind| kind.actions()).collect();
        let failures = json!({"Effect": "Allow", "Action": actions, "Resource": "*"});
        let queues = json!({"Effect": "Allow", "Action": "sqs:*", "Resource": "*"});
        json!({"Statement": [queues, failures]}).to_string()
    }

    /// A deployment with which nothing is wrong.
    fn healthy() -> Deployment {
        let queue = Queue {
            visibility_seconds: 180,
            retention_seconds: 1_209_600,
            redrive: Some(Redrive { target_arn: DEAD.to_owned(), receives_max: 1000 }),
            is_encrypted: true,
            policy: Some(
                json!({"Statement": {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"},
                    "Action": "sqs:SendMessage", "Resource": QUEUE, "Condition": {"ArnEquals": {"aws:SourceArn": RULE}}}})
                .to_string(),
            ),
            ..Queue::default()
        };
        let dead = Queue { url: URL.to_owned(), redrive: None, ..queue.clone() };
        let parking = Queue { url: PARKING_URL.to_owned(), ..queue.clone() };
        let mapping = |queue_arn: &str, concurrency_max| Mapping {
            queue_arn: queue_arn.to_owned(),
            is_enabled: true,
            reports_item_failures: true,
            window_seconds: 0,
            concurrency_max: Some(concurrency_max),
        };
        let alarm =
            |watched| Alarm { name: format!("{watched:?}"), watched, has_actions: true, is_ringing: false };
        let target = RuleTarget { arn: QUEUE.to_owned(), dead_letter_arn: Some(DEAD.to_owned()) };
        Deployment {
            region: "eu-west-1".to_owned(),
            function: Some(Function {
                name: "relay".to_owned(),
                state: "Active".to_owned(),
                timeout_seconds: 30,
                environment: BTreeMap::from([
                    ("RELAY_DEAD_LETTER_QUEUE_URL".to_owned(), URL.to_owned()),
                    // The template always says which kinds are on.
                    ("RELAY_TARGETS".to_owned(), kinds_on_by_default()),
                    (PARKING_QUEUE_URL.to_owned(), PARKING_URL.to_owned()),
                ]),
            }),
            mappings: vec![mapping(QUEUE, 10), mapping(PARKING, 2)],
            queues: BTreeMap::from([
                (QUEUE.to_owned(), queue),
                (DEAD.to_owned(), dead),
                (PARKING.to_owned(), parking),
            ]),
            permissions: statements(&policy()),
            rules: vec![Rule {
                name: "all".to_owned(),
                arn: RULE.to_owned(),
                bus: Some("failures".to_owned()),
                is_enabled: true,
                targets: vec![target],
            }],
            has_unread_rules: false,
            alarms: Some(Watched::ALL.map(alarm).to_vec()),
            unread: Vec::new(),
        }
    }

    pub fn ids(change: impl FnOnce(&mut Deployment)) -> Vec<&'static str> {
        let mut deployment = healthy();
        change(&mut deployment);
        examine(&deployment).iter().map(|finding| finding.id).collect()
    }

    pub fn set(deployment: &mut Deployment, name: &str, value: &str) {
        let function = deployment.function.as_mut().unwrap();
        function.environment.insert(name.to_owned(), value.to_owned());
    }

    fn kinds_on_by_default() -> String {
        let kinds = Kind::ALL.iter().filter(|kind| kind.is_on_by_default());
        kinds.map(|kind| kind.name()).collect::<Vec<_>>().join(",")
    }

    #[test]
    fn nothing_is_wrong_with_a_deployment_as_the_template_makes_it() {
        assert_eq!(ids(|_| {}), [""; 0]);
    }

    #[test]
    fn the_function_must_be_there_and_start() {
        assert!(ids(|deployment| deployment.function = None).contains(&"no-function"));
        assert_eq!(
            ids(|d| d.function.as_mut().unwrap().state = "Failed".to_owned()),
            ["function-not-active"]
        );
        assert_eq!(ids(|d| set(d, "RELAY_CONCURRENCY", "0")), ["wrong-setting"]);
        assert_eq!(ids(|d| set(d, "RELAY_DEAD_LETTER_QUEUE_URL", "https://x/y")), ["no-dead-letter-queue"]);
    }

    #[test]
    fn a_mapping_must_be_enabled_and_report_each_failure() {
        assert_eq!(ids(|d| d.mappings[0].is_enabled = false), ["mapping-disabled"]);
        assert_eq!(ids(|d| d.mappings[0].reports_item_failures = false), ["no-item-failures"]);
        assert_eq!(ids(|d| d.mappings.clear()), ["no-mapping", "parking-unmapped"]);
        let other = "arn:aws:sqs:eu-west-1:111122223333:work-dead";
        assert_eq!(ids(|d| set(d, "RELAY_ABANDONED_WORK_QUEUES", other)), ["abandoned-work-unmapped"]);
    }

    #[test]
    fn a_queue_must_hide_keep_and_move_its_messages() {
        let queue =
            |d: &mut Deployment, arn: &str, change: fn(&mut Queue)| change(d.queues.get_mut(arn).unwrap());
        assert_eq!(ids(|d| queue(d, QUEUE, |q| q.visibility_seconds = 179)), ["visibility-too-short"]);
        assert_eq!(ids(|d| d.mappings[0].window_seconds = 1), ["visibility-too-short"]);
        assert_eq!(ids(|d| queue(d, QUEUE, |q| q.redrive = None)), ["no-redrive"]);
        assert_eq!(
            ids(|d| queue(d, QUEUE, |q| q.redrive.as_mut().unwrap().receives_max = 3)),
            ["redrive-too-eager"]
        );
        assert_eq!(ids(|d| queue(d, DEAD, |q| q.retention_seconds = 345_600)), ["retention-too-short"]);
        assert_eq!(ids(|d| queue(d, QUEUE, |q| q.is_encrypted = false)), ["not-encrypted"]);
        assert_eq!(ids(|d| queue(d, DEAD, |q| q.is_encrypted = false)), ["not-encrypted"]);
        assert_eq!(ids(|d| queue(d, DEAD, |q| q.messages = 7)), ["letters-waiting"]);
    }

    #[test]
    fn a_workers_own_queue_is_the_workers_affair() {
        let found = ids(|d| {
            set(d, "RELAY_ABANDONED_WORK_QUEUES", QUEUE);
            let queue = d.queues.get_mut(QUEUE).unwrap();
            queue.redrive = None;
            queue.visibility_seconds = 30;
        });
        assert_eq!(found, [""; 0]);
    }

    #[test]
    fn the_role_must_be_able_to_do_what_the_settings_allow() {
        let held = r#"{"Statement": [
            {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"},
            {"Effect": "Allow", "Action": "states:SendTaskFailure", "Resource": "*",
             "Condition": {"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}}]}"#;
        let only = |d: &mut Deployment| {
            d.permissions = statements(held);
            set(d, "RELAY_TARGETS", "step-functions-task");
        };
        assert_eq!(ids(only), [""; 0]);
        let missing = |change: fn(&mut Deployment)| {
            ids(|d| {
                only(d);
                change(d);
            })
        };
        assert_eq!(missing(|d| set(d, "RELAY_ALLOWED_REGIONS", "us-east-1")), ["role-lacks-permission"]);
        assert_eq!(missing(|d| set(d, "RELAY_TARGETS", "swf-activity-task")), ["role-lacks-permission"]);
        let account = |d: &mut Deployment| {
            set(d, "RELAY_ROLE_NAME", "relay");
            set(d, "RELAY_ALLOWED_ACCOUNTS", "444455556666");
        };
        assert_eq!(missing(account), ["role-lacks-permission"]);
        // Storing letters, parking, working off both queues, and each kind that is on.
        let kinds_on = Kind::ALL.iter().filter(|kind| kind.is_on_by_default()).count();
        assert_eq!(ids(|d| d.permissions = Some(Vec::new())).len(), 4 + kinds_on);
        assert_eq!(ids(|d| d.permissions = None), [""; 0]);
    }

    #[test]
    fn each_action_of_a_kind_that_is_enabled_is_missed_by_name() {
        for kind in Kind::ALL {
            for denied in kind.actions() {
                let denial = format!(
                    r#"{{"Statement": {{"Effect": "Deny", "Action": "{denied}", "Resource": "*"}}}}"#
                );
                let mut deployment = healthy();
                deployment.permissions.as_mut().unwrap().extend(statements(&denial).unwrap());
                set(&mut deployment, "RELAY_TARGETS", kind.name());
                let findings = examine(&deployment);
                let [finding] = &findings[..] else { panic!("{denied}: {findings:?}") };
                let named = format!("it lacks {denied} in eu-west-1: {} is enabled", kind.name());
                assert!(finding.what.starts_with(&named), "{}", finding.what);
            }
        }
    }

    #[test]
    fn a_presigned_kind_needs_no_permission() {
        let presigned: Vec<_> = Kind::ALL.iter().filter(|kind| kind.actions().next().is_none()).collect();
        assert_eq!(presigned.len(), 2);
        for kind in presigned {
            let found = ids(|d| {
                d.permissions =
                    statements(r#"{"Statement": {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}}"#);
                set(d, "RELAY_TARGETS", kind.name());
            });
            assert_eq!(found, [""; 0]);
        }
    }

    #[test]
    fn an_enabled_rule_needs_a_target_with_a_dead_letter_queue() {
        assert_eq!(ids(|d| d.rules[0].targets.clear()), ["rule-without-target"]);
        assert_eq!(ids(|d| d.rules[0].targets[0].dead_letter_arn = None), ["rule-without-dead-letters"]);
        assert_eq!(ids(|d| d.rules[0].targets[0].arn = "arn:aws:sns:::x".to_owned()), ["rule-elsewhere"]);
        let disabled = |d: &mut Deployment| {
            d.rules[0].is_enabled = false;
            d.rules[0].targets.clear();
        };
        assert_eq!(ids(disabled), [""; 0]);
    }

    #[test]
    fn the_queue_must_take_what_a_rule_sends() {
        let queue = |d: &mut Deployment| d.queues.get_mut(QUEUE).unwrap().policy = None;
        assert_eq!(ids(queue), ["queue-refuses-rule"]);
        let another = |d: &mut Deployment| d.rules[0].arn = RULE.replace("all", "some");
        assert_eq!(ids(another), ["queue-refuses-rule"]);
        let disabled = |d: &mut Deployment| {
            queue(d);
            d.rules[0].is_enabled = false;
        };
        assert_eq!(ids(disabled), [""; 0]);
    }

    #[test]
    fn a_finding_tells_the_way_on_which_it_lies() {
        let way = |change: fn(&mut Deployment)| {
            let mut deployment = healthy();
            change(&mut deployment);
            examine(&deployment).remove(0).way
        };
        assert_eq!(way(|d| d.mappings[0].is_enabled = false), Way::Queue);
        assert_eq!(way(|d| d.mappings[1].is_enabled = false), Way::Other, "parking is another way");
        assert_eq!(way(|d| d.rules[0].targets.clear()), Way::Bus(Some("failures".to_owned())));
        let denied = r#"{"Statement": {"Effect": "Deny", "Action": "swf:*", "Resource": "*"}}"#;
        let mut deployment = healthy();
        deployment.permissions.as_mut().unwrap().extend(statements(denied).unwrap());
        let swf = Kind::from_name("swf-activity-task").unwrap();
        assert_eq!(examine(&deployment)[0].way, Way::Kind(swf, vec!["eu-west-1".to_owned()]));
    }

    #[test]
    fn alarms_must_be_there_and_be_heard() {
        assert_eq!(ids(|d| d.alarms = Some(Vec::new())), ["alarm-missing"; 5]);
        assert_eq!(ids(|d| d.alarms.as_mut().unwrap()[0].has_actions = false), ["alarm-without-action"]);
        assert_eq!(ids(|d| d.alarms.as_mut().unwrap()[0].is_ringing = true), ["alarm-rings"]);
        assert_eq!(ids(|d| d.alarms = None), [""; 0]);
    }
}
