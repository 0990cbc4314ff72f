//! Starts programs as Lambda would, side by side, and prints what each costs.
//!
//! `benches/run` builds the programs and calls this with their commands. Every figure of one table comes from one run in which the
//! programs take turns, so that a busy moment of the machine falls on all of them.

mod cloud;
mod isolation;
mod limited_cpu;
mod program;
mod report;
mod runtime_api;

use std::time::Duration;

use cloud::Cloud;
use limited_cpu::LimitedCpu;
use program::{Program, Running};
use report::{Table, median};

/// How often each thing is measured.
struct Rounds {
    cold: usize,
    warm_one: usize,
    warm_ten: usize,
    warm_hundred: usize,
    warm_thousand: usize,
    throttled: usize,
}

const FULL: Rounds =
    Rounds { cold: 31, warm_one: 400, warm_ten: 150, warm_hundred: 40, warm_thousand: 9, throttled: 7 };
const QUICK: Rounds =
    Rounds { cold: 9, warm_one: 100, warm_ten: 40, warm_hundred: 10, warm_thousand: 3, throttled: 3 };

/// The services' answer time in the second half of the warm measurements.
const SERVICE_TIME: Duration = Duration::from_millis(20);

/// A function of 128 MB gets 128/1769 of a core.
const SHARE_OF_128_MB: f64 = 128.0 / 1769.0;

#[tokio::main(flavor = "multi_thread", worker_threads = 1)]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let is_quick = arguments.iter().any(|argument| argument == "--quick");
    let only: Vec<&str> = arguments
        .iter()
        .filter_map(|argument| argument.strip_prefix("--only="))
        .flat_map(|list| list.split(','))
        .collect();
    let rounds = if is_quick { QUICK } else { FULL };
    let programs = Program::from_environment();
    let cloud = Cloud::start().await;
    let wanted = |section: &str| only.is_empty() || only.contains(&section);

    report::machine(&programs);
    if wanted("size") {
        size(&programs);
    }
    if wanted("cold") {
        cold(&programs, &cloud, rounds.cold, None).await;
    }
    if wanted("warm") {
        warm(&programs, &cloud, &rounds, Duration::ZERO).await;
        warm(&programs, &cloud, &rounds, SERVICE_TIME).await;
    }
    if wanted("many") {
        many_at_once(&programs, &cloud, &rounds).await;
    }
    if wanted("memory") {
        memory(&programs, &cloud).await;
    }
    if wanted("isolation") {
        isolation::measure(&programs[0], &cloud, if is_quick { 30 } else { 90 }).await;
    }
    if wanted("throttled") {
        let limited = LimitedCpu::find(SHARE_OF_128_MB);
        println!("The CPU is limited by {limited}.\n");
        cold(&programs, &cloud, rounds.throttled, Some(&limited)).await;
        warm_throttled(&programs, &cloud, &limited).await;
    }
}

fn size(programs: &[Program]) {
    let mut table = Table::new("Size", &["program, MB", "zip, MB"]);
    for program in programs {
        let Some(file) = &program.deployed else { continue };
        let megabytes = |bytes: u64| report::fixed(bytes as f64 / 1e6, 2);
        table
            .row(&program.name, vec![megabytes(report::size_of(file)), megabytes(report::zipped_size(file))]);
    }
    table.print();
}

/// From the start of the process to its first request for work, and to its answer to one record.
async fn cold(programs: &[Program], cloud: &Cloud, rounds: usize, limit: Option<&LimitedCpu>) {
    let mut ready = vec![Vec::new(); programs.len()];
    let mut answered = vec![Vec::new(); programs.len()];
    // What ran just before leaves its traces in the caches, so no program always follows the same one.
    let mut order: Vec<usize> = (0..programs.len()).collect();
    for _ in 0..rounds {
        fastrand::shuffle(&mut order);
        for &index in &order {
            let mut running = Running::start(&programs[index], cloud, &[], limit).await;
            ready[index].push(running.ready_after());
            running.invoke(&cloud.batch(1)).await;
            answered[index].push(running.started.elapsed());
            running.stop().await;
        }
    }
    let title = match limit {
        None => "Cold start: from the start of the process, one record over TLS",
        Some(_) => "Cold start with the CPU of 128 MB",
    };
    let mut table = Table::new(title, &["ready, ms", "× floor", "first answer, ms", "× floor"]);
    let (ready, answered): (Vec<f64>, Vec<f64>) = (medians(&ready), medians(&answered));
    for (index, program) in programs.iter().enumerate() {
        let floor = Program::floor(programs);
        table.row(
            &program.name,
            vec![
                report::milliseconds(ready[index]),
                report::ratio(ready[index], ready[floor]),
                report::milliseconds(answered[index]),
                report::ratio(answered[index], answered[floor]),
            ],
        );
    }
    table.print();
}

fn medians(times: &[Vec<Duration>]) -> Vec<f64> {
    times.iter().map(|times| median(times)).collect()
}

/// Batches for processes that have seen some, over TLS.
async fn warm(programs: &[Program], cloud: &Cloud, rounds: &Rounds, service_time: Duration) {
    cloud.answer_after(service_time);
    let is_instant = service_time.is_zero();
    let title = format!("Warm, services answer after {} ms", service_time.as_millis());
    let mut table = Table::new(
        &title,
        &[
            "1 record, ms",
            "10, ms",
            "100, ms",
            "1,000, ms",
            "records/s",
            "CPU ms per 1,000 records, in tens",
            "in thousands",
        ],
    );
    let mut all = Vec::new();
    for program in programs {
        all.push(Running::start(program, cloud, &[], None).await);
    }
    for running in &mut all {
        for _ in 0..20 {
            running.invoke(&cloud.batch(10)).await;
        }
    }
    let less = if is_instant { 1 } else { 4 };
    let plan = [
        (1, rounds.warm_one / less),
        (10, rounds.warm_ten / less),
        (100, rounds.warm_hundred / less),
        (1_000, (rounds.warm_thousand / less).max(1)),
    ];
    let mut times = vec![Vec::new(); programs.len()];
    let mut cpu = vec![Vec::new(); programs.len()];
    for (records, rounds) in plan {
        let mut took = vec![Vec::new(); programs.len()];
        let mut spent = vec![Duration::ZERO; programs.len()];
        for _ in 0..rounds {
            for (index, running) in all.iter_mut().enumerate() {
                let batch = cloud.batch(records);
                let before = running.cpu();
                took[index].push(running.invoke(&batch).await);
                // What is done after the answer was sent belongs to it too.
                tokio::time::sleep(Duration::from_micros(500)).await;
                spent[index] += running.cpu().saturating_sub(before);
            }
            cloud.forget();
        }
        for index in 0..programs.len() {
            times[index].push(median(&took[index]));
            let thousands = (records * rounds) as f64 / 1e3;
            cpu[index].push(spent[index].as_secs_f64() * 1e3 / thousands);
        }
    }
    for (index, program) in programs.iter().enumerate() {
        let mut cells: Vec<String> = times[index].iter().map(|time| report::milliseconds(*time)).collect();
        cells.push(report::fixed(1e6 / times[index][3], 0));
        cells.push(report::fixed(cpu[index][1], 0));
        cells.push(report::fixed(cpu[index][3], 0));
        table.row(&program.name, cells);
    }
    table.print();
    for running in all {
        running.stop().await;
    }
    cloud.answer_after(Duration::ZERO);
}

/// What `RELAY_CONCURRENCY` buys with services at 20 ms, in service times.
async fn many_at_once(programs: &[Program], cloud: &Cloud, rounds: &Rounds) {
    cloud.answer_after(SERVICE_TIME);
    let program = &programs[0];
    let mut table = Table::new(
        "The relay's concurrency, services answer after 20 ms",
        &["batch, ms", "service times", "least possible"],
    );
    for (records, concurrency) in [(10, 10), (100, 50), (1_000, 50), (1_000, 200)] {
        let setting = concurrency.to_string();
        let mut running = Running::start(program, cloud, &[("RELAY_CONCURRENCY", &setting)], None).await;
        running.invoke(&cloud.batch(records)).await;
        let mut took = Vec::new();
        for _ in 0..rounds.warm_hundred.min(20) {
            took.push(running.invoke(&cloud.batch(records)).await);
        }
        let time = median(&took);
        table.row(
            &format!("{records} records, `RELAY_CONCURRENCY={concurrency}`"),
            vec![
                report::milliseconds(time),
                report::fixed(time / SERVICE_TIME.as_secs_f64() / 1e3, 2),
                records.div_ceil(concurrency).to_string(),
            ],
        );
        running.stop().await;
    }
    table.print();
    cloud.answer_after(Duration::ZERO);
}

async fn memory(programs: &[Program], cloud: &Cloud) {
    let mut table = Table::new(
        "Peak memory (resident set, MB)",
        &["one record", "one batch of 10", "a hundred batches of 10", "one batch of 10,000"],
    );
    for program in programs {
        let mut cells = Vec::new();
        for (records, batches) in [(1, 1), (10, 1), (10, 100), (10_000, 1)] {
            let mut running = Running::start(program, cloud, &[], None).await;
            for _ in 0..batches {
                running.invoke(&cloud.batch(records)).await;
            }
            cells.push(report::fixed(running.peak_memory() as f64 / 1e6, 1));
            running.stop().await;
            cloud.forget();
        }
        table.row(&program.name, cells);
    }
    table.print();
}

async fn warm_throttled(programs: &[Program], cloud: &Cloud, limit: &LimitedCpu) {
    let mut table = Table::new(
        "Warm with the CPU of 128 MB, services answer at once",
        &["1 record, ms", "10, ms", "100, ms"],
    );
    for program in programs {
        let mut running = Running::start(program, cloud, &[], Some(limit)).await;
        for _ in 0..3 {
            running.invoke(&cloud.batch(10)).await;
        }
        let mut cells = Vec::new();
        for (records, rounds) in [(1, 15), (10, 9), (100, 3)] {
            let mut took = Vec::new();
            for _ in 0..rounds {
                tokio::time::sleep(Duration::from_millis(40)).await;
                took.push(running.invoke(&cloud.batch(records)).await);
            }
            cells.push(report::milliseconds(median(&took)));
        }
        table.row(&program.name, cells);
        running.stop().await;
        cloud.forget();
    }
    table.print();
}
