//! The last lines of a dead worker's log, for the reason that its orchestrator is told. Within a second or not at all, and whatever
//! happens, the failure is reported as it would be without.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use failure_event::cloudwatch_logs::GET_LOG_EVENTS;
use failure_event::log_tail::{DESCRIBE_TASK_DEFINITION, LogStream, LogTail, LoggingContainer, WorkersLog};
use failure_event::operation::Operation;
use failure_event::place::Place;
use failure_event::request::HttpForm;
use failure_event::route::{Decision, Route, Subject, route_with_log};
use futures_util::FutureExt;
use tokio::time::{Instant, timeout_at};

use super::RecordContext;
use crate::aws::senders;
use crate::log_line::short;

/// How long a report waits for the log of its worker.
const TIME: Duration = Duration::from_secs(1);

/// How many logs are read at once: a line may have a megabyte, and an answer ten.
pub(super) const READS_AT_ONCE: usize = 2;

/// Where no more time than this is left for calls, the time is the report's.
const KEPT_FOR_THE_REPORT: Duration = Duration::from_secs(2);

impl RecordContext<'_> {
    /// What was decided, with the log where the settings ask for one and a call is to be made. A panic on the way leaves it as it was.
    pub(super) async fn with_log(
        &self,
        subject: Subject,
        decision: Option<Decision>,
    ) -> (Subject, Option<Decision>) {
        if !matches!(decision, Some(Decision::Call(_))) {
            return (subject, decision);
        }
        let Some(tail) = self.log_tail(&subject).await else { return (subject, decision) };
        let rules = &self.relay.settings.rules;
        let again = || route_with_log(self.record, rules, self.turn.home, Some(&tail));
        match catch_unwind(AssertUnwindSafe(again)) {
            Ok(Route { subject, decision, .. }) => (subject, Some(decision)),
            Err(_) => (subject, decision),
        }
    }

    /// What is known of the log of the worker that died, in time.
    pub(super) async fn log_tail(&self, subject: &Subject) -> Option<LogTail> {
        let log = subject.log.as_deref()?;
        let (now, end) = (Instant::now(), self.turn.limits.calls_end());
        if now + TIME + KEPT_FOR_THE_REPORT > end {
            return None;
        }
        // Boxed, so that no record takes the room of calls that few make.
        let reading = AssertUnwindSafe(Box::pin(self.read_log(subject, log, now + TIME))).catch_unwind();
        reading.await.unwrap_or_default()
    }

    async fn read_log(&self, subject: &Subject, log: &WorkersLog, deadline: Instant) -> Option<LogTail> {
        let stream = match log {
            WorkersLog::Stream(stream) => stream.clone(),
            WorkersLog::TaskDefinition(container) => self.stream_of(subject, container, deadline).await?,
        };
        let form = stream.form(self.relay.settings.rules.log_lines);
        let answer = self.answer(subject, &GET_LOG_EVENTS, form, &stream.region, deadline).await;
        Some(LogTail::of(&stream, answer.as_deref()))
    }

    async fn stream_of(
        &self,
        subject: &Subject,
        container: &LoggingContainer,
        deadline: Instant,
    ) -> Option<LogStream> {
        let (form, region) = (container.form(), &container.region);
        let answer = self.answer(subject, &DESCRIBE_TASK_DEFINITION, form, region, deadline).await?;
        container.stream_in(&answer)
    }

    /// The answer to a question, in the relay's own account. A refusal is none, and no error: it is one line of the log.
    async fn answer(
        &self,
        subject: &Subject,
        operation: &'static Operation,
        form: HttpForm,
        region: &str,
        deadline: Instant,
    ) -> Option<String> {
        let place = Place { region: region.to_owned(), account: None };
        let asking = async {
            // It is never closed.
            let _permit = self.relay.log_reads.acquire().await.ok();
            senders::ask(operation, form, &self.relay.clients, &place).await
        };
        let why = match timeout_at(deadline, asking).await {
            Ok(Ok(answer)) => return Some(answer),
            Ok(Err(error)) => format!("answered with {error}"),
            Err(_) => "did not answer within a second".to_owned(),
        };
        let event_id = subject.header.id.as_deref().map(short);
        tracing::info!(
            event_id = event_id.as_deref(),
            "no log line is told: {} {}",
            operation.label(),
            short(&why)
        );
        None
    }
}
