//! Frames over byte streams: what `pipe`, `pipe-serde`, `socket` and every other stream have in
//! common.
//!
//! A frame is a head of thirty-two bytes (a [`shm::Descriptor`]), some padding, and a body of as
//! many bytes as the head says. Head and body leave in one writev: two would cost a second wake-up.
//! They arrive in one readv, straight into the destination: a worker expects the next body to be as
//! long as the last, and what it read too far is carried over.
//!
//! A reply is a head, a payload and the answer's list, in one write too; its list travels as it
//! lies, whatever form the tasks' lists have.
//!
//! Nothing can deadlock however large a list is, in a task or in an answer: the coordinator never
//! blocks in a write without taking what comes meanwhile, be it a part of a reply.

mod channel;
mod fetch;
mod frame;
mod hub;
mod leftover_bytes;
mod link;
mod links;
mod plan;
mod receive_buffer;
mod spoke;
mod transport;
mod wait;

pub(crate) use channel::{Body, Channel, Codec, StreamTransport};
pub(crate) use fetch::{FETCH_BYTES, Fetching};
pub(crate) use frame::PAGE;
pub(crate) use leftover_bytes::LeftoverBytes;
