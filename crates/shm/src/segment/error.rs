//! Why there is no segment.

use std::fmt;

use super::grant::{Grant, Kind};

/// Why there is no segment.
#[derive(Debug, thiserror::Error)]
pub enum SegmentError {
    /// Nothing to share.
    #[error("a segment of 0 bytes holds nothing")]
    Empty,
    /// No number counts its bytes, or its slots.
    #[error("{count} lists of {room} items are more than any segment holds")]
    Uncountable {
        /// Lists asked for.
        count: usize,
        /// Items of each.
        room: usize,
    },
    /// The machine has less free memory than asked for.
    #[error(
        "a {kind} segment of {bytes} bytes does not fit: {free} bytes of memory are free; ask for a smaller list"
    )]
    NoRoom {
        /// Kind asked for.
        kind: Kind,
        /// Bytes asked for.
        bytes: usize,
        /// Bytes free at that moment.
        free: usize,
    },
    /// The system refused one step.
    #[error("the {kind} segment of {bytes} bytes failed at {step}: {cause}")]
    Refused {
        /// Kind asked for.
        kind: Kind,
        /// Bytes asked for.
        bytes: usize,
        /// The call that failed.
        step: &'static str,
        /// What the system or library said.
        cause: String,
    },
    /// A peer handed over something that is not the segment it described.
    #[error("the {kind} segment handed over is not as described: {what}")]
    NotAsDescribed {
        /// Kind described.
        kind: Kind,
        /// What differs.
        what: String,
    },
}

/// Turns a system's error into ours.
pub(super) fn refused<E: fmt::Display>(
    grant: &Grant,
    step: &'static str,
) -> impl FnOnce(E) -> SegmentError + use<E> {
    let (kind, bytes) = (grant.kind, grant.bytes);
    move |cause| SegmentError::Refused { kind, bytes, step, cause: cause.to_string() }
}
