//! Metrics of an invocation, as the relay writes its own.

use std::time::SystemTime;

use failure_relay::{emf, telemetry};
use serde_json::{Value, json};

use crate::due::Tally;
use crate::watch::Swept;

/// Every metric, and its unit.
pub const METRICS: [(&str, &str); 7] = [
    ("LeasesDue", "Count"),
    ("LeasesPublished", "Count"),
    ("Waiting", "Count"),
    ("Stranded", "Count"),
    ("Silent", "Count"),
    ("SweepFailed", "Count"),
    ("SweepErrors", "Count"),
];

/// Writes the metrics of an invocation to standard output.
pub fn write(leases: &Tally, swept: Option<&Swept>, level: &str) {
    telemetry::print(&format!("{}\n", line(leases, swept, SystemTime::now(), level)));
}

fn line(leases: &Tally, swept: Option<&Swept>, now: SystemTime, level: &str) -> Value {
    let mut counts = vec![leases.due, leases.published];
    if let Some(swept) = swept {
        counts.extend([swept.waiting, swept.stranded, swept.silent, swept.failed, swept.errors]);
    }
    let named = METRICS.iter().zip(counts).map(|((name, _), count)| ((*name).to_owned(), json!(count)));
    emf::line(named.collect(), &METRICS, &[&[]], now, level)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;

    #[test]
    fn the_numbers_of_a_sweep_are_there_only_after_a_sweep() {
        let leases = Tally { due: 2, published: 1, ..Tally::default() };
        let without = line(&leases, None, UNIX_EPOCH, "INFO");
        assert_eq!((&without["LeasesDue"], &without["LeasesPublished"]), (&json!(2), &json!(1)));
        assert_eq!(without.get("Waiting"), None);
        let swept =
            Swept { waiting: 1, stranded: 2, silent: 3, failed: 4, unknown: 5, errors: 6, problem: None };
        let with = line(&leases, Some(&swept), UNIX_EPOCH, "INFO");
        let counts =
            ["Waiting", "Stranded", "Silent", "SweepFailed", "SweepErrors"].map(|name| with[name].clone());
        assert_eq!(counts, [1, 2, 3, 4, 6].map(|count| json!(count)));
        let directive = &with["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(directive["Dimensions"], json!([[]]));
        assert_eq!(directive["Metrics"].as_array().unwrap().len(), METRICS.len());
    }
}
