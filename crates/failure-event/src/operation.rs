//! The operations that report failures, as their services' references describe them.

use crate::partition::Partition;

/// A service that is told of failures.
#[derive(Debug, PartialEq, Eq)]
pub struct Service {
    /// What people call it.
    pub name: &'static str,
    /// What stands before the region in its host name.
    pub endpoint_prefix: &'static str,
    /// Where something else stands there than the prefix, or than `<endpoint_prefix>-fips` for FIPS endpoints.
    pub exceptions: &'static [EndpointException],
    /// What requests to it are signed for.
    pub signing_name: &'static str,
    /// The end of the variable `AWS_ENDPOINT_URL_<…>` that names another endpoint.
    /// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html>
    pub endpoint_variable: &'static str,
}

/// Which of a service's endpoints are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EndpointVariant {
    /// `AWS_USE_FIPS_ENDPOINT`
    pub fips: bool,
    /// `AWS_USE_DUALSTACK_ENDPOINT`
    pub dual_stack: bool,
}

/// A place whose endpoints begin otherwise than the rule has it.
#[derive(Debug, PartialEq, Eq)]
pub struct EndpointException {
    /// The id of a partition, or a region.
    place: &'static str,
    /// The endpoints that are meant, and no others.
    variant: EndpointVariant,
    /// What stands before the region.
    prefix: &'static str,
}

impl EndpointException {
    /// Of the FIPS endpoints.
    #[must_use]
    pub const fn fips(place: &'static str, prefix: &'static str) -> Self {
        Self { place, variant: EndpointVariant { fips: true, dual_stack: false }, prefix }
    }

    /// Of the dual-stack endpoints.
    #[must_use]
    pub const fn dual_stack(place: &'static str, prefix: &'static str) -> Self {
        Self { place, variant: EndpointVariant { fips: false, dual_stack: true }, prefix }
    }
}

impl Service {
    /// The service's own endpoint in a region, as the rules of the SDKs have it. `None` where the region is no label of a host name:
    /// such a text would choose the host that is sent a signed request.
    #[must_use]
    pub fn endpoint(&self, region: &str, variant: EndpointVariant) -> Option<String> {
        if !is_host_label(region) {
            return None;
        }
        let partition = Partition::of(region);
        let suffix = if variant.dual_stack { partition.dual_stack_dns_suffix } else { partition.dns_suffix };
        let is_meant = |exception: &&EndpointException| {
            exception.variant == variant && [partition.id, region].contains(&exception.place)
        };
        let prefix = match self.exceptions.iter().find(is_meant) {
            Some(exception) => exception.prefix.to_owned(),
            None if variant.fips => format!("{}-fips", self.endpoint_prefix),
            None => self.endpoint_prefix.to_owned(),
        };
        Some(format!("https://{prefix}.{region}.{suffix}"))
    }
}

/// <https://www.rfc-editor.org/rfc/rfc1123#section-2.1>
fn is_host_label(text: &str) -> bool {
    let is_shaped = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    is_shaped && (1..=63).contains(&text.len()) && !text.starts_with('-') && !text.ends_with('-')
}

/// One operation of a service.
#[derive(Debug, PartialEq, Eq)]
pub struct Operation {
    /// Whose it is.
    pub service: &'static Service,
    /// Its name, e.g. `SendTaskFailure`.
    pub name: &'static str,
    /// The permission that it needs, as IAM names it; `None` where whoever has the URL may call it.
    pub action: Option<&'static str>,
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
    /// REST-JSON: the operation is a method and a path.
    /// <https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html>
    RestJson {
        /// The method.
        method: &'static str,
        /// The path, in which a name in braces stands for the one member that is part of it.
        path: &'static str,
    },
    /// AWS Query: `POST /` with a form, answered in XML.
    /// <https://smithy.io/2.0/aws/protocols/aws-query-protocol.html>
    Query {
        /// The version of the API.
        version: &'static str,
    },
    /// A `PUT` of a JSON body to a presigned URL: neither signed nor redirected.
    /// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/PresignedUrlUploadObject.html>
    PresignedPut,
}

impl Operation {
    /// The operation as logs and reasons name it: its permission, else the service and its own name.
    #[must_use]
    pub fn label(&self) -> String {
        match self.action {
            Some(action) => action.to_owned(),
            None => format!("{} {}", self.service.name, self.name),
        }
    }
}
