//! A callback of a Lambda durable execution: `SendDurableExecutionCallbackFailure`.
//!
//! <https://docs.aws.amazon.com/lambda/latest/api/API_SendDurableExecutionCallbackFailure.html>

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::{FailureApi, GivenMembers, Member, Pattern, Report, Rule};
use crate::arn::Arn;
use crate::dead_letter::Reason;
use crate::event::Failure;
use crate::operation::{Operation, Service, Wire};
use crate::outcome::ErrorTable;
use crate::place::GivenPlace;
use crate::request::{Address, Members, Value};
use crate::secret::Secret;
use crate::text::{ContextMember, Truncation, Value as Context, cut_field, cut_joined, object_within};

/// The longest `ErrorType`, in UTF-16 code units. The API states none; 1 MB holds for all fields together.
pub const ERROR_TYPE_MAX: usize = 256;

/// The longest `ErrorMessage`, in UTF-16 code units.
pub const ERROR_MESSAGE_MAX: usize = 8192;

/// The longest `ErrorData`, in UTF-16 code units.
pub const ERROR_DATA_MAX: usize = 32_768;

const LAMBDA: Service = Service {
    name: "Lambda",
    endpoint_prefix: "lambda",
    exceptions: &[],
    signing_name: "lambda",
    endpoint_variable: "LAMBDA",
};

const CALLBACK_ID: Member = Member::secret("callbackId", Rule::Pattern { max: 1024, pattern: &BASE64 });

const BASE64: Pattern = Pattern {
    regex: "^[A-Za-z0-9+/]+={0,2}$",
    expected: "base64",
    matches: |text| {
        let padding = text.len() - text.trim_end_matches('=').len();
        padding <= 2 && super::member::is_alphanumeric_or(&text[..text.len() - padding], b"+/")
    },
};

/// Ids are unpadded in practice.
const ANY_PADDING: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The callback that failed.
#[derive(Clone, Debug)]
pub struct LambdaDurableCallback {
    callback_id: Secret,
}

impl FailureApi for LambdaDurableCallback {
    const KIND: &'static str = "lambda-durable-callback";
    const WAKES_UP: &'static str = "a callback of a Lambda durable execution";
    const PARAMETER: &'static str = "EnableLambdaDurableCallbacks";
    const OPERATIONS: &'static [Operation] = &[Operation {
        service: &LAMBDA,
        name: "SendDurableExecutionCallbackFailure",
        action: Some("lambda:SendDurableExecutionCallbackFailure"),
        wire: Wire::RestJson {
            method: "POST",
            path: "/2025-12-01/durable-execution-callbacks/{CallbackId}/fail",
        },
    }];
    const MEMBERS: &'static [Member] = &[CALLBACK_ID];
    const ERRORS: ErrorTable = ErrorTable {
        settled: &["CallbackTimeoutException", "InvalidParameterValueException"],
        rejected: &["ResourceNotFoundException"],
        ..ErrorTable::EMPTY
    };

    fn identify(target: &dyn GivenMembers) -> Result<Self, Reason> {
        Ok(Self { callback_id: CALLBACK_ID.read_secret(target)? })
    }

    fn identity(&self) -> &str {
        self.callback_id.expose()
    }

    fn secret(&self) -> Option<&Secret> {
        Some(&self.callback_id)
    }

    fn place(&self) -> GivenPlace {
        execution_place(self.callback_id.expose()).unwrap_or_default()
    }

    fn report(self, failure: &Failure<'_>, truncations: &mut Vec<Truncation>) -> Report {
        let error_type =
            cut_field("ErrorType", Cow::Borrowed(failure.type_name()), ERROR_TYPE_MAX, truncations);
        let message = cut_joined(
            "ErrorMessage",
            &[failure.message()],
            &failure.last_line(),
            ERROR_MESSAGE_MAX,
            truncations,
        );
        let mut members =
            vec![("ErrorType", Value::Text(error_type.into_owned())), ("ErrorMessage", Value::Text(message))];
        members.extend(error_data(failure, truncations).map(|data| ("ErrorData", Value::Text(data))));
        let address = Address::InPath(self.callback_id);
        Report { operation: &Self::OPERATIONS[0], address, body: Members::new(members) }
    }
}

/// What else is known, as JSON; `None` where there is nothing.
fn error_data(failure: &Failure<'_>, truncations: &mut Vec<Truncation>) -> Option<String> {
    let details = failure
        .details
        .as_deref()
        .map(|details| ContextMember { name: "details", value: Context::Json(details) });
    let execution = failure.external_execution_id.as_deref();
    let execution =
        execution.map(|id| ContextMember { name: "externalExecutionId", value: Context::Text(id) });
    let members: Vec<ContextMember<'_>> = details.into_iter().chain(execution).collect();
    (!members.is_empty()).then(|| object_within("ErrorData", &members, ERROR_DATA_MAX, truncations))
}

/// The region and account of the durable execution whose ARN a callback id holds: the id is base64 of a CBOR map with it. Where
/// it is anything else, it tells nothing.
#[must_use]
pub fn execution_place(callback_id: &str) -> Option<GivenPlace> {
    let text = decoded(callback_id)?;
    let mut arns = text.match_indices("arn:").filter_map(|(start, _)| Arn::parse(&text[start..]));
    arns.find(is_execution).map(|arn| arn.place())
}

/// What stands behind an ARN in a decoded id counts as its resource, another ARN included.
fn is_execution(arn: &Arn<'_>) -> bool {
    let own = arn.resource.split("arn:").next().unwrap_or_default();
    arn.service == "lambda" && own.contains("/durable-execution/")
}

/// Whether a text is the id of a callback of a durable execution: base64 of something that holds its ARN. One that is too long
/// to be taken is one all the same: it is a mistake to be seen.
#[must_use]
pub fn names_durable_execution(text: &str) -> bool {
    decoded(text).is_some_and(|text| text.contains(":lambda:") && text.contains("/durable-execution/"))
}

fn decoded(callback_id: &str) -> Option<String> {
    let bytes = ANY_PADDING.decode(callback_id).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callback_id_tells_the_place_of_its_execution() {
        let map = b"\xa1\x61\x61\xa2\x61\x65\x78\x70arn:aws:lambda:eu-west-1:111122223333:function:f:1/durable-execution/e/1\x61\x69x";
        for id in [
            base64::prelude::BASE64_STANDARD.encode(map),
            base64::prelude::BASE64_STANDARD_NO_PAD.encode(map),
        ] {
            let place = execution_place(&id).unwrap();
            assert_eq!(place.region.as_deref(), Some("eu-west-1"));
            assert_eq!(place.account.as_deref(), Some("111122223333"));
        }
        for before in ["arn:aws:s3:::bucket,", "arn:aws:lambda:us-east-1:444455556666:function:g,"] {
            let id = base64::prelude::BASE64_STANDARD.encode([before.as_bytes(), map].concat());
            assert_eq!(execution_place(&id).unwrap().region.as_deref(), Some("eu-west-1"), "{before}");
        }
        for other in
            ["AAAA", "A", &base64::prelude::BASE64_STANDARD.encode("arn:aws:lambda:eu-west-1:1:function:f")]
        {
            assert_eq!(execution_place(other), None, "{other}");
        }
    }
}
