//! Items that are put, updated and deleted, each perhaps on a condition.
//!
//! <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateItem.html>

use serde::Deserialize;
use serde_json::{Value, json};

use super::expression::{Condition, Placeholders, Role, Update};
use super::table::{Key, Table, invalid};
use super::value::Item;
use super::{Attributes, DynamoDb, Names, validation};
use crate::answer::ServiceError;
use crate::request::Caller;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PutItem {
    table_name: String,
    item: Attributes,
    #[serde(flatten)]
    guard: Guard,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UpdateItem {
    table_name: String,
    key: Attributes,
    update_expression: Option<String>,
    #[serde(flatten)]
    guard: Guard,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DeleteItem {
    table_name: String,
    key: Attributes,
    #[serde(flatten)]
    guard: Guard,
}

/// What every write can have.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Guard {
    condition_expression: Option<String>,
    expression_attribute_names: Option<Names>,
    expression_attribute_values: Option<Attributes>,
    return_values: Option<String>,
}

impl Guard {
    fn placeholders(&mut self, has_other: bool) -> Result<Placeholders, ServiceError> {
        Placeholders::read(
            self.expression_attribute_names.take(),
            self.expression_attribute_values.take(),
            has_other || self.condition_expression.is_some(),
        )
    }

    fn condition(&self, placeholders: &mut Placeholders) -> Result<Option<Condition>, ServiceError> {
        let text = self.condition_expression.as_deref();
        text.map(|text| Condition::read(Role::Condition, text, placeholders)).transpose()
    }

    /// The condition of a write that has no other expression.
    fn only_condition(&mut self) -> Result<Option<Condition>, ServiceError> {
        let mut placeholders = self.placeholders(false)?;
        let condition = self.condition(&mut placeholders)?;
        placeholders.all_used()?;
        Ok(condition)
    }

    /// Whether the old item is asked for, by a write that leaves no other.
    fn returns_old(&self) -> Result<bool, ServiceError> {
        match self.return_values.as_deref() {
            None | Some("NONE") => Ok(false),
            Some("ALL_OLD") => Ok(true),
            Some(_) => Err(validation("Return values set to invalid value")),
        }
    }
}

/// What is not there is an item without attributes to a condition.
fn check(condition: Option<&Condition>, table: &Table, key: &Key) -> Result<(), ServiceError> {
    let nothing = Item::default();
    let item = table.get(key).unwrap_or(&nothing);
    if condition.is_none_or(|condition| condition.holds(item)) {
        return Ok(());
    }
    Err(ServiceError::new("ConditionalCheckFailedException", "The conditional request failed"))
}

/// The answer of a write, with attributes where they are asked for and there are any.
fn answer(attributes: Option<Item>) -> Value {
    match attributes.filter(|item| !item.0.is_empty()) {
        Some(item) => json!({"Attributes": item.to_json()}),
        None => json!({}),
    }
}

impl PutItem {
    pub(super) fn perform(mut self, tables: &mut DynamoDb, caller: &Caller) -> Result<Value, ServiceError> {
        let returns_old = self.guard.returns_old()?;
        let condition = self.guard.only_condition()?;
        let item = Item::read(&self.item)?;
        let table = tables.table_mut(&self.table_name, caller)?;
        let key = table.key_of_item(&item)?;
        check(condition.as_ref(), table, &key)?;
        let old = table.store(key, item, "Item size has exceeded the maximum allowed size")?;
        Ok(answer(old.filter(|_| returns_old)))
    }
}

impl DeleteItem {
    pub(super) fn perform(mut self, tables: &mut DynamoDb, caller: &Caller) -> Result<Value, ServiceError> {
        let returns_old = self.guard.returns_old()?;
        let condition = self.guard.only_condition()?;
        let key = Item::read(&self.key)?;
        let table = tables.table_mut(&self.table_name, caller)?;
        let key = table.key_of_request(&key)?;
        check(condition.as_ref(), table, &key)?;
        Ok(answer(table.remove(&key).filter(|_| returns_old)))
    }
}

impl UpdateItem {
    pub(super) fn perform(mut self, tables: &mut DynamoDb, caller: &Caller) -> Result<Value, ServiceError> {
        let mut placeholders = self.guard.placeholders(self.update_expression.is_some())?;
        let update = match self.update_expression.as_deref() {
            Some(text) => Update::read(text, &mut placeholders)?,
            None => Update::default(),
        };
        let condition = self.guard.condition(&mut placeholders)?;
        placeholders.all_used()?;
        let given = Item::read(&self.key)?;
        let table = tables.table_mut(&self.table_name, caller)?;
        let key = table.key_of_request(&given)?;
        if let Some(name) = update.attributes().find(|name| table.keys.names().any(|key| key == *name)) {
            let told = format!("Cannot update attribute {name}. This attribute is part of the key");
            return Err(invalid(told));
        }
        check(condition.as_ref(), table, &key)?;
        let old = table.get(&key).cloned();
        // What is not there is made, with nothing but its key.
        let new = update.applied_to(old.as_ref().unwrap_or(&given))?;
        let returned = self.returned(&update, old.as_ref(), &new);
        table.store(key, new, "Item size to update has exceeded the maximum allowed size")?;
        Ok(answer(returned))
    }

    fn returned(&self, update: &Update, old: Option<&Item>, new: &Item) -> Option<Item> {
        match self.guard.return_values.as_deref()? {
            "ALL_OLD" => old.cloned(),
            "UPDATED_OLD" => Some(old?.only(update.attributes())),
            "ALL_NEW" => Some(new.clone()),
            "UPDATED_NEW" => Some(new.only(update.attributes())),
            _ => None,
        }
    }
}
