//! `relayctl doctor`: what is wrong with a deployment, or with the state machines that rely on it, and what to do about it.

mod checks;
mod deployment;
mod parking;
mod policy;
mod queue_policy;
mod read;
mod state_machines;

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::aws;
use crate::exit::{Exit, Problem};
use crate::output::{Output, Tone, plural};

pub use checks::{Finding, Severity, Way, enabled_kinds, examine, regions, roles};
pub use deployment::Deployment;
pub use policy::{Request, may};
pub use read::{Subject, function_settings, read, source_queues};

const EXAMPLES: &str = "\
Examples:
    relayctl doctor --stack failure-relay
    relayctl doctor --function failure-relay --json | jq -r 'select(.severity == \"broken\") | .fix'
    relayctl doctor --state-machines --stack failure-relay
    relayctl doctor --state-machines render.asl.json template.yaml cdk.out/*.template.json

It reads and changes nothing. It needs: cloudformation:ListStackResources, lambda:GetFunctionConfiguration,
lambda:ListEventSourceMappings, sqs:GetQueueUrl, sqs:GetQueueAttributes, iam:ListAttachedRolePolicies, iam:GetPolicy,
iam:GetPolicyVersion, iam:ListRolePolicies, iam:GetRolePolicy, events:DescribeRule, events:ListTargetsByRule,
events:ListRuleNamesByTarget and cloudwatch:DescribeAlarms. What it may not read it says, and leaves out.

With --state-machines it needs states:ListStateMachines and states:DescribeStateMachine, with --stack too
cloudformation:DescribeStacks; for files nothing. A file holds a definition, or a template of CloudFormation, SAM or the CDK, as
JSON or YAML; what only the deployment knows counts as given.

Exit codes: 0 nothing is broken or risky; 1 something is; 4 nothing that was read is, but not all could be read; 3 the same
of files.";

/// Reads a live deployment, or state machines, and says what is wrong with them, each with the fix
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Doctor {
    /// The CloudFormation stack of the relay
    #[arg(long, value_name = "NAME", required_unless_present_any = ["function", "state_machines"])]
    stack: Option<String>,
    /// The relay's function, where there is no stack
    #[arg(long, value_name = "NAME", conflicts_with = "stack")]
    function: Option<String>,
    /// Examines state machines instead: those in files, else all standard ones of the account and region. With --stack, also
    /// whether the relay takes the notices of their workers
    #[arg(long, value_name = "FILE", num_args = 0.., conflicts_with = "function")]
    state_machines: Option<Vec<PathBuf>>,
    #[command(flatten)]
    aws: aws::Options,
}

impl Doctor {
    /// Reads, examines and prints.
    ///
    /// # Errors
    /// The stack, the function or a state machine's file cannot be read.
    pub fn run(self, output: &Output) -> Result<Exit, Problem> {
        crate::block_on(async {
            if let Some(files) = &self.state_machines {
                return state_machines::run(files, self.stack.as_deref(), &self.aws, output).await;
            }
            let config = self.aws.load(None).await?;
            let subject = match (&self.stack, &self.function) {
                (Some(stack), _) => Subject::Stack(stack),
                (None, function) => Subject::Function(function.as_deref().unwrap_or_default()),
            };
            let deployment = read(&config, subject).await?;
            tell_unread(&deployment.unread, output);
            if deployment.function.is_none() && !deployment.unread.is_empty() {
                return Err(Problem::service("the relay's function could not be read"));
            }
            let exit = report(&examine(&deployment), output);
            // Half an examination is no clean bill of health.
            Ok(if exit == Exit::Yes && !deployment.unread.is_empty() { Exit::Service } else { exit })
        })
    }
}

/// Tells what could not be read.
pub fn tell_unread(unread: &[String], output: &Output) {
    for unread in unread {
        output.talk(format!("{} {unread}", output.tint_talk(Tone::Odd, "not read:")));
    }
}

fn report(findings: &[Finding], output: &Output) -> Exit {
    for finding in findings {
        if output.is_json() {
            output.json(&json!({
                "id": finding.id,
                "severity": finding.severity.name(),
                "about": finding.about,
                "what": finding.what,
                "fix": finding.fix,
            }));
        } else {
            let tone = match finding.severity {
                Severity::Broken => Tone::Bad,
                Severity::Risky => Tone::Odd,
                Severity::Note => Tone::Faint,
            };
            let severity = output.tint(tone, format!("{:7}", finding.severity.name()));
            output.data(format!(
                "{severity} {}: {}",
                output.tint(Tone::Strong, &finding.about),
                finding.what
            ));
            output.data(format!("        fix: {}", finding.fix));
        }
    }
    let wrong = findings.iter().filter(|finding| finding.severity != Severity::Note).count();
    if wrong > 0 {
        output.talk(format!("{} to fix", plural(wrong, "problem")));
        return Exit::No;
    }
    output.talk("no problems were found in what was read");
    Exit::Yes
}
