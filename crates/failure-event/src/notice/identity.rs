//! The identity of a failed task, looked for in what started its worker: a JSON payload, environment variables, or a command line.
//!
//! The first that is found counts. When it is wrong, the event is dead-lettered as any other would be, and no other name
//! is tried: a wrong identity is a mistake to be seen, not one to be guessed around.
//!
//! What is found is handed on as a value that borrows from where it stood, since that may be a text inside a text: whoever searches
//! says what to make of it.

use std::borrow::Cow;

use super::shapes;
use crate::envelope;
use crate::event::shortened;
use crate::json::{Json, Object, Type};
use crate::target::{Given, GivenValue, Kind, Named};

/// The usual names of a Step Functions task token, looked for after those in the settings.
const TASK_TOKEN_NAMES: [&str; 6] = [
    "TASK_TOKEN",
    "TASK_TOKEN_ENV_VARIABLE",
    "SFN_TASK_TOKEN",
    "AWS_STEPFUNCTIONS_TASK_TOKEN",
    "TaskToken",
    "taskToken",
];

/// A whole `target` object.
const TARGET: &str = "FAILURE_RELAY_TARGET";

/// The names of jobs and activities.
const JOB_ID: &str = "CODEPIPELINE_JOB_ID";
const CLIENT_TOKEN: &str = "CODEPIPELINE_CLIENT_TOKEN";
const SWF_TASK_TOKEN: &str = "SWF_TASK_TOKEN";
const CALLBACK_ID: &str = "DURABLE_CALLBACK_ID";

/// The names under which notices and processes carry tokens.
pub fn token_names() -> impl Iterator<Item = &'static str> {
    TASK_TOKEN_NAMES.into_iter().chain([CLIENT_TOKEN, SWF_TASK_TOKEN, CALLBACK_ID])
}

/// An identity where it stands.
#[derive(Debug)]
pub struct Identity<'a> {
    /// The variable, member or option that holds it.
    pub name: Cow<'a, str>,
    what: What<'a>,
}

#[derive(Debug)]
enum What<'a> {
    /// A whole target: an object, or a string with its JSON text. Anything else is wrong.
    Target(GivenValue<'a>),
    /// The members of one.
    Members(Named<'a>),
}

/// An identity that was found, and read.
#[derive(Clone, Debug)]
pub struct Found {
    /// The variable, member or option that held it.
    pub name: String,
    /// What it says, right or wrong.
    pub target: Given,
}

impl<'a> Identity<'a> {
    /// Reads what it says.
    #[must_use]
    pub fn read(&self) -> Found {
        let target = match &self.what {
            What::Members(named) => Given::read(named),
            What::Target(value) => {
                with_object(value, |object| Given::read(object)).unwrap_or_else(Given::not_an_object)
            }
        };
        Found { name: self.name.clone().into_owned(), target }
    }

    /// The `target` object that a publisher would send; `None` where what stands here is not an object.
    #[must_use]
    pub fn to_json(&self) -> Option<String> {
        match &self.what {
            What::Members(named) => Some(named.to_json()),
            What::Target(value) => with_object(value, |object| object.json().compact()),
        }
    }

    /// The identity of an object that has one of the exact shapes.
    pub(super) fn of_shape(name: &'static str, named: Named<'a>) -> Self {
        Self { name: Cow::Borrowed(name), what: What::Members(named) }
    }

    /// The same identity, found in JSON that itself stands under a name.
    fn inside(self, name: &str) -> Self {
        Self { name: Cow::Owned(format!("{} in {}", self.name, shortened(name))), ..self }
    }
}

/// Hands the object to `read` that a value is, or whose JSON text it holds.
fn with_object<T>(value: &GivenValue<'_>, read: impl FnOnce(&Object<'_>) -> T) -> Option<T> {
    match value {
        GivenValue::Json(json) if json.json_type() == Type::Object => Some(read(&json.object()?)),
        _ => Some(read(&Json::parse(&value.string()?.embedded()).ok()?.object()?)),
    }
}

/// The identity in a JSON payload, read.
pub(super) fn found_in_payload(payload: &Object<'_>, names: &[String]) -> Option<Found> {
    in_payload(payload, names, &mut |identity| identity.read())
}

/// How a rule of the contract looks at what is inside all envelopes of a payload.
type PayloadRule = for<'a> fn(&Object<'a>, &[String]) -> Option<Identity<'a>>;

/// The rules for a payload, in their order.
const PAYLOAD_RULES: [PayloadRule; 4] = [whole_target, target_member, codepipeline_job, member_by_name];

/// The identity in a JSON payload, which is unwrapped first.
pub(super) fn in_payload<T>(
    payload: &Object<'_>,
    names: &[String],
    take: &mut dyn FnMut(Identity<'_>) -> T,
) -> Option<T> {
    envelope::search(payload, &mut |payload, is_innermost| {
        let by_name = || PAYLOAD_RULES.iter().filter(|_| is_innermost).find_map(|rule| rule(payload, names));
        shapes::identity(payload).or_else(by_name).map(&mut *take)
    })
}

/// The identity in a JSON payload that itself stands under a name.
pub(super) fn in_payload_under<T>(
    name: &str,
    payload: &Object<'_>,
    names: &[String],
    take: &mut dyn FnMut(Identity<'_>) -> T,
) -> Option<T> {
    in_payload(payload, names, &mut |identity| take(identity.inside(name)))
}

/// Hands a string that is the text of a JSON object to `search`; `None` for anything else.
pub(super) fn with_document<T>(text: &GivenValue<'_>, search: impl FnOnce(&Object<'_>) -> T) -> Option<T> {
    may_be_document(text).then(|| with_object(text, search))?
}

/// Whether a value may be a string that is the text of a JSON object. It is told by the first characters, before anything is copied
/// or parsed: most variables and arguments hold no JSON.
fn may_be_document(text: &GivenValue<'_>) -> bool {
    if text.json_type() != Type::String {
        return false;
    }
    let start = match text {
        GivenValue::Json(json) => json.text().trim_start_matches('"'),
        GivenValue::Text(text) => &text.text,
    };
    // Blanks and the brace itself may be escaped.
    start.trim_start_matches(['\u{feff}', ' ', '\t', '\n', '\r']).starts_with(['{', '\\'])
}

/// A place in which names have values.
trait Place<'a> {
    /// A value that is a string and not empty.
    fn text(&self, name: &str) -> Option<GivenValue<'a>>;
}

impl<'a> Place<'a> for Object<'a> {
    #[inline]
    fn text(&self, name: &str) -> Option<GivenValue<'a>> {
        let json = if is_pointer(name) { self.pointer(name) } else { self.member(name) };
        json.map(GivenValue::Json).filter(GivenValue::is_text)
    }
}

fn is_pointer(name: &str) -> bool {
    name.starts_with('/')
}

/// The values of the names that are looked for, picked out of a list in one pass, however long it is.
pub(super) struct Picked<'n, 'a> {
    own_names: &'n [String],
    /// All names that are looked for.
    names: Vec<&'n str>,
    /// At most one for each name.
    values: Vec<(&'n str, Option<GivenValue<'a>>)>,
}

impl<'n, 'a> Picked<'n, 'a> {
    /// No variable yet.
    pub(super) fn variables(own_names: &'n [String]) -> Self {
        let names = std::iter::once(TARGET).chain(names_in_lists(own_names)).collect();
        Self { own_names, names, values: Vec::new() }
    }

    /// No option yet: a whole target does not stand on a command line.
    pub(super) fn options(own_names: &'n [String]) -> Self {
        Self { own_names, names: names_in_lists(own_names).collect(), values: Vec::new() }
    }

    /// The place for the value of the first name that `is_meant`.
    pub(super) fn place(&mut self, is_meant: impl Fn(&str) -> bool) -> Option<&mut Option<GivenValue<'a>>> {
        let name = *self.names.iter().find(|name| is_meant(name))?;
        let known = self.values.iter().position(|(known, _)| *known == name);
        let index = known.unwrap_or_else(|| {
            self.values.push((name, None));
            self.values.len() - 1
        });
        self.values.get_mut(index).map(|(_, value)| value)
    }

    /// The identity among the values.
    pub(super) fn identity(&self) -> Option<Identity<'a>> {
        let whole = || Some(Identity { name: TARGET.into(), what: What::Target(self.text(TARGET)?) });
        whole().or_else(|| by_name(self, self.own_names))
    }
}

impl<'a> Place<'a> for Picked<'_, 'a> {
    fn text(&self, name: &str) -> Option<GivenValue<'a>> {
        let (_, value) = self.values.iter().find(|(known, _)| *known == name)?;
        value.clone().filter(GivenValue::is_text)
    }
}

/// All names but that of a whole target, in the order in which they count. A JSON pointer names nothing in a list.
pub(super) fn names_in_lists(names: &[String]) -> impl Iterator<Item = &str> {
    let own = names.iter().map(String::as_str).filter(|name| !is_pointer(name));
    [JOB_ID, CLIENT_TOKEN].into_iter().chain(own).chain(TASK_TOKEN_NAMES).chain([SWF_TASK_TOKEN, CALLBACK_ID])
}

fn whole_target<'a>(payload: &Object<'a>, _names: &[String]) -> Option<Identity<'a>> {
    let target = payload.member(TARGET).map(GivenValue::Json).filter(|target| !target.is_empty())?;
    Some(Identity { name: TARGET.into(), what: What::Target(target) })
}

fn target_member<'a>(payload: &Object<'a>, _names: &[String]) -> Option<Identity<'a>> {
    let target = payload.member("target")?;
    Kind::of(&target.object()?)?;
    Some(Identity { name: "target".into(), what: What::Target(GivenValue::Json(target)) })
}

/// The job with which CodePipeline invokes a Lambda function.
fn codepipeline_job<'a>(payload: &Object<'a>, _names: &[String]) -> Option<Identity<'a>> {
    let id = payload.object("CodePipeline.job")?.member("id").map(GivenValue::Json);
    let id = id.filter(|id| !id.is_empty())?;
    Some(named("CodePipeline.job", Kind::CodePipelineJob, vec![("jobId", id)]))
}

fn member_by_name<'a>(payload: &Object<'a>, names: &[String]) -> Option<Identity<'a>> {
    by_name(payload, names)
}

/// Jobs, tasks and activities by the names under which they usually stand, in their order.
fn by_name<'a>(place: &impl Place<'a>, names: &[String]) -> Option<Identity<'a>> {
    job_id(place)
        .or_else(|| task_token(place, names))
        .or_else(|| swf_task_token(place))
        .or_else(|| callback_id(place))
}

fn job_id<'a>(place: &impl Place<'a>) -> Option<Identity<'a>> {
    let id = place.text(JOB_ID)?;
    Some(match place.text(CLIENT_TOKEN) {
        Some(token) => {
            let members = vec![("jobId", id), ("clientToken", token)];
            named(JOB_ID, Kind::CodePipelineThirdPartyJob, members)
        }
        None => named(JOB_ID, Kind::CodePipelineJob, vec![("jobId", id)]),
    })
}

fn task_token<'a>(place: &impl Place<'a>, names: &[String]) -> Option<Identity<'a>> {
    let mut names = names.iter().map(String::as_str).chain(TASK_TOKEN_NAMES);
    names.find_map(|name| {
        let token = place.text(name)?;
        Some(named(name, Kind::StepFunctionsTask, vec![("taskToken", token)]))
    })
}

fn swf_task_token<'a>(place: &impl Place<'a>) -> Option<Identity<'a>> {
    let token = place.text(SWF_TASK_TOKEN)?;
    Some(named(SWF_TASK_TOKEN, Kind::SwfActivityTask, vec![("taskToken", token)]))
}

fn callback_id<'a>(place: &impl Place<'a>) -> Option<Identity<'a>> {
    let id = place.text(CALLBACK_ID)?;
    Some(named(CALLBACK_ID, Kind::LambdaDurableCallback, vec![("callbackId", id)]))
}

fn named<'a>(name: &str, kind: Kind, members: Vec<(&'static str, GivenValue<'a>)>) -> Identity<'a> {
    Identity { name: Cow::Owned(name.to_owned()), what: What::Members(Named { kind, members }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(text: &str) -> Option<String> {
        let names = ["MY_TOKEN".to_owned(), "/input/0/t".to_owned()];
        let payload = Json::parse(text).unwrap().object().unwrap();
        in_payload(&payload, &names, &mut |identity| identity.to_json().unwrap_or_default())
    }

    const SFN: &str = r#"{"kind":"step-functions-task","taskToken":"t"}"#;

    #[test]
    fn a_payload_is_searched_in_the_order_of_the_contract() {
        let all = r#"{"FAILURE_RELAY_TARGET":{"kind":"?"},"target":{"kind":"swf-activity-task"},"CodePipeline.job":{"id":"j"},"CODEPIPELINE_JOB_ID":"e","MY_TOKEN":"m","AWS_STEPFUNCTIONS_TASK_TOKEN":"a","taskToken":"t","SWF_TASK_TOKEN":"s"}"#;
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
            r#"{"kind":"step-functions-task","taskToken":"a"}"#,
            SFN,
            r#"{"kind":"swf-activity-task","taskToken":"s"}"#,
        ];
        assert_eq!(order, expected);
    }

    #[test]
    fn empty_strings_and_values_that_are_not_strings_are_not_found() {
        assert_eq!(payload(r#"{"TASK_TOKEN":"","TaskToken":7,"taskToken":"t"}"#).as_deref(), Some(SFN));
        assert_eq!(
            payload(r#"{"FAILURE_RELAY_TARGET":"","CodePipeline.job":{"id":""},"taskToken":"t"}"#).as_deref(),
            Some(SFN)
        );
        assert_eq!(payload(r#"{"target":{"kind":"build"},"taskToken":"t"}"#).as_deref(), Some(SFN));
        assert_eq!(payload(r#"{"nested":{"taskToken":"t"}}"#), None);
    }

    #[test]
    fn what_is_found_is_read_once_right_or_wrong() {
        let read = |text: &str| {
            let payload = Json::parse(text).unwrap().object().unwrap();
            found_in_payload(&payload, &[]).unwrap()
        };
        let token = read(r#"{"TaskToken":"a\/b"}"#);
        assert_eq!((token.name.as_str(), token.target.target.unwrap().identity()), ("TaskToken", "a/b"));
        let surrogate = read(r#"{"TaskToken":"\ud800"}"#);
        let reason = surrogate.target.target.unwrap_err().message;
        assert_eq!(reason, "target.taskToken: holds a surrogate without its pair");
        for wrong in [r#""no json""#, r#""[]""#, "7", "[1]"] {
            let found = read(&format!(r#"{{"FAILURE_RELAY_TARGET":{wrong}}}"#));
            assert_eq!(found.target.target.unwrap_err().message, "expected a JSON object with a target");
        }
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
}
