//! Moments as the services write them.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::event::parse_time;
use crate::json::{Json, Object, Type};

/// A member that holds a moment: in seconds since 1970, or as RFC 3339. What lies before 1971 is what services write for "not yet".
pub(super) fn seconds(object: &Object<'_>, name: &str) -> Option<OffsetDateTime> {
    object.member(name).and_then(|value| of_json(value, 1.0))
}

/// A member that holds a moment in milliseconds since 1970.
pub(super) fn milliseconds(object: &Object<'_>, name: &str) -> Option<OffsetDateTime> {
    object.member(name).and_then(|value| of_json(value, 1000.0))
}

fn of_json(value: Json<'_>, per_second: f64) -> Option<OffsetDateTime> {
    let moment = match value.json_type() {
        Type::Number => {
            let seconds: f64 = value.text().parse().ok()?;
            // Milliseconds are as fine as any service tells; a number that is too large for a moment saturates, and is refused below.
            #[expect(clippy::cast_possible_truncation, reason = "saturates")]
            let milliseconds = (seconds / per_second * 1000.0).round() as i128;
            OffsetDateTime::from_unix_timestamp_nanos(milliseconds.checked_mul(1_000_000)?).ok()?
        }
        Type::String => parse_time(&value.string()?.text)?,
        _ => return None,
    };
    (moment.year() > 1970).then_some(moment)
}

/// A moment as people and events read it, to the second.
pub(super) fn rfc3339(moment: OffsetDateTime) -> String {
    let whole = moment.replace_nanosecond(0).unwrap_or(moment);
    // A moment of this era always formats.
    whole.format(&Rfc3339).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_read_in_the_unit_of_its_service() {
        let read = |text: &str| {
            let object = Json::parse(text).unwrap().object().unwrap();
            (seconds(&object, "at").map(rfc3339), milliseconds(&object, "at").map(rfc3339))
        };
        let moment = Some("2026-01-01T00:00:00Z".to_owned());
        assert_eq!(read(r#"{"at":1767225600.25}"#).0, moment);
        assert_eq!(read(r#"{"at":1767225600000}"#).1, moment);
        assert_eq!(read(r#"{"at":"2026-01-01T00:00:00Z"}"#).0, moment);
        for odd in
            [r#"{"at":0}"#, r#"{"at":-6.21e10}"#, r#"{"at":1e300}"#, r#"{"at":"soon"}"#, r#"{"at":[]}"#, "{}"]
        {
            assert_eq!(read(odd), (None, None), "{odd}");
        }
    }
}
