//! Items and the values of their attributes.
//!
//! <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_AttributeValue.html>

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::number::Number;
use super::validation;
use crate::answer::ServiceError;
use crate::request::serialization_error;

/// A list or a map takes so many bytes beside its elements.
const CONTAINER_BYTES: usize = 3;

/// A value that can be a key and that has an order among those of its type.
///
/// Text is ordered by its UTF-8 bytes, which is the order of Rust's strings.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Scalar {
    Text(String),
    Number(Number),
    Binary(Vec<u8>),
}

/// The value of an attribute. It may hold a token, so it has no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum AttributeValue {
    Scalar(Scalar),
    Boolean(bool),
    Null,
    List(Vec<AttributeValue>),
    Map(BTreeMap<String, AttributeValue>),
}

/// Attributes by name: an item, a part of one, or a key.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Item(pub(super) BTreeMap<String, AttributeValue>);

impl Scalar {
    /// The type's letter in requests and answers.
    pub(super) const fn type_name(&self) -> &'static str {
        match self {
            Self::Text(_) => "S",
            Self::Number(_) => "N",
            Self::Binary(_) => "B",
        }
    }

    pub(super) fn size_bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Number(number) => number.size_bytes(),
            Self::Binary(bytes) => bytes.len(),
        }
    }

    /// Whether `self` starts with `prefix`; `None` where the two types have no beginnings.
    pub(super) fn begins_with(&self, prefix: &Self) -> Option<bool> {
        match (self, prefix) {
            (Self::Text(text), Self::Text(prefix)) => Some(text.starts_with(prefix)),
            (Self::Binary(bytes), Self::Binary(prefix)) => Some(bytes.starts_with(prefix)),
            _ => None,
        }
    }

    pub(super) fn to_json(&self) -> Value {
        match self {
            Self::Text(text) => json!({"S": text}),
            Self::Number(number) => json!({"N": number.to_string()}),
            Self::Binary(bytes) => json!({"B": STANDARD.encode(bytes)}),
        }
    }
}

impl AttributeValue {
    /// Reads `{"S": "text"}` and its like; the JSON types were checked before.
    pub(super) fn read(value: &Value) -> Result<Self, ServiceError> {
        let given = value.as_object().into_iter().flatten();
        let mut given = given.filter(|(name, value)| TYPES.contains(&name.as_str()) && !value.is_null());
        let (Some((kind, value)), None) = (given.next(), given.next()) else {
            return Err(validation(
                "Supplied AttributeValue is empty or has more than one datatypes set, must contain \
                 exactly one of the supported datatypes",
            ));
        };
        Ok(match (kind.as_str(), value) {
            ("S", Value::String(text)) => Self::Scalar(Scalar::Text(text.clone())),
            ("N", Value::String(text)) => Self::Scalar(Scalar::Number(Number::read(text)?)),
            ("B", Value::String(encoded)) => {
                let bytes = STANDARD.decode(encoded);
                Self::Scalar(Scalar::Binary(bytes.map_err(|_| serialization_error("not base64"))?))
            }
            ("BOOL", Value::Bool(value)) => Self::Boolean(*value),
            ("NULL", Value::Bool(true)) => Self::Null,
            ("NULL", _) => {
                return Err(validation(
                    "One or more parameter values were invalid: Null attribute value types must \
                     have the value of true",
                ));
            }
            ("L", Value::Array(elements)) => {
                Self::List(elements.iter().map(Self::read).collect::<Result<_, _>>()?)
            }
            ("M", Value::Object(members)) => Self::Map(Item::read(members)?.0),
            _ => return Err(super::not_modelled("sets")),
        })
    }

    pub(super) const fn type_name(&self) -> &'static str {
        match self {
            Self::Scalar(scalar) => scalar.type_name(),
            Self::Boolean(_) => "BOOL",
            Self::Null => "NULL",
            Self::List(_) => "L",
            Self::Map(_) => "M",
        }
    }

    pub(super) const fn scalar(&self) -> Option<&Scalar> {
        match self {
            Self::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    fn size_bytes(&self) -> usize {
        match self {
            Self::Scalar(scalar) => scalar.size_bytes(),
            Self::Boolean(_) | Self::Null => 1,
            Self::List(elements) => {
                CONTAINER_BYTES + elements.iter().map(|element| element.size_bytes() + 1).sum::<usize>()
            }
            Self::Map(members) => CONTAINER_BYTES + attributes_bytes(members) + members.len(),
        }
    }

    fn to_json(&self) -> Value {
        match self {
            Self::Scalar(scalar) => scalar.to_json(),
            Self::Boolean(value) => json!({"BOOL": value}),
            Self::Null => json!({"NULL": true}),
            Self::List(elements) => json!({"L": elements.iter().map(Self::to_json).collect::<Vec<_>>()}),
            Self::Map(members) => json!({"M": attributes_json(members)}),
        }
    }
}

/// The types' letters, the sets among them.
const TYPES: &[&str] = &["S", "N", "B", "SS", "NS", "BS", "M", "L", "NULL", "BOOL"];

impl Item {
    pub(super) fn read(attributes: &Map<String, Value>) -> Result<Self, ServiceError> {
        let read = |(name, value): (&String, &Value)| Ok((name.clone(), AttributeValue::read(value)?));
        attributes.iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    pub(super) fn get(&self, name: &str) -> Option<&AttributeValue> {
        self.0.get(name)
    }

    /// Names and values, as `DynamoDB` counts them.
    ///
    /// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>
    pub(super) fn size_bytes(&self) -> usize {
        attributes_bytes(&self.0)
    }

    /// The attributes of these names.
    pub(super) fn only<'a>(&self, names: impl Iterator<Item = &'a str>) -> Self {
        let kept = names.filter_map(|name| Some((name.to_owned(), self.0.get(name)?.clone())));
        Self(kept.collect())
    }

    pub(super) fn to_json(&self) -> Value {
        attributes_json(&self.0)
    }
}

fn attributes_bytes(attributes: &BTreeMap<String, AttributeValue>) -> usize {
    attributes.iter().map(|(name, value)| name.len() + value.size_bytes()).sum()
}

fn attributes_json(attributes: &BTreeMap<String, AttributeValue>) -> Value {
    let members = attributes.iter().map(|(name, value)| (name.clone(), value.to_json()));
    Value::Object(members.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(value: &Value) -> Result<Item, ServiceError> {
        Item::read(value.as_object().expect("it is an object"))
    }

    #[test]
    fn a_value_is_given_back_as_it_came_and_a_number_normalized() {
        let value = json!({
            "text": {"S": "ü"}, "number": {"N": "1.0"}, "bytes": {"B": "AAE="}, "yes": {"BOOL": true},
            "nothing": {"NULL": true}, "list": {"L": [{"S": ""}]}, "map": {"M": {"a": {"N": "2"}}},
        });
        let mut expected = value.clone();
        expected["number"] = json!({"N": "1"});
        assert_eq!(item(&value).expect("it is valid").to_json(), expected);
    }

    #[test]
    fn a_value_has_one_type_that_is_known_here() {
        for wrong in [json!({}), json!({"S": "a", "N": "1"}), json!({"NULL": false}), json!({"SS": ["a"]})] {
            let told = item(&json!({ "a": wrong })).err().expect("it is wrong");
            assert_eq!(told.code, "ValidationException");
        }
        let told = item(&json!({"a": {"B": "%"}})).err().expect("it is wrong");
        assert_eq!(told.code, "SerializationException");
    }

    #[test]
    fn the_size_of_an_item_is_that_of_its_names_and_values() {
        for (value, bytes) in [
            (json!({"ab": {"S": "ü"}}), 4),
            (json!({"a": {"N": "123"}}), 4),
            (json!({"a": {"BOOL": true}, "b": {"NULL": true}}), 4),
            (json!({"a": {"L": [{"S": "b"}]}}), 6),
            (json!({"a": {"M": {"b": {"S": "c"}}}}), 7),
        ] {
            assert_eq!(item(&value).expect("it is valid").size_bytes(), bytes, "{value}");
        }
    }
}
