//! A worker's half: reads whole frames, straight into the list.

use std::cell::RefCell;
use std::io::{IoSlice, IoSliceMut};
use std::ops::Range;
use std::os::fd::OwnedFd;

use measure::now;
use rustix::io::{Errno, read, readv, write, writev};
use shm::descriptor::DESCRIPTOR_BYTES;
use shm::wakeup::Backoff;
use shm::{Descriptor, ITEM_BYTES};

use super::channel::{Body, StreamTransport};
use super::fetch::Fetched;
use super::frame::LINE;
use super::leftover_bytes::LeftoverBytes;
use super::plan::Plan;
use super::receive_buffer::ReceiveBuffer;
use super::wait::{ReadEnd, looks, wait_strategy};
use crate::error::TransportError;
use crate::incoming_list::IncomingList;
use crate::message::{Reply, Task};
use crate::setup::Handover;
use crate::spoke::{Incoming, Received, Spoke};

pub(super) struct StreamSpoke {
    body: Body,
    read: ReadEnd,
    write: OwnedFd,
    longest: usize,
    /// Where bodies are read to: the list itself, or its form for the journey.
    buffer: ReceiveBuffer,
    /// The list, where it had another form.
    decoded: Vec<i64>,
    /// The list, where it did not travel.
    fetched: Option<Fetched>,
    /// Where answers' lists are built.
    room: Vec<i64>,
    /// Bytes of the last padding and body: the next are expected to be as long.
    expected: usize,
    /// Bytes of the last body that are still in the stream.
    unread: usize,
    /// Bytes read too far, which belong to the next frame.
    carried: Vec<u8>,
}

impl Spoke for StreamSpoke {
    fn recv(&mut self) -> Result<Received<'_>, TransportError> {
        if !self.read_the_rest()? {
            return Ok(Received::Closed);
        }
        let Some((descriptor, body)) = self.read_frame()? else { return Ok(Received::Closed) };
        let (task, has_list) = Task::from_descriptor(&descriptor);
        let stamp = || if task.phase { now() } else { 0 };
        let received = stamp();
        let list = match (self.body, &mut self.fetched) {
            (Body::Coded(codec), _) if has_list => {
                self.decoded = codec.decode(&self.buffer.bytes_mut(body.end)[body])?;
                Ok(IncomingList::here(&self.decoded))
            }
            (_, Some(fetched)) if has_list => {
                fetched.fetch(&descriptor).map(IncomingList::fetching)
            }
            _ if self.unread == 0 => Ok(IncomingList::here(self.buffer.items_mut(body))),
            _ => {
                let room = self.buffer.items_mut(body);
                Ok(IncomingList::stream(LeftoverBytes::new(&self.read, room, &mut self.unread)))
            }
        };
        let stamps = [received, stamp()];
        Ok(Received::Task(Incoming { task, list, room: &mut self.room, stamps }))
    }

    fn reply(&mut self, mut reply: Reply, items: usize) -> Result<(), TransportError> {
        let room = self.room.len();
        assert!(items <= room, "{items} items of an answer in a room of {room}");
        if !self.read_the_rest()? {
            return Err(TransportError::Disconnected);
        }
        if let Some(stamps) = &mut reply.stamps {
            stamps[3] = now();
        }
        let (descriptor, payload) = reply.describe(items);
        let words = descriptor.to_words();
        let head: &[u8] = bytemuck::cast_slice(&words);
        write_whole(&self.write, [head, &payload, bytemuck::cast_slice(&self.room[..items])])
    }
}

impl StreamSpoke {
    pub(super) fn new(
        streams: &StreamTransport,
        handover: Handover,
    ) -> Result<StreamSpoke, TransportError> {
        let plan: Plan = serde_json::from_str(&handover.plan)
            .map_err(|fault| TransportError::InvalidMessage(format!("a plan: {fault}")))?;
        let wait = wait_strategy(streams.name, &plan.wait)?;
        let [read, write] = <[OwnedFd; 2]>::try_from(handover.fds)
            .map_err(|fds| TransportError::InvalidMessage(format!("{} descriptors", fds.len())))?;
        Ok(StreamSpoke {
            body: streams.body,
            fetched: plan.source.map(Fetched::open).transpose()?,
            read: ReadEnd { fd: read, wait, poll: RefCell::new(Backoff::every(looks(plan.apart))) },
            write,
            longest: plan.longest,
            buffer: ReceiveBuffer::default(),
            decoded: Vec::new(),
            room: vec![0; plan.answer],
            expected: 0,
            unread: 0,
            carried: Vec::new(),
        })
    }

    /// Reads what a job has not asked for of its list; false at the end of file.
    #[inline]
    fn read_the_rest(&mut self) -> Result<bool, TransportError> {
        while self.unread > 0 {
            let to = self.buffer.bytes_mut(self.unread);
            match self.read.when_ready(|fd| read(fd, &mut to[..self.unread]))? {
                0 => return Ok(false),
                count => self.unread -= count,
            }
        }
        Ok(true)
    }

    /// Reads one frame, and says where in `buffer` its body lies; `unread` bytes of a list's are
    /// still to come. Nothing at the end of file.
    fn read_frame(&mut self) -> Result<Option<(Descriptor, Range<usize>)>, TransportError> {
        let mut head = [0; DESCRIPTOR_BYTES];
        let mut got = self.take_carried(&mut head);
        while got < DESCRIPTOR_BYTES {
            let expected = self.expected;
            let body = self.buffer.bytes_mut(expected);
            let mut slices =
                [IoSliceMut::new(&mut head[got..]), IoSliceMut::new(&mut body[..expected])];
            match self.read.when_ready(|fd| readv(fd, &mut slices))? {
                0 if got == 0 => return Ok(None),
                0 => {
                    return Err(TransportError::InvalidMessage(
                        "a frame cut off in its head".into(),
                    ));
                }
                count => got += count,
            }
        }
        let descriptor = Descriptor::from_words(bytemuck::pod_read_unaligned(&head));
        let (_, has_list) = Task::from_descriptor(&descriptor);
        let coded = matches!(self.body, Body::Coded(_)) && has_list;
        let bytes = descriptor.length as usize * if coded { 1 } else { ITEM_BYTES };
        if bytes > self.longest {
            let what = format!("a list of {bytes} bytes, where {} is the most", self.longest);
            return Err(TransportError::InvalidMessage(what));
        }
        let bytes = if self.fetched.is_some() { 0 } else { bytes };
        let padding = descriptor.offset as usize;
        if padding >= LINE || !padding.is_multiple_of(size_of::<u64>()) {
            return Err(TransportError::InvalidMessage(format!("{padding} bytes of padding")));
        }
        let payload = padding + bytes;
        let mut got = got - DESCRIPTOR_BYTES;
        let body = self.buffer.bytes_mut(payload.max(got));
        if got > payload {
            self.carried.splice(..0, body[payload..got].iter().copied());
            got = payload;
        }
        // What was read too far before comes before what is still in the stream.
        let carried = self.carried.len().min(payload - got);
        body[got..got + carried].copy_from_slice(&self.carried[..carried]);
        self.carried.drain(..carried);
        got += carried;
        self.expected = payload;
        // A list is read on while its job runs; another form of it must be whole, and so must what
        // comes before it.
        let needed = if coded { payload } else { padding };
        while got < needed {
            match self.read.when_ready(|fd| read(fd, &mut body[got..payload]))? {
                0 => {
                    return Err(TransportError::InvalidMessage(
                        "a frame cut off in its body".into(),
                    ));
                }
                count => got += count,
            }
        }
        self.unread = payload - got;
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
        let body = self.buffer.bytes_mut(into_body);
        body[..into_body].copy_from_slice(&self.carried[into_head..into_head + into_body]);
        self.carried.drain(..into_head + into_body);
        into_head + into_body
    }
}

/// Writes all of `parts` to a descriptor that blocks, in one call if it takes them.
fn write_whole(fd: &OwnedFd, parts: [&[u8]; 3]) -> Result<(), TransportError> {
    let mut slices = parts.map(IoSlice::new);
    let plain = matches!(parts, [_, [], []]);
    let mut left = if plain { &mut slices[..1] } else { &mut slices[..] };
    while !left.is_empty() {
        let written = match &*left {
            // Cheaper than its vector form.
            [only] => write(fd, only),
            several => writev(fd, several),
        };
        match written {
            Ok(count) => IoSlice::advance_slices(&mut left, count),
            Err(Errno::INTR) => {}
            Err(error) => return Err(TransportError::system("write")(error)),
        }
    }
    Ok(())
}
