//! The payload as bytes. Lambda's runtime crate parses each payload before the handler sees it, and ends the process on
//! one that is no UTF-8. A payload that is no JSON is a record to be dead-lettered, so this layer takes it aside first.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use lambda_runtime::LambdaInvocation;
use tower::{Layer, Service};

/// Where the payload of the current invocation waits for its handler. The runtime works on one invocation at a time.
#[derive(Clone, Default)]
pub struct PayloadSlot(Arc<Mutex<Bytes>>);

impl PayloadSlot {
    /// The payload of the current invocation.
    #[must_use]
    pub fn take(&self) -> Bytes {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<S> Layer<S> for PayloadSlot {
    type Service = TakePayload<S>;

    fn layer(&self, inner: S) -> Self::Service {
        TakePayload { inner, slot: self.clone() }
    }
}

/// Puts each invocation's payload into the slot and hands on an empty one.
#[derive(Clone)]
pub struct TakePayload<S> {
    inner: S,
    slot: PayloadSlot,
}

impl<S: Service<LambdaInvocation>> Service<LambdaInvocation> for TakePayload<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut invocation: LambdaInvocation) -> Self::Future {
        let payload = std::mem::replace(&mut invocation.body, Bytes::from_static(b"null"));
        *self.slot.0.lock().unwrap_or_else(PoisonError::into_inner) = payload;
        self.inner.call(invocation)
    }
}
