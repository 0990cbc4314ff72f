//! REST-JSON: method and path name the operation; members are in the path and in the body.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value, json};

use super::Asked;
use crate::answer::{Answer, Output, ServiceError};
use crate::operation::{Operation, Service};
use crate::request::{Head, json_input, percent_decoded};
use crate::shape::Shape;

/// Where an operation is, and what its body is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Route {
    pub(crate) method: &'static str,
    /// A path in which `{Member}` stands for one segment, percent-encoded.
    pub(crate) template: &'static str,
    /// The member that is the body; `None` makes the body an object of the other members.
    pub(crate) payload: Option<&'static str>,
}

impl Route {
    pub(crate) const fn post(template: &'static str) -> Self {
        Self { method: "POST", template, payload: None }
    }

    pub(crate) const fn put(template: &'static str) -> Self {
        Self { method: "PUT", template, payload: None }
    }

    pub(crate) const fn with_payload(self, member: &'static str) -> Self {
        Self { payload: Some(member), ..self }
    }

    /// Whether a member stands in the path.
    pub(crate) fn has_label(&self, member: &str) -> bool {
        self.template.split('/').any(|segment| label_of(segment) == Some(member))
    }

    /// The members in a path of this route; `None` is another route's path.
    fn labels(&self, method: &str, path: &str) -> Option<Map<String, Value>> {
        if method != self.method || path.split('/').count() != self.template.split('/').count() {
            return None;
        }
        let mut labels = Map::new();
        for (expected, found) in self.template.split('/').zip(path.split('/')) {
            match label_of(expected) {
                Some(label) => {
                    labels.insert(label.to_owned(), Value::String(percent_decoded(found)?));
                }
                None if expected == found => {}
                None => return None,
            }
        }
        Some(labels)
    }
}

fn label_of(segment: &str) -> Option<&str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}

/// Reads a request by its method and path.
pub(super) fn read(head: &Head, body: &[u8]) -> Result<Asked, Service> {
    let routed = |operation: Operation| {
        let route = operation.model().route?;
        Some((operation, route, route.labels(head.method.as_str(), &head.path)?))
    };
    let (operation, route, labels) = Operation::all().find_map(routed).ok_or(Service::Lambda)?;
    let input = payload(operation, route, body).map(|mut input| {
        input.extend(labels);
        Value::Object(input)
    });
    Ok(Asked::of(operation, input))
}

/// The body as members of the input; an empty one has none.
fn payload(operation: Operation, route: Route, body: &[u8]) -> Result<Map<String, Value>, ServiceError> {
    if body.is_empty() {
        return Ok(Map::new());
    }
    let value = match route.payload {
        Some(member) if is_blob(operation, member) => Value::String(BASE64.encode(body)),
        _ => json_input(body)?,
    };
    Ok(match (route.payload, value) {
        (Some(member), value) => Map::from_iter([(member.to_owned(), value)]),
        (None, Value::Object(members)) => members,
        (None, _) => Map::new(),
    })
}

fn is_blob(operation: Operation, member: &str) -> bool {
    let Shape::Structure(members) = operation.model().input else {
        return false;
    };
    members.iter().any(|found| found.name == member && matches!(found.shape, Shape::Blob(_)))
}

pub(super) fn success(request_id: &str, output: Output) -> Answer {
    let body = match output {
        Output::Json(value) => value.to_string(),
        Output::Nothing | Output::Xml(_) | Output::Unheeded(_) => String::new(),
    };
    Answer::new("application/json", body).with_header("x-amzn-requestid", request_id)
}

/// The error's name is in a header, and its words in the body. Lambda also says who is to blame.
pub(super) fn error(service: Service, request_id: &str, error: &ServiceError) -> Answer {
    let body = if service == Service::Lambda {
        let blamed = if error.status < 500 { "User" } else { "Service" };
        json!({"Type": blamed, "Message": error.message})
    } else {
        json!({"message": error.message})
    };
    Answer::new("application/json", body.to_string())
        .with_header("x-amzn-requestid", request_id)
        .with_header("x-amzn-errortype", error.code.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUTE: Route = Route::post("/callbacks/{CallbackId}/fail");

    #[test]
    fn a_label_is_one_segment_percent_decoded() {
        let labels = ROUTE.labels("POST", "/callbacks/a%2Fb%2B%3D/fail").expect("it is this route");
        assert_eq!(labels["CallbackId"], "a/b+=");
        let plus = ROUTE.labels("POST", "/callbacks/a+b/fail").expect("it is this route");
        assert_eq!(plus["CallbackId"], "a+b");
    }

    #[test]
    fn another_method_path_or_a_cut_escape_is_no_such_route() {
        for (method, path) in [
            ("PUT", "/callbacks/a/fail"),
            ("POST", "/callbacks/a/b/fail"),
            ("POST", "/callbacks/a/heartbeat"),
            ("POST", "/callbacks/a%2/fail"),
            ("POST", "/callbacks/a/fail/"),
        ] {
            assert!(ROUTE.labels(method, path).is_none(), "{method} {path}");
        }
    }
}
