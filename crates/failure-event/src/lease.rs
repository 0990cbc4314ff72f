//! A lease on a target: unless its worker says otherwise by then, it is dead.

use crate::dead_letter::Reason;
use crate::json::Json;
use crate::registration::{action, object, ttl_seconds};

/// The shortest and the longest lease, in seconds.
pub const LEASE_SECONDS: (u32, u32) = (60, 86_400);

/// The failure's `type` where a lease that ran out was taken without one.
pub const LEASE_EXPIRED: &str = "Worker.LeaseExpired";

/// What an event's `lease` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lease {
    /// To take it, in place of an older one.
    Take {
        /// How long it lasts.
        ttl_seconds: u32,
    },
    /// To move its due time; where there is none, to take it.
    Renew {
        /// How long it lasts from now on.
        ttl_seconds: u32,
    },
    /// To end it.
    Release,
}

impl Lease {
    /// The member of the event.
    pub const MEMBER: &'static str = "lease";

    /// Reads the member.
    ///
    /// # Errors
    /// `INVALID_EVENT` with the path of what is missing or wrong.
    pub fn read(lease: Json<'_>) -> Result<Self, Reason> {
        let lease = object(Self::MEMBER, lease)?;
        let action = action(Self::MEMBER, &lease)?;
        let seconds = ttl_seconds(Self::MEMBER, &lease, LEASE_SECONDS)?;
        let needed = || seconds.ok_or_else(|| Reason::invalid("lease.ttlSeconds: is missing"));
        match action.as_deref() {
            Some("take") => Ok(Self::Take { ttl_seconds: needed()? }),
            Some("renew") => Ok(Self::Renew { ttl_seconds: needed()? }),
            Some("release") => Ok(Self::Release),
            Some(_) => Err(Reason::invalid("lease.action: expected take, renew or release")),
            None => Err(Reason::invalid("lease.action: is missing")),
        }
    }
}
