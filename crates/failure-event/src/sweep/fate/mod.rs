//! What a service's answer says of a worker.

mod batch;
mod codebuild;
mod ec2;
mod ecs;
mod ssm;
mod step_functions;

use time::OffsetDateTime;

use super::question::Page;
use super::worker::Worker;
use crate::json::{Json, Object};

pub use ec2::Instance;

/// What became of a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is there: it runs, or is about to.
    Running(String),
    /// It has ended.
    Ended(End),
    /// Its service knows nothing of it: not yet, or not any more.
    Missing,
    /// Nothing definite was said: why.
    Unknown(String),
}

/// How and when a worker ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// Whether it ended as it should: it may have handed the token on, and is not gone.
    pub well: bool,
    /// When, where that is said.
    pub at: Option<OffsetDateTime>,
    /// How, in words that follow on the worker's name: `stopped (exit code 137)`.
    pub how: String,
    /// The type that a notice of this end would have.
    pub failure_type: Option<String>,
}

impl Fate {
    /// What became of the worker, in words that follow on its name.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Fate::Running(status) => format!("is {status}"),
            Fate::Ended(end) => end.how.clone(),
            Fate::Missing => "is not known to its service".to_owned(),
            Fate::Unknown(why) => format!("could not be asked about: {why}"),
        }
    }

    fn unclear(status: Option<&str>) -> Self {
        Fate::Unknown(match status {
            Some(status) => format!("its status is {status}"),
            None => "the answer does not name its status".to_owned(),
        })
    }
}

/// What the pages of an answer say of each worker, in their order.
#[must_use]
pub fn fates(workers: &[Worker], pages: &[Page]) -> Vec<Fate> {
    // A page that cannot be read holds nobody: what is asked for is then absent, which is not the same as missing.
    let answers: Vec<Object<'_>> = pages
        .iter()
        .filter_map(|page| match page {
            Page::Json(text) => Json::parse(text).ok()?.object(),
            Page::Instances { .. } => None,
        })
        .collect();
    let is_readable =
        pages.iter().all(|page| matches!(page, Page::Instances { .. })) || answers.len() == pages.len();
    if pages.is_empty() || !is_readable {
        return workers.iter().map(|_| Fate::Unknown("the answer cannot be read".to_owned())).collect();
    }
    let instances: Vec<&Instance> = pages
        .iter()
        .filter_map(|page| match page {
            Page::Instances { instances, .. } => Some(instances),
            Page::Json(_) => None,
        })
        .flatten()
        .collect();
    let fate = |worker: &Worker| match worker {
        Worker::EcsTask { arn, containers, .. } => ecs::fate(&answers, arn, containers),
        Worker::BatchJob(id) => batch::fate(&answers, id),
        Worker::Build(id) => codebuild::fate(&answers, id),
        Worker::Execution(arn) => step_functions::fate(&answers, arn),
        Worker::Instance(id) => ec2::fate(&instances, id),
        Worker::Command { id, targets } => ssm::fate(&answers, id, *targets),
    };
    workers.iter().map(fate).collect()
}

/// The objects of a list in all pages of an answer.
fn objects<'a>(answers: &[Object<'a>], list: &str) -> Vec<Object<'a>> {
    let lists = answers.iter().filter_map(|answer| answer.member(list)).filter_map(Json::array);
    lists.flatten().filter_map(Json::object).collect()
}

/// The object of a list that has this id.
fn by_id<'a>(answers: &[Object<'a>], list: &str, member: &str, id: &str) -> Option<Object<'a>> {
    objects(answers, list).into_iter().find(|object| object.text(member).as_deref() == Some(id))
}

fn absent() -> Fate {
    Fate::Unknown("the answer does not name it".to_owned())
}

/// `stopped (a: b, c)` of what is known.
fn with_reasons(what: &str, reasons: impl IntoIterator<Item = Option<String>>) -> String {
    let reasons: Vec<String> = reasons.into_iter().flatten().filter(|reason| !reason.is_empty()).collect();
    if reasons.is_empty() { what.to_owned() } else { format!("{what} ({})", reasons.join("; ")) }
}

#[cfg(test)]
mod tests;
