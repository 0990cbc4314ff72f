//! The token of a task, in the parameters with which its state called a service.

use super::history::OpenTask;
use crate::json::{Array, Json, Object};
use crate::notice::{task_token_in_command, task_token_in_payload, task_token_in_variables};
use crate::secret::Secret;
use crate::states_language::Definition;
use crate::text::utf16_len;

/// The longest token, in UTF-16 code units.
const TOKEN_MAX: usize = 2048;

/// How deep parameters are searched for names. What is deeper was not written by hand.
const DEPTH_MAX: usize = 32;

/// The token: where the definition puts it, else under a name under which notices are searched for one. `names` are further such names.
#[must_use]
pub fn token(task: &OpenTask, definition: Option<&str>, names: &[String]) -> Option<Secret> {
    let parameters = Json::parse(&task.parameters).ok()?;
    let definition = definition.and_then(|definition| Definition::parse(definition).ok());
    let places = definition
        .as_ref()
        .and_then(|definition| Some(&definition.state(&task.state)?.task.as_ref()?.task_token));
    let at =
        |pointer: &String| if pointer.is_empty() { Some(parameters) } else { parameters.pointer(pointer) };
    let alone = places
        .into_iter()
        .flat_map(|places| &places.alone)
        .find_map(|pointer| usable(&at(pointer)?.string().filter(|value| !value.has_lone_surrogate)?.text));
    let in_expression = || {
        let mut values = places.into_iter().flat_map(|places| &places.in_expression).filter_map(at);
        values.find_map(|value| by_name(value, task, names, 0))
    };
    alone.or_else(in_expression).or_else(|| by_name(parameters, task, names, 0))
}

/// The names of the containers whose overrides hold the token, as it is or as part of something: of an ECS task, they decide.
#[must_use]
pub fn containers_with_token(task: &OpenTask, token: &Secret) -> Vec<String> {
    let given = container_overrides(&task.parameters)
        .unwrap_or_default()
        .into_iter()
        .filter(|container| holds(*container, token.expose(), 0));
    given.filter_map(|container| Some(member(&container.object()?, "Name")?.to_text().into_owned())).collect()
}

fn container_overrides(parameters: &str) -> Option<Array<'_>> {
    let overrides = member(&Json::parse(parameters).ok()?.object()?, "Overrides")?.object()?;
    member(&overrides, "ContainerOverrides")?.array()
}

/// A member as Step Functions spells it, or the service.
pub(super) fn member<'a>(object: &Object<'a>, name: &str) -> Option<Json<'a>> {
    let lower = || format!("{}{}", name[..1].to_ascii_lowercase(), &name[1..]);
    object.member(name).or_else(|| object.member(&lower()))
}

fn usable(text: &str) -> Option<Secret> {
    (1..=TOKEN_MAX).contains(&utf16_len(text)).then(|| Secret::new(text))
}

fn holds(json: Json<'_>, token: &str, depth: usize) -> bool {
    if let Some(text) = json.string() {
        return text.text.contains(token) || crate::json::quoted(&text.text).contains(token);
    }
    let below = |json: Json<'_>| depth < DEPTH_MAX && holds(json, token, depth + 1);
    match (json.object(), json.array()) {
        (Some(object), _) => object.members().any(|(_, value)| below(value)),
        (_, Some(items)) => items.into_iter().any(below),
        _ => false,
    }
}

/// The first token under one of the names, wherever in the parameters it stands. One that the state was given cannot be its own:
/// it was there before the task was.
fn by_name(json: Json<'_>, task: &OpenTask, names: &[String], depth: usize) -> Option<Secret> {
    let is_own = |token: &Secret| !task.inputs.iter().any(|input| tells(input, token));
    let here = here(json, names).and_then(|token| usable(token.expose())).filter(is_own);
    if here.is_some() || depth == DEPTH_MAX {
        return here;
    }
    match (json.object(), json.array()) {
        (Some(object), _) => object.members().find_map(|(_, value)| by_name(value, task, names, depth + 1)),
        (_, Some(items)) => items.into_iter().find_map(|item| by_name(item, task, names, depth + 1)),
        _ => {
            let text = json.string()?.into_embedded();
            let document = Json::parse(&text).ok().filter(|_| text.trim_start().starts_with(['{', '[']))?;
            by_name(document, task, names, depth + 1)
        }
    }
}

/// Whether a text holds a token, in JSON inside of JSON too, where a slash may be escaped.
fn tells(text: &str, token: &Secret) -> bool {
    text.contains(token.expose()) || text.replace('\\', "").contains(token.expose())
}

/// A token under a name of this very object, list of variables or command.
fn here(json: Json<'_>, names: &[String]) -> Option<Secret> {
    match (json.object(), json.array()) {
        (Some(object), _) => task_token_in_payload(&object, names),
        (_, Some(items)) => {
            let variables: Vec<(String, String)> =
                items.into_iter().filter_map(|item| variable(&item.object()?)).collect();
            task_token_in_variables(&variables, names).or_else(|| task_token_in_command(json, names))
        }
        _ => None,
    }
}

fn variable(object: &Object<'_>) -> Option<(String, String)> {
    let text = |name: &str| Some(member(object, name)?.string()?.text.into_owned());
    Some((text("Name")?, text("Value")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(parameters: &str, inputs: &[&str]) -> OpenTask {
        OpenTask {
            state: "Wait".to_owned(),
            since: None,
            submitted: None,
            resource_type: "ecs".to_owned(),
            resource: "runTask.waitForTaskToken".to_owned(),
            region: None,
            role_arn: None,
            parameters: parameters.to_owned(),
            output: None,
            inputs: inputs.iter().map(|input| (*input).to_owned()).collect(),
        }
    }

    fn found(parameters: &str, definition: Option<&str>, inputs: &[&str]) -> Option<String> {
        let names = ["job_token".to_owned()];
        token(&task(parameters, inputs), definition, &names).map(|token| token.expose().to_owned())
    }

    const DEFINITION: &str = r#"{"States":{"Wait":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke.waitForTaskToken","Parameters":{"Payload":{"mine.$":"$$.Task.Token"}}}}}"#;

    #[test]
    fn the_definition_outweighs_every_name() {
        let parameters = r#"{"Payload":{"TaskToken":"another","mine":"own"}}"#;
        assert_eq!(found(parameters, Some(DEFINITION), &[]).as_deref(), Some("own"));
    }

    #[test]
    fn a_name_counts_first_where_the_definition_makes_something_of_the_token() {
        let definition = DEFINITION.replace(
            r#"{"mine.$":"$$.Task.Token"}"#,
            r#"{"TaskToken.$":"$.other","job.$":"States.StringToJson(States.Format('{}', $$.Task.Token))"}"#,
        );
        let parameters = r#"{"Payload":{"TaskToken":"another","job":{"job_token":"own"}}}"#;
        assert_eq!(found(parameters, Some(&definition), &[]).as_deref(), Some("own"));
    }

    #[test]
    fn without_a_place_in_the_definition_the_names_of_notices_count() {
        for parameters in [
            r#"{"Payload":{"TaskToken":"own"}}"#,
            r#"{"Overrides":{"ContainerOverrides":[{"Name":"w","Environment":[{"Name":"A","Value":"b"},{"Name":"TASK_TOKEN","Value":"own"}]}]}}"#,
            r#"{"Overrides":{"ContainerOverrides":[{"Command":["run","--task-token","own"]}]}}"#,
            r#"{"ContainerOverrides":{"Command":["run","--taskToken=own"]}}"#,
            r#"{"EnvironmentVariablesOverride":[{"Name":"EVENT","Value":"{\"taskToken\":\"own\"}","Type":"PLAINTEXT"}]}"#,
            r#"{"MessageBody":"{\"job\":{\"job_token\":\"own\"}}"}"#,
            r#"{"Entries":[{"Detail":{"FAILURE_RELAY_TARGET":{"kind":"step-functions-task","taskToken":"own"}}}]}"#,
        ] {
            for definition in [None, Some("{}"), Some("no definition")] {
                assert_eq!(found(parameters, definition, &[]).as_deref(), Some("own"), "{parameters}");
            }
        }
    }

    #[test]
    fn a_token_that_the_state_was_given_is_another_tasks() {
        let parameters = r#"{"Payload":{"input":{"TaskToken":"of/the/parent"},"job_token":"own"}}"#;
        assert_eq!(found(parameters, None, &[r#"{"TaskToken":"of/the/parent"}"#]).as_deref(), Some("own"));
        let parameters = r#"{"Payload":{"TaskToken":"of/the/parent"}}"#;
        assert_eq!(found(parameters, None, &[r#"{"x":"{\"TaskToken\":\"of\\/the\\/parent\"}"}"#]), None);
    }

    #[test]
    fn what_is_no_token_is_not_found() {
        let long = format!(r#"{{"TaskToken":"{}"}}"#, "x".repeat(2049));
        for parameters in [
            "",
            "[]",
            "7",
            r#"{"TaskToken":""}"#,
            r#"{"SWF_TASK_TOKEN":"s"}"#,
            r#"{"FAILURE_RELAY_TARGET":{"kind":"step-functions-task"}}"#,
            &long,
        ] {
            assert_eq!(found(parameters, None, &[]), None, "{parameters}");
        }
        assert_eq!(found(r#"{"Payload":{"mine":["own"]}}"#, Some(DEFINITION), &[]), None);
    }

    #[test]
    fn the_containers_that_were_given_the_token_are_known_by_their_overrides() {
        let parameters = r#"{"Overrides":{"ContainerOverrides":[
            {"Name":"logs","Environment":[{"Name":"A","Value":"b"}]},
            {"Name":"worker","Environment":[{"Name":"EVENT","Value":"{\"t\":\"own-token\"}"}]},
            {"Name":"second","Command":["--task-token=own-token"]}]}}"#;
        let containers = containers_with_token(&task(parameters, &[]), &Secret::new("own-token"));
        assert_eq!(containers, ["worker", "second"]);
        assert_eq!(containers_with_token(&task("{}", &[]), &Secret::new("own-token")), [""; 0]);
    }

    #[test]
    fn a_task_shows_no_token_when_it_is_printed() {
        let shown = format!("{:?}", task(r#"{"TaskToken":"own-token"}"#, &["own-token"]));
        assert!(!shown.contains("own-token"), "{shown}");
    }
}
