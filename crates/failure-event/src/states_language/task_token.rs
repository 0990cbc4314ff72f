//! Where a state puts its task token.
//!
//! The token is in the context object: `$$.Task.Token` in `JSONPath`, `$states.context.Task.Token` in `JSONata`.
//! <https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html#connect-wait-token>,
//! <https://docs.aws.amazon.com/step-functions/latest/dg/input-output-contextobject.html>

use super::{DEPTH_MAX, QueryLanguage};
use crate::json::{Json, Type};

/// Where in the parameters that the service is sent the task token stands. Each place is a JSON pointer (RFC 6901) into the
/// *evaluated* parameters, as an execution's history shows them: without the `.$` of `JSONPath`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskToken {
    /// Where the value is the token and nothing else.
    pub alone: Vec<String>,
    /// Where the value comes of an expression in which the token has a part.
    pub in_expression: Vec<String>,
}

impl TaskToken {
    /// The places in a state's `Parameters` or `Arguments`; `None` where these are nested too deeply.
    pub(super) fn within(parameters: Json<'_>, query_language: QueryLanguage) -> Option<Self> {
        let mut found = Self::default();
        found.look_into(parameters, String::new(), query_language, 0)?;
        Some(found)
    }

    fn look_into(
        &mut self,
        value: Json<'_>,
        pointer: String,
        query_language: QueryLanguage,
        depth: usize,
    ) -> Option<()> {
        if depth == DEPTH_MAX {
            return None;
        }
        match value.json_type() {
            Type::Object => {
                for (name, value) in value.object()?.members() {
                    let expression = match query_language {
                        QueryLanguage::JSONPath => name.strip_suffix(".$"),
                        QueryLanguage::JSONata => None,
                    };
                    let inner = format!("{pointer}/{}", escaped(expression.unwrap_or(&name)));
                    match (expression, value.string()) {
                        (Some(_), Some(text)) => self.note(text.text.trim(), inner, &JSON_PATH),
                        _ => self.look_into(value, inner, query_language, depth + 1)?,
                    }
                }
            }
            Type::Array => {
                for (index, value) in value.array()?.into_iter().enumerate() {
                    self.look_into(value, format!("{pointer}/{index}"), query_language, depth + 1)?;
                }
            }
            Type::String if query_language == QueryLanguage::JSONata => {
                let text = value.string()?.text;
                let expression = text.strip_prefix("{%").and_then(|text| text.strip_suffix("%}"));
                if let Some(expression) = expression {
                    self.note(expression.trim(), pointer, &JSONATA);
                }
            }
            _ => {}
        }
        Some(())
    }

    /// Notes the place when its expression reads the token, or an object that holds the token.
    fn note(&mut self, expression: &str, pointer: String, context: &Context) {
        if let Some((rest, "")) = expression.strip_prefix(context.root).and_then(|path| context.read(path)) {
            self.alone.push(rest.iter().fold(pointer, |pointer, name| pointer + "/" + name));
            return;
        }
        let mut mentions = expression.split(context.root).skip(1);
        if mentions.any(|path| context.read(path).is_some()) {
            self.in_expression.push(pointer);
        }
    }
}

/// How a query language reaches the task token.
struct Context {
    root: &'static str,
    /// The names from the root to the token.
    names: &'static [&'static str],
}

const JSON_PATH: Context = Context { root: "$$", names: &["Task", "Token"] };
const JSONATA: Context = Context { root: "$states", names: &["context", "Task", "Token"] };

impl Context {
    /// Reads a path from the root as far as it leads towards the token. Returns the names that are left, which are members of
    /// what the path reads, and the text behind the path; `None` when the path leads elsewhere.
    fn read<'e>(&self, mut path: &'e str) -> Option<(&'static [&'static str], &'e str)> {
        let mut names = self.names;
        // `$statesman` is another variable.
        if path.starts_with(|next: char| next.is_alphanumeric() || next == '_') {
            return None;
        }
        while let Some((name, rest)) = step(path) {
            // Something behind the token itself, such as a function of it.
            let Some((next, left)) = names.split_first() else { break };
            if name != *next {
                return None;
            }
            (names, path) = (left, rest);
        }
        Some((names, path))
    }
}

/// The first name of a path, `.name`, `['name']` or `["name"]`, and what is behind it.
fn step(path: &str) -> Option<(&str, &str)> {
    if let Some(name) = path.strip_prefix('.') {
        let end = name.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(name.len());
        return (end > 0).then(|| name.split_at(end));
    }
    [("['", "']"), ("[\"", "\"]")]
        .into_iter()
        .find_map(|(open, close)| path.strip_prefix(open)?.split_once(close))
}

/// A name within a JSON pointer.
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(parameters: &str, query_language: QueryLanguage) -> (Vec<String>, Vec<String>) {
        let found = TaskToken::within(Json::parse(parameters).unwrap(), query_language).unwrap();
        (found.alone, found.in_expression)
    }

    fn of_expression(expression: &str, query_language: QueryLanguage) -> (Vec<String>, Vec<String>) {
        let parameters = match query_language {
            QueryLanguage::JSONPath => serde_json::json!({"at.$": expression}),
            QueryLanguage::JSONata => serde_json::json!({"at": format!("{{% {expression} %}}")}),
        };
        places(&parameters.to_string(), query_language)
    }

    #[test]
    fn in_json_path_only_members_with_a_dollar_are_expressions_and_their_suffix_goes() {
        let parameters = r#"{"Cluster": "$$.Task.Token", "Overrides": {"ContainerOverrides": [
            {"Environment": [{"Name": "A", "Value": "a"}, {"Name": "TASK_TOKEN", "Value.$": "$$.Task.Token"}]}]}}"#;
        let pointer = "/Overrides/ContainerOverrides/0/Environment/1/Value";
        assert_eq!(places(parameters, QueryLanguage::JSONPath), (vec![pointer.to_owned()], vec![]));
        let evaluated =
            r#"{"Overrides": {"ContainerOverrides": [{"Environment": [{}, {"Value": "AQCE"}]}]}}"#;
        assert_eq!(Json::parse(evaluated).unwrap().pointer(pointer).unwrap().to_text(), "AQCE");
    }

    #[test]
    fn in_jsonata_any_string_may_be_an_expression() {
        let parameters =
            r#"{"a/b": ["--task-token", "{% $states.context.Task.Token %}", "$states.context.Task.Token"]}"#;
        assert_eq!(places(parameters, QueryLanguage::JSONata), (vec!["/a~1b/1".to_owned()], vec![]));
        let whole = r#""{% {'token': $states.context.Task.Token} %}""#;
        assert_eq!(places(whole, QueryLanguage::JSONata), (vec![], vec![String::new()]));
    }

    #[test]
    fn an_object_that_holds_the_token_leads_to_it() {
        for (expression, query_language, pointer) in [
            ("$$.Task", QueryLanguage::JSONPath, "/at/Token"),
            ("$$", QueryLanguage::JSONPath, "/at/Task/Token"),
            ("$$['Task'][\"Token\"]", QueryLanguage::JSONPath, "/at"),
            ("$states.context", QueryLanguage::JSONata, "/at/Task/Token"),
            ("$states", QueryLanguage::JSONata, "/at/context/Task/Token"),
        ] {
            let found = of_expression(expression, query_language);
            assert_eq!(found, (vec![pointer.to_owned()], vec![]), "{expression}");
        }
    }

    #[test]
    fn a_token_in_a_larger_expression_is_told_apart() {
        for (expression, query_language) in [
            ("States.Format('--token={}', $$.Task.Token)", QueryLanguage::JSONPath),
            ("States.JsonToString($$)", QueryLanguage::JSONPath),
            ("$$.Task.Token.length()", QueryLanguage::JSONPath),
            ("$$..Token", QueryLanguage::JSONPath),
            ("$string($states.context.Task)", QueryLanguage::JSONata),
            ("'token=' & $states.context.Task.Token", QueryLanguage::JSONata),
        ] {
            let found = of_expression(expression, query_language);
            assert_eq!(found, (vec![], vec!["/at".to_owned()]), "{expression}");
        }
    }

    #[test]
    fn other_members_of_the_context_are_not_the_token() {
        for (expression, query_language) in [
            ("$$.Execution.Id", QueryLanguage::JSONPath),
            ("$$.Task.Tokens", QueryLanguage::JSONPath),
            ("$.Task.Token", QueryLanguage::JSONPath),
            ("$states.input.taskToken", QueryLanguage::JSONata),
            ("$statesman.context.Task.Token", QueryLanguage::JSONata),
        ] {
            assert_eq!(of_expression(expression, query_language), (vec![], vec![]), "{expression}");
        }
    }

    #[test]
    fn parameters_that_are_nested_too_deeply_are_not_read() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let within =
            |depth| TaskToken::within(Json::parse(&nested(depth)).unwrap(), QueryLanguage::JSONata).is_some();
        assert_eq!([within(DEPTH_MAX), within(DEPTH_MAX + 1), within(100_000)], [true, false, false]);
    }
}
