//! What the SDK needs to know, as Lambda and the AWS SDKs name it.

use std::path::PathBuf;

use failure_event::secret::Secret;

use super::QueueUrl;
use super::variables::{SettingError, Variables, parse_one_or_more};

/// Region, credentials and endpoints, as Lambda and the AWS SDKs define their variables.
#[derive(Clone, Debug)]
pub struct Aws {
    /// `AWS_REGION`
    pub region: String,
    /// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`. Without them each call fails and is retried.
    pub credentials: Option<Credentials>,
    /// `AWS_ENDPOINT_URL` and `AWS_ENDPOINT_URL_<SERVICE>`
    pub endpoints: Endpoints,
    /// `AWS_USE_FIPS_ENDPOINT`
    pub use_fips: bool,
    /// `AWS_USE_DUALSTACK_ENDPOINT`
    pub use_dual_stack: bool,
    /// `AWS_MAX_ATTEMPTS`
    pub max_attempts: Option<u32>,
    /// `SSL_CERT_FILE` and `SSL_CERT_DIR`
    pub roots: TrustedRoots,
}

/// Whose signature a server's certificate needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TrustedRoots {
    /// Those that Mozilla trusts, as of the build. They need no file and no parsing.
    #[default]
    CompiledIn,
    /// Those in these files in PEM format, and no other.
    Named {
        /// `SSL_CERT_FILE`
        file: Option<PathBuf>,
        /// `SSL_CERT_DIR`, which may name several.
        directories: Vec<PathBuf>,
    },
    /// Those that the machine's administrator trusts: for a person's tool.
    Machine,
}

/// The role's keys as Lambda hands them to the function.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// `AWS_ACCESS_KEY_ID`
    pub access_key_id: Secret,
    /// `AWS_SECRET_ACCESS_KEY`
    pub secret_access_key: Secret,
    /// `AWS_SESSION_TOKEN`
    pub session_token: Option<Secret>,
}

/// Endpoints other than AWS's own, by the end of the variable that names them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoints {
    /// `AWS_ENDPOINT_URL`
    all: Option<String>,
    /// `AWS_ENDPOINT_URL_<…>`
    of_one: Vec<(&'static str, String)>,
}

impl Endpoints {
    /// The endpoint of a service of which requests are signed, where one is set for it or for all.
    #[must_use]
    pub fn of(&self, variable: &str) -> Option<&str> {
        self.of_one_alone(variable).or(self.all.as_deref())
    }

    /// The endpoint that is set for this service, and for no other.
    #[must_use]
    pub fn of_one_alone(&self, variable: &str) -> Option<&str> {
        self.of_one.iter().find(|(name, _)| *name == variable).map(|(_, url)| url.as_str())
    }
}

impl Aws {
    /// Reads them. `services` are those that may have an endpoint of their own, by the end of the variable that names it.
    ///
    /// # Errors
    /// There is no region, or an endpoint or the number of attempts does not parse.
    pub fn read(
        variables: &Variables<'_>,
        services: impl IntoIterator<Item = &'static str>,
    ) -> Result<Self, SettingError> {
        let Some(region) = variables.get("AWS_REGION").or_else(|| variables.get("AWS_DEFAULT_REGION")) else {
            return Err(SettingError { name: "AWS_REGION", what: "is missing".to_owned() });
        };
        let keys = variables.get("AWS_ACCESS_KEY_ID").zip(variables.get("AWS_SECRET_ACCESS_KEY"));
        Ok(Self {
            region,
            credentials: keys.map(|(access_key_id, secret_access_key)| Credentials {
                access_key_id: Secret::new(access_key_id),
                secret_access_key: Secret::new(secret_access_key),
                session_token: variables.get("AWS_SESSION_TOKEN").map(Secret::new),
            }),
            endpoints: read_endpoints(variables, services)?,
            use_fips: variables.is_true("AWS_USE_FIPS_ENDPOINT"),
            use_dual_stack: variables.is_true("AWS_USE_DUALSTACK_ENDPOINT"),
            max_attempts: variables.optional("AWS_MAX_ATTEMPTS", parse_one_or_more)?,
            roots: read_roots(variables),
        })
    }
}

fn read_roots(variables: &Variables<'_>) -> TrustedRoots {
    let file = variables.get("SSL_CERT_FILE").map(PathBuf::from);
    let directories = variables.get("SSL_CERT_DIR").unwrap_or_default();
    let directories: Vec<PathBuf> =
        std::env::split_paths(&directories).filter(|path| !path.as_os_str().is_empty()).collect();
    match (&file, directories.as_slice()) {
        (None, []) => TrustedRoots::CompiledIn,
        _ => TrustedRoots::Named { file, directories },
    }
}

fn read_endpoints(
    variables: &Variables<'_>,
    services: impl IntoIterator<Item = &'static str>,
) -> Result<Endpoints, SettingError> {
    if variables.is_true("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") {
        return Ok(Endpoints::default());
    }
    let mut of_one: Vec<(&'static str, String)> = Vec::new();
    for name in services {
        if of_one.iter().any(|(known, _)| *known == name) {
            continue;
        }
        let variable = format!("AWS_ENDPOINT_URL_{name}");
        let url = variables.get(&variable).map(|url| parse_endpoint(&url)).transpose();
        // The variable's own name is not known before the program runs.
        let url = url
            .map_err(|what| SettingError { name: "AWS_ENDPOINT_URL_…", what: format!("{name}: {what}") })?;
        of_one.extend(url.map(|url| (name, url)));
    }
    Ok(Endpoints { all: variables.optional("AWS_ENDPOINT_URL", parse_endpoint)?, of_one })
}

fn parse_endpoint(text: &str) -> Result<String, String> {
    QueueUrl::parse(text).map(|_| text.to_owned()).map_err(|_| format!("\"{text}\" is not a valid URL"))
}
