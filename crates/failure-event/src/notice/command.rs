//! The identity on a command line, as a container's overrides list it.
//!
//! The arguments of a shell's script (`sh -c "…"`) are one argument to those who start a container, and are not looked into.

use std::cell::LazyCell;

use super::identity::{Found, Identity, Picked, in_payload_under, names_in_lists, with_document};
use crate::json::{Json, JsonString, Type};
use crate::spelling::{plain, position_of_plain};
use crate::target::GivenValue;

/// A command line: one list of strings, or several in a row, as Kubernetes parts `command` and `args`.
pub(super) struct Command<'a>(Vec<Json<'a>>);

impl<'a> Command<'a> {
    /// The arguments of these lists; what is not a list has none.
    pub(super) fn read(lists: impl IntoIterator<Item = Option<Json<'a>>>) -> Self {
        Self(lists.into_iter().flatten().collect())
    }

    /// The identity among these arguments, read.
    pub(super) fn found(&self, names: &[String]) -> Option<Found> {
        self.identity(names, &mut |identity| identity.read())
    }

    /// The identity in an option that is written as one of the names, else in the first argument that is a JSON object.
    ///
    /// Of several options of one name the first counts that is not empty.
    fn identity<T>(&self, names: &[String], take: &mut dyn FnMut(Identity<'_>) -> T) -> Option<T> {
        let mut picked = Picked::options(names);
        // Most command lines have no option.
        let known =
            LazyCell::new(|| names_in_lists(names).map(|name| (plain(name), name)).collect::<Vec<_>>());
        let mut in_document = None;
        let mut arguments = self.arguments().peekable();
        while let Some(argument) = arguments.next() {
            let Some(option) = CommandOption::read(argument) else {
                // A command line may be very long, so it is passed over once: what is found here counts only where no option is.
                if in_document.is_none() {
                    in_document = with_document(&GivenValue::Json(argument), |payload| {
                        in_payload_under("an argument", payload, names, take)
                    });
                }
                continue;
            };
            let known_at = position_of_plain(option.name(), known.iter().map(|(plain, _)| plain.as_str()));
            let Some((_, known)) = known_at.and_then(|index| known.get(index)) else { continue };
            let Some(place) = picked.place(|name| name == *known) else { continue };
            let value = option.value().or_else(|| arguments.peek().copied().map(GivenValue::Json));
            if place.is_none() {
                *place = value.filter(|value| value.json_type() == Type::String && !value.is_empty());
            }
        }
        picked.identity().map(take).or(in_document.flatten())
    }

    fn arguments(&self) -> impl Iterator<Item = Json<'a>> {
        self.0.iter().filter_map(|list| list.array()).flatten()
    }
}

/// `--NAME` or `--NAME=VALUE`.
struct CommandOption<'a> {
    argument: JsonString<'a>,
    name_end: usize,
}

impl<'a> CommandOption<'a> {
    const START: &'static str = "--";

    fn read(argument: Json<'a>) -> Option<Self> {
        let argument = argument.string()?;
        let option = argument.text.strip_prefix(Self::START)?;
        let name_end = Self::START.len() + option.find('=').unwrap_or(option.len());
        Some(Self { argument, name_end })
    }

    fn name(&self) -> &str {
        &self.argument.text[Self::START.len()..self.name_end]
    }

    /// The value that it holds itself.
    fn value(self) -> Option<GivenValue<'a>> {
        let start = self.name_end + "=".len();
        (start <= self.argument.text.len()).then(|| GivenValue::Text(self.argument.from_byte(start)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(command: &str) -> Option<(String, String)> {
        found_in(&[command])
    }

    fn found_in(lists: &[&str]) -> Option<(String, String)> {
        let names = ["my.token".to_owned(), "/input/t".to_owned()];
        let command = Command::read(lists.iter().map(|list| Json::parse(list).ok()));
        command.identity(&names, &mut |identity| {
            (identity.name.clone().into_owned(), identity.to_json().unwrap_or_default())
        })
    }

    fn sfn(token: &str) -> String {
        format!(r#"{{"kind":"step-functions-task","taskToken":"{token}"}}"#)
    }

    #[test]
    fn an_option_is_known_in_every_spelling() {
        for option in [
            "--task-token",
            "--taskToken",
            "--TASK_TOKEN",
            "--tasktoken",
            "--aws-stepfunctions-task-token",
            "--My.Token",
        ] {
            let two = found(&format!(r#"["python", "{option}", "t"]"#)).map(|(_, json)| json);
            let one = found(&format!(r#"["python", "{option}=t"]"#)).map(|(_, json)| json);
            assert_eq!((two, one), (Some(sfn("t")), Some(sfn("t"))), "{option}");
        }
        for other in ["task-token", "-task-token", "--token", "--task-tokens", "--", "--failure-relay-target"]
        {
            assert_eq!(found(&format!(r#"["{other}", "{{\\"kind\\":\\"x\\"}}"]"#)), None, "{other}");
        }
    }

    #[test]
    fn the_order_of_the_names_decides_and_not_that_of_the_options() {
        let all = r#"["--swf-task-token=s", "--task-token", "t", "--codepipeline-client-token", "c", "--codepipeline-job-id=j"]"#;
        let third_party = r#"{"kind":"codepipeline-third-party-job","jobId":"j","clientToken":"c"}"#;
        assert_eq!(found(all), Some(("CODEPIPELINE_JOB_ID".to_owned(), third_party.to_owned())));
        assert_eq!(found(r#"["--swf-task-token=s", "--task-token=t"]"#).unwrap().1, sfn("t"));
    }

    #[test]
    fn an_option_without_a_value_is_not_found() {
        for command in [
            r#"["--task-token"]"#,
            r#"["--task-token", ""]"#,
            r#"["--task-token="]"#,
            r#"["--task-token", 7]"#,
            r#""--task-token t""#,
            "{}",
        ] {
            assert_eq!(found(command), None, "{command}");
        }
        assert_eq!(
            found(r#"["--task-token=", "--task-token=a=b", "--task-token=c"]"#).unwrap().1,
            sfn("a=b")
        );
    }

    #[test]
    fn only_the_first_argument_that_is_an_object_is_searched() {
        let first = r#"["worker", "{", "[]", "{\"input\":{\"t\":\"t\"}}", "{\"TaskToken\":\"u\"}"]"#;
        assert_eq!(found(first), Some(("/input/t in an argument".to_owned(), sfn("t"))));
        assert_eq!(found(r#"["{}", "{\"TaskToken\":\"u\"}"]"#), None);
    }

    #[test]
    fn several_lists_are_one_command_line() {
        assert_eq!(found_in(&[r#"["worker", "--task-token"]"#, r#"["t"]"#]).unwrap().1, sfn("t"));
    }

    #[test]
    fn a_surrogate_without_its_pair_is_not_lost_behind_an_option() {
        let command = Command::read([Json::parse(r#"["--task-token=\ud800"]"#).ok()]);
        let reason = command.found(&[]).unwrap().target.target.unwrap_err();
        assert_eq!(reason.message, "target.taskToken: holds a surrogate without its pair");
    }
}
