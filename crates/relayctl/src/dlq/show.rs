//! `relayctl dlq show`: one letter, in full but for its secrets.

use clap::Args;
use serde_json::json;

use super::Place;
use super::describe::{as_json, body, on_one_line, target};
use super::filter::Filter;
use super::judge::Judge;
use super::letter::Letter;
use super::scan::{Next, scan};
use crate::exit::{Exit, Problem};
use crate::output::{Output, Tone};
use crate::stop::Stop;

const EXAMPLES: &str = "\
Examples:
    relayctl dlq show 5fea7756
    relayctl dlq show 5fea7756 --show-secrets --json | jq -r .body | relayctl explain -";

/// Shows one dead letter: why it is dead, whether the relay would take it now, and its body
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Show {
    /// The message id in the dead-letter queue, or the start of it
    id: String,
    /// Shows the body byte for byte, tokens included
    #[arg(long = "show-secrets")]
    with_secrets: bool,
    #[command(flatten)]
    place: Place,
}

impl Show {
    /// Shows the letter.
    pub async fn run(self, output: &Output) -> Result<Exit, Problem> {
        let queue = self.place.open().await?;
        let (filter, judge) = (Filter::by_id(&self.id), self.place.judge());
        let mut found = None;
        scan(&queue, &Stop::listen(), |letter| {
            if !filter.passes(letter) {
                return Next::Go;
            }
            found = Some(letter.clone());
            Next::End
        })
        .await?;
        let Some(letter) = found else {
            output.problem(&Problem::service(format!(
                "no letter {} can be received from {}",
                self.id,
                queue.url()
            )));
            return Ok(Exit::No);
        };
        self.print(&letter, &judge, output);
        Ok(Exit::Yes)
    }

    fn print(&self, letter: &Letter, judge: &Judge, output: &Output) {
        let text = body(letter, judge, self.with_secrets);
        let still = judge.still_unroutable(letter).map(|reason| reason.to_string());
        let mut json = as_json(letter);
        if let Some((kind, fingerprint)) = target(letter, judge) {
            json["targetKind"] = json!(kind.name());
            json["targetFingerprint"] = json!(fingerprint);
        }
        if let Some(still) = &still {
            json["stillUnroutable"] = json!(still);
        }
        if output.is_json() {
            json["body"] = json!(text);
            output.json(&json);
            return;
        }
        for (name, value) in json.as_object().into_iter().flatten() {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            output.data(format!(
                "{} {}",
                output.tint(Tone::Strong, format!("{name:18}")),
                on_one_line(&value)
            ));
        }
        output.data("");
        output.data(text);
    }
}
