//! AWS's partitions: the DNS suffixes of their endpoints. A test holds them against the data of the SDKs.
//!
//! <https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html>

/// A partition of AWS, told by how its regions' names begin.
#[derive(Debug, PartialEq, Eq)]
pub struct Partition {
    /// `aws`, `aws-cn`, …
    pub id: &'static str,
    /// How the names of its regions begin; empty for all that no other partition has.
    region_prefix: &'static str,
    /// Where its endpoints are.
    pub dns_suffix: &'static str,
    /// Where its dual-stack endpoints are.
    pub dual_stack_dns_suffix: &'static str,
}

const fn partition(
    id: &'static str,
    region_prefix: &'static str,
    dns_suffix: &'static str,
    dual_stack_dns_suffix: &'static str,
) -> Partition {
    Partition { id, region_prefix, dns_suffix, dual_stack_dns_suffix }
}

/// The last has all regions that no other has.
static PARTITIONS: [Partition; 8] = [
    partition("aws-cn", "cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn"),
    partition("aws-us-gov", "us-gov-", "amazonaws.com", "api.aws"),
    partition("aws-iso", "us-iso-", "c2s.ic.gov", "api.aws.ic.gov"),
    partition("aws-iso-b", "us-isob-", "sc2s.sgov.gov", "api.aws.scloud"),
    partition("aws-iso-e", "eu-isoe-", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"),
    partition("aws-iso-f", "us-isof-", "csp.hci.ic.gov", "api.aws.hci.ic.gov"),
    partition("aws-eusc", "eusc-", "amazonaws.eu", "api.amazonwebservices.eu"),
    partition("aws", "", "amazonaws.com", "api.aws"),
];

impl Partition {
    /// The partition of a region.
    #[must_use]
    pub fn of(region: &str) -> &'static Partition {
        let found = PARTITIONS.iter().find(|partition| region.starts_with(partition.region_prefix));
        // The last begins every name.
        found.unwrap_or(&PARTITIONS[PARTITIONS.len() - 1])
    }
}
