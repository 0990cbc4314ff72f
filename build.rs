//! Links the function at a fixed address.
//!
//! Otherwise the loader writes 14,000 addresses into the program before `main`, which a cold start pays for: docs/performance.md has
//! the figures. Stack, heap and libraries stay at random addresses.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux") {
        println!("cargo::rustc-link-arg-bin=failure-relay=-no-pie");
    }
}
