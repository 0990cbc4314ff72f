//! The sessions in the documents are real: each command is run, and prints what stands below it.
//!
//! A session is a block of `console`: lines that begin with `$ ` are commands for a shell, the lines below are what it prints on
//! both streams, and a last line `[exit 1]` is its exit code where that is not 0. Ports differ from run to run, so each is
//! written as 4599. `UPDATE_SESSIONS=1 cargo test sessions` writes what is printed into the document.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use failure_relay::local::{Endpoint, Options};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const DOCUMENT: &str = "docs/relayctl.md";
const FENCE: &str = "```";

/// The document with each command's output as it is now.
fn with_real_output(document: &str, endpoint: &Endpoint) -> String {
    let (mut out, mut in_session, mut in_output) = (String::new(), false, false);
    for line in document.lines() {
        if line.starts_with(FENCE) {
            in_session = line == "```console";
            in_output = false;
        }
        match line.strip_prefix("$ ") {
            Some(command) if in_session => {
                writeln!(out, "{line}\n{}", run(command, endpoint)).unwrap();
                in_output = true;
            }
            _ if in_output => {}
            _ => writeln!(out, "{line}").unwrap(),
        }
    }
    // A command that prints nothing leaves no empty line.
    out.replace("\n\n```\n", "\n```\n").replace("\n\n$ ", "\n$ ")
}

fn run(command: &str, endpoint: &Endpoint) -> String {
    let tool = Path::new(env!("CARGO_BIN_EXE_relayctl")).parent().unwrap();
    let path = format!("{}:{}", tool.display(), std::env::var("PATH").unwrap_or_default());
    let output = Command::new("sh")
        .args(["-c", &format!("exec 2>&1; {command}")])
        .current_dir(ROOT)
        .env_clear()
        .env("PATH", path)
        .env("HOME", ROOT)
        .env("AWS_ENDPOINT_URL", endpoint.url())
        .env("AWS_REGION", endpoint.region())
        .env("AWS_ACCESS_KEY_ID", "local")
        .env("AWS_SECRET_ACCESS_KEY", "local")
        .env("RELAY_QUEUE_URL", endpoint.queue_url("failure-events"))
        .output()
        .unwrap();
    let mut text = with_one_port(&String::from_utf8(output.stdout).unwrap()).trim_end().to_owned();
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

#[tokio::test(flavor = "multi_thread")]
async fn the_sessions_in_the_document_are_what_the_tool_prints() {
    let endpoint = Endpoint::start(Options::default()).await.unwrap();
    endpoint.create_queue("failure-events", &[]).unwrap();
    let path = Path::new(ROOT).join(DOCUMENT);
    let document = fs::read_to_string(&path).unwrap();
    assert!(document.matches("```console\n").count() > 5, "{DOCUMENT} holds hardly any session");
    let real = with_real_output(&document, &endpoint);
    if std::env::var_os("UPDATE_SESSIONS").is_some() {
        fs::write(&path, real).unwrap();
        return;
    }
    for (number, (written, printed)) in document.lines().zip(real.lines()).enumerate() {
        let help = "UPDATE_SESSIONS=1 cargo test sessions";
        assert_eq!(written, printed, "{DOCUMENT}:{} is out of date: {help}", number + 1);
    }
    assert_eq!(document.lines().count(), real.lines().count());
}
