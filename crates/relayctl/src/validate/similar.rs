//! Which known name a misspelt one was meant to be.

use failure_event::spelling::plain;

/// The known name that is nearest to `name`, when it is near enough to be a slip: letter case and hyphens aside, every third
/// letter may be wrong.
#[must_use]
pub fn nearest<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let letters = letters_of(name);
    let near = known.into_iter().map(|known| (distance(&letters, &letters_of(known)), known));
    let (slips, known) = near.min_by_key(|(slips, _)| *slips)?;
    (slips <= known.len().min(letters.len()) / 3).then_some(known)
}

fn letters_of(name: &str) -> Vec<char> {
    plain(name).chars().collect()
}

/// Letters that are missing, too many, wrong, or swapped with their neighbour.
fn distance(from: &[char], to: &[char]) -> usize {
    let mut rows = vec![(0..=to.len()).collect::<Vec<_>>()];
    for (i, letter) in from.iter().enumerate() {
        let above = &rows[i];
        let mut row = vec![i + 1];
        for (j, wanted) in to.iter().enumerate() {
            let mut slips = (above[j] + usize::from(letter != wanted)).min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && from[i - 1] == *wanted && to[j - 1] == *letter {
                slips = slips.min(rows[i - 1][j - 1] + 1);
            }
            row.push(slips);
        }
        rows.push(row);
    }
    rows[from.len()][to.len()]
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
