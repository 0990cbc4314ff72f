//! `PutJobFailureResult` and `PutThirdPartyJobFailureResult`, by the SDK's crate of `CodePipeline`.

use aws_sdk_codepipeline::Client;
use aws_sdk_codepipeline::types::{FailureDetails, FailureType};
use failure_event::outcome::Answer;
use failure_event::request::Members;

use super::text;
use crate::aws::answer;

pub(super) async fn put_job_failure_result(body: &Members, client: &Client) -> Answer {
    let request = client
        .put_job_failure_result()
        .set_job_id(text(body, "jobId"))
        .set_failure_details(failure_details(body));
    answer::of(request.send().await)
}

pub(super) async fn put_third_party_job_failure_result(body: &Members, client: &Client) -> Answer {
    let request = client
        .put_third_party_job_failure_result()
        .set_job_id(text(body, "jobId"))
        .set_client_token(text(body, "clientToken"))
        .set_failure_details(failure_details(body));
    answer::of(request.send().await)
}

/// `None` only where a required member is missing, which the service then says.
fn failure_details(body: &Members) -> Option<FailureDetails> {
    let details = body.members("failureDetails")?;
    FailureDetails::builder()
        .set_type(details.text("type").map(FailureType::from))
        .set_message(text(details, "message"))
        .set_external_execution_id(text(details, "externalExecutionId"))
        .build()
        .ok()
}
