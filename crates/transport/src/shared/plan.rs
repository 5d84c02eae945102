//! What a worker is told of its link, and where things lie in its control segment.

use serde::{Deserialize, Serialize};
use shm::wakeup::{self, DOORBELL_BYTES, Wakeup};
use shm::watermark::WATERMARK_BYTES;
use shm::{Grant, payloads, ring};

use crate::error::TransportError;

/// What a worker is told beside its descriptors, which follow in the order of the fields.
#[derive(Serialize, Deserialize)]
pub(super) struct Plan {
    pub(super) wakeup: String,
    pub(super) entries: usize,
    pub(super) room: usize,
    /// How many places for answers' lists, and for how many items each.
    pub(super) places: usize,
    pub(super) answer: usize,
    pub(super) lists: Option<Grant>,
    pub(super) answers: Option<Grant>,
    pub(super) control: Grant,
    pub(super) bell: Grant,
    /// Whether the worker's waiting end and its end of the hub's bell have descriptors.
    pub(super) wait_fd: bool,
    pub(super) ring_fd: bool,
}

/// Where things lie in a worker's control segment.
pub(super) struct Layout {
    pub(super) tasks: usize,
    pub(super) replies: usize,
    pub(super) bell: usize,
    /// The bell from this worker alone, where there is a stand-in for the hub's.
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
