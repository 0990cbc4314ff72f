//! Which service is asked about which workers: requests as data.

use std::collections::{BTreeMap, HashSet};

use serde_json::json;

use super::fate::Instance;
use super::operations::{
    BATCH_GET_BUILDS, DESCRIBE_EXECUTION, DESCRIBE_INSTANCES, DESCRIBE_JOBS, DESCRIBE_TASKS,
    LIST_COMMAND_INVOCATIONS,
};
use super::worker::Worker;
use crate::json::Json;
use crate::operation::{Operation, Wire};
use crate::request::{HttpForm, percent_encoded};

/// The most workers of one request, where an operation takes many. Each service takes a hundred or more.
const BATCH_MAX: usize = 100;

/// The most invocations of a page, as Systems Manager allows, and the most instances, as many as can be asked for at once.
const INVOCATIONS_MAX: u32 = 50;
const INSTANCES_MAX: u32 = 1000;

/// One page of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Page {
    /// As it came.
    Json(String),
    /// An answer of EC2, which comes in XML.
    Instances {
        /// The instances.
        instances: Vec<Instance>,
        /// The token of the next page.
        next: Option<String>,
    },
}

/// One question about one or several workers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The operation.
    pub operation: &'static Operation,
    /// The region that is asked; `None` is the state machine's own.
    pub region: Option<String>,
    /// Whom it is about: workers of one kind, tasks of one cluster.
    pub workers: Vec<Worker>,
}

/// The questions about workers, each with its region, as few as there can be.
#[must_use]
pub fn questions<'a>(workers: impl IntoIterator<Item = (&'a Worker, Option<&'a str>)>) -> Vec<Question> {
    let mut groups: BTreeMap<_, (&'static Operation, Vec<Worker>)> = BTreeMap::new();
    let mut known = HashSet::new();
    for (worker, region) in workers {
        if !known.insert((worker, region)) {
            continue;
        }
        let (operation, batch) = asked(worker);
        let key = (region, operation.name, batch);
        groups.entry(key).or_insert_with(|| (operation, Vec::new())).1.push(worker.clone());
    }
    let batches = groups.into_iter().flat_map(|((region, ..), (operation, workers))| {
        let of_batch = |workers: &[Worker]| Question {
            operation,
            region: region.map(str::to_owned),
            workers: workers.to_vec(),
        };
        workers.chunks(BATCH_MAX).map(of_batch).collect::<Vec<_>>()
    });
    batches.collect()
}

/// What is asked about a worker, and with whom it can be asked together.
fn asked(worker: &Worker) -> (&'static Operation, &str) {
    match worker {
        Worker::EcsTask { cluster, .. } => (&DESCRIBE_TASKS, cluster),
        Worker::BatchJob(_) => (&DESCRIBE_JOBS, ""),
        Worker::Build(_) => (&BATCH_GET_BUILDS, ""),
        Worker::Instance(_) => (&DESCRIBE_INSTANCES, ""),
        Worker::Execution(arn) => (&DESCRIBE_EXECUTION, arn),
        Worker::Command { id, .. } => (&LIST_COMMAND_INVOCATIONS, id),
    }
}

impl Question {
    /// The request for the page with this token, or for the first.
    #[must_use]
    pub fn form(&self, next: Option<&str>) -> HttpForm {
        let ids: Vec<&str> = self.workers.iter().map(Worker::id).collect();
        let body = match self.workers.first() {
            Some(Worker::EcsTask { cluster, .. }) => json!({"cluster": cluster, "tasks": ids}),
            Some(Worker::BatchJob(_)) => json!({"jobs": ids}),
            Some(Worker::Build(_)) => json!({"ids": ids}),
            Some(Worker::Execution(arn)) => json!({"executionArn": arn}),
            Some(Worker::Command { id, .. }) => {
                let mut body = json!({"CommandId": id, "Details": true, "MaxResults": INVOCATIONS_MAX});
                if let Some(next) = next {
                    body["NextToken"] = json!(next);
                }
                body
            }
            Some(Worker::Instance(_)) => return self.instances_form(&ids, next),
            None => json!({}),
        };
        HttpForm::of(self.operation, body.to_string())
    }

    /// One unknown id among `InstanceId` fails the whole request; a filter lets it pass.
    fn instances_form(&self, ids: &[&str], next: Option<&str>) -> HttpForm {
        let Wire::Query { version } = self.operation.wire else {
            return HttpForm::of(self.operation, String::new());
        };
        let mut body = format!(
            "Action={}&Version={version}&Filter.1.Name=instance-id&MaxResults={INSTANCES_MAX}",
            self.operation.name
        );
        for (index, id) in ids.iter().enumerate() {
            body.push_str(&format!("&Filter.1.Value.{}={}", index + 1, percent_encoded(id)));
        }
        if let Some(next) = next {
            body.push_str(&format!("&NextToken={}", percent_encoded(next)));
        }
        HttpForm::of(self.operation, body)
    }

    /// The same question about each worker alone, where it is about several: one that a service refuses must not hide the others.
    #[must_use]
    pub fn one_by_one(&self) -> Vec<Question> {
        let alone = |worker: &Worker| Question { workers: vec![worker.clone()], ..self.clone() };
        if self.workers.len() > 1 { self.workers.iter().map(alone).collect() } else { Vec::new() }
    }
}

impl Page {
    /// The token of the page after this one.
    #[must_use]
    pub fn next(&self) -> Option<String> {
        match self {
            Page::Json(text) => {
                let page = Json::parse(text).ok()?.object()?;
                Some(page.description("NextToken")?.into_owned())
            }
            Page::Instances { next, .. } => next.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(cluster: &str, arn: &str) -> Worker {
        Worker::EcsTask { arn: arn.to_owned(), cluster: cluster.to_owned(), containers: Vec::new() }
    }

    fn forms(workers: &[Worker]) -> Vec<String> {
        questions(workers.iter().map(|worker| (worker, None)))
            .iter()
            .map(|asked| asked.form(None).body)
            .collect()
    }

    #[test]
    fn workers_are_asked_about_together_where_an_operation_takes_many() {
        let jobs: Vec<Worker> = (0..250).map(|number| Worker::BatchJob(format!("j{number}"))).collect();
        let asked = questions(jobs.iter().map(|job| (job, None)));
        assert_eq!(asked.iter().map(|question| question.workers.len()).collect::<Vec<_>>(), [100, 100, 50]);
        assert_eq!(
            forms(&[task("b", "t3"), task("a", "t1"), task("a", "t2"), task("a", "t1")]),
            [r#"{"cluster":"a","tasks":["t1","t2"]}"#, r#"{"cluster":"b","tasks":["t3"]}"#]
        );
        assert_eq!(asked[0].one_by_one().len(), 100);
        assert_eq!(asked[0].one_by_one()[0].one_by_one(), [], "nobody is asked about a third time");
    }

    #[test]
    fn each_service_is_asked_in_its_own_form() {
        let execution = |arn: &str| Worker::Execution(arn.to_owned());
        assert_eq!(
            forms(&[execution("e1"), execution("e2")]),
            [r#"{"executionArn":"e1"}"#, r#"{"executionArn":"e2"}"#]
        );
        assert_eq!(forms(&[Worker::Build("p:1".to_owned())]), [r#"{"ids":["p:1"]}"#]);
        let instances = [Worker::Instance("i-1".to_owned()), Worker::Instance("i-2".to_owned())];
        let body = "Action=DescribeInstances&Version=2016-11-15&Filter.1.Name=instance-id&MaxResults=1000&Filter.1.Value.1=i-1&Filter.1.Value.2=i-2";
        assert_eq!(forms(&instances), [body]);
        let command = Worker::Command { id: "c".to_owned(), targets: 1 };
        let asked = questions([(&command, Some("eu-west-1"))]);
        assert_eq!(asked[0].region.as_deref(), Some("eu-west-1"));
        assert_eq!(
            asked[0].form(Some("n")).body,
            r#"{"CommandId":"c","Details":true,"MaxResults":50,"NextToken":"n"}"#
        );
    }

    #[test]
    fn a_page_names_the_one_after_it() {
        assert_eq!(Page::Json(r#"{"NextToken":"n"}"#.to_owned()).next().as_deref(), Some("n"));
        assert_eq!(Page::Json(r#"{"NextToken":""}"#.to_owned()).next(), None);
        assert_eq!(Page::Json("<html>".to_owned()).next(), None);
        let instances = Page::Instances { instances: Vec::new(), next: Some("n".to_owned()) };
        assert_eq!(instances.next().as_deref(), Some("n"));
    }
}
