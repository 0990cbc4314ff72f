//! Where the way of an event is looked for: the log groups, the dead-letter queue, and the settings that tell how long is waited.

use std::time::Duration;

use aws_config::SdkConfig;

use crate::doctor::function_settings;
use crate::exit::Problem;
use crate::output::Output;
use crate::stack;
use crate::token_names::listed;

/// The longest that a parked record is held back, whatever the settings say: SQS delays no message longer.
const PARKED_AT_MOST: Duration = Duration::from_mins(15);

/// A relay, as far as its events leave traces.
#[derive(Debug)]
pub struct Place {
    /// Its log groups, names or ARNs.
    pub log_groups: Vec<String>,
    /// Its dead-letter queue, where one is known.
    pub dead_letter_queue: Option<String>,
    /// More names of task tokens.
    pub task_token_names: Vec<String>,
    /// How long a parked record waits at most.
    pub parked_at_most: Duration,
}

impl Place {
    /// The places that the arguments name.
    pub fn given(log_groups: &[String], queue: Option<&str>) -> Self {
        Self {
            log_groups: log_groups.to_vec(),
            dead_letter_queue: queue.filter(|queue| !queue.is_empty()).map(str::to_owned),
            task_token_names: Vec::new(),
            parked_at_most: PARKED_AT_MOST,
        }
    }

    /// The log groups of a stack, and what its function's settings say: they outweigh the queue that is given.
    ///
    /// # Errors
    /// There is no such stack, it cannot be read, or has no log group.
    pub async fn of_stack(
        config: &SdkConfig,
        stack: &str,
        queue: Option<&str>,
        output: &Output,
    ) -> Result<Self, Problem> {
        let resources = stack::resources(config, stack).await?;
        let all = |kind: &str| -> Vec<String> {
            let of_kind = resources.iter().filter(|resource| resource.resource_type() == Some(kind));
            of_kind.filter_map(|resource| resource.physical_resource_id().map(str::to_owned)).collect()
        };
        let log_groups = all("AWS::Logs::LogGroup");
        if log_groups.is_empty() {
            return Err(Problem::service(format!(
                "stack {stack} has no log group: name it with --log-group"
            )));
        }
        let mut place = Self::given(&log_groups, queue);
        match function_settings(config, &all("AWS::Lambda::Function")).await {
            Ok(settings) => {
                let of = |name: &str| {
                    settings.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
                };
                // A queue of the environment may be another relay's.
                place.dead_letter_queue = of("RELAY_DEAD_LETTER_QUEUE_URL").map(str::to_owned);
                place.task_token_names = listed(of("RELAY_TASK_TOKEN_NAMES").unwrap_or_default());
                let cap = of("RELAY_RETRY_CAP_SECONDS").and_then(|seconds| seconds.parse().ok());
                let cap = cap.map_or(PARKED_AT_MOST, Duration::from_secs);
                place.parked_at_most = cap.min(PARKED_AT_MOST);
            }
            Err(problem) => {
                output.complain(format_args!("not read, so its settings are not known: {problem}"));
            }
        }
        Ok(place)
    }
}
