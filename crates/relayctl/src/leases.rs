//! `relayctl leases`: who holds a lease, and when it is due. Never a token: the index that is read holds none.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use clap::Args;
use failure_event::arn::Arn;
use failure_event::table::{Held, SHARDS, held_in, held_page};
use failure_relay::aws::clients::Clients;
use failure_relay::aws::table;
use futures_util::future::try_join_all;
use serde_json::{Value, json};

use crate::dlq::{age, on_one_line, rfc3339};
use crate::exit::{Exit, Problem};
use crate::output::{Output, plural};
use crate::table::Table;
use crate::{aws, stack};

/// The variable that names the table where no argument does.
const TABLE_NAME: &str = "RELAY_TABLE_NAME";

/// The watch is started each minute: what is overdue for longer than this is not being published.
const OVERDUE_MAX: Duration = Duration::from_mins(3);

const HEADER: [&str; 8] = ["DUE", "LAST SIGN", "KIND", "REGION", "ACCOUNT", "FINGERPRINT", "SOURCE", "ID"];

const EXAMPLES: &str = "\
Examples:
    relayctl leases --stack failure-relay
    relayctl leases --table failure-relay-leases --json | jq -r 'select(.isOverdue) | .fingerprint'

It changes nothing. It needs dynamodb:Query on the table's index `due` alone, which holds no token, and with --stack
cloudformation:ListStackResources.";

/// Lists who holds a lease, and when it is due, the next first
///
/// One that is overdue is published as a failure within a minute, unless it is renewed. What was just written may not be listed yet.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Leases {
    /// The CloudFormation stack of the relay
    #[arg(long, value_name = "NAME", conflicts_with = "table")]
    stack: Option<String>,
    /// The relay's table, a name or an ARN; else `RELAY_TABLE_NAME`
    #[arg(long, value_name = "NAME")]
    table: Option<String>,
    #[command(flatten)]
    aws: aws::Options,
}

impl Leases {
    /// Reads the index and prints what it holds.
    ///
    /// # Errors
    /// No table is named, or it cannot be read.
    pub fn run(self, output: &Output) -> Result<Exit, Problem> {
        let mut held = crate::block_on(self.read())?;
        held.sort_by_key(|lease| lease.due_at);
        let now = SystemTime::now();
        let mut table = Table::new(&HEADER);
        for lease in &held {
            if output.is_json() {
                output.json(&as_json(lease, now));
            } else {
                table.row(&as_row(lease, now));
            }
        }
        if !output.is_json() && !held.is_empty() {
            output.data(table);
        }
        let overdue = held.iter().filter(|lease| moment(lease.due_at) <= now).count();
        output.talk(format!("{}, {overdue} of them overdue", plural(held.len(), "lease")));
        if held.first().is_some_and(|lease| moment(lease.due_at) + OVERDUE_MAX <= now) {
            output.talk("some are overdue for more than three minutes: is the watch running?");
        }
        Ok(Exit::Yes)
    }

    async fn read(&self) -> Result<Vec<Held>, Problem> {
        let variable = || std::env::var(TABLE_NAME).ok().filter(|name| !name.is_empty());
        let given = self.table.clone().or_else(|| variable().filter(|_| self.stack.is_none()));
        let region = given.as_deref().and_then(Arn::parse).map(|arn| arn.region.to_owned());
        let config = self.aws.load(region.as_deref()).await?;
        let name = match (given, &self.stack) {
            (Some(name), _) => name,
            (None, Some(stack)) => table_of(&config, stack).await?,
            (None, None) => {
                return Err(Problem::usage(format!(
                    "no table is named: give --stack or --table, or set {TABLE_NAME}"
                )));
            }
        };
        // A table in another region says so in its ARN.
        let region = region.or_else(|| config.region().map(ToString::to_string)).unwrap_or_default();
        let table = table::Table::new(name, &region, Arc::new(Clients::over(config, None)));
        let shards = try_join_all((0..SHARDS).map(|shard| held_in_shard(&table, shard))).await?;
        Ok(shards.into_iter().flatten().collect())
    }
}

/// The table of a stack: a relay has no other.
async fn table_of(config: &SdkConfig, stack: &str) -> Result<String, Problem> {
    let resources = stack::resources(config, stack).await?;
    let table = resources.iter().find(|resource| resource.resource_type() == Some("AWS::DynamoDB::Table"));
    let name = table.and_then(|table| table.physical_resource_id()).map(str::to_owned);
    name.ok_or_else(|| {
        Problem::service(format!("stack {stack} has no table: leases are off (Leases=true switches them on)"))
    })
}

/// All leases of one part of the index.
async fn held_in_shard(table: &table::Table, shard: u8) -> Result<Vec<Held>, Problem> {
    let trouble = |what: String| Problem::service(format!("table {}: {what}", table.name()));
    let (mut held, mut start) = (Vec::new(), None);
    loop {
        let answer = table.ask(&held_page(table.name(), shard, start.as_ref())).await;
        let answer = answer.map_err(|error| {
            let said = error.message.as_deref().map(|message| format!(": {message}")).unwrap_or_default();
            trouble(format!("{error}{said}"))
        })?;
        let page = held_in(&answer).map_err(|unreadable| trouble(unreadable.to_string()))?;
        held.extend(page.items);
        start = page.next;
        if start.is_none() {
            return Ok(held);
        }
    }
}

fn as_row(lease: &Held, now: SystemTime) -> [String; 8] {
    let due = moment(lease.due_at);
    let due = if due > now { format!("in {}", age(now, due)) } else { format!("OVERDUE {}", age(due, now)) };
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    [
        due,
        format!("{} ago", age(moment(lease.sent_at), now)),
        lease.kind.clone(),
        lease.region.clone(),
        or_dash(&lease.account),
        lease.fingerprint.clone(),
        or_dash(&lease.source),
        or_dash(&lease.event_id),
    ]
    .map(|cell| on_one_line(&cell))
}

fn as_json(lease: &Held, now: SystemTime) -> Value {
    json!({
        "kind": lease.kind,
        "region": lease.region,
        "account": lease.account,
        "fingerprint": lease.fingerprint,
        "source": lease.source,
        "id": lease.event_id,
        "lastSign": rfc3339(moment(lease.sent_at)),
        "due": rfc3339(moment(lease.due_at)),
        "isOverdue": moment(lease.due_at) <= now,
    })
}

/// A moment in milliseconds since 1970; one before that is no lease's.
fn moment(millis: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(millis.try_into().unwrap_or_default())
}
