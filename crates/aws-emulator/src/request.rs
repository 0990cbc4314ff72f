//! One request as it came in: who calls what, with which body.

use std::sync::Arc;

use http::request::Parts;
use hyper::body::Bytes;
use hyper::{HeaderMap, Method};
use serde_json::{Map, Value};

use super::answer::ServiceError;
use super::operation::{Operation, Service};
use super::protocols::{self, Presigned};
use super::shape::Shape;

/// Method, path and headers of a request, as they arrived.
#[derive(Clone)]
pub(crate) struct Head {
    pub(crate) method: Method,
    /// Percent-encoded.
    pub(crate) path: String,
    pub(crate) query: Option<String>,
    pub(crate) headers: HeaderMap,
}

impl Head {
    pub(crate) fn of(parts: Parts) -> Self {
        Self {
            method: parts.method,
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().map(str::to_owned),
            headers: parts.headers,
        }
    }

    /// A header's value, where it is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// What the `Authorization` header's credential scope says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CredentialScope {
    /// The caller's access key id.
    pub access_key_id: String,
    /// The region that the request is signed for.
    pub region: String,
    /// The service that the request is signed for, by its signing name.
    pub service: String,
}

/// The account and region that a call acts in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) access_key_id: String,
    pub(crate) account: String,
    pub(crate) region: String,
}

/// A request whose operation is known.
pub(crate) struct Request {
    pub(crate) operation: Operation,
    pub(crate) head: Arc<Head>,
    pub(crate) scope: Option<CredentialScope>,
    pub(crate) presigned: Option<Presigned>,
    /// The body exactly as it arrived.
    pub(crate) body: Bytes,
    /// The members as JSON, wherever the protocol has them; those of a form are strings.
    pub(crate) input: Result<Value, ServiceError>,
}

impl Request {
    /// Reads head and body.
    ///
    /// # Errors
    ///
    /// The endpoint does not know the operation; the service is one in whose protocol that is to
    /// be said.
    pub(crate) fn read(head: Head, body: Bytes) -> Result<Self, Service> {
        let asked = protocols::read(&head, &body)?;
        Ok(Self {
            operation: asked.operation,
            scope: head.header("authorization").and_then(parse_scope),
            presigned: asked.presigned,
            input: asked.input,
            head: Arc::new(head),
            body,
        })
    }

    /// What the call is about, if it can be read: the same in every attempt at the same thing.
    pub(crate) fn identity(&self) -> Option<&str> {
        self.operation.model().identity().iter().find_map(|member| self.text(member))
    }

    /// A string member of the body, if it can be read.
    pub(crate) fn text(&self, member: &str) -> Option<&str> {
        self.input.as_ref().ok()?.get(member)?.as_str()
    }

    /// The name of the queue that the body's `QueueUrl` or `QueueName` names.
    pub(crate) fn queue(&self) -> Option<&str> {
        let url = self.text("QueueUrl").or_else(|| self.text("QueueName"))?;
        url.rsplit('/').next()
    }
}

/// Takes `AWS4-HMAC-SHA256 Credential=<key>/<date>/<region>/<service>/aws4_request, …` apart.
fn parse_scope(authorization: &str) -> Option<CredentialScope> {
    let credential = authorization
        .strip_prefix("AWS4-HMAC-SHA256")?
        .split([',', ' '])
        .find_map(|part| part.strip_prefix("Credential="))?;
    let mut parts = credential.rsplitn(5, '/');
    let terminator = parts.next()?;
    let service = parts.next()?.to_owned();
    let region = parts.next()?.to_owned();
    let _date = parts.next()?;
    let access_key_id = parts.next()?.to_owned();
    (terminator == "aws4_request").then_some(CredentialScope { access_key_id, region, service })
}

pub(crate) fn json_input(body: &[u8]) -> Result<Value, ServiceError> {
    match serde_json::from_slice(body) {
        Ok(input @ Value::Object(_)) => Ok(input),
        Ok(_) => Err(serialization_error("the body is not a JSON object")),
        // serde_json's message may quote the body, so it is not passed on.
        Err(_) => Err(serialization_error("the body is not JSON")),
    }
}

pub(crate) fn serialization_error(message: impl Into<String>) -> ServiceError {
    ServiceError::new("SerializationException", message)
}

/// `application/x-www-form-urlencoded` parameters as an object of strings.
pub(crate) fn form_parameters(body: &[u8]) -> Option<Map<String, Value>> {
    let text = std::str::from_utf8(body).ok()?;
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((form_text(name)?, Value::String(form_text(value)?)))
        })
        .collect()
}

/// Decodes `+` and `%XX` of a form.
fn form_text(encoded: &str) -> Option<String> {
    percent_decoded(&encoded.replace('+', " "))
}

/// Decodes `%XX`; `None` when the result is not UTF-8 or an escape is cut.
pub(crate) fn percent_decoded(encoded: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(encoded.len());
    let mut bytes = encoded.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(decoded).ok()
}

/// The query protocol has strings only: integers of the shape are read here.
pub(crate) fn with_integers(mut input: Map<String, Value>, shape: &Shape) -> Result<Value, ServiceError> {
    let Shape::Structure(members) = shape else {
        return Ok(Value::Object(input));
    };
    for member in *members {
        if let (Shape::Integer(_), Some(value)) = (&member.shape, input.get_mut(member.name)) {
            let number = value.as_str().and_then(|text| text.parse::<i64>().ok());
            let number = number.ok_or_else(|| {
                ServiceError::new("MalformedInput", format!("{} is no integer", member.name))
            })?;
            *value = number.into();
        }
    }
    Ok(Value::Object(input))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_credential_scope_says_who_calls_from_where() {
        let header = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20250101/eu-west-1/states/aws4_request, SignedHeaders=host, Signature=00";
        let scope = parse_scope(header).expect("it is well formed");
        assert_eq!(scope.access_key_id, "AKIDEXAMPLE");
        assert_eq!((scope.region.as_str(), scope.service.as_str()), ("eu-west-1", "states"));
        assert_eq!(parse_scope("Basic dXNlcg=="), None);
    }

    #[test]
    fn form_parameters_are_decoded() {
        let found = form_parameters(b"Action=AssumeRole&RoleArn=arn%3Aaws%3Aiam&Name=a+b")
            .expect("it is well formed");
        assert_eq!(found["RoleArn"], "arn:aws:iam");
        assert_eq!(found["Name"], "a b");
        assert_eq!(form_parameters(b"a=%2"), None);
    }
}
