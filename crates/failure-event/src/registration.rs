//! What an event with a target may ask for instead of reporting a failure: a lease on the target, or a claim of a resource for it.
//!
//! They are told apart from failure events here: a relay that took one for a failure would fail a task whose worker is alive.

use crate::claim::Claim;
use crate::dead_letter::Reason;
use crate::event::name_of;
use crate::json::{Json, Object, Type};
use crate::lease::Lease;

/// What an event registers for its target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Registration {
    /// To take, renew or release a lease.
    Lease(Lease),
    /// To claim a resource, or to take that back.
    Claim(Claim),
}

impl Registration {
    /// What an event asks for; `None` for a failure event.
    ///
    /// # Errors
    /// `INVALID_EVENT` where it asks for both, or not as it should.
    pub fn read(event: &Object<'_>) -> Result<Option<Self>, Reason> {
        match (event.member(Lease::MEMBER), event.member(Claim::MEMBER)) {
            (None, None) => Ok(None),
            (Some(_), Some(_)) => {
                Err(Reason::invalid("lease: stands beside a claim; one event is one of them"))
            }
            (Some(lease), None) => Lease::read(lease).map(|lease| Some(Self::Lease(lease))),
            (None, Some(claim)) => Claim::read(claim).map(|claim| Some(Self::Claim(claim))),
        }
    }

    /// The member of the event that asks.
    #[must_use]
    pub fn member(&self) -> &'static str {
        match self {
            Self::Lease(_) => Lease::MEMBER,
            Self::Claim(_) => Claim::MEMBER,
        }
    }
}

/// The member's own members.
///
/// # Errors
/// `INVALID_EVENT` where it is no object.
pub(crate) fn object<'a>(name: &str, json: Json<'a>) -> Result<Object<'a>, Reason> {
    json.object().ok_or_else(|| wrong_type(name, "an object", json))
}

/// `action`, where it is there.
///
/// # Errors
/// `INVALID_EVENT` where it is no string.
pub(crate) fn action(name: &str, object: &Object<'_>) -> Result<Option<String>, Reason> {
    let Some(action) = object.member("action") else { return Ok(None) };
    let path = format!("{name}.action");
    action
        .string()
        .map(|action| Some(action.text.into_owned()))
        .ok_or_else(|| wrong_type(&path, "a string", action))
}

/// `ttlSeconds`, where it is there.
///
/// # Errors
/// `INVALID_EVENT` where it is no integer within its limits.
pub(crate) fn ttl_seconds(
    name: &str,
    object: &Object<'_>,
    (least, most): (u32, u32),
) -> Result<Option<u32>, Reason> {
    let Some(given) = object.member("ttlSeconds") else { return Ok(None) };
    let seconds = Some(given).filter(|given| given.json_type() == Type::Number);
    match seconds.and_then(|seconds| seconds.text().parse().ok()) {
        Some(seconds) if (least..=most).contains(&seconds) => Ok(Some(seconds)),
        _ => Err(Reason::invalid(format!("{name}.ttlSeconds: expected an integer from {least} to {most}"))),
    }
}

/// `INVALID_EVENT` for a member of another type than it should be.
pub(crate) fn wrong_type(path: &str, expected: &str, found: Json<'_>) -> Reason {
    Reason::invalid(format!("{path}: expected {expected}, found {}", name_of(found.json_type())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claim;

    fn read(event: &str) -> Result<Option<Registration>, String> {
        Registration::read(&Json::parse(event).unwrap().object().unwrap()).map_err(|reason| reason.message)
    }

    #[test]
    fn a_lease_and_a_claim_are_told_from_a_failure() {
        assert_eq!(read(r#"{"lease":null,"claim":null}"#), Ok(None));
        for (lease, expected) in [
            (r#"{"action":"take","ttlSeconds":60}"#, Lease::Take { ttl_seconds: 60 }),
            (r#"{"action":"renew","ttlSeconds":86400}"#, Lease::Renew { ttl_seconds: 86_400 }),
            (r#"{"action":"release"}"#, Lease::Release),
        ] {
            let event = format!(r#"{{"lease":{lease}}}"#);
            assert_eq!(read(&event), Ok(Some(Registration::Lease(expected))), "{lease}");
        }
        for (claim, action) in [
            (r#"{"resource":"r"}"#, claim::Action::Take { ttl_seconds: 1_209_600 }),
            (r#"{"resource":"r","action":"take","ttlSeconds":60}"#, claim::Action::Take { ttl_seconds: 60 }),
            (r#"{"resource":"r","action":"release","ttlSeconds":2678400}"#, claim::Action::Release),
        ] {
            let event = format!(r#"{{"claim":{claim}}}"#);
            let expected = Claim { resource: "r".to_owned(), action };
            assert_eq!(read(&event), Ok(Some(Registration::Claim(expected))), "{claim}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (event, path) in [
            (r#"{"lease":7}"#, "lease: "),
            (r#"{"lease":{"action":"steal"}}"#, "lease.action: "),
            (r#"{"lease":{"ttlSeconds":60}}"#, "lease.action: "),
            (r#"{"lease":{"action":"take"}}"#, "lease.ttlSeconds: "),
            (r#"{"lease":{"action":"take","ttlSeconds":59}}"#, "lease.ttlSeconds: "),
            (r#"{"lease":{"action":"take","ttlSeconds":60.5}}"#, "lease.ttlSeconds: "),
            (r#"{"lease":{"action":"take","ttlSeconds":"60"}}"#, "lease.ttlSeconds: "),
            (r#"{"lease":{"action":"renew","ttlSeconds":86401}}"#, "lease.ttlSeconds: "),
            (r#"{"lease":{"action":"release","ttlSeconds":1}}"#, "lease.ttlSeconds: "),
            (r#"{"claim":{}}"#, "claim.resource: "),
            (r#"{"claim":{"resource":""}}"#, "claim.resource: "),
            (r#"{"claim":{"resource":"r","action":"renew"}}"#, "claim.action: "),
            (r#"{"claim":{"resource":"r"},"lease":{"action":"release"}}"#, "lease: "),
        ] {
            let message = read(event).unwrap_err();
            assert!(message.starts_with(path), "{event}: {message}");
        }
    }
}
