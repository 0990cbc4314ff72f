//! One connection: HTTP/1.1 over any stream, and answers that break as a fault says.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Sleep;

use super::answer::Answer;
use super::dispatch::{Shared, Wire, dispatch};
use super::request::Head;
use super::tasks_page;

/// The largest request body that is read: a full SQS batch with every byte escaped fits.
const REQUEST_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Between the first half of an answer and its end, so that the half is sent before the cut.
const CUT_DELAY: Duration = Duration::from_millis(5);

/// Serves requests on one stream until it ends.
pub(crate) async fn serve<S>(shared: Arc<Shared>, stream: S)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| respond(Arc::clone(&shared), request));
    // An error here is a caller that hung up or a cut that a fault ordered: nobody's concern.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// The connection is to be closed at once.
#[derive(Debug)]
struct Cut;

impl fmt::Display for Cut {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the connection was cut by order of a fault")
    }
}

impl std::error::Error for Cut {}

async fn respond(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Response<AnswerBody>, Cut> {
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return Ok(looked_at(&shared, request.uri().path()));
    }
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, REQUEST_BYTES_MAX).collect().await else {
        return Ok(plain(413, "The request is too large.\n"));
    };
    answer(shared, Head::of(head), body.to_bytes()).await
}

/// What a person or a script sees that looks at the endpoint.
fn looked_at(shared: &Shared, path: &str) -> Response<AnswerBody> {
    if path != tasks_page::PATH {
        // For whoever waits until the endpoint is up.
        return plain(200, "The endpoint is up.\n");
    }
    let reports = shared.state().ledger.reports(shared.clock.now_ms());
    let mut response = Response::new(AnswerBody::whole(tasks_page::as_json(&reports)));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

async fn answer(shared: Arc<Shared>, head: Head, body: Bytes) -> Result<Response<AnswerBody>, Cut> {
    match dispatch(shared, head, body).await {
        Wire::Answer(answer) => {
            let body = AnswerBody::whole(answer.body.clone());
            Ok(with_headers(&answer, body))
        }
        Wire::Drip { answer, piece_bytes, delay_ms } => {
            let delay = Duration::from_millis(delay_ms);
            let body = AnswerBody::in_pieces(answer.body.clone(), piece_bytes, delay);
            Ok(with_headers(&answer, body))
        }
        Wire::CutMidAnswer(answer) if answer.body.len() < 2 => Err(Cut),
        Wire::CutMidAnswer(answer) => {
            let body = AnswerBody::broken(answer.body.clone());
            Ok(with_headers(&answer, body))
        }
        Wire::Cut => Err(Cut),
        Wire::Hang => std::future::pending().await,
    }
}

fn with_headers(answer: &Answer, body: AnswerBody) -> Response<AnswerBody> {
    let mut response = Response::builder().status(answer.status);
    if !answer.content_type.is_empty() {
        response = response.header("content-type", answer.content_type);
    }
    for (name, value) in &answer.headers {
        response = response.header(*name, value);
    }
    // A fault's status or code may be none that HTTP allows.
    response.body(body).unwrap_or_else(|_| plain(500, "The fault cannot be written as HTTP.\n"))
}

fn plain(status: u16, text: &'static str) -> Response<AnswerBody> {
    let mut response = Response::new(AnswerBody::whole(text.to_owned()));
    // The callers pass constants that are statuses; 200 stands for any that were not.
    *response.status_mut() = hyper::StatusCode::from_u16(status).unwrap_or_default();
    response
}

/// An answer's body, sent whole, in pieces, or broken off.
struct AnswerBody {
    rest: Bytes,
    piece_bytes: usize,
    delay: Option<Duration>,
    sleep: Option<Pin<Box<Sleep>>>,
    /// When so many bytes are left, the connection is cut.
    cut_at: Option<usize>,
}

impl AnswerBody {
    fn whole(body: String) -> Self {
        Self { piece_bytes: body.len(), rest: Bytes::from(body), delay: None, sleep: None, cut_at: None }
    }

    fn in_pieces(body: String, piece_bytes: usize, delay: Duration) -> Self {
        Self { piece_bytes: piece_bytes.max(1), delay: Some(delay), ..Self::whole(body) }
    }

    fn broken(body: String) -> Self {
        let half = body.len() / 2;
        Self {
            piece_bytes: half,
            delay: Some(CUT_DELAY),
            cut_at: Some(body.len() - half),
            ..Self::whole(body)
        }
    }

    /// Waits the delay before a piece, if there is one.
    fn poll_delay(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if let Some(delay) = self.delay {
            let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep(delay)));
            ready!(sleep.as_mut().poll(context));
            self.sleep = None;
        }
        Poll::Ready(())
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        ready!(self.poll_delay(context));
        if self.cut_at == Some(self.rest.len()) {
            return Poll::Ready(Some(Err(Cut)));
        }
        let length = self.piece_bytes.min(self.rest.len());
        let piece = self.rest.split_to(length);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        // The cut part counts too: the caller must notice that something is missing.
        SizeHint::with_exact(self.rest.len() as u64)
    }
}
