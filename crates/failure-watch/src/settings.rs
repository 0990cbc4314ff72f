//! The settings of the watch: environment variables, read once at start. No other module reads the environment.

use failure_relay::settings::{Aws, QueueUrl, SettingError, Variables, parse_number, parse_table_name};

/// `RELAY_SWEEP_GRACE_SECONDS` when it is not set.
pub const GRACE_SECONDS_DEFAULT: u32 = 120;

/// `RELAY_SWEEP_FAILS_MAX` when it is not set.
pub const FAILS_MAX_DEFAULT: u32 = 100;

/// The services that may have an endpoint of their own, by the end of the variable that names it.
const ENDPOINTS: [&str; 8] = ["SQS", "DYNAMODB", "SFN", "ECS", "BATCH", "CODEBUILD", "EC2", "SSM"];

/// All that an operator decides.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `RELAY_QUEUE_URL`: the relay's queue, which may be a FIFO queue.
    pub queue: QueueUrl,
    /// `RELAY_TABLE_NAME`: the table of leases; `None` is no leases.
    pub table: Option<String>,
    /// `RELAY_SWEEP` and what belongs to it; `None` is off.
    pub sweep: Option<SweepSettings>,
    /// What the SDK needs to know.
    pub aws: Aws,
}

/// How a sweep is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SweepSettings {
    /// `RELAY_SWEEP`
    pub mode: SweepMode,
    /// `RELAY_SWEEP_STATE_MACHINES`: ARNs in which `*` stands for any text; empty is all of the account and region.
    pub state_machines: Vec<String>,
    /// `RELAY_SWEEP_GRACE_SECONDS`: a worker that ended less long ago may just be calling back.
    pub grace_seconds: u32,
    /// `RELAY_SWEEP_SILENT_SECONDS`: a worker that ended well, and so long ago, is gone; `None` is never.
    pub silent_seconds: Option<u32>,
    /// `RELAY_SWEEP_FAILS_MAX`: when more tasks than that are stranded, none is failed.
    pub fails_max: u32,
    /// `RELAY_TASK_TOKEN_NAMES`: more names under which a task's token is looked for, as in the relay's notices.
    pub task_token_names: Vec<String>,
}

/// What becomes of a task that is found stranded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SweepMode {
    /// It is counted.
    Report,
    /// It is counted, and failed.
    Fail,
}

impl Settings {
    /// Reads the process's environment.
    ///
    /// # Errors
    /// The first setting that is missing or does not parse.
    pub fn from_env() -> Result<Self, SettingError> {
        Self::read(&Variables(&|name| std::env::var(name).ok()))
    }

    /// Reads settings from any source of variables.
    ///
    /// # Errors
    /// As [`Settings::from_env`].
    pub fn from_variables(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, SettingError> {
        Self::read(&Variables(lookup))
    }

    fn read(variables: &Variables<'_>) -> Result<Self, SettingError> {
        let mode = variables.optional("RELAY_SWEEP", parse_mode)?.flatten();
        let sweep = read_sweep(variables, mode.unwrap_or(SweepMode::Report))?;
        Ok(Self {
            queue: variables.required("RELAY_QUEUE_URL", QueueUrl::parse)?,
            table: variables.optional("RELAY_TABLE_NAME", parse_table_name)?,
            sweep: mode.map(|_| sweep),
            aws: Aws::read(variables, ENDPOINTS)?,
        })
    }
}

/// What is wrong here is told even while the sweep is off, and not first on the day when it is switched on.
fn read_sweep(variables: &Variables<'_>, mode: SweepMode) -> Result<SweepSettings, SettingError> {
    let number = |name| variables.optional(name, parse_number::<u32>);
    Ok(SweepSettings {
        mode,
        state_machines: variables.list("RELAY_SWEEP_STATE_MACHINES", parse_state_machine)?,
        grace_seconds: number("RELAY_SWEEP_GRACE_SECONDS")?.unwrap_or(GRACE_SECONDS_DEFAULT),
        silent_seconds: number("RELAY_SWEEP_SILENT_SECONDS")?.filter(|seconds| *seconds > 0),
        fails_max: number("RELAY_SWEEP_FAILS_MAX")?.unwrap_or(FAILS_MAX_DEFAULT),
        task_token_names: variables.list("RELAY_TASK_TOKEN_NAMES", |name| Ok(name.to_owned()))?,
    })
}

fn parse_mode(text: &str) -> Result<Option<SweepMode>, String> {
    match text {
        "off" => Ok(None),
        "report" => Ok(Some(SweepMode::Report)),
        "fail" => Ok(Some(SweepMode::Fail)),
        _ => Err(format!("expected off, report or fail, found \"{text}\"")),
    }
}

fn parse_state_machine(text: &str) -> Result<String, String> {
    if text.starts_with("arn:") || text == "*" {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "\"{text}\" is no state machine: expected arn:aws:states:<region>:<account>:stateMachine:<name>"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://sqs.eu-west-1.amazonaws.com/111122223333/failures";

    fn read(variables: &[(&str, &str)]) -> Result<Settings, SettingError> {
        let lookup = |name: &str| {
            let given = variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
            given.or_else(|| match name {
                "RELAY_QUEUE_URL" => Some(URL.to_owned()),
                "AWS_REGION" => Some("eu-west-1".to_owned()),
                _ => None,
            })
        };
        Settings::from_variables(&lookup)
    }

    #[test]
    fn without_a_table_and_a_sweep_there_is_neither() {
        let settings = read(&[("RELAY_TABLE_NAME", ""), ("RELAY_SWEEP", "off")]).unwrap();
        assert_eq!((settings.table, settings.sweep), (None, None));
        assert_eq!(settings.queue.as_str(), URL);
    }

    #[test]
    fn a_sweep_has_the_defaults_of_the_readme() {
        let sweep = read(&[("RELAY_SWEEP", "report")]).unwrap().sweep.unwrap();
        assert_eq!(
            sweep,
            SweepSettings {
                mode: SweepMode::Report,
                state_machines: Vec::new(),
                grace_seconds: 120,
                silent_seconds: None,
                fails_max: 100,
                task_token_names: Vec::new(),
            }
        );
        assert_eq!(read(&[("RELAY_SWEEP", "fail")]).unwrap().sweep.unwrap().mode, SweepMode::Fail);
    }

    #[test]
    fn the_queue_may_be_fifo_and_the_table_an_arn() {
        let arn = "arn:aws:dynamodb:eu-west-1:111122223333:table/leases";
        let settings =
            read(&[("RELAY_QUEUE_URL", &format!("{URL}.fifo")), ("RELAY_TABLE_NAME", arn)]).unwrap();
        assert!(settings.queue.is_fifo());
        assert_eq!(settings.table.as_deref(), Some(arn));
    }

    #[test]
    fn a_wrong_setting_is_named_even_while_it_is_not_needed() {
        for (name, value) in [
            ("RELAY_QUEUE_URL", " "),
            ("RELAY_QUEUE_URL", "failures"),
            ("RELAY_TABLE_NAME", "a table"),
            ("RELAY_TABLE_NAME", "ab"),
            ("RELAY_SWEEP", "on"),
            ("RELAY_SWEEP_STATE_MACHINES", "my-machine"),
            ("RELAY_SWEEP_GRACE_SECONDS", "2m"),
            ("RELAY_SWEEP_SILENT_SECONDS", "-1"),
            ("RELAY_SWEEP_FAILS_MAX", "many"),
            ("AWS_REGION", ""),
        ] {
            assert_eq!(read(&[(name, value)]).unwrap_err().name, name, "{name}={value}");
        }
    }

    #[test]
    fn each_service_may_have_an_endpoint_of_its_own() {
        let endpoint = "http://127.0.0.1:1";
        for service in ENDPOINTS {
            let settings = read(&[(&format!("AWS_ENDPOINT_URL_{service}"), endpoint)]).unwrap();
            assert_eq!(settings.aws.endpoints.of(service), Some(endpoint), "{service}");
        }
    }
}
