//! The state machines of a CloudFormation or SAM template. What only the deployment knows is filled in with placeholders: an audit
//! needs a state's shape, not the name of its cluster.

use serde_json::{Map, Value};

/// A state machine as a template has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Its logical id.
    pub id: String,
    /// Where its definition is.
    pub source: Source,
}

/// Where a machine's definition is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// In the template.
    Text(String),
    /// In a file beside the template, in which `${Name}` stands for these values.
    File {
        /// Its path, from the template's folder.
        path: String,
        /// Names and values.
        substitutions: Vec<(String, String)>,
    },
    /// In a place that is not read from here.
    Elsewhere,
}

/// The state machines of a template.
pub fn machines(template: &Value) -> Vec<Machine> {
    let scope = Scope { template };
    let resources = template["Resources"].as_object().into_iter().flatten();
    let is_machine = |resource: &Value| {
        matches!(
            resource["Type"].as_str(),
            Some("AWS::StepFunctions::StateMachine" | "AWS::Serverless::StateMachine")
        )
    };
    let machine = |(id, resource): (&String, &Value)| Machine {
        id: id.clone(),
        source: scope.source(&resource["Properties"]),
    };
    resources.filter(|(_, resource)| is_machine(resource)).map(machine).collect()
}

/// Puts values in the place of `${Name}`.
pub fn substituted(text: &str, substitutions: &[(String, String)]) -> String {
    substitutions
        .iter()
        .fold(text.to_owned(), |text, (name, value)| text.replace(&format!("${{{name}}}"), value))
}

/// Puts quotes around each `${Name}` that stands where a value does, as in `"TimeoutSeconds": ${Limit}`, so that what only the
/// deployment fills in is JSON before.
pub fn with_placeholders_quoted(definition: &str) -> String {
    let (mut quoted, mut rest, mut is_in_string) =
        (String::with_capacity(definition.len()), definition, false);
    while let Some(found) = rest.find(['"', '\\', '$']) {
        let (before, from) = rest.split_at(found);
        quoted.push_str(before);
        let placeholder = from.strip_prefix("${").and_then(|name| name.find('}')).map(|end| &from[..end + 3]);
        let length = match (from.as_bytes()[0], placeholder) {
            // The backslash and whatever it escapes.
            (b'\\', _) => 1 + from[1..].chars().next().map_or(0, char::len_utf8),
            (b'$', Some(placeholder)) if !is_in_string => placeholder.len(),
            _ => 1,
        };
        let (taken, behind) = from.split_at(length);
        is_in_string ^= taken == "\"";
        match placeholder.filter(|placeholder| *placeholder == taken) {
            Some(name) => quoted.push_str(&Value::from(name).to_string()),
            None => quoted.push_str(taken),
        }
        rest = behind;
    }
    quoted + rest
}

/// What names in a template stand for.
struct Scope<'t> {
    template: &'t Value,
}

impl Scope<'_> {
    fn source(&self, properties: &Value) -> Source {
        let substitutions: Vec<(String, String)> = properties["DefinitionSubstitutions"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.clone(), text(&self.resolved(value))))
            .collect();
        for inline in ["DefinitionString", "Definition"] {
            let given = &properties[inline];
            if !given.is_null() {
                return Source::Text(substituted(&text(&self.resolved(given)), &substitutions));
            }
        }
        match properties["DefinitionUri"].as_str() {
            Some(path) if !path.contains("://") => Source::File { path: path.to_owned(), substitutions },
            _ => Source::Elsewhere,
        }
    }

    /// A value with all functions of CloudFormation carried out, as far as that goes.
    fn resolved(&self, value: &Value) -> Value {
        match value {
            Value::Array(items) => items.iter().map(|item| self.resolved(item)).collect(),
            Value::Object(members) => self.of_function(members).unwrap_or_else(|| {
                let resolved = |(name, value): (&String, &Value)| (name.clone(), self.resolved(value));
                Value::Object(members.iter().map(resolved).collect())
            }),
            _ => value.clone(),
        }
    }

    /// What a function gives; `None` for an object that is none.
    fn of_function(&self, members: &Map<String, Value>) -> Option<Value> {
        let (name, argument) = members.iter().next().filter(|_| members.len() == 1)?;
        Some(match (name.as_str(), argument) {
            ("Ref", Value::String(id)) => self.reference(id),
            ("Fn::GetAtt", Value::String(path)) => self.reference(path),
            ("Fn::GetAtt", Value::Array(path)) => {
                self.reference(&path.iter().map(text).collect::<Vec<_>>().join("."))
            }
            ("Fn::Sub", Value::String(pattern)) => self.filled_in(pattern, &Value::Null).into(),
            ("Fn::Sub", Value::Array(both)) => {
                let values = both.get(1).map_or(Value::Null, |values| self.resolved(values));
                self.filled_in(both.first()?.as_str()?, &values).into()
            }
            ("Fn::Join", Value::Array(both)) => {
                let items = self.resolved(both.get(1)?);
                let items: Vec<String> = items.as_array()?.iter().map(text).collect();
                items.join(both.first()?.as_str()?).into()
            }
            // Which of the two is deployed is not known: they are taken to have one shape.
            ("Fn::If", Value::Array(branches)) => self.resolved(branches.get(1)?),
            (name, _) if name.starts_with("Fn::") => format!("${{{name}}}").into(),
            _ => return None,
        })
    }

    /// What `Ref`, `Fn::GetAtt` and `${…}` stand for: a parameter's default, an activity's ARN, or the name itself.
    fn reference(&self, name: &str) -> Value {
        match name {
            "AWS::Partition" => return "aws".into(),
            "AWS::Region" => return "region".into(),
            "AWS::AccountId" => return "account".into(),
            "AWS::NoValue" => return Value::Null,
            _ => {}
        }
        let default = &self.template["Parameters"][name]["Default"];
        if !default.is_null() {
            return default.clone();
        }
        let id = name.strip_suffix(".Arn").unwrap_or(name);
        if self.template["Resources"][id]["Type"] == "AWS::StepFunctions::Activity" {
            return format!("arn:aws:states:region:account:activity:{id}").into();
        }
        format!("${{{name}}}").into()
    }

    /// A text of `Fn::Sub`: `${!Name}` is `${Name}` as it stands.
    fn filled_in(&self, pattern: &str, values: &Value) -> String {
        let (mut filled, mut rest) = (String::new(), pattern);
        while let Some((before, after)) = rest.split_once("${") {
            let Some((name, behind)) = after.split_once('}') else { break };
            filled.push_str(before);
            match (name.strip_prefix('!'), values.get(name)) {
                (Some(literal), _) => filled.push_str(&format!("${{{literal}}}")),
                (None, Some(value)) => filled.push_str(&text(value)),
                (None, None) => filled.push_str(&text(&self.reference(name))),
            }
            rest = behind;
        }
        filled + rest
    }
}

/// A value within a text: a string's characters, else JSON.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn source(properties: &Value) -> Source {
        let template = json!({
            "Parameters": {"Limit": {"Type": "Number", "Default": 300}},
            "Resources": {
                "Render": {"Type": "AWS::StepFunctions::Activity"},
                "Role": {"Type": "AWS::IAM::Role"},
                "Machine": {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties},
            },
        });
        let [machine] = &machines(&template)[..] else { panic!("one machine") };
        machine.source.clone()
    }

    fn inline(properties: &Value) -> Value {
        let Source::Text(text) = source(properties) else { panic!("{properties}") };
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn a_definition_of_cdk_is_joined() {
        let parts = json!(["{\"Resource\":\"arn:", {"Ref": "AWS::Partition"}, ":states:::ecs:runTask\",\"A\":\"",
            {"Fn::GetAtt": ["Role", "Arn"]}, "\",\"B\":\"", {"Fn::ImportValue": "x"}, "\"}"]);
        assert_eq!(
            inline(&json!({"DefinitionString": {"Fn::Join": ["", parts]}})),
            json!({"Resource": "arn:aws:states:::ecs:runTask", "A": "${Role.Arn}", "B": "${Fn::ImportValue}"})
        );
    }

    #[test]
    fn a_definition_as_an_object_has_its_references_filled_in() {
        let definition = json!({
            "TimeoutSeconds": {"Ref": "Limit"},
            "Resource": {"Fn::GetAtt": "Render.Arn"},
            "Cluster": {"Fn::Sub": ["${Name}-${AWS::Region}-${!Kept}", {"Name": {"Ref": "Render"}}]},
            "If": {"Fn::If": ["IsProduction", 1, 2]},
            "Parameters": {"Key": "value"},
        });
        let activity = "arn:aws:states:region:account:activity:Render";
        assert_eq!(
            inline(&json!({"Definition": definition})),
            json!({
                "TimeoutSeconds": 300, "Resource": activity, "Cluster": format!("{activity}-region-${{Kept}}"),
                "If": 1, "Parameters": {"Key": "value"},
            })
        );
    }

    #[test]
    fn a_definition_in_a_file_of_its_own_takes_its_substitutions_along() {
        let substitutions = json!({"Limit": {"Ref": "Limit"}, "Role": {"Fn::GetAtt": ["Role", "Arn"]}});
        let properties = json!({"DefinitionUri": "a.asl.json", "DefinitionSubstitutions": substitutions});
        let Source::File { path, substitutions } = source(&properties) else { panic!("a file") };
        let text = substituted(r#"{"TimeoutSeconds": ${Limit}, "Role": "${Role}"}"#, &substitutions);
        assert_eq!(
            (path.as_str(), text.as_str()),
            ("a.asl.json", r#"{"TimeoutSeconds": 300, "Role": "${Role.Arn}"}"#)
        );
    }

    #[test]
    fn a_placeholder_in_the_place_of_a_value_becomes_a_string() {
        for (definition, quoted) in [
            (r#"{"a": ${Limit}, "b": "${Name}"}"#, r#"{"a": "${Limit}", "b": "${Name}"}"#),
            (r#"{"a": "\"${X}", "b": [${Y},${Z}]}"#, r#"{"a": "\"${X}", "b": ["${Y}","${Z}"]}"#),
            (r#"{"a.$": "$$.Task.Token"}"#, r#"{"a.$": "$$.Task.Token"}"#),
            ("${", "${"),
            ("$ü\\ü\\", "$ü\\ü\\"),
        ] {
            assert_eq!(with_placeholders_quoted(definition), quoted);
        }
    }

    #[test]
    fn a_definition_in_s3_is_elsewhere() {
        for properties in [
            json!({"DefinitionS3Location": {"Bucket": "b", "Key": "k"}}),
            json!({"DefinitionUri": {"Bucket": "b", "Key": "k"}}),
            json!({"DefinitionUri": "s3://b/k"}),
            json!({}),
        ] {
            assert_eq!(source(&properties), Source::Elsewhere);
        }
    }
}
