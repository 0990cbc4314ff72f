//! A table and a queue in memory, which do as they are told: they fail, lag, and let others come between.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use failure_event::operation::Operation;
use failure_event::outcome::ServiceError;
use failure_event::place::Place;
use failure_event::request::HttpForm;
use serde_json::{Value, json};

use crate::services::Services;

/// What the fake does instead of answering, or before it answers.
pub type Script = Box<dyn Fn(&Fake, &str, &Value) -> Option<Result<String, ServiceError>>>;

/// The services of one account.
#[derive(Default)]
pub struct Fake {
    /// Leases by their key, as they are now.
    pub leases: RefCell<BTreeMap<String, Value>>,
    /// Keys that the index still holds, by what it believes them to be.
    pub stale: RefCell<BTreeMap<String, Value>>,
    /// Entries that the queue has stored.
    pub queue: RefCell<Vec<Value>>,
    /// Asked before each answer, with the operation and the request.
    pub script: RefCell<Option<Script>>,
    /// Calls so far.
    pub calls: Cell<usize>,
    /// The most that were ever under way at once, and how many are.
    pub at_once: Cell<(usize, usize)>,
}

pub const DUE_AT: i64 = 1_700_000_000_000;
pub const SENT_AT: i64 = DUE_AT - 600_000;

/// A lease as the relay writes it.
pub fn lease(number: usize) -> (String, Value) {
    let pk = format!("lease#{number:064x}");
    let target = json!({"kind": "step-functions-task", "taskToken": format!("token-{number}")}).to_string();
    let item = json!({
        "pk": {"S": pk}, "sk": {"S": "lease"},
        "sent_at": {"N": SENT_AT.to_string()}, "ttl_seconds": {"N": "600"},
        "due_shard": {"S": (number % 8).to_string()}, "due_at": {"N": DUE_AT.to_string()},
        "kind": {"S": "step-functions-task"}, "region": {"S": "eu-west-1"}, "account": {"NULL": true},
        "fingerprint": {"S": format!("{number:016x}")}, "event_id": {"NULL": true}, "source": {"NULL": true},
        "target": {"S": target}, "failure": {"NULL": true},
    });
    (pk, item)
}

impl Fake {
    /// An account with so many leases that are due.
    pub fn with_leases(count: usize) -> Self {
        Self { leases: RefCell::new((0..count).map(lease).collect()), ..Self::default() }
    }

    /// The same account with another script.
    pub fn told(
        self,
        script: impl Fn(&Fake, &str, &Value) -> Option<Result<String, ServiceError>> + 'static,
    ) -> Self {
        *self.script.borrow_mut() = Some(Box::new(script));
        self
    }

    /// Moves a lease ten minutes on, as a renewal does.
    pub fn renew(&self, pk: &str) {
        if let Some(item) = self.leases.borrow_mut().get_mut(pk) {
            let later = |name: &str| (number(&item[name]) + 600_000).to_string();
            let (sent_at, due_at) = (later("sent_at"), later("due_at"));
            item["sent_at"] = json!({"N": sent_at});
            item["due_at"] = json!({"N": due_at});
        }
    }

    /// The tasks that the queue was told of, each once.
    pub fn reported(&self) -> BTreeSet<String> {
        self.queue.borrow().iter().map(token_of).collect()
    }

    fn query(&self, request: &Value) -> Value {
        let values = &request["ExpressionAttributeValues"];
        let now = number(&values[":now"]);
        let leases = self.leases.borrow();
        let stale = self.stale.borrow();
        let after = request["ExclusiveStartKey"]["pk"]["S"].as_str().unwrap_or_default();
        let after = (Bound::Excluded(after), Bound::Unbounded);
        let limit = usize::try_from(request["Limit"].as_u64().unwrap()).unwrap();
        let is_due = |(_, item): &(&String, &Value)| {
            item["due_shard"] == values[":shard"] && number(&item["due_at"]) <= now
        };
        let of_table = leases.range::<str, _>(after).filter(is_due).take(limit + 1);
        let of_index = stale.range::<str, _>(after).filter(is_due);
        let mut found: Vec<&str> = of_table.chain(of_index).map(|(pk, _)| pk.as_str()).collect();
        found.sort_unstable();
        let page: Vec<Value> = found.iter().take(limit).map(|pk| json!({"pk": {"S": pk}})).collect();
        let mut answer = json!({"Items": page});
        if found.len() > limit {
            answer["LastEvaluatedKey"] = json!({"pk": {"S": found[limit - 1]}, "sk": {"S": "lease"}});
        }
        answer
    }

    fn read(&self, request: &Value) -> Value {
        let keys = &request["RequestItems"]["leases"];
        assert_eq!(keys["ConsistentRead"], true, "a stale read fails a live worker");
        let keys = keys["Keys"].as_array().unwrap();
        assert!(keys.len() <= 100, "DynamoDB takes a hundred");
        let leases = self.leases.borrow();
        let items: Vec<&Value> = keys.iter().filter_map(|key| leases.get(key["pk"]["S"].as_str()?)).collect();
        json!({"Responses": {"leases": items}, "UnprocessedKeys": {}})
    }

    fn delete(&self, request: &Value) -> Result<String, ServiceError> {
        let pk = request["Key"]["pk"]["S"].as_str().unwrap();
        let values = &request["ExpressionAttributeValues"];
        let mut leases = self.leases.borrow_mut();
        let holds = leases
            .get(pk)
            .is_some_and(|item| item["sent_at"] == values[":sent"] && item["due_at"] == values[":due"]);
        if !holds {
            return Err(refused("ConditionalCheckFailedException", 400));
        }
        leases.remove(pk);
        Ok("{}".to_owned())
    }

    fn send(&self, request: &Value) -> Value {
        let entries = request["Entries"].as_array().unwrap();
        assert!((1..=10).contains(&entries.len()), "SQS takes ten");
        let size: usize = entries.iter().map(|entry| entry["MessageBody"].as_str().unwrap().len()).sum();
        assert!(entries.len() == 1 || size <= 1_048_576, "SQS takes a mebibyte");
        self.queue.borrow_mut().extend(entries.iter().cloned());
        let stored: Vec<Value> =
            entries.iter().map(|entry| json!({"Id": entry["Id"], "MessageId": "m"})).collect();
        json!({"Successful": stored, "Failed": []})
    }
}

impl Services for Fake {
    async fn ask(
        &self,
        operation: &'static Operation,
        form: HttpForm,
        place: &Place,
    ) -> Result<String, ServiceError> {
        assert_eq!((place.region.as_str(), &place.account), ("eu-west-1", &None));
        self.calls.set(self.calls.get() + 1);
        let (most, under_way) = self.at_once.get();
        self.at_once.set((most.max(under_way + 1), under_way + 1));
        tokio::task::yield_now().await;
        self.at_once.set((self.at_once.get().0, self.at_once.get().1 - 1));
        let request: Value = serde_json::from_str(&form.body).unwrap();
        let script = self.script.borrow();
        if let Some(answer) = script.as_ref().and_then(|script| script(self, operation.name, &request)) {
            return answer;
        }
        match operation.name {
            "Query" => Ok(self.query(&request).to_string()),
            "BatchGetItem" => Ok(self.read(&request).to_string()),
            "DeleteItem" => self.delete(&request),
            "SendMessageBatch" => Ok(self.send(&request).to_string()),
            other => panic!("nobody asks for {other}"),
        }
    }
}

/// An answer that is no acceptance.
pub fn refused(name: &str, status: u16) -> ServiceError {
    ServiceError { name: Some(name.to_owned()), status: Some(status), ..ServiceError::default() }
}

/// The token of the task that an entry of the queue reports.
pub fn token_of(entry: &Value) -> String {
    let event: Value = serde_json::from_str(entry["MessageBody"].as_str().unwrap()).unwrap();
    event["target"]["taskToken"].as_str().unwrap().to_owned()
}

fn number(attribute: &Value) -> i64 {
    attribute["N"].as_str().unwrap().parse().unwrap()
}
