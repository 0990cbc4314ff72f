//! What a run prints: a row a drill, the faults below it, and what could not be taken away.

use serde_json::{Value, json};

use super::fault::Fault;
use super::stage::Outcome;
use crate::exit::Exit;
use crate::output::{Output, Tone, plural};

/// One drill.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its name.
    pub drill: String,
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took.
    pub seconds: f64,
    /// What is known to be wrong on its way, when it failed.
    pub faults: Vec<Fault>,
}

/// The rows so far, counted.
#[derive(Debug)]
pub struct Report<'a> {
    output: &'a Output,
    passed: usize,
    failed: usize,
    is_partial: bool,
}

impl<'a> Report<'a> {
    /// Of a run that could not read all.
    #[must_use]
    pub fn new(output: &'a Output, is_partial: bool) -> Self {
        Self { output, passed: 0, failed: 0, is_partial }
    }

    /// Prints a drill.
    pub fn row(&mut self, row: &Row) {
        match row.outcome {
            Outcome::Passed(_) => self.passed += 1,
            Outcome::Failed(_) => self.failed += 1,
            Outcome::Untried(_) => self.is_partial = true,
            Outcome::Skipped(_) => {}
        }
        if self.output.is_json() {
            self.output.json(&as_json(row));
            return;
        }
        let (result, what) = row.outcome.parts();
        let tone = match row.outcome {
            Outcome::Passed(_) => Tone::Good,
            Outcome::Failed(_) => Tone::Bad,
            Outcome::Untried(_) => Tone::Odd,
            Outcome::Skipped(_) => Tone::Faint,
        };
        let result = self.output.tint(tone, format!("{result:7}"));
        let drill = self.output.tint(Tone::Strong, &row.drill);
        let seconds = match row.outcome {
            Outcome::Skipped(_) => String::new(),
            _ => format!("{:.1} s", row.seconds),
        };
        self.output.data(format!("{result} {seconds:>8}  {drill}: {what}"));
        for fault in &row.faults {
            self.output.data(format!("        fault: {}: {}", fault.about, fault.what));
            self.output.data(format!("        fix: {}", fault.fix));
        }
        if self.failed > 0 && row.faults.is_empty() && matches!(row.outcome, Outcome::Failed(_)) {
            self.output.data("        fault: none is seen from outside; the function's log may tell");
        }
    }

    /// Prints what is left behind.
    pub fn cleaned(&mut self, left: &[String]) {
        for left in left {
            self.is_partial = true;
            self.output.complain(format!("{} {left}", self.output.tint_talk(Tone::Bad, "left behind:")));
        }
    }

    /// Prints the counts.
    #[must_use]
    pub fn end(&self, is_interrupted: bool) -> Exit {
        let tried = plural(self.passed + self.failed, "drill");
        self.output.talk(format!("{tried}: {} passed, {} failed", self.passed, self.failed));
        if is_interrupted {
            self.output.talk("interrupted");
        }
        match (self.failed, is_interrupted, self.is_partial) {
            (0, false, false) => Exit::Yes,
            (0, false, true) => Exit::Service,
            _ => Exit::No,
        }
    }
}

fn as_json(row: &Row) -> Value {
    let (result, what) = row.outcome.parts();
    let fault = |fault: &Fault| json!({"id": fault.id, "severity": fault.severity.name(), "about": fault.about, "what": fault.what, "fix": fault.fix});
    json!({
        "drill": row.drill,
        "result": result,
        "what": what,
        "seconds": (row.seconds * 10.0).round() / 10.0,
        "faults": row.faults.iter().map(fault).collect::<Vec<_>>(),
    })
}
