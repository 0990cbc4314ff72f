//! The client of the table of leases and claims.

use std::sync::Arc;

use failure_event::event::Failure;
use failure_event::outcome::ServiceError;
use failure_event::place::Place;
use failure_event::table::{
    self, Claimed, OVERTAKEN, TableRequest, Unreadable, claimed_in, claims_on, remember, remembered_in,
};

use crate::aws::clients::Clients;
use crate::aws::senders;

/// The table of the settings, in the own region and account.
#[derive(Debug)]
pub struct Table {
    clients: Arc<Clients>,
    name: String,
    place: Place,
}

/// What became of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// The table holds it.
    TookEffect,
    /// The table holds something newer.
    Overtaken,
}

impl Table {
    /// The table of that name in this region.
    #[must_use]
    pub fn new(name: String, region: &str, clients: Arc<Clients>) -> Self {
        Self { clients, name, place: Place { region: region.to_owned(), account: None } }
    }

    /// Its name, for requests.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Sends a request and returns what the table answers.
    ///
    /// # Errors
    /// What the table answered instead, or what stood in the way of its answer.
    pub async fn ask(&self, request: &TableRequest) -> Result<String, ServiceError> {
        senders::ask(request.operation, request.http(), &self.clients, &self.place).await
    }

    /// Sends a write, on the condition that it carries.
    ///
    /// # Errors
    /// As [`Table::ask`]. It may have taken effect nevertheless, when the answer was lost.
    pub async fn write(&self, request: &TableRequest) -> Result<Written, ServiceError> {
        match self.ask(request).await {
            Ok(_) => Ok(Written::TookEffect),
            Err(error) if error.name.as_deref() == Some(OVERTAKEN) => Ok(Written::Overtaken),
            Err(error) => Err(error),
        }
    }

    /// Those who have claimed a resource; `now` is in milliseconds since 1970.
    ///
    /// # Errors
    /// As [`Table::ask`].
    pub async fn claims_on(&self, resource: &str, now: i64) -> Result<Vec<Claimed>, ServiceError> {
        let (mut claims, mut start) = (Vec::new(), None);
        loop {
            let answer = self.ask(&claims_on(&self.name, resource, start.as_ref())).await?;
            let page = claimed_in(&answer, now).map_err(unreadable)?;
            claims.extend(page.items);
            start = page.next;
            if start.is_none() {
                return Ok(claims);
            }
        }
    }

    /// Remembers that a resource died, for a claim that comes later.
    ///
    /// # Errors
    /// As [`Table::write`].
    pub async fn remember(
        &self,
        resource: &str,
        failure: &Failure<'_>,
        now: i64,
    ) -> Result<(), ServiceError> {
        self.write(&remember(&self.name, resource, failure, now)).await.map(|_| ())
    }

    /// The failure of a resource that died before it was claimed.
    ///
    /// # Errors
    /// As [`Table::ask`].
    pub async fn remembered(
        &self,
        resource: &str,
        now: i64,
    ) -> Result<Option<Failure<'static>>, ServiceError> {
        let answer = self.ask(&table::remembered(&self.name, resource)).await?;
        remembered_in(&answer, now).map_err(unreadable)
    }
}

/// An answer that cannot be read counts as none.
fn unreadable(unreadable: Unreadable) -> ServiceError {
    ServiceError {
        name: Some("UnreadableResponse".to_owned()),
        message: Some(unreadable.to_string()),
        ..ServiceError::default()
    }
}
