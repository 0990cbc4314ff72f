//! A wait condition of a CloudFormation stack: a `PUT` to the URL of its handle.
//!
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-waitcondition.html>

use super::cloudformation_response::{self, check_size, put, read_url, url_of};
use super::{FailureApi, GivenMembers, Member, PlaceSource, Report, Rule};
use crate::dead_letter::Reason;
use crate::event::Failure;
use crate::operation::Operation;
use crate::outcome::ErrorTable;
use crate::place::GivenPlace;
use crate::presigned::{Bucket, PresignedUrl};
use crate::request::Value;
use crate::secret::{Secret, sha256_hex};
use crate::text::Truncation;

const BUCKET: Bucket = Bucket::WaitCondition;
const SIGNAL_URL: Member = Member::secret("signalUrl", url_of(BUCKET));
const UNIQUE_ID: Member = Member::optional("uniqueId", Rule::Length { max: 64 });

/// How many hex digits of the URL's SHA-256 stand in for a `uniqueId`.
const DEFAULT_ID_DIGITS: usize = 32;

/// The handle that waits for a signal.
#[derive(Clone, Debug)]
pub struct CloudFormationWaitCondition {
    signal_url: PresignedUrl,
    unique_id: Option<String>,
}

impl FailureApi for CloudFormationWaitCondition {
    const KIND: &'static str = "cloudformation-wait-condition";
    const WAKES_UP: &'static str = "a wait condition of a CloudFormation stack";
    const PARAMETER: &'static str = "EnableCloudFormationWaitConditions";
    const OPERATIONS: &'static [Operation] = &[put("PutWaitConditionSignal")];
    const MEMBERS: &'static [Member] = &[SIGNAL_URL, UNIQUE_ID];
    const ERRORS: ErrorTable = cloudformation_response::ERRORS;
    const PLACE: PlaceSource = PlaceSource::Identity;

    fn identify(target: &dyn GivenMembers) -> Result<Self, Reason> {
        let signal_url = read_url(SIGNAL_URL, target, BUCKET)?;
        let condition = Self { signal_url, unique_id: UNIQUE_ID.read_optional(target)? };
        check_size(&condition.members())?;
        Ok(condition)
    }

    fn identity(&self) -> &str {
        self.signal_url.without_query()
    }

    fn secret(&self) -> Option<&Secret> {
        Some(self.signal_url.secret())
    }

    fn place(&self) -> GivenPlace {
        GivenPlace { region: Some(self.signal_url.region().to_owned()), account: None }
    }

    fn report(self, failure: &Failure<'_>, truncations: &mut Vec<Truncation>) -> Report {
        let members = self.members();
        cloudformation_response::report(&Self::OPERATIONS[0], self.signal_url, members, failure, truncations)
    }
}

impl CloudFormationWaitCondition {
    /// The body, with an empty reason.
    fn members(&self) -> Vec<(&'static str, Value)> {
        let default_id = || sha256_hex(self.identity())[..DEFAULT_ID_DIGITS].to_owned();
        vec![
            ("Status", Value::Text("FAILURE".to_owned())),
            ("Reason", Value::Text(String::new())),
            ("UniqueId", Value::Text(self.unique_id.clone().unwrap_or_else(default_id))),
            ("Data", Value::Text(String::new())),
        ]
    }
}
