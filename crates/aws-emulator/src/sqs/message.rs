//! A message's content: attributes, characters, size and the MD5 digests that clients check.

use std::collections::BTreeMap;
use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::answer::ServiceError;
use super::invalid_value;

/// At most so many message attributes.
const ATTRIBUTES_MAX: usize = 10;
/// Names and types of attributes are at most so long.
const ATTRIBUTE_NAME_CHARACTERS_MAX: usize = 256;

/// A message attribute as a request has it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct AttributeInput {
    data_type: String,
    string_value: Option<String>,
    /// Base64.
    binary_value: Option<String>,
}

/// A message attribute as it is kept: its data type and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attribute {
    data_type: String,
    value: AttributeValue,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum AttributeValue {
    Text(String),
    Binary(Vec<u8>),
}

/// Attributes in the order of their names, which is that of their MD5 digest.
pub(crate) type Attributes = BTreeMap<String, Attribute>;

impl Attribute {
    /// A `String` attribute.
    pub(crate) fn text(value: impl Into<String>) -> Self {
        Self { data_type: "String".to_owned(), value: AttributeValue::Text(value.into()) }
    }

    /// The value, where it is text.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match &self.value {
            AttributeValue::Text(text) => Some(text),
            AttributeValue::Binary(_) => None,
        }
    }

    pub(crate) fn to_json(&self) -> Value {
        match &self.value {
            AttributeValue::Text(text) => {
                json!({"DataType": self.data_type, "StringValue": text})
            }
            AttributeValue::Binary(bytes) => {
                json!({"DataType": self.data_type, "BinaryValue": STANDARD.encode(bytes)})
            }
        }
    }

    fn value_bytes(&self) -> &[u8] {
        match &self.value {
            AttributeValue::Text(text) => text.as_bytes(),
            AttributeValue::Binary(bytes) => bytes,
        }
    }
}

/// Checks the attributes of a request and takes their values.
pub(crate) fn read_attributes(
    inputs: Option<BTreeMap<String, AttributeInput>>,
) -> Result<Attributes, ServiceError> {
    let inputs = inputs.unwrap_or_default();
    if inputs.len() > ATTRIBUTES_MAX {
        return Err(invalid_value(format!(
            "Number of message attributes [{}] exceeds the allowed maximum [{ATTRIBUTES_MAX}].",
            inputs.len()
        )));
    }
    let read = inputs.into_iter().map(|(name, input)| {
        check_name(&name)?;
        let attribute = read_attribute(&name, input)?;
        Ok((name, attribute))
    });
    read.collect()
}

/// Checks the attributes of a batch or single send that SQS itself defines.
pub(crate) fn read_system_attributes(
    inputs: Option<BTreeMap<String, AttributeInput>>,
) -> Result<Attributes, ServiceError> {
    let read = inputs.unwrap_or_default().into_iter().map(|(name, input)| {
        if name != "AWSTraceHeader" {
            return Err(invalid_value(format!("Message system attribute name '{name}' is not valid.")));
        }
        let attribute = read_attribute(&name, input)?;
        Ok((name, attribute))
    });
    read.collect()
}

fn check_name(name: &str) -> Result<(), ServiceError> {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "_-.".contains(letter);
    let lower = name.to_ascii_lowercase();
    let reserved = lower.starts_with("aws.") || lower.starts_with("amazon.");
    let dots = name.starts_with('.') || name.ends_with('.') || name.contains("..");
    let length = name.chars().count();
    if (1..=ATTRIBUTE_NAME_CHARACTERS_MAX).contains(&length)
        && name.chars().all(allowed)
        && !reserved
        && !dots
    {
        return Ok(());
    }
    Err(invalid_value(format!(
        "The message attribute name '{name}' is invalid. It can contain A-Z, a-z, 0-9, \
         underscore, hyphen and period, is 1 to 256 characters long, must not start or end with \
         a period or have two in a row, and must not start with 'AWS.' or 'Amazon.'."
    )))
}

fn read_attribute(name: &str, input: AttributeInput) -> Result<Attribute, ServiceError> {
    let AttributeInput { data_type, string_value, binary_value } = input;
    let invalid = |what: &str| invalid_value(format!("The message attribute '{name}' {what}"));
    let primary = data_type.split('.').next().unwrap_or_default();
    let value = match (primary, string_value, binary_value) {
        ("String" | "Number", Some(text), None) => AttributeValue::Text(text),
        ("Binary", None, Some(encoded)) => match STANDARD.decode(encoded) {
            Ok(bytes) => AttributeValue::Binary(bytes),
            Err(_) => return Err(invalid("has a binary value that is not base64.")),
        },
        ("String" | "Number" | "Binary", _, _) => {
            return Err(invalid("must contain a non-empty value of its type, and no other."));
        }
        _ => {
            return Err(invalid(&format!(
                "has an invalid message attribute type '{data_type}'; the set of supported type prefixes is Binary, Number, and String."
            )));
        }
    };
    let attribute = Attribute { data_type, value };
    if attribute.data_type.chars().count() > ATTRIBUTE_NAME_CHARACTERS_MAX {
        return Err(invalid("has a type of more than 256 characters."));
    }
    if attribute.value_bytes().is_empty() {
        return Err(invalid(&format!(
            "must contain a non-empty message attribute value for message attribute type '{}'.",
            attribute.data_type
        )));
    }
    if let AttributeValue::Text(text) = &attribute.value {
        check_characters(text)?;
        if attribute.data_type.starts_with("Number") && text.trim().parse::<f64>().is_err() {
            return Err(invalid("is not a number."));
        }
    }
    Ok(attribute)
}

/// Refuses what XML 1.0 has not.
pub(crate) fn check_characters(text: &str) -> Result<(), ServiceError> {
    let allowed = |letter: char| {
        matches!(letter, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}')
            || letter >= '\u{10000}'
    };
    match text.chars().find(|letter| !allowed(*letter)) {
        None => Ok(()),
        Some(letter) => Err(ServiceError::new(
            "InvalidMessageContents",
            format!(
                "Invalid binary character '#x{:X}' was found in the message, the set of allowed \
                 characters is #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to \
                 #x10FFFF",
                u32::from(letter)
            ),
        )),
    }
}

/// What SQS counts towards its size limit: the body and every attribute's name, type and value.
pub(crate) fn size_bytes(body: &str, attributes: &Attributes) -> usize {
    let attribute_bytes = attributes
        .iter()
        .map(|(name, attribute)| name.len() + attribute.data_type.len() + attribute.value_bytes().len());
    body.len() + attribute_bytes.sum::<usize>()
}

/// The MD5 of a body, in lower-case hex.
pub(crate) fn md5_of_body(body: &str) -> String {
    hex(&Md5::digest(body))
}

/// The MD5 of attributes, in lower-case hex; `None` when there are none.
///
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html#sqs-attributes-md5-message-digest-calculation>
pub(crate) fn md5_of_attributes<'a>(
    attributes: impl IntoIterator<Item = (&'a String, &'a Attribute)>,
) -> Option<String> {
    let mut digest = Md5::new();
    let mut any = false;
    for (name, attribute) in attributes {
        any = true;
        update_with_length(&mut digest, name.as_bytes());
        update_with_length(&mut digest, attribute.data_type.as_bytes());
        digest.update(match attribute.value {
            AttributeValue::Text(_) => [1],
            AttributeValue::Binary(_) => [2],
        });
        update_with_length(&mut digest, attribute.value_bytes());
    }
    any.then(|| hex(&digest.finalize()))
}

fn update_with_length(digest: &mut Md5, bytes: &[u8]) {
    // A message is at most 1 MiB, so its parts' lengths fit 32 bits.
    digest.update(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    digest.update(bytes);
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The attributes that a receive asks for: exact names, `All`, `.*`, or `prefix.*`.
pub(crate) fn asked_for<'a>(
    attributes: &'a Attributes,
    names: &[String],
) -> Vec<(&'a String, &'a Attribute)> {
    let wanted = |name: &str| {
        names.iter().any(|asked| match asked.strip_suffix(".*") {
            Some(prefix) => name.starts_with(prefix),
            None => asked == "All" || asked == name,
        })
    };
    let chosen = attributes.iter().filter(|(name, _)| wanted(name));
    chosen.collect()
}

/// Attributes as a JSON object.
pub(crate) fn attributes_json(attributes: &[(&String, &Attribute)]) -> Value {
    let members = attributes.iter().map(|(name, attribute)| ((*name).clone(), attribute.to_json()));
    Value::Object(members.collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(data_type: &str, text: &str) -> AttributeInput {
        AttributeInput {
            data_type: data_type.to_owned(),
            string_value: Some(text.to_owned()),
            binary_value: None,
        }
    }

    fn read(name: &str, input: AttributeInput) -> Result<Attributes, ServiceError> {
        read_attributes(Some(BTreeMap::from([(name.to_owned(), input)])))
    }

    #[test]
    fn digests_are_those_of_the_service() {
        // Both are from AWS's own documentation and SDK tests.
        assert_eq!(md5_of_body("This is a test message"), "fafb00f5732ab283681e124bf8747ed1");
        let attributes = read("timestamp", input("Number", "1493147359900")).expect("it is valid");
        assert_eq!(md5_of_attributes(&attributes).as_deref(), Some("235c5c510d26fb653d073faed50ae77c"));
        assert_eq!(md5_of_attributes(&Attributes::new()), None);
    }

    #[test]
    fn characters_that_xml_has_not_are_refused() {
        assert!(check_characters("\t\n\r ~\u{d7ff}\u{e000}\u{fffd}\u{10ffff}").is_ok());
        for wrong in ["\0", "\u{8}", "\u{1f}", "\u{fffe}", "\u{ffff}"] {
            let error = check_characters(wrong).expect_err("it is not allowed");
            assert_eq!(error.code, "InvalidMessageContents");
        }
    }

    #[test]
    fn names_types_and_values_have_rules() {
        assert!(read("ERROR_CODE", input("String", "x")).is_ok());
        for (name, given) in [
            ("", input("String", "x")),
            ("a b", input("String", "x")),
            ("AWS.x", input("String", "x")),
            (".x", input("String", "x")),
            ("x", input("String", "")),
            ("x", input("Text", "x")),
            ("x", input("Number", "one")),
            ("x", input("Binary", "x")),
        ] {
            let error = read(name, given).expect_err("it is not valid");
            assert_eq!(error.code, "InvalidParameterValue", "{name}");
        }
    }

    #[test]
    fn the_size_counts_names_types_and_values() {
        let attributes = read("ab", input("String", "xyz")).expect("it is valid");
        assert_eq!(size_bytes("body", &attributes), 4 + 2 + 6 + 3);
    }
}
