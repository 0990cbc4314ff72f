//! The policy of a queue, as far as it takes to say that a rule surely cannot send to it.

use serde_json::{Value, json};

use super::policy::{Request, matches, may, statements};

/// Who delivers for a rule.
const EVENTS: &str = "events.amazonaws.com";

/// Whether a queue's policy may let a rule send to it. Conditions other than those on the rule's ARN are taken as fulfilled.
#[must_use]
pub fn lets_rule_send(policy: Option<&str>, queue_arn: &str, rule_arn: &str) -> bool {
    let Some(document) = policy.and_then(|policy| serde_json::from_str::<Value>(policy).ok()) else {
        return false;
    };
    let all = match &document["Statement"] {
        Value::Array(list) => list.clone(),
        one => vec![one.clone()],
    };
    let concerned: Vec<Value> = all
        .into_iter()
        .filter(is_about_events)
        .filter_map(|statement| held_to(statement, rule_arn))
        .collect();
    let concerned = statements(&json!({"Statement": concerned}).to_string()).unwrap_or_default();
    let request = Request { action: "sqs:SendMessage", resource: Some(queue_arn), ..Request::default() };
    may(&concerned, request)
}

fn is_about_events(statement: &Value) -> bool {
    let principal = &statement["Principal"];
    let has = |value: &Value, wanted: &str| match value {
        Value::String(text) => text == wanted,
        Value::Array(items) => items.iter().any(|item| item == wanted),
        _ => false,
    };
    has(principal, "*") || has(&principal["AWS"], "*") || has(&principal["Service"], EVENTS)
}

/// The statement without its conditions on the rule's ARN; `None` when it is held to other rules.
fn held_to(mut statement: Value, rule_arn: &str) -> Option<Value> {
    let fits = |wanted: &Value| match wanted {
        Value::String(pattern) => matches(pattern, rule_arn),
        Value::Array(patterns) => patterns.iter().filter_map(Value::as_str).any(|one| matches(one, rule_arn)),
        _ => false,
    };
    let conditions = statement.get_mut("Condition").and_then(Value::as_object_mut);
    for (operator, keys) in conditions.into_iter().flatten() {
        if !matches!(operator.as_str(), "ArnEquals" | "ArnLike" | "StringEquals" | "StringLike") {
            continue;
        }
        let Some(keys) = keys.as_object_mut() else { continue };
        let Some(name) = keys.keys().find(|key| key.eq_ignore_ascii_case("aws:SourceArn")).cloned() else {
            continue;
        };
        if !keys.remove(&name).is_some_and(|wanted| fits(&wanted)) {
            return None;
        }
    }
    Some(statement)
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUEUE: &str = "arn:aws:sqs:eu-west-1:111122223333:failures";
    const RULE: &str = "arn:aws:events:eu-west-1:111122223333:rule/failures/all";

    fn lets(statements: &Value) -> bool {
        lets_rule_send(Some(&json!({"Statement": statements}).to_string()), QUEUE, RULE)
    }

    fn allowing(principal: &Value, condition: &Value) -> Value {
        json!({"Effect": "Allow", "Principal": principal, "Action": "sqs:SendMessage", "Resource": QUEUE,
            "Condition": condition})
    }

    #[test]
    fn a_rule_needs_a_statement_for_eventbridge_that_names_it_or_no_rule() {
        let events = json!({"Service": EVENTS});
        let named = json!({"ArnEquals": {"aws:SourceArn": ["arn:aws:events:::rule/other", RULE]}});
        assert!(lets(&allowing(&events, &named)));
        assert!(lets(&allowing(
            &events,
            &json!({"ArnLike": {"AWS:SourceArn": "arn:aws:events:*:*:rule/failures/*"}})
        )));
        assert!(lets(&allowing(
            &json!("*"),
            &json!({"StringEquals": {"aws:SourceAccount": "111122223333"}})
        )));
        assert!(!lets(&allowing(
            &events,
            &json!({"ArnEquals": {"aws:SourceArn": "arn:aws:events:::rule/other"}})
        )));
        assert!(!lets(&allowing(&json!({"Service": "sns.amazonaws.com"}), &json!({}))));
        assert!(!lets(&allowing(&json!({"AWS": "111122223333"}), &json!({}))));
    }

    #[test]
    fn a_certain_denial_wins_and_one_with_a_condition_does_not() {
        let allowed = allowing(&json!({"Service": EVENTS}), &json!({}));
        let denied = |condition: Value| json!({"Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": QUEUE, "Condition": condition});
        assert!(lets(&json!([allowed, denied(json!({"Bool": {"aws:SecureTransport": "false"}}))])));
        assert!(!lets(&json!([allowed, denied(json!({}))])));
        assert!(!lets(&json!([allowed, denied(json!({"ArnLike": {"aws:SourceArn": "*"}}))])));
    }

    #[test]
    fn a_queue_without_a_policy_takes_nothing_from_a_rule() {
        assert!(!lets_rule_send(None, QUEUE, RULE));
        assert!(!lets_rule_send(Some("no json"), QUEUE, RULE));
    }
}
