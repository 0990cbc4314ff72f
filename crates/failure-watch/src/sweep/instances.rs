//! The answer of `DescribeInstances`, in XML.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html>

use aws_smithy_xml::decode::{Document, ScopedDecoder, try_data};
use failure_event::sweep::fate::Instance;
use failure_event::sweep::question::Page;

const ROOT: &str = "DescribeInstancesResponse";

/// The instances of a page. An answer that is cut off or is another has none of them missing: it is no page at all.
pub(super) fn page(answer: &str) -> Option<Page> {
    if !answer.trim_end().ends_with(&format!("</{ROOT}>")) {
        return None;
    }
    let mut document = Document::new(answer);
    let mut root = document.root_element().ok()?;
    if !root.start_el().matches(ROOT) {
        return None;
    }
    let (mut instances, mut next) = (None, None);
    while let Some(mut tag) = root.next_tag() {
        if tag.start_el().matches("reservationSet") {
            instances = Some(reservations(&mut tag)?);
        } else if tag.start_el().matches("nextToken") {
            next = Some(try_data(&mut tag).ok()?.into_owned()).filter(|token| !token.is_empty());
        }
    }
    Some(Page::Instances { instances: instances?, next })
}

fn reservations(set: &mut ScopedDecoder<'_, '_>) -> Option<Vec<Instance>> {
    let mut instances = Vec::new();
    while let Some(mut reservation) = set.next_tag() {
        while let Some(mut tag) = reservation.next_tag() {
            if !tag.start_el().matches("instancesSet") {
                continue;
            }
            while let Some(mut item) = tag.next_tag() {
                instances.push(instance(&mut item).filter(|instance| !instance.id.is_empty())?);
            }
        }
    }
    Some(instances)
}

fn instance(item: &mut ScopedDecoder<'_, '_>) -> Option<Instance> {
    let mut instance = Instance::default();
    while let Some(mut tag) = item.next_tag() {
        if tag.start_el().matches("instanceId") {
            instance.id = try_data(&mut tag).ok()?.into_owned();
        } else if tag.start_el().matches("reason") {
            instance.reason = try_data(&mut tag).ok()?.into_owned();
        } else if tag.start_el().matches("instanceState") {
            while let Some(mut inner) = tag.next_tag() {
                if inner.start_el().matches("name") {
                    instance.state = try_data(&mut inner).ok()?.into_owned();
                }
            }
        }
    }
    Some(instance)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">
  <requestId>r</requestId>
  <reservationSet>
    <item><reservationId>r-1</reservationId><instancesSet>
      <item><instanceId>i-1</instanceId><instanceState><code>48</code><name>terminated</name></instanceState>
        <reason>User initiated (2026-01-01 00:00:00 GMT)</reason><placement><groupName/></placement></item>
      <item><instanceId>i-2</instanceId><instanceState><code>16</code><name>running</name></instanceState><reason/></item>
    </instancesSet></item>
    <item><instancesSet><item><instanceId>i-3</instanceId></item></instancesSet></item>
  </reservationSet>
  <nextToken>n</nextToken>
</DescribeInstancesResponse>
"#;

    fn instance(id: &str, state: &str, reason: &str) -> Instance {
        Instance { id: id.to_owned(), state: state.to_owned(), reason: reason.to_owned() }
    }

    #[test]
    fn instances_are_read_from_all_reservations() {
        let expected = vec![
            instance("i-1", "terminated", "User initiated (2026-01-01 00:00:00 GMT)"),
            instance("i-2", "running", ""),
            instance("i-3", "", ""),
        ];
        let next = Some("n".to_owned());
        assert_eq!(page(ANSWER), Some(Page::Instances { instances: expected, next }));
    }

    #[test]
    fn no_instance_is_missing_from_an_answer_that_is_not_whole() {
        let empty = "<DescribeInstancesResponse><reservationSet/></DescribeInstancesResponse>";
        assert_eq!(page(empty), Some(Page::Instances { instances: Vec::new(), next: None }));
        for end in (0..ANSWER.trim_end().len()).filter(|end| ANSWER.is_char_boundary(*end)) {
            assert_eq!(page(&ANSWER[..end]), None, "{}", &ANSWER[..end]);
        }
        for other in [
            "{}",
            "<DescribeInstancesResponse></DescribeInstancesResponse>",
            "<Response><Errors/></Response>",
            "<a/></DescribeInstancesResponse>",
            "<DescribeInstancesResponse><reservationSet><item><instancesSet><item/></instancesSet></item></reservationSet></DescribeInstancesResponse>",
        ] {
            assert_eq!(page(other), None, "{other}");
        }
    }
}
