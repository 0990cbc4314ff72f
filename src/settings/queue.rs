//! Queues as settings name them: by their URL, or by their ARN.

use failure_event::arn::Arn;
use failure_event::place::{is_account, is_region};

/// The URL of an SQS queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueUrl {
    url: String,
    region: Option<String>,
}

impl QueueUrl {
    /// Takes an `http` or `https` URL with a host.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let uri: http::Uri = text.parse().map_err(|error| format!("is not a valid URL: {error}"))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err(
                "is not a valid URL: expected https://sqs.<region>.amazonaws.com/<account>/<name>".to_owned()
            );
        }
        match uri.host() {
            Some(host) if !host.is_empty() => {
                let region = region_of_host(host).or_else(|| region_of_path(uri.path()));
                Ok(Self { region, url: text.to_owned() })
            }
            _ => Err("is not a valid URL: it has no host".to_owned()),
        }
    }

    /// The URL as it was set.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.url
    }

    /// The region in the host name, where it is AWS's own. SQS calls go to their client's region, never to the host in the URL.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        self.region.as_deref()
    }

    /// Whether this may be the queue of that ARN: its name, and account and region as far as the URL tells them.
    #[must_use]
    pub fn may_be(&self, arn: &str) -> bool {
        let Some(arn) = Arn::parse(arn).filter(|arn| arn.service == "sqs") else { return false };
        let mut path = self.url.trim_end_matches('/').rsplit('/');
        let (own_name, own_account) = (path.next(), path.next().filter(|account| is_account(account)));
        own_name == Some(arn.resource)
            && own_account.is_none_or(|own| own == arn.account)
            && self.region().is_none_or(|own| own == arn.region)
    }

    /// Whether the queue is a FIFO queue: its name ends in `.fifo`.
    #[must_use]
    pub fn is_fifo(&self) -> bool {
        self.url.trim_end_matches('/').ends_with(".fifo")
    }
}

/// The label after `sqs` (AWS's own hosts in every partition, VPC endpoints, LocalStack), or before `queue` (the legacy hosts).
fn region_of_host(host: &str) -> Option<String> {
    let labels: Vec<&str> = host.split('.').collect();
    let pairs = labels.windows(2).find_map(|pair| match pair {
        ["sqs" | "sqs-fips", region] | [region, "queue"] if is_region(region) => Some((*region).to_owned()),
        _ => None,
    });
    pairs.or_else(|| (labels == ["queue", "amazonaws", "com"]).then(|| "us-east-1".to_owned()))
}

/// LocalStack's `/queue/<region>/<account>/<name>`.
fn region_of_path(path: &str) -> Option<String> {
    let region = path.strip_prefix("/queue/")?.split('/').next()?;
    is_region(region).then(|| region.to_owned())
}

/// The ARN of an SQS queue.
///
/// # Errors
/// A sentence that says what was expected.
pub(super) fn parse_queue_arn(text: &str) -> Result<String, String> {
    let is_queue = |arn: Arn<'_>| {
        arn.service == "sqs"
            && !arn.region.is_empty()
            && is_account(arn.account)
            && is_queue_name(arn.resource)
    };
    if Arn::parse(text).is_some_and(is_queue) {
        Ok(text.to_owned())
    } else {
        Err(format!("\"{text}\" is not the ARN of a queue: expected arn:aws:sqs:<region>:<account>:<name>"))
    }
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html>
fn is_queue_name(name: &str) -> bool {
    let stem = name.strip_suffix(".fifo").unwrap_or(name);
    let is_shaped = stem.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    is_shaped && !stem.is_empty() && name.len() <= 80
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_told_by_its_name_and_by_account_and_region_where_they_are_known() {
        let is_of = |url: &str, arn: &str| QueueUrl::parse(url).unwrap().may_be(arn);
        let arn = "arn:aws:sqs:eu-west-1:111122223333:q";
        assert!(is_of("https://sqs.eu-west-1.amazonaws.com/111122223333/q", arn));
        assert!(is_of("https://sqs.eu-west-1.amazonaws.com/111122223333/q/", arn));
        assert!(!is_of("https://sqs.eu-west-2.amazonaws.com/111122223333/q", arn), "another region");
        assert!(!is_of("https://sqs.eu-west-1.amazonaws.com/444455556666/q", arn), "another account");
        assert!(!is_of("https://sqs.eu-west-1.amazonaws.com/111122223333/qq", arn), "another name");
        assert!(is_of("http://127.0.0.1:4566/111122223333/q", arn), "the region is not known");
        assert!(is_of("http://127.0.0.1:4566/queue/q", arn), "nor is the account");
        assert!(!is_of("http://127.0.0.1:4566/111122223333/q", "q"));
    }

    #[test]
    fn the_queue_url_tells_region_and_order() {
        let region = |url| QueueUrl::parse(url).unwrap().region().map(str::to_owned);
        assert_eq!(region("https://sqs.cn-north-1.amazonaws.com.cn/1/q").as_deref(), Some("cn-north-1"));
        assert_eq!(region("https://eu-west-1.queue.amazonaws.com/1/q").as_deref(), Some("eu-west-1"));
        assert_eq!(region("https://queue.amazonaws.com/1/q").as_deref(), Some("us-east-1"));
        assert_eq!(region("http://127.0.0.1:4566/000000000000/q"), None);
        assert_eq!(
            region("http://localhost:4566/queue/eu-west-1/000000000000/q").as_deref(),
            Some("eu-west-1")
        );
        assert_eq!(
            region("https://vpce-1-2.sqs.us-east-1.vpce.amazonaws.com/1/q").as_deref(),
            Some("us-east-1")
        );
        assert_eq!(region("https://sqs.us-iso-east-1.c2s.ic.gov/1/q").as_deref(), Some("us-iso-east-1"));
        assert!(QueueUrl::parse("http://127.0.0.1:4566/000000000000/q.fifo").unwrap().is_fifo());
    }
}
