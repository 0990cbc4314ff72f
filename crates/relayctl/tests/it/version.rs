//! `relayctl --version`.

use std::process::Command;

#[test]
fn it_names_version_and_commit() {
    let output = Command::new(env!("CARGO_BIN_EXE_relayctl")).arg("--version").output().unwrap();
    let commit = option_env!("FAILURE_RELAY_COMMIT").unwrap_or("unknown");
    let expected = format!("relayctl {} (commit {commit})\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
}
