//! Errors of a transport: what failed, and who is to blame.

use std::io;
use std::ops::Range;

use shm::SegmentError;

/// An error of the transport itself, as opposed to a [`crate::Failure`] inside a worker.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The peer has closed its end.
    #[error("the other side has closed its end")]
    Disconnected,
    /// The transport does not support what was asked for.
    #[error("transport `{transport}` has no {what}; it has {has}")]
    Unsupported {
        /// Which transport.
        transport: &'static str,
        /// What was asked for.
        what: String,
        /// What it supports instead.
        has: String,
    },
    /// A worker's number that cannot be attached.
    #[error(
        "worker {worker} cannot be attached: the hub has places for {workers} workers, and each holds one until it is detached"
    )]
    NoPlace {
        /// The worker's number.
        worker: usize,
        /// The number of places.
        workers: usize,
    },
    /// A list is longer than [`crate::Setup::max_list_items`].
    #[error("a list of {items} items does not fit: this transport was set up for {max}")]
    TooLong {
        /// Items of the list.
        items: usize,
        /// The limit, in items.
        max: usize,
    },
    /// The setup asks for more than any transport carries.
    #[error("the setup asks for {asked} {what}: at most {max} are possible")]
    TooLarge {
        /// What is limited.
        what: &'static str,
        /// How many were asked for.
        asked: usize,
        /// The limit.
        max: usize,
    },
    /// A buffer or a resident list that belongs to another hub.
    #[error("{what} of another hub was given")]
    Foreign {
        /// What was given.
        what: &'static str,
    },
    /// A range outside of its resident list.
    #[error("items {}..{} of a list of {items} were given", .part.start, .part.end)]
    OutOfRange {
        /// The range that was given.
        part: Range<usize>,
        /// Items of the list.
        items: usize,
    },
    /// More tasks or lists at once than the setup allows. Try again after an answer was received.
    #[error("no room for another {what}: collect an answer first")]
    Full {
        /// "task" or "list".
        what: &'static str,
    },
    /// A system call that this transport needs is not permitted here.
    #[error(
        "transport `{transport}` needs {call}, which this system does not allow: {cause}{hint}"
    )]
    Forbidden {
        /// Which transport.
        transport: &'static str,
        /// The system call.
        call: &'static str,
        /// What the system said.
        cause: io::Error,
        /// Which setting decides it, where that is known; else empty.
        hint: &'static str,
    },
    /// A frame, a message or a plan from the peer that is not valid.
    #[error("the other side sent an invalid message: {0}")]
    InvalidMessage(String),
    /// A segment could not be made or opened.
    #[error(transparent)]
    Segment(#[from] SegmentError),
    /// A system call failed.
    #[error("{what}: {cause}")]
    System {
        /// The system call.
        what: &'static str,
        /// What the system said.
        cause: io::Error,
    },
}

impl TransportError {
    /// Wraps the error of the system call `what`; EPIPE and ECONNRESET become `Disconnected`.
    pub(crate) fn system<E: Into<io::Error>>(
        what: &'static str,
    ) -> impl FnOnce(E) -> TransportError {
        move |cause| {
            let cause = cause.into();
            match cause.kind() {
                io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => {
                    TransportError::Disconnected
                }
                _ => TransportError::System { what, cause },
            }
        }
    }
}
