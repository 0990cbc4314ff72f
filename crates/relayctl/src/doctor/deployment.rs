//! A deployment as plain values: what was read, and what could not be.

use std::collections::BTreeMap;

use super::parking::PARKING_QUEUE_URL;
use super::policy::Statement;

/// A relay as it is deployed.
#[derive(Clone, Debug, Default)]
pub struct Deployment {
    /// The region in which it runs.
    pub region: String,
    /// The function; `None` when it is not there.
    pub function: Option<Function>,
    /// What invokes the function from queues.
    pub mappings: Vec<Mapping>,
    /// The queues that are concerned, by ARN: sources, their dead-letter queues, the relay's own.
    pub queues: BTreeMap<String, Queue>,
    /// What the function's role may do; `None` when it could not be read.
    pub permissions: Option<Vec<Statement>>,
    /// The rules of the stack, or those that lead to the relay's queue.
    pub rules: Vec<Rule>,
    /// Whether there are rules that could not be read.
    pub has_unread_rules: bool,
    /// The alarms on what is to be watched; `None` when they could not be read.
    pub alarms: Option<Vec<Alarm>>,
    /// What could not be read, and why.
    pub unread: Vec<String>,
}

/// The relay's function.
#[derive(Clone, Debug, Default)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// `Active`, `Pending`, `Inactive` or `Failed`.
    pub state: String,
    /// Its time-out.
    pub timeout_seconds: u32,
    /// Its environment.
    pub environment: BTreeMap<String, String>,
}

/// A mapping from a queue to the function.
#[derive(Clone, Debug, Default)]
pub struct Mapping {
    /// The queue.
    pub queue_arn: String,
    /// Whether it is enabled.
    pub is_enabled: bool,
    /// Whether it has `ReportBatchItemFailures`.
    pub reports_item_failures: bool,
    /// How long it gathers records.
    pub window_seconds: u32,
    /// The most invocations that it starts at once; `None` is as many as the account allows.
    pub concurrency_max: Option<u32>,
}

/// A queue.
#[derive(Clone, Debug, Default)]
pub struct Queue {
    /// Its URL.
    pub url: String,
    /// How long a received message is hidden.
    pub visibility_seconds: u32,
    /// How long it keeps messages.
    pub retention_seconds: u32,
    /// Where messages go that are received too often.
    pub redrive: Option<Redrive>,
    /// Whether messages are encrypted at rest.
    pub is_encrypted: bool,
    /// About how many messages it holds.
    pub messages: u64,
    /// Its policy, where it has one.
    pub policy: Option<String>,
}

/// A redrive policy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Redrive {
    /// The dead-letter queue.
    pub target_arn: String,
    /// How often a message is received before it goes there.
    pub receives_max: u32,
}

/// An EventBridge rule.
#[derive(Clone, Debug, Default)]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// The bus that it is on; `None` is the default bus.
    pub bus: Option<String>,
    /// Whether it is enabled.
    pub is_enabled: bool,
    /// Its targets.
    pub targets: Vec<RuleTarget>,
}

/// A rule's target.
#[derive(Clone, Debug, Default)]
pub struct RuleTarget {
    /// What is invoked.
    pub arn: String,
    /// Where events go that cannot be delivered.
    pub dead_letter_arn: Option<String>,
}

/// What an alarm should watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Watched {
    /// `ApproximateNumberOfMessagesVisible` of the dead-letter queue.
    DeadLetters,
    /// `ApproximateAgeOfOldestMessage` of a source queue.
    Backlog,
    /// `ApproximateNumberOfMessagesNotVisible` of a source queue.
    InFlight,
    /// `ApproximateAgeOfOldestMessage` of the parking queue.
    Parked,
    /// `Errors` of the function.
    Errors,
}

impl Watched {
    /// Everything that should be watched.
    pub const ALL: [Watched; 5] =
        [Watched::DeadLetters, Watched::Backlog, Watched::InFlight, Watched::Parked, Watched::Errors];

    /// The metric's namespace and name.
    #[must_use]
    pub fn metric(self) -> (&'static str, &'static str) {
        match self {
            Watched::DeadLetters => ("AWS/SQS", "ApproximateNumberOfMessagesVisible"),
            Watched::Backlog | Watched::Parked => ("AWS/SQS", "ApproximateAgeOfOldestMessage"),
            Watched::InFlight => ("AWS/SQS", "ApproximateNumberOfMessagesNotVisible"),
            Watched::Errors => ("AWS/Lambda", "Errors"),
        }
    }
}

/// An alarm on something that should be watched.
#[derive(Clone, Debug)]
pub struct Alarm {
    /// Its name.
    pub name: String,
    /// What it watches.
    pub watched: Watched,
    /// Whether somebody hears of it.
    pub has_actions: bool,
    /// Whether it is in alarm now.
    pub is_ringing: bool,
}

impl Deployment {
    /// A variable of the function's environment, where it is set.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&str> {
        let value = self.function.as_ref()?.environment.get(name)?.trim();
        (!value.is_empty()).then_some(value)
    }

    /// A comma-separated list in the function's environment.
    #[must_use]
    pub fn list(&self, name: &str) -> Vec<&str> {
        let items = self.variable(name).unwrap_or_default().split(',').map(str::trim);
        items.filter(|item| !item.is_empty()).collect()
    }

    /// The relay's own dead-letter queue: its ARN and what is known of it.
    #[must_use]
    pub fn dead_letters(&self) -> Option<(&str, &Queue)> {
        self.queue_of("RELAY_DEAD_LETTER_QUEUE_URL")
    }

    /// The parking queue: its ARN and what is known of it.
    #[must_use]
    pub fn parking(&self) -> Option<(&str, &Queue)> {
        self.queue_of(PARKING_QUEUE_URL)
    }

    /// Whether a queue is the parking queue.
    #[must_use]
    pub fn is_parking(&self, queue_arn: &str) -> bool {
        self.parking().is_some_and(|(arn, _)| arn == queue_arn)
    }

    fn queue_of(&self, variable: &str) -> Option<(&str, &Queue)> {
        let url = self.variable(variable)?;
        let found = self.queues.iter().find(|(_, queue)| queue.url == url)?;
        Some((found.0, found.1))
    }

    /// The queues from which the function is invoked.
    pub fn sources(&self) -> impl Iterator<Item = (&Mapping, &Queue)> {
        self.mappings.iter().filter_map(|mapping| Some((mapping, self.queues.get(&mapping.queue_arn)?)))
    }

    /// Whether publishers send to a queue: it is neither the parking queue nor a worker's own.
    #[must_use]
    pub fn is_own_queue(&self, queue_arn: &str) -> bool {
        !self.is_parking(queue_arn) && !self.is_abandoned_work(queue_arn)
    }

    /// Whether a queue is a worker's own dead-letter queue, whose settings are the worker's.
    #[must_use]
    pub fn is_abandoned_work(&self, queue_arn: &str) -> bool {
        self.list("RELAY_ABANDONED_WORK_QUEUES").contains(&queue_arn)
    }
}
