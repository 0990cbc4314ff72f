//! Shapes of requests, as the services' own models describe them, and the check against them.

use serde_json::Value;

/// What a member of a request may be.
///
/// The variants and their limits are those of botocore's `service-2.json`; `None` is no limit.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    Text(Text),
    Integer(Range),
    Boolean,
    Timestamp,
    /// Base64 of bytes; a length is theirs.
    Blob(Text),
    List(&'static Shape, Range),
    Map(&'static Shape, &'static Shape, Range),
    Structure(&'static [Member]),
    /// A structure inside itself: its members are those of the outer one.
    Recursive(&'static [Member]),
}

/// A named member of a structure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member {
    pub(crate) name: &'static str,
    pub(crate) required: bool,
    pub(crate) shape: Shape,
}

/// Limits of a string; lengths count UTF-16 code units, as Java's `String.length()` does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text {
    pub(crate) length: Range,
    pub(crate) pattern: Option<Pattern>,
    pub(crate) one_of: &'static [&'static str],
    /// Marked so in the model: the service does not echo it.
    pub(crate) sensitive: bool,
    /// A bearer secret that the model does not mark: the endpoint does not echo it either.
    pub(crate) secret: bool,
}

/// Inclusive limits of a length, of a number of elements or of an integer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Range {
    pub(crate) min: Option<u32>,
    pub(crate) max: Option<u32>,
}

/// A regular expression of the model, which the whole value must match.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pattern {
    /// The expression as the model writes it, for messages and for the comparison with the model.
    pub(crate) source: &'static str,
    /// The same rule by hand: a regular expression engine is not worth its weight here.
    pub(crate) holds: fn(&str) -> bool,
}

pub(crate) const ANY: Range = Range { min: None, max: None };

pub(crate) const fn between(min: u32, max: u32) -> Range {
    Range { min: Some(min), max: Some(max) }
}

pub(crate) const fn at_most(max: u32) -> Range {
    Range { min: None, max: Some(max) }
}

pub(crate) const fn text(length: Range) -> Text {
    Text { length, pattern: None, one_of: &[], sensitive: false, secret: false }
}

impl Text {
    pub(crate) const fn sensitive(self) -> Self {
        Self { sensitive: true, ..self }
    }

    pub(crate) const fn secret(self) -> Self {
        Self { secret: true, ..self }
    }

    pub(crate) const fn matching(self, source: &'static str, holds: fn(&str) -> bool) -> Self {
        Self { pattern: Some(Pattern { source, holds }), ..self }
    }

    pub(crate) const fn one_of(self, values: &'static [&'static str]) -> Self {
        Self { one_of: values, ..self }
    }

    pub(crate) const fn shape(self) -> Shape {
        Shape::Text(self)
    }
}

pub(crate) const fn required(name: &'static str, shape: Shape) -> Member {
    Member { name, required: true, shape }
}

pub(crate) const fn optional(name: &'static str, shape: Shape) -> Member {
    Member { name, required: false, shape }
}

/// One broken constraint of a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    /// Where, as AWS writes it: `failureDetails.message`, `entries.1.member.source`.
    pub(crate) path: String,
    /// The member is required and missing.
    pub(crate) missing: bool,
    /// The whole sentence, `Value … failed to satisfy constraint: …`.
    pub(crate) sentence: String,
}

impl Violation {
    fn new(path: &str, shown: &str, constraint: &str) -> Self {
        Self {
            path: path.to_owned(),
            missing: false,
            sentence: format!("Value {shown}at '{path}' failed to satisfy constraint: {constraint}"),
        }
    }

    fn missing(path: &str) -> Self {
        Self { missing: true, ..Self::new(path, "null ", "Member must not be null") }
    }
}

/// The first place where `value` is of another JSON type than the shape, if there is one.
///
/// The services refuse such a request before they look at any limit.
pub(crate) fn type_error(shape: &Shape, value: &Value) -> Option<String> {
    match (shape, value) {
        (_, Value::Null)
        | (Shape::Text(_) | Shape::Blob(_), Value::String(_))
        | (Shape::Timestamp, Value::Number(_))
        | (Shape::Boolean, Value::Bool(_)) => None,
        (Shape::Integer(_), Value::Number(number)) if number.is_i64() => None,
        (Shape::List(of, _), Value::Array(elements)) => {
            elements.iter().find_map(|element| type_error(of, element))
        }
        (Shape::Map(_, of, _), Value::Object(members)) => {
            members.values().find_map(|member| type_error(of, member))
        }
        (Shape::Structure(members) | Shape::Recursive(members), Value::Object(given)) => {
            members.iter().find_map(|member| type_error(&member.shape, given.get(member.name)?))
        }
        (expected, found) => {
            Some(format!("{} can not be converted to {}", json_type(found), expected.type_name()))
        }
    }
}

/// Every constraint that `value` breaks, in the order of the shape's members.
pub(crate) fn violations(shape: &Shape, value: &Value) -> Vec<Violation> {
    let mut found = Vec::new();
    collect(shape, value, "", &mut found);
    found
}

fn collect(shape: &Shape, value: &Value, path: &str, found: &mut Vec<Violation>) {
    match (shape, value) {
        (Shape::Text(limits), Value::String(text)) => limits.collect(text, path, found),
        (Shape::Blob(limits), Value::String(encoded)) => {
            let bytes = encoded.trim_end_matches('=').len() * 3 / 4;
            if let Some(rule) = limits.length.broken_by_length(bytes) {
                let constraint = format!("Member must have length {rule}");
                found.push(Violation::new(path, "", &constraint));
            }
        }
        (Shape::Integer(range), Value::Number(number)) => {
            if let Some(rule) = number.as_i64().and_then(|number| range.broken_by(number)) {
                let constraint = format!("Member must have value {rule}");
                found.push(Violation::new(path, &format!("'{number}' "), &constraint));
            }
        }
        (Shape::List(of, range), Value::Array(elements)) => {
            if let Some(rule) = range.broken_by_length(elements.len()) {
                let constraint = format!("Member must have length {rule}");
                found.push(Violation::new(path, "", &constraint));
            }
            for (index, element) in elements.iter().enumerate() {
                collect(of, element, &format!("{path}.{}.member", index + 1), found);
            }
        }
        (Shape::Map(_, of, range), Value::Object(members)) => {
            if let Some(rule) = range.broken_by_length(members.len()) {
                let constraint = format!("Member must have length {rule}");
                found.push(Violation::new(path, "", &constraint));
            }
            for (key, member) in members {
                collect(of, member, &format!("{path}.{key}.member"), found);
            }
        }
        (Shape::Structure(members) | Shape::Recursive(members), Value::Object(given)) => {
            for member in *members {
                let path = member_path(path, member.name);
                match given.get(member.name) {
                    None | Some(Value::Null) if member.required => {
                        found.push(Violation::missing(&path));
                    }
                    None | Some(Value::Null) => {}
                    Some(value) => collect(&member.shape, value, &path, found),
                }
            }
        }
        // Other types were refused by `type_error` before.
        _ => {}
    }
}

/// AWS writes paths with a small first letter, whatever the member's own name has.
fn member_path(parent: &str, name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|letter| letter.to_ascii_lowercase());
    let name: String = first.into_iter().chain(letters).collect();
    if parent.is_empty() { name } else { format!("{parent}.{name}") }
}

impl Text {
    fn collect(&self, text: &str, path: &str, found: &mut Vec<Violation>) {
        let shown = if self.sensitive || self.secret { String::new() } else { format!("'{text}' ") };
        if let Some(rule) = self.length.broken_by_length(text.encode_utf16().count()) {
            let constraint = format!("Member must have length {rule}");
            found.push(Violation::new(path, &shown, &constraint));
        }
        if let Some(pattern) = self.pattern.filter(|pattern| !(pattern.holds)(text)) {
            let constraint = format!("Member must satisfy regular expression pattern: {}", pattern.source);
            found.push(Violation::new(path, &shown, &constraint));
        }
        if !self.one_of.is_empty() && !self.one_of.contains(&text) {
            let constraint = format!("Member must satisfy enum value set: [{}]", self.one_of.join(", "));
            found.push(Violation::new(path, &shown, &constraint));
        }
    }
}

impl Range {
    fn broken_by(self, number: i64) -> Option<String> {
        match (self.min.map(i64::from), self.max.map(i64::from)) {
            (Some(min), _) if number < min => Some(format!("greater than or equal to {min}")),
            (_, Some(max)) if number > max => Some(format!("less than or equal to {max}")),
            _ => None,
        }
    }

    fn broken_by_length(self, length: usize) -> Option<String> {
        self.broken_by(i64::try_from(length).unwrap_or(i64::MAX))
    }
}

impl Shape {
    /// The name of this shape's type in the model.
    pub(crate) const fn type_name(&self) -> &'static str {
        match self {
            Self::Text(_) => "string",
            Self::Integer(_) => "integer",
            Self::Boolean => "boolean",
            Self::Timestamp => "timestamp",
            Self::Blob(_) => "blob",
            Self::List(..) => "list",
            Self::Map(..) => "map",
            Self::Structure(_) | Self::Recursive(_) => "structure",
        }
    }
}

fn json_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "NULL_VALUE",
        Value::Bool(true) => "TRUE_VALUE",
        Value::Bool(false) => "FALSE_VALUE",
        Value::Number(_) => "NUMBER_VALUE",
        Value::String(_) => "STRING_VALUE",
        Value::Array(_) => "START_ARRAY",
        Value::Object(_) => "START_OBJECT",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const SHAPE: Shape = Shape::Structure(&[
        required("taskToken", text(between(1, 4)).secret().shape()),
        optional("cause", text(at_most(3)).shape()),
        optional("Kind", text(ANY).one_of(&["A", "B"]).shape()),
        optional("Entries", Shape::List(&text(at_most(1)).shape(), between(1, 2))),
    ]);

    fn sentences(value: &Value) -> Vec<String> {
        let found = violations(&SHAPE, value);
        found.into_iter().map(|violation| violation.sentence).collect()
    }

    #[test]
    fn a_request_within_its_limits_breaks_nothing() {
        assert!(sentences(&json!({"taskToken": "abcd", "cause": "äöü", "other": 1})).is_empty());
    }

    #[test]
    fn lengths_count_utf_16_code_units() {
        assert_eq!(
            sentences(&json!({"taskToken": "t", "cause": "😀😀"})),
            [
                "Value '😀😀' at 'cause' failed to satisfy constraint: Member must have length less than or equal to 3"
            ]
        );
    }

    #[test]
    fn a_secret_is_never_echoed() {
        let found = sentences(&json!({"taskToken": "secret"}));
        assert_eq!(
            found,
            [
                "Value at 'taskToken' failed to satisfy constraint: Member must have length less than or equal to 4"
            ]
        );
    }

    #[test]
    fn missing_members_enums_and_lists_are_told_in_aws_s_words() {
        assert_eq!(
            sentences(&json!({"Kind": "C", "Entries": ["xx"]})),
            [
                "Value null at 'taskToken' failed to satisfy constraint: Member must not be null",
                "Value 'C' at 'kind' failed to satisfy constraint: Member must satisfy enum value set: [A, B]",
                "Value 'xx' at 'entries.1.member' failed to satisfy constraint: Member must have length less than or equal to 1",
            ]
        );
    }

    #[test]
    fn another_json_type_is_a_type_error_before_any_limit() {
        let found = type_error(&SHAPE, &json!({"taskToken": 1}));
        assert_eq!(found.as_deref(), Some("NUMBER_VALUE can not be converted to string"));
        assert_eq!(type_error(&SHAPE, &json!({"taskToken": null})), None);
    }
}
