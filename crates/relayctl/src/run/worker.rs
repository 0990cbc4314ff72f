//! The command as a process: started, sent the signals that this process gets, and waited for.
//!
//! As the first process of a container, or as its reaper, this process inherits every orphan, and waits for it too: one that nobody
//! waits for stays as a zombie.

use std::ffi::OsString;
use std::future::poll_fn;
use std::io::{self, IsTerminal, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{ChildStderr, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use futures_util::future::{Fuse, FusedFuture, FutureExt};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus};
use tokio::signal::unix::{self, SignalKind};
use tokio::sync::oneshot;

use super::ending::Ending;
use super::tail::Tail;

/// The signals that are passed on.
const PASSED_ON: [Signal; 8] = [
    Signal::HUP,
    Signal::INT,
    Signal::QUIT,
    Signal::TERM,
    Signal::USR1,
    Signal::USR2,
    Signal::WINCH,
    Signal::CONT,
];

/// Those that tell a process to stop.
const STOPPING: [Signal; 3] = [Signal::INT, Signal::QUIT, Signal::TERM];

/// How long after the end of some child orphans are waited for. A child that the SDK started, for credentials, is the SDK's to wait
/// for, and cannot be told from an orphan: this leaves it the time.
const ORPHANS_AFTER: Duration = Duration::from_millis(50);

/// How long standard error is read on after the command's end: a process that it left behind may hold it open for ever.
const STDERR_REST: Duration = Duration::from_millis(500);

/// A command that runs.
#[derive(Debug)]
pub struct Worker {
    pid: Pid,
    /// Signals go to the command's process group, and not to the command alone.
    to_group: bool,
    /// A terminal sends its signals to this process and to the command itself.
    on_terminal: bool,
    signals: Signals,
    /// When orphans are to be waited for.
    orphans_at: Option<Instant>,
    stderr: Option<StderrCopy>,
    /// When it was started.
    pub started: Instant,
}

/// What happens to a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// It was told to stop; the signal is passed on already.
    ToldToStop(Signal),
    /// It ended.
    Ended(Ending),
}

impl Worker {
    /// Starts a command. With `tail_lines`, the last lines of its standard error are kept; else it has this process's own.
    ///
    /// # Errors
    /// The program is not there or cannot be run, or signals cannot be listened to.
    pub fn start(command: &[OsString], tail_lines: usize, to_group: bool) -> io::Result<Self> {
        let (program, arguments) = command.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let on_terminal =
            io::stdin().is_terminal() || io::stdout().is_terminal() || io::stderr().is_terminal();
        // Listening comes first: a signal between start and listening would be lost.
        let signals = Signals::listen()?;
        let mut command = Command::new(program);
        command.args(arguments);
        if !on_terminal || to_group {
            // Whoever signals this process's group reaches the command once, through this process.
            command.process_group(0);
        }
        if tail_lines > 0 {
            command.stderr(Stdio::piped());
        }
        let started = Instant::now();
        let mut child = command.spawn()?;
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidData)?;
        let stderr = child.stderr.take().map(|stderr| StderrCopy::start(stderr, tail_lines));
        Ok(Self {
            pid,
            to_group,
            on_terminal: on_terminal && !to_group,
            signals,
            orphans_at: None,
            stderr,
            started,
        })
    }

    /// Waits for the command to end, or to be told to stop.
    pub async fn next(&mut self) -> Event {
        loop {
            let ending = match self.next_signal().await {
                None => self.reap_all(),
                Some(Signal::CHILD) => self.reap(),
                Some(signal) => {
                    self.pass_on(signal);
                    if STOPPING.contains(&signal) {
                        return Event::ToldToStop(signal);
                    }
                    None
                }
            };
            if let Some(ending) = ending {
                return Event::Ended(ending);
            }
        }
    }

    /// Sends the command a signal. One that has just ended cannot be told, which is what the signal would have brought about.
    pub fn send(&self, signal: Signal) {
        let _ = if self.to_group {
            rustix::process::kill_process_group(self.pid, signal)
        } else {
            rustix::process::kill_process(self.pid, signal)
        };
    }

    fn pass_on(&self, signal: Signal) {
        let from_terminal = self.on_terminal && matches!(signal, Signal::INT | Signal::QUIT | Signal::WINCH);
        if !from_terminal {
            self.send(signal);
        }
    }

    /// The next signal; `None` when it is time to wait for orphans.
    async fn next_signal(&mut self) -> Option<Signal> {
        match self.orphans_at {
            Some(at) => tokio::time::timeout_at(at.into(), self.signals.next()).await.ok(),
            None => Some(self.signals.next().await),
        }
    }

    /// The command's end, if it has ended. Orphans come later.
    fn reap(&mut self) -> Option<Ending> {
        if inherits_orphans() {
            self.orphans_at.get_or_insert_with(|| Instant::now() + ORPHANS_AFTER);
        }
        let ended = rustix::process::waitpid(Some(self.pid), WaitOptions::NOHANG);
        ended.ok().flatten().map(|(_, status)| ending_of(status))
    }

    /// Waits for every child that has ended; the command's own end is returned.
    fn reap_all(&mut self) -> Option<Ending> {
        self.orphans_at = None;
        let mut ending = None;
        // An error means that there are no children left.
        while let Ok(Some((pid, status))) = rustix::process::wait(WaitOptions::NOHANG) {
            if pid == self.pid {
                ending = Some(ending_of(status));
            }
        }
        ending
    }

    /// Waits until standard error is copied to its end, or nothing more comes: a process that the command left behind may hold it
    /// open for ever. A slow reader of this process's standard error is waited for.
    pub async fn finish_stderr(&mut self) {
        let Some(stderr) = &mut self.stderr else { return };
        while !stderr.ended.is_terminated() {
            let steps_before = stderr.steps();
            let has_ended = tokio::time::timeout(STDERR_REST, &mut stderr.ended).await.is_ok();
            if !has_ended && stderr.steps() == steps_before && !stderr.is_writing() {
                return;
            }
        }
    }

    /// The last lines of standard error so far; after the command's end with what is left in the pipe.
    pub async fn stderr_tail(&mut self, bytes_max: usize, has_ended: bool) -> Vec<String> {
        let Some(stderr) = &mut self.stderr else { return Vec::new() };
        if has_ended && !stderr.ended.is_terminated() {
            // The end of the copy is an error of the channel; a time-out leaves what was read so far.
            let _ = tokio::time::timeout(STDERR_REST, &mut stderr.ended).await;
        }
        stderr.tail().lines(bytes_max)
    }
}

/// Whether the children of processes that end become this process's own.
fn inherits_orphans() -> bool {
    #[cfg(target_os = "linux")]
    if rustix::process::child_subreaper().is_ok_and(|reaper| reaper.is_some()) {
        return true;
    }
    rustix::process::getpid().is_init()
}

fn ending_of(status: WaitStatus) -> Ending {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => Ending::Exited(code),
        (None, Some(signal)) => Ending::Killed(signal),
        // Waiting without options for stopped children returns none of them.
        (None, None) => Ending::NotEnded,
    }
}

/// Standard error, copied to this process's own, with its last lines kept.
#[derive(Debug)]
struct StderrCopy {
    tail: Arc<Mutex<Tail>>,
    /// Grows by one before and after each piece that is written, so it is odd while one is.
    steps: Arc<AtomicU64>,
    ended: Fuse<oneshot::Receiver<()>>,
}

impl StderrCopy {
    fn start(from: ChildStderr, tail_lines: usize) -> Self {
        let tail = Arc::new(Mutex::new(Tail::new(tail_lines)));
        let (end, ended) = oneshot::channel();
        let steps = Arc::new(AtomicU64::new(0));
        let (kept, counted) = (Arc::clone(&tail), Arc::clone(&steps));
        std::thread::spawn(move || {
            copy(from, &kept, &counted);
            drop(end);
        });
        Self { tail, steps, ended: ended.fuse() }
    }

    fn steps(&self) -> u64 {
        self.steps.load(Ordering::Acquire)
    }

    fn is_writing(&self) -> bool {
        self.steps() % 2 == 1
    }

    fn tail(&self) -> std::sync::MutexGuard<'_, Tail> {
        self.tail.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn copy(mut from: ChildStderr, tail: &Mutex<Tail>, steps: &AtomicU64) {
    let mut piece = vec![0; 16 * 1024];
    loop {
        match from.read(&mut piece) {
            Ok(0) => return,
            Ok(count) => {
                tail.lock().unwrap_or_else(PoisonError::into_inner).push(&piece[..count]);
                steps.fetch_add(1, Ordering::AcqRel);
                // Nobody may read this process's standard error; the tail is still wanted.
                let _ = io::stderr().write_all(&piece[..count]);
                steps.fetch_add(1, Ordering::AcqRel);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

/// The signals that this process gets.
#[derive(Debug)]
struct Signals(Vec<(Signal, unix::Signal)>);

impl Signals {
    fn listen() -> io::Result<Self> {
        let all = PASSED_ON.into_iter().chain([Signal::CHILD]);
        let listen = |signal: Signal| Ok((signal, unix::signal(SignalKind::from_raw(signal.as_raw()))?));
        all.map(listen).collect::<io::Result<_>>().map(Self)
    }

    async fn next(&mut self) -> Signal {
        poll_fn(|context| {
            for (signal, stream) in &mut self.0 {
                if stream.poll_recv(context).is_ready() {
                    return Poll::Ready(*signal);
                }
            }
            Poll::Pending
        })
        .await
    }
}
