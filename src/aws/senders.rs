//! From a request that is data to a call. Four operations are sent by their service's SDK crate; all others are
//! sent as they stand.

mod code_pipeline;
mod data;
mod step_functions;
mod swf;

pub use data::{ask, send_signed};

use failure_event::operation::Wire;
use failure_event::outcome::Answer;
use failure_event::place::Place;
use failure_event::request::{Members, Request, Secrets};

use super::clients::Clients;

/// Sends a request with the client of its place.
pub async fn send(request: &Request, clients: &Clients, place: &Place) -> Answer {
    match (request.operation.wire, request.operation.name) {
        (_, "SendTaskFailure") => step_functions::send(&request.body, &clients.sfn(place)).await,
        (_, "RespondActivityTaskFailed") => swf::send(&request.body, &clients.swf(place)).await,
        (_, "PutJobFailureResult") => {
            code_pipeline::put_job_failure_result(&request.body, &clients.codepipeline(place)).await
        }
        (_, "PutThirdPartyJobFailureResult") => {
            code_pipeline::put_third_party_job_failure_result(&request.body, &clients.codepipeline(place))
                .await
        }
        (Wire::PresignedPut, _) => data::put(request, clients, place).await,
        (Wire::AwsJson { .. } | Wire::RestJson { .. } | Wire::Query { .. }, _) => {
            data::send_signed(request.operation, request.http(Secrets::Shown), clients, place).await
        }
    }
}

/// A member as the SDK's builders take it.
fn text(body: &Members, name: &str) -> Option<String> {
    body.text(name).map(str::to_owned)
}
