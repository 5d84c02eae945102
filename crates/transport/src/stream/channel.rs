//! What makes one stream transport differ from another.

use std::os::fd::OwnedFd;

use crate::error::TransportError;
use crate::ledger::Ledger;

/// A stream transport: what makes one differ from another. The rest they have in common.
pub(crate) struct StreamTransport {
    /// The name on the command line and in records.
    pub(crate) name: &'static str,
    /// Its costs.
    pub(crate) ledger: Ledger,
    /// Makes one direction; its two ends are file descriptions of their own.
    pub(crate) make: fn() -> Result<Channel, TransportError>,
    /// Bytes that are written at once to a worker on another core, which reads them while the next
    /// are written. On one core each piece would only cost a call more.
    pub(crate) piece: usize,
    /// Bytes from which a worker on another core reads while the rest is still being written.
    pub(crate) overlap_from: usize,
    /// How a list travels.
    pub(crate) body: Body,
}

/// One direction of a stream.
#[derive(Debug)]
pub(crate) struct Channel {
    /// The end that reads.
    pub(crate) read: OwnedFd,
    /// The end that writes.
    pub(crate) write: OwnedFd,
    /// Bytes that it holds while nobody reads.
    pub(crate) capacity: usize,
}

/// How a list travels behind the head of its frame.
#[derive(Clone, Copy)]
pub(crate) enum Body {
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
    pub(super) fn codec(self) -> Option<&'static dyn Codec> {
        match self {
            Body::Coded(codec) => Some(codec),
            Body::Bytes | Body::Pages | Body::Address => None,
        }
    }
}

/// A form for the journey.
pub(crate) trait Codec: Sync {
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
