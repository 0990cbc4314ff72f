//! The Lambda function that notices what nobody reports.

use std::process::ExitCode;
use std::sync::Arc;

use failure_relay::aws::clients::Clients;
use failure_relay::aws::connector;
use failure_relay::function;
use failure_watch::services::Aws;
use failure_watch::settings::Settings;
use failure_watch::sweep::Sweeper;
use failure_watch::watch::Watch;

fn main() -> ExitCode {
    function::run("the watch", Settings::from_env, |settings, metrics_level| {
        let clients = Clients::of_own_role(&settings.aws, connector::client(&settings.aws.roots));
        let services = Aws::new(Arc::new(clients));
        let sweeper = Sweeper::new(services.clone(), settings.queue.clone(), settings.aws.region.clone());
        let watch = Arc::new(Watch::new(settings, services, sweeper, metrics_level));
        move |invocation| {
            let watch = Arc::clone(&watch);
            async move { watch.invoke(invocation).await }
        }
    })
}
