#!/usr/bin/env python3
"""Compares the endpoints that the relay computes with the rules that AWS publishes.

    pip install botocore==1.44.5
    check=tests/service_models/check_endpoints.py
    python3 $check --regions | cargo run -p failure-event --example endpoints | python3 $check

Standard input is what the example prints for these regions: a line of JSON for each service and variant (FIPS, dual stack), and one
for the partition. Every region that botocore knows must be in it, with one of each partition that is still to come, and every
endpoint must be the one that botocore's own rules give, where they give one. Each difference is a line; the exit status is 1 when there is one, and 2 when the input is not usable.
"""

import itertools
import json
import re
import sys

import botocore
from botocore.endpoint_provider import EndpointProvider
from botocore.exceptions import EndpointProviderError
from botocore.loaders import Loader

# Of no service but these do the SDK's own crates alone know the endpoints: nobody asks the relay for them.
CALLED_BY_CRATES = {"swf"}
# What botocore calls a service that signs with another name.
NAMES = {"states": "stepfunctions"}
LOADER = Loader()
PARTITIONS = LOADER.load_data("partitions")


# A region that AWS might open, in each partition.
TO_COME = {
    "aws": "eu-midwest-7", "aws-cn": "cn-midwest-7", "aws-eusc": "eusc-de-midwest-7", "aws-iso": "us-iso-midwest-7",
    "aws-iso-b": "us-isob-midwest-7", "aws-iso-e": "eu-isoe-midwest-7", "aws-iso-f": "us-isof-midwest-7",
    "aws-us-gov": "us-gov-midwest-7",
}  # fmt: skip


def regions():
    """Every region of every partition, without the names that stand for none."""
    for partition in PARTITIONS["partitions"]:
        for region in (*partition["regions"], TO_COME[partition["id"]]):
            if not region.endswith("-global"):
                yield partition, region


def rules_of(signing_name):
    return EndpointProvider(LOADER.load_service_model(NAMES.get(signing_name, signing_name), "endpoint-rule-set-1"), PARTITIONS)


def endpoint(rules, region, fips, dual_stack):
    """The endpoint by the rules; None where they say that there is none, as where a partition has no dual stack."""
    try:
        return rules.resolve_endpoint(Region=region, UseFIPS=fips, UseDualStack=dual_stack).url
    except EndpointProviderError:
        return None


def partition_differences(ours):
    for partition, region in regions():
        outputs = partition["outputs"]
        theirs = (partition["id"], outputs["dnsSuffix"], outputs["dualStackDnsSuffix"])
        if ours.get(region) != theirs:
            yield f"{region}: partition is {ours.get(region)} here, {theirs} in botocore"
        if not re.match(partition["regionRegex"], region):
            yield f"{region}: not a region by the expression of {partition['id']}"


def endpoint_differences(ours, services):
    for service in services:
        rules = rules_of(service)
        for (_, region), fips, dual_stack in itertools.product(regions(), (False, True), (False, True)):
            theirs = endpoint(rules, region, fips, dual_stack)
            own = ours.get((service, region, fips, dual_stack))
            if own is None:
                yield f"{service} in {region}: not computed"
            elif theirs is not None and own != theirs:
                variant = f"fips={fips}, dual stack={dual_stack}"
                yield f"{service} in {region} ({variant}): {own} here, {theirs} in botocore"


def main():
    if sys.argv[1:] == ["--regions"]:
        for _, region in regions():
            print(region)
        return 0
    try:
        lines = [json.loads(line) for line in sys.stdin]
        places = {
            line["region"]: (line["partition"], line["dnsSuffix"], line["dualStackDnsSuffix"])
            for line in lines
            if "partition" in line
        }
        endpoints = {
            (line["service"], line["region"], line["fips"], line["dualStack"]): line["endpoint"]
            for line in lines
            if "service" in line
        }
    except (ValueError, KeyError, TypeError) as error:
        print(f"standard input is not the example's: {error!r}", file=sys.stderr)
        return 2
    services = sorted({service for service, *_ in endpoints} - CALLED_BY_CRATES)
    if len(services) < 8 or not places:
        print(f"standard input has the services {services}", file=sys.stderr)
        return 2
    found = [*partition_differences(places), *endpoint_differences(endpoints, services)]
    for line in found:
        print(line)
    print(
        f"endpoints of {len(services)} services in {len(places)} regions compared with "
        f"botocore {botocore.__version__}: {len(found)} differences",
        file=sys.stderr,
    )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
