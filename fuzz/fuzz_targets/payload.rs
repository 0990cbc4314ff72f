//! Any bytes as the payload of an invocation.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| failure_relay_fuzz::check_payload(&String::from_utf8_lossy(bytes)));
