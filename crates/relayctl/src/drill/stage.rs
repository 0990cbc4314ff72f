//! What all drills of one run share.

use std::time::Duration;

use aws_config::SdkConfig;
use failure_event::arn::Arn;
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::letters::Letters;
use super::site::Site;
use super::traces::Traces;
use crate::dlq::Queue;
use crate::doctor::{Deployment, Finding};
use crate::exit::Problem;
use crate::outlet::Outlet;
use crate::output::Output;
use crate::stop::Stop;

/// Who publishes the events of a drill.
const SOURCE: &str = "relayctl-drill";

/// How often something is looked at again.
pub const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// How a drill ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As it should.
    Passed(String),
    /// Not as it should.
    Failed(String),
    /// There was nothing to try.
    Skipped(String),
    /// AWS did not let it be tried, or the user did not.
    Untried(String),
}

impl Outcome {
    /// Its name, and what there is to say of it.
    #[must_use]
    pub fn parts(&self) -> (&'static str, &str) {
        match self {
            Outcome::Passed(what) => ("passed", what),
            Outcome::Failed(what) => ("failed", what),
            Outcome::Skipped(what) => ("skipped", what),
            Outcome::Untried(what) => ("untried", what),
        }
    }
}

/// Why a drill did not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Miss {
    /// The relay did not do what it should.
    Failed(String),
    /// AWS did not let this user try, or the user ended it.
    Untried(String),
    /// It turned out that there is nothing to try.
    Skipped(String),
}

impl From<Problem> for Miss {
    fn from(problem: Problem) -> Self {
        Miss::Untried(problem.message)
    }
}

/// One run.
#[derive(Debug)]
pub struct Stage<'a> {
    /// How AWS is reached.
    pub config: &'a SdkConfig,
    /// Where the run prints.
    pub output: &'a Output,
    /// Whether the user wants to stop.
    pub stop: Stop,
    /// The run's own name, in all that it makes.
    pub run: String,
    /// What doctor found.
    pub findings: Vec<Finding>,
    /// What doctor read.
    pub deployment: &'a Deployment,
    /// The parts of the stack.
    pub site: &'a Site,
    /// How long a drill may take.
    pub timeout: Duration,
    /// The role of a temporary state machine.
    pub role: Option<&'a str>,
    /// What is to be cleaned up.
    pub traces: Mutex<Traces>,
}

impl Stage<'_> {
    /// The name of something in this run, by which its traces are known.
    #[must_use]
    pub fn name(&self, what: &str) -> String {
        format!("{}{what}", self.prefix())
    }

    /// How the names of this run begin.
    #[must_use]
    pub fn prefix(&self) -> String {
        format!("drill-{}-", self.run)
    }

    /// What the failure of this run says.
    #[must_use]
    pub fn message(&self) -> String {
        format!("This is drill {}.", self.run)
    }

    /// When a drill that begins now has taken too long.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        Instant::now() + self.timeout
    }

    /// The relay's account: that of its queue.
    #[must_use]
    pub fn account(&self) -> &str {
        let arn = self.site.queue.as_ref().and_then(|(arn, _)| Arn::parse(arn));
        arn.map(|arn| arn.account).filter(|account| !account.is_empty()).unwrap_or("123456789012")
    }

    /// Puts an event on the relay's queue.
    ///
    /// # Errors
    /// The queue did not confirm it.
    pub async fn publish(&self, event: &Value) -> Result<(), Miss> {
        let (_, queue) = self
            .site
            .queue
            .as_ref()
            .ok_or_else(|| Miss::Failed("no queue leads to the function".to_owned()))?;
        self.publish_to(queue, event).await
    }

    /// Puts an event on a queue or bus.
    ///
    /// # Errors
    /// It was not confirmed.
    pub async fn publish_to(&self, outlet: &Outlet, event: &Value) -> Result<(), Miss> {
        outlet.publish(self.config, &event.to_string(), SOURCE).await?;
        Ok(())
    }

    /// The letters of this run.
    ///
    /// # Errors
    /// The dead-letter queue is not known, or not there.
    pub async fn letters(&self) -> Result<Letters, Miss> {
        let url = self.site.dead_letters.as_ref();
        let url = url.ok_or_else(|| Miss::Failed("the function knows no dead-letter queue".to_owned()))?;
        Ok(Letters { queue: Queue::find(self.config, url).await?, prefix: self.prefix() })
    }

    /// Looks again and again until something is there, the time is over (`None`), or the user wants to stop.
    ///
    /// # Errors
    /// The user wants to stop, or what `look` returns.
    pub async fn wait_for<T>(
        &self,
        until: Instant,
        mut look: impl AsyncFnMut() -> Result<Option<T>, Miss>,
    ) -> Result<Option<T>, Miss> {
        loop {
            let found = look().await?;
            if found.is_some() {
                return Ok(found);
            }
            if self.stop.is_wanted() {
                return Err(Miss::Untried("the run was interrupted".to_owned()));
            }
            if Instant::now() >= until {
                return Ok(None);
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
}
