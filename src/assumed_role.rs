//! Keys for another account: `AssumeRole`, called when keys are wanted.
//!
//! The SDK's own provider of these keys comes with the whole search for credentials (profiles, files, metadata services), which
//! the relay never does.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials, future};
use aws_sdk_sts::config::IdentityCache;
use aws_sdk_sts::operation::assume_role::builders::AssumeRoleFluentBuilder;
use aws_types::SdkConfig;

use crate::answer;
use crate::log_line::{TEXT_MAX, fitted};

/// The session's name in the other account's audit log.
const SESSION_NAME: &str = "failure-relay";

/// Gets keys from STS each time it is asked: the client's identity cache keeps them while they are good.
#[derive(Debug)]
pub struct AssumedRole {
    arn: String,
    request: AssumeRoleFluentBuilder,
}

impl AssumedRole {
    /// The role of that ARN, assumed with the keys of `config`.
    #[must_use]
    pub fn new(arn: String, config: &SdkConfig) -> Self {
        let own_keys = config.clone().into_builder().identity_cache(IdentityCache::no_cache()).build();
        let client = aws_sdk_sts::Client::new(&own_keys);
        let request = client.assume_role().role_arn(&arn).role_session_name(SESSION_NAME);
        Self { arn, request }
    }

    async fn assume(&self) -> provider::Result {
        let answer = self.request.clone().send().await.map_err(|error| {
            let reason = answer::service_error(&error);
            let texts = [Some(&self.arn), reason.name.as_ref(), reason.message.as_ref()];
            let texts = fitted(texts.map(|text| text.map(|text| (text.as_str(), TEXT_MAX))));
            let [role_arn, service_error, service_message] = texts.each_ref().map(Option::as_deref);
            tracing::warn!(
                role_arn,
                service_error,
                service_message,
                "the role in the other account cannot be assumed"
            );
            CredentialsError::provider_error(error)
        })?;
        let keys = answer
            .credentials
            .ok_or_else(|| CredentialsError::unhandled("STS answered without credentials"))?;
        let expiry = SystemTime::try_from(keys.expiration)
            .map_err(|_| CredentialsError::unhandled("STS answered with an expiration that is no time"))?;
        Ok(Credentials::builder()
            .access_key_id(keys.access_key_id)
            .secret_access_key(keys.secret_access_key)
            .session_token(keys.session_token)
            .expiry(expiry)
            .provider_name("AssumeRole")
            .build())
    }
}

impl ProvideCredentials for AssumedRole {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.assume())
    }
}
