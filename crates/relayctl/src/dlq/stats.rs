//! `relayctl dlq stats`: how many letters there are, by reason, source and publisher.

use std::collections::BTreeMap;
use std::time::SystemTime;

use clap::Args;
use serde_json::json;

use super::describe::{age, on_one_line, rfc3339};
use super::filter::Filter;
use super::letter::{Letter, short};
use super::scan::{Next, scan};
use super::{Place, warn_of_fifo};
use crate::exit::{Exit, Problem};
use crate::output::{Output, plural};
use crate::stop::Stop;
use crate::table::Table;

const EXAMPLES: &str = "\
Examples:
    relayctl dlq stats --since 1d
    relayctl dlq stats --json | jq -r 'select(.code == \"RETRIES_EXHAUSTED\") | .count'";

/// Counts dead letters by code, kind of target, source and publisher
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Stats {
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    place: Place,
}

/// What letters of one row have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Group {
    code: String,
    kind: Option<String>,
    source: Option<String>,
    publisher: Option<String>,
}

/// The letters of a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Members {
    count: usize,
    oldest: Option<SystemTime>,
    newest: Option<SystemTime>,
}

impl Members {
    fn add(&mut self, letter: &Letter) {
        self.count += 1;
        if let Some(sent) = letter.sent() {
            self.oldest = Some(self.oldest.map_or(sent, |oldest| oldest.min(sent)));
            self.newest = self.newest.max(Some(sent));
        }
    }
}

impl Stats {
    /// Counts and prints, the largest group first.
    pub async fn run(self, output: &Output) -> Result<Exit, Problem> {
        let queue = self.place.open().await?;
        warn_of_fifo(&queue, output);
        let mut groups: BTreeMap<Group, Members> = BTreeMap::new();
        scan(&queue, &Stop::listen(), |letter| {
            if self.filter.passes(letter) {
                groups.entry(group_of(letter)).or_default().add(letter);
            }
            Next::Go
        })
        .await?;
        let total: usize = groups.values().map(|members| members.count).sum();
        let mut groups: Vec<_> = groups.into_iter().collect();
        groups.sort_by_key(|(_, members)| std::cmp::Reverse(members.count));
        print(&groups, output);
        output.talk(format!("{} in {}", plural(total, "letter"), queue.url()));
        let state = queue.state().await?;
        if state.in_flight > 0 || state.delayed > 0 {
            let (in_flight, delayed) = (state.in_flight, state.delayed);
            output.talk(format!("not counted: about {in_flight} in flight, {delayed} delayed"));
        }
        Ok(Exit::Yes)
    }
}

fn group_of(letter: &Letter) -> Group {
    Group {
        code: letter.code().to_owned(),
        kind: letter.kind().map(str::to_owned),
        source: letter.source().map(str::to_owned),
        publisher: letter.publisher().map(str::to_owned),
    }
}

fn print(groups: &[(Group, Members)], output: &Output) {
    let now = SystemTime::now();
    let mut table = Table::new(&["COUNT", "CODE", "KIND", "SOURCE", "PUBLISHER", "OLDEST", "NEWEST"]);
    for (group, members) in groups {
        if output.is_json() {
            output.json(&json!({
                "count": members.count,
                "code": group.code,
                "targetKind": group.kind,
                "source": group.source,
                "publisher": group.publisher,
                "oldest": members.oldest.map(rfc3339),
                "newest": members.newest.map(rfc3339),
            }));
        } else {
            table.row(
                &[
                    members.count.to_string(),
                    group.code.clone(),
                    group.kind.clone().unwrap_or_else(|| "-".to_owned()),
                    group.source.as_deref().map_or("-", short).to_owned(),
                    group.publisher.clone().unwrap_or_else(|| "-".to_owned()),
                    members.oldest.map(|oldest| age(oldest, now)).unwrap_or_default(),
                    members.newest.map(|newest| age(newest, now)).unwrap_or_default(),
                ]
                .map(|cell| on_one_line(&cell)),
            );
        }
    }
    if !output.is_json() && !groups.is_empty() {
        output.data(table);
    }
}
