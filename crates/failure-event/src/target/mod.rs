//! The failure APIs: one file each, and the one line that registers it.
//!
//! To add a target, write `<name>.rs` in this folder with a type that implements [`FailureApi`], and register it in the
//! `targets!` list below. The compiler and the tests name the rest, such as the event in `events/routable` and the IAM action in
//! `template.yaml`: see `CONTRIBUTING.md`.
//!
//! Targets never import one another.

mod auto_scaling_lifecycle_action;
mod cloudformation_custom_resource;
mod cloudformation_response;
mod cloudformation_wait_condition;
mod codedeploy_lifecycle_hook;
mod codepipeline_approval;
mod codepipeline_job;
mod codepipeline_third_party_job;
mod ecs_deployment_hook;
#[cfg(test)]
mod every_kind;
mod failure_details;
mod given;
mod image_builder_workflow_step;
mod lambda_durable_callback;
mod member;
mod note;
#[cfg(test)]
mod reference;
mod sagemaker_pipeline_step;
mod service_catalog_engine_workflow;
mod services;
mod step_functions_task;
mod swf_activity_task;

pub use given::{Given, GivenMembers, GivenValue, Named};
pub use lambda_durable_callback::names_durable_execution;
pub use member::{Member, Pattern, Rule};
pub use sagemaker_pipeline_step::is_callback_token;
pub use service_catalog_engine_workflow::ENGINE_OPERATIONS;
pub(crate) use services::ECS;
pub(crate) use step_functions_task::STEP_FUNCTIONS;

use std::collections::BTreeSet;

use crate::dead_letter::{Code, Reason};
use crate::event::{Failure, name_of, shortened};
use crate::operation::Operation;
use crate::outcome::ErrorTable;
use crate::place::GivenPlace;
use crate::request::{Address, Fallback, Members, Request, Value};
use crate::secret::{Secret, sha256_hex};
use crate::text::Truncation;

/// What one failure API takes, is sent and answers.
pub trait FailureApi: Sized {
    /// `target.kind` in the event.
    const KIND: &'static str;
    /// What waits, for people.
    const WAKES_UP: &'static str;
    /// The parameter of `template.yaml` that enables the kind.
    const PARAMETER: &'static str;
    /// The parameter's default.
    const IS_ON_BY_DEFAULT: bool = false;
    /// The operations that report such a failure: one, but for a kind whose identity chooses among several.
    const OPERATIONS: &'static [Operation];
    /// The members that identify the task or job.
    const MEMBERS: &'static [Member];
    /// Members that may each be absent, but not all of them.
    const ONE_OF: &'static [&'static str] = &[];
    /// The error names that end an event.
    const ERRORS: ErrorTable;
    /// The second try without texts, for a service that encrypts them with the orchestrator's own key.
    const FALLBACK: Option<Fallback> = None;

    /// What tells the region and the account.
    const PLACE: PlaceSource = PlaceSource::Members;
    /// Whether the operation takes any text. Where it takes none, the log line alone says why the work failed.
    const CARRIES_TEXT: bool = true;

    /// Reads the identity from an event's `target` object.
    ///
    /// # Errors
    /// `INVALID_EVENT` with the path of the member that is missing or wrong.
    fn identify(target: &dyn GivenMembers) -> Result<Self, Reason>;

    /// What the fingerprint is made of: the token, or the job id.
    fn identity(&self) -> &str;

    /// The bearer secret among the members, which must be shown nowhere.
    fn secret(&self) -> Option<&Secret>;

    /// The region and account that the identity itself tells.
    fn place(&self) -> GivenPlace {
        GivenPlace::default()
    }

    /// The request that reports `failure`; what did not fit is noted in `truncations`.
    fn report(self, failure: &Failure<'_>, truncations: &mut Vec<Truncation>) -> Report;
}

/// What tells where a target is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlaceSource {
    /// The members `region` and `account`; where they are absent the identity, the notice, or the relay's own place.
    Members,
    /// The identity alone, and no role is assumed there.
    Identity,
}

/// The parts of a request that a target decides.
#[derive(Debug)]
pub struct Report {
    /// One of the kind's operations.
    pub operation: &'static Operation,
    /// Where the operation is reached.
    pub address: Address,
    /// The members.
    pub body: Members,
}

impl Report {
    /// A report to the one operation of a kind.
    fn to(operation: &'static Operation, members: Vec<(&'static str, Value)>) -> Self {
        Self { operation, address: Address::Endpoint, body: Members::new(members) }
    }
}

/// Registers each target: its file, and the type in it that implements [`FailureApi`]. What follows from the list (the
/// enums and the dispatch) is the same for every target, so it is written once.
macro_rules! targets {
    ($($file:ident::$Api:ident,)+) => {
        $(use $file::$Api;)+

        /// The kinds of target.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Kind { $(#[doc = concat!("See `", stringify!($file), "`.")] $Api,)+ }

        impl Kind {
            /// Every kind, in the order of registration.
            pub const ALL: &'static [Kind] = &[$(Kind::$Api),+];

            /// The kind as `target.kind` names it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Kind::$Api => $Api::KIND,)+ }
            }

            /// What waits for a target of this kind, for people.
            #[must_use]
            pub const fn wakes_up(self) -> &'static str {
                match self { $(Kind::$Api => $Api::WAKES_UP,)+ }
            }

            /// The parameter of `template.yaml` that enables the kind.
            #[must_use]
            pub const fn parameter(self) -> &'static str {
                match self { $(Kind::$Api => $Api::PARAMETER,)+ }
            }

            /// That parameter's default.
            #[must_use]
            pub const fn is_on_by_default(self) -> bool {
                match self { $(Kind::$Api => $Api::IS_ON_BY_DEFAULT,)+ }
            }

            /// The operations that report a failure of this kind.
            #[must_use]
            pub const fn operations(self) -> &'static [Operation] {
                match self { $(Kind::$Api => <$Api as FailureApi>::OPERATIONS,)+ }
            }

            /// What tells where a target of this kind is.
            #[must_use]
            pub const fn place_source(self) -> PlaceSource {
                match self { $(Kind::$Api => <$Api as FailureApi>::PLACE,)+ }
            }

            /// Whether its operation takes any text.
            #[must_use]
            pub const fn carries_text(self) -> bool {
                match self { $(Kind::$Api => <$Api as FailureApi>::CARRIES_TEXT,)+ }
            }

            /// The error names that end an event of this kind.
            #[must_use]
            pub const fn errors(self) -> &'static ErrorTable {
                match self { $(Kind::$Api => &<$Api as FailureApi>::ERRORS,)+ }
            }

            /// The second try without texts, where the API has one.
            #[must_use]
            pub const fn fallback(self) -> Option<Fallback> {
                match self { $(Kind::$Api => <$Api as FailureApi>::FALLBACK,)+ }
            }

            /// The members that identify a target of this kind.
            #[must_use]
            pub const fn members(self) -> &'static [Member] {
                match self { $(Kind::$Api => $Api::MEMBERS,)+ }
            }

            /// Members that may each be absent, but not all of them.
            #[must_use]
            pub const fn one_of(self) -> &'static [&'static str] {
                match self { $(Kind::$Api => <$Api as FailureApi>::ONE_OF,)+ }
            }

            fn identify(self, target: &dyn GivenMembers) -> Result<Target, Reason> {
                Ok(match self { $(Kind::$Api => Target::$Api($Api::identify(target)?),)+ })
            }
        }

        /// One task or job that failed, precisely named.
        #[derive(Clone, Debug)]
        pub enum Target { $(#[doc = concat!("See `", stringify!($file), "`.")] $Api($Api),)+ }

        impl Target {
            /// Which kind of target this is.
            #[must_use]
            pub fn kind(&self) -> Kind {
                match self { $(Target::$Api(_) => Kind::$Api,)+ }
            }

            /// What the fingerprint is made of.
            #[must_use]
            pub fn identity(&self) -> &str {
                match self { $(Target::$Api(api) => api.identity(),)+ }
            }

            /// The bearer secret that names the target, where there is one.
            #[must_use]
            pub fn secret(&self) -> Option<&Secret> {
                match self { $(Target::$Api(api) => api.secret(),)+ }
            }

            /// The region and account that the identity itself tells.
            #[must_use]
            pub fn place(&self) -> GivenPlace {
                match self { $(Target::$Api(api) => api.place(),)+ }
            }

            /// The request that reports `failure`; what did not fit is noted in `truncations`.
            #[must_use]
            pub fn request(self, failure: &Failure<'_>, truncations: &mut Vec<Truncation>) -> Request {
                let kind = self.kind();
                let report = match self { $(Target::$Api(api) => api.report(failure, truncations),)+ };
                Request { kind, operation: report.operation, address: report.address, body: report.body }
            }
        }
    };
}

targets! {
    codepipeline_job::CodePipelineJob,
    codepipeline_third_party_job::CodePipelineThirdPartyJob,
    step_functions_task::StepFunctionsTask,
    swf_activity_task::SwfActivityTask,
    lambda_durable_callback::LambdaDurableCallback,
    cloudformation_custom_resource::CloudFormationCustomResource,
    cloudformation_wait_condition::CloudFormationWaitCondition,
    sagemaker_pipeline_step::SageMakerPipelineStep,
    auto_scaling_lifecycle_action::AutoScalingLifecycleAction,
    codedeploy_lifecycle_hook::CodeDeployLifecycleHook,
    codepipeline_approval::CodePipelineApproval,
    image_builder_workflow_step::ImageBuilderWorkflowStep,
    service_catalog_engine_workflow::ServiceCatalogEngineWorkflow,
    ecs_deployment_hook::EcsDeploymentHook,
}

impl Kind {
    /// The operations as logs and reasons name them.
    #[must_use]
    pub fn labels(self) -> String {
        self.operations().iter().map(Operation::label).collect::<Vec<_>>().join(", ")
    }

    /// The permissions that its operations need, as IAM names them: none where whoever has the URL may call.
    pub fn actions(self) -> impl Iterator<Item = &'static str> {
        self.operations().iter().filter_map(|operation| operation.action)
    }

    /// The kind of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }

    /// Every name, for a person.
    #[must_use]
    pub fn names() -> String {
        Self::ALL.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(", ")
    }

    /// The kind that a `target` object names, when it is one of those that are listed.
    #[must_use]
    pub fn of(target: &dyn GivenMembers) -> Option<Self> {
        Self::from_name(&target.given("kind")?.string()?.text)
    }
}

impl Target {
    /// Reads `kind` and the members that it asks for.
    ///
    /// # Errors
    /// `INVALID_EVENT` for a member that is missing or wrong, `UNKNOWN_TARGET` for a kind that is not listed.
    pub fn read(target: &dyn GivenMembers) -> Result<Self, Reason> {
        let kind = target.given("kind").ok_or_else(|| Reason::invalid("target.kind: is missing"))?;
        let Some(name) = kind.string() else {
            return Err(Reason::invalid(format!(
                "target.kind: expected a string, found {}",
                name_of(kind.json_type())
            )));
        };
        if name.text.is_empty() {
            return Err(Reason::invalid("target.kind: is empty"));
        }
        let Some(kind) = Kind::from_name(&name.text) else {
            let message = format!("target.kind: \"{}\" is none of {}", shortened(&name.text), Kind::names());
            return Err(Reason::new(Code::UnknownTarget, message));
        };
        kind.identify(target)
    }
}

/// The secrets that a `target` object mentions, also where it is wrong: a reason that quotes its input, or an id that repeats
/// it, must not give them away.
fn mentioned_secrets(target: &dyn GivenMembers) -> impl Iterator<Item = Secret> {
    let members = Kind::ALL.iter().flat_map(|kind| kind.members()).filter(|member| member.is_secret);
    let names: BTreeSet<&str> = members.map(|member| member.name).collect();
    names.into_iter().filter_map(|name| target.given(name)?.string_start(SECRET_BYTES_MAX)).map(|text| {
        // A secret over every limit is wrong, and nobody's but the publisher's: its start is enough to know it by.
        let end = text.char_indices().nth(SECRET_MAX).map_or(text.len(), |(end, _)| end);
        Secret::new(&text[..end])
    })
}

/// So many bytes of a string hold the longest secret, even where each of its characters is a pair of escapes.
const SECRET_BYTES_MAX: usize = 12 * SECRET_MAX;

/// The longest secret that a kind takes, in characters.
pub const SECRET_MAX: usize = {
    let (mut longest, mut kind) = (0, 0);
    while kind < Kind::ALL.len() {
        let members = Kind::ALL[kind].members();
        let mut member = 0;
        while member < members.len() {
            // A secret without such a limit is a UUID.
            let max = match members[member].rule.max() {
                Some(max) => max,
                None => 36,
            };
            if members[member].is_secret && max > longest {
                longest = max;
            }
            member += 1;
        }
        kind += 1;
    }
    longest
};

/// A token that makes a repeated report idempotent: the same for the same task, and of a form that every API takes.
fn idempotency_token(kind: &str, identity: &str) -> String {
    sha256_hex(&format!("{kind}\n{identity}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Json;
    use crate::request::Secrets;

    fn read(text: &str) -> Result<Target, Reason> {
        Target::read(&Json::parse(text).unwrap().object().unwrap())
    }

    fn refusal(text: &str) -> String {
        read(text).unwrap_err().to_string()
    }

    #[test]
    fn a_missing_kind_is_invalid_and_an_unlisted_one_unknown() {
        assert_eq!(refusal("{}"), "INVALID_EVENT: target.kind: is missing");
        assert_eq!(refusal(r#"{"kind":""}"#), "INVALID_EVENT: target.kind: is empty");
        assert_eq!(refusal(r#"{"kind":1}"#), "INVALID_EVENT: target.kind: expected a string, found a number");
        assert!(
            refusal(r#"{"kind":"lambda"}"#)
                .starts_with("UNKNOWN_TARGET: target.kind: \"lambda\" is none of codepipeline-job, ")
        );
    }

    #[test]
    fn an_identity_is_exact() {
        let id = "0f9a1b2c-0000-4000-8000-0123456789ab";
        assert!(read(&format!(r#"{{"kind":"codepipeline-job","jobId":"{id}"}}"#)).is_ok());
        for wrong in [id.to_uppercase(), format!("{id}0"), id.replace('-', ""), String::new()] {
            let refused = refusal(&format!(r#"{{"kind":"codepipeline-job","jobId":"{wrong}"}}"#));
            assert_eq!(refused, "INVALID_EVENT: target.jobId: expected a lower-case UUID");
        }
    }

    #[test]
    fn lengths_count_utf16_units() {
        let task = |token: &str| format!(r#"{{"kind":"swf-activity-task","taskToken":"{token}"}}"#);
        assert!(read(&task(&"😀".repeat(512))).is_ok());
        let over = refusal(&task(&"😀".repeat(513)));
        assert_eq!(over, "INVALID_EVENT: target.taskToken: has 1026 characters, expected 1 to 1024");
        assert_eq!(
            refusal(&task(r"\ud800")),
            "INVALID_EVENT: target.taskToken: holds a surrogate without its pair"
        );
        assert_eq!(
            refusal(&task("")),
            "INVALID_EVENT: target.taskToken: is empty, expected 1 to 1024 characters"
        );
    }

    #[test]
    fn a_target_is_never_printed() {
        let target =
            read(r#"{"kind":"codepipeline-third-party-job","jobId":"j","clientToken":"hush-hush"}"#).unwrap();
        assert!(!format!("{target:?}").contains("hush"));
        let request = target.request(&Failure::default(), &mut Vec::new());
        assert!(!format!("{request:?}").contains("hush"));
        assert!(!request.http(Secrets::Fingerprinted).body.contains("hush"));
        assert!(request.http(Secrets::Shown).body.contains("hush"));
    }
}
