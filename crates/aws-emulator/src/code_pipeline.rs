//! AWS `CodePipeline`: the end of a job or of a third-party job, and the result of an approval.
//!
//! <https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_PutJobFailureResult.html>

use serde_json::json;

use super::answer::Output;
use super::kind::{Kind, Place, Told};
use super::limits::{OperationModel, is_uuid, model, words_and};
use super::operation::{Operation, Service, ServiceModel};
use super::protocols::Protocol;
use super::report::{Accepted, Report};
use super::shape::{ANY, Member, Shape, between, optional, required, text};
use super::work::{Work, WorkKind};

pub(crate) const SERVICE: ServiceModel =
    ServiceModel::new("codepipeline", Protocol::json("1.1", "CodePipeline_20150709"));

const JOB_NOT_FOUND: Told = Told::new("JobNotFoundException", "The job cannot be found.");
const JOB_HAS_ENDED: Told =
    Told::new("InvalidJobStateException", "The state of the job is not valid: it has ended.");

pub(crate) const JOB: Kind = Kind {
    work: WorkKind::CodePipelineJob,
    name: "codepipeline-job",
    identity: &["jobId"],
    secret: false,
    places: &[],
    proof: None,
    unknown: JOB_NOT_FOUND,
    closed: JOB_HAS_ENDED,
    timed_out: None,
};

pub(crate) const THIRD_PARTY_JOB: Kind = Kind {
    work: WorkKind::CodePipelineThirdPartyJob,
    name: "codepipeline-third-party-job",
    proof: Some(Place {
        member: "clientToken",
        wrong: Told::new("InvalidClientTokenException", "The client token is not valid for this job."),
    }),
    ..JOB
};

pub(crate) const APPROVAL: Kind = Kind {
    work: WorkKind::CodePipelineApproval,
    name: "codepipeline-approval",
    identity: &["token"],
    secret: true,
    places: &[
        Place {
            member: "pipelineName",
            wrong: Told::new("PipelineNotFoundException", "The pipeline does not exist."),
        },
        Place {
            member: "stageName",
            wrong: Told::new("StageNotFoundException", "The stage does not exist."),
        },
        Place {
            member: "actionName",
            wrong: Told::new("ActionNotFoundException", "The action does not exist."),
        },
    ],
    proof: None,
    unknown: Told::new("InvalidApprovalTokenException", "The approval token is not valid."),
    closed: Told::new(
        "ApprovalAlreadyCompletedException",
        "The approval action has already been approved or rejected.",
    ),
    timed_out: Some(Told::new("InvalidApprovalTokenException", "The approval token has expired.")),
};

const FAILURE_DETAILS: Member = required(
    "failureDetails",
    Shape::Structure(&[
        required("type", text(ANY).one_of(FAILURE_TYPES).shape()),
        required("message", text(between(1, 5000)).shape()),
        optional("externalExecutionId", text(between(1, 1500)).shape()),
    ]),
);
const FAILURE_TYPES: &[&str] = &[
    "JobFailed",
    "ConfigurationError",
    "PermissionError",
    "RevisionOutOfSync",
    "RevisionUnavailable",
    "SystemUnavailable",
];

const fn failure(kind: &'static Kind) -> Report {
    Report::failure(kind)
        .error("/failureDetails/type")
        .cause("/failureDetails/message")
        .external_execution_id("/failureDetails/externalExecutionId")
}

pub(crate) const PUT_JOB_FAILURE_RESULT: OperationModel = model(
    Operation::PutJobFailureResult,
    Service::CodePipeline,
    "PutJobFailureResult",
    &[required("jobId", text(ANY).matching(UUID, is_uuid).shape()), FAILURE_DETAILS],
)
.failing_with(&[
    ("ValidationException", 400),
    ("JobNotFoundException", 400),
    ("InvalidJobStateException", 400),
])
.reporting(failure(&JOB));

pub(crate) const PUT_THIRD_PARTY_JOB_FAILURE_RESULT: OperationModel = model(
    Operation::PutThirdPartyJobFailureResult,
    Service::CodePipeline,
    "PutThirdPartyJobFailureResult",
    &[
        required("jobId", text(between(1, 512)).shape()),
        required("clientToken", text(between(1, 256)).secret().shape()),
        FAILURE_DETAILS,
    ],
)
.failing_with(&[
    ("ValidationException", 400),
    ("JobNotFoundException", 400),
    ("InvalidJobStateException", 400),
    ("InvalidClientTokenException", 400),
])
.reporting(failure(&THIRD_PARTY_JOB));

const CURRENT_REVISION: Member = optional(
    "currentRevision",
    Shape::Structure(&[
        required("revision", text(between(1, 1500)).shape()),
        required("changeIdentifier", text(between(1, 100)).shape()),
        optional("created", Shape::Timestamp),
        optional("revisionSummary", text(between(1, 2048)).shape()),
    ]),
);
const CONTINUATION_TOKEN: Member = optional("continuationToken", text(between(1, 2048)).shape());
const EXECUTION_DETAILS: Member = optional(
    "executionDetails",
    Shape::Structure(&[
        optional("summary", text(between(1, 2048)).shape()),
        optional("externalExecutionId", text(between(1, 1500)).shape()),
        optional("percentComplete", Shape::Integer(between(0, 100))),
    ]),
);
const OUTPUT_VARIABLES: Member = optional(
    "outputVariables",
    Shape::Map(
        &text(ANY).matching(r"[A-Za-z0-9@\-_]+", |name| !name.is_empty() && words_and(name, "@-")).shape(),
        &text(ANY).shape(),
        ANY,
    ),
);

pub(crate) const PUT_JOB_SUCCESS_RESULT: OperationModel = model(
    Operation::PutJobSuccessResult,
    Service::CodePipeline,
    "PutJobSuccessResult",
    &[
        required("jobId", text(ANY).matching(UUID, is_uuid).shape()),
        CURRENT_REVISION,
        CONTINUATION_TOKEN,
        EXECUTION_DETAILS,
        OUTPUT_VARIABLES,
    ],
)
.failing_with(&[
    ("ValidationException", 400),
    ("JobNotFoundException", 400),
    ("InvalidJobStateException", 400),
    ("OutputVariablesSizeExceededException", 400),
])
.reporting(Report::success(&JOB, None));

pub(crate) const PUT_THIRD_PARTY_JOB_SUCCESS_RESULT: OperationModel = model(
    Operation::PutThirdPartyJobSuccessResult,
    Service::CodePipeline,
    "PutThirdPartyJobSuccessResult",
    &[
        required("jobId", text(between(1, 512)).shape()),
        required("clientToken", text(between(1, 256)).secret().shape()),
        CURRENT_REVISION,
        CONTINUATION_TOKEN,
        EXECUTION_DETAILS,
    ],
)
.failing_with(&[
    ("ValidationException", 400),
    ("JobNotFoundException", 400),
    ("InvalidJobStateException", 400),
    ("InvalidClientTokenException", 400),
])
.reporting(Report::success(&THIRD_PARTY_JOB, None));

const fn name(member: &'static str) -> Member {
    required(
        member,
        text(between(1, 100))
            .matching(r"[A-Za-z0-9.@\-_]+", |name| !name.is_empty() && words_and(name, ".@-"))
            .shape(),
    )
}

pub(crate) const PUT_APPROVAL_RESULT: OperationModel = model(
    Operation::PutApprovalResult,
    Service::CodePipeline,
    "PutApprovalResult",
    &[
        name("pipelineName"),
        name("stageName"),
        name("actionName"),
        required(
            "result",
            Shape::Structure(&[
                required("summary", text(between(0, 512)).shape()),
                required("status", text(ANY).one_of(&["Approved", "Rejected"]).shape()),
            ]),
        ),
        required("token", text(ANY).secret().matching(UUID, is_uuid).shape()),
    ],
)
.failing_with(&[
    ("InvalidApprovalTokenException", 400),
    ("ApprovalAlreadyCompletedException", 400),
    ("PipelineNotFoundException", 400),
    ("StageNotFoundException", 400),
    ("ActionNotFoundException", 400),
    ("ValidationException", 400),
])
.reporting(
    Report::verdict(&APPROVAL, "/result/status", "Rejected").cause("/result/summary").answered(approved_at),
);

const UUID: &str = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";

/// Times are seconds since 1970 in JSON protocols.
fn approved_at(accepted: &Accepted<'_>) -> Output {
    Output::Json(json!({"approvedAt": accepted.now_ms / 1000}))
}

impl Work {
    /// A `CodePipeline` job in the endpoint's own region and account.
    pub fn code_pipeline_job(job_id: impl Into<String>) -> Self {
        Self::new(WorkKind::CodePipelineJob, job_id)
    }

    /// A `CodePipeline` third-party job in the endpoint's own region and account.
    pub fn third_party_job(job_id: impl Into<String>, client_token: impl Into<String>) -> Self {
        Self::new(WorkKind::CodePipelineThirdPartyJob, job_id).with("clientToken", client_token)
    }

    /// A manual approval in the endpoint's own region and account.
    pub fn approval(
        pipeline: impl Into<String>,
        stage: impl Into<String>,
        action: impl Into<String>,
        token: impl Into<String>,
    ) -> Self {
        Self::new(WorkKind::CodePipelineApproval, token)
            .with("pipelineName", pipeline)
            .with("stageName", stage)
            .with("actionName", action)
    }
}
