//! The request that AWS would get: the one that the function sends, without secrets unless they are asked for.

use failure_event::place::Place;
use failure_event::request::{HttpForm, Secrets};
use failure_event::route::{Decision, PlannedCall, PlannedRegistration, Route};
use failure_event::secret::MentionedSecrets;
use serde_json::{Map, Value, json};

use super::Relay;

/// A request, and where it goes.
pub struct Sent<'a> {
    /// The permission that it needs, or the name of its operation.
    pub api: String,
    /// The body, as it is shown.
    pub body: String,
    place: &'a Place,
    http: HttpForm,
}

impl<'a> Sent<'a> {
    /// What is sent for a route at once; `None` where nothing is.
    pub fn of(route: &'a Route, relay: &'a Relay<'_>) -> Option<Self> {
        let secrets = &route.subject.secrets;
        match &route.decision {
            Decision::Call(planned) => Some(Self::call(planned, secrets, relay)),
            Decision::Register(planned) => Some(Self::write(planned, secrets, relay, relay.table?)),
            Decision::LookUp(_) | Decision::Unroutable(_) | Decision::Ignore => None,
        }
    }

    /// The call of the target's API. A worker may have put its token into the message, too.
    fn call(planned: &'a PlannedCall, secrets: &MentionedSecrets, relay: &Relay<'_>) -> Self {
        let http = planned.request.http(relay.secrets);
        let body = match relay.secrets {
            Secrets::Fingerprinted => secrets.redact(&http.body),
            Secrets::Shown => http.body.clone(),
        };
        Self { api: planned.request.operation.label(), body, place: &planned.place, http }
    }

    /// The write of a lease or a claim, as of now. It holds the target and its failure as they were published.
    fn write(
        planned: &PlannedRegistration,
        secrets: &MentionedSecrets,
        relay: &'a Relay<'_>,
        table: &str,
    ) -> Self {
        let request = planned.request(table, relay.now);
        let http = request.http();
        let body = match relay.secrets {
            Secrets::Fingerprinted => secrets.redact_foreign(&http.body),
            Secrets::Shown => http.body.clone(),
        };
        Self { api: request.operation.label(), body, place: &relay.place, http }
    }

    /// The same for programs.
    pub fn as_json(&self) -> Value {
        let headers = self.http.headers.iter().map(|(name, value)| ((*name).to_owned(), json!(value)));
        json!({
            "api": self.api,
            "region": self.place.region,
            "account": self.place.account.as_ref().map(|account| &account.id),
            "method": self.http.method,
            "host": self.http.host,
            "path": self.http.path,
            "headers": headers.collect::<Map<_, _>>(),
            "body": self.body,
        })
    }
}
