//! The Lambda function: settings, clients, and the loop of invocations.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use failure_event::text::cut;
use failure_relay::aws::clients::Clients;
use failure_relay::log_line::{ERROR_MESSAGE_MAX, short};
use failure_relay::payload::PayloadSlot;
use failure_relay::relay::{Failed, Invocation, Relay};
use failure_relay::settings::{Logging, Settings};
use failure_relay::telemetry::{self, Lines};
use lambda_runtime::{Context, Diagnostic, LambdaEvent, Runtime, service_fn};
use serde::de::IgnoredAny;
use tokio::time::Instant;

fn main() -> ExitCode {
    let logging = Logging::from_env();
    telemetry::start(logging.level, logging.json);
    let settings = match Settings::from_env() {
        Ok(settings) => settings,
        Err(error) => {
            let what = format!("the relay cannot start: {error}");
            let what = cut(&what, ERROR_MESSAGE_MAX);
            tracing::error!(setting = error.name, "{what}");
            // Text on standard error, too: at the level FATAL the line above is not written.
            eprintln!("{what}");
            return ExitCode::FAILURE;
        }
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!("the relay cannot start: {}", short(&error.to_string()));
            return ExitCode::FAILURE;
        }
    };
    let clients = Clients::new(&settings);
    let lines = Lines { metrics_level: telemetry::passing_level(logging.level) };
    let relay = Relay::new(settings, clients, lines);
    match runtime.block_on(serve(relay)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("the Lambda runtime ended: {}", short(&error.to_string()));
            ExitCode::FAILURE
        }
    }
}

async fn serve(relay: Relay) -> Result<(), lambda_runtime::Error> {
    let relay = Arc::new(relay);
    let slot = PayloadSlot::default();
    let payloads = slot.clone();
    let handler = service_fn(move |event: LambdaEvent<IgnoredAny>| {
        let (relay, payload) = (Arc::clone(&relay), payloads.take());
        async move { relay.invoke(invocation(payload, &event.context)).await.map_err(Unanswered) }
    });
    Runtime::new(handler).layer(slot).run().await
}

fn invocation(payload: bytes::Bytes, context: &Context) -> Invocation {
    Invocation {
        payload,
        request_id: context.request_id.clone(),
        function_arn: context.invoked_function_arn.clone(),
        ends_at: ends_at(context.deadline),
    }
}

/// The deadline, in milliseconds since 1970, by the monotonic clock. One that is over for more than a day was never told:
/// local runtimes count from 1970.
fn ends_at(deadline_ms: u64) -> Option<Instant> {
    let deadline = SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(deadline_ms))?;
    match deadline.duration_since(SystemTime::now()) {
        Ok(remaining) => Instant::now().checked_add(remaining),
        Err(over) => (over.duration() < Duration::from_hours(24)).then(Instant::now),
    }
}

/// A failed invocation, as Lambda reports it to the invoker.
#[derive(Debug)]
struct Unanswered(Failed);

impl From<Unanswered> for Diagnostic {
    fn from(Unanswered(failed): Unanswered) -> Self {
        Self { error_type: "Retry".to_owned(), error_message: failed.reason }
    }
}
