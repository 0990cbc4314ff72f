//! Attributes of an item as DynamoDB's JSON has them, and updates that an older action cannot undo.
//!
//! <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_AttributeValue.html>

use serde_json::{Map, Value, json};

use super::{TableRequest, UPDATE_ITEM, Unreadable};

/// The attribute that says when the last action that took effect was sent, in milliseconds since 1970.
pub(super) const SENT_AT: &str = "sent_at";

/// The attribute by which DynamoDB deletes, in seconds since 1970.
pub(super) const EXPIRES_AT: &str = "expires_at";

/// A text; what is not there as `NULL`, which is there for `if_not_exists`.
pub(super) fn text(value: Option<&str>) -> Value {
    value.map_or_else(|| json!({"NULL": true}), |value| json!({"S": value}))
}

pub(super) fn number(value: impl Into<i64>) -> Value {
    json!({"N": value.into().to_string()})
}

/// The key of an item.
pub(super) fn key(pk: &str, sk: &str) -> Value {
    json!({"pk": text(Some(pk)), "sk": text(Some(sk))})
}

/// What an update does to one attribute.
pub(super) enum Change {
    /// It has this value from now on.
    Set(&'static str, Value),
    /// It has this value where it has none.
    Keep(&'static str, Value),
    /// It is not there any more.
    Remove(&'static str),
}

/// Updates an item, unless an action that was sent after `sent_at` has done so before.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.UpdateExpressions.html>
pub(super) fn update(table: &str, key: &Value, sent_at: i64, changes: Vec<Change>) -> TableRequest {
    let mut names = Map::from_iter([(format!("#{SENT_AT}"), json!(SENT_AT))]);
    let mut values = Map::from_iter([(format!(":{SENT_AT}"), number(sent_at))]);
    let (mut sets, mut removes) = (vec![format!("#{SENT_AT} = :{SENT_AT}")], Vec::new());
    for change in changes {
        let (Change::Set(name, _) | Change::Keep(name, _) | Change::Remove(name)) = &change;
        let name = *name;
        names.insert(format!("#{name}"), json!(name));
        match change {
            Change::Set(_, value) => {
                sets.push(format!("#{name} = :{name}"));
                values.insert(format!(":{name}"), value);
            }
            Change::Keep(_, value) => {
                sets.push(format!("#{name} = if_not_exists(#{name}, :{name})"));
                values.insert(format!(":{name}"), value);
            }
            Change::Remove(_) => removes.push(format!("#{name}")),
        }
    }
    let mut expression = format!("SET {}", sets.join(", "));
    if !removes.is_empty() {
        expression.push_str(&format!(" REMOVE {}", removes.join(", ")));
    }
    let body = json!({
        "Key": key,
        "UpdateExpression": expression,
        "ConditionExpression": format!("attribute_not_exists(#{SENT_AT}) OR #{SENT_AT} <= :{SENT_AT}"),
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": values,
    });
    TableRequest::new(&UPDATE_ITEM, table, body)
}

/// An item that the table answered with.
#[derive(Debug)]
pub(super) struct Item<'a>(pub(super) &'a Map<String, Value>);

impl<'a> Item<'a> {
    pub(super) fn of(value: &'a Value) -> Result<Self, Unreadable> {
        value.as_object().map(Self).ok_or(Unreadable)
    }

    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        self.0.get(name)?.get("S")?.as_str()
    }

    pub(super) fn number<N: std::str::FromStr>(&self, name: &str) -> Option<N> {
        self.0.get(name)?.get("N")?.as_str()?.parse().ok()
    }

    pub(super) fn owned(&self, name: &str) -> Option<String> {
        self.text(name).map(str::to_owned)
    }

    /// Whether it is still to be believed, which DynamoDB may take days to find out.
    pub(super) fn has_expired(&self, now_seconds: i64) -> bool {
        self.number::<i64>(EXPIRES_AT).is_some_and(|expires_at| expires_at <= now_seconds)
    }
}

/// An answer as JSON.
pub(super) fn answer(body: &str) -> Result<Value, Unreadable> {
    serde_json::from_str(body).map_err(|_| Unreadable)
}

/// The items of an answer to a query.
pub(super) fn items(answer: &Value) -> Result<impl Iterator<Item = Item<'_>>, Unreadable> {
    let items = answer.get("Items").and_then(Value::as_array).ok_or(Unreadable)?;
    Ok(items.iter().filter_map(|item| Item::of(item).ok()))
}
