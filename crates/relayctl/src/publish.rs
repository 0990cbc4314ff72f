//! `relayctl publish`: a failure event, from arguments or files, onto the relay's queue or bus.

pub mod batches;

use std::path::PathBuf;

use clap::Args;
use failure_event::dead_letter::MESSAGE_SIZE_MAX;
use failure_event::json::Json;
use failure_event::place::Home;
use failure_event::rules::Rules;
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::event::{self, FailureOptions, HeaderOptions, TargetOptions};
use crate::exit::{Exit, Problem};
use crate::inputs::Input;
use crate::outlet;
use crate::output::{Output, Tone, plural};
use crate::validate::{Diagnosis, Paint};
use crate::{aws, lambda};
use batches::{Parcel, Refusal};

const EXAMPLES: &str = "\
Examples:
    trap '[ $? -eq 0 ] || relayctl publish --message \"line $LINENO failed\"' EXIT
        with RELAY_QUEUE_URL, and the task's own variable (TASK_TOKEN, CODEPIPELINE_JOB_ID, …) in the environment
    relayctl publish --kind codepipeline-job --job-id \"$JOB\" --type ConfigurationError --message 'no bucket'
    relayctl publish --event-bus failure-relay --details \"$(tail -n 20 render.log)\"
    relayctl publish events/routable/*.json --queue-url \"$URL\"

An argument is seen by everyone who may list this machine's processes: a token is better left in the environment, where \
it is found under the names that `relayctl run` knows, or in a file. Exits with 1 when an event would be dead-lettered \
(then nothing is sent) or not all were confirmed, and with 4 when AWS refused or cannot be reached.";

/// Publishes failure events to the relay's queue or bus, validated first
///
/// Without files, one event is made of the arguments. Prints the id that the queue or bus confirmed each event with.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Publish {
    /// Files and folders with events, instead of the arguments below; `-` is standard input
    #[arg(value_name = "FILE", conflicts_with_all = ["target", "failure", "header", "time"])]
    files: Vec<PathBuf>,
    #[command(flatten)]
    target: TargetOptions,
    #[command(flatten)]
    failure: FailureOptions,
    #[command(flatten)]
    header: HeaderOptions,
    /// When the work failed (RFC 3339); else now
    #[arg(long, value_name = "TIME", help_heading = "The event")]
    time: Option<String>,
    #[command(flatten)]
    destination: Destination,
}

impl Publish {
    /// Publishes everything, or nothing when one event is not routable.
    ///
    /// # Errors
    /// No place or no target is named, a file cannot be read, or AWS cannot be reached.
    pub fn run(self, output: &Output) -> Result<Exit, Problem> {
        let inputs = if self.files.is_empty() { vec![self.event()?] } else { Input::read_all(&self.files)? };
        self.destination.publish(&inputs, output)
    }

    fn event(&self) -> Result<Input, Problem> {
        let now = || OffsetDateTime::now_utc().format(&Rfc3339).ok();
        let time = self.time.clone().or_else(now);
        Ok(self.header.event(
            "event",
            &[
                ("time", event::text(time.as_deref())),
                ("target", Some(self.target.target()?)),
                ("failure", Some(self.failure.failure())),
            ],
        ))
    }
}

/// The arguments that say where events go.
#[derive(Debug, Args)]
pub struct Destination {
    #[command(flatten)]
    outlet: outlet::Options,
    /// The message group, for a FIFO queue; else the event's id
    #[arg(long, value_name = "NAME")]
    group: Option<String>,
    #[command(flatten)]
    aws: aws::Options,
}

impl Destination {
    /// Publishes all events, or none when one of them is not routable, and prints what became of each.
    ///
    /// # Errors
    /// No place is named, an event is too large for any, or AWS cannot be reached.
    pub fn publish(&self, inputs: &[Input], output: &Output) -> Result<Exit, Problem> {
        let outlet = self.outlet.required()?;
        check_sizes(inputs)?;
        if !all_are_routable(inputs, output) {
            return Ok(Exit::No);
        }
        let parcels: Vec<Parcel> = inputs.iter().map(|input| self.parcel(input)).collect();
        let answers = crate::block_on(async {
            let config = self.aws.load(outlet.region()).await?;
            Ok(batches::publish(&outlet, &config, &parcels).await)
        })?;
        let failed = answers.iter().filter(|answer| answer.is_err()).count();
        let was_reached = answers.iter().any(|answer| !matches!(answer, Err(Refusal::Call(_))));
        for (parcel, answer) in parcels.iter().zip(answers) {
            tell(parcel, answer, output);
        }
        output.talk(format!(
            "{} of {} sent to {}",
            parcels.len() - failed,
            plural(parcels.len(), "event"),
            outlet.name()
        ));
        Ok(match (failed, was_reached) {
            (0, _) => Exit::Yes,
            (_, true) => Exit::No,
            (_, false) => Exit::Service,
        })
    }

    fn parcel(&self, input: &Input) -> Parcel {
        let body = input.text().into_owned();
        let id = Json::parse(&body).ok().and_then(Json::object).and_then(|event| event.description("id"));
        let group = self.group.clone().or(id.map(std::borrow::Cow::into_owned));
        let group = group.unwrap_or_else(|| "relayctl".to_owned());
        Parcel { name: input.path.display().to_string(), body, group }
    }
}

fn check_sizes(inputs: &[Input]) -> Result<(), Problem> {
    match inputs.iter().find(|input| input.bytes.len() > MESSAGE_SIZE_MAX) {
        Some(input) => Err(Problem::file(format!(
            "{}: is larger than 1 MiB, the most that a queue or a bus takes; nothing was sent",
            input.path.display()
        ))),
        None => Ok(()),
    }
}

/// Tells what is wrong with those that are not.
fn all_are_routable(inputs: &[Input], output: &Output) -> bool {
    let home = Home::new("us-east-1", &lambda::function_arn("us-east-1", "123456789012"));
    let mut all = true;
    for diagnosis in inputs.iter().map(|input| Diagnosis::of(input, &Rules::default(), &home)) {
        if !diagnosis.is_routable() {
            all = false;
            diagnosis.render(Paint::Talk(output)).iter().for_each(|line| output.complain(line));
        }
    }
    if !all {
        output.complain("nothing was sent");
    }
    all
}

fn tell(parcel: &Parcel, answer: Result<String, Refusal>, output: &Output) {
    let name = &parcel.name;
    match answer {
        Ok(id) if output.is_json() => output.json(&json!({"event": name, "id": id})),
        Ok(id) => output.data(format_args!("{id}  {}", output.tint(Tone::Faint, name))),
        Err(refusal) => {
            if output.is_json() {
                output.json(&json!({"event": name, "id": null, "error": refusal.to_string()}));
            }
            output.problem(&Problem::service(format!("{name}: {refusal}")));
        }
    }
}
