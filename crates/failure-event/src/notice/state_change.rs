//! State changes of jobs, steps, commands and instances, whose notices never name a task: who waits for one must have claimed it.
//!
//! They differ in words alone, so each is a row of one table.

use std::borrow::Cow;

use super::unnamed::{Unnamed, claimable};
use super::{AwsEvent, Details, Meaning, failure};
use crate::event::Failure;
use crate::json::Object;

/// How a service tells that something of its has ended.
struct StateChange {
    /// The `source`.
    source: &'static str,
    /// The `detail-type`; where several are known, the first is the documented one.
    detail_types: &'static [&'static str],
    /// What ended, for people.
    what: &'static str,
    /// What the type of the failure begins with, before the state.
    service: &'static str,
    /// The member with the state.
    state: &'static str,
    /// The states that are deaths.
    deaths: &'static [&'static str],
    /// The members that name what ended, the most exact first.
    resources: &'static [&'static str],
    /// The member with the reason, where there is one.
    reason: Option<&'static str>,
    /// More members that help a person. None that may hold arguments, environments or hyperparameters: there may be secrets in them.
    details: &'static [&'static str],
}

/// All of them.
const STATE_CHANGES: [StateChange; 9] = [
    // https://docs.aws.amazon.com/glue/latest/dg/automating-awsglue-with-cloudwatch-events.html
    StateChange {
        source: "aws.glue",
        detail_types: &["Glue Job State Change"],
        what: "Glue job run",
        service: "Glue",
        state: "state",
        deaths: &["FAILED", "TIMEOUT", "STOPPED", "ERROR"],
        resources: &["jobRunId"],
        reason: Some("message"),
        details: &["jobName"],
    },
    // https://docs.aws.amazon.com/sagemaker/latest/dg/automating-sagemaker-with-eventbridge.html#eventbridge-training
    StateChange {
        source: "aws.sagemaker",
        detail_types: &["SageMaker Training Job State Change"],
        what: "SageMaker training job",
        service: "SageMaker",
        state: "TrainingJobStatus",
        deaths: &["Failed", "Stopped"],
        resources: &["TrainingJobArn", "TrainingJobName"],
        reason: Some("FailureReason"),
        details: &["SecondaryStatus", "TrainingStartTime", "TrainingEndTime"],
    },
    // https://docs.aws.amazon.com/sagemaker/latest/dg/automating-sagemaker-with-eventbridge.html#processing-job-state
    StateChange {
        source: "aws.sagemaker",
        detail_types: &["SageMaker Processing Job State Change"],
        what: "SageMaker processing job",
        service: "SageMaker",
        state: "ProcessingJobStatus",
        deaths: &["Failed", "Stopped"],
        resources: &["ProcessingJobArn", "ProcessingJobName"],
        reason: Some("FailureReason"),
        details: &["ExitMessage", "ProcessingStartTime", "ProcessingEndTime"],
    },
    // https://docs.aws.amazon.com/sagemaker/latest/dg/automating-sagemaker-with-eventbridge.html#eventbridge-transform
    StateChange {
        source: "aws.sagemaker",
        detail_types: &["SageMaker Transform Job State Change"],
        what: "SageMaker transform job",
        service: "SageMaker",
        state: "TransformJobStatus",
        deaths: &["Failed", "Stopped"],
        resources: &["TransformJobArn", "TransformJobName"],
        reason: Some("FailureReason"),
        details: &["ModelName", "TransformStartTime", "TransformEndTime"],
    },
    // https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-manage-cloudwatch-events.html
    StateChange {
        source: "aws.emr",
        detail_types: &["EMR Step Status Change"],
        what: "EMR step",
        service: "EMR",
        state: "state",
        deaths: &["FAILED", "CANCELLED"],
        resources: &["stepId"],
        reason: Some("message"),
        details: &["name", "clusterId", "actionOnFailure"],
    },
    // https://docs.aws.amazon.com/emr/latest/EMR-Serverless-UserGuide/using-eventbridge.html
    StateChange {
        source: "aws.emr-serverless",
        detail_types: &["EMR Serverless Job Run State Change", "Job Run State Change"],
        what: "EMR Serverless job run",
        service: "EMRServerless",
        state: "state",
        deaths: &["FAILED", "CANCELLED"],
        resources: &["jobRunId"],
        reason: Some("stateDetails"),
        details: &["jobRunName", "applicationId", "arn", "releaseLabel", "previousState"],
    },
    // https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/monitoring-instance-state-changes.html
    StateChange {
        source: "aws.ec2",
        detail_types: &["EC2 Instance State-change Notification"],
        what: "EC2 instance",
        service: "EC2",
        state: "state",
        deaths: &["stopped", "terminated"],
        resources: &["instance-id"],
        reason: None,
        details: &[],
    },
    // https://docs.aws.amazon.com/systems-manager/latest/userguide/monitoring-systems-manager-event-examples.html
    StateChange {
        source: "aws.ssm",
        detail_types: &["EC2 Command Status-change Notification"],
        what: "Run Command command",
        service: "SSM",
        state: "status",
        deaths: &[
            "Failed",
            "TimedOut",
            "Cancelled",
            "Undeliverable",
            "Terminated",
            "DeliveryTimedOut",
            "ExecutionTimedOut",
        ],
        resources: &["command-id"],
        reason: None,
        details: &["document-name", "requested-date-time", "expire-after"],
    },
    // https://docs.aws.amazon.com/bedrock/latest/userguide/monitoring-eventbridge-how-it-works.html
    StateChange {
        source: "aws.bedrock",
        detail_types: &["Batch Inference Job State Change"],
        what: "Bedrock batch inference job",
        service: "Bedrock",
        state: "status",
        deaths: &["Failed", "Stopped", "Expired"],
        resources: &["batchJobArn"],
        reason: Some("failureMessage"),
        details: &["batchJobName", "batchModelId", "creationTime"],
    },
];

/// What one of these notices is called, and what it means.
pub(super) fn recognise(event: &AwsEvent<'_>) -> Option<(&'static str, Meaning)> {
    let is_this = |change: &&StateChange| {
        change.source == event.source && change.detail_types.contains(&event.detail_type.as_ref())
    };
    let change = STATE_CHANGES.iter().find(is_this)?;
    let death = event.detail.as_ref().and_then(|detail| change.death(detail));
    let meaning = death.map_or(Meaning::NoFailure, |death| Meaning::Unnamed(Box::new(death)));
    Some((change.detail_types[0], meaning))
}

impl StateChange {
    fn death(&self, detail: &Object<'_>) -> Option<Unnamed> {
        let state = detail.text(self.state)?;
        let state = self.deaths.iter().find(|death| **death == state)?;
        let names: Vec<_> = self.resources.iter().filter_map(|member| detail.description(member)).collect();
        let resources = claimable(names.iter().map(AsRef::as_ref));
        let failure = self.told(detail, state, resources.first().map(String::as_str));
        Some(Unnamed { failure, resources, otherwise: None })
    }

    fn told(&self, detail: &Object<'_>, state: &str, resource: Option<&str>) -> Failure<'static> {
        let reason = self.reason.and_then(|reason| detail.description(reason)).map(Cow::into_owned);
        let sentence = || {
            let name = resource.map_or_else(String::new, |resource| format!(" {resource}"));
            format!("The {}{name} ended in the state {state}.", self.what)
        };
        let details = Details::default()
            .copy(detail, self.resources)
            .copy(detail, &[self.state])
            .copy(detail, self.details);
        failure(
            format!("{}.{state}", self.service),
            reason.unwrap_or_else(sentence),
            resource.map(Cow::Borrowed),
            details,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Json;
    use crate::notice::recognise;

    const GLUE: (&str, &str) = ("aws.glue", "Glue Job State Change");
    const TRAINING: (&str, &str) = ("aws.sagemaker", "SageMaker Training Job State Change");
    const PROCESSING: (&str, &str) = ("aws.sagemaker", "SageMaker Processing Job State Change");
    const TRANSFORM: (&str, &str) = ("aws.sagemaker", "SageMaker Transform Job State Change");
    const EMR: (&str, &str) = ("aws.emr", "EMR Step Status Change");
    const EMR_SERVERLESS: (&str, &str) = ("aws.emr-serverless", "EMR Serverless Job Run State Change");
    const EMR_SERVERLESS_IN_SHORT: (&str, &str) = ("aws.emr-serverless", "Job Run State Change");
    const EC2: (&str, &str) = ("aws.ec2", "EC2 Instance State-change Notification");
    const SSM: (&str, &str) = ("aws.ssm", "EC2 Command Status-change Notification");
    const BEDROCK: (&str, &str) = ("aws.bedrock", "Batch Inference Job State Change");

    fn meaning((source, detail_type): (&str, &str), detail: &str) -> Option<Meaning> {
        let event = format!(r#"{{"source":"{source}","detail-type":"{detail_type}","detail":{detail}}}"#);
        recognise(&Json::parse(&event).unwrap().object().unwrap(), &[]).map(|notice| notice.meaning)
    }

    fn death(notice: (&str, &str), detail: &str) -> Unnamed {
        match meaning(notice, detail) {
            Some(Meaning::Unnamed(unnamed)) => *unnamed,
            other => panic!("{notice:?}: {other:?}"),
        }
    }

    fn message(notice: (&str, &str), detail: &str) -> String {
        death(notice, detail).failure.given_message.unwrap().into_owned()
    }

    #[test]
    fn each_state_that_is_a_death_is_the_type_and_no_other_state_is_one() {
        let commands =
            "Failed TimedOut Cancelled Undeliverable Terminated DeliveryTimedOut ExecutionTimedOut";
        for (notice, member, service, states) in [
            (GLUE, "state", "Glue", "FAILED TIMEOUT STOPPED ERROR"),
            (TRAINING, "TrainingJobStatus", "SageMaker", "Failed Stopped"),
            (PROCESSING, "ProcessingJobStatus", "SageMaker", "Failed Stopped"),
            (TRANSFORM, "TransformJobStatus", "SageMaker", "Failed Stopped"),
            (EMR, "state", "EMR", "FAILED CANCELLED"),
            (EMR_SERVERLESS, "state", "EMRServerless", "FAILED CANCELLED"),
            (EMR_SERVERLESS_IN_SHORT, "state", "EMRServerless", "FAILED CANCELLED"),
            (EC2, "state", "EC2", "stopped terminated"),
            (SSM, "status", "SSM", commands),
            (BEDROCK, "status", "Bedrock", "Failed Stopped Expired"),
        ] {
            for state in states.split(' ') {
                let failure = death(notice, &format!(r#"{{"{member}":"{state}"}}"#)).failure;
                assert_eq!(failure.type_name(), format!("{service}.{state}"));
            }
            for other in [r#""SUCCEEDED""#, r#""Completed""#, r#""running""#, r#""Stopping""#, "7", "null"] {
                let meaning = meaning(notice, &format!(r#"{{"{member}":{other}}}"#));
                assert!(matches!(meaning, Some(Meaning::NoFailure)), "{notice:?}: {other}");
            }
            assert!(matches!(meaning(notice, "[]"), Some(Meaning::NoFailure)), "{notice:?}");
            assert!(meaning(("my.app", notice.1), "{}").is_none(), "{notice:?}");
            assert!(meaning((notice.0, "Other"), "{}").is_none(), "{notice:?}");
        }
    }

    #[test]
    fn what_ended_is_the_execution_and_may_have_been_claimed_by_each_of_its_names() {
        let arn = "arn:aws:sagemaker:eu-west-1:111122223333:training-job/kmeans-1";
        let training = format!(
            r#"{{"TrainingJobStatus":"Failed","TrainingJobName":"Kmeans-1","TrainingJobArn":"{arn}"}}"#
        );
        let job = "arn:aws:bedrock:eu-west-1:111122223333:model-invocation-job/abc";
        for (notice, detail, resources) in [
            (GLUE, r#"{"state":"ERROR","jobRunId":"jr_1"}"#, vec!["jr_1"]),
            (TRAINING, &training, vec![arn, "kmeans-1", "Kmeans-1"]),
            (PROCESSING, r#"{"ProcessingJobStatus":"Stopped","ProcessingJobArn":"a"}"#, vec!["a"]),
            (TRANSFORM, r#"{"TransformJobStatus":"Stopped","TransformJobName":"score"}"#, vec!["score"]),
            (EMR, r#"{"state":"FAILED","stepId":"s-1","clusterId":"j-1"}"#, vec!["s-1"]),
            (EMR_SERVERLESS, r#"{"state":"FAILED","jobRunId":"00f1"}"#, vec!["00f1"]),
            (EC2, r#"{"state":"stopped","instance-id":"i-1"}"#, vec!["i-1"]),
            (SSM, r#"{"status":"Failed","command-id":"e8d3"}"#, vec!["e8d3"]),
            (BEDROCK, &format!(r#"{{"status":"Expired","batchJobArn":"{job}"}}"#), vec![job, "abc"]),
        ] {
            let death = death(notice, detail);
            assert_eq!(death.resources, resources);
            assert_eq!(death.failure.external_execution_id.as_deref(), Some(resources[0]));
            assert_eq!(death.otherwise, None);
        }
    }

    #[test]
    fn a_name_that_nobody_can_have_claimed_is_not_told() {
        for run in ["", &"x".repeat(2049)] {
            let death = death(GLUE, &format!(r#"{{"state":"FAILED","jobRunId":"{run}"}}"#));
            assert_eq!((death.resources.len(), death.failure.external_execution_id), (0, None));
            assert_eq!(death.failure.given_message.unwrap(), "The Glue job run ended in the state FAILED.");
        }
    }

    #[test]
    fn the_message_is_the_notices_own_reason_else_a_sentence() {
        for (notice, detail) in [
            (GLUE, r#"{"state":"FAILED","message":"why"}"#),
            (TRAINING, r#"{"TrainingJobStatus":"Failed","FailureReason":"why"}"#),
            (PROCESSING, r#"{"ProcessingJobStatus":"Failed","FailureReason":"why"}"#),
            (TRANSFORM, r#"{"TransformJobStatus":"Failed","FailureReason":"why"}"#),
            (EMR, r#"{"state":"FAILED","message":"why"}"#),
            (EMR_SERVERLESS, r#"{"state":"FAILED","stateDetails":"why"}"#),
            (BEDROCK, r#"{"status":"Failed","failureMessage":"why"}"#),
        ] {
            assert_eq!(message(notice, detail), "why");
        }
        let empty = r#"{"status":"Failed","failureMessage":"","batchJobArn":"a"}"#;
        assert_eq!(message(BEDROCK, empty), "The Bedrock batch inference job a ended in the state Failed.");
        let instance = r#"{"state":"terminated","instance-id":"i-1"}"#;
        assert_eq!(message(EC2, instance), "The EC2 instance i-1 ended in the state terminated.");
    }

    #[test]
    fn details_hold_what_helps_and_nothing_that_may_hold_secrets() {
        for (notice, detail, expected) in [
            (
                SSM,
                r#"{"status":"Failed","command-id":"c","document-name":"d","parameters":{"commands":["secret"]}}"#,
                r#"{"command-id":"c","status":"Failed","document-name":"d"}"#,
            ),
            (
                TRAINING,
                r#"{"TrainingJobStatus":"Failed","TrainingJobName":"k","HyperParameters":{"a":"secret"},"Environment":{"TASK_TOKEN":"secret"}}"#,
                r#"{"TrainingJobName":"k","TrainingJobStatus":"Failed"}"#,
            ),
        ] {
            assert_eq!(death(notice, detail).failure.details.unwrap(), expected);
        }
    }
}
