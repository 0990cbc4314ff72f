//! A manual approval of a pipeline behind which a checker died: `PutApprovalResult`.
//!
//! <https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_PutApprovalResult.html>

use super::member::is_alphanumeric_or;
use super::note::note_within;
use super::services::CODE_PIPELINE;
use super::{FailureApi, GivenMembers, Member, Pattern, Report, Rule};
use crate::dead_letter::Reason;
use crate::event::Failure;
use crate::operation::{Operation, Wire};
use crate::outcome::ErrorTable;
use crate::request::{Members, Value};
use crate::secret::Secret;
use crate::text::Truncation;

/// The longest `summary`, in UTF-16 code units.
pub const SUMMARY_MAX: usize = 512;

const PIPELINE_NAME: Member = Member::required("pipelineName", NAME_RULE);
const STAGE_NAME: Member = Member::required("stageName", NAME_RULE);
const ACTION_NAME: Member = Member::required("actionName", NAME_RULE);
const TOKEN: Member = Member::secret("token", Rule::LowerCaseUuid);

const NAME_RULE: Rule = Rule::Pattern { max: 100, pattern: &NAME };

const NAME: Pattern = Pattern {
    regex: "^[A-Za-z0-9.@\\-_]+$",
    expected: "letters, digits, ., @, - and _",
    matches: |text| is_alphanumeric_or(text, b".@-_"),
};

/// The action that waits for a yes or a no.
#[derive(Clone, Debug)]
pub struct CodePipelineApproval {
    pipeline_name: String,
    stage_name: String,
    action_name: String,
    token: Secret,
}

impl FailureApi for CodePipelineApproval {
    const KIND: &'static str = "codepipeline-approval";
    const WAKES_UP: &'static str = "a manual approval behind which a checker works";
    const PARAMETER: &'static str = "EnableCodePipelineApprovals";
    const OPERATIONS: &'static [Operation] = &[Operation {
        service: &CODE_PIPELINE,
        name: "PutApprovalResult",
        action: Some("codepipeline:PutApprovalResult"),
        wire: Wire::AwsJson { version: "1.1", target: "CodePipeline_20150709" },
    }];
    const MEMBERS: &'static [Member] = &[PIPELINE_NAME, STAGE_NAME, ACTION_NAME, TOKEN];
    const ERRORS: ErrorTable = ErrorTable {
        settled: &["ApprovalAlreadyCompletedException", "InvalidApprovalTokenException"],
        rejected: &["PipelineNotFoundException", "StageNotFoundException", "ActionNotFoundException"],
        ..ErrorTable::EMPTY
    };

    fn identify(target: &dyn GivenMembers) -> Result<Self, Reason> {
        Ok(Self {
            pipeline_name: PIPELINE_NAME.read(target)?,
            stage_name: STAGE_NAME.read(target)?,
            action_name: ACTION_NAME.read(target)?,
            token: TOKEN.read_secret(target)?,
        })
    }

    fn identity(&self) -> &str {
        self.token.expose()
    }

    fn secret(&self) -> Option<&Secret> {
        Some(&self.token)
    }

    fn report(self, failure: &Failure<'_>, truncations: &mut Vec<Truncation>) -> Report {
        let summary = note_within("result.summary", failure, SUMMARY_MAX, truncations);
        let result = vec![("summary", Value::Text(summary)), ("status", Value::Text("Rejected".to_owned()))];
        let members = vec![
            (PIPELINE_NAME.name, Value::Text(self.pipeline_name)),
            (STAGE_NAME.name, Value::Text(self.stage_name)),
            (ACTION_NAME.name, Value::Text(self.action_name)),
            (TOKEN.name, Value::Secret(self.token)),
            ("result", Value::Members(Members::new(result))),
        ];
        Report::to(&Self::OPERATIONS[0], members)
    }
}
