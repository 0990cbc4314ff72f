//! Which version this is, and which commit it was built from.

/// The version of the workspace.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The commit, where the build was told of it: `release/build` sets `FAILURE_RELAY_COMMIT`. No build script asks git, for then
/// each commit would compile anew, and a copy without git would make another binary.
pub const COMMIT: &str = match option_env!("FAILURE_RELAY_COMMIT") {
    Some(commit) => commit,
    None => "unknown",
};
