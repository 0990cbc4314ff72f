//! Presigned `PUT`s to the buckets of `CloudFormation`, as S3 takes and refuses them.

use std::collections::BTreeMap;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};
use sha2::{Digest, Sha256};

use super::Asked;
use crate::answer::{Answer, Output, ServiceError, escape_xml};
use crate::clock::{basic_iso8601, parse_basic_iso8601};
use crate::cloud_formation;
use crate::limits::is_account;
use crate::operation::Operation;
use crate::request::{Head, percent_decoded};
use crate::sqs::hex;

/// A request to one of the buckets.
pub(crate) struct Presigned {
    operation: Operation,
    /// The region of the bucket.
    pub(crate) region: String,
    /// The account of the stack in the object's key.
    pub(crate) account: Option<String>,
    /// The access key in the URL.
    pub(crate) access_key_id: String,
    /// The bucket is that of another region than the host.
    is_elsewhere: bool,
    /// The URL without its query, byte for byte.
    url: String,
    /// The object's key, decoded.
    key: String,
    parameters: BTreeMap<String, String>,
}

/// Where the stack of a URL is.
pub(crate) struct Place {
    pub(crate) region: Option<String>,
    pub(crate) account: Option<String>,
}

impl Presigned {
    /// A `PUT` whose host is one of the buckets; everything else is no such request.
    pub(crate) fn read(head: &Head) -> Option<Self> {
        let host = head.header("host").filter(|_| head.method == hyper::Method::PUT)?;
        let bucket = Bucket::of(host)?;
        let key = percent_decoded(head.path.strip_prefix('/').unwrap_or(&head.path)).unwrap_or_default();
        let parameters = parameters(head.query.as_deref().unwrap_or_default());
        let credential = parameters.get("X-Amz-Credential").and_then(|scope| scope.split('/').next());
        let access_key_id = credential.or(parameters.get("AWSAccessKeyId").map(String::as_str));
        Some(Self {
            operation: bucket.operation,
            region: bucket.region.to_owned(),
            account: account_of(&key).map(str::to_owned),
            access_key_id: access_key_id.unwrap_or("NONE").to_owned(),
            is_elsewhere: bucket.is_elsewhere,
            url: format!("https://{host}{}", head.path),
            key,
            parameters,
        })
    }

    /// The operation that `CloudFormation` makes of the stored file.
    pub(super) fn asked(self, body: &[u8]) -> Asked {
        let input = cloud_formation::input_of(&self.url, &self.key, body);
        Asked { operation: self.operation, input: Ok(input), presigned: Some(self) }
    }

    /// Refuses what S3 refuses before it stores a file.
    pub(crate) fn authenticate(&self, head: &Head, now_ms: u64) -> Result<(), ServiceError> {
        if head.header("transfer-encoding").is_some() {
            let message = "A header you provided implies functionality that is not implemented";
            return Err(ServiceError::with_status(501, "NotImplemented", message));
        }
        if head.header("content-length").is_none() {
            let message = "You must provide the Content-Length HTTP header.";
            return Err(ServiceError::with_status(411, "MissingContentLength", message));
        }
        if head.header("authorization").is_some() {
            let message = "Only one auth mechanism allowed";
            return Err(ServiceError::new("InvalidArgument", message));
        }
        if self.is_elsewhere {
            let message = "The specified bucket does not exist";
            return Err(ServiceError::with_status(404, "NoSuchBucket", message));
        }
        let (from_ms, to_ms) = self.lifetime_ms()?;
        if now_ms + CLOCK_SKEW_MS < from_ms {
            return Err(access_denied("Request is not yet valid"));
        }
        if now_ms >= to_ms {
            return Err(access_denied("Request has expired"));
        }
        self.check_signature(head)
    }

    /// From when to when the URL is valid, by its own query.
    fn lifetime_ms(&self) -> Result<(u64, u64), ServiceError> {
        let text = |name: &str| self.parameters.get(name).map(String::as_str);
        if text("X-Amz-Algorithm").is_some() {
            let seconds = text("X-Amz-Expires").and_then(|seconds| seconds.parse::<u64>().ok());
            let seconds = seconds.filter(|seconds| *seconds <= EXPIRES_SECONDS_MAX);
            let signed_ms = text("X-Amz-Date").and_then(parse_basic_iso8601);
            let complete = ["X-Amz-Credential", "X-Amz-SignedHeaders", "X-Amz-Signature"]
                .iter()
                .all(|name| text(name).is_some());
            let (Some(seconds), Some(signed_ms), true) = (seconds, signed_ms, complete) else {
                let message = "Query-string authentication version 4 requires the X-Amz-Algorithm, \
                               X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and \
                               X-Amz-Expires parameters.";
                return Err(ServiceError::new("AuthorizationQueryParametersError", message));
            };
            return Ok((signed_ms, signed_ms + seconds * 1000));
        }
        let expires = text("Expires").and_then(|seconds| seconds.parse::<u64>().ok());
        match (text("AWSAccessKeyId"), text("Signature"), expires) {
            (Some(_), Some(_), Some(expires)) => Ok((0, expires.saturating_mul(1000))),
            _ => Err(access_denied("Access Denied")),
        }
    }

    /// Checks what can be checked without the service's key: the URLs that [`sign`] made, which
    /// must arrive byte for byte, and that the older signature has an empty content type in it.
    fn check_signature(&self, head: &Head) -> Result<(), ServiceError> {
        let query = head.query.as_deref().unwrap_or_default();
        let own = self.access_key_id == OWN_ACCESS_KEY_ID;
        let fits = match query.split_once(SIGNATURE_PARAMETER) {
            Some((before, found)) if own => found == signature(&self.url, before),
            None if own => false,
            _ => true,
        };
        let has_content_type = head.header("content-type").is_some_and(|kind| !kind.is_empty());
        let signs_content_type = self.parameters.contains_key("AWSAccessKeyId");
        if fits && !(has_content_type && signs_content_type) {
            return Ok(());
        }
        let message = "The request signature we calculated does not match the signature you provided. \
                       Check your key and signing method.";
        Err(ServiceError::with_status(403, "SignatureDoesNotMatch", message))
    }
}

const CLOCK_SKEW_MS: u64 = 15 * 60 * 1000;
/// A century. S3 takes a week at most, but then no URL in a file of examples would be valid for long.
const EXPIRES_SECONDS_MAX: u64 = 100 * 365 * 24 * 60 * 60;
/// Life of a URL that `CloudFormation` makes.
const LIFE_SECONDS: u64 = 7200;
const OWN_ACCESS_KEY_ID: &str = "ASIACLOUDFORMATION00";
const SIGNATURE_PARAMETER: &str = "&X-Amz-Signature=";

fn access_denied(message: &str) -> ServiceError {
    ServiceError::with_status(403, "AccessDenied", message)
}

/// A bucket of `CloudFormation`, as a host names it.
struct Bucket<'a> {
    operation: Operation,
    region: &'a str,
    is_elsewhere: bool,
}

impl<'a> Bucket<'a> {
    fn of(host: &'a str) -> Option<Self> {
        let buckets = [
            ("cloudformation-custom-resource-response-", Operation::PutCustomResourceResponse),
            ("cloudformation-waitcondition-", Operation::PutWaitConditionSignal),
        ];
        let (operation, rest) = buckets
            .into_iter()
            .find_map(|(prefix, operation)| Some((operation, host.strip_prefix(prefix)?)))?;
        let (bucket_region, s3) = rest.split_once('.')?;
        let region = if s3 == "s3.amazonaws.com" {
            "us-east-1"
        } else {
            s3.strip_prefix("s3.").or_else(|| s3.strip_prefix("s3-"))?.split_once('.')?.0
        };
        let expected = match operation {
            Operation::PutCustomResourceResponse => region.replace('-', ""),
            _ => region.to_owned(),
        };
        Some(Self { operation, region, is_elsewhere: bucket_region != expected })
    }
}

/// The parameters of a query, decoded; one that cannot be decoded is not there.
fn parameters(query: &str) -> BTreeMap<String, String> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.filter_map(|(name, value)| Some((percent_decoded(name)?, percent_decoded(value)?))).collect()
}

/// The account of the stack's ARN, with which an object's key begins.
fn account_of(key: &str) -> Option<&str> {
    key.starts_with("arn:").then(|| key.split(':').nth(4)).flatten().filter(|account| is_account(account))
}

/// Where the stack of a URL is.
pub(crate) fn place_of(url: &str) -> Place {
    let rest = url.strip_prefix("https://").unwrap_or(url);
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let key = percent_decoded(path).unwrap_or_default();
    Place {
        region: Bucket::of(host).map(|bucket| bucket.region.to_owned()),
        account: account_of(&key).map(str::to_owned),
    }
}

/// A presigned URL for an object. It stands for a real signature with a checksum over every byte
/// of host, path and query, which [`Presigned::authenticate`] checks again.
pub(crate) fn sign(bucket: &str, region: &str, key: &str, now_ms: u64) -> String {
    let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    let url = format!("https://{bucket}.s3.{region}.{suffix}/{}", percent_encoded(key));
    let date = basic_iso8601(now_ms);
    let day = date.split('T').next().unwrap_or_default();
    let query = format!(
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date={date}&X-Amz-SignedHeaders=host\
         &X-Amz-Expires={LIFE_SECONDS}\
         &X-Amz-Credential={OWN_ACCESS_KEY_ID}%2F{day}%2F{region}%2Fs3%2Faws4_request"
    );
    let signature = signature(&url, &query);
    format!("{url}?{query}{SIGNATURE_PARAMETER}{signature}")
}

fn signature(url: &str, query: &str) -> String {
    hex(&Sha256::digest(format!("{url}?{query}")))
}

/// An object's key as it stands in a path: slashes stay.
fn percent_encoded(key: &str) -> PercentEncode<'_> {
    const ENCODED: &AsciiSet =
        &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');
    utf8_percent_encode(key, ENCODED)
}

pub(super) fn success(request_id: &str, output: Output) -> Answer {
    let answer = Answer::new("", String::new())
        .with_header("x-amz-request-id", request_id)
        .with_header("etag", "\"d41d8cd98f00b204e9800998ecf8427e\"");
    match output {
        Output::Unheeded(why) => Answer { unheeded: Some(why), ..answer },
        Output::Nothing | Output::Json(_) | Output::Xml(_) => answer,
    }
}

pub(super) fn error(request_id: &str, error: &ServiceError) -> Answer {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{}</Code><Message>{}</Message>\
         <RequestId>{request_id}</RequestId><HostId>{request_id}</HostId></Error>",
        escape_xml(&error.code),
        escape_xml(&error.message)
    );
    Answer::new("application/xml", body).with_header("x-amz-request-id", request_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STACK: &str = "arn:aws:cloudformation:eu-west-1:111111111111:stack/app/1";

    #[test]
    fn hosts_of_the_two_buckets_say_operation_and_region() {
        for (host, operation, region) in [
            (
                "cloudformation-custom-resource-response-useast1.s3.us-east-1.amazonaws.com",
                Operation::PutCustomResourceResponse,
                "us-east-1",
            ),
            (
                "cloudformation-custom-resource-response-useast1.s3.amazonaws.com",
                Operation::PutCustomResourceResponse,
                "us-east-1",
            ),
            (
                "cloudformation-waitcondition-cn-north-1.s3-cn-north-1.amazonaws.com.cn",
                Operation::PutWaitConditionSignal,
                "cn-north-1",
            ),
        ] {
            let bucket = Bucket::of(host).expect("it is one of them");
            assert_eq!((bucket.operation, bucket.region, bucket.is_elsewhere), (operation, region, false));
        }
        assert!(Bucket::of("example.s3.us-east-1.amazonaws.com").is_none());
        let strange = Bucket::of("cloudformation-waitcondition-eu-west-1.s3.us-east-1.amazonaws.com");
        assert!(strange.expect("it is one of them").is_elsewhere);
    }

    #[test]
    fn a_url_says_where_its_stack_is() {
        let url = sign("cloudformation-waitcondition-eu-west-1", "eu-west-1", &format!("{STACK}/Handle"), 0);
        let place = place_of(url.split('?').next().unwrap_or_default());
        assert_eq!(place.region.as_deref(), Some("eu-west-1"));
        assert_eq!(place.account.as_deref(), Some("111111111111"));
    }
}
