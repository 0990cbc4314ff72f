//! Reads a deployment. What cannot be read is noted, and the checks that need it are left out: a doctor with few permissions
//! still says what it sees.

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use aws_sdk_cloudwatch::types::{AlarmType, MetricAlarm, StateValue};
use aws_sdk_eventbridge::operation::describe_rule::DescribeRuleError;
use aws_sdk_eventbridge::types::RuleState;
use aws_sdk_lambda::types::FunctionResponseType;
use aws_sdk_sqs::types::QueueAttributeName as Name;
use failure_event::arn::Arn;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::deployment::{Alarm, Deployment, Function, Mapping, Queue, Redrive, Rule, RuleTarget, Watched};
use super::parking::PARKING_QUEUE_URL;
use super::policy::{Statement, statements};
use crate::aws::{self, explain};
use crate::dlq::short;
use crate::exit::Problem;
use crate::stack;

/// What names a function of this kind: the setting that no other function has.
const RELAYS_OWN: &str = "RELAY_DEAD_LETTER_QUEUE_URL";

/// What was asked for.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'a> {
    /// A CloudFormation stack.
    Stack(&'a str),
    /// A function, with all that leads to it.
    Function(&'a str),
}

/// Reads what is asked for.
///
/// # Errors
/// There is no such stack, or AWS cannot be reached.
pub async fn read(config: &SdkConfig, subject: Subject<'_>) -> Result<Deployment, Problem> {
    let region = config.region().map(ToString::to_string).unwrap_or_default();
    let mut reader = Reader { config, deployment: Deployment { region, ..Deployment::default() } };
    let (functions, rules) = match subject {
        Subject::Stack(name) => reader.stack(name).await?,
        Subject::Function(name) => (vec![name.to_owned()], Vec::new()),
    };
    let role = reader.functions(&functions).await;
    reader.mappings().await;
    reader.queues().await;
    if let Some(role) = role {
        reader.permissions(&role).await;
    }
    reader.rules(rules).await;
    reader.alarms().await;
    Ok(reader.deployment)
}

/// The ARNs of the queues that invoke the relay's function: those of its stack, and those that were connected to it since.
///
/// # Errors
/// There is no such stack or function, or it cannot be read.
pub async fn source_queues(config: &SdkConfig, subject: Subject<'_>) -> Result<Vec<String>, Problem> {
    let mut reader = Reader { config, deployment: Deployment::default() };
    let functions = match subject {
        Subject::Stack(name) => reader.stack(name).await?.0,
        Subject::Function(name) => vec![name.to_owned()],
    };
    reader.functions(&functions).await;
    reader.mappings().await;
    let Deployment { function, mappings, unread, .. } = reader.deployment;
    if function.is_none() || !unread.is_empty() {
        let why = if unread.is_empty() {
            "there is no function of the relay".to_owned()
        } else {
            unread.join("; ")
        };
        return Err(Problem::service(format!("the relay's queues could not be read: {why}")));
    }
    Ok(mappings.into_iter().map(|mapping| mapping.queue_arn).collect())
}

/// The environment of the relay's function among these functions.
///
/// # Errors
/// It is not among them, or cannot be read.
pub async fn function_settings(
    config: &SdkConfig,
    functions: &[String],
) -> Result<BTreeMap<String, String>, Problem> {
    let mut reader = Reader { config, deployment: Deployment::default() };
    reader.functions(functions).await;
    let Deployment { function, unread, .. } = reader.deployment;
    let why =
        if unread.is_empty() { "there is no function of the relay".to_owned() } else { unread.join("; ") };
    function.map(|function| function.environment).ok_or_else(|| Problem::service(why))
}

struct Reader<'a> {
    config: &'a SdkConfig,
    deployment: Deployment,
}

/// A rule's bus and name, as CloudFormation gives them: `bus|name`, or the name on the default bus.
type RuleId = (Option<String>, String);

impl Reader<'_> {
    fn unread(&mut self, what: &str, why: &str) {
        self.deployment.unread.push(format!("{what}: {why}"));
    }

    /// The functions and rules of a stack.
    async fn stack(&self, name: &str) -> Result<(Vec<String>, Vec<RuleId>), Problem> {
        let resources = stack::resources(self.config, name).await?;
        let (mut functions, mut rules) = (Vec::new(), Vec::new());
        for resource in resources {
            let Some(id) = resource.physical_resource_id() else { continue };
            match resource.resource_type() {
                Some("AWS::Lambda::Function") => functions.push(id.to_owned()),
                Some("AWS::Events::Rule") => rules.push(rule_id(id)),
                _ => {}
            }
        }
        Ok((functions, rules))
    }

    /// The relay among the functions. Returns the name of its role.
    async fn functions(&mut self, names: &[String]) -> Option<String> {
        let client = aws_sdk_lambda::Client::new(self.config);
        let mut found = None;
        for name in names {
            match client.get_function_configuration().function_name(name).send().await {
                Ok(configuration) => {
                    let variables =
                        configuration.environment().and_then(|environment| environment.variables());
                    let is_relay = variables.is_some_and(|variables| variables.contains_key(RELAYS_OWN));
                    if is_relay || (found.is_none() && names.len() == 1) {
                        found = Some(configuration);
                    }
                }
                Err(error) => self.unread(&format!("function {name}"), &explain(&error)),
            }
        }
        let found = found?;
        let environment = found.environment().and_then(|environment| environment.variables());
        self.deployment.function = Some(Function {
            name: found.function_name().unwrap_or_default().to_owned(),
            state: found.state().map(|state| state.as_str().to_owned()).unwrap_or_default(),
            timeout_seconds: unsigned(found.timeout()),
            environment: environment
                .into_iter()
                .flatten()
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
        });
        found.role().map(|arn| short(arn).to_owned())
    }

    async fn mappings(&mut self) {
        let Some(function) = &self.deployment.function else { return };
        let client = aws_sdk_lambda::Client::new(self.config);
        let listed =
            client.list_event_source_mappings().function_name(&function.name).into_paginator().items().send();
        match listed.collect::<Result<Vec<_>, _>>().await {
            Ok(mappings) => {
                let of_queue = |mapping: &aws_sdk_lambda::types::EventSourceMappingConfiguration| {
                    Some(Mapping {
                        queue_arn: mapping.event_source_arn().filter(|arn| arn.contains(":sqs:"))?.to_owned(),
                        is_enabled: matches!(
                            mapping.state(),
                            Some("Enabled" | "Enabling" | "Creating" | "Updating")
                        ),
                        reports_item_failures: mapping
                            .function_response_types()
                            .contains(&FunctionResponseType::ReportBatchItemFailures),
                        window_seconds: unsigned(mapping.maximum_batching_window_in_seconds()),
                        concurrency_max: mapping
                            .scaling_config()
                            .and_then(aws_sdk_lambda::types::ScalingConfig::maximum_concurrency)
                            .and_then(|most| u32::try_from(most).ok()),
                    })
                };
                self.deployment.mappings = mappings.iter().filter_map(of_queue).collect();
            }
            Err(error) => self.unread("event source mappings", &explain(&error)),
        }
    }

    /// The queues that invoke the function, the relay's own, and those to which redrive policies lead.
    async fn queues(&mut self) {
        let mut names: Vec<String> =
            self.deployment.mappings.iter().map(|mapping| mapping.queue_arn.clone()).collect();
        let own = [RELAYS_OWN, PARKING_QUEUE_URL].map(|name| self.deployment.variable(name));
        names.extend(own.into_iter().flatten().map(str::to_owned));
        while let Some(name) = names.pop() {
            if self.deployment.queues.contains_key(&name) {
                continue;
            }
            match self.queue(&name).await {
                Ok((arn, queue)) => {
                    let next = queue.redrive.as_ref().map(|redrive| redrive.target_arn.clone());
                    let is_source = self.deployment.mappings.iter().any(|mapping| mapping.queue_arn == arn);
                    names.extend(next.filter(|_| is_source));
                    self.deployment.queues.insert(arn, queue);
                }
                Err(why) => self.unread(&format!("queue {name}"), &why),
            }
        }
    }

    async fn queue(&self, named: &str) -> Result<(String, Queue), String> {
        let arn = Arn::parse(named).filter(|arn| arn.service == "sqs");
        let region = match arn {
            Some(arn) => Some(arn.region.to_owned()),
            None => failure_relay::settings::QueueUrl::parse(named)?.region().map(str::to_owned),
        };
        let config =
            region.map_or_else(|| self.config.clone(), |region| aws::in_region(self.config, &region));
        let client = aws_sdk_sqs::Client::new(&config);
        let url = match arn {
            Some(Arn { account, resource: name, .. }) => {
                let asked = client.get_queue_url().queue_name(name).queue_owner_aws_account_id(account);
                let found = asked.send().await.map_err(|error| explain(&error))?;
                found.queue_url().unwrap_or_default().to_owned()
            }
            None => named.to_owned(),
        };
        let asked = client.get_queue_attributes().queue_url(&url).attribute_names(Name::All);
        let answer = asked.send().await.map_err(|error| explain(&error))?;
        let attributes = answer.attributes.unwrap_or_default();
        let text = |name: &Name| attributes.get(name).map_or("", String::as_str);
        let number = |name: &Name| text(name).parse().unwrap_or(0);
        let queue = Queue {
            visibility_seconds: number(&Name::VisibilityTimeout),
            retention_seconds: number(&Name::MessageRetentionPeriod),
            redrive: redrive(text(&Name::RedrivePolicy)),
            is_encrypted: text(&Name::SqsManagedSseEnabled) == "true"
                || !text(&Name::KmsMasterKeyId).is_empty(),
            messages: u64::from(number(&Name::ApproximateNumberOfMessages)),
            policy: attributes.get(&Name::Policy).filter(|policy| !policy.is_empty()).cloned(),
            url,
        };
        Ok((text(&Name::QueueArn).to_owned(), queue))
    }

    async fn permissions(&mut self, role: &str) {
        match self.policies(role).await {
            Ok(statements) => self.deployment.permissions = Some(statements),
            Err(why) => self.unread(&format!("policies of role {role}"), &why),
        }
    }

    async fn policies(&self, role: &str) -> Result<Vec<Statement>, String> {
        let client = aws_sdk_iam::Client::new(self.config);
        let mut found = Vec::new();
        let attached = client.list_attached_role_policies().role_name(role).into_paginator().items().send();
        for policy in attached.collect::<Result<Vec<_>, _>>().await.map_err(|error| explain(&error))? {
            let arn = policy.policy_arn().unwrap_or_default();
            let described =
                client.get_policy().policy_arn(arn).send().await.map_err(|error| explain(&error))?;
            let version = described.policy().and_then(|policy| policy.default_version_id()).unwrap_or("v1");
            let document = client.get_policy_version().policy_arn(arn).version_id(version).send().await;
            let document = document.map_err(|error| explain(&error))?;
            found.extend(decoded(arn, document.policy_version().and_then(|version| version.document()))?);
        }
        let inline = client.list_role_policies().role_name(role).into_paginator().items().send();
        for name in inline.collect::<Result<Vec<_>, _>>().await.map_err(|error| explain(&error))? {
            let policy = client.get_role_policy().role_name(role).policy_name(&name).send().await;
            found.extend(decoded(&name, Some(policy.map_err(|error| explain(&error))?.policy_document()))?);
        }
        Ok(found)
    }

    /// The rules of the stack; without a stack those of the default bus that lead to a queue of the relay.
    async fn rules(&mut self, mut ids: Vec<RuleId>) {
        let client = aws_sdk_eventbridge::Client::new(self.config);
        if ids.is_empty() {
            for queue in
                self.deployment.mappings.iter().map(|mapping| mapping.queue_arn.clone()).collect::<Vec<_>>()
            {
                match client.list_rule_names_by_target().target_arn(&queue).send().await {
                    Ok(listed) => ids.extend(listed.rule_names().iter().map(|name| (None, name.clone()))),
                    Err(error) => self.unread("rules", &explain(&error)),
                }
            }
        }
        for (bus, name) in ids {
            match rule(&client, bus, &name).await {
                Ok(Some(rule)) => self.deployment.rules.push(rule),
                Ok(None) => self.unread(&format!("rule {name}"), "it is not there"),
                Err(why) => {
                    self.deployment.has_unread_rules = true;
                    self.unread(&format!("rule {name}"), &why);
                }
            }
        }
    }

    async fn alarms(&mut self) {
        let client = aws_sdk_cloudwatch::Client::new(self.config);
        let mut pages = client.describe_alarms().alarm_types(AlarmType::MetricAlarm).into_paginator().send();
        let mut alarms = Vec::new();
        while let Some(page) = pages.next().await {
            match page {
                Ok(page) => alarms.extend(page.metric_alarms().iter().filter_map(|alarm| self.alarm(alarm))),
                Err(error) => return self.unread("alarms", &explain(&error)),
            }
        }
        self.deployment.alarms = Some(alarms);
    }

    /// The alarm, when it watches what is to be watched.
    fn alarm(&self, alarm: &MetricAlarm) -> Option<Alarm> {
        let dimensions = alarm.dimensions();
        let of = |name: &str, value: &str| {
            dimensions
                .iter()
                .any(|dimension| dimension.name() == Some(name) && dimension.value() == Some(value))
        };
        let of_source = || {
            let mut sources = self.deployment.mappings.iter().map(|mapping| mapping.queue_arn.as_str());
            sources.any(|arn| !self.deployment.is_parking(arn) && of("QueueName", short(arn)))
        };
        let is_about = |watched: Watched| {
            let (namespace, metric) = watched.metric();
            let is_metric = alarm.namespace() == Some(namespace) && alarm.metric_name() == Some(metric);
            is_metric
                && match watched {
                    Watched::DeadLetters => {
                        self.deployment.dead_letters().is_some_and(|(arn, _)| of("QueueName", short(arn)))
                    }
                    Watched::Backlog | Watched::InFlight => of_source(),
                    Watched::Parked => {
                        self.deployment.parking().is_some_and(|(arn, _)| of("QueueName", short(arn)))
                    }
                    Watched::Errors => self
                        .deployment
                        .function
                        .as_ref()
                        .is_some_and(|function| of("FunctionName", &function.name)),
                }
        };
        Some(Alarm {
            watched: Watched::ALL.into_iter().find(|watched| is_about(*watched))?,
            name: alarm.alarm_name().unwrap_or_default().to_owned(),
            has_actions: alarm.actions_enabled().unwrap_or(true) && !alarm.alarm_actions().is_empty(),
            is_ringing: alarm.state_value() == Some(&StateValue::Alarm),
        })
    }
}

/// A rule; `None` when somebody deleted it.
async fn rule(
    client: &aws_sdk_eventbridge::Client,
    bus: Option<String>,
    name: &str,
) -> Result<Option<Rule>, String> {
    let described = client.describe_rule().name(name).set_event_bus_name(bus.clone()).send().await;
    let described = match described {
        Ok(described) => described,
        Err(error)
            if error.as_service_error().is_some_and(DescribeRuleError::is_resource_not_found_exception) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(explain(&error)),
    };
    let listed = client.list_targets_by_rule().rule(name).set_event_bus_name(bus.clone()).send().await;
    let listed = listed.map_err(|error| explain(&error))?;
    let target = |target: &aws_sdk_eventbridge::types::Target| RuleTarget {
        arn: target.arn().to_owned(),
        dead_letter_arn: target.dead_letter_config().and_then(|config| config.arn()).map(str::to_owned),
    };
    Ok(Some(Rule {
        name: name.to_owned(),
        arn: described.arn().unwrap_or_default().to_owned(),
        bus,
        is_enabled: described.state() != Some(&RuleState::Disabled),
        targets: listed.targets().iter().map(target).collect(),
    }))
}

fn rule_id(physical_id: &str) -> RuleId {
    match physical_id.split_once('|') {
        Some((bus, name)) => (Some(bus.to_owned()), name.to_owned()),
        None => (None, physical_id.to_owned()),
    }
}

/// A redrive policy; SQS itself takes the count as a number and as a text.
fn redrive(policy: &str) -> Option<Redrive> {
    let policy: Value = serde_json::from_str(policy).ok()?;
    let count = &policy["maxReceiveCount"];
    let count = count.as_u64().or_else(|| count.as_str()?.parse().ok())?;
    Some(Redrive {
        target_arn: policy["deadLetterTargetArn"].as_str()?.to_owned(),
        receives_max: u32::try_from(count).unwrap_or(u32::MAX),
    })
}

/// The statements of a document, which IAM gives percent-encoded.
fn decoded(name: &str, document: Option<&str>) -> Result<Vec<Statement>, String> {
    let text = percent_decode_str(document.unwrap_or_default()).decode_utf8_lossy();
    statements(&text).ok_or_else(|| format!("policy {name} is not JSON"))
}

fn unsigned(number: Option<i32>) -> u32 {
    number.and_then(|number| u32::try_from(number).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::super::policy::Covered;
    use super::*;

    #[test]
    fn a_redrive_policy_counts_in_numbers_or_texts() {
        let read = |count: &str| {
            redrive(&format!(r#"{{"deadLetterTargetArn":"arn:x","maxReceiveCount":{count}}}"#))
                .map(|redrive| redrive.receives_max)
        };
        assert_eq!((read("5"), read("\"1000\""), read("\"x\"")), (Some(5), Some(1000), None));
        assert_eq!(redrive(""), None);
    }

    #[test]
    fn a_rule_may_be_on_a_bus_of_its_own() {
        assert_eq!(rule_id("bus|rule"), (Some("bus".to_owned()), "rule".to_owned()));
        assert_eq!(rule_id("rule"), (None, "rule".to_owned()));
    }

    #[test]
    fn a_policy_document_is_decoded() {
        let document = "%7B%22Statement%22%3A%7B%22Effect%22%3A%22Allow%22%2C%22Action%22%3A%22a%3Ab%22%2C%22Resource%22%3A%22%2A%22%7D%7D";
        assert_eq!(decoded("p", Some(document)).unwrap()[0].actions, Covered::These(vec!["a:b".to_owned()]));
        assert!(decoded("p", Some("%7B'")).is_err());
    }
}
