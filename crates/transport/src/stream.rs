//! Frames over byte streams: what `pipe`, `pipe-serde` and every other stream have in common.
//!
//! A frame is a head of thirty-two bytes (a [`Descriptor`]), some padding, and a body of as many
//! bytes as the head says. It leaves in one writev: two writes would cost a second wake-up. It arrives in one readv,
//! straight into the destination: a worker expects the next body to be as long as the last, and
//! what it read too far is carried over.
//!
//! Nothing can deadlock however large a list is: the coordinator never blocks in a write without
//! taking the replies that come meanwhile.

use std::collections::VecDeque;
use std::io::{self, IoSlice, IoSliceMut};
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use measure::{Stamp, Timeline, now};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::{Errno, read, readv, write, writev};
use rustix::time::Timespec;
use serde::{Deserialize, Serialize};
use shm::descriptor::DESCRIPTOR_BYTES;
use shm::wakeup::{LOOKS, POLL_BUDGET, Regime, poll_spinning, poll_yielding};
use shm::{Descriptor, ITEM_BYTES, Resident};

use crate::{
    Alarm, Arrival, Handover, Hub, Incoming, List, Received, Reply, Room, Setup, Spoke, Task,
    TransportError,
};

/// How either end of a stream waits.
pub const WAITS: &[(&str, Regime)] =
    &[("block", Regime::Sleeping), ("hybrid", Regime::Hybrid), ("spin", Regime::Polling)];

/// How long a hub without a deadline sleeps before it looks at its alarm.
const LOOK_AROUND: Duration = Duration::from_millis(200);

/// Bytes of replies that are read at once, before anyone asks for more.
const INBOX_BYTES: usize = 4096;

/// One direction of a stream.
#[derive(Debug)]
pub struct Way {
    /// The end that reads.
    pub read: OwnedFd,
    /// The end that writes.
    pub write: OwnedFd,
    /// Bytes that it holds while nobody reads.
    pub capacity: usize,
}

/// What makes one stream transport differ from another.
#[derive(Clone, Copy)]
pub struct Streams {
    /// Name of the transport.
    pub transport: &'static str,
    /// Makes one direction; its two ends are file descriptions of their own.
    pub make: fn() -> Result<Way, TransportError>,
    /// Bytes that are written at once to a worker on another core, which reads them while the next
    /// are written. On one core each piece would only cost a call more.
    pub piece: usize,
    /// Gives the list another form for its journey; none: its bytes as they lie.
    pub codec: Option<&'static dyn Codec>,
}

/// A form for the journey.
pub trait Codec: Sync {
    /// Appends the list's form to `body`, which is empty and has room from the last time.
    fn encode(&self, list: &[i64], body: Vec<u8>) -> Vec<u8>;

    /// The list again.
    ///
    /// # Errors
    /// The body is no such form.
    fn decode(&self, body: &[u8]) -> Result<Vec<i64>, TransportError>;

    /// Bytes of the longest form that `items` items can have.
    fn longest(&self, items: usize) -> usize;
}

/// What a worker is told beside its two descriptors.
#[derive(Serialize, Deserialize)]
struct Plan {
    wait: String,
    /// Bytes of the longest body.
    longest: usize,
    apart: bool,
}

/// The coordinator's half over streams that `streams` makes.
///
/// # Errors
/// There is no such wake-up.
pub fn hub(streams: Streams, setup: &Setup) -> Result<Box<dyn Hub>, TransportError> {
    let regime = regime(&streams, &setup.wakeup)?;
    let links = (0..setup.workers).map(|_| None).collect();
    Ok(Box::new(StreamHub {
        streams,
        regime,
        setup: setup.clone(),
        links,
        turn: 0,
        encoded: Vec::new(),
        spare: Vec::new(),
        alarm: Alarm::new(None),
    }))
}

/// A worker's half.
///
/// # Errors
/// What came is not what [`hub`] hands over.
pub fn spoke(streams: Streams, handover: Handover) -> Result<Box<dyn Spoke>, TransportError> {
    let plan: Plan = serde_json::from_str(&handover.plan)
        .map_err(|fault| TransportError::Nonsense(format!("a plan: {fault}")))?;
    let regime = regime(&streams, &plan.wait)?;
    let [read, write] = <[OwnedFd; 2]>::try_from(handover.fds)
        .map_err(|fds| TransportError::Nonsense(format!("{} descriptors", fds.len())))?;
    Ok(Box::new(StreamSpoke {
        codec: streams.codec,
        read: ReadEnd { fd: read, regime, looks: looks(plan.apart) },
        write,
        longest: plan.longest,
        landing: Landing::default(),
        decoded: Vec::new(),
        expected: 0,
        carried: Vec::new(),
    }))
}

/// Looks before giving the core away. Each is a system call: on one core, where nothing can come
/// until the other side has run, one is enough.
fn looks(apart: bool) -> usize {
    if apart { LOOKS } else { 1 }
}

fn regime(streams: &Streams, wait: &str) -> Result<Regime, TransportError> {
    let found = WAITS.iter().find(|(name, _)| *name == wait);
    found.map(|(_, regime)| *regime).ok_or_else(|| TransportError::NoSuchAxis {
        transport: streams.transport,
        what: format!("wake-up `{wait}`"),
        has: WAITS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", "),
    })
}

struct StreamHub {
    streams: Streams,
    regime: Regime,
    setup: Setup,
    links: Vec<Option<Link>>,
    /// Whose turn it is to be looked at first, so that nobody starves.
    turn: usize,
    /// The last list's form, kept for its room.
    encoded: Vec<u8>,
    /// Buffers of built lists that were sent.
    spare: Vec<Vec<i64>>,
    alarm: Arc<Alarm>,
}

/// The coordinator's ends to one worker.
struct Link {
    /// Never blocks.
    write: OwnedFd,
    /// Blocks in the sleeping regime, not in the others.
    read: OwnedFd,
    capacity: usize,
    /// Bytes of replies: those from `taken` to `filled` were read and not told.
    inbox: Vec<u8>,
    taken: usize,
    filled: usize,
    /// Tasks sent and not answered: a worker answers in order.
    in_flight: VecDeque<u32>,
    closed: bool,
}

impl Hub for StreamHub {
    fn attach(&mut self, worker: usize) -> Result<Handover, TransportError> {
        let there = (self.streams.make)()?;
        let back = (self.streams.make)()?;
        set_blocking(&there.write, false)?;
        let blocks = self.regime == Regime::Sleeping;
        set_blocking(&there.read, blocks)?;
        set_blocking(&back.read, blocks)?;
        self.links[worker] = Some(Link {
            write: there.write,
            read: back.read,
            capacity: there.capacity,
            inbox: vec![0; INBOX_BYTES],
            taken: 0,
            filled: 0,
            in_flight: VecDeque::with_capacity(self.setup.depth),
            closed: false,
        });
        let bytes = self.setup.room * ITEM_BYTES;
        let longest = self.streams.codec.map_or(bytes, |codec| codec.longest(self.setup.room));
        let plan = Plan { wait: self.setup.wakeup.clone(), longest, apart: self.setup.apart };
        let plan = serde_json::to_string(&plan).expect("a plan is plain data");
        Ok(Handover { plan, fds: vec![there.read, back.write] })
    }

    fn detach(&mut self, worker: usize) {
        self.links[worker] = None;
    }

    fn reserve(&mut self, items: usize) -> Result<Room, TransportError> {
        self.check_length(items)?;
        let mut buffer = self.spare.pop().unwrap_or_default();
        buffer.resize(items, 0);
        Ok(Room::Buffer(buffer))
    }

    fn place(&mut self, _list: &[i64]) -> Result<Resident, TransportError> {
        Err(TransportError::NoSuchAxis {
            transport: self.streams.transport,
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
        let link = self.links[worker].as_ref().ok_or(TransportError::Gone)?;
        if link.in_flight.len() >= self.setup.depth {
            return Err(TransportError::NoRoom { what: "task" });
        }
        mark(Stamp::Filled);
        let mut descriptor = task.describe(!matches!(list, List::None));
        let mut encoded = std::mem::take(&mut self.encoded);
        let body: &[u8] = match self.streams.codec {
            Some(codec) if !matches!(list, List::None) => {
                encoded.clear();
                encoded = codec.encode(items, encoded);
                descriptor.length = encoded.len() as u32;
                &encoded
            }
            _ => {
                descriptor.length = items.len() as u32;
                bytemuck::cast_slice(items)
            }
        };
        mark(Stamp::Encoded);
        let padding = padding(body);
        descriptor.offset = padding as u32;
        let mut head = [0; MOST_HEAD_WORDS];
        head[..HEAD_WORDS].copy_from_slice(&descriptor.to_words());
        let head = &bytemuck::cast_slice(&head)[..DESCRIPTOR_BYTES + padding];
        mark(Stamp::Sent);
        let sent = self.write_frame(worker, head, body);
        self.encoded = encoded;
        if let List::Built(Room::Buffer(buffer)) = list {
            self.spare.push(buffer);
        }
        sent?;
        if let Some(link) = &mut self.links[worker] {
            link.in_flight.push_back(task.id);
        }
        Ok(())
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

    fn overlaps(&self, bytes: usize) -> bool {
        let holds = |link: &Link| if self.setup.apart { self.streams.piece } else { link.capacity };
        self.links.iter().flatten().any(|link| bytes + DESCRIPTOR_BYTES > holds(link))
    }

    fn alarm(&self) -> Arc<Alarm> {
        self.alarm.clone()
    }
}

impl StreamHub {
    fn check_length(&self, items: usize) -> Result<(), TransportError> {
        let room = self.setup.room;
        if items > room { Err(TransportError::TooLong { items, room }) } else { Ok(()) }
    }

    /// Writes a whole frame, taking replies whenever the stream is full.
    fn write_frame(
        &mut self,
        worker: usize,
        head: &[u8],
        body: &[u8],
    ) -> Result<(), TransportError> {
        let at_once = if self.setup.apart { self.streams.piece } else { usize::MAX };
        let mut written = 0;
        let mut full_since = None;
        while written < head.len() + body.len() {
            let body = &body[written.saturating_sub(head.len())..];
            let head = head.get(written..).unwrap_or_default();
            let body = &body[..body.len().min(at_once - head.len())];
            let link = self.links[worker].as_ref().ok_or(TransportError::Gone)?;
            match writev(&link.write, &[IoSlice::new(head), IoSlice::new(body)]) {
                Ok(count) => {
                    written += count;
                    full_since = None;
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    self.wait_for_room(worker, *full_since.get_or_insert_with(Instant::now))?;
                }
                Err(error) => return Err(TransportError::system("writev")(error)),
            }
        }
        Ok(())
    }

    /// Waits a while for room in `worker`'s stream, and takes whatever replies come meanwhile.
    fn wait_for_room(&mut self, worker: usize, since: Instant) -> Result<(), TransportError> {
        match self.regime {
            Regime::Polling => std::hint::spin_loop(),
            Regime::Hybrid if since.elapsed() < POLL_BUDGET => std::thread::yield_now(),
            Regime::Sleeping | Regime::Hybrid => return self.sleep(Some(worker), None),
        }
        self.read_all().map(drop)
    }

    /// Waits until some link may have something to read, and reads it.
    fn wait_for_replies(&mut self, patience: Option<Duration>) -> Result<(), TransportError> {
        let longest = patience.unwrap_or(LOOK_AROUND);
        if self.regime != Regime::Sleeping {
            let polling = self.regime == Regime::Polling;
            let looks = looks(self.setup.apart);
            let mut result = Ok(false);
            let mut ready = || {
                result = self.read_all();
                !matches!(result, Ok(false))
            };
            let found = if polling {
                poll_spinning(&mut ready, longest)
            } else {
                poll_yielding(&mut ready, looks, POLL_BUDGET.min(longest))
            };
            result?;
            if found || polling {
                return Ok(());
            }
        }
        let mut attached = self.links.iter().enumerate().filter(|(_, link)| link.is_some());
        match (attached.next(), attached.next(), self.regime, patience) {
            // One worker only: its read blocks by itself, and its end of file is its death.
            (Some((only, _)), None, Regime::Sleeping, None) => self.read_replies(only).map(drop),
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
        let open: Vec<(usize, &Link)> = (0..)
            .zip(&self.links)
            .filter_map(|(index, link)| Some((index, link.as_ref().filter(|link| !link.closed)?)))
            .collect();
        let mut polled: Vec<PollFd<'_>> =
            open.iter().map(|(_, link)| PollFd::new(&link.read, PollFlags::IN)).collect();
        let writer = writer.and_then(|worker| self.links[worker].as_ref());
        polled.extend(writer.map(|link| PollFd::new(&link.write, PollFlags::OUT)));
        poll_fds(&mut polled, patience)?;
        let heard: Vec<usize> = open
            .iter()
            .zip(&polled)
            .filter(|(_, fd)| !fd.revents().is_empty())
            .map(|((index, _), _)| *index)
            .collect();
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
        let Some(link) = self.links[worker].as_mut().filter(|link| !link.closed) else {
            return Ok(false);
        };
        if link.taken > 0 {
            link.inbox.copy_within(link.taken..link.filled, 0);
            link.filled -= link.taken;
            link.taken = 0;
        }
        if link.filled == link.inbox.len() {
            link.inbox.resize(2 * link.filled, 0);
        }
        match read(&link.read, &mut link.inbox[link.filled..]) {
            Ok(0) => link.closed = true,
            Ok(count) => link.filled += count,
            Err(Errno::AGAIN | Errno::INTR) => return Ok(false),
            Err(Errno::CONNRESET) => link.closed = true,
            Err(error) => return Err(TransportError::system("read")(error)),
        }
        Ok(true)
    }

    /// What was read and not yet told.
    fn take_arrival(&mut self) -> Option<Arrival> {
        let count = self.links.len();
        for step in 0..count {
            let worker = (self.turn + step) % count;
            let Some(link) = &mut self.links[worker] else {
                continue;
            };
            match link.take_reply() {
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

impl Link {
    /// The oldest reply that is there as a whole, checked against what was asked.
    fn take_reply(&mut self) -> Result<Option<Reply>, TransportError> {
        let Some((head, rest)) =
            self.inbox[self.taken..self.filled].split_first_chunk::<DESCRIPTOR_BYTES>()
        else {
            return Ok(None);
        };
        let descriptor = Descriptor::from_words(bytemuck::pod_read_unaligned(head));
        let length = descriptor.length as usize;
        if length > shm::results::ROOM_BYTES {
            return Err(TransportError::Nonsense(format!(
                "a reply with {length} bytes of payload"
            )));
        }
        let Some(payload) = rest.get(..length) else {
            return Ok(None);
        };
        let reply = Reply::from_descriptor(&descriptor, payload)?;
        if self.in_flight.pop_front() != Some(reply.task) {
            return Err(TransportError::Nonsense(format!("an answer to task {}", reply.task)));
        }
        self.taken += DESCRIPTOR_BYTES + length;
        Ok(Some(reply))
    }
}

struct StreamSpoke {
    codec: Option<&'static dyn Codec>,
    read: ReadEnd,
    write: OwnedFd,
    longest: usize,
    /// Where bodies are read to: the list itself, or its form for the journey.
    landing: Landing,
    /// The list, where it had another form.
    decoded: Vec<i64>,
    /// Bytes of the last padding and body: the next are expected to be as long.
    expected: usize,
    /// Bytes read too far, which belong to the next frame.
    carried: Vec<u8>,
}

impl Spoke for StreamSpoke {
    fn recv(&mut self) -> Result<Received<'_>, TransportError> {
        let Some((descriptor, body)) = self.read_frame()? else { return Ok(Received::Closed) };
        let (task, has_list) = Task::from_descriptor(&descriptor);
        let stamp = || if task.phase { now() } else { 0 };
        let received = stamp();
        let list = match self.codec {
            Some(codec) if has_list => {
                self.decoded = codec.decode(&self.landing.bytes_mut(body.end)[body])?;
                &self.decoded
            }
            _ => self.landing.items(body),
        };
        let stamps = [received, stamp()];
        Ok(Received::Task(Incoming { task, list: Ok(list), stamps }))
    }

    fn reply(&mut self, mut reply: Reply) -> Result<(), TransportError> {
        if let Some(stamps) = &mut reply.stamps {
            stamps[3] = now();
        }
        let (descriptor, payload) = reply.describe();
        let words = descriptor.to_words();
        let head: &[u8] = bytemuck::cast_slice(&words);
        if payload.is_empty() {
            return write_whole(&self.write, head);
        }
        write_whole(&self.write, &[head, &payload].concat())
    }
}

impl StreamSpoke {
    /// Reads one frame, and says where in `landing` its body lies. Nothing at the end of file.
    fn read_frame(&mut self) -> Result<Option<(Descriptor, Range<usize>)>, TransportError> {
        let mut head = [0; DESCRIPTOR_BYTES];
        let mut got = self.take_carried(&mut head);
        while got < DESCRIPTOR_BYTES {
            let expected = self.expected;
            let body = self.landing.bytes_mut(expected);
            let mut slices =
                [IoSliceMut::new(&mut head[got..]), IoSliceMut::new(&mut body[..expected])];
            match self.read.when_ready(|fd| readv(fd, &mut slices))? {
                0 if got == 0 => return Ok(None),
                0 => {
                    return Err(TransportError::Nonsense("a frame cut off in its head".into()));
                }
                count => got += count,
            }
        }
        let descriptor = Descriptor::from_words(bytemuck::pod_read_unaligned(&head));
        let (_, has_list) = Task::from_descriptor(&descriptor);
        let unit = if self.codec.is_some() && has_list { 1 } else { ITEM_BYTES };
        let bytes = descriptor.length as usize * unit;
        if bytes > self.longest {
            let what = format!("a frame of {bytes} bytes, where {} is the most", self.longest);
            return Err(TransportError::Nonsense(what));
        }
        let padding = descriptor.offset as usize;
        if padding >= LINE || !padding.is_multiple_of(size_of::<u64>()) {
            return Err(TransportError::Nonsense(format!("{padding} bytes of padding")));
        }
        let payload = padding + bytes;
        let mut got = got - DESCRIPTOR_BYTES;
        let body = self.landing.bytes_mut(payload.max(got));
        if got > payload {
            self.carried.splice(..0, body[payload..got].iter().copied());
            got = payload;
        }
        while got < payload {
            match self.read.when_ready(|fd| read(fd, &mut body[got..payload]))? {
                0 => {
                    return Err(TransportError::Nonsense("a frame cut off in its body".into()));
                }
                count => got += count,
            }
        }
        self.expected = payload;
        Ok(Some((descriptor, padding..payload)))
    }

    /// Takes what was read too far before: into `head`, and the rest into the body as far as one
    /// is expected. Gives the number of bytes.
    fn take_carried(&mut self, head: &mut [u8; DESCRIPTOR_BYTES]) -> usize {
        if self.carried.is_empty() {
            return 0;
        }
        let into_head = self.carried.len().min(DESCRIPTOR_BYTES);
        head[..into_head].copy_from_slice(&self.carried[..into_head]);
        let into_body = (self.carried.len() - into_head).min(self.expected);
        let body = self.landing.bytes_mut(into_body);
        body[..into_body].copy_from_slice(&self.carried[into_head..into_head + into_body]);
        self.carried.drain(..into_head + into_body);
        into_head + into_body
    }
}

/// Words of a head, and of a head with the longest padding.
const HEAD_WORDS: usize = DESCRIPTOR_BYTES / size_of::<u64>();
const MOST_HEAD_WORDS: usize = HEAD_WORDS + LINE / size_of::<u64>();
/// Bytes of a cache line.
const LINE: usize = 64;
/// Bodies from here on are padded.
const PAGE: usize = 4096;

/// Bytes between head and body, whole words, with which each page of the stream begins where a
/// cache line of the body does: the kernel then copies whole lines (8 to 12 % at 400 kB).
fn padding(body: &[u8]) -> usize {
    if body.len() < PAGE {
        return 0;
    }
    let word = size_of::<u64>();
    (body.as_ptr().addr() + LINE - DESCRIPTOR_BYTES) % LINE / word * word
}

/// Memory that padding and bodies are read to, longer than the last where an earlier one was.
///
/// It begins half a cache line past a line's start: a head of thirty-two bytes travels before, so
/// the stream's pages begin where this memory's lines do, whatever the padding.
#[derive(Default)]
struct Landing {
    memory: Vec<i64>,
    start: usize,
}

impl Landing {
    /// At least `bytes` bytes; what was read before stays.
    fn bytes_mut(&mut self, bytes: usize) -> &mut [u8] {
        let items = bytes.div_ceil(ITEM_BYTES);
        if self.memory.len() < items + LINE / ITEM_BYTES {
            self.grow(items);
        }
        bytemuck::cast_slice_mut(&mut self.memory[self.start..])
    }

    /// The items in the bytes of `body`.
    fn items(&self, body: Range<usize>) -> &[i64] {
        &self.memory[self.start + body.start / ITEM_BYTES..self.start + body.end / ITEM_BYTES]
    }

    fn grow(&mut self, items: usize) {
        let before = std::mem::take(&mut self.memory);
        let mut memory = vec![0; items + 2 * LINE / ITEM_BYTES];
        let past_line = memory.as_ptr().addr() % LINE;
        let past_half = (past_line + LINE - DESCRIPTOR_BYTES) % LINE;
        let start = (LINE - past_half) % LINE / ITEM_BYTES;
        let kept = before.len().saturating_sub(self.start).min(items);
        memory[start..start + kept]
            .copy_from_slice(&before[before.len().min(self.start)..][..kept]);
        *self = Landing { memory, start };
    }
}

/// A worker's end to read from, and how it waits there.
struct ReadEnd {
    fd: OwnedFd,
    regime: Regime,
    looks: usize,
}

impl ReadEnd {
    /// Reads once there is something to read; 0 is the end of file.
    fn when_ready(
        &self,
        mut read: impl FnMut(&OwnedFd) -> Result<usize, Errno>,
    ) -> Result<usize, TransportError> {
        loop {
            let mut result = Err(Errno::AGAIN);
            let mut ready = || {
                result = read(&self.fd);
                !matches!(result, Err(Errno::AGAIN | Errno::INTR))
            };
            let found = match self.regime {
                Regime::Sleeping => ready(),
                Regime::Polling => poll_spinning(&mut ready, Duration::MAX),
                Regime::Hybrid => poll_yielding(&mut ready, self.looks, POLL_BUDGET),
            };
            match result {
                _ if !found => {}
                Ok(count) => return Ok(count),
                Err(Errno::CONNRESET) => return Ok(0),
                Err(error) => return Err(TransportError::system("read")(error)),
            }
            if self.regime == Regime::Hybrid {
                poll_fds(&mut [PollFd::new(&self.fd, PollFlags::IN)], None)?;
            }
        }
    }
}

/// Writes all of `bytes` to a descriptor that blocks.
fn write_whole(fd: &OwnedFd, mut bytes: &[u8]) -> Result<(), TransportError> {
    while !bytes.is_empty() {
        match write(fd, bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(Errno::INTR) => {}
            Err(error) => return Err(TransportError::system("write")(error)),
        }
    }
    Ok(())
}

/// Sleeps until one of `fds` is ready, or the end of `patience`.
fn poll_fds(fds: &mut [PollFd<'_>], patience: Option<Duration>) -> Result<(), TransportError> {
    let timeout = patience.and_then(|patience| Timespec::try_from(patience).ok());
    match poll(fds, timeout.as_ref()) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(TransportError::system("poll")(error)),
    }
}

fn set_blocking(fd: &OwnedFd, blocking: bool) -> Result<(), TransportError> {
    let system = || TransportError::system::<io::Error>("fcntl(F_SETFL)");
    let mut flags = fcntl_getfl(fd).map_err(|error| system()(error.into()))?;
    flags.set(OFlags::NONBLOCK, !blocking);
    fcntl_setfl(fd, flags).map_err(|error| system()(error.into()))
}
