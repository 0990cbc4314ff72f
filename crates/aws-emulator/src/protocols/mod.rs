//! How services speak: where a request names its operation and its members, and how answers and
//! errors are written.

mod json;
mod presigned;
mod query;
mod rest;

use hyper::body::Bytes;
use serde_json::Value;

use super::answer::{Answer, Output, ServiceError};
use super::operation::{Operation, Service};
use super::request::Head;

pub(crate) use presigned::{Presigned, place_of, sign};
pub(crate) use rest::Route;

/// A service's protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// AWS JSON: the `X-Amz-Target` header names the operation, the body is its input.
    Json {
        version: &'static str,
        /// What stands before the dot in the header.
        target_prefix: &'static str,
        /// Errors carry the query protocol's code in a header.
        query_compatible: bool,
    },
    /// AWS query: the body is a form, its `Action` and `Version` name the operation; answers are XML.
    Query { version: &'static str, namespace: &'static str },
    /// REST-JSON: method and path name the operation.
    Rest,
    /// A presigned `PUT` to S3: the host names the bucket; errors are S3's XML.
    Presigned,
}

impl Protocol {
    pub(crate) const fn json(version: &'static str, target_prefix: &'static str) -> Self {
        Self::Json { version, target_prefix, query_compatible: false }
    }

    pub(crate) const fn query(version: &'static str, namespace: &'static str) -> Self {
        Self::Query { version, namespace }
    }

    /// The protocol's name in botocore's models.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Json { .. } => "json",
            Self::Query { .. } => "query",
            Self::Rest => "rest-json",
            Self::Presigned => "presigned",
        }
    }

    /// Errors about credentials have the names and the status of the query protocol's days.
    pub(crate) const fn is_query_like(self) -> bool {
        matches!(self, Self::Query { .. } | Self::Presigned | Self::Json { query_compatible: true, .. })
    }
}

/// What a request asks for, as far as its protocol has read it.
pub(crate) struct Asked {
    pub(crate) operation: Operation,
    pub(crate) input: Result<Value, ServiceError>,
    pub(crate) presigned: Option<Presigned>,
}

impl Asked {
    fn of(operation: Operation, input: Result<Value, ServiceError>) -> Self {
        Self { operation, input, presigned: None }
    }
}

/// Finds the operation that a request names, and its input.
///
/// # Errors
///
/// The operation is unknown; the service is one in whose protocol that is to be said.
pub(crate) fn read(head: &Head, body: &Bytes) -> Result<Asked, Service> {
    if let Some(presigned) = Presigned::read(head) {
        return Ok(presigned.asked(body));
    }
    if let Some(target) = head.header("x-amz-target") {
        return json::read(target, body);
    }
    if head.path != "/" {
        return rest::read(head, body);
    }
    query::read(body)
}

/// An answer of the operation's service without an error.
pub(crate) fn success(operation: Operation, request_id: &str, output: Output) -> Answer {
    let service = operation.service();
    match service.protocol() {
        Protocol::Json { version, .. } => json::success(version, request_id, output),
        Protocol::Query { namespace, .. } => query::success(namespace, operation.name(), request_id, output),
        Protocol::Rest => rest::success(request_id, output),
        Protocol::Presigned => presigned::success(request_id, output),
    }
}

/// An answer of a service that holds an error.
pub(crate) fn error(service: Service, request_id: &str, error: &ServiceError) -> Answer {
    let answer = match service.protocol() {
        Protocol::Json { version, query_compatible, .. } => {
            json::error(service, version, query_compatible, request_id, error)
        }
        Protocol::Query { namespace, .. } => query::error(namespace, request_id, error),
        Protocol::Rest => rest::error(service, request_id, error),
        Protocol::Presigned => presigned::error(request_id, error),
    };
    Answer { status: error.status, error_code: Some(error.code.clone()), ..answer }
}

/// Who is to blame for an error, as the query protocol says it.
fn blamed(error: &ServiceError) -> &'static str {
    if error.status < 500 { "Sender" } else { "Receiver" }
}
