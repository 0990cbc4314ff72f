//! From a request that is data to a call: each service's SDK crate sends what the core has built.

mod code_pipeline;
mod step_functions;
mod swf;

use failure_event::outcome::Answer;
use failure_event::place::Place;
use failure_event::request::{Members, Request, Service};

use super::clients::Clients;

/// Sends a request with the client of its place.
pub async fn send(request: &Request, clients: &Clients, place: &Place) -> Answer {
    match request.operation.service {
        Service::CodePipeline => code_pipeline::send(request, &clients.codepipeline(place)).await,
        Service::StepFunctions => step_functions::send(&request.body, &clients.sfn(place)).await,
        Service::Swf => swf::send(&request.body, &clients.swf(place)).await,
    }
}

/// A member as the SDK's builders take it.
fn text(body: &Members, name: &str) -> Option<String> {
    body.text(name).map(str::to_owned)
}
