//! The coordinator's half of a transport.

use std::sync::Arc;
use std::time::Duration;

use measure::Timeline;
use shm::{MappedPages, Resident};

use crate::alarm::Alarm;
use crate::error::TransportError;
use crate::list::{List, ListBuffer, UnansweredTask};
use crate::message::{Reply, Task};
use crate::residency::Residency;
use crate::setup::Handover;

/// The coordinator's half of a transport. It owns all workers.
pub trait Hub: Send {
    /// Makes the link to worker number `worker`, and what that worker needs for its end.
    ///
    /// # Errors
    /// The system refused.
    fn attach(&mut self, worker: usize) -> Result<Handover, TransportError>;

    /// Forgets the link, and gives back its tasks in flight in the order in which they were sent:
    /// only the first can have begun. What else they held is freed.
    ///
    /// Only after the worker was reaped: until then it might still read and write. And only after
    /// [`Hub::recv`] told what it had answered: an answer that nobody collected is lost, and its
    /// task is among these.
    fn detach(&mut self, worker: usize) -> Vec<UnansweredTask>;

    /// Room for a list of `items` items, to be filled and then sent as [`List::Built`].
    ///
    /// # Errors
    /// It is longer than the room of [`Setup`], or all rooms are taken.
    fn reserve(&mut self, items: usize) -> Result<ListBuffer, TransportError>;

    /// Copies a list into the segment once, for any number of tasks.
    ///
    /// # Errors
    /// As [`Hub::reserve`]; a transport without [`Residency::Resident`] always refuses.
    fn place(&mut self, list: &[i64]) -> Result<Resident, TransportError>;

    /// Sends one task. A phase task's stamps up to `Sent` are noted in `timeline`.
    ///
    /// A worker that has closed its end is no error here: [`Hub::recv`] tells that, after what it
    /// had answered, and [`Hub::detach`] gives the task back.
    ///
    /// # Errors
    /// The task was not sent, and its worker will not do it: no such worker is attached ([`TransportError::Disconnected`]), as many tasks as
    /// [`Setup::depth`] are in flight, the list does not fit, or the system failed. Where it failed after
    /// a part had been written, [`Hub::recv`] tells [`HubEvent::Broken`].
    fn send(
        &mut self,
        worker: usize,
        task: &Task,
        list: List<'_>,
        timeline: Option<&mut Timeline>,
    ) -> Result<(), TransportError>;

    /// How long a worker may take nothing while [`Hub::send`] waits for it; for ever unless said.
    /// Whoever stays longer is sent nothing any more: what it was sent, be it in part, stays in flight
    /// until [`Hub::detach`] gives it back. A transport whose send never waits has no use for it.
    fn set_stall(&mut self, _limit: Duration) {}

    /// From here to [`Hub::uncork`], tasks sent to `worker` may wait, so that several small ones
    /// cost one wake-up or one write. Their order is kept, and they count as in flight.
    ///
    /// Uncork before you wait: [`Hub::recv`] lets nothing go, and would wait for the answer to a
    /// task that nobody has heard of.
    fn cork(&mut self, worker: usize);

    /// Lets go what waits since [`Hub::cork`].
    ///
    /// # Errors
    /// The system failed. A worker that has closed its end is none, as in [`Hub::send`].
    fn uncork(&mut self, worker: usize) -> Result<(), TransportError>;

    /// Waits for whatever comes first; without `patience` for as long as it takes.
    ///
    /// # Errors
    /// The system failed in a way that concerns no single worker.
    fn recv(&mut self, patience: Option<Duration>) -> Result<HubEvent, TransportError>;

    /// Tasks sent to `worker` and not answered.
    fn in_flight(&self, worker: usize) -> usize;

    /// Whether a list of that many bytes, there before its task, is still sent or fetched while its
    /// worker has begun.
    fn overlaps(&self, bytes: usize, residency: Residency) -> bool;

    /// Bytes that the smallest stream to a worker holds while nobody reads; nothing where there is none.
    fn buffer_bytes(&self) -> Option<usize> {
        None
    }

    /// Bytes so far, to workers and back, that no kernel counts as written: descriptors put into
    /// rings, and pages put into pipes.
    fn uncounted_bytes(&self) -> (u64, u64) {
        (0, 0)
    }

    /// What the kernel says of this side's mapping of the lists; nothing where there is none, or where
    /// it does not tell.
    fn pages(&self) -> Option<MappedPages> {
        None
    }

    /// Ends a wait from outside.
    fn alarm(&self) -> Arc<Alarm>;
}

/// What a hub's wait ended with.
#[derive(Debug, PartialEq)]
pub enum HubEvent {
    /// An answer.
    Reply {
        /// From whom.
        worker: usize,
        /// What.
        reply: Reply,
    },
    /// This worker's end is closed.
    Disconnected {
        /// Whose.
        worker: usize,
    },
    /// The system failed after a part of a task was written to this worker: it waits for the rest, which
    /// will not come, and must be ended. [`Hub::detach`] gives back what else it was sent.
    Broken {
        /// The worker's number.
        worker: usize,
        /// What the system said.
        what: String,
    },
    /// This worker answered what nobody asked: it must be ended.
    ProtocolViolation {
        /// Who.
        worker: usize,
        /// What it said.
        what: String,
    },
    /// Somebody raised the [`Alarm`].
    Alarm,
    /// Patience ended.
    TimedOut,
}
