//! The definitions with which executions were started: of few state machines, however many executions there are.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use failure_event::outcome::ServiceError;
use failure_event::sweep::listing::{Execution, definition, definition_form};
use failure_event::sweep::operations::DESCRIBE_STATE_MACHINE_FOR_EXECUTION;
use time::{Duration, OffsetDateTime};

use super::pace::Paced;
use crate::services::Services;

/// An execution that is started so soon after an update may still have the definition of before.
/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_UpdateStateMachine.html>
const UPDATE_TAKES: Duration = Duration::minutes(1);

/// What was read so far, by what an execution's definition is one of.
#[derive(Default)]
pub(super) struct Definitions(Mutex<HashMap<String, Arc<tokio::sync::Mutex<Lineage>>>>);

/// The definitions of a state machine, a version of one or a distributed map.
#[derive(Default)]
struct Lineage {
    known: Vec<Known>,
    /// It could not be read once, and would not be a second time.
    is_unreadable: bool,
}

/// A definition, and the executions that surely have it: those that were started after its update, and not after one that has it.
struct Known {
    text: Arc<str>,
    updated: Option<OffsetDateTime>,
    started: Option<OffsetDateTime>,
}

impl Known {
    fn is_of(&self, execution: &Execution) -> bool {
        // A version does not change, nor does what a distributed map runs.
        if execution.lineage != execution.state_machine {
            return true;
        }
        let (Some(updated), Some(last), Some(started)) = (self.updated, self.started, execution.started)
        else {
            return false;
        };
        updated.checked_add(UPDATE_TAKES).is_some_and(|settled| settled <= started) && started <= last
    }
}

impl Definitions {
    /// The definition of an execution; `None` where it cannot be read.
    ///
    /// # Errors
    /// Why not, the first time.
    pub(super) async fn of<S: Services>(
        &self,
        paced: &Paced<'_, S>,
        execution: &Execution,
    ) -> Result<Option<Arc<str>>, ServiceError> {
        let lineage = self.lineage(&execution.lineage);
        // Held while AWS answers: the next execution of the same state machine need not ask.
        let mut lineage = lineage.lock().await;
        if let Some(known) = lineage.known.iter().find(|known| known.is_of(execution)) {
            return Ok(Some(Arc::clone(&known.text)));
        }
        if lineage.is_unreadable {
            return Ok(None);
        }
        let form = || definition_form(&execution.arn);
        let answer = paced.ask(&DESCRIBE_STATE_MACHINE_FOR_EXECUTION, form, None).await;
        let answer = answer.inspect_err(|_| lineage.is_unreadable = true)?;
        let Some(definition) = definition(&answer) else {
            lineage.is_unreadable = true;
            return Ok(None);
        };
        let text: Arc<str> = definition.text.into();
        let known = Known { text: Arc::clone(&text), updated: definition.since, started: execution.started };
        lineage.known.push(known);
        Ok(Some(text))
    }

    fn lineage(&self, name: &str) -> Arc<tokio::sync::Mutex<Lineage>> {
        let mut lineages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(lineages.entry(name.to_owned()).or_default())
    }
}
