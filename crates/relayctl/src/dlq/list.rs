//! `relayctl dlq list`: a row a letter.

use std::time::SystemTime;

use clap::Args;

use super::describe::{HEADER, as_json, as_row};
use super::filter::Filter;
use super::scan::{Next, scan};
use super::{Place, warn_of_fifo};
use crate::exit::{Exit, Problem};
use crate::output::{Output, plural};
use crate::stop::Stop;
use crate::table::Table;

const EXAMPLES: &str = "\
Examples:
    relayctl dlq list --code INVALID_EVENT --since 2h
    relayctl dlq list --limit 0 --json | jq -r .id";

/// Lists dead letters, a row each
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct List {
    /// At most so many rows; 0 lists all
    #[arg(long, value_name = "COUNT", default_value_t = 50)]
    limit: usize,
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    place: Place,
}

impl List {
    /// Lists; oldest first, as far as the limit lets them be known.
    pub async fn run(self, output: &Output) -> Result<Exit, Problem> {
        let queue = self.place.open().await?;
        warn_of_fifo(&queue, output);
        let now = SystemTime::now();
        let mut rows = Vec::new();
        scan(&queue, &Stop::listen(), |letter| {
            if self.filter.passes(letter) {
                rows.push((letter.sent(), as_row(letter, now), as_json(letter)));
            }
            if self.limit > 0 && rows.len() >= self.limit { Next::End } else { Next::Go }
        })
        .await?;
        rows.sort_by_key(|(sent, _, _)| *sent);
        let mut table = Table::new(&HEADER);
        for (_, cells, json) in &rows {
            if output.is_json() {
                output.json(json);
            } else {
                table.row(cells);
            }
        }
        if !output.is_json() && !rows.is_empty() {
            output.data(table);
        }
        let more = if rows.len() == self.limit { "; there may be more (--limit 0 lists all)" } else { "" };
        output.talk(format!("{}{more}", plural(rows.len(), "letter")));
        Ok(Exit::Yes)
    }
}
