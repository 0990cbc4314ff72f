//! The files in `events/`, which users could send. The tests of each crate read them by this one module.

use std::fs;
use std::path::{Path, PathBuf};

/// The repository's root, from whichever of its crates is tested.
pub fn root() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().find(|folder| folder.join("events").is_dir()).unwrap()
}

/// Every file in `events/` but its README, as paths from the repository's root.
pub fn files() -> Vec<PathBuf> {
    let mut found = Vec::new();
    find(Path::new("events"), &mut found);
    found.sort();
    found
}

fn find(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(root().join(folder)).unwrap() {
        let path = folder.join(entry.unwrap().file_name());
        if root().join(&path).is_dir() {
            find(&path, found);
        } else if path.extension().is_none_or(|extension| extension != "md") {
            found.push(path);
        }
    }
}

pub fn bytes(file: &Path) -> Vec<u8> {
    fs::read(root().join(file)).unwrap()
}
