//! How an event ends, and the one classifier that turns a service's answer into it.
//!
//! Errors are classified by code and status, never by text. What no table knows is to be retried: nothing is
//! dropped by ignorance, the queue's own limit ends it.

use crate::claim::{Action, Claim};
use crate::dead_letter::Reason;
use crate::lease::Lease;
use crate::registration::Registration;

/// How an event ended. Each event ends in exactly one of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The API accepted the failure.
    Relayed,
    /// The service says that the task or job is no longer open: a duplicate, or too late.
    AlreadySettled(ServiceError),
    /// No later try can help; the record is stored in the dead-letter queue.
    DeadLettered(Reason),
    /// A notice from AWS that is no failure, or that names no task or job.
    Ignored,
    /// The table holds what a lease or a claim asked for, or something newer.
    Registered(Registered),
    /// A later try can help, and the record waits for it in the parking queue, where the target's trouble holds up no other.
    Parked(Retry),
    /// A later try can help: the record stays with whoever sent it.
    Retry(Retry),
}

impl Outcome {
    /// The outcome as logs and responses name it.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Outcome::Relayed => "relayed",
            Outcome::AlreadySettled(_) => "already-settled",
            Outcome::DeadLettered(_) => "dead-lettered",
            Outcome::Ignored => "ignored",
            Outcome::Registered(registered) => registered.as_str(),
            Outcome::Parked(_) => "parked",
            Outcome::Retry(_) => "retry",
        }
    }

    /// The name of the service's error that led to this outcome.
    #[must_use]
    pub fn service_error(&self) -> Option<&str> {
        match self {
            Outcome::Relayed | Outcome::Ignored | Outcome::Registered(_) => None,
            Outcome::AlreadySettled(error) => error.name.as_deref(),
            Outcome::DeadLettered(reason) => reason.service_error.as_deref(),
            Outcome::Retry(retry) | Outcome::Parked(retry) => retry.service_error()?.name.as_deref(),
        }
    }

    /// Why a later try is needed, where one is.
    #[must_use]
    pub fn reason_to_retry(&self) -> Option<&Retry> {
        match self {
            Outcome::Retry(retry) | Outcome::Parked(retry) => Some(retry),
            Outcome::Relayed
            | Outcome::AlreadySettled(_)
            | Outcome::DeadLettered(_)
            | Outcome::Ignored
            | Outcome::Registered(_) => None,
        }
    }
}

/// What a lease or a claim asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Registered {
    /// To take a lease.
    LeaseTaken,
    /// To renew one.
    LeaseRenewed,
    /// To release one.
    LeaseReleased,
    /// To claim a resource.
    Claimed,
    /// To take a claim back.
    ClaimReleased,
}

impl Registered {
    /// What comes of an event that asks for this.
    #[must_use]
    pub fn of(registration: &Registration) -> Self {
        match registration {
            Registration::Lease(Lease::Take { .. }) => Self::LeaseTaken,
            Registration::Lease(Lease::Renew { .. }) => Self::LeaseRenewed,
            Registration::Lease(Lease::Release) => Self::LeaseReleased,
            Registration::Claim(Claim { action: Action::Take { .. }, .. }) => Self::Claimed,
            Registration::Claim(Claim { action: Action::Release, .. }) => Self::ClaimReleased,
        }
    }

    /// The outcome as logs and responses name it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LeaseTaken => "lease-taken",
            Self::LeaseRenewed => "lease-renewed",
            Self::LeaseReleased => "lease-released",
            Self::Claimed => "claimed",
            Self::ClaimReleased => "claim-released",
        }
    }

    /// The metric that counts it.
    #[must_use]
    pub fn metric(self) -> &'static str {
        match self {
            Self::LeaseTaken => "LeaseTaken",
            Self::LeaseRenewed => "LeaseRenewed",
            Self::LeaseReleased => "LeaseReleased",
            Self::Claimed => "Claimed",
            Self::ClaimReleased => "ClaimReleased",
        }
    }
}

/// Why a record is to be retried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Retry {
    /// The target's service failed, refused for now or did not answer.
    Service(ServiceError),
    /// The target's API has not answered for some time, so it was not called.
    CircuitOpen,
    /// The parking queue did not confirm that it stored the record.
    ParkingQueue(ServiceError),
    /// The dead-letter queue did not confirm that it stored the record.
    DeadLetterQueue(ServiceError),
    /// The table of leases and claims did not answer.
    Table(ServiceError),
    /// The invocation's time was up while the record was being worked on.
    OutOfTime,
    /// There was no time left to begin.
    NotAttempted,
    /// An earlier record of the same FIFO message group is to be retried, and order must hold.
    Follower,
    /// The relay itself panicked on this record.
    Panicked,
}

impl Retry {
    /// Whether this invocation tried the target: only then may `RELAY_MAX_RECEIVES` end the record.
    #[must_use]
    pub fn target_was_attempted(&self) -> bool {
        match self {
            Retry::Service(_) | Retry::Table(_) | Retry::OutOfTime | Retry::Panicked => true,
            Retry::CircuitOpen
            | Retry::ParkingQueue(_)
            | Retry::DeadLetterQueue(_)
            | Retry::NotAttempted
            | Retry::Follower => false,
        }
    }

    /// The service's error, where there is one.
    #[must_use]
    pub fn service_error(&self) -> Option<&ServiceError> {
        match self {
            Retry::Service(error)
            | Retry::ParkingQueue(error)
            | Retry::DeadLetterQueue(error)
            | Retry::Table(error) => Some(error),
            Retry::CircuitOpen
            | Retry::OutOfTime
            | Retry::NotAttempted
            | Retry::Follower
            | Retry::Panicked => None,
        }
    }

    /// One sentence for people; never a token.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self {
            Retry::Service(error) => format!("the service {}", error.as_predicate()),
            Retry::CircuitOpen => {
                "the circuit of its API is open: the API has not answered lately".to_owned()
            }
            Retry::ParkingQueue(error) => format!("the parking queue {}", error.as_predicate()),
            Retry::DeadLetterQueue(error) => format!("the dead-letter queue {}", error.as_predicate()),
            Retry::Table(error) => format!("the table of leases and claims {}", error.as_predicate()),
            Retry::OutOfTime => "the invocation's time was up before the service answered".to_owned(),
            Retry::NotAttempted => "there was no time left to begin".to_owned(),
            Retry::Follower => "an earlier record of the same message group is to be retried".to_owned(),
            Retry::Panicked => "the relay panicked on this record; please report it".to_owned(),
        }
    }
}

/// What a service answered to one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// HTTP 200, whatever the body holds.
    Accepted,
    /// Anything else.
    Failed(ServiceError),
}

/// An answer that is no acceptance, or that never came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceError {
    /// The service's error name without its namespace, e.g. `ThrottlingException`; for an answer that never came
    /// what happened instead, e.g. `TimeoutError`, or the error of STS where a role could not be assumed.
    pub name: Option<String>,
    /// The HTTP status, when there was an answer.
    pub status: Option<u16>,
    /// What the service says about it, which may quote the token: redact before it is shown. For an answer that never came, what
    /// stood in the way.
    pub message: Option<String>,
    /// Why there was no answer; `None` when there was one.
    pub obstacle: Option<Obstacle>,
}

/// What stands in the way of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// The time was up: the service accepts and does not answer, or does not even accept.
    Silence,
    /// The connection was refused or lost.
    Connection,
    /// The request was never sent, so nothing is known of the service: there are no credentials for it, or it cannot be made.
    NotSent,
}

/// What a call tells about the health of its API, whatever it means for the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// It answers: a refusal or a throttle is an answer too.
    Answers,
    /// It answers with a 5xx, or the connection to it breaks.
    Fails,
    /// It did not answer in the time that the call had.
    Silent,
    /// Nothing: it was not asked.
    Unknown,
}

impl Answer {
    /// What the answer, or its absence, tells about the API's health.
    #[must_use]
    pub fn health(&self) -> Health {
        match self {
            Answer::Accepted => Health::Answers,
            Answer::Failed(error) => error.health(),
        }
    }
}

impl ServiceError {
    /// What the error tells about the health of the service.
    #[must_use]
    pub fn health(&self) -> Health {
        match (self.status, self.obstacle) {
            (Some(500..), _) | (None, Some(Obstacle::Connection) | None) => Health::Fails,
            (Some(_), _) => Health::Answers,
            (None, Some(Obstacle::Silence)) => Health::Silent,
            (None, Some(Obstacle::NotSent)) => Health::Unknown,
        }
    }

    /// What stands for an answer that did not come in time.
    #[must_use]
    pub fn timed_out() -> Self {
        Self { name: Some("TimeoutError".to_owned()), obstacle: Some(Obstacle::Silence), ..Self::default() }
    }

    /// What the service did, as the rest of a sentence; with the message only where it is not the service's own.
    #[must_use]
    pub fn as_predicate(&self) -> String {
        match (self.status, &self.message) {
            (None, Some(obstacle)) => format!("was not reached: {self}: {obstacle}"),
            _ => format!("answered with {self}"),
        }
    }
}

impl std::fmt::Display for ServiceError {
    /// Name and status, without the message.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name.as_deref().unwrap_or("an error that cannot be read"))?;
        match self.status {
            Some(status) => write!(f, " (HTTP {status})"),
            None => Ok(()),
        }
    }
}

/// The error names of one API that end an event, by the service's reference.
#[derive(Clone, Copy, Debug)]
pub struct ErrorTable {
    /// The task or job is no longer open.
    pub settled: &'static [&'static str],
    /// The request can never be accepted.
    pub rejected: &'static [&'static str],
    /// The one name of which the service's message tells whether the task is closed or the request wrong.
    pub settled_by_message: Option<SettledByMessage>,
    /// What other statuses from 400 to 499 mean.
    pub client_errors: ClientErrors,
}

/// An error name that a service gives to closed tasks and wrong requests alike.
#[derive(Clone, Copy, Debug)]
pub struct SettledByMessage {
    /// The error's name.
    pub name: &'static str,
    /// How its message begins where the task is closed.
    pub begins: &'static str,
}

/// What a status from 400 to 499 means whose error name no table lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientErrors {
    /// A later try can help: most services refuse for many reasons, and name each.
    Retried,
    /// No later try can help, but for these names, and but for 408 and 429.
    Rejected {
        /// The names that pass.
        except: &'static [&'static str],
    },
}

impl ErrorTable {
    /// No name ends an event.
    pub const EMPTY: ErrorTable = ErrorTable {
        settled: &[],
        rejected: &[],
        settled_by_message: None,
        client_errors: ClientErrors::Retried,
    };

    /// What a kind's own table says of an answer with this status; `None` where it says nothing.
    fn verdict(&self, error: &ServiceError, status: u16) -> Option<Verdict> {
        let name = error.name.as_deref().unwrap_or_default();
        if self.settled.contains(&name) {
            return Some(Verdict::Settled);
        }
        if let Some(SettledByMessage { begins, .. }) =
            self.settled_by_message.filter(|rule| rule.name == name)
        {
            let message = error.message.as_deref().unwrap_or_default();
            return Some(if message.starts_with(begins) { Verdict::Settled } else { Verdict::Rejected });
        }
        if self.rejected.contains(&name) {
            return Some(Verdict::Rejected);
        }
        match self.client_errors {
            ClientErrors::Rejected { except } if (400..500).contains(&status) && status != 408 => {
                Some(if except.contains(&name) { Verdict::Retry } else { Verdict::Rejected })
            }
            ClientErrors::Rejected { .. } | ClientErrors::Retried => None,
        }
    }
}

/// Rejections that every AWS JSON service shares.
const REJECTED_BY_ALL: [&str; 4] = [
    "ValidationException",
    "SerializationException",
    "InvalidParameterValue",
    "InvalidParameterValueException",
];

/// What an answer means for the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The service took the failure.
    Accepted,
    /// Nothing is open any more.
    Settled,
    /// No later try can help.
    Rejected,
    /// A later try can help.
    Retry,
}

/// Classifies an answer by the API's table. A status of 429 or 5xx is the service's own trouble, whatever name it gives; without a
/// status the API never answered, and the name is that of an obstacle on the way to it.
#[must_use]
pub fn classify(answer: &Answer, table: &ErrorTable) -> Verdict {
    let Answer::Failed(error) = answer else { return Verdict::Accepted };
    let Some(status) = error.status.filter(|status| !is_own_trouble(*status)) else { return Verdict::Retry };
    table.verdict(error, status).unwrap_or_else(|| match error.name.as_deref() {
        Some(name) if REJECTED_BY_ALL.contains(&name) => Verdict::Rejected,
        _ => Verdict::Retry,
    })
}

/// Whether an answer with this HTTP status tells of the service's own trouble, and nothing of the request.
#[must_use]
pub fn is_own_trouble(status: u16) -> bool {
    status == 429 || status >= 500
}

/// An error name without its namespace: `com.amazonaws.swf#UnknownResourceFault` or `ValidationException:http://…`.
#[must_use]
pub fn bare_error_name(name: &str) -> &str {
    let name = name.rsplit('#').next().unwrap_or(name);
    name.split(':').next().unwrap_or(name).trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: ErrorTable =
        ErrorTable { settled: &["TaskTimedOut"], rejected: &["InvalidToken"], ..ErrorTable::EMPTY };

    fn verdict(name: &str, status: u16) -> Verdict {
        let error =
            ServiceError { name: Some(name.to_owned()), status: Some(status), ..ServiceError::default() };
        classify(&Answer::Failed(error), &TABLE)
    }

    #[test]
    fn only_names_that_a_table_holds_end_an_event() {
        assert_eq!(classify(&Answer::Accepted, &TABLE), Verdict::Accepted);
        assert_eq!(verdict("TaskTimedOut", 400), Verdict::Settled);
        assert_eq!(verdict("InvalidToken", 400), Verdict::Rejected);
        for name in REJECTED_BY_ALL {
            assert_eq!(verdict(name, 400), Verdict::Rejected);
        }
        for name in
            ["AccessDeniedException", "ExpiredTokenException", "KmsDisabledException", "SomethingNew", ""]
        {
            assert_eq!(verdict(name, 400), Verdict::Retry, "{name}");
        }
        assert_eq!(classify(&Answer::Failed(ServiceError::default()), &TABLE), Verdict::Retry);
    }

    #[test]
    fn a_server_error_or_a_bare_429_is_retried_whatever_its_name() {
        for status in [429, 500, 502, 503] {
            assert_eq!(verdict("InvalidToken", status), Verdict::Retry);
        }
    }

    #[test]
    fn what_stood_in_the_way_of_a_call_is_never_taken_for_the_services_answer() {
        let obstacle = ServiceError { name: Some("InvalidToken".to_owned()), ..ServiceError::default() };
        assert_eq!(classify(&Answer::Failed(obstacle), &TABLE), Verdict::Retry);
    }

    #[test]
    fn only_a_5xx_a_lost_connection_or_silence_speaks_against_an_apis_health() {
        let health = |status, obstacle| {
            Answer::Failed(ServiceError { status, obstacle, ..ServiceError::default() }).health()
        };
        assert_eq!(Answer::Accepted.health(), Health::Answers);
        for refusal in [400, 403, 404, 429, 499] {
            assert_eq!(health(Some(refusal), None), Health::Answers, "{refusal}");
        }
        for failure in [500, 503, 599] {
            assert_eq!(health(Some(failure), None), Health::Fails, "{failure}");
        }
        assert_eq!(health(None, Some(Obstacle::Connection)), Health::Fails);
        assert_eq!(health(None, Some(Obstacle::Silence)), Health::Silent);
        assert_eq!(health(None, Some(Obstacle::NotSent)), Health::Unknown);
    }

    #[test]
    fn a_namespace_is_no_part_of_an_error_name() {
        assert_eq!(
            bare_error_name("com.amazonaws.swf.base.model#UnknownResourceFault"),
            "UnknownResourceFault"
        );
        assert_eq!(bare_error_name("ValidationException:http://internal.amazon.com/"), "ValidationException");
    }
}
