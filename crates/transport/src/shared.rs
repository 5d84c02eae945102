//! Leaves the list in a shared segment and sends only which slot: thirty-two bytes, whatever the
//! list's length.
//!
//! Ledger per task: place 1 copy (into the segment), resident 0; no read or write at all with
//! futex, event, spin or hybrid; 1 write and 1 read at each side with the pipe wake-up. A ring of
//! descriptors each way, a bell each way.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use measure::{Stamp, Timeline, now};
use serde::{Deserialize, Serialize};
use shm::descriptor::DESCRIPTOR_BYTES;
use shm::ring::{self, Consumer, Producer};
use shm::wakeup::{self, BELL_BYTES, Regime, Ringer, Waiter, Wakeup};
use shm::{
    Descriptor, Grant, ITEM_BYTES, Kind, Lists, Resident, Segment, Slot, Slots, Span, Use, results,
};

use crate::{
    Alarm, Arrival, Failure, Handover, Hub, Incoming, Ledger, List, Received, Reply, Residency,
    Room, Setup, Spoke, Task, Transport, TransportError, What,
};

pub(crate) struct Shared;

impl Transport for Shared {
    fn name(&self) -> &'static str {
        "shared"
    }
    fn ledger(&self) -> Ledger {
        Ledger { copies: 1, writes: 0, reads: 0 }
    }
    fn residencies(&self) -> &'static [Residency] {
        Residency::ALL
    }
    fn wakeups(&self) -> Vec<(&'static str, Regime)> {
        wakeup::ALL.iter().map(|wakeup| (wakeup.name(), wakeup.regime())).collect()
    }
    fn has_segment(&self) -> bool {
        true
    }
    fn hub(&'static self, setup: &Setup) -> Result<Box<dyn Hub>, TransportError> {
        Ok(Box::new(SharedHub::new(setup)?))
    }
    fn spoke(&self, handover: Handover) -> Result<Box<dyn Spoke>, TransportError> {
        Ok(Box::new(SharedSpoke::new(handover)?))
    }
}

/// How long a side sleeps before it looks whether there is still anybody to wait for.
const LOOK_AROUND: Duration = Duration::from_millis(200);

/// Entries of a ring at least: a producer looks at the consumer's index once in so many pushes, and
/// each look is a cache miss.
const FEWEST_ENTRIES: usize = 64;

/// What a worker is told beside its descriptors, which follow in the order of the fields.
#[derive(Serialize, Deserialize)]
struct Plan {
    wakeup: String,
    entries: usize,
    room: usize,
    lists: Option<Grant>,
    control: Grant,
    bell: Grant,
    /// Whether the worker's waiting end and its end of the hub's bell have descriptors.
    wait_fd: bool,
    ring_fd: bool,
}

/// Where things lie in a worker's control segment.
struct Layout {
    tasks: usize,
    replies: usize,
    bell: usize,
    results: usize,
    bytes: usize,
}

impl Layout {
    fn new(entries: usize) -> Layout {
        let tasks = 0;
        let replies = tasks + ring::bytes(entries);
        let bell = replies + ring::bytes(entries);
        let results = bell + BELL_BYTES;
        Layout { tasks, replies, bell, results, bytes: results + results::bytes(entries) }
    }
}

fn wakeup_by_name(name: &str) -> Result<&'static dyn Wakeup, TransportError> {
    wakeup::by_name(name).ok_or_else(|| TransportError::NoSuchAxis {
        transport: "shared",
        what: format!("wake-up `{name}`"),
        has: wakeup::ALL.iter().map(|wakeup| wakeup.name()).collect::<Vec<_>>().join(", "),
    })
}

struct SharedHub {
    setup: Setup,
    wakeup: &'static dyn Wakeup,
    /// Entries of each ring: more than can be in flight, so that a result's room is never reused
    /// before it was collected.
    entries: usize,
    lists: Option<(Arc<Segment>, Slots)>,
    /// One bell for all workers.
    bell: Arc<Segment>,
    bell_ring_fd: Option<OwnedFd>,
    waiter: Box<dyn Waiter>,
    alarm: Arc<Alarm>,
    links: Vec<Option<Link>>,
    /// Whose turn it is to be looked at first, so that nobody starves.
    turn: usize,
    ring_bytes: (u64, u64),
}

/// The coordinator's ends to one worker.
struct Link {
    tasks: Producer,
    replies: Consumer,
    results: Span,
    ringer: Box<dyn Ringer>,
    /// Tasks sent and not answered, in order.
    in_flight: VecDeque<InFlight>,
}

/// A task that was sent: its number, the slot it names, and what it holds.
struct InFlight {
    task: u32,
    slot: u32,
    generation: u32,
    _held: Held,
}

/// What a task keeps from being reused until it is answered, or its worker reaped.
enum Held {
    Nothing,
    Slot { _slot: Slot },
    Resident { _list: Resident },
}

impl SharedHub {
    fn new(setup: &Setup) -> Result<SharedHub, TransportError> {
        let wakeup = wakeup_by_name(&setup.wakeup)?;
        let lists = match setup.room {
            0 => None,
            room => {
                // One slot for each task in flight, one that is being filled, and those that stay.
                let count = setup.workers * setup.depth + 1 + setup.residents;
                let too_long = TransportError::TooLong { items: room, room: u32::MAX as usize };
                let bytes = Slots::segment_bytes(count, room).ok_or(too_long)?;
                let segment = Segment::create(setup.segment, Use::Lists, bytes)?;
                Some((segment.clone(), Slots::new(segment, room)))
            }
        };
        let bell = Segment::create(Kind::Memfd, Use::Words, BELL_BYTES)?;
        let words = Span::of(&bell, 0, BELL_BYTES);
        let bell_error = TransportError::system::<std::io::Error>;
        let ends = wakeup.create(&words).map_err(bell_error("making a bell"))?;
        let waiter = wakeup.waiter(words.clone(), ends.wait).map_err(bell_error("a bell"))?;
        let again = ends.ring.as_ref().map(OwnedFd::try_clone).transpose();
        let ringer = wakeup
            .ringer(words, again.map_err(bell_error("dup of a bell"))?)
            .map_err(bell_error("a bell"))?;
        Ok(SharedHub {
            wakeup,
            entries: (setup.depth + 1).next_power_of_two().max(FEWEST_ENTRIES),
            lists,
            bell,
            bell_ring_fd: ends.ring,
            waiter,
            alarm: Alarm::new(Some(ringer)),
            links: (0..setup.workers).map(|_| None).collect(),
            turn: 0,
            ring_bytes: (0, 0),
            setup: setup.clone(),
        })
    }

    /// The oldest reply of whoever has one.
    fn take_arrival(&mut self) -> Option<Arrival> {
        let count = self.links.len();
        for step in 0..count {
            let worker = (self.turn + step) % count;
            let Some(link) = &mut self.links[worker] else {
                continue;
            };
            let Some(descriptor) = link.replies.pop() else {
                continue;
            };
            self.turn = worker + 1;
            self.ring_bytes.1 += DESCRIPTOR_BYTES as u64;
            return Some(match link.collect(&descriptor) {
                Ok(reply) => Arrival::Reply { worker, reply },
                Err(fault) => Arrival::Lie { worker, what: fault.to_string() },
            });
        }
        None
    }
}

/// Copies a list into its slot.
///
/// From 2 KiB on, memcpy is one string instruction here, and what follows it waits until every line
/// is back from the other core. Up to 8 KiB, pieces that stay below that are faster: 4 KiB placed,
/// across cores and polling, 0.45 instead of 1.29 µs a round trip; from 16 KiB on they lose.
fn fill(slot: &mut [i64], list: &[i64]) {
    const PIECE: usize = 1024 / ITEM_BYTES;
    const IN_PIECES: usize = 8 * 1024 / ITEM_BYTES;
    if list.len() > IN_PIECES {
        return slot.copy_from_slice(list);
    }
    slot.chunks_mut(PIECE).zip(list.chunks(PIECE)).for_each(|(to, from)| to.copy_from_slice(from));
}

impl Link {
    /// The reply that `descriptor` alleges, checked against the ledger; frees what its task held.
    fn collect(&mut self, descriptor: &Descriptor) -> Result<Reply, TransportError> {
        let payload = match descriptor.length {
            0 => Vec::new(),
            length => results::read(&self.results, self.replies.last_position(), length as usize),
        };
        let reply = Reply::from_descriptor(descriptor, &payload)?;
        // What a lie names stays held until the liar is reaped.
        let asked = self.in_flight.front().is_some_and(|task| {
            (task.task, task.slot, task.generation)
                == (reply.task, descriptor.slot, descriptor.generation)
        });
        if !asked {
            return Err(TransportError::Nonsense(format!("an answer to task {}", reply.task)));
        }
        self.in_flight.pop_front();
        Ok(reply)
    }
}

impl Hub for SharedHub {
    fn attach(&mut self, worker: usize) -> Result<Handover, TransportError> {
        let layout = Layout::new(self.entries);
        let control = Segment::create(Kind::Memfd, Use::Words, layout.bytes)?;
        let ring = |at| Span::of(&control, at, ring::bytes(self.entries));
        let words = Span::of(&control, layout.bell, BELL_BYTES);
        let bell_error = TransportError::system::<std::io::Error>;
        let ends = self.wakeup.create(&words).map_err(bell_error("making a bell"))?;
        let link = Link {
            tasks: Producer::new(ring(layout.tasks), self.entries),
            replies: Consumer::new(ring(layout.replies), self.entries),
            results: Span::of(&control, layout.results, results::bytes(self.entries)),
            ringer: self.wakeup.ringer(words, ends.ring).map_err(bell_error("a bell"))?,
            in_flight: VecDeque::with_capacity(self.setup.depth),
        };
        let mut fds = Vec::new();
        let mut grant = |segment: &Segment| -> Result<Grant, TransportError> {
            let (grant, fd) = segment.grant()?;
            fds.extend(fd);
            Ok(grant)
        };
        let lists = self.lists.as_ref().map(|(segment, _)| grant(segment)).transpose()?;
        let (control, bell) = (grant(&control)?, grant(&self.bell)?);
        let ring_fd = self.bell_ring_fd.as_ref().map(OwnedFd::try_clone).transpose();
        let ring_fd = ring_fd.map_err(bell_error("dup of a bell"))?;
        let plan = Plan {
            wakeup: self.setup.wakeup.clone(),
            entries: self.entries,
            room: self.setup.room,
            lists,
            control,
            bell,
            wait_fd: ends.wait.is_some(),
            ring_fd: ring_fd.is_some(),
        };
        fds.extend(ends.wait);
        fds.extend(ring_fd);
        self.links[worker] = Some(link);
        Ok(Handover { plan: serde_json::to_string(&plan).expect("a plan is plain data"), fds })
    }

    fn detach(&mut self, worker: usize) {
        self.links[worker] = None;
    }

    fn reserve(&mut self, items: usize) -> Result<Room, TransportError> {
        let room = self.setup.room;
        let too_long = TransportError::TooLong { items, room };
        let Some((_, slots)) = self.lists.as_ref().filter(|_| items <= room) else {
            return Err(too_long);
        };
        slots.reserve(items).map(Room::Slot).ok_or(TransportError::NoRoom { what: "list" })
    }

    fn place(&mut self, list: &[i64]) -> Result<Resident, TransportError> {
        match self.reserve(list.len())? {
            Room::Slot(mut slot) => {
                slot.items_mut().copy_from_slice(list);
                Ok(slot.settle())
            }
            Room::Buffer(_) => unreachable!("this hub's rooms are slots"),
        }
    }

    #[inline]
    fn send(
        &mut self,
        worker: usize,
        task: &Task,
        list: List<'_>,
        mut timeline: Option<&mut Timeline>,
    ) -> Result<(), TransportError> {
        let mut mark = |stamp| {
            if let Some(timeline) = &mut timeline {
                timeline.mark(stamp);
            }
        };
        if self.in_flight(worker) >= self.setup.depth {
            return Err(TransportError::NoRoom { what: "task" });
        }
        let mut descriptor = task.describe(!matches!(list, List::None));
        let held = match list {
            List::None => Held::Nothing,
            List::Copy(items) => {
                let Room::Slot(mut slot) = self.reserve(items.len())? else {
                    unreachable!("this hub's rooms are slots");
                };
                fill(slot.items_mut(), items);
                slot.describe(0..items.len(), &mut descriptor);
                Held::Slot { _slot: slot }
            }
            List::Built(Room::Slot(slot)) => {
                slot.describe(0..slot.items(), &mut descriptor);
                Held::Slot { _slot: slot }
            }
            List::Built(Room::Buffer(_)) => {
                return Err(TransportError::NoSuchAxis {
                    transport: "shared",
                    what: "list outside its segment".into(),
                    has: "rooms from reserve".into(),
                });
            }
            List::Resident(resident, part) => {
                resident.describe(part, &mut descriptor);
                Held::Resident { _list: resident.clone() }
            }
        };
        mark(Stamp::Filled);
        mark(Stamp::Encoded);
        let link = self.links[worker].as_mut().ok_or(TransportError::Gone)?;
        let Descriptor { task, slot, generation, .. } = descriptor;
        link.in_flight.push_back(InFlight { task, slot, generation, _held: held });
        mark(Stamp::Sent);
        // There is room: fewer tasks are in flight than the ring has entries. A peer that denies
        // it loses the task, which stays in the ledger until that peer is reaped.
        let _ = link.tasks.push(descriptor);
        link.ringer.ring();
        self.ring_bytes.0 += DESCRIPTOR_BYTES as u64;
        Ok(())
    }

    #[inline]
    fn recv(&mut self, patience: Option<Duration>) -> Result<Arrival, TransportError> {
        let mut started = None;
        loop {
            if let Some(arrival) = self.take_arrival() {
                return Ok(arrival);
            }
            if self.alarm.take() {
                return Ok(Arrival::Alarm);
            }
            let left = match patience {
                None => LOOK_AROUND,
                Some(patience) => {
                    let started: &mut Instant = started.get_or_insert_with(Instant::now);
                    let left = patience.saturating_sub(started.elapsed());
                    if left.is_zero() {
                        return Ok(Arrival::Nothing);
                    }
                    left
                }
            };
            let (links, alarm) = (&self.links, &self.alarm);
            let mut ready =
                || links.iter().flatten().any(|link| link.replies.ready()) || alarm.raised();
            self.waiter.wait(&mut ready, left.min(LOOK_AROUND));
        }
    }

    fn in_flight(&self, worker: usize) -> usize {
        self.links[worker].as_ref().map_or(0, |link| link.in_flight.len())
    }

    fn overlaps(&self, _bytes: usize) -> bool {
        false
    }

    fn ring_bytes(&self) -> (u64, u64) {
        self.ring_bytes
    }

    fn alarm(&self) -> Arc<Alarm> {
        self.alarm.clone()
    }
}

struct SharedSpoke {
    lists: Option<Lists>,
    tasks: Consumer,
    replies: Producer,
    results: Span,
    bell: Box<dyn Waiter>,
    hub: Box<dyn Ringer>,
    /// Slot and generation that the last task named: its answer names them too.
    named: (u32, u32),
}

impl SharedSpoke {
    fn new(handover: Handover) -> Result<SharedSpoke, TransportError> {
        let plan: Plan = serde_json::from_str(&handover.plan)
            .map_err(|fault| TransportError::Nonsense(format!("a plan: {fault}")))?;
        let wakeup = wakeup_by_name(&plan.wakeup)?;
        let mut fds = handover.fds.into_iter();
        let mut open = |grant: &Grant| {
            let fd = if grant.name.is_some() { None } else { fds.next() };
            Segment::open(grant, fd)
        };
        let lists = plan.lists.as_ref().map(&mut open).transpose()?;
        let (control, bell) = (open(&plan.control)?, open(&plan.bell)?);
        let wait_fd = if plan.wait_fd { fds.next() } else { None };
        let ring_fd = if plan.ring_fd { fds.next() } else { None };
        let layout = Layout::new(plan.entries);
        if control.bytes() != layout.bytes || bell.bytes() != BELL_BYTES {
            return Err(TransportError::Nonsense("a control segment of another layout".into()));
        }
        if lists.as_ref().is_some_and(|lists| lists.bytes() < plan.room.max(1) * ITEM_BYTES) {
            return Err(TransportError::Nonsense("a segment without room for one list".into()));
        }
        let ring = |at| Span::of(&control, at, ring::bytes(plan.entries));
        let bell_error = TransportError::system::<std::io::Error>;
        Ok(SharedSpoke {
            named: (0, 0),
            lists: lists.map(|segment| Lists::new(segment, plan.room)),
            tasks: Consumer::new(ring(layout.tasks), plan.entries),
            replies: Producer::new(ring(layout.replies), plan.entries),
            results: Span::of(&control, layout.results, results::bytes(plan.entries)),
            bell: wakeup
                .waiter(Span::of(&control, layout.bell, BELL_BYTES), wait_fd)
                .map_err(bell_error("a bell"))?,
            hub: wakeup
                .ringer(Span::of(&bell, 0, BELL_BYTES), ring_fd)
                .map_err(bell_error("a bell"))?,
        })
    }
}

impl Spoke for SharedSpoke {
    #[inline]
    fn recv(&mut self) -> Result<Received<'_>, TransportError> {
        let tasks = &self.tasks;
        self.bell.wait(&mut || tasks.ready(), LOOK_AROUND);
        let Some(descriptor) = self.tasks.pop() else { return Ok(Received::Idle) };
        self.named = (descriptor.slot, descriptor.generation);
        let (task, has_list) = Task::from_descriptor(&descriptor);
        let received = if task.phase { now() } else { 0 };
        let refused = |message: String| Failure { what: What::Refused, message };
        let list = match (&self.lists, has_list) {
            (_, false) => Ok(&[][..]),
            (None, true) => Err(refused("a list, and no segment to look for it".into())),
            (Some(lists), true) => {
                lists.accept(&descriptor).map_err(|fault| refused(fault.to_string()))
            }
        };
        Ok(Received::Task(Incoming { task, list, stamps: [received, received] }))
    }

    #[inline]
    fn reply(&mut self, mut reply: Reply) -> Result<(), TransportError> {
        if let Some(stamps) = &mut reply.stamps {
            stamps[3] = now();
        }
        let (mut descriptor, payload) = reply.describe();
        (descriptor.slot, descriptor.generation) = self.named;
        if !payload.is_empty() {
            results::write(&self.results, self.replies.position(), &payload);
        }
        self.replies
            .push(descriptor)
            .map_err(|_| TransportError::Nonsense("a ring without room for an answer".into()))?;
        self.hub.ring();
        Ok(())
    }
}
