//! The edge: whoever answers requests that are data.

use std::sync::Arc;

use failure_event::operation::Operation;
use failure_event::outcome::ServiceError;
use failure_event::place::Place;
use failure_event::request::HttpForm;
use failure_relay::aws::clients::Clients;
use failure_relay::aws::senders;
use futures_util::future::LocalBoxFuture;

/// The services that the watch asks.
pub trait Services {
    /// What a service answers to a request: the body of its answer.
    ///
    /// # Errors
    /// What the service refused with, or what stood in the way of its answer.
    fn ask(
        &self,
        operation: &'static Operation,
        form: HttpForm,
        place: &Place,
    ) -> impl Future<Output = Result<String, ServiceError>>;
}

/// AWS, with the function's own role.
#[derive(Clone, Debug)]
pub struct Aws {
    clients: Arc<Clients>,
}

impl Aws {
    /// AWS, as these clients reach it.
    #[must_use]
    pub fn new(clients: Arc<Clients>) -> Self {
        Self { clients }
    }
}

impl Services for Aws {
    async fn ask(
        &self,
        operation: &'static Operation,
        form: HttpForm,
        place: &Place,
    ) -> Result<String, ServiceError> {
        // A call is a deep type: unboxed, the compiler would have to look through it wherever one is awaited.
        let call: LocalBoxFuture<'_, _> = Box::pin(senders::ask(operation, form, &self.clients, place));
        call.await
    }
}
