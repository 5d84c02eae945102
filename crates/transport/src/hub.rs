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

/// The coordinator's half of a transport: one object for all workers.
///
/// For each worker it has a link, and in the link a ledger of the tasks in flight (sent and not yet
/// answered) and of what each of them holds.
pub trait Hub: Send {
    /// Makes the link to worker number `worker`, and returns what that worker needs for its end.
    ///
    /// # Errors
    /// `worker` is not less than [`crate::Setup::workers`], or is attached already
    /// ([`TransportError::NoPlace`]); or a system call failed.
    fn attach(&mut self, worker: usize) -> Result<Handover, TransportError>;

    /// Removes the link, and returns its tasks in flight in the order in which they were sent. Only
    /// the first can have begun. Everything else they held is freed.
    ///
    /// Call it after the worker was reaped, since it can read and write until then; and after
    /// [`Hub::recv`] has returned what it had answered, since an answer that was not received is
    /// lost and its task is returned as unanswered.
    fn detach(&mut self, worker: usize) -> Vec<UnansweredTask>;

    /// A buffer for a list of `items` items, to be filled and then sent as [`List::Built`].
    ///
    /// # Errors
    /// `items` exceeds [`crate::Setup::max_list_items`], or all buffers are in use.
    fn reserve(&mut self, items: usize) -> Result<ListBuffer, TransportError>;

    /// Copies a list into the segment once, for any number of tasks.
    ///
    /// # Errors
    /// As [`Hub::reserve`]. A transport without [`Residency::Resident`] always refuses.
    fn place(&mut self, list: &[i64]) -> Result<Resident, TransportError>;

    /// Sends one task. The stamps of a traced task, up to `Sent`, are written to `timeline`.
    ///
    /// A worker that has closed its end is no error here: [`Hub::recv`] returns
    /// [`HubEvent::Disconnected`] after the answers of that worker, and [`Hub::detach`] returns the
    /// task.
    ///
    /// # Errors
    /// The task was not sent, and the worker will not do it: no such worker is attached
    /// ([`TransportError::Disconnected`]), [`crate::Setup::depth`] tasks are in flight, the list is too
    /// long, or a system call failed. If a part of the task had been written by then, [`Hub::recv`]
    /// returns [`HubEvent::Broken`].
    fn send(
        &mut self,
        worker: usize,
        task: &Task,
        list: List<'_>,
        timeline: Option<&mut Timeline>,
    ) -> Result<(), TransportError>;

    /// How long [`Hub::send`] waits for a worker that reads nothing; without a limit until this is
    /// called.
    ///
    /// After the limit nothing more is written to that worker. Its tasks, also one that was written
    /// in part, stay in flight until [`Hub::detach`] returns them. No effect for a transport whose
    /// `send` never waits.
    fn set_stall(&mut self, _limit: Duration) {}

    /// Lets tasks for `worker` wait until [`Hub::uncork`], so that several small ones cost one
    /// wake-up or one write (as TCP_CORK does). Their order is kept, and they count as in flight.
    ///
    /// Uncork before you wait: [`Hub::recv`] sends nothing, and would wait for the answer to a task
    /// that was not sent.
    fn cork(&mut self, worker: usize);

    /// Sends the tasks that wait since [`Hub::cork`].
    ///
    /// # Errors
    /// A system call failed. A worker that has closed its end is no error, as in [`Hub::send`].
    fn uncork(&mut self, worker: usize) -> Result<(), TransportError>;

    /// Waits for the next event: at most about `timeout`, or as long as it takes without one.
    ///
    /// # Errors
    /// A system call failed in a way that concerns no single worker.
    fn recv(&mut self, timeout: Option<Duration>) -> Result<HubEvent, TransportError>;

    /// Number of tasks that were sent to `worker` and not answered.
    fn in_flight(&self, worker: usize) -> usize;

    /// Whether a worker starts on a list of `bytes` bytes while the rest of it is still being sent
    /// or fetched.
    fn overlaps(&self, bytes: usize, residency: Residency) -> bool;

    /// Capacity in bytes of the smallest stream to a worker; `None` where there is no stream.
    fn buffer_bytes(&self) -> Option<usize> {
        None
    }

    /// Bytes so far, to workers and from them, that /proc/PID/io does not count: descriptors in
    /// rings, and pages spliced into pipes.
    fn uncounted_bytes(&self) -> (u64, u64) {
        (0, 0)
    }

    /// The kernel's figures for this side's mapping of the lists; `None` where there is no mapping
    /// or no figures.
    fn pages(&self) -> Option<MappedPages> {
        None
    }

    /// The handle that ends a wait of this hub from another thread.
    fn alarm(&self) -> Arc<Alarm>;
}

/// The event that ended a hub's wait.
#[derive(Debug, PartialEq)]
pub enum HubEvent {
    /// An answer.
    Reply {
        /// The worker's number.
        worker: usize,
        /// Its answer.
        reply: Reply,
    },
    /// This worker has closed its end. All its answers were returned before.
    Disconnected {
        /// The worker's number.
        worker: usize,
    },
    /// A system call failed after a part of a task was written to this worker. It waits for the
    /// rest, which will not come, and must be ended; [`Hub::detach`] returns its other tasks.
    Broken {
        /// The worker's number.
        worker: usize,
        /// What the system said.
        what: String,
    },
    /// This worker sent something that is not valid, such as an answer to a task that it was not
    /// sent. It must be ended.
    ProtocolViolation {
        /// The worker's number.
        worker: usize,
        /// What is wrong with it.
        what: String,
    },
    /// The [`Alarm`] was raised.
    Alarm,
    /// The timeout passed.
    TimedOut,
}
