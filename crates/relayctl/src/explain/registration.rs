//! What a lease or a claim asks for, and when its time is over.

use failure_event::claim::{Action, Claim};
use failure_event::event::Failure;
use failure_event::json::Json;
use failure_event::lease::{LEASE_EXPIRED, Lease};
use failure_event::registration::Registration;
use failure_event::route::PlannedRegistration;
use failure_event::secret::MentionedSecrets;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// What is asked for, when its time is over, and as what the target is reported then.
pub fn steps(planned: &PlannedRegistration, secrets: &MentionedSecrets) -> Vec<(&'static str, String)> {
    let mut steps = vec![("asks", asked(&planned.registration))];
    if let Some(seconds) = ttl_seconds(&planned.registration) {
        let time = end_of(planned, seconds).map(|time| format!(" ({time})")).unwrap_or_default();
        let (step, unless) = match planned.registration {
            Registration::Lease(_) => ("due", ", unless it is renewed or released before"),
            Registration::Claim(_) => ("ends", ""),
        };
        steps.push((step, format!("{seconds} s after it was sent{time}{unless}")));
        let reported = given_type(planned, secrets);
        steps.push(("reports", reported.unwrap_or_else(|| default_type(&planned.registration).to_owned())));
    }
    steps
}

fn asked(registration: &Registration) -> String {
    match registration {
        Registration::Lease(Lease::Take { ttl_seconds }) => {
            format!("to take a lease of {ttl_seconds} s, in place of an older one")
        }
        Registration::Lease(Lease::Renew { ttl_seconds }) => {
            format!("to renew its lease for {ttl_seconds} s; where there is none, to take it")
        }
        Registration::Lease(Lease::Release) => "to release its lease".to_owned(),
        Registration::Claim(Claim { resource, action: Action::Take { .. } }) => {
            format!("to claim {resource}: when it dies, the target has failed")
        }
        Registration::Claim(Claim { resource, action: Action::Release }) => {
            format!("to release its claim of {resource}")
        }
    }
}

/// The type of the failure, where the event does not say.
fn default_type(registration: &Registration) -> &'static str {
    match registration {
        Registration::Lease(Lease::Take { .. } | Lease::Release) => LEASE_EXPIRED,
        Registration::Lease(Lease::Renew { .. }) => "what it was taken with",
        Registration::Claim(_) => "what the notice of its death says",
    }
}

/// What the relay does with it.
pub fn outcome(registration: &Registration) -> &'static str {
    match registration {
        Registration::Lease(_) => "writes the lease to the table; the target's API is not called now",
        Registration::Claim(_) => "writes the claim to the table; a notice that came before it is relayed",
    }
}

/// The same for programs.
pub fn as_json(planned: &PlannedRegistration, secrets: &MentionedSecrets) -> Value {
    let (action, resource) = match &planned.registration {
        Registration::Lease(Lease::Take { .. }) => ("take", None),
        Registration::Lease(Lease::Renew { .. }) => ("renew", None),
        Registration::Lease(Lease::Release) => ("release", None),
        Registration::Claim(Claim { resource, action: Action::Take { .. } }) => ("take", Some(resource)),
        Registration::Claim(Claim { resource, action: Action::Release }) => ("release", Some(resource)),
    };
    let seconds = ttl_seconds(&planned.registration);
    json!({
        "asksFor": planned.registration.member(),
        "action": action,
        "resource": resource,
        "ttlSeconds": seconds,
        "endsAt": seconds.and_then(|seconds| end_of(planned, seconds)),
        "failureType": given_type(planned, secrets),
        "region": planned.place.region,
        "account": planned.place.account.as_ref().map(|account| &account.id),
    })
}

fn ttl_seconds(registration: &Registration) -> Option<u32> {
    match registration {
        Registration::Lease(Lease::Take { ttl_seconds } | Lease::Renew { ttl_seconds })
        | Registration::Claim(Claim { action: Action::Take { ttl_seconds }, .. }) => Some(*ttl_seconds),
        Registration::Lease(Lease::Release) | Registration::Claim(Claim { action: Action::Release, .. }) => {
            None
        }
    }
}

/// When its time is over, where it is known when it was sent.
fn end_of(planned: &PlannedRegistration, seconds: u32) -> Option<String> {
    let end = i128::from(planned.sent_at?) + i128::from(seconds) * 1000;
    OffsetDateTime::from_unix_timestamp_nanos(end * 1_000_000).ok()?.format(&Rfc3339).ok()
}

fn given_type(planned: &PlannedRegistration, secrets: &MentionedSecrets) -> Option<String> {
    let failure = planned.holder.failure.as_deref().and_then(|failure| Json::parse(failure).ok());
    Failure::read(failure).given_type.map(|given| secrets.redact(&given))
}
