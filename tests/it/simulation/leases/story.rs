//! What is sent in a run, and when it is delivered: late, twice, and not in its order.

use serde_json::{Value, json};

use super::Dice;

/// What an event says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// A lease is taken or renewed; it is due then, in milliseconds since 1970.
    Hold { due_ms: u64 },
    /// A lease is released.
    Release,
    /// A resource is claimed.
    Claim,
    /// A claim is taken back.
    Unclaim,
    /// A resource died.
    Notice,
}

/// An event as it was sent.
#[derive(Debug)]
pub struct Act {
    pub deed: Deed,
    /// The token of its task, but for a notice: that has none.
    pub token: Option<String>,
    /// The resource of a claim or a notice.
    pub resource: Option<String>,
    pub sent_ms: u64,
    pub body: String,
    /// By which invocation it was attempted first, and by which acknowledged first.
    pub attempted: Option<u64>,
    pub acknowledged: Option<u64>,
}

/// One delivery of an event. One that comes back is delivered again.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub id: String,
    pub act: usize,
    pub at_ms: u64,
}

impl Act {
    fn new(deed: Deed, token: Option<&str>, sent_ms: u64, body: &Value) -> Self {
        Self {
            deed,
            token: token.map(str::to_owned),
            resource: None,
            sent_ms,
            body: body.to_string(),
            attempted: None,
            acknowledged: None,
        }
    }

    pub fn is_attempted_in(&mut self, invocation: u64) {
        self.attempted.get_or_insert(invocation);
    }

    pub fn is_acknowledged_in(&mut self, invocation: u64) {
        self.acknowledged.get_or_insert(invocation);
    }
}

/// All events of a run, and their deliveries.
pub fn draw(dice: &mut Dice, began_ms: u64) -> (Vec<Act>, Vec<Delivery>) {
    let mut acts = Vec::new();
    for number in 0..dice.between(1, 6) {
        draw_lease(dice, &format!("lease-{number}"), began_ms, &mut acts);
    }
    for number in 0..dice.between(0, 3) {
        draw_claims(dice, &format!("jr_{number}"), began_ms, &mut acts);
    }
    let mut deliveries = Vec::new();
    for (act, sent) in acts.iter().enumerate() {
        for copy in 0..if dice.per_mille(200) { 2 } else { 1 } {
            let delay_ms =
                if dice.per_mille(700) { dice.between(0, 3_000) } else { dice.between(0, 200_000) };
            deliveries.push(Delivery { id: format!("{act}-{copy}"), act, at_ms: sent.sent_ms + delay_ms });
        }
    }
    (acts, deliveries)
}

/// A worker that takes a lease, renews it for some time, and releases it or does not.
fn draw_lease(dice: &mut Dice, token: &str, began_ms: u64, acts: &mut Vec<Act>) {
    let target = json!({"kind": "step-functions-task", "taskToken": token});
    let mut sent_ms = began_ms + dice.between(0, 100_000);
    for number in 0..dice.between(1, 6) {
        let ttl_seconds = dice.between(60, 300);
        let action = match dice.between(0, 5) {
            _ if number == 0 => "take",
            0 => "take",
            1 => "release",
            _ => "renew",
        };
        let (deed, lease) = if action == "release" {
            (Deed::Release, json!({"action": action}))
        } else {
            let due_ms = sent_ms + ttl_seconds * 1000;
            (Deed::Hold { due_ms }, json!({"action": action, "ttlSeconds": ttl_seconds}))
        };
        acts.push(Act::new(deed, Some(token), sent_ms, &json!({"lease": lease, "target": target})));
        // No two are sent at the same time: of such the later to arrive counts.
        sent_ms += dice.between(1, 120_000);
    }
}

/// A resource that one or two workers claim, and that dies or does not.
fn draw_claims(dice: &mut Dice, resource: &str, began_ms: u64, acts: &mut Vec<Act>) {
    let mut push = |act: Act| acts.push(Act { resource: Some(resource.to_owned()), ..act });
    for number in 0..dice.between(1, 2) {
        let token = format!("claim-{resource}-{number}");
        let event = |action: &str| {
            json!({
                "claim": {"resource": resource, "action": action},
                "target": {"kind": "step-functions-task", "taskToken": token},
            })
        };
        let sent_ms = began_ms + dice.between(0, 100_000);
        push(Act::new(Deed::Claim, Some(&token), sent_ms, &event("take")));
        if dice.per_mille(300) {
            let released_ms = sent_ms + dice.between(1, 100_000);
            push(Act::new(Deed::Unclaim, Some(&token), released_ms, &event("release")));
        }
    }
    if dice.per_mille(800) {
        let notice = json!({
            "version": "0", "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467041", "source": "aws.glue",
            "detail-type": "Glue Job State Change", "account": "123456789012", "region": "us-east-1",
            "time": "2026-11-20T10:15:31Z", "resources": [],
            "detail": {"jobName": "etl", "state": "FAILED", "jobRunId": resource, "message": "out of memory"},
        });
        push(Act::new(Deed::Notice, None, began_ms + dice.between(0, 200_000), &notice));
    }
}
