//! A request to one of the failure APIs, as data: which operation, in which wire form, with which members.
//!
//! What `relayctl explain` prints is rendered from the same value that the function sends.

use std::borrow::Cow;
use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::operation::{Operation, Wire};
use crate::outcome::{Answer, ErrorTable};
use crate::presigned::PresignedUrl;
use crate::secret::{Secret, fingerprint};
use crate::target::Kind;

/// A request that reports one failure, ready to be sent.
#[derive(Clone, Debug)]
pub struct Request {
    /// Which kind of target it reports.
    pub kind: Kind,
    /// The operation.
    pub operation: &'static Operation,
    /// Where the operation is reached.
    pub address: Address,
    /// The request's members, in the order in which they are sent.
    pub body: Members,
}

/// Where an operation is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// At the endpoint of its service, at a path that is always the same.
    Endpoint,
    /// At the endpoint of its service, with this secret in the path.
    InPath(Secret),
    /// At this URL.
    Presigned(PresignedUrl),
}

/// Named members, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Members(Vec<(&'static str, Value)>);

/// The value of a request's member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A text.
    Text(String),
    /// A bearer secret.
    Secret(Secret),
    /// Members of its own.
    Members(Members),
}

/// A second try for services that cannot store texts without a key: the same report without them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fallback {
    /// The error names that say that the key, and nothing else, stands in the way.
    pub errors: &'static [&'static str],
    /// The members that need the key: the failure's type, and its text.
    pub without: [&'static str; 2],
}

/// What an orchestrator is not told for want of its own key. It may hold secrets.
#[derive(Clone)]
pub struct LostTexts {
    /// The failure's type.
    pub failure_type: String,
    /// The failure's text.
    pub failure_message: String,
}

/// Whether a rendered request shows its secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secrets {
    /// As they are: what AWS gets.
    Shown,
    /// As `sha256:` and their fingerprint: what a person gets.
    Fingerprinted,
}

/// A request as HTTP: what is signed and sent. The host is the endpoint's, but for a presigned URL.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpForm {
    /// The method.
    pub method: &'static str,
    /// The host of a presigned URL.
    pub host: Option<String>,
    /// The path, percent-encoded, and the query.
    pub path: String,
    /// The headers that the protocol asks for, without those of the signature.
    pub headers: Vec<(&'static str, String)>,
    /// The body, exactly as it is sent.
    pub body: String,
}

impl fmt::Debug for HttpForm {
    /// Path and body may hold a token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpForm").field("method", &self.method).finish_non_exhaustive()
    }
}

impl HttpForm {
    /// A request to the operation's own path, with a body that is written already.
    #[must_use]
    pub fn of(operation: &Operation, body: String) -> Self {
        let content_type = |content_type: &str| ("content-type", content_type.to_owned());
        let (method, path, headers) = match operation.wire {
            Wire::AwsJson { version, target } => {
                let name = ("x-amz-target", format!("{target}.{}", operation.name));
                ("POST", "/", vec![content_type(&format!("application/x-amz-json-{version}")), name])
            }
            Wire::RestJson { method, path } => (method, path, vec![content_type("application/json")]),
            Wire::Query { .. } => ("POST", "/", vec![content_type("application/x-www-form-urlencoded")]),
            Wire::PresignedPut => ("PUT", "/", vec![content_type("")]),
        };
        Self { method, host: None, path: path.to_owned(), headers, body }
    }
}

impl Request {
    /// The error names that end an event of this request's kind.
    #[must_use]
    pub fn errors(&self) -> &'static ErrorTable {
        self.kind.errors()
    }

    /// When the permission in its URL ends, in seconds since 1970; `None` for a request that is signed.
    #[must_use]
    pub fn expires_at(&self) -> Option<i64> {
        match &self.address {
            Address::Presigned(url) => url.expires_at(),
            Address::Endpoint | Address::InPath(_) => None,
        }
    }

    /// The request as it goes over the wire, with secrets as fingerprints unless they are asked for.
    #[must_use]
    pub fn http(&self, secrets: Secrets) -> HttpForm {
        let body = match self.operation.wire {
            Wire::AwsJson { .. } | Wire::RestJson { .. } | Wire::PresignedPut => self.body.to_json(secrets),
            Wire::Query { version } => self.form(version, secrets),
        };
        HttpForm { host: self.host(), path: self.path(secrets), ..HttpForm::of(self.operation, body) }
    }

    /// All that identifies the request's task, by the names of the API's reference, wherever in the request it stands: the body,
    /// with the member of the path or the presigned URL up to its query.
    #[must_use]
    pub fn input(&self) -> Members {
        let mut members = self.body.clone();
        match (&self.address, self.operation.wire) {
            (Address::InPath(secret), Wire::RestJson { path, .. }) => {
                let name = path.split_once('{').and_then(|(_, rest)| rest.split_once('}'));
                members.0.extend(name.map(|(name, _)| (name, Value::Secret(secret.clone()))));
            }
            (Address::Presigned(url), _) => {
                members.0.push(("Url", Value::Text(url.without_query().to_owned())));
            }
            (Address::Endpoint | Address::InPath(_), _) => {}
        }
        members
    }

    fn host(&self) -> Option<String> {
        match &self.address {
            Address::Presigned(url) => Some(url.host().to_owned()),
            Address::Endpoint | Address::InPath(_) => None,
        }
    }

    fn path(&self, secrets: Secrets) -> String {
        let template = match self.operation.wire {
            Wire::RestJson { path, .. } => path,
            Wire::AwsJson { .. } | Wire::Query { .. } | Wire::PresignedPut => "/",
        };
        match &self.address {
            Address::Endpoint => template.to_owned(),
            Address::InPath(secret) => {
                let (before, after) = template.split_once('{').unwrap_or((template, ""));
                let after = after.split_once('}').map_or("", |(_, after)| after);
                format!("{before}{}{after}", percent_encoded(&secrets.render(secret)))
            }
            Address::Presigned(url) => match secrets {
                Secrets::Shown => url.path_and_query().to_owned(),
                Secrets::Fingerprinted => format!("/{}", secrets.render(url.secret())),
            },
        }
    }

    /// The form of the Query protocol: the operation and its version, then the members.
    fn form(&self, version: &str, secrets: Secrets) -> String {
        let mut form = format!("Action={}&Version={version}", self.operation.name);
        for (name, value) in &self.body.0 {
            let value = match value {
                Value::Text(text) => Cow::Borrowed(text.as_str()),
                Value::Secret(secret) => secrets.render(secret),
                // The protocol flattens structures; no operation here has one.
                Value::Members(members) => Cow::Owned(members.to_json(secrets)),
            };
            form.push_str(&format!("&{name}={}", percent_encoded(&value)));
        }
        form
    }

    /// The same report without the texts that need the orchestrator's own key, when `answer` says that this key is what
    /// stands in the way; with the texts that are lost by it.
    ///
    /// The members that remain need no key, so there is no third try.
    #[must_use]
    pub fn fallback(&self, answer: &Answer) -> Option<(Request, LostTexts)> {
        let Answer::Failed(error) = answer else { return None };
        let fallback = self.kind.fallback()?;
        if !fallback.errors.contains(&error.name.as_deref()?) {
            return None;
        }
        let [failure_type, failure_message] = fallback.without.map(|name| self.body.text(name));
        let lost = LostTexts {
            failure_type: failure_type?.to_owned(),
            failure_message: failure_message?.to_owned(),
        };
        let is_kept = |(name, _): &&(&'static str, Value)| !fallback.without.contains(name);
        let body = Members(self.body.0.iter().filter(is_kept).cloned().collect());
        Some((Request { body, ..self.clone() }, lost))
    }
}

impl Members {
    /// These members, in this order.
    #[must_use]
    pub fn new(members: Vec<(&'static str, Value)>) -> Self {
        Self(members)
    }

    /// The value of a member that is a text or a secret.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.value(name)? {
            Value::Text(text) => Some(text),
            Value::Secret(secret) => Some(secret.expose()),
            Value::Members(_) => None,
        }
    }

    /// The members of a member.
    #[must_use]
    pub fn members(&self, name: &str) -> Option<&Members> {
        match self.value(name)? {
            Value::Members(members) => Some(members),
            Value::Text(_) | Value::Secret(_) => None,
        }
    }

    fn value(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// The length of these members as JSON, in bytes.
    #[must_use]
    pub fn json_len(&self) -> usize {
        self.to_json(Secrets::Shown).len()
    }

    /// The members as a JSON object.
    #[must_use]
    pub fn to_json(&self, secrets: Secrets) -> String {
        // Members with fixed names and texts as values always serialize; an empty text would be refused by the service.
        serde_json::to_string(&Rendered { members: self, secrets }).unwrap_or_default()
    }
}

impl Secrets {
    /// The secret as this rendering shows it.
    #[must_use]
    pub fn render(self, secret: &Secret) -> Cow<'_, str> {
        match self {
            Secrets::Shown => Cow::Borrowed(secret.expose()),
            Secrets::Fingerprinted => Cow::Owned(format!("sha256:{}", fingerprint(secret.expose()))),
        }
    }
}

/// All but the unreserved characters of RFC 3986 as `%` and two hex digits, as AWS signs them.
pub(crate) fn percent_encoded(text: &str) -> PercentEncode<'_> {
    const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    utf8_percent_encode(text, RESERVED)
}

struct Rendered<'a> {
    members: &'a Members,
    secrets: Secrets,
}

impl Serialize for Rendered<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.members.0.len()))?;
        for (name, value) in &self.members.0 {
            match value {
                Value::Text(text) => map.serialize_entry(name, text)?,
                Value::Secret(secret) => map.serialize_entry(name, &self.secrets.render(secret))?,
                Value::Members(members) => {
                    map.serialize_entry(name, &Rendered { members, secrets: self.secrets })?;
                }
            }
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Failure;
    use crate::json::Json;
    use crate::outcome::ServiceError;
    use crate::target::Target;

    fn request() -> Request {
        let target = r#"{"kind":"step-functions-task","taskToken":"token"}"#;
        let target = Target::read(&Json::parse(target).unwrap().object().unwrap()).unwrap();
        let failure =
            Failure { given_type: Some("E".into()), given_message: Some("c".into()), ..Failure::default() };
        target.request(&failure, &mut Vec::new())
    }

    fn failed(name: &str) -> Answer {
        Answer::Failed(ServiceError { name: Some(name.into()), status: Some(400), ..ServiceError::default() })
    }

    #[test]
    fn only_the_two_key_errors_ask_for_a_second_try_without_texts() {
        for name in ["KmsAccessDeniedException", "KmsInvalidStateException"] {
            let (bare, lost) = request().fallback(&failed(name)).unwrap();
            assert_eq!(bare.http(Secrets::Shown).body, r#"{"taskToken":"token"}"#);
            assert_eq!((lost.failure_type.as_str(), lost.failure_message.as_str()), ("E", "c"));
            assert!(bare.fallback(&failed(name)).is_none(), "there is no third try");
        }
        for name in ["KmsThrottlingException", "AccessDeniedException"] {
            assert!(request().fallback(&failed(name)).is_none());
        }
        assert!(request().fallback(&Answer::Accepted).is_none());
    }

    #[test]
    fn a_request_is_what_goes_over_the_wire_and_shows_no_secret_unless_asked() {
        let shown = request().http(Secrets::Shown);
        assert_eq!((shown.method, shown.path.as_str()), ("POST", "/"));
        assert_eq!(shown.headers[0], ("content-type", "application/x-amz-json-1.0".to_owned()));
        assert_eq!(shown.headers[1], ("x-amz-target", "AWSStepFunctions.SendTaskFailure".to_owned()));
        assert_eq!(shown.body, r#"{"taskToken":"token","error":"E","cause":"c"}"#);
        assert_eq!(shown.host, None);
        assert!(!request().http(Secrets::Fingerprinted).body.contains("\"token\""));
        assert!(!format!("{:?}", request()).contains("\"token\""));
    }
}
