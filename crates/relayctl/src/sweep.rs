//! `relayctl sweep`: Step Functions tasks that wait for a worker that is gone.

mod fail;
mod show;

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use clap::Args;
use failure_event::arn::Arn;
use failure_event::sweep::verdict::Status;
use failure_event::sweep::{ArnPattern, FAILS_MAX, SweepRules};
use failure_relay::aws::clients::Clients;
use failure_watch::services::Aws;
use failure_watch::sweep::{Progress, Swept, sweep};
use indicatif::{ProgressBar, ProgressStyle};
use time::OffsetDateTime;

use crate::exit::{Exit, Problem};
use crate::outlet::{self, Outlet};
use crate::output::{Output, plural};
use crate::token_names::TokenNames;
use crate::{aws, duration};
use fail::Reported;

const EXAMPLES: &str = "\
Examples:
    relayctl sweep
    relayctl sweep --state-machine 'arn:aws:states:eu-west-1:111122223333:stateMachine:render-*' --json
    relayctl sweep --silent-after 1d
    relayctl sweep --fail --queue-url \"$RELAY_QUEUE_URL\"

Reads every running execution of the standard state machines that are meant, and asks ECS, Batch, CodeBuild, EC2, Systems Manager \
and Step Functions about the workers that they wait for. A worker is gone only by a definite answer: what cannot be asked about is \
`unknown`. Needs states:ListStateMachines, states:ListExecutions, states:GetExecutionHistory, states:DescribeExecution, \
states:DescribeStateMachineForExecution, ecs:DescribeTasks, batch:DescribeJobs, codebuild:BatchGetBuilds, ec2:DescribeInstances and \
ssm:ListCommandInvocations. Exits with 0 when nobody is stranded, with 1 when somebody is.";

/// The most errors that are shown one by one.
const ERRORS_SHOWN: usize = 20;

/// Finds Step Functions tasks that wait for a worker that is gone, and fails them when asked to
///
/// Needs no change to workers or state machines.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Sweep {
    /// Only these state machines: ARNs, in which * stands for anything
    #[arg(long = "state-machine", value_name = "ARN", value_parser = ArnPattern::parse)]
    state_machines: Vec<ArnPattern>,
    /// A worker that ended no longer ago may just be calling back
    #[arg(long, value_name = "DURATION", default_value = "2m", value_parser = duration::parse)]
    grace: Duration,
    /// A worker that ended well so long ago, and did not call back, is gone too; else it is only shown
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    silent_after: Option<Duration>,
    /// Reports each stranded task to the relay, which fails it
    #[arg(long)]
    fail: bool,
    /// When more tasks are stranded, none is reported: a wrong answer must not fail a thousand executions
    #[arg(long, value_name = "COUNT", default_value_t = FAILS_MAX)]
    fails_max: usize,
    /// Requests a second to each API; else half of what AWS allows an account by default
    #[arg(long, value_name = "NUMBER", value_parser = parse_rate)]
    rate: Option<f64>,
    #[command(flatten)]
    tokens: TokenNames,
    #[command(flatten)]
    outlet: outlet::Options,
    #[command(flatten)]
    aws: aws::Options,
}

fn parse_rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate: &f64| (0.01..=10_000.0).contains(rate));
    rate.ok_or_else(|| {
        format!("expected a number of requests a second, from 0.01 to 10000, found \"{text}\"")
    })
}

impl Sweep {
    /// Sweeps, shows what was found, and fails what is stranded when asked to.
    ///
    /// # Errors
    /// The state machines cannot be listed, or there is nowhere to report to.
    pub fn run(self, output: &Output) -> Result<Exit, Problem> {
        let outlet = self.outlet()?;
        crate::block_on(async {
            let config = self.aws.load(self.region()).await?;
            let swept = self.sweep(&config, output).await?;
            let reported = match &outlet {
                Some(outlet) => fail::report(&swept.tasks, self.fails_max, outlet, &config).await,
                None => Reported::default(),
            };
            show::tasks(&swept.tasks, &reported, output);
            tell(&swept, output);
            reported.tell(output);
            Ok(exit(&swept, &reported))
        })
    }

    /// Where stranded tasks are reported, when they are.
    fn outlet(&self) -> Result<Option<Outlet>, Problem> {
        self.fail.then(|| self.outlet.required()).transpose()
    }

    /// The region that the state machines name.
    fn region(&self) -> Option<&str> {
        let mut arns = self.state_machines.iter().filter_map(ArnPattern::exact);
        arns.find_map(|arn| Some(Arn::parse(arn)?.region)).filter(|region| !region.is_empty())
    }

    async fn sweep(&self, config: &SdkConfig, output: &Output) -> Result<Swept, Problem> {
        let seconds = |duration: Duration| time::Duration::try_from(duration).unwrap_or(time::Duration::MAX);
        let question = failure_watch::sweep::Sweep {
            rules: SweepRules {
                state_machines: self.state_machines.clone(),
                grace: seconds(self.grace),
                silent: self.silent_after.map(seconds).filter(|silent| silent.is_positive()),
                fails_max: self.fails_max,
                task_token_names: self.tokens.all(),
            },
            region: config.region().map(ToString::to_string).unwrap_or_default(),
            rate: self.rate,
            deadline: None,
        };
        let services = Aws::new(Arc::new(Clients::over(config.clone(), None)));
        let bar = RefCell::new(ProgressBar::hidden());
        let progress = |step| match step {
            Progress::Listed(executions) => *bar.borrow_mut() = progress_bar(executions, output),
            Progress::Read => bar.borrow().inc(1),
        };
        let swept = sweep(&question, &services, OffsetDateTime::now_utc(), &progress).await;
        bar.borrow().finish_and_clear();
        swept.map_err(|error| Problem::service(format!("states:ListStateMachines {}", error.as_predicate())))
    }
}

fn progress_bar(executions: usize, output: &Output) -> ProgressBar {
    if !output.shows_progress() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(u64::try_from(executions).unwrap_or(u64::MAX));
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos} of {len} executions read, {eta} to go") {
        bar.set_style(style);
    }
    bar
}

/// What could not be read, how many are doing how, and what to do.
fn tell(swept: &Swept, output: &Output) {
    for error in swept.errors.iter().take(ERRORS_SHOWN) {
        output.complain(format_args!("not read: {error}"));
    }
    if swept.errors.len() > ERRORS_SHOWN {
        output.complain(format_args!("not read: {} more", swept.errors.len() - ERRORS_SHOWN));
    }
    let statuses = [Status::Stranded, Status::Silent, Status::Unknown, Status::Waiting];
    let counts = statuses.map(|status| format!("{} {}", swept.count(status), status.as_str()));
    output.talk(format_args!(
        "{} in {}: {}",
        plural(swept.tasks.len(), "waiting task"),
        plural(swept.executions, "running execution"),
        counts.join(", ")
    ));
}

/// Whether somebody is stranded; where nothing could be read nobody knows.
fn exit(swept: &Swept, reported: &Reported) -> Exit {
    if let Some(exit) = reported.exit() {
        return exit;
    }
    let is_blind =
        swept.tasks.is_empty() && !swept.errors.is_empty() && swept.errors.len() >= swept.executions;
    match swept.count(Status::Stranded) {
        0 if is_blind => Exit::Service,
        0 => Exit::Yes,
        _ => Exit::No,
    }
}
