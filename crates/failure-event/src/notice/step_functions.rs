//! Step Functions Execution Status Change: a child execution that carries its parent's task or job in its input.
//!
//! <https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html>

use super::{AwsEvent, Details, Meaning, Unnamed, failure, identity};
use crate::dead_letter::Reason;
use crate::event::Failure;
use crate::json::{Json, JsonString, Object};
use crate::notice::identity::Found;

/// The `detail-type`.
pub(super) const NAME: &str = "Step Functions Execution Status Change";

pub(super) fn meaning(event: &AwsEvent<'_>, names: &[String]) -> Meaning {
    let Some(detail) = &event.detail else { return Meaning::NoFailure };
    let status = detail.text("status").unwrap_or_default();
    if !matches!(status.as_ref(), "FAILED" | "TIMED_OUT" | "ABORTED") {
        return Meaning::NoFailure;
    }
    let included = detail.object("inputDetails").and_then(|details| details.member("included"));
    if included.is_some_and(|included| included.text() == "false") {
        let what = "detail.input: was left out of the notice (inputDetails.included is false), so the task or job cannot be told";
        let otherwise = Some(Reason::invalid(what));
        return Meaning::Unnamed(Box::new(Unnamed { otherwise, ..Unnamed::of(told(detail, &status)) }));
    }
    let found = detail.member("input").and_then(|input| in_input(input, names));
    event.death(found, told(detail, &status))
}

/// The input is JSON in a string; an object is taken as it stands.
fn in_input(input: Json<'_>, names: &[String]) -> Option<Found> {
    let text = input.string().map(JsonString::into_embedded);
    let json = text.as_deref().map_or(Some(input), |text| Json::parse(text).ok())?;
    identity::found_in_payload(&json.object()?, names)
}

fn told(detail: &Object<'_>, status: &str) -> Failure<'static> {
    let said = |name: &str| detail.description(name).map(std::borrow::Cow::into_owned);
    let copied = ["executionArn", "stateMachineArn", "name", "status", "startDate", "stopDate"];
    failure(
        said("error").unwrap_or_else(|| format!("StepFunctions.{status}")),
        said("cause").unwrap_or_else(|| {
            let name = detail.description("name").unwrap_or_default();
            format!("The Step Functions execution {name} ended with the status {status}.")
        }),
        detail.description("executionArn"),
        Details::default().copy(detail, &copied),
    )
}
