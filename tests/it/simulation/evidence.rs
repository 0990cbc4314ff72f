//! What the services saw: the evidence for and against every acknowledgement. It is read from the endpoint's record of calls,
//! by the contract's own words, and shares nothing with the relay.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use aws_emulator::{CallOutcome, Endpoint, Operation, RecordedCall};
use serde_json::Value;

use super::scenario::PARKING_QUEUE;
use super::stage::{APIS, Api};

/// How the access key id of every environment begins.
pub const FUNCTION_KEY: &str = "ENVIRONMENT";

/// A call, and what it is about.
#[derive(Clone, Debug)]
pub struct Seen {
    pub sequence: u64,
    pub operation: Operation,
    pub access_key_id: String,
    pub outcome: CallOutcome,
    pub about: Rc<About>,
}

/// What a call is about.
#[derive(Debug, PartialEq, Eq)]
pub enum About {
    /// A task or job, by token or id.
    Work(String),
    /// Letters, by their bodies.
    Letters(Vec<String>),
    /// Messages for the parking queue.
    Parked(Vec<ParkedCopy>),
    /// Deliveries that are hidden, by their receipt handles, and for how many seconds.
    Hidden(Vec<(String, u64)>),
    /// Neither.
    Nothing,
}

/// A message for the parking queue.
#[derive(Debug, PartialEq, Eq)]
pub struct ParkedCopy {
    pub body: String,
    pub delay_seconds: Option<u64>,
    pub attributes: BTreeMap<String, String>,
}

impl ParkedCopy {
    fn of(entry: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let attributes = entry["MessageAttributes"].as_object().into_iter().flatten();
        Self {
            body: text(&entry["MessageBody"]),
            delay_seconds: entry["DelaySeconds"].as_u64(),
            attributes: attributes.map(|(name, value)| (name.clone(), text(&value["StringValue"]))).collect(),
        }
    }
}

impl Seen {
    pub fn is_about_work(&self, id: &str) -> bool {
        matches!(&*self.about, About::Work(work) if work == id)
    }

    /// The bodies of the letters that it stores.
    pub fn letters(&self) -> &[String] {
        match &*self.about {
            About::Letters(bodies) => bodies,
            About::Work(_) | About::Parked(_) | About::Hidden(_) | About::Nothing => &[],
        }
    }

    /// The messages that it puts into the parking queue.
    pub fn parked(&self) -> &[ParkedCopy] {
        match &*self.about {
            About::Parked(copies) => copies,
            About::Work(_) | About::Letters(_) | About::Hidden(_) | About::Nothing => &[],
        }
    }

    /// The deliveries that it hides, and for how many seconds.
    pub fn hidden(&self) -> &[(String, u64)] {
        match &*self.about {
            About::Hidden(deliveries) => deliveries,
            About::Work(_) | About::Letters(_) | About::Parked(_) | About::Nothing => &[],
        }
    }

    pub fn holds_letter(&self, body: &str) -> bool {
        self.letters().iter().any(|letter| letter == body)
    }

    /// Calls under an assumed role do not tell which environment made them.
    pub fn is_by_the_functions_role(&self) -> bool {
        self.access_key_id.starts_with(FUNCTION_KEY)
    }

    /// A 200 is an acceptance, whatever its body holds.
    pub fn is_accepted(&self) -> bool {
        self.outcome.status == Some(200)
    }

    /// The service says that the task or job is no longer open.
    pub fn says_settled(&self) -> bool {
        // Of this one the message tells, which is not kept.
        let by_message = self.operation == Operation::CompleteLifecycleAction;
        self.says(self.api().map_or(&[], |api| api.settled))
            || (by_message && self.says(&["ValidationError"]))
    }

    /// The service says that it will never take this request.
    pub fn says_rejected(&self) -> bool {
        let general = [
            "ValidationException",
            "SerializationException",
            "InvalidParameterValue",
            "InvalidParameterValueException",
        ];
        self.says(&general) || self.says(self.api().map_or(&[], |api| api.rejected))
    }

    /// The service has no answer that says that the work is closed: it takes a second report for a mistake.
    pub fn cannot_say_settled(&self) -> bool {
        self.api().is_some_and(|api| api.settled.is_empty())
    }

    fn api(&self) -> Option<&'static Api> {
        APIS.iter().find(|api| api.operation == self.operation.name())
    }

    /// SQS says that it does not take this letter as it is.
    pub fn says_refused(&self) -> bool {
        self.says_rejected() || self.says(&["InvalidMessageContents"])
    }

    fn says(&self, codes: &[&str]) -> bool {
        let is_final = self.outcome.status.is_some_and(|status| status < 500 && status != 429);
        is_final && self.outcome.error_code.as_deref().is_some_and(|code| codes.contains(&code))
    }

    /// A call of an API, or for a role to call it with, that went wrong in some way: it may have been too slow.
    pub fn may_open_a_circuit(&self) -> bool {
        let is_of_an_api = matches!(&*self.about, About::Work(_)) || self.operation == Operation::AssumeRole;
        is_of_an_api && !self.is_clean()
    }

    /// Nothing went wrong with it.
    pub fn is_clean(&self) -> bool {
        self.outcome.fault.is_none() && self.outcome.status.is_some()
    }
}

/// Reads each call's body once.
#[derive(Default)]
pub struct Evidence {
    read: RefCell<HashMap<u64, Rc<About>>>,
}

impl Evidence {
    /// All calls so far, from a sequence number on.
    pub fn since(&self, endpoint: &Endpoint, sequence: u64) -> Vec<Seen> {
        let calls = endpoint.calls().into_iter().filter(|call| call.sequence >= sequence);
        calls.map(|call| self.seen(call)).collect()
    }

    fn seen(&self, call: RecordedCall) -> Seen {
        let about = Rc::clone(
            self.read.borrow_mut().entry(call.sequence).or_insert_with(|| Rc::new(About::of(&call))),
        );
        Seen {
            sequence: call.sequence,
            operation: call.operation,
            access_key_id: call.access_key_id,
            outcome: call.outcome,
            about,
        }
    }
}

impl About {
    fn of(call: &RecordedCall) -> Self {
        let json = call.json().unwrap_or_default();
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let is_for_parking = json["QueueUrl"].as_str().is_some_and(|url| url.ends_with(PARKING_QUEUE));
        match call.operation {
            Operation::SendMessage if is_for_parking => Self::Parked(vec![ParkedCopy::of(&json)]),
            Operation::SendMessageBatch if is_for_parking => {
                let entries = json["Entries"].as_array().cloned().unwrap_or_default();
                Self::Parked(entries.iter().map(ParkedCopy::of).collect())
            }
            Operation::SendMessage => Self::Letters(text(&json["MessageBody"]).into_iter().collect()),
            Operation::SendMessageBatch => {
                let entries = json["Entries"].as_array().cloned().unwrap_or_default();
                Self::Letters(entries.iter().filter_map(|entry| text(&entry["MessageBody"])).collect())
            }
            Operation::ChangeMessageVisibilityBatch => {
                let entries = json["Entries"].as_array().cloned().unwrap_or_default();
                let hidden = |entry: &Value| {
                    Some((text(&entry["ReceiptHandle"])?, entry["VisibilityTimeout"].as_u64()?))
                };
                Self::Hidden(entries.iter().filter_map(hidden).collect())
            }
            _ => match work_of(call, &json) {
                Some(id) => Self::Work(id),
                None => Self::Nothing,
            },
        }
    }
}

/// The members of a call of which one tells what work it is about.
const IDENTITIES: [&str; 9] = [
    "taskToken",
    "jobId",
    "CallbackToken",
    "lifecycleEventHookExecutionId",
    "stepExecutionId",
    "RecordId",
    "hookId",
    "RequestId",
    "token",
];

/// The work that a call is about: by a member of its JSON, in its path, or in its form.
fn work_of(call: &RecordedCall, json: &Value) -> Option<String> {
    let in_json = || IDENTITIES.iter().find_map(|name| Some(json[*name].as_str()?.to_owned()));
    match call.operation {
        Operation::SendDurableExecutionCallbackFailure => {
            let (_, id) = call.path().strip_suffix("/fail")?.rsplit_once('/')?;
            Some(id.to_owned())
        }
        Operation::CompleteLifecycleAction => {
            let form = std::str::from_utf8(call.body()).ok()?;
            let token = form.split('&').find_map(|pair| pair.strip_prefix("LifecycleActionToken="))?;
            Some(token.to_owned())
        }
        _ => in_json(),
    }
}
