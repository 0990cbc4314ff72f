//! Items by their keys, one and many.
//!
//! <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html>

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::expression::{Placeholders, read_projection};
use super::value::Item;
use super::{Attributes, DynamoDb, Names, not_modelled, validation};
use crate::answer::ServiceError;
use crate::request::Caller;
use crate::sqs::BatchFault;

/// A batch has at most so many keys, over all tables.
const KEYS_MAX: usize = 100;
/// A batch is answered with at most so many bytes of items.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetItem {
    table_name: String,
    key: Attributes,
    projection_expression: Option<String>,
    expression_attribute_names: Option<Names>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BatchGetItem {
    /// As they were given, for what is left unprocessed is given back so.
    request_items: BTreeMap<String, Attributes>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct KeysOfTable {
    keys: Vec<Attributes>,
    projection_expression: Option<String>,
    expression_attribute_names: Option<Names>,
}

/// The attributes to give; `None` is all.
fn projected(text: Option<&str>, names: Option<Names>) -> Result<Option<Vec<String>>, ServiceError> {
    let mut placeholders = Placeholders::read(names, None, text.is_some())?;
    let projected = text.map(|text| read_projection(text, &mut placeholders)).transpose()?;
    placeholders.all_used()?;
    Ok(projected)
}

fn shown(item: &Item, projected: Option<&Vec<String>>) -> Value {
    match projected {
        Some(names) => item.only(names.iter().map(String::as_str)).to_json(),
        None => item.to_json(),
    }
}

impl GetItem {
    pub(super) fn perform(self, tables: &DynamoDb, caller: &Caller) -> Result<Value, ServiceError> {
        let projected = projected(self.projection_expression.as_deref(), self.expression_attribute_names)?;
        let key = Item::read(&self.key)?;
        let table = tables.table(&self.table_name, caller)?;
        let found = table.get(&table.key_of_request(&key)?);
        Ok(match found {
            Some(item) => json!({"Item": shown(item, projected.as_ref())}),
            None => json!({}),
        })
    }
}

impl BatchGetItem {
    /// A fault leaves keys unprocessed, by their positions over all tables.
    pub(super) fn perform(
        self,
        tables: &DynamoDb,
        caller: &Caller,
        fault: Option<&BatchFault>,
    ) -> Result<Value, ServiceError> {
        let mut batch = Batch { fault, position: 0, bytes: 0 };
        let (mut responses, mut unprocessed) = (Map::new(), Map::new());
        for (named, given) in self.request_items {
            let (items, left) = batch.read(&named, &given, tables, caller)?;
            if !left.is_empty() {
                let mut again = given;
                again.insert("Keys".to_owned(), Value::Array(left));
                unprocessed.insert(named.clone(), Value::Object(again));
            }
            responses.insert(named, Value::Array(items));
        }
        if batch.position > KEYS_MAX {
            return Err(validation("Too many items requested for the BatchGetItem call"));
        }
        Ok(json!({"Responses": responses, "UnprocessedKeys": unprocessed}))
    }
}

/// What counts over all tables of a batch.
struct Batch<'a> {
    fault: Option<&'a BatchFault>,
    position: usize,
    bytes: usize,
}

impl Batch<'_> {
    /// The items of one table, and the keys that are left.
    ///
    /// The items have no order; here it is the keys' turned round, so that nobody relies on one.
    fn read(
        &mut self,
        named: &str,
        given: &Attributes,
        tables: &DynamoDb,
        caller: &Caller,
    ) -> Result<(Vec<Value>, Vec<Value>), ServiceError> {
        if given.contains_key("AttributesToGet") {
            return Err(not_modelled("AttributesToGet"));
        }
        let asked: KeysOfTable = crate::perform::read(Value::Object(given.clone()))?;
        let projected = projected(asked.projection_expression.as_deref(), asked.expression_attribute_names)?;
        let table = tables.table(named, caller)?;
        let keys = asked.keys.iter().map(|key| table.key_of_request(&Item::read(key)?));
        let keys = keys.collect::<Result<Vec<_>, ServiceError>>()?;
        let mut distinct: Vec<_> = keys.iter().collect();
        distinct.sort_unstable();
        if distinct.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(validation("Provided list of item keys contains duplicates"));
        }
        let (mut items, mut left) = (Vec::new(), Vec::new());
        for (key, as_given) in keys.iter().zip(asked.keys) {
            let item = table.get(key);
            let bytes = self.bytes + item.map_or(0, Item::size_bytes);
            let is_left = self.fault.is_some_and(|fault| fault.hits(self.position));
            self.position += 1;
            if is_left || bytes > ANSWER_BYTES_MAX {
                left.push(Value::Object(as_given));
            } else {
                self.bytes = bytes;
                items.extend(item.map(|item| shown(item, projected.as_ref())));
            }
        }
        items.reverse();
        Ok((items, left))
    }
}
