//! The SDK clients: made on first use, kept per region and account, over one shared HTTP client.
//!
//! Nothing is looked up: region, keys and endpoints come from the settings, so there is no walk through profiles, metadata
//! services or files. Each call has time limits, because the SDK itself waits for ever on a server that accepts and
//! never answers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_sqs::config::timeout::TimeoutConfig;
use aws_sdk_sqs::config::{BehaviorVersion, IdentityCache, Region};
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::{SharedTimeSource, SystemTimeSource};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_smithy_types::retry::RetryConfig;
use aws_types::SdkConfig;
use aws_types::service_config::ServiceConfigKey;

use failure_event::operation::{EndpointVariant, Service};
use failure_event::place::Place;

use crate::aws::assumed_role::{AssumedRole, SessionName};
use crate::aws::connector;
use crate::settings::{Aws, Endpoints, Settings};

/// The most time for one attempt. The services answer in tens of milliseconds; SWF may hang for minutes on a token
/// that matches nothing.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);

/// The most time for a call with all its attempts. After an attempt that was never answered there is time to find that only its
/// connection was dead, and for no more: the queue tries again, and an environment that waits does nothing else.
const CALL_TIMEOUT: Duration = Duration::from_secs(6);

/// Attempts of one call. A lost connection after a freeze is the usual reason for a second one.
const ATTEMPTS: u32 = 3;

/// The first pause between attempts is a random time up to this.
const INITIAL_PAUSE: Duration = Duration::from_millis(200);

/// The longest pause between attempts.
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// How many regions' SQS clients are kept. Queues are in one or two; a direct invoker may name any in its records.
const QUEUE_REGIONS_MAX: usize = 8;

/// All clients of this process.
#[derive(Debug)]
pub struct Clients {
    own: SdkConfig,
    own_region: String,
    endpoints: Endpoints,
    role_name: Option<String>,
    session_name: SessionName,
    places: Mutex<HashMap<Place, Arc<PlaceClients>>>,
    queues: Mutex<HashMap<String, aws_sdk_sqs::Client>>,
}

/// The clients of one region and account.
#[derive(Debug)]
struct PlaceClients {
    config: SdkConfig,
    sfn: OnceLock<aws_sdk_sfn::Client>,
    codepipeline: OnceLock<aws_sdk_codepipeline::Client>,
    swf: OnceLock<aws_sdk_swf::Client>,
}

impl Clients {
    /// Prepares everything that clients share. No connection is opened.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        Self::with_http_client(settings, connector::client(&settings.aws.roots))
    }

    /// [`Clients::new`] over a given HTTP client.
    #[must_use]
    pub fn with_http_client(settings: &Settings, http_client: SharedHttpClient) -> Self {
        Self { role_name: settings.role_name.clone(), ..Self::of_own_role(&settings.aws, http_client) }
    }

    /// The clients of a function that assumes no role.
    #[must_use]
    pub fn of_own_role(aws: &Aws, http_client: SharedHttpClient) -> Self {
        Self {
            own: shared_config(aws, http_client),
            own_region: aws.region.clone(),
            endpoints: aws.endpoints.clone(),
            role_name: None,
            session_name: SessionName::default(),
            places: Mutex::default(),
            queues: Mutex::default(),
        }
    }

    /// Clients over a configuration that is loaded already, as the tool loads it: with profiles, and with keys that
    /// renew themselves. Its region is the own region; `role_name` is assumed in other accounts.
    #[must_use]
    pub fn over(config: SdkConfig, role_name: Option<String>) -> Self {
        Self {
            own_region: config.region().map(ToString::to_string).unwrap_or_default(),
            own: config,
            endpoints: Endpoints::default(),
            role_name,
            session_name: SessionName::default(),
            places: Mutex::default(),
            queues: Mutex::default(),
        }
    }

    /// Roles that are assumed from now on are assumed for this invocation of this function.
    pub fn begin_invocation(&self, function_arn: &str, request_id: &str) {
        self.session_name.set(function_arn, request_id);
    }

    /// The Step Functions client of a place.
    pub fn sfn(&self, place: &Place) -> aws_sdk_sfn::Client {
        let clients = self.at(place);
        let new = || aws_sdk_sfn::Client::new(&self.with_endpoint(&clients.config, "SFN"));
        clients.sfn.get_or_init(new).clone()
    }

    /// The CodePipeline client of a place.
    pub fn codepipeline(&self, place: &Place) -> aws_sdk_codepipeline::Client {
        let clients = self.at(place);
        let new = || aws_sdk_codepipeline::Client::new(&self.with_endpoint(&clients.config, "CODEPIPELINE"));
        clients.codepipeline.get_or_init(new).clone()
    }

    /// The SWF client of a place.
    pub fn swf(&self, place: &Place) -> aws_sdk_swf::Client {
        let clients = self.at(place);
        let new = || aws_sdk_swf::Client::new(&self.with_endpoint(&clients.config, "SWF"));
        clients.swf.get_or_init(new).clone()
    }

    /// The configuration of a place: its keys, time limits and connections, for requests that no SDK crate sends.
    #[must_use]
    pub fn config(&self, place: &Place) -> SdkConfig {
        self.at(place).config.clone()
    }

    /// Where a service is reached: the endpoint of the settings or of the configuration, else AWS's own. `None` where no host can have
    /// such a region in its name.
    #[must_use]
    pub fn endpoint(&self, service: &Service, region: &str) -> Option<String> {
        let variant = EndpointVariant {
            fips: self.own.use_fips().unwrap_or(false),
            dual_stack: self.own.use_dual_stack().unwrap_or(false),
        };
        let given = self.endpoints.of(service.endpoint_variable).map(str::to_owned);
        given
            .or_else(|| configured_endpoint(&self.own, service))
            .or_else(|| service.endpoint(region, variant))
    }

    /// The address to connect to instead of a presigned URL's own host, for tests and local runs alone.
    #[must_use]
    pub fn presigned_endpoint(&self, service: &Service) -> Option<&str> {
        self.endpoints.of_one_alone(service.endpoint_variable)
    }

    /// The SQS client of a queue's region, with the relay's own role. Calls go to the client's region, never to the host in the queue
    /// URL.
    #[must_use]
    pub fn sqs(&self, region: Option<&str>) -> aws_sdk_sqs::Client {
        let region = region.unwrap_or(&self.own_region);
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = queues.get(region) {
            return client.clone();
        }
        let config = self.with_endpoint(&in_region(&self.own, region), "SQS");
        let client = aws_sdk_sqs::Client::new(&config);
        if queues.len() >= QUEUE_REGIONS_MAX {
            queues.clear();
        }
        queues.insert(region.to_owned(), client.clone());
        client
    }

    /// The configuration with the endpoint that the settings name for a service, where they do.
    fn with_endpoint(&self, config: &SdkConfig, variable: &str) -> SdkConfig {
        match self.endpoints.of(variable) {
            Some(endpoint) => config.clone().into_builder().endpoint_url(endpoint).build(),
            None => config.clone(),
        }
    }

    fn at(&self, place: &Place) -> Arc<PlaceClients> {
        if let Some(clients) = self.places().get(place) {
            return Arc::clone(clients);
        }
        let config = self.config_of(place);
        let made = PlaceClients {
            config,
            sfn: OnceLock::new(),
            codepipeline: OnceLock::new(),
            swf: OnceLock::new(),
        };
        Arc::clone(self.places().entry(place.clone()).or_insert_with(|| Arc::new(made)))
    }

    /// A panic while the lock is held leaves at worst an entry out, which is made again.
    fn places(&self) -> std::sync::MutexGuard<'_, HashMap<Place, Arc<PlaceClients>>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn config_of(&self, place: &Place) -> SdkConfig {
        let config = in_region(&self.own, &place.region);
        let (Some(account), Some(role_name)) = (&place.account, &self.role_name) else { return config };
        let role_arn = role_arn(&account.partition, &account.id, role_name);
        let config_of_sts = self.with_endpoint(&self.own, "STS");
        let role = AssumedRole::new(role_arn, &config_of_sts, self.session_name.clone());
        config
            .into_builder()
            .credentials_provider(SharedCredentialsProvider::new(role))
            .identity_cache(IdentityCache::lazy().load_timeout(CALL_TIMEOUT).build())
            .build()
    }
}

/// The ARN of the role that is assumed in an account; a path may come before its name.
#[must_use]
pub fn role_arn(partition: &str, account: &str, role_name: &str) -> String {
    format!("arn:{partition}:iam::{account}:role/{}", role_name.trim_start_matches('/'))
}

/// The time limits of every call; that of opening a connection is the HTTP client's own.
#[must_use]
pub fn time_limits() -> TimeoutConfig {
    TimeoutConfig::builder()
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(CALL_TIMEOUT)
        .build()
}

/// The endpoint that a loaded configuration names for a service, with the SDK crates' precedence: what was given in code, what the
/// environment or the profile has for this service, what they have for all.
fn configured_endpoint(config: &SdkConfig, service: &Service) -> Option<String> {
    let of_all = || config.endpoint_url().map(str::to_owned);
    if config.get_origin("endpoint_url").is_client_config() {
        return of_all();
    }
    let service_id = service.endpoint_variable.replace('_', " ");
    let key = ServiceConfigKey::builder()
        .service_id(&service_id)
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build()
        .ok()?;
    config.service_config().and_then(|loaded| loaded.load_config(key)).or_else(of_all)
}

fn shared_config(aws: &Aws, http_client: SharedHttpClient) -> SdkConfig {
    let retries = RetryConfig::standard()
        .with_max_attempts(aws.max_attempts.unwrap_or(ATTEMPTS))
        .with_initial_backoff(INITIAL_PAUSE)
        .with_max_backoff(PAUSE_MAX);
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(aws.region.clone()))
        .http_client(http_client)
        .timeout_config(time_limits())
        .retry_config(retries)
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .time_source(SharedTimeSource::new(SystemTimeSource::new()))
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .identity_cache(IdentityCache::no_cache())
        .use_fips(aws.use_fips)
        .use_dual_stack(aws.use_dual_stack);
    let keys = aws.credentials.as_ref().map(|keys| {
        aws_credential_types::Credentials::new(
            keys.access_key_id.expose(),
            keys.secret_access_key.expose(),
            keys.session_token.as_ref().map(|token| token.expose().to_owned()),
            None,
            "Environment",
        )
    });
    match keys {
        Some(keys) => config.credentials_provider(SharedCredentialsProvider::new(keys)).build(),
        None => config.build(),
    }
}

fn in_region(config: &SdkConfig, region: &str) -> SdkConfig {
    config.clone().into_builder().region(Region::new(region.to_owned())).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_clients_of_queues_are_kept_however_many_regions_are_named() {
        let variable = |name: &str| match name {
            "RELAY_DEAD_LETTER_QUEUE_URL" => Some("http://127.0.0.1:9/111122223333/dead".to_owned()),
            "AWS_REGION" => Some("eu-west-1".to_owned()),
            _ => None,
        };
        let clients = Clients::new(&Settings::from_variables(&variable).unwrap());
        for number in 0..1000 {
            let region = format!("made-up-{number}");
            let client = clients.sqs(Some(&region));
            assert_eq!(client.config().region().unwrap().as_ref(), region);
            assert!(clients.queues.lock().unwrap().len() <= QUEUE_REGIONS_MAX);
        }
    }

    #[test]
    fn a_roles_name_may_have_a_path_with_or_without_a_slash_before_it() {
        for name in ["workers/relay", "/workers/relay"] {
            assert_eq!(
                role_arn("aws-cn", "222222222222", name),
                "arn:aws-cn:iam::222222222222:role/workers/relay"
            );
        }
    }
}
