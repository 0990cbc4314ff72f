//! Reporting what is stranded to the relay.

use aws_config::SdkConfig;
use failure_event::publication::Publication;
use failure_event::sweep::report::{Plan, plan};
use failure_event::sweep::waiting::WaitingTask;

use crate::exit::{Exit, Problem};
use crate::outlet::Outlet;
use crate::output::{Output, plural};
use crate::publish::batches::{self, Parcel, Refusal};

/// What became of the events.
#[derive(Debug, Default)]
pub struct Reported {
    /// Where they went; `None` when nothing was to be reported.
    outlet: Option<String>,
    /// Each event's fingerprint, and the id with which it was confirmed.
    answers: Vec<(String, Result<String, Refusal>)>,
    /// Why not all of them, or none, could be reported.
    problems: Vec<String>,
}

/// Reports each stranded task, unless there are more than `fails_max`.
pub async fn report(
    tasks: &[WaitingTask],
    fails_max: usize,
    outlet: &Outlet,
    config: &SdkConfig,
) -> Reported {
    let own = config.region().map(AsRef::as_ref);
    // The relay is where its queue is. Elsewhere it must be told where the tasks are.
    let region = own.filter(|own| outlet.region().is_some_and(|region| region != *own));
    match plan(tasks, fails_max, region) {
        Plan::TooMany { stranded } => {
            let problem = format!(
                "nothing was reported: {stranded} tasks are stranded, and more than {fails_max} in one sweep look like a \
                 mistake. When they are right, raise --fails-max"
            );
            Reported { problems: vec![problem], ..Reported::default() }
        }
        Plan::Publish { events, without_token } => {
            let mut problems = Vec::new();
            if without_token > 0 {
                problems.push(format!(
                    "{} cannot be failed: the token was not found in the parameters of the state (--task-token-names?)",
                    plural(without_token, "stranded task")
                ));
            }
            let parcels: Vec<Parcel> = events.iter().map(parcel).collect();
            let answers = batches::publish(outlet, config, &parcels).await;
            let answers = events.into_iter().map(|event| event.fingerprint).zip(answers).collect();
            Reported { outlet: Some(outlet.name()), answers, problems }
        }
    }
}

fn parcel(event: &Publication) -> Parcel {
    let name = format!("sweep-{}", event.fingerprint);
    Parcel { name, body: event.body.clone(), group: event.fingerprint.clone() }
}

impl Reported {
    /// The id with which a task's event was confirmed.
    pub fn id_of(&self, fingerprint: Option<&str>) -> Option<&str> {
        let answer = self.answers.iter().find(|(of, _)| Some(of.as_str()) == fingerprint);
        answer.and_then(|(_, answer)| answer.as_deref().ok())
    }

    /// Tells what became of the events.
    pub fn tell(&self, output: &Output) {
        for (fingerprint, answer) in &self.answers {
            if let Err(refusal) = answer {
                output.problem(&Problem::service(format!("sweep-{fingerprint}: {refusal}")));
            }
        }
        for problem in &self.problems {
            output.problem(&Problem::service(problem));
        }
        if let Some(outlet) = &self.outlet {
            let sent = self.answers.iter().filter(|(_, answer)| answer.is_ok()).count();
            output.talk(format!("{sent} of {} sent to {outlet}", plural(self.answers.len(), "event")));
        }
    }

    /// How the tool exits for it, where that is not for what was found.
    pub fn exit(&self) -> Option<Exit> {
        let is_lost =
            |(_, answer): &(String, Result<String, Refusal>)| matches!(answer, Err(Refusal::Call(_)));
        (!self.answers.is_empty() && self.answers.iter().all(is_lost)).then_some(Exit::Service)
    }
}
