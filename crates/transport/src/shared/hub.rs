//! The coordinator's half: one doorbell, and for each worker a queue of tasks and a queue of
//! replies.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use measure::{Stamp, Timeline};
use shm::descriptor::DESCRIPTOR_BYTES;
use shm::ring::{self, Consumer, Producer};
use shm::wakeup::{DOORBELL_BYTES, LIVENESS_INTERVAL};
use shm::watermark::WATERMARK_BYTES;
use shm::{
    Access, Answers, Descriptor, Filler, Grant, ITEM_BYTES, Kind, MappedPages, Resident, Segment,
    Slot, Slots, Span, Watermark, WeakResident, payloads,
};

use super::doorbells::Doorbells;
use super::link::{HeldResource, Link};
use super::plan::{Layout, Plan, wakeup_by_name};
use crate::alarm::Alarm;
use crate::error::TransportError;
use crate::hub::{Hub, HubEvent};
use crate::list::{List, ListBuffer, UnansweredTask};
use crate::message::{FILLING, Task};
use crate::residency::Residency;
use crate::setup::{Handover, Setup};

/// Entries of a ring. A producer reads the consumer's index once in as many pushes as the ring has
/// entries, and each such read is a cache miss.
const MIN_RING_ENTRIES: usize = 64;

/// Lists of at least `MIN_ITEMS_IN_PIECES` are placed in pieces of an eighth of their length,
/// within the other two limits. The worker waits for the first piece, and the coordinator for the
/// worker's last one.
const MIN_ITEMS_IN_PIECES: usize = 32 * 1024 / ITEM_BYTES;
const MIN_PIECE_ITEMS: usize = 16 * 1024 / ITEM_BYTES;
const MAX_PIECE_ITEMS: usize = 64 * 1024 / ITEM_BYTES;

pub(super) struct SharedHub {
    setup: Setup,
    /// Entries of each ring: more than tasks can be in flight, so that a payload's slot is not
    /// reused before its reply was received.
    entries: usize,
    lists: Option<Slots>,
    filler: Filler,
    /// Resident lists.
    residents: Vec<WeakResident>,
    doorbells: Doorbells,
    alarm: Arc<Alarm>,
    links: Vec<Option<Link>>,
    /// The link that is looked at first, so that none starves.
    next_link: usize,
    ring_bytes: (u64, u64),
}

impl Hub for SharedHub {
    fn attach(&mut self, worker: usize) -> Result<Handover, TransportError> {
        let workers = self.links.len();
        if self.links.get(worker).is_none_or(Option::is_some) {
            return Err(TransportError::NoPlace { worker, workers });
        }
        let layout = Layout::new(self.entries);
        let control = Segment::create(Kind::Memfd, Access::Words, layout.bytes)?;
        let ring = |at| Span::of(&control, at, ring::bytes(self.entries));
        let words = |at| Span::of(&control, at, DOORBELL_BYTES);
        let (bell, back) = (words(layout.bell), words(layout.back));
        let (ringer, wait_fd) = self.doorbells.for_worker(bell, back)?;
        let answers = match self.setup.max_answer_items {
            0 => None,
            items => Some(Answers::create(self.setup.depth, items)?),
        };
        let answers_grant = answers.as_ref().map(Answers::grant).transpose()?;
        let link = Link {
            tasks: Producer::new(ring(layout.tasks), self.entries),
            watermark: Watermark::new(Span::of(&control, layout.watermark, WATERMARK_BYTES)),
            replies: Consumer::new(ring(layout.replies), self.entries),
            results: Span::of(&control, layout.results, payloads::bytes(self.entries)),
            answers,
            ringer,
            corked: false,
            waiting: Vec::with_capacity(self.setup.depth),
            in_flight: VecDeque::with_capacity(self.setup.depth),
            slots: VecDeque::with_capacity(self.setup.depth),
            residents: VecDeque::with_capacity(self.setup.depth),
        };
        let mut fds = Vec::new();
        let mut keep = |(grant, fd): (Grant, Option<OwnedFd>)| {
            fds.extend(fd);
            grant
        };
        let lists = self.lists.as_ref().map(Slots::grant).transpose()?.map(&mut keep);
        let (bell, ring_fd) = self.doorbells.grant()?;
        let (control, doorbell) = (keep(control.grant()?), keep(bell));
        let answers = answers_grant.map(&mut keep);
        let plan = Plan {
            wakeup: self.setup.wakeup.clone(),
            entries: self.entries,
            room: self.setup.max_list_items,
            places: self.setup.depth,
            answer: self.setup.max_answer_items,
            lists,
            answers,
            control,
            doorbell,
            wait_fd: wait_fd.is_some(),
            ring_fd: ring_fd.is_some(),
        };
        fds.extend(wait_fd);
        fds.extend(ring_fd);
        self.links[worker] = Some(link);
        Ok(Handover { plan: serde_json::to_string(&plan).expect("a plan is plain data"), fds })
    }

    fn detach(&mut self, worker: usize) -> Vec<UnansweredTask> {
        self.links.get_mut(worker).and_then(Option::take).map_or_else(Vec::new, Link::unanswered)
    }

    fn reserve(&mut self, items: usize) -> Result<ListBuffer, TransportError> {
        let max = self.setup.max_list_items;
        let too_long = TransportError::TooLong { items, max };
        let Some(slots) = self.lists.as_ref().filter(|_| items <= max) else {
            return Err(too_long);
        };
        slots.reserve(items).map(ListBuffer::Slot).ok_or(TransportError::Full { what: "list" })
    }

    fn place(&mut self, list: &[i64]) -> Result<Resident, TransportError> {
        // Resident lists have slots of their own; more of them would take a task's slot.
        self.residents.retain(|list| !list.is_gone());
        if self.residents.len() >= self.setup.max_residents {
            return Err(TransportError::Full { what: "resident list" });
        }
        match self.reserve(list.len())? {
            ListBuffer::Slot(mut slot) => {
                slot.items_mut().copy_from_slice(list);
                let resident = slot.freeze();
                self.residents.push(resident.downgrade());
                Ok(resident)
            }
            ListBuffer::Buffer(_) => unreachable!("this hub's rooms are slots"),
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
        let Some(Some(link)) = self.links.get_mut(worker) else {
            return Err(TransportError::Disconnected);
        };
        if link.in_flight.len() >= self.setup.depth {
            return Err(TransportError::Full { what: "task" });
        }
        let mut descriptor = task.describe(!matches!(list, List::None));
        let held = match list {
            List::None => HeldResource::Nothing,
            List::Copy(items) => {
                let ListBuffer::Slot(mut slot) = self.reserve(items.len())? else {
                    unreachable!("this hub's rooms are slots");
                };
                slot.describe(0..items.len(), &mut descriptor);
                if self.in_pieces(items.len()) {
                    return self.send_filling(worker, descriptor, slot, items, timeline);
                }
                self.filler.begin(items.len(), slot.items_mut(), items);
                self.link(worker).slots.push_back(slot);
                HeldResource::Copied
            }
            List::Built(ListBuffer::Slot(slot)) => {
                if !self.lists.as_ref().is_some_and(|slots| slots.own(&slot)) {
                    return Err(TransportError::Foreign { what: "a room" });
                }
                slot.describe(0..slot.items(), &mut descriptor);
                link.slots.push_back(slot);
                HeldResource::Built
            }
            List::Built(ListBuffer::Buffer(_)) => {
                return Err(TransportError::Unsupported {
                    transport: "shared",
                    what: "list outside its segment".into(),
                    has: "rooms from reserve".into(),
                });
            }
            List::Resident(resident, part) => {
                if !self.lists.as_ref().is_some_and(|slots| slots.own_resident(resident)) {
                    return Err(TransportError::Foreign { what: "a resident list" });
                }
                if part.start > part.end || part.end > resident.items() {
                    let items = resident.items();
                    return Err(TransportError::OutOfRange { part, items });
                }
                resident.describe(part, &mut descriptor);
                link.residents.push_back(resident.clone());
                HeldResource::Resident
            }
        };
        mark(Stamp::Filled);
        mark(Stamp::Encoded);
        mark(Stamp::Sent);
        let link = self.link(worker);
        link.publish(descriptor);
        link.record(&descriptor, held);
        self.ring_bytes.0 += DESCRIPTOR_BYTES as u64;
        Ok(())
    }

    fn cork(&mut self, worker: usize) {
        if let Some(Some(link)) = self.links.get_mut(worker) {
            link.corked = true;
        }
    }

    fn uncork(&mut self, worker: usize) -> Result<(), TransportError> {
        if let Some(Some(link)) = self.links.get_mut(worker) {
            link.corked = false;
            link.flush();
        }
        Ok(())
    }

    #[inline]
    fn recv(&mut self, timeout: Option<Duration>) -> Result<HubEvent, TransportError> {
        let mut started = None;
        loop {
            if let Some((worker, descriptor)) = self.take_descriptor() {
                return Ok(self.arrival(worker, &descriptor));
            }
            if self.alarm.take() {
                return Ok(HubEvent::Alarm);
            }
            let left = timeout.map(|timeout| {
                let started: &mut Instant = started.get_or_insert_with(Instant::now);
                timeout.saturating_sub(started.elapsed()).min(LIVENESS_INTERVAL)
            });
            if left.is_some_and(|left| left.is_zero()) {
                return Ok(HubEvent::TimedOut);
            }
            let (links, alarm) = (&self.links, &self.alarm);
            let mut ready =
                || links.iter().flatten().any(|link| link.replies.ready()) || alarm.raised();
            self.doorbells.waiter.wait(&mut ready, left);
        }
    }

    fn in_flight(&self, worker: usize) -> usize {
        self.links.get(worker).and_then(Option::as_ref).map_or(0, |link| link.in_flight.len())
    }

    fn overlaps(&self, bytes: usize, residency: Residency) -> bool {
        residency == Residency::Place && self.in_pieces(bytes / ITEM_BYTES)
    }

    fn uncounted_bytes(&self) -> (u64, u64) {
        self.ring_bytes
    }

    fn pages(&self) -> Option<MappedPages> {
        self.lists.as_ref().and_then(Slots::mapped_pages)
    }

    fn alarm(&self) -> Arc<Alarm> {
        self.alarm.clone()
    }
}

impl SharedHub {
    pub(super) fn new(setup: &Setup) -> Result<SharedHub, TransportError> {
        setup.check()?;
        let wakeup = wakeup_by_name(&setup.wakeup)?;
        let lists = match setup.max_list_items {
            0 => None,
            room => {
                // One slot for each task in flight, one that is being filled, and one for each
                // resident list.
                let in_flight = setup.workers.saturating_mul(setup.depth);
                let count = in_flight.saturating_add(1).saturating_add(setup.max_residents);
                Some(Slots::create(setup.segment, count, room, setup.pages)?)
            }
        };
        let (doorbells, ringer) = Doorbells::new(wakeup)?;
        Ok(SharedHub {
            entries: (setup.depth + 1).next_power_of_two().max(MIN_RING_ENTRIES),
            lists,
            filler: Filler::new(setup.cross_core),
            residents: Vec::new(),
            doorbells,
            alarm: Alarm::new(Some(ringer)),
            links: (0..setup.workers).map(|_| None).collect(),
            next_link: 0,
            ring_bytes: (0, 0),
            setup: setup.clone(),
        })
    }

    /// The link of a worker that is known to be attached.
    #[inline]
    fn link(&mut self, worker: usize) -> &mut Link {
        self.links[worker].as_mut().expect("an attached worker")
    }

    /// Whether a list of `items` items is placed while its worker reads it. On the same core that
    /// is impossible, and one memcpy is faster than several.
    fn in_pieces(&self, items: usize) -> bool {
        self.setup.cross_core && items >= MIN_ITEMS_IN_PIECES
    }

    /// Sends a task as soon as the first piece of its list is in the slot, and then places the
    /// other pieces.
    fn send_filling(
        &mut self,
        worker: usize,
        mut descriptor: Descriptor,
        mut slot: Slot,
        list: &[i64],
        timeline: Option<&mut Timeline>,
    ) -> Result<(), TransportError> {
        let link = self.links[worker].as_mut().expect("`send` has seen it");
        descriptor.flags |= FILLING;
        let piece = (list.len() / 8).clamp(MIN_PIECE_ITEMS, MAX_PIECE_ITEMS);
        let (first, rest) = list.split_at(piece.min(list.len()));
        let stores = self.filler.begin(list.len(), &mut slot.items_mut()[..first.len()], first);
        link.watermark.raise(first.len());
        if let Some(timeline) = timeline {
            [Stamp::Filled, Stamp::Encoded, Stamp::Sent]
                .into_iter()
                .for_each(|stamp| timeline.mark(stamp));
        }
        // The worker begins at once, with what was sent before.
        link.flush();
        link.send_now(descriptor);
        let mut at = first.len();
        for piece in rest.chunks(piece) {
            stores.copy(&mut slot.items_mut()[at..at + piece.len()], piece);
            link.watermark.raise(piece.len());
            at += piece.len();
        }
        link.slots.push_back(slot);
        link.record(&descriptor, HeldResource::Copied);
        self.ring_bytes.0 += DESCRIPTOR_BYTES as u64;
        Ok(())
    }

    /// The next reply as a descriptor, and its worker.
    #[inline]
    fn take_descriptor(&mut self) -> Option<(usize, Descriptor)> {
        let count = self.links.len();
        for worker in (self.next_link..count).chain(0..self.next_link) {
            let Some(link) = &mut self.links[worker] else {
                continue;
            };
            let Some(descriptor) = link.replies.pop() else {
                continue;
            };
            self.next_link = if worker + 1 < count { worker + 1 } else { 0 };
            self.ring_bytes.1 += DESCRIPTOR_BYTES as u64;
            return Some((worker, descriptor));
        }
        None
    }

    /// The event that a descriptor stands for.
    #[inline]
    fn arrival(&mut self, worker: usize, descriptor: &Descriptor) -> HubEvent {
        let Some(link) = &mut self.links[worker] else { unreachable!("it was just heard") };
        match link.collect(descriptor) {
            Ok(reply) => HubEvent::Reply { worker, reply },
            Err(fault) => HubEvent::ProtocolViolation { worker, what: fault.to_string() },
        }
    }
}
