//! Where the definition of a state machine puts the token of a task.
//!
//! <https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html#connect-wait-token>

use crate::json::{Json, Object};

/// How deep states may be nested in states. Step Functions allows a definition of 1 MB, and nobody writes one that is as deep as this.
const DEPTH_MAX: usize = 100;

/// What a template may put somewhere, and where in it the token is then: the token, or an object that holds it.
const CONTEXT: [(&str, &str); 3] = [("Task.Token", ""), ("Task", "/Token"), ("", "/Task/Token")];

/// The JSON pointers at which the parameters of a state hold its token, as far as its definition tells: a token inside an intrinsic
/// function or a larger expression stands nowhere by itself.
#[must_use]
pub fn token_pointers(definition: &str, state: &str) -> Vec<String> {
    let Some(machine) = Json::parse(definition).ok().and_then(Json::object) else { return Vec::new() };
    let language = Language::of(&machine).unwrap_or(Language::JsonPath);
    let mut pointers = Vec::new();
    if let Some((state, language)) = find(&machine, state, language, 0) {
        let template = state.member(match language {
            Language::JsonPath => "Parameters",
            Language::Jsonata => "Arguments",
        });
        if let Some(template) = template {
            collect(template, language, &mut String::new(), &mut pointers);
        }
    }
    pointers
}

/// `QueryLanguage`: of the machine, of a state, or of those around it.
#[derive(Clone, Copy)]
enum Language {
    JsonPath,
    Jsonata,
}

impl Language {
    fn of(object: &Object<'_>) -> Option<Self> {
        match object.text("QueryLanguage")?.as_ref() {
            "JSONPath" => Some(Language::JsonPath),
            "JSONata" => Some(Language::Jsonata),
            _ => None,
        }
    }

    /// What of the context object an expression stands for: `Task.Token` of `$$.Task.Token`.
    fn context_path(self, expression: &str) -> Option<String> {
        let path = match self {
            Language::JsonPath => expression.strip_prefix("$$"),
            Language::Jsonata => {
                let inner = expression.trim().strip_prefix("{%")?.strip_suffix("%}")?.trim();
                inner.strip_prefix("$states.context")
            }
        };
        // `$$['Task']['Token']` is another spelling of the same.
        let path = path?.replace(['\'', '"', '`'], "").replace('[', ".").replace(']', "");
        match path.strip_prefix('.') {
            Some(rest) => Some(rest.to_owned()),
            None => path.is_empty().then(String::new),
        }
    }
}

/// A state by its name, which is unique in the whole definition, with its query language.
fn find<'a>(
    holder: &Object<'a>,
    name: &str,
    language: Language,
    depth: usize,
) -> Option<(Object<'a>, Language)> {
    let states = holder.object("States")?;
    if let Some(state) = states.object(name) {
        let language = Language::of(&state).unwrap_or(language);
        return Some((state, language));
    }
    if depth == DEPTH_MAX {
        return None;
    }
    states.members().filter_map(|(_, state)| state.object()).find_map(|state| {
        let language = Language::of(&state).unwrap_or(language);
        let branches = state.member("Branches").and_then(Json::array).unwrap_or_default();
        let processors = ["ItemProcessor", "Iterator"].into_iter().filter_map(|name| state.object(name));
        let mut inner = branches.into_iter().filter_map(Json::object).chain(processors);
        inner.find_map(|inner| find(&inner, name, Language::of(&inner).unwrap_or(language), depth + 1))
    })
}

/// Adds the places of a template that hold the token; `at` is the pointer of the template itself.
fn collect(template: Json<'_>, language: Language, at: &mut String, pointers: &mut Vec<String>) {
    let length = at.len();
    if let Some(object) = template.object() {
        for (name, value) in object.members() {
            let evaluated = name.strip_suffix(".$").filter(|_| matches!(language, Language::JsonPath));
            at.push('/');
            at.push_str(&evaluated.unwrap_or(&name).replace('~', "~0").replace('/', "~1"));
            match (evaluated, language) {
                (Some(_), _) => add(value, language, at, pointers),
                (None, _) => collect(value, language, at, pointers),
            }
            at.truncate(length);
        }
    } else if let Some(items) = template.array() {
        for (index, item) in items.into_iter().enumerate() {
            at.push_str(&format!("/{index}"));
            collect(item, language, at, pointers);
            at.truncate(length);
        }
    } else if matches!(language, Language::Jsonata) {
        add(template, language, at, pointers);
    }
}

fn add(expression: Json<'_>, language: Language, at: &str, pointers: &mut Vec<String>) {
    let path = expression.string().and_then(|text| language.context_path(&text.text));
    let inner = path.and_then(|path| CONTEXT.into_iter().find(|(known, _)| *known == path));
    pointers.extend(inner.map(|(_, inner)| format!("{at}{inner}")));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointers(parameters: &str) -> Vec<String> {
        let definition = format!(r#"{{"States":{{"Wait":{{"Type":"Task","Parameters":{parameters}}}}}}}"#);
        token_pointers(&definition, "Wait")
    }

    fn arguments(arguments: &str) -> Vec<String> {
        let definition =
            format!(r#"{{"QueryLanguage":"JSONata","States":{{"Wait":{{"Arguments":{arguments}}}}}}}"#);
        token_pointers(&definition, "Wait")
    }

    #[test]
    fn a_json_path_template_names_the_place_of_the_token() {
        let ecs = r#"{"Overrides":{"ContainerOverrides":[{"Name":"w","Environment":[{"Name":"A","Value":"b"},{"Name":"T","Value.$":"$$.Task.Token"}]}]}}"#;
        assert_eq!(pointers(ecs), ["/Overrides/ContainerOverrides/0/Environment/1/Value"]);
        assert_eq!(
            pointers(r#"{"MessageBody":{"a/b~c.$":"$$['Task']['Token']"}}"#),
            ["/MessageBody/a~1b~0c"]
        );
        assert_eq!(pointers(r#"{"Payload.$":"$$"}"#), ["/Payload/Task/Token"]);
        assert_eq!(pointers(r#"{"Payload":{"task.$":"$$.Task"}}"#), ["/Payload/task/Token"]);
    }

    #[test]
    fn a_jsonata_template_names_the_place_of_the_token() {
        let command = r#"{"Overrides":{"ContainerOverrides":[{"Command":["--task-token","{% $states.context.Task.Token %}"]}]}}"#;
        assert_eq!(arguments(command), ["/Overrides/ContainerOverrides/0/Command/1"]);
        assert_eq!(arguments(r#"{"Payload":"{%$states.context.Task%}"}"#), ["/Payload/Token"]);
    }

    #[test]
    fn a_token_that_is_made_into_something_else_stands_nowhere_by_itself() {
        for parameters in [
            r#"{"Input.$":"States.Format('{}', $$.Task.Token)"}"#,
            r#"{"Input":"$$.Task.Token"}"#,
            r#"{"Input.$":"$.Task.Token"}"#,
            r#"{"Input.$":"$$.Task.TokenOfMine"}"#,
            r#"{"Input.$":"$$Task.Token"}"#,
        ] {
            assert_eq!(pointers(parameters), [""; 0], "{parameters}");
        }
        for text in ["{% {'t': $states.context.Task.Token} %}", "$states.context.Task.Token"] {
            assert_eq!(arguments(&format!(r#"{{"Input":"{text}"}}"#)), [""; 0], "{text}");
        }
    }

    #[test]
    fn a_state_is_found_however_deep_it_is_and_has_the_language_of_what_is_around_it() {
        let wait = |template: &str| format!(r#"{{"States":{{"Wait":{{"Type":"Task",{template}}}}}}}"#);
        let jsonata = wait(r#""Arguments":{"T":"{% $states.context.Task.Token %}"}"#);
        let json_path = wait(r#""Parameters":{"T.$":"$$.Task.Token"}"#);
        let own = wait(r#""QueryLanguage":"JSONata","Arguments":{"T":"{% $states.context.Task.Token %}"}"#);
        for definition in [
            format!(r#"{{"States":{{"Map":{{"ItemProcessor":{json_path}}}}}}}"#),
            format!(r#"{{"States":{{"Map":{{"Iterator":{own}}}}}}}"#),
            format!(r#"{{"QueryLanguage":"JSONata","States":{{"All":{{"Branches":[{{}},{jsonata}]}}}}}}"#),
        ] {
            assert_eq!(token_pointers(&definition, "Wait"), ["/T"], "{definition}");
            assert_eq!(token_pointers(&definition, "Other"), [""; 0]);
        }
    }

    #[test]
    fn what_is_no_definition_names_no_place() {
        let deep = format!(
            "{}{}",
            r#"{"States":{"s":{"Iterator":"#.repeat(300),
            "{}".to_owned() + &"}}}".repeat(300)
        );
        for text in ["", "[]", "{}", r#"{"States":[]}"#, r#"{"States":{"Wait":7}}"#, &deep] {
            assert_eq!(token_pointers(text, "Wait"), [""; 0]);
        }
    }
}
