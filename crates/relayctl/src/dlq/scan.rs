//! Reading a queue without taking anything from it. SQS has no such call: letters are received, hidden for a while, and made
//! visible again; their receive count grows by one.

use std::time::Duration;

use futures_util::future::join_all;

use super::held::Held;
use super::letter::Letter;
use super::queue::{BATCH_MAX, Queue};
use crate::exit::Problem;
use crate::stop::Stop;

/// How long letters are hidden while others are read; after a kill they come back by themselves.
const HIDDEN: Duration = Duration::from_mins(2);

/// Receives that are under way at once.
const RECEIVES_AT_ONCE: usize = 8;

/// Whether a scan goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// With the next letter.
    Go,
    /// Enough was seen.
    End,
}

/// Shows `see` every letter that can be received now, in no certain order, and releases them all.
///
/// # Errors
/// What SQS answered. What was received until then is released.
pub async fn scan(queue: &Queue, stop: &Stop, mut see: impl FnMut(&Letter) -> Next) -> Result<(), Problem> {
    let mut held = Held::default();
    let result = scan_holding(queue, stop, &mut held, &mut see).await;
    held.release(queue).await;
    result
}

async fn scan_holding(
    queue: &Queue,
    stop: &Stop,
    held: &mut Held,
    see: &mut impl FnMut(&Letter) -> Next,
) -> Result<(), Problem> {
    // In a FIFO queue a group whose message is in flight is locked, so there is nothing to win.
    let at_once = if queue.is_fifo() { 1 } else { RECEIVES_AT_ONCE };
    while !stop.is_wanted() {
        let mut is_over = true;
        let mut problem = None;
        let mut ended = false;
        for received in join_all((0..at_once).map(|_| queue.receive(BATCH_MAX, HIDDEN))).await {
            match received {
                Ok(letters) => {
                    for letter in &letters {
                        let is_new = held.add(letter);
                        is_over &= !is_new;
                        ended |= is_new && !ended && see(letter) == Next::End;
                    }
                }
                Err(error) => problem = Some(error),
            }
        }
        match problem {
            Some(problem) => return Err(problem),
            None if is_over || ended => return Ok(()),
            None => {}
        }
    }
    Ok(())
}
