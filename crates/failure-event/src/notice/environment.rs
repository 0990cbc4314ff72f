//! The identity in environment variables.

use std::borrow::Cow;

use super::identity::{Found, Identity, Picked, in_payload_under, with_document};
use crate::json::{Json, JsonString, Object};
use crate::target::GivenValue;

/// The most variables of one environment that are looked at. What AWS lets a notice carry holds a few hundred.
const VARIABLES_MAX: usize = 10_000;

/// Environment variables.
pub(super) enum Environment<'a> {
    /// As AWS lists them: `[{"name": …, "value": …}]`. What is odd is not a variable.
    Listed {
        /// The list, where there is one.
        list: Option<Json<'a>>,
        /// Which of the variables count.
        keep: fn(&Object<'_>) -> bool,
    },
    /// Those of a process.
    OfProcess(&'a [(String, String)]),
}

impl<'a> Environment<'a> {
    /// A list of variables, all of which count.
    pub(super) fn listed(list: Option<Json<'a>>) -> Self {
        Environment::Listed { list, keep: |_| true }
    }

    /// The identity in these variables, read.
    pub(super) fn found(&self, names: &[String]) -> Option<Found> {
        self.identity(names, &mut |identity| identity.read())
    }

    /// The identity in these variables: under one of the names, else in the first variable that holds a JSON object with one.
    fn identity<T>(&self, names: &[String], take: &mut dyn FnMut(Identity<'_>) -> T) -> Option<T> {
        let mut picked = Picked::variables(names);
        let mut in_document = None;
        for (name, value) in self.variables() {
            // A list may be very long, so it is passed over once: what is found here counts only where no name is.
            if in_document.is_none() {
                in_document =
                    with_document(&value, |payload| in_payload_under(&name, payload, names, take)).flatten();
            }
            // Of variables with one name the last counts, unless it is empty.
            if !value.is_empty()
                && let Some(place) = picked.place(|wanted| wanted == name)
            {
                *place = Some(value);
            }
        }
        picked.identity().map(take).or(in_document)
    }

    fn variables(&self) -> Box<dyn Iterator<Item = (Cow<'a, str>, GivenValue<'a>)> + 'a> {
        match *self {
            Environment::Listed { list, keep } => {
                let listed =
                    list.and_then(Json::array).unwrap_or_default().with_objects().take(VARIABLES_MAX);
                let variables =
                    listed.filter_map(|(_, object)| object).filter(move |variable| keep(variable));
                Box::new(variables.filter_map(|variable| {
                    Some((variable.text("name")?, GivenValue::Json(variable.member("value")?)))
                }))
            }
            Environment::OfProcess(variables) => Box::new(variables.iter().map(|(name, value)| {
                (Cow::Borrowed(name.as_str()), GivenValue::Text(JsonString::from(value.as_str())))
            })),
        }
    }
}

/// The identity in the variables of a running process. `names` are further names of task tokens.
///
/// The same search as in the variables that AWS lists in a notice, so that a worker and the notice of its death name the
/// same task.
pub fn in_variables<T>(
    variables: &[(String, String)],
    names: &[String],
    take: &mut dyn FnMut(Identity<'_>) -> T,
) -> Option<T> {
    Environment::OfProcess(variables).identity(names, take)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SFN: &str = r#"{"kind":"step-functions-task","taskToken":"t"}"#;

    fn names() -> [String; 2] {
        ["MY_TOKEN".to_owned(), "/input/t".to_owned()]
    }

    fn listed(text: &str) -> Option<String> {
        let environment = Environment::listed(Some(Json::parse(text).unwrap()));
        environment.identity(&names(), &mut |identity| identity.to_json().unwrap_or_default())
    }

    fn of_process(variables: &[(&str, &str)]) -> Option<(String, String)> {
        let variables: Vec<_> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        in_variables(&variables, &names(), &mut |identity| {
            (identity.name.clone().into_owned(), identity.to_json().unwrap_or_default())
        })
    }

    #[test]
    fn a_target_stands_in_an_environment_as_text() {
        let text =
            r#"[{"name":"TASK_TOKEN","value":"x"},{"name":"FAILURE_RELAY_TARGET","value":"{\"kind\":1}"}]"#;
        assert_eq!(listed(text).as_deref(), Some(r#"{"kind":1}"#));
    }

    #[test]
    fn a_job_with_a_client_token_is_a_third_party_job() {
        let third_party = r#"[{"name":"CODEPIPELINE_CLIENT_TOKEN","value":"c"},{"name":"CODEPIPELINE_JOB_ID","value":"j"}]"#;
        let target = r#"{"kind":"codepipeline-third-party-job","jobId":"j","clientToken":"c"}"#;
        assert_eq!(listed(third_party).as_deref(), Some(target));
        assert_eq!(listed(r#"[{"name":"CODEPIPELINE_CLIENT_TOKEN","value":"c"}, 7]"#), None);
    }

    #[test]
    fn each_usual_name_is_known() {
        for name in ["TASK_TOKEN_ENV_VARIABLE", "AWS_STEPFUNCTIONS_TASK_TOKEN", "MY_TOKEN"] {
            let list = format!(r#"[{{"name":"{name}","value":"t"}}]"#);
            assert_eq!(listed(&list).as_deref(), Some(SFN), "{name}");
        }
        assert_eq!(listed(r#"[{"name":"/input/t","value":"t"}]"#), None, "a pointer names no variable");
    }

    #[test]
    fn the_variables_of_a_process_are_searched_as_those_of_a_notice() {
        let json = |variables: &[(&str, &str)]| of_process(variables).map(|(_, json)| json);
        assert_eq!(json(&[("TASK_TOKEN", "x"), ("MY_TOKEN", "t")]).as_deref(), Some(SFN));
        assert_eq!(json(&[("TASK_TOKEN", ""), ("TaskToken", "t")]).as_deref(), Some(SFN));
        let target = r#"{"kind":"swf-activity-task","taskToken":"a\"b"}"#;
        assert_eq!(json(&[("TASK_TOKEN", "x"), ("FAILURE_RELAY_TARGET", target)]).as_deref(), Some(target));
        assert_eq!(json(&[("PATH", "/bin")]), None);
    }

    #[test]
    fn json_in_a_variable_is_searched_as_a_payload_when_no_name_is_found() {
        let job = r#" {"CodePipeline.job":{"id":"j"}}"#;
        let wrapped = r#"{"detail-type":"x","detail":{"input":{"t":"t"}}}"#;
        let found = of_process(&[
            ("BROKEN", r#"{"TaskToken":"#),
            ("LIST", r#"["t"]"#),
            ("EVENT", wrapped),
            ("JOB", job),
        ]);
        assert_eq!(found, Some(("/input/t in EVENT".to_owned(), SFN.to_owned())));
        let named = of_process(&[("EVENT", wrapped), ("SWF_TASK_TOKEN", "s")]).unwrap();
        assert_eq!(named.0, "SWF_TASK_TOKEN");
        let escaped = r#"[{"name":"A","value":"{}"},{"name":"B","value":"\n\u007b\"TaskToken\":\"t\"}"}]"#;
        assert_eq!(listed(escaped).as_deref(), Some(SFN));
    }
}
