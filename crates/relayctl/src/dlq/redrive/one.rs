//! Moving one letter that is known by its id, for who looks for it afterwards.

use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;

use super::mover::Mover;
use super::plan::{KnownQueues, Plan};
use crate::dlq::filter::Filter;
use crate::dlq::queue::Queue;
use crate::exit::Problem;
use crate::output::Output;
use crate::stop::Stop;

/// A letter that arrived a moment ago is moved though the clock of SQS is ahead of this machine's.
const CLOCKS_APART_MAX: Duration = Duration::from_hours(1);

/// Moves one letter back to the queue that it names, one of those in `home`, though the relay would refuse it again. Returns whether
/// it was moved.
///
/// # Errors
/// The queue cannot be read.
pub async fn move_back(
    config: &SdkConfig,
    queue: &Queue,
    home: &str,
    letter_id: &str,
    stop: &Stop,
    output: &Output,
) -> Result<bool, Problem> {
    let known = KnownQueues { sources: Vec::new(), of_relay: vec![home.to_owned()] };
    let plan = Plan {
        filter: Filter::by_id(letter_id),
        force: true,
        began: SystemTime::now() + CLOCKS_APART_MAX,
        ..Plan::new(queue.state().await?.arn, known)
    };
    let output = output.of_a_part();
    let mover = Mover::new(queue, config, &plan, stop, &output);
    let ended = mover.move_until_empty().await;
    let tally = mover.finish().await;
    ended.map(|()| tally.moved > 0)
}
