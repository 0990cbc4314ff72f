//! Lambda invocation record: what a function's `OnFailure` destination is sent.
//!
//! As SQS body or SNS message it stands alone; EventBridge wraps it with `source: lambda` (not `aws.lambda`).
//! <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html>

use std::borrow::Cow;

use super::{AwsEvent, Death, Details, Meaning, Unnamed, failure, identity};
use crate::arn::Arn;
use crate::dead_letter::Reason;
use crate::event::{Failure, Header, parse_time};
use crate::json::Object;

/// What the notice is called, for people.
pub(super) const NAME: &str = "Lambda invocation record";
/// The `detail-type` of a record for `OnFailure`.
pub(super) const FAILURE: &str = "Lambda Function Invocation Result - Failure";
/// The `detail-type` of a record for `OnSuccess`.
pub(super) const SUCCESS: &str = "Lambda Function Invocation Result - Success";

/// The record as it stands alone: known by a condition in its request context.
pub(super) fn bare_record(object: &Object<'_>, names: &[String]) -> Option<Meaning> {
    let condition = object.object("requestContext")?.text("condition")?;
    Some(read(object, &condition, names))
}

/// The record in its EventBridge form.
pub(super) fn meaning(event: &AwsEvent<'_>, names: &[String]) -> Meaning {
    let Some(record) = &event.detail else {
        let is_success = event.detail_type == SUCCESS;
        return if is_success { Meaning::NoFailure } else { without_payload(Failure::default()) };
    };
    let condition = record.object("requestContext").and_then(|context| context.description("condition"));
    let fallback = if event.detail_type == SUCCESS { "Success" } else { "Failure" };
    let meaning = read(record, &condition.unwrap_or(Cow::Borrowed(fallback)), names);
    match meaning {
        Meaning::Death(mut death) => {
            death.region = death.region.or_else(|| event.region.clone());
            death.account = death.account.or_else(|| event.account.clone());
            Meaning::Death(death)
        }
        other => other,
    }
}

/// The record's own time. It carries no id of an event.
pub(super) fn header(record: &Object<'_>) -> Header {
    let given = record.description("timestamp");
    let time = given.as_deref().and_then(parse_time);
    Header { time, time_is_unreadable: given.is_some() && time.is_none(), ..Header::default() }
}

fn read(record: &Object<'_>, condition: &str, names: &[String]) -> Meaning {
    if condition == "Success" {
        return Meaning::NoFailure;
    }
    let failure = told(record, condition);
    let Some(payload) = record.member_or_null("requestPayload") else { return without_payload(failure) };
    let Some(found) = payload.object().and_then(|payload| identity::found_in_payload(&payload, names)) else {
        return Meaning::Unnamed(Box::new(Unnamed::of(failure)));
    };
    let context = record.object("requestContext");
    let function_arn = context.as_ref().and_then(|context| context.text("functionArn"));
    let (region, account) = function_arn.as_deref().map(place_of_arn).unwrap_or_default();
    Meaning::Death(Box::new(Death { failure, found, region, account }))
}

/// Ignored, it might hide a failure.
fn without_payload(failure: Failure<'static>) -> Meaning {
    let what = "requestPayload: is missing, so the task or job of the failed invocation cannot be told";
    let otherwise = Some(Reason::invalid(what));
    Meaning::Unnamed(Box::new(Unnamed { otherwise, ..Unnamed::of(failure) }))
}

fn told(record: &Object<'_>, condition: &str) -> Failure<'static> {
    let response = record.object("responsePayload");
    let said =
        |name: &str| response.as_ref().and_then(|response| response.description(name)).map(Cow::into_owned);
    let context = record.object("requestContext");
    let details = Details::default().text("condition", Some(condition));
    let details = match &context {
        Some(context) => details.copy(context, &["functionArn", "approximateInvokeCount"]),
        None => details,
    };
    let details = match record.object("responseContext") {
        Some(answer) => details.copy(&answer, &["statusCode", "executedVersion", "functionError"]),
        None => details,
    };
    failure(
        said("errorType").unwrap_or_else(|| format!("Lambda.{condition}")),
        said("errorMessage").unwrap_or_else(|| {
            format!("The Lambda function's invocation failed with the condition {condition}.")
        }),
        context.as_ref().and_then(|context| context.description("requestId")),
        details,
    )
}

/// Region and account of `arn:<partition>:lambda:<region>:<account>:function:<name>`.
fn place_of_arn(arn: &str) -> (Option<String>, Option<String>) {
    let part = |part: &str| Some(part.to_owned()).filter(|part| !part.is_empty());
    Arn::parse(arn).map(|arn| (part(arn.region), part(arn.account))).unwrap_or_default()
}
