//! `relayctl drill`: tries a deployed relay from end to end, says what failed and why, and leaves nothing behind.

mod callback;
mod canary;
mod fault;
mod lease;
mod letters;
mod made_up;
mod plan;
mod probe;
mod report;
mod site;
mod stage;
mod traces;

use std::time::Duration;

use clap::builder::PossibleValuesParser;
use clap::{Args, ValueHint};

use crate::doctor::{Subject, examine, read, tell_unread};
use crate::exit::{Exit, Problem};
use crate::output::Output;
use crate::stop::Stop;
use crate::{aws, duration, stack};
use plan::{Plan, names};
use report::Report;
use site::Site;
use stage::Stage;

/// How long a drill may wait for what should happen.
const TIMEOUT_SECONDS: (u32, u32) = (5, 3600);

const EXAMPLES: &str = "\
Examples:
    relayctl drill --stack failure-relay
    relayctl drill --stack failure-relay --state-machine-role arn:aws:iam::111122223333:role/drill
    relayctl drill --stack failure-relay --only dead-letter --only bus
    relayctl drill --stack failure-relay --json | jq -r 'select(.result == \"failed\") | .faults[].fix'

It reads what `relayctl doctor` reads, with the same permissions. Beside these it needs: lambda:InvokeFunction on the relay's function
for the kinds; sqs:SendMessage on the relay's queue, events:PutEvents on its bus, and sqs:ReceiveMessage,
sqs:ChangeMessageVisibility and sqs:DeleteMessage on its dead-letter queue; with --state-machine-role states:CreateActivity,
states:DeleteActivity, states:GetActivityTask, states:CreateStateMachine, states:DeleteStateMachine, states:StartExecution,
states:StopExecution, states:DescribeExecution and iam:PassRole; with Canary=true states:StartExecution, states:DescribeExecution
and states:StopExecution. Where the queues have a KMS key, its use too. The role needs no permission, only the trust of
states.amazonaws.com.

A drill rings the alarm on arriving dead letters, which shows whether somebody hears it. Interrupted, it cleans up; interrupted
twice, it ends at once.

Exit codes: 0 every drill passed; 1 one failed, or the run was interrupted; 4 none that was tried failed, but AWS refused to let one
be tried, to be read, or to be cleaned up after.";

/// Tries a deployed relay from end to end: each kind, a callback, a dead letter and its redrive, the bus, a lease
///
/// For each drill that fails, reports the fault as far as `relayctl doctor` finds one. It deletes what it made.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Drill {
    /// The CloudFormation stack of the relay
    #[arg(long, value_name = "NAME")]
    stack: String,
    /// Only this drill: a kind of target, `callback`, `canary`, `dead-letter`, `bus` or `lease`. May be repeated
    #[arg(long, value_name = "DRILL", value_parser = PossibleValuesParser::new(names()), hide_possible_values = true)]
    only: Vec<String>,
    /// How long a drill may take; a lease has its minute and the watch's on top
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = timeout)]
    timeout: Duration,
    /// A role for a temporary state machine, without which a callback is tried by the stack's canary only
    #[arg(long, value_name = "ARN", value_hint = ValueHint::Other)]
    state_machine_role: Option<String>,
    #[command(flatten)]
    aws: aws::Options,
}

fn timeout(text: &str) -> Result<Duration, String> {
    duration::within(text, TIMEOUT_SECONDS)
}

impl Drill {
    /// Tries, cleans up and tells.
    ///
    /// # Errors
    /// The stack or its function cannot be read.
    pub fn run(self, output: &Output) -> Result<Exit, Problem> {
        // What was begun is cleaned up, whether or not anybody still reads.
        let output = &output.outliving_its_reader();
        crate::block_on(async {
            let stop = Stop::listen();
            let config = self.aws.load(None).await?;
            let resources = stack::resources(&config, &self.stack).await?;
            let deployment = read(&config, Subject::Stack(&self.stack)).await?;
            tell_unread(&deployment.unread, output);
            let site = Site::find(&deployment, &resources).ok_or_else(|| {
                Problem::service(format!(
                    "stack {}: the relay's function was not found, or not read",
                    self.stack
                ))
            })?;
            let plan = Plan::new(&deployment, &site, &self.only, self.state_machine_role.as_deref());
            let stage = Stage {
                config: &config,
                output,
                stop,
                run: format!("{:08x}", fastrand::u32(..)),
                findings: examine(&deployment),
                deployment: &deployment,
                site: &site,
                timeout: self.timeout,
                role: self.state_machine_role.as_deref(),
                traces: tokio::sync::Mutex::default(),
            };
            let mut report = Report::new(output, !deployment.unread.is_empty());
            plan.run(&stage, &mut report).await;
            report.cleaned(&traces::clean_up(&stage).await);
            Ok(report.end(stage.stop.is_wanted()))
        })
    }
}
