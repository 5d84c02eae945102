//! A batch, and what the kernel counted around it.

use measure::counters::{Io, Usage};

use super::exchange::Batch;

/// A batch, and what the kernel counted around it.
pub(crate) struct BatchCounters {
    pub(crate) batch: Batch,
    /// Of this thread, over the batch's own tasks.
    pub(crate) io: Option<Io>,
    pub(crate) usage: Usage,
    pub(crate) tasks: u64,
    /// Bytes put into rings to workers, over the batch's own tasks.
    pub(crate) rung_out: u64,
    /// Of the workers, over all tasks since they were unparked.
    pub(crate) workers: Usage,
    pub(crate) workers_io: Option<Io>,
    pub(crate) rung_back: u64,
    pub(crate) tasks_unparked: u64,
    pub(crate) overlap: bool,
    pub(crate) buffer_bytes: Option<usize>,
    /// Which process could run elsewhere than where it was pinned, in words.
    pub(crate) migrated: Option<String>,
}
