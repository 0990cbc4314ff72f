//! `DescribeExecution` of Step Functions.
//!
//! <https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeExecution.html>

use super::{End, Fate, absent, with_reasons};
use crate::json::Object;
use crate::sweep::moment;

pub(super) fn fate(answers: &[Object<'_>], arn: &str) -> Fate {
    let is_it = |answer: &&Object<'_>| answer.text("executionArn").as_deref() == Some(arn);
    let Some(execution) = answers.iter().find(is_it) else { return absent() };
    let said = |name: &str| execution.description(name).map(std::borrow::Cow::into_owned);
    match execution.text("status").as_deref() {
        Some(status @ ("RUNNING" | "PENDING_REDRIVE")) => {
            Fate::Running(status.to_lowercase().replace('_', " "))
        }
        Some(status @ ("SUCCEEDED" | "FAILED" | "TIMED_OUT" | "ABORTED")) => {
            let well = status == "SUCCEEDED";
            let failure_type = || said("error").unwrap_or_else(|| format!("StepFunctions.{status}"));
            Fate::Ended(End {
                well,
                at: moment::seconds(execution, "stopDate"),
                how: with_reasons(&format!("ended with the status {status}"), [said("error"), said("cause")]),
                failure_type: (!well).then(failure_type),
            })
        }
        status => Fate::unclear(status),
    }
}
