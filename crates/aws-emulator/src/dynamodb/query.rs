//! Queries: one partition of a table or of an index, in the order of its sort keys, page by page.
//!
//! <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Query.html>

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Value, json};

use super::expression::{Condition, KeyCondition, Placeholders, Role, read_projection};
use super::table::{Index, Key, KeySchema, Projection, Table, invalid};
use super::value::{Item, Scalar};
use super::{Attributes, DynamoDb, Names, validation};
use crate::answer::ServiceError;
use crate::request::Caller;

/// A page reads at most so many bytes of items, before the filter.
const PAGE_BYTES_MAX: usize = 1024 * 1024;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Query {
    table_name: String,
    index_name: Option<String>,
    select: Option<String>,
    limit: Option<usize>,
    #[serde(default)]
    consistent_read: bool,
    #[serde(default = "yes")]
    scan_index_forward: bool,
    exclusive_start_key: Option<Attributes>,
    projection_expression: Option<String>,
    filter_expression: Option<String>,
    key_condition_expression: Option<String>,
    expression_attribute_names: Option<Names>,
    expression_attribute_values: Option<Attributes>,
}

const fn yes() -> bool {
    true
}

/// The request's expressions, read.
struct Expressions {
    key: KeyCondition,
    filter: Option<Condition>,
    projection: Option<Vec<String>>,
}

/// Where an entry stands in its partition: entries of an index with the same sort key are ordered
/// by the table's key.
type Place<'a> = (Option<&'a Scalar>, &'a Key);

/// One item of the table, or of the index as the index holds it.
struct Entry<'a> {
    range: Option<Scalar>,
    key: &'a Key,
    item: Item,
}

impl Entry<'_> {
    fn place(&self) -> Place<'_> {
        (self.range.as_ref(), self.key)
    }
}

impl Query {
    pub(super) fn perform(mut self, tables: &DynamoDb, caller: &Caller) -> Result<Value, ServiceError> {
        let table = tables.table(&self.table_name, caller)?;
        let index = self.index(table)?;
        let expressions = self.expressions(table, index)?;
        self.check_select(table, index, &expressions)?;
        let mut entries = partition(table, index, &expressions.key);
        if !self.scan_index_forward {
            entries.reverse();
        }
        if let Some(start) = &self.exclusive_start_key {
            let start = starting_place(&Item::read(start)?, table, index, &expressions.key)?;
            let start = (start.0.as_ref(), &start.1);
            entries.retain(|entry| {
                let place = entry.place();
                if self.scan_index_forward { place > start } else { place < start }
            });
        }
        Ok(self.page(&entries, table, index, &expressions))
    }

    fn index<'a>(&self, table: &'a Table) -> Result<Option<&'a Index>, ServiceError> {
        let Some(name) = &self.index_name else { return Ok(None) };
        let Some(index) = table.indexes.iter().find(|index| index.name == *name) else {
            return Err(validation(format!("The table does not have the specified index: {name}")));
        };
        if self.consistent_read {
            return Err(validation("Consistent reads are not supported on global secondary indexes"));
        }
        Ok(Some(index))
    }

    fn expressions(&mut self, table: &Table, index: Option<&Index>) -> Result<Expressions, ServiceError> {
        let Some(key) = &self.key_condition_expression else {
            return Err(validation(
                "Either the KeyConditions or KeyConditionExpression parameter must be specified in the \
                 request.",
            ));
        };
        let (names, values) =
            (self.expression_attribute_names.take(), self.expression_attribute_values.take());
        let mut placeholders = Placeholders::read(names, values, true)?;
        let keys = index.map_or(&table.keys, |index| &index.keys);
        let key = KeyCondition::read(key, &mut placeholders, keys)?;
        let filter = self.filter_expression.as_deref();
        let filter = filter.map(|text| Condition::read(Role::Filter, text, &mut placeholders)).transpose()?;
        let projection = self.projection_expression.as_deref();
        let projection = projection.map(|text| read_projection(text, &mut placeholders)).transpose()?;
        placeholders.all_used()?;
        if let Some(name) = keys.names().find(|name| filter.as_ref().is_some_and(|filter| filter.names(name)))
        {
            return Err(validation(format!(
                "Filter Expression can only contain non-primary key attributes: Primary key attribute: {name}"
            )));
        }
        Ok(Expressions { key, filter, projection })
    }

    fn check_select(
        &self,
        table: &Table,
        index: Option<&Index>,
        expressions: &Expressions,
    ) -> Result<(), ServiceError> {
        let select = self.select.as_deref();
        match (select, index, &expressions.projection) {
            (Some("SPECIFIC_ATTRIBUTES"), _, None) => Err(validation(
                "Must specify the AttributesToGet or ProjectionExpression when choosing to get \
                 SPECIFIC_ATTRIBUTES",
            )),
            (Some("ALL_ATTRIBUTES" | "ALL_PROJECTED_ATTRIBUTES" | "COUNT"), _, Some(_)) => {
                let what =
                    if select == Some("COUNT") { "only the Count" } else { select.unwrap_or_default() };
                Err(validation(format!(
                    "Cannot specify the ProjectionExpression when choosing to get {what}"
                )))
            }
            (Some("ALL_PROJECTED_ATTRIBUTES"), None, _) => {
                Err(invalid("ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName"))
            }
            (Some("ALL_ATTRIBUTES"), Some(index), _) if !matches!(index.projection, Projection::All) => {
                Err(invalid(format!(
                    "Select type ALL_ATTRIBUTES is not supported for global secondary index {} because its \
                     projection type is not ALL",
                    index.name
                )))
            }
            (_, Some(index), Some(names)) => {
                match names.iter().find(|name| !index.holds(name, &table.keys)) {
                    Some(name) => Err(invalid(format!(
                        "Global secondary index {} does not project [{name}]",
                        index.name
                    ))),
                    None => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }

    fn page(
        &self,
        entries: &[Entry<'_>],
        table: &Table,
        index: Option<&Index>,
        expressions: &Expressions,
    ) -> Value {
        let read = entries.len().min(self.limit.unwrap_or(usize::MAX)).min(fitting(entries));
        let page = &entries[..read];
        let fits =
            |entry: &&Entry<'_>| expressions.filter.as_ref().is_none_or(|filter| filter.holds(&entry.item));
        let found: Vec<Value> = page
            .iter()
            .filter(fits)
            .map(|entry| match &expressions.projection {
                Some(names) => entry.item.only(names.iter().map(String::as_str)).to_json(),
                None => entry.item.to_json(),
            })
            .collect();
        let mut answer = json!({"Count": found.len(), "ScannedCount": page.len()});
        if self.select.as_deref() != Some("COUNT") {
            answer["Items"] = Value::Array(found);
        }
        // Where the limit ends a page, nobody has looked whether there is more.
        let is_full = read < entries.len() || self.limit == Some(read);
        if let Some(last) = page.last().filter(|_| is_full) {
            let keys = index.map(|index| &index.keys).into_iter().chain([&table.keys]);
            let key = last.item.only(keys.flat_map(KeySchema::names));
            answer["LastEvaluatedKey"] = key.to_json();
        }
        answer
    }
}

/// The place that the page before this one ended at.
fn starting_place(
    given: &Item,
    table: &Table,
    index: Option<&Index>,
    condition: &KeyCondition,
) -> Result<(Option<Scalar>, Key), ServiceError> {
    let of_index = index.map(|index| &index.keys);
    let names: BTreeSet<&str> =
        of_index.into_iter().chain([&table.keys]).flat_map(KeySchema::names).collect();
    let key = table.keys.of(given).filter(|_| given.0.len() == names.len());
    let place = of_index.map_or_else(|| key.clone(), |keys| keys.of(given));
    match (key, place) {
        (Some(key), Some((hash, range))) if hash == condition.hash => Ok((range, key)),
        (Some(_), Some(_)) => Err(validation(
            "The provided starting key is outside query boundaries based on provided conditions",
        )),
        _ => Err(validation("The provided starting key is invalid")),
    }
}

/// How many of the entries fit into a page; one always does.
fn fitting(entries: &[Entry<'_>]) -> usize {
    let mut bytes = 0;
    let too_much = entries.iter().position(|entry| {
        bytes += entry.item.size_bytes();
        bytes > PAGE_BYTES_MAX
    });
    too_much.unwrap_or(entries.len()).max(1)
}

/// The entries of one partition that the condition asks for, in order.
fn partition<'a>(table: &'a Table, index: Option<&Index>, condition: &KeyCondition) -> Vec<Entry<'a>> {
    let entry = |(key, item): (&'a Key, &Item)| {
        let (hash, range) = match index {
            Some(index) => index.keys.of(item)?,
            None => key.clone(),
        };
        if hash != condition.hash || !condition.holds(range.as_ref()) {
            return None;
        }
        let item = index.map_or_else(|| item.clone(), |index| index.project(item, &table.keys));
        Some(Entry { range, key, item })
    };
    let mut entries: Vec<Entry<'_>> = table.items().filter_map(entry).collect();
    entries.sort_by(|left, right| left.place().cmp(&right.place()));
    entries
}
