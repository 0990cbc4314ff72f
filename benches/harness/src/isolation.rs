//! What one API that never answers costs the records for the others, in one environment.
//!
//! Batches of ten, one after the other, half of them for Step Functions, which is healthy. Three environments run side by side, so that
//! a busy moment of the machine falls on all: the other half of the records is for an API that answers too, for one that is silent, and
//! for one that is silent with a parking queue. The time until the circuit opens counts.

use std::time::{Duration, Instant};

use crate::cloud::Cloud;
use crate::program::{Program, Running};
use crate::report::{self, Table};

/// The services' answer time.
const SERVICE_TIME: Duration = Duration::from_millis(20);

const HEALTHY: &str = "step-functions-task";
const ALSO_HEALTHY: &str = "codepipeline-third-party-job";
const SILENT: &str = "swf-activity-task";
const RECORDS: usize = 10;

/// What one environment has done.
struct Flow {
    /// Records for the healthy API.
    healthy: usize,
    /// Records that came back.
    retried: usize,
}

/// Runs the three environments for so many seconds.
pub async fn measure(program: &Program, cloud: &Cloud, seconds: u64) {
    cloud.silence("swf:*", SERVICE_TIME);
    let time = Duration::from_secs(seconds);
    let parking = cloud.parking_queue_url();
    let with_parking = [("RELAY_PARKING_QUEUE_URL", parking.as_str())];
    let (undisturbed, as_ever, parked) = tokio::join!(
        flow(program, cloud, ALSO_HEALTHY, &with_parking, time),
        flow(program, cloud, SILENT, &[], time),
        flow(program, cloud, SILENT, &with_parking, time),
    );
    let title = format!("One API silent, half of the records for it, one environment, {seconds} s");
    let mut table = Table::new(&title, &["healthy records/s", "× undisturbed", "records that came back"]);
    for (name, flow) in [
        ("both APIs answer", &undisturbed),
        ("one is silent, no parking queue", &as_ever),
        ("one is silent, with a parking queue", &parked),
    ] {
        let per_second = flow.healthy as f64 / time.as_secs_f64();
        let ratio = report::ratio(flow.healthy as f64, undisturbed.healthy as f64);
        table.row(name, vec![report::fixed(per_second, 1), ratio, flow.retried.to_string()]);
    }
    table.print();
    cloud.answer_after(Duration::ZERO);
}

async fn flow(
    program: &Program,
    cloud: &Cloud,
    other_kind: &str,
    settings: &[(&str, &str)],
    time: Duration,
) -> Flow {
    let mut running = Running::start(program, cloud, settings, None).await;
    // One warm connection: what is measured is the trouble, and not the start.
    running.deliver(&cloud.batch_of(&[HEALTHY])).await;
    let kinds: Vec<&str> = [HEALTHY, other_kind].into_iter().cycle().take(RECORDS).collect();
    let mut flow = Flow { healthy: 0, retried: 0 };
    let began = Instant::now();
    while began.elapsed() < time {
        let answer = running.deliver(&cloud.batch_of(&kinds)).await;
        let came_back = String::from_utf8_lossy(&answer).matches("itemIdentifier").count();
        assert!(came_back <= RECORDS / 2, "healthy records came back: {answer:?}");
        flow.retried += came_back;
        flow.healthy += RECORDS / 2;
        cloud.forget();
    }
    running.stop().await;
    flow
}
