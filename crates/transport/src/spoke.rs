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
    /// The message is not valid, or a system call failed. The spoke cannot be used any more.
    fn recv(&mut self) -> Result<Received<'_>, TransportError>;

    /// Answers the task that was received last. The first `items` items of its [`Incoming::room`]
    /// go with the answer. The stamps `received` and `decoded` of a traced task come from
    /// [`Incoming`]; `replied` is set here.
    ///
    /// # Errors
    /// The coordinator has closed its end, or a system call failed.
    ///
    /// # Panics
    /// If `items` is more than the room holds.
    fn reply(&mut self, reply: Reply, items: usize) -> Result<(), TransportError>;

    /// As [`crate::Hub::pages`], for this side's mapping.
    fn pages(&self) -> Option<MappedPages> {
        None
    }
}

/// The result of a spoke's wait.
#[derive(Debug)]
pub enum Received<'a> {
    /// A task.
    Task(Incoming<'a>),
    /// Nothing came for a while. Shared memory has no end of file: the caller checks whether the
    /// coordinator still lives, and waits again.
    Idle,
    /// The coordinator has closed its end.
    Closed,
}

/// A received task. It borrows the spoke until the reply.
#[derive(Debug)]
pub struct Incoming<'a> {
    /// Its number, job and argument.
    pub task: Task,
    /// Its list, which is empty if it has none; or why the list was refused. A job need not read
    /// all of it.
    pub list: Result<IncomingList<'a>, Box<Failure>>,
    /// A buffer for the answer's list, [`crate::Setup::max_answer_items`] items long. It can still
    /// have the values of an earlier answer.
    pub room: &'a mut [i64],
    /// When it was received and decoded, in clock ticks; zero unless the task is traced.
    pub stamps: [u64; 2],
}
