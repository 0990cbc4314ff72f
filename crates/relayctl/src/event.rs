//! Events that arguments and environment make: reports, leases and claims.

mod members;

use bytes::Bytes;
use clap::{Args, builder::PossibleValuesParser};
use failure_event::json::{Json, quoted};
use failure_event::notice::identity_in_variables;
use failure_event::target::Kind;

use crate::exit::Problem;
use crate::inputs::Input;
use crate::token_names::TokenNames;
use members::TargetMembers;

/// The arguments that name the task or job.
#[derive(Debug, Args)]
#[command(next_help_heading = "The task or job")]
#[group(id = "target", multiple = true)]
pub struct TargetOptions {
    /// The kind of target; without it, the target is found in the environment
    #[arg(long, value_name = "KIND", value_parser = kinds())]
    kind: Option<String>,
    #[command(flatten)]
    members: TargetMembers,
    /// The target's region, where it is not the relay's
    #[arg(long, value_name = "NAME", requires = "kind")]
    target_region: Option<String>,
    /// The target's account, where it is not the relay's
    #[arg(long, value_name = "ID", requires = "kind")]
    target_account: Option<String>,
    #[command(flatten)]
    token_names: TokenNames,
}

/// The arguments that describe the failure.
#[derive(Debug, Args)]
#[command(next_help_heading = "The failure")]
#[group(id = "failure", multiple = true)]
pub struct FailureOptions {
    /// A short name of the error for programs, e.g. `Render.OutOfMemory`
    #[arg(long = "type", value_name = "NAME")]
    failure_type: Option<String>,
    /// What a person should read
    #[arg(long, value_name = "TEXT")]
    message: Option<String>,
    /// Structured context: JSON, or any text
    #[arg(long, value_name = "JSON")]
    details: Option<String>,
    /// The worker's own id of the run
    #[arg(long, value_name = "ID")]
    execution_id: Option<String>,
}

/// The arguments that tell one event from another.
#[derive(Debug, Args)]
#[command(next_help_heading = "The event")]
#[group(id = "header", multiple = true)]
pub struct HeaderOptions {
    /// A correlation id
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// Who publishes
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
}

fn kinds() -> PossibleValuesParser {
    PossibleValuesParser::new(Kind::ALL.iter().map(|kind| kind.name()))
}

impl TargetOptions {
    /// The `target` object.
    ///
    /// # Errors
    /// Neither arguments nor environment name a target.
    pub fn target(&self) -> Result<String, Problem> {
        if let Some(kind) = &self.kind {
            let mut target = vec![("kind", Some(quoted(kind)))];
            target.extend(self.members.given().map(|(name, value)| (name, text(Some(value)))));
            target.push(("region", text(self.target_region.as_deref())));
            target.push(("account", text(self.target_account.as_deref())));
            return Ok(object(&target));
        }
        let names = self.token_names.all();
        let found = identity_in_variables(&crate::environment(), &names, &mut |identity| identity.to_json());
        match found {
            Some(Some(target)) => Ok(target),
            Some(None) => Err(Problem::usage("FAILURE_RELAY_TARGET: expected a JSON object")),
            None => Err(Problem::usage(
                "no task or job is named: give --kind and its members, or a variable such as TASK_TOKEN",
            )),
        }
    }
}

impl FailureOptions {
    /// The `failure` object.
    #[must_use]
    pub fn failure(&self) -> String {
        object(&self.members())
    }

    /// The same, where anything is said of the failure.
    #[must_use]
    pub fn given(&self) -> Option<String> {
        let members = self.members();
        members.iter().any(|(_, value)| value.is_some()).then(|| object(&members))
    }

    fn members(&self) -> [(&'static str, Option<String>); 4] {
        let details = self.details.as_deref().map(|details| match Json::parse(details) {
            Ok(json) => json.text().to_owned(),
            Err(_) => quoted(details),
        });
        [
            ("type", text(self.failure_type.as_deref())),
            ("message", text(self.message.as_deref())),
            ("details", details),
            ("externalExecutionId", text(self.execution_id.as_deref())),
        ]
    }
}

impl HeaderOptions {
    /// The event with these members too, as if it had been read from a file of this name.
    #[must_use]
    pub fn event(&self, name: &str, members: &[(&str, Option<String>)]) -> Input {
        let header = [
            ("version", Some(quoted("1"))),
            ("id", text(self.id.as_deref())),
            ("source", text(self.source.as_deref())),
        ];
        Input { path: name.into(), bytes: Bytes::from(object(&[&header, members].concat())) }
    }
}

/// A text as JSON.
#[must_use]
pub fn text(value: Option<&str>) -> Option<String> {
    value.map(quoted)
}

/// A JSON object of those members that have a value, which is JSON already.
#[must_use]
pub fn object(members: &[(&str, Option<String>)]) -> String {
    let members =
        members.iter().filter_map(|(name, value)| Some(format!("{}:{}", quoted(name), value.as_ref()?)));
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        target: TargetOptions,
        #[command(flatten)]
        failure: FailureOptions,
        #[command(flatten)]
        header: HeaderOptions,
    }

    fn event(arguments: &[&str]) -> String {
        let line = Line::try_parse_from([&["publish"], arguments].concat()).unwrap();
        let members = [("target", line.target.target().ok()), ("failure", Some(line.failure.failure()))];
        line.header.event("event", &members).text().into_owned()
    }

    #[test]
    fn only_what_is_given_is_in_the_event() {
        let made = event(&["--kind", "swf-activity-task", "--task-token", "t"]);
        let target = r#"{"kind":"swf-activity-task","taskToken":"t"}"#;
        assert_eq!(made, format!(r#"{{"version":"1","target":{target},"failure":{{}}}}"#));
    }

    #[test]
    fn each_member_of_a_kind_has_an_option() {
        let made = event(&["--kind", "codedeploy-lifecycle-hook", "--deployment-id", "d-1"]);
        assert!(
            made.contains(r#""target":{"kind":"codedeploy-lifecycle-hook","deploymentId":"d-1"}"#),
            "{made}"
        );
    }

    #[test]
    fn details_are_json_or_a_text() {
        let details = |details| event(&["--kind", "swf-activity-task", "--details", details]);
        assert!(details(r#"{ "a": 1 }"#).contains(r#""details":{ "a": 1 }"#));
        assert!(details("line 1\nline 2").contains(r#""details":"line 1\nline 2""#));
    }
}
