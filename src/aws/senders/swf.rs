//! `RespondActivityTaskFailed`, by the SDK's crate of SWF.

use aws_sdk_swf::Client;
use failure_event::outcome::Answer;
use failure_event::request::Members;

use super::text;
use crate::aws::answer;

pub(super) async fn send(body: &Members, client: &Client) -> Answer {
    let request = client
        .respond_activity_task_failed()
        .set_task_token(text(body, "taskToken"))
        .set_reason(text(body, "reason"))
        .set_details(text(body, "details"));
    answer::of(request.send().await)
}
