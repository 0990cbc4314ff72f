//! A Lambda function that does nothing but answer that no record failed.

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::{Value, json};

fn main() -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run(service_fn(answer)))
}

async fn answer(_: LambdaEvent<Value>) -> Result<Value, Error> {
    Ok(json!({"batchItemFailures": []}))
}
