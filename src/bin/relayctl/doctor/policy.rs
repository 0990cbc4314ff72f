//! IAM policies, as far as it takes to say that a role surely lacks a permission.
//!
//! This is no simulator: conditions that it does not know are taken as fulfilled, so what it reports is missing indeed, and what it
//! passes may still be refused.

use serde_json::Value;

/// One statement of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Whether it allows; else it denies.
    pub allows: bool,
    /// Patterns of actions.
    pub actions: Vec<String>,
    /// Patterns of resources.
    pub resources: Vec<String>,
    /// The regions to which it is held, where it is.
    pub regions: Option<Vec<String>>,
    /// The accounts to which it is held, where it is.
    pub accounts: Option<Vec<String>>,
    /// Whether it has other conditions.
    pub has_other_conditions: bool,
}

/// What is to be done, and where.
#[derive(Clone, Copy, Debug, Default)]
pub struct Request<'a> {
    /// The action, such as `sqs:SendMessage`.
    pub action: &'a str,
    /// The resource; `None` asks whether any resource would do.
    pub resource: Option<&'a str>,
    /// The region, where it matters.
    pub region: Option<&'a str>,
    /// The account, where it matters.
    pub account: Option<&'a str>,
}

/// The statements of a policy document; `None` when it is none. Those that have `NotAction` or `NotResource` are left out, as
/// they name nothing.
#[must_use]
pub fn statements(document: &str) -> Option<Vec<Statement>> {
    let document: Value = serde_json::from_str(document).ok()?;
    let list = match &document["Statement"] {
        Value::Array(list) => list.clone(),
        one => vec![one.clone()],
    };
    Some(list.iter().filter_map(statement).collect())
}

fn statement(value: &Value) -> Option<Statement> {
    let (actions, resources) = (strings(&value["Action"]), strings(&value["Resource"]));
    if actions.is_empty() || resources.is_empty() {
        return None;
    }
    let mut statement = Statement {
        allows: value["Effect"] == "Allow",
        actions,
        resources,
        regions: None,
        accounts: None,
        has_other_conditions: false,
    };
    for (operator, keys) in value["Condition"].as_object().into_iter().flatten() {
        for (key, wanted) in keys.as_object().into_iter().flatten() {
            match (operator.as_str(), key.to_ascii_lowercase().as_str()) {
                ("StringEquals", "aws:requestedregion") => statement.regions = Some(strings(wanted)),
                ("StringEquals", "aws:resourceaccount") => statement.accounts = Some(strings(wanted)),
                _ => statement.has_other_conditions = true,
            }
        }
    }
    Some(statement)
}

fn strings(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// Whether the statements may allow a request: one of them does, and none denies it for certain.
#[must_use]
pub fn may(statements: &[Statement], request: Request<'_>) -> bool {
    let denies = |statement: &Statement| {
        !statement.allows
            && !statement.has_other_conditions
            && request.resource.is_some()
            && statement.covers(request)
    };
    statements.iter().any(|statement| statement.allows && statement.covers(request))
        && !statements.iter().any(denies)
}

impl Statement {
    fn covers(&self, request: Request<'_>) -> bool {
        let held = |list: &Option<Vec<String>>, value: Option<&str>| match (list, value) {
            (Some(list), Some(value)) => list.iter().any(|one| one == value),
            _ => true,
        };
        let action = request.action.to_ascii_lowercase();
        self.actions.iter().any(|pattern| matches(&pattern.to_ascii_lowercase(), &action))
            && request
                .resource
                .is_none_or(|resource| self.resources.iter().any(|pattern| matches(pattern, resource)))
            && held(&self.regions, request.region)
            && held(&self.accounts, request.account)
    }
}

/// Whether a text fits a pattern with `*` and `?`.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut star) = ((0, 0), None);
    while at.1 < text.len() {
        match pattern.get(at.0) {
            Some('*') => {
                star = Some(at);
                at.0 += 1;
            }
            Some(wanted) if *wanted == '?' || *wanted == text[at.1] => at = (at.0 + 1, at.1 + 1),
            // The last star takes one character more.
            _ => match star {
                Some((star_at, taken)) => {
                    star = Some((star_at, taken + 1));
                    at = (star_at + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern[at.0..].iter().all(|rest| *rest == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = r#"{"Statement": [
        {"Effect": "Allow", "Action": ["sqs:Send*", "sqs:ReceiveMessage"], "Resource": "arn:aws:sqs:*:1:q?"},
        {"Effect": "Allow", "Action": "states:SendTaskFailure", "Resource": "*",
         "Condition": {"StringEquals": {"aws:RequestedRegion": ["eu-west-1", "us-east-1"]}}},
        {"Effect": "Deny", "Action": "sqs:*", "Resource": "arn:aws:sqs:*:1:q9"},
        {"Effect": "Deny", "Action": "sqs:*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}},
        {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}
    ]}"#;

    fn asked(action: &str, resource: Option<&str>, region: Option<&str>) -> bool {
        may(&statements(POLICY).unwrap(), Request { action, resource, region, account: None })
    }

    #[test]
    fn a_request_is_allowed_by_a_statement_that_covers_it() {
        assert!(asked("sqs:SendMessage", Some("arn:aws:sqs:eu-west-1:1:q1"), None));
        assert!(asked("SQS:receivemessage", None, None));
        assert!(!asked("sqs:DeleteMessage", None, None));
        assert!(!asked("sqs:SendMessage", Some("arn:aws:sqs:eu-west-1:1:other"), None));
    }

    #[test]
    fn a_certain_denial_wins_and_a_conditional_one_does_not() {
        assert!(!asked("sqs:SendMessage", Some("arn:aws:sqs:eu-west-1:1:q9"), None));
    }

    #[test]
    fn a_condition_on_the_region_is_looked_at() {
        assert!(asked("states:SendTaskFailure", None, Some("us-east-1")));
        assert!(!asked("states:SendTaskFailure", None, Some("us-west-2")));
    }

    #[test]
    fn stars_and_question_marks_match_as_iam_has_them() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*c", "abcd", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*b*b", "abab", true),
            ("", "a", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn what_is_no_policy_is_not_taken_for_an_empty_one() {
        assert_eq!(statements("not json"), None);
        let single = r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#;
        assert_eq!(statements(single).unwrap().len(), 1);
    }
}
