//! Any text as the body of a message: bare, and inside each envelope and pair of envelopes.
#![no_main]

use failure_relay_fuzz::{QUEUE, check_body};
use serde_json::json;

libfuzzer_sys::fuzz_target!(|body: &str| {
    check_body(body, QUEUE);
    let notification = json!({"Type": "Notification", "MessageId": "s", "Message": body}).to_string();
    let event = format!("{{\"detail-type\":\"x\",\"detail\":{body}}}");
    let cloud_event = format!("{{\"specversion\":\"1.0\",\"id\":\"c\",\"data\":{body}}}");
    for envelope in [&notification, &event, &cloud_event] {
        check_body(envelope, QUEUE);
        check_body(&format!("{{\"detail-type\":\"x\",\"detail\":{envelope}}}"), QUEUE);
    }
});
