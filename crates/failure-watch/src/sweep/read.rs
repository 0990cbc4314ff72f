//! An execution's history, and what waits in it.

use failure_event::outcome::ServiceError;
use failure_event::sweep::SweepRules;
use failure_event::sweep::history::History;
use failure_event::sweep::listing::{Execution, Parent, history_form};
use failure_event::sweep::operations::GET_EXECUTION_HISTORY;
use failure_event::sweep::waiting::Candidate;

use super::definitions::Definitions;
use super::pace::Paced;
use super::{SweepError, running};
use crate::services::Services;

/// What was found in an execution, and what could not be read.
#[derive(Default)]
pub(super) struct Found {
    pub(super) candidates: Vec<Candidate>,
    pub(super) errors: Vec<SweepError>,
}

/// Reads an execution, and the children of its distributed maps, which are executions of their own.
pub(super) async fn execution<S: Services>(
    paced: &Paced<'_, S>,
    definitions: &Definitions,
    execution: &Execution,
    rules: &SweepRules,
) -> Found {
    let mut found = Found::default();
    let mut unread = vec![execution.clone()];
    while let Some(execution) = unread.pop() {
        let history = match history(paced, &execution).await {
            Ok(history) => history,
            Err(error) => {
                found.errors.push(SweepError::of(&execution.arn, &error));
                continue;
            }
        };
        candidates(paced, definitions, &execution, &history, rules, &mut found).await;
        for map_run in history.map_runs() {
            let (children, error) = running(paced, Parent::MapRun(&map_run), &map_run).await;
            unread.extend(children);
            found.errors.extend(error);
        }
    }
    found
}

async fn history<S: Services>(paced: &Paced<'_, S>, execution: &Execution) -> Result<History, ServiceError> {
    let mut history = History::default();
    let form = |next: Option<&str>| history_form(&execution.arn, next);
    paced.pages(&GET_EXECUTION_HISTORY, None, form, |page| history.read(page).ok()).await?;
    Ok(history)
}

async fn candidates<S: Services>(
    paced: &Paced<'_, S>,
    definitions: &Definitions,
    execution: &Execution,
    history: &History,
    rules: &SweepRules,
    found: &mut Found,
) {
    let tasks = history.open_tasks();
    if tasks.is_empty() {
        return;
    }
    let definition = definitions.of(paced, execution).await.unwrap_or_else(|error| {
        found.errors.push(SweepError::of(&execution.state_machine, &error));
        None
    });
    let names = &rules.task_token_names;
    let candidate = |task| Candidate::new(execution, task, definition.as_deref(), names);
    found.candidates.extend(tasks.iter().map(candidate));
}
