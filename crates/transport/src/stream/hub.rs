//! The coordinator's half: writes frames, and reads from all workers.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use measure::{Stamp, Timeline};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use shm::descriptor::DESCRIPTOR_BYTES;
use shm::{Descriptor, ITEM_BYTES, Resident};

use super::channel::{Body, Codec, StreamTransport};
use super::frame::{HEAD_WORDS, padding};
use super::frame_writer::FrameWriter;
use super::link::{InFlight, Link};
use super::links::Links;
use super::plan::Plan;
use super::remote_memory::{self, RemoteMemory};
use super::wait::{spins, wait_strategy};
use crate::alarm::Alarm;
use crate::error::TransportError;
use crate::hub::{Hub, HubEvent};
use crate::list::{List, ListBuffer, UnansweredTask};
use crate::message::Task;
use crate::residency::Residency;
use crate::setup::{Handover, MAX_LIST_ITEMS, Setup};

pub(super) struct StreamHub {
    streams: &'static StreamTransport,
    setup: Setup,
    links: Links,
    /// The last encoded list, kept for its capacity.
    encoded: Vec<u8>,
    writer: FrameWriter,
}

impl Hub for StreamHub {
    fn attach(&mut self, worker: usize) -> Result<Handover, TransportError> {
        if !self.links.is_free(worker) {
            return Err(TransportError::NoPlace { worker, workers: self.setup.workers });
        }
        let there = (self.streams.make)()?;
        let back = (self.streams.make)()?;
        set_blocking(&there.write, false)?;
        let blocks = self.links.reads_block();
        set_blocking(&there.read, blocks)?;
        set_blocking(&back.read, blocks)?;
        let Setup { depth, max_answer_items: answer, .. } = self.setup;
        let link = Link::new(there.write, back.read, there.capacity, depth, answer);
        self.links.set(worker, link);
        let bytes = self.setup.max_list_items * ITEM_BYTES;
        let codec = self.streams.body.codec();
        let max_body_bytes =
            codec.map_or(bytes, |codec| codec.max_bytes(self.setup.max_list_items));
        let (wait, cross_core) = (self.setup.wakeup.clone(), self.setup.cross_core);
        let remote = matches!(self.streams.body, Body::RemoteAddress).then(RemoteMemory::here);
        let plan = Plan { wait, max_body_bytes, answer, cross_core, remote };
        let plan = serde_json::to_string(&plan).expect("a plan is plain data");
        Ok(Handover { plan, fds: vec![there.read, back.write] })
    }

    fn detach(&mut self, worker: usize) -> Vec<UnansweredTask> {
        self.links.take(worker).map_or_else(Vec::new, Link::unanswered)
    }

    fn reserve(&mut self, items: usize) -> Result<ListBuffer, TransportError> {
        self.check_length(items)?;
        let mut buffer = self.links.spare.pop().unwrap_or_default();
        buffer.resize(items, 0);
        Ok(ListBuffer::Buffer(buffer))
    }

    fn place(&mut self, _list: &[i64]) -> Result<Resident, TransportError> {
        Err(TransportError::Unsupported {
            transport: self.streams.name,
            what: "residency `resident`".into(),
            has: "place, build".into(),
        })
    }

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
        let items: &[i64] = match &list {
            List::None => &[],
            List::Copy(items) => items,
            List::Built(ListBuffer::Buffer(items)) => items,
            List::Built(ListBuffer::Slot(_)) | List::Resident(..) => {
                return self.place(&[]).map(drop);
            }
        };
        self.check_length(items.len())?;
        let link = self.links.get(worker).ok_or(TransportError::Disconnected)?;
        if link.in_flight.len() >= self.setup.depth {
            return Err(TransportError::Full { what: "task" });
        }
        mark(Stamp::Filled);
        let mut descriptor = task.describe(!matches!(list, List::None));
        let body = match (self.streams.body, &list) {
            (Body::Encoded(codec), List::Copy(_) | List::Built(_)) => {
                encode(codec, items, &mut self.encoded, &mut descriptor)?
            }
            _ => as_it_is(self.streams.body, items, &mut descriptor),
        };
        mark(Stamp::Encoded);
        let padding = padding(body);
        descriptor.offset = u32::try_from(padding).expect("less than a cache line");
        let link = self.links.get_mut(worker).ok_or(TransportError::Disconnected)?;
        // Out of the link, which the writer may read from.
        let mut heads = std::mem::take(&mut link.heads);
        let head = &mut heads[link.next_head];
        head[..HEAD_WORDS].copy_from_slice(&descriptor.to_words());
        let head = &bytemuck::cast_slice(head)[..DESCRIPTOR_BYTES + padding];
        mark(Stamp::Sent);
        let sent = self.writer.write_or_queue(&mut self.links, worker, head, body);
        let built = match list {
            List::Built(ListBuffer::Buffer(buffer)) => Some(buffer),
            _ => None,
        };
        let link = self.links.get_mut(worker).ok_or(TransportError::Disconnected)?;
        link.heads = heads;
        if sent.is_ok() {
            link.next_head = (link.next_head + 1) % self.setup.depth;
            link.in_flight.push_back(InFlight { task: task.id, built });
        } else {
            self.links.spare.extend(built);
        }
        sent
    }

    fn set_stall(&mut self, limit: Duration) {
        self.writer.stall = Some(limit);
    }

    fn cork(&mut self, worker: usize) {
        if let Some(link) = self.links.get_mut(worker) {
            link.corked = true;
        }
    }

    fn uncork(&mut self, worker: usize) -> Result<(), TransportError> {
        if let Some(link) = self.links.get_mut(worker) {
            link.corked = false;
        }
        self.writer.flush_outbox(&mut self.links, worker)
    }

    fn recv(&mut self, timeout: Option<Duration>) -> Result<HubEvent, TransportError> {
        let started = timeout.map(|_| Instant::now());
        let mut looked = false;
        loop {
            if let Some(arrival) = self.links.take_arrival() {
                return Ok(arrival);
            }
            if self.links.alarm.take() {
                return Ok(HubEvent::Alarm);
            }
            let broken = self.links.broken();
            if looked && let Some((worker, what)) = broken {
                let what = what.to_string();
                return Ok(HubEvent::Broken { worker, what });
            }
            // With a timeout of zero it still looks once, and so it does before it reports a broken
            // link.
            let spent = started.map_or(Duration::ZERO, |started| started.elapsed());
            let timeout = if broken.is_some() { Some(Duration::ZERO) } else { timeout };
            let left = timeout.map(|timeout| timeout.saturating_sub(spent));
            if looked && left.is_some_and(|left| left.is_zero()) {
                return Ok(HubEvent::TimedOut);
            }
            self.links.wait_for_replies(left)?;
            looked = true;
        }
    }

    fn in_flight(&self, worker: usize) -> usize {
        self.links.get(worker).map_or(0, |link| link.in_flight.len())
    }

    fn overlaps(&self, bytes: usize, _residency: Residency) -> bool {
        let fetched = matches!(self.streams.body, Body::RemoteAddress);
        let early = fetched || self.setup.cross_core;
        let holds =
            |link: &Link| if early { self.streams.min_overlap_bytes } else { link.capacity };
        self.links.attached().any(|link| bytes + DESCRIPTOR_BYTES > holds(link))
    }

    fn buffer_bytes(&self) -> Option<usize> {
        self.links.attached().map(|link| link.capacity).min()
    }

    fn uncounted_bytes(&self) -> (u64, u64) {
        (self.writer.spliced, 0)
    }

    fn alarm(&self) -> Arc<Alarm> {
        self.links.alarm.clone()
    }
}

impl StreamHub {
    pub(super) fn new(
        streams: &'static StreamTransport,
        setup: &Setup,
    ) -> Result<StreamHub, TransportError> {
        setup.check()?;
        let wait = wait_strategy(streams.name, &setup.wakeup)?;
        Ok(StreamHub {
            streams,
            links: Links::new(setup.workers, wait, spins(setup.cross_core))?,
            setup: setup.clone(),
            encoded: Vec::new(),
            writer: FrameWriter::new(streams, setup.cross_core),
        })
    }

    fn check_length(&self, items: usize) -> Result<(), TransportError> {
        let max = self.setup.max_list_items;
        if items > max { Err(TransportError::TooLong { items, max }) } else { Ok(()) }
    }
}

/// The body of a list that is not encoded, and its length, or its address, in the head.
fn as_it_is<'a>(body: Body, items: &'a [i64], head: &mut Descriptor) -> &'a [u8] {
    head.length = u32::try_from(items.len()).expect("`Setup::check` limits `max_list_items`");
    if matches!(body, Body::RemoteAddress) {
        remote_memory::describe(items, head);
        return &[];
    }
    bytemuck::cast_slice(items)
}

/// The body of an encoded list, and its length in the head.
fn encode<'a>(
    codec: &dyn Codec,
    items: &[i64],
    encoded: &'a mut Vec<u8>,
    head: &mut Descriptor,
) -> Result<&'a [u8], TransportError> {
    let mut empty = std::mem::take(encoded);
    empty.clear();
    *encoded = codec.encode(items, empty);
    let max = MAX_LIST_ITEMS / codec.max_bytes(1);
    let too_long = TransportError::TooLong { items: items.len(), max };
    head.length = u32::try_from(encoded.len()).map_err(|_| too_long)?;
    Ok(encoded)
}

fn set_blocking(fd: &OwnedFd, blocking: bool) -> Result<(), TransportError> {
    let system = || TransportError::system::<io::Error>("fcntl(F_SETFL)");
    let mut flags = fcntl_getfl(fd).map_err(|error| system()(error.into()))?;
    flags.set(OFlags::NONBLOCK, !blocking);
    fcntl_setfl(fd, flags).map_err(|error| system()(error.into()))
}
