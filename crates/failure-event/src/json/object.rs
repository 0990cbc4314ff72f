//! The members of an object.

use std::borrow::Cow;

use super::{Json, JsonString, Type, unescaped_or_borrowed};
use crate::json_scan::{blanks_end, fnv1a, string_end, value_end};

/// An object, one level deep. Of members with the same name the last one counts.
///
/// It holds eight bytes for each member, and no name or value: an object of a million members is no larger than its text.
#[derive(Clone, Debug)]
pub struct Object<'a> {
    json: Json<'a>,
    /// The first members, and where their values end. They need no allocation, and none is passed over again: a notice may list
    /// thousands of small objects.
    first: [(MemberAt, u32); FEW],
    /// How many those are.
    few: usize,
    /// The other members, in the order of the text.
    rest: Vec<MemberAt>,
    /// Where the long values of those end, by where their names begin: looking for such an end again would take a while.
    long_values: Vec<(u32, u32)>,
    /// A bit for each letter that a name begins with: most names that are looked for are not there.
    initials: u64,
}

/// Of a small object the members are no more than these.
const FEW: usize = 4;

/// From so many members on, there may be very many.
const MANY: usize = 1024;

/// The shortest member, with its comma: `"":1,`.
const MEMBER_MIN: usize = 5;

/// From so many bytes on, a value is long.
const LONG_VALUE: usize = 512;

/// Where a member stands in its object.
#[derive(Clone, Copy, Debug, Default)]
struct MemberAt {
    name_hash: u32,
    name_start: u32,
}

/// The bit of a name that begins with this byte, or is empty.
fn initial(first: Option<u8>) -> u64 {
    1 << (first.unwrap_or_default() & 63)
}

/// The bit of a name in its quotes; of one that begins with an escape, every bit.
fn initial_of_literal(literal: &[u8]) -> u64 {
    match literal.get(1) {
        Some(b'\\') => u64::MAX,
        first => initial(first.copied().filter(|_| literal.len() > 2)),
    }
}

impl<'a> Object<'a> {
    /// Reads the object with which a text begins. Of one that is larger than 4 GiB, which no invocation carries, the rest is not seen.
    pub(super) fn at_start_of(text: &'a str) -> Self {
        let bytes = text.as_bytes();
        let (first, rest, long_values) = ([Default::default(); FEW], Vec::new(), Vec::new());
        let mut object = Self { json: Json { text }, first, few: 0, rest, long_values, initials: 0 };
        let mut at = blanks_end(bytes, 1);
        while bytes.get(at) == Some(&b'"') {
            let name_end = string_end(bytes, at);
            let value_start = value_start(bytes, name_end);
            let value_end = value_end(bytes, value_start);
            let (Ok(name_start), Ok(end)) = (u32::try_from(at), u32::try_from(value_end)) else {
                return object;
            };
            object.add(name_start, &text[at..name_end], end, value_end - value_start >= LONG_VALUE);
            at = blanks_end(bytes, value_end);
            if bytes.get(at) == Some(&b',') {
                at = blanks_end(bytes, at + 1);
            }
        }
        // Here is the closing brace.
        object.json.text = text.get(..=at).unwrap_or(text);
        object
    }

    fn add(&mut self, name_start: u32, name: &str, value_end: u32, is_long: bool) {
        let name_hash = fnv1a(&unescaped_or_borrowed(&name[1..name.len() - 1]));
        let member = MemberAt { name_hash, name_start };
        self.initials |= initial_of_literal(name.as_bytes());
        if let Some(place) = self.first.get_mut(self.few) {
            *place = (member, value_end);
            self.few += 1;
            return;
        }
        if self.rest.len() == self.rest.capacity() && self.rest.len() >= MANY {
            // As many as the text can hold: growing by and by would hold them twice.
            self.rest.reserve_exact(self.json.text.len() / MEMBER_MIN);
        }
        self.rest.push(member);
        if is_long {
            self.long_values.push((name_start, value_end));
        }
    }

    /// The value of a member; `null` counts as absent.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<Json<'a>> {
        self.member_or_null(name).filter(|value| value.json_type() != Type::Null)
    }

    /// The value of a member, `null` included.
    #[must_use]
    pub fn member_or_null(&self, name: &str) -> Option<Json<'a>> {
        if self.initials & initial(name.as_bytes().first().copied()) == 0 {
            return None;
        }
        let name_hash = fnv1a(name);
        let is_meant = |(found, _): &(&str, _)| JsonString::of_literal(found).text == name;
        let in_rest = self.rest.iter().rev().filter(|member| member.name_hash == name_hash);
        if let Some((_, value)) = in_rest.map(|member| self.read(*member)).find(is_meant) {
            return Some(value);
        }
        let in_first =
            self.first[..self.few].iter().rev().filter(|(member, _)| member.name_hash == name_hash);
        in_first.map(|member| self.read_first(*member)).find(is_meant).map(|(_, value)| value)
    }

    /// Whether a member is an object.
    #[must_use]
    pub fn holds_object(&self, name: &str) -> bool {
        self.member_or_null(name).is_some_and(|value| value.json_type() == Type::Object)
    }

    /// Name and value of one of the first members.
    fn read_first(&self, (member, value_end): (MemberAt, u32)) -> (&'a str, Json<'a>) {
        let (text, name_start) = (self.json.text, member.name_start as usize);
        let name_end = string_end(text.as_bytes(), name_start);
        let value_start = value_start(text.as_bytes(), name_end);
        (&text[name_start..name_end], Json { text: &text[value_start..value_end as usize] })
    }

    /// Name and value of one of the other members.
    fn read(&self, member: MemberAt) -> (&'a str, Json<'a>) {
        let name_start = member.name_start;
        let long = self.long_values.binary_search_by_key(&name_start, |(name_start, _)| *name_start);
        if let Ok(index) = long {
            return self.read_first((member, self.long_values[index].1));
        }
        let (text, name_start) = (self.json.text, name_start as usize);
        let name_end = string_end(text.as_bytes(), name_start);
        let value_start = value_start(text.as_bytes(), name_end);
        let value_end = value_end(text.as_bytes(), value_start);
        (&text[name_start..name_end], Json { text: &text[value_start..value_end] })
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
    pub fn members(&self) -> impl Iterator<Item = (Cow<'a, str>, Json<'a>)> {
        let first = self.first[..self.few].iter().map(|member| self.read_first(*member));
        let all = first.chain(self.rest.iter().map(|member| self.read(*member)));
        all.map(|(name, value)| (JsonString::of_literal(name).text, value))
    }

    /// The object as JSON.
    #[must_use]
    pub fn json(&self) -> Json<'a> {
        self.json
    }
}

/// Where the value begins behind a name: a colon is between them.
fn value_start(bytes: &[u8], name_end: usize) -> usize {
    blanks_end(bytes, blanks_end(bytes, name_end) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_members_and_many_are_found_alike() {
        for count in 0..12 {
            let members: Vec<String> =
                (0..count).map(|number| format!("\"m{number}\" : [{number}]")).collect();
            let text = format!("{{ {} }}", members.join(" , "));
            let object = Json::parse(&text).unwrap().object().unwrap();
            assert_eq!(object.json().text(), text);
            for number in 0..12 {
                let value = object.member(&format!("m{number}")).map(|value| value.text().to_owned());
                assert_eq!(value, (number < count).then(|| format!("[{number}]")), "{text}");
            }
            assert_eq!(object.members().count(), count);
        }
    }

    #[test]
    fn of_members_with_one_name_the_last_counts_wherever_it_is() {
        for (before, between) in [(0, 0), (2, 0), (3, 3), (6, 6)] {
            let others = |from: usize, count: usize| -> Vec<String> {
                (from..from + count).map(|number| format!("\"{number}\":0,")).collect()
            };
            let long = "x".repeat(1000);
            let text = format!(
                "{{{}\"a\":1,{}\"\\u0061\":\"{long}\"}}",
                others(0, before).concat(),
                others(20, between).concat()
            );
            let object = Json::parse(&text).unwrap().object().unwrap();
            assert_eq!(object.text("a").unwrap(), long, "{text}");
        }
    }

    #[test]
    fn items_are_the_same_with_their_members_and_without() {
        let text = r#"[ 1 , {} , { "a" : {"b":[]} , "c":1 } , [{"a":1}] ,"{",{"d":"}"}, {"e":{}}]"#;
        for text in [text, "[]", "[ ]", "[{}]", "[ {\"a\" : 1 } ]"] {
            let array = Json::parse(text).unwrap().array().unwrap();
            let items: Vec<&str> = array.into_iter().map(Json::text).collect();
            let serde: Vec<&serde_json::value::RawValue> = serde_json::from_str(text).unwrap();
            assert_eq!(items, serde.iter().map(|item| item.get()).collect::<Vec<_>>());
            for (item, object) in array.with_objects() {
                assert_eq!(object.map(|object| object.json()), item.object().map(|_| item));
            }
            assert_eq!(array.with_objects().map(|(item, _)| item.text()).collect::<Vec<_>>(), items);
        }
    }
}
