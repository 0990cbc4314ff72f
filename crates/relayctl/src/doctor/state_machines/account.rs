//! The standard state machines of an account and region, and the parameters of the relay's stack.

use aws_config::SdkConfig;
use aws_sdk_cloudformation::types::{Parameter, Stack};
use aws_sdk_sfn::types::StateMachineType;

use super::audit::RelayStack;
use super::{StateMachine, StateMachines};
use crate::aws::explain;
use crate::exit::Problem;

/// Reads all standard machines: those of type EXPRESS end after five minutes, and wait for nobody.
///
/// # Errors
/// They cannot be listed.
pub async fn read(config: &SdkConfig) -> Result<StateMachines, Problem> {
    let client = aws_sdk_sfn::Client::new(config);
    let listed = client.list_state_machines().into_paginator().items().send();
    let listed = listed.collect::<Result<Vec<_>, _>>().await;
    let listed = listed.map_err(|error| Problem::service(format!("state machines: {}", explain(&error))))?;
    let mut machines = StateMachines::default();
    for machine in listed.iter().filter(|machine| *machine.r#type() == StateMachineType::Standard) {
        let name = machine.name().to_owned();
        match client.describe_state_machine().state_machine_arn(machine.state_machine_arn()).send().await {
            Ok(described) => {
                let definition = described.definition().to_owned();
                machines.found.push(StateMachine { name, definition });
            }
            Err(error) => machines.unread.push(format!("state machine {name}: {}", explain(&error))),
        }
    }
    Ok(machines)
}

/// Reads the parameters of the relay's stack.
///
/// # Errors
/// There is no such stack, or it cannot be read.
pub async fn relay_stack(config: &SdkConfig, name: &str) -> Result<RelayStack, Problem> {
    let client = aws_sdk_cloudformation::Client::new(config);
    let described = client.describe_stacks().stack_name(name).send().await;
    let described =
        described.map_err(|error| Problem::service(format!("stack {name}: {}", explain(&error))))?;
    let parameters = described.stacks().iter().flat_map(Stack::parameters);
    let named = |parameter: &Parameter| {
        Some((parameter.parameter_key()?.to_owned(), parameter.parameter_value()?.to_owned()))
    };
    Ok(RelayStack { parameters: parameters.filter_map(named).collect() })
}
