//! `relayctl run`: a worker's command, watched. Whoever waits for its task is told when it fails.

mod calls;
mod ending;
mod heartbeat;
mod last_line;
mod lease;
mod redact;
mod report;
mod reporter;
mod safeguards;
mod spot;
mod success;
mod tail;
mod watch;
mod words;
mod worker;

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use clap::Args;
use futures_util::FutureExt;
use rustix::process::Signal;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::exit::{Exit, Problem};
use crate::output::Output;
use crate::token_names::TokenNames;
use crate::{aws, duration, outlet};
use ending::{Ending, Run as CommandRun, Stop};
use heartbeat::{End, Heart};
use report::Context;
use safeguards::{Requests, Safeguards};
use spot::Interruption;
use success::{RESULT_BYTES_MAX, Unsuccessful};
use watch::Watch;
use words::Words;
use worker::{Event, Options, Worker};

/// Variables in which a platform names the run of its worker.
const EXECUTION_VARIABLES: [&str; 2] = ["AWS_BATCH_JOB_ID", "CODEBUILD_BUILD_ID"];

const LEASE_LOST: &str = "the lease is lost: no renewal was confirmed for its whole time, so the task is about to be failed; \
the command is told to stop";

/// How soon a process that was killed is gone.
const KILLED_WITHIN: Duration = Duration::from_secs(1);

const EXAMPLES: &str = "\
Examples:
    relayctl run -- python3 render.py
        with RELAY_QUEUE_URL and TASK_TOKEN in the environment
    relayctl run --queue-url https://sqs.eu-west-1.amazonaws.com/111122223333/failures --heartbeat 60 -- ./render
    relayctl run --direct -- ./render
        without a relay: the worker's own role calls the API
    relayctl run --lease 10m -- ./render
        and when this machine is lost, or cut off: the relay fails the task ten minutes after the last sign of life
    relayctl run --report-success -- ./render
        success too, by the worker's own role; the last line that it prints is its output
    ENTRYPOINT [\"relayctl\", \"run\", \"--\"]
        in a Dockerfile: the image's command is the worker

Where the task is looked for, the first that is found counts:
    FAILURE_RELAY_TARGET        a target object: {\"kind\":\"step-functions-task\",\"taskToken\":\"…\"}
    CODEPIPELINE_JOB_ID         a job; with CODEPIPELINE_CLIENT_TOKEN a third-party job
    the --task-token-names      a Step Functions task token
    TASK_TOKEN, TASK_TOKEN_ENV_VARIABLE, SFN_TASK_TOKEN, AWS_STEPFUNCTIONS_TASK_TOKEN, TaskToken, taskToken
    SWF_TASK_TOKEN              an SWF activity task
    DURABLE_CALLBACK_ID         a callback of a Lambda durable execution
    any other variable          a JSON object that holds one of these, or is an event in which AWS hands out work: that of a
                                custom resource, a lifecycle hook, a CodeDeploy hook, a SageMaker callback step, …

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
    /// Sends the command SIGTERM when the answer to a heartbeat says that nothing waits for the task any more
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
    /// Reports success to the service itself, with the worker's own role, when the command exits with 0
    #[arg(long)]
    report_success: bool,
    /// The file in which the command leaves its output, JSON; else the last line of its standard output
    #[arg(long, value_name = "FILE", requires = "report_success")]
    output_file: Option<PathBuf>,
    /// A file in which the command may say why it failed: an event's `failure` as JSON, or any text. One that it wrote is a failure
    /// whatever the exit code. Without it, the last line of standard error counts, where it is such an object
    #[arg(long, value_name = "FILE")]
    failure_file: Option<PathBuf>,
    /// Asks the EC2 instance's metadata for spot interruptions: the command is told to stop, and EC2.SpotInterruption is published
    /// while there is time
    #[arg(long)]
    watch_spot: bool,
    /// The signal that tells the command to stop, beside SIGTERM, SIGINT and SIGQUIT: the image's STOPSIGNAL
    #[arg(long, value_name = "SIGNAL", default_value = "SIGTERM", value_parser = ending::signal)]
    stop_signal: Signal,
    #[command(flatten)]
    safeguards: safeguards::Options,
    /// The failure's type, in place of Worker.Exited, Worker.Killed, Worker.Interrupted and the like
    #[arg(long = "type", value_name = "NAME")]
    given_type: Option<String>,
    /// Who publishes; else `RELAY_SOURCE`, the Lambda function's name, or the command's
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// The worker's own id of the run; else that of AWS Batch or CodeBuild
    #[arg(long, value_name = "ID")]
    execution_id: Option<String>,
    #[command(flatten)]
    tokens: TokenNames,
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
            for file in [&self.failure_file, &self.output_file].into_iter().flatten() {
                words::forget(file)?;
            }
            Ok(Exit::As(self.supervise(watch.as_ref(), output).await))
        })
    }

    /// Starts the command and stays with it. Returns the exit code.
    async fn supervise(&self, watch: Option<&Watch>, output: &Output) -> u8 {
        let prints_result = watch
            .and_then(|watch| watch.success)
            .is_some_and(|success| success.takes_result() && self.output_file.is_none());
        let options = Options {
            stderr_lines: if watch.is_some() { self.stderr_lines } else { 0 },
            // One byte more than any service takes shows that a result is too long.
            stdout_line: prints_result.then_some(RESULT_BYTES_MAX + 1),
            to_group: self.signal_group,
            stop_signal: self.stop_signal,
        };
        let mut safeguards = self.take_safeguards(watch, output).await;
        let ended = match Worker::start(&self.command, options) {
            Ok(worker) => self.stay(worker, watch, safeguards.as_mut(), output).await,
            Err(error) => self.could_not_start(&error, watch, output).await,
        };
        if let Some(safeguards) = safeguards {
            safeguards.give_back(!ended.is_told).await;
        }
        ended.exit_code
    }

    /// What reports the command when this process cannot.
    async fn take_safeguards(&self, watch: Option<&Watch>, output: &Output) -> Option<Safeguards> {
        let watch = watch.filter(|_| self.safeguards.are_wanted())?;
        let requests = Requests {
            outlet: watch.reporter.outlet.clone()?,
            config: watch.config.clone(),
            id: watch.id.clone(),
            source: watch.redactor.text(&watch.reporter.source),
            target: watch.task.json.clone(),
        };
        Some(Safeguards::take(&self.safeguards, requests, output).await)
    }

    async fn could_not_start(&self, error: &io::Error, watch: Option<&Watch>, output: &Output) -> Ended {
        let program = self.program();
        output.problem(&Problem::local(format!("{program} could not be started: {error}")));
        let is_told = match watch {
            Some(watch) => {
                let event = report::of_failed_start(
                    &self.context(watch, &program),
                    &error.to_string(),
                    SystemTime::now(),
                );
                tell(&watch.reporter.report(&event).await, output)
            }
            None => true,
        };
        let exit_code = match error.kind() {
            io::ErrorKind::NotFound => 127,
            _ => 126,
        };
        Ended { exit_code, is_told }
    }

    /// Waits for the command's end, and sees to it that it is reported once.
    async fn stay(
        &self,
        mut worker: Worker,
        watch: Option<&Watch>,
        safeguards: Option<&mut Safeguards>,
        output: &Output,
    ) -> Ended {
        let mut stopped_by = None;
        let mut deadline: Option<Instant> = None;
        let mut killed_at: Option<Instant> = None;
        let mut early_report: Option<JoinHandle<Result<String, Problem>>> = None;
        let mut heartbeats = Box::pin(self.heartbeats(watch, output).fuse());
        let mut spot = Box::pin(self.spot(watch, output).fuse());
        let mut lease_lost = Box::pin(lost(safeguards).fuse());
        let ending = loop {
            tokio::select! {
                event = worker.next() => match event {
                    Event::Ended(ending) => break ending,
                    Event::ToldToStop(signal) => {
                        stopped_by.get_or_insert(Stop::Signal(signal));
                        deadline = deadline.or_else(|| watch.map(|_| Instant::now() + self.grace));
                    }
                },
                notice = &mut spot => {
                    let time_left = notice.time_left(SystemTime::now()).unwrap_or(self.grace);
                    let due = Instant::now() + self.grace.min(time_left);
                    deadline = Some(deadline.map_or(due, |deadline| deadline.min(due)));
                    stopped_by = Some(Stop::Spot(notice));
                    worker.stop();
                }
                watch = due(deadline, watch), if early_report.is_none() => {
                    let (ending, stopped_by) = (Ending::NotEnded, stopped_by.clone());
                    let run = CommandRun { ending, stopped_by, duration: worker.started.elapsed() };
                    let event = self.event(&mut worker, &run, watch, output).await;
                    let reporter = watch.reporter.clone();
                    // Beside waiting for the command: the platform may end everything soon.
                    early_report = Some(tokio::spawn(async move { reporter.report(&event).await }));
                }
                () = &mut heartbeats => worker.stop(),
                () = &mut lease_lost => {
                    output.problem(&Problem::service(LEASE_LOST));
                    stopped_by.get_or_insert(Stop::LeaseLost);
                    let kill = Instant::now() + self.grace;
                    killed_at = Some(kill);
                    deadline = deadline.or(Some(kill + KILLED_WITHIN));
                    worker.stop();
                }
                () = at(killed_at) => {
                    worker.kill();
                    killed_at = None;
                }
            }
        };
        drop((heartbeats, spot));
        let run = CommandRun { ending, stopped_by, duration: worker.started.elapsed() };
        let is_reported = match early_report {
            Some(report) => report.await.is_ok_and(|report| tell(&report, output)),
            None => false,
        };
        let is_told = match watch.filter(|_| !is_reported) {
            Some(watch) => self.tell_end(&mut worker, &run, watch, output).await,
            None => true,
        };
        worker.finish_streams().await;
        Ended { exit_code: ending.exit_code(), is_told }
    }

    /// Reports a failure, or tells success where that is wished; whether nothing is left that could not be reported.
    async fn tell_end(&self, worker: &mut Worker, run: &CommandRun, watch: &Watch, output: &Output) -> bool {
        let event = if run.is_failure() || self.words_in_file(output).is_some() {
            Some(self.event(worker, run, watch, output).await)
        } else {
            self.succeed(worker, watch, output).await
        };
        match event {
            Some(event) => tell(&watch.reporter.report(&event).await, output),
            None => true,
        }
    }

    /// Tells success, where that is wished. Returns the event of a success that did not come about.
    async fn succeed(&self, worker: &mut Worker, watch: &Watch, output: &Output) -> Option<String> {
        let success = watch.success?;
        let told = match self.result(worker).await {
            Ok(result) => success.tell(&watch.task.target, &result, &watch.clients, &watch.place).await,
            Err(why) => Err(Unsuccessful::ResultNotAccepted(why)),
        };
        match told {
            Ok(how) => {
                output.talk(format!("relayctl: the success was {how}"));
                None
            }
            Err(why) => {
                output.problem(&Problem::service(format!(
                    "the success could not be reported: {}",
                    why.message()
                )));
                let program = self.program();
                Some(report::of_unsuccessful(&self.context(watch, &program), &why, SystemTime::now()))
            }
        }
    }

    /// What the command left as its result.
    async fn result(&self, worker: &mut Worker) -> Result<String, String> {
        if let Some(file) = &self.output_file {
            return words::written(file, RESULT_BYTES_MAX + 1);
        }
        let line = worker.stdout_line().await.unwrap_or_default();
        String::from_utf8(line.bytes).map_err(|_| "the result is not UTF-8".to_owned())
    }

    /// What the command says in a file of why it failed.
    fn words_in_file(&self, output: &Output) -> Option<Words> {
        let text = words::written(self.failure_file.as_ref()?, words::BYTES_MAX);
        match text {
            Ok(text) => Words::of_text(&text),
            Err(why) => {
                output.problem(&Problem::file(why));
                None
            }
        }
    }

    async fn event(&self, worker: &mut Worker, run: &CommandRun, watch: &Watch, output: &Output) -> String {
        let bytes_max = report::stderr_bytes_max(watch.task.target.kind());
        let (stderr, last) = worker.stderr_tail(bytes_max, run.ending != Ending::NotEnded).await;
        let words = self.words_in_file(output).or_else(|| Words::of_line(last.as_ref()?));
        let program = self.program();
        report::of_run(&self.context(watch, &program), run, &stderr, words.as_ref(), SystemTime::now())
    }

    /// Waits for the notice of a spot interruption, where that is wished.
    async fn spot(&self, watch: Option<&Watch>, output: &Output) -> Interruption {
        match watch.filter(|_| self.watch_spot) {
            Some(watch) => spot::interruption(&watch.config, output).await,
            None => std::future::pending().await,
        }
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
        let (target, clients, place) = (&watch.task.target, &*watch.clients, &watch.place);
        let call = heartbeat::of(target.kind())?;
        Some(Heart { call, target, clients, place, interval: self.heartbeat }.beat(output).await)
    }

    fn program(&self) -> String {
        self.command.first().map(|program| report::program_name(program)).unwrap_or_default()
    }

    fn context<'a>(&'a self, watch: &'a Watch, program: &'a str) -> Context<'a> {
        Context {
            target: &watch.task.json,
            program,
            id: &watch.id,
            source: &watch.reporter.source,
            given_type: self.given_type.as_deref(),
            execution_id: self.execution_id.as_deref(),
            redactor: &watch.redactor,
        }
    }
}

/// How a command's run is over.
#[derive(Clone, Copy, Debug)]
struct Ended {
    exit_code: u8,
    /// Whether nothing is left that could not be reported.
    is_told: bool,
}

/// A variable of this process, where it is text and not empty.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Returns when the lease is lost.
async fn lost(safeguards: Option<&mut Safeguards>) {
    match safeguards {
        Some(safeguards) => safeguards.lost().await,
        None => std::future::pending().await,
    }
}

/// Returns at a moment, where there is one.
async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
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
