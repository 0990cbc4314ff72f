//! Any text as a notice, and as a message of a queue of abandoned work.
#![no_main]

use failure_relay_fuzz::{ABANDONED_QUEUE, QUEUE, check_body};

/// What AWS calls its notices.
const NOTICES: [(&str, &str); 10] = [
    ("aws.ecs", "ECS Task State Change"),
    ("aws.batch", "Batch Job State Change"),
    ("aws.codebuild", "CodeBuild Build State Change"),
    ("aws.states", "Step Functions Execution Status Change"),
    ("aws.glue", "Glue Job State Change"),
    ("aws.sagemaker", "SageMaker Training Job State Change"),
    ("lambda", "Lambda Function Invocation Result - Failure"),
    ("aws.autoscaling", "EC2 Instance-launch Lifecycle Action"),
    ("aws.ecs", "ECS Hook State Change"),
    ("aws.imagebuilder", "EC2 Image Builder Workflow Step Waiting"),
];

libfuzzer_sys::fuzz_target!(|text: &str| {
    check_body(text, ABANDONED_QUEUE);
    for (source, detail_type) in NOTICES {
        let notice =
            format!("{{\"source\":\"{source}\",\"detail-type\":\"{detail_type}\",\"detail\":{text}}}");
        check_body(&notice, QUEUE);
    }
});
