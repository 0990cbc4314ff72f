//! Claims of resources, and the notices that came before them.

use serde_json::{Value, json};

use super::attributes::{Change, EXPIRES_AT, Item, answer, items, key, number, text, update};
use super::{GET_ITEM, Holder, Page, QUERY, RELEASED_SECONDS, TableRequest, Unreadable};
use crate::claim::{Action, Claim};
use crate::event::Failure;
use crate::json::{Json, quoted};
use crate::secret::{Secret, sha256_hex};
use crate::text::cut;

/// How long a notice that nobody had claimed is remembered, in seconds.
const REMEMBERED_SECONDS: i64 = 3600;

const CLAIM_PREFIX: &str = "claim#";
const NOTICE: &str = "notice";
const TARGET: &str = "target";
const FAILURE: &str = "failure";

/// The longest message and details of a notice that is remembered: more than any API takes.
const MESSAGE_MAX: usize = 70_000;
const DETAILS_MAX: usize = 100_000;

/// The key of all that concerns a resource. Its name may be longer than a key may be.
fn pk_of(resource: &str) -> String {
    format!("resource#{}", sha256_hex(resource))
}

/// Carries out what an event asks for. `sent_at` is when it was sent and `now` the present time, in milliseconds since 1970. It
/// lasts from now on; one that is taken back is remembered for a day, as a released lease is.
#[must_use]
pub fn register_claim(table: &str, claim: &Claim, holder: &Holder, sent_at: i64, now: i64) -> TableRequest {
    let key = key(&pk_of(&claim.resource), &format!("{CLAIM_PREFIX}{}", holder.key));
    let changes = match claim.action {
        Action::Take { ttl_seconds } => {
            let mut changes = vec![
                Change::Set(TARGET, text(Some(holder.target.expose()))),
                Change::Set(FAILURE, text(holder.failure.as_deref())),
                Change::Set(EXPIRES_AT, number(now / 1000 + i64::from(ttl_seconds))),
            ];
            changes.extend(holder.naming(Change::Set));
            changes
        }
        Action::Release => {
            let gone = [TARGET, FAILURE, "kind", "region", "account", "fingerprint"];
            let forgotten_at = now / 1000 + RELEASED_SECONDS;
            gone.map(Change::Remove)
                .into_iter()
                .chain([Change::Set(EXPIRES_AT, number(forgotten_at))])
                .collect()
        }
    };
    update(table, &key, sent_at, changes)
}

/// Asks for the claims on a resource, as they are now.
#[must_use]
pub fn claims_on(table: &str, resource: &str, start: Option<&Value>) -> TableRequest {
    let mut body = json!({
        "KeyConditionExpression": "#pk = :pk AND begins_with(#sk, :prefix)",
        "ExpressionAttributeNames": {"#pk": "pk", "#sk": "sk"},
        "ExpressionAttributeValues": {":pk": text(Some(&pk_of(resource))), ":prefix": text(Some(CLAIM_PREFIX))},
        "ConsistentRead": true,
    });
    if let Some(start) = start {
        body["ExclusiveStartKey"] = start.clone();
    }
    TableRequest::new(&QUERY, table, body)
}

/// A claim on a resource that died.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// Tells its target from others.
    pub key: String,
    /// The region of its target.
    pub region: String,
    /// The account of its target, as far as it is known.
    pub account: Option<String>,
    /// The `target` that failed.
    pub target: Secret,
    /// The claim's own `failure`.
    pub failure: Option<String>,
}

impl From<&Holder> for Claimed {
    fn from(holder: &Holder) -> Self {
        Self {
            key: holder.key.clone(),
            region: holder.region.clone(),
            account: holder.account.clone(),
            target: holder.target.clone(),
            failure: holder.failure.clone(),
        }
    }
}

/// The claims of an answer that still hold; `now` is in milliseconds since 1970.
///
/// # Errors
/// [`Unreadable`] where the answer is no page.
pub fn claimed_in(body: &str, now: i64) -> Result<Page<Claimed>, Unreadable> {
    let answer = answer(body)?;
    let held = items(&answer)?.filter(|item| !item.has_expired(now / 1000)).filter_map(|item| {
        Some(Claimed {
            key: item.text("sk")?.strip_prefix(CLAIM_PREFIX)?.to_owned(),
            region: item.owned("region")?,
            account: item.owned("account"),
            target: Secret::new(item.text(TARGET)?),
            failure: item.owned(FAILURE),
        })
    });
    let held = held.collect();
    let next = answer.get("LastEvaluatedKey").filter(|key| key.is_object()).cloned();
    Ok(Page { items: held, next })
}

/// Remembers for an hour that a resource died; `now` is in milliseconds since 1970.
#[must_use]
pub fn remember(table: &str, resource: &str, failure: &Failure<'_>, now: i64) -> TableRequest {
    let changes = vec![
        Change::Set(NOTICE, text(Some(&stored(failure)))),
        Change::Set(EXPIRES_AT, number(now / 1000 + REMEMBERED_SECONDS)),
    ];
    update(table, &key(&pk_of(resource), NOTICE), now, changes)
}

fn stored(failure: &Failure<'_>) -> String {
    let text = |name: &str, text: Option<&str>| {
        Some(format!("{}:{}", quoted(name), quoted(&cut(text?, MESSAGE_MAX))))
    };
    let details = failure.details.as_deref().filter(|details| details.len() <= DETAILS_MAX);
    let members = [
        text("type", failure.given_type.as_deref()),
        text("message", failure.given_message.as_deref()),
        text("externalExecutionId", failure.external_execution_id.as_deref()),
        details.map(|details| format!("\"details\":{details}")),
    ];
    format!("{{{}}}", members.into_iter().flatten().collect::<Vec<_>>().join(","))
}

/// Asks whether a resource has died lately.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_GetItem.html>
#[must_use]
pub fn remembered(table: &str, resource: &str) -> TableRequest {
    TableRequest::new(&GET_ITEM, table, json!({"Key": key(&pk_of(resource), NOTICE), "ConsistentRead": true}))
}

/// The failure of the notice that an answer holds, where there is one that is not an hour old; `now` is in milliseconds since 1970.
///
/// # Errors
/// [`Unreadable`] where the answer is none.
pub fn remembered_in(body: &str, now: i64) -> Result<Option<Failure<'static>>, Unreadable> {
    let answer = answer(body)?;
    let Some(item) = answer.get("Item") else { return Ok(None) };
    let item = Item::of(item)?;
    if item.has_expired(now / 1000) {
        return Ok(None);
    }
    let notice = item.text(NOTICE).ok_or(Unreadable)?;
    let failure = Failure::read(Some(Json::parse(notice).map_err(|_| Unreadable)?));
    Ok(Some(failure.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_700_000_000_000;

    #[test]
    fn a_claim_that_has_expired_or_was_taken_back_is_none() {
        let claim = |sk: &str, expires_at: i64, target: Option<&str>| {
            json!({"pk": {"S": "r"}, "sk": {"S": sk}, "region": {"S": "eu-west-1"}, "account": text(None),
                "target": text(target), "expires_at": {"N": expires_at.to_string()}})
        };
        let later = NOW / 1000 + 1;
        let items = [
            claim("claim#a", later, Some("{}")),
            claim("claim#b", NOW / 1000, Some("{}")),
            claim("claim#c", later, None),
            claim("notice", later, Some("{}")),
        ];
        let page = claimed_in(&json!({"Items": items}).to_string(), NOW).unwrap();
        let keys: Vec<&str> = page.items.iter().map(|claimed| claimed.key.as_str()).collect();
        assert_eq!(keys, ["a"]);
        assert!(page.next.is_none());
        assert!(claimed_in("{}", NOW).is_err());
    }

    #[test]
    fn a_notice_is_remembered_for_an_hour_as_it_was() {
        let failure = Failure {
            given_type: Some("Glue.FAILED".into()),
            given_message: Some("out of memory".into()),
            details: Some(r#"{"jobName":"etl"}"#.into()),
            external_execution_id: Some("jr_1".into()),
            event_id: None,
        };
        let request: Value =
            serde_json::from_str(&remember("leases", "jr_1", &failure, NOW).http().body).unwrap();
        let values = &request["ExpressionAttributeValues"];
        assert_eq!(values[":expires_at"], json!({"N": "1700003600"}));
        let answer = json!({"Item": {"notice": values[":notice"], "expires_at": values[":expires_at"]}});
        let remembered = |now| remembered_in(&answer.to_string(), now).unwrap();
        assert_eq!(remembered(NOW + 3_599_000), Some(failure));
        assert_eq!(remembered(NOW + 3_600_000), None);
        assert_eq!(remembered_in("{}", NOW), Ok(None));
    }

    #[test]
    fn a_resource_of_any_length_has_a_key_of_its_own() {
        let key = |resource: &str| remembered("leases", resource).http().body;
        let long = "x".repeat(2048);
        assert!(key(&long).len() < 300);
        assert_ne!(key(&long), key(&long[1..]));
    }
}
