//! JSON as text: checked to be legal, read only as deep as it is asked, never rebuilt.
//!
//! A relay must hand on what it does not understand. A tree of values would lose big numbers, key
//! order and blanks, overflow the stack on deep nesting, and refuse a lone surrogate. So a [`Json`] is
//! a borrowed slice of the text as it was published; an object is split into its members one level
//! at a time. Checking is iterative: nesting of any depth costs heap, never stack.

use std::borrow::Cow;
use std::fmt;

use serde_json::value::RawValue;

mod object;

pub use object::{NameSieve, Object};

use crate::json_scan::{
    LoneSurrogates, blanks_end, compacted, escapes_end, is_escaped, unescaped, value_end,
};

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
        (self.json_type() == Type::Object).then(|| Object::at_start_of(self.text))
    }

    /// The items, when this is an array.
    #[must_use]
    pub fn array(self) -> Option<Array<'a>> {
        (self.json_type() == Type::Array).then_some(Array { json: self })
    }

    /// The characters, when this is a string.
    #[must_use]
    pub fn string(self) -> Option<JsonString<'a>> {
        (self.json_type() == Type::String).then(|| JsonString::of_literal(self.text))
    }

    /// The first characters, when this is a string: as many as stand in `length` bytes of it, or a few more.
    #[must_use]
    pub fn string_start(self, length: usize) -> Option<Cow<'a, str>> {
        if self.json_type() != Type::String {
            return None;
        }
        let raw = &self.text[1..self.text.len() - 1];
        let end = escapes_end(raw, length);
        Some(unescaped_or_borrowed(&raw[..end]))
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
        compacted(self.text)
    }

    /// The value at a JSON pointer (RFC 6901), `None` where there is none or it is `null`.
    #[must_use]
    pub fn pointer(self, pointer: &str) -> Option<Json<'a>> {
        let mut here = self;
        for token in pointer.strip_prefix('/')?.split('/') {
            here = match here.json_type() {
                Type::Object => here.object()?.member(&member_name(token))?,
                Type::Array => array_index(token).and_then(|index| here.array()?.into_iter().nth(index))?,
                _ => return None,
            };
        }
        (here.json_type() != Type::Null).then_some(here)
    }
}

/// The name of a member as a JSON pointer's token writes it.
fn member_name(token: &str) -> Cow<'_, str> {
    if token.contains('~') {
        Cow::Owned(token.replace("~1", "/").replace("~0", "~"))
    } else {
        Cow::Borrowed(token)
    }
}

/// RFC 6901 array indices have no leading zeros and no sign.
fn array_index(token: &str) -> Option<usize> {
    let canonical = token == "0" || (!token.starts_with('0') && token.bytes().all(|b| b.is_ascii_digit()));
    canonical.then(|| token.parse().ok())?
}

/// The items of an array, found one after the other: a million of them take no memory.
#[derive(Clone, Copy, Debug)]
pub struct Array<'a> {
    json: Json<'a>,
}

impl Default for Array<'_> {
    fn default() -> Self {
        Self { json: Json { text: "[]" } }
    }
}

impl<'a> Array<'a> {
    /// The one item, where there is no other.
    #[must_use]
    pub fn only(self) -> Option<Json<'a>> {
        let mut items = self.into_iter();
        items.next().filter(|_| items.next().is_none())
    }

    /// The items, each with its members where it is an object: quicker than to find an item's end first and then its members.
    pub fn with_objects(self) -> impl Iterator<Item = (Json<'a>, Option<Object<'a>>)> {
        let mut items = self.into_iter();
        std::iter::from_fn(move || {
            let rest = items.rest()?;
            if !rest.starts_with('{') {
                return items.next().map(|item| (item, None));
            }
            let object = Object::at_start_of(rest);
            Some((items.pass(object.json().text), Some(object)))
        })
    }
}

impl<'a> IntoIterator for Array<'a> {
    type Item = Json<'a>;
    type IntoIter = Items<'a>;

    fn into_iter(self) -> Items<'a> {
        Items { text: self.json.text, at: 1 }
    }
}

/// See [`Array`].
#[derive(Clone, Debug)]
pub struct Items<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Items<'a> {
    /// The text from the next item on, where there is one.
    fn rest(&self) -> Option<&'a str> {
        let start = blanks_end(self.text.as_bytes(), self.at);
        self.text.get(start..).filter(|rest| !matches!(rest.as_bytes().first(), None | Some(b']')))
    }

    /// Goes on behind the next item, whose text this is.
    fn pass(&mut self, text: &'a str) -> Json<'a> {
        let bytes = self.text.as_bytes();
        let end = blanks_end(bytes, blanks_end(bytes, self.at) + text.len());
        // Behind a value there is a comma or the closing bracket.
        self.at = if bytes.get(end) == Some(&b',') { end + 1 } else { bytes.len() };
        Json { text }
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Json<'a>;

    fn next(&mut self) -> Option<Json<'a>> {
        let rest = self.rest()?;
        Some(self.pass(&rest[..value_end(rest.as_bytes(), 0)]))
    }
}

/// A JSON string's characters.
#[derive(Clone, PartialEq, Eq)]
pub struct JsonString<'a> {
    /// The characters; each lone surrogate is replaced by U+FFFD.
    pub text: Cow<'a, str>,
    /// Whether the string holds a surrogate without its pair, which no text can.
    pub has_lone_surrogate: bool,
    /// What stands between the quotes, where there are any.
    raw: &'a str,
}

impl fmt::Debug for JsonString<'_> {
    /// The length: the text may be a token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "String of {} bytes", self.text.len())
    }
}

impl<'a> From<&'a str> for JsonString<'a> {
    fn from(text: &'a str) -> Self {
        Self { text: Cow::Borrowed(text), has_lone_surrogate: false, raw: text }
    }
}

impl<'a> JsonString<'a> {
    /// The characters as JSON text that is itself to be parsed: a lone surrogate stays what it was, as
    /// an escape, so that the inner reader sees it where it stood.
    #[must_use]
    pub fn into_embedded(self) -> Cow<'a, str> {
        if self.has_lone_surrogate { Cow::Owned(self.with_surrogates_escaped()) } else { self.text }
    }

    /// [`JsonString::into_embedded`], borrowed where that is possible.
    #[must_use]
    pub fn embedded(&self) -> Cow<'_, str> {
        if self.has_lone_surrogate {
            Cow::Owned(self.with_surrogates_escaped())
        } else {
            Cow::Borrowed(&self.text)
        }
    }

    /// What stands behind the first `start` bytes of the text, before which there is no lone surrogate.
    ///
    /// # Panics
    /// When a character does not begin there.
    #[must_use]
    pub fn from_byte(self, start: usize) -> Self {
        let text = match self.text {
            Cow::Borrowed(text) => Cow::Borrowed(&text[start..]),
            Cow::Owned(text) => Cow::Owned(text[start..].to_owned()),
        };
        Self {
            text,
            has_lone_surrogate: self.has_lone_surrogate,
            raw: &self.raw[raw_offset(self.raw, start)..],
        }
    }

    /// The characters of a legal string literal.
    fn of_literal(literal: &'a str) -> Self {
        let raw = &literal[1..literal.len() - 1];
        if !is_escaped(raw) {
            return Self::from(raw);
        }
        let (text, has_lone_surrogate) = unescaped(raw, LoneSurrogates::Replaced);
        Self { text: Cow::Owned(text), has_lone_surrogate, raw }
    }

    fn with_surrogates_escaped(&self) -> String {
        unescaped(self.raw, LoneSurrogates::Kept).0
    }
}

/// Where the characters behind the first `length` bytes of a string begin in its literal.
fn raw_offset(raw: &str, length: usize) -> usize {
    let (mut at, mut read) = (0, 0);
    while read < length {
        let escape = match raw.as_bytes().get(at..at + 2) {
            Some(b"\\u") => {
                raw.get(at..at + 12).filter(|pair| pair[6..].starts_with("\\u")).map_or(6, |pair| {
                    let is_pair = unescaped(pair, LoneSurrogates::Replaced).0.chars().count() == 1;
                    if is_pair { 12 } else { 6 }
                })
            }
            Some([b'\\', _]) => 2,
            _ => 0,
        };
        let end =
            if escape > 0 { at + escape } else { at + raw[at..].chars().next().map_or(1, char::len_utf8) };
        read += unescaped(&raw[at..end], LoneSurrogates::Replaced).0.len();
        at = end;
    }
    at
}

fn unescaped_or_borrowed(raw: &str) -> Cow<'_, str> {
    if is_escaped(raw) { Cow::Owned(unescaped(raw, LoneSurrogates::Replaced).0) } else { Cow::Borrowed(raw) }
}

/// A text as a JSON string, quotes included.
#[must_use]
pub fn quoted(text: &str) -> String {
    // A text always serializes.
    serde_json::to_string(text).unwrap_or_default()
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
    fn the_start_of_a_string_breaks_no_escape() {
        let start = |text, length| Json::parse(text).unwrap().string_start(length);
        assert_eq!(start(r#""abc""#, 2).as_deref(), Some("ab"));
        assert_eq!(start(r#""abc""#, 9).as_deref(), Some("abc"));
        assert_eq!(start(r#""a\u0041b""#, 3).as_deref(), Some("aA"));
        assert_eq!(start(r#""\ud83d\ude00b""#, 1).as_deref(), Some("😀"));
        assert_eq!(start(r#""aé""#, 2).as_deref(), Some("aé"));
        assert_eq!(start("7", 2), None);
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
