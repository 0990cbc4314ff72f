//! Prints where the relay reaches each service, for the regions that standard input names, one a line.
//!
//! `tests/service_models/check_endpoints.py` holds it against the rules that AWS publishes.

#![expect(clippy::disallowed_macros, reason = "an example prints; the core does not")]

use std::collections::BTreeMap;
use std::io;

use failure_event::cloudwatch_logs::FILTER_LOG_EVENTS;
use failure_event::operation::{EndpointVariant, Service, Wire};
use failure_event::partition::Partition;
use failure_event::sweep;
use failure_event::table::DYNAMO_DB;
use failure_event::target::Kind;
use serde_json::json;

fn main() -> io::Result<()> {
    let operations = Kind::ALL.iter().flat_map(|kind| kind.operations()).chain(sweep::operations::ALL);
    let operations = operations.chain([&FILTER_LOG_EVENTS]);
    // A presigned URL names its own host.
    let signed = operations.filter(|operation| operation.wire != Wire::PresignedPut);
    let services = signed.map(|operation| operation.service).chain([&DYNAMO_DB]);
    let services: BTreeMap<&str, &Service> =
        services.map(|service| (service.signing_name, service)).collect();
    for region in io::stdin().lines() {
        let region = region?;
        let partition = Partition::of(&region);
        println!(
            "{}",
            json!({
                "region": region,
                "partition": partition.id,
                "dnsSuffix": partition.dns_suffix,
                "dualStackDnsSuffix": partition.dual_stack_dns_suffix,
            })
        );
        for (name, service) in &services {
            for (fips, dual_stack) in [(false, false), (false, true), (true, false), (true, true)] {
                let endpoint = service.endpoint(&region, EndpointVariant { fips, dual_stack });
                let line = json!({
                    "service": name, "region": region, "fips": fips, "dualStack": dual_stack, "endpoint": endpoint,
                });
                println!("{line}");
            }
        }
    }
    Ok(())
}
