//! What a hub is made for, and what a worker needs to become its spoke.

use std::os::fd::OwnedFd;

use shm::{Kind, Pages};

use crate::error::TransportError;

/// A descriptor's word for a length has 32 bits.
pub(crate) const MAX_LIST_ITEMS: usize = u32::MAX as usize;
/// Tasks in flight per worker.
const MAX_DEPTH: usize = 1 << 16;
const MAX_WORKERS: usize = 1 << 10;
const MAX_RESIDENTS: usize = 1 << 16;

/// What a hub is made for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    /// Name of the wake-up; one of [`Transport::wakeups`].
    pub wakeup: String,
    /// Kind of the segment, where there is one.
    pub segment: Kind,
    /// What pages it is asked to be made of.
    pub pages: Pages,
    /// Workers that may be attached.
    pub workers: usize,
    /// Tasks in flight per worker.
    pub depth: usize,
    /// Items of the longest list; 0 where no task has one.
    pub max_list_items: usize,
    /// Items of the longest list that an answer may have; 0 where no answer has one. A segment has room
    /// for two for each task in flight: the one is built while the other is read.
    pub max_answer_items: usize,
    /// Lists that are placed once and stay.
    pub max_residents: usize,
    /// Whether workers run on other cores than the coordinator: both sides can then work on one
    /// list at the same time.
    pub cross_core: bool,
}

impl Setup {
    /// Refuses what a descriptor's words cannot say, and what no memory holds.
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

/// What a worker needs to become a spoke.
#[derive(Debug)]
pub struct Handover {
    /// The transport's own plan, as JSON.
    pub plan: String,
    /// Descriptors, in an order that the plan knows.
    pub fds: Vec<OwnedFd>,
}
