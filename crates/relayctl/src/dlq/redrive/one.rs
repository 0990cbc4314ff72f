//! Moving one letter that is known by its id, for who looks for it afterwards.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use indicatif::ProgressBar;

use super::mover::Mover;
use super::plan::{KnownQueues, Plan};
use super::tally::Tally;
use super::{HIDDEN, unlocked};
use crate::dlq::filter::Filter;
use crate::dlq::held::Held;
use crate::dlq::queue::Queue;
use crate::dlq::rate::Rate;
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
    let plan = Plan {
        own_arn: queue.state().await?.arn,
        known: KnownQueues { sources: Vec::new(), of_relay: vec![home.to_owned()] },
        filter: Filter::by_id(letter_id),
        judge: Arc::default(),
        has_destination: false,
        force: true,
        edit: false,
        times_max: 1,
        began: SystemTime::now() + CLOCKS_APART_MAX,
    };
    let mover = Mover {
        source: queue,
        config,
        to: None,
        plan: &plan,
        rate: Rate::new(None),
        hidden: HIDDEN,
        limit: None,
        stop,
        output: &output.of_a_part(),
        bar: &ProgressBar::hidden(),
        homes: tokio::sync::Mutex::default(),
        tally: Mutex::new(Tally::default()),
        held: Mutex::new(Held::default()),
    };
    let ended = mover.move_until_empty().await;
    let Mover { tally, held, .. } = mover;
    unlocked(held).release(queue).await;
    ended.map(|()| unlocked(tally).moved > 0)
}
