//! Where failure events are published: a queue or a bus, and the confirmation that each of them gives.

use aws_config::SdkConfig;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use clap::Args;
use failure_event::arn::Arn;
use failure_relay::settings::QueueUrl;

use crate::aws;
use crate::exit::Problem;

/// `detail-type` of an event on a bus, by which an operator's rule may find it.
pub const EVENT_DETAIL_TYPE: &str = "Failure Event";

/// The longest message group, in characters, and the longest source of an event on a bus.
const GROUP_MAX: usize = 128;
const SOURCE_MAX: usize = 256;

/// The variables that name the place where no argument does.
const QUEUE_URL: &str = "RELAY_QUEUE_URL";
const EVENT_BUS: &str = "RELAY_EVENT_BUS";

/// The arguments that name the place.
#[derive(Clone, Debug, Default, Args)]
#[group(id = "outlet")]
pub struct Options {
    /// The relay's queue; else `RELAY_QUEUE_URL`
    #[arg(long, value_name = "URL", conflicts_with = "event_bus", value_parser = QueueUrl::parse)]
    queue_url: Option<QueueUrl>,
    /// The relay's event bus, a name or an ARN; else `RELAY_EVENT_BUS`
    #[arg(long, value_name = "NAME")]
    event_bus: Option<String>,
}

impl Options {
    /// [`Options::outlet`], where there must be one.
    ///
    /// # Errors
    /// No place is named, or the environment's queue is not a valid URL.
    pub fn required(&self) -> Result<Outlet, Problem> {
        let nowhere = || Problem::usage("where to? Give --queue-url or --event-bus, or set RELAY_QUEUE_URL");
        self.outlet()?.ok_or_else(nowhere)
    }

    /// The place that the arguments name, else that of the environment, where a queue comes before a bus.
    ///
    /// # Errors
    /// The environment's queue is not a valid URL.
    pub fn outlet(&self) -> Result<Option<Outlet>, Problem> {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        if let Some(url) = &self.queue_url {
            return Ok(Some(Outlet::Queue(url.clone())));
        }
        if let Some(bus) = &self.event_bus {
            return Ok(Some(Outlet::Bus(bus.clone())));
        }
        match variable(QUEUE_URL).map(|url| QueueUrl::parse(&url)).transpose() {
            Ok(Some(url)) => Ok(Some(Outlet::Queue(url))),
            Ok(None) => Ok(variable(EVENT_BUS).map(Outlet::Bus)),
            Err(what) => Err(Problem::usage(format!("{QUEUE_URL} {what}"))),
        }
    }
}

/// A place that takes failure events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outlet {
    /// An SQS queue.
    Queue(QueueUrl),
    /// An EventBridge bus.
    Bus(String),
}

impl Outlet {
    /// The place in words.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Outlet::Queue(url) => format!("queue {}", url.as_str()),
            Outlet::Bus(bus) => format!("event bus {bus}"),
        }
    }

    /// The region that the place itself names.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        match self {
            Outlet::Queue(url) => url.region(),
            Outlet::Bus(bus) => Arn::parse(bus).map(|arn| arn.region),
        }
    }

    /// Publishes one event and returns the id that the place gave it. `source` is who publishes: the message group in a queue, so that
    /// no publisher delays the others, and the event's source on a bus.
    ///
    /// # Errors
    /// The place did not confirm the event; it may hold it nevertheless, when the confirmation was lost.
    pub async fn publish(&self, config: &SdkConfig, event: &str, source: &str) -> Result<String, Problem> {
        let config = match self.region() {
            Some(region) => aws::in_region(config, region),
            None => config.clone(),
        };
        let published = match self {
            Outlet::Queue(url) => send(&config, url, event, source).await,
            Outlet::Bus(bus) => put(&config, bus, event, source).await,
        };
        published.map_err(|why| Problem::service(format!("{}: {why}", self.name())))
    }
}

/// A source as SQS takes it for a message group.
#[must_use]
pub fn message_group(source: &str) -> String {
    let allowed = |letter: char| letter.is_ascii_graphic();
    source.chars().take(GROUP_MAX).map(|letter| if allowed(letter) { letter } else { '-' }).collect()
}

/// A random UUID.
///
/// As the deduplication id of a message in a FIFO queue it keeps two messages apart that say the same: SQS would take the second
/// renewal of a lease within five minutes for the first.
#[must_use]
pub fn random_id() -> String {
    uuid::Builder::from_random_bytes(fastrand::u128(..).to_be_bytes()).into_uuid().to_string()
}

async fn send(config: &SdkConfig, url: &QueueUrl, event: &str, source: &str) -> Result<String, String> {
    let mut request = aws_sdk_sqs::Client::new(config)
        .send_message()
        .queue_url(url.as_str())
        .message_body(event)
        .message_group_id(message_group(source));
    if url.is_fifo() {
        request = request.message_deduplication_id(random_id());
    }
    let sent = request.send().await.map_err(|error| aws::explain(&error))?;
    Ok(sent.message_id().unwrap_or_default().to_owned())
}

/// An entry may be refused in an answer of HTTP 200.
async fn put(config: &SdkConfig, bus: &str, event: &str, source: &str) -> Result<String, String> {
    let entry = PutEventsRequestEntry::builder()
        .event_bus_name(bus)
        .source(source.chars().take(SOURCE_MAX).collect::<String>())
        .detail_type(EVENT_DETAIL_TYPE)
        .detail(event)
        .build();
    let request = aws_sdk_eventbridge::Client::new(config).put_events().entries(entry);
    let answer = request.send().await.map_err(|error| aws::explain(&error))?;
    let Some(entry) = answer.entries().first() else {
        return Err("the answer holds no entry".to_owned());
    };
    match (entry.event_id(), entry.error_code()) {
        (Some(id), None) => Ok(id.to_owned()),
        (_, code) => Err(format!(
            "{}: {}",
            code.unwrap_or("refused"),
            entry.error_message().unwrap_or("no reason was given")
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_becomes_a_message_group_that_sqs_takes() {
        assert_eq!(message_group("billing team/é!"), "billing-team/-!");
        assert_eq!(message_group(&"s".repeat(200)).len(), 128);
    }
}
