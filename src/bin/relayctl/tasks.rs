//! The tasks and jobs that events name, as the embedded endpoint opens them.

use failure_relay::envelope::{self, Delivery};
use failure_relay::local::Work;
use failure_relay::route::{Decision, Home, PlannedCall, route};
use failure_relay::settings::Rules;
use failure_relay::target::{Call, Secrets};
use serde_json::Value;

/// The work that each record of a payload names, in the order of the records; `None` for one that leads to no call.
#[must_use]
pub fn named_in(payload: &str, rules: &Rules, home: &Home) -> Vec<Option<Work>> {
    let records = match envelope::open(payload) {
        Delivery::SqsBatch(records) | Delivery::Sns(records) => records,
        Delivery::Single(record) => vec![record],
    };
    let work = |record| match route(record, rules, home).decision {
        Decision::Call(planned) => Some(work_of(&planned)),
        Decision::Unroutable(_) | Decision::Ignore => None,
    };
    records.iter().map(work).collect()
}

/// The work that a call reports on, as its request names it.
fn work_of(planned: &PlannedCall) -> Work {
    let body: Value = serde_json::from_str(&planned.call.wire_body(Secrets::Shown)).unwrap_or_default();
    let text = |member: &str| body[member].as_str().unwrap_or_default();
    let work = match planned.call {
        Call::CodePipelineJob(_) => Work::code_pipeline_job(text("jobId")),
        Call::CodePipelineThirdPartyJob(_) => Work::third_party_job(text("jobId"), text("clientToken")),
        Call::StepFunctionsTask(_) => Work::step_functions_task(text("taskToken")),
        Call::SwfActivityTask(_) => Work::swf_activity_task(text("taskToken")),
    };
    let work = work.in_region(&planned.place.region);
    match &planned.place.account {
        Some(account) => work.in_account(&account.id),
        None => work,
    }
}
