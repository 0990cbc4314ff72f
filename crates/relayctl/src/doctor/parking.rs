//! What can be wrong with the parking queue. (Settings that the function itself refuses, such as a FIFO queue, are
//! found by reading them as the function does.)

use super::checks::{Finding, Findings, RETENTION_SECONDS_MAX, Severity, finding};
use super::deployment::{Deployment, Mapping};
use crate::dlq::short;

/// The setting that names the queue.
pub const PARKING_QUEUE_URL: &str = "RELAY_PARKING_QUEUE_URL";

/// Examines the parking queue and the mapping that takes messages back from it.
pub fn parking(deployment: &Deployment) -> Findings {
    if deployment.function.is_none() {
        return Findings::new();
    }
    let Some(url) = deployment.variable(PARKING_QUEUE_URL) else {
        let what = format!(
            "{PARKING_QUEUE_URL} is not set: failures whose target is down wait in the source queue, which SQS stops delivering at about 120,000 messages in flight, for all targets"
        );
        let fix = "deploy the current template, which has a parking queue";
        return vec![finding("no-parking-queue", Severity::Risky, "parking queue", what, fix)];
    };
    let Some((arn, queue)) = deployment.parking() else {
        let what = format!(
            "{PARKING_QUEUE_URL} names {url}, which cannot be read: what cannot be parked waits in the source queue"
        );
        let fix = "set it to the URL of a queue that is there";
        return vec![finding("parking-queue-unread", Severity::Risky, "parking queue", what, fix)];
    };
    let mut findings = Findings::new();
    if let Some(mapping) = deployment.mappings.iter().find(|mapping| mapping.queue_arn == arn) {
        findings.extend(starves_fresh_records(deployment, mapping));
    } else {
        let what = "it does not invoke the function: what is parked is never tried again, and is lost when it expires";
        let fix = "add an event source mapping with ReportBatchItemFailures and a low MaximumConcurrency";
        findings.push(finding("parking-unmapped", Severity::Broken, short(arn), what, fix));
    }
    if queue.retention_seconds < RETENTION_SECONDS_MAX {
        let days = queue.retention_seconds / 86_400;
        let what = format!(
            "it keeps messages for {days} d: should the relay stand still for longer, what is parked is lost"
        );
        let fix = format!("MessageRetentionPeriod: {RETENTION_SECONDS_MAX} (14 days, the longest)");
        findings.push(finding("parking-retention-short", Severity::Risky, short(arn), what, fix));
    }
    findings
}

/// A mapping without a limit of its own takes as much of the account's concurrency as the fresh records do.
fn starves_fresh_records(deployment: &Deployment, parking: &Mapping) -> Option<Finding> {
    let others = deployment.mappings.iter().filter(|mapping| {
        mapping.queue_arn != parking.queue_arn && !deployment.is_abandoned_work(&mapping.queue_arn)
    });
    let fresh = others.map(|mapping| mapping.concurrency_max.unwrap_or(u32::MAX)).max()?;
    if parking.concurrency_max.is_some_and(|parked| parked < fresh) {
        return None;
    }
    let what = "its concurrency is not limited below that of the source queue: when a target is back, what was parked starves what is fresh";
    let about = format!("mapping of {}", short(&parking.queue_arn));
    Some(finding(
        "parking-unbounded",
        Severity::Risky,
        &about,
        what,
        "ScalingConfig: {MaximumConcurrency: 2}",
    ))
}

#[cfg(test)]
mod tests {
    use super::super::checks::tests::{PARKING, ids, set};
    use super::super::deployment::{Alarm, Watched};
    use super::super::policy::statements;
    use super::*;

    #[test]
    fn a_target_that_is_down_must_have_somewhere_to_wait() {
        assert_eq!(ids(|d| set(d, PARKING_QUEUE_URL, "")), ["no-parking-queue"]);
        assert_eq!(ids(|d| set(d, PARKING_QUEUE_URL, "https://x/y")), ["parking-queue-unread"]);
    }

    #[test]
    fn a_queue_that_the_function_refuses_is_told_in_the_functions_words() {
        let findings = |name: &str| {
            let url = format!("https://sqs.eu-west-1.amazonaws.com/111122223333/{name}");
            ids(move |d| set(d, PARKING_QUEUE_URL, &url))
        };
        assert_eq!(findings("parking.fifo"), ["wrong-setting", "parking-queue-unread"]);
        assert!(findings("dead").contains(&"wrong-setting"));
    }

    #[test]
    fn what_is_parked_must_come_back() {
        assert_eq!(ids(|d| d.mappings.retain(|mapping| mapping.queue_arn != PARKING)), ["parking-unmapped"]);
        assert_eq!(
            ids(|d| d.mappings.iter_mut().find(|m| m.queue_arn == PARKING).unwrap().is_enabled = false),
            ["mapping-disabled"]
        );
        let retention = |d: &mut Deployment| d.queues.get_mut(PARKING).unwrap().retention_seconds = 345_600;
        assert_eq!(ids(retention), ["parking-retention-short"]);
    }

    #[test]
    fn what_comes_back_must_not_starve_what_is_fresh() {
        let limit = |limit: Option<u32>| {
            ids(move |d| {
                let parking = d.mappings.iter_mut().find(|mapping| mapping.queue_arn == PARKING);
                parking.unwrap().concurrency_max = limit;
            })
        };
        assert_eq!(limit(Some(9)), [""; 0]);
        assert_eq!(limit(Some(10)), ["parking-unbounded"]);
        assert_eq!(limit(None), ["parking-unbounded"]);
        let unlimited_source = |d: &mut Deployment| d.mappings[0].concurrency_max = None;
        assert_eq!(ids(unlimited_source), [""; 0]);
    }

    #[test]
    fn the_role_must_be_able_to_park_and_to_take_back() {
        let missing = |action: &str| {
            let policy = format!(
                r#"{{"Statement": [{{"Effect": "Allow", "Action": "*", "Resource": "*"}},
                    {{"Effect": "Deny", "Action": "{action}", "Resource": "{PARKING}"}}]}}"#
            );
            ids(move |d| d.permissions = statements(&policy))
        };
        assert_eq!(missing("sqs:SendMessage"), ["role-lacks-permission"]);
        assert_eq!(missing("sqs:ReceiveMessage"), ["role-lacks-permission"]);
    }

    #[test]
    fn somebody_must_hear_when_it_stands_still() {
        let without = |watched| {
            move |d: &mut Deployment| {
                d.alarms.as_mut().unwrap().retain(|alarm: &Alarm| alarm.watched != watched);
            }
        };
        assert_eq!(ids(without(Watched::Parked)), ["alarm-missing"]);
        assert_eq!(ids(without(Watched::InFlight)), ["alarm-missing"]);
        // Without a parking queue there is nothing to hear of it.
        let unparked = |d: &mut Deployment| {
            set(d, PARKING_QUEUE_URL, "");
            without(Watched::Parked)(d);
        };
        assert_eq!(ids(unparked), ["no-parking-queue"]);
    }
}
