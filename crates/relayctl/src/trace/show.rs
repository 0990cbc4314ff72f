//! The steps, as a person reads them and as a program does; and where the event is now.

use serde_json::{Value, json};
use time::OffsetDateTime;

use super::line::Line;
use super::place::Place;
use super::step::{Step, last_outcomes, rfc3339};
use crate::dlq::on_one_line;
use crate::output::{Output, plural};
use crate::table::Table;

const HEADER: [&str; 5] = ["TIME", "AFTER", "EVENT", "STEP", "WHAT"];

/// Prints each step.
pub fn steps(steps: &[Step], output: &Output) {
    if output.is_json() {
        for step in steps {
            output.json(&as_json(step));
        }
        return;
    }
    if steps.is_empty() {
        return;
    }
    let (mut table, mut last) = (Table::new(&HEADER), None);
    for step in steps {
        table.row(&as_row(step, last));
        last = Some(step.at);
    }
    output.data(table);
}

fn as_row(step: &Step, last: Option<OffsetDateTime>) -> [String; 5] {
    let after = last.map_or_else(|| "-".to_owned(), |last| duration(step.at - last));
    [
        rfc3339(step.at),
        after,
        step.event_id.clone().unwrap_or_else(|| "-".to_owned()),
        step.name.clone(),
        step.what.clone(),
    ]
    .map(|cell| on_one_line(&cell))
}

fn as_json(step: &Step) -> Value {
    let (group, stream) = step.told_in.clone().unzip();
    let all = json!({
        "time": rfc3339(step.at),
        "step": step.name,
        "what": step.what,
        "eventId": step.event_id,
        "targetFingerprint": step.fingerprint,
        "logGroup": group,
        "logStream": stream,
    });
    let Value::Object(members) = all else { return all };
    members.into_iter().filter(|(_, member)| !member.is_null()).collect()
}

/// How long it took, in a unit in which it is easily read.
fn duration(duration: time::Duration) -> String {
    let millis = duration.whole_milliseconds();
    match millis {
        0..1000 => format!("{millis} ms"),
        1000..120_000 => format!("{}.{} s", millis / 1000, millis % 1000 / 100),
        120_000..7_200_000 => format!("{} min", millis / 60_000),
        _ => format!("{} h", millis / 3_600_000),
    }
}

/// Where each event is now, and what to do.
pub fn ending(lines: &[Line], steps: &[Step], place: &Place, output: &Output) {
    let last = last_outcomes(lines);
    if last.len() > 1 {
        let over = last.values().filter(|line| super::is_over(std::slice::from_ref(**line))).count();
        output.talk(format_args!("{}, {over} of them settled", plural(last.len(), "event")));
        return;
    }
    let Some((id, line)) = last.into_iter().next() else { return };
    let outcome = line.text("outcome").unwrap_or_default();
    let age = line.number("age_ms").and_then(|age| i64::try_from(age).ok());
    let age =
        age.map(|age| format!(", {} after the work failed", duration(time::Duration::milliseconds(age))));
    let age = age.unwrap_or_default();
    let is_letter = steps.iter().any(|step| step.name == "dead letter");
    output.talk(format_args!("{id}: {outcome}{age}{}", advice(outcome, is_letter, place)));
}

fn advice(outcome: &str, is_letter: bool, place: &Place) -> &'static str {
    match outcome {
        "dead-lettered" if is_letter => "",
        "dead-lettered" if place.dead_letter_queue.is_none() => {
            "; the dead-letter queue was not looked through"
        }
        "dead-lettered" => {
            "; it is not in the dead-letter queue now: moved back, deleted, expired, or in somebody's hands"
        }
        "retry" => "; it is in its queue, and comes back when its visibility time-out is over",
        "parked" => "; it is in the parking queue, and comes back by itself",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_told_in_the_unit_in_which_it_is_easily_read() {
        let told = |millis| duration(time::Duration::milliseconds(millis));
        let expected = ["0 ms", "950 ms", "1.9 s", "119.9 s", "2 min", "3 h"];
        assert_eq!([0, 950, 1950, 119_999, 125_000, 10_800_000].map(told), expected);
    }
}
