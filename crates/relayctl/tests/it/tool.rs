//! The real `relayctl`, against an endpoint in this process.

use std::process::{Command, Output};

use aws_emulator::{Endpoint, Options};
use serde_json::Value;

/// An endpoint with the relay's queue and its dead-letter queue, to which the queue's redrive policy leads.
pub async fn endpoint() -> Endpoint {
    let endpoint = Endpoint::start(Options::default()).await.unwrap();
    create_queues(&endpoint, "failures", "dead-letters");
    endpoint
}

/// A queue and the one to which SQS moves what was received too often.
pub fn create_queues(endpoint: &Endpoint, queue: &str, dead_letters: &str) {
    endpoint.create_queue(dead_letters, &[]).unwrap();
    let target = endpoint.queue_arn(dead_letters);
    let policy = serde_json::json!({"deadLetterTargetArn": target, "maxReceiveCount": 1000}).to_string();
    endpoint.create_queue(queue, &[("RedrivePolicy", &policy)]).unwrap();
}

/// `relayctl` with nothing in its environment but what reaches the endpoint.
pub fn relayctl(endpoint: &Endpoint, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_relayctl"));
    command
        .args(arguments)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("AWS_ENDPOINT_URL", endpoint.url())
        .env("AWS_REGION", endpoint.region())
        .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "not-a-real-secret-key");
    command
}

/// What a finished run wrote on standard output.
pub fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What a finished run wrote on standard error.
pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The bodies in a queue, as JSON.
pub fn bodies(endpoint: &Endpoint, queue: &str) -> Vec<Value> {
    let messages = endpoint.messages(queue).unwrap();
    messages.iter().map(|message| serde_json::from_str(&message.body).unwrap()).collect()
}
