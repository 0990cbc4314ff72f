//! `relayctl trace`: the way of one event, or of the events of one execution, out of the relay's log lines.

mod execution;
mod line;
mod place;
mod show;
mod step;

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use clap::Args;
use failure_event::arn::Arn;
use failure_event::text::cut;
use failure_relay::aws::clients::Clients;
use failure_relay::log_line::TEXT_MAX;
use failure_watch::services::Aws;

use crate::dlq::{Letters, find_letters};
use crate::exit::{Exit, Problem};
use crate::output::{Output, plural};
use crate::token_names::TokenNames;
use crate::{aws, duration};
use execution::Task;
use line::Line;
use place::Place;
use step::{Step, is_over};

const EXAMPLES: &str = "\
Examples:
    relayctl trace render-7f3a --stack failure-relay
    relayctl trace 9747f4cb18cad243 --log-group /aws/lambda/failure-relay --since 7d
    relayctl trace arn:aws:states:eu-west-1:111122223333:execution:render:scene-7 --stack failure-relay --json

It changes nothing but the receive counts of dead letters: unless the event is settled, the dead-letter queue is looked through for it as \
`relayctl dlq list` does. Needs logs:FilterLogEvents; with --stack cloudformation:ListStackResources and \
lambda:GetFunctionConfiguration; for the queue sqs:ReceiveMessage and sqs:ChangeMessageVisibility; for an execution \
states:GetExecutionHistory and states:DescribeStateMachineForExecution. Logs must be JSON, as the template sets them.

Exit codes: 0 the way is shown; 1 nothing was found; 4 a log group, the history or the queue cannot be read.";

/// Shows the way of one event: received, tried, parked, relayed or dead-lettered, and when
///
/// Takes the event's id, the id of its message, the fingerprint of a task or job, or the ARN of a Step Functions execution, of whose
/// callback tasks all events are shown.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Trace {
    /// The id of an event or message, the fingerprint of a task or job, or the ARN of an execution
    #[arg(value_name = "EVENT-ID|FINGERPRINT|EXECUTION-ARN", value_parser = Subject::parse)]
    subject: Subject,
    /// The CloudFormation stack of the relay: the log groups of both functions, and the dead-letter queue
    #[arg(long, value_name = "NAME", required_unless_present = "log_groups")]
    stack: Option<String>,
    /// A log group, a name or an ARN, where there is no stack. May be repeated
    #[arg(long = "log-group", value_name = "NAME", conflicts_with = "stack")]
    log_groups: Vec<String>,
    /// The dead-letter queue, a URL, an ARN or a name, where no stack names it
    #[arg(long, value_name = "QUEUE", env = "RELAY_DEAD_LETTER_QUEUE_URL", hide_env_values = true)]
    queue_url: Option<String>,
    /// How far the logs are read back
    #[arg(long, value_name = "DURATION", default_value = "1d", value_parser = duration::parse)]
    since: Duration,
    #[command(flatten)]
    tokens: TokenNames,
    #[command(flatten)]
    aws: aws::Options,
}

/// What is traced.
#[derive(Clone, Debug)]
enum Subject {
    /// The id of an event or message, or the fingerprint of a task or job: nobody has to say which.
    Id(String),
    /// The ARN of an execution, and its region.
    Execution { arn: String, region: String },
}

impl Subject {
    #[expect(clippy::unnecessary_wraps, reason = "clap's parsers may fail")]
    fn parse(text: &str) -> Result<Self, Infallible> {
        let arn = Arn::parse(text).filter(|arn| arn.service == "states");
        Ok(match arn.filter(|arn| arn.resource.starts_with("execution:")) {
            Some(arn) => Self::Execution { arn: text.to_owned(), region: arn.region.to_owned() },
            None => Self::Id(text.to_owned()),
        })
    }

    fn as_str(&self) -> &str {
        match self {
            Self::Id(text) | Self::Execution { arn: text, .. } => text,
        }
    }

    /// The region of its own, where it tells one.
    fn region(&self) -> Option<&str> {
        match self {
            Self::Id(_) => None,
            Self::Execution { region, .. } => Some(region),
        }
    }
}

/// What lines and letters are looked for by.
#[derive(Debug)]
struct Wanted {
    /// Ids of events and messages, as lines show them.
    ids: BTreeSet<String>,
    /// Fingerprints of tasks and jobs.
    fingerprints: BTreeSet<String>,
    /// The ARN of an execution.
    execution: Option<String>,
}

impl Wanted {
    fn by_id(id: &str) -> Self {
        // The watch names its events after the fingerprint of their task.
        let named = ["lease-", "sweep-"].into_iter().find_map(|prefix| id.strip_prefix(prefix)).unwrap_or(id);
        let is_fingerprint =
            named.len() == 16 && named.chars().all(|digit| matches!(digit, '0'..='9' | 'a'..='f'));
        Self {
            ids: BTreeSet::from([cut(id, TEXT_MAX).into_owned()]),
            fingerprints: is_fingerprint.then(|| named.to_owned()).into_iter().collect(),
            execution: None,
        }
    }

    fn by_tasks(execution: &str, tasks: &[Task]) -> Self {
        let fingerprints = tasks.iter().filter_map(|task| task.fingerprint.clone()).collect();
        Self { ids: BTreeSet::new(), fingerprints, execution: Some(execution.to_owned()) }
    }

    /// The conditions on a line, each a member and its value.
    fn conditions(&self) -> Vec<(&'static str, &str)> {
        let of_ids = self.ids.iter().flat_map(|id| [("event_id", id.as_str()), ("record_id", id.as_str())]);
        let of_tasks = self.fingerprints.iter().map(|print| ("target_fingerprint", print.as_str()));
        let of_execution = self.execution.iter().map(|arn| ("execution", arn.as_str()));
        of_ids.chain(of_tasks).chain(of_execution).collect()
    }
}

impl Trace {
    /// Reads and prints.
    ///
    /// # Errors
    /// The logs cannot be read.
    pub fn run(self, output: &Output) -> Result<Exit, Problem> {
        crate::block_on(self.follow(output))
    }

    async fn follow(&self, output: &Output) -> Result<Exit, Problem> {
        let config = self.aws.load(self.subject.region()).await?;
        let queue = self.queue_url.as_deref();
        let place = match &self.stack {
            Some(stack) => Place::of_stack(&config, stack, queue, output).await?,
            None => Place::given(&self.log_groups, queue),
        };
        let services = Aws::new(Arc::new(Clients::over(config.clone(), None)));
        let since = SystemTime::now().checked_sub(self.since).unwrap_or(SystemTime::UNIX_EPOCH);
        let (wanted, mut steps) = match &self.subject {
            Subject::Id(id) => (Wanted::by_id(id), Vec::new()),
            Subject::Execution { arn, .. } => {
                let tasks = execution::tasks(&services, arn, &self.token_names(&place), output).await?;
                (Wanted::by_tasks(arn, &tasks), tasks.iter().map(step::of_task).collect())
            }
        };
        let lines = line::read(&services, &place, &config, &wanted, since).await?;
        steps.extend(step::of_lines(&lines, place.parked_at_most));
        if !is_over(&lines) {
            steps.extend(self.letters(&config, &place, wanted, &lines).await?);
        }
        steps.sort_by_key(|step| step.at);
        show::steps(&steps, output);
        show::ending(&lines, &steps, &place, output);
        Ok(self.exit(&steps, output))
    }

    /// Whatever of it lies in the dead-letter queue.
    async fn letters(
        &self,
        config: &aws_config::SdkConfig,
        place: &Place,
        wanted: Wanted,
        lines: &[Line],
    ) -> Result<Vec<Step>, Problem> {
        let Some(queue) = &place.dead_letter_queue else { return Ok(Vec::new()) };
        let mut ids = wanted.ids;
        ids.extend(lines.iter().filter_map(|line| line.text("record_id").map(str::to_owned)));
        let task_token_names = self.token_names(place);
        let about = Letters { ids, fingerprints: wanted.fingerprints, task_token_names };
        let found = find_letters(config, queue, &about).await?;
        Ok(found.iter().map(step::of_letter).collect())
    }

    /// Those that are given, else those of the function.
    fn token_names(&self, place: &Place) -> Vec<String> {
        let given = self.tokens.all();
        if given.is_empty() { place.task_token_names.clone() } else { given }
    }

    fn exit(&self, steps: &[Step], output: &Output) -> Exit {
        if steps.iter().any(Step::is_of_relay) {
            return Exit::Yes;
        }
        output.talk(format_args!(
            "nothing of {} was found in the last {}: look further back with --since, or for its task's fingerprint",
            self.subject.as_str(),
            plural(usize::try_from(self.since.as_secs() / 3600).unwrap_or(usize::MAX), "hour"),
        ));
        Exit::No
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_looked_for_is_told_by_its_form() {
        let members = |id: &str| {
            Wanted::by_id(id).conditions().into_iter().map(|(member, _)| member).collect::<Vec<_>>()
        };
        assert_eq!(members("render-7f3a"), ["event_id", "record_id"]);
        assert_eq!(members("9747f4cb18cad243"), ["event_id", "record_id", "target_fingerprint"]);
        let of_watch = Wanted::by_id("sweep-9747f4cb18cad243");
        assert_eq!(of_watch.conditions()[2], ("target_fingerprint", "9747f4cb18cad243"));
    }

    #[test]
    fn an_execution_is_told_by_its_arn() {
        let region = |text: &str| Subject::parse(text).unwrap().region().map(str::to_owned);
        let execution = "arn:aws:states:eu-west-1:111122223333:execution:render:scene-7";
        assert_eq!(region(execution).as_deref(), Some("eu-west-1"));
        for other in ["arn:aws:states:eu-west-1:111122223333:stateMachine:render", "render:scene-7"] {
            assert_eq!(region(other), None, "{other}");
        }
    }

    #[test]
    fn an_id_is_looked_for_as_lines_show_it() {
        let long = "x".repeat(300);
        let wanted = Wanted::by_id(&long);
        assert!(wanted.ids.iter().all(|id| id.len() < 300 && id.ends_with("… [truncated]")));
    }
}
