//! YAML as far as CloudFormation takes it: one document, its short tags (`!Sub`, `!Ref`), no aliases. It becomes JSON, and a tag
//! becomes the object with one member that it stands for.
//!
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-formats.html>

use std::borrow::Cow;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, Tag};
use serde_json::{Map, Value};

/// The most levels of objects and arrays: those that `serde_json` reads.
const DEPTH_MAX: usize = 128;

/// Reads a document. Errors name the line.
pub fn parse(text: &str) -> Result<Value, String> {
    let mut parser = Parser::new_from_str(text);
    loop {
        match next(&mut parser)? {
            (Event::StreamStart | Event::DocumentStart(_), _) => {}
            (Event::StreamEnd | Event::DocumentEnd, _) => return Err("it is empty".to_owned()),
            begun => return node(&mut parser, begun, 0),
        }
    }
}

type Events<'i> = Parser<'i, saphyr_parser::StrInput<'i>>;

fn next<'i>(parser: &mut Events<'i>) -> Result<(Event<'i>, Span), String> {
    let event = parser.next_event().ok_or("it ends too early")?;
    event.map_err(|error: ScanError| format!("line {}: {}", error.marker().line(), error.info()))
}

fn node<'i>(
    parser: &mut Events<'i>,
    (event, span): (Event<'i>, Span),
    depth: usize,
) -> Result<Value, String> {
    let wrong = |why: &str| Err(format!("line {}: {why}", span.start.line()));
    if depth == DEPTH_MAX {
        return wrong("it is nested too deeply");
    }
    match event {
        Event::Scalar(text, style, _, tag) => Ok(tagged(tag, scalar(text, style))),
        Event::SequenceStart(_, tag) => Ok(tagged(tag, sequence(parser, depth)?)),
        Event::MappingStart(_, tag) => Ok(tagged(tag, mapping(parser, depth)?)),
        Event::Alias(_) => wrong("an alias, which CloudFormation does not take"),
        _ => wrong("a value is missing"),
    }
}

fn sequence(parser: &mut Events<'_>, depth: usize) -> Result<Value, String> {
    let mut items = Vec::new();
    loop {
        match next(parser)? {
            (Event::SequenceEnd, _) => return Ok(Value::Array(items)),
            begun => items.push(node(parser, begun, depth + 1)?),
        }
    }
}

fn mapping(parser: &mut Events<'_>, depth: usize) -> Result<Value, String> {
    let mut members = Map::new();
    loop {
        let name = match next(parser)? {
            (Event::MappingEnd, _) => return Ok(Value::Object(members)),
            (Event::Scalar(name, ..), _) => name.into_owned(),
            (_, span) => return Err(format!("line {}: a name is expected", span.start.line())),
        };
        let begun = next(parser)?;
        members.insert(name, node(parser, begun, depth + 1)?);
    }
}

/// A plain scalar of the core schema; one in quotes or a block is a string. <https://yaml.org/spec/1.2.2/#103-core-schema>
fn scalar(text: Cow<'_, str>, style: ScalarStyle) -> Value {
    if style != ScalarStyle::Plain {
        return Value::String(text.into_owned());
    }
    match &*text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        number => {
            let whole = number.parse::<i64>().map(Value::from).ok();
            whole.or_else(|| fraction(number)).unwrap_or_else(|| Value::String(text.into_owned()))
        }
    }
}

/// A number with a fraction or an exponent. A version such as `2010-09-09`, and words that Rust takes for numbers, are none.
fn fraction(text: &str) -> Option<Value> {
    let is_written_so =
        text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
    text.parse::<f64>().ok().filter(|_| is_written_so).map(Value::from)
}

/// What a short tag stands for: `!Ref X` is `{"Ref": X}`, `!Sub X` is `{"Fn::Sub": X}`. YAML's own tags change nothing.
fn tagged(tag: Option<Cow<'_, Tag>>, value: Value) -> Value {
    let Some(tag) = tag.filter(|tag| tag.handle == "!" && !tag.suffix.is_empty()) else { return value };
    let name = match tag.suffix.as_str() {
        name @ ("Ref" | "Condition") => name.to_owned(),
        name => format!("Fn::{name}"),
    };
    Value::Object(Map::from_iter([(name, value)]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_template_becomes_json_and_its_tags_become_functions() {
        let text = "\
# A comment
AWSTemplateFormatVersion: 2010-09-09
Transform: AWS::Serverless-2016-10-31
Resources:
  Machine:
    Properties:
      Name: !Sub \"${AWS::StackName}-render\"
      Seconds: 300
      Ratio: 2.5
      Quoted: \"300\"
      On: yes
      Is: true
      Nothing:
      Role: !GetAtt Role.Arn
      List: [!Ref A, { B: !Join ['', [a, !Ref C]] }]
      DefinitionString: |
        {\"States\": {}}
";
        let expected = json!({
            "AWSTemplateFormatVersion": "2010-09-09",
            "Transform": "AWS::Serverless-2016-10-31",
            "Resources": {"Machine": {"Properties": {
                "Name": {"Fn::Sub": "${AWS::StackName}-render"},
                "Seconds": 300, "Ratio": 2.5, "Quoted": "300", "On": "yes", "Is": true, "Nothing": null,
                "Role": {"Fn::GetAtt": "Role.Arn"},
                "List": [{"Ref": "A"}, {"B": {"Fn::Join": ["", ["a", {"Ref": "C"}]]}}],
                "DefinitionString": "{\"States\": {}}\n",
            }}},
        });
        assert_eq!(parse(text), Ok(expected));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        for (text, message) in [
            ("", "it is empty"),
            ("a: &x 1\nb: *x\n", "line 2: an alias, which CloudFormation does not take"),
            ("? [a]\n: 1\n", "line 1: a name is expected"),
        ] {
            assert_eq!(parse(text), Err(message.to_owned()), "{text}");
        }
        assert!(parse("a:\n  - b\n c: [\n").unwrap_err().starts_with("line 3: "));
        let deep = parse(&"[".repeat(100_000)).unwrap_err();
        assert!(deep.starts_with("line 1: "), "{deep}");
    }
}
