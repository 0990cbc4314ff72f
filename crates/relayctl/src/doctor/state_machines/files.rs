//! Definitions in files: a definition itself, or a template with state machines, each as JSON or YAML. What a file is, its content
//! says.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::template::{self, Source, substituted, with_placeholders_quoted};
use super::{StateMachine, StateMachines, yaml};
use crate::exit::Problem;
use crate::inputs::Input;

/// Reads all state machines of these files.
///
/// # Errors
/// A file cannot be read, is neither, or there is no state machine in any of them.
pub fn read(paths: &[PathBuf]) -> Result<StateMachines, Problem> {
    let mut machines = StateMachines::default();
    for path in paths {
        read_file(path, &mut machines)?;
    }
    if machines.found.is_empty() && machines.unread.is_empty() {
        return Err(Problem::file("there is no state machine in what was given"));
    }
    Ok(machines)
}

fn read_file(path: &Path, machines: &mut StateMachines) -> Result<(), Problem> {
    let file = path.display();
    let text = Input::read(path)?.text().into_owned();
    let (value, json) = parse(&text).map_err(|why| Problem::file(format!("{file}: {why}")))?;
    if value["Resources"].is_object() {
        for machine in template::machines(&value) {
            let name = format!("{file} {}", machine.id);
            match definition(machine.source, path) {
                Ok(definition) => machines.found.push(StateMachine { name, definition }),
                Err(why) => machines.unread.push(format!("{name}: {why}")),
            }
        }
        return Ok(());
    }
    if value.get("States").is_none() {
        let why = "neither a definition of a state machine (States) nor a template (Resources)";
        return Err(Problem::file(format!("{file}: {why}")));
    }
    machines.found.push(StateMachine { name: file.to_string(), definition: json });
    Ok(())
}

fn definition(source: Source, template: &Path) -> Result<String, String> {
    match source {
        Source::Text(text) => Ok(with_placeholders_quoted(&text)),
        Source::Elsewhere => {
            Err("its definition is neither in the template nor in a file beside it".to_owned())
        }
        Source::File { path, substitutions } => {
            let path = template.parent().unwrap_or(Path::new("")).join(path);
            let file = Input::read(&path).map_err(|problem| problem.message)?;
            let text = substituted(&file.text(), &substitutions);
            let (_, json) = parse(&text).map_err(|why| format!("{}: {why}", path.display()))?;
            Ok(json)
        }
    }
}

/// A file's content, and the same as JSON: in the order in which it was written, where that is JSON.
fn parse(text: &str) -> Result<(Value, String), String> {
    let text = text.trim_start_matches('\u{feff}');
    if text.trim_start().starts_with('{') {
        let json = with_placeholders_quoted(text);
        let value = serde_json::from_str(&json).map_err(|error| format!("not JSON: {error}"))?;
        return Ok((value, json));
    }
    let value = yaml::parse(text).map_err(|why| format!("not YAML as CloudFormation takes it: {why}"))?;
    let json = value.to_string();
    Ok((value, json))
}
