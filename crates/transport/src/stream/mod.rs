//! Frames over byte streams: what `pipe`, `pipe-serde`, `socket` and the other streams have in
//! common.
//!
//! A frame is a head of thirty-two bytes (a [`shm::Descriptor`]), padding, and a body whose length
//! the head gives. Head and body leave in one writev; two writes would cost a second wake-up. They
//! arrive in one readv, with the body in its destination: a worker expects the next body to be as
//! long as the last one, and keeps bytes of the next frame that it has read ahead.
//!
//! A reply is a head, a payload and the answer's list, also in one write. The list is never
//! encoded.
//!
//! No list is so long that the two sides deadlock: the coordinator never blocks in a write without
//! reading replies meanwhile, or parts of one.

mod channel;
mod frame;
mod frame_writer;
mod hub;
mod leftover_bytes;
mod link;
mod links;
mod plan;
mod receive_buffer;
mod remote_memory;
mod spoke;
mod transport;
mod wait;

pub(crate) use channel::{Body, Channel, Codec, StreamTransport};
pub(crate) use frame::PAGE;
pub(crate) use leftover_bytes::LeftoverBytes;
pub(crate) use remote_memory::{REMOTE_READ_BYTES, RemoteList};
