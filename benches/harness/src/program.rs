//! The programs, and one running process of one of them.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use hyper::body::Bytes;
use tokio::process::{Child, Command};

use crate::cloud::Cloud;
use crate::limited_cpu::LimitedCpu;
use crate::runtime_api::{Event, RuntimeApi};

/// Nothing that is measured takes longer.
const PATIENCE: Duration = Duration::from_mins(3);

pub struct Program {
    pub name: String,
    pub command: Vec<String>,
    /// What is uploaded to Lambda, where that is one file or folder made for it.
    pub deployed: Option<PathBuf>,
    /// Whether it makes the calls, or is the function that does nothing.
    pub relays: bool,
}

impl Program {
    /// The programs whose commands `benches/run` hands over; the relay first.
    pub fn from_environment() -> Vec<Self> {
        let words = |name: &str| -> Vec<String> {
            let command = std::env::var(name).unwrap_or_default();
            command.split_whitespace().map(str::to_owned).collect()
        };
        let all = [
            ("failure-relay", "BENCH_RELAY", true, true),
            ("bare function", "BENCH_BARE", false, true),
            ("Node", "BENCH_NODE", true, false),
            ("Python", "BENCH_PYTHON", true, false),
            ("another", "BENCH_OTHER", true, true),
        ];
        let mut programs: Vec<Self> = Vec::new();
        for (name, variable, relays, is_one_file) in all {
            let command = words(variable);
            let Some(file) = command.first() else { continue };
            let deployed = if is_one_file { Some(PathBuf::from(file)) } else { None };
            let deployed = std::env::var(format!("{variable}_DEPLOYED")).ok().map(PathBuf::from).or(deployed);
            programs.push(Self { name: name.to_owned(), command, deployed, relays });
        }
        assert!(!programs.is_empty(), "no program: call benches/run");
        programs
    }

    /// The program that others are compared with.
    pub fn floor(programs: &[Self]) -> usize {
        programs.iter().position(|program| !program.relays).unwrap_or(0)
    }
}

pub struct Running<'a> {
    pub started: Instant,
    ready: Instant,
    process: Child,
    api: RuntimeApi,
    program: &'a Program,
    cloud: &'a Cloud,
    limit: Option<&'a LimitedCpu>,
}

impl<'a> Running<'a> {
    /// Starts the program and waits until it asks for work.
    pub async fn start(
        program: &'a Program,
        cloud: &'a Cloud,
        settings: &[(&str, &str)],
        limit: Option<&'a LimitedCpu>,
    ) -> Self {
        let api = RuntimeApi::start().await;
        let command_line = match limit {
            Some(limit) => limit.command(&program.command),
            None => program.command.clone(),
        };
        let mut command = Command::new(&command_line[0]);
        command
            .args(&command_line[1..])
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("LANG", "en_US.UTF-8")
            .env("TZ", ":UTC")
            .env("AWS_LAMBDA_RUNTIME_API", &api.address)
            .env("AWS_LAMBDA_FUNCTION_NAME", "relay")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .env("AWS_LAMBDA_LOG_FORMAT", "JSON")
            .env("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand")
            .env("AWS_EXECUTION_ENV", "AWS_Lambda_provided.al2023")
            .envs(cloud.environment())
            .env("POWERTOOLS_SERVICE_NAME", "relay")
            .env("AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED", "true")
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .kill_on_drop(true);
        if let Some(folder) = program.deployed.as_deref().filter(|path| path.is_dir()) {
            command.current_dir(folder).env("LAMBDA_TASK_ROOT", folder);
        }
        let started = Instant::now();
        let process = command.spawn().unwrap_or_else(|error| panic!("{}: {error}", program.name));
        if let (Some(limit), Some(id)) = (limit, process.id()) {
            limit.began(id);
        }
        let mut running = Self { started, ready: started, process, api, program, cloud, limit };
        running.wait_until_ready().await;
        running
    }

    async fn wait_until_ready(&mut self) {
        match self.event().await {
            Event::Ready(at) => self.ready = at,
            Event::Answered(..) => panic!("{} answered without being asked", self.program.name),
            Event::Failed(why) => panic!("{}: {why}", self.program.name),
        }
    }

    async fn event(&mut self) -> Event {
        let event = tokio::time::timeout(PATIENCE, self.api.events.recv()).await;
        event.ok().flatten().unwrap_or_else(|| panic!("{} does nothing any more", self.program.name))
    }

    /// From the start of the process until it asked for work the first time.
    pub fn ready_after(&self) -> Duration {
        self.ready - self.started
    }

    /// The time from handing a batch out to its answer, which must be that no record failed.
    pub async fn invoke(&mut self, batch: &str) -> Duration {
        let calls_before = self.cloud.calls();
        let handed_out = Instant::now();
        self.api.hand_out(batch);
        let took = match self.event().await {
            Event::Answered(at, answer) => {
                let expected: &[u8] = br#"{"batchItemFailures":[]}"#;
                let told: Vec<u8> =
                    answer.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
                assert!(told == expected, "{}: {}", self.program.name, String::from_utf8_lossy(&answer));
                at - handed_out
            }
            Event::Ready(_) => panic!("{} asked for work twice", self.program.name),
            Event::Failed(why) => panic!("{}: {why}", self.program.name),
        };
        let calls = self.cloud.calls() - calls_before;
        let records = batch.matches("\"messageId\"").count() as u64;
        assert!(!self.program.relays || calls == records, "{} made {calls} calls", self.program.name);
        match self.event().await {
            Event::Ready(_) => took,
            Event::Answered(..) => panic!("{} answered twice", self.program.name),
            Event::Failed(why) => panic!("{}: {why}", self.program.name),
        }
    }

    /// The answer to a batch, whatever it says, once the program asks for work again.
    pub async fn deliver(&mut self, batch: &str) -> Bytes {
        self.api.hand_out(batch);
        let answer = match self.event().await {
            Event::Answered(_, answer) => answer,
            Event::Ready(_) => panic!("{} asked for work twice", self.program.name),
            Event::Failed(why) => panic!("{}: {why}", self.program.name),
        };
        match self.event().await {
            Event::Ready(_) => answer,
            Event::Answered(..) => panic!("{} answered twice", self.program.name),
            Event::Failed(why) => panic!("{}: {why}", self.program.name),
        }
    }

    /// The CPU time of all its threads so far.
    pub fn cpu(&self) -> Duration {
        let Some(id) = self.process.id() else { return Duration::ZERO };
        let Ok(threads) = std::fs::read_dir(format!("/proc/{id}/task")) else { return Duration::ZERO };
        let nanoseconds = threads.flatten().filter_map(|thread| {
            let line = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
            line.split_whitespace().next()?.parse::<u64>().ok()
        });
        Duration::from_nanos(nanoseconds.sum())
    }

    /// The most memory that it held so far, in bytes.
    pub fn peak_memory(&self) -> u64 {
        let Some(id) = self.process.id() else { return 0 };
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kibibytes = peak.and_then(|peak| peak.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
        kibibytes.unwrap_or(0) * 1024
    }

    pub async fn stop(mut self) {
        if let (Some(limit), Some(id)) = (self.limit, self.process.id()) {
            limit.ended(id);
        }
        // It is gone already when it cannot be stopped.
        let _ = self.process.kill().await;
    }
}
