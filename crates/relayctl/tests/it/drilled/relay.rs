//! The relay, as far as a drill sees it: what it answers when it is invoked, and what becomes of what is on its queue.

use std::sync::Arc;
use std::time::Duration;

use aws_emulator::Operation;
use serde_json::{Value, json};

use super::{DEAD_LETTERS, QUEUE, Stage, parsed};

/// The one task that is open.
pub const TOKEN: &str = "AQCEAAAAKgAAAAMA-drilled";

/// Each service rejects what it does not know, but for SWF, which says that it is settled.
pub(super) fn invoked(event: &Value, stage: &Stage) -> Value {
    let kind = event["target"]["kind"].as_str().unwrap();
    let answer = match kind {
        "codepipeline-job" => "codepipeline:PutJobFailureResult answered JobNotFoundException (HTTP 400)",
        "step-functions-task" => "states:SendTaskFailure answered InvalidToken (HTTP 400)",
        _ => return json!({"outcome": "already-settled", "targetKind": kind, "eventId": event["id"]}),
    };
    let message = format!("target: {answer}");
    bury(stage, &event.to_string(), event, ("REJECTED_BY_SERVICE", &message), None);
    json!({"outcome": "dead-lettered", "errorCode": "REJECTED_BY_SERVICE", "errorMessage": message})
}

/// Takes what is on the queue until the test is over.
pub(super) async fn work_off(stage: Arc<Stage>) {
    loop {
        tokio::time::sleep(Duration::from_millis(50)).await;
        if stage.is_asleep {
            continue;
        }
        let url = stage.endpoint.queue_url(QUEUE);
        let input = json!({"QueueUrl": url, "MessageAttributeNames": ["All"], "MaxNumberOfMessages": 10});
        let received = stage.endpoint.call(Operation::ReceiveMessage, input).unwrap();
        for message in received["Messages"].as_array().into_iter().flatten() {
            take(&stage, message);
            let handle = json!({"QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"]});
            stage.endpoint.call(Operation::DeleteMessage, handle).unwrap();
        }
    }
}

fn take(stage: &Stage, message: &Value) {
    let body = message["Body"].as_str().unwrap();
    let parsed = parsed(body);
    let event = parsed.get("detail").unwrap_or(&parsed);
    if event["target"]["taskToken"] == TOKEN {
        let text = |name: &str| event["failure"][name].as_str().unwrap().to_owned();
        *stage.told.lock().unwrap() = Some((text("type"), text("message")));
        return;
    }
    let redrives = message["MessageAttributes"]["REDRIVE_COUNT"]["StringValue"].as_str();
    bury(stage, body, event, ("UNKNOWN_TARGET", "target.kind: none of those that are known"), redrives);
}

fn bury(stage: &Stage, body: &str, event: &Value, (code, reason): (&str, &str), redrives: Option<&str>) {
    let source = stage.endpoint.queue_arn(QUEUE);
    let mut labels = vec![
        ("ERROR_CODE", code),
        ("ERROR_MESSAGE", reason),
        ("SOURCE_ARN", source.as_str()),
        ("EVENT_ID", event["id"].as_str().unwrap()),
    ];
    labels.extend(redrives.map(|count| ("REDRIVE_COUNT", count)));
    stage.endpoint.send_message(DEAD_LETTERS, body, &labels, None).unwrap();
}
