//! What became of the workers: the questions are asked, and the tasks judged.

use std::collections::{HashMap, HashSet};

use failure_event::outcome::ServiceError;
use failure_event::sweep::SweepRules;
use failure_event::sweep::fate::{Fate, fates};
use failure_event::sweep::question::{Page, Question, questions};
use failure_event::sweep::waiting::WaitingTask;
use failure_event::sweep::worker::Worker;
use futures_util::{StreamExt, stream};
use time::OffsetDateTime;

use super::pace::{Paced, is_throttle};
use super::read::Found;
use super::{CONCURRENCY, SweepError, instances};
use crate::services::Services;

/// Fates by region and worker.
type Fates = HashMap<(Option<String>, Worker), Fate>;

/// Asks about the workers of what was found, and judges it. Executions that are listed as running need not be asked about.
pub(super) async fn judged<S: Services>(
    paced: &Paced<'_, S>,
    running: &HashSet<&str>,
    found: Vec<Found>,
    now: OffsetDateTime,
    rules: &SweepRules,
) -> (Vec<WaitingTask>, Vec<SweepError>) {
    let (mut candidates, mut errors) = (Vec::new(), Vec::new());
    for found in found {
        candidates.extend(found.candidates);
        errors.extend(found.errors);
    }
    let runs = |worker: &Worker| matches!(worker, Worker::Execution(arn) if running.contains(arn.as_str()));
    let asked = candidates.iter().flat_map(|candidate| {
        let region = candidate.region.as_deref();
        let workers = candidate.workers.iter().flatten().filter(|worker| !runs(worker));
        workers.map(move |worker| (worker, region))
    });
    let known: Fates = stream::iter(questions(asked))
        .map(|question| answered(paced, question))
        .buffer_unordered(CONCURRENCY)
        .flat_map(stream::iter)
        .collect()
        .await;
    let judge = |candidate: failure_event::sweep::waiting::Candidate| {
        let region = candidate.region.clone();
        let fate = |worker: &Worker| {
            if runs(worker) {
                return Fate::Running("running".to_owned());
            }
            let known = known.get(&(region.clone(), worker.clone())).cloned();
            known.unwrap_or_else(|| Fate::Unknown("it was not asked about".to_owned()))
        };
        candidate.judged(fate, now, rules)
    };
    (candidates.into_iter().map(judge).collect(), errors)
}

/// Asks about the workers of a question together; when that is refused, one by one, so that nobody is unknown because of another.
async fn answered<S: Services>(
    paced: &Paced<'_, S>,
    question: Question,
) -> Vec<((Option<String>, Worker), Fate)> {
    let fates = match ask(paced, &question).await {
        Ok(pages) => fates(&question.workers, &pages),
        Err(error) if is_refusal(&error) && question.workers.len() > 1 => {
            let alone = question.one_by_one();
            let alone = stream::iter(&alone).map(|question| async move {
                match ask(paced, question).await {
                    Ok(pages) => fates(&question.workers, &pages),
                    Err(error) => unknown(&error, question),
                }
            });
            alone.buffered(CONCURRENCY).collect::<Vec<_>>().await.concat()
        }
        Err(error) => unknown(&error, &question),
    };
    let region = question.region;
    question.workers.into_iter().zip(fates).map(|(worker, fate)| ((region.clone(), worker), fate)).collect()
}

fn unknown(error: &ServiceError, question: &Question) -> Vec<Fate> {
    let why = format!("{} {}", question.operation.service.name, error.as_predicate());
    vec![Fate::Unknown(why); question.workers.len()]
}

/// Whether the service understood and said no, be it for the sake of one worker alone.
fn is_refusal(error: &ServiceError) -> bool {
    error.status.is_some_and(|status| (400..500).contains(&status)) && !is_throttle(error)
}

async fn ask<S: Services>(paced: &Paced<'_, S>, question: &Question) -> Result<Vec<Page>, ServiceError> {
    let mut pages = Vec::new();
    let region = question.region.as_deref();
    let form = |next: Option<&str>| question.form(next);
    let is_of_instances = matches!(question.workers.first(), Some(Worker::Instance(_)));
    paced
        .pages(question.operation, region, form, |answer| {
            let page = if is_of_instances { instances::page(answer)? } else { Page::Json(answer.to_owned()) };
            let next = page.next();
            pages.push(page);
            Some(next)
        })
        .await?;
    Ok(pages)
}
