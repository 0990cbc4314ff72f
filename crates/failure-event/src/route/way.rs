//! The way that the router takes through a record, for who wants to see it: each text that it opens, and what it finds at the end.

use crate::json::{Json, NotJson, Object};
use crate::notice::Notice;

/// Is told of the way while the router takes it.
pub trait Way {
    /// A text is opened: the body of the record, or what an envelope, which is named, holds in a string.
    fn opens(&mut self, text: &str, envelope: Option<&'static str>);

    /// The way ends here; `text` is the one that was opened last. It has no end where envelopes are too deep.
    fn ends<'a>(&mut self, text: &'a str, at: End<'_, 'a>);
}

/// The function asks for nothing.
impl Way for () {
    fn opens(&mut self, _text: &str, _envelope: Option<&'static str>) {}
    fn ends<'a>(&mut self, _text: &'a str, _at: End<'_, 'a>) {}
}

/// What stands inside of the innermost envelope.
#[derive(Clone, Copy, Debug)]
pub enum End<'o, 'a> {
    /// A text that is not JSON.
    NotJson(&'o NotJson),
    /// JSON that is no object.
    NoObject(Json<'a>),
    /// A failure event, or what can only be taken for one.
    Event(&'o Object<'a>),
    /// A notice.
    Notice(&'o Object<'a>, &'o Notice),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::{Delivery, open};
    use crate::place::Home;
    use crate::route::route_along;
    use crate::rules::Rules;

    /// One line for each text, and one for the end.
    #[derive(Default)]
    struct Told(Vec<String>);

    impl Way for Told {
        fn opens(&mut self, text: &str, envelope: Option<&'static str>) {
            self.0.push(format!("{}: {} bytes", envelope.unwrap_or("body"), text.len()));
        }

        fn ends<'a>(&mut self, text: &'a str, at: End<'_, 'a>) {
            let (what, part) = match at {
                End::NotJson(_) => ("not JSON", text),
                End::NoObject(json) => ("no object", json.text()),
                End::Event(object) => ("event", object.json().text()),
                End::Notice(object, notice) => (notice.name, object.json().text()),
            };
            let start = part.as_ptr().addr() - text.as_ptr().addr();
            assert_eq!(text.get(start..start + part.len()), Some(part), "the end stands in the text");
            self.0.push(format!("{what} at {start}"));
        }
    }

    fn told(body: &str) -> Vec<String> {
        let payload = serde_json::json!({"Records": [{"eventSource": "aws:sqs", "body": body}]}).to_string();
        let Delivery::SqsBatch(records) = open(&payload) else { panic!() };
        let mut told = Told::default();
        let _route =
            route_along(&records[0], &Rules::default(), &Home::new("us-east-1", ""), None, &mut told);
        told.0
    }

    #[test]
    fn each_text_that_is_opened_is_told_and_where_the_way_ends() {
        let note =
            r#"{"Type":"Notification","Message":"{\"detail-type\":\"x\",\"detail\":{\"target\":{}}}"}"#;
        let expected = ["body: 86 bytes", "SNS notification: 42 bytes", "event at 28"];
        assert_eq!(told(note), expected);
        assert_eq!(told("{}"), ["body: 2 bytes", "event at 0"]);
        assert_eq!(told("{"), ["body: 1 bytes", "not JSON at 0"]);
        assert_eq!(told(r#"{"specversion":"1.0","data":7}"#), ["body: 30 bytes", "no object at 28"]);
    }

    #[test]
    fn a_notice_is_an_end_and_an_envelope_that_is_too_deep_is_none() {
        let notice = r#"{"source":"aws.glue","detail-type":"Glue Job State Change","detail":{"state":"FAILED","jobRunId":"jr_1"}}"#;
        assert_eq!(told(notice)[1], "Glue Job State Change at 0");
        let mut deep = "{}".to_owned();
        for _ in 0..5 {
            deep = format!(r#"{{"specversion":"1.0","data":{deep}}}"#);
        }
        assert_eq!(told(&deep).len(), 1);
    }
}
