//! The identity of a failed task, looked for in what started its worker: environment variables or a JSON payload.
//!
//! The first that is found counts. When it is wrong, the event is dead-lettered as any other would be, and no other name
//! is tried: a wrong identity is a mistake to be seen, not one to be guessed around.

use std::borrow::Cow;
use std::fmt;

use crate::envelope;
use crate::json::{Json, Object, Type, quoted};
use crate::target::Kind;

/// The usual names of a Step Functions task token, looked for after those in the settings.
const TASK_TOKEN_NAMES: [&str; 5] =
    ["TASK_TOKEN", "TASK_TOKEN_ENV_VARIABLE", "SFN_TASK_TOKEN", "TaskToken", "taskToken"];

/// A whole `target` object.
const TARGET: &str = "FAILURE_RELAY_TARGET";

/// The most variables of one environment that are looked at. What AWS lets a notice carry holds a few hundred.
const VARIABLES_MAX: usize = 10_000;

/// The names of jobs and activities.
const JOB_ID: &str = "CODEPIPELINE_JOB_ID";
const CLIENT_TOKEN: &str = "CODEPIPELINE_CLIENT_TOKEN";
const SWF_TASK_TOKEN: &str = "SWF_TASK_TOKEN";

/// The names under which notices and processes carry tokens.
pub fn token_names() -> impl Iterator<Item = &'static str> {
    TASK_TOKEN_NAMES.into_iter().chain([CLIENT_TOKEN, SWF_TASK_TOKEN])
}

/// An identity that was found: the JSON text of a `target` object, and the name under which it stood.
#[derive(Clone, PartialEq, Eq)]
pub struct Found {
    /// The `target` object, or whatever stood in its place.
    pub target: String,
    /// The variable or member that held it.
    pub name: String,
}

impl fmt::Debug for Found {
    /// The target may hold a token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Found").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A place in which names have values.
trait Named<'a> {
    fn value(&self, name: &str) -> Option<Json<'a>>;

    /// A value that is a string and not empty.
    fn string(&self, name: &str) -> Option<Json<'a>> {
        self.value(name).filter(|value| value.json_type() == Type::String && value.text() != "\"\"")
    }
}

/// Environment variables as AWS lists them: `[{"name": …, "value": …}]`.
pub(super) struct Environment<'a>(Vec<(Cow<'a, str>, Json<'a>)>);

impl<'a> Environment<'a> {
    /// Reads a list of variables; `None` and anything odd are an environment without variables.
    pub(super) fn read(list: Option<Json<'a>>) -> Self {
        Self::read_where(list, |_| true)
    }

    /// [`Environment::read`] of those variables that `keep` accepts.
    pub(super) fn read_where(list: Option<Json<'a>>, keep: impl Fn(&Object<'a>) -> bool) -> Self {
        let variables = list.and_then(Json::array).unwrap_or_default();
        let pair = |variable: Object<'a>| Some((variable.text("name")?, variable.member("value")?));
        Self(
            variables
                .into_iter()
                .take(VARIABLES_MAX)
                .filter_map(Json::object)
                .filter(|variable| keep(variable))
                .filter_map(pair)
                .collect(),
        )
    }

    /// The identity in these variables.
    pub(super) fn identity(&self, names: &[String]) -> Option<Found> {
        if let Some(target) = self.string(TARGET) {
            let text = target.string()?.into_embedded().into_owned();
            return Some(Found { target: text, name: TARGET.to_owned() });
        }
        job_id(self).or_else(|| task_token(self, names)).or_else(|| swf_task_token(self))
    }
}

impl<'a> Named<'a> for Environment<'a> {
    fn value(&self, name: &str) -> Option<Json<'a>> {
        self.0
            .iter()
            .rev()
            .find(|(key, value)| key == name && value.text() != "\"\"")
            .map(|(_, value)| *value)
    }
}

impl<'a> Named<'a> for Object<'a> {
    fn value(&self, name: &str) -> Option<Json<'a>> {
        if name.starts_with('/') { self.json().pointer(name) } else { self.member(name) }
    }
}

/// The identity in the variables of a running process. `names` are further names of task tokens.
///
/// The same search as in the variables that AWS lists in a notice, so that a worker and the notice of its death name the
/// same task.
pub fn in_variables(lookup: &dyn Fn(&str) -> Option<String>, names: &[String]) -> Option<Found> {
    let usual = [TARGET, JOB_ID, CLIENT_TOKEN, SWF_TASK_TOKEN].into_iter().chain(TASK_TOKEN_NAMES);
    let set = usual.chain(names.iter().map(String::as_str)).filter_map(|name| Some((name, lookup(name)?)));
    let listed: Vec<String> = set
        .map(|(name, value)| format!("{{\"name\":{},\"value\":{}}}", quoted(name), quoted(&value)))
        .collect();
    let list = format!("[{}]", listed.join(","));
    Environment::read(Json::parse(&list).ok()).identity(names)
}

/// The identity in a JSON payload, which is unwrapped first.
pub(super) fn in_payload(payload: &Object<'_>, names: &[String]) -> Option<Found> {
    envelope::innermost(payload, &mut |payload| {
        target_object(payload)
            .or_else(|| codepipeline_job(payload))
            .or_else(|| job_id(payload))
            .or_else(|| task_token(payload, names))
            .or_else(|| swf_task_token(payload))
    })
}

fn target_object(payload: &Object<'_>) -> Option<Found> {
    if let Some(target) = payload.member(TARGET).filter(|target| target.text() != "\"\"") {
        let text = target
            .string()
            .map_or_else(|| target.text().to_owned(), |string| string.into_embedded().into_owned());
        return Some(Found { target: text, name: TARGET.to_owned() });
    }
    let target = payload.object("target")?;
    Kind::of(&target)?;
    Some(Found { target: target.json().text().to_owned(), name: "target".to_owned() })
}

/// The job with which CodePipeline invokes a Lambda function.
fn codepipeline_job(payload: &Object<'_>) -> Option<Found> {
    let id = payload.object("CodePipeline.job")?.member("id").filter(|id| id.text() != "\"\"")?;
    Some(found("CodePipeline.job", Kind::CodePipelineJob, &[("jobId", id)]))
}

fn job_id<'a>(place: &impl Named<'a>) -> Option<Found> {
    let id = place.string(JOB_ID)?;
    Some(match place.string(CLIENT_TOKEN) {
        Some(token) => {
            found(JOB_ID, Kind::CodePipelineThirdPartyJob, &[("jobId", id), ("clientToken", token)])
        }
        None => found(JOB_ID, Kind::CodePipelineJob, &[("jobId", id)]),
    })
}

fn task_token<'a>(place: &impl Named<'a>, names: &[String]) -> Option<Found> {
    let mut names = names.iter().map(String::as_str).chain(TASK_TOKEN_NAMES);
    names.find_map(|name| Some(found(name, Kind::StepFunctionsTask, &[("taskToken", place.string(name)?)])))
}

fn swf_task_token<'a>(place: &impl Named<'a>) -> Option<Found> {
    Some(found(SWF_TASK_TOKEN, Kind::SwfActivityTask, &[("taskToken", place.string(SWF_TASK_TOKEN)?)]))
}

/// A `target` object of these members; the values stay as they were written.
fn found(name: &str, kind: Kind, members: &[(&str, Json<'_>)]) -> Found {
    let mut target = format!("{{\"kind\":{}", quoted(kind.name()));
    for (member, value) in members {
        target.push_str(&format!(",{}:{}", quoted(member), value.text()));
    }
    target.push('}');
    Found { target, name: name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(text: &str) -> Option<String> {
        in_payload(
            &Json::parse(text).unwrap().object().unwrap(),
            &["MY_TOKEN".to_owned(), "/input/0/t".to_owned()],
        )
        .map(|found| found.target)
    }

    fn environment(text: &str) -> Option<String> {
        let variables = Environment::read(Some(Json::parse(text).unwrap()));
        variables.identity(&["MY_TOKEN".to_owned()]).map(|found| found.target)
    }

    const SFN: &str = r#"{"kind":"step-functions-task","taskToken":"t"}"#;

    #[test]
    fn a_payload_is_searched_in_the_order_of_the_contract() {
        let all = r#"{"FAILURE_RELAY_TARGET":{"kind":"?"},"target":{"kind":"swf-activity-task"},"CodePipeline.job":{"id":"j"},"CODEPIPELINE_JOB_ID":"e","MY_TOKEN":"m","taskToken":"t","SWF_TASK_TOKEN":"s"}"#;
        let mut left = all.to_owned();
        let mut order = Vec::new();
        while let Some(found) = payload(&left) {
            order.push(found);
            let rest = left[1..].split_once(",\"").map(|(_, rest)| format!("{{\"{rest}"));
            left = rest.unwrap_or_else(|| "{}".to_owned());
        }
        let expected = [
            r#"{"kind":"?"}"#,
            r#"{"kind":"swf-activity-task"}"#,
            r#"{"kind":"codepipeline-job","jobId":"j"}"#,
            r#"{"kind":"codepipeline-job","jobId":"e"}"#,
            r#"{"kind":"step-functions-task","taskToken":"m"}"#,
            SFN,
            r#"{"kind":"swf-activity-task","taskToken":"s"}"#,
        ];
        assert_eq!(order, expected);
    }

    #[test]
    fn empty_strings_and_values_that_are_no_string_are_not_found() {
        assert_eq!(payload(r#"{"TASK_TOKEN":"","TaskToken":7,"taskToken":"t"}"#).as_deref(), Some(SFN));
        assert_eq!(
            payload(r#"{"FAILURE_RELAY_TARGET":"","CodePipeline.job":{"id":""},"taskToken":"t"}"#).as_deref(),
            Some(SFN)
        );
        assert_eq!(payload(r#"{"target":{"kind":"build"},"taskToken":"t"}"#).as_deref(), Some(SFN));
        assert_eq!(payload(r#"{"nested":{"taskToken":"t"}}"#), None);
    }

    #[test]
    fn a_name_that_starts_with_a_slash_is_a_pointer() {
        assert_eq!(payload(r#"{"input":[{"t":"t"}]}"#).as_deref(), Some(SFN));
    }

    #[test]
    fn a_wrapped_payload_is_searched_inside() {
        assert_eq!(
            payload(r#"{"Records":[{"eventSource":"aws:sqs","body":"{\"taskToken\":\"t\"}"}]}"#).as_deref(),
            Some(SFN)
        );
    }

    #[test]
    fn an_environment_holds_a_target_as_text() {
        let text =
            r#"[{"name":"TASK_TOKEN","value":"x"},{"name":"FAILURE_RELAY_TARGET","value":"{\"kind\":1}"}]"#;
        assert_eq!(environment(text).as_deref(), Some(r#"{"kind":1}"#));
        let third_party = r#"[{"name":"CODEPIPELINE_CLIENT_TOKEN","value":"c"},{"name":"CODEPIPELINE_JOB_ID","value":"j"}]"#;
        let target = r#"{"kind":"codepipeline-third-party-job","jobId":"j","clientToken":"c"}"#;
        assert_eq!(environment(third_party).as_deref(), Some(target));
        assert_eq!(environment(r#"[{"name":"TASK_TOKEN_ENV_VARIABLE","value":"t"}]"#).as_deref(), Some(SFN));
        assert_eq!(environment(r#"[{"name":"CODEPIPELINE_CLIENT_TOKEN","value":"c"}, 7]"#), None);
    }

    #[test]
    fn a_process_is_searched_as_its_notice_would_be() {
        let search = |variables: &[(&str, &str)]| {
            let lookup = |name: &str| {
                variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
            };
            in_variables(&lookup, &["MY_TOKEN".to_owned()]).map(|found| found.target)
        };
        assert_eq!(search(&[("TASK_TOKEN", "x"), ("MY_TOKEN", "t")]).as_deref(), Some(SFN));
        assert_eq!(search(&[("TASK_TOKEN", ""), ("TaskToken", "t")]).as_deref(), Some(SFN));
        let target = r#"{"kind": "swf-activity-task", "taskToken": "a\"b"}"#;
        assert_eq!(search(&[("TASK_TOKEN", "x"), ("FAILURE_RELAY_TARGET", target)]).as_deref(), Some(target));
        assert_eq!(search(&[("PATH", "/bin")]), None);
    }
}
