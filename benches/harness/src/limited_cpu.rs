//! A share of one core, as Lambda gives it: by a control group where one can be made, else by stopping and continuing the process.

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::task::JoinHandle;

/// Lambda counts in periods of 20 ms.
const PERIOD: Duration = Duration::from_millis(20);

pub struct LimitedCpu {
    share: f64,
    way: Way,
}

enum Way {
    /// A folder of the control group's file system, whose `cgroup.procs` takes processes in.
    Group { folder: PathBuf, version: u8 },
    /// The process is let run for its share of each period.
    DutyCycle(Mutex<HashMap<u32, JoinHandle<()>>>),
}

impl LimitedCpu {
    pub fn find(share: f64) -> Self {
        let way = [("/sys/fs/cgroup/cpu", 1), ("/sys/fs/cgroup", 2)]
            .into_iter()
            .find_map(|(root, version)| group(Path::new(root), version, share))
            .unwrap_or_else(|| Way::DutyCycle(Mutex::default()));
        Self { share, way }
    }

    /// The command that starts a program inside the limit.
    pub fn command(&self, command: &[String]) -> Vec<String> {
        let Way::Group { folder, .. } = &self.way else { return command.to_vec() };
        let script = format!("echo $$ > {}/cgroup.procs; exec \"$@\"", folder.display());
        ["/bin/sh", "-c", &script, "sh"]
            .map(str::to_owned)
            .into_iter()
            .chain(command.iter().cloned())
            .collect()
    }

    pub fn began(&self, id: u32) {
        let Way::DutyCycle(running) = &self.way else { return };
        let share = self.share;
        let Some(pid) = i32::try_from(id).ok().and_then(Pid::from_raw) else { return };
        let cycle = tokio::spawn(async move {
            loop {
                tokio::time::sleep(PERIOD.mul_f64(share)).await;
                if kill_process(pid, Signal::STOP).is_err() {
                    return;
                }
                tokio::time::sleep(PERIOD.mul_f64(1.0 - share)).await;
                if kill_process(pid, Signal::CONT).is_err() {
                    return;
                }
            }
        });
        running.lock().expect("no panic holds it").insert(id, cycle);
    }

    pub fn ended(&self, id: u32) {
        let Way::DutyCycle(running) = &self.way else { return };
        if let Some(cycle) = running.lock().expect("no panic holds it").remove(&id) {
            cycle.abort();
        }
    }
}

fn group(root: &Path, version: u8, share: f64) -> Option<Way> {
    let folder = root.join(format!("failure-relay-bench-{}", std::process::id()));
    fs::create_dir(&folder).ok()?;
    let period = PERIOD.as_micros();
    let quota = PERIOD.mul_f64(share).as_micros();
    let set = match version {
        1 => fs::write(folder.join("cpu.cfs_period_us"), period.to_string())
            .and_then(|()| fs::write(folder.join("cpu.cfs_quota_us"), quota.to_string())),
        _ => fs::write(folder.join("cpu.max"), format!("{quota} {period}")),
    };
    let way = Way::Group { folder: folder.clone(), version };
    if set.is_ok() {
        return Some(way);
    }
    // A group without the file that limits it is no use, and empty.
    let _ = fs::remove_dir(&folder);
    None
}

impl Drop for LimitedCpu {
    fn drop(&mut self) {
        if let Way::Group { folder, .. } = &self.way {
            // Its processes are stopped; a group that is left over does no harm.
            let _ = fs::remove_dir(folder);
        }
    }
}

impl fmt::Display for LimitedCpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = self.share * 100.0;
        match &self.way {
            Way::Group { version, .. } => {
                write!(f, "a control group (version {version}) to {percent:.1} % of a core")
            }
            Way::DutyCycle(_) => {
                write!(f, "signals that stop and continue the process, to {percent:.1} % of the time")
            }
        }
    }
}
