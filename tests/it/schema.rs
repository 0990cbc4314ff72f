//! The schema in `schema/` is the one that the relay's own rules make, and agrees with them on every event.

use std::path::{Path, PathBuf};

use failure_event::dead_letter::Code;
use failure_event::envelope::{self, Delivery};
use failure_event::place::Home;
use failure_event::route::{Decision, route};
use failure_event::rules::Rules;
use failure_event::schema;
use failure_event::target::Kind;
use jsonschema::Validator;
use serde_json::Value;

use crate::event_files::{bytes, files};

fn validator() -> Validator {
    jsonschema::draft202012::new(&serde_json::from_str(&schema::failure_event()).unwrap()).unwrap()
}

/// The files that hold a JSON value and no envelope, no notice and no batch.
fn bare_events() -> Vec<(PathBuf, Value)> {
    let bare = files().into_iter().filter_map(|file| {
        let bytes = bytes(&file);
        let text = std::str::from_utf8(&bytes).ok()?.trim_start_matches('\u{feff}');
        let value: Value = serde_json::from_str(text).ok()?;
        let Delivery::Single(record) = envelope::open(text) else { return None };
        let is_bare = route(&record, &Rules::default(), &Home::new("us-east-1", "")).subject.path.is_empty();
        (is_bare && value.get("Records").is_none()).then_some((file, value))
    });
    bare.collect()
}

/// What no schema can say: that members must agree with each other, or what they take together.
const BEYOND_A_SCHEMA: [&str; 6] = [
    "INVALID_EVENT-a-response-url-of-another-bucket",
    "INVALID_EVENT-a-response-url-of-another-partition",
    "INVALID_EVENT-a-signal-url-of-another-region",
    "INVALID_EVENT-a-stack-id-that-the-response-url-does-not-name",
    "INVALID_EVENT-a-request-id-that-the-response-url-does-not-name",
    "INVALID_EVENT-a-custom-resource-whose-members-leave-no-room-for-a-reason",
];

/// The members of which each must be the one that the URL beside them names.
const NAMED_BY_URL: [&str; 3] = ["stackId", "logicalResourceId", "requestId"];

/// Whether a custom resource names another request than its URL does.
fn disagrees_with_its_url(event: &Value, changed: &Value) -> bool {
    NAMED_BY_URL.iter().any(|name| {
        let changed = &changed["target"][name];
        changed.as_str().is_some_and(|text| !text.is_empty()) && *changed != event["target"][name]
    })
}

/// Whether the file is an event whose target is named well: the codes that only settings and services give say nothing else.
fn is_valid_by_name(file: &Path) -> bool {
    let name = file.file_name().unwrap().to_string_lossy();
    if BEYOND_A_SCHEMA.iter().any(|stem| name.trim_end_matches(".json") == *stem) {
        return true;
    }
    let faults = [Code::MalformedEvent, Code::InvalidEvent, Code::UnsupportedVersion, Code::UnknownTarget];
    !faults.iter().any(|code| name.starts_with(code.as_str()))
}

#[test]
fn the_schema_in_the_repository_is_the_generated_one() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(schema::FILE);
    let stored = std::fs::read_to_string(&file).unwrap_or_default();
    let generated = schema::failure_event();
    let differs = |kind: &&Kind| branch(&stored, **kind) != branch(&generated, **kind);
    let kinds: Vec<&str> = Kind::ALL.iter().filter(differs).map(|kind| kind.name()).collect();
    assert!(
        stored == generated,
        "{} is out of date, in the branches of [{}]: cargo relayctl schema > {}",
        schema::FILE,
        kinds.join(", "),
        schema::FILE
    );
}

/// What a schema says of the targets of a kind.
fn branch(schema: &str, kind: Kind) -> Option<Value> {
    let schema: Value = serde_json::from_str(schema).ok()?;
    let branches = schema.pointer("/properties/target/allOf")?.as_array()?;
    let is_of_kind = |branch: &&Value| branch["if"]["properties"]["kind"]["const"] == kind.name();
    branches.iter().find(is_of_kind).cloned()
}

#[test]
fn each_bare_event_validates_or_fails_as_its_folder_says() {
    let validator = validator();
    let events = bare_events();
    assert!(events.len() > 40, "only {} files are bare events", events.len());
    for (file, event) in events {
        let errors: Vec<String> = validator.iter_errors(&event).map(|error| error.to_string()).collect();
        assert_eq!(errors.is_empty(), is_valid_by_name(&file), "{}: {errors:?}", file.display());
    }
}

#[test]
fn the_schema_and_the_relay_agree_on_small_changes_of_every_event() {
    let (validator, home) = (validator(), Home::new("us-east-1", ""));
    let rules = Rules { has_table: true, ..Rules::default() };
    let is_plain = |(file, _): &(PathBuf, Value)| {
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        !BEYOND_A_SCHEMA.contains(&name.as_str())
    };
    for (file, event) in bare_events().into_iter().filter(is_plain) {
        for change in changes(&event) {
            if disagrees_with_its_url(&event, &change) {
                continue;
            }
            let text = change.to_string();
            let Delivery::Single(record) = envelope::open(&text) else { continue };
            let routed = match route(&record, &rules, &home).decision {
                Decision::Call(_) | Decision::Register(_) => true,
                Decision::Unroutable(reason) => reason.code == Code::TargetNotAllowed,
                Decision::LookUp(_) | Decision::Ignore => continue,
            };
            assert_eq!(validator.is_valid(&change), routed, "{}: {text:.300}", file.display());
        }
    }
}

/// The event with each member, and each member of what it names or asks for, left out or replaced in turn.
fn changes(event: &Value) -> Vec<Value> {
    let replacements = [
        Value::Null,
        Value::from(7),
        Value::from(""),
        Value::from("1.x"),
        Value::from(true),
        serde_json::json!({}),
    ];
    let mut changed = Vec::new();
    for pointer in ["", "/target", "/lease", "/claim"] {
        let names = event.pointer(pointer).and_then(Value::as_object).map(|object| object.keys().cloned());
        for name in names.into_iter().flatten() {
            let without = |edit: &dyn Fn(&mut serde_json::Map<String, Value>)| {
                let mut copy = event.clone();
                if let Some(object) = copy.pointer_mut(pointer).and_then(Value::as_object_mut) {
                    edit(object);
                }
                copy
            };
            changed.push(without(&|object| {
                object.remove(&name);
            }));
            for replacement in &replacements {
                changed.push(without(&|object| {
                    object.insert(name.clone(), replacement.clone());
                }));
            }
        }
    }
    changed
}
