//! The plan of a link, for the worker, and the layout of its control segment.

use serde::{Deserialize, Serialize};
use shm::wakeup::{self, DOORBELL_BYTES, Wakeup};
use shm::watermark::WATERMARK_BYTES;
use shm::{Grant, payloads, ring};

use crate::error::TransportError;

/// The plan of a link. It goes to the worker with descriptors, in the order of its fields.
#[derive(Serialize, Deserialize)]
pub(super) struct Plan {
    pub(super) wakeup: String,
    pub(super) entries: usize,
    pub(super) room: usize,
    /// Number of slots for answers' lists in flight, and items of each.
    pub(super) places: usize,
    pub(super) answer: usize,
    pub(super) lists: Option<Grant>,
    pub(super) answers: Option<Grant>,
    pub(super) control: Grant,
    pub(super) doorbell: Grant,
    /// Whether the worker's doorbell, and its end of the hub's, have descriptors.
    pub(super) wait_fd: bool,
    pub(super) ring_fd: bool,
}

/// Offsets in a worker's control segment, in bytes.
pub(super) struct Layout {
    pub(super) tasks: usize,
    pub(super) replies: usize,
    pub(super) bell: usize,
    /// The doorbell that this worker rings if the wake-up has a fallback.
    pub(super) back: usize,
    pub(super) watermark: usize,
    pub(super) results: usize,
    pub(super) bytes: usize,
}

impl Layout {
    pub(super) fn new(entries: usize) -> Layout {
        let tasks = 0;
        let replies = tasks + ring::bytes(entries);
        let bell = replies + ring::bytes(entries);
        let back = bell + DOORBELL_BYTES;
        let watermark = back + DOORBELL_BYTES;
        let results = watermark + WATERMARK_BYTES;
        let bytes = results + payloads::bytes(entries);
        Layout { tasks, replies, bell, back, watermark, results, bytes }
    }
}

pub(super) fn wakeup_by_name(name: &str) -> Result<&'static dyn Wakeup, TransportError> {
    wakeup::by_name(name).ok_or_else(|| TransportError::Unsupported {
        transport: "shared",
        what: format!("wake-up `{name}`"),
        has: wakeup::ALL.iter().map(|wakeup| wakeup.name()).collect::<Vec<_>>().join(", "),
    })
}
