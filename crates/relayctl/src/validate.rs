//! `relayctl validate`: is it routable, and if not, what is wrong where.

mod diagnose;
mod similar;
mod source;

use std::path::PathBuf;

use clap::Args;
use failure_event::dead_letter::Code;
use failure_event::place::Home;
use failure_event::rules::Rules;
use serde_json::{Value, json};

use crate::exit::{Exit, Problem};
use crate::inputs::Input;
use crate::output::{Output, Tone, plural};
use crate::relay;
use diagnose::{Document, Finding, diagnose};

const EXAMPLES: &str = "\
Examples:
    relayctl validate my-event.json
    relayctl validate events/routable --quiet && echo all good
    jq -n '{target: {kind: \"swf-activity-task\", taskToken: $t}}' --arg t \"$TOKEN\" | relayctl validate -

Exits with 1 when an event would be dead-lettered. Whether a region or an account is allowed, and whether a service \
knows the token, is not checked. Whatever may be a secret is hidden.";

/// Says whether events are routable, and what is wrong with those that are not
///
/// Reports the place of each fault, what was expected there and, for a misspelt name, the one that was probably meant.
/// Envelopes are opened and notices recognised as the relay does.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Validate {
    /// Files and folders with events; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    relay: relay::Options,
}

impl Validate {
    /// Validates all files.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn run(self, output: &Output) -> Result<Exit, Problem> {
        let inputs = Input::read_all(&self.files)?;
        let (rules, home) = (self.relay.rules()?, self.relay.home());
        let mut unroutable = 0;
        for input in &inputs {
            let diagnosis = Diagnosis::of(input, &rules, &home);
            unroutable += usize::from(!diagnosis.is_routable());
            if output.is_json() {
                output.json(&diagnosis.as_json());
            } else {
                diagnosis.render(Paint::Data(output)).iter().for_each(|line| output.data(line));
            }
        }
        let routable = inputs.len() - unroutable;
        output.talk(format!("{}: {routable} routable, {unroutable} not", plural(inputs.len(), "file")));
        Ok(if unroutable == 0 { Exit::Yes } else { Exit::No })
    }
}

/// All that was found in one input.
#[derive(Debug)]
pub struct Diagnosis {
    file: String,
    documents: Vec<Document>,
}

/// How words are coloured: for standard output, or for standard error.
#[derive(Clone, Copy, Debug)]
pub enum Paint<'o> {
    /// As data.
    Data(&'o Output),
    /// As talk.
    Talk(&'o Output),
}

impl Paint<'_> {
    fn tint(self, tone: Tone, text: impl std::fmt::Display) -> String {
        match self {
            Paint::Data(output) => output.tint(tone, text),
            Paint::Talk(output) => output.tint_talk(tone, text),
        }
    }
}

impl Diagnosis {
    /// Looks at an input, for a relay with these rules.
    #[must_use]
    pub fn of(input: &Input, rules: &Rules, home: &Home) -> Self {
        Self { file: input.path.display().to_string(), documents: diagnose(input, rules, home) }
    }

    /// Whether the relay would call an API for it, or ignore it.
    #[must_use]
    pub fn is_routable(&self) -> bool {
        self.findings().all(|(_, finding)| finding.code.is_none())
    }

    fn findings(&self) -> impl Iterator<Item = (&Document, &Finding)> {
        self.documents
            .iter()
            .flat_map(|document| document.findings.iter().map(move |finding| (document, finding)))
    }

    /// The findings as a compiler prints them, one line each.
    #[must_use]
    pub fn render(&self, paint: Paint<'_>) -> Vec<String> {
        self.findings().flat_map(|(document, finding)| self.lines(document, finding, paint)).collect()
    }

    fn lines(&self, document: &Document, finding: &Finding, paint: Paint<'_>) -> Vec<String> {
        let (tone, head) = match finding.code {
            Some(code) => (Tone::Bad, format!("error[{code}]")),
            None => (Tone::Odd, "warning".to_owned()),
        };
        let place = source::place_of(&document.text, finding.span.start);
        let snippet = source::snippet(&document.text, &finding.span);
        let inside = if document.name.is_empty() { String::new() } else { format!(" ({})", document.name) };
        let (number, margin) = (place.line.to_string(), " ".repeat(place.line.to_string().len()));
        let faint = |text: &str| paint.tint(Tone::Faint, text);
        let carets = paint.tint(tone, "^".repeat(snippet.carets));
        let mut lines = vec![
            format!("{}: {}", paint.tint(tone, head), paint.tint(Tone::Strong, &finding.message)),
            format!("{margin}{} {}{inside}:{}:{}", faint("-->"), self.file, place.line, place.column),
            format!("{margin} {}", faint("|")),
            format!("{} {} {}", faint(&number), faint("|"), snippet.line).trim_end().to_owned(),
            format!("{margin} {} {}{carets}", faint("|"), " ".repeat(snippet.indent)),
        ];
        if let Some(help) = &finding.help {
            lines.push(format!("{margin} {} help: {help}", faint("=")));
        }
        lines.push(String::new());
        lines
    }

    /// The findings for programs.
    #[must_use]
    pub fn as_json(&self) -> Value {
        let findings = self.findings().map(|(document, finding)| {
            let start = source::place_of(&document.text, finding.span.start);
            let end = source::place_of(&document.text, finding.span.end);
            json!({
                "severity": if finding.code.is_some() { "error" } else { "warning" },
                "code": finding.code.map(Code::as_str),
                "message": finding.message,
                "inside": (!document.name.is_empty()).then_some(&document.name),
                "line": start.line, "column": start.column, "endLine": end.line, "endColumn": end.column,
                "help": finding.help,
            })
        });
        json!({"file": self.file, "routable": self.is_routable(), "findings": findings.collect::<Vec<_>>()})
    }
}
