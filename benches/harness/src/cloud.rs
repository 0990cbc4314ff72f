//! AWS: the relay's embedded endpoint, over plain HTTP and behind TLS with a certificate that is made for the run.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_emulator::{Endpoint, Fault, FaultRule, Options};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

pub struct Cloud {
    endpoint: Endpoint,
    https_url: String,
    ca_file: PathBuf,
    tokens: AtomicU64,
}

impl Cloud {
    pub async fn start() -> Self {
        let options = Options { auto_open: true, calls_kept_max: 1_000, ..Options::default() };
        let endpoint = Endpoint::start(options).await.expect("a port on loopback");
        endpoint.create_queue("dead-letters", &[]).expect("a queue");
        endpoint.create_queue("parking", &[]).expect("a queue");
        let (acceptor, ca_pem) = tls();
        let ca_file = std::env::temp_dir().join(format!("harness-ca-{}.pem", std::process::id()));
        std::fs::write(&ca_file, ca_pem).expect("a file for the certificate");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port on loopback");
        let https_url = format!("https://{}", listener.local_addr().expect("a bound port"));
        let served = endpoint.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, endpoint) = (acceptor.clone(), served.clone());
                tokio::spawn(async move {
                    // As a service sends its answers.
                    let _ = stream.set_nodelay(true);
                    if let Ok(stream) = acceptor.accept(stream).await {
                        endpoint.serve_stream(stream).await;
                    }
                });
            }
        });
        Self { endpoint, https_url, ca_file, tokens: AtomicU64::new(0) }
    }

    /// The environment of every program: each reads from it what it knows.
    pub fn environment(&self) -> Vec<(String, String)> {
        let url = &self.https_url;
        let ca_file = self.ca_file.display().to_string();
        let queue_url = format!("{url}/{}/dead-letters", self.endpoint.account());
        [
            ("AWS_ENDPOINT_URL", url.as_str()),
            ("RELAY_DEAD_LETTER_QUEUE_URL", &queue_url),
            // One variable for each of the three languages.
            ("SSL_CERT_FILE", &ca_file),
            ("AWS_CA_BUNDLE", &ca_file),
            ("NODE_EXTRA_CA_CERTS", &ca_file),
            ("AWS_REGION", self.endpoint.region()),
            ("AWS_DEFAULT_REGION", self.endpoint.region()),
            ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
            ("AWS_SESSION_TOKEN", "token-of-the-session"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
    }

    /// An SQS batch of tasks that have failed, each with its own token.
    pub fn batch(&self, records: usize) -> String {
        self.batch_of(&vec!["step-functions-task"; records])
    }

    /// An SQS batch of work of these kinds that has failed.
    pub fn batch_of(&self, kinds: &[&str]) -> String {
        let records: Vec<_> = kinds.iter().map(|kind| self.record(kind)).collect();
        json!({ "Records": records }).to_string()
    }

    fn record(&self, kind: &str) -> serde_json::Value {
        let number = self.tokens.fetch_add(1, Ordering::Relaxed);
        // Tokens of Step Functions have some 600 characters.
        let token = format!("{number:08}{}", "AQCEAAAAKgAAAAMAAAAAAAAAAb3VvVbGN0".repeat(17));
        let body = json!({
            "version": "1",
            "time": "2026-01-01T00:00:00Z",
            "target": {"kind": kind, "taskToken": token, "jobId": format!("job-{number:08}"), "clientToken": "client"},
            "failure": {
                "type": "Render.OutOfMemory",
                "message": "The renderer was stopped after it had used 4 GB of memory on frame 1172."
            }
        });
        json!({
            "messageId": format!("{number:08x}-1b2c-4d3e-8f90-a1b2c3d4e5f6"),
            "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
            "body": body.to_string(),
            "attributes": {
                "ApproximateReceiveCount": "1",
                "SentTimestamp": "1767225600000",
                "SenderId": "AIDAIENQZJOLO23YVJ4VO",
                "ApproximateFirstReceiveTimestamp": "1767225600001"
            },
            "messageAttributes": {},
            "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
            "eventSource": "aws:sqs",
            "eventSourceARN": format!("arn:aws:sqs:{}:{}:failures", self.endpoint.region(), self.endpoint.account()),
            "awsRegion": self.endpoint.region()
        })
    }

    /// From now on every answer takes this long.
    pub fn answer_after(&self, time: Duration) {
        let delay_ms = u64::try_from(time.as_millis()).expect("a short time");
        self.endpoint.set_faults(match delay_ms {
            0 => Vec::new(),
            _ => vec![FaultRule::always("*", Fault::Slow { delay_ms })],
        });
    }

    /// From now on the calls of this pattern are never answered, and every other after this time.
    pub fn silence(&self, pattern: &str, others_answer_after: Duration) {
        let delay_ms = u64::try_from(others_answer_after.as_millis()).expect("a short time");
        self.endpoint.set_faults(vec![
            FaultRule::always(pattern, Fault::NoAnswer { after_effect: false }),
            FaultRule::always("*", Fault::Slow { delay_ms }),
        ]);
    }

    /// The URL of the parking queue.
    pub fn parking_queue_url(&self) -> String {
        format!("{}/{}/parking", self.https_url, self.endpoint.account())
    }

    /// How many calls were made so far.
    pub fn calls(&self) -> u64 {
        self.endpoint.call_count()
    }

    /// Lets go of what was recorded, so that a long run stays as quick as a short one.
    pub fn forget(&self) {
        self.endpoint.forget_tasks();
        self.endpoint.forget_calls();
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        // A file in the temporary directory may as well stay.
        let _ = std::fs::remove_file(&self.ca_file);
    }
}

/// A certificate authority of its own, and a server certificate for loopback that it has signed: ECDSA P-256, as AWS's are.
fn tls() -> (TlsAcceptor, String) {
    let mut authority = CertificateParams::new(Vec::new()).expect("no names");
    // With the name that it has by default it would share its subject with the server, which OpenSSL takes for self-signed.
    authority.distinguished_name.push(DnType::CommonName, "The benchmark's authority");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    let authority =
        CertifiedIssuer::self_signed(authority, KeyPair::generate().expect("a key")).expect("a CA");
    let key = KeyPair::generate().expect("a key");
    let server = CertificateParams::new(vec!["127.0.0.1".to_owned(), "localhost".to_owned()])
        .and_then(|server| server.signed_by(&key, &authority))
        .expect("a certificate");
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("default versions")
        .with_no_client_auth()
        .with_single_cert(
            vec![server.der().clone()],
            PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
        )
        .expect("a certificate with its key");
    (TlsAcceptor::from(Arc::new(config)), authority.pem())
}
