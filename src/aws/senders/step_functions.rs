//! `SendTaskFailure`, by the SDK's crate of Step Functions.

use aws_sdk_sfn::Client;
use failure_event::outcome::Answer;
use failure_event::request::Members;

use super::text;
use crate::aws::answer;

pub(super) async fn send(body: &Members, client: &Client) -> Answer {
    let request = client
        .send_task_failure()
        .set_task_token(text(body, "taskToken"))
        .set_error(text(body, "error"))
        .set_cause(text(body, "cause"));
    answer::of(request.send().await)
}
