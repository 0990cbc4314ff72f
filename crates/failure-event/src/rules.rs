//! What may be called, and how notices are read: the settings that decide a route, as values.

use crate::target::Kind;

/// What an operator allows, and how notices are read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// `RELAY_ALLOWED_REGIONS`, beside the relay's own.
    pub regions: Vec<String>,
    /// `RELAY_ALLOWED_ACCOUNTS`, beside the relay's own.
    pub accounts: Vec<String>,
    /// `RELAY_TARGETS`; `None` is all.
    pub targets: Option<Vec<Kind>>,
    /// `RELAY_TASK_TOKEN_NAMES`: looked for before the usual names.
    pub task_token_names: Vec<String>,
    /// `RELAY_ABANDONED_WORK_QUEUES`: ARNs of workers' dead-letter queues.
    pub abandoned_work_queues: Vec<String>,
    /// Whether there is a table of leases and claims (`RELAY_TABLE_NAME`).
    pub has_table: bool,
    /// `RELAY_LOG_TAIL`: how many of the last lines of a dead worker's log are told; 0 is off.
    pub log_lines: u32,
    /// `RELAY_EVENT_ID_IN_TEXT`: whether the texts that an API is sent end with the event's id.
    pub names_events: bool,
}
