//! The list of one task, as its sender gives it.

use std::ops::Range;

use shm::{Resident, Slot};

/// The list of one task.
#[derive(Debug)]
pub enum List<'a> {
    /// None: the task is its words.
    None,
    /// To be copied from here. Until its task was answered it must lie still: some transports copy
    /// it, or let the worker copy it, only then. A list that was changed or freed meanwhile harms
    /// nobody, but its answer may be wrong, or a failure.
    Copy(&'a [i64]),
    /// Built in the room that [`Hub::reserve`] gave.
    Built(ListBuffer),
    /// This part of a list that [`Hub::place`] left in the segment.
    Resident(&'a Resident, Range<usize>),
}

/// Room to build one list in, where the transport takes it from.
#[derive(Debug)]
pub enum ListBuffer {
    /// In the shared segment.
    Slot(Slot),
    /// In the coordinator's own memory.
    Buffer(Vec<i64>),
}

impl ListBuffer {
    /// The list's items; what an earlier list left may still be there.
    pub fn items_mut(&mut self) -> &mut [i64] {
        match self {
            ListBuffer::Slot(slot) => slot.items_mut(),
            ListBuffer::Buffer(items) => items,
        }
    }
}

/// A task that was sent and never answered.
#[derive(Debug)]
pub struct UnansweredTask {
    /// Its number.
    pub task: u32,
    /// The room that its list was built in ([`List::Built`]), as it was sent and to be sent again.
    pub room: Option<ListBuffer>,
}
