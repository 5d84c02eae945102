//! What a hub is made for, and what a worker needs to become its spoke.

use std::os::fd::OwnedFd;

use shm::{Kind, Pages};

use crate::error::TransportError;

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
    pub room: usize,
    /// Items of the longest list that an answer may have; 0 where no answer has one. A segment has room
    /// for two for each task in flight: the one is built while the other is read.
    pub answer: usize,
    /// Lists that are placed once and stay.
    pub residents: usize,
    /// Whether workers run on other cores than the coordinator: both sides can then work on one
    /// list at the same time.
    pub apart: bool,
}

impl Setup {
    /// Refuses answers of more items than a reply's words can say.
    pub(crate) fn check(&self) -> Result<(), TransportError> {
        let room = u32::MAX as usize;
        let items = self.answer;
        if items > room { Err(TransportError::TooLong { items, room }) } else { Ok(()) }
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
