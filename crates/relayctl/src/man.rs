//! `relayctl man`: the manual pages.

use std::path::PathBuf;

use clap::{Args, Command, CommandFactory};
use clap_mangen::Man;

use crate::Arguments;
use crate::exit::{Exit, Problem};
use crate::output::Output;

const EXAMPLES: &str = "\
Examples:
    relayctl man | man -l -
    relayctl man --out-dir /usr/local/share/man/man1";

/// Prints the manual page, or writes one for each verb
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ManPages {
    /// Writes relayctl.1, relayctl-validate.1, … into this folder
    #[arg(long, value_name = "FOLDER")]
    out_dir: Option<PathBuf>,
}

impl ManPages {
    /// Prints or writes the pages.
    ///
    /// # Errors
    /// The folder cannot be written to.
    pub fn run(self, output: &Output) -> Result<Exit, Problem> {
        let mut command = Arguments::command();
        // Passes the tool's name on to its verbs: `relayctl-validate`.
        command.build();
        let Some(folder) = &self.out_dir else {
            output.data(page(&command)?.trim_end());
            return Ok(Exit::Yes);
        };
        for command in pages(&command) {
            let path = folder.join(format!("{}.1", name(command)));
            let written = std::fs::write(&path, page(command)?);
            written.map_err(|error| Problem::file(format!("{}: {error}", path.display())))?;
            output.data(path.display());
        }
        Ok(Exit::Yes)
    }
}

/// The tool, its verbs, and theirs.
fn pages(command: &Command) -> Vec<&Command> {
    let verbs = command.get_subcommands().filter(|verb| verb.get_name() != "help");
    std::iter::once(command).chain(verbs.flat_map(pages)).collect()
}

fn name(command: &Command) -> String {
    command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned()
}

fn page(command: &Command) -> Result<String, Problem> {
    let mut page = Vec::new();
    let made = Man::new(command.clone()).title(name(command).to_uppercase()).render(&mut page);
    made.map_err(|error| Problem::local(error.to_string()))?;
    String::from_utf8(page).map_err(|error| Problem::local(error.to_string()))
}
