//! The calls by which a worker itself tells a service that it lives, or that it is done: requests that are data, to the service
//! that would be told of its failure.

use failure_event::event::Failure;
use failure_event::operation::{Operation, Wire};
use failure_event::outcome::Answer;
use failure_event::place::Place;
use failure_event::request::{Members, Request, Secrets, Value};
use failure_event::secret::Secret;
use failure_event::target::{Kind, Target};
use failure_relay::aws::clients::Clients;
use failure_relay::aws::senders;

/// An operation that stands beside the one that reports a failure.
#[derive(Debug)]
pub struct Call {
    /// The kind of target that it is for.
    pub kind: Kind,
    /// The operation.
    pub operation: Operation,
    /// The members of the report that identify the task here too.
    pub identity: &'static [&'static str],
    /// Where a result goes.
    pub body: Body,
}

/// What a call's body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// The members of the identity alone.
    Members,
    /// The same, and the result as a member of this name.
    ResultIn(&'static str),
    /// The result as it stands.
    Payload,
}

/// An operation of the service that is told of this kind's failures, in the same wire form.
#[must_use]
pub const fn beside(kind: Kind, name: &'static str, action: &'static str) -> Operation {
    let report = &kind.operations()[0];
    Operation { service: report.service, name, action: Some(action), wire: report.wire }
}

/// [`beside`] for REST-JSON, where each operation has a path of its own.
#[must_use]
pub const fn at_path(kind: Kind, name: &'static str, action: &'static str, path: &'static str) -> Operation {
    Operation { wire: Wire::RestJson { method: "POST", path }, ..beside(kind, name, action) }
}

impl Call {
    /// Makes the call for a target.
    pub async fn send(
        &'static self,
        target: &Target,
        result: Option<&str>,
        clients: &Clients,
        place: &Place,
    ) -> Answer {
        let report = target.clone().request(&Failure::default(), &mut Vec::new());
        // A report's identity may be a secret; here all of it is treated as one.
        let secret = |text: &str| Value::Secret(Secret::new(text));
        let mut members: Vec<_> =
            self.identity.iter().filter_map(|name| Some((*name, secret(report.body.text(name)?)))).collect();
        if let (Body::ResultIn(name), Some(result)) = (self.body, result) {
            members.push((name, secret(result)));
        }
        let request = Request { operation: &self.operation, body: Members::new(members), ..report };
        let mut form = request.http(Secrets::Shown);
        if self.body == Body::Payload {
            form.body = result.unwrap_or_default().to_owned();
            form.headers = vec![("content-type", "application/octet-stream".to_owned())];
        }
        senders::send_signed(&self.operation, form, clients, place).await
    }
}
