//! Presigned URLs of CloudFormation: bearer secrets, and a hole where they are taken carelessly.
//!
//! An event chooses the URL, and the function calls it from inside an account. So the host must be one of S3's for
//! CloudFormation's own buckets, compared byte for byte, and nothing but the URL as it was given is ever requested.
//!
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cfn-customresource-and-vpc.html>

use std::fmt;

use time::{Date, Month, PrimitiveDateTime, Time};

use crate::partition::Partition;
use crate::place::is_region;
use crate::secret::Secret;

/// Which of CloudFormation's buckets a URL must name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bucket {
    /// `cloudformation-custom-resource-response-<region without dashes>`
    CustomResourceResponse,
    /// `cloudformation-waitcondition-<region>`
    WaitCondition,
}

/// A presigned URL of one of these buckets. `Debug` shows its host alone.
#[derive(Clone, PartialEq, Eq)]
pub struct PresignedUrl {
    url: Secret,
    /// Where the path begins.
    path_at: usize,
    region: String,
}

/// Why a text is not such a URL, as the rest of a sentence. It never quotes the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotPresigned {
    /// It does not begin with `https://`.
    Scheme,
    /// Its host is not one of the bucket's.
    Host,
    /// It has no path, or characters that no URL holds.
    Path,
}

impl fmt::Display for NotPresigned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NotPresigned::Scheme => "expected a URL that begins with https://",
            NotPresigned::Host => "the host is not one of CloudFormation's buckets in S3",
            NotPresigned::Path => "the path or query is missing or holds characters that no URL holds",
        })
    }
}

const SCHEME: &str = "https://";

impl PresignedUrl {
    /// Takes a URL whose host is one of S3's for the bucket, byte for byte.
    ///
    /// # Errors
    /// [`NotPresigned`]
    pub fn parse(text: &str, bucket: Bucket) -> Result<Self, NotPresigned> {
        let rest = text.strip_prefix(SCHEME).ok_or(NotPresigned::Scheme)?;
        let host_len = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (host, path) = rest.split_at(host_len);
        let region = bucket.region_of(host).ok_or(NotPresigned::Host)?.to_owned();
        if !path.starts_with('/') || !path.bytes().all(is_of_a_url) {
            return Err(NotPresigned::Path);
        }
        Ok(Self { url: Secret::new(text), path_at: SCHEME.len() + host_len, region })
    }

    /// The whole URL.
    #[must_use]
    pub fn secret(&self) -> &Secret {
        &self.url
    }

    /// The host. It is not a secret.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.url.expose()[SCHEME.len()..self.path_at]
    }

    /// The region of the bucket.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Path and query, byte for byte as they were given: they are signed.
    #[must_use]
    pub fn path_and_query(&self) -> &str {
        &self.url.expose()[self.path_at..]
    }

    /// The URL up to its query: which object, but not the permission to write it.
    #[must_use]
    pub fn without_query(&self) -> &str {
        self.url.expose().split('?').next().unwrap_or_default()
    }

    /// The object's key: the path, percent-decoded. `None` where that is not UTF-8.
    #[must_use]
    pub fn key(&self) -> Option<String> {
        percent_decoded(&self.without_query()[self.path_at + 1..])
    }

    /// When the permission ends, in seconds since 1970; `None` where the query does not tell.
    #[must_use]
    pub fn expires_at(&self) -> Option<i64> {
        let (_, query) = self.path_and_query().split_once('?')?;
        let parameter = |name: &str| {
            query.split('&').find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name))
        };
        let seconds = |(_, value): (&str, &str)| value.parse::<i64>().ok();
        match parameter("X-Amz-Expires").and_then(seconds) {
            Some(lifetime) => signed_at(parameter("X-Amz-Date")?.1)?.checked_add(lifetime),
            None => parameter("Expires").and_then(seconds),
        }
    }
}

impl fmt::Debug for PresignedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PresignedUrl").field("host", &self.host()).finish_non_exhaustive()
    }
}

impl Bucket {
    /// The form of its URLs as a regular expression: all that a schema can say, for which bucket and host must name one region.
    #[must_use]
    pub const fn url_regex(self) -> &'static str {
        match self {
            Bucket::CustomResourceResponse => {
                r"^https://cloudformation-custom-resource-response-[a-z0-9]+\.s3[.\-][a-z0-9.\-]+/[!-~]*$"
            }
            Bucket::WaitCondition => {
                r"^https://cloudformation-waitcondition-[a-z0-9\-]+\.s3[.\-][a-z0-9.\-]+/[!-~]*$"
            }
        }
    }

    /// The region of a host that is the bucket's: `<bucket>.s3.<region>.<suffix>`, `<bucket>.s3-<region>.<suffix>` or, for
    /// us-east-1, `<bucket>.s3.amazonaws.com`.
    fn region_of(self, host: &str) -> Option<&str> {
        let (bucket, rest) = host.split_once('.')?;
        if rest == "s3.amazonaws.com" {
            return (bucket == self.name("us-east-1")).then_some("us-east-1");
        }
        let rest = rest.strip_prefix("s3.").or_else(|| rest.strip_prefix("s3-"))?;
        let (region, suffix) = rest.split_once('.')?;
        let is_own =
            is_region(region) && suffix == Partition::of(region).dns_suffix && bucket == self.name(region);
        is_own.then_some(region)
    }

    fn name(self, region: &str) -> String {
        match self {
            Bucket::CustomResourceResponse => {
                format!("cloudformation-custom-resource-response-{}", region.replace('-', ""))
            }
            Bucket::WaitCondition => format!("cloudformation-waitcondition-{region}"),
        }
    }
}

/// What a request line carries as it is: visible ASCII but for what RFC 3986 leaves out. `|` is not in it either, but stands
/// in keys that were not encoded.
fn is_of_a_url(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"\"#<>\\^`{}".contains(&byte)
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let (byte, after) = match (first, after) {
            (b'%', [high, low, after @ ..]) => {
                let digit =
                    |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                (digit(high)? * 16 + digit(low)?, after)
            }
            (b'%', _) => return None,
            _ => (first, after),
        };
        bytes.push(byte);
        rest = after;
    }
    String::from_utf8(bytes).ok()
}

/// `YYYYMMDDThhmmssZ` in seconds since 1970.
fn signed_at(text: &str) -> Option<i64> {
    let is_well_formed = text.len() == 16
        && text.bytes().enumerate().all(|(index, byte)| match index {
            8 => byte == b'T',
            15 => byte == b'Z',
            _ => byte.is_ascii_digit(),
        });
    if !is_well_formed {
        return None;
    }
    let number = |from: usize, to: usize| text[from..to].parse::<u8>().ok();
    let month = Month::try_from(number(4, 6)?).ok()?;
    let date = Date::from_calendar_date(text[..4].parse().ok()?, month, number(6, 8)?).ok()?;
    let time = Time::from_hms(number(9, 11)?, number(11, 13)?, number(13, 15)?).ok()?;
    Some(PrimitiveDateTime::new(date, time).assume_utc().unix_timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn custom(host: &str) -> Result<String, NotPresigned> {
        let url = format!("https://{host}/key?Expires=1");
        PresignedUrl::parse(&url, Bucket::CustomResourceResponse).map(|url| url.region)
    }

    #[test]
    fn a_host_is_one_of_cloudformations_buckets_byte_for_byte() {
        let bucket = "cloudformation-custom-resource-response";
        for (host, region) in [
            (format!("{bucket}-euwest1.s3.eu-west-1.amazonaws.com"), "eu-west-1"),
            (format!("{bucket}-euwest1.s3-eu-west-1.amazonaws.com"), "eu-west-1"),
            (format!("{bucket}-useast1.s3.amazonaws.com"), "us-east-1"),
            (format!("{bucket}-cnnorth1.s3.cn-north-1.amazonaws.com.cn"), "cn-north-1"),
            (format!("{bucket}-usgovwest1.s3.us-gov-west-1.amazonaws.com"), "us-gov-west-1"),
        ] {
            assert_eq!(custom(&host).as_deref(), Ok(region), "{host}");
        }
        for host in [
            format!("{bucket}-euwest1.s3.us-west-1.amazonaws.com"),
            format!("{bucket}-euwest1.s3.eu-west-1.amazonaws.com.cn"),
            format!("{bucket}-cnnorth1.s3.cn-north-1.amazonaws.com"),
            format!("{bucket}-euwest1.s3.amazonaws.com"),
            format!("{bucket}-euwest1.s3.eu-west-1.amazonaws.com."),
            format!("{bucket}-euwest1.s3.eu-west-1.amazonaws.com:443"),
            format!("{bucket}-euwest1.s3.eu-west-1.amazonaws.com@evil.example"),
            format!("user@{bucket}-euwest1.s3.eu-west-1.amazonaws.com"),
            format!("{bucket}-EUWEST1.s3.eu-west-1.amazonaws.com"),
            format!("{bucket}-euwest1.s3.eu-west-1.amazonaws.com%2e"),
            format!("evil-{bucket}-euwest1.s3.eu-west-1.amazonaws.com"),
            "169.254.169.254".to_owned(),
            String::new(),
        ] {
            assert_eq!(custom(&host), Err(NotPresigned::Host), "{host}");
        }
        let wait = "https://cloudformation-waitcondition-eu-west-1.s3.eu-west-1.amazonaws.com/k";
        assert_eq!(PresignedUrl::parse(wait, Bucket::WaitCondition).unwrap().region(), "eu-west-1");
        assert_eq!(PresignedUrl::parse(wait, Bucket::CustomResourceResponse), Err(NotPresigned::Host));
    }

    #[test]
    fn path_and_query_stay_as_they_were_given() {
        let text = "https://cloudformation-waitcondition-us-east-1.s3.amazonaws.com/a%3Ab%7Cc/../d?x=%2F";
        let url = PresignedUrl::parse(text, Bucket::WaitCondition).unwrap();
        assert_eq!(url.path_and_query(), "/a%3Ab%7Cc/../d?x=%2F");
        assert_eq!(url.key().as_deref(), Some("a:b|c/../d"));
        assert!(!format!("{url:?}").contains("%7C"));
        for (wrong, why) in [
            ("http://cloudformation-waitcondition-us-east-1.s3.amazonaws.com/", NotPresigned::Scheme),
            ("https://cloudformation-waitcondition-us-east-1.s3.amazonaws.com", NotPresigned::Path),
            ("https://cloudformation-waitcondition-us-east-1.s3.amazonaws.com?x", NotPresigned::Path),
            ("https://cloudformation-waitcondition-us-east-1.s3.amazonaws.com/a b", NotPresigned::Path),
            ("https://cloudformation-waitcondition-us-east-1.s3.amazonaws.com/a\r\nb", NotPresigned::Path),
            ("https://cloudformation-waitcondition-us-east-1.s3.amazonaws.com/#a", NotPresigned::Path),
        ] {
            assert_eq!(PresignedUrl::parse(wrong, Bucket::WaitCondition), Err(why), "{wrong}");
        }
    }

    #[test]
    fn a_url_tells_when_it_expires_in_either_form() {
        let expires = |query: &str| {
            let url = format!("https://cloudformation-waitcondition-us-east-1.s3.amazonaws.com/k?{query}");
            PresignedUrl::parse(&url, Bucket::WaitCondition).unwrap().expires_at()
        };
        assert_eq!(expires("X-Amz-Date=20261123T175915Z&X-Amz-Expires=7200"), Some(1_795_463_955));
        assert_eq!(expires("AWSAccessKeyId=A&Expires=1795463955&Signature=s"), Some(1_795_463_955));
        for query in ["", "X-Amz-Date=20261323T175915Z&X-Amz-Expires=1", "X-Amz-Expires=1", "Expires=soon"] {
            assert_eq!(expires(query), None, "{query}");
        }
    }
}
