//! The Lambda function that notices what nobody reports.

use std::process::ExitCode;
use std::sync::Arc;

use failure_relay::aws::clients::Clients;
use failure_relay::aws::connector;
use failure_relay::function;
use failure_watch::services::Aws;
use failure_watch::settings::{Settings, SweepSettings};
use failure_watch::watch::{Sweeper, Swept, Watch};
use tokio::time::Instant;

fn main() -> ExitCode {
    function::run("the watch", Settings::from_env, |settings, metrics_level| {
        let clients = Clients::of_own_role(&settings.aws, connector::client(&settings.aws.roots));
        let watch = Arc::new(Watch::new(settings, Aws::new(Arc::new(clients)), NoSweep, metrics_level));
        move |invocation| {
            let watch = Arc::clone(&watch);
            async move { watch.invoke(invocation).await }
        }
    })
}

/// Stands where the sweep will be.
struct NoSweep;

impl Sweeper for NoSweep {
    async fn sweep(&self, _settings: &SweepSettings, _end: Instant) -> Result<Swept, String> {
        Err("this build cannot sweep".to_owned())
    }
}
