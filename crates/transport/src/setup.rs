//! The parameters of a hub, and the handover that makes a spoke.

use std::os::fd::OwnedFd;

use shm::{Kind, Pages};

use crate::error::TransportError;

/// Items of a list: a descriptor has 32 bits for its length.
pub(crate) const MAX_LIST_ITEMS: usize = u32::MAX as usize;
/// Tasks in flight per worker.
const MAX_DEPTH: usize = 1 << 16;
const MAX_WORKERS: usize = 1 << 10;
const MAX_RESIDENTS: usize = 1 << 16;

/// The parameters of a hub. All sizes are limits, for which memory is reserved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    /// Name of the wake-up; one of [`crate::Transport::wakeups`].
    pub wakeup: String,
    /// Kind of the segment, where there is one.
    pub segment: Kind,
    /// Pages that the segment is asked for.
    pub pages: Pages,
    /// Workers that may be attached.
    pub workers: usize,
    /// Tasks in flight per worker.
    pub depth: usize,
    /// Items of the longest list of a task; 0 if no task has one.
    pub max_list_items: usize,
    /// Items of the longest list of an answer; 0 if no answer has one. A segment has two slots of
    /// this length for each task in flight: one is written while the other is read.
    pub max_answer_items: usize,
    /// Resident lists, placed once with [`crate::Hub::place`].
    pub max_residents: usize,
    /// Whether workers run on other cores than the coordinator, so that both sides can work on one
    /// list at the same time.
    pub cross_core: bool,
}

impl Setup {
    /// Refuses sizes that a descriptor cannot express or that would exhaust memory.
    pub(crate) fn check(&self) -> Result<(), TransportError> {
        let limits = [
            ("items in a list", self.max_list_items, MAX_LIST_ITEMS),
            ("items in an answer's list", self.max_answer_items, MAX_LIST_ITEMS),
            ("tasks in flight", self.depth, MAX_DEPTH),
            ("workers", self.workers, MAX_WORKERS),
            ("resident lists", self.max_residents, MAX_RESIDENTS),
        ];
        match limits.into_iter().find(|(_, asked, max)| asked > max) {
            Some((what, asked, max)) => Err(TransportError::TooLarge { what, asked, max }),
            None => Ok(()),
        }
    }
}

/// What a worker needs to make its spoke.
#[derive(Debug)]
pub struct Handover {
    /// The transport's plan of the link, as JSON.
    pub plan: String,
    /// Descriptors, in the order that the plan implies.
    pub fds: Vec<OwnedFd>,
}
