//! What is to be done with a letter: pure, so that a dry run decides as the run itself.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use failure_event::dead_letter::Reason;

use crate::dlq::describe::on_one_line;
use crate::dlq::filter::Filter;
use crate::dlq::judge::Judge;
use crate::dlq::letter::Letter;

/// What a run decides by.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The dead-letter queue's own ARN: nothing is moved to where it is.
    pub own_arn: String,
    /// The queues that are known to be the relay's, whoever wrote the letters.
    pub known: KnownQueues,
    /// Which letters the run is about.
    pub filter: Filter,
    /// What the relay would say.
    pub judge: Arc<Judge>,
    /// Whether the run names a queue to move to.
    pub has_destination: bool,
    /// Moves letters that would be refused again.
    pub force: bool,
    /// Each letter is edited, so that what it holds now decides nothing.
    pub edit: bool,
    /// A letter that was redriven so often stays.
    pub times_max: u32,
    /// When the run began: a letter that was sent later may be one that came back.
    pub began: SystemTime,
}

/// The queues to which letters may go back. What a letter says of itself is not enough: whoever may write to the dead-letter queue
/// could have every task token in it sent to a queue of theirs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownQueues {
    /// The ARNs of those whose redrive policy leads to the dead-letter queue.
    pub sources: Vec<String>,
    /// The ARNs of those that invoke the relay's function, where it is named.
    pub of_relay: Vec<String>,
}

impl KnownQueues {
    fn has(&self, arn: &str) -> bool {
        self.sources.iter().chain(&self.of_relay).any(|known| known == arn)
    }

    /// The one queue whose redrive policy leads here, for letters that do not say where they came from.
    fn only_source(&self) -> Option<&str> {
        match self.sources.as_slice() {
            [source] => Some(source),
            _ => None,
        }
    }
}

/// What is to be done with a letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Filtered out.
    Skip,
    /// It stays.
    Stay(Why),
    /// It goes to the queue that the run names, else to this one.
    Move {
        /// The ARN of the queue that the letter names.
        home: Option<String>,
    },
}

/// Why a letter stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// The relay would refuse it again.
    Unroutable(Reason),
    /// It was redriven this often and came back.
    CameBack(u32),
    /// It was sent after the run began.
    Newer,
    /// It names no queue to go back to; its source, where it names one.
    NoQueue(Option<String>),
    /// It names a queue that is not known to be the relay's.
    UnknownQueue(String),
    /// The queue did not confirm it.
    NotSent(String),
    /// The user did not finish editing it.
    NotEdited,
}

impl Why {
    /// A name for scripts and for counting.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Why::Unroutable(_) => "still-unroutable",
            Why::CameBack(_) => "came-back",
            Why::Newer => "newer-than-run",
            Why::NoQueue(_) => "no-queue",
            Why::UnknownQueue(_) => "unknown-queue",
            Why::NotSent(_) => "not-sent",
            Why::NotEdited => "not-edited",
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::Unroutable(reason) => {
                write!(f, "still unroutable, {reason} (--edit repairs it, --force moves it)")
            }
            Why::CameBack(times) => write!(f, "came back after {times} redrives (--force moves it)"),
            Why::Newer => f.write_str("arrived during this run"),
            Why::UnknownQueue(arn) => {
                let arn = on_one_line(arn);
                write!(
                    f,
                    "says that it came from {arn}, which is not known to be the relay's (--stack or --to names it)"
                )
            }
            Why::NoQueue(Some(source)) => {
                write!(f, "came from {source}, which is not a queue (--to names one)")
            }
            Why::NoQueue(None) => f.write_str("does not say where it came from (--to names a queue)"),
            Why::NotSent(why) => write!(f, "was not taken: {why}"),
            Why::NotEdited => f.write_str("was left as it is"),
        }
    }
}

/// How often a letter may come back, unless something else is said.
pub const TIMES_MAX: u32 = 3;

impl Plan {
    /// All letters go back to where they came from, unless the relay would refuse them again. It begins now.
    #[must_use]
    pub fn new(own_arn: String, known: KnownQueues) -> Self {
        Self {
            own_arn,
            known,
            filter: Filter::default(),
            judge: Arc::default(),
            has_destination: false,
            force: false,
            edit: false,
            times_max: TIMES_MAX,
            began: SystemTime::now(),
        }
    }

    /// What is to be done with a letter.
    #[must_use]
    pub fn fate_of(&self, letter: &Letter) -> Fate {
        if !self.filter.passes(letter) {
            return Fate::Skip;
        }
        if letter.sent().is_some_and(|sent| sent >= self.began) {
            return Fate::Stay(Why::Newer);
        }
        if !self.force && letter.redrives() >= self.times_max {
            return Fate::Stay(Why::CameBack(letter.redrives()));
        }
        let home = match self.home_of(letter) {
            Ok(home) => Some(home),
            Err(_) if self.has_destination => None,
            Err(why) => return Fate::Stay(why),
        };
        if !self.force
            && !self.edit
            && let Some(reason) = self.judge.still_unroutable(letter)
        {
            return Fate::Stay(Why::Unroutable(reason));
        }
        Fate::Move { home }
    }

    /// The queue that a letter goes back to: one that SQS vouches for, or that is known to be the relay's.
    fn home_of(&self, letter: &Letter) -> Result<String, Why> {
        let no_queue = || Why::NoQueue(letter.source().map(str::to_owned));
        let unsaid = self.known.only_source().filter(|_| letter.source().is_none());
        let home = letter.home().or(unsaid).filter(|home| *home != self.own_arn).ok_or_else(no_queue)?;
        if letter.moved_from() == Some(home) || self.known.has(home) {
            return Ok(home.to_owned());
        }
        Err(Why::UnknownQueue(home.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::dlq::letter::tests::letter;

    const DLQ: &str = "arn:aws:sqs:eu-west-1:111122223333:dead-letters";
    const HOME: &str = "arn:aws:sqs:eu-west-1:111122223333:failures";
    const OTHER: &str = "arn:aws:sqs:eu-west-1:111122223333:ordered";
    const WORK: &str = "arn:aws:sqs:eu-west-1:111122223333:work-dead-letters";
    const GOOD: &str = r#"{"target":{"kind":"swf-activity-task","taskToken":"t"}}"#;

    fn plan() -> Plan {
        let known = KnownQueues { sources: vec![HOME.to_owned(), OTHER.to_owned()], of_relay: Vec::new() };
        Plan { began: SystemTime::UNIX_EPOCH + Duration::from_secs(1000), ..Plan::new(DLQ.to_owned(), known) }
    }

    fn fate(plan: &Plan, body: &str, attributes: &[(&str, &str)]) -> &'static str {
        match plan.fate_of(&letter(body, attributes)) {
            Fate::Skip => "skip",
            Fate::Stay(why) => why.name(),
            Fate::Move { home: Some(_) } => "home",
            Fate::Move { home: None } => "to",
        }
    }

    type Labels<'a> = &'a [(&'a str, &'a str)];

    #[test]
    fn a_letter_goes_home_unless_something_is_against_it() {
        let refused = ("ERROR_CODE", "INVALID_EVENT");
        let from = ("SOURCE_ARN", HOME);
        let cases: [(&str, Labels<'_>, &str); 7] = [
            (GOOD, &[refused, from], "home"),
            ("{}", &[refused, from], "still-unroutable"),
            ("{}", &[("ERROR_CODE", "RETRIES_EXHAUSTED"), from], "home"),
            (GOOD, &[refused, from, ("REDRIVE_COUNT", "3")], "came-back"),
            (GOOD, &[refused, from, (".SentTimestamp", "1000000")], "newer-than-run"),
            (GOOD, &[refused, ("SOURCE_ARN", "arn:aws:sns:eu-west-1:111122223333:topic")], "no-queue"),
            (GOOD, &[refused, ("SOURCE_ARN", DLQ)], "no-queue"),
        ];
        for (body, attributes, expected) in cases {
            assert_eq!(fate(&plan(), body, attributes), expected, "{body} {attributes:?}");
        }
    }

    #[test]
    fn force_moves_what_would_be_refused_and_a_destination_takes_what_has_no_home() {
        let forced = Plan { force: true, ..plan() };
        let labels = [("ERROR_CODE", "INVALID_EVENT"), ("SOURCE_ARN", HOME), ("REDRIVE_COUNT", "9")];
        assert_eq!(fate(&forced, "{}", &labels), "home");
        let destined = Plan { has_destination: true, ..plan() };
        assert_eq!(fate(&destined, "anything", &[]), "to");
    }

    #[test]
    fn a_letter_that_does_not_say_where_it_came_from_goes_to_the_only_queue_that_leads_here() {
        assert_eq!(fate(&plan(), "anything", &[]), "no-queue", "two queues lead here");
        let only = KnownQueues { sources: vec![HOME.to_owned()], of_relay: vec![WORK.to_owned()] };
        let known = Plan { known: only, ..plan() };
        assert_eq!(fate(&known, "anything", &[]), "home");
        let topic = [("SOURCE_ARN", "arn:aws:sns:eu-west-1:111122223333:topic")];
        assert_eq!(fate(&known, "anything", &topic), "no-queue");
    }

    #[test]
    fn a_letter_goes_only_to_queues_that_somebody_else_vouches_for() {
        let says = |arn: &'static str| [("ERROR_CODE", "REJECTED_BY_SERVICE"), ("SOURCE_ARN", arn)];
        let stolen = "arn:aws:sqs:eu-west-1:999999999999:stolen";
        assert_eq!(fate(&plan(), GOOD, &says(stolen)), "unknown-queue");
        assert_eq!(
            fate(&plan(), GOOD, &[("RULE_ARN", "arn:aws:events:::rule/x"), ("TARGET_ARN", stolen)]),
            "unknown-queue"
        );
        let forced = Plan { force: true, ..plan() };
        assert_eq!(fate(&forced, GOOD, &says(stolen)), "unknown-queue");
        assert_eq!(fate(&plan(), GOOD, &says(WORK)), "unknown-queue");
        let of_relay = KnownQueues { sources: Vec::new(), of_relay: vec![WORK.to_owned()] };
        assert_eq!(fate(&Plan { known: of_relay, ..plan() }, GOOD, &says(WORK)), "home");
        assert_eq!(fate(&plan(), GOOD, &[(".DeadLetterQueueSourceArn", WORK)]), "home", "SQS itself says so");
        let destined = Plan { has_destination: true, ..plan() };
        assert_eq!(fate(&destined, GOOD, &says(stolen)), "to");
    }

    #[test]
    fn a_filter_comes_first() {
        let filtered = Plan { filter: Filter::by_id("other"), ..plan() };
        assert_eq!(fate(&filtered, "{}", &[]), "skip");
    }
}
