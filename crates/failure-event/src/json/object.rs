//! The members of an object.

use std::borrow::Cow;

use super::{Json, Type, member_name, unescaped_or_borrowed};
use crate::json_scan::{blanks_end, fnv1a, fnv1a_of_plain, string_end, value_end};

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
    /// The bit of each name: most names that are looked for are not there.
    name_bits: u64,
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

/// Some names, as a sieve: what does not pass it is none of them.
#[derive(Clone, Copy, Debug)]
pub struct NameSieve(u64);

impl NameSieve {
    /// The sieve of these names.
    #[must_use]
    pub const fn of(names: &[&str]) -> Self {
        let (mut bits, mut index) = (0, 0);
        while index < names.len() {
            bits |= bit_of(names[index]);
            index += 1;
        }
        Self(bits)
    }
}

/// A bit that the first letter and the length of a name choose. The compiler knows that of a name that is written in the code.
#[inline]
const fn bit_of(name: &str) -> u64 {
    let first = if name.is_empty() { 0 } else { name.as_bytes()[0] as usize };
    1 << ((first + 8 * name.len()) % 64)
}

impl<'a> Object<'a> {
    /// Reads the object with which a text begins. Of one that is larger than 4 GiB, which no invocation carries, the rest is not seen.
    pub(super) fn at_start_of(text: &'a str) -> Self {
        let bytes = text.as_bytes();
        let (first, rest, long_values) = ([Default::default(); FEW], Vec::new(), Vec::new());
        let mut object = Self { json: Json { text }, first, few: 0, rest, long_values, name_bits: 0 };
        let mut at = blanks_end(bytes, 1);
        while bytes.get(at) == Some(&b'"') {
            let name_end = string_end(bytes, at);
            let value_start = value_start(bytes, name_end);
            let value_end = value_end(bytes, value_start);
            let (Ok(name_start), Ok(end)) = (u32::try_from(at), u32::try_from(value_end)) else {
                return object;
            };
            let is_long = value_end - value_start >= LONG_VALUE;
            object.add(name_start, &text[at + 1..name_end - 1], end, is_long);
            at = blanks_end(bytes, value_end);
            if bytes.get(at) == Some(&b',') {
                at = blanks_end(bytes, at + 1);
            }
        }
        // Here is the closing brace.
        object.json.text = text.get(..=at).unwrap_or(text);
        object
    }

    /// Adds a member; `name` is what stands between its quotes.
    fn add(&mut self, name_start: u32, name: &str, value_end: u32, is_long: bool) {
        let (name_hash, name_bit) = if let Some(hash) = fnv1a_of_plain(name) {
            (hash, bit_of(name))
        } else {
            let name = unescaped_or_borrowed(name);
            (fnv1a(&name), bit_of(&name))
        };
        let member = MemberAt { name_hash, name_start };
        self.name_bits |= name_bit;
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
    #[inline]
    #[must_use]
    pub fn member(&self, name: &str) -> Option<Json<'a>> {
        self.member_or_null(name).filter(|value| value.json_type() != Type::Null)
    }

    /// The value of a member, `null` included.
    #[inline]
    #[must_use]
    pub fn member_or_null(&self, name: &str) -> Option<Json<'a>> {
        if self.name_bits & bit_of(name) == 0 { None } else { self.find(name) }
    }

    /// Whether there may be a member of one of these names.
    #[inline]
    #[must_use]
    pub fn may_hold_one(&self, names: NameSieve) -> bool {
        self.name_bits & names.0 != 0
    }

    #[inline(never)]
    fn find(&self, name: &str) -> Option<Json<'a>> {
        let (name, text) = (Sought::new(name), self.json.text);
        let in_rest = self.rest.iter().rev().find_map(|member| Some((*member, name.end_in(text, *member)?)));
        if let Some((member, name_end)) = in_rest {
            return Some(self.value_of_rest(member, name_end));
        }
        let mut first = self.first[..self.few].iter().rev();
        first.find_map(|(member, value_end)| Some(self.value_until(*value_end, name.end_in(text, *member)?)))
    }

    /// Whether a member is an object.
    #[inline]
    #[must_use]
    pub fn holds_object(&self, name: &str) -> bool {
        self.member_or_null(name).is_some_and(|value| value.json_type() == Type::Object)
    }

    /// The value behind a name that ends there, where it is known where the value ends.
    fn value_until(&self, end: u32, name_end: usize) -> Json<'a> {
        let text = self.json.text;
        Json { text: &text[value_start(text.as_bytes(), name_end)..end as usize] }
    }

    /// The value of one of the members that are not the first.
    fn value_of_rest(&self, member: MemberAt, name_end: usize) -> Json<'a> {
        let long = self.long_values.binary_search_by_key(&member.name_start, |(name_start, _)| *name_start);
        if let Ok(index) = long {
            return self.value_until(self.long_values[index].1, name_end);
        }
        let text = self.json.text;
        let start = value_start(text.as_bytes(), name_end);
        Json { text: &text[start..value_end(text.as_bytes(), start)] }
    }

    /// The value at a JSON pointer, `None` where there is none or it is `null`. The object is not read again.
    #[must_use]
    pub fn pointer(&self, pointer: &str) -> Option<Json<'a>> {
        let path = pointer.strip_prefix('/')?;
        let (first, rest) = path.split_at(path.bytes().position(|byte| byte == b'/').unwrap_or(path.len()));
        let member = self.member(&member_name(first))?;
        if rest.is_empty() { Some(member) } else { member.pointer(rest) }
    }

    /// A member that is an object.
    #[inline]
    #[must_use]
    pub fn object(&self, name: &str) -> Option<Object<'a>> {
        self.member(name)?.object()
    }

    /// A member that is a string, its lone surrogates replaced.
    #[inline]
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
        let first = self.first[..self.few].iter().map(|(member, value_end)| {
            let (name, name_end) = member.name(self.json.text);
            (name, self.value_until(*value_end, name_end))
        });
        let rest = self.rest.iter().map(|member| {
            let (name, name_end) = member.name(self.json.text);
            (name, self.value_of_rest(*member, name_end))
        });
        first.chain(rest)
    }

    /// The object as JSON.
    #[must_use]
    pub fn json(&self) -> Json<'a> {
        self.json
    }
}

impl MemberAt {
    /// The name, and where it ends.
    fn name(self, text: &str) -> (Cow<'_, str>, usize) {
        let start = self.name_start as usize;
        let end = string_end(text.as_bytes(), start);
        (unescaped_or_borrowed(&text[start + 1..end - 1]), end)
    }
}

/// A name that is looked for.
struct Sought<'n> {
    name: &'n str,
    hash: u32,
    /// Whether it may stand in JSON as it is.
    is_plain: bool,
}

impl<'n> Sought<'n> {
    fn new(name: &'n str) -> Self {
        let plain_hash = fnv1a_of_plain(name);
        Self { name, hash: plain_hash.unwrap_or_else(|| fnv1a(name)), is_plain: plain_hash.is_some() }
    }

    /// Where the name of a member ends, when it is this one.
    fn end_in(&self, text: &str, member: MemberAt) -> Option<usize> {
        if self.hash != member.name_hash {
            return None;
        }
        let start = member.name_start as usize + 1;
        let end = start + self.name.len();
        let is_literal = self.is_plain && text.as_bytes().get(start..end) == Some(self.name.as_bytes());
        if is_literal && text.as_bytes().get(end) == Some(&b'"') {
            return Some(end + 1);
        }
        let (name, end) = member.name(text);
        (name == self.name).then_some(end)
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
    fn every_name_is_found_however_it_is_written() {
        let names = [
            "",
            "a",
            "ab",
            "a\\b",
            "a\\",
            "\\",
            "a\"b",
            "\"",
            "\":1,\"b",
            "/",
            "é",
            "\t",
            "a long name, and a quote: \"",
        ];
        let in_escapes = |name: &str| -> String {
            let escapes = name.encode_utf16().map(|unit| format!("\\u{unit:04X}"));
            escapes.collect::<Vec<_>>().concat()
        };
        for others in [0, 3, 9] {
            let others: Vec<String> = (0..others).map(|number| format!("\"{number}\":0,")).collect();
            let others = others.concat();
            for written in names {
                let quoted = crate::json::quoted(written);
                for literal in [quoted, format!("\"{}\"", in_escapes(written))] {
                    let text = format!("{{{others}{literal} : [1]}}");
                    let object = Json::parse(&text).unwrap().object().unwrap();
                    for sought in names {
                        let found = object.member(sought).map(Json::text);
                        assert_eq!(found, (sought == written).then_some("[1]"), "{sought} in {text}");
                    }
                    assert_eq!(object.members().last().unwrap().0, written);
                }
            }
        }
    }

    #[test]
    fn a_sieve_lets_each_of_its_names_pass() {
        const NAMES: [&str; 3] = ["target", "", "Ünicode"];
        let object = |name: &str| format!("{{\"y\":0,\"{name}\":1}}");
        for name in NAMES {
            let text = object(name);
            assert!(
                Json::parse(&text).unwrap().object().unwrap().may_hold_one(NameSieve::of(&NAMES)),
                "{name}"
            );
        }
        assert!(!Json::parse("{\"y\":0}").unwrap().object().unwrap().may_hold_one(NameSieve::of(&NAMES)));
    }

    #[test]
    fn a_pointer_into_an_object_is_one_into_its_json() {
        let text = r#"{"a/b":{"~":[0,{"t":"x"}]},"n":null,"":{"":1},"a":{"n":null}}"#;
        let json = Json::parse(text).unwrap();
        for pointer in ["/a~1b/~0/1/t", "/a~1b", "/n", "/", "//", "/a/n", "/a/", "/b", "", "a", "/a~1b/~0/2"]
        {
            assert_eq!(json.object().unwrap().pointer(pointer), json.pointer(pointer), "{pointer}");
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
