//! The settings: environment variables, read once at start. No other module reads the environment.
//!
//! A setting that is missing or does not parse stops the function with a message that names it: a relay that starts
//! with half of its settings would fail where nobody looks.

mod aws;
mod queue;
mod variables;

use failure_event::cloudwatch_logs::CLOUDWATCH_LOGS;
use failure_event::log_tail::{self, DESCRIBE_TASK_DEFINITION};
use failure_event::place::is_account;
use failure_event::rules::Rules;
use failure_event::table::DYNAMO_DB;
use failure_event::target::Kind;

pub use aws::{Aws, Credentials, Endpoints, TrustedRoots};
pub use queue::QueueUrl;
pub use variables::{SettingError, Variables, parse_bool, parse_number, parse_one_or_more, saturated};

use queue::parse_queue_arn;

/// `RELAY_CONCURRENCY` when it is not set.
pub const CONCURRENCY_DEFAULT: usize = 10;

/// `RELAY_RETRY_CAP_SECONDS` when it is not set.
pub const RETRY_CAP_SECONDS_DEFAULT: u32 = 900;

/// The longest visibility time-out that SQS allows, in seconds.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html>
pub const RETRY_CAP_SECONDS_MAX: u32 = 43_200;

/// `RELAY_PARK_AFTER` when it is not set.
pub const PARK_AFTER_DEFAULT: u32 = 3;

/// `RELAY_PARKED_SECONDS_MAX` when it is not set: four days.
pub const PARKED_SECONDS_MAX_DEFAULT: u32 = 345_600;

/// The longest that SQS holds back a message, in seconds.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-timers.html>
pub const DELAY_SECONDS_MAX: u16 = 900;

/// All that an operator decides.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `RELAY_DEAD_LETTER_QUEUE_URL`
    pub dead_letter_queue: QueueUrl,
    /// What may be called, and how notices are read.
    pub rules: Rules,
    /// `RELAY_ROLE_NAME`: assumed in another account.
    pub role_name: Option<String>,
    /// `RELAY_MAX_RECEIVES`; `None` is no limit.
    pub max_receives: Option<u32>,
    /// `RELAY_CONCURRENCY`: events of one batch in flight at once.
    pub concurrency: usize,
    /// `RELAY_RETRY_BASE_SECONDS` and `RELAY_RETRY_CAP_SECONDS`; `None` is off.
    pub back_off: Option<BackOff>,
    /// `RELAY_PARKING_QUEUE_URL`, and when and for how long a record is parked there; `None` is off.
    pub parking: Option<Parking>,
    /// `RELAY_TABLE_NAME`: the table of leases and claims; `None` is off.
    pub table_name: Option<String>,
    /// What the SDK needs to know.
    pub aws: Aws,
}

/// The back-off of a retried record: a random time up to base · 2^(receives − 1), at most the cap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackOff {
    /// Seconds after the first receive.
    pub base_seconds: u32,
    /// The most seconds.
    pub cap_seconds: u32,
}

/// Where records wait while their target is in trouble.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parking {
    /// `RELAY_PARKING_QUEUE_URL`: a standard queue.
    pub queue: QueueUrl,
    /// `RELAY_PARK_AFTER`: a record that was received so often is parked.
    pub after_receives: u32,
    /// `RELAY_PARKED_SECONDS_MAX`: a record that was parked for longer is tried once more.
    pub parked_seconds_max: u32,
    /// The longest delay of a parked message: `RELAY_RETRY_CAP_SECONDS`, as far as SQS allows.
    pub delay_seconds_max: u16,
}

impl Settings {
    /// Reads the process's environment.
    ///
    /// # Errors
    /// The first setting that is missing, does not parse or lacks what it needs.
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
        let dead_letter_queue = variables.required("RELAY_DEAD_LETTER_QUEUE_URL", QueueUrl::parse)?;
        let role_name = variables.optional("RELAY_ROLE_NAME", parse_role_name)?;
        let table_name = variables.optional("RELAY_TABLE_NAME", parse_table_name)?;
        let rules = Rules { has_table: table_name.is_some(), ..read_rules(variables)? };
        if !rules.accounts.is_empty() && role_name.is_none() {
            let what = "is set, but RELAY_ROLE_NAME is not: it names the role to assume there".to_owned();
            return Err(SettingError { name: "RELAY_ALLOWED_ACCOUNTS", what });
        }
        let parking = read_parking(variables, &dead_letter_queue)?;
        let parking_queue = parking.as_ref().map(|parking| ("RELAY_PARKING_QUEUE_URL", &parking.queue));
        let own_queues: Vec<_> =
            [("RELAY_DEAD_LETTER_QUEUE_URL", &dead_letter_queue)].into_iter().chain(parking_queue).collect();
        check_abandoned_work_queues(&rules.abandoned_work_queues, &own_queues)?;
        Ok(Self {
            dead_letter_queue,
            rules,
            role_name,
            max_receives: variables
                .optional("RELAY_MAX_RECEIVES", parse_number::<u64>)?
                .map(saturated)
                .filter(|receives| *receives > 0),
            concurrency: variables
                .optional("RELAY_CONCURRENCY", parse_one_or_more)?
                .unwrap_or(CONCURRENCY_DEFAULT),
            back_off: read_back_off(variables)?,
            parking,
            table_name,
            aws: read_aws(variables)?,
        })
    }
}

/// What the relay itself puts into a queue must not come back as a worker's abandoned work: it would go round for ever.
fn check_abandoned_work_queues(
    abandoned: &[String],
    own: &[(&'static str, &QueueUrl)],
) -> Result<(), SettingError> {
    for arn in abandoned {
        if let Some((setting, _)) = own.iter().find(|(_, url)| url.may_be(arn)) {
            let what = format!(
                "\"{arn}\" is the relay's own queue of {setting}: its messages would come back for ever"
            );
            return Err(SettingError { name: "RELAY_ABANDONED_WORK_QUEUES", what });
        }
    }
    Ok(())
}

fn read_rules(variables: &Variables<'_>) -> Result<Rules, SettingError> {
    Ok(Rules {
        regions: variables.list("RELAY_ALLOWED_REGIONS", parse_region)?,
        accounts: variables.list("RELAY_ALLOWED_ACCOUNTS", parse_account)?,
        targets: read_targets(variables)?,
        task_token_names: variables.list("RELAY_TASK_TOKEN_NAMES", |name| Ok(name.to_owned()))?,
        abandoned_work_queues: variables.list("RELAY_ABANDONED_WORK_QUEUES", parse_queue_arn)?,
        has_table: false,
        log_lines: variables.optional("RELAY_LOG_TAIL", parse_log_lines)?.unwrap_or(0),
        names_events: variables.optional("RELAY_EVENT_ID_IN_TEXT", parse_bool)?.unwrap_or(false),
    })
}

/// A list that is there but names nothing is a mistake: it must not switch every target on.
fn read_targets(variables: &Variables<'_>) -> Result<Option<Vec<Kind>>, SettingError> {
    const NAME: &str = "RELAY_TARGETS";
    let kinds = variables.list(NAME, parse_kind)?;
    match (kinds.is_empty(), variables.get(NAME)) {
        (true, None) => Ok(None),
        (true, Some(_)) => Err(SettingError { name: NAME, what: format!("names none of {}", Kind::names()) }),
        (false, _) => Ok(Some(kinds)),
    }
}

fn read_parking(
    variables: &Variables<'_>,
    dead_letter_queue: &QueueUrl,
) -> Result<Option<Parking>, SettingError> {
    const NAME: &str = "RELAY_PARKING_QUEUE_URL";
    let after_receives =
        variables.optional("RELAY_PARK_AFTER", parse_one_or_more)?.map_or(PARK_AFTER_DEFAULT, saturated);
    let parked_seconds_max = variables
        .optional("RELAY_PARKED_SECONDS_MAX", parse_number::<u64>)?
        .map_or(PARKED_SECONDS_MAX_DEFAULT, saturated);
    let delay_seconds_max = u16::try_from(read_cap_seconds(variables)?).unwrap_or(u16::MAX);
    let Some(queue) = variables.optional(NAME, QueueUrl::parse)? else { return Ok(None) };
    let wrong = |what: &str| Err(SettingError { name: NAME, what: what.to_owned() });
    if queue.is_fifo() {
        return wrong("is a FIFO queue: expected a standard queue, which can delay each message on its own");
    }
    if queue == *dead_letter_queue {
        return wrong("is the dead-letter queue: expected a queue of its own");
    }
    Ok(Some(Parking {
        queue,
        after_receives,
        parked_seconds_max,
        delay_seconds_max: delay_seconds_max.min(DELAY_SECONDS_MAX),
    }))
}

fn read_cap_seconds(variables: &Variables<'_>) -> Result<u32, SettingError> {
    let cap = variables.optional("RELAY_RETRY_CAP_SECONDS", parse_cap)?;
    Ok(cap.unwrap_or(RETRY_CAP_SECONDS_DEFAULT))
}

fn read_back_off(variables: &Variables<'_>) -> Result<Option<BackOff>, SettingError> {
    let base_seconds = variables.optional("RELAY_RETRY_BASE_SECONDS", parse_number::<u32>)?.unwrap_or(0);
    let cap_seconds = read_cap_seconds(variables)?;
    Ok((base_seconds > 0).then_some(BackOff { base_seconds, cap_seconds }))
}

fn read_aws(variables: &Variables<'_>) -> Result<Aws, SettingError> {
    let targets = Kind::ALL.iter().flat_map(|kind| kind.operations()).map(|operation| operation.service);
    let others = [&DYNAMO_DB, &CLOUDWATCH_LOGS, DESCRIBE_TASK_DEFINITION.service];
    let others = others.map(|service| service.endpoint_variable);
    let services = targets.map(|service| service.endpoint_variable).chain(["SQS", "STS"]).chain(others);
    Aws::read(variables, services)
}

/// How a log is written, which is known before the settings are read: a wrong setting is itself a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Logging {
    /// The least level that is written; `None` is `FATAL`, which nothing here reaches.
    pub level: Option<tracing::Level>,
    /// One JSON object a line, or plain text.
    pub json: bool,
}

impl Logging {
    /// `AWS_LAMBDA_LOG_FORMAT` (JSON unless it says Text) and `AWS_LAMBDA_LOG_LEVEL` (INFO unless it says otherwise).
    #[must_use]
    pub fn from_env() -> Self {
        let variable = |name: &str| std::env::var(name).unwrap_or_default().to_ascii_uppercase();
        let level = match variable("AWS_LAMBDA_LOG_LEVEL").as_str() {
            "TRACE" => Some(tracing::Level::TRACE),
            "DEBUG" => Some(tracing::Level::DEBUG),
            "WARN" => Some(tracing::Level::WARN),
            "ERROR" => Some(tracing::Level::ERROR),
            "FATAL" => None,
            _ => Some(tracing::Level::INFO),
        };
        Self { level, json: variable("AWS_LAMBDA_LOG_FORMAT") != "TEXT" }
    }
}

/// A table's name, or its ARN.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TableDescription.html>
///
/// # Errors
/// A sentence that says what is wrong with it.
pub fn parse_table_name(text: &str) -> Result<String, String> {
    let name = text.rsplit('/').next().unwrap_or(text);
    let is_arn = text.starts_with("arn:") && text.contains(":table/");
    let is_shaped = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
    if is_shaped && (3..=255).contains(&name.len()) && (is_arn || name == text) {
        Ok(text.to_owned())
    } else {
        Err(format!("\"{text}\" is not the name of a table"))
    }
}

fn parse_cap(text: &str) -> Result<u32, String> {
    match parse_number(text)? {
        cap @ 1..=RETRY_CAP_SECONDS_MAX => Ok(cap),
        cap => Err(format!("expected 1 to {RETRY_CAP_SECONDS_MAX}, found {cap}")),
    }
}

fn parse_log_lines(text: &str) -> Result<u32, String> {
    match parse_number(text)? {
        lines @ 0..=log_tail::LINES_MAX => Ok(lines),
        lines => Err(format!("expected 0 to {}, found {lines}", log_tail::LINES_MAX)),
    }
}

fn parse_region(text: &str) -> Result<String, String> {
    let shaped = text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    if shaped { Ok(text.to_owned()) } else { Err(format!("\"{text}\" is not a region")) }
}

fn parse_account(text: &str) -> Result<String, String> {
    if is_account(text) {
        Ok(text.to_owned())
    } else {
        Err(format!("\"{text}\" is not an account: expected 12 digits"))
    }
}

fn parse_kind(text: &str) -> Result<Kind, String> {
    Kind::from_name(text).ok_or_else(|| format!("\"{text}\" is none of {}", Kind::names()))
}

fn parse_role_name(text: &str) -> Result<String, String> {
    let shaped = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+=,.@_-/".contains(&byte));
    if shaped {
        Ok(text.to_owned())
    } else {
        Err("is not the name of a role (an ARN is not expected here)".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://sqs.eu-west-1.amazonaws.com/111122223333/dead-letters";

    fn read(variables: &[(&str, &str)]) -> Result<Settings, SettingError> {
        let lookup = |name: &str| {
            let given = variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
            given.or_else(|| match name {
                "RELAY_DEAD_LETTER_QUEUE_URL" => Some(URL.to_owned()),
                "AWS_REGION" => Some("eu-west-1".to_owned()),
                _ => None,
            })
        };
        Settings::from_variables(&lookup)
    }

    #[test]
    fn the_defaults_are_those_of_the_contract() {
        let settings = read(&[("RELAY_TARGETS", ""), ("RELAY_MAX_RECEIVES", "")]).unwrap();
        assert_eq!(settings.rules, Rules::default());
        assert_eq!((settings.concurrency, settings.max_receives, settings.back_off), (10, None, None));
        assert_eq!(settings.parking, None);
        assert_eq!(settings.dead_letter_queue.region(), Some("eu-west-1"));
    }

    #[test]
    fn a_wrong_setting_is_named() {
        let wrong = [
            ("RELAY_DEAD_LETTER_QUEUE_URL", ""),
            ("RELAY_DEAD_LETTER_QUEUE_URL", "dead-letters"),
            ("RELAY_DEAD_LETTER_QUEUE_URL", "arn:aws:sqs:eu-west-1:111122223333:dead-letters"),
            ("RELAY_ALLOWED_REGIONS", "Ireland"),
            ("RELAY_ALLOWED_ACCOUNTS", "1234"),
            ("RELAY_ALLOWED_ACCOUNTS", "111122223333"),
            ("RELAY_TARGETS", "step-functions-task,lambda"),
            ("RELAY_TARGETS", ","),
            ("RELAY_MAX_RECEIVES", "-1"),
            ("RELAY_CONCURRENCY", "0"),
            ("RELAY_RETRY_BASE_SECONDS", "1.5"),
            ("RELAY_RETRY_CAP_SECONDS", "43201"),
            ("RELAY_RETRY_CAP_SECONDS", "0"),
            ("RELAY_LOG_TAIL", "101"),
            ("RELAY_LOG_TAIL", "-1"),
            ("RELAY_LOG_TAIL", "true"),
            ("RELAY_EVENT_ID_IN_TEXT", "yes"),
            ("RELAY_ROLE_NAME", "arn:aws:iam::111122223333:role/relay"),
            ("RELAY_ABANDONED_WORK_QUEUES", "my-queue"),
            ("RELAY_ABANDONED_WORK_QUEUES", "arn:aws:sqs:*:*:*"),
            ("RELAY_ABANDONED_WORK_QUEUES", "arn:aws:sqs:eu-west-1:111122223333:dead-letters"),
            ("RELAY_PARKING_QUEUE_URL", "parking"),
            ("RELAY_PARKING_QUEUE_URL", "https://sqs.eu-west-1.amazonaws.com/111122223333/parking.fifo"),
            ("RELAY_PARKING_QUEUE_URL", URL),
            ("RELAY_PARK_AFTER", "0"),
            ("RELAY_PARK_AFTER", "often"),
            ("RELAY_PARKED_SECONDS_MAX", "-1"),
            ("AWS_MAX_ATTEMPTS", "0"),
            ("AWS_REGION", " "),
        ];
        for (name, value) in wrong {
            assert_eq!(read(&[(name, value)]).unwrap_err().name, name, "{name}={value}");
        }
    }

    #[test]
    fn parking_has_defaults_of_its_own_and_takes_its_delay_from_the_cap() {
        let parking = |more: &[(&str, &str)]| {
            let url = "https://sqs.eu-west-1.amazonaws.com/111122223333/parking";
            read(&[&[("RELAY_PARKING_QUEUE_URL", url)], more].concat()).unwrap().parking.unwrap()
        };
        let Parking { after_receives, parked_seconds_max, delay_seconds_max, .. } = parking(&[]);
        assert_eq!((after_receives, parked_seconds_max, delay_seconds_max), (3, 345_600, 900));
        assert_eq!(parking(&[("RELAY_RETRY_CAP_SECONDS", "43200")]).delay_seconds_max, 900);
        assert_eq!(parking(&[("RELAY_RETRY_CAP_SECONDS", "60")]).delay_seconds_max, 60);
    }

    #[test]
    fn the_relays_own_queues_are_no_queues_of_abandoned_work() {
        let variables = [
            ("RELAY_PARKING_QUEUE_URL", "http://127.0.0.1:4566/000000000000/parking"),
            ("RELAY_ABANDONED_WORK_QUEUES", "arn:aws:sqs:us-east-1:000000000000:parking"),
        ];
        assert_eq!(read(&variables).unwrap_err().name, "RELAY_ABANDONED_WORK_QUEUES");
    }

    #[test]
    fn lists_take_blanks_around_their_items() {
        let settings = read(&[
            ("RELAY_ALLOWED_REGIONS", "us-east-1, us-gov-west-1 ,"),
            ("RELAY_ALLOWED_ACCOUNTS", "111122223333"),
            ("RELAY_ROLE_NAME", "failure-relay"),
        ]);
        assert_eq!(settings.unwrap().rules.regions, ["us-east-1", "us-gov-west-1"]);
    }

    #[test]
    fn the_relays_own_queue_holds_no_abandoned_work() {
        let start = |url: &str, arn: &str| {
            read(&[("RELAY_DEAD_LETTER_QUEUE_URL", url), ("RELAY_ABANDONED_WORK_QUEUES", arn)])
        };
        let own = "arn:aws:sqs:eu-west-1:111122223333:dead-letters";
        for url in [
            URL,
            "https://sqs.eu-west-1.amazonaws.com/111122223333/dead-letters/",
            "http://127.0.0.1:4566/111122223333/dead-letters",
            "http://127.0.0.1:4566/dead-letters",
        ] {
            let refused = start(url, &format!("arn:aws:sqs:eu-west-1:111122223333:other,{own}")).unwrap_err();
            assert_eq!(refused.name, "RELAY_ABANDONED_WORK_QUEUES", "{url}");
            assert!(refused.what.contains(own) && refused.what.contains("RELAY_DEAD_LETTER_QUEUE_URL"));
        }
        for other in [
            "arn:aws:sqs:eu-west-1:111122223333:dead-letters-2",
            "arn:aws:sqs:eu-west-1:444455556666:dead-letters",
            "arn:aws:sqs:eu-west-2:111122223333:dead-letters",
        ] {
            assert!(start(URL, other).is_ok(), "{other}");
        }
    }

    #[test]
    fn an_endpoint_of_one_service_wins_over_that_of_all() {
        let settings = read(&[
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
            ("AWS_ENDPOINT_URL_SWF", "http://127.0.0.1:2"),
        ]);
        let endpoints = settings.unwrap().aws.endpoints;
        assert_eq!(endpoints.of("SWF"), Some("http://127.0.0.1:2"));
        assert_eq!(endpoints.of("STS"), Some("http://127.0.0.1:1"));
    }

    #[test]
    fn keys_are_not_printed() {
        let settings = read(&[("AWS_ACCESS_KEY_ID", "AKIAKEY"), ("AWS_SECRET_ACCESS_KEY", "hush")]).unwrap();
        assert!(settings.aws.credentials.is_some());
        let shown = format!("{settings:?}");
        assert!(!shown.contains("hush") && !shown.contains("AKIAKEY"));
    }
}
