//! AWS Signature Version 4 of the `Authorization` header, computed again with a known secret key.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use super::request::Head;
use super::sqs::hex;

/// Whether the request was signed with this secret key as it arrived.
pub(crate) fn is_right(head: &Head, body: &[u8], secret_key: &str) -> bool {
    let Some(authorization) = head.header("authorization") else {
        return false;
    };
    let sent = parameter(authorization, "Signature=");
    sent.is_some() && sent == computed(authorization, head, body, secret_key).as_deref()
}

fn parameter<'a>(authorization: &'a str, name: &str) -> Option<&'a str> {
    authorization.split([',', ' ']).find_map(|part| part.strip_prefix(name))
}

fn computed(authorization: &str, head: &Head, body: &[u8], secret_key: &str) -> Option<String> {
    let (_, scope) = parameter(authorization, "Credential=")?.split_once('/')?;
    let canonical = canonical_request(parameter(authorization, "SignedHeaders=")?, head, body)?;
    let text = format!(
        "AWS4-HMAC-SHA256\n{}\n{scope}\n{}",
        head.header("x-amz-date")?,
        hex(&Sha256::digest(canonical))
    );
    let first = format!("AWS4{secret_key}").into_bytes();
    let key = scope.split('/').fold(first, |key, part| authenticated(&key, part));
    Some(hex(&authenticated(&key, &text)))
}

fn canonical_request(signed_headers: &str, head: &Head, body: &[u8]) -> Option<String> {
    let mut headers = String::new();
    for name in signed_headers.split(';') {
        let values: Option<Vec<&str>> =
            head.headers.get_all(name).iter().map(|value| value.to_str().ok()).collect();
        let words = |value: &str| value.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
        let values: Vec<String> = values?.into_iter().map(words).collect();
        headers.push_str(&format!("{name}:{}\n", values.join(",")));
    }
    let mut query: Vec<String> = match head.query.as_deref() {
        None | Some("") => Vec::new(),
        Some(query) => query.split('&').map(with_value).collect(),
    };
    query.sort_unstable();
    let sent_hash = head.header("x-amz-content-sha256");
    let own_hash = hex(&Sha256::digest(body));
    if sent_hash.is_some_and(|sent| sent != own_hash && sent != "UNSIGNED-PAYLOAD") {
        return None;
    }
    Some(format!(
        "{}\n{}\n{}\n{headers}\n{signed_headers}\n{}",
        head.method,
        // All services but S3 encode a path that is encoded already once more.
        head.path.replace('%', "%25"),
        query.join("&"),
        sent_hash.unwrap_or(&own_hash)
    ))
}

fn with_value(parameter: &str) -> String {
    if parameter.contains('=') { parameter.to_owned() } else { format!("{parameter}=") }
}

fn authenticated(key: &[u8], text: &str) -> Vec<u8> {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        // HMAC takes keys of every length, so this is never reached.
        return Vec::new();
    };
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = br#"{"ErrorType":"T"}"#;

    /// A request that botocore signed with the key `secret`.
    fn head(uri: &str, content_type: &str) -> Head {
        let authorization = "AWS4-HMAC-SHA256 \
             Credential=AKIDEXAMPLE/20250101/us-east-1/lambda/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date, \
             Signature=818436f63986a05ea94457d9a89a8f1af896b0d6dfb1030ce69f4863cbcd8767";
        let request = hyper::Request::post(uri)
            .header("host", "lambda.us-east-1.amazonaws.com")
            .header("content-type", content_type)
            .header("x-amz-date", "20250101T000000Z")
            .header("authorization", authorization)
            .body(());
        Head::of(request.expect("it is well formed").into_parts().0)
    }

    #[test]
    fn a_signature_is_right_for_the_request_as_it_was_signed_alone() {
        let (uri, json) =
            ("/2025-12-01/durable-execution-callbacks/a%2Fb%2B%3D/fail?b=2&a=%20x", "application/json");
        assert!(is_right(&head(uri, json), BODY, "secret"));
        assert!(!is_right(&head(uri, json), BODY, "another"));
        assert!(!is_right(&head(uri, json), b"{}", "secret"));
        assert!(!is_right(&head(uri, "text/plain"), BODY, "secret"));
        assert!(!is_right(&head(&uri.replace("%2B", "+"), json), BODY, "secret"));
        assert!(!is_right(&head(&uri.replace("b=2", "b=3"), json), BODY, "secret"));
    }
}
