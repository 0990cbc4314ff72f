//! The command as a process: started, sent the signals that this process gets, and waited for.
//!
//! As the first process of a container, or as its reaper, this process inherits every orphan, and waits for it too: one that nobody
//! waits for stays as a zombie.

use std::ffi::OsString;
use std::future::poll_fn;
use std::io::{self, IsTerminal, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use futures_util::future::{Fuse, FusedFuture, FutureExt};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus};
use tokio::signal::unix::{self, SignalKind};
use tokio::sync::oneshot;

use super::ending::Ending;
use super::last_line::{LastLine, Line};
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

/// The longest last line of standard error that may be a failure in the worker's own words, in bytes.
const WORDS_BYTES_MAX: usize = 262_144;

/// How long a stream is read on after the command's end: a process that it left behind may hold it open for ever.
const STREAM_REST: Duration = Duration::from_millis(500);

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
    /// The signal that tells it to stop, beside the usual ones.
    stop_signal: Signal,
    stdout: Option<StreamCopy<LastLine>>,
    stderr: Option<StreamCopy<Stderr>>,
    /// When it was started.
    pub started: Instant,
}

/// What of a command is watched, and how it is told to stop.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How many of the last lines of standard error are kept; with 0 it has this process's own.
    pub stderr_lines: usize,
    /// How much of the last line of standard output is kept; without it, it has this process's own.
    pub stdout_line: Option<usize>,
    /// Signals go to the command's process group, and not to the command alone.
    pub to_group: bool,
    /// The signal that tells it to stop: that of the image, where it is none of the usual ones.
    pub stop_signal: Signal,
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
    /// Starts a command.
    ///
    /// # Errors
    /// The program is not there or cannot be run, or signals cannot be listened to.
    pub fn start(command: &[OsString], options: Options) -> io::Result<Self> {
        let Options { stderr_lines, stdout_line, to_group, stop_signal } = options;
        let (program, arguments) = command.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let on_terminal =
            io::stdin().is_terminal() || io::stdout().is_terminal() || io::stderr().is_terminal();
        // Listening comes first: a signal between start and listening would be lost.
        let signals = Signals::listen(stop_signal)?;
        let mut command = Command::new(program);
        command.args(arguments);
        if !on_terminal || to_group {
            // Whoever signals this process's group reaches the command once, through this process.
            command.process_group(0);
        }
        if stderr_lines > 0 {
            command.stderr(Stdio::piped());
        }
        if stdout_line.is_some() {
            command.stdout(Stdio::piped());
        }
        let started = Instant::now();
        let mut child = command.spawn()?;
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidData)?;
        let stderr = child.stderr.take().map(|stderr| {
            let kept = Stderr { tail: Tail::new(stderr_lines), last: LastLine::new(WORDS_BYTES_MAX) };
            StreamCopy::start(stderr, io::stderr, kept)
        });
        let stdout = child.stdout.take().zip(stdout_line);
        let stdout =
            stdout.map(|(stdout, bytes)| StreamCopy::start(stdout, io::stdout, LastLine::new(bytes)));
        Ok(Self {
            pid,
            to_group,
            on_terminal: on_terminal && !to_group,
            signals,
            orphans_at: None,
            stop_signal,
            stdout,
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
                    if STOPPING.contains(&signal) || signal == self.stop_signal {
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

    /// Tells the command to stop.
    pub fn stop(&self) {
        self.send(self.stop_signal);
    }

    /// Ends the command, and with it what it has started, unless it shares this process's group on a terminal.
    pub fn kill(&self) {
        // Where nothing is left to end, that is what was wanted.
        let _ = if self.on_terminal {
            rustix::process::kill_process(self.pid, Signal::KILL)
        } else {
            rustix::process::kill_process_group(self.pid, Signal::KILL)
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

    /// Waits until standard output and error are copied to their ends, or nothing more comes: a process that the command left behind
    /// may hold them open for ever. A slow reader of this process's own is waited for.
    pub async fn finish_streams(&mut self) {
        if let Some(stdout) = &mut self.stdout {
            stdout.finish().await;
        }
        if let Some(stderr) = &mut self.stderr {
            stderr.finish().await;
        }
    }

    /// The last lines of standard error so far, and the very last as it stands; after the command's end with what is left in the
    /// pipe.
    pub async fn stderr_tail(&mut self, bytes_max: usize, has_ended: bool) -> (Vec<String>, Option<Line>) {
        let Some(stderr) = &mut self.stderr else { return (Vec::new(), None) };
        if has_ended {
            stderr.rest().await;
        }
        let kept = stderr.kept();
        (kept.tail.lines(bytes_max), kept.last.line().cloned())
    }

    /// The last line of standard output, after the command's end.
    pub async fn stdout_line(&mut self) -> Option<Line> {
        let stdout = self.stdout.as_mut()?;
        stdout.finish().await;
        stdout.kept().line().cloned()
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

/// What is kept of a stream.
trait Keep: Send + 'static {
    /// Takes the next piece.
    fn push(&mut self, piece: &[u8]);
}

/// What is kept of standard error: lines for people, and the last as it stands.
#[derive(Debug)]
struct Stderr {
    tail: Tail,
    last: LastLine,
}

impl Keep for Stderr {
    fn push(&mut self, piece: &[u8]) {
        self.tail.push(piece);
        self.last.push(piece);
    }
}

impl Keep for LastLine {
    fn push(&mut self, piece: &[u8]) {
        LastLine::push(self, piece);
    }
}

/// A stream, copied to this process's own, of which something is kept.
#[derive(Debug)]
struct StreamCopy<K> {
    kept: Arc<Mutex<K>>,
    /// Grows by one before and after each piece that is written, so it is odd while one is.
    steps: Arc<AtomicU64>,
    ended: Fuse<oneshot::Receiver<()>>,
}

impl<K: Keep> StreamCopy<K> {
    fn start<W: Write + 'static>(from: impl Read + Send + 'static, to: fn() -> W, kept: K) -> Self {
        let kept = Arc::new(Mutex::new(kept));
        let (end, ended) = oneshot::channel();
        let steps = Arc::new(AtomicU64::new(0));
        let (keeping, counted) = (Arc::clone(&kept), Arc::clone(&steps));
        std::thread::spawn(move || {
            copy(from, &mut to(), &*keeping, &counted);
            drop(end);
        });
        Self { kept, steps, ended: ended.fuse() }
    }

    /// Waits for the end, as long as something is on its way.
    async fn finish(&mut self) {
        while !self.ended.is_terminated() {
            let steps_before = self.steps();
            let has_ended = tokio::time::timeout(STREAM_REST, &mut self.ended).await.is_ok();
            if !has_ended && self.steps() == steps_before && !self.is_writing() {
                return;
            }
        }
    }

    /// Waits for what is left in the pipe.
    async fn rest(&mut self) {
        if !self.ended.is_terminated() {
            // The end of the copy is an error of the channel; a time-out leaves what was read so far.
            let _ = tokio::time::timeout(STREAM_REST, &mut self.ended).await;
        }
    }

    fn steps(&self) -> u64 {
        self.steps.load(Ordering::Acquire)
    }

    fn is_writing(&self) -> bool {
        self.steps() % 2 == 1
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, K> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn copy(mut from: impl Read, to: &mut impl Write, kept: &Mutex<impl Keep>, steps: &AtomicU64) {
    let mut piece = vec![0; 16 * 1024];
    loop {
        match from.read(&mut piece) {
            Ok(0) => return,
            Ok(count) => {
                kept.lock().unwrap_or_else(PoisonError::into_inner).push(&piece[..count]);
                steps.fetch_add(1, Ordering::AcqRel);
                // Nobody may read this process's own stream; what is kept is still wanted.
                let _ = to.write_all(&piece[..count]).and_then(|()| to.flush());
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
    fn listen(stop_signal: Signal) -> io::Result<Self> {
        let stop_signal = Some(stop_signal).filter(|signal| !PASSED_ON.contains(signal));
        let all = PASSED_ON.into_iter().chain(stop_signal).chain([Signal::CHILD]);
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
