//! What is known to be wrong on the way that a drill tries: doctor's findings, and what only a drill needs.

use super::callback;
use super::plan::{Elsewhere, Trial};
use super::stage::Stage;
use crate::doctor::{Finding, Severity, Way};

/// Something that explains why a drill failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// A name for scripts: doctor's.
    pub id: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What it is about.
    pub about: String,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub fix: String,
}

impl From<&Finding> for Fault {
    fn from(finding: &Finding) -> Self {
        let Finding { id, severity, about, what, fix, .. } = finding.clone();
        Self { id, severity, about, what, fix }
    }
}

/// The faults on the way of a drill.
#[must_use]
pub fn faults(trial: &Trial, stage: &Stage<'_>) -> Vec<Fault> {
    let findings = stage.findings.iter().filter(|finding| lies_on(&finding.way, trial, stage));
    let mut faults: Vec<Fault> = findings.map(Fault::from).collect();
    match trial {
        Trial::Bus => faults.extend(no_rule(stage)),
        Trial::Lease => faults.extend(watch_asleep(stage)),
        _ => {}
    }
    faults
}

fn lies_on(way: &Way, trial: &Trial, stage: &Stage<'_>) -> bool {
    let home = &stage.deployment.region;
    match (way, trial) {
        // The kinds are tried without the queue.
        (Way::Queue, trial) => !matches!(trial, Trial::Kind(..)),
        (Way::Bus(bus), Trial::Bus) => *bus == stage.site.bus,
        (Way::Kind(broken, regions), Trial::Kind(kind, None)) => broken == kind && regions.contains(home),
        (Way::Kind(broken, regions), Trial::Kind(kind, Some(Elsewhere::Region(region)))) => {
            broken == kind && regions.contains(region)
        }
        (Way::Kind(broken, regions), Trial::Callback | Trial::Canary) => {
            broken.name() == callback::KIND && regions.contains(home)
        }
        (Way::Account(broken), Trial::Kind(_, Some(Elsewhere::Account(account)))) => broken == account,
        _ => false,
    }
}

fn no_rule(stage: &Stage<'_>) -> Option<Fault> {
    let is_of_bus = |bus: &Option<String>| *bus == stage.site.bus;
    let may_have_one = stage.deployment.has_unread_rules;
    if may_have_one || stage.deployment.rules.iter().any(|rule| rule.is_enabled && is_of_bus(&rule.bus)) {
        return None;
    }
    let disabled = stage.deployment.rules.iter().find(|rule| is_of_bus(&rule.bus));
    let fix = match disabled {
        Some(rule) => format!("enable the rule {}", rule.name),
        None => "deploy the stack again".to_owned(),
    };
    Some(Fault {
        id: "bus-without-rule",
        severity: Severity::Broken,
        about: format!("bus {}", stage.site.bus.as_deref().unwrap_or_default()),
        what: "no enabled rule is on it: what is put there vanishes".to_owned(),
        fix,
    })
}

fn watch_asleep(stage: &Stage<'_>) -> Option<Fault> {
    let name = stage.site.leases_rule.as_ref()?;
    let rule = stage.deployment.rules.iter().find(|rule| rule.name == *name)?;
    (!rule.is_enabled).then(|| Fault {
        id: "watch-not-started",
        severity: Severity::Broken,
        about: name.clone(),
        what: "it is disabled: nobody looks for leases that ran out".to_owned(),
        fix: format!("enable it: aws events enable-rule --name {name}"),
    })
}
