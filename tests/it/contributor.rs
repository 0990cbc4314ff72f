//! What a new target needs beside its file: these tests name what was forgotten.

use std::fs;
use std::process::Command;

use failure_event::dead_letter::Code;
use failure_event::target::Kind;

fn file(path: &str) -> String {
    fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR")))
        .unwrap_or_else(|_| panic!("{path} is missing"))
}

fn file_names(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(format!("{}/{folder}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn every_target_has_an_event_that_a_user_could_send() {
    let names = file_names("events/routable");
    let batch = file("events/routable/one-of-every-kind-in-an-sqs-batch.json");
    for kind in Kind::ALL {
        let name = kind.name();
        assert!(names.contains(&format!("{name}.json")), "events/routable has no {name}.json");
        let quoted = format!("\\\"{name}\\\"");
        assert!(batch.contains(&quoted), "one-of-every-kind-in-an-sqs-batch.json has no {name}");
    }
}

/// A presigned URL is either taken or expired: its service knows no identities.
#[test]
fn every_target_that_its_service_may_not_know_has_an_event_that_says_so() {
    let names = file_names("events/unroutable");
    for kind in Kind::ALL.iter().filter(|kind| kind.actions().next().is_some()) {
        let name = format!("REJECTED_BY_SERVICE-{}-that-the-service-does-not-know.json", kind.name());
        assert!(names.contains(&name), "events/unroutable has no {name}");
    }
}

#[test]
fn every_target_has_its_permission_in_both_templates() {
    for path in ["template.yaml", "deploy/cross-account-role.yaml"] {
        let template = file(path);
        for kind in Kind::ALL {
            let sid = format!("- Sid: Fail{}\n", kind.parameter().trim_start_matches("Enable"));
            let (_, after) = template.split_once(&sid).unwrap_or_default();
            let statement = after.split("- Sid: ").next().unwrap_or_default();
            for action in kind.actions() {
                assert!(statement.contains(action), "{path} does not allow {action} of {}", kind.name());
            }
        }
    }
}

#[test]
fn every_target_can_be_enabled_in_the_template() {
    let template = file("template.yaml");
    let (_, settings) = template.split_once("RELAY_TARGETS: !Join").unwrap();
    let (listed, _) = settings.split_once("RELAY_ROLE_NAME").unwrap();
    for kind in Kind::ALL {
        let entry = format!(", {}, !Ref", kind.name());
        assert!(listed.contains(&entry), "RELAY_TARGETS in template.yaml leaves {} out", kind.name());
        assert_has_parameter("template.yaml", &template, *kind);
    }
}

#[test]
fn every_target_that_needs_a_permission_can_be_enabled_in_another_account() {
    let path = "deploy/cross-account-role.yaml";
    let template = file(path);
    for kind in Kind::ALL.iter().filter(|kind| kind.actions().next().is_some()) {
        assert_has_parameter(path, &template, *kind);
    }
}

fn assert_has_parameter(path: &str, template: &str, kind: Kind) {
    let (name, is_on) = (kind.parameter(), kind.is_on_by_default());
    let parameter = format!("\n  {name}:\n    Type: String\n    Default: \"{is_on}\"\n");
    assert!(template.contains(&parameter), "{path} has no {name} of {} that is {is_on}", kind.name());
}

#[test]
fn every_target_is_among_the_settings_of_the_runbook() {
    let runbook = file("docs/runbook.md");
    let row = runbook.lines().find(|line| line.starts_with("| `RELAY_TARGETS` |")).unwrap();
    for kind in Kind::ALL {
        let parameter = format!("`{}`", kind.parameter());
        assert!(row.contains(&parameter), "docs/runbook.md lacks {parameter} of {}", kind.name());
    }
}

/// No event of a kind that a publisher does not know is made from its environment, nor are its secrets hidden.
#[test]
fn every_target_is_known_to_every_publisher() {
    for path in ["publishers/python/src/failure_relay/_kinds.py", "publishers/typescript/src/target.ts"] {
        let publisher = file(path);
        for kind in Kind::ALL {
            assert!(publisher.contains(&format!("\"{}\"", kind.name())), "{path} lacks {}", kind.name());
        }
    }
}

#[test]
fn every_target_has_a_row_in_the_readme() {
    let readme = file("README.md");
    for kind in Kind::ALL {
        let row =
            readme.lines().find(|line| line.starts_with('|') && line.contains(&format!("`{}`", kind.name())));
        let row = row.unwrap_or_else(|| panic!("README.md has no row for {}", kind.name()));
        for member in kind.members() {
            assert!(
                row.contains(&format!("`{}`", member.name)),
                "the row of {} lacks {}",
                kind.name(),
                member.name
            );
        }
    }
}

#[test]
fn every_dead_letter_code_has_an_event_that_earns_it_and_a_section_in_the_runbook() {
    let names = file_names("events/unroutable");
    let runbook = file("docs/runbook.md");
    for code in Code::ALL {
        assert!(runbook.contains(code.as_str()), "docs/runbook.md does not explain {code}");
        // A service has to refuse, or to fail often: no file alone can bring these about.
        if !matches!(code, Code::RejectedByService | Code::RetriesExhausted) {
            assert!(
                names.iter().any(|name| name.starts_with(code.as_str())),
                "events/unroutable has no {code}-*.json"
            );
        }
    }
}

#[test]
fn every_setting_is_in_the_documents_and_in_the_template() {
    let (documents, template, settings) =
        (file("docs/settings.md"), file("template.yaml"), file("src/settings.rs"));
    let code = settings.split("#[cfg(test)]").next().unwrap();
    let names: std::collections::BTreeSet<&str> = code
        .split('"')
        .skip(1)
        .step_by(2)
        .filter(|text| text.starts_with("RELAY_") && !text.contains(' '))
        .collect();
    assert!(names.len() >= 14, "{names:?}");
    for name in names {
        assert!(documents.contains(name), "docs/settings.md does not explain {name}");
        assert!(template.contains(name), "template.yaml does not set {name}");
    }
}

/// The kind that CONTRIBUTING.md leads through.
const EXAMPLE: [&str; 3] =
    ["codedeploy-lifecycle-hook", "CodeDeployLifecycleHook", "PutLifecycleEventHookExecutionStatus"];

#[test]
fn contributing_names_each_file_that_names_the_kind_of_its_example() {
    let guide = file("CONTRIBUTING.md");
    let listed =
        Command::new("git").args(["ls-files"]).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    // What follows from the registry, publishers, further events, and what people read.
    let is_derived = |path: &str| {
        ["schema/", "publishers/", "events/", "docs/", "tests/", "fuzz/"]
            .iter()
            .any(|folder| path.starts_with(folder))
            || ["CHANGELOG.md", "CONTRIBUTING.md"].contains(&path)
            || path.contains("/tests/")
    };
    let mut naming = 0;
    for path in listed.lines().filter(|path| !is_derived(path)) {
        let Ok(text) = fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))) else { continue };
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        if EXAMPLE.iter().any(|name| code.contains(name)) {
            naming += 1;
            assert!(
                guide.contains(&format!("`{path}`")),
                "{path} names the example, and CONTRIBUTING.md does not name {path}"
            );
        }
    }
    assert!(naming >= 5, "only {naming} files name the example");
}
