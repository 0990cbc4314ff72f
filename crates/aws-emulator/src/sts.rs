//! AWS STS: roles in other accounts, and whose account an access key belongs to.
//!
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>

use std::collections::BTreeMap;

use serde::Deserialize;

use super::answer::{Output, ServiceError, escape_xml};
use super::clock::rfc3339;
use super::ids::Ids;
use super::limits::is_account;
use super::operation::{Operation, Service, ServiceModel};
use super::protocols::Protocol;
use super::request::{Caller, CredentialScope, Request};
use super::signature;

pub(crate) const SERVICE: ServiceModel =
    ServiceModel::new("sts", Protocol::query("2011-06-15", "https://sts.amazonaws.com/doc/2011-06-15/"))
        .throttles_with("Throttling", 400)
        .validates_with("ValidationError");

/// Credentials that `AssumeRole` issued, by access key id.
#[derive(Default)]
pub(crate) struct Sessions {
    issued: BTreeMap<String, Session>,
    /// The secret key of all others; `None` checks no signature.
    secret_key: Option<String>,
}

struct Session {
    account: String,
    role: String,
    name: String,
    secret_key: String,
    token: String,
    expires_ms: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct AssumeRole {
    role_arn: String,
    role_session_name: String,
    duration_seconds: Option<u64>,
}

/// One hour, as STS has it where the request says nothing.
const DEFAULT_DURATION_SECONDS: u64 = 3600;

impl AssumeRole {
    pub(crate) fn perform(
        self,
        sessions: &mut Sessions,
        ids: &mut Ids,
        now_ms: u64,
    ) -> Result<Output, ServiceError> {
        let (account, role) = role_of(&self.role_arn)
            .ok_or_else(|| ServiceError::new("ValidationError", format!("{} is invalid", self.role_arn)))?;
        let seconds = self.duration_seconds.unwrap_or(DEFAULT_DURATION_SECONDS);
        let expires_ms = now_ms + seconds * 1000;
        let access_key_id = format!("ASIA{}", ids.base32(16));
        let secret = ids.base32(40);
        let token = ids.base32(120);
        let session_name = escape_xml(&self.role_session_name);
        let result = format!(
            "<AssumedRoleUser><AssumedRoleId>AROA{}:{session_name}</AssumedRoleId>\
             <Arn>arn:aws:sts::{account}:assumed-role/{role}/{session_name}</Arn>\
             </AssumedRoleUser><Credentials><AccessKeyId>{access_key_id}</AccessKeyId>\
             <SecretAccessKey>{secret}</SecretAccessKey><SessionToken>{token}</SessionToken>\
             <Expiration>{}</Expiration></Credentials>",
            ids.base32(16),
            rfc3339(expires_ms),
        );
        let session = Session {
            account: account.to_owned(),
            role: role.to_owned(),
            name: self.role_session_name,
            secret_key: secret,
            token,
            expires_ms,
        };
        sessions.issued.insert(access_key_id, session);
        Ok(Output::Xml(result))
    }
}

/// Account and name of `arn:aws:iam::<account>:role/<path…><name>`.
fn role_of(arn: &str) -> Option<(&str, &str)> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", _partition, "iam", "", account, resource] = parts[..] else {
        return None;
    };
    let name = resource.strip_prefix("role/")?.rsplit('/').next()?;
    (is_account(account) && !name.is_empty()).then_some((account, name))
}

impl Sessions {
    /// No sessions yet; signatures are checked when the secret key of long-lived keys is given.
    pub(crate) fn checking(secret_key: Option<String>) -> Self {
        Self { secret_key, ..Self::default() }
    }

    /// The account that a caller acts in: that of its role, or `own` for every other key.
    pub(crate) fn account<'a>(&'a self, access_key_id: &str, own: &'a str) -> &'a str {
        self.issued.get(access_key_id).map_or(own, |session| &session.account)
    }

    /// Refuses calls without credentials, for another service, or with a role's key that is
    /// expired or lacks its session token, or with a signature that does not fit.
    pub(crate) fn authenticate(&self, request: &Request, now_ms: u64) -> Result<(), ServiceError> {
        let Some(scope) = &request.scope else {
            let message = "Missing Authentication Token";
            let code = "MissingAuthenticationTokenException";
            return Err(ServiceError::with_status(403, code, message));
        };
        check_service(scope, request.operation.service().signing_name())?;
        let service = request.operation.service();
        let session = self.issued.get(&scope.access_key_id);
        if let Some(own) = &self.secret_key {
            let secret_key = session.map_or(own, |session| &session.secret_key);
            if !signature::is_right(&request.head, &request.body, secret_key) {
                let error =
                    of_protocol(service, "SignatureDoesNotMatch", "InvalidSignatureException", MISMATCH);
                return Err(ServiceError { status: 403, ..error });
            }
        }
        let Some(session) = session else {
            return Ok(());
        };
        if request.head.header("x-amz-security-token") != Some(session.token.as_str()) {
            return Err(invalid_token(service));
        }
        if now_ms >= session.expires_ms {
            return Err(expired_token(service));
        }
        Ok(())
    }

    pub(crate) fn caller_identity(&self, caller: &Caller) -> Output {
        let account = &caller.account;
        let (arn, user) = match self.issued.get(&caller.access_key_id) {
            Some(Session { role, name, .. }) => {
                (format!("arn:aws:sts::{account}:assumed-role/{role}/{name}"), format!("AROALOCAL:{name}"))
            }
            None => (format!("arn:aws:iam::{account}:user/local"), "AIDALOCAL".to_owned()),
        };
        Output::Xml(format!(
            "<Arn>{}</Arn><UserId>{}</UserId><Account>{account}</Account>",
            escape_xml(&arn),
            escape_xml(&user)
        ))
    }
}

const MISMATCH: &str = "The request signature we calculated does not match the signature you provided.";

fn check_service(scope: &CredentialScope, expected: &str) -> Result<(), ServiceError> {
    if scope.service == expected {
        return Ok(());
    }
    let message = format!("Credential should be scoped to correct service: '{expected}'.");
    Err(ServiceError::with_status(403, "InvalidSignatureException", message))
}

fn invalid_token(service: Service) -> ServiceError {
    let message = "The security token included in the request is invalid.";
    of_protocol(service, "InvalidClientTokenId", "UnrecognizedClientException", message)
}

/// The error for credentials whose time is up.
pub(crate) fn expired_token(service: Service) -> ServiceError {
    let message = "The security token included in the request is expired";
    of_protocol(service, "ExpiredToken", "ExpiredTokenException", message)
}

/// The error for a caller without the permission that an operation needs.
pub(crate) fn access_denied(operation: Operation, caller: &Caller) -> ServiceError {
    let service = operation.service();
    let message = format!(
        "User: arn:aws:iam::{}:user/local is not authorized to perform: {}:{} because no \
         identity-based policy allows the action",
        caller.account,
        service.signing_name(),
        operation.name()
    );
    of_protocol(service, "AccessDenied", "AccessDeniedException", &message)
}

/// An error about the caller: SQS and the query protocol have older names, and these and
/// REST-JSON the status 403.
fn of_protocol(service: Service, query: &str, json: &str, message: &str) -> ServiceError {
    match service.protocol() {
        protocol if protocol.is_query_like() => ServiceError::with_status(403, query, message),
        Protocol::Rest => ServiceError::with_status(403, json, message),
        _ => ServiceError::new(json, message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_account_of_a_role_is_in_its_arn() {
        assert_eq!(role_of("arn:aws:iam::222222222222:role/path/relay"), Some(("222222222222", "relay")));
        assert_eq!(role_of("arn:aws:iam::22:role/relay"), None);
        assert_eq!(role_of("arn:aws:iam::222222222222:user/relay"), None);
    }

    #[test]
    fn a_role_s_key_acts_in_the_role_s_account() {
        let mut sessions = Sessions::default();
        let request = AssumeRole {
            role_arn: "arn:aws:iam::222222222222:role/relay".to_owned(),
            role_session_name: "session".to_owned(),
            duration_seconds: None,
        };
        request.perform(&mut sessions, &mut Ids::seeded(1), 0).expect("the role is well formed");
        let key = sessions.issued.keys().next().expect("a key was issued").clone();
        assert_eq!(sessions.account(&key, "111111111111"), "222222222222");
        assert_eq!(sessions.account("AKID", "111111111111"), "111111111111");
    }
}
