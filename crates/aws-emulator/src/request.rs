//! One request as it came in: who calls what, with which body.

use hyper::HeaderMap;
use hyper::body::Bytes;
use serde_json::{Map, Value};

use super::answer::ServiceError;
use super::operation::{Operation, Service};
use super::shape::Shape;

/// Who calls, as the `Authorization` header's credential scope says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Scope {
    pub(crate) access_key_id: String,
    pub(crate) region: String,
    pub(crate) service: String,
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
    pub(crate) scope: Option<Scope>,
    pub(crate) session_token: Option<String>,
    /// The body exactly as it arrived.
    pub(crate) body: Bytes,
    /// The body as JSON; a query protocol's parameters become an object of strings.
    pub(crate) input: Result<Value, ServiceError>,
}

impl Request {
    /// Reads headers and body; `None` is an operation that the endpoint does not know.
    pub(crate) fn read(headers: &HeaderMap, body: Bytes) -> Option<Self> {
        let (operation, input) = if let Some(target) = header(headers, "x-amz-target") {
            (Operation::from_target(target)?, json_input(&body))
        } else {
            let parameters = form_parameters(&body)?;
            let action = parameters.get("Action").and_then(Value::as_str)?;
            let operation = Operation::from_action(action)?;
            let input = with_integers(parameters, &operation.model().input);
            (operation, input)
        };
        Some(Self {
            operation,
            scope: header(headers, "authorization").and_then(parse_scope),
            session_token: header(headers, "x-amz-security-token").map(str::to_owned),
            body,
            input,
        })
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

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Takes `AWS4-HMAC-SHA256 Credential=<key>/<date>/<region>/<service>/aws4_request, …` apart.
fn parse_scope(authorization: &str) -> Option<Scope> {
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
    (terminator == "aws4_request").then_some(Scope { access_key_id, region, service })
}

fn json_input(body: &[u8]) -> Result<Value, ServiceError> {
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
fn form_parameters(body: &[u8]) -> Option<Map<String, Value>> {
    let text = std::str::from_utf8(body).ok()?;
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((form_text(name)?, Value::String(form_text(value)?)))
        })
        .collect()
}

/// Decodes `+` and `%XX`; `None` when the result is not UTF-8 or an escape is cut.
fn form_text(encoded: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(encoded.len());
    let mut bytes = encoded.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
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
fn with_integers(mut input: Map<String, Value>, shape: &Shape) -> Result<Value, ServiceError> {
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

/// The service whose protocol an unknown operation is answered in.
pub(crate) fn spoken_by(headers: &HeaderMap) -> Service {
    match header(headers, "x-amz-target") {
        Some(target) if target.starts_with("AmazonSQS.") => Service::Sqs,
        Some(_) => Service::StepFunctions,
        None => Service::Sts,
    }
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
