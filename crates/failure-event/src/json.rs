//! JSON as text: checked to be legal, read only as deep as it is asked, never rebuilt.
//!
//! A relay must hand on what it does not understand. A tree of values would lose big numbers, key
//! order and blanks, overflow the stack on deep nesting, and refuse a lone surrogate. So a [`Json`] is
//! a borrowed slice of the text as it was published; an object is split into its members one level
//! at a time. Checking is iterative: nesting of any depth costs heap, never stack.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// One legal JSON value, as the text in which it was written (without blanks around it).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Json<'a> {
    text: &'a str,
}

impl fmt::Debug for Json<'_> {
    /// Type and length: the text may hold a token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} of {} bytes", self.json_type(), self.text.len())
    }
}

/// The JSON type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// A number of any size.
    Number,
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

/// Why a text is no JSON. It names the place and never quotes the text, which may hold secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotJson {
    /// What was expected or found.
    pub reason: String,
    /// 1-based line.
    pub line: usize,
    /// 1-based column in bytes, 0 at the very start of the text.
    pub column: usize,
}

impl fmt::Display for NotJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for NotJson {}

impl From<serde_json::Error> for NotJson {
    fn from(error: serde_json::Error) -> Self {
        Self { reason: error.to_string(), line: error.line(), column: error.column() }
    }
}

impl<'a> Json<'a> {
    /// Checks that `text` is one JSON value; a byte order mark before it is read past.
    ///
    /// # Errors
    /// [`NotJson`] with the place of the first fault.
    pub fn parse(text: &'a str) -> Result<Self, NotJson> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let raw: &'a RawValue = serde_json::from_str(text)?;
        Ok(Self { text: raw.get() })
    }

    /// The text as it was published, byte for byte.
    #[must_use]
    pub fn text(self) -> &'a str {
        self.text
    }

    /// The JSON type, told by the first character: the text is known to be legal.
    #[must_use]
    pub fn json_type(self) -> Type {
        match self.text.as_bytes().first() {
            Some(b'{') => Type::Object,
            Some(b'[') => Type::Array,
            Some(b'"') => Type::String,
            Some(b't' | b'f') => Type::Bool,
            Some(b'n') | None => Type::Null,
            Some(_) => Type::Number,
        }
    }

    /// The members, when this is an object.
    #[must_use]
    pub fn object(self) -> Option<Object<'a>> {
        if self.json_type() != Type::Object {
            return None;
        }
        let members =
            (&mut serde_json::Deserializer::from_str(self.text)).deserialize_map(MembersVisitor).ok()?;
        Some(Object { json: self, members })
    }

    /// The items, when this is an array.
    #[must_use]
    pub fn array(self) -> Option<Vec<Json<'a>>> {
        if self.json_type() != Type::Array {
            return None;
        }
        let items: Vec<&'a RawValue> = serde_json::from_str(self.text).ok()?;
        Some(items.into_iter().map(|raw| Json { text: raw.get() }).collect())
    }

    /// The characters, when this is a string.
    #[must_use]
    pub fn string(self) -> Option<JsonString<'a>> {
        if self.json_type() != Type::String {
            return None;
        }
        BytesSeed.deserialize(&mut serde_json::Deserializer::from_str(self.text)).ok()
    }

    /// What this value says as text: a string's characters, anything else its compact JSON text.
    #[must_use]
    pub fn to_text(self) -> Cow<'a, str> {
        match self.string() {
            Some(string) => string.text,
            None => Cow::Owned(self.compact()),
        }
    }

    /// The same JSON text without the blanks between its tokens.
    #[must_use]
    pub fn compact(self) -> String {
        let mut out = String::with_capacity(self.text.len());
        let mut in_string = false;
        let mut escaped = false;
        for character in self.text.chars() {
            if in_string {
                in_string = escaped || character != '"';
                escaped = !escaped && character == '\\';
            } else if matches!(character, ' ' | '\t' | '\n' | '\r') {
                continue;
            } else {
                in_string = character == '"';
            }
            out.push(character);
        }
        out
    }

    /// The value at a JSON pointer (RFC 6901), `None` where there is none or it is `null`.
    #[must_use]
    pub fn pointer(self, pointer: &str) -> Option<Json<'a>> {
        let mut here = self;
        for token in pointer.strip_prefix('/')?.split('/') {
            let token = token.replace("~1", "/").replace("~0", "~");
            here = match here.json_type() {
                Type::Object => here.object()?.member(&token)?,
                Type::Array => array_index(&token).and_then(|index| here.array()?.get(index).copied())?,
                _ => return None,
            };
        }
        (here.json_type() != Type::Null).then_some(here)
    }
}

/// RFC 6901 array indices have no leading zeros and no sign.
fn array_index(token: &str) -> Option<usize> {
    let canonical = token == "0" || (!token.starts_with('0') && token.bytes().all(|b| b.is_ascii_digit()));
    canonical.then(|| token.parse().ok())?
}

/// A JSON string's characters.
#[derive(Clone, PartialEq, Eq)]
pub struct JsonString<'a> {
    /// The characters; each lone surrogate is replaced by U+FFFD.
    pub text: Cow<'a, str>,
    /// Whether the string holds a surrogate without its pair, which no text can.
    pub has_lone_surrogate: bool,
    escaped: Option<String>,
}

impl fmt::Debug for JsonString<'_> {
    /// The length: the text may be a token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "String of {} bytes", self.text.len())
    }
}

impl<'a> From<&'a str> for JsonString<'a> {
    fn from(text: &'a str) -> Self {
        Self::clean(Cow::Borrowed(text))
    }
}

impl<'a> JsonString<'a> {
    /// The characters as JSON text that is itself to be parsed: a lone surrogate stays what it was, as
    /// an escape, so that the inner reader sees it where it stood.
    #[must_use]
    pub fn into_embedded(self) -> Cow<'a, str> {
        match self.escaped {
            Some(escaped) => Cow::Owned(escaped),
            None => self.text,
        }
    }

    /// [`JsonString::into_embedded`], borrowed.
    #[must_use]
    pub fn embedded(&self) -> &str {
        self.escaped.as_deref().unwrap_or(&self.text)
    }

    /// What stands behind the first `start` bytes of the text, before which there is no lone surrogate.
    ///
    /// # Panics
    /// When a character does not begin there.
    #[must_use]
    pub fn from_byte(self, start: usize) -> Self {
        let tail = |text: String| text[start..].to_owned();
        let text = match self.text {
            Cow::Borrowed(text) => Cow::Borrowed(&text[start..]),
            Cow::Owned(text) => Cow::Owned(tail(text)),
        };
        Self { text, has_lone_surrogate: self.has_lone_surrogate, escaped: self.escaped.map(tail) }
    }

    fn from_wtf8(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::clean(Cow::Owned(text.to_owned())),
            Err(_) => Self::with_lone_surrogates(bytes),
        }
    }

    fn clean(text: Cow<'a, str>) -> Self {
        Self { text, has_lone_surrogate: false, escaped: None }
    }

    /// In WTF-8 a lone surrogate is the three bytes `ED A0..BF 80..BF`; all else is UTF-8.
    fn with_lone_surrogates(mut bytes: &[u8]) -> Self {
        let (mut text, mut escaped) =
            (String::with_capacity(bytes.len()), String::with_capacity(bytes.len()));
        while let Err(error) = std::str::from_utf8(bytes) {
            let (valid, rest) = bytes.split_at(error.valid_up_to());
            let valid = String::from_utf8_lossy(valid);
            text.push_str(&valid);
            escaped.push_str(&valid);
            let (surrogate, after) = rest.split_at(rest.len().min(3));
            let unit = surrogate.iter().fold(0u32, |unit, byte| (unit << 6) | u32::from(byte & 0x3f));
            text.push('\u{fffd}');
            escaped.push_str(&format!("\\u{:04x}", unit & 0xffff));
            bytes = after;
        }
        let tail = String::from_utf8_lossy(bytes);
        text.push_str(&tail);
        escaped.push_str(&tail);
        Self { text: Cow::Owned(text), has_lone_surrogate: true, escaped: Some(escaped) }
    }
}

/// An object, one level deep. Of members with the same name the last one counts.
#[derive(Clone, Debug)]
pub struct Object<'a> {
    json: Json<'a>,
    members: Vec<(Cow<'a, str>, Json<'a>)>,
}

impl<'a> Object<'a> {
    /// The value of a member; `null` counts as absent.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<Json<'a>> {
        self.member_or_null(name).filter(|value| value.json_type() != Type::Null)
    }

    /// The value of a member, `null` included.
    #[must_use]
    pub fn member_or_null(&self, name: &str) -> Option<Json<'a>> {
        self.members.iter().rev().find(|(key, _)| key == name).map(|(_, value)| *value)
    }

    /// A member that is an object.
    #[must_use]
    pub fn object(&self, name: &str) -> Option<Object<'a>> {
        self.member(name)?.object()
    }

    /// A member that is a string, its lone surrogates replaced.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        Some(self.member(name)?.string()?.text)
    }

    /// A descriptive member as text: absent when it is absent, `null` or empty; compact JSON when it is no
    /// string.
    #[must_use]
    pub fn description(&self, name: &str) -> Option<Cow<'a, str>> {
        Some(self.member(name)?.to_text()).filter(|text| !text.is_empty())
    }

    /// The members in the order of the text.
    pub fn members(&self) -> impl Iterator<Item = (&str, Json<'a>)> {
        self.members.iter().map(|(name, value)| (name.as_ref(), *value))
    }

    /// The object as JSON.
    #[must_use]
    pub fn json(&self) -> Json<'a> {
        self.json
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Vec<(Cow<'de, str>, Json<'de>)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(name) = map.next_key_seed(BytesSeed)? {
            let value: &'de RawValue = map.next_value()?;
            members.push((name.text, Json { text: value.get() }));
        }
        Ok(members)
    }
}

/// Reads a JSON string as bytes: the one way in which `serde_json` accepts a lone surrogate (as WTF-8).
struct BytesSeed;

impl<'de> DeserializeSeed<'de> for BytesSeed {
    type Value = JsonString<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_bytes(self)
    }
}

impl<'de> Visitor<'de> for BytesSeed {
    type Value = JsonString<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON string")
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Self::Value, E> {
        Ok(JsonString::from_wtf8(bytes))
    }

    fn visit_borrowed_bytes<E>(self, bytes: &'de [u8]) -> Result<Self::Value, E> {
        Ok(match std::str::from_utf8(bytes) {
            Ok(text) => JsonString::clean(Cow::Borrowed(text)),
            Err(_) => JsonString::with_lone_surrogates(bytes),
        })
    }
}

/// A text as a JSON string, quotes included.
#[must_use]
pub fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nesting_of_any_depth_is_legal() {
        let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
        assert_eq!(Json::parse(&deep).unwrap().text(), deep);
        let inside = format!("{{\"a\":{deep}}}");
        let object = Json::parse(&inside).unwrap().object().unwrap();
        assert_eq!(object.member("a").unwrap().compact(), deep);
    }

    #[test]
    fn numbers_keep_their_digits() {
        let text = r#"{"n": 1e999999, "m": 12345678901234567890123456789.10}"#;
        let object = Json::parse(text).unwrap().object().unwrap();
        assert_eq!(object.member("n").unwrap().to_text(), "1e999999");
        assert_eq!(object.member("m").unwrap().to_text(), "12345678901234567890123456789.10");
    }

    #[test]
    fn a_lone_surrogate_becomes_a_replacement_character_and_is_told() {
        let string = Json::parse(r#""a\ud800b\udc00\ud83d\ude00""#).unwrap().string().unwrap();
        assert_eq!(string.text, "a\u{fffd}b\u{fffd}😀");
        assert!(string.has_lone_surrogate);
        assert_eq!(string.into_embedded(), "a\\ud800b\\udc00😀");
        assert!(!Json::parse(r#""\ud83d\ude00""#).unwrap().string().unwrap().has_lone_surrogate);
    }

    #[test]
    fn a_lone_surrogate_in_a_member_name_spoils_nothing() {
        let object = Json::parse(r#"{"\udfff": 1, "b": 2}"#).unwrap().object().unwrap();
        assert_eq!(object.member("b").unwrap().text(), "2");
    }

    #[test]
    fn of_members_with_one_name_the_last_counts() {
        let object = Json::parse(r#"{"a": 1, "a": null, "b": 1, "b": "x"}"#).unwrap().object().unwrap();
        assert_eq!(object.member("a"), None);
        assert_eq!(object.text("b").unwrap(), "x");
    }

    #[test]
    fn compact_text_loses_blanks_only_between_tokens() {
        let json = Json::parse("{ \"a b\" : [ 1 , \"\\\" x\" ] ,\n\t\"c\\\\\" : { } }").unwrap();
        assert_eq!(json.compact(), r#"{"a b":[1,"\" x"],"c\\":{}}"#);
    }

    #[test]
    fn a_byte_order_mark_is_read_past_once() {
        assert_eq!(Json::parse("\u{feff} {} ").unwrap().text(), "{}");
        assert!(Json::parse("\u{feff}\u{feff}{}").is_err());
    }

    #[test]
    fn a_fault_is_placed_and_never_quoted() {
        let error = Json::parse("{\n  \"taskToken\": secret }").unwrap_err();
        assert_eq!((error.line, error.column), (2, 16));
        assert!(!error.to_string().contains("secret"));
        assert!(Json::parse("{} x").is_err());
        assert!(Json::parse("").is_err());
    }

    #[test]
    fn a_pointer_reaches_members_and_items() {
        let json = Json::parse(r#"{"a/b": {"~": [0, {"t": "x"}]}, "n": null}"#).unwrap();
        assert_eq!(json.pointer("/a~1b/~0/1/t").unwrap().text(), r#""x""#);
        assert_eq!(json.pointer("/a~1b/~0/01/t"), None);
        assert_eq!(json.pointer("/n"), None);
        assert_eq!(json.pointer("n"), None);
    }
}
