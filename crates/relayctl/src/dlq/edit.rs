//! A letter in the user's own editor.

use std::fs::{self, OpenOptions};
use std::io::{self, BufRead, IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::judge::Judge;
use super::letter::Letter;
use crate::exit::Problem;
use crate::output::Output;

/// Opens the body in `$VISUAL` or `$EDITOR` until the relay would take it, or the user gives up. `None` leaves the letter where it
/// is.
///
/// # Errors
/// There is no editor, or the file cannot be written or read.
pub fn edit(letter: &Letter, judge: &Judge, output: &Output) -> Result<Option<String>, Problem> {
    let file = Draft::write(letter)?;
    loop {
        output.talk(format!("letter {}: {} {}", letter.id(), letter.code(), letter.reason()));
        run_editor(&file.path)?;
        let body = file.read()?;
        match judge.still_unroutable_as(letter, &body) {
            None => return Ok(Some(body)),
            Some(reason) => output.talk(format!("still unroutable: {reason}")),
        }
        if !is_to_be_edited_again() {
            return Ok(None);
        }
    }
}

fn run_editor(path: &Path) -> Result<(), Problem> {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    let editor = variable("VISUAL").or_else(|| variable("EDITOR")).unwrap_or_else(|| "vi".to_owned());
    // As git and crontab do it: the variable may hold arguments, which the shell takes apart.
    let status = Command::new("sh").arg("-c").arg(format!("{editor} \"$1\"")).arg("sh").arg(path).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Problem::local(format!("{editor} ended with {status}"))),
        Err(error) => Err(Problem::local(format!("{editor} could not be started: {error}"))),
    }
}

/// Where there is nobody to ask, the answer is no.
fn is_to_be_edited_again() -> bool {
    if !io::stdin().is_terminal() {
        return false;
    }
    let mut answer = String::new();
    let asked = io::stderr().write_all(b"edit again? [Y/n] ");
    let read = asked.and_then(|()| io::stdin().lock().read_line(&mut answer));
    read.is_ok_and(|count| count > 0) && !matches!(answer.trim(), "n" | "N" | "no")
}

/// A file that its owner alone can read, as it holds a token; it is gone when this is dropped.
#[derive(Debug)]
struct Draft {
    path: PathBuf,
}

impl Draft {
    fn write(letter: &Letter) -> Result<Self, Problem> {
        let folder = std::env::var_os("XDG_RUNTIME_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
        let path = folder.join(format!("relayctl-{:016x}.json", fastrand::u64(..)));
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let draft = Self { path };
        let written = file.and_then(|mut file| file.write_all(letter.body().as_bytes()));
        written.map_err(|error| draft.problem(&error))?;
        Ok(draft)
    }

    /// Editors end a file with a newline, which the body had not.
    fn read(&self) -> Result<String, Problem> {
        let text = fs::read_to_string(&self.path).map_err(|error| self.problem(&error))?;
        Ok(text.strip_suffix('\n').map_or(text.clone(), str::to_owned))
    }

    fn problem(&self, error: &io::Error) -> Problem {
        Problem::file(format!("{}: {error}", self.path.display()))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Nothing can be done about a file that cannot be removed here.
        let _ = fs::remove_file(&self.path);
    }
}
