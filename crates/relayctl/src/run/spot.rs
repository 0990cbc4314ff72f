//! Spot interruptions: what the instance's metadata says about its end, two minutes before it.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html>

use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_config::imds::Client;
use aws_config::imds::client::error::ImdsError;
use aws_config::provider_config::ProviderConfig;
use failure_event::event::parse_time;
use failure_event::json::Json;
use failure_relay::aws::answer::causes;

use crate::output::Output;

/// Where the notice is.
const INSTANCE_ACTION: &str = "/latest/meta-data/spot/instance-action";

/// From one look to the next, as AWS recommends.
const INTERVAL: Duration = Duration::from_secs(5);

/// How long before the instance's end a report is to be out.
const MARGIN: Duration = Duration::from_secs(15);

/// The notice of an interruption.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interruption {
    /// What becomes of the instance: `terminate`, `stop` or `hibernate`.
    pub action: String,
    /// When, as the notice has it.
    pub time: Option<String>,
}

impl Interruption {
    fn read(notice: &str) -> Self {
        let object = Json::parse(notice).ok().and_then(Json::object);
        let text = |name| Some(object.as_ref()?.text(name)?.into_owned());
        Self { action: text("action").unwrap_or_else(|| "terminate".to_owned()), time: text("time") }
    }

    /// How long a report can wait.
    #[must_use]
    pub fn time_left(&self, now: SystemTime) -> Option<Duration> {
        let end = SystemTime::from(parse_time(self.time.as_deref()?)?);
        Some(end.duration_since(now).unwrap_or_default().saturating_sub(MARGIN))
    }
}

/// Waits for a notice. Without metadata, which is said once, there is none.
pub async fn interruption(config: &SdkConfig, output: &Output) -> Interruption {
    let mut place = ProviderConfig::without_region();
    if let Some(client) = config.http_client() {
        place = place.with_http_client(client);
    }
    let metadata = Client::builder().configure(&place).build();
    let mut is_failing = false;
    let mut ticks = tokio::time::interval(INTERVAL);
    loop {
        ticks.tick().await;
        let failed = match metadata.get(INSTANCE_ACTION).await {
            Ok(notice) => return Interruption::read(notice.as_ref()),
            // Nothing is planned.
            Err(ImdsError::ErrorResponse(error)) if error.response().status().as_u16() == 404 => None,
            Err(error) => causes(&error).last().map(ToString::to_string),
        };
        if let Some(why) = failed.as_ref().filter(|_| !is_failing) {
            output.talk(format!("relayctl: no spot notices, the instance's metadata does not answer: {why}"));
        }
        is_failing = failed.is_some();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_says_what_becomes_of_the_instance_and_when() {
        let notice = Interruption::read(r#"{"action":"stop","time":"2026-11-20T10:15:30Z"}"#);
        assert_eq!(notice.action, "stop");
        let at = |seconds: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_169_730 - seconds);
        assert_eq!(notice.time_left(at(120)), Some(Duration::from_secs(105)));
        assert_eq!(notice.time_left(at(5)), Some(Duration::ZERO));
        assert_eq!(notice.time_left(at(0) + Duration::from_secs(1)), Some(Duration::ZERO));
    }

    #[test]
    fn a_notice_that_cannot_be_read_is_one_nevertheless() {
        assert_eq!(Interruption::read("soon"), Interruption { action: "terminate".to_owned(), time: None });
    }
}
