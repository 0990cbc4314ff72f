//! The letters that are about one thing: an event, a message, a task.

use std::collections::BTreeSet;
use std::time::SystemTime;

use aws_config::SdkConfig;

use super::judge::Judge;
use super::letter::Letter;
use super::queue::Queue;
use super::scan::{Next, scan};
use crate::exit::Problem;
use crate::stop::Stop;

/// What letters are looked for by.
#[derive(Clone, Debug, Default)]
pub struct Letters {
    /// Ids of events, or of the messages that became letters.
    pub ids: BTreeSet<String>,
    /// Fingerprints of tasks and jobs.
    pub fingerprints: BTreeSet<String>,
    /// More names of task tokens.
    pub task_token_names: Vec<String>,
}

/// A letter that was found.
#[derive(Clone, Debug)]
pub struct FoundLetter {
    /// Its message id in the dead-letter queue.
    pub id: String,
    /// Why it is dead, for programs.
    pub code: String,
    /// When it was sent.
    pub sent: Option<SystemTime>,
    /// The event's id.
    pub event_id: Option<String>,
    /// The fingerprint of its task or job.
    pub fingerprint: Option<String>,
}

/// Looks through a dead-letter queue, and leaves everything where it is.
///
/// # Errors
/// The queue cannot be read.
pub async fn find_letters(
    config: &SdkConfig,
    queue: &str,
    about: &Letters,
) -> Result<Vec<FoundLetter>, Problem> {
    let queue = Queue::find(config, queue).await?;
    let judge = Judge { task_token_names: about.task_token_names.clone() };
    let mut found = Vec::new();
    scan(&queue, &Stop::listen(), |letter| {
        found.extend(about.find(letter, &judge));
        Next::Go
    })
    .await?;
    Ok(found)
}

impl Letters {
    fn find(&self, letter: &Letter, judge: &Judge) -> Option<FoundLetter> {
        let subject = judge.route(letter, letter.body()).subject;
        // A letter that SQS moved says nothing of itself: the event in its body does.
        let event_id = letter.event_id().map(str::to_owned).or(subject.header.id);
        let named = [event_id.as_deref(), letter.source_message_id(), Some(letter.id())];
        let is_meant = named.into_iter().flatten().any(|id| self.ids.contains(id))
            || subject.fingerprint.as_ref().is_some_and(|print| self.fingerprints.contains(print));
        is_meant.then(|| FoundLetter {
            id: letter.id().to_owned(),
            code: letter.code().to_owned(),
            sent: letter.sent(),
            event_id,
            fingerprint: subject.fingerprint,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::letter::tests::letter;
    use super::*;

    const QUEUE: &str = "arn:aws:sqs:eu-west-1:111122223333:failures";
    const EVENT: &str =
        r#"{"id":"render-7","target":{"kind":"step-functions-task","taskToken":"AQCEAAAAKgAAAAMA"}}"#;

    fn is_found(about: &Letters, body: &str, attributes: &[(&str, &str)]) -> bool {
        about.find(&letter(body, attributes), &Judge::default()).is_some()
    }

    #[test]
    fn a_letter_is_found_by_its_event_its_message_or_its_task() {
        let by = |id: &str| Letters { ids: BTreeSet::from([id.to_owned()]), ..Letters::default() };
        let print = failure_event::secret::fingerprint("AQCEAAAAKgAAAAMA");
        let by_print = Letters { fingerprints: BTreeSet::from([print]), ..Letters::default() };
        let labels =
            [("ERROR_CODE", "INVALID_EVENT"), ("EVENT_ID", "render-7"), ("SOURCE_MESSAGE_ID", "m-9")];
        for about in [by("render-7"), by("m-9"), by("m-1")] {
            assert!(is_found(&about, "{}", &labels), "{about:?}");
        }
        let moved = [(".DeadLetterQueueSourceArn", QUEUE)];
        assert!(is_found(&by("render-7"), EVENT, &moved) && is_found(&by_print, EVENT, &moved));
        assert!(!is_found(&by("render-8"), EVENT, &labels) && !is_found(&by_print, "{}", &labels));
    }
}
