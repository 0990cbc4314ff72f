//! A request to one of the failure APIs, as data: which operation, in which wire form, with which members.
//!
//! What `relayctl explain` prints is rendered from the same value that the function sends.

use std::borrow::Cow;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::outcome::{Answer, ErrorTable};
use crate::secret::{Secret, fingerprint};
use crate::target::Kind;

/// A service that is told of failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// AWS `CodePipeline`
    CodePipeline,
    /// AWS Step Functions
    StepFunctions,
    /// Amazon SWF
    Swf,
}

/// One operation of a service, as its API reference describes it.
#[derive(Debug, PartialEq, Eq)]
pub struct Operation {
    /// Whose it is.
    pub service: Service,
    /// Its name, e.g. `SendTaskFailure`.
    pub name: &'static str,
    /// The permission that it needs, as IAM names it.
    pub action: &'static str,
    /// How a request goes over the wire.
    pub wire: Wire,
}

/// How a request goes over the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// AWS JSON, `POST /` with the operation in `X-Amz-Target`.
    /// <https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html>
    AwsJson {
        /// `1.0` or `1.1`
        version: &'static str,
        /// What stands before the operation's name in `X-Amz-Target`.
        target: &'static str,
    },
}

/// A request that reports one failure, ready to be sent.
#[derive(Clone, Debug)]
pub struct Request {
    /// Which kind of target it reports.
    pub kind: Kind,
    /// The operation.
    pub operation: &'static Operation,
    /// The request's members, in the order in which they are sent.
    pub body: Members,
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
    /// The members that need the key.
    pub without: &'static [&'static str],
}

/// Whether a rendered request shows its secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secrets {
    /// As they are: what AWS gets.
    Shown,
    /// As `sha256:` and their fingerprint: what a person gets.
    Fingerprinted,
}

/// A request as HTTP: what is signed and sent, without the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpForm {
    /// The method.
    pub method: &'static str,
    /// The path, percent-encoded.
    pub path: String,
    /// The headers that the protocol asks for, without those of the signature.
    pub headers: Vec<(&'static str, String)>,
    /// The body, exactly as it is sent.
    pub body: String,
}

impl Request {
    /// The error names that end an event of this request's kind.
    #[must_use]
    pub fn errors(&self) -> &'static ErrorTable {
        self.kind.errors()
    }

    /// The request as it goes over the wire, with secrets as fingerprints unless they are asked for.
    #[must_use]
    pub fn http(&self, secrets: Secrets) -> HttpForm {
        match self.operation.wire {
            Wire::AwsJson { version, target } => HttpForm {
                method: "POST",
                path: "/".to_owned(),
                headers: vec![
                    ("content-type", format!("application/x-amz-json-{version}")),
                    ("x-amz-target", format!("{target}.{}", self.operation.name)),
                ],
                body: self.body.to_json(secrets),
            },
        }
    }

    /// The same report without the texts that need the orchestrator's own key, when `answer` says that this key is what
    /// stands in the way; with the texts that are lost by it.
    ///
    /// The members that remain need no key, so there is no third try.
    #[must_use]
    pub fn fallback(&self, answer: &Answer) -> Option<(Request, String)> {
        let Answer::Failed(error) = answer else { return None };
        let fallback = self.kind.fallback()?;
        if !fallback.errors.contains(&error.name.as_deref()?) {
            return None;
        }
        let lost: Vec<&str> = fallback.without.iter().filter_map(|name| self.body.text(name)).collect();
        if lost.is_empty() {
            return None;
        }
        let is_kept = |(name, _): &&(&'static str, Value)| !fallback.without.contains(name);
        let body = Members(self.body.0.iter().filter(is_kept).cloned().collect());
        Some((Request { body, ..self.clone() }, lost.join(": ")))
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

    fn to_json(&self, secrets: Secrets) -> String {
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
        Answer::Failed(ServiceError { name: Some(name.into()), status: Some(400), message: None })
    }

    #[test]
    fn only_the_two_key_errors_ask_for_a_second_try_without_texts() {
        for name in ["KmsAccessDeniedException", "KmsInvalidStateException"] {
            let (bare, lost) = request().fallback(&failed(name)).unwrap();
            assert_eq!(bare.http(Secrets::Shown).body, r#"{"taskToken":"token"}"#);
            assert_eq!(lost, "E: c");
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
        assert!(!request().http(Secrets::Fingerprinted).body.contains("\"token\""));
        assert!(!format!("{:?}", request()).contains("\"token\""));
    }
}
