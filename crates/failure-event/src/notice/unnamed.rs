//! A death in which no task is named: it concerns whoever claimed what died.

use crate::arn::Arn;
use crate::claim::RESOURCE_MAX;
use crate::dead_letter::Reason;
use crate::event::Failure;
use crate::text::utf16_len;

/// A death that names no task.
#[derive(Clone, Debug)]
pub struct Unnamed {
    /// Why.
    pub failure: Failure<'static>,
    /// What died, by every name under which it may have been claimed. No name is empty, longer than a claim's, or there twice.
    pub resources: Vec<String>,
    /// What becomes of the notice where nobody claimed any of these; `None`: it is ignored.
    pub otherwise: Option<Reason>,
}

impl Unnamed {
    /// The death of what the failure calls its execution.
    pub(super) fn of(failure: Failure<'static>) -> Self {
        let resources = claimable(failure.external_execution_id.as_deref());
        Self { failure, resources, otherwise: None }
    }
}

/// The names under which resources may have been claimed: those that they have in a notice, and of an ARN its last part too.
pub(super) fn claimable<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut resources: Vec<String> = Vec::new();
    for name in names.into_iter().flat_map(|name| [Some(name), last_part(name)]).flatten() {
        let is_new = !resources.iter().any(|known| known == name);
        if is_new && (1..=RESOURCE_MAX).contains(&utf16_len(name)) {
            resources.push(name.to_owned());
        }
    }
    resources
}

/// What follows the last slash of an ARN, else its last colon.
fn last_part(name: &str) -> Option<&str> {
    let resource = Arn::parse(name)?.resource;
    let (_, last) = resource.rsplit_once('/').or_else(|| resource.rsplit_once(':')).unwrap_or(("", resource));
    Some(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_is_known_by_its_arn_and_by_the_last_part_of_that() {
        for (arn, last) in [
            ("arn:aws:ecs:eu-west-1:111122223333:task/cluster/c0ffee", "c0ffee"),
            ("arn:aws:codebuild:eu-west-1:111122223333:build/render:c340e456", "render:c340e456"),
            ("arn:aws:states:eu-west-1:111122223333:execution:child:run-1", "run-1"),
            ("arn:aws-cn:sqs:cn-north-1:111122223333:jobs", "jobs"),
        ] {
            assert_eq!(claimable([arn]), [arn, last]);
        }
        for id in ["jr_0a1b2c", "i-0123456789abcdef0", "job/with/slashes", "arn:of:nothing"] {
            assert_eq!(claimable([id]), [id], "{id}");
        }
    }

    #[test]
    fn no_name_is_empty_or_too_long_or_there_twice() {
        let arn = "arn:aws:sagemaker:eu-west-1:111122223333:training-job/kmeans-1";
        assert_eq!(claimable([arn, "kmeans-1"]), [arn, "kmeans-1"]);
        assert_eq!(claimable([arn, "other"]), [arn, "kmeans-1", "other"]);
        assert_eq!(claimable(["", "arn:aws:ecs:::task/"]), ["arn:aws:ecs:::task/"]);
        let longest = "x".repeat(RESOURCE_MAX);
        assert_eq!(claimable([&*longest, &*format!("{longest}x")]), [longest]);
    }
}
