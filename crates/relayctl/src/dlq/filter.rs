//! Which letters a verb is about.

use std::time::{Duration, SystemTime};

use clap::Args;
use failure_event::event::parse_time;

use super::letter::Letter;
use crate::duration;

/// The filters of every verb; a letter must pass all that are given.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Which letters")]
#[group(id = "filter")]
pub struct Filter {
    /// Only with this error code, such as `INVALID_EVENT`; `TOO_MANY_RECEIVES` for SQS's own redrive. May be repeated
    #[arg(long, value_name = "CODE")]
    code: Vec<String>,
    /// Only of this kind of target. May be repeated
    #[arg(long, value_name = "KIND")]
    kind: Vec<String>,
    /// Only from this source: an ARN or its last part
    #[arg(long, value_name = "ARN")]
    source: Option<String>,
    /// Only from this publisher: the id that SQS gives a sender (or the start of it, as roles' ids go on with the session), or the
    /// account of an EventBridge event. May be repeated
    #[arg(long, value_name = "ID")]
    publisher: Vec<String>,
    /// Only sent since: a time ago such as 2h, or an RFC 3339 time
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<SystemTime>,
    /// Only sent before: a time ago such as 2h, or an RFC 3339 time
    #[arg(long, value_name = "TIME", value_parser = moment)]
    before: Option<SystemTime>,
    /// Only the letter with this message id, or the start of it. May be repeated
    #[arg(long, value_name = "ID")]
    id: Vec<String>,
}

impl Filter {
    /// Whether no filter is given.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.code.is_empty()
            && self.kind.is_empty()
            && self.source.is_none()
            && self.publisher.is_empty()
            && self.since.is_none()
            && self.before.is_none()
            && self.id.is_empty()
    }

    /// The filter for one letter.
    #[must_use]
    pub fn by_id(id: &str) -> Self {
        Self { id: vec![id.to_owned()], ..Self::default() }
    }

    /// Whether a letter passes. One that does not say when it was sent passes no filter on time.
    #[must_use]
    pub fn passes(&self, letter: &Letter) -> bool {
        let one_of = |wanted: &[String], value: &str| {
            wanted.is_empty() || wanted.iter().any(|one| one.eq_ignore_ascii_case(value))
        };
        let source = |wanted: &String| {
            letter.source().is_some_and(|arn| arn == wanted || super::letter::short(arn) == wanted)
        };
        let published = |id: &str| self.publisher.iter().any(|wanted| id.starts_with(wanted.as_str()));
        one_of(&self.code, letter.code())
            && one_of(&self.kind, letter.kind().unwrap_or("none"))
            && self.source.as_ref().is_none_or(source)
            && (self.publisher.is_empty() || letter.publisher().is_some_and(published))
            && self.since.is_none_or(|since| letter.sent().is_some_and(|sent| sent >= since))
            && self.before.is_none_or(|before| letter.sent().is_some_and(|sent| sent < before))
            && (self.id.is_empty() || self.id.iter().any(|id| letter.id().starts_with(id.as_str())))
    }
}

/// A time ago, or an RFC 3339 time.
fn moment(text: &str) -> Result<SystemTime, String> {
    if let Some(time) = parse_time(text) {
        return Ok(SystemTime::from(time));
    }
    let ago: Duration = duration::parse(text)
        .map_err(|_| format!("expected a time ago such as 2h, or 2026-11-21T03:00:00Z, found \"{text}\""))?;
    SystemTime::now().checked_sub(ago).ok_or_else(|| format!("\"{text}\" is too long ago"))
}

#[cfg(test)]
mod tests {
    use super::super::letter::tests::letter;
    use super::*;

    #[test]
    fn a_letter_must_pass_every_filter_that_is_given() {
        let letter = letter(
            "{}",
            &[
                ("ERROR_CODE", "INVALID_EVENT"),
                ("TARGET_KIND", "codepipeline-job"),
                ("SOURCE_ARN", "arn:aws:sqs:eu-west-1:111122223333:failures"),
                ("PUBLISHER", "AROAEXAMPLE:i-0123"),
                (".SentTimestamp", "1700000000000"),
            ],
        );
        let at = |text| Some(moment(text).unwrap());
        let one = |text: &str| vec![text.to_owned()];
        let passing = [
            Filter::default(),
            Filter { code: one("invalid_event"), kind: one("codepipeline-job"), ..Filter::default() },
            Filter { source: Some("failures".to_owned()), ..Filter::default() },
            Filter { publisher: one("AROAEXAMPLE:i-0123"), ..Filter::default() },
            Filter { publisher: vec!["AIDAOTHER".to_owned(), "AROAEXAMPLE".to_owned()], ..Filter::default() },
            Filter { since: at("2023-11-14T00:00:00Z"), before: at("1h"), ..Filter::default() },
            Filter::by_id("m-"),
        ];
        let refusing = [
            Filter { code: one("MALFORMED_EVENT"), ..Filter::default() },
            Filter { kind: one("none"), ..Filter::default() },
            Filter { source: Some("other".to_owned()), ..Filter::default() },
            Filter { publisher: one("AIDAOTHER"), ..Filter::default() },
            Filter { since: at("1h"), ..Filter::default() },
            Filter { before: at("2023-11-14T00:00:00Z"), ..Filter::default() },
            Filter::by_id("x"),
        ];
        assert!(passing.iter().all(|filter| filter.passes(&letter)));
        assert!(refusing.iter().all(|filter| !filter.passes(&letter)));
    }

    #[test]
    fn a_moment_is_a_time_or_a_time_ago() {
        let hour_ago = SystemTime::now().duration_since(moment("1h").unwrap()).unwrap();
        assert!((3599..3700).contains(&hour_ago.as_secs()));
        assert!(moment("yesterday").is_err());
    }
}
