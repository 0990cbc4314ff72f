//! The sweep: Step Functions tasks that wait for a worker that is gone, found in what AWS remembers of both.
//!
//! No worker and no state machine is changed for it. Values in, values out: whoever sweeps asks AWS and brings the answers along.
//!
//! | module | what it knows |
//! | --- | --- |
//! | [`history`] | which callback states are open in an execution's history |
//! | [`token`] | where a task's token stands in the parameters of its state |
//! | [`worker`] | what a task has started, by what the started service answered |
//! | [`question`] | which service is asked about which workers, as requests that are data |
//! | [`fate`] | what an answer says of a worker; one file a service |
//! | [`verdict`] | what follows for the task, given the time and the rules |
//! | [`waiting`] | a task that waits, with its workers, and as it was judged |
//! | [`report`] | the failure event of a task whose worker is gone |
//! | [`listing`] | lists of state machines and executions, and their definitions |
//! | [`operations`] | all that is called |
//!
//! **No answer that is not definite condemns a worker.** A time-out, a throttle, a refusal, an answer without the worker or in words
//! that are not known make it [`Fate::Unknown`](fate::Fate::Unknown), and the next sweep asks again.

pub mod fate;
pub mod history;
pub mod listing;
mod moment;
pub mod operations;
pub mod question;
pub mod report;
pub mod token;
pub mod verdict;
pub mod waiting;
pub mod worker;

use time::Duration;

/// How long a worker must be gone before its task is, when no setting says otherwise.
pub const GRACE: Duration = Duration::minutes(2);

/// The most tasks that one sweep fails, when no setting says otherwise.
pub const FAILS_MAX: usize = 100;

/// What an operator decides about a sweep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SweepRules {
    /// `RELAY_SWEEP_STATE_MACHINES`: the state machines that are looked at; none is all of the account and region.
    pub state_machines: Vec<ArnPattern>,
    /// `RELAY_SWEEP_GRACE_SECONDS`: a worker that ended no longer ago may just be calling back.
    pub grace: Duration,
    /// `RELAY_SWEEP_SILENT_SECONDS`: a worker that ended well so long ago will not call back; `None` is never.
    pub silent: Option<Duration>,
    /// `RELAY_SWEEP_FAILS_MAX`: when more tasks than these are stranded, none is failed.
    pub fails_max: usize,
    /// `RELAY_TASK_TOKEN_NAMES`: further names of task tokens.
    pub task_token_names: Vec<String>,
}

impl Default for SweepRules {
    fn default() -> Self {
        Self {
            state_machines: Vec::new(),
            grace: GRACE,
            silent: None,
            fails_max: FAILS_MAX,
            task_token_names: Vec::new(),
        }
    }
}

/// An ARN in which `*` stands for any characters, or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArnPattern(String);

impl ArnPattern {
    /// Takes the ARN of a state machine, with or without `*`.
    ///
    /// # Errors
    /// A sentence that says what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let may_be_arn = text.starts_with("arn:") || text.starts_with('*');
        if may_be_arn && !text.contains(char::is_whitespace) {
            return Ok(Self(text.to_owned()));
        }
        Err(format!("expected the ARN of a state machine, in which * stands for anything, found \"{text}\""))
    }

    /// The ARN itself, where nothing stands for anything else: it need not be listed.
    #[must_use]
    pub fn exact(&self) -> Option<&str> {
        (!self.0.contains('*')).then_some(self.0.as_str())
    }

    /// Whether an ARN is meant.
    #[must_use]
    pub fn matches(&self, arn: &str) -> bool {
        let mut parts = self.0.split('*');
        let first = parts.next().unwrap_or_default();
        let Some(mut rest) = arn.strip_prefix(first) else { return false };
        let Some(last) = parts.next_back() else { return rest.is_empty() };
        for part in parts {
            match rest.find(part) {
                Some(at) => rest = &rest[at + part.len()..],
                None => return false,
            }
        }
        rest.ends_with(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything_and_nothing_else_does() {
        let matches = |pattern: &str, arn: &str| ArnPattern::parse(pattern).unwrap().matches(arn);
        let arn = "arn:aws:states:eu-west-1:111122223333:stateMachine:render-prod";
        for pattern in [
            arn,
            "*",
            "arn:aws:states:*",
            "*:render-*",
            "arn:aws:states:*:stateMachine:*prod",
            "arn:*render*-*d",
        ] {
            assert!(matches(pattern, arn), "{pattern}");
        }
        for pattern in ["arn:aws:states:*:render", "*-dev", "arn:aws:states:eu-west-1", "arn:*prod*prod"] {
            assert!(!matches(pattern, arn), "{pattern}");
        }
        assert_eq!(ArnPattern::parse(arn).unwrap().exact(), Some(arn));
        assert_eq!(ArnPattern::parse("arn:*").unwrap().exact(), None);
        assert!(ArnPattern::parse("render").is_err());
        assert!(ArnPattern::parse("arn:aws: x").is_err());
    }
}
