//! Tables in Markdown.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::program::Program;

/// A table whose columns are filled with blanks, so that it is read as it is printed.
pub struct Table {
    title: String,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new(title: &str, columns: &[&str]) -> Self {
        let head = std::iter::once("").chain(columns.iter().copied()).map(str::to_owned).collect();
        Self { title: title.to_owned(), rows: vec![head] }
    }

    pub fn row(&mut self, name: &str, cells: Vec<String>) {
        self.rows.push(std::iter::once(name.to_owned()).chain(cells).collect());
    }

    pub fn print(&self) {
        println!("### {}\n", self.title);
        let columns = self.rows[0].len();
        let width =
            |column: usize| self.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        for (index, row) in self.rows.iter().enumerate() {
            let cells: Vec<String> =
                row.iter().enumerate().map(|(column, cell)| format!(" {cell:<0$} ", width(column))).collect();
            println!("|{}|", cells.join("|"));
            if index == 0 {
                println!("|{}", " --- |".repeat(columns));
            }
        }
        println!();
    }
}

/// In milliseconds.
pub fn median(times: &[Duration]) -> f64 {
    let mut sorted = times.to_owned();
    sorted.sort_unstable();
    let middle = sorted.len() / 2;
    let of = |index: usize| sorted[index].as_secs_f64() * 1e3;
    if sorted.len() % 2 == 1 { of(middle) } else { f64::midpoint(of(middle - 1), of(middle)) }
}

pub fn milliseconds(time: f64) -> String {
    fixed(time, if time < 10.0 { 2 } else { 1 })
}

pub fn ratio(value: f64, floor: f64) -> String {
    fixed(value / floor, 2)
}

pub fn fixed(value: f64, digits: usize) -> String {
    format!("{value:.digits$}")
}

/// The machine and the programs' versions.
pub fn machine(programs: &[Program]) {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .unwrap_or("")
        .trim_matches([' ', '\t', ':']);
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    println!("{cores} cores of {model}, Linux {}\n", kernel.trim());
    for program in programs.iter().filter(|program| program.deployed.is_none() || program.command.len() > 1) {
        let version = Command::new(&program.command[0]).arg("--version").stderr(Stdio::null()).output();
        let version = version.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
        println!("- {}: {}", program.name, version.unwrap_or_default());
    }
    println!();
}

/// Of a file, or of all that is in a folder.
pub fn size_of(path: &Path) -> u64 {
    let Ok(metadata) = std::fs::metadata(path) else { return 0 };
    if !metadata.is_dir() {
        return metadata.len();
    }
    std::fs::read_dir(path).map_or(0, |entries| entries.flatten().map(|entry| size_of(&entry.path())).sum())
}

/// What a zip of it has, made with Python's `zipfile`, which is there because a peer needs Python.
pub fn zipped_size(path: &Path) -> u64 {
    let zip = std::env::temp_dir().join(format!("harness-{}.zip", std::process::id()));
    let made = Command::new("python3").args(["-m", "zipfile", "-c"]).arg(&zip).arg(path).status();
    let size = made.map_or(0, |_| size_of(&zip));
    // A file in the temporary directory may as well stay.
    let _ = std::fs::remove_file(&zip);
    size
}
