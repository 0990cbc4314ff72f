//! Which known name a misspelt one was meant to be.

use failure_event::spelling::plain;
use strsim::osa_distance;

/// The known name that is nearest to `name`, when it is near enough to be a slip: letter case and hyphens aside, every third
/// letter may be missing, too many, wrong, or swapped with its neighbour.
#[must_use]
pub fn nearest<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let name = plain(name);
    let near = known.into_iter().map(|known| (osa_distance(&name, &plain(known)), known));
    let (slips, known) = near.min_by_key(|(slips, _)| *slips)?;
    (slips <= known.len().min(name.chars().count()) / 3).then_some(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_seen_and_other_words_are_not() {
        let known = ["taskToken", "jobId", "clientToken", "region"];
        let meant = |name| nearest(name, known);
        assert_eq!(meant("taskTokn"), Some("taskToken"));
        assert_eq!(meant("task_token"), Some("taskToken"));
        assert_eq!(meant("jobid"), Some("jobId"));
        assert_eq!(meant("tsakToken"), Some("taskToken"));
        assert_eq!(meant("reigon"), Some("region"));
        for other in ["attempt", "x", "", "host", "message"] {
            assert_eq!(meant(other), None, "{other}");
        }
    }

    #[test]
    fn kinds_are_told_apart() {
        let kinds =
            ["codepipeline-job", "codepipeline-third-party-job", "step-functions-task", "swf-activity-task"];
        assert_eq!(nearest("step-function-task", kinds), Some("step-functions-task"));
        assert_eq!(nearest("CodePipelineJob", kinds), Some("codepipeline-job"));
        assert_eq!(nearest("swf-task", kinds), None);
    }
}
