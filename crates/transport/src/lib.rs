//! Carries a task to a worker and its reply back: one file per transport.
//!
//! A [`Hub`] is the coordinator's half of a transport and serves all workers; a [`Spoke`] is one
//! worker's half. Both move bytes. They know nothing of processes, jobs or deaths, which are the
//! pool's.
//!
//! To add a transport, write one file that implements [`Transport`], and add one line to [`ALL`].
//! The conformance suite, the sweeps and the record then include it.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    warn(clippy::cast_possible_truncation, clippy::cast_possible_wrap, clippy::cast_sign_loss)
)]

mod alarm;
mod alarm_event;
mod all;
mod contract;
mod error;
mod hub;
mod incoming_list;
mod ledger;
mod list;
mod message;
mod pipe;
mod pipe_serde;
mod residency;
mod setup;
mod shared;
mod socket;
mod spoke;
mod stream;
mod vm_read;
mod vmsplice;

pub use alarm::Alarm;
pub use all::{ALL, by_name};
pub use contract::Transport;
pub use error::TransportError;
pub use hub::{Hub, HubEvent};
pub use incoming_list::IncomingList;
pub use ledger::Ledger;
pub use list::{List, ListBuffer, UnansweredTask};
pub use message::{Failure, FailureKind, MAX_DETAIL_BYTES, Reply, Task, Value};
pub use residency::Residency;
pub use setup::{Handover, Setup};
pub use shm::{AnswerList, Resident};
pub use spoke::{Incoming, Received, Spoke};
