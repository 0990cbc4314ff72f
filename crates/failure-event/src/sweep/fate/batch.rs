//! `DescribeJobs` of Batch, whose times are in milliseconds.
//!
//! <https://docs.aws.amazon.com/batch/latest/APIReference/API_JobDetail.html>

use super::{End, Fate, absent, by_id, objects, with_reasons};
use crate::json::Object;
use crate::sweep::moment;

pub(super) fn fate(answers: &[Object<'_>], id: &str) -> Fate {
    let Some(job) = by_id(answers, "jobs", "jobId", id) else { return absent() };
    match job.text("status").as_deref() {
        Some("FAILED") => Fate::Ended(End {
            well: false,
            at: moment::milliseconds(&job, "stoppedAt"),
            how: with_reasons("failed", [reason(&job)]),
            failure_type: Some("Batch.JobFailed".to_owned()),
        }),
        Some("SUCCEEDED") => Fate::Ended(End {
            well: true,
            at: moment::milliseconds(&job, "stoppedAt"),
            how: "succeeded".to_owned(),
            failure_type: None,
        }),
        Some(status @ ("SUBMITTED" | "PENDING" | "RUNNABLE" | "STARTING" | "RUNNING")) => {
            Fate::Running(status.to_lowercase())
        }
        status => Fate::unclear(status),
    }
}

/// The last attempt's own reason, else the job's, with the exit code where there is one.
fn reason(job: &Object<'_>) -> Option<String> {
    let attempts = objects(std::slice::from_ref(job), "attempts");
    let container = attempts.last().and_then(|attempt| attempt.object("container"));
    let of_container = |name: &str| Some(container.as_ref()?.description(name)?.into_owned());
    let reason = of_container("reason").or_else(|| Some(job.description("statusReason")?.into_owned()));
    let code = of_container("exitCode").map(|code| format!("exit code {code}"));
    let known: Vec<String> = reason.into_iter().chain(code).collect();
    (!known.is_empty()).then(|| known.join(", "))
}
