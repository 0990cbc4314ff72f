//! The table of leases and claims: what it holds, and the requests that write and read it, as data.
//!
//! It is one DynamoDB table with the key `pk`, `sk`, an index of what can come due, and `expires_at` as its attribute for the time to
//! live, by which DynamoDB deletes "within a few days": whoever reads ignores what has expired. Each action is one write under the
//! condition that none which was sent later came before it, so neither order nor duplicates do harm.
//!
//! | item | `pk` | `sk` |
//! | --- | --- | --- |
//! | a lease | `lease#<target>` | `lease` |
//! | a claim | `resource#<resource>` | `claim#<target>` |
//! | a notice that came before its claim | `resource#<resource>` | `notice` |
//!
//! Targets and resources stand there as the SHA-256 of what names them. The index `due` holds no token and no failure: whoever may read
//! it alone sees who holds what, and cannot report it.
//!
//! <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/Welcome.html>

mod attributes;
mod claims;
mod holder;
mod leases;

use serde_json::{Value, json};

use crate::operation::{EndpointException, Operation, Service, Wire};
use crate::request::HttpForm;

pub use claims::{Claimed, claimed_in, claims_on, register_claim, remember, remembered, remembered_in};
pub use holder::Holder;
pub use leases::{
    DueLease, Held, Page, SHARDS, delete_due, due_in, due_keys_in, due_page, held_in, held_page, read_due,
    register_lease,
};

/// Amazon DynamoDB
pub const DYNAMO_DB: Service = Service {
    name: "DynamoDB",
    endpoint_prefix: "dynamodb",
    exceptions: &[EndpointException::fips("aws-us-gov", "dynamodb")],
    signing_name: "dynamodb",
    endpoint_variable: "DYNAMODB",
};

const WIRE: Wire = Wire::AwsJson { version: "1.0", target: "DynamoDB_20120810" };

macro_rules! operation {
    ($CONSTANT:ident, $name:literal) => {
        static $CONSTANT: Operation = Operation {
            service: &DYNAMO_DB,
            name: $name,
            action: Some(concat!("dynamodb:", $name)),
            wire: WIRE,
        };
    };
}

operation!(UPDATE_ITEM, "UpdateItem");
operation!(GET_ITEM, "GetItem");
operation!(QUERY, "Query");
operation!(BATCH_GET_ITEM, "BatchGetItem");
operation!(DELETE_ITEM, "DeleteItem");

/// The index of the leases that can come due.
pub const DUE_INDEX: &str = "due";

/// What DynamoDB answers to an action that something newer has overtaken.
pub const OVERTAKEN: &str = "ConditionalCheckFailedException";

/// The longest failure that an item holds, in bytes of JSON. An item holds 400 KB with all its attributes.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html>
const FAILURE_MAX: usize = 300_000;

/// How long a release is remembered, in seconds: an older action that arrives within this time changes nothing.
const RELEASED_SECONDS: i64 = 86_400;

/// A request to the table.
#[derive(Clone)]
pub struct TableRequest {
    /// The operation.
    pub operation: &'static Operation,
    body: Value,
}

impl TableRequest {
    fn new(operation: &'static Operation, table: &str, mut body: Value) -> Self {
        body["TableName"] = json!(table);
        Self { operation, body }
    }

    /// The request as it goes over the wire.
    #[must_use]
    pub fn http(&self) -> HttpForm {
        HttpForm::of(self.operation, self.body.to_string())
    }
}

impl std::fmt::Debug for TableRequest {
    /// The body may hold a token.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TableRequest").field("operation", &self.operation.name).finish_non_exhaustive()
    }
}

/// An answer of the table that is not what its reference describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable;

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the table's answer cannot be read")
    }
}

impl std::error::Error for Unreadable {}
