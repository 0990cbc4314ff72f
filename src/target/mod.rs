//! The failure APIs: one file each, and the one line that registers it.
//!
//! To add a target, write `src/target/<name>.rs` with a type that implements [`FailureApi`] and add its line to the
//! `targets!` list below. The compiler and the tests name the rest, such as the event in `events/routable` and the IAM action in
//! `template.yaml`: see `CONTRIBUTING.md`.
//!
//! Targets never import one another. Everything here but [`FailureApi::send`] is pure.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::future::Future;

use crate::clients::{Clients, Place};
use crate::dead_letter::{Code, Reason};
use crate::event::{Failure, name_of, shortened};
use crate::json::{Object, Type};
use crate::outcome::{Answer, ErrorTable};
use crate::secret::Secret;
use crate::text::{Cut, utf16_len};

/// What one failure API takes, is sent, answers, and how it is called.
pub trait FailureApi: Sized {
    /// `target.kind` in the event.
    const KIND: &'static str;
    /// The API as IAM names it, e.g. `states:SendTaskFailure`.
    const ACTION: &'static str;
    /// The members that identify the task or job.
    const MEMBERS: &'static [Member];
    /// The error names that end an event.
    const ERRORS: ErrorTable;
    /// The request, ready to be sent.
    type Call;

    /// Reads the identity from an event's `target` object.
    ///
    /// # Errors
    /// `INVALID_EVENT` with the path of the member that is missing or wrong.
    fn identify(target: &Object<'_>) -> Result<Self, Reason>;

    /// What the fingerprint is made of: the token, or the job id.
    fn identity(&self) -> &str;

    /// The bearer secret among the members, which must be shown nowhere.
    fn secret(&self) -> Option<&Secret>;

    /// The request that reports `failure`; what did not fit is noted in `cuts`.
    fn call(self, failure: &Failure<'_>, cuts: &mut Vec<Cut>) -> Self::Call;

    /// The request's JSON body, exactly as it goes over the wire; with secrets as fingerprints unless they are asked for.
    fn wire_body(call: &Self::Call, secrets: Secrets) -> String;

    /// Sends the request with the client of its place. The only I/O of a target.
    fn send(call: &Self::Call, clients: &Clients, place: &Place) -> impl Future<Output = Answer>;

    /// The failure without the texts that need the orchestrator's own key, when `answer` says that this key is what
    /// stands in the way; with the texts that are lost by it.
    fn without_encrypted_texts(_call: &Self::Call, _answer: &Answer) -> Option<(Self::Call, LostTexts)> {
        None
    }
}

/// What an orchestrator is not told for want of its own key. It may hold secrets.
#[derive(Clone)]
pub struct LostTexts {
    /// The failure's type.
    pub failure_type: String,
    /// The failure's text.
    pub failure_message: String,
}

/// Whether a rendered request shows its secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secrets {
    /// As they are: what AWS gets.
    Shown,
    /// As `sha256:` and their fingerprint: what a person gets.
    Fingerprinted,
}

impl Secrets {
    /// The secret as this rendering shows it.
    #[must_use]
    pub fn render(self, secret: &Secret) -> Cow<'_, str> {
        match self {
            Secrets::Shown => Cow::Borrowed(secret.expose()),
            Secrets::Fingerprinted => {
                Cow::Owned(format!("sha256:{}", crate::secret::fingerprint(secret.expose())))
            }
        }
    }
}

/// One required member of a `target`: its name and what it may hold.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// The JSON name.
    pub name: &'static str,
    /// What it may hold.
    pub rule: Rule,
    /// Whether it is a bearer secret.
    pub is_secret: bool,
}

/// The longest secret that a kind takes, in characters.
pub const SECRET_MAX: usize = {
    let (mut longest, mut kind) = (0, 0);
    while kind < Kind::ALL.len() {
        let members = Kind::ALL[kind].members();
        let mut member = 0;
        while member < members.len() {
            if members[member].is_secret && members[member].rule.max() > longest {
                longest = members[member].rule.max();
            }
            member += 1;
        }
        kind += 1;
    }
    longest
};

/// What an identifying member may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// `[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`
    LowerCaseUuid,
    /// 1 to `max` UTF-16 code units.
    Length {
        /// The most units.
        max: usize,
    },
}

impl Member {
    /// The member's value, when it keeps its rule.
    ///
    /// # Errors
    /// `INVALID_EVENT` with the member's path. The value is never quoted: it may be a secret.
    pub fn read(&self, target: &Object<'_>) -> Result<String, Reason> {
        let wrong = |what: &str| Reason::invalid(format!("target.{}: {what}", self.name));
        let value = target.member(self.name).ok_or_else(|| wrong("is missing"))?;
        let string = value
            .string()
            .ok_or_else(|| wrong(&format!("expected a string, found {}", name_of(value.json_type()))))?;
        if string.has_lone_surrogate {
            return Err(wrong("holds a surrogate without its pair"));
        }
        self.rule.check(&string.text).map_err(|what| wrong(&what))?;
        Ok(string.text.into_owned())
    }
}

impl Rule {
    /// The most characters that it allows.
    #[must_use]
    pub const fn max(self) -> usize {
        match self {
            Rule::LowerCaseUuid => 36,
            Rule::Length { max } => max,
        }
    }

    fn check(self, text: &str) -> Result<(), String> {
        match self {
            Rule::LowerCaseUuid if is_lower_case_uuid(text) => Ok(()),
            Rule::LowerCaseUuid => Err("expected a lower-case UUID".to_owned()),
            Rule::Length { max } => match utf16_len(text) {
                0 => Err(format!("is empty, expected 1 to {max} characters")),
                length if length > max => Err(format!("has {length} characters, expected 1 to {max}")),
                _ => Ok(()),
            },
        }
    }
}

fn is_lower_case_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        })
}

/// Registers each target: its file, and the type in it that implements [`FailureApi`]. What follows from the list (the
/// enums and the dispatch) is the same for every target, so it is written once, here.
macro_rules! targets {
    ($($file:ident::$Api:ident,)+) => {
        $(pub mod $file; use $file::$Api;)+

        /// The kinds of target.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Kind { $(#[doc = concat!("See [`", stringify!($file), "`].")] $Api,)+ }

        impl Kind {
            /// Every kind, in the order of registration.
            pub const ALL: &'static [Kind] = &[$(Kind::$Api),+];

            /// The kind as `target.kind` names it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Kind::$Api => $Api::KIND,)+ }
            }

            /// The API as IAM names it.
            #[must_use]
            pub const fn action(self) -> &'static str {
                match self { $(Kind::$Api => $Api::ACTION,)+ }
            }

            /// The members that identify a target of this kind.
            #[must_use]
            pub const fn members(self) -> &'static [Member] {
                match self { $(Kind::$Api => $Api::MEMBERS,)+ }
            }

            fn identify(self, target: &Object<'_>) -> Result<Target, Reason> {
                Ok(match self { $(Kind::$Api => Target::$Api($Api::identify(target)?),)+ })
            }
        }

        /// One task or job that failed, precisely named.
        #[derive(Clone, Debug)]
        pub enum Target { $(#[doc = concat!("See [`", stringify!($file), "`].")] $Api($Api),)+ }

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

            /// The request that reports `failure`.
            #[must_use]
            pub fn call(self, failure: &Failure<'_>, cuts: &mut Vec<Cut>) -> Call {
                match self { $(Target::$Api(api) => Call::$Api(api.call(failure, cuts)),)+ }
            }
        }

        /// A request to one of the failure APIs.
        #[derive(Clone, Debug)]
        pub enum Call {
            $(#[doc = concat!("See [`", stringify!($file), "`].")] $Api(<$Api as FailureApi>::Call),)+
        }

        impl Call {
            /// Which kind of target is called.
            #[must_use]
            pub fn kind(&self) -> Kind {
                match self { $(Call::$Api(_) => Kind::$Api,)+ }
            }

            /// The error names that end an event of this kind.
            #[must_use]
            pub fn errors(&self) -> &'static ErrorTable {
                match self { $(Call::$Api(_) => &<$Api as FailureApi>::ERRORS,)+ }
            }

            /// The request's JSON body as it goes over the wire.
            #[must_use]
            pub fn wire_body(&self, secrets: Secrets) -> String {
                match self { $(Call::$Api(call) => <$Api as FailureApi>::wire_body(call, secrets),)+ }
            }

            /// Sends the request.
            pub async fn send(&self, clients: &Clients, place: &Place) -> Answer {
                match self { $(Call::$Api(call) => <$Api as FailureApi>::send(call, clients, place).await,)+ }
            }

            /// See [`FailureApi::without_encrypted_texts`].
            #[must_use]
            pub fn without_encrypted_texts(&self, answer: &Answer) -> Option<(Call, LostTexts)> {
                match self {
                    $(Call::$Api(call) => {
                        let (call, lost) = <$Api as FailureApi>::without_encrypted_texts(call, answer)?;
                        Some((Call::$Api(call), lost))
                    })+
                }
            }
        }
    };
}

targets! {
    codepipeline_job::CodePipelineJob,
    codepipeline_third_party_job::CodePipelineThirdPartyJob,
    step_functions_task::StepFunctionsTask,
    swf_activity_task::SwfActivityTask,
}

impl Kind {
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
    pub fn of(target: &Object<'_>) -> Option<Self> {
        Self::from_name(&target.text("kind")?)
    }
}

impl Target {
    /// Reads `kind` and the members that it asks for.
    ///
    /// # Errors
    /// `INVALID_EVENT` for a member that is missing or wrong, `UNKNOWN_TARGET` for a kind that is not listed.
    pub fn read(target: &Object<'_>) -> Result<Self, Reason> {
        let kind = target.member("kind").ok_or_else(|| Reason::invalid("target.kind: is missing"))?;
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

/// The optional `region` and `account` of a `target` object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GivenPlace {
    /// The region's name.
    pub region: Option<String>,
    /// The 12-digit account id.
    pub account: Option<String>,
}

impl GivenPlace {
    /// Reads both members.
    ///
    /// # Errors
    /// `INVALID_EVENT` where one is no string, is empty, or is no account id.
    pub fn read(target: &Object<'_>) -> Result<Self, Reason> {
        let account = optional(target, "account")?;
        if account.as_deref().is_some_and(|account| !is_account(account)) {
            return Err(Reason::invalid("target.account: expected 12 digits"));
        }
        Ok(Self { region: optional(target, "region")?, account })
    }
}

/// The secrets that a `target` object mentions, also where it is wrong: a reason that quotes its input, or an id that repeats
/// it, must not give them away.
pub fn mentioned_secrets<'a>(target: &'a Object<'_>) -> impl Iterator<Item = Secret> + 'a {
    let members = Kind::ALL.iter().flat_map(|kind| kind.members()).filter(|member| member.is_secret);
    let names: BTreeSet<&str> = members.map(|member| member.name).collect();
    names.into_iter().filter_map(|name| target.member(name)?.string_start(SECRET_BYTES_MAX)).map(|text| {
        // A secret over every limit is wrong, and nobody's but the publisher's: its start is enough to know it by.
        let end = text.char_indices().nth(SECRET_MAX).map_or(text.len(), |(end, _)| end);
        Secret::new(&text[..end])
    })
}

/// So many bytes of a string hold the longest secret, even where each of its characters is a pair of escapes.
const SECRET_BYTES_MAX: usize = 12 * SECRET_MAX;

/// A request's body as JSON.
fn to_wire(body: &impl serde::Serialize) -> String {
    // Structures of texts with fixed names always serialize; an empty text would be refused by the service.
    serde_json::to_string(body).unwrap_or_default()
}

/// Whether a text is an AWS account id.
#[must_use]
pub fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn optional(target: &Object<'_>, name: &'static str) -> Result<Option<String>, Reason> {
    let wrong = |what: String| Reason::invalid(format!("target.{name}: {what}"));
    let Some(value) = target.member(name) else { return Ok(None) };
    if value.json_type() != Type::String {
        return Err(wrong(format!("expected a string, found {}", name_of(value.json_type()))));
    }
    match value.string() {
        Some(string) if string.has_lone_surrogate => {
            Err(wrong("holds a surrogate without its pair".to_owned()))
        }
        Some(string) if !string.text.is_empty() => Ok(Some(string.text.into_owned())),
        _ => Err(wrong("is empty".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Json;

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
    fn an_account_is_twelve_digits() {
        let place = |text| GivenPlace::read(&Json::parse(text).unwrap().object().unwrap());
        assert_eq!(place(r#"{"region":null}"#), Ok(GivenPlace::default()));
        assert_eq!(place(r#"{"account":"111122223333"}"#).unwrap().account.as_deref(), Some("111122223333"));
        for wrong in
            [r#"{"account":"1"}"#, r#"{"account":111122223333}"#, r#"{"region":""}"#, r#"{"region":{}}"#]
        {
            assert_eq!(place(wrong).unwrap_err().code, Code::InvalidEvent, "{wrong}");
        }
    }

    #[test]
    fn a_target_is_never_printed() {
        let target =
            read(r#"{"kind":"codepipeline-third-party-job","jobId":"j","clientToken":"hush-hush"}"#).unwrap();
        assert!(!format!("{target:?}").contains("hush"));
        let call = target.call(&Failure::default(), &mut Vec::new());
        assert!(!format!("{call:?}").contains("hush"));
        assert!(!call.wire_body(Secrets::Fingerprinted).contains("hush"));
        assert!(call.wire_body(Secrets::Shown).contains("hush"));
    }
}
