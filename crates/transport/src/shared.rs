//! Leaves the list in a shared segment and sends only which slot: thirty-two bytes, whatever the
//! list's length.
//!
//! Ledger per task: place 1 copy (into the segment), resident 0; no read or write at all with
//! futex, event, spin or hybrid; 1 write and 1 read at each side with the pipe wake-up, 1 write with
//! eventfd. A ring of descriptors each way, a bell each way. An answer's list: no copy, it is
//! read in the segment in which its worker built it; 1 where the caller takes it out, or keeps many.
//!
//! To another core a list of 32 KiB or more is placed in pieces: its task is sent after the first, and
//! the worker reads behind a watermark while the others are written.

mod hub;
mod link;
mod spoke;

use serde::{Deserialize, Serialize};
use shm::wakeup::{self, BELL_BYTES, WaitStrategy, Wakeup};
use shm::watermark::WATERMARK_BYTES;
use shm::{Grant, results, ring};

use crate::{Handover, Hub, Ledger, Residency, Setup, Spoke, Transport, TransportError};

pub(crate) struct Shared;

impl Transport for Shared {
    fn name(&self) -> &'static str {
        "shared"
    }
    fn ledger(&self) -> Ledger {
        Ledger { copies: 1, writes: 0, reads: 0 }
    }
    fn residencies(&self) -> &'static [Residency] {
        Residency::ALL
    }
    fn wakeups(&self) -> Vec<(&'static str, WaitStrategy)> {
        wakeup::ALL.iter().map(|wakeup| (wakeup.name(), wakeup.wait_strategy())).collect()
    }
    fn has_segment(&self) -> bool {
        true
    }
    fn hub(&'static self, setup: &Setup) -> Result<Box<dyn Hub>, TransportError> {
        Ok(Box::new(hub::SharedHub::new(setup)?))
    }
    fn spoke(&self, handover: Handover) -> Result<Box<dyn Spoke>, TransportError> {
        Ok(Box::new(spoke::SharedSpoke::new(handover)?))
    }
}

/// What a worker is told beside its descriptors, which follow in the order of the fields.
#[derive(Serialize, Deserialize)]
struct Plan {
    wakeup: String,
    entries: usize,
    room: usize,
    /// How many places for answers' lists, and for how many items each.
    places: usize,
    answer: usize,
    lists: Option<Grant>,
    answers: Option<Grant>,
    control: Grant,
    bell: Grant,
    /// Whether the worker's waiting end and its end of the hub's bell have descriptors.
    wait_fd: bool,
    ring_fd: bool,
}

/// Where things lie in a worker's control segment.
struct Layout {
    tasks: usize,
    replies: usize,
    bell: usize,
    /// The bell from this worker alone, where there is a stand-in for the hub's.
    back: usize,
    watermark: usize,
    results: usize,
    bytes: usize,
}

impl Layout {
    fn new(entries: usize) -> Layout {
        let tasks = 0;
        let replies = tasks + ring::bytes(entries);
        let bell = replies + ring::bytes(entries);
        let back = bell + BELL_BYTES;
        let watermark = back + BELL_BYTES;
        let results = watermark + WATERMARK_BYTES;
        let bytes = results + results::bytes(entries);
        Layout { tasks, replies, bell, back, watermark, results, bytes }
    }
}

fn wakeup_by_name(name: &str) -> Result<&'static dyn Wakeup, TransportError> {
    wakeup::by_name(name).ok_or_else(|| TransportError::NoSuchAxis {
        transport: "shared",
        what: format!("wake-up `{name}`"),
        has: wakeup::ALL.iter().map(|wakeup| wakeup.name()).collect::<Vec<_>>().join(", "),
    })
}
