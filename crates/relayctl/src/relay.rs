//! The relay for which an event is looked at: where it lives, and the settings that decide a route.

use clap::Args;
use failure_event::place::Home;
use failure_event::rules::Rules;
use failure_relay::settings::Settings;

use crate::exit::Problem;
use crate::lambda;

/// The arguments that describe a relay.
#[derive(Debug, Args)]
#[command(next_help_heading = "The relay")]
pub struct Options {
    /// The relay's own region
    #[arg(
        long,
        value_name = "NAME",
        env = "AWS_REGION",
        hide_env_values = true,
        default_value = "us-east-1"
    )]
    region: String,
    /// The relay's own account
    #[arg(long, value_name = "ID", default_value = "123456789012")]
    account: String,
    /// One of its settings, e.g. `RELAY_ALLOWED_REGIONS=us-west-2`; the others are those of the environment
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = parse_setting)]
    settings: Vec<(String, String)>,
}

impl Options {
    /// The settings that decide a route.
    ///
    /// # Errors
    /// A setting is wrong.
    pub fn rules(&self) -> Result<Rules, Problem> {
        self.settings().map(|settings| settings.rules)
    }

    /// The settings: those of the arguments, else those of the environment.
    ///
    /// # Errors
    /// A setting is wrong.
    pub fn settings(&self) -> Result<Settings, Problem> {
        let given = |name: &str| {
            self.settings.iter().rev().find(|(set, _)| set == name).map(|(_, value)| value.clone())
        };
        let lookup = |name: &str| match name {
            // Where dead letters would go decides no route, but no settings are complete without it.
            "RELAY_DEAD_LETTER_QUEUE_URL" => {
                Some("https://sqs.us-east-1.amazonaws.com/123456789012/x".to_owned())
            }
            "AWS_REGION" => Some(self.region.clone()),
            _ => given(name).or_else(|| std::env::var(name).ok()),
        };
        Settings::from_variables(&lookup).map_err(|error| Problem::usage(error.to_string()))
    }

    /// Where the relay lives.
    #[must_use]
    pub fn home(&self) -> Home {
        Home::new(&self.region, &lambda::function_arn(&self.region, &self.account))
    }
}

/// Reads `RELAY_<NAME>=<value>`.
///
/// # Errors
/// It is something else; for clap.
pub fn parse_setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if name.starts_with("RELAY_") => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected RELAY_<NAME>=<value>".to_owned()),
    }
}
