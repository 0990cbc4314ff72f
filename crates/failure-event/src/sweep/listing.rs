//! Lists of state machines and of running executions, page by page, and the definition of a state machine.
//!
//! <https://docs.aws.amazon.com/step-functions/latest/apireference/API_ListExecutions.html>

use serde_json::{Value, json};
use time::OffsetDateTime;

use super::moment;
use super::operations::{
    DESCRIBE_STATE_MACHINE_FOR_EXECUTION, GET_EXECUTION_HISTORY, LIST_EXECUTIONS, LIST_STATE_MACHINES,
};
use crate::json::{Json, NotJson, Object};
use crate::operation::Operation;
use crate::request::HttpForm;

/// The most items of one page.
const PAGE_MAX: u32 = 1000;

/// A page of a list, and the token of the page after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed<T> {
    /// What the page lists.
    pub items: Vec<T>,
    /// `None` after the last page.
    pub next: Option<String>,
}

/// A running execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Execution {
    /// Its ARN.
    pub arn: String,
    /// The ARN of its state machine.
    pub state_machine: String,
    /// What its definition is one of: a version of the state machine, the run of a distributed map, or the state machine.
    pub lineage: String,
    /// When it was started.
    pub started: Option<OffsetDateTime>,
}

/// Whose running executions are listed.
#[derive(Clone, Copy, Debug)]
pub enum Parent<'a> {
    /// Those of a state machine.
    StateMachine(&'a str),
    /// The children of a distributed map.
    MapRun(&'a str),
}

/// The next page of all state machines.
#[must_use]
pub fn state_machines_form(next: Option<&str>) -> HttpForm {
    form(&LIST_STATE_MACHINES, json!({"maxResults": PAGE_MAX}), next)
}

/// The next page of running executions.
#[must_use]
pub fn executions_form(parent: Parent<'_>, next: Option<&str>) -> HttpForm {
    let mut body = json!({"statusFilter": "RUNNING", "maxResults": PAGE_MAX});
    match parent {
        Parent::StateMachine(arn) => body["stateMachineArn"] = json!(arn),
        Parent::MapRun(arn) => body["mapRunArn"] = json!(arn),
    }
    form(&LIST_EXECUTIONS, body, next)
}

/// The next page of an execution's history, in the order in which it happened.
#[must_use]
pub fn history_form(execution: &str, next: Option<&str>) -> HttpForm {
    let body = json!({"executionArn": execution, "maxResults": PAGE_MAX, "includeExecutionData": true});
    form(&GET_EXECUTION_HISTORY, body, next)
}

/// The definition with which an execution was started.
#[must_use]
pub fn definition_form(execution: &str) -> HttpForm {
    form(&DESCRIBE_STATE_MACHINE_FOR_EXECUTION, json!({"executionArn": execution}), None)
}

fn form(operation: &Operation, mut body: Value, next: Option<&str>) -> HttpForm {
    if let Some(next) = next {
        body["nextToken"] = json!(next);
    }
    HttpForm::of(operation, body.to_string())
}

/// The ARNs of the standard state machines of a page: executions of express ones are not listed, and end within minutes.
///
/// # Errors
/// The page is not JSON.
pub fn state_machines(page: &str) -> Result<Listed<String>, NotJson> {
    read(page, "stateMachines", |machine| {
        let is_express = machine.text("type").as_deref() == Some("EXPRESS");
        if is_express { None } else { arn(machine, "stateMachineArn") }
    })
}

/// The executions of a page.
///
/// # Errors
/// The page is not JSON.
pub fn executions(page: &str) -> Result<Listed<Execution>, NotJson> {
    read(page, "executions", |execution| {
        let state_machine = arn(execution, "stateMachineArn").unwrap_or_default();
        let version = arn(execution, "mapRunArn").or_else(|| arn(execution, "stateMachineVersionArn"));
        Some(Execution {
            arn: arn(execution, "executionArn")?,
            lineage: version.unwrap_or_else(|| state_machine.clone()),
            state_machine,
            started: moment::seconds(execution, "startDate"),
        })
    })
}

/// A definition, and since when executions are started with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// In the Amazon States Language.
    pub text: String,
    /// When the state machine was last updated.
    pub since: Option<OffsetDateTime>,
}

/// The definition in an answer.
#[must_use]
pub fn definition(answer: &str) -> Option<Definition> {
    let answer = Json::parse(answer).ok()?.object()?;
    let text = answer.text("definition")?.into_owned();
    Some(Definition { text, since: moment::seconds(&answer, "updateDate") })
}

fn arn(object: &Object<'_>, name: &str) -> Option<String> {
    object.description(name).map(std::borrow::Cow::into_owned)
}

fn read<T>(page: &str, list: &str, item: impl Fn(&Object<'_>) -> Option<T>) -> Result<Listed<T>, NotJson> {
    let Some(page) = Json::parse(page)?.object() else { return Ok(Listed { items: Vec::new(), next: None }) };
    let items = page.member(list).and_then(Json::array).unwrap_or_default();
    let items = items.into_iter().filter_map(Json::object).filter_map(|object| item(&object)).collect();
    Ok(Listed { items, next: arn(&page, "nextToken") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_standard_state_machines_are_swept() {
        let page = r#"{"stateMachines":[{"stateMachineArn":"a","type":"STANDARD"},{"stateMachineArn":"b","type":"EXPRESS"},{"stateMachineArn":"c"}],"nextToken":"n"}"#;
        let listed = state_machines(page).unwrap();
        assert_eq!((listed.items, listed.next.as_deref()), (vec!["a".to_owned(), "c".to_owned()], Some("n")));
    }

    #[test]
    fn an_execution_tells_what_its_definition_is_one_of() {
        let page = r#"{"executions":[
            {"executionArn":"e1","stateMachineArn":"m","startDate":1767225600.0},
            {"executionArn":"e2","stateMachineArn":"m","stateMachineVersionArn":"m:7"},
            {"executionArn":"e3","stateMachineArn":"m","mapRunArn":"r"},{"name":"x"}]}"#;
        let listed = executions(page).unwrap();
        let lineages: Vec<&str> = listed.items.iter().map(|execution| execution.lineage.as_str()).collect();
        assert_eq!(lineages, ["m", "m:7", "r"]);
        assert_eq!(listed.items[0].started, crate::event::parse_time("2026-01-01T00:00:00Z"));
        assert_eq!(listed.next, None);
    }

    #[test]
    fn requests_name_what_is_listed_and_where_to_go_on() {
        assert_eq!(
            executions_form(Parent::MapRun("r"), Some("n")).body,
            r#"{"mapRunArn":"r","maxResults":1000,"nextToken":"n","statusFilter":"RUNNING"}"#
        );
        let history = history_form("e", None);
        assert_eq!(history.headers[1].1, "AWSStepFunctions.GetExecutionHistory");
        assert_eq!(history.body, r#"{"executionArn":"e","includeExecutionData":true,"maxResults":1000}"#);
    }

    #[test]
    fn a_page_that_is_not_json_is_an_error_and_an_odd_one_is_empty() {
        assert!(executions("<html>").is_err());
        for page in ["[]", "{}", r#"{"executions":7}"#] {
            assert_eq!(executions(page).unwrap().items, [], "{page}");
        }
        assert_eq!(definition("{}"), None);
    }
}
