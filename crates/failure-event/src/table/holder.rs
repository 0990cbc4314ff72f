//! Who holds a lease or a claim: a target, as the table has it.

use serde_json::Value;

use super::attributes::{Change, text};
use crate::event::Failure;
use crate::json::{Json, Object, quoted};
use crate::place::{Home, Place};
use crate::secret::{Secret, fingerprint, sha256_hex};
use crate::target::{Kind, PlaceSource, Target};
use crate::text::cut;

use super::FAILURE_MAX;

/// The longest message of a failure that was cut to fit into an item, in UTF-16 code units: more than any API takes.
const MESSAGE_MAX: usize = 70_000;

/// The longest type and execution id of such a failure.
const NAME_MAX: usize = 2048;

/// A target that holds a lease or a claim, and what shall be reported of it.
#[derive(Clone, Debug)]
pub struct Holder {
    /// The SHA-256 of kind, region, account and identity: one target has one lease.
    pub key: String,
    /// Its kind.
    pub kind: Kind,
    /// Its region.
    pub region: String,
    /// Its account, as far as it is known.
    pub account: Option<String>,
    /// Follows it through the logs.
    pub fingerprint: String,
    /// The event's `target`, with the members of its kind alone. It holds the token.
    pub target: Secret,
    /// The event's `failure`, where it had one.
    pub failure: Option<String>,
}

impl Holder {
    /// The holder that an event names, whose target is right and may be called.
    #[must_use]
    pub fn new(event: &Object<'_>, given: &Object<'_>, target: &Target, place: &Place, home: &Home) -> Self {
        let kind = target.kind();
        let own_account = || home.account.as_ref().map(|own| own.id.clone());
        let account = place.account.as_ref().map(|account| account.id.clone()).or_else(own_account);
        let named = [kind.name(), &place.region, account.as_deref().unwrap_or_default(), target.identity()];
        Self {
            key: sha256_hex(&named.join("\n")),
            kind,
            region: place.region.clone(),
            fingerprint: fingerprint(target.identity()),
            target: Secret::new(known_members(given, kind)),
            failure: event.member("failure").map(storable_failure),
            account,
        }
    }

    /// The attributes that name it, without its token.
    pub(super) fn naming(&self, change: fn(&'static str, Value) -> Change) -> [Change; 4] {
        [
            change("kind", text(Some(self.kind.name()))),
            change("region", text(Some(&self.region))),
            change("account", text(self.account.as_deref())),
            change("fingerprint", text(Some(&self.fingerprint))),
        ]
    }
}

/// The members of a target that its kind reads, as they were given: what else was published is of no use, and may be large.
fn known_members(given: &Object<'_>, kind: Kind) -> String {
    let place: &[&str] = match kind.place_source() {
        PlaceSource::Members => &["region", "account"],
        PlaceSource::Identity => &[],
    };
    let mut target = format!("{{\"kind\":{}", quoted(kind.name()));
    for name in kind.members().iter().map(|member| member.name).chain(place.iter().copied()) {
        if let Some(value) = given.member(name) {
            target.push_str(&format!(",{}:{}", quoted(name), value.text()));
        }
    }
    target.push('}');
    target
}

/// A failure that an item can hold: as it was published, or without its details and with a shorter message.
fn storable_failure(failure: Json<'_>) -> String {
    if failure.text().len() <= FAILURE_MAX {
        return failure.text().to_owned();
    }
    let read = Failure::read(Some(failure));
    let members = [
        ("type", read.given_type, NAME_MAX),
        ("message", read.given_message, MESSAGE_MAX),
        ("externalExecutionId", read.external_execution_id, NAME_MAX),
    ];
    let members = members.into_iter().filter_map(|(name, text, most)| Some((name, text?, most)));
    let members = members.map(|(name, text, most)| format!("{}:{}", quoted(name), quoted(&cut(&text, most))));
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}
