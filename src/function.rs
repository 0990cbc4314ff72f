//! What every Lambda function of this project does alike: it starts or says why it cannot, and answers one invocation after the
//! other.

use std::fmt::Debug;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use failure_event::text::cut;
use lambda_runtime::{Context, Diagnostic, LambdaEvent, Runtime, service_fn};
use serde::Serialize;
use serde::de::IgnoredAny;
use tokio::time::Instant;

use crate::log_line::{ERROR_MESSAGE_MAX, short};
use crate::payload::PayloadSlot;
use crate::relay::{Failed, Invocation};
use crate::settings::{Logging, SettingError};
use crate::telemetry;
use crate::version::{COMMIT, VERSION};

/// Runs a function until its environment ends. `name` is what messages call it, `read` reads its settings, and `start` makes of
/// them what answers an invocation; it is given the level that lines of metrics carry, too.
///
/// A wrong setting keeps it from starting, and is named.
pub fn run<S, H, R, A, F>(
    name: &'static str,
    read: impl FnOnce() -> Result<S, SettingError>,
    start: impl FnOnce(S, &'static str) -> H,
) -> ExitCode
where
    H: Fn(Invocation) -> R,
    R: Future<Output = Result<A, F>>,
    A: Serialize,
    F: Into<Diagnostic> + Debug,
{
    let logging = Logging::from_env();
    telemetry::start(name, logging.level, logging.json);
    // Before the settings are read: a function that cannot start has a version, too.
    tracing::info!(version = VERSION, commit = COMMIT, "{name} starts");
    let settings = match read() {
        Ok(settings) => settings,
        Err(error) => {
            let what = format!("{name} cannot start: {error}");
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
            tracing::error!("{name} cannot start: {}", short(&error.to_string()));
            return ExitCode::FAILURE;
        }
    };
    let handler = start(settings, telemetry::passing_level(logging.level));
    match runtime.block_on(serve(handler)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("the Lambda runtime ended: {}", short(&error.to_string()));
            ExitCode::FAILURE
        }
    }
}

async fn serve<H, R, A, F>(handler: H) -> Result<(), lambda_runtime::Error>
where
    H: Fn(Invocation) -> R,
    R: Future<Output = Result<A, F>>,
    A: Serialize,
    F: Into<Diagnostic> + Debug,
{
    let slot = PayloadSlot::default();
    let payloads = slot.clone();
    let service = service_fn(move |event: LambdaEvent<IgnoredAny>| {
        handler(invocation(payloads.take(), &event.context))
    });
    Runtime::new(service).layer(slot).run().await
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

impl From<Failed> for Diagnostic {
    /// A failed invocation, as Lambda reports it to the invoker.
    fn from(failed: Failed) -> Self {
        Self { error_type: "Retry".to_owned(), error_message: failed.reason }
    }
}
