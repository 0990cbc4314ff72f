//! How the tool reaches AWS: configured as the AWS CLI is, with profiles, regions and `AWS_ENDPOINT_URL`.

use std::error::Error;

use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider};
use aws_config::provider_config::ProviderConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::client::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use clap::Args;
use failure_relay::aws::answer::causes;
use failure_relay::aws::{clients, connector};
use failure_relay::settings::TrustedRoots;

use crate::exit::Problem;

const NO_CREDENTIALS: &str = "no credentials were found, neither in the environment (AWS_ACCESS_KEY_ID), nor in a profile \
(AWS_PROFILE), nor from a role of this machine or container";

/// The arguments of every verb that calls AWS.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "AWS")]
#[group(id = "aws")]
pub struct Options {
    /// A profile of the AWS configuration files, before keys in the environment; else `AWS_PROFILE`
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// The region; else `AWS_REGION`, the profile's, or that of the queue's URL
    #[arg(long, value_name = "NAME")]
    region: Option<String>,
    /// Another endpoint than AWS's own; else `AWS_ENDPOINT_URL`
    #[arg(long, value_name = "URL")]
    endpoint_url: Option<String>,
}

impl Options {
    /// Loads the configuration. `fallback` is the region when no other is configured.
    ///
    /// # Errors
    /// No region is configured anywhere.
    pub async fn load(&self, fallback: Option<&str>) -> Result<SdkConfig, Problem> {
        let http_client = connector::client(&TrustedRoots::Machine);
        let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .http_client(http_client.clone())
            .timeout_config(clients::time_limits())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        // Without any of these, the loader asks the instance's metadata service, which takes its time where there is none.
        let region = self.region_of_the_machine(fallback).await;
        if let Some(region) = region.clone() {
            loader = loader.region(region);
        }
        if let Some(profile) = &self.profile {
            // As in the AWS CLI, a profile that is named outweighs keys in the environment, which the SDK would look at first.
            let place = ProviderConfig::without_region().with_region(region).with_http_client(http_client);
            let keys = ProfileFileCredentialsProvider::builder().configure(&place).profile_name(profile);
            loader = loader.profile_name(profile).credentials_provider(keys.build());
        }
        if let Some(url) = &self.endpoint_url {
            loader = loader.endpoint_url(url);
        }
        let config = loader.load().await;
        match config.region() {
            Some(_) => Ok(config),
            None => Err(Problem::usage("no region is configured: give --region, AWS_REGION or a profile")),
        }
    }

    /// The region, as far as arguments, environment, profile and `fallback` tell it.
    async fn region_of_the_machine(&self, fallback: Option<&str>) -> Option<Region> {
        let mut profile = ProfileFileRegionProvider::builder();
        if let Some(name) = &self.profile {
            profile = profile.profile_name(name);
        }
        let named = |name: &str| Region::new(name.to_owned());
        RegionProviderChain::first_try(self.region.as_deref().map(named))
            .or_else(EnvironmentVariableRegionProvider::new())
            .or_else(profile.build())
            .or_else(fallback.map(named))
            .region()
            .await
    }
}

/// The configuration in another region.
pub fn in_region(config: &SdkConfig, region: &str) -> SdkConfig {
    config.clone().into_builder().region(Region::new(region.to_owned())).build()
}

/// What a service said, or why it could not be asked, in one line.
pub fn explain<E>(error: &SdkError<E, HttpResponse>) -> String
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match error {
        SdkError::ServiceError(service) => {
            let meta = service.err().meta();
            match (meta.code(), meta.message()) {
                (Some(code), Some(message)) => format!("{code}: {message}"),
                (Some(code), None) => code.to_owned(),
                (None, _) => format!("HTTP {}", service.raw().status()),
            }
        }
        SdkError::TimeoutError(_) => "no answer in time".to_owned(),
        SdkError::DispatchFailure(_) => not_sent(&causes(error).collect::<Vec<_>>()),
        _ => told(&causes(error).collect::<Vec<_>>()),
    }
}

/// Why a request never left, in words that say what to do: the SDK's own list each provider that it asked.
fn not_sent(reasons: &[&(dyn Error + 'static)]) -> String {
    match reasons.iter().position(|reason| reason.is::<CredentialsError>()) {
        Some(index) => no_credentials(&reasons[index + 1..]),
        None => format!("cannot be reached: {}", told(&reasons[reasons.len().saturating_sub(1)..])),
    }
}

/// The SDK gives no reason when there is no profile at all, and a list with a line for each place when it looked everywhere.
fn no_credentials(reasons: &[&(dyn Error + 'static)]) -> String {
    if reasons.is_empty() {
        return "no profile is in the AWS configuration files".to_owned();
    }
    if reasons.iter().any(|reason| reason.to_string().contains('\n')) {
        return NO_CREDENTIALS.to_owned();
    }
    format!("the credentials could not be loaded: {}", told(reasons))
}

/// The reasons on one line, each once.
fn told(reasons: &[&(dyn Error + 'static)]) -> String {
    let mut texts: Vec<String> = reasons.iter().map(|reason| reason.to_string().replace('\n', ";")).collect();
    texts.dedup();
    texts.join(": ")
}
