//! The invariants of ARCHITECTURE.md that can be read off the sources.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The modules that are tested as values: no I/O, no clock, no environment.
const PURE: [&str; 14] = [
    "json",
    "json_scan",
    "redaction",
    "secret_names",
    "secret",
    "text",
    "event",
    "envelope",
    "notice",
    "route",
    "outcome",
    "dead_letter",
    "failure_details",
    "schema",
];

fn root() -> &'static Path {
    Path::new(ROOT)
}

/// The sources of a module: its file, or all files of its folder.
fn sources(module: &str) -> Vec<(PathBuf, String)> {
    let file = root().join(format!("src/{module}.rs"));
    let mut paths = if file.exists() { vec![file] } else { Vec::new() };
    paths.extend(rust_files(&root().join("src").join(module)));
    assert!(!paths.is_empty(), "there is no module {module}");
    paths.into_iter().map(|path| (path.clone(), code_of(&path))).collect()
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// A file's code without its tests and comments.
fn code_of(path: &Path) -> String {
    let source = fs::read_to_string(path).unwrap();
    let code = source.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

fn assert_names_none(sources: &[(PathBuf, String)], forbidden: &[&str]) {
    for (path, code) in sources {
        for word in forbidden {
            assert!(!code.contains(word), "{} names {word}", path.display());
        }
    }
}

#[test]
fn the_pure_modules_name_no_sdk_no_runtime_no_clock_and_no_environment() {
    let forbidden = [
        "aws_",
        "tokio",
        "SystemTime",
        "Instant",
        "std::env",
        "std::fs",
        "async ",
        "tracing",
        "println!",
        "now_utc",
    ];
    for module in PURE {
        assert_names_none(&sources(module), &forbidden);
    }
}

#[test]
fn only_the_settings_read_the_environment() {
    for path in rust_files(&root().join("src")) {
        let relative = path.strip_prefix(root()).unwrap();
        let is_tool = relative.starts_with("src/bin/relayctl");
        if relative != Path::new("src/settings.rs") && !is_tool {
            assert_names_none(&[(path.clone(), code_of(&path))], &["env::var", "env::vars"]);
        }
    }
}

#[test]
fn targets_import_neither_one_another_nor_the_relay() {
    let targets: Vec<PathBuf> = rust_files(&root().join("src/target"));
    let names: Vec<String> =
        targets.iter().map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect();
    for (path, own) in targets.iter().zip(&names).filter(|(_, name)| *name != "mod") {
        let code = code_of(path);
        assert!(!code.contains("crate::relay"), "{own} imports the relay");
        for other in names.iter().filter(|name| *name != own && *name != "mod") {
            assert!(!code.contains(&format!("::{other}")), "{own} imports {other}");
        }
    }
}

#[test]
fn the_relay_imports_neither_the_embedded_endpoint_nor_clap() {
    for path in rust_files(&root().join("src")) {
        let relative = path.strip_prefix(root()).unwrap();
        if relative.starts_with("src/local") || relative.starts_with("src/bin/relayctl") {
            continue;
        }
        assert_names_none(&[(path.clone(), code_of(&path))], &["crate::local", "clap", "indicatif"]);
    }
}

#[test]
fn the_functions_dependencies_hold_neither_the_tool_nor_a_server() {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--edges", "normal", "--prefix", "none", "--offline", "--no-default-features"])
        .current_dir(root())
        .output()
        .unwrap();
    let crates = String::from_utf8(tree.stdout).unwrap();
    assert!(crates.starts_with("failure-relay v"), "{}", String::from_utf8_lossy(&tree.stderr));
    for forbidden in ["clap", "indicatif", "md-5", "aws-lc-sys", "openssl-sys", "regex"] {
        let found = crates.lines().any(|line| line.split(' ').next() == Some(forbidden));
        assert!(!found, "the function depends on {forbidden}");
    }
}

#[test]
fn every_path_that_the_documents_name_exists() {
    let mut documents: Vec<PathBuf> =
        ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"].map(|name| root().join(name)).into();
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
    for folder in ["src", "tests"] {
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
    const FOLDERS: [&str; 8] =
        ["src/", "tests/", "events/", "docs/", "schema/", "deploy/", "benches/", "fuzz/"];
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
