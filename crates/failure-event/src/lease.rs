//! Leases and claims: an event that says what shall be done when nothing more is heard of a worker.
//!
//! They are told apart from failure events here, and checked: a relay that took one for a failure would fail a task whose worker
//! is alive. Both need a table, without which they are dead-lettered as `NOT_ENABLED`.

use crate::dead_letter::Reason;
use crate::event::name_of;
use crate::json::{Json, Object, Type};
use crate::text::utf16_len;

/// The shortest and the longest lease, in seconds.
pub const LEASE_SECONDS: (u64, u64) = (60, 86_400);

/// The shortest and the longest claim, in seconds.
pub const CLAIM_SECONDS: (u64, u64) = (60, 2_678_400);

/// The longest name of a claimed resource, in UTF-16 code units.
pub const RESOURCE_MAX: usize = 2048;

/// What an event with a target asks for instead of reporting a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// To take, renew or release a lease on the target.
    Lease,
    /// To claim a resource for the target, or to take that back.
    Claim,
}

impl Request {
    /// What an event asks for; `None` for a failure event.
    ///
    /// # Errors
    /// `INVALID_EVENT` where it asks for both, or not as it should.
    pub fn read(event: &Object<'_>) -> Result<Option<Self>, Reason> {
        match (event.member("lease"), event.member("claim")) {
            (None, None) => Ok(None),
            (Some(_), Some(_)) => {
                Err(Reason::invalid("lease: stands beside a claim; one event is one of them"))
            }
            (Some(lease), None) => check_lease(lease).map(|()| Some(Request::Lease)),
            (None, Some(claim)) => check_claim(claim).map(|()| Some(Request::Claim)),
        }
    }

    /// The member that asks.
    #[must_use]
    pub fn member(self) -> &'static str {
        match self {
            Request::Lease => "lease",
            Request::Claim => "claim",
        }
    }
}

fn check_lease(lease: Json<'_>) -> Result<(), Reason> {
    let lease = object("lease", lease)?;
    match action("lease", &lease)?.as_deref() {
        Some("take" | "renew") => match seconds("lease", &lease, LEASE_SECONDS)? {
            Some(()) => Ok(()),
            None => Err(Reason::invalid("lease.ttlSeconds: is missing")),
        },
        Some("release") => Ok(()),
        Some(_) => Err(Reason::invalid("lease.action: expected take, renew or release")),
        None => Err(Reason::invalid("lease.action: is missing")),
    }
}

fn check_claim(claim: Json<'_>) -> Result<(), Reason> {
    let claim = object("claim", claim)?;
    match action("claim", &claim)?.as_deref() {
        None | Some("take" | "release") => {}
        Some(_) => return Err(Reason::invalid("claim.action: expected take or release")),
    }
    let resource = claim.member("resource").ok_or_else(|| Reason::invalid("claim.resource: is missing"))?;
    let resource = resource.string().ok_or_else(|| wrong_type("claim.resource", "a string", resource))?;
    if resource.has_lone_surrogate || !(1..=RESOURCE_MAX).contains(&utf16_len(&resource.text)) {
        return Err(Reason::invalid(format!("claim.resource: expected 1 to {RESOURCE_MAX} characters")));
    }
    seconds("claim", &claim, CLAIM_SECONDS).map(|_| ())
}

fn object<'a>(name: &str, json: Json<'a>) -> Result<Object<'a>, Reason> {
    json.object().ok_or_else(|| wrong_type(name, "an object", json))
}

fn action(name: &str, object: &Object<'_>) -> Result<Option<String>, Reason> {
    let Some(action) = object.member("action") else { return Ok(None) };
    let path = format!("{name}.action");
    action
        .string()
        .map(|action| Some(action.text.into_owned()))
        .ok_or_else(|| wrong_type(&path, "a string", action))
}

/// `ttlSeconds`, where it is there: an integer within its limits.
fn seconds(name: &str, object: &Object<'_>, (least, most): (u64, u64)) -> Result<Option<()>, Reason> {
    let Some(given) = object.member("ttlSeconds") else { return Ok(None) };
    let seconds = Some(given).filter(|given| given.json_type() == Type::Number);
    match seconds.and_then(|seconds| seconds.text().parse::<u64>().ok()) {
        Some(seconds) if (least..=most).contains(&seconds) => Ok(Some(())),
        _ => Err(Reason::invalid(format!("{name}.ttlSeconds: expected an integer from {least} to {most}"))),
    }
}

fn wrong_type(path: &str, expected: &str, found: Json<'_>) -> Reason {
    Reason::invalid(format!("{path}: expected {expected}, found {}", name_of(found.json_type())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(event: &str) -> Result<Option<Request>, String> {
        Request::read(&Json::parse(event).unwrap().object().unwrap()).map_err(|reason| reason.message)
    }

    #[test]
    fn a_lease_and_a_claim_are_told_from_a_failure() {
        assert_eq!(read(r#"{"lease":null,"claim":null}"#), Ok(None));
        for lease in [
            r#"{"action":"take","ttlSeconds":60}"#,
            r#"{"action":"renew","ttlSeconds":86400}"#,
            r#"{"action":"release"}"#,
        ] {
            assert_eq!(read(&format!(r#"{{"lease":{lease}}}"#)), Ok(Some(Request::Lease)), "{lease}");
        }
        for claim in [r#"{"resource":"r"}"#, r#"{"resource":"r","action":"release","ttlSeconds":2678400}"#] {
            assert_eq!(read(&format!(r#"{{"claim":{claim}}}"#)), Ok(Some(Request::Claim)), "{claim}");
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
