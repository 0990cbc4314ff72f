//! Would the relay take this letter now? The relay's own router answers, so a letter that was repaired, or that a newer
//! relay understands, is no longer held back.

use failure_event::dead_letter::{Code, Origin, Reason};
use failure_event::envelope::{Body, Record, SqsDelivery, Via};
use failure_event::json::JsonString;
use failure_event::place::Home;
use failure_event::route::{Decision, Route, route};
use failure_event::rules::Rules;

use super::letter::{Letter, Writer};

/// What is judged by: the relay's settings, as far as they decide what is routable.
#[derive(Clone, Debug, Default)]
pub struct Judge {
    /// More names of task tokens.
    pub task_token_names: Vec<String>,
}

impl Judge {
    /// Why the relay would refuse this letter again. Only the relay's own letters are judged, and only by what they hold: what
    /// its settings allow, and what a service answers, may be another thing by now.
    #[must_use]
    pub fn still_unroutable(&self, letter: &Letter) -> Option<Reason> {
        self.still_unroutable_as(letter, letter.body())
    }

    /// [`Judge::still_unroutable`] with another body.
    #[must_use]
    pub fn still_unroutable_as(&self, letter: &Letter, body: &str) -> Option<Reason> {
        let depends_on_settings =
            [Code::TargetNotAllowed, Code::RejectedByService, Code::RetriesExhausted].map(Code::as_str);
        if letter.writer() != Writer::Relay || depends_on_settings.contains(&letter.code()) {
            return None;
        }
        match self.route(letter, body).decision {
            Decision::Unroutable(reason) if !depends_on_settings.contains(&reason.code.as_str()) => {
                Some(reason)
            }
            _ => None,
        }
    }

    /// The relay's route for this letter.
    #[must_use]
    pub fn route(&self, letter: &Letter, body: &str) -> Route {
        let origin = Origin {
            source_arn: letter.source().map(str::to_owned),
            message_id: Some(letter.id().to_owned()),
            ..Origin::default()
        };
        let is_abandoned = letter.is_work_without_identity();
        let rules = Rules {
            task_token_names: self.task_token_names.clone(),
            abandoned_work_queues: origin.source_arn.iter().filter(|_| is_abandoned).cloned().collect(),
            ..Rules::default()
        };
        let body = Body::Text(JsonString::from(body));
        route(&Record { origin, via: Via::Sqs(SqsDelivery::default()), body }, &rules, &Home::new("", ""))
    }
}

#[cfg(test)]
mod tests {
    use failure_event::notice::WORK_WITHOUT_IDENTITY;

    use super::super::letter::tests::letter;
    use super::*;

    const QUEUE: &str = "arn:aws:sqs:eu-west-1:111122223333:work-dlq";

    fn refusal(body: &str, attributes: &[(&str, &str)]) -> Option<Code> {
        let judge = Judge { task_token_names: vec!["MY_TOKEN".to_owned()] };
        judge.still_unroutable(&letter(body, attributes)).map(|reason| reason.code)
    }

    #[test]
    fn a_letter_that_the_relay_would_refuse_again_is_held_back() {
        assert_eq!(refusal("no json", &[("ERROR_CODE", "MALFORMED_EVENT")]), Some(Code::MalformedEvent));
        assert_eq!(refusal("{}", &[("ERROR_CODE", "INVALID_EVENT")]), Some(Code::InvalidEvent));
        let unknown = r#"{"target":{"kind":"lambda"}}"#;
        assert_eq!(refusal(unknown, &[("ERROR_CODE", "UNKNOWN_TARGET")]), Some(Code::UnknownTarget));
    }

    #[test]
    fn a_letter_that_is_routable_now_or_that_depends_on_settings_is_not() {
        let good = r#"{"target":{"kind":"swf-activity-task","taskToken":"t","region":"eu-west-9"}}"#;
        assert_eq!(refusal(good, &[("ERROR_CODE", "UNKNOWN_TARGET")]), None);
        assert_eq!(refusal("no json", &[("ERROR_CODE", "RETRIES_EXHAUSTED")]), None);
        assert_eq!(refusal("no json", &[(".DeadLetterQueueSourceArn", QUEUE)]), None);
    }

    #[test]
    fn abandoned_work_is_judged_as_such() {
        let labels = [
            ("ERROR_CODE", "INVALID_EVENT"),
            ("ERROR_MESSAGE", WORK_WITHOUT_IDENTITY),
            ("SOURCE_ARN", QUEUE),
        ];
        assert_eq!(refusal(r#"{"MY_TOKEN":"t"}"#, &labels), None);
        assert_eq!(refusal(r#"{"other":"t"}"#, &labels), Some(Code::InvalidEvent));
    }
}
