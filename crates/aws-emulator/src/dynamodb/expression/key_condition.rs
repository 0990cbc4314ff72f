//! What a query asks of keys: one partition, and perhaps a part of it.

use super::condition::{Comparator, Condition, Operand};
use super::{Placeholders, Role};
use crate::answer::ServiceError;
use crate::dynamodb::table::{KeyAttribute, KeySchema, invalid};
use crate::dynamodb::validation;
use crate::dynamodb::value::{AttributeValue, Scalar};

/// One partition and a condition on its sort keys.
pub(in crate::dynamodb) struct KeyCondition {
    pub(in crate::dynamodb) hash: Scalar,
    range: Option<Bound>,
}

enum Bound {
    Compared(Comparator, Scalar),
    Between(Scalar, Scalar),
    BeginsWith(Scalar),
}

impl KeyCondition {
    pub(in crate::dynamodb) fn read(
        text: &str,
        placeholders: &mut Placeholders,
        keys: &KeySchema,
    ) -> Result<Self, ServiceError> {
        let mut parts = Vec::new();
        flatten(Condition::read(Role::KeyCondition, text, placeholders)?, &mut parts)?;
        let (mut hash, mut range) = (None, None);
        for (attribute, bound) in parts {
            let is_hash = attribute == keys.hash.name;
            let known = is_hash || keys.range.as_ref().is_some_and(|range| range.name == attribute);
            let of = if is_hash { &mut hash } else { &mut range };
            if !known {
                return Err(missed(keys, hash.is_some()));
            }
            if of.replace(bound).is_some() {
                return Err(validation("KeyConditionExpressions must only contain one condition per key"));
            }
        }
        let hash = match hash {
            Some(Bound::Compared(Comparator::Equal, value)) => value,
            Some(_) => return Err(not_supported()),
            None => return Err(missed(keys, false)),
        };
        check_type(&keys.hash, &hash)?;
        if let (Some(bound), Some(attribute)) = (&range, &keys.range) {
            bound.values().try_for_each(|value| check_type(attribute, value))?;
        }
        Ok(Self { hash, range })
    }

    /// Whether an entry of the partition with this sort key is asked for.
    pub(in crate::dynamodb) fn holds(&self, range: Option<&Scalar>) -> bool {
        match (&self.range, range) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(Bound::Compared(comparator, value)), Some(range)) => comparator.holds(range, value),
            (Some(Bound::Between(low, high)), Some(range)) => (low..=high).contains(&range),
            (Some(Bound::BeginsWith(prefix)), Some(range)) => range.begins_with(prefix).unwrap_or(false),
        }
    }
}

impl Bound {
    fn values(&self) -> impl Iterator<Item = &Scalar> {
        let (first, second) = match self {
            Self::Compared(_, value) | Self::BeginsWith(value) => (value, None),
            Self::Between(low, high) => (low, Some(high)),
        };
        std::iter::once(first).chain(second)
    }
}

/// Takes the conditions apart that AND joins: each is one on one attribute.
fn flatten(condition: Condition, parts: &mut Vec<(String, Bound)>) -> Result<(), ServiceError> {
    let scalar = |value: AttributeValue| match value {
        AttributeValue::Scalar(scalar) => Ok(scalar),
        _ => Err(type_mismatch()),
    };
    let part = match condition {
        Condition::All(left, right) => {
            flatten(*left, parts)?;
            return flatten(*right, parts);
        }
        Condition::Compare(Operand::Attribute(_), Comparator::NotEqual, _) => {
            return Err(validation("Unsupported operator on KeyCondition: operator: <>"));
        }
        Condition::Compare(Operand::Attribute(name), comparator, Operand::Value(value)) => {
            (name, Bound::Compared(comparator, scalar(value)?))
        }
        Condition::Between(Operand::Attribute(name), Operand::Value(low), Operand::Value(high)) => {
            (name, Bound::Between(scalar(low)?, scalar(high)?))
        }
        Condition::BeginsWith(Operand::Attribute(name), Operand::Value(prefix)) => {
            (name, Bound::BeginsWith(scalar(prefix)?))
        }
        Condition::Any(..) => return Err(invalid_operator("OR")),
        Condition::Not(_) => return Err(invalid_operator("NOT")),
        Condition::Exists(_) => return Err(invalid_operator("attribute_exists")),
        _ => return Err(not_supported()),
    };
    parts.push(part);
    Ok(())
}

fn check_type(attribute: &KeyAttribute, value: &Scalar) -> Result<(), ServiceError> {
    if value.type_name() == attribute.kind { Ok(()) } else { Err(type_mismatch()) }
}

fn type_mismatch() -> ServiceError {
    invalid("Condition parameter type does not match schema type")
}

fn not_supported() -> ServiceError {
    validation("Query key condition not supported")
}

fn invalid_operator(operator: &str) -> ServiceError {
    validation(format!("Invalid operator used in KeyConditionExpression: {operator}"))
}

/// A condition is on an attribute that is no key, where one on a key is needed.
fn missed(keys: &KeySchema, has_hash: bool) -> ServiceError {
    let missed = match &keys.range {
        Some(range) if has_hash => &range.name,
        _ => &keys.hash.name,
    };
    validation(format!("Query condition missed key schema element: {missed}"))
}
