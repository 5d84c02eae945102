//! What either side is set up for, and what it may ask for.

use shm::descriptor::DESCRIPTOR_BYTES;
use shm::{Descriptor, Kind, Pages};
use transport::{Setup, Task, Value};

/// Items of a list, and of an answer's list, at most.
pub(crate) const ROOM: usize = 100;
pub(crate) const ANSWER: usize = 50;
/// Tasks in flight, and lists that stay.
pub(crate) const DEPTH: usize = 4;
pub(crate) const RESIDENTS: usize = 1;
/// Bytes that either side may allocate at once for one input, whatever lengths it claims: a few
/// lists.
pub(crate) const MAX_BYTES: u64 = 64 * 1024;
/// The marks in a descriptor's flags that a list, or a payload, is there.
pub(crate) const LIST: u8 = 1;
pub(crate) const PAYLOAD: u8 = 16;
/// The mark of a frame that only wakes a hub.
pub(crate) const KNOCK: u8 = 64;

pub(crate) fn setup(wakeup: &str) -> Setup {
    Setup {
        wakeup: wakeup.into(),
        segment: Kind::Memfd,
        pages: Pages::Ready,
        workers: 1,
        depth: DEPTH,
        max_list_items: ROOM,
        max_answer_items: ANSWER,
        max_residents: RESIDENTS,
        cross_core: false,
    }
}

pub(crate) fn task(id: u32) -> Task {
    Task { id, job: 0, arg: Value::Int(0), phase: false, park: false }
}

pub(crate) fn descriptor(bytes: &[u8; DESCRIPTOR_BYTES]) -> Descriptor {
    Descriptor::from_words(bytemuck::pod_read_unaligned(bytes))
}

/// Runs `work`, which asks for `most` bytes at once at most.
pub(crate) fn bounded<T>(most: u64, work: impl FnOnce() -> T) -> T {
    let mut result = None;
    let counted = allocation_counter::measure(|| result = Some(work()));
    assert!(counted.bytes_max <= most, "{} bytes of memory for one input", counted.bytes_max);
    result.expect("it ran")
}
