//! Carries a task to a worker and its reply back: one file per way.
//!
//! A [`Hub`] is the coordinator's half and owns all workers; a [`Spoke`] is one worker's half. Both
//! move bytes and know nothing of processes, jobs or death: who lives is the pool's business.
//!
//! To add a way: one file that implements [`Transport`], and one line in [`ALL`]. The conformance
//! suite, the sweeps and the record take it from there.
#![forbid(unsafe_code)]

mod error;
mod inflow;
pub mod message;
mod pipe;
mod pipe_serde;
mod shared;
mod socket;
pub mod stream;
mod vm_read;
mod vmsplice;

use std::fmt;
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::time::Duration;

use measure::Timeline;
use shm::wakeup::{Ringer, WaitStrategy};
use shm::{Got, Kind, Pages, Slot};

pub use error::TransportError;
pub use inflow::Inflow;
pub use message::{Failure, Reply, Task, Value, What};
pub use shm::{AnswerList, Resident};

/// Every transport.
pub static ALL: &[&dyn Transport] = &[
    &pipe::PIPE,
    &pipe_serde::PIPE_SERDE,
    &socket::SOCKET,
    &vmsplice::VMSPLICE,
    &vm_read::VM_READ,
    &shared::Shared,
];

/// The transport of that name.
pub fn by_name(name: &str) -> Option<&'static dyn Transport> {
    ALL.iter().copied().find(|transport| transport.name() == name)
}

/// Where a list is before its task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Residency {
    /// In memory of the coordinator's own: it is copied for each task.
    Place,
    /// Nowhere: it is produced for each task, where the transport takes it from.
    Build,
    /// In the segment: it was placed once, and each task says only which part.
    Resident,
}

impl Residency {
    /// All of them.
    pub const ALL: &[Residency] = &[Residency::Place, Residency::Build, Residency::Resident];

    /// The word on the command line and in records.
    pub fn name(self) -> &'static str {
        match self {
            Residency::Place => "place",
            Residency::Build => "build",
            Residency::Resident => "resident",
        }
    }
}

impl fmt::Display for Residency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Residency {
    type Err = String;
    fn from_str(text: &str) -> Result<Residency, String> {
        let names: Vec<_> = Residency::ALL.iter().map(|residency| residency.name()).collect();
        Residency::ALL.iter().copied().find(|residency| residency.name() == text).ok_or_else(|| {
            format!("no residency is called `{text}`; there are {}", names.join(", "))
        })
    }
}

/// What one task costs the coordinator, for a list that fits whole into what carries it, one task
/// at a time, with the transport's first wake-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ledger {
    /// Copies of the list from the coordinator's memory to the worker's, the kernel's included.
    pub copies: u32,
    /// System calls that write.
    pub writes: u32,
    /// System calls that read.
    pub reads: u32,
}

/// One way of carrying tasks.
pub trait Transport: Sync {
    /// The name on the command line and in records.
    fn name(&self) -> &'static str;

    /// Its costs, as it states them; the conformance suite holds the kernel's counts against it.
    fn ledger(&self) -> Ledger;

    /// Where lists can be.
    fn residencies(&self) -> &'static [Residency];

    /// How a waiting side can be woken: names and regimes, the default first.
    fn wakeups(&self) -> Vec<(&'static str, WaitStrategy)>;

    /// Whether lists lie in a segment, so that its kind is an axis.
    fn has_segment(&self) -> bool;

    /// The coordinator's half.
    ///
    /// # Errors
    /// The system refused, or `setup` names an axis that this transport does not have.
    fn hub(&'static self, setup: &Setup) -> Result<Box<dyn Hub>, TransportError>;

    /// A worker's half, from what [`Hub::attach`] gave.
    ///
    /// # Errors
    /// What came is not what this transport hands over.
    fn spoke(&self, handover: Handover) -> Result<Box<dyn Spoke>, TransportError>;
}

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
    fn check(&self) -> Result<(), TransportError> {
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

/// Room to build one list in, where the transport takes it from.
#[derive(Debug)]
pub enum Room {
    /// In the shared segment.
    Slot(Slot),
    /// In the coordinator's own memory.
    Buffer(Vec<i64>),
}

impl Room {
    /// The list's items; what an earlier list left may still be there.
    pub fn items_mut(&mut self) -> &mut [i64] {
        match self {
            Room::Slot(slot) => slot.items_mut(),
            Room::Buffer(items) => items,
        }
    }
}

/// A task that was sent and never answered.
#[derive(Debug)]
pub struct Unanswered {
    /// Its number.
    pub task: u32,
    /// The room that its list was built in ([`List::Built`]), as it was sent and to be sent again.
    pub room: Option<Room>,
}

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
    Built(Room),
    /// This part of a list that [`Hub::place`] left in the segment.
    Resident(&'a Resident, Range<usize>),
}

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
    fn detach(&mut self, worker: usize) -> Vec<Unanswered>;

    /// Room for a list of `items` items, to be filled and then sent as [`List::Built`].
    ///
    /// # Errors
    /// It is longer than the room of [`Setup`], or all rooms are taken.
    fn reserve(&mut self, items: usize) -> Result<Room, TransportError>;

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
    /// Nothing was sent: no such worker is attached ([`TransportError::Gone`]), as many tasks as
    /// [`Setup::depth`] are in flight, the list does not fit, or the system failed.
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
    fn recv(&mut self, patience: Option<Duration>) -> Result<Arrival, TransportError>;

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
    fn pages(&self) -> Option<Got> {
        None
    }

    /// Ends a wait from outside.
    fn alarm(&self) -> Arc<Alarm>;
}

/// What a hub's wait ended with.
#[derive(Debug, PartialEq)]
pub enum Arrival {
    /// An answer.
    Reply {
        /// From whom.
        worker: usize,
        /// What.
        reply: Reply,
    },
    /// This worker's end is closed.
    Gone {
        /// Whose.
        worker: usize,
    },
    /// This worker answered what nobody asked: it must be ended.
    Lie {
        /// Who.
        worker: usize,
        /// What it said.
        what: String,
    },
    /// Somebody raised the [`Alarm`].
    Alarm,
    /// Patience ended.
    Nothing,
}

/// Rings a hub out of its wait: shared memory has no end of file.
#[derive(Debug)]
pub struct Alarm {
    raised: AtomicBool,
    ringer: Option<Box<dyn Ringer>>,
}

impl Alarm {
    /// An alarm that rings `ringer`; none where the hub hears of everything by itself.
    pub fn new(ringer: Option<Box<dyn Ringer>>) -> Arc<Alarm> {
        Arc::new(Alarm { raised: AtomicBool::new(false), ringer })
    }

    /// The hub's wait, this one or the next, ends with [`Arrival::Alarm`].
    pub fn raise(&self) {
        // Release: what the raiser noted down before is seen by whoever finds the alarm raised.
        self.raised.store(true, Release);
        if let Some(ringer) = &self.ringer {
            ringer.ring();
        }
    }

    /// Has a hub that sleeps look around, though nothing may have come: whoever owns a hub that waits
    /// without patience does this now and then ([`shm::wakeup::LOOK_AROUND`]), since a worker that lies
    /// can make its hub sleep on.
    pub fn nudge(&self) {
        if let Some(ringer) = &self.ringer {
            ringer.nudge();
        }
    }

    /// Whether it is raised.
    pub fn raised(&self) -> bool {
        self.raised.load(Acquire)
    }

    /// Takes it down; says whether it was raised.
    pub fn take(&self) -> bool {
        self.raised.load(Acquire) && self.raised.swap(false, Acquire)
    }
}

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
    fn pages(&self) -> Option<Got> {
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
    pub list: Result<Inflow<'a>, Box<Failure>>,
    /// Room for the list of its answer, [`Setup::answer`] items long; what an earlier answer left
    /// may still be there.
    pub room: &'a mut [i64],
    /// When it was received and decoded, for phase tasks.
    pub stamps: [u64; 2],
}
