//! The callback tasks of an execution, open and closed, by the fingerprints of their tokens. The tokens themselves go no further.

use failure_event::arn::Arn;
use failure_event::outcome::ServiceError;
use failure_event::place::Place;
use failure_event::secret::fingerprint;
use failure_event::sweep::history::History;
use failure_event::sweep::listing::{definition, definition_form, history_form};
use failure_event::sweep::operations::{DESCRIBE_STATE_MACHINE_FOR_EXECUTION, GET_EXECUTION_HISTORY};
use failure_event::sweep::token::token;
use failure_watch::services::{Aws, Services};
use time::OffsetDateTime;

use crate::exit::Problem;
use crate::output::Output;

/// The most tasks that are followed, the latest: an execution may have thousands, and each pattern of a log holds few.
const TASKS_MAX: usize = 150;

/// A callback state of the execution that was or is waiting.
#[derive(Clone, Debug)]
pub struct Task {
    /// The state's name.
    pub state: String,
    /// When it was scheduled.
    pub since: Option<OffsetDateTime>,
    /// The fingerprint of its token, where that was found.
    pub fingerprint: Option<String>,
}

/// The callback tasks that the history of an execution tells of, in their order.
///
/// # Errors
/// The history cannot be read.
pub async fn tasks(
    services: &Aws,
    arn: &str,
    names: &[String],
    output: &Output,
) -> Result<Vec<Task>, Problem> {
    let region = Arn::parse(arn).map(|arn| arn.region).unwrap_or_default();
    let place = Place { region: region.to_owned(), account: None };
    let history = history(services, arn, &place).await?;
    let asked = services.ask(&DESCRIBE_STATE_MACHINE_FOR_EXECUTION, definition_form(arn), &place).await;
    let definition = match asked {
        Ok(answer) => definition(&answer).map(|definition| definition.text),
        Err(error) => {
            output.complain(format_args!(
                "not read: {}; tokens are looked for by their names",
                said(arn, &error)
            ));
            None
        }
    };
    let all = history.scheduled_tasks();
    let latest = &all[all.len().saturating_sub(TASKS_MAX)..];
    if latest.len() < all.len() {
        output.talk(format_args!("note: only the latest {TASKS_MAX} of {} tasks are followed", all.len()));
    }
    let tasks = latest.iter().map(|task| Task {
        state: task.state.clone(),
        since: task.since,
        fingerprint: token(task, definition.as_deref(), names).map(|token| fingerprint(token.expose())),
    });
    Ok(tasks.collect())
}

async fn history(services: &Aws, arn: &str, place: &Place) -> Result<History, Problem> {
    let (mut history, mut next) = (History::keeping_all(), None::<String>);
    loop {
        let form = history_form(arn, next.as_deref());
        let answer = services.ask(&GET_EXECUTION_HISTORY, form, place).await;
        let answer = answer.map_err(|error| Problem::service(said(arn, &error)))?;
        let read = history.read(&answer);
        next =
            read.map_err(|_| Problem::service(format!("{arn}: Step Functions answered what is not JSON")))?;
        if next.is_none() {
            return Ok(history);
        }
    }
}

fn said(arn: &str, error: &ServiceError) -> String {
    let said = error.message.as_deref().map(|message| format!(": {message}")).unwrap_or_default();
    format!("{arn}: Step Functions {}{said}", error.as_predicate())
}
