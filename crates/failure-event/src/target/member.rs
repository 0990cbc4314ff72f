//! The members that identify a target, and what each may hold.

use super::given::GivenMembers;
use crate::arn::Arn;
use crate::dead_letter::Reason;
use crate::event::name_of;
use crate::presigned::Bucket;
use crate::secret::Secret;
use crate::text::utf16_len;

/// One member of a `target`: its name and what it may hold.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// The JSON name.
    pub name: &'static str,
    /// What it may hold.
    pub rule: Rule,
    /// Whether it is a bearer secret.
    pub is_secret: bool,
    /// Whether a target of this kind must have it.
    pub is_required: bool,
}

/// What an identifying member may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// `[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`
    LowerCaseUuid,
    /// 1 to `max` UTF-16 code units.
    Length {
        /// The most units.
        max: usize,
    },
    /// 1 to `max` bytes of UTF-8.
    Bytes {
        /// The most bytes.
        max: usize,
    },
    /// An ARN of at most `max` UTF-16 code units.
    Arn {
        /// The most units.
        max: usize,
    },
    /// 1 to `max` UTF-16 code units that match a pattern of the service.
    Pattern {
        /// The most units.
        max: usize,
        /// The pattern.
        pattern: &'static Pattern,
    },
    /// A presigned URL of 1 to `max` UTF-16 code units. What it must be beside that is told by
    /// [`PresignedUrl::parse`](crate::presigned::PresignedUrl::parse).
    PresignedUrl {
        /// The most units.
        max: usize,
        /// Whose URL.
        bucket: Bucket,
    },
    /// One of these texts.
    OneOf(&'static [&'static str]),
}

/// A pattern that a service states as a regular expression. It is matched by hand: a regular-expression engine would double the
/// function's size. A test holds each matcher against its expression.
#[derive(Debug)]
pub struct Pattern {
    /// The expression, which is anchored at both ends.
    pub regex: &'static str,
    /// What a person reads when a text does not match: "expected …".
    pub expected: &'static str,
    /// Whether a text matches.
    pub matches: fn(&str) -> bool,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.regex == other.regex
    }
}

impl Eq for Pattern {}

impl Member {
    /// A required member that is not a secret.
    #[must_use]
    pub const fn required(name: &'static str, rule: Rule) -> Self {
        Self { name, rule, is_secret: false, is_required: true }
    }

    /// A required member that is a bearer secret.
    #[must_use]
    pub const fn secret(name: &'static str, rule: Rule) -> Self {
        Self { name, rule, is_secret: true, is_required: true }
    }

    /// A member that may be absent.
    #[must_use]
    pub const fn optional(name: &'static str, rule: Rule) -> Self {
        Self { name, rule, is_secret: false, is_required: false }
    }

    /// The member's value, when it keeps its rule.
    ///
    /// # Errors
    /// `INVALID_EVENT` with the member's path. The value is never quoted: it may be a secret.
    pub fn read(&self, target: &dyn GivenMembers) -> Result<String, Reason> {
        self.read_optional(target)?.ok_or_else(|| self.wrong("is missing"))
    }

    /// [`Member::read`] of a bearer secret.
    ///
    /// # Errors
    /// As [`Member::read`].
    pub fn read_secret(&self, target: &dyn GivenMembers) -> Result<Secret, Reason> {
        self.read(target).map(Secret::new)
    }

    /// [`Member::read`] of a member that may be absent. One that is there and empty is wrong.
    ///
    /// # Errors
    /// As [`Member::read`], but for a member that is missing.
    pub fn read_optional(&self, target: &dyn GivenMembers) -> Result<Option<String>, Reason> {
        let Some(value) = target.given(self.name) else { return Ok(None) };
        let found = || self.wrong(&format!("expected a string, found {}", name_of(value.json_type())));
        let string = value.string().ok_or_else(found)?;
        if string.has_lone_surrogate {
            return Err(self.wrong("holds a surrogate without its pair"));
        }
        self.rule.check(&string.text).map_err(|what| self.wrong(&what))?;
        Ok(Some(string.text.into_owned()))
    }

    /// `INVALID_EVENT` with this member's path.
    #[must_use]
    pub fn wrong(&self, what: &str) -> Reason {
        Reason::invalid(format!("target.{}: {what}", self.name))
    }
}

impl Rule {
    /// The most units, where their number is limited.
    #[must_use]
    pub const fn max(self) -> Option<usize> {
        match self {
            Rule::Length { max }
            | Rule::Bytes { max }
            | Rule::Arn { max }
            | Rule::Pattern { max, .. }
            | Rule::PresignedUrl { max, .. } => Some(max),
            Rule::LowerCaseUuid | Rule::OneOf(_) => None,
        }
    }

    /// The form as a regular expression that is anchored at both ends, where the rule asks for one.
    #[must_use]
    pub const fn regex(self) -> Option<&'static str> {
        match self {
            Rule::LowerCaseUuid => Some("^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"),
            Rule::Arn { .. } => Some(r"^arn:[^:]+:[^:]+:[^:]*:[^:]*:(.|\n)+$"),
            Rule::Pattern { pattern, .. } => Some(pattern.regex),
            Rule::PresignedUrl { bucket, .. } => Some(bucket.url_regex()),
            Rule::Length { .. } | Rule::Bytes { .. } | Rule::OneOf(_) => None,
        }
    }

    /// The texts of which it must be one; none where any will do.
    #[must_use]
    pub const fn texts(self) -> &'static [&'static str] {
        match self {
            Rule::OneOf(texts) => texts,
            _ => &[],
        }
    }

    fn check(self, text: &str) -> Result<(), String> {
        match self {
            Rule::LowerCaseUuid if is_lower_case_uuid(text) => Ok(()),
            Rule::LowerCaseUuid => Err("expected a lower-case UUID".to_owned()),
            Rule::Length { max } | Rule::PresignedUrl { max, .. } => {
                within(utf16_len(text), max, "characters")
            }
            Rule::Bytes { max } => within(text.len(), max, "bytes"),
            Rule::Arn { max } => {
                within(utf16_len(text), max, "characters")?;
                Arn::parse(text).map(|_| ()).ok_or_else(|| {
                    "expected an ARN, arn:<partition>:<service>:<region>:<account>:<resource>".to_owned()
                })
            }
            Rule::Pattern { max, pattern } => {
                within(utf16_len(text), max, "characters")?;
                if (pattern.matches)(text) { Ok(()) } else { Err(format!("expected {}", pattern.expected)) }
            }
            Rule::OneOf(texts) if texts.contains(&text) => Ok(()),
            Rule::OneOf(texts) => Err(format!("expected one of {}", texts.join(", "))),
        }
    }
}

fn within(length: usize, max: usize, unit: &str) -> Result<(), String> {
    match length {
        0 => Err(format!("is empty, expected 1 to {max} {unit}")),
        length if length > max => Err(format!("has {length} {unit}, expected 1 to {max}")),
        _ => Ok(()),
    }
}

fn is_lower_case_uuid(text: &str) -> bool {
    is_uuid(text) && !text.bytes().any(|byte| byte.is_ascii_uppercase())
}

/// Whether a text is a UUID with dashes, in either case.
#[must_use]
pub fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// Whether a text is not empty and made of ASCII letters, digits and these characters.
#[must_use]
pub fn is_alphanumeric_or(text: &str, others: &[u8]) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || others.contains(&byte))
}
