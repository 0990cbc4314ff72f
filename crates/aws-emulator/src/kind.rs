//! What each kind of work is, as data: how a call names it, and what its service answers when it
//! cannot take a report.
//!
//! A kind is one row in its service's file and one line in [`KINDS`].

use std::collections::BTreeMap;

use serde_json::Value;

use super::work::{Refusal, WorkKind};
use super::{
    auto_scaling, cloud_formation, code_deploy, code_pipeline, ecs, image_builder, lambda, sage_maker,
    service_catalog, step_functions, swf,
};

/// One kind of work.
#[derive(Debug)]
pub(crate) struct Kind {
    pub(crate) work: WorkKind,
    /// The name that the page of tasks shows.
    pub(crate) name: &'static str,
    /// The members that name the work, each on its own; the first that a call has counts.
    pub(crate) identity: &'static [&'static str],
    /// The identity is a bearer secret.
    pub(crate) secret: bool,
    /// Members that say where the work is, from the outermost in: with another value of one of
    /// them, the identity is another work's.
    pub(crate) places: &'static [Place],
    /// A member that must be the work's own once it is found. Work that was opened without one
    /// takes the first that is sent.
    pub(crate) proof: Option<Place>,
    /// The answer for an identity that was never open.
    pub(crate) unknown: Told,
    /// The answer after an end was reported.
    pub(crate) closed: Told,
    /// The answer after the time was up; `None` is that of `closed`.
    pub(crate) timed_out: Option<Told>,
}

/// A member beside the identity, and the answer for a value that nothing open has.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) member: &'static str,
    pub(crate) wrong: Told,
}

/// An error's name and its words. The status is in the operation's table of errors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told {
    pub(crate) code: &'static str,
    words: Words,
}

#[derive(Clone, Copy, Debug)]
enum Words {
    Fixed(&'static str),
    Naming(fn(&Mention<'_>) -> String),
}

impl Told {
    pub(crate) const fn new(code: &'static str, words: &'static str) -> Self {
        Self { code, words: Words::Fixed(words) }
    }

    /// An error whose words name what the call named.
    pub(crate) const fn naming(code: &'static str, words: fn(&Mention<'_>) -> String) -> Self {
        Self { code, words: Words::Naming(words) }
    }

    pub(crate) fn words(&self, mention: &Mention<'_>) -> String {
        match self.words {
            Words::Fixed(words) => words.to_owned(),
            Words::Naming(words) => words(mention),
        }
    }
}

/// Every kind, in the order of [`WorkKind`].
pub(crate) const KINDS: &[&Kind] = &[
    &step_functions::TASK,
    &swf::ACTIVITY_TASK,
    &code_pipeline::JOB,
    &code_pipeline::THIRD_PARTY_JOB,
    &lambda::DURABLE_CALLBACK,
    &cloud_formation::CUSTOM_RESOURCE,
    &cloud_formation::WAIT_CONDITION,
    &sage_maker::PIPELINE_STEP,
    &auto_scaling::LIFECYCLE_ACTION,
    &code_deploy::LIFECYCLE_HOOK,
    &code_pipeline::APPROVAL,
    &image_builder::WORKFLOW_STEP,
    &service_catalog::ENGINE_WORKFLOW,
    &ecs::DEPLOYMENT_HOOK,
];

impl Kind {
    /// The members, beyond the first identity, that belong to work of this kind.
    pub(crate) fn other_members(&self) -> impl Iterator<Item = &'static str> + '_ {
        let places = self.places.iter().chain(&self.proof).map(|place| place.member);
        self.identity.iter().copied().skip(1).chain(places)
    }

    /// What the service answers to a report that the ledger refuses.
    pub(crate) fn told(&self, refusal: Refusal) -> Told {
        let told = match refusal {
            Refusal::Unknown => &self.unknown,
            Refusal::WrongPlace(position) => {
                self.places.get(position).map_or(&self.unknown, |place| &place.wrong)
            }
            Refusal::WrongProof => self.proof.as_ref().map_or(&self.unknown, |proof| &proof.wrong),
            Refusal::Closed => &self.closed,
            Refusal::TimedOut => self.timed_out.as_ref().unwrap_or(&self.closed),
            Refusal::KmsDenied => &KMS_DENIED,
        };
        *told
    }
}

/// Only work of Step Functions has a key that is denied.
const KMS_DENIED: Told = Told::new(
    "KmsAccessDeniedException",
    "The caller is not allowed to use the KMS key of the state machine.",
);

/// Which work a call speaks of.
pub(crate) struct Mention<'a> {
    pub(crate) kind: &'static Kind,
    members: BTreeMap<&'static str, &'a str>,
}

impl<'a> Mention<'a> {
    /// Reads the members of a call's input that name its work.
    pub(crate) fn of(kind: &'static Kind, input: &'a Value) -> Self {
        let first = kind.identity.first().copied();
        let members = first.into_iter().chain(kind.other_members());
        let members = members.filter_map(|member| Some((member, input.get(member)?.as_str()?)));
        Self { kind, members: members.collect() }
    }

    pub(crate) fn text(&self, member: &str) -> Option<&'a str> {
        self.members.get(member).copied()
    }

    /// The identity that counts: its member and its value.
    pub(crate) fn identity(&self) -> Option<(&'static str, &'a str)> {
        self.kind.identity.iter().find_map(|member| Some((*member, self.text(member)?)))
    }

    /// The value of every place, empty where the call has none.
    pub(crate) fn places(&self) -> Vec<String> {
        let value = |place: &Place| self.text(place.member).unwrap_or_default().to_owned();
        self.kind.places.iter().map(value).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::MODEL;

    #[test]
    fn the_table_of_kinds_has_the_order_of_the_variants() {
        for (index, kind) in KINDS.iter().enumerate() {
            assert_eq!(kind.work as usize, index, "{}", kind.name);
        }
    }

    #[test]
    fn every_kind_has_a_call_that_ends_its_work() {
        for kind in KINDS {
            let ends =
                |report: &crate::report::Report| report.kind.work == kind.work && !report.is_heartbeat();
            let found = MODEL.iter().any(|model| model.report.as_ref().is_some_and(ends));
            assert!(found, "{}", kind.name);
        }
    }

    #[test]
    fn every_refusal_of_a_kind_is_an_error_of_each_of_its_calls() {
        for model in MODEL.iter().filter(|model| !model.errors.is_empty()) {
            let Some(report) = &model.report else { continue };
            let kind = report.kind;
            let places = kind.places.iter().chain(&kind.proof).map(|place| place.wrong.code);
            let own = [&kind.unknown, &kind.closed].into_iter().chain(&kind.timed_out);
            let codes = own.map(|told| told.code).chain(places);
            // Those of the framework in front of a service are in no model.
            let modelled = |code: &&str| !matches!(*code, "ValidationException" | "ValidationError");
            for code in codes.filter(modelled) {
                let listed = model.errors.iter().any(|(listed, _)| *listed == code);
                assert!(listed, "{} does not list {code}", model.name);
            }
        }
    }
}
