//! The endpoint itself: started, looked into and stopped from the same process.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio::net::TcpListener;
use tokio::sync::{broadcast, watch};

use super::answer::{Output, ServiceError};
use super::clock::Clock;
use super::cloud_formation;
use super::connection::serve;
use super::dispatch::Shared;
use super::dynamodb::DynamoDb;
use super::event_bridge::Buses;
use super::fault::{FaultPlan, FaultRule};
use super::ids::Ids;
use super::operation::Operation;
use super::perform::{Setting, State};
use super::record::{CallLog, RecordedCall};
use super::sqs::{Attribute, Disorder, Message, QueueCounts, QueueKey, Sqs, is_fifo_name};
use super::sts::Sessions;
use super::work::{Ledger, Work, WorkReport};

/// How an endpoint is to be.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// The port on 127.0.0.1; 0, the default, takes any that is free.
    pub port: u16,
    /// The region in which work and queues are unless they say otherwise; default `us-east-1`.
    pub region: String,
    /// The account of every access key that `AssumeRole` did not issue; default `123456789012`.
    pub account: String,
    /// Open tasks and jobs on first mention; default false: unknown ones are refused.
    pub auto_open: bool,
    /// What goes wrong; default nothing.
    pub faults: Vec<FaultRule>,
    /// The secret key of every access key that `AssumeRole` did not issue. When it is given, a call
    /// whose Signature Version 4 does not fit is refused, those with a role's key too; default
    /// `None`: signatures are not checked.
    pub secret_access_key: Option<String>,
    /// Unreliable standard queues; default `None`: orderly, each message once.
    pub disorder: Option<Disorder>,
    /// Message, request and key ids are the same in every run with the same seed; default 0.
    pub seed: u64,
    /// What the endpoint's clock shows at start, in milliseconds since 1970; default: the system's
    /// time of day.
    pub epoch_ms: Option<u64>,
    /// So many of the newest calls are kept, with their bodies; default 100,000.
    pub calls_kept_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            port: 0,
            region: "us-east-1".to_owned(),
            account: "123456789012".to_owned(),
            auto_open: false,
            faults: Vec::new(),
            secret_access_key: None,
            disorder: None,
            seed: 0,
            epoch_ms: None,
            calls_kept_max: 100_000,
        }
    }
}

/// A running endpoint. Clones are handles to the same one; it stops with [`Endpoint::shutdown`]
/// or when the last handle is dropped.
#[derive(Clone)]
pub struct Endpoint {
    shared: Arc<Shared>,
    stop: Arc<watch::Sender<bool>>,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Endpoint").field("url", &self.shared.base_url).finish_non_exhaustive()
    }
}

impl Endpoint {
    /// Starts an endpoint on the current tokio runtime, which needs I/O and time enabled.
    ///
    /// # Errors
    ///
    /// The port cannot be bound.
    pub async fn start(options: Options) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await?;
        let base_url = format!("http://{}", listener.local_addr()?);
        let state = State {
            ids: Ids::seeded(options.seed),
            ledger: Ledger::new(options.auto_open),
            sqs: Sqs::new(options.disorder),
            buses: Buses::default(),
            sessions: Sessions::checking(options.secret_access_key),
            tables: DynamoDb::default(),
        };
        let shared = Arc::new(Shared::new(
            options.region,
            options.account,
            base_url,
            Clock::starting_at(options.epoch_ms),
            state,
            CallLog::keeping(options.calls_kept_max),
            FaultPlan::of(options.faults),
        ));
        let (stop, stopped) = watch::channel(false);
        tokio::spawn(accept(listener, Arc::clone(&shared), stopped));
        Ok(Self { shared, stop: Arc::new(stop) })
    }

    /// The endpoint's URL, such as `http://127.0.0.1:41234`: what `AWS_ENDPOINT_URL` is set to.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.shared.base_url
    }

    /// The region from the options.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.shared.region
    }

    /// The account from the options.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.shared.account
    }

    /// Stops to listen and closes every connection, calls without an answer included.
    pub fn shutdown(&self) {
        self.stop.send_replace(true);
    }

    /// Serves one more stream, such as an in-memory one, until it ends or the endpoint stops.
    pub async fn serve_stream<S>(&self, stream: S)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        serve_until(Arc::clone(&self.shared), stream, self.stop.subscribe()).await;
    }

    /// The client's side of a new connection in memory, to speak HTTP/1.1 on.
    #[must_use]
    pub fn connect_in_memory(&self) -> DuplexStream {
        let (client, server) = tokio::io::duplex(64 * 1024);
        let stopped = self.stop.subscribe();
        tokio::spawn(serve_until(Arc::clone(&self.shared), server, stopped));
        client
    }

    /// The endpoint's clock; [`Endpoint::advance`] moves it.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    /// Moves the endpoint's clock forward: time-outs end, waiting receives look again.
    pub fn advance(&self, by: Duration) {
        self.shared.clock.advance(by);
        self.shared.changed.notify_waiters();
    }

    /// Opens a task or job; one that is there already is opened anew.
    pub fn open(&self, work: Work) {
        let now_ms = self.shared.clock.now_ms();
        let (region, account) = (&self.shared.region, &self.shared.account);
        self.shared.state().ledger.open(work, region, account, now_ms);
    }

    /// Opens a Step Functions task in the endpoint's own region and account.
    pub fn open_task(&self, task_token: impl Into<String>) {
        self.open(Work::step_functions_task(task_token));
    }

    /// Opens an SWF activity task in the endpoint's own region and account.
    pub fn open_activity(&self, task_token: impl Into<String>) {
        self.open(Work::swf_activity_task(task_token));
    }

    /// Opens a `CodePipeline` job in the endpoint's own region and account.
    pub fn open_job(&self, job_id: impl Into<String>) {
        self.open(Work::code_pipeline_job(job_id));
    }

    /// Opens a `CodePipeline` third-party job in the endpoint's own region and account.
    pub fn open_third_party_job(&self, job_id: impl Into<String>, client_token: impl Into<String>) {
        self.open(Work::third_party_job(job_id, client_token));
    }

    /// A presigned URL for the response of a custom resource, as `CloudFormation` would make it now,
    /// in the region of the stack. It must come back byte for byte.
    #[must_use]
    pub fn response_url(&self, stack_id: &str, logical_resource_id: &str, request_id: &str) -> String {
        let now_ms = self.shared.clock.now_ms();
        cloud_formation::response_url(stack_id, logical_resource_id, request_id, now_ms)
    }

    /// A presigned URL for the signals of a wait condition's handle, by the handle's logical name.
    #[must_use]
    pub fn signal_url(&self, stack_id: &str, handle: &str) -> String {
        cloud_formation::signal_url(stack_id, handle, self.shared.clock.now_ms())
    }

    /// All tasks and jobs that were ever opened, ordered by kind, region, account and id.
    #[must_use]
    pub fn tasks(&self) -> Vec<WorkReport> {
        let now_ms = self.shared.clock.now_ms();
        self.shared.state().ledger.reports(now_ms)
    }

    /// The first task or job with this token or id, of any kind and in any place.
    #[must_use]
    pub fn task(&self, id: &str) -> Option<WorkReport> {
        let now_ms = self.shared.clock.now_ms();
        self.shared.state().ledger.find(id, now_ms)
    }

    /// How many tasks and jobs are still open.
    #[must_use]
    pub fn open_count(&self) -> usize {
        let now_ms = self.shared.clock.now_ms();
        self.shared.state().ledger.open_count(now_ms)
    }

    /// Forgets all tasks and jobs.
    pub fn forget_tasks(&self) {
        self.shared.state().ledger.clear();
    }

    /// Carries out an operation in this process, without HTTP, faults and record, as a caller in
    /// the endpoint's own region and account. A receive does not wait. The input and the answer
    /// are those of the API reference; an operation that returns nothing returns `null`, and STS
    /// its XML as text.
    ///
    /// # Errors
    ///
    /// Those of the operation; `Unheeded` for a file that S3 would store and that `CloudFormation`
    /// would not heed.
    pub fn call(&self, operation: Operation, input: Value) -> Result<Value, ServiceError> {
        let caller = self.shared.own_caller();
        let setting = Setting {
            caller: &caller,
            now_ms: self.shared.clock.now_ms(),
            base_url: &self.shared.base_url,
            batch_fault: None,
        };
        let output = self.shared.state().perform(operation, input, setting)?;
        self.shared.changed.notify_waiters();
        Ok(match output {
            Output::Nothing => Value::Null,
            Output::Json(value) => value,
            Output::Xml(text) => Value::String(text),
            Output::Unheeded(why) => return Err(ServiceError::with_status(200, "Unheeded", why)),
        })
    }

    /// Creates a queue in the endpoint's own region and account and returns its URL. A name that
    /// ends in `.fifo` makes a FIFO queue. Attributes are those of the `CreateQueue` API.
    ///
    /// # Errors
    ///
    /// Those of `CreateQueue`.
    pub fn create_queue(&self, name: &str, attributes: &[(&str, &str)]) -> Result<String, ServiceError> {
        let mut attributes: BTreeMap<&str, &str> = attributes.iter().copied().collect();
        if is_fifo_name(name) {
            attributes.insert("FifoQueue", "true");
        }
        let input = json!({"QueueName": name, "Attributes": attributes});
        self.call(Operation::CreateQueue, input)?;
        Ok(self.queue_url(name))
    }

    /// The URL that a queue of this name in the endpoint's own account has.
    #[must_use]
    pub fn queue_url(&self, name: &str) -> String {
        format!("{}/{}/{name}", self.shared.base_url, self.shared.account)
    }

    /// The ARN that a queue of this name in the endpoint's own region and account has.
    #[must_use]
    pub fn queue_arn(&self, name: &str) -> String {
        self.queue_key(name).arn()
    }

    /// Puts a message on a queue in the endpoint's own region and account and returns its id. A
    /// FIFO queue needs a message group; the deduplication id is then a new one each time.
    ///
    /// # Errors
    ///
    /// Those of `SendMessage`.
    pub fn send_message(
        &self,
        queue: &str,
        body: &str,
        attributes: &[(&str, &str)],
        group: Option<&str>,
    ) -> Result<String, ServiceError> {
        let attributes: BTreeMap<&str, Value> =
            attributes.iter().map(|(name, value)| (*name, Attribute::text(*value).to_json())).collect();
        let mut input = json!({
            "QueueUrl": self.queue_url(queue),
            "MessageBody": body,
            "MessageAttributes": attributes,
        });
        if let Some(group) = group {
            input["MessageGroupId"] = json!(group);
            if is_fifo_name(queue) {
                input["MessageDeduplicationId"] = json!(self.shared.state().ids.uuid());
            }
        }
        let answer = self.call(Operation::SendMessage, input)?;
        Ok(answer["MessageId"].as_str().unwrap_or_default().to_owned())
    }

    /// What is in a queue of the endpoint's own region and account, in the order of arrival,
    /// without receiving it; `None` when there is no such queue.
    #[must_use]
    pub fn messages(&self, queue: &str) -> Option<Vec<QueuedMessage>> {
        let now_ms = self.shared.clock.now_ms();
        let state = self.shared.state();
        let queue = state.sqs.get(&self.queue_key(queue))?;
        let messages = queue.live(now_ms).map(|message| QueuedMessage::of(message, now_ms));
        Some(messages.collect())
    }

    /// How many messages are in a queue of the endpoint's own region and account; `None` when
    /// there is no such queue.
    #[must_use]
    pub fn queue_counts(&self, queue: &str) -> Option<QueueCounts> {
        let now_ms = self.shared.clock.now_ms();
        let state = self.shared.state();
        Some(state.sqs.get(&self.queue_key(queue))?.counts(now_ms))
    }

    /// From now on, every event that is put on the bus goes to the queue; both are in the
    /// endpoint's own region and account. Events on a bus without a queue are dropped.
    ///
    /// # Errors
    ///
    /// `QueueDoesNotExist`.
    pub fn route_bus(&self, bus: &str, queue: &str) -> Result<(), ServiceError> {
        let key = self.queue_key(queue);
        let mut state = self.shared.state();
        if state.sqs.get(&key).is_none() {
            return Err(super::sqs::no_such_queue());
        }
        state.buses.route(bus, key);
        Ok(())
    }

    /// The items of a table in the endpoint's own region and account, in the order of their keys, as
    /// the API writes them; `None` when there is no such table. They may hold tokens: treat them as
    /// secrets.
    #[must_use]
    pub fn table_items(&self, table: &str) -> Option<Vec<Value>> {
        self.shared.state().tables.items(table, &self.shared.own_caller())
    }

    fn queue_key(&self, name: &str) -> QueueKey {
        QueueKey {
            region: self.shared.region.clone(),
            account: self.shared.account.clone(),
            name: name.to_owned(),
        }
    }

    /// Puts other fault rules in force; all counting starts anew.
    pub fn set_faults(&self, rules: Vec<FaultRule>) {
        *self.shared.faults() = FaultPlan::of(rules);
    }

    /// How often each fault rule was applied, in the order of the rules.
    #[must_use]
    pub fn faults_applied(&self) -> Vec<u64> {
        self.shared.faults().applied()
    }

    /// The calls so far, oldest first; at most as many as the options keep.
    #[must_use]
    pub fn calls(&self) -> Vec<RecordedCall> {
        self.shared.calls().calls()
    }

    /// The calls of one operation so far, oldest first.
    #[must_use]
    pub fn calls_of(&self, operation: Operation) -> Vec<RecordedCall> {
        let mut calls = self.calls();
        calls.retain(|call| call.operation == operation);
        calls
    }

    /// How many calls arrived since the start, those that are no longer kept included.
    #[must_use]
    pub fn call_count(&self) -> u64 {
        self.shared.calls().arrived()
    }

    /// Forgets the calls so far; their numbers go on.
    pub fn forget_calls(&self) {
        self.shared.calls().clear();
    }

    /// Every call from now on, as it is answered (or cut, or left hanging). A receiver that lags
    /// behind by more than 1024 calls loses the oldest.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<RecordedCall> {
        self.shared.calls().subscribe()
    }
}

/// A message as it lies in a queue.
#[derive(Clone, PartialEq, Eq)]
pub struct QueuedMessage {
    /// The message's id.
    pub id: String,
    /// The body, byte for byte. A failure event holds tokens: treat it as a secret.
    pub body: String,
    /// Message attributes of text types by name.
    pub attributes: BTreeMap<String, String>,
    /// How often it was received, before it was moved here included.
    pub receive_count: u64,
    /// When it was sent, in milliseconds since 1970 on the endpoint's clock.
    pub sent_ms: u64,
    /// The message group, where it has one.
    pub group: Option<String>,
    /// The deduplication id, where it has one.
    pub deduplication_id: Option<String>,
    /// The queue whose redrive policy moved it here.
    pub source_arn: Option<String>,
    /// Received and neither deleted nor visible again.
    pub in_flight: bool,
}

impl QueuedMessage {
    fn of(message: &Message, now_ms: u64) -> Self {
        let text =
            |(name, attribute): (&String, &Attribute)| Some((name.clone(), attribute.as_text()?.to_owned()));
        Self {
            id: message.id.clone(),
            body: message.content.body.clone(),
            attributes: message.content.attributes.iter().filter_map(text).collect(),
            receive_count: message.receive_count,
            sent_ms: message.sent_ms,
            group: message.content.group.clone(),
            deduplication_id: message.content.deduplication_id.clone(),
            source_arn: message.source_arn.clone(),
            in_flight: message.is_in_flight(now_ms),
        }
    }
}

impl fmt::Debug for QueuedMessage {
    /// Shows everything but the body, which may hold secrets.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("QueuedMessage")
            .field("id", &self.id)
            .field("body_bytes", &self.body.len())
            .field("attributes", &self.attributes)
            .field("receive_count", &self.receive_count)
            .field("in_flight", &self.in_flight)
            .finish_non_exhaustive()
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, mut stopped: watch::Receiver<bool>) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.changed() => return,
        };
        match accepted {
            Ok((stream, _)) => {
                // Small answers must not wait for the caller's acknowledgement; if it cannot be
                // set, they are only slower.
                let _ = stream.set_nodelay(true);
                tokio::spawn(serve_until(Arc::clone(&shared), stream, stopped.clone()));
            }
            // Out of file descriptors, for example: others may close.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

/// Serves a stream until it ends, the endpoint is told to stop, or its last handle is dropped.
async fn serve_until<S>(shared: Arc<Shared>, stream: S, mut stopped: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    if *stopped.borrow() {
        return;
    }
    tokio::select! {
        () = serve(shared, stream) => {}
        _ = stopped.changed() => {}
    }
}
