//! The list of one task, as its sender gives it.

use std::ops::Range;

use shm::{Resident, Slot};

/// The list of one task.
#[derive(Debug)]
pub enum List<'a> {
    /// No list: the task has its argument only.
    None,
    /// To be copied from here. The list must not change or move until its task was answered: some
    /// transports copy it only then, or let the worker copy it. If it does, nothing unsound
    /// happens, but the answer can be wrong or a failure.
    Copy(&'a [i64]),
    /// Built in the buffer that [`crate::Hub::reserve`] returned.
    Built(ListBuffer),
    /// A range of a list that [`crate::Hub::place`] left in the segment.
    Resident(&'a Resident, Range<usize>),
}

/// A buffer to build one list in, in the memory from which the transport takes it.
#[derive(Debug)]
pub enum ListBuffer {
    /// In the shared segment.
    Slot(Slot),
    /// In the coordinator's own memory.
    Buffer(Vec<i64>),
}

impl ListBuffer {
    /// The list's items. They can still have the values of an earlier list.
    pub fn items_mut(&mut self) -> &mut [i64] {
        match self {
            ListBuffer::Slot(slot) => slot.items_mut(),
            ListBuffer::Buffer(items) => items,
        }
    }
}

/// A task that was sent and not answered.
#[derive(Debug)]
pub struct UnansweredTask {
    /// Its number.
    pub task: u32,
    /// The buffer that its list was built in ([`List::Built`]), unchanged and ready to be sent
    /// again.
    pub room: Option<ListBuffer>,
}
