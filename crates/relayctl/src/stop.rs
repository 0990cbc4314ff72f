//! The wish to stop: the first SIGINT or SIGTERM asks a verb to end what it has begun, the second ends the process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The exit code of a process that SIGINT ended, as shells give it.
const INTERRUPTED: i32 = 130;

/// Whether the user wants to stop.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Listens from now on. Where signals cannot be listened to, they end the process as ever.
    #[must_use]
    pub fn listen() -> Self {
        let stop = Self::default();
        if let (Ok(interrupt), Ok(terminate)) =
            (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
        {
            tokio::spawn(stop.clone().take(interrupt, terminate));
        }
        stop
    }

    async fn take(self, mut interrupt: Signal, mut terminate: Signal) {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if self.0.swap(true, Ordering::Relaxed) {
                std::process::exit(INTERRUPTED);
            }
        }
    }

    /// Whether it is time to stop.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
