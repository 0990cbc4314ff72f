//! Any text as the failure and as the target of an event.
#![no_main]

use failure_relay_fuzz::{QUEUE, check_body};

/// A target of each kind.
const TARGETS: [&str; 4] = [
    r#"{"kind":"step-functions-task","taskToken":"token"}"#,
    r#"{"kind":"swf-activity-task","taskToken":"token","region":"eu-west-1"}"#,
    r#"{"kind":"codepipeline-job","jobId":"01234567-89ab-cdef-0123-456789abcdef","account":"111122223333"}"#,
    r#"{"kind":"codepipeline-third-party-job","jobId":"job","clientToken":"token"}"#,
];

libfuzzer_sys::fuzz_target!(|text: &str| {
    for target in TARGETS {
        check_body(&format!("{{\"target\":{target},\"failure\":{text}}}"), QUEUE);
    }
    check_body(&format!("{{\"target\":{text},\"id\":\"e\"}}"), QUEUE);
});
