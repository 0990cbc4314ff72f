//! `relayctl completions`: what a shell needs to complete this tool's arguments.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::Arguments;
use crate::exit::{Exit, Problem};
use crate::output::Output;

const EXAMPLES: &str = "\
Examples:
    relayctl completions bash > ~/.local/share/bash-completion/completions/relayctl
    relayctl completions zsh > ~/.zfunc/_relayctl
    relayctl completions fish > ~/.config/fish/completions/relayctl.fish";

/// Prints the completions for a shell
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Completions {
    /// Which shell
    shell: Shell,
}

impl Completions {
    /// Prints the shell's script.
    ///
    /// # Errors
    /// The script cannot be made: a mistake in this tool.
    pub fn run(self, output: &Output) -> Result<Exit, Problem> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Arguments::command(), "relayctl", &mut script);
        let script = String::from_utf8(script).map_err(|error| Problem::local(error.to_string()))?;
        output.data(script.trim_end());
        Ok(Exit::Yes)
    }
}
