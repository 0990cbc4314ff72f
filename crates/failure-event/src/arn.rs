//! Amazon Resource Names, `arn:<partition>:<service>:<region>:<account>:<resource>`.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html>

use crate::place::{GivenPlace, is_account};

/// The parts of an ARN. Region and account are empty where the resource has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arn<'a> {
    /// `aws`, `aws-cn`, `aws-us-gov`, …
    pub partition: &'a str,
    /// `lambda`, `sqs`, …
    pub service: &'a str,
    /// The region's name, or empty.
    pub region: &'a str,
    /// The 12-digit account id, or empty.
    pub account: &'a str,
    /// All that follows, colons and slashes included.
    pub resource: &'a str,
}

impl<'a> Arn<'a> {
    /// The parts of a text that is an ARN: six of them, of which partition, service and resource are not empty.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        let is_arn = parts.next()? == "arn";
        let [partition, service, region, account, resource] = [(); 5].map(|()| parts.next());
        let arn = Self {
            partition: partition?,
            service: service?,
            region: region?,
            account: account?,
            resource: resource?,
        };
        let is_whole = !arn.partition.is_empty() && !arn.service.is_empty() && !arn.resource.is_empty();
        (is_arn && is_whole).then_some(arn)
    }

    /// The region and account of the resource, as far as the ARN tells them.
    #[must_use]
    pub fn place(&self) -> GivenPlace {
        GivenPlace {
            region: Some(self.region).filter(|region| !region.is_empty()).map(str::to_owned),
            account: Some(self.account).filter(|account| is_account(account)).map(str::to_owned),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_has_six_parts_of_which_region_and_account_may_be_empty() {
        let arn = Arn::parse("arn:aws:lambda:eu-west-1:111122223333:function:render:7").unwrap();
        assert_eq!((arn.partition, arn.service, arn.region), ("aws", "lambda", "eu-west-1"));
        assert_eq!((arn.account, arn.resource), ("111122223333", "function:render:7"));
        assert_eq!(Arn::parse("arn:aws:s3:::bucket").unwrap().place(), GivenPlace::default());
        for wrong in ["", "arn", "arn:aws:s3", "arn:aws:s3:::", "arn::s3:::b", "urn:aws:s3:::b"] {
            assert_eq!(Arn::parse(wrong), None, "{wrong}");
        }
    }
}
