//! IAM policies, as far as it takes to say that a role surely lacks a permission.
//!
//! This is no simulator: conditions that it does not know are taken as fulfilled, so what it reports is missing indeed, and what it
//! passes may still be refused.

use regex_lite::Regex;
use serde_json::Value;

/// One statement of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Whether it allows; else it denies.
    pub allows: bool,
    /// `Action` or `NotAction`.
    pub actions: Covered,
    /// `Resource` or `NotResource`.
    pub resources: Covered,
    /// Patterns of the regions to which it is held, where it is.
    pub regions: Option<Vec<String>>,
    /// Patterns of the accounts to which it is held, where it is.
    pub accounts: Option<Vec<String>>,
    /// Whether it has other conditions.
    pub has_other_conditions: bool,
}

/// What a statement is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Covered {
    /// What fits one of these patterns.
    These(Vec<String>),
    /// What fits none of these.
    AllBut(Vec<String>),
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

/// The statements of a policy document; `None` when it is none.
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
    let mut statement = Statement {
        allows: value["Effect"] == "Allow",
        actions: covered(&value["Action"], &value["NotAction"])?,
        resources: covered(&value["Resource"], &value["NotResource"])?,
        regions: None,
        accounts: None,
        has_other_conditions: false,
    };
    for (operator, keys) in value["Condition"].as_object().into_iter().flatten() {
        for (key, wanted) in keys.as_object().into_iter().flatten() {
            match (operator.as_str(), key.to_ascii_lowercase().as_str()) {
                ("StringEquals" | "StringLike", "aws:requestedregion") => {
                    statement.regions = Some(strings(wanted));
                }
                ("StringEquals" | "StringLike", "aws:resourceaccount") => {
                    statement.accounts = Some(strings(wanted));
                }
                _ => statement.has_other_conditions = true,
            }
        }
    }
    Some(statement)
}

fn covered(these: &Value, all_but: &Value) -> Option<Covered> {
    match (strings(these), strings(all_but)) {
        (these, _) if !these.is_empty() => Some(Covered::These(these)),
        (_, all_but) if !all_but.is_empty() => Some(Covered::AllBut(all_but)),
        _ => None,
    }
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
            && (request.resource.is_some() || statement.resources.is_everything())
            && statement.covers(request)
    };
    statements.iter().any(|statement| statement.allows && statement.covers(request))
        && !statements.iter().any(denies)
}

impl Statement {
    fn covers(&self, request: Request<'_>) -> bool {
        let held = |list: &Option<Vec<String>>, value: Option<&str>| match (list, value) {
            (Some(list), Some(value)) => list.iter().any(|pattern| matches(pattern, value)),
            _ => true,
        };
        let is_for_resource = match request.resource {
            Some(resource) => self.resources.covers(resource),
            None => self.resources.reaches(request.region),
        };
        // Actions know no case; ARNs do.
        self.actions.lower_case().covers(&request.action.to_ascii_lowercase())
            && is_for_resource
            && held(&self.regions, request.region)
            && held(&self.accounts, request.account)
    }
}

impl Covered {
    fn covers(&self, text: &str) -> bool {
        match self {
            Covered::These(patterns) => patterns.iter().any(|pattern| matches(pattern, text)),
            Covered::AllBut(patterns) => !patterns.iter().any(|pattern| matches(pattern, text)),
        }
    }

    fn lower_case(&self) -> Self {
        let lower =
            |patterns: &[String]| patterns.iter().map(|pattern| pattern.to_ascii_lowercase()).collect();
        match self {
            Covered::These(patterns) => Covered::These(lower(patterns)),
            Covered::AllBut(patterns) => Covered::AllBut(lower(patterns)),
        }
    }

    fn is_everything(&self) -> bool {
        matches!(self, Covered::These(patterns) if patterns.iter().any(|pattern| pattern == "*"))
    }

    /// Whether any resource of the region can be meant.
    fn reaches(&self, region: Option<&str>) -> bool {
        let (Covered::These(patterns), Some(region)) = (self, region) else { return true };
        patterns.iter().any(|pattern| match pattern.split(':').nth(3) {
            Some(named) => named.is_empty() || matches(named, region),
            None => true,
        })
    }
}

/// Whether a text fits a pattern with `*` and `?`.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let pattern = regex_lite::escape(pattern).replace(r"\*", ".*").replace(r"\?", ".");
    Regex::new(&format!("(?s)^{pattern}$")).is_ok_and(|pattern| pattern.is_match(text))
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
        {"Effect": "Allow", "Action": "swf:*", "Resource": "arn:aws:swf:eu-west-1:1:/domain/*"}
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
    fn a_resource_of_another_region_is_of_no_use() {
        assert!(asked("swf:RespondActivityTaskFailed", None, Some("eu-west-1")));
        assert!(!asked("swf:RespondActivityTaskFailed", None, Some("us-east-1")));
    }

    #[test]
    fn what_is_excepted_is_not_covered_and_all_else_is() {
        let policy = r#"{"Statement": [
            {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"},
            {"Effect": "Deny", "Action": "swf:*", "Resource": "*"},
            {"Effect": "Deny", "Action": "sqs:*", "NotResource": "arn:aws:sqs:*:1:mine"}
        ]}"#;
        let statements = statements(policy).unwrap();
        let asked = |action, resource| may(&statements, Request { action, resource, ..Request::default() });
        assert!(asked("states:SendTaskFailure", None));
        assert!(!asked("iam:PassRole", None));
        assert!(!asked("swf:RespondActivityTaskFailed", None));
        assert!(asked("sqs:SendMessage", Some("arn:aws:sqs:eu-west-1:1:mine")));
        assert!(!asked("sqs:SendMessage", Some("arn:aws:sqs:eu-west-1:1:other")));
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
