//! Amazon `DynamoDB`: tables of a region and account, and the operations on them.
//!
//! <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/Welcome.html>
//!
//! Conditions, updates and projections are expressions; the parameters that came before them are
//! refused. Every read sees every write before it: of a table as of an index.

mod expression;
mod model;
mod number;
mod query;
mod read;
mod table;
mod tables;
mod value;
mod write;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::answer::{Output, ServiceError};
use super::operation::{Operation, ServiceModel};
use super::perform::{Setting, not_of_this_service, read as read_input};
use super::protocols::Protocol;
use super::request::Caller;
use table::Table;

pub(crate) use model::{
    BATCH_GET_ITEM, CREATE_TABLE, DELETE_ITEM, DESCRIBE_TABLE, GET_ITEM, PUT_ITEM, QUERY, UPDATE_ITEM,
};

pub(crate) const SERVICE: ServiceModel =
    ServiceModel::new("dynamodb", Protocol::json("1.0", "DynamoDB_20120810"))
        .throttles_with("ProvisionedThroughputExceededException", 400);

/// What `ExpressionAttributeNames` holds.
type Names = BTreeMap<String, String>;

/// Which table: the same name in another region or account is another table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct TableKey {
    region: String,
    account: String,
    name: String,
}

impl TableKey {
    /// The table that a caller means by a name or an ARN.
    fn of(named: &str, caller: &Caller) -> Self {
        let parts: Vec<&str> = named.split(':').collect();
        let (region, account, name) = match parts[..] {
            ["arn", _, "dynamodb", region, account, resource] => {
                (region, account, resource.strip_prefix("table/").unwrap_or(resource))
            }
            _ => (caller.region.as_str(), caller.account.as_str(), named),
        };
        Self { region: region.to_owned(), account: account.to_owned(), name: name.to_owned() }
    }

    fn arn(&self) -> String {
        format!("arn:aws:dynamodb:{}:{}:table/{}", self.region, self.account, self.name)
    }
}

/// All tables.
#[derive(Default)]
pub(crate) struct DynamoDb {
    tables: BTreeMap<TableKey, Table>,
}

impl DynamoDb {
    /// Carries out an operation whose request was checked against its model.
    pub(crate) fn perform(
        &mut self,
        operation: Operation,
        input: Value,
        setting: Setting<'_>,
    ) -> Result<Output, ServiceError> {
        refuse_legacy(&input)?;
        let caller = setting.caller;
        let answer = match operation {
            Operation::CreateTable => {
                read_input::<tables::CreateTable>(input)?.perform(self, caller, setting.now_ms)
            }
            Operation::DescribeTable => read_input::<tables::DescribeTable>(input)?.perform(self, caller),
            Operation::PutItem => read_input::<write::PutItem>(input)?.perform(self, caller),
            Operation::UpdateItem => read_input::<write::UpdateItem>(input)?.perform(self, caller),
            Operation::DeleteItem => read_input::<write::DeleteItem>(input)?.perform(self, caller),
            Operation::GetItem => read_input::<read::GetItem>(input)?.perform(self, caller),
            Operation::BatchGetItem => {
                read_input::<read::BatchGetItem>(input)?.perform(self, caller, setting.batch_fault)
            }
            Operation::Query => read_input::<query::Query>(input)?.perform(self, caller),
            _ => Err(not_of_this_service()),
        };
        answer.map(Output::Json)
    }

    /// The items of a table as JSON, in the order of their keys; `None` when there is no such table.
    pub(crate) fn items(&self, table: &str, caller: &Caller) -> Option<Vec<Value>> {
        let table = self.tables.get(&TableKey::of(table, caller))?;
        Some(table.items().map(|(_, item)| item.to_json()).collect())
    }

    fn table(&self, named: &str, caller: &Caller) -> Result<&Table, ServiceError> {
        self.tables.get(&TableKey::of(named, caller)).ok_or_else(no_such_table)
    }

    fn table_mut(&mut self, named: &str, caller: &Caller) -> Result<&mut Table, ServiceError> {
        self.tables.get_mut(&TableKey::of(named, caller)).ok_or_else(no_such_table)
    }
}

/// Conditions, updates and projections of the time before expressions.
const LEGACY_PARAMETERS: &[&str] = &[
    "AttributesToGet",
    "AttributeUpdates",
    "ConditionalOperator",
    "Expected",
    "KeyConditions",
    "QueryFilter",
];

fn refuse_legacy(input: &Value) -> Result<(), ServiceError> {
    match LEGACY_PARAMETERS.iter().find(|parameter| input.get(**parameter).is_some()) {
        Some(parameter) => Err(not_modelled(parameter)),
        None => Ok(()),
    }
}

fn no_such_table() -> ServiceError {
    ServiceError::new("ResourceNotFoundException", "Requested resource not found")
}

fn validation(message: impl Into<String>) -> ServiceError {
    ServiceError::new("ValidationException", message)
}

/// `DynamoDB` would do it; the endpoint says that it cannot.
fn not_modelled(what: &str) -> ServiceError {
    validation(format!("The endpoint does not model {what}."))
}

/// A required object of attributes; its type was checked before.
type Attributes = Map<String, Value>;
