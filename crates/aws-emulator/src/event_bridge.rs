//! Amazon `EventBridge`: events that are put on the queue behind a bus.
//!
//! <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html>

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::answer::{Output, ServiceError};
use super::clock::rfc3339;
use super::operation::ServiceModel;
use super::protocols::Protocol;
use super::sqs::{BatchFault, Context, MESSAGE_BYTES_MAX, NewMessage, QueueKey, Sqs};

pub(crate) const SERVICE: ServiceModel = ServiceModel::new("events", Protocol::json("1.1", "AWSEvents"));

/// Which queue the events of a bus go to, by region, account and name of the bus.
#[derive(Debug, Default)]
pub(crate) struct Buses {
    targets: BTreeMap<(String, String, String), QueueKey>,
}

impl Buses {
    /// From now on every event of the bus is put on the queue.
    pub(crate) fn route(&mut self, bus: &str, queue: QueueKey) {
        let bus = (queue.region.clone(), queue.account.clone(), bus.to_owned());
        self.targets.insert(bus, queue);
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PutEvents {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    time: Option<f64>,
    source: Option<String>,
    resources: Option<Vec<String>>,
    detail_type: Option<String>,
    detail: Option<String>,
    event_bus_name: Option<String>,
}

impl PutEvents {
    pub(crate) fn perform(
        self,
        buses: &Buses,
        sqs: &mut Sqs,
        context: &mut Context<'_>,
        fault: Option<&BatchFault>,
    ) -> Result<Output, ServiceError> {
        let total: usize = self.entries.iter().map(Entry::size_bytes).sum();
        if u64::try_from(total).unwrap_or(u64::MAX) >= MESSAGE_BYTES_MAX {
            let message = "Total size of the entries in the request is over the limit.";
            return Err(ServiceError::new("ValidationException", message));
        }
        let mut failed = 0;
        let mut results = Vec::new();
        for (position, entry) in self.entries.iter().enumerate() {
            let faulty = fault.filter(|fault| fault.hits(position));
            let result = match (faulty, entry.mistake()) {
                (Some(fault), _) => Err((
                    fault.code.as_deref().unwrap_or("InternalFailure"),
                    "The entry failed by order of a fault.".to_owned(),
                )),
                (None, Some(mistake)) => Err(mistake),
                (None, None) => Ok(entry.put(buses, sqs, context)),
            };
            results.push(match result {
                Ok(event_id) => json!({"EventId": event_id}),
                Err((code, message)) => {
                    failed += 1;
                    json!({"ErrorCode": code, "ErrorMessage": message})
                }
            });
        }
        Ok(Output::Json(json!({"FailedEntryCount": failed, "Entries": results})))
    }
}

impl Entry {
    /// What `EventBridge` counts: 14 bytes for a time, and the texts as UTF-8.
    fn size_bytes(&self) -> usize {
        let texts = [&self.source, &self.detail_type, &self.detail];
        let texts = texts.into_iter().flatten().map(String::len).sum::<usize>();
        let resources = self.resources.iter().flatten().map(String::len).sum::<usize>();
        texts + resources + self.time.map_or(0, |_| 14)
    }

    /// Why this entry alone is refused, as code and message.
    fn mistake(&self) -> Option<(&'static str, String)> {
        for (name, value) in
            [("Source", &self.source), ("DetailType", &self.detail_type), ("Detail", &self.detail)]
        {
            if value.as_ref().is_none_or(String::is_empty) {
                let message =
                    format!("Parameter {name} is not valid. Reason: {name} is a required argument.");
                return Some(("InvalidArgument", message));
            }
        }
        let detail = self.detail.as_deref().unwrap_or_default();
        let json = serde_json::from_str::<IgnoredAny>(detail).is_ok();
        let object = json && detail.trim_start().starts_with('{');
        (!object).then(|| ("MalformedDetail", "Detail is malformed.".to_owned()))
    }

    /// Sends the event to the queue behind its bus; a bus without one drops it, as AWS does.
    fn put(&self, buses: &Buses, sqs: &mut Sqs, context: &mut Context<'_>) -> String {
        let event_id = context.ids.uuid();
        let named = self.event_bus_name.as_deref().unwrap_or("default");
        let bus = named.rsplit('/').next().unwrap_or(named);
        let (region, account) = (&context.caller.region, &context.caller.account);
        let key = (region.clone(), account.clone(), bus.to_owned());
        let queue = buses.targets.get(&key).and_then(|target| sqs.get_mut(target));
        if let Some(queue) = queue {
            let message = NewMessage {
                body: self.event(&event_id, context),
                attributes: BTreeMap::new(),
                system_attributes: BTreeMap::new(),
                sender: "AIDAEVENTBRIDGE".to_owned(),
                delay_seconds: None,
                group: queue.fifo.then(|| event_id.clone()),
                deduplication_id: queue.fifo.then(|| event_id.clone()),
            };
            queue.send(context.ids.uuid(), message, context.now_ms);
        }
        event_id
    }

    /// The event as a rule's target gets it; the detail stays as it was written.
    fn event(&self, id: &str, context: &Context<'_>) -> String {
        #[derive(serde::Serialize)]
        struct Event<'a> {
            version: &'a str,
            id: &'a str,
            #[serde(rename = "detail-type")]
            detail_type: &'a Option<String>,
            source: &'a Option<String>,
            account: &'a str,
            time: String,
            region: &'a str,
            resources: &'a [String],
            detail: Option<&'a RawValue>,
        }
        let detail = self.detail.as_deref().unwrap_or_default();
        let event = Event {
            version: "0",
            id,
            detail_type: &self.detail_type,
            source: &self.source,
            account: &context.caller.account,
            time: rfc3339(self.time.map_or(context.now_ms, seconds_to_ms)),
            region: &context.caller.region,
            resources: self.resources.as_deref().unwrap_or_default(),
            // It was checked to be JSON before.
            detail: serde_json::from_str(detail).ok(),
        };
        serde_json::to_string(&event).unwrap_or_else(|_| Value::Null.to_string())
    }
}

/// Seconds since 1970 with a fraction, as JSON protocols write time; before 1970 is 1970.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float cast saturates, which is what is wanted of absurd times"
)]
fn seconds_to_ms(seconds: f64) -> u64 {
    // The last moment of the year 9999 is the last that RFC 3339 can write.
    (seconds.clamp(0.0, 253_402_300_799.0) * 1000.0) as u64
}
