//! An SWF activity task: `RespondActivityTaskFailed`.
//!
//! <https://docs.aws.amazon.com/amazonswf/latest/apireference/API_RespondActivityTaskFailed.html>

use std::borrow::Cow;

use serde::Serialize;

use super::{FailureApi, Member, Members, Rule, Secrets};
use crate::answer;
use crate::clients::{Clients, Place};
use crate::dead_letter::Reason;
use crate::event::Failure;
use crate::outcome::{Answer, ErrorTable};
use crate::secret::Secret;
use crate::text::{Cut, cut_field, with_context};

/// The longest `reason`, in UTF-16 code units.
pub const REASON_MAX: usize = 256;

/// The longest `details`, in UTF-16 code units.
pub const DETAILS_MAX: usize = 32_768;

const TASK_TOKEN: Member = Member { name: "taskToken", rule: Rule::Length { max: 1024 }, is_secret: true };

/// The activity task that failed.
#[derive(Clone, Debug)]
pub struct SwfActivityTask {
    task_token: Secret,
}

/// The request of `RespondActivityTaskFailed`.
#[derive(Clone, Debug)]
pub struct RespondActivityTaskFailed {
    task_token: Secret,
    reason: String,
    details: String,
}

impl FailureApi for SwfActivityTask {
    const KIND: &'static str = "swf-activity-task";
    const ACTION: &'static str = "swf:RespondActivityTaskFailed";
    const MEMBERS: &'static [Member] = &[TASK_TOKEN];
    const ERRORS: ErrorTable = ErrorTable { settled: &["UnknownResourceFault"], rejected: &[] };
    type Call = RespondActivityTaskFailed;

    fn identify(target: &dyn Members) -> Result<Self, Reason> {
        Ok(Self { task_token: Secret::new(TASK_TOKEN.read(target)?) })
    }

    fn identity(&self) -> &str {
        self.task_token.expose()
    }

    fn secret(&self) -> Option<&Secret> {
        Some(&self.task_token)
    }

    fn call(self, failure: &Failure<'_>, cuts: &mut Vec<Cut>) -> Self::Call {
        RespondActivityTaskFailed {
            task_token: self.task_token,
            reason: cut_field("reason", Cow::Borrowed(failure.type_name()), REASON_MAX, cuts).into_owned(),
            details: with_context("details", failure, DETAILS_MAX, cuts),
        }
    }

    fn wire_body(call: &Self::Call, secrets: Secrets) -> String {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Wire<'a> {
            task_token: &'a str,
            reason: &'a str,
            details: &'a str,
        }
        super::to_wire(&Wire {
            task_token: &secrets.render(&call.task_token),
            reason: &call.reason,
            details: &call.details,
        })
    }

    async fn send(call: &Self::Call, clients: &Clients, place: &Place) -> Answer {
        let client = clients.swf(place);
        let request = client
            .respond_activity_task_failed()
            .task_token(call.task_token.expose())
            .reason(&call.reason)
            .details(&call.details);
        answer::of(request.send().await)
    }
}
