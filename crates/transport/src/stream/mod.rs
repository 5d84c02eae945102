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

pub(crate) mod fetch;
mod hub;
mod landing;
mod link;
pub(crate) mod rest;
mod spoke;

use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::event::{PollFd, poll};
use rustix::io::Errno;
use rustix::time::Timespec;
use serde::{Deserialize, Serialize};
use shm::descriptor::DESCRIPTOR_BYTES;
use shm::wakeup::{LOOKS, WaitStrategy};

use crate::{Handover, Hub, Ledger, Residency, Setup, Spoke, Transport, TransportError};

/// How either end of a stream waits.
pub const WAITS: &[(&str, WaitStrategy)] = &[
    ("block", WaitStrategy::Sleep),
    ("hybrid", WaitStrategy::Hybrid),
    ("spin", WaitStrategy::Spin),
];

/// One direction of a stream.
#[derive(Debug)]
pub struct Way {
    /// The end that reads.
    pub read: OwnedFd,
    /// The end that writes.
    pub write: OwnedFd,
    /// Bytes that it holds while nobody reads.
    pub capacity: usize,
}

/// A stream transport: what makes one differ from another. The rest they have in common.
pub struct Streams {
    /// The name on the command line and in records.
    pub name: &'static str,
    /// Its costs.
    pub ledger: Ledger,
    /// Makes one direction; its two ends are file descriptions of their own.
    pub make: fn() -> Result<Way, TransportError>,
    /// Bytes that are written at once to a worker on another core, which reads them while the next
    /// are written. On one core each piece would only cost a call more.
    pub piece: usize,
    /// Bytes from which a worker on another core reads while the rest is still being written.
    pub overlap_from: usize,
    /// How a list travels.
    pub body: Body,
}

/// How a list travels behind the head of its frame.
#[derive(Clone, Copy)]
pub enum Body {
    /// Its bytes as they lie, copied into the stream.
    Bytes,
    /// Its pages themselves, from lists of one page on: the stream refers to them until they are
    /// read, so the list must lie still until then. Only a pipe can carry them.
    Pages,
    /// Another form of it.
    Coded(&'static dyn Codec),
    /// It does not travel: the head says where it lies, and the worker fetches it from there.
    Address,
}

impl Body {
    fn codec(self) -> Option<&'static dyn Codec> {
        match self {
            Body::Coded(codec) => Some(codec),
            Body::Bytes | Body::Pages | Body::Address => None,
        }
    }
}

impl Transport for Streams {
    fn name(&self) -> &'static str {
        self.name
    }
    fn ledger(&self) -> Ledger {
        self.ledger
    }
    fn residencies(&self) -> &'static [Residency] {
        &[Residency::Place, Residency::Build]
    }
    fn wakeups(&self) -> Vec<(&'static str, WaitStrategy)> {
        WAITS.to_vec()
    }
    fn has_segment(&self) -> bool {
        false
    }
    fn hub(&'static self, setup: &Setup) -> Result<Box<dyn Hub>, TransportError> {
        Ok(Box::new(hub::StreamHub::new(self, setup)?))
    }
    fn spoke(&self, handover: Handover) -> Result<Box<dyn Spoke>, TransportError> {
        Ok(Box::new(spoke::StreamSpoke::new(self, handover)?))
    }
}

/// A form for the journey.
pub trait Codec: Sync {
    /// Appends the list's form to `body`, which is empty and has room from the last time.
    fn encode(&self, list: &[i64], body: Vec<u8>) -> Vec<u8>;

    /// The list again.
    ///
    /// # Errors
    /// The body is no such form.
    fn decode(&self, body: &[u8]) -> Result<Vec<i64>, TransportError>;

    /// Bytes of the longest form that `items` items can have.
    fn longest(&self, items: usize) -> usize;
}

/// What a worker is told beside its two descriptors.
#[derive(Serialize, Deserialize)]
struct Plan {
    wait: String,
    /// Bytes of the longest body.
    longest: usize,
    /// Items of the longest list that an answer may have.
    answer: usize,
    apart: bool,
    /// Where lists are fetched from, where they do not travel.
    source: Option<fetch::Source>,
}

/// Looks before giving the core away. Each is a system call: on one core, where nothing can come
/// until the other side has run, one is enough.
fn looks(apart: bool) -> usize {
    if apart { LOOKS } else { 1 }
}

fn regime(streams: &Streams, wait: &str) -> Result<WaitStrategy, TransportError> {
    let found = WAITS.iter().find(|(name, _)| *name == wait);
    found.map(|(_, regime)| *regime).ok_or_else(|| TransportError::NoSuchAxis {
        transport: streams.name,
        what: format!("wake-up `{wait}`"),
        has: WAITS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", "),
    })
}

/// Bytes of a cache line.
const LINE: usize = 64;
/// Bodies from here on are padded.
pub(crate) const PAGE: usize = 4096;

/// Bytes between head and body, whole words, with which each page of the stream begins where a
/// cache line of the body does: the kernel then copies whole lines (8 to 12 % at 400 kB).
fn padding(body: &[u8]) -> usize {
    if body.len() < PAGE {
        return 0;
    }
    let word = size_of::<u64>();
    (body.as_ptr().addr() + LINE - DESCRIPTOR_BYTES) % LINE / word * word
}

/// Sleeps until one of `fds` is ready, or the end of `patience`.
fn poll_fds(fds: &mut [PollFd<'_>], patience: Option<Duration>) -> Result<(), TransportError> {
    let timeout = patience.and_then(|patience| Timespec::try_from(patience).ok());
    match poll(fds, timeout.as_ref()) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(TransportError::system("poll")(error)),
    }
}
