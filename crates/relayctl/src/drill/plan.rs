//! Which drills there are, and their order.

use std::fmt;
use std::time::Instant;

use failure_event::target::{Kind, PlaceSource};

use super::fault::faults;
use super::report::{Report, Row};
use super::site::Site;
use super::stage::{Miss, Outcome, Stage};
use super::{callback, canary, lease, letters, probe};
use crate::doctor::{Deployment, Severity, enabled_kinds, regions, roles};

/// One thing that is tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trial {
    /// The function fails a made-up target of this kind, in another region or account where one is named.
    Kind(Kind, Option<Elsewhere>),
    /// The relay fails a real task that waits.
    Callback,
    /// The stack's own canary.
    Canary,
    /// An event that nobody can relay becomes a dead letter, is moved back, and comes again.
    DeadLetter,
    /// The same from the bus, without moving it back.
    Bus,
    /// A lease runs out.
    Lease,
}

/// Where a target is when it is not the relay's own region and account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Elsewhere {
    /// Another region.
    Region(String),
    /// Another account.
    Account(String),
}

/// The names of the drills that try no kind.
const OTHERS: [&str; 5] = ["callback", "canary", "dead-letter", "bus", "lease"];

/// The names of all drills.
#[must_use]
pub fn names() -> Vec<&'static str> {
    Kind::ALL.iter().map(|kind| kind.name()).chain(OTHERS).collect()
}

impl Trial {
    /// The name by which `--only` chooses it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Trial::Kind(kind, _) => kind.name(),
            Trial::Callback => "callback",
            Trial::Canary => "canary",
            Trial::DeadLetter => "dead-letter",
            Trial::Bus => "bus",
            Trial::Lease => "lease",
        }
    }

    async fn run(&self, stage: &Stage<'_>) -> Result<String, Miss> {
        match self {
            Trial::Kind(kind, elsewhere) => probe::run(stage, *kind, elsewhere.as_ref()).await,
            Trial::Callback => callback::run(stage).await,
            Trial::Canary => canary::run(stage).await,
            Trial::DeadLetter => letters::dead_letter(stage).await,
            Trial::Bus => letters::from_bus(stage).await,
            Trial::Lease => lease::run(stage).await,
        }
    }
}

impl fmt::Display for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Trial::Kind(_, Some(Elsewhere::Region(place) | Elsewhere::Account(place))) => {
                write!(f, " in {place}")
            }
            _ => Ok(()),
        }
    }
}

/// What is to be tried, and what is not, each with the reason.
#[derive(Debug, Default)]
pub struct Plan {
    trials: Vec<Trial>,
    skipped: Vec<(&'static str, String)>,
}

impl Plan {
    /// All that the stack lets be tried; of these the ones that `only` names, where it names any.
    #[must_use]
    pub fn new(deployment: &Deployment, site: &Site, only: &[String], role: Option<&str>) -> Self {
        let wanted = |name: &str| only.is_empty() || only.iter().any(|one| one == name);
        let mut plan = Self::default();
        let kinds = enabled_kinds(deployment);
        for kind in &kinds {
            plan.trials.extend(places(deployment, *kind).into_iter().map(|place| Trial::Kind(*kind, place)));
        }
        let can_call_back = kinds.iter().any(|kind| kind.name() == callback::KIND);
        match (can_call_back, role, &site.canary) {
            (false, ..) => plan.skip("callback", format!("{} is not enabled", callback::KIND)),
            (true, Some(_), _) => plan.trials.push(Trial::Callback),
            (true, None, Some(_)) => {}
            (true, None, None) => {
                plan.skip("callback", "it needs --state-machine-role, or Canary=true".to_owned());
            }
        }
        match &site.canary {
            Some(_) => plan.trials.push(Trial::Canary),
            None if !only.is_empty() => plan.skip("canary", "the stack has none".to_owned()),
            None => {}
        }
        plan.trials.push(Trial::DeadLetter);
        match &site.bus {
            Some(_) => plan.trials.push(Trial::Bus),
            None => plan.skip("bus", "the stack has none".to_owned()),
        }
        if site.has_leases {
            plan.trials.push(Trial::Lease);
        } else {
            plan.skip("lease", "leases are off".to_owned());
        }
        for name in
            only.iter().filter(|name| Kind::from_name(name).is_some_and(|kind| !kinds.contains(&kind)))
        {
            let kind = Kind::from_name(name).map_or("", Kind::name);
            plan.skip(kind, "it is not enabled".to_owned());
        }
        plan.trials.retain(|trial| wanted(trial.name()));
        plan.skipped.retain(|(name, _)| wanted(name));
        plan
    }

    fn skip(&mut self, name: &'static str, why: String) {
        self.skipped.push((name, why));
    }

    /// Tries one after the other, but for those that wait for minutes: they all wait at once.
    pub async fn run(&self, stage: &Stage<'_>, report: &mut Report<'_>) {
        for (name, why) in &self.skipped {
            report.row(&Row {
                drill: (*name).to_owned(),
                outcome: Outcome::Skipped(why.clone()),
                seconds: 0.0,
                faults: vec![],
            });
        }
        let is_long = |trial: &&Trial| matches!(trial, Trial::Lease | Trial::Canary);
        let (long, short): (Vec<&Trial>, Vec<&Trial>) = self.trials.iter().partition(is_long);
        let waiting = async {
            futures_util::future::join_all(long.into_iter().map(|trial| attempt(trial, stage))).await
        };
        let quick = async {
            for trial in short {
                let row = attempt(trial, stage).await;
                report.row(&row);
            }
        };
        let ((), rows) = futures_util::future::join(quick, waiting).await;
        for row in &rows {
            report.row(row);
        }
    }
}

/// The relay's own place, and each other that its settings allow.
fn places(deployment: &Deployment, kind: Kind) -> Vec<Option<Elsewhere>> {
    let mut places = vec![None];
    if kind.place_source() == PlaceSource::Members {
        let regions = regions(deployment).into_iter().skip(1);
        places.extend(regions.map(|region| Some(Elsewhere::Region(region.to_owned()))));
        let accounts = roles(deployment).into_iter();
        places.extend(accounts.map(|(_, account)| Some(Elsewhere::Account(account.to_owned()))));
    }
    places
}

/// Tries one thing. Where a fault is known that would leave an event on a queue for days, nothing is sent.
async fn attempt(trial: &Trial, stage: &Stage<'_>) -> Row {
    let began = Instant::now();
    let faults = faults(trial, stage);
    let is_broken = faults.iter().any(|fault| fault.severity == Severity::Broken);
    let outcome = if stage.stop.is_wanted() {
        Outcome::Untried("the run was interrupted".to_owned())
    } else if is_broken && !matches!(trial, Trial::Kind(..)) {
        Outcome::Failed("nothing was sent, because it would not arrive".to_owned())
    } else {
        match trial.run(stage).await {
            // The service may not have heard yet of what the policies say now.
            Ok(what) if is_broken => {
                Outcome::Failed(format!("{what}, though the role's policies do not allow it"))
            }
            Ok(what) => Outcome::Passed(what),
            Err(Miss::Failed(what)) => Outcome::Failed(what),
            Err(Miss::Untried(what)) => Outcome::Untried(what),
            Err(Miss::Skipped(what)) => Outcome::Skipped(what),
        }
    };
    let faults = if matches!(outcome, Outcome::Failed(_)) { faults } else { Vec::new() };
    Row { drill: trial.to_string(), outcome, seconds: began.elapsed().as_secs_f64(), faults }
}
