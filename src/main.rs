//! The Lambda function that relays failures.

use std::process::ExitCode;
use std::sync::Arc;

use failure_relay::aws::clients::Clients;
use failure_relay::function;
use failure_relay::relay::Relay;
use failure_relay::settings::Settings;
use failure_relay::telemetry::Lines;

fn main() -> ExitCode {
    function::run("the relay", Settings::from_env, |settings, metrics_level| {
        let clients = Clients::new(&settings);
        let relay = Arc::new(Relay::new(settings, clients, Lines { metrics_level }));
        move |invocation| {
            let relay = Arc::clone(&relay);
            async move { relay.invoke(invocation).await }
        }
    })
}
