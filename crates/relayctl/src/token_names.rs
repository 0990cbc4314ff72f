//! Under which names a task token is looked for, beside the relay's own.

use clap::Args;

/// The option of every verb that searches a payload or an environment.
#[derive(Clone, Debug, Default, Args)]
pub struct TokenNames {
    /// More names under which a Step Functions task token is looked for
    #[arg(
        long,
        value_name = "NAMES",
        env = "RELAY_TASK_TOKEN_NAMES",
        hide_env_values = true,
        value_delimiter = ','
    )]
    pub task_token_names: Vec<String>,
}
