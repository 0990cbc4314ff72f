//! Targets that cannot exist, made of the rules that the registry has for their members: so each kind that is added can be tried.

use failure_event::partition::Partition;
use failure_event::presigned::Bucket;
use failure_event::secret::sha256_hex;
use failure_event::target::{Kind, Member, Rule};
use serde_json::{Map, Value};

/// Where a made-up target would be, and for which run.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// The run.
    pub run: &'a str,
    /// The region.
    pub region: &'a str,
    /// The account.
    pub account: &'a str,
}

/// The `target` object of a made-up target; `None` when a member has a rule of which nothing is known.
#[must_use]
pub fn target(kind: Kind, origin: Origin<'_>) -> Option<Value> {
    let mut target = Map::new();
    target.insert("kind".to_owned(), kind.name().into());
    let first_of_some = kind.one_of().first();
    for member in kind.members() {
        if member.is_required || first_of_some.is_some_and(|name| *name == member.name) {
            target.insert(member.name.to_owned(), value(kind, member, origin)?.into());
        }
    }
    Some(Value::Object(target))
}

fn value(kind: Kind, member: &Member, origin: Origin<'_>) -> Option<String> {
    let Origin { run, region, account } = origin;
    let hex = sha256_hex(&format!("{run}\n{}\n{}", kind.name(), member.name));
    let partition = Partition::of(region);
    Some(match member.rule {
        Rule::LowerCaseUuid => uuid(&hex),
        Rule::Length { max } | Rule::Bytes { max } => {
            format!("drill-{hex}").chars().take(max.min(38)).collect()
        }
        Rule::Arn { .. } => {
            let names = kind.operations().iter().map(|operation| operation.service.signing_name);
            // What has a presigned URL is CloudFormation's, and signs nothing.
            let service = names.into_iter().find(|name| !name.is_empty()).unwrap_or("cloudformation");
            format!("arn:{}:{service}:{region}:{account}:drill/{}", partition.id, uuid(&hex))
        }
        Rule::Pattern { max, pattern } => {
            let image = format!("arn:{}:imagebuilder:{region}:{account}:image/drill/1.0.0/1", partition.id);
            let short = format!("drill{}", &hex[..5]);
            let forms = [short, uuid(&hex), format!("step-{}", uuid(&hex)), image];
            forms.into_iter().find(|form| form.len() <= max && (pattern.matches)(form))?
        }
        Rule::PresignedUrl { bucket, .. } => {
            let bucket = match bucket {
                Bucket::CustomResourceResponse => {
                    format!("cloudformation-custom-resource-response-{}", region.replace('-', ""))
                }
                Bucket::WaitCondition => format!("cloudformation-waitcondition-{region}"),
            };
            // Nobody has signed it.
            format!("https://{bucket}.s3.{region}.{}/drill-{}", partition.dns_suffix, uuid(&hex))
        }
        Rule::OneOf(texts) => (*texts.first()?).to_owned(),
    })
}

fn uuid(hex: &str) -> String {
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..32]].join("-")
}

#[cfg(test)]
mod tests {
    use failure_event::envelope::{Delivery, open};
    use failure_event::place::Home;
    use failure_event::route::{Decision, route};
    use failure_event::rules::Rules;
    use serde_json::json;

    use super::*;
    use crate::lambda::function_arn;

    #[test]
    fn of_each_kind_a_target_can_be_made_up_that_the_relay_calls_its_service_for() {
        for region in ["us-east-1", "eu-west-1", "cn-north-1"] {
            let home = Home::new(region, &function_arn(region, "111122223333"));
            for kind in Kind::ALL {
                let origin = Origin { run: "0a1b2c3d", region, account: "111122223333" };
                let target = target(*kind, origin).unwrap_or_else(|| panic!("{kind:?}: a rule is not known"));
                let event = json!({"target": target}).to_string();
                let Delivery::Single(record) = open(&event) else { panic!("{event}") };
                let decision = route(&record, &Rules::default(), &home).decision;
                assert!(matches!(decision, Decision::Call(_)), "{kind:?}: {decision:?}: {event}");
            }
        }
    }

    #[test]
    fn two_runs_make_up_two_targets() {
        let of = |run| target(Kind::ALL[0], Origin { run, region: "eu-west-1", account: "1" });
        assert_ne!(of("a"), of("b"));
    }
}
