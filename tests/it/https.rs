//! The connections under all clients: whom they trust, and which broken ones are tried again.

use std::future::Future;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use failure_event::event::Failure;
use failure_event::json::Json;
use failure_event::outcome::{Answer, Health, Obstacle, ServiceError};
use failure_event::place::Place;
use failure_event::target::Target;
use failure_relay::aws::answer;
use failure_relay::aws::clients::Clients;
use failure_relay::aws::senders;
use failure_relay::settings::Settings;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

const ACCEPTED: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
const FAILED: &str = "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 2\r\n\r\n{}";

/// An authority of its own, in a file as `SSL_CERT_FILE` names it.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    file: PathBuf,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let file = std::env::temp_dir().join(format!("failure-relay-{}-{name}.pem", std::process::id()));
        std::fs::File::create(&file).unwrap().write_all(issuer.pem().as_bytes()).unwrap();
        Self { issuer, file }
    }

    /// A server's side of TLS, with a certificate for that host which ends in that year.
    fn vouch_for(&self, host: &str, last_year: i32) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        params.not_after = date_time_ymd(last_year, 12, 31);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        TlsAcceptor::from(Arc::new(config.with_single_cert(vec![certificate.der().clone()], key).unwrap()))
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.file);
    }
}

/// Gives each connection to `serve`, with its number from 0.
async fn listen<F, S>(serve: S) -> SocketAddr
where
    S: Fn(usize, TcpStream) -> F + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        for number in 0.. {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(number, stream));
        }
    });
    address
}

async fn listen_with_tls(tls: TlsAcceptor) -> SocketAddr {
    listen(move |_, stream| {
        let tls = tls.clone();
        async move {
            // A caller that does not trust us hangs up.
            let Ok(mut stream) = tls.accept(stream).await else { return };
            while read_request(&mut stream).await {
                stream.write_all(ACCEPTED.as_bytes()).await.unwrap();
            }
        }
    })
    .await
}

/// Reads one request to its end; no request is the connection's end.
async fn read_request(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> bool {
    let mut request = Vec::new();
    loop {
        if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
            return false;
        }
        let text = String::from_utf8_lossy(&request).to_ascii_lowercase();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
        if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
            return true;
        }
    }
}

/// Clients with these variables beside those that every relay has.
fn clients(variables: &[(&str, &str)]) -> Clients {
    let lookup = |name: &str| {
        let given = variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        given.or_else(|| match name {
            "RELAY_DEAD_LETTER_QUEUE_URL" => Some("https://sqs.eu-west-1.amazonaws.com/1/dead".to_owned()),
            "AWS_REGION" => Some("eu-west-1".to_owned()),
            "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some("KEY".to_owned()),
            _ => None,
        })
    };
    Clients::new(&Settings::from_variables(&lookup).unwrap())
}

async fn call(clients: &Clients) -> Answer {
    let place = Place { region: "eu-west-1".to_owned(), account: None };
    answer::of(clients.sfn(&place).send_task_failure().task_token("token").send().await)
}

/// What one call over TLS answers, without a second attempt.
async fn call_once(url: &str, trusted: &str) -> Answer {
    let variables = [("AWS_ENDPOINT_URL", url), ("SSL_CERT_FILE", trusted), ("AWS_MAX_ATTEMPTS", "1")];
    call(&clients(&variables)).await
}

fn unreached(name: &str, obstacle: Obstacle, message: &str) -> Answer {
    let (name, message) = (Some(name.into()), Some(message.into()));
    Answer::Failed(ServiceError { name, status: None, message, obstacle: Some(obstacle) })
}

#[tokio::test]
async fn the_authority_that_ssl_cert_file_names_is_trusted_for_names_and_for_addresses() {
    let authority = Authority::new("trusted");
    for host in ["localhost", "127.0.0.1"] {
        let port = listen_with_tls(authority.vouch_for(host, 2999)).await.port();
        let answer = call_once(&format!("https://{host}:{port}"), authority.file.to_str().unwrap()).await;
        assert_eq!(answer, Answer::Accepted, "{host}");
    }
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused_and_the_reason_is_told() {
    let (trusted, other) = (Authority::new("known"), Authority::new("unknown"));
    let cases = [
        (other.vouch_for("localhost", 2999), "invalid peer certificate: UnknownIssuer"),
        (
            trusted.vouch_for("elsewhere.example", 2999),
            "invalid peer certificate: certificate not valid for name",
        ),
        (trusted.vouch_for("localhost", 2020), "invalid peer certificate: certificate expired"),
    ];
    for (tls, reason) in cases {
        let port = listen_with_tls(tls).await.port();
        let answer = call_once(&format!("https://localhost:{port}"), trusted.file.to_str().unwrap()).await;
        let Answer::Failed(error) = answer else { panic!("accepted in spite of {reason}") };
        assert_eq!(error.name.as_deref(), Some("ConnectionError"));
        assert!(error.message.as_deref().unwrap().starts_with(reason), "{error:?}");
    }
}

#[tokio::test]
async fn nothing_takes_the_place_of_a_certificate_file_that_is_missing() {
    let authority = Authority::new("missing");
    let port = listen_with_tls(authority.vouch_for("localhost", 2999)).await.port();
    let url = format!("https://localhost:{port}");
    let refused =
        unreached("ConnectionError", Obstacle::Connection, "invalid peer certificate: UnknownIssuer");
    assert_eq!(call_once(&url, "no-such-file.pem").await, refused);
    assert_eq!(call_once(&url, "").await, refused, "the roots that are compiled in do not hold our own");
}

#[tokio::test]
async fn a_server_that_accepts_and_is_silent_while_the_connection_opens_is_a_timeout() {
    let silent = listen(|_, stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    let answer = call_once(&format!("https://{silent}"), "").await;
    assert_eq!(answer, unreached("TimeoutError", Obstacle::Silence, "deadline has elapsed"));
}

#[tokio::test]
async fn a_port_on_which_nobody_listens_is_a_connection_error() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for scheme in ["http", "https"] {
        let Answer::Failed(error) = call_once(&format!("{scheme}://{closed}"), "").await else {
            panic!("nobody answers")
        };
        assert_eq!(error.name.as_deref(), Some("ConnectionError"), "{scheme}");
        assert_eq!(error.obstacle, Some(Obstacle::Connection), "{scheme}");
    }
}

#[tokio::test]
async fn an_answer_that_is_not_http_comes_from_a_service_that_fails() {
    let broken = listen(|_, mut stream| async move {
        assert!(read_request(&mut stream).await);
        stream.write_all(b"what is this?\r\n\r\n").await.unwrap();
    })
    .await;
    let answer = call_once(&format!("http://{broken}"), "").await;
    assert_eq!(answer.health(), Health::Fails, "{answer:?}");
}

#[tokio::test]
async fn a_call_without_credentials_tells_nothing_about_its_api() {
    let clients = clients(&[("AWS_ENDPOINT_URL", "http://127.0.0.1:9"), ("AWS_ACCESS_KEY_ID", "")]);
    let answer = call(&clients).await;
    assert_eq!(answer.health(), Health::Unknown, "{answer:?}");
}

#[tokio::test]
async fn a_connection_that_was_closed_while_idle_costs_nothing_but_a_new_one() {
    let (idle_ended, mut ended) = mpsc::unbounded_channel();
    let server = listen(move |_, mut stream| {
        let idle_ended = idle_ended.clone();
        async move {
            assert!(read_request(&mut stream).await);
            stream.write_all(ACCEPTED.as_bytes()).await.unwrap();
            drop(stream);
            idle_ended.send(()).unwrap();
        }
    })
    .await;
    let url = format!("http://{server}");
    let clients = clients(&[("AWS_ENDPOINT_URL", &url)]);
    for _ in 0..3 {
        assert_eq!(call(&clients).await, Answer::Accepted);
        ended.recv().await.unwrap();
    }
}

#[tokio::test]
async fn a_connection_is_used_again_after_an_answer_and_given_up_after_a_server_error() {
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    let server = listen(move |number, mut stream| {
        counted.fetch_add(1, Ordering::SeqCst);
        async move {
            // The first connection fails from its third request on.
            let mut requests = 0;
            while read_request(&mut stream).await {
                requests += 1;
                let answer = if number == 0 && requests > 2 { FAILED } else { ACCEPTED };
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        }
    })
    .await;
    let url = format!("http://{server}");
    let clients = clients(&[("AWS_ENDPOINT_URL", &url)]);
    for (call_number, expected) in [(1, 1), (2, 1), (3, 2), (4, 2)] {
        assert_eq!(call(&clients).await, Answer::Accepted);
        assert_eq!(connections.load(Ordering::SeqCst), expected, "after call {call_number}");
    }
}

#[tokio::test]
async fn a_call_that_is_given_up_takes_its_connection_along() {
    let (sender, mut events) = mpsc::unbounded_channel();
    let server = listen(move |number, mut stream| {
        let events = sender.clone();
        async move {
            while read_request(&mut stream).await {
                events.send(format!("{number} asked")).unwrap();
            }
            events.send(format!("{number} closed")).unwrap();
        }
    })
    .await;
    let url = format!("http://{server}");
    let clients = clients(&[("AWS_ENDPOINT_URL", &url)]);
    for number in 0..2 {
        let given_up = tokio::select! {
            answer = call(&clients) => panic!("nobody answers, and yet: {answer:?}"),
            event = events.recv() => event,
        };
        assert_eq!(given_up, Some(format!("{number} asked")));
        let closed = tokio::time::timeout(Duration::from_mins(1), events.recv()).await;
        assert_eq!(closed.unwrap(), Some(format!("{number} closed")));
    }
}

#[tokio::test]
async fn a_text_that_is_no_label_of_a_host_name_chooses_no_host() {
    let target = r#"{"kind":"auto-scaling-lifecycle-action","autoScalingGroupName":"g","lifecycleHookName":"h","instanceId":"i-0123456789abcdef0"}"#;
    let target = Target::read(&Json::parse(target).unwrap().object().unwrap()).unwrap();
    let request = target.request(&Failure::default(), &mut Vec::new());
    for region in ["", "evil.example/", "a.evil.example", "127.0.0.1:1/#", "eu-west-1-", "é"] {
        let place = Place { region: region.to_owned(), account: None };
        let Answer::Failed(error) = senders::send(&request, &clients(&[]), &place).await else {
            panic!("\"{region}\" was called")
        };
        assert_eq!(error.obstacle, Some(Obstacle::NotSent), "{region}: {error:?}");
    }
}
