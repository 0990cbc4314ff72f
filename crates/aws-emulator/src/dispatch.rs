//! From a request to what goes over the wire: recorded, with its fault, carried out.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::body::Bytes;
use serde_json::Value;
use tokio::sync::Notify;

use super::answer::{Answer, Output, ServiceError};
use super::clock::Clock;
use super::fault::{Fault, FaultPlan};
use super::operation::{Operation, Service};
use super::perform::{Setting, State, check, read};
use super::protocols::{self, Protocol};
use super::record::{Arrival, CallLog, CallOutcome};
use super::request::{Caller, Head, Request};
use super::sqs::{self, BatchFault, Poll};
use super::sts::{access_denied, expired_token};

/// What goes over the wire for a call.
#[derive(Clone, Debug)]
pub(crate) enum Wire {
    Answer(Answer),
    /// The answer's body in pieces, each after a delay.
    Drip {
        answer: Answer,
        piece_bytes: usize,
        delay_ms: u64,
    },
    /// The answer breaks off in its body.
    CutMidAnswer(Answer),
    /// The connection is closed without an answer.
    Cut,
    /// Nothing, for ever.
    Hang,
}

/// What all connections share.
pub(crate) struct Shared {
    pub(crate) region: String,
    pub(crate) account: String,
    pub(crate) base_url: String,
    pub(crate) clock: Clock,
    pub(crate) changed: Notify,
    state: Mutex<State>,
    calls: Mutex<CallLog>,
    faults: Mutex<FaultPlan>,
}

impl Shared {
    pub(crate) fn new(
        region: String,
        account: String,
        base_url: String,
        clock: Clock,
        state: State,
        calls: CallLog,
        faults: FaultPlan,
    ) -> Self {
        Self {
            region,
            account,
            base_url,
            clock,
            changed: Notify::new(),
            state: Mutex::new(state),
            calls: Mutex::new(calls),
            faults: Mutex::new(faults),
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.state)
    }

    pub(crate) fn calls(&self) -> MutexGuard<'_, CallLog> {
        locked(&self.calls)
    }

    pub(crate) fn faults(&self) -> MutexGuard<'_, FaultPlan> {
        locked(&self.faults)
    }

    /// The caller that in-process requests act as.
    pub(crate) fn own_caller(&self) -> Caller {
        Caller {
            access_key_id: "LOCAL".to_owned(),
            account: self.account.clone(),
            region: self.region.clone(),
        }
    }

    fn caller(&self, request: &Request) -> Caller {
        if let Some(presigned) = &request.presigned {
            return Caller {
                access_key_id: presigned.access_key_id.clone(),
                account: presigned.account.clone().unwrap_or_else(|| self.account.clone()),
                region: presigned.region.clone(),
            };
        }
        let Some(scope) = &request.scope else {
            return self.own_caller();
        };
        let state = self.state();
        Caller {
            access_key_id: scope.access_key_id.clone(),
            account: state.sessions.account(&scope.access_key_id, &self.account).to_owned(),
            region: scope.region.clone(),
        }
    }
}

/// A panic while the lock was held left no half-made change that a later call could not bear:
/// the endpoint goes on, and the panic is that call's own.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Answers one request.
pub(crate) async fn dispatch(shared: Arc<Shared>, head: Head, body: Bytes) -> Wire {
    let request = match Request::read(head, body) {
        Ok(request) => request,
        Err(service) => {
            let request_id = shared.state().ids.uuid();
            return Wire::Answer(unknown_operation(service, &request_id));
        }
    };
    let caller = shared.caller(&request);
    let sequence = shared.calls().arrive(Arrival {
        operation: request.operation,
        region: caller.region.clone(),
        account: caller.account.clone(),
        access_key_id: caller.access_key_id.clone(),
        at_ms: shared.clock.now_ms(),
        signed_for: request.scope.clone(),
        head: Arc::clone(&request.head),
        body: request.body.clone(),
    });
    let sequence = sequence.sequence;
    let since_start_ms = shared.clock.since_start_ms();
    let fault = shared.faults().next(&request, &caller, since_start_ms);
    let name = fault.as_ref().map(Fault::name);
    let call = Call { request_id: shared.state().ids.uuid(), shared: Arc::clone(&shared), request, caller };
    let (wire, took_effect) = call.under(fault).await;
    let answer = match &wire {
        Wire::Answer(answer) | Wire::Drip { answer, .. } | Wire::CutMidAnswer(answer) => Some(answer),
        Wire::Cut | Wire::Hang => None,
    };
    let outcome = CallOutcome {
        status: answer.map(|answer| answer.status),
        error_code: answer.and_then(|answer| answer.error_code.clone()),
        took_effect,
        fault: name,
        unheeded: answer.and_then(|answer| answer.unheeded.clone()),
    };
    shared.calls().finish(sequence, outcome);
    wire
}

fn unknown_operation(service: Service, request_id: &str) -> Answer {
    let message = "The endpoint does not know this operation.";
    let status = if service.protocol() == Protocol::Rest { 404 } else { 400 };
    let error = ServiceError::with_status(status, "UnknownOperationException", message);
    protocols::error(service, request_id, &error)
}

/// One call on its way.
struct Call {
    shared: Arc<Shared>,
    request: Request,
    caller: Caller,
    request_id: String,
}

impl Call {
    /// Carries the call out under a fault; the flag says whether it took effect.
    async fn under(self, fault: Option<Fault>) -> (Wire, bool) {
        let Some(fault) = fault else {
            let (answer, took_effect) = self.effect(None).await;
            return (Wire::Answer(answer), took_effect);
        };
        match fault {
            Fault::Slow { delay_ms } => {
                // In a task of its own: a service goes on when its caller hangs up.
                let late = tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_millis(delay_ms)).await;
                    self.effect(None).await
                });
                match late.await {
                    Ok((answer, took_effect)) => (Wire::Answer(answer), took_effect),
                    // The runtime shuts down, or the effect panicked: there is no answer.
                    Err(_) => (Wire::Cut, false),
                }
            }
            Fault::SlowDrip { piece_bytes, delay_ms } => {
                let (answer, took_effect) = self.effect(None).await;
                let wire = Wire::Drip { answer, piece_bytes, delay_ms };
                (wire, took_effect)
            }
            Fault::CutMidAnswer => {
                let (answer, took_effect) = self.effect(None).await;
                (Wire::CutMidAnswer(answer), took_effect)
            }
            Fault::CutBeforeEffect => (Wire::Cut, false),
            Fault::CutAfterEffect => (Wire::Cut, self.effect(None).await.1),
            Fault::NoAnswer { after_effect } => (Wire::Hang, self.effect_if(after_effect).await),
            Fault::PartialBatchFailure { positions, code, sender_fault } => {
                let fault = BatchFault { positions, code, sender_fault };
                let (answer, took_effect) = self.effect(Some(&fault)).await;
                (Wire::Answer(answer), took_effect)
            }
            Fault::Html502 => (Wire::Answer(self.page(502, HTML_502)), false),
            Fault::Garbage200 { after_effect } => {
                let took_effect = self.effect_if(after_effect).await;
                (Wire::Answer(self.page(200, GARBAGE)), took_effect)
            }
            Fault::ErrorIn200 { code, after_effect } => {
                let took_effect = self.effect_if(after_effect).await;
                let error = ServiceError::with_status(200, code, "an error inside a 200");
                (Wire::Answer(self.error(&error)), took_effect)
            }
            other => {
                let (error, after_effect) = self.error_of(other);
                let took_effect = self.effect_if(after_effect).await;
                (Wire::Answer(self.error(&error)), took_effect)
            }
        }
    }

    /// The error that a fault stands for, and whether the call takes effect before it.
    fn error_of(&self, fault: Fault) -> (ServiceError, bool) {
        let (service, operation) = (self.request.operation.service(), self.request.operation);
        let error = match fault {
            Fault::Throttle { code, status } => {
                let (own_code, own_status) = service.model().throttling;
                // 400 is the status of a rule that names none.
                let status = if code.is_none() && status == 400 { own_status } else { status };
                let code = code.unwrap_or_else(|| own_code.to_owned());
                ServiceError::with_status(status, code, "Rate exceeded")
            }
            Fault::ServiceError { code, status, message, after_effect } => {
                let error = ServiceError::with_status(status, code, message);
                return (error, after_effect);
            }
            Fault::ServerError { status, after_effect } => {
                let code = if status == 503 { "ServiceUnavailable" } else { "InternalFailure" };
                let error = ServiceError::with_status(status, code, "The service failed.");
                return (error, after_effect);
            }
            Fault::AccessDenied => access_denied(operation, &self.caller),
            Fault::ExpiredCredentials => expired_token(service),
            Fault::KmsAccessDenied => kms_error(service, "AccessDenied"),
            Fault::KmsInvalidState => kms_error(service, "InvalidState"),
            // All others are answered by `under` itself.
            other => ServiceError::with_status(500, "InternalFailure", other.name()),
        };
        (error, false)
    }

    async fn effect_if(&self, wanted: bool) -> bool {
        wanted && self.effect(None).await.1
    }

    /// Carries the operation out; the flag says whether it succeeded.
    async fn effect(&self, batch_fault: Option<&BatchFault>) -> (Answer, bool) {
        match self.outcome(batch_fault).await {
            Ok(output) => {
                let answer = protocols::success(self.request.operation, &self.request_id, output);
                let took_effect = answer.unheeded.is_none();
                (answer, took_effect)
            }
            Err(error) => (self.error(&error), false),
        }
    }

    async fn outcome(&self, batch_fault: Option<&BatchFault>) -> Result<Output, ServiceError> {
        let now_ms = self.shared.clock.now_ms();
        let operation = self.request.operation;
        let input = {
            let state = self.shared.state();
            match &self.request.presigned {
                Some(presigned) => presigned.authenticate(&self.request.head, now_ms)?,
                None => state.sessions.authenticate(&self.request, now_ms)?,
            }
            self.request.input.clone()?
        };
        if operation == Operation::ReceiveMessage {
            return self.receive(input).await;
        }
        let setting = self.setting(batch_fault);
        let output = self.shared.state().perform(operation, input, setting);
        if matches!(operation.service(), Service::Sqs | Service::EventBridge) {
            self.shared.changed.notify_waiters();
        }
        output
    }

    /// A receive waits, for as long as it asks to, until there is a message.
    async fn receive(&self, input: Value) -> Result<Output, ServiceError> {
        check(Operation::ReceiveMessage, &input)?;
        let receive: sqs::Receive = read(input)?;
        let wait_ms = receive.wait_ms(&mut self.shared.state().sqs, &self.caller)?;
        let until_ms = self.shared.clock.now_ms() + wait_ms;
        loop {
            let mut changed = std::pin::pin!(self.shared.changed.notified());
            // Armed before the look, so that a message sent right after it is not missed.
            changed.as_mut().enable();
            let poll = self.shared.state().poll(&receive, self.setting(None))?;
            let next_visible_ms = match poll {
                Poll::Answer(output) => return Ok(output),
                Poll::Wait { next_visible_ms } => next_visible_ms,
            };
            let now_ms = self.shared.clock.now_ms();
            if now_ms >= until_ms {
                return Ok(sqs::nothing_received());
            }
            let wake_ms = next_visible_ms.map_or(until_ms, |next_ms| next_ms.min(until_ms));
            // At least a millisecond: a message that is just visible is seen by the next look.
            let pause = Duration::from_millis(wake_ms.saturating_sub(now_ms).max(1));
            tokio::select! {
                () = changed => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    fn setting<'a>(&'a self, batch_fault: Option<&'a BatchFault>) -> Setting<'a> {
        Setting {
            caller: &self.caller,
            now_ms: self.shared.clock.now_ms(),
            base_url: &self.shared.base_url,
            batch_fault,
        }
    }

    fn error(&self, error: &ServiceError) -> Answer {
        protocols::error(self.request.operation.service(), &self.request_id, error)
    }

    /// A body that no service sends.
    fn page(&self, status: u16, body: &str) -> Answer {
        let answer = Answer::new("text/html", body.to_owned());
        Answer { status, ..answer.with_header("x-amzn-requestid", self.request_id.as_str()) }
    }
}

const HTML_502: &str = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n\
                        <center><h1>502 Bad Gateway</h1></center>\r\n</body>\r\n</html>\r\n";
const GARBAGE: &str = "{\"this is <not> an answer";

fn kms_error(service: Service, what: &str) -> ServiceError {
    let (code, status) = match service {
        Service::Sqs => (format!("Kms{what}"), 400),
        Service::Lambda => (format!("KMS{what}Exception"), 502),
        _ => (format!("Kms{what}Exception"), 400),
    };
    ServiceError::with_status(status, code, "The KMS key cannot be used.")
}
