//! The coordinator's half: writes frames, and reads from all workers.

use std::io::{self, IoSlice};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use measure::{Stamp, Timeline};
use nix::fcntl::{SpliceFFlags, vmsplice};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::{Errno, writev};
use shm::descriptor::DESCRIPTOR_BYTES;
use shm::{ITEM_BYTES, Resident};

use super::channel::{Body, StreamTransport};
use super::frame::{HEAD_WORDS, PAGE, padding};
use super::link::{InFlight, Link, WriteState};
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

/// Bytes of small frames that wait in a corked link, not counting the last of them.
const MAX_OUTBOX_BYTES: usize = 64 * 1024;

pub(super) struct StreamHub {
    streams: &'static StreamTransport,
    setup: Setup,
    links: Links,
    /// The last encoded list, kept for its capacity.
    encoded: Vec<u8>,
    /// Bytes that were spliced, and so not counted as written.
    spliced: u64,
    /// See [`Hub::set_stall`].
    stall: Option<Duration>,
}

impl Hub for StreamHub {
    fn attach(&mut self, worker: usize) -> Result<Handover, TransportError> {
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
        timeline: Option<&mut Timeline>,
    ) -> Result<(), TransportError> {
        let mut unused = Timeline::default();
        let phase = timeline.is_some();
        let timeline = timeline.unwrap_or(&mut unused);
        let mut mark = |stamp| {
            if phase {
                timeline.mark(stamp)
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
        let link = self.links.get_mut(worker).ok_or(TransportError::Disconnected)?;
        if link.in_flight.len() >= self.setup.depth {
            return Err(TransportError::Full { what: "task" });
        }
        let mut heads = std::mem::take(&mut link.heads);
        let at = link.next_head;
        mark(Stamp::Filled);
        let mut descriptor = task.describe(!matches!(list, List::None));
        let mut encoded = std::mem::take(&mut self.encoded);
        // No truncation: `Setup::check` limits `max_list_items`.
        descriptor.length = items.len() as u32;
        let body: &[u8] = match self.streams.body {
            Body::Encoded(codec) if !matches!(list, List::None) => {
                encoded.clear();
                encoded = codec.encode(items, encoded);
                let Ok(bytes) = u32::try_from(encoded.len()) else {
                    let max = MAX_LIST_ITEMS / codec.max_bytes(1);
                    return Err(TransportError::TooLong { items: items.len(), max });
                };
                descriptor.length = bytes;
                &encoded
            }
            Body::RemoteAddress => {
                remote_memory::describe(items, &mut descriptor);
                &[]
            }
            Body::Bytes | Body::Spliced | Body::Encoded(_) => bytemuck::cast_slice(items),
        };
        mark(Stamp::Encoded);
        let padding = padding(body);
        descriptor.offset = padding as u32;
        let head = &mut heads[at];
        head[..HEAD_WORDS].copy_from_slice(&descriptor.to_words());
        let head = &bytemuck::cast_slice(head)[..DESCRIPTOR_BYTES + padding];
        mark(Stamp::Sent);
        let sent = self.write_or_queue(worker, head, body);
        self.encoded = encoded;
        let built = match list {
            List::Built(ListBuffer::Buffer(buffer)) => Some(buffer),
            _ => None,
        };
        match self.links.get_mut(worker) {
            Some(link) => {
                link.heads = heads;
                if sent.is_ok() {
                    link.next_head = (at + 1) % self.setup.depth;
                    link.in_flight.push_back(InFlight { task: task.id, built });
                    return Ok(());
                }
                self.links.spare.extend(built);
            }
            None => self.links.spare.extend(built),
        }
        sent
    }

    fn set_stall(&mut self, limit: Duration) {
        self.stall = Some(limit);
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
        self.flush_outbox(worker)
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
        (self.spliced, 0)
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
            spliced: 0,
            stall: None,
        })
    }

    fn check_length(&self, items: usize) -> Result<(), TransportError> {
        let max = self.setup.max_list_items;
        if items > max { Err(TransportError::TooLong { items, max }) } else { Ok(()) }
    }

    /// Writes a frame, or queues a small one if the link is corked.
    #[inline]
    fn write_or_queue(
        &mut self,
        worker: usize,
        head: &[u8],
        body: &[u8],
    ) -> Result<(), TransportError> {
        if let Some(link) = self.links.get_mut(worker).filter(|link| link.corked) {
            if body.len() < PAGE {
                link.outbox.extend_from_slice(head);
                link.outbox.extend_from_slice(body);
                let full = link.outbox.len() > MAX_OUTBOX_BYTES;
                return if full { self.flush_outbox(worker) } else { Ok(()) };
            }
            self.flush_outbox(worker)?;
        }
        self.write_frame(worker, head, body)
    }

    /// Writes the queued frames, in one call if the stream has room for them.
    #[cold]
    fn flush_outbox(&mut self, worker: usize) -> Result<(), TransportError> {
        let frames = match self.links.get_mut(worker) {
            Some(link) if !link.outbox.is_empty() => std::mem::take(&mut link.outbox),
            _ => return Ok(()),
        };
        let written = self.write_frame(worker, &frames, &[]);
        if let Some(link) = self.links.get_mut(worker) {
            // Kept for its capacity.
            link.outbox = frames;
            link.outbox.clear();
            if let Err(fault) = written {
                // Its tasks are in flight already, so the error cannot be returned for them.
                link.write_state = WriteState::Broken(fault.to_string());
            }
        }
        Ok(())
    }

    /// Writes a whole frame. While the stream is full it reads replies, so that a worker that
    /// blocks in a write goes on.
    ///
    /// Nothing is written to a worker that has closed its end, or after a part of a frame;
    /// [`Hub::recv`] reports both, after that worker's answers.
    #[inline]
    fn write_frame(
        &mut self,
        worker: usize,
        head: &[u8],
        body: &[u8],
    ) -> Result<(), TransportError> {
        let at_once = if self.setup.cross_core { self.streams.piece_bytes } else { usize::MAX };
        let pages = matches!(self.streams.body, Body::Spliced) && body.len() >= PAGE;
        let mut written = 0;
        let mut full_since = None;
        while written < head.len() + body.len() {
            let body = &body[written.saturating_sub(head.len())..];
            let head = head.get(written..).unwrap_or_default();
            let body = &body[..body.len().min(at_once.saturating_sub(head.len()))];
            let link = self.links.get(worker).ok_or(TransportError::Disconnected)?;
            if link.closed || !matches!(link.write_state, WriteState::Open) {
                return Ok(());
            }
            let parts = [IoSlice::new(head), IoSlice::new(body)];
            let went =
                if pages { splice(&link.write, &parts) } else { writev(&link.write, &parts) };
            match went {
                Ok(count) => {
                    written += count;
                    self.spliced += if pages { count as u64 } else { 0 };
                    full_since = None;
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    let since = *full_since.get_or_insert_with(Instant::now);
                    let left = self.stall.map(|stall| stall.saturating_sub(since.elapsed()));
                    if left.is_some_and(|left| left.is_zero()) {
                        self.set_write_state(worker, WriteState::Stalled);
                        return Ok(());
                    }
                    self.links.wait_for_room(worker, since, left)?;
                }
                // Its end of file follows.
                Err(Errno::PIPE | Errno::CONNRESET) => return Ok(()),
                Err(error) => {
                    let call = if pages { "vmsplice" } else { "writev" };
                    let fault = TransportError::system(call)(error);
                    if written > 0 {
                        self.set_write_state(worker, WriteState::Broken(fault.to_string()));
                    }
                    return Err(fault);
                }
            }
        }
        Ok(())
    }

    #[cold]
    fn set_write_state(&mut self, worker: usize, state: WriteState) {
        if let Some(link) = self.links.get_mut(worker) {
            link.write_state = state;
        }
    }
}

/// Splices the pages of `parts` into a pipe, as far as there is room.
fn splice(pipe: &OwnedFd, parts: &[IoSlice<'_>]) -> Result<usize, Errno> {
    vmsplice(pipe, parts, SpliceFFlags::SPLICE_F_NONBLOCK)
        .map_err(|error| Errno::from_raw_os_error(error as i32))
}

fn set_blocking(fd: &OwnedFd, blocking: bool) -> Result<(), TransportError> {
    let system = || TransportError::system::<io::Error>("fcntl(F_SETFL)");
    let mut flags = fcntl_getfl(fd).map_err(|error| system()(error.into()))?;
    flags.set(OFlags::NONBLOCK, !blocking);
    fcntl_setfl(fd, flags).map_err(|error| system()(error.into()))
}
