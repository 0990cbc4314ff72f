//! A custom resource of a CloudFormation stack: a `PUT` to its `ResponseURL`.
//!
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html>

use super::cloudformation_response::{self, check_size, put, read_url, url_of};
use super::{FailureApi, GivenMembers, Member, PlaceSource, Report, Rule};
use crate::arn::Arn;
use crate::dead_letter::Reason;
use crate::event::Failure;
use crate::operation::Operation;
use crate::outcome::ErrorTable;
use crate::place::GivenPlace;
use crate::presigned::{Bucket, PresignedUrl};
use crate::request::Value;
use crate::secret::Secret;
use crate::text::Truncation;

const BUCKET: Bucket = Bucket::CustomResourceResponse;
const RESPONSE_URL: Member = Member::secret("responseUrl", url_of(BUCKET));
const STACK_ID: Member = Member::required("stackId", Rule::Arn { max: 1024 });
const REQUEST_ID: Member = Member::required("requestId", Rule::Length { max: 128 });
const LOGICAL_ID: Member = Member::required("logicalResourceId", Rule::Length { max: 255 });
const PHYSICAL_ID: Member = Member::optional("physicalResourceId", Rule::Bytes { max: 1024 });

/// The request that CloudFormation waits for an answer to.
#[derive(Clone, Debug)]
pub struct CloudFormationCustomResource {
    response_url: PresignedUrl,
    stack_id: String,
    request_id: String,
    logical_id: String,
    /// After a failed create CloudFormation asks to delete the resource with this id.
    physical_id: Option<String>,
}

impl FailureApi for CloudFormationCustomResource {
    const KIND: &'static str = "cloudformation-custom-resource";
    const WAKES_UP: &'static str = "a custom resource of a CloudFormation stack";
    const PARAMETER: &'static str = "EnableCloudFormationCustomResources";
    const OPERATIONS: &'static [Operation] = &[put("PutCustomResourceResponse")];
    const MEMBERS: &'static [Member] = &[RESPONSE_URL, STACK_ID, REQUEST_ID, LOGICAL_ID, PHYSICAL_ID];
    const ERRORS: ErrorTable = cloudformation_response::ERRORS;
    const PLACE: PlaceSource = PlaceSource::Identity;

    fn identify(target: &dyn GivenMembers) -> Result<Self, Reason> {
        let resource = Self {
            response_url: read_url(RESPONSE_URL, target, BUCKET)?,
            stack_id: STACK_ID.read(target)?,
            request_id: REQUEST_ID.read(target)?,
            logical_id: LOGICAL_ID.read(target)?,
            physical_id: PHYSICAL_ID.read_optional(target)?,
        };
        let place = resource.place();
        if place.region.is_none() || place.account.is_none() {
            return Err(STACK_ID.wrong("expected an ARN with a region and a 12-digit account"));
        }
        resource.check_key()?;
        check_size(&resource.members())?;
        Ok(resource)
    }

    fn identity(&self) -> &str {
        &self.request_id
    }

    fn secret(&self) -> Option<&Secret> {
        Some(self.response_url.secret())
    }

    fn place(&self) -> GivenPlace {
        Arn::parse(&self.stack_id).map(|arn| arn.place()).unwrap_or_default()
    }

    fn report(self, failure: &Failure<'_>, truncations: &mut Vec<Truncation>) -> Report {
        let members = self.members();
        cloudformation_response::report(
            &Self::OPERATIONS[0],
            self.response_url,
            members,
            failure,
            truncations,
        )
    }
}

impl CloudFormationCustomResource {
    /// The object's key is `<StackId>|<LogicalResourceId>|<RequestId>`; where it has that form it must name this request.
    fn check_key(&self) -> Result<(), Reason> {
        let key = self.response_url.key().unwrap_or_default();
        let parts: Vec<&str> = key.split('|').collect();
        let [stack_id, logical_id, request_id] = parts.as_slice() else { return Ok(()) };
        let named = [
            (STACK_ID, &self.stack_id, stack_id),
            (LOGICAL_ID, &self.logical_id, logical_id),
            (REQUEST_ID, &self.request_id, request_id),
        ];
        match named.into_iter().find(|(_, given, in_key)| given != in_key) {
            Some((member, ..)) => Err(member.wrong("is not the one that target.responseUrl names")),
            None => Ok(()),
        }
    }

    /// The body, with an empty reason.
    fn members(&self) -> Vec<(&'static str, Value)> {
        let default_id = || format!("failure-relay:{}", self.request_id);
        let physical_id = self.physical_id.clone().unwrap_or_else(default_id);
        vec![
            ("Status", Value::Text("FAILED".to_owned())),
            ("Reason", Value::Text(String::new())),
            ("PhysicalResourceId", Value::Text(physical_id)),
            ("StackId", Value::Text(self.stack_id.clone())),
            ("RequestId", Value::Text(self.request_id.clone())),
            ("LogicalResourceId", Value::Text(self.logical_id.clone())),
        ]
    }
}
