//! Many runs, side by side on all cores.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::scenario::Scenario;
use super::world::{Trace, run};

/// Runs unless `RELAY_SIM_RUNS` says otherwise.
const RUNS_DEFAULT: u64 = 1_000;

/// So many broken runs are enough to look at.
const BROKEN_MAX: usize = 5;

fn number_from(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a whole number"))
}

/// Runs scenarios on all cores and fails with those that break the promise.
pub fn assert_all_hold(count: u64, scenario: impl Fn(u64) -> Scenario + Sync) {
    let next = AtomicU64::new(0);
    let broken: Mutex<Vec<String>> = Mutex::default();
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count || broken.lock().unwrap().len() >= BROKEN_MAX {
                return;
            }
            let scenario = scenario(number);
            let described = format!("{scenario:?}");
            let seed = scenario.seed;
            if let Err(cause) = catch_unwind(AssertUnwindSafe(|| run(scenario))) {
                let why = cause.downcast_ref::<String>().cloned();
                let why = why.or_else(|| cause.downcast_ref::<&str>().map(|why| (*why).to_owned()));
                broken
                    .lock()
                    .unwrap()
                    .push(format!("RELAY_SIM_SEED={seed}: {}\n    {described}", why.unwrap_or_default()));
            }
        }
    };
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(work);
        }
    });
    let broken = broken.into_inner().unwrap();
    assert!(broken.is_empty(), "runs that break the promise:\n{}", broken.join("\n"));
}

#[test]
fn every_record_ends_where_it_should_whatever_goes_wrong() {
    match number_from("RELAY_SIM_SEED") {
        Some(seed) => print_trace(&run(Scenario::of(seed))),
        None => assert_all_hold(number_from("RELAY_SIM_RUNS").unwrap_or(RUNS_DEFAULT), Scenario::of),
    }
}

fn print_trace(trace: &Trace) {
    for line in trace {
        println!("{line}");
    }
}

#[test]
fn a_seed_replays_exactly() {
    let replay = |seed: &str| {
        let test = "simulation::runs::every_record_ends_where_it_should_whatever_goes_wrong";
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
            .env("RELAY_SIM_SEED", seed)
            .output()
            .unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        printed.lines().filter(|line| line.contains(" ms ")).map(str::to_owned).collect::<Vec<_>>()
    };
    for seed in ["3", "11", "42", "77"] {
        let first = replay(seed);
        assert!(!first.is_empty());
        assert_eq!(first, replay(seed), "seed {seed}");
    }
}
