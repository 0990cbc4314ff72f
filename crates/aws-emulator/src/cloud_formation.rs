//! AWS `CloudFormation`: the responses of custom resources and the signals of wait conditions.
//!
//! Both are files that the caller puts into one of `CloudFormation`'s buckets by a presigned URL.
//! S3's 200 says that the file is stored. Whether `CloudFormation` heeds it is another matter,
//! which the caller is not told: [`CallOutcome::unheeded`](super::CallOutcome) tells the test.
//!
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html>

use serde_json::{Value, json};

use super::answer::Output;
use super::kind::{Kind, Mention, Place, Told};
use super::limits::{OperationModel, model};
use super::operation::{Operation, Service, ServiceModel};
use super::protocols::{self, Protocol};
use super::report::Report;
use super::request::Caller;
use super::work::{Ending, Ledger, Repeat, ReportedFailure, Work, WorkKind};

pub(crate) const SERVICE: ServiceModel =
    ServiceModel::new("s3", Protocol::Presigned).throttles_with("SlowDown", 503).without_model();

/// No caller is ever answered with it: S3 has answered already.
const NOBODY_WAITS: Told = Told::new("NobodyWaits", "Nothing that is open waits for this response.");
const OVER: Told = Told::new("Over", "It was answered or its time was up before.");

pub(crate) const CUSTOM_RESOURCE: Kind = Kind {
    work: WorkKind::CloudFormationCustomResource,
    name: "cloudformation-custom-resource",
    identity: &["RequestId"],
    secret: false,
    places: &[
        Place { member: "StackId", wrong: NOBODY_WAITS },
        Place { member: "LogicalResourceId", wrong: NOBODY_WAITS },
    ],
    proof: None,
    unknown: NOBODY_WAITS,
    closed: OVER,
    timed_out: None,
};

pub(crate) const WAIT_CONDITION: Kind = Kind {
    work: WorkKind::CloudFormationWaitCondition,
    name: "cloudformation-wait-condition",
    identity: &["Url"],
    secret: false,
    places: &[],
    proof: None,
    unknown: NOBODY_WAITS,
    closed: OVER,
    timed_out: None,
};

pub(crate) const PUT_CUSTOM_RESOURCE_RESPONSE: OperationModel = model(
    Operation::PutCustomResourceResponse,
    Service::CloudFormationResponse,
    "PutCustomResourceResponse",
    &[],
)
.reporting(Report::failure(&CUSTOM_RESOURCE));

pub(crate) const PUT_WAIT_CONDITION_SIGNAL: OperationModel =
    model(Operation::PutWaitConditionSignal, Service::CloudFormationResponse, "PutWaitConditionSignal", &[])
        .reporting(Report::failure(&WAIT_CONDITION));

/// What `CloudFormation` reads of a response.
const RESPONSE_BYTES_MAX: u64 = 4096;
const PHYSICAL_RESOURCE_ID_BYTES_MAX: usize = 1024;

/// What `CloudFormation` makes of a file that S3 has stored.
pub(crate) fn heed(
    kind: &'static Kind,
    input: &Value,
    ledger: &mut Ledger,
    caller: &Caller,
    now_ms: u64,
) -> Output {
    let mention = Mention::of(kind, input);
    let heeded = Response::read(kind, input, &mention).and_then(|response| {
        let repeat = response.unique_id.map(|token| Repeat { token, content: Value::Null });
        if repeat.is_some() && ledger.accepted(caller, &mention).map(|(_, before)| before) == repeat.as_ref()
        {
            // The same signal once more.
            return Ok(());
        }
        let ending = if response.failed {
            Ending::Failed(ReportedFailure {
                error: None,
                cause: response.reason,
                external_execution_id: None,
                data: response.data,
                at_ms: now_ms,
            })
        } else {
            Ending::Succeeded(response.data.unwrap_or_default())
        };
        let ended = ledger.end(caller, &mention, ending, repeat, now_ms);
        ended.map(|_| ()).map_err(|refusal| kind.told(refusal).words(&mention))
    });
    match heeded {
        Ok(()) => Output::Nothing,
        Err(why) => Output::Unheeded(why),
    }
}

/// A response or a signal that `CloudFormation` understands.
struct Response {
    failed: bool,
    reason: Option<String>,
    data: Option<String>,
    /// Of a signal: the same one again is a retransmission.
    unique_id: Option<String>,
}

impl Response {
    fn read(kind: &Kind, input: &Value, mention: &Mention<'_>) -> Result<Self, String> {
        if input["ResponseBytes"].as_u64().is_some_and(|bytes| bytes > RESPONSE_BYTES_MAX) {
            return Err("Response object is too long.".to_owned());
        }
        let stored = input["Response"].as_str().unwrap_or_default();
        let Ok(Value::Object(body)) = serde_json::from_str::<Value>(stored) else {
            return Err("The response is not a JSON object.".to_owned());
        };
        let text = |member: &str| body.get(member).and_then(Value::as_str).filter(|text| !text.is_empty());
        let is_signal = kind.work == WorkKind::CloudFormationWaitCondition;
        let failed = match (text("Status"), is_signal) {
            (Some("SUCCESS"), _) => false,
            (Some("FAILED"), false) | (Some("FAILURE"), true) => true,
            _ => return Err("The response has no valid Status.".to_owned()),
        };
        if failed && text("Reason").is_none() {
            return Err("The response has no Reason.".to_owned());
        }
        if is_signal {
            if text("UniqueId").is_none() || !body.get("Data").is_some_and(Value::is_string) {
                return Err("The signal has no UniqueId or no Data.".to_owned());
            }
        } else {
            check_custom_resource(&text, mention)?;
        }
        Ok(Self {
            failed,
            reason: text("Reason").map(str::to_owned),
            data: text(if is_signal { "Data" } else { "PhysicalResourceId" }).map(str::to_owned),
            unique_id: text("UniqueId").filter(|_| is_signal).map(str::to_owned),
        })
    }
}

fn check_custom_resource<'a>(
    text: &impl Fn(&str) -> Option<&'a str>,
    mention: &Mention<'_>,
) -> Result<(), String> {
    if text("PhysicalResourceId").is_none_or(|id| id.len() > PHYSICAL_RESOURCE_ID_BYTES_MAX) {
        return Err("Invalid PhysicalResourceId.".to_owned());
    }
    let other = ["StackId", "RequestId", "LogicalResourceId"]
        .into_iter()
        .find(|member| text(member).is_none() || text(member) != mention.text(member));
    match other {
        Some(member) => Err(format!("The response's {member} is not that of the URL.")),
        None => Ok(()),
    }
}

impl Work {
    /// A request of a custom resource, in the region and account of its stack.
    pub fn custom_resource(
        stack_id: impl Into<String>,
        logical_resource_id: impl Into<String>,
        request_id: impl Into<String>,
    ) -> Self {
        let stack_id = stack_id.into();
        Self::new(WorkKind::CloudFormationCustomResource, request_id)
            .at_arn(&stack_id)
            .with("StackId", stack_id)
            .with("LogicalResourceId", logical_resource_id)
    }

    /// A wait condition, by the URL of its handle; a query does not matter. Its region is that of
    /// the URL's host, its account that of the stack in the URL's path.
    #[must_use]
    pub fn wait_condition(signal_url: &str) -> Self {
        let url = signal_url.split('?').next().unwrap_or_default();
        let work = Self::new(WorkKind::CloudFormationWaitCondition, url);
        let place = protocols::place_of(url);
        Self { region: place.region, account: place.account, ..work }
    }
}

/// A presigned URL for the response of a custom resource, as `CloudFormation` would make it at
/// this time. Its signature is not a real one.
pub(crate) fn response_url(
    stack_id: &str,
    logical_resource_id: &str,
    request_id: &str,
    now_ms: u64,
) -> String {
    let region = region_of(stack_id);
    let bucket = format!("cloudformation-custom-resource-response-{}", region.replace('-', ""));
    let key = format!("{stack_id}|{logical_resource_id}|{request_id}");
    protocols::sign(&bucket, region, &key, now_ms)
}

/// A presigned URL for the signals of a wait condition's handle.
pub(crate) fn signal_url(stack_id: &str, handle: &str, now_ms: u64) -> String {
    let region = region_of(stack_id);
    let bucket = format!("cloudformation-waitcondition-{region}");
    protocols::sign(&bucket, region, &format!("{stack_id}/{handle}"), now_ms)
}

fn region_of(stack_id: &str) -> &str {
    stack_id.split(':').nth(3).filter(|region| !region.is_empty()).unwrap_or("us-east-1")
}

/// The input of an operation that S3 stores: which file, and what is in it.
pub(crate) fn input_of(url: &str, key: &str, body: &[u8]) -> Value {
    let mut input = json!({
        "Url": url,
        "Response": String::from_utf8_lossy(body),
        "ResponseBytes": body.len(),
    });
    let parts: Vec<&str> = key.split('|').collect();
    if let [stack_id, logical_resource_id, request_id] = parts[..] {
        input["StackId"] = json!(stack_id);
        input["LogicalResourceId"] = json!(logical_resource_id);
        input["RequestId"] = json!(request_id);
    }
    input
}
