//! Where a call goes: region and account, as an event names them and as the relay resolves them.

use crate::arn::Arn;
use crate::dead_letter::Reason;
use crate::event::name_of;
use crate::target::GivenMembers;

/// Where a call goes: the region, and the account when it is another than the relay's own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// The region's name.
    pub region: String,
    /// Another account, in which a role is assumed.
    pub account: Option<OtherAccount>,
}

/// An account other than the relay's own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OtherAccount {
    /// The 12-digit account id.
    pub id: String,
    /// `aws`, `aws-cn`, `aws-us-gov`, …
    pub partition: String,
}

/// Where the relay itself lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    /// Its own region.
    pub region: String,
    /// Its own account and partition, from the invoked function's ARN.
    pub account: Option<OwnAccount>,
}

/// The relay's own account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnAccount {
    /// The 12-digit account id.
    pub id: String,
    /// `aws`, `aws-cn`, `aws-us-gov`, …
    pub partition: String,
}

impl Home {
    /// Reads the account from the invoked function's ARN, `arn:<partition>:lambda:<region>:<account>:function:<name>`.
    #[must_use]
    pub fn new(region: &str, function_arn: &str) -> Self {
        let function =
            Arn::parse(function_arn).filter(|arn| arn.service == "lambda" && !arn.account.is_empty());
        let account = function
            .map(|arn| OwnAccount { id: arn.account.to_owned(), partition: arn.partition.to_owned() });
        Self { region: region.to_owned(), account }
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
    /// `INVALID_EVENT` where one is not a string, is empty, or is not an account id.
    pub fn read(target: &dyn GivenMembers) -> Result<Self, Reason> {
        let account = optional(target, "account")?;
        if account.as_deref().is_some_and(|account| !is_account(account)) {
            return Err(Reason::invalid("target.account: expected 12 digits"));
        }
        Ok(Self { region: optional(target, "region")?, account })
    }

    /// This place, completed by another where it says nothing.
    #[must_use]
    pub fn or(self, other: &GivenPlace) -> Self {
        Self {
            region: self.region.or_else(|| other.region.clone()),
            account: self.account.or_else(|| other.account.clone()),
        }
    }
}

/// Whether a text is an AWS account id.
#[must_use]
pub fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a text is shaped like a region: `eu-west-1`, `us-iso-east-1`.
#[must_use]
pub fn is_region(text: &str) -> bool {
    let mut parts = text.rsplit('-');
    let is_number = |part: &str| part.len() == 1 && part.bytes().all(|byte| byte.is_ascii_digit());
    let is_word = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
    parts.next().is_some_and(is_number) && parts.clone().count() >= 2 && parts.all(is_word)
}

fn optional(target: &dyn GivenMembers, name: &'static str) -> Result<Option<String>, Reason> {
    let wrong = |what: String| Reason::invalid(format!("target.{name}: {what}"));
    let Some(value) = target.given(name) else { return Ok(None) };
    match value.string() {
        None => Err(wrong(format!("expected a string, found {}", name_of(value.json_type())))),
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
    use crate::dead_letter::Code;
    use crate::json::Json;

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
}
