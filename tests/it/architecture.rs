//! The invariants of ARCHITECTURE.md: what each crate may depend on, and what the documents name.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn root() -> &'static Path {
    Path::new(ROOT)
}

/// What a package is built from, by name: its normal dependencies, all the way down, without itself.
fn dependencies_of(package: &str) -> BTreeSet<String> {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--package", package, "--edges", "normal", "--prefix", "none", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    let lines = String::from_utf8(tree.stdout).unwrap();
    assert!(lines.starts_with(package), "{}", String::from_utf8_lossy(&tree.stderr));
    lines.lines().skip(1).filter_map(|line| Some(line.split(' ').next()?.to_owned())).collect()
}

fn assert_depends_on_none(package: &str, is_forbidden: impl Fn(&str) -> bool) {
    let dependencies = dependencies_of(package);
    assert!(!dependencies.is_empty(), "{package} has dependencies");
    let forbidden: Vec<&String> = dependencies.iter().filter(|name| is_forbidden(name)).collect();
    assert!(forbidden.is_empty(), "{package} depends on {forbidden:?}");
}

#[test]
fn the_core_depends_on_no_sdk_no_runtime_and_no_log() {
    let edge = ["tokio", "hyper", "http", "tracing", "lambda_runtime", "aws-emulator", "failure-relay"];
    assert_depends_on_none("failure-event", |name| name.starts_with("aws") || edge.contains(&name));
}

#[test]
fn the_emulator_depends_on_nothing_of_the_relay() {
    assert_depends_on_none("aws-emulator", |name| {
        name.starts_with("failure-") || name.starts_with("aws-") || name == "relayctl"
    });
}

#[test]
fn the_functions_depend_on_neither_the_tool_nor_the_emulator() {
    let forbidden =
        ["aws-config", "aws-emulator", "aws-lc-sys", "clap", "indicatif", "openssl-sys", "regex", "relayctl"];
    for function in ["failure-relay", "failure-watch"] {
        assert_depends_on_none(function, |name| forbidden.contains(&name));
    }
}

#[test]
fn no_wildcard_arm_hides_a_new_kind() {
    let sources = ["src", "crates", "tests/it"].map(|folder| files(&root().join(folder)));
    let mut matches = 0;
    for path in sources.iter().flatten().filter(|path| path.extension().is_some_and(|end| end == "rs")) {
        let text = fs::read_to_string(path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        for (index, line) in lines.iter().enumerate().filter(|(_, line)| is_arm_of_a_kind(line)) {
            matches += 1;
            let wildcard =
                siblings(&lines[index..], indent(line)).any(|arm| arm.trim_start().starts_with("_ "));
            assert!(!wildcard, "{}:{}: the arms end in a wildcard", path.display(), index + 1);
        }
    }
    assert!(matches >= 40, "only {matches} arms were looked at");
}

/// The first line of an arm of a match over kinds of target, or over the emulator's work, as rustfmt sets it.
fn is_arm_of_a_kind(line: &str) -> bool {
    let arm = line.trim_start();
    ["Kind::", "WorkKind::", "Target::"].iter().any(|name| arm.starts_with(name))
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// The lines of the same block, from the first on, that are set as far in.
fn siblings<'a>(lines: &'a [&'a str], far: usize) -> impl Iterator<Item = &'a str> {
    let block = lines.iter().take_while(move |line| line.is_empty() || indent(line) >= far);
    block.filter(move |line| indent(line) == far).copied()
}

#[test]
fn every_path_that_the_documents_name_exists() {
    let mut documents: Vec<PathBuf> = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md"]
        .map(|name| root().join(name))
        .into();
    let docs = fs::read_dir(root().join("docs")).into_iter().flatten().map(|entry| entry.unwrap().path());
    documents.extend(docs.filter(|path| path.extension().is_some_and(|extension| extension == "md")));
    let mut checked = 0;
    for document in documents {
        let text =
            fs::read_to_string(&document).unwrap_or_else(|_| panic!("{} is missing", document.display()));
        for path in named_paths(&text) {
            checked += 1;
            let from_document = document.parent().unwrap().join(&path);
            assert!(
                from_document.exists() || root().join(&path).exists(),
                "{} names {path}",
                document.display()
            );
        }
    }
    assert!(checked > 20, "only {checked} paths were found");
}

#[test]
fn every_test_that_the_proofs_name_exists() {
    let mut tests = String::new();
    for folder in ["src", "tests", "crates"] {
        for path in files(&root().join(folder)) {
            tests.push_str(&fs::read_to_string(path).unwrap_or_default());
        }
    }
    for (document, tables) in [("docs/reliability.md", 30), ("docs/runbook.md", 15)] {
        let text = fs::read_to_string(root().join(document)).unwrap();
        let names: Vec<&str> = named_tests(&text).collect();
        assert!(names.len() >= tables, "{document} names only {} tests", names.len());
        for name in names {
            let is_there = ["fn ", "def "].iter().any(|keyword| tests.contains(&format!("{keyword}{name}(")));
            assert!(is_there, "{document} names the test {name}, which is not there");
        }
    }
}

/// What stands in backticks and is a sentence in snake case.
fn named_tests(text: &str) -> impl Iterator<Item = &str> {
    let is_name = |name: &&str| {
        name.matches('_').count() >= 3
            && name.chars().all(|character| {
                character.is_ascii_lowercase() || character.is_ascii_digit() || character == '_'
            })
    };
    text.split('`').skip(1).step_by(2).filter(is_name)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let is_source = path.extension().is_some_and(|extension| extension == "rs" || extension == "py");
        if path.is_dir() {
            found.extend(files(&path));
        } else if is_source {
            found.push(path);
        }
    }
    found
}

/// Paths in backticks below a folder of this repository, and the targets of links.
fn named_paths(text: &str) -> Vec<String> {
    const FOLDERS: [&str; 10] =
        ["src/", "crates/", "tests/", "events/", "docs/", "schema/", "deploy/", "benches/", "fuzz/", "site/"];
    let in_backticks = text.split('`').skip(1).step_by(2).map(str::to_owned);
    let in_links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next()).map(str::to_owned);
    let is_path =
        |path: &String| FOLDERS.iter().any(|folder| path.starts_with(folder)) || path.ends_with(".md");
    let is_plain = |path: &String| {
        !path.contains(|character: char| " <>*{}$…=\n".contains(character)) && !path.contains("://")
    };
    in_backticks
        .chain(in_links)
        .filter(is_path)
        .filter(is_plain)
        .map(|path| path.split('#').next().unwrap_or_default().to_owned())
        .collect()
}
