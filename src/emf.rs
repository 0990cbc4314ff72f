//! CloudWatch's embedded metric format: log lines that are metrics.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The CloudWatch namespace of every metric.
pub const NAMESPACE: &str = "FailureRelay";

/// A line of metrics. `values` holds the metrics by their names, and the values of the dimensions; `units` tells which of them are
/// metrics. Each metric counts once for each set of `dimensions`. `level` is one that the configured level lets through.
#[must_use]
pub fn line(
    values: Map<String, Value>,
    units: &[(&str, &str)],
    dimensions: &[&[&str]],
    now: SystemTime,
    level: &str,
) -> Value {
    let named = units.iter().filter(|(name, _)| values.contains_key(*name));
    let metrics: Vec<Value> = named.map(|(name, unit)| json!({"Name": name, "Unit": unit})).collect();
    let directive = json!({"Namespace": NAMESPACE, "Dimensions": dimensions, "Metrics": metrics});
    let mut line = values;
    line.insert("_aws".to_owned(), json!({"Timestamp": epoch_millis(now), "CloudWatchMetrics": [directive]}));
    line.insert("timestamp".to_owned(), json!(rfc3339(now)));
    line.insert("level".to_owned(), json!(level));
    Value::Object(line)
}

/// The present time as lines have it.
#[must_use]
pub fn now() -> String {
    rfc3339(SystemTime::now())
}

fn epoch_millis(now: SystemTime) -> u64 {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn rfc3339(now: SystemTime) -> String {
    // Rfc3339 fails only for years past 9999.
    OffsetDateTime::from(now).format(&Rfc3339).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_the_metrics_that_it_holds_and_nothing_else() {
        let values = Map::from_iter([("Held".to_owned(), json!(3)), ("Of".to_owned(), json!("x"))]);
        let line =
            line(values, &[("Held", "Count"), ("Absent", "Count")], &[&["Of"], &[]], UNIX_EPOCH, "WARN");
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(directive["Namespace"], "FailureRelay");
        assert_eq!(directive["Metrics"], json!([{"Name": "Held", "Unit": "Count"}]));
        assert_eq!(directive["Dimensions"], json!([["Of"], []]));
        assert_eq!(line["timestamp"], "1970-01-01T00:00:00Z");
        assert_eq!((&line["Held"], &line["Of"], &line["level"]), (&json!(3), &json!("x"), &json!("WARN")));
    }
}
