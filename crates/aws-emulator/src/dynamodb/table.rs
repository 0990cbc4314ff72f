//! A table: its keys, its indexes, and the rules that an item must keep.

use std::collections::BTreeMap;

use super::validation;
use super::value::{AttributeValue, Item, Scalar};
use crate::answer::ServiceError;

/// The largest item, with the names of its attributes.
const ITEM_BYTES_MAX: usize = 400 * 1024;
/// The largest values of a partition key and of a sort key.
const HASH_BYTES_MAX: usize = 2048;
const RANGE_BYTES_MAX: usize = 1024;

/// A partition key's value and, where the table has a sort key, that one's.
pub(super) type Key = (Scalar, Option<Scalar>);

/// An attribute that is part of a key, and the letter of the type that it has.
#[derive(Clone, Debug)]
pub(super) struct KeyAttribute {
    pub(super) name: String,
    pub(super) kind: String,
}

#[derive(Clone, Debug)]
pub(super) struct KeySchema {
    pub(super) hash: KeyAttribute,
    pub(super) range: Option<KeyAttribute>,
}

/// What an index holds beside the keys.
#[derive(Clone, Debug)]
pub(super) enum Projection {
    All,
    KeysOnly,
    Include(Vec<String>),
}

/// A global secondary index. It is sparse: an item without its keys is not in it.
#[derive(Clone, Debug)]
pub(super) struct Index {
    pub(super) name: String,
    pub(super) keys: KeySchema,
    pub(super) projection: Projection,
}

pub(super) struct Table {
    pub(super) name: String,
    pub(super) arn: String,
    pub(super) created_ms: u64,
    pub(super) keys: KeySchema,
    pub(super) indexes: Vec<Index>,
    items: BTreeMap<Key, Item>,
}

impl KeySchema {
    pub(super) fn attributes(&self) -> impl Iterator<Item = &KeyAttribute> {
        std::iter::once(&self.hash).chain(&self.range)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.attributes().map(|attribute| attribute.name.as_str())
    }

    /// The key's values in an item that has all of them, each of its type.
    pub(super) fn of(&self, item: &Item) -> Option<Key> {
        let value = |attribute: &KeyAttribute| {
            let scalar = item.get(&attribute.name)?.scalar()?;
            (scalar.type_name() == attribute.kind).then(|| scalar.clone())
        };
        let range = match &self.range {
            Some(attribute) => Some(value(attribute)?),
            None => None,
        };
        Some((value(&self.hash)?, range))
    }
}

impl Index {
    /// The item as the index holds it, with the table's keys.
    pub(super) fn project(&self, item: &Item, table: &KeySchema) -> Item {
        let keys = self.keys.names().chain(table.names());
        match &self.projection {
            Projection::All => item.clone(),
            Projection::KeysOnly => item.only(keys),
            Projection::Include(names) => item.only(keys.chain(names.iter().map(String::as_str))),
        }
    }

    pub(super) fn holds(&self, attribute: &str, table: &KeySchema) -> bool {
        match &self.projection {
            Projection::All => true,
            Projection::Include(names) if names.iter().any(|name| name == attribute) => true,
            _ => self.keys.names().chain(table.names()).any(|name| name == attribute),
        }
    }
}

impl Table {
    pub(super) fn new(
        name: String,
        arn: String,
        created_ms: u64,
        keys: KeySchema,
        indexes: Vec<Index>,
    ) -> Self {
        Self { name, arn, created_ms, keys, indexes, items: BTreeMap::new() }
    }

    pub(super) fn get(&self, key: &Key) -> Option<&Item> {
        self.items.get(key)
    }

    pub(super) fn items(&self) -> impl Iterator<Item = (&Key, &Item)> {
        self.items.iter()
    }

    pub(super) fn remove(&mut self, key: &Key) -> Option<Item> {
        self.items.remove(key)
    }

    /// Stores an item whose key was checked, and returns the one that it replaces.
    pub(super) fn store(
        &mut self,
        key: Key,
        item: Item,
        too_large: &'static str,
    ) -> Result<Option<Item>, ServiceError> {
        if item.size_bytes() > ITEM_BYTES_MAX {
            return Err(validation(too_large));
        }
        for index in &self.indexes {
            for attribute in index.keys.attributes() {
                check_index_key(&index.name, attribute, item.get(&attribute.name))?;
            }
        }
        Ok(self.items.insert(key, item))
    }

    /// The key of a request that names one item: exactly the key's attributes, each of its type.
    pub(super) fn key_of_request(&self, given: &Item) -> Result<Key, ServiceError> {
        let same_number = given.0.len() == self.keys.names().count();
        let key = self.keys.of(given).filter(|_| same_number);
        let key = key.ok_or_else(|| validation("The provided key element does not match the schema"))?;
        self.check_key(&key)?;
        Ok(key)
    }

    /// The key of an item that is to be stored.
    pub(super) fn key_of_item(&self, item: &Item) -> Result<Key, ServiceError> {
        for KeyAttribute { name, kind } in self.keys.attributes() {
            let Some(value) = item.get(name) else {
                return Err(invalid(format!("Missing the key {name} in the item")));
            };
            if value.type_name() != kind {
                let actual = value.type_name();
                let told = format!("Type mismatch for key {name} expected: {kind} actual: {actual}");
                return Err(invalid(told));
            }
        }
        let key = self.keys.of(item);
        let key = key.ok_or_else(|| validation("The provided key element does not match the schema"))?;
        self.check_key(&key)?;
        Ok(key)
    }

    fn check_key(&self, (hash, range): &Key) -> Result<(), ServiceError> {
        for (attribute, value) in self.keys.attributes().zip([Some(hash), range.as_ref()]) {
            if value.is_some_and(is_empty) {
                return Err(validation(format!(
                    "One or more parameter values are not valid. The AttributeValue for a key \
                     attribute cannot contain an empty string value. Key: {}",
                    attribute.name
                )));
            }
        }
        if hash.size_bytes() > HASH_BYTES_MAX {
            let told = "Size of hashkey has exceeded the maximum size limit of2048 bytes";
            return Err(invalid(told));
        }
        if range.as_ref().is_some_and(|range| range.size_bytes() > RANGE_BYTES_MAX) {
            let told = "Aggregated size of all range keys has exceeded the size limit of 1024 bytes";
            return Err(invalid(told));
        }
        Ok(())
    }
}

/// An item may lack an index's key, but what it has there must be of the key's type.
fn check_index_key(
    index: &str,
    KeyAttribute { name, kind }: &KeyAttribute,
    value: Option<&AttributeValue>,
) -> Result<(), ServiceError> {
    let Some(value) = value else { return Ok(()) };
    if value.type_name() != kind {
        let actual = value.type_name();
        let told = format!(
            "Type mismatch for Index Key {name} Expected: {kind} Actual: {actual} IndexName: {index}"
        );
        return Err(invalid(told));
    }
    if value.scalar().is_some_and(is_empty) {
        return Err(validation(format!(
            "One or more parameter values are not valid. A value specified for a secondary index key \
             is not supported. The AttributeValue for a key attribute cannot contain an empty string \
             value. IndexName: {index}, IndexKey: {name}"
        )));
    }
    Ok(())
}

fn is_empty(value: &Scalar) -> bool {
    value.size_bytes() == 0
}

/// The words with which most refusals of a value begin.
pub(super) fn invalid(told: impl std::fmt::Display) -> ServiceError {
    validation(format!("One or more parameter values were invalid: {told}"))
}
