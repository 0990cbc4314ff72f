//! The edge: everything that talks to AWS.
//!
//! | module | what it knows |
//! | --- | --- |
//! | [`clients`] | the SDK's clients per region and account, their time-outs and retries |
//! | [`connector`] | connections, TLS, trusted certificates |
//! | [`assumed_role`] | keys for another account |
//! | [`senders`] | how a request that is data becomes a call |
//! | [`answer`] | what the SDK's results mean |
//! | [`table`] | the table of leases and claims |
//! | [`dead_letter_queue`], [`parking_queue`], [`queue_sender`], [`back_off`] | what SQS is asked |

pub mod answer;
pub mod assumed_role;
pub mod back_off;
pub mod clients;
pub mod connector;
pub mod dead_letter_queue;
pub mod parking_queue;
pub mod queue_sender;
pub mod senders;
pub mod table;
