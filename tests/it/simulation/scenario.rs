//! What a run is like, drawn from its seed: queues, settings, faults and interruptions.

use std::time::Duration;

use aws_emulator::{CountBy, Disorder, Fault, FaultRule, Matcher, When};

use super::dice::Dice;

/// The operations that faults happen to.
const OPERATIONS: [&str; 9] = [
    "SendTaskFailure",
    "RespondActivityTaskFailed",
    "Put*",
    "states:*",
    "sqs:SendMessage*",
    "sqs:SendMessage*",
    "sqs:ChangeMessageVisibilityBatch",
    "AssumeRole",
    "*",
];

/// The queue in which records wait while their target is in trouble.
pub const PARKING_QUEUE: &str = "parking";

/// The longest that a record is hidden, or its parked copy delayed, by the relay's settings, in seconds.
pub const BACK_OFF_CAP: u64 = 60;

/// A run before it begins.
#[derive(Clone, Debug)]
pub struct Scenario {
    pub seed: u64,
    pub queue: SourceQueue,
    pub settings: RelaySettings,
    pub faults: Vec<FaultRule>,
    pub trouble: Trouble,
    /// Records that are sent to the queue, and payloads that come without one.
    pub records: u64,
    pub payloads: u64,
    /// Execution environments that work at the same time.
    pub environments: usize,
    /// Faults and trouble end after so many invocations; then everything must come to its end.
    pub troubled_invocations: u64,
}

/// The queue that the event source mapping reads.
#[derive(Clone, Debug)]
pub struct SourceQueue {
    pub is_fifo: bool,
    pub visibility_seconds: u64,
    /// The redrive policy's `maxReceiveCount`; SQS moves a message that was received more often.
    pub receives_max: Option<u64>,
    pub disorder: Option<Disorder>,
    pub batch_size: u64,
}

/// The relay's own settings.
#[derive(Clone, Debug)]
pub struct RelaySettings {
    pub dead_letters_are_fifo: bool,
    pub concurrency: u64,
    pub receives_max: Option<u32>,
    pub back_off_seconds: Option<u64>,
    /// After how many receives a record is parked; `None` is without a parking queue.
    pub park_after: Option<u32>,
    pub time_limit: Duration,
}

/// What happens to the function itself, each in so many of a thousand cases.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trouble {
    /// The environment is killed after a random number of polls.
    pub kill: u64,
    /// The invocation is cancelled like that, and the environment lives on.
    pub cancel: u64,
    /// So many polls instead of a random number.
    pub polls: Option<u64>,
    /// A call panics.
    pub panic: u64,
    /// SQS is not asked, and the answer is a 200 without members.
    pub empty_answer: u64,
    /// The mapping's deletion of a batch is lost.
    pub lost_deletion: u64,
    /// The queue's clock jumps ahead, so that messages in flight are visible again.
    pub clock_jump: u64,
    /// The function's clock is wrong, so that it is told a wrong deadline.
    pub clock_skew: u64,
}

impl Scenario {
    /// The scenario of a seed. One in eight has no faults at all, one in eight no trouble.
    pub fn of(seed: u64) -> Self {
        let dice = &mut Dice::seeded(seed);
        let queue = SourceQueue::draw(dice);
        let mut settings = RelaySettings::draw(dice);
        // Chance of its own: with and without parking a seed is the same run.
        let parking = &mut Dice::seeded(seed ^ u64::MAX);
        settings.park_after = parking.per_mille(500).then(|| u32::try_from(parking.between(1, 3)).unwrap());
        let rules = if dice.per_mille(125) { 0 } else { dice.between(1, 4) };
        let faults = (0..rules).map(|_| draw_rule(dice)).collect();
        let trouble = if dice.per_mille(125) { Trouble::default() } else { Trouble::draw(dice) };
        Self {
            seed,
            queue,
            settings,
            faults,
            trouble,
            records: dice.between(4, 24),
            payloads: dice.between(0, 3),
            environments: usize::try_from(dice.between(1, 3)).unwrap(),
            troubled_invocations: dice.between(4, 16),
        }
    }

    /// The scenario of a seed with one certain fault and no trouble beside it.
    pub fn with_fault(seed: u64, operation: &str, fault: Fault) -> Self {
        let when = When::Probability { chance: 0.6, seed };
        let faults = vec![FaultRule::always(operation, fault).when(when)];
        Self { faults, ..Self::calm(seed) }
    }

    /// The same scenario with a parking queue, where what fails is parked after so many receives.
    pub fn with_parking(mut self, after: u32) -> Self {
        self.settings.park_after = Some(after);
        self.queue.is_fifo = false;
        self
    }

    /// The scenario of a seed with certain trouble and no faults beside it.
    pub fn with_trouble(seed: u64, trouble: Trouble) -> Self {
        Self { trouble, ..Self::calm(seed) }
    }

    /// No fault, no trouble, and a queue that delivers each message once.
    pub fn is_calm(&self) -> bool {
        self.faults.is_empty() && self.trouble == Trouble::default() && self.queue.disorder.is_none()
    }

    /// The scenario of a seed without faults and trouble.
    pub fn calm(seed: u64) -> Self {
        Self { faults: Vec::new(), trouble: Trouble::default(), ..Self::of(seed) }
    }
}

impl SourceQueue {
    pub fn name(&self) -> &'static str {
        if self.is_fifo { "source.fifo" } else { "source" }
    }

    /// Where the redrive policy moves what was received too often.
    pub fn burial_ground(&self) -> &'static str {
        if self.is_fifo { "buried.fifo" } else { "buried" }
    }

    fn draw(dice: &mut Dice) -> Self {
        let is_fifo = dice.per_mille(400);
        let disorder = Disorder { seed: dice.number(), reorder: 0.2, duplicate: 0.1 };
        Self {
            is_fifo,
            visibility_seconds: dice.between(30, 120),
            receives_max: dice.per_mille(500).then(|| dice.between(2, 6)),
            disorder: dice.per_mille(500).then_some(disorder),
            batch_size: dice.between(1, if is_fifo { 10 } else { 24 }),
        }
    }
}

impl RelaySettings {
    fn draw(dice: &mut Dice) -> Self {
        Self {
            dead_letters_are_fifo: dice.per_mille(300),
            concurrency: *dice.pick(&[1, 2, 10]),
            receives_max: dice.per_mille(300).then(|| u32::try_from(dice.between(1, 4)).unwrap()),
            back_off_seconds: dice.per_mille(500).then(|| dice.between(1, 5)),
            park_after: None,
            time_limit: Duration::from_millis(dice.between(1_500, 25_000)),
        }
    }
}

impl Trouble {
    fn draw(dice: &mut Dice) -> Self {
        let mut chance = |most| if dice.per_mille(400) { dice.between(1, most) } else { 0 };
        Self {
            kill: chance(500),
            cancel: chance(500),
            polls: None,
            panic: chance(200),
            empty_answer: chance(400),
            lost_deletion: chance(400),
            clock_jump: chance(400),
            clock_skew: chance(400),
        }
    }
}

fn draw_rule(dice: &mut Dice) -> FaultRule {
    let when = match dice.between(0, 4) {
        0 => When::Always,
        1 => When::First(dice.between(1, 20)),
        2 => {
            let from = dice.between(0, 20_000);
            When::WindowMs { from, to: from + dice.between(500, 120_000) }
        }
        _ => {
            let percent = u32::try_from(dice.between(5, 90)).unwrap();
            When::Probability { chance: f64::from(percent) / 100.0, seed: dice.number() }
        }
    };
    FaultRule {
        operation: (*dice.pick(&OPERATIONS)).to_owned(),
        matching: Matcher::default(),
        when,
        count_by: *dice.pick(&[CountBy::Rule, CountBy::Identity]),
        at_most: None,
        fault: draw_fault(dice),
    }
}

fn draw_fault(dice: &mut Dice) -> Fault {
    let after_effect = dice.per_mille(500);
    let all = every_fault(after_effect);
    dice.pick(&all).clone()
}

/// Each fault that the endpoint knows, where it makes a difference also after the effect.
pub fn every_fault(after_effect: bool) -> Vec<Fault> {
    let error = |code: &str, status| Fault::ServiceError {
        code: code.to_owned(),
        status,
        message: "said the simulation".to_owned(),
        after_effect,
    };
    vec![
        Fault::Throttle { code: None, status: 400 },
        Fault::Throttle { code: None, status: 429 },
        error("KmsThrottlingException", 400),
        error("", 429),
        Fault::ServerError { status: 500, after_effect },
        Fault::ServerError { status: 503, after_effect },
        Fault::Html502,
        Fault::CutBeforeEffect,
        Fault::CutAfterEffect,
        Fault::CutMidAnswer,
        Fault::NoAnswer { after_effect },
        Fault::SlowDrip { piece_bytes: 1, delay_ms: 400 },
        Fault::Slow { delay_ms: 2_500 },
        Fault::Slow { delay_ms: 4_000 },
        Fault::AccessDenied,
        Fault::ExpiredCredentials,
        error("SomethingNobodyKnows", 400),
        error("ValidationException", 400),
        error("InvalidMessageContents", 400),
        error("InvalidMessageContents", 500),
        error("TaskTimedOut", 400),
        error("TaskTimedOut", 500),
        Fault::Garbage200 { after_effect },
        Fault::ErrorIn200 { code: "InternalFailure".to_owned(), after_effect },
        Fault::PartialBatchFailure { positions: Vec::new(), code: None, sender_fault: false },
        Fault::PartialBatchFailure { positions: vec![0, 2], code: None, sender_fault: true },
        Fault::PartialBatchFailure {
            positions: vec![1, 3],
            code: Some("InvalidMessageContents".to_owned()),
            sender_fault: true,
        },
        Fault::KmsAccessDenied,
        Fault::KmsInvalidState,
    ]
}
