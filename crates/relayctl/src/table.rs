//! Tables for people: columns without borders, as wide as the terminal lets them be; never cut where there is none.

use std::fmt;
use std::io;

use comfy_table::{ContentArrangement, presets};

/// Rows under a header.
#[derive(Debug)]
pub struct Table(comfy_table::Table);

impl Table {
    /// A table with the names of its columns.
    #[must_use]
    pub fn new<const N: usize>(header: &[&str; N]) -> Self {
        let mut table = comfy_table::Table::new();
        table
            .load_style(presets::NOTHING)
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_header(header.to_vec());
        // A terminal that does not know its width says 0.
        if let Ok(size) = rustix::termios::tcgetwinsize(io::stdout())
            && size.ws_col > 0
        {
            table.set_width(size.ws_col);
        }
        Self(table)
    }

    /// Adds a row.
    pub fn row<const N: usize>(&mut self, cells: &[String; N]) {
        self.0.add_row(cells.to_vec());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The style without borders leaves a blank at either side.
        let plain = |line: String| line.strip_prefix(' ').unwrap_or(&line).trim_end().to_owned();
        let lines: Vec<String> = self.0.lines().map(plain).collect();
        f.write_str(&lines.join("\n"))
    }
}
