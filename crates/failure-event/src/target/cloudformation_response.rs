//! What the two kinds that answer CloudFormation have in common: one `PUT` of a JSON body of at most 4,096 bytes to a
//! presigned URL.

use std::borrow::Cow;

use super::note::note;
use super::services::CLOUDFORMATION_RESPONSE;
use super::{GivenMembers, Member, Report, Rule};
use crate::dead_letter::Reason;
use crate::event::Failure;
use crate::operation::{Operation, Wire};
use crate::outcome::{ClientErrors, ErrorTable};
use crate::presigned::{Bucket, PresignedUrl};
use crate::request::{Address, Members, Value};
use crate::text::{MARKER, Truncation, cut_by, utf16_len};

/// The largest body, in bytes.
pub(super) const BODY_BYTES_MAX: usize = 4096;

/// The longest URL, in UTF-16 code units. AWS states none.
const URL_MAX: usize = 8192;

/// S3 refuses for good, but for a clock that is off. Whether the URL has expired is known from the URL.
pub(super) const ERRORS: ErrorTable = ErrorTable {
    client_errors: ClientErrors::Rejected { except: &["RequestTimeTooSkewed"] },
    ..ErrorTable::EMPTY
};

/// The one operation of such a kind.
pub(super) const fn put(name: &'static str) -> Operation {
    Operation { service: &CLOUDFORMATION_RESPONSE, name, action: None, wire: Wire::PresignedPut }
}

/// The rule of a member that holds a URL of this bucket.
pub(super) const fn url_of(bucket: Bucket) -> Rule {
    Rule::PresignedUrl { max: URL_MAX, bucket }
}

/// The URL that a member holds.
pub(super) fn read_url(
    member: Member,
    target: &dyn GivenMembers,
    bucket: Bucket,
) -> Result<PresignedUrl, Reason> {
    PresignedUrl::parse(&member.read(target)?, bucket).map_err(|why| member.wrong(&why.to_string()))
}

/// Refuses identities that leave no room for a reason in the body.
pub(super) fn check_size(members: &[(&'static str, Value)]) -> Result<(), Reason> {
    let size = Members::new(members.to_vec()).json_len();
    if size <= BODY_BYTES_MAX {
        return Ok(());
    }
    let what =
        format!("target: its members alone take {size} bytes of the body, of at most {BODY_BYTES_MAX}");
    Err(Reason::invalid(what))
}

/// The report: the members with `Reason` in its place, cut until the whole body fits.
pub(super) fn report(
    operation: &'static Operation,
    url: PresignedUrl,
    mut members: Vec<(&'static str, Value)>,
    failure: &Failure<'_>,
    truncations: &mut Vec<Truncation>,
) -> Report {
    let room = BODY_BYTES_MAX.saturating_sub(Members::new(members.clone()).json_len());
    let texts = note(failure).concat();
    // As in `cut_joined`, by bytes.
    let last = Some(failure.last_line()).filter(|last| json_len(last) * 2 <= room).unwrap_or_default();
    let kept = within(&texts, room - json_len(&last));
    let reason = format!("{kept}{last}");
    if kept.len() < texts.len() {
        let from = utf16_len(&texts) + utf16_len(&last);
        truncations.push(Truncation { field: "Reason", from, to: utf16_len(&reason) });
    }
    for (name, value) in &mut members {
        if *name == "Reason" {
            *value = Value::Text(reason.clone());
        }
    }
    Report { operation, address: Address::Presigned(url), body: Members::new(members) }
}

/// A text of which the JSON takes at most `room` bytes, quotes left out; with the marker where it was cut and the marker fits.
fn within(text: &str, room: usize) -> Cow<'_, str> {
    let marker = json_len(MARKER);
    if marker <= room {
        return cut_by(text, room, json_bytes, marker);
    }
    let mut used = 0;
    let end = text.char_indices().find(|(_, character)| {
        used += json_bytes(*character);
        used > room
    });
    Cow::Borrowed(&text[..end.map_or(text.len(), |(start, _)| start)])
}

/// How many bytes a text takes inside a JSON string.
fn json_len(text: &str) -> usize {
    text.chars().map(json_bytes).sum()
}

/// How many bytes a character takes inside a JSON string.
fn json_bytes(character: char) -> usize {
    match character {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        '\0'..='\u{1f}' => 6,
        _ => character.len_utf8(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_cut_by_the_bytes_of_its_json() {
        assert_eq!(within("whole", 5), "whole");
        let cut = within(&"\"é".repeat(100), 40).into_owned();
        assert!(cut.ends_with(MARKER));
        assert!((37..=40).contains(&(serde_json::to_string(&cut).unwrap().len() - 2)), "{cut}");
        assert_eq!(within("too long for no room", 3), "too");
    }
}
