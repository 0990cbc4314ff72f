//! `relayctl run`: a worker's command, watched. Whoever waits for its task is told when it fails.

mod ending;
mod heartbeat;
mod report;
mod reporter;
mod tail;
mod worker;

use std::ffi::OsString;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use clap::Args;
use failure_event::notice::identity_in_variables;
use failure_event::place::GivenPlace;
use failure_event::place::{OtherAccount, Place};
use failure_event::secret::{Secret, fingerprint};
use failure_event::target::Target;
use failure_relay::aws::clients::Clients;
use futures_util::FutureExt;
use rustix::process::Signal;
use serde_json::value::RawValue;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::exit::{Exit, Problem};
use crate::output::Output;
use crate::{aws, duration, outlet};
use ending::{Ending, Run as CommandRun};
use heartbeat::{Api, End, Heart};
use report::Context;
use reporter::Reporter;
use worker::{Event, Worker};

/// Variables whose values must not be in a report, beside the task's own token.
const SECRET_VARIABLES: [&str; 2] = ["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];

/// Variables in which a platform names the run of its worker.
const EXECUTION_VARIABLES: [&str; 2] = ["AWS_BATCH_JOB_ID", "CODEBUILD_BUILD_ID"];

const EXAMPLES: &str = "\
Examples:
    relayctl run -- python3 render.py
        with RELAY_QUEUE_URL and TASK_TOKEN in the environment
    relayctl run --queue-url https://sqs.eu-west-1.amazonaws.com/111122223333/failures --heartbeat 60 -- ./render
    relayctl run --direct -- ./render
        without a relay: the worker's own role calls the API
    ENTRYPOINT [\"relayctl\", \"run\", \"--\"]
        in a Dockerfile: the image's command is the worker

Where the task is looked for, the first that is found counts:
    FAILURE_RELAY_TARGET        a target object: {\"kind\":\"step-functions-task\",\"taskToken\":\"…\"}
    CODEPIPELINE_JOB_ID         a job; with CODEPIPELINE_CLIENT_TOKEN a third-party job
    the --task-token-names      a Step Functions task token
    TASK_TOKEN, TASK_TOKEN_ENV_VARIABLE, SFN_TASK_TOKEN, AWS_STEPFUNCTIONS_TASK_TOKEN, TaskToken, taskToken
    SWF_TASK_TOKEN              an SWF activity task
    any other variable          a JSON object that holds one of these

Exit codes: the command's own; 128 + n when signal n killed it; 126 when it cannot be run, 127 when it is not there; 2 when
there is no task or nowhere to publish to (the command is not started).";

/// Runs a worker's command and publishes its failure
///
/// The task that the worker works on is found in the environment. While the command runs, signals are passed on to it and
/// heartbeats are sent for it. When it ends with another exit code than 0, by a signal, or after it was told to stop, the
/// failure is published with the exit code or signal, the time that it ran, and the last lines of its standard error.
/// Works as the first process of a container.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub struct Run {
    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    command: Vec<OsString>,
    #[command(flatten)]
    outlet: outlet::Options,
    /// Calls the orchestrator's API itself when publishing fails, or when there is nowhere to publish to
    #[arg(long)]
    direct: bool,
    /// Time from one heartbeat to the next; 0 sends none
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration::parse)]
    heartbeat: Duration,
    /// Sends the command SIGTERM when a heartbeat is told that nothing waits for the task any more
    #[arg(long)]
    stop_when_closed: bool,
    /// How long a command that was told to stop may take until its failure is published before its end; to be below the
    /// platform's own limit (30 s on ECS and Kubernetes, 10 s for `docker stop`)
    #[arg(long, value_name = "DURATION", default_value = "20s", value_parser = duration::parse)]
    grace: Duration,
    /// How many of the last lines of standard error are published; 0 leaves standard error alone
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    stderr_lines: usize,
    /// Passes signals on to the command's process group, and not to the command alone
    #[arg(long)]
    signal_group: bool,
    /// Runs the command even where no task is found; its failure is then published nowhere
    #[arg(long)]
    allow_no_target: bool,
    /// The failure's type, in place of Worker.Exited, Worker.Killed, Worker.Interrupted and Worker.NotStarted
    #[arg(long = "type", value_name = "NAME")]
    given_type: Option<String>,
    /// Who publishes, for the relay's logs
    #[arg(long, value_name = "NAME", default_value = "relayctl run")]
    source: String,
    /// The worker's own id of the run; else that of AWS Batch or CodeBuild
    #[arg(long, value_name = "ID")]
    execution_id: Option<String>,
    /// More names under which a Step Functions task token is looked for
    #[arg(long, value_name = "NAMES", env = "RELAY_TASK_TOKEN_NAMES", value_delimiter = ',')]
    task_token_names: Vec<String>,
    /// The role that --direct and heartbeats assume for a task in another account
    #[arg(long, value_name = "NAME", env = "RELAY_ROLE_NAME")]
    role_name: Option<String>,
    #[command(flatten)]
    aws: aws::Options,
}

impl Run {
    /// Runs the command to its end.
    ///
    /// # Errors
    /// The command was not started: there is no task, or nowhere to publish to.
    pub fn run(mut self, output: &Output) -> Result<Exit, Problem> {
        self.execution_id = self.execution_id.or_else(|| EXECUTION_VARIABLES.into_iter().find_map(variable));
        crate::block_on(async {
            let watch = match (self.find_task()?, self.allow_no_target) {
                (Some(task), _) => Some(self.watch(task).await?),
                (None, true) => {
                    output.talk(
                        "relayctl: no task or job in the environment: a failure will be published nowhere",
                    );
                    None
                }
                (None, false) => {
                    return Err(Problem::usage(
                        "no task or job in the environment (see --help for the names; --allow-no-target runs the command anyway)",
                    ));
                }
            };
            Ok(Exit::As(self.supervise(watch.as_ref(), output).await))
        })
    }

    /// The task in the environment, checked as the relay would check it.
    fn find_task(&self) -> Result<Option<Task>, Problem> {
        let found = identity_in_variables(&crate::environment(), &self.task_token_names, &mut |identity| {
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
    async fn watch(&self, task: Task) -> Result<Watch, Problem> {
        let outlet = self.outlet.outlet()?;
        if outlet.is_none() && !self.direct {
            return Err(Problem::usage("nowhere to publish to: give --queue-url, --event-bus or --direct"));
        }
        let config = self.aws.load(outlet.as_ref().and_then(|outlet| outlet.region())).await?;
        let clients = Arc::new(Clients::over(config.clone(), self.role_name.clone()));
        let place = self.place_of(&task, &config);
        let secrets = task.target.secret().cloned().into_iter();
        let of_environment = SECRET_VARIABLES.into_iter().filter_map(variable).map(Secret::new);
        let direct = self.direct.then(|| (Arc::clone(&clients), place.clone()));
        let fingerprint = fingerprint(task.target.identity());
        let reporter = Reporter { outlet, direct, config, target: task.target.clone(), fingerprint };
        Ok(Watch { secrets: secrets.chain(of_environment).collect(), task, clients, place, reporter })
    }

    fn place_of(&self, task: &Task, config: &SdkConfig) -> Place {
        let own_region = config.region().map(ToString::to_string).unwrap_or_default();
        let account = task.place.account.clone().filter(|_| self.role_name.is_some());
        let region = task.place.region.clone().unwrap_or(own_region);
        let partition = aws::partition_of(&region).to_owned();
        Place { region, account: account.map(|id| OtherAccount { id, partition }) }
    }

    /// Starts the command and stays with it. Returns the exit code.
    async fn supervise(&self, watch: Option<&Watch>, output: &Output) -> u8 {
        let tail_lines = if watch.is_some() { self.stderr_lines } else { 0 };
        match Worker::start(&self.command, tail_lines, self.signal_group) {
            Ok(worker) => self.stay(worker, watch, output).await,
            Err(error) => self.could_not_start(&error, watch, output).await,
        }
    }

    async fn could_not_start(&self, error: &io::Error, watch: Option<&Watch>, output: &Output) -> u8 {
        let program = self.program();
        output.problem(&Problem::local(format!("{program} could not be started: {error}")));
        if let Some(watch) = watch {
            let event = report::of_failed_start(
                &self.context(watch, &program),
                &error.to_string(),
                SystemTime::now(),
            );
            tell(&watch.reporter.report(&event).await, output);
        }
        match error.kind() {
            io::ErrorKind::NotFound => 127,
            _ => 126,
        }
    }

    /// Waits for the command's end, and sees to it that its failure is reported once.
    async fn stay(&self, mut worker: Worker, watch: Option<&Watch>, output: &Output) -> u8 {
        let mut stopped_by = None;
        let mut deadline: Option<Instant> = None;
        let mut early_report: Option<JoinHandle<Result<String, Problem>>> = None;
        let mut heartbeats = Box::pin(self.heartbeats(watch, output).fuse());
        let ending = loop {
            tokio::select! {
                event = worker.next() => match event {
                    Event::Ended(ending) => break ending,
                    Event::ToldToStop(signal) => {
                        stopped_by.get_or_insert(signal);
                        deadline = deadline.or_else(|| watch.map(|_| Instant::now() + self.grace));
                    }
                },
                watch = due(deadline, watch), if early_report.is_none() => {
                    let run = CommandRun { ending: Ending::NotEnded, stopped_by, duration: worker.started.elapsed() };
                    let event = self.event(&mut worker, run, watch).await;
                    let reporter = watch.reporter.clone();
                    // Beside waiting for the command: the platform may end everything soon.
                    early_report = Some(tokio::spawn(async move { reporter.report(&event).await }));
                }
                () = &mut heartbeats => worker.send(Signal::TERM),
            }
        };
        drop(heartbeats);
        let run = CommandRun { ending, stopped_by, duration: worker.started.elapsed() };
        let is_reported = match early_report {
            Some(report) => report.await.is_ok_and(|report| tell(&report, output)),
            None => false,
        };
        if let Some(watch) = watch.filter(|_| run.is_failure() && !is_reported) {
            let event = self.event(&mut worker, run, watch).await;
            tell(&watch.reporter.report(&event).await, output);
        }
        worker.finish_stderr().await;
        ending.exit_code()
    }

    async fn event(&self, worker: &mut Worker, run: CommandRun, watch: &Watch) -> String {
        let bytes_max = report::stderr_bytes_max(watch.task.target.kind());
        let stderr = worker.stderr_tail(bytes_max, run.ending != Ending::NotEnded).await;
        report::of_run(&self.context(watch, &self.program()), &run, &stderr, SystemTime::now())
    }

    /// Sends heartbeats for as long as they make sense. Returns only when the command is to be told to stop.
    async fn heartbeats(&self, watch: Option<&Watch>, output: &Output) {
        if let Some(end) = self.beat(watch, output).await {
            match end {
                End::NotWanted(why) if self.stop_when_closed => {
                    output.talk(format!(
                        "relayctl: nothing waits for this task any more: {why}; the command is told to stop"
                    ));
                    return;
                }
                End::NotWanted(why) => {
                    output.talk(format!("relayctl: nothing waits for this task any more: {why}"));
                }
                End::Denied(why) => {
                    output.talk(format!("relayctl: no heartbeats, the role may not send them: {why}"));
                }
            }
        }
        std::future::pending::<()>().await;
    }

    async fn beat(&self, watch: Option<&Watch>, output: &Output) -> Option<End> {
        let watch = watch.filter(|_| !self.heartbeat.is_zero())?;
        let (api, token) = (Api::of(watch.task.target.kind())?, watch.task.target.secret()?);
        let (clients, place) = (&*watch.clients, &watch.place);
        Some(Heart { api, token, clients, place, interval: self.heartbeat }.beat(output).await)
    }

    fn program(&self) -> String {
        self.command.first().map(|program| report::program_name(program)).unwrap_or_default()
    }

    fn context<'a>(&'a self, watch: &'a Watch, program: &'a str) -> Context<'a> {
        Context {
            target: &watch.task.json,
            program,
            source: &self.source,
            given_type: self.given_type.as_deref(),
            execution_id: self.execution_id.as_deref(),
            secrets: &watch.secrets,
        }
    }
}

/// The task that the command works on.
#[derive(Debug)]
struct Task {
    target: Target,
    place: GivenPlace,
    /// As it was found.
    json: Box<RawValue>,
}

/// What a failure will need.
#[derive(Debug)]
struct Watch {
    task: Task,
    clients: Arc<Clients>,
    place: Place,
    reporter: Reporter,
    secrets: Vec<Secret>,
}

/// A variable of this process, where it is text and not empty.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Returns when a report is due before the command's end.
async fn due(deadline: Option<Instant>, watch: Option<&Watch>) -> &Watch {
    match (deadline, watch) {
        (Some(deadline), Some(watch)) => {
            tokio::time::sleep_until(deadline).await;
            watch
        }
        _ => std::future::pending().await,
    }
}

/// Says how a report went; whether it is out.
fn tell(report: &Result<String, Problem>, output: &Output) -> bool {
    match report {
        Ok(how) => output.talk(format!("relayctl: the failure was {how}")),
        Err(problem) => {
            output.problem(&Problem::service(format!("the failure could not be reported: {problem}")));
        }
    }
    report.is_ok()
}
