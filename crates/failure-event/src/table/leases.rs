//! Leases: taking, renewing and releasing them, and what becomes of those that come due.

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::attributes::{Change, EXPIRES_AT, Item, SENT_AT, answer, items, key, number, text, update};
use super::{
    BATCH_GET_ITEM, DELETE_ITEM, DUE_INDEX, Holder, QUERY, RELEASED_SECONDS, TableRequest, Unreadable,
};
use crate::event::Failure;
use crate::json::{Json, quoted};
use crate::lease::{LEASE_EXPIRED, Lease};
use crate::secret::Secret;

/// Into so many partitions the index of due leases is divided, so that writing them is not one partition's work.
pub const SHARDS: u8 = 8;

const LEASE: &str = "lease";
const DUE_SHARD: &str = "due_shard";
const DUE_AT: &str = "due_at";
const TTL_SECONDS: &str = "ttl_seconds";
const TARGET: &str = "target";
const FAILURE: &str = "failure";
const EVENT_ID: &str = "event_id";
const SOURCE: &str = "source";

/// The longest id and source that an item holds, in bytes of UTF-8: what was cut from them no log shows either.
const NAME_MAX: usize = 1024;

/// Carries out what an event asks for. `sent_at` is when it was sent and `now` the present time, in milliseconds since 1970; `id` and
/// `source` are the event's own.
#[must_use]
pub fn register_lease(
    table: &str,
    lease: Lease,
    holder: &Holder,
    (id, source): (Option<&str>, Option<&str>),
    sent_at: i64,
    now: i64,
) -> TableRequest {
    let key = key(&format!("{LEASE}#{}", holder.key), LEASE);
    let changes = match lease {
        Lease::Take { ttl_seconds } => {
            let failure = Change::Set(FAILURE, text(holder.failure.as_deref()));
            let stored = stored(Change::Set, holder, id, source).into_iter().chain([failure]);
            due(holder, ttl_seconds, sent_at).into_iter().chain(stored).collect()
        }
        Lease::Renew { ttl_seconds } => {
            let failure = match &holder.failure {
                Some(failure) => Change::Set(FAILURE, text(Some(failure))),
                None => Change::Keep(FAILURE, text(None)),
            };
            let stored = stored(Change::Keep, holder, id, source).into_iter().chain([failure]);
            due(holder, ttl_seconds, sent_at).into_iter().chain(stored).collect()
        }
        Lease::Release => {
            let gone = [
                DUE_SHARD,
                DUE_AT,
                TTL_SECONDS,
                TARGET,
                FAILURE,
                EVENT_ID,
                SOURCE,
                "kind",
                "region",
                "account",
                "fingerprint",
            ];
            let forgotten_at = now / 1000 + RELEASED_SECONDS;
            gone.map(Change::Remove)
                .into_iter()
                .chain([Change::Set(EXPIRES_AT, number(forgotten_at))])
                .collect()
        }
    };
    update(table, &key, sent_at, changes)
}

/// When it comes due; it is no longer a released one.
fn due(holder: &Holder, ttl_seconds: u32, sent_at: i64) -> [Change; 4] {
    [
        Change::Set(DUE_SHARD, text(Some(&shard_of(&holder.key).to_string()))),
        Change::Set(DUE_AT, number(sent_at.saturating_add(i64::from(ttl_seconds) * 1000))),
        Change::Set(TTL_SECONDS, number(ttl_seconds)),
        Change::Remove(EXPIRES_AT),
    ]
}

fn stored(
    change: fn(&'static str, Value) -> Change,
    holder: &Holder,
    id: Option<&str>,
    source: Option<&str>,
) -> Vec<Change> {
    let mut stored = vec![
        change(TARGET, text(Some(holder.target.expose()))),
        change(EVENT_ID, text(id.map(bounded))),
        change(SOURCE, text(source.map(bounded))),
    ];
    stored.extend(holder.naming(change));
    stored
}

fn bounded(name: &str) -> &str {
    &name[..name.floor_char_boundary(NAME_MAX)]
}

/// The partition of the index that holds a lease: keys are hex digits, of which two are as evenly spread as can be.
fn shard_of(key: &str) -> u8 {
    let start = key.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
    start.unwrap_or_default() % SHARDS
}

/// One page of an index, and where the next begins.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// What it holds.
    pub items: Vec<T>,
    /// What the next page is asked for with; `None` after the last.
    pub next: Option<Value>,
}

/// Asks one shard for the keys of at most `limit` leases that are due at `now`, the oldest first.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Query.html>
#[must_use]
pub fn due_page(table: &str, shard: u8, now: i64, limit: usize, start: Option<&Value>) -> TableRequest {
    page(table, shard, Some(now), limit, start)
}

/// Asks one shard for all leases, by their due time: of each what [`Held`] has.
#[must_use]
pub fn held_page(table: &str, shard: u8, start: Option<&Value>) -> TableRequest {
    page(table, shard, None, 1000, start)
}

fn page(table: &str, shard: u8, due_by: Option<i64>, limit: usize, start: Option<&Value>) -> TableRequest {
    let mut body = json!({
        "IndexName": DUE_INDEX,
        "KeyConditionExpression": "#shard = :shard",
        "ExpressionAttributeNames": {"#shard": DUE_SHARD},
        "ExpressionAttributeValues": {":shard": text(Some(&shard.to_string()))},
        "Limit": limit,
    });
    if let Some(now) = due_by {
        body["KeyConditionExpression"] = json!("#shard = :shard AND #due <= :now");
        body["ExpressionAttributeNames"]["#due"] = json!(DUE_AT);
        body["ExpressionAttributeValues"][":now"] = number(now);
    }
    if let Some(start) = start {
        body["ExclusiveStartKey"] = start.clone();
    }
    TableRequest::new(&QUERY, table, body)
}

/// The keys of a page, for [`read_due`].
///
/// # Errors
/// [`Unreadable`] where the answer is no page.
pub fn due_keys_in(body: &str) -> Result<Page<String>, Unreadable> {
    let answer = answer(body)?;
    let keys = items(&answer)?.filter_map(|item| item.owned("pk")).collect();
    Ok(Page { items: keys, next: next(&answer) })
}

fn next(answer: &Value) -> Option<Value> {
    answer.get("LastEvaluatedKey").filter(|key| key.is_object()).cloned()
}

/// Who holds a lease, as the index tells it: without the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The kind of target.
    pub kind: String,
    /// Its region.
    pub region: String,
    /// Its account, as far as it is known.
    pub account: Option<String>,
    /// Follows it through the logs.
    pub fingerprint: String,
    /// The id of the event that took it.
    pub event_id: Option<String>,
    /// Who took it.
    pub source: Option<String>,
    /// The last sign of life, in milliseconds since 1970.
    pub sent_at: i64,
    /// When it comes due, in milliseconds since 1970.
    pub due_at: i64,
}

/// The leases of a page.
///
/// # Errors
/// [`Unreadable`] where the answer is no page.
pub fn held_in(body: &str) -> Result<Page<Held>, Unreadable> {
    let answer = answer(body)?;
    let held = items(&answer)?.filter_map(|item| {
        Some(Held {
            kind: item.owned("kind")?,
            region: item.owned("region")?,
            account: item.owned("account"),
            fingerprint: item.owned("fingerprint")?,
            event_id: item.owned(EVENT_ID),
            source: item.owned(SOURCE),
            sent_at: item.number(SENT_AT)?,
            due_at: item.number(DUE_AT)?,
        })
    });
    let held = held.collect();
    Ok(Page { items: held, next: next(&answer) })
}

/// Reads leases as they are now, which the index may not know yet: at most 100 of those keys.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html>
#[must_use]
pub fn read_due(table: &str, keys: &[String]) -> TableRequest {
    let keys: Vec<Value> = keys.iter().map(|pk| key(pk, LEASE)).collect();
    let mut request = TableRequest { operation: &BATCH_GET_ITEM, body: json!({}) };
    request.body["RequestItems"] = json!({table: {"Keys": keys, "ConsistentRead": true}});
    request
}

/// The leases of an answer that are due at `now`, and the keys that are to be asked for again.
///
/// # Errors
/// [`Unreadable`] where the answer holds no items.
pub fn due_in(body: &str, table: &str, now: i64) -> Result<(Vec<DueLease>, Vec<String>), Unreadable> {
    let answer = answer(body)?;
    let responses = answer.get("Responses").and_then(Value::as_object).ok_or(Unreadable)?;
    // A table that is named by its ARN may be answered by its name.
    let found = responses.get(table).or_else(|| responses.values().next()).and_then(Value::as_array);
    let read = found.into_iter().flatten().filter_map(|item| DueLease::read(&Item::of(item).ok()?));
    let due = read.filter(|lease| lease.due_at <= now).collect();
    let unread = answer.get("UnprocessedKeys").and_then(Value::as_object).into_iter().flatten();
    let unread = unread.filter_map(|(_, table)| table.get("Keys")?.as_array()).flatten();
    let again = unread.filter_map(|key| Item::of(key).ok()?.owned("pk")).collect();
    Ok((due, again))
}

/// A lease that nobody renewed in time.
#[derive(Clone, Debug)]
pub struct DueLease {
    pk: String,
    sent_at: i64,
    /// When it came due, in milliseconds since 1970.
    pub due_at: i64,
    ttl_seconds: u32,
    /// Follows its target through the logs.
    pub fingerprint: String,
    event_id: Option<String>,
    source: Option<String>,
    target: Secret,
    failure: Option<String>,
}

impl DueLease {
    fn read(item: &Item<'_>) -> Option<Self> {
        Some(Self {
            pk: item.owned("pk")?,
            sent_at: item.number(SENT_AT)?,
            due_at: item.number(DUE_AT)?,
            ttl_seconds: item.number(TTL_SECONDS)?,
            fingerprint: item.owned("fingerprint")?,
            event_id: item.owned(EVENT_ID),
            source: item.owned(SOURCE),
            target: Secret::new(item.text(TARGET)?),
            failure: item.owned(FAILURE),
        })
    }

    /// The failure event that reports its holder: what was stored with the lease, and for what was not what is known of it.
    #[must_use]
    pub fn event(&self) -> String {
        let default_id = format!("lease-{}", self.fingerprint);
        let mut event = format!(
            "{{\"version\":\"1\",\"id\":{},\"time\":{}",
            quoted(self.event_id.as_deref().unwrap_or(&default_id)),
            quoted(&rfc3339(self.due_at))
        );
        if let Some(source) = &self.source {
            event.push_str(&format!(",\"source\":{}", quoted(source)));
        }
        event.push_str(&format!(",\"target\":{},\"failure\":{}}}", self.target.expose(), self.failure()));
        event
    }

    fn failure(&self) -> String {
        let stored = self.failure.as_deref().and_then(|failure| Json::parse(failure).ok());
        let stored = Failure::read(stored);
        let unheard =
            || format!("No sign of life since {} (lease of {} s).", rfc3339(self.sent_at), self.ttl_seconds);
        let mut failure = format!(
            "{{\"type\":{},\"message\":{}",
            quoted(stored.given_type.as_deref().unwrap_or(LEASE_EXPIRED)),
            quoted(&stored.given_message.map_or_else(unheard, std::borrow::Cow::into_owned))
        );
        if let Some(details) = stored.details {
            failure.push_str(&format!(",\"details\":{details}"));
        }
        if let Some(id) = stored.external_execution_id {
            failure.push_str(&format!(",\"externalExecutionId\":{}", quoted(&id)));
        }
        failure.push('}');
        failure
    }
}

/// Ends a lease that was published, unless it was renewed meanwhile.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_DeleteItem.html>
#[must_use]
pub fn delete_due(table: &str, lease: &DueLease) -> TableRequest {
    let body = json!({
        "Key": key(&lease.pk, LEASE),
        "ConditionExpression": "#sent = :sent AND #due = :due",
        "ExpressionAttributeNames": {"#sent": SENT_AT, "#due": DUE_AT},
        "ExpressionAttributeValues": {":sent": number(lease.sent_at), ":due": number(lease.due_at)},
    });
    TableRequest::new(&DELETE_ITEM, table, body)
}

/// A time in milliseconds since 1970 as RFC 3339 has it.
fn rfc3339(millis: i64) -> String {
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000);
    // It fails only for years past 9999, which no queue's clock shows.
    time.ok().and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::Kind;

    const NOW: i64 = 1_700_000_000_000;

    fn holder(failure: Option<&str>) -> Holder {
        Holder {
            key: "a".repeat(64),
            kind: Kind::StepFunctionsTask,
            region: "eu-west-1".to_owned(),
            account: Some("111122223333".to_owned()),
            fingerprint: "0123456789abcdef".to_owned(),
            target: Secret::new(r#"{"kind":"step-functions-task","taskToken":"secret"}"#),
            failure: failure.map(str::to_owned),
        }
    }

    fn body(request: &TableRequest) -> Value {
        serde_json::from_str(&request.http().body).unwrap()
    }

    fn registered(lease: Lease, failure: Option<&str>) -> Value {
        body(&register_lease("leases", lease, &holder(failure), (None, Some("render")), NOW, NOW + 5))
    }

    #[test]
    fn no_action_undoes_one_that_was_sent_later() {
        let leases = [Lease::Take { ttl_seconds: 60 }, Lease::Renew { ttl_seconds: 60 }, Lease::Release];
        for request in leases.map(|lease| registered(lease, None)) {
            let condition = "attribute_not_exists(#sent_at) OR #sent_at <= :sent_at";
            assert_eq!(request["ConditionExpression"], condition);
            assert_eq!(request["ExpressionAttributeValues"][":sent_at"], json!({"N": NOW.to_string()}));
            assert_eq!(request["TableName"], "leases");
        }
    }

    #[test]
    fn leases_are_spread_evenly_over_the_shards() {
        let mut counts = [0; SHARDS as usize];
        for key in 0..=255 {
            counts[usize::from(shard_of(&format!("{key:02x}7")))] += 1;
        }
        assert_eq!(counts, [32; SHARDS as usize]);
    }

    #[test]
    fn a_lease_is_due_its_time_to_live_after_it_was_sent() {
        for lease in [Lease::Take { ttl_seconds: 600 }, Lease::Renew { ttl_seconds: 600 }] {
            let due_at = (NOW + 600_000).to_string();
            assert_eq!(registered(lease, None)["ExpressionAttributeValues"][":due_at"], json!({"N": due_at}));
        }
    }

    #[test]
    fn taking_replaces_what_was_stored_and_renewing_keeps_it_but_for_a_failure_that_it_brings() {
        let expression =
            |lease, failure| registered(lease, failure)["UpdateExpression"].as_str().unwrap().to_owned();
        let (take, renew) = (Lease::Take { ttl_seconds: 60 }, Lease::Renew { ttl_seconds: 60 });
        assert!(!expression(take, None).contains("if_not_exists"));
        for kept in ["target", "event_id", "source", "failure"] {
            assert!(expression(renew, None).contains(&format!("#{kept} = if_not_exists(#{kept}, :{kept})")));
        }
        assert!(expression(renew, Some("{}")).contains("#failure = :failure"));
        assert!(expression(renew, None).contains("#due_at = :due_at"));
    }

    #[test]
    fn what_is_released_can_not_come_due_and_keeps_no_token() {
        let release = registered(Lease::Release, None);
        let expression = release["UpdateExpression"].as_str().unwrap();
        let (_, removed) = expression.split_once(" REMOVE ").unwrap();
        for name in ["#due_shard", "#due_at", "#target", "#failure"] {
            assert!(removed.split(", ").any(|gone| gone == name), "{name}: {removed}");
        }
        assert!(!release.to_string().contains("secret"));
        let a_day_on = ((NOW + 5) / 1000 + 86_400).to_string();
        assert_eq!(release["ExpressionAttributeValues"][":expires_at"], json!({"N": a_day_on}));
    }

    fn due(failure: Option<&str>, id: Option<&str>) -> DueLease {
        let item = json!({
            "pk": {"S": "lease#abc"}, "sk": {"S": "lease"}, "sent_at": {"N": NOW.to_string()},
            "ttl_seconds": {"N": "60"}, "due_at": {"N": (NOW + 60_000).to_string()},
            "fingerprint": {"S": "0123456789abcdef"}, "event_id": text(id), "source": text(None),
            "target": {"S": r#"{"kind":"step-functions-task","taskToken":"secret"}"#}, "failure": text(failure),
        });
        let answer = json!({"Responses": {"leases": [item]}, "UnprocessedKeys": {}}).to_string();
        let (mut due, again) = due_in(&answer, "leases", NOW + 60_000).unwrap();
        assert!(again.is_empty());
        due.remove(0)
    }

    fn event(lease: &DueLease) -> Value {
        serde_json::from_str(&lease.event()).unwrap()
    }

    #[test]
    fn a_lease_that_ran_out_is_reported_with_what_is_known_of_it() {
        let expected = json!({
            "version": "1",
            "id": "lease-0123456789abcdef",
            "time": "2023-11-14T22:14:20Z",
            "target": {"kind": "step-functions-task", "taskToken": "secret"},
            "failure": {
                "type": "Worker.LeaseExpired",
                "message": "No sign of life since 2023-11-14T22:13:20Z (lease of 60 s).",
            },
        });
        assert_eq!(event(&due(None, None)), expected);
        assert_eq!(event(&due(Some("{}"), None)), expected);
    }

    #[test]
    fn what_was_stored_with_a_lease_is_what_is_reported() {
        let failure = r#"{"type":"Gone","message":"m","details":{"big":12345678901234567890},"externalExecutionId":"i-1"}"#;
        let lease = due(Some(failure), Some("job-7"));
        assert!(lease.event().contains(r#""details":{"big":12345678901234567890}"#));
        assert_eq!(event(&lease)["id"], "job-7");
        assert_eq!(event(&lease)["failure"]["type"], "Gone");
        assert_eq!(event(&due(Some("\"it broke\""), None))["failure"]["message"], "it broke");
    }

    #[test]
    fn a_lease_that_was_renewed_since_the_index_was_read_is_not_due() {
        let item = json!({"pk": {"S": "lease#abc"}, "sent_at": {"N": "1"}, "ttl_seconds": {"N": "60"},
            "due_at": {"N": (NOW + 1).to_string()}, "fingerprint": {"S": "f"}, "target": {"S": "{}"}});
        let released = json!({"pk": {"S": "lease#def"}, "sent_at": {"N": "1"}, "expires_at": {"N": "2"}});
        let answer = json!({"Responses": {"leases": [item, released]},
            "UnprocessedKeys": {"leases": {"Keys": [{"pk": {"S": "lease#ghi"}, "sk": {"S": "lease"}}]}}});
        let (due, again) = due_in(&answer.to_string(), "leases", NOW).unwrap();
        assert!(due.is_empty());
        assert_eq!(again, ["lease#ghi"]);
    }

    #[test]
    fn a_renewal_between_publishing_and_deleting_wins() {
        let request = body(&delete_due("leases", &due(None, None)));
        assert_eq!(request["ConditionExpression"], "#sent = :sent AND #due = :due");
        assert_eq!(request["Key"], json!({"pk": {"S": "lease#abc"}, "sk": {"S": "lease"}}));
    }

    #[test]
    fn no_answer_that_is_none_is_taken_for_an_empty_page() {
        for odd in ["", "{}", "[]", r#"{"Items":7}"#, "<html>"] {
            assert!(due_keys_in(odd).is_err() && held_in(odd).is_err(), "{odd}");
            assert!(due_in(odd, "leases", NOW).is_err(), "{odd}");
        }
    }
}
