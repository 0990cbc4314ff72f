//! The sessions in the documents are real: each command is run, and prints what stands below it.
//!
//! A session is a block of `console`: lines that begin with `$ ` are commands for a shell, the lines below are what it prints on
//! both streams, and a last line `[exit 1]` is its exit code where that is not 0. What differs from run to run is written the
//! same: each port of this machine as 4599, the time at which a letter or a lease was sent as that of the events in `events/`, how long a drill
//! took as 1.2 s. Ids and ages
//! are the same in every run, as the endpoint draws its ids from a seed and lives six hours ago.
//! `UPDATE_SESSIONS=1 cargo test sessions` writes what is printed into the documents.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_emulator::{Endpoint, Options};

use crate::account::Account;
use crate::deployed::Deployed;
use crate::drilled::Drilled;
use crate::event_files::root;
use crate::tool::create_queues;
use crate::trail::Trail;

const FENCE: &str = "```";
const QUEUE: &str = "failure-events";
const DEAD_LETTERS: &str = "failure-events-dead-letters";
/// How long ago the endpoint lives: an age of its letters is told in hours, whatever the minute.
const AGO: Duration = Duration::from_mins(6 * 60 + 30);
const SENT: &str = "2026-11-20T10:15:30Z";
/// The same in milliseconds since 1970.
const SENT_MS: u64 = 1_795_169_730_000;

/// Where the commands of one document run.
struct Stage {
    /// With the relay's queues.
    endpoint: Endpoint,
    /// What `relayctl doctor` examines, and whose leases `relayctl leases` lists.
    deployed: Deployed,
    /// What `relayctl sweep` reads.
    account: Account,
    /// Where `relayctl trace` looks.
    trail: Trail,
    /// What `relayctl drill` tries.
    drilled: Drilled,
}

async fn stage() -> Stage {
    let began = (SystemTime::now() - AGO).duration_since(UNIX_EPOCH).unwrap();
    let epoch_ms = Some(u64::try_from(began.as_millis()).unwrap());
    let endpoint = Endpoint::start(Options { epoch_ms, ..Options::default() }).await.unwrap();
    create_queues(&endpoint, QUEUE, DEAD_LETTERS);
    let trail = Trail::start(endpoint.queue_url(DEAD_LETTERS), &[]).await;
    let (deployed, drilled) = (Deployed::start(&[]).await, Drilled::start(&[]).await);
    Stage { endpoint, deployed, account: Account::start(&[]).await, trail, drilled }
}

/// Twelve letters of an outage, and one that no relay can read.
fn write_letters(endpoint: &Endpoint) {
    let source = endpoint.queue_arn(QUEUE);
    let outage = "target: states:SendTaskFailure answered ServiceUnavailable (HTTP 503)";
    for number in 1..=12 {
        let id = format!("render-{number}");
        let labels = [
            ("ERROR_CODE", "RETRIES_EXHAUSTED"),
            ("ERROR_MESSAGE", outage),
            ("TARGET_KIND", "step-functions-task"),
            ("EVENT_ID", &id),
            ("SOURCE_ARN", &source),
            ("PUBLISHER", "AROA4EXAMPLERENDERER:i-0123456789abcdef0"),
        ];
        let body = format!(
            r#"{{"id":"{id}","target":{{"kind":"step-functions-task","taskToken":"AQCEAAAAKgAAAAMA{number}"}}}}"#
        );
        endpoint.send_message(DEAD_LETTERS, &body, &labels, None).unwrap();
    }
    let why = "the body is not JSON: expected value at line 1 column 1";
    let labels = [
        ("ERROR_CODE", "MALFORMED_EVENT"),
        ("ERROR_MESSAGE", why),
        ("SOURCE_ARN", &source),
        ("PUBLISHER", "AIDA4EXAMPLEBACKUPS"),
    ];
    endpoint.send_message(DEAD_LETTERS, "disk full", &labels, None).unwrap();
}

/// The document with each command's output as it is now.
fn with_real_output(document: &str, stage: &Stage) -> String {
    let (mut out, mut in_session, mut in_output) = (String::new(), false, false);
    for line in document.lines() {
        if line.starts_with(FENCE) {
            in_session = line == "```console";
            in_output = false;
        }
        match line.strip_prefix("$ ") {
            Some(command) if in_session => {
                writeln!(out, "{line}").unwrap();
                let printed = run(command, stage);
                if !printed.is_empty() {
                    writeln!(out, "{printed}").unwrap();
                }
                in_output = true;
            }
            _ if in_output => {}
            _ => writeln!(out, "{line}").unwrap(),
        }
    }
    out
}

fn run(command: &str, stage: &Stage) -> String {
    let endpoint = &stage.endpoint;
    let url = match command.split(' ').nth(1) {
        Some("doctor" | "leases") => stage.deployed.url.as_str(),
        Some("sweep") => stage.account.url.as_str(),
        Some("trace") => stage.trail.url.as_str(),
        Some("drill") => stage.drilled.url.as_str(),
        _ => endpoint.url(),
    };
    let tool = Path::new(env!("CARGO_BIN_EXE_relayctl")).parent().unwrap();
    let path = format!("{}:{}", tool.display(), std::env::var("PATH").unwrap_or_default());
    let output = Command::new("sh")
        .args(["-c", &format!("exec 2>&1; {command}")])
        .current_dir(root())
        .env_clear()
        .env("PATH", path)
        .env("HOME", root())
        .env("AWS_ENDPOINT_URL", url)
        .env("AWS_ENDPOINT_URL_SQS", if url == stage.account.url { endpoint.url() } else { url })
        .env("AWS_REGION", endpoint.region())
        .env("AWS_ACCESS_KEY_ID", "local")
        .env("AWS_SECRET_ACCESS_KEY", "local")
        .env("RELAY_QUEUE_URL", endpoint.queue_url(QUEUE))
        .env("RELAY_DEAD_LETTER_QUEUE_URL", endpoint.queue_url(DEAD_LETTERS))
        .output()
        .unwrap();
    let text = with_one_time(&with_one_port(&String::from_utf8(output.stdout).unwrap()));
    let text = with_one_moment(&text);
    let text = if url == stage.drilled.url { with_one_duration(&text) } else { text };
    let mut text = text.trim_end().to_owned();
    match output.status.code() {
        Some(0) => {}
        code => write!(text, "\n[exit {}]", code.unwrap_or(-1)).unwrap(),
    }
    text
}

fn with_one_port(text: &str) -> String {
    const HOST: &str = "127.0.0.1:";
    let mut parts = text.split(HOST);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        write!(out, "{HOST}4599{}", part.trim_start_matches(|digit: char| digit.is_ascii_digit())).unwrap();
    }
    out
}

/// The line of a letter that says when it was sent, with one time.
fn with_one_time(text: &str) -> String {
    let line = |line: &str| match line.strip_prefix("sent ") {
        Some(rest) => format!("sent {}{SENT}\n", &rest[..rest.len() - rest.trim_start().len()]),
        None => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

/// The write of a lease with the same moments, in milliseconds: when it was sent, and when it is due.
fn with_one_moment(text: &str) -> String {
    let moment = |name: &str| -> Option<u64> {
        let (_, rest) = text.split_once(&format!(r#"":{name}":{{"N":""#))?;
        rest.split('"').next()?.parse().ok()
    };
    let Some(sent) = moment("sent_at") else { return text.to_owned() };
    let due = moment("due_at").unwrap_or(sent);
    let text = text.replace(&due.to_string(), &(SENT_MS + due - sent).to_string());
    text.replace(&sent.to_string(), &SENT_MS.to_string())
}

/// The rows of drills, with the same seconds.
fn with_one_duration(text: &str) -> String {
    let row = |line: &str| match line.split_once(" s  ") {
        Some((row, rest)) if row.starts_with(['p', 'f']) => format!("{}      1.2 s  {rest}\n", &row[..6]),
        _ => format!("{line}\n"),
    };
    text.lines().map(row).collect()
}

fn assert_sessions_are_real(document: &str, sessions_min: usize, stage: &Stage) {
    let path = root().join(document);
    let written = fs::read_to_string(&path).unwrap();
    assert!(written.matches("```console\n").count() >= sessions_min, "{document} holds hardly any session");
    let real = with_real_output(&written, stage);
    if std::env::var_os("UPDATE_SESSIONS").is_some() {
        fs::write(&path, real).unwrap();
        return;
    }
    for (number, (written, printed)) in written.lines().zip(real.lines()).enumerate() {
        let help = "UPDATE_SESSIONS=1 cargo test sessions";
        assert_eq!(written, printed, "{document}:{} is out of date: {help}", number + 1);
    }
    assert_eq!(written.lines().count(), real.lines().count());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sessions_in_the_readme_are_what_the_tool_prints() {
    assert_sessions_are_real("README.md", 1, &stage().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sessions_of_publishers_are_what_the_tool_prints() {
    assert_sessions_are_real("docs/relayctl.md", 6, &stage().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sessions_of_operators_are_what_the_tool_prints() {
    let stage = stage().await;
    write_letters(&stage.endpoint);
    assert_sessions_are_real("docs/relayctl-operate.md", 4, &stage);
}
