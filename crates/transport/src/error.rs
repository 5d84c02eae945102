//! What can go wrong with a transport itself, and who is to blame.

use std::io;
use std::ops::Range;

use shm::SegmentError;

/// What can go wrong with a transport itself.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The worker's, or the coordinator's, end is closed.
    #[error("the other side has closed its end")]
    Disconnected,
    /// The transport has no such axis.
    #[error("transport `{transport}` has no {what}; it has {has}")]
    Unsupported {
        /// Which transport.
        transport: &'static str,
        /// What was asked of it.
        what: String,
        /// What it has instead.
        has: String,
    },
    /// A list is longer than [`crate::Setup::max_list_items`].
    #[error("a list of {items} items does not fit: this transport was set up for {max}")]
    TooLong {
        /// Items of the list.
        items: usize,
        /// Items that fit.
        max: usize,
    },
    /// The setup asks for more than any transport carries.
    #[error("a setup for {asked} {what}: at most {max} can be had")]
    TooLarge {
        /// What is counted.
        what: &'static str,
        /// How many were asked for.
        asked: usize,
        /// How many there can be.
        max: usize,
    },
    /// A room or a list of another hub: only that one knows who writes there.
    #[error("{what} of another hub was given")]
    Foreign {
        /// What was given.
        what: &'static str,
    },
    /// A part that its resident list does not have.
    #[error("items {}..{} of a list of {items} were given", .part.start, .part.end)]
    OutOfRange {
        /// The part that was given.
        part: Range<usize>,
        /// Items of the list.
        items: usize,
    },
    /// More tasks or lists at once than the setup says.
    #[error("no room for another {what}: collect an answer first")]
    Full {
        /// task or list.
        what: &'static str,
    },
    /// This kernel, container or user may not do what the transport is made of.
    #[error(
        "transport `{transport}` needs {call}, which this system does not allow: {cause}{hint}"
    )]
    Forbidden {
        /// Which transport.
        transport: &'static str,
        /// The call that was tried.
        call: &'static str,
        /// What the system said.
        cause: io::Error,
        /// What decides it, if that can be told; empty otherwise.
        hint: &'static str,
    },
    /// A frame or plan makes no sense.
    #[error("the other side sent something that cannot be: {0}")]
    InvalidMessage(String),
    /// No segment.
    #[error(transparent)]
    Segment(#[from] SegmentError),
    /// The system refused.
    #[error("{what}: {cause}")]
    System {
        /// The call.
        what: &'static str,
        /// What the system said.
        cause: io::Error,
    },
}

impl TransportError {
    /// Wraps a system's error with the call that failed; a closed other end becomes `Gone`.
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
