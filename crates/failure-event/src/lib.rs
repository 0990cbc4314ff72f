//! The pure core of the failure relay: failure events in, requests to AWS orchestrators out. Values in, values out: no I/O, no
//! clock, no environment, no SDK.
//!
//! The map, in the order in which an event flows:
//!
//! | module | what it knows |
//! | --- | --- |
//! | [`json`] | JSON as text, kept as it was published |
//! | [`envelope`] | what is around an event: SQS, SNS, EventBridge, CloudEvents |
//! | [`event`], [`notice`] | what arrives: failure events, and AWS's own notices of dead workers |
//! | [`registration`], [`lease`], [`claim`], [`table`] | what else arrives: leases and claims; the table that holds them |
//! | [`route`], [`rules`], [`place`] | record → request, reason or nothing; what is allowed; where it goes |
//! | [`target`], [`text`] | each kind of target; texts within their limits |
//! | [`request`], [`operation`], [`presigned`] | a request as data: its operation, its members, the URL that it goes to |
//! | [`outcome`], [`dead_letter`], [`parked`] | how an event ends, or waits |
//! | [`sweep`] | tasks that wait for a worker that is gone: histories, questions, answers, verdicts |
//! | [`log_tail`], [`cloudwatch_logs`] | the last lines of a dead worker's log; the log lines of one event, found again |
//! | [`schema`] | the JSON Schema, made from the targets' own rules |
//! | [`secret`], [`secret_names`], [`redaction`] | text that cannot be printed, and texts from which it is taken out |
//! | [`spelling`] | names that are spelt in several ways |
//! | [`states_language`] | definitions of state machines: who waits for whom, and where its task token goes |
//! | [`arn`], [`partition`] | Amazon Resource Names; AWS's partitions |

pub mod arn;
pub mod claim;
pub mod cloudwatch_logs;
pub mod dead_letter;
pub mod envelope;
pub mod event;
pub mod json;
mod json_scan;
pub mod lease;
pub mod log_tail;
pub mod notice;
pub mod operation;
pub mod outcome;
pub mod parked;
pub mod partition;
pub mod place;
pub mod presigned;
pub mod publication;
pub mod redaction;
pub mod registration;
pub mod request;
pub mod route;
pub mod rules;
pub mod schema;
pub mod secret;
pub mod secret_names;
pub mod spelling;
pub mod states_language;
pub mod sweep;
pub mod table;
pub mod target;
pub mod text;
mod words;
