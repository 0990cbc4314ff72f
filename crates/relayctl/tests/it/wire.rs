//! How the fakes of an account read the name of what is asked, and write what CloudFormation says of a stack.

/// The operation's name, which each protocol has in another place.
pub fn operation(target: Option<&str>, path: &str, body: &str) -> String {
    let of_query = || body.split('&').find_map(|pair| pair.strip_prefix("Action="));
    let name = match (target, path) {
        (Some(target), _) => target.rsplit('.').next(),
        (_, path) if path.contains("/operation/") => path.rsplit('/').next(),
        (_, path) if path.contains("/event-source-mappings") => Some("ListEventSourceMappings"),
        (_, path) if path.ends_with("/configuration") => Some("GetFunctionConfiguration"),
        (_, path) if path.ends_with("/invocations") => Some("Invoke"),
        _ => of_query(),
    };
    name.unwrap_or_default().to_owned()
}

/// A resource of a stack, as CloudFormation lists it.
pub fn stack_resource(kind: &str, name: &str, id: &str) -> String {
    format!(
        "<member><LogicalResourceId>{name}</LogicalResourceId><PhysicalResourceId>{id}</PhysicalResourceId>\
         <ResourceType>{kind}</ResourceType><LastUpdatedTimestamp>2026-11-20T10:15:30Z</LastUpdatedTimestamp>\
         <ResourceStatus>CREATE_COMPLETE</ResourceStatus></member>"
    )
}
