//! Any text as a presigned URL, and as what stands around the host of one: what is accepted leads to one of CloudFormation's
//! buckets and to nothing else, whoever reads it.
#![no_main]

use failure_event::event::Failure;
use failure_event::json::{Json, quoted};
use failure_event::presigned::{Bucket, PresignedUrl};
use failure_event::request::Secrets;
use failure_event::target::Target;

/// The suffix of a region's hosts, by how its name begins. The last fits all.
const SUFFIXES: [(&str, &str); 8] = [
    ("cn-", "amazonaws.com.cn"),
    ("us-gov-", "amazonaws.com"),
    ("us-iso-", "c2s.ic.gov"),
    ("us-isob-", "sc2s.sgov.gov"),
    ("us-isof-", "csp.hci.ic.gov"),
    ("eu-isoe-", "cloud.adc-e.uk"),
    ("eusc-", "amazonaws.eu"),
    ("", "amazonaws.com"),
];

/// Hosts that are allowed.
const HOSTS: [&str; 4] = [
    "cloudformation-custom-resource-response-useast1.s3.amazonaws.com",
    "cloudformation-custom-resource-response-cnnorth1.s3.cn-north-1.amazonaws.com.cn",
    "cloudformation-waitcondition-eu-west-1.s3-eu-west-1.amazonaws.com",
    "cloudformation-waitcondition-us-gov-west-1.s3.us-gov-west-1.amazonaws.com",
];

fn check(text: &str) {
    for bucket in [Bucket::CustomResourceResponse, Bucket::WaitCondition] {
        if let Ok(url) = PresignedUrl::parse(text, bucket) {
            check_accepted(text, &url, bucket);
        }
    }
}

fn check_accepted(text: &str, url: &PresignedUrl, bucket: Bucket) {
    let region = url.region();
    let name = match bucket {
        Bucket::CustomResourceResponse => {
            format!("cloudformation-custom-resource-response-{}", region.replace('-', ""))
        }
        Bucket::WaitCondition => format!("cloudformation-waitcondition-{region}"),
    };
    let (_, suffix) = SUFFIXES.iter().find(|(begins, _)| region.starts_with(begins)).unwrap();
    let own = [".", "-"].map(|mark| format!("{name}.s3{mark}{region}.{suffix}"));
    let global = (region == "us-east-1").then(|| format!("{name}.s3.amazonaws.com"));
    assert!(own.iter().chain(&global).any(|allowed| allowed == url.host()), "{text}");
    assert_eq!(format!("https://{}{}", url.host(), url.path_and_query()), text, "not byte for byte");

    let other = url::Url::parse(text).expect("a URL for others too");
    assert_eq!((other.scheme(), other.host_str()), ("https", Some(url.host())), "{text}");
    assert_eq!((other.port(), other.username(), other.password()), (None, "", None), "{text}");
    assert_eq!(other.fragment(), None, "{text}");

    let uri: http::Uri = url.path_and_query().parse().expect("what a request line holds");
    assert_eq!(uri.path_and_query().map(http::uri::PathAndQuery::as_str), Some(url.path_and_query()));
    assert_eq!(uri.authority(), None, "{text}");
    check_request(text, url, bucket);
    assert!(!format!("{url:?}").contains(url.path_and_query()) || url.path_and_query() == "/", "{text}");
}

/// The request goes to that host, with that path, and has at most as many bytes as CloudFormation takes.
fn check_request(text: &str, url: &PresignedUrl, bucket: Bucket) {
    if bucket == Bucket::CustomResourceResponse {
        return;
    }
    let target = format!("{{\"kind\":\"cloudformation-wait-condition\",\"signalUrl\":{}}}", quoted(text));
    let target = Json::parse(&target).ok().and_then(Json::object).expect("an object");
    // It may be too long.
    let Ok(target) = Target::read(&target) else { return };
    let form = target.request(&Failure::default(), &mut Vec::new()).http(Secrets::Shown);
    assert_eq!((form.method, form.host.as_deref()), ("PUT", Some(url.host())));
    assert_eq!(form.path, url.path_and_query());
    assert!(form.body.len() <= 4096);
}

libfuzzer_sys::fuzz_target!(|text: &str| {
    check(text);
    check(&format!("https://{text}"));
    for host in HOSTS {
        check(&format!("https://{host}{text}"));
        check(&format!("https://{text}{host}/key?Expires=1"));
        for at in [14, 40, host.len() - 4] {
            let (before, after) = host.split_at(at);
            check(&format!("https://{before}{text}{after}/key?Expires=1"));
        }
    }
});
