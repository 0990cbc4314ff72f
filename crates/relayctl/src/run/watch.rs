//! What a command's failure will need, prepared before it starts: its task, and how it is told of.

use std::sync::Arc;

use aws_config::SdkConfig;
use failure_event::notice::identity_in_variables;
use failure_event::partition::Partition;
use failure_event::place::{GivenPlace, OtherAccount, Place};
use failure_event::target::{PlaceSource, Target};
use failure_relay::aws::clients::Clients;
use serde_json::value::RawValue;

use super::redact::Redactor;
use super::reporter::Reporter;
use super::success::{self, Success};
use super::{Run, variable};
use crate::exit::Problem;
use crate::outlet;

/// Variables that name who publishes, where no argument does.
const SOURCE_VARIABLES: [&str; 2] = ["RELAY_SOURCE", "AWS_LAMBDA_FUNCTION_NAME"];

/// The task that the command works on.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) target: Target,
    pub(super) place: GivenPlace,
    /// As it was found.
    pub(super) json: Box<RawValue>,
}

/// What a failure will need.
#[derive(Debug)]
pub(super) struct Watch {
    /// The id of every event of this work.
    pub(super) id: String,
    pub(super) task: Task,
    pub(super) clients: Arc<Clients>,
    pub(super) place: Place,
    pub(super) reporter: Reporter,
    pub(super) redactor: Redactor,
    /// The call for success, where one is wished.
    pub(super) success: Option<&'static Success>,
    pub(super) config: SdkConfig,
}

impl Run {
    /// The task in the environment, checked as the relay would check it.
    pub(super) fn find_task(&self) -> Result<Option<Task>, Problem> {
        let found = identity_in_variables(&crate::environment(), &self.tokens.all(), &mut |identity| {
            (identity.read(), identity.to_json().unwrap_or_default())
        });
        let Some((found, json)) = found else { return Ok(None) };
        let wrong = |what: String| Problem::usage(format!("{}: {what}", found.name));
        let target = found.target.target.map_err(|reason| wrong(reason.message))?;
        let place = found.target.place.map_err(|reason| wrong(reason.message))?;
        let json = RawValue::from_string(json).map_err(|error| wrong(error.to_string()))?;
        Ok(Some(Task { target, place, json }))
    }

    /// Prepares all that a failure will need, so that what is not configured is known before the command starts.
    pub(super) async fn watch(&self, task: Task) -> Result<Watch, Problem> {
        let outlet = self.outlet.outlet()?;
        if outlet.is_none() && self.safeguards.are_wanted() {
            return Err(Problem::usage(
                "--lease and --claim need a relay: give --queue-url or --event-bus, or set RELAY_QUEUE_URL",
            ));
        }
        if outlet.is_none() && !self.direct {
            return Err(Problem::usage("nowhere to publish to: give --queue-url, --event-bus or --direct"));
        }
        let success = self.success(&task.target)?;
        let config = self.aws.load(outlet.as_ref().and_then(|outlet| outlet.region())).await?;
        let clients = Arc::new(Clients::over(config.clone(), self.role_name.clone()));
        let place = self.place_of(&task, &config);
        let secrets = task.target.secret().cloned().into_iter().collect();
        let redactor = Redactor::new(secrets, &self.tokens.all(), &crate::environment());
        let direct = self.direct.then(|| (Arc::clone(&clients), place.clone()));
        let (target, source) = (task.target.clone(), self.source());
        let reporter = Reporter { outlet, direct, config: config.clone(), target, source };
        let id = outlet::random_id();
        Ok(Watch { id, task, clients, place, reporter, redactor, success, config })
    }

    /// The call for success, where one is wished.
    fn success(&self, target: &Target) -> Result<Option<&'static Success>, Problem> {
        if !self.report_success {
            return Ok(None);
        }
        let kind = target.kind();
        success::of(kind).map(Some).ok_or_else(|| {
            let kinds = success::kinds();
            Problem::usage(format!(
                "--report-success: {} takes no success; these kinds do: {kinds}",
                kind.name()
            ))
        })
    }

    fn source(&self) -> String {
        let given = self.source.clone().filter(|source| !source.is_empty());
        given.or_else(|| SOURCE_VARIABLES.into_iter().find_map(variable)).unwrap_or_else(|| self.program())
    }

    fn place_of(&self, task: &Task, config: &SdkConfig) -> Place {
        let own_region = config.region().map(ToString::to_string).unwrap_or_default();
        let given = match task.target.kind().place_source() {
            PlaceSource::Members => task.place.clone().or(&task.target.place()),
            PlaceSource::Identity => GivenPlace { account: None, ..task.target.place() },
        };
        let account = given.account.filter(|_| self.role_name.is_some());
        let region = given.region.unwrap_or(own_region);
        let partition = Partition::of(&region).id.to_owned();
        Place { region, account: account.map(|id| OtherAccount { id, partition }) }
    }
}
