//! A claim of a resource for a target: when this resource dies, the target has failed.

use crate::dead_letter::Reason;
use crate::json::Json;
use crate::registration::{action, object, ttl_seconds, wrong_type};
use crate::text::utf16_len;

/// The shortest and the longest claim, in seconds.
pub const CLAIM_SECONDS: (u32, u32) = (60, 2_678_400);

/// How long a claim lasts that does not say, in seconds: 14 days.
pub const CLAIM_SECONDS_DEFAULT: u32 = 1_209_600;

/// The longest name of a claimed resource, in UTF-16 code units.
pub const RESOURCE_MAX: usize = 2048;

/// What an event's `claim` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The ARN or id by which a notice of the resource's death names it.
    pub resource: String,
    /// What is done.
    pub action: Action,
}

/// What is done with a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It is made.
    Take {
        /// How long it lasts.
        ttl_seconds: u32,
    },
    /// It is taken back.
    Release,
}

impl Claim {
    /// The member of the event.
    pub const MEMBER: &'static str = "claim";

    /// Reads the member.
    ///
    /// # Errors
    /// `INVALID_EVENT` with the path of what is missing or wrong.
    pub fn read(claim: Json<'_>) -> Result<Self, Reason> {
        let claim = object(Self::MEMBER, claim)?;
        let action = action(Self::MEMBER, &claim)?;
        let seconds = ttl_seconds(Self::MEMBER, &claim, CLAIM_SECONDS)?;
        let action = match action.as_deref() {
            None | Some("take") => Action::Take { ttl_seconds: seconds.unwrap_or(CLAIM_SECONDS_DEFAULT) },
            Some("release") => Action::Release,
            Some(_) => return Err(Reason::invalid("claim.action: expected take or release")),
        };
        Ok(Self { resource: resource(claim.member("resource"))?, action })
    }
}

fn resource(given: Option<Json<'_>>) -> Result<String, Reason> {
    let given = given.ok_or_else(|| Reason::invalid("claim.resource: is missing"))?;
    let resource = given.string().ok_or_else(|| wrong_type("claim.resource", "a string", given))?;
    if resource.has_lone_surrogate || !(1..=RESOURCE_MAX).contains(&utf16_len(&resource.text)) {
        return Err(Reason::invalid(format!("claim.resource: expected 1 to {RESOURCE_MAX} characters")));
    }
    Ok(resource.text.into_owned())
}
