//! A queue's attributes: what each may be, and what it is when nobody sets it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::answer::ServiceError;
use super::super::limits::QUEUE_ATTRIBUTE_NAMES;

/// The largest message, attributes included.
pub(crate) const MESSAGE_BYTES_MAX: u64 = 1_048_576;
/// The longest time that a message can be invisible: twelve hours.
pub(crate) const VISIBILITY_SECONDS_MAX: u64 = 43_200;

/// Integer attributes: name, smallest, largest and default value.
const NUMBERS: &[(&str, u64, u64, u64)] = &[
    ("DelaySeconds", 0, 900, 0),
    ("MaximumMessageSize", 1024, MESSAGE_BYTES_MAX, MESSAGE_BYTES_MAX),
    ("MessageRetentionPeriod", 60, 1_209_600, 345_600),
    ("ReceiveMessageWaitTimeSeconds", 0, 20, 0),
    ("VisibilityTimeout", 0, VISIBILITY_SECONDS_MAX, 30),
    ("KmsDataKeyReusePeriodSeconds", 60, 86_400, 300),
];
/// Attributes with a few possible values, the default first. FIFO only, except the last.
const CHOICES: &[(&str, &[&str])] = &[
    ("ContentBasedDeduplication", &["false", "true"]),
    ("DeduplicationScope", &["queue", "messageGroup"]),
    ("FifoThroughputLimit", &["perQueue", "perMessageGroupId"]),
    ("SqsManagedSseEnabled", &["true", "false"]),
];
/// Attributes that are kept as they are set and do nothing here.
const FREE: &[&str] = &["Policy", "KmsMasterKeyId", "RedriveAllowPolicy"];

/// Where messages go that were received too often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Redrive {
    pub(crate) dead_letter_arn: String,
    pub(crate) receives_max: u64,
}

/// The attributes of one queue that were set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Settings {
    given: BTreeMap<String, String>,
    redrive: Option<Redrive>,
}

impl Settings {
    /// Takes attributes of a `CreateQueue` or `SetQueueAttributes` over these.
    pub(crate) fn set(
        &mut self,
        attributes: BTreeMap<String, String>,
        fifo: bool,
    ) -> Result<(), ServiceError> {
        for (name, value) in &attributes {
            check(name, value, fifo)?;
        }
        if let Some(policy) = attributes.get("RedrivePolicy") {
            self.redrive = parse_redrive(policy)?;
        }
        self.given.extend(attributes);
        Ok(())
    }

    /// The value of an attribute, or its default; `None` where it has none.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        if let Some(value) = self.given.get(name) {
            return Some(value.clone());
        }
        let number = NUMBERS.iter().find(|row| row.0 == name).map(|row| row.3.to_string());
        let choice = || CHOICES.iter().find(|row| row.0 == name).map(|row| row.1[0].to_owned());
        number.or_else(choice)
    }

    /// A number among the attributes, in the attribute's own unit (seconds or bytes).
    pub(crate) fn number(&self, name: &str) -> u64 {
        // Values were checked when they were set; a name without a number is 0.
        self.text(name).and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    pub(crate) fn is(&self, name: &str, value: &str) -> bool {
        self.text(name).as_deref() == Some(value)
    }

    pub(crate) fn redrive(&self) -> Option<&Redrive> {
        self.redrive.as_ref()
    }

    /// The first of `attributes` that has another value here.
    pub(crate) fn differs_in<'a>(&self, attributes: &'a BTreeMap<String, String>) -> Option<&'a str> {
        let differs = |(name, value): &(&String, &String)| self.text(name).as_ref() != Some(value);
        attributes.iter().find(differs).map(|(name, _)| name.as_str())
    }
}

fn check(name: &str, value: &str, fifo: bool) -> Result<(), ServiceError> {
    let valid = if let Some((_, min, max, _)) = NUMBERS.iter().find(|row| row.0 == name) {
        value.parse::<u64>().is_ok_and(|number| (*min..=*max).contains(&number))
    } else if let Some((_, choices)) = CHOICES.iter().find(|row| row.0 == name) {
        if !fifo && name != "SqsManagedSseEnabled" {
            return Err(unknown_attribute(name));
        }
        choices.contains(&value)
    } else if name == "FifoQueue" {
        // A queue is FIFO from its creation, and "false" is refused for every queue.
        if !fifo {
            return Err(unknown_attribute(name));
        }
        value == "true"
    } else if name == "RedrivePolicy" {
        parse_redrive(value).is_ok()
    } else if FREE.contains(&name) {
        true
    } else {
        return Err(unknown_attribute(name));
    };
    if valid {
        return Ok(());
    }
    let message = format!("Invalid value for the parameter {name}.");
    Err(ServiceError::new("InvalidAttributeValue", message))
}

/// Refuses names that `GetQueueAttributes` does not know.
pub(crate) fn check_attribute_name(name: &str) -> Result<(), ServiceError> {
    if QUEUE_ATTRIBUTE_NAMES.contains(&name) { Ok(()) } else { Err(unknown_attribute(name)) }
}

pub(crate) fn unknown_attribute(name: &str) -> ServiceError {
    ServiceError::new("InvalidAttributeName", format!("Unknown Attribute {name}."))
}

/// Reads a redrive policy; empty text removes it. `maxReceiveCount` may be a string of digits.
fn parse_redrive(policy: &str) -> Result<Option<Redrive>, ServiceError> {
    if policy.is_empty() {
        return Ok(None);
    }
    let redrive = || {
        let policy: Value = serde_json::from_str(policy).ok()?;
        let count = policy.get("maxReceiveCount")?;
        let receives_max = match count {
            Value::String(digits) => digits.parse().ok()?,
            other => other.as_u64()?,
        };
        let dead_letter_arn = policy.get("deadLetterTargetArn")?.as_str()?.to_owned();
        (1..=1000).contains(&receives_max).then_some(Redrive { dead_letter_arn, receives_max })
    };
    redrive().map(Some).ok_or_else(|| {
        super::invalid_value(format!(
            "Value {policy} for parameter RedrivePolicy is invalid. Reason: it needs a \
             deadLetterTargetArn and a maxReceiveCount from 1 to 1000."
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(name: &str, value: &str, fifo: bool) -> Result<Settings, String> {
        let mut settings = Settings::default();
        let attributes = BTreeMap::from([(name.to_owned(), value.to_owned())]);
        let result = settings.set(attributes, fifo);
        result.map(|()| settings).map_err(|error| error.code)
    }

    #[test]
    fn attributes_have_defaults_and_ranges() {
        assert_eq!(Settings::default().number("VisibilityTimeout"), 30);
        let settings = set("VisibilityTimeout", "43200", false).expect("it is within range");
        assert_eq!(settings.number("VisibilityTimeout"), 43_200);
        let error = set("VisibilityTimeout", "43201", false).expect_err("it is out of range");
        assert_eq!(error, "InvalidAttributeValue");
    }

    #[test]
    fn fifo_attributes_are_unknown_to_a_standard_queue() {
        let error = set("ContentBasedDeduplication", "true", false).expect_err("FIFO only");
        assert_eq!(error, "InvalidAttributeName");
        assert!(set("ContentBasedDeduplication", "true", true).is_ok());
    }

    #[test]
    fn a_redrive_policy_takes_its_count_as_number_or_text() {
        for count in ["5", "\"5\""] {
            let policy = format!(r#"{{"deadLetterTargetArn":"a","maxReceiveCount":{count}}}"#);
            let settings = set("RedrivePolicy", &policy, false).expect("it is valid");
            assert_eq!(settings.redrive().map(|redrive| redrive.receives_max), Some(5));
        }
        assert!(set("RedrivePolicy", "{}", false).is_err());
    }
}
