//! The way of a report: published for the relay, and where that fails, and it is wished, sent to the API from here.

use std::sync::Arc;

use aws_config::SdkConfig;
use failure_event::event::Failure;
use failure_event::json::Json;
use failure_event::outcome::{Answer, Verdict, classify};
use failure_event::place::Place;
use failure_event::target::Target;
use failure_relay::aws::clients::Clients;
use failure_relay::aws::senders;

use crate::exit::Problem;
use crate::outlet::Outlet;

/// What is needed to report one task.
#[derive(Clone, Debug)]
pub struct Reporter {
    /// Where to publish; `None` calls the API only.
    pub outlet: Option<Outlet>,
    /// Clients and place of the API itself, when it may be called.
    pub direct: Option<(Arc<Clients>, Place)>,
    /// The configuration of what is published.
    pub config: SdkConfig,
    /// The task.
    pub target: Target,
    /// Who publishes.
    pub source: String,
}

impl Reporter {
    /// Reports an event and says in one line how.
    ///
    /// # Errors
    /// Neither the relay nor the API took it. No token is in the message.
    pub async fn report(&self, event: &str) -> Result<String, Problem> {
        let published = match &self.outlet {
            Some(outlet) => match outlet.publish(&self.config, event, &self.source).await {
                Ok(id) => return Ok(format!("published to {} ({id})", outlet.name())),
                Err(problem) => Some(problem),
            },
            None => None,
        };
        let Some((clients, place)) = &self.direct else {
            return Err(published.unwrap_or_else(|| Problem::usage("there is nowhere to publish to")));
        };
        match (self.call(event, clients, place).await, published) {
            (Ok(how), None) => Ok(how),
            (Ok(how), Some(problem)) => Ok(format!("{how}; it could not be published: {problem}")),
            (Err(refusal), None) => Err(Problem::service(refusal)),
            (Err(refusal), Some(problem)) => Err(Problem::service(format!("{problem}; {refusal}"))),
        }
    }

    /// Calls the API as the relay would.
    async fn call(&self, event: &str, clients: &Clients, place: &Place) -> Result<String, String> {
        let json = Json::parse(event).ok().and_then(Json::object);
        let failure = Failure::read(json.as_ref().and_then(|event| event.member("failure")));
        let request = self.target.clone().request(&failure, &mut Vec::new());
        let action = request.operation.label();
        let mut answer = senders::send(&request, clients, place).await;
        if let Some((without_texts, _)) = request.fallback(&answer) {
            answer = senders::send(&without_texts, clients, place).await;
        }
        match (classify(&answer, request.errors()), answer) {
            (Verdict::Accepted, _) => Ok(format!("reported with {action}")),
            (Verdict::Settled, _) => Ok(format!("{action}: the task or job is closed already")),
            (_, Answer::Failed(error)) => {
                let said = error.message.clone().unwrap_or_default();
                let said =
                    self.target.secret().map_or(said.clone(), |secret| secret.redact(&said).into_owned());
                Err(format!("{action}: {error} {said}").trim_end().to_owned())
            }
            (_, Answer::Accepted) => Ok(format!("reported with {action}")),
        }
    }
}
