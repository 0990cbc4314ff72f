//! `relayctl doctor`: what is wrong with a deployment, and what to do about it.

mod checks;
mod deployment;
mod parking;
mod policy;
mod read;

use clap::Args;
use serde_json::json;

use crate::aws;
use crate::exit::{Exit, Problem};
use crate::output::{Output, Tone, plural};
use checks::{Finding, Severity, examine};
use read::read;

pub use read::{Subject, source_queues};

const EXAMPLES: &str = "\
Examples:
    relayctl doctor --stack failure-relay
    relayctl doctor --function failure-relay --json | jq -r 'select(.severity == \"broken\") | .fix'

It reads and changes nothing. It needs: cloudformation:ListStackResources, lambda:GetFunctionConfiguration,
lambda:ListEventSourceMappings, sqs:GetQueueUrl, sqs:GetQueueAttributes, iam:ListAttachedRolePolicies, iam:GetPolicy,
iam:GetPolicyVersion, iam:ListRolePolicies, iam:GetRolePolicy, events:DescribeRule, events:ListTargetsByRule,
events:ListRuleNamesByTarget and cloudwatch:DescribeAlarms. What it may not read it says, and leaves out.

Exit codes: 0 nothing is broken or risky; 1 something is; 4 nothing that was read is, but not all could be read.";

/// Reads a live deployment and says what is wrong with it, each with the fix
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Doctor {
    /// The CloudFormation stack of the relay
    #[arg(long, value_name = "NAME", required_unless_present = "function")]
    stack: Option<String>,
    /// The relay's function, where there is no stack
    #[arg(long, value_name = "NAME", conflicts_with = "stack")]
    function: Option<String>,
    #[command(flatten)]
    aws: aws::Options,
}

impl Doctor {
    /// Reads, examines and prints.
    ///
    /// # Errors
    /// The stack or function cannot be read.
    pub fn run(self, output: &Output) -> Result<Exit, Problem> {
        crate::block_on(async {
            let config = self.aws.load(None).await?;
            let subject = match (&self.stack, &self.function) {
                (Some(stack), _) => Subject::Stack(stack),
                (None, function) => Subject::Function(function.as_deref().unwrap_or_default()),
            };
            let deployment = read(&config, subject).await?;
            for unread in &deployment.unread {
                output.talk(format!("{} {unread}", output.tint_talk(Tone::Odd, "not read:")));
            }
            if deployment.function.is_none() && !deployment.unread.is_empty() {
                return Err(Problem::service("the relay's function could not be read"));
            }
            let exit = report(&examine(&deployment), output);
            // Half an examination is no clean bill of health.
            Ok(if exit == Exit::Yes && !deployment.unread.is_empty() { Exit::Service } else { exit })
        })
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
        output.talk(format!("{} to see to", plural(wrong, "thing")));
        return Exit::No;
    }
    output.talk("nothing is wrong with what was read");
    Exit::Yes
}
