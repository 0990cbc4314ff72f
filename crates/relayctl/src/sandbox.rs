//! The sandbox: the embedded endpoint with the relay's queues, and the environment that makes the relay use it.
//!
//! `serve` keeps one running, `rehearse` runs the relay against one. Nothing in it leaves this machine.

use std::path::Path;

use aws_emulator::{Endpoint, FaultRule, Operation, Options};
use failure_event::table::DUE_INDEX;
use failure_relay::settings::Settings;
use serde_json::{Value, json};

use crate::exit::Problem;

/// The queue that the relay would be invoked from.
pub const QUEUE: &str = "failure-events";

/// The queue for what cannot be routed.
pub const DEAD_LETTERS: &str = "failure-events-dead-letters";

/// The queue in which records wait while their target is in trouble, for whoever asks for it.
pub const PARKING: &str = "failure-events-parking";

/// The table of leases and claims.
pub const TABLE: &str = "failure-events-leases";

/// The bus whose events reach [`QUEUE`].
pub const BUS: &str = "failure-relay";

/// The regions that events may name beside the endpoint's own.
const ALLOWED_REGIONS: &str = "us-east-2,us-west-2,eu-west-1";

/// The account that events may name beside the endpoint's own.
const ALLOWED_ACCOUNTS: &str = "111122223333";

/// The role that is assumed there.
const ROLE_NAME: &str = "failure-relay-target";

/// As in the relay's stack: after so many receives SQS moves a message of its queue to its dead-letter queue.
const RECEIVES_MAX: u32 = 1000;

/// A worker's dead-letter queue, whose messages are abandoned work.
pub const ABANDONED_WORK: &str = "render-jobs-dead-letters";

/// A running endpoint with the relay's queues and its table.
#[derive(Debug)]
pub struct Sandbox {
    /// The endpoint itself.
    pub endpoint: Endpoint,
}

impl Sandbox {
    /// Starts the endpoint on a port of 127.0.0.1 (0 takes any that is free) and creates the queues and the
    /// table.
    ///
    /// # Errors
    /// The port is taken.
    pub async fn start(port: u16, faults: Vec<FaultRule>, auto_open: bool) -> Result<Self, Problem> {
        let options = Options { port, faults, auto_open, ..Options::default() };
        let started = Endpoint::start(options).await;
        let endpoint =
            started.map_err(|error| Problem::local(format!("port {port} of 127.0.0.1: {error}")))?;
        let sandbox = Self { endpoint };
        sandbox.create_queue(DEAD_LETTERS)?;
        let policy = json!({
            "deadLetterTargetArn": sandbox.endpoint.queue_arn(DEAD_LETTERS),
            "maxReceiveCount": RECEIVES_MAX,
        });
        sandbox.create_queue_with(QUEUE, &[("RedrivePolicy", &policy.to_string())])?;
        sandbox.endpoint.route_bus(BUS, QUEUE).map_err(|error| Problem::local(error.to_string()))?;
        let created = sandbox.endpoint.call(Operation::CreateTable, table());
        created
            .map_err(|error| Problem::local(format!("the table {TABLE} could not be created: {error}")))?;
        Ok(sandbox)
    }

    /// Creates a queue of this name and returns its URL; one that is there already stays as it is.
    ///
    /// # Errors
    /// SQS takes no queue of this name.
    pub fn create_queue(&self, name: &str) -> Result<String, Problem> {
        self.create_queue_with(name, &[])
    }

    fn create_queue_with(&self, name: &str, attributes: &[(&str, &str)]) -> Result<String, Problem> {
        let created = self.endpoint.create_queue(name, attributes);
        created.map_err(|error| Problem::local(format!("the queue {name} could not be created: {error}")))
    }

    /// The environment that makes the relay, whoever publishes to it, and every AWS SDK use this endpoint. The keys are no secrets:
    /// it takes any.
    #[must_use]
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let endpoint = &self.endpoint;
        vec![
            ("AWS_ENDPOINT_URL", endpoint.url().to_owned()),
            // Presigned URLs name their own hosts, which no general endpoint stands for.
            ("AWS_ENDPOINT_URL_CLOUDFORMATION_RESPONSE", endpoint.url().to_owned()),
            ("AWS_REGION", endpoint.region().to_owned()),
            // What the AWS CLI and boto3 read.
            ("AWS_DEFAULT_REGION", endpoint.region().to_owned()),
            ("AWS_ACCESS_KEY_ID", "local".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "local".to_owned()),
            ("RELAY_QUEUE_URL", endpoint.queue_url(QUEUE)),
            ("RELAY_DEAD_LETTER_QUEUE_URL", endpoint.queue_url(DEAD_LETTERS)),
            ("RELAY_ALLOWED_REGIONS", ALLOWED_REGIONS.to_owned()),
            ("RELAY_ALLOWED_ACCOUNTS", ALLOWED_ACCOUNTS.to_owned()),
            ("RELAY_ROLE_NAME", ROLE_NAME.to_owned()),
            ("RELAY_ABANDONED_WORK_QUEUES", endpoint.queue_arn(ABANDONED_WORK)),
            ("RELAY_TABLE_NAME", TABLE.to_owned()),
        ]
    }

    /// The relay's settings in this environment; of `changes` with one name the last counts.
    ///
    /// # Errors
    /// A setting is wrong.
    pub fn settings(&self, changes: &[(String, String)]) -> Result<Settings, Problem> {
        let environment = self.environment();
        let lookup = |name: &str| {
            let set = changes.iter().rev().find(|(set, _)| set == name).map(|(_, value)| value.clone());
            set.or_else(|| environment.iter().find(|(own, _)| *own == name).map(|(_, value)| value.clone()))
        };
        Settings::from_variables(&lookup).map_err(|error| Problem::usage(error.to_string()))
    }
}

/// The table as the relay's template makes it.
fn table() -> Value {
    let attribute = |name: &str, kind: &str| json!({"AttributeName": name, "AttributeType": kind});
    let keys = |hash: &str, range: &str| {
        json!([
            {"AttributeName": hash, "KeyType": "HASH"},
            {"AttributeName": range, "KeyType": "RANGE"},
        ])
    };
    let projected =
        ["kind", "region", "account", "fingerprint", "event_id", "source", "sent_at", "ttl_seconds"];
    json!({
        "TableName": TABLE,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
            attribute("pk", "S"), attribute("sk", "S"), attribute("due_shard", "S"), attribute("due_at", "N"),
        ],
        "KeySchema": keys("pk", "sk"),
        "GlobalSecondaryIndexes": [{
            "IndexName": DUE_INDEX,
            "KeySchema": keys("due_shard", "due_at"),
            "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": projected},
        }],
    })
}

/// Reads a file of fault rules.
///
/// # Errors
/// It cannot be read, or holds no fault rules.
pub fn read_faults(path: &Path) -> Result<Vec<FaultRule>, Problem> {
    let at_path = |error: String| Problem::file(format!("{}: {error}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| at_path(error.to_string()))?;
    FaultRule::list_from_json(&text).map_err(at_path)
}
