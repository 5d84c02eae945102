//! The description of a stream transport: everything in which one differs from another.

use std::os::fd::OwnedFd;

use crate::error::TransportError;
use crate::ledger::Ledger;

/// A stream transport. All of them share one hub and one spoke.
pub(crate) struct StreamTransport {
    /// The name on the command line and in records.
    pub(crate) name: &'static str,
    /// Its costs.
    pub(crate) ledger: Ledger,
    /// Makes one direction. Its two ends are different file descriptions.
    pub(crate) make: fn() -> Result<Channel, TransportError>,
    /// Bytes that are written at once to a worker on another core, which reads them while the next
    /// are being written. On the same core each piece would only cost another call.
    pub(crate) piece_bytes: usize,
    /// Lists of at least this many bytes are read by a worker on another core while the rest is
    /// being written.
    pub(crate) min_overlap_bytes: usize,
    /// How a list is sent.
    pub(crate) body: Body,
}

/// One direction of a stream.
#[derive(Debug)]
pub(crate) struct Channel {
    /// The reading end.
    pub(crate) read: OwnedFd,
    /// The writing end.
    pub(crate) write: OwnedFd,
    /// Capacity in bytes.
    pub(crate) capacity: usize,
}

/// How a list is sent behind the head of its frame.
#[derive(Clone, Copy)]
pub(crate) enum Body {
    /// Its bytes, copied into the stream.
    Bytes,
    /// Its pages, for lists of at least one page: the stream refers to them until they are read, so
    /// the list must not change until then. Only a pipe can carry them.
    Spliced,
    /// Encoded.
    Encoded(&'static dyn Codec),
    /// Only its address, in the head; the worker reads it from the coordinator's memory.
    RemoteAddress,
}

impl Body {
    pub(super) fn codec(self) -> Option<&'static dyn Codec> {
        match self {
            Body::Encoded(codec) => Some(codec),
            Body::Bytes | Body::Spliced | Body::RemoteAddress => None,
        }
    }
}

/// An encoding of lists.
pub(crate) trait Codec: Sync {
    /// Appends the encoded list to `body`, which is empty and keeps its capacity from the last
    /// list.
    fn encode(&self, list: &[i64], body: Vec<u8>) -> Vec<u8>;

    /// Decodes a list.
    ///
    /// # Errors
    /// The body is not valid.
    fn decode(&self, body: &[u8]) -> Result<Vec<i64>, TransportError>;

    /// Upper bound of the encoded length of `items` items, in bytes.
    fn max_bytes(&self, items: usize) -> usize;
}
