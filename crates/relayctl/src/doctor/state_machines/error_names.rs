//! The names under which a state's errors are known: which of them can match, and which never do.
//!
//! `ErrorEquals` is compared exactly, upper and lower case included.
//! <https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html>

use failure_event::states_language::Pattern;

/// The prefixes of an integration's own errors, of the relay's, and of the language's.
const PREFIXES: [&str; 13] = [
    "States",
    "Worker",
    "ECS",
    "Batch",
    "CodeBuild",
    "Lambda",
    "StepFunctions",
    "EC2",
    "SSM",
    "Glue",
    "SageMaker",
    "EMR",
    "Bedrock",
];

/// The language's own names. No other may begin with `States.`, but for those of HTTP status codes.
const OF_THE_LANGUAGE: [&str; 17] = [
    "States.ALL",
    "States.BranchFailed",
    "States.DataLimitExceeded",
    "States.ExceedToleratedFailureThreshold",
    "States.HeartbeatTimeout",
    "States.Http.Socket",
    "States.IntrinsicFailure",
    "States.ItemReaderFailed",
    "States.NoChoiceMatched",
    "States.ParameterPathFailure",
    "States.Permissions",
    "States.QueryEvaluationError",
    "States.ResultPathMatchFailure",
    "States.ResultWriterFailed",
    "States.Runtime",
    "States.TaskFailed",
    "States.Timeout",
];

const OF_HTTP_STATUS: &str = "States.Http.StatusCode.";

/// What the relay reports of workers of these services, the watch included. The stop codes are those of ECS:
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Task.html>
const OF_THE_RELAY: [&str; 20] = [
    "ECS.EssentialContainerExited",
    "ECS.ServiceSchedulerInitiated",
    "ECS.SpotInterruption",
    "ECS.Stopped",
    "ECS.TaskFailedToStart",
    "ECS.TerminationNotice",
    "ECS.UserInitiated",
    "Batch.JobFailed",
    "CodeBuild.FAILED",
    "CodeBuild.FAULT",
    "CodeBuild.STOPPED",
    "CodeBuild.TIMED_OUT",
    "StepFunctions.ABORTED",
    "StepFunctions.FAILED",
    "StepFunctions.TIMED_OUT",
    "EC2.SpotInterruption",
    "EC2.stopped",
    "EC2.terminated",
    "Worker.LeaseExpired",
    "Worker.Stranded",
];

/// The services of whose workers every name that is raised is known.
const WHOLLY_KNOWN: [&str; 3] = ["ECS", "Batch", "CodeBuild"];

/// Why a name never matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NeverMatches {
    /// It is spelt in another way: this is the right one.
    Misspelt(String),
    /// It begins with `States.`, which is reserved, and is none of the language's own.
    NotOfTheLanguage,
    /// A `.sync` state ends with `States.TaskFailed`; nobody has a token with which to report this name.
    OnlyWithToken,
    /// Neither the API that starts the worker nor the relay reports it.
    NobodyReports,
}

/// Why a state that calls a service never sees an error of this name; `None` when it may, or when that cannot be known.
pub fn never_matches(name: &str, pattern: Pattern, is_of_sdk: bool) -> Option<NeverMatches> {
    let (given, rest) = name.split_once('.')?;
    let prefix = PREFIXES.into_iter().find(|prefix| prefix.eq_ignore_ascii_case(given))?;
    if prefix == "States" {
        return of_the_language(prefix, given, rest);
    }
    // An SDK integration names errors as the Java SDK does: `Ecs.ClusterNotFoundException`.
    if is_of_api(rest) && is_of_sdk {
        return None;
    }
    let right = format!("{prefix}.{rest}");
    let known = OF_THE_RELAY.into_iter().find(|known| known.eq_ignore_ascii_case(&right));
    match known {
        Some(known) if known != name => Some(NeverMatches::Misspelt(known.to_owned())),
        Some(_) => (pattern == Pattern::Sync).then_some(NeverMatches::OnlyWithToken),
        None if prefix != given && is_of_api(rest) => Some(NeverMatches::Misspelt(right)),
        None if WHOLLY_KNOWN.contains(&prefix) && pattern == Pattern::Callback && !is_of_api(rest) => {
            Some(NeverMatches::NobodyReports)
        }
        None => None,
    }
}

fn of_the_language(prefix: &str, given: &str, rest: &str) -> Option<NeverMatches> {
    let right = format!("{prefix}.{rest}");
    let known = OF_THE_LANGUAGE.into_iter().find(|known| known.eq_ignore_ascii_case(&right));
    match known {
        Some(known) if given == prefix && known == right => None,
        Some(known) => Some(NeverMatches::Misspelt(known.to_owned())),
        None if given == prefix && right.starts_with(OF_HTTP_STATUS) => None,
        None => Some(NeverMatches::NotOfTheLanguage),
    }
}

/// Whether a name without its prefix is one that a service's API answers with, such as `ServerException`.
fn is_of_api(rest: &str) -> bool {
    rest.ends_with("Exception") || rest.ends_with("Error") || rest == "Unknown"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn misspelt(right: &str) -> NeverMatches {
        NeverMatches::Misspelt(right.to_owned())
    }

    #[test]
    fn names_that_the_relay_and_the_starting_api_report_match() {
        for name in OF_THE_RELAY.into_iter().chain(OF_THE_LANGUAGE).chain([
            "ECS.ServerException",
            "ECS.AmazonECSException",
            "AmazonECS.Unknown",
            "Batch.AWSBatchException",
            "States.Http.StatusCode.503",
            "Lambda.Unknown",
            "Worker.Exited",
            "Render.NoSpace",
            "lambda.outOfSpace",
            "CustomError",
        ]) {
            assert_eq!(never_matches(name, Pattern::Callback, false), None, "{name}");
        }
    }

    #[test]
    fn another_spelling_never_matches() {
        for (name, right) in [
            ("Ecs.ServerException", "ECS.ServerException"),
            ("Ecs.TaskFailedToStart", "ECS.TaskFailedToStart"),
            ("CodeBuild.Failed", "CodeBuild.FAILED"),
            ("Codebuild.FAILED", "CodeBuild.FAILED"),
            ("worker.leaseExpired", "Worker.LeaseExpired"),
            ("States.timeout", "States.Timeout"),
            ("states.ALL", "States.ALL"),
        ] {
            assert_eq!(never_matches(name, Pattern::Callback, false), Some(misspelt(right)), "{name}");
        }
        let invented = never_matches("States.OutOfLuck", Pattern::Callback, false);
        assert_eq!(invented, Some(NeverMatches::NotOfTheLanguage));
    }

    #[test]
    fn an_sdk_integration_has_names_of_its_own_for_the_apis_errors_but_not_for_the_relays() {
        assert_eq!(never_matches("Ecs.ServerException", Pattern::Callback, true), None);
        let of_the_relay = never_matches("Ecs.EssentialContainerExited", Pattern::Callback, true);
        assert_eq!(of_the_relay, Some(misspelt("ECS.EssentialContainerExited")));
    }

    #[test]
    fn what_holds_for_a_callback_does_not_hold_for_sync() {
        let name = "ECS.EssentialContainerExited";
        assert_eq!(never_matches(name, Pattern::Sync, false), Some(NeverMatches::OnlyWithToken));
        let nobody = never_matches("ECS.TaskFailed", Pattern::Callback, false);
        assert_eq!(nobody, Some(NeverMatches::NobodyReports));
        assert_eq!(never_matches("ECS.TaskFailed", Pattern::RequestResponse, false), None);
    }
}
