//! What the tool prints, and where: data on standard output, talk on standard error, colours only on a terminal.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::exit::{Exit, Problem};

/// The arguments that every verb takes.
#[derive(Debug, Args)]
pub struct Options {
    /// Prints data as JSON, one object a line
    #[arg(long, global = true, help_heading = "Output")]
    json: bool,
    /// Colours and progress bars: on a terminal, always or never
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", help_heading = "Output")]
    color: When,
    /// Prints only problems on standard error
    #[arg(short, long, global = true, help_heading = "Output")]
    quiet: bool,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum When {
    /// On a terminal, unless the environment sets `NO_COLOR`
    #[value(help = "On a terminal, unless the environment sets NO_COLOR")]
    Auto,
    /// Everywhere
    Always,
    /// Nowhere
    Never,
}

impl When {
    fn on(self, stream: &impl IsTerminal) -> bool {
        match self {
            When::Auto => {
                stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty())
            }
            When::Always => true,
            When::Never => false,
        }
    }
}

/// Where a verb prints.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a wish of the user, and any two go together")]
pub struct Output {
    json: bool,
    ends_with_reader: bool,
    quiet: bool,
    data_has_colours: bool,
    talk_has_colours: bool,
}

/// What a coloured word means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// As it should be.
    Good,
    /// Worth a look.
    Odd,
    /// As it should not be.
    Bad,
    /// Of less weight than the rest.
    Faint,
    /// Of more weight than the rest.
    Strong,
}

impl Tone {
    fn code(self) -> &'static str {
        match self {
            Tone::Good => "32",
            Tone::Odd => "33",
            Tone::Bad => "31",
            Tone::Faint => "2",
            Tone::Strong => "1",
        }
    }
}

impl Output {
    /// The output that the arguments ask for.
    #[must_use]
    pub fn new(options: &Options) -> Self {
        Self {
            json: options.json,
            ends_with_reader: true,
            quiet: options.quiet,
            data_has_colours: !options.json && options.color.on(&io::stdout()),
            talk_has_colours: options.color.on(&io::stderr()),
        }
    }

    /// The same for a verb that must end what it has begun, whether or not anybody still reads what it prints.
    #[must_use]
    pub fn outliving_its_reader(&self) -> Self {
        Self { ends_with_reader: false, ..self.clone() }
    }

    /// The same for a part of a verb of which the verb itself tells what became.
    #[must_use]
    pub fn of_a_part(&self) -> Self {
        Self { json: false, quiet: true, ..self.clone() }
    }

    /// Whether data is asked for as JSON.
    #[must_use]
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Prints a line of data on standard output.
    pub fn data(&self, line: impl Display) {
        let written = writeln!(io::stdout().lock(), "{line}");
        self.end_without_reader(written);
    }

    /// Prints a line of data as compact JSON.
    pub fn json(&self, value: &impl Serialize) {
        match serde_json::to_string(value) {
            Ok(line) => self.data(line),
            Err(error) => self.problem(&Problem::local(format!("a line could not be written: {error}"))),
        }
    }

    /// Prints a line on standard error, unless the user wants quiet.
    pub fn talk(&self, line: impl Display) {
        if !self.quiet {
            // A closed standard error has nobody to tell.
            let _ = writeln!(io::stderr().lock(), "{line}");
        }
    }

    /// Prints a line about a problem on standard error, also for a user who wants quiet.
    #[expect(clippy::unused_self, reason = "whoever prints has an output")]
    pub fn complain(&self, line: impl Display) {
        let _ = writeln!(io::stderr().lock(), "{line}");
    }

    /// Prints a problem on standard error.
    pub fn problem(&self, problem: &Problem) {
        let word = paint(self.talk_has_colours, Tone::Bad, "error:");
        let _ = writeln!(io::stderr().lock(), "{word} {problem}");
    }

    /// A text for a line of data, in the colour of its tone.
    #[must_use]
    pub fn tint(&self, tone: Tone, text: impl Display) -> String {
        paint(self.data_has_colours, tone, text)
    }

    /// A text for a line of talk, in the colour of its tone.
    #[must_use]
    pub fn tint_talk(&self, tone: Tone, text: impl Display) -> String {
        paint(self.talk_has_colours, tone, text)
    }

    /// Whether a progress bar may be drawn: on a terminal, for a person.
    #[must_use]
    pub fn shows_progress(&self) -> bool {
        self.talk_has_colours && !self.quiet && io::stderr().is_terminal()
    }

    /// Whoever read the data has enough of it (`relayctl … | head -1`), or there is no room for it.
    fn end_without_reader(&self, written: io::Result<()>) {
        let Err(error) = written else { return };
        let is_read_enough = error.kind() == io::ErrorKind::BrokenPipe;
        if !is_read_enough {
            self.problem(&Problem::file(format!("standard output: {error}")));
        }
        if self.ends_with_reader {
            std::process::exit(if is_read_enough { Exit::Yes } else { Exit::File }.code().into());
        }
    }
}

fn paint(has_colours: bool, tone: Tone, text: impl Display) -> String {
    if has_colours { format!("\u{1b}[{}m{text}\u{1b}[0m", tone.code()) } else { text.to_string() }
}

/// A count and its noun: `1 event`, `2 events`.
#[must_use]
pub fn plural(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
