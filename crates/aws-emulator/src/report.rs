//! A call that reports on work, as data: which work, what it does to it, what it says, what the
//! service answers.

use serde_json::{Value, json};

use super::answer::{Output, ServiceError};
use super::kind::{Kind, Mention};
use super::operation::Operation;
use super::request::Caller;
use super::work::{Ending, Ledger, Repeat, ReportedFailure, Work};

/// The row of one operation that reports on work. Texts are found by JSON pointer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Report {
    pub(crate) kind: &'static Kind,
    effect: Effect,
    error: Option<&'static str>,
    cause: Option<&'static str>,
    external_execution_id: Option<&'static str>,
    data: Option<&'static str>,
    repeat: Option<RepeatRule>,
    check: fn(&Value) -> Result<(), ServiceError>,
    answer: fn(&Accepted<'_>) -> Output,
}

/// What a call does to its work.
#[derive(Clone, Copy, Debug)]
enum Effect {
    Heartbeat,
    Fails,
    /// It succeeds with the text at this pointer.
    Succeeds(Option<&'static str>),
    /// It fails when the text at the pointer is this one, and succeeds otherwise.
    FailsWith(&'static str, &'static str),
}

/// How a service tells a repeated call from a second one.
#[derive(Clone, Copy, Debug)]
struct RepeatRule {
    /// The member that holds the idempotency token.
    token: &'static str,
    /// The error for the same token with other content; `None` is that for closed work.
    mismatch: Option<&'static str>,
}

/// What the answer to an accepted report is made of.
pub(crate) struct Accepted<'a> {
    pub(crate) input: &'a Value,
    pub(crate) work: &'a Work,
    pub(crate) caller: &'a Caller,
    pub(crate) now_ms: u64,
}

impl Report {
    const fn new(kind: &'static Kind, effect: Effect) -> Self {
        Self {
            kind,
            effect,
            error: None,
            cause: None,
            external_execution_id: None,
            data: None,
            repeat: None,
            check: |_| Ok(()),
            answer: |_| Output::Nothing,
        }
    }

    pub(crate) const fn heartbeat(kind: &'static Kind) -> Self {
        Self::new(kind, Effect::Heartbeat)
    }

    pub(crate) const fn failure(kind: &'static Kind) -> Self {
        Self::new(kind, Effect::Fails)
    }

    pub(crate) const fn success(kind: &'static Kind, output: Option<&'static str>) -> Self {
        Self::new(kind, Effect::Succeeds(output))
    }

    /// A call that fails its work when the text at `pointer` is `failed`.
    pub(crate) const fn verdict(kind: &'static Kind, pointer: &'static str, failed: &'static str) -> Self {
        Self::new(kind, Effect::FailsWith(pointer, failed))
    }

    pub(crate) const fn error(self, pointer: &'static str) -> Self {
        Self { error: Some(pointer), ..self }
    }

    pub(crate) const fn cause(self, pointer: &'static str) -> Self {
        Self { cause: Some(pointer), ..self }
    }

    pub(crate) const fn external_execution_id(self, pointer: &'static str) -> Self {
        Self { external_execution_id: Some(pointer), ..self }
    }

    pub(crate) const fn data(self, pointer: &'static str) -> Self {
        Self { data: Some(pointer), ..self }
    }

    /// The same call with the same token is answered as the first was.
    pub(crate) const fn repeatable(self, token: &'static str, mismatch: Option<&'static str>) -> Self {
        Self { repeat: Some(RepeatRule { token, mismatch }), ..self }
    }

    /// What the service refuses beyond its model's limits.
    pub(crate) const fn checked(self, check: fn(&Value) -> Result<(), ServiceError>) -> Self {
        Self { check, ..self }
    }

    pub(crate) const fn answered(self, answer: fn(&Accepted<'_>) -> Output) -> Self {
        Self { answer, ..self }
    }

    #[cfg(test)]
    pub(crate) fn is_heartbeat(&self) -> bool {
        matches!(self.effect, Effect::Heartbeat)
    }

    /// Carries the report out.
    pub(crate) fn perform(
        &self,
        operation: Operation,
        input: &Value,
        ledger: &mut Ledger,
        caller: &Caller,
        now_ms: u64,
    ) -> Result<Output, ServiceError> {
        (self.check)(input)?;
        let mention = Mention::of(self.kind, input);
        let taken = match self.ending(input, now_ms) {
            None => ledger.heartbeat(caller, &mention, now_ms),
            Some(ending) => match self.repeated(input, ledger, caller, &mention) {
                Some(Ok(work)) => Ok(work),
                Some(Err(code)) => return Err(mismatch(operation, code)),
                None => ledger.end(caller, &mention, ending, self.repeat(input), now_ms),
            },
        };
        match taken {
            Ok(work) => Ok((self.answer)(&Accepted { input, work, caller, now_ms })),
            Err(refusal) => {
                let told = self.kind.told(refusal);
                Err(operation.error(told.code, told.words(&mention)))
            }
        }
    }

    /// How the call ends its work; `None` is a heartbeat.
    fn ending(&self, input: &Value, now_ms: u64) -> Option<Ending> {
        let fails = match self.effect {
            Effect::Heartbeat => return None,
            Effect::Fails => true,
            Effect::Succeeds(output) => {
                return Some(Ending::Succeeded(text(input, output).unwrap_or_default()));
            }
            Effect::FailsWith(pointer, failed) => text(input, Some(pointer)).as_deref() == Some(failed),
        };
        Some(if fails {
            Ending::Failed(ReportedFailure {
                error: text(input, self.error),
                cause: text(input, self.cause),
                external_execution_id: text(input, self.external_execution_id),
                data: text(input, self.data),
                at_ms: now_ms,
            })
        } else {
            Ending::Succeeded(String::new())
        })
    }

    fn repeat(&self, input: &Value) -> Option<Repeat> {
        let token = input.get(self.repeat?.token)?.as_str()?.to_owned();
        Some(Repeat { token, content: input.clone() })
    }

    /// The work, when this very call was accepted before; the error's name when its token was
    /// accepted with other content.
    fn repeated<'l>(
        &self,
        input: &Value,
        ledger: &'l Ledger,
        caller: &Caller,
        mention: &Mention<'_>,
    ) -> Option<Result<&'l Work, &'static str>> {
        let repeat = self.repeat(input)?;
        let (work, accepted) = ledger.accepted(caller, mention)?;
        if accepted == &repeat {
            return Some(Ok(work));
        }
        let mismatch = self.repeat?.mismatch.filter(|_| accepted.token == repeat.token);
        mismatch.map(Err)
    }
}

fn mismatch(operation: Operation, code: &str) -> ServiceError {
    operation.error(code, "The token was used before, in a request with other parameters.".to_owned())
}

fn text(input: &Value, pointer: Option<&'static str>) -> Option<String> {
    input.pointer(pointer?)?.as_str().map(str::to_owned)
}

/// The answer of services that model an output without members.
pub(crate) fn empty_object(_: &Accepted<'_>) -> Output {
    Output::Json(json!({}))
}
