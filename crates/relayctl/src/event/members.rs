//! An option for each member that identifies a target, made from the registry of kinds.

use std::collections::BTreeMap;

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use failure_event::target::Kind;

/// The members that were given, by their JSON names.
#[derive(Clone, Debug, Default)]
pub struct TargetMembers(BTreeMap<&'static str, String>);

impl TargetMembers {
    /// Names and values of the members that were given.
    pub fn given(&self) -> impl Iterator<Item = (&'static str, &str)> {
        names().filter_map(|name| Some((name, self.0.get(name)?.as_str())))
    }
}

/// Each member's name once, in the order of the kinds.
fn names() -> impl Iterator<Item = &'static str> {
    let all: Vec<&str> = Kind::ALL.iter().flat_map(|kind| kind.members()).map(|member| member.name).collect();
    let is_first = |(index, name): &(usize, &&str)| !all[..*index].contains(name);
    let firsts: Vec<&str> = all.iter().enumerate().filter(is_first).map(|(_, name)| *name).collect();
    firsts.into_iter()
}

/// `taskToken` as an option is written: `task-token`.
fn option_of(name: &str) -> String {
    let mut option = String::new();
    for character in name.chars() {
        if character.is_ascii_uppercase() {
            option.push('-');
        }
        option.push(character.to_ascii_lowercase());
    }
    option
}

impl Args for TargetMembers {
    fn augment_args(command: Command) -> Command {
        names().fold(command, |command, name| {
            let kinds: Vec<&str> = Kind::ALL
                .iter()
                .filter(|kind| kind.members().iter().any(|member| member.name == name))
                .map(|kind| kind.name())
                .collect();
            let help = format!("`{name}` of {}", kinds.join(", "));
            let option = Arg::new(name).long(option_of(name)).value_name("VALUE").requires("kind");
            command.arg(option.help(help))
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for TargetMembers {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = names().filter_map(|name| Some((name, matches.get_one::<String>(name)?.clone())));
        Ok(Self(given.collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
