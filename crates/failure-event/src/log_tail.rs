//! The last lines of a dead worker's log: where they are, by the notice of its death, and how they are told.
//!
//! It is off unless an operator asks for it (`RELAY_LOG_TAIL`). What is here only helps a person: a log that is not found, or not in time,
//! is left out, and decides nothing.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::cloudwatch_logs::{self, last_lines_form};
use crate::event::Failure;
use crate::json::{Json, Object, quoted};
use crate::operation::{Operation, Wire};
use crate::partition::Partition;
use crate::place::is_region;
use crate::request::HttpForm;
use crate::secret::MentionedSecrets;
use crate::target::ECS;
use crate::text::cut;

/// The longest line that is told, in UTF-16 code units.
const LINE_MAX: usize = 500;

/// The most lines that may be asked for.
pub const LINES_MAX: u32 = 100;

/// Where AWS Batch writes unless a job says otherwise.
const LOG_GROUP_OF_BATCH: &str = "/aws/batch/job";

/// `DescribeTaskDefinition` of ECS
pub static DESCRIBE_TASK_DEFINITION: Operation = Operation {
    service: &ECS,
    name: "DescribeTaskDefinition",
    action: Some("ecs:DescribeTaskDefinition"),
    wire: Wire::AwsJson { version: "1.1", target: "AmazonEC2ContainerServiceV20141113" },
};

/// Where a worker's log is, as far as the notice of its death tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorkersLog {
    /// A stream.
    Stream(LogStream),
    /// Where the definition of its ECS task says.
    TaskDefinition(LoggingContainer),
}

/// A stream of CloudWatch Logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogStream {
    /// The region that it is in.
    pub region: String,
    /// Its log group.
    pub group: String,
    /// Its name.
    pub stream: String,
}

/// A container of an ECS task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggingContainer {
    /// The region of the task.
    pub region: String,
    /// The ARN of its task definition.
    pub definition: String,
    container: String,
    task_id: String,
}

impl WorkersLog {
    /// The log of the worker whose death a notice tells, where it can be known from that. `failure` is what the notice was found to mean,
    /// and `own_region` that of a notice which names none.
    #[must_use]
    pub fn of_notice(notice: &Object<'_>, failure: &Failure<'_>, own_region: &str) -> Option<Self> {
        let region = notice.description("region").unwrap_or(Cow::Borrowed(own_region)).into_owned();
        let detail = notice.object("detail")?;
        match notice.text("source")?.as_ref() {
            "aws.batch" => of_job(&detail, region).map(Self::Stream),
            "aws.codebuild" => of_build(&detail, region).map(Self::Stream),
            "aws.ecs" => of_task(&detail, failure, region).map(Self::TaskDefinition),
            _ => None,
        }
    }
}

/// The stream of a job's last attempt; with another driver than `awslogs` it has none.
fn of_job(detail: &Object<'_>, region: String) -> Option<LogStream> {
    let attempts = detail.member("attempts").and_then(Json::array).unwrap_or_default();
    let last =
        attempts.into_iter().last().and_then(Json::object).and_then(|attempt| attempt.object("container"));
    let container = detail.object("container");
    let stream =
        |container: &Option<Object<'_>>| Some(container.as_ref()?.description("logStreamName")?.into_owned());
    let stream = stream(&last).or_else(|| stream(&container))?;
    let configuration = container.and_then(|container| container.object("logConfiguration"));
    let options = configuration.as_ref().and_then(options_of_awslogs);
    let group = match (&configuration, &options) {
        (Some(_), None) => return None,
        (_, Some(options)) => options.description("awslogs-group").map(Cow::into_owned),
        (None, None) => None,
    };
    let elsewhere = options.as_ref().and_then(|options| options.description("awslogs-region"));
    let region = elsewhere.map_or(region, Cow::into_owned);
    LogStream::known(region, group.unwrap_or_else(|| LOG_GROUP_OF_BATCH.to_owned()), stream)
}

/// The options of a log configuration whose driver is `awslogs`; none where it has no options.
fn options_of_awslogs<'a>(configuration: &Object<'a>) -> Option<Object<'a>> {
    (configuration.text("logDriver")? == "awslogs").then(|| configuration.object("options"))?
}

fn of_build(detail: &Object<'_>, region: String) -> Option<LogStream> {
    let logs = detail.object("additional-information")?.object("logs")?;
    let text = |name: &str| logs.description(name).map(Cow::into_owned);
    LogStream::known(region, text("group-name")?, text("stream-name")?)
}

/// The container that the failure tells of.
fn of_task(detail: &Object<'_>, failure: &Failure<'_>, region: String) -> Option<LoggingContainer> {
    let details = Json::parse(failure.details.as_deref()?).ok()?.object()?;
    let task = detail.text("taskArn")?;
    if !is_region(&region) {
        return None;
    }
    Some(LoggingContainer {
        region,
        definition: detail.description("taskDefinitionArn")?.into_owned(),
        container: details.description("container")?.into_owned(),
        task_id: task.rsplit('/').next().filter(|id| !id.is_empty())?.to_owned(),
    })
}

impl LoggingContainer {
    /// The question where it logs.
    #[must_use]
    pub fn form(&self) -> HttpForm {
        HttpForm::of(
            &DESCRIBE_TASK_DEFINITION,
            format!(r#"{{"taskDefinition":{}}}"#, quoted(&self.definition)),
        )
    }

    /// The stream, by the answer to that: `prefix/container/task`. Without a prefix the stream has the container's id on its host, which
    /// nobody knows any more.
    ///
    /// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html>
    #[must_use]
    pub fn stream_in(&self, answer: &str) -> Option<LogStream> {
        let definition = Json::parse(answer).ok()?.object()?.object("taskDefinition")?;
        let containers = definition.member("containerDefinitions").and_then(Json::array)?;
        let mut containers = containers.into_iter().filter_map(Json::object);
        let own = containers.find(|container| container.text("name").as_deref() == Some(&*self.container))?;
        let options = options_of_awslogs(&own.object("logConfiguration")?)?;
        let text = |name: &str| options.description(name).map(Cow::into_owned);
        let prefix = text("awslogs-stream-prefix")?;
        let region = text("awslogs-region").unwrap_or_else(|| self.region.clone());
        LogStream::known(
            region,
            text("awslogs-group")?,
            format!("{prefix}/{}/{}", self.container, self.task_id),
        )
    }
}

impl LogStream {
    /// The stream, unless its region is none: whoever forges a notice must not choose the host that is sent a signed request.
    fn known(region: String, group: String, stream: String) -> Option<Self> {
        is_region(&region).then_some(Self { region, group, stream })
    }

    /// The question for its last lines.
    #[must_use]
    pub fn form(&self, lines: u32) -> HttpForm {
        last_lines_form(&self.group, &self.stream, lines)
    }

    /// Its page in the console, in the partitions whose console is known.
    #[must_use]
    pub fn console(&self) -> Option<String> {
        let host = match Partition::of(&self.region).id {
            "aws" => "console.aws.amazon.com",
            "aws-cn" => "console.amazonaws.cn",
            "aws-us-gov" => "console.amazonaws-us-gov.com",
            _ => return None,
        };
        let (region, group, stream) = (&self.region, in_fragment(&self.group), in_fragment(&self.stream));
        Some(format!(
            "https://{host}/cloudwatch/home?region={region}#logsV2:log-groups/log-group/{group}/log-events/{stream}"
        ))
    }
}

/// A name as the console's own links have it: percent-encoded twice, the second time with `$` for `%`.
fn in_fragment(name: &str) -> String {
    let mut encoded = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'_' | b'.' => encoded.push(char::from(byte)),
            // Writing to a String cannot fail.
            _ => {
                let _ = write!(encoded, "$25{byte:02X}");
            }
        }
    }
    encoded
}

/// What is told of a worker's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogTail {
    console: Option<String>,
    lines: Vec<String>,
}

impl LogTail {
    /// The lines in the answer of CloudWatch Logs, where there is one that can be read, and the way to the others.
    #[must_use]
    pub fn of(stream: &LogStream, answer: Option<&str>) -> Self {
        let page = answer.and_then(|answer| cloudwatch_logs::page(answer).ok()).unwrap_or_default();
        let line = |line: cloudwatch_logs::LogLine| cut(line.text.trim_end(), LINE_MAX).into_owned();
        Self { console: stream.console(), lines: page.lines.into_iter().map(line).collect() }
    }

    /// The failure with `log` and `console` in its details, the lines cut and without secrets. Details of a notice are an object.
    #[must_use]
    pub fn added_to(&self, failure: Failure<'static>, secrets: &MentionedSecrets) -> Failure<'static> {
        let mut details = failure.details.as_deref().unwrap_or("{}").to_owned();
        if !details.ends_with('}') {
            return failure;
        }
        let shown = |line: &String| quoted(&cut(&secrets.redact_foreign(line), LINE_MAX));
        let lines: Vec<String> = self.lines.iter().map(shown).collect();
        let lines = (!lines.is_empty()).then(|| format!("[{}]", lines.join(",")));
        let console = self.console.as_deref().map(quoted);
        for (name, value) in [("log", lines), ("console", console)] {
            let Some(value) = value else { continue };
            details.pop();
            let comma = if details.ends_with('{') { "" } else { "," };
            // Writing to a String cannot fail.
            let _ = write!(details, "{comma}\"{name}\":{value}}}");
        }
        Failure { details: Some(Cow::Owned(details)), ..failure }
    }
}

#[cfg(test)]
mod tests;
