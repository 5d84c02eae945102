//! A worker's half of a transport.

use shm::MappedPages;

use crate::error::TransportError;
use crate::incoming_list::IncomingList;
use crate::message::{Failure, Reply, Task};

/// A worker's half of a transport.
pub trait Spoke: Send {
    /// Waits for the next task.
    ///
    /// # Errors
    /// The frame cannot be understood, or the system failed: this spoke is of no more use.
    fn recv(&mut self) -> Result<Received<'_>, TransportError>;

    /// Answers the task received last; the first `items` items of its [`Incoming::room`] go with the
    /// answer. `received` and `decoded` of a phase task's stamps come from [`Incoming`]; `replied` is
    /// noted here.
    ///
    /// # Errors
    /// The coordinator's end is closed, or the system failed.
    ///
    /// # Panics
    /// If `items` is more than the room holds.
    fn reply(&mut self, reply: Reply, items: usize) -> Result<(), TransportError>;

    /// As [`Hub::pages`], of this side's mapping.
    fn pages(&self) -> Option<MappedPages> {
        None
    }
}

/// What a spoke's wait ended with.
#[derive(Debug)]
pub enum Received<'a> {
    /// A task.
    Task(Incoming<'a>),
    /// Nothing, for a while. Shared memory has no end of file: whoever waits must look by itself
    /// whether there is still a coordinator.
    Idle,
    /// The coordinator's end is closed.
    Closed,
}

/// A task as the worker has it. Using it ends before the reply.
#[derive(Debug)]
pub struct Incoming<'a> {
    /// Its words.
    pub task: Task,
    /// Its list, empty if it has none; or why it was refused. What a job does not ask for does not
    /// hold up the next task.
    pub list: Result<IncomingList<'a>, Box<Failure>>,
    /// Room for the list of its answer, [`Setup::max_answer_items`] items long; what an earlier answer left
    /// may still be there.
    pub room: &'a mut [i64],
    /// When it was received and decoded, for phase tasks.
    pub stamps: [u64; 2],
}
