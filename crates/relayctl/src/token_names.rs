//! Under which names a task token is looked for, beside the relay's own.

use std::convert::Infallible;

use clap::Args;
use failure_relay::settings::Variables;

/// The option of every verb that searches a payload or an environment.
#[derive(Clone, Debug, Default, Args)]
pub struct TokenNames {
    /// More names under which a Step Functions task token is looked for
    #[arg(
        long = "task-token-names",
        value_name = "NAMES",
        env = "RELAY_TASK_TOKEN_NAMES",
        hide_env_values = true,
        value_parser = |names: &str| Ok::<_, Infallible>(listed(names))
    )]
    lists: Vec<Vec<String>>,
}

impl TokenNames {
    /// All names that were given.
    #[must_use]
    pub fn all(&self) -> Vec<String> {
        self.lists.concat()
    }
}

/// The names in a list, read as the relay reads its setting: blanks around them do not count.
#[must_use]
pub fn listed(names: &str) -> Vec<String> {
    let variables = Variables(&|_| Some(names.to_owned()));
    // Every name is taken as it is, so that none is wrong.
    variables.list("RELAY_TASK_TOKEN_NAMES", |name| Ok(name.to_owned())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Verb {
        #[command(flatten)]
        tokens: TokenNames,
    }

    #[test]
    fn names_may_have_blanks_around_them_and_may_be_missing() {
        let given = |arguments: &[&str]| Verb::parse_from(["verb"].iter().chain(arguments)).tokens.all();
        assert_eq!(given(&["--task-token-names", " GRIP, RENDER_TOKEN ,,"]), ["GRIP", "RENDER_TOKEN"]);
        assert_eq!(given(&["--task-token-names", "A", "--task-token-names", "B,C"]), ["A", "B", "C"]);
        assert_eq!(given(&["--task-token-names", ""]), [""; 0]);
    }
}
