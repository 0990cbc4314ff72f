//! Any text as the failure and as the target of an event.
#![no_main]

use failure_relay_fuzz::{QUEUE, TARGETS, check_body};

libfuzzer_sys::fuzz_target!(|text: &str| {
    for target in TARGETS {
        check_body(&format!("{{\"target\":{target},\"failure\":{text}}}"), QUEUE);
    }
    check_body(&format!("{{\"target\":{text},\"id\":\"e\"}}"), QUEUE);
});
