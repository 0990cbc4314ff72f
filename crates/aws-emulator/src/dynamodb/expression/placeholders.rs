//! Names and values that stand outside an expression: `#name` and `:value`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::Role;
use crate::answer::ServiceError;
use crate::dynamodb::validation;
use crate::dynamodb::value::AttributeValue;

/// What a request gives its expressions, and what they have used of it.
#[derive(Default)]
pub(in crate::dynamodb) struct Placeholders {
    names: BTreeMap<String, String>,
    values: BTreeMap<String, AttributeValue>,
    used: BTreeSet<String>,
}

impl Placeholders {
    /// Reads a request's `ExpressionAttributeNames` and `ExpressionAttributeValues`;
    /// `has_expression` says whether anything could use them.
    pub(in crate::dynamodb) fn read(
        names: Option<BTreeMap<String, String>>,
        values: Option<Map<String, Value>>,
        has_expression: bool,
    ) -> Result<Self, ServiceError> {
        let names = checked(names.map(BTreeMap::into_iter), "ExpressionAttributeNames", '#', has_expression)?;
        let values = checked(values.map(Map::into_iter), "ExpressionAttributeValues", ':', has_expression)?;
        let read = |(key, value): (String, Value)| Ok((key, AttributeValue::read(&value)?));
        Ok(Self {
            names: names.into_iter().collect(),
            values: values.into_iter().map(read).collect::<Result<_, ServiceError>>()?,
            used: BTreeSet::new(),
        })
    }

    pub(super) fn name(&mut self, placeholder: &str, role: Role) -> Result<String, ServiceError> {
        let Some(name) = self.names.get(placeholder) else {
            let told =
                "An expression attribute name used in the document path is not defined; attribute name:";
            return Err(role.invalid(format!("{told} {placeholder}")));
        };
        self.used.insert(placeholder.to_owned());
        Ok(name.clone())
    }

    pub(super) fn value(&mut self, placeholder: &str, role: Role) -> Result<AttributeValue, ServiceError> {
        let Some(value) = self.values.get(placeholder) else {
            let told = "An expression attribute value used in expression is not defined; attribute value:";
            return Err(role.invalid(format!("{told} {placeholder}")));
        };
        self.used.insert(placeholder.to_owned());
        Ok(value.clone())
    }

    /// Refuses what no expression has used.
    pub(in crate::dynamodb) fn all_used(&self) -> Result<(), ServiceError> {
        let unused = |keys: Vec<&String>| -> Vec<String> {
            keys.into_iter().filter(|key| !self.used.contains(*key)).cloned().collect()
        };
        let of_names = ("ExpressionAttributeNames", unused(self.names.keys().collect()));
        let of_values = ("ExpressionAttributeValues", unused(self.values.keys().collect()));
        for (parameter, unused) in [of_names, of_values] {
            if !unused.is_empty() {
                let keys = unused.join(", ");
                return Err(validation(format!(
                    "Value provided in {parameter} unused in expressions: keys: {{{keys}}}"
                )));
            }
        }
        Ok(())
    }
}

/// The entries of one of the two parameters, each with a key that a placeholder can have.
fn checked<T>(
    entries: Option<impl Iterator<Item = (String, T)>>,
    parameter: &str,
    mark: char,
    has_expression: bool,
) -> Result<Vec<(String, T)>, ServiceError> {
    let Some(entries) = entries else { return Ok(Vec::new()) };
    if !has_expression {
        return Err(validation(format!("{parameter} can only be specified when using expressions")));
    }
    let entries: Vec<(String, T)> = entries.collect();
    if entries.is_empty() {
        return Err(validation(format!("{parameter} must not be empty")));
    }
    let is_placeholder = |key: &str| {
        let word = key.strip_prefix(mark).unwrap_or_default();
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    match entries.iter().find(|(key, _)| !is_placeholder(key)) {
        Some((key, _)) => {
            let told = "contains invalid key: Syntax error; key:";
            Err(validation(format!("{parameter} {told} \"{key}\"")))
        }
        None => Ok(entries),
    }
}
