//! The coordinator's half: writes whole frames, and hears all workers at once.

use std::io::{self, IoSlice};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use measure::{Stamp, Timeline};
use nix::fcntl::{SpliceFFlags, vmsplice};
use rustix::event::{PollFd, PollFlags};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::{Errno, writev};
use shm::descriptor::DESCRIPTOR_BYTES;
use shm::wakeup::{Backoff, LIVENESS_INTERVAL, POLL_BUDGET, WaitStrategy, poll_spinning};
use shm::{ITEM_BYTES, Resident};
use smallvec::SmallVec;

use super::channel::{Body, StreamTransport};
use super::fetch::{self, Source};
use super::frame::{HEAD_WORDS, PAGE, padding};
use super::link::{InFlight, Link};
use super::plan::Plan;
use super::wait::{looks, poll_fds, wait_strategy};
use crate::alarm::Alarm;
use crate::error::TransportError;
use crate::hub::{Arrival, Hub};
use crate::list::{List, Room, Unanswered};
use crate::message::Task;
use crate::residency::Residency;
use crate::setup::{Handover, Setup};

/// Workers that are waited for without asking for memory.
const FEW: usize = 64;

/// Bytes of small frames that wait in a corked link at most, but for the last of them.
const OUTBOX_BYTES: usize = 64 * 1024;

pub(super) struct StreamHub {
    streams: &'static StreamTransport,
    wait: WaitStrategy,
    setup: Setup,
    links: Vec<Option<Link>>,
    /// Whose turn it is to be looked at first, so that nobody starves.
    turn: usize,
    /// How replies are polled for.
    poll: Backoff,
    /// The last list's form, kept for its room.
    encoded: Vec<u8>,
    /// Buffers of built lists whose tasks were answered.
    spare: Vec<Vec<i64>>,
    /// Bytes of pages that went into streams without being written.
    spliced: u64,
    /// How long a stream may stay full before nothing more is written to it.
    stall: Option<Duration>,
    alarm: Arc<Alarm>,
}

impl Hub for StreamHub {
    fn attach(&mut self, worker: usize) -> Result<Handover, TransportError> {
        let there = (self.streams.make)()?;
        let back = (self.streams.make)()?;
        set_blocking(&there.write, false)?;
        let blocks = self.wait == WaitStrategy::Sleep;
        set_blocking(&there.read, blocks)?;
        set_blocking(&back.read, blocks)?;
        let Setup { depth, answer, .. } = self.setup;
        let link = Link::new(there.write, back.read, there.capacity, depth, answer);
        self.links[worker] = Some(link);
        let bytes = self.setup.room * ITEM_BYTES;
        let codec = self.streams.body.codec();
        let longest = codec.map_or(bytes, |codec| codec.longest(self.setup.room));
        let (wait, apart) = (self.setup.wakeup.clone(), self.setup.apart);
        let source = matches!(self.streams.body, Body::Address).then(Source::here);
        let plan = Plan { wait, longest, answer, apart, source };
        let plan = serde_json::to_string(&plan).expect("a plan is plain data");
        Ok(Handover { plan, fds: vec![there.read, back.write] })
    }

    fn detach(&mut self, worker: usize) -> Vec<Unanswered> {
        self.links[worker].take().map_or_else(Vec::new, Link::unanswered)
    }

    fn reserve(&mut self, items: usize) -> Result<Room, TransportError> {
        self.check_length(items)?;
        let mut buffer = self.spare.pop().unwrap_or_default();
        buffer.resize(items, 0);
        Ok(Room::Buffer(buffer))
    }

    fn place(&mut self, _list: &[i64]) -> Result<Resident, TransportError> {
        Err(TransportError::NoSuchAxis {
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
            List::Built(Room::Buffer(items)) => items,
            List::Built(Room::Slot(_)) | List::Resident(..) => {
                return self.place(&[]).map(drop);
            }
        };
        self.check_length(items.len())?;
        let link = self.links[worker].as_mut().ok_or(TransportError::Gone)?;
        if link.in_flight.len() >= self.setup.depth {
            return Err(TransportError::NoRoom { what: "task" });
        }
        let mut heads = std::mem::take(&mut link.heads);
        let turn = link.turn;
        mark(Stamp::Filled);
        let mut descriptor = task.describe(!matches!(list, List::None));
        let mut encoded = std::mem::take(&mut self.encoded);
        descriptor.length = items.len() as u32;
        let body: &[u8] = match self.streams.body {
            Body::Coded(codec) if !matches!(list, List::None) => {
                encoded.clear();
                encoded = codec.encode(items, encoded);
                descriptor.length = encoded.len() as u32;
                &encoded
            }
            Body::Address => {
                fetch::describe(items, &mut descriptor);
                &[]
            }
            Body::Bytes | Body::Pages | Body::Coded(_) => bytemuck::cast_slice(items),
        };
        mark(Stamp::Encoded);
        let padding = padding(body);
        descriptor.offset = padding as u32;
        let head = &mut heads[turn];
        head[..HEAD_WORDS].copy_from_slice(&descriptor.to_words());
        let head = &bytemuck::cast_slice(head)[..DESCRIPTOR_BYTES + padding];
        mark(Stamp::Sent);
        let sent = self.carry(worker, head, body);
        self.encoded = encoded;
        let built = match list {
            List::Built(Room::Buffer(buffer)) => Some(buffer),
            _ => None,
        };
        match &mut self.links[worker] {
            Some(link) => {
                link.heads = heads;
                if sent.is_ok() {
                    link.turn = (turn + 1) % self.setup.depth;
                    link.in_flight.push_back(InFlight { task: task.id, built });
                    return Ok(());
                }
                self.spare.extend(built);
            }
            None => self.spare.extend(built),
        }
        sent
    }

    fn set_stall(&mut self, limit: Duration) {
        self.stall = Some(limit);
    }

    fn cork(&mut self, worker: usize) {
        if let Some(link) = &mut self.links[worker] {
            link.corked = true;
        }
    }

    fn uncork(&mut self, worker: usize) -> Result<(), TransportError> {
        if let Some(link) = &mut self.links[worker] {
            link.corked = false;
        }
        self.empty_outbox(worker)
    }

    fn recv(&mut self, patience: Option<Duration>) -> Result<Arrival, TransportError> {
        let started = patience.map(|_| Instant::now());
        let mut looked = false;
        loop {
            if let Some(arrival) = self.take_arrival() {
                return Ok(arrival);
            }
            if self.alarm.take() {
                return Ok(Arrival::Alarm);
            }
            // Without any patience it still looks once.
            let spent = started.map_or(Duration::ZERO, |started| started.elapsed());
            let left = patience.map(|patience| patience.saturating_sub(spent));
            if looked && left.is_some_and(|left| left.is_zero()) {
                return Ok(Arrival::Nothing);
            }
            self.wait_for_replies(left)?;
            looked = true;
        }
    }

    fn in_flight(&self, worker: usize) -> usize {
        self.links[worker].as_ref().map_or(0, |link| link.in_flight.len())
    }

    fn overlaps(&self, bytes: usize, _residency: Residency) -> bool {
        let fetched = matches!(self.streams.body, Body::Address);
        let early = fetched || self.setup.apart;
        let holds = |link: &Link| if early { self.streams.overlap_from } else { link.capacity };
        self.links.iter().flatten().any(|link| bytes + DESCRIPTOR_BYTES > holds(link))
    }

    fn buffer_bytes(&self) -> Option<usize> {
        self.links.iter().flatten().map(|link| link.capacity).min()
    }

    fn uncounted_bytes(&self) -> (u64, u64) {
        (self.spliced, 0)
    }

    fn alarm(&self) -> Arc<Alarm> {
        self.alarm.clone()
    }
}

impl StreamHub {
    pub(super) fn new(
        streams: &'static StreamTransport,
        setup: &Setup,
    ) -> Result<StreamHub, TransportError> {
        setup.check()?;
        Ok(StreamHub {
            streams,
            wait: wait_strategy(streams.name, &setup.wakeup)?,
            setup: setup.clone(),
            links: (0..setup.workers).map(|_| None).collect(),
            turn: 0,
            poll: Backoff::every(looks(setup.apart)),
            encoded: Vec::new(),
            spare: Vec::new(),
            spliced: 0,
            stall: None,
            alarm: Alarm::new(None),
        })
    }

    fn check_length(&self, items: usize) -> Result<(), TransportError> {
        let room = self.setup.room;
        if items > room { Err(TransportError::TooLong { items, room }) } else { Ok(()) }
    }

    /// Writes a frame; in a corked link a small one waits in the outbox.
    #[inline]
    fn carry(&mut self, worker: usize, head: &[u8], body: &[u8]) -> Result<(), TransportError> {
        if let Some(link) = self.links[worker].as_mut().filter(|link| link.corked) {
            if body.len() < PAGE {
                link.outbox.extend_from_slice(head);
                link.outbox.extend_from_slice(body);
                let full = link.outbox.len() > OUTBOX_BYTES;
                return if full { self.empty_outbox(worker) } else { Ok(()) };
            }
            self.empty_outbox(worker)?;
        }
        self.write_frame(worker, head, body)
    }

    /// Writes the frames that wait, in one call if the stream takes them.
    #[cold]
    fn empty_outbox(&mut self, worker: usize) -> Result<(), TransportError> {
        let frames = match &mut self.links[worker] {
            Some(link) if !link.outbox.is_empty() => std::mem::take(&mut link.outbox),
            _ => return Ok(()),
        };
        let written = self.write_frame(worker, &frames, &[]);
        if let Some(link) = &mut self.links[worker] {
            // Kept for its room.
            link.outbox = frames;
            link.outbox.clear();
        }
        written
    }

    /// Writes a whole frame, taking replies whenever the stream is full. Nothing is written where
    /// nobody reads any more: that is told by [`Hub::recv`], after what that worker had answered.
    #[inline]
    fn write_frame(
        &mut self,
        worker: usize,
        head: &[u8],
        body: &[u8],
    ) -> Result<(), TransportError> {
        let at_once = if self.setup.apart { self.streams.piece } else { usize::MAX };
        let pages = matches!(self.streams.body, Body::Pages) && body.len() >= PAGE;
        let mut written = 0;
        let mut full_since = None;
        while written < head.len() + body.len() {
            let body = &body[written.saturating_sub(head.len())..];
            let head = head.get(written..).unwrap_or_default();
            let body = &body[..body.len().min(at_once.saturating_sub(head.len()))];
            let link = self.links[worker].as_ref().ok_or(TransportError::Gone)?;
            if link.closed || link.stalled {
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
                        self.links[worker].as_mut().ok_or(TransportError::Gone)?.stalled = true;
                        return Ok(());
                    }
                    self.wait_for_room(worker, since, left)?;
                }
                // Its end of file is on the way.
                Err(Errno::PIPE | Errno::CONNRESET) => return Ok(()),
                Err(error) => {
                    let call = if pages { "vmsplice" } else { "writev" };
                    return Err(TransportError::system(call)(error));
                }
            }
        }
        Ok(())
    }

    /// Waits a while for room in `worker`'s stream, and takes whatever replies come meanwhile.
    fn wait_for_room(
        &mut self,
        worker: usize,
        since: Instant,
        patience: Option<Duration>,
    ) -> Result<(), TransportError> {
        match self.wait {
            WaitStrategy::Spin => std::hint::spin_loop(),
            WaitStrategy::Hybrid if since.elapsed() < POLL_BUDGET => std::thread::yield_now(),
            WaitStrategy::Sleep | WaitStrategy::Hybrid => {
                return self.sleep(Some(worker), patience);
            }
        }
        self.read_all().map(drop)
    }

    /// Waits until some link may have something to read, and reads it.
    fn wait_for_replies(&mut self, patience: Option<Duration>) -> Result<(), TransportError> {
        let longest = patience.unwrap_or(LIVENESS_INTERVAL);
        if longest.is_zero() {
            // One look, which gives nothing away.
            return self.sleep(None, patience);
        }
        if self.wait != WaitStrategy::Sleep {
            let polling = self.wait == WaitStrategy::Spin;
            let mut poll = std::mem::take(&mut self.poll);
            let mut result = Ok(false);
            let mut ready = || {
                result = self.read_all();
                !matches!(result, Ok(false))
            };
            let found = if polling {
                poll_spinning(&mut ready, longest)
            } else {
                poll.poll(&mut ready, POLL_BUDGET.min(longest))
            };
            self.poll = poll;
            result?;
            if found || polling {
                return Ok(());
            }
        }
        let mut attached = self.links.iter().enumerate().filter(|(_, link)| link.is_some());
        match (attached.next(), attached.next(), self.wait, patience) {
            // One worker only: its read blocks by itself, and its end of file is its death.
            (Some((only, _)), None, WaitStrategy::Sleep, None) => self.read_replies(only).map(drop),
            _ => self.sleep(None, Some(longest)),
        }
    }

    /// Sleeps until a reply comes, or `writer`'s stream has room, or the end of `patience`; reads
    /// what came.
    fn sleep(
        &mut self,
        writer: Option<usize>,
        patience: Option<Duration>,
    ) -> Result<(), TransportError> {
        let open: SmallVec<[(usize, &Link); FEW]> = (0..)
            .zip(&self.links)
            .filter_map(|(index, link)| Some((index, link.as_ref().filter(|link| !link.closed)?)))
            .collect();
        let mut polled: SmallVec<[PollFd<'_>; FEW]> =
            open.iter().map(|(_, link)| PollFd::new(&link.read, PollFlags::IN)).collect();
        let writer = writer.and_then(|worker| self.links[worker].as_ref());
        polled.extend(writer.map(|link| PollFd::new(&link.write, PollFlags::OUT)));
        poll_fds(&mut polled, patience)?;
        let heard: SmallVec<[usize; FEW]> = open
            .iter()
            .zip(&polled)
            .filter(|(_, fd)| !fd.revents().is_empty())
            .map(|((index, _), _)| *index)
            .collect();
        drop((open, polled));
        heard.into_iter().try_for_each(|index| self.read_replies(index).map(drop))
    }

    /// Reads from every open link, none of which blocks; says whether anything came.
    fn read_all(&mut self) -> Result<bool, TransportError> {
        let mut any = false;
        for index in 0..self.links.len() {
            any |= self.read_replies(index)?;
        }
        Ok(any)
    }

    /// One read from one link; says whether bytes or the end of file came.
    fn read_replies(&mut self, worker: usize) -> Result<bool, TransportError> {
        self.links[worker].as_mut().map_or(Ok(false), Link::read_replies)
    }

    /// What was read and not yet told.
    #[inline]
    fn take_arrival(&mut self) -> Option<Arrival> {
        let count = self.links.len();
        for step in 0..count {
            let worker = (self.turn + step) % count;
            let Some(link) = &mut self.links[worker] else {
                continue;
            };
            match link.take_reply(&mut self.spare) {
                Ok(Some(reply)) => {
                    self.turn = worker + 1;
                    return Some(Arrival::Reply { worker, reply });
                }
                Ok(None) if link.closed => return Some(Arrival::Gone { worker }),
                Ok(None) => {}
                Err(fault) => {
                    return Some(Arrival::Lie { worker, what: fault.to_string() });
                }
            }
        }
        None
    }
}

/// Puts the pages of `parts` into a pipe, as far as there is room.
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
