//! Keys for another account: `AssumeRole`, called when keys are wanted.
//!
//! The SDK's own provider of these keys comes with the whole search for credentials (profiles, files, metadata services), which
//! the relay never does.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials, future};
use aws_sdk_sts::config::IdentityCache;
use aws_sdk_sts::operation::assume_role::builders::AssumeRoleFluentBuilder;
use aws_types::SdkConfig;

use crate::aws::answer;
use crate::log_line::{TEXT_MAX, fitted};

/// The session's name where no invocation is known, as in a person's tool.
const DEFAULT_SESSION_NAME: &str = "failure-relay";

/// The longest name of a session; the shortest has two characters.
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
const SESSION_NAME_MAX: usize = 64;

/// What a session is called in the other account's audit log: the function, and the request that it works on.
///
/// Keys are kept while they are good, so the request is the one for which the role was assumed.
#[derive(Clone, Debug, Default)]
pub struct SessionName(Arc<Mutex<Option<String>>>);

impl SessionName {
    /// Names the sessions from now on after this invocation.
    pub fn set(&self, function_arn: &str, request_id: &str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(session_name(function_arn, request_id));
    }

    fn get(&self) -> String {
        let name = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        name.unwrap_or_else(|| DEFAULT_SESSION_NAME.to_owned())
    }
}

/// `<function>-<request id>`, of which the function's name gives way where both do not fit.
fn session_name(function_arn: &str, request_id: &str) -> String {
    // arn:<partition>:lambda:<region>:<account>:function:<name>, with or without a version.
    let function = function_arn.split(':').nth(6).filter(|name| !name.is_empty());
    let request: String = request_id.chars().take(SESSION_NAME_MAX / 2 + 8).collect();
    let room = SESSION_NAME_MAX - 1 - request.chars().count();
    let function: String = function.unwrap_or(DEFAULT_SESSION_NAME).chars().take(room).collect();
    let is_taken = |c: &char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(*c);
    let name = [function, request].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-");
    name.chars().map(|character| if is_taken(&character) { character } else { '-' }).collect()
}

/// Gets keys from STS each time it is asked: the client's identity cache keeps them while they are good.
#[derive(Debug)]
pub struct AssumedRole {
    arn: String,
    request: AssumeRoleFluentBuilder,
    session_name: SessionName,
}

impl AssumedRole {
    /// The role of that ARN, assumed with the keys of `config`.
    #[must_use]
    pub fn new(arn: String, config: &SdkConfig, session_name: SessionName) -> Self {
        let own_keys = config.clone().into_builder().identity_cache(IdentityCache::no_cache()).build();
        let client = aws_sdk_sts::Client::new(&own_keys);
        let request = client.assume_role().role_arn(&arn);
        Self { arn, request, session_name }
    }

    async fn assume(&self) -> provider::Result {
        let request = self.request.clone().role_session_name(self.session_name.get());
        let answer = request.send().await.map_err(|error| {
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

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: &str = "8476a536-e9f4-11e8-9739-2dfe598c3fcd";

    #[test]
    fn a_session_tells_the_function_and_the_request() {
        let arn = |name: &str| format!("arn:aws:lambda:eu-west-1:111122223333:function:{name}");
        assert_eq!(session_name(&arn("relay:live"), REQUEST), format!("relay-{REQUEST}"));
        let long = session_name(&arn(&"f".repeat(64)), REQUEST);
        assert_eq!((long.len(), long.ends_with(REQUEST)), (64, true));
        assert_eq!(session_name("", ""), "failure-relay");
    }

    #[test]
    fn a_session_name_is_always_one_that_sts_takes() {
        let endless = "r".repeat(500);
        for (arn, request) in [("a:b:c:d:e:f:é /", "x y"), ("", &endless), ("::::::", "")] {
            let name = session_name(arn, request);
            assert!((2..=64).contains(&name.len()), "{name}");
            assert!(
                name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte)),
                "{name}"
            );
        }
    }

    #[test]
    fn a_session_is_named_after_the_latest_invocation() {
        let name = SessionName::default();
        assert_eq!(name.get(), "failure-relay");
        name.set("arn:aws:lambda:eu-west-1:111122223333:function:relay", "one");
        name.clone().set("arn:aws:lambda:eu-west-1:111122223333:function:relay", "two");
        assert_eq!(name.get(), "relay-two");
    }
}
