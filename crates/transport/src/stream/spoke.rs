//! A worker's half: reads frames, and lists to where they are used.

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
use super::frame::LINE;
use super::leftover_bytes::LeftoverBytes;
use super::plan::Plan;
use super::receive_buffer::ReceiveBuffer;
use super::remote_memory::RemoteReader;
use super::wait::{ReadEnd, spins, wait_strategy};
use crate::error::TransportError;
use crate::incoming_list::IncomingList;
use crate::message::{Reply, Task};
use crate::setup::Handover;
use crate::spoke::{Incoming, Received, Spoke};

pub(super) struct StreamSpoke {
    body: Body,
    read: ReadEnd,
    write: OwnedFd,
    max_body_bytes: usize,
    /// Where bodies are read to: the list itself, or its encoded form.
    buffer: ReceiveBuffer,
    /// The decoded list, if lists are encoded.
    decoded: Vec<i64>,
    /// The reader of lists that are not sent.
    remote: Option<RemoteReader>,
    /// The buffer for an answer's list.
    room: Vec<i64>,
    /// Bytes of the last padding and body. The next are expected to have as many.
    expected: usize,
    /// Bytes of the last body that are still in the stream.
    body_remaining: usize,
    /// Bytes of the next frame that were read ahead.
    read_ahead: Vec<u8>,
}

impl Spoke for StreamSpoke {
    fn recv(&mut self) -> Result<Received<'_>, TransportError> {
        if !self.skip_body()? {
            return Ok(Received::Closed);
        }
        let Some((descriptor, body)) = self.read_frame()? else { return Ok(Received::Closed) };
        let (task, has_list) = Task::from_descriptor(&descriptor);
        let stamp = || if task.phase { now() } else { 0 };
        let received = stamp();
        let list = match (self.body, &mut self.remote) {
            (Body::Encoded(codec), _) if has_list => {
                self.decoded = codec.decode(&self.buffer.bytes_mut(body.end)[body])?;
                Ok(IncomingList::here(&self.decoded))
            }
            (_, Some(remote)) if has_list => remote.fetch(&descriptor).map(IncomingList::remote),
            _ if self.body_remaining == 0 => Ok(IncomingList::here(self.buffer.items_mut(body))),
            _ => {
                let room = self.buffer.items_mut(body);
                Ok(IncomingList::stream(LeftoverBytes::new(
                    &self.read,
                    room,
                    &mut self.body_remaining,
                )))
            }
        };
        let stamps = [received, stamp()];
        Ok(Received::Task(Incoming { task, list, room: &mut self.room, stamps }))
    }

    fn reply(&mut self, mut reply: Reply, items: usize) -> Result<(), TransportError> {
        let room = self.room.len();
        assert!(items <= room, "{items} items of an answer in a room of {room}");
        if !self.skip_body()? {
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
            remote: plan.remote.map(RemoteReader::open).transpose()?,
            read: ReadEnd {
                fd: read,
                wait,
                poll: RefCell::new(Backoff::every(spins(plan.cross_core))),
            },
            write,
            max_body_bytes: plan.max_body_bytes,
            buffer: ReceiveBuffer::default(),
            decoded: Vec::new(),
            room: vec![0; plan.answer],
            expected: 0,
            body_remaining: 0,
            read_ahead: Vec::new(),
        })
    }

    /// Reads the part of the last list that its job did not read; false at end of file.
    #[inline]
    fn skip_body(&mut self) -> Result<bool, TransportError> {
        while self.body_remaining > 0 {
            let to = self.buffer.bytes_mut(self.body_remaining);
            match self.read.when_ready(|fd| read(fd, &mut to[..self.body_remaining]))? {
                0 => return Ok(false),
                count => self.body_remaining -= count,
            }
        }
        Ok(true)
    }

    /// Reads one frame, and returns where its body is in `buffer`. Of a list, `body_remaining`
    /// bytes are still to come. `None` at end of file.
    fn read_frame(&mut self) -> Result<Option<(Descriptor, Range<usize>)>, TransportError> {
        let mut head = [0; DESCRIPTOR_BYTES];
        let mut got = self.take_read_ahead(&mut head);
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
        let coded = matches!(self.body, Body::Encoded(_)) && has_list;
        let bytes = descriptor.length as usize * if coded { 1 } else { ITEM_BYTES };
        if bytes > self.max_body_bytes {
            let what =
                format!("a list of {bytes} bytes, where {} is the most", self.max_body_bytes);
            return Err(TransportError::InvalidMessage(what));
        }
        let bytes = if self.remote.is_some() { 0 } else { bytes };
        let padding = descriptor.offset as usize;
        if padding >= LINE || !padding.is_multiple_of(size_of::<u64>()) {
            return Err(TransportError::InvalidMessage(format!("{padding} bytes of padding")));
        }
        let payload = padding + bytes;
        let mut got = got - DESCRIPTOR_BYTES;
        let body = self.buffer.bytes_mut(payload.max(got));
        if got > payload {
            self.read_ahead.splice(..0, body[payload..got].iter().copied());
            got = payload;
        }
        // The bytes that were read ahead come before those in the stream.
        let read_ahead = self.read_ahead.len().min(payload - got);
        body[got..got + read_ahead].copy_from_slice(&self.read_ahead[..read_ahead]);
        self.read_ahead.drain(..read_ahead);
        got += read_ahead;
        self.expected = payload;
        // A list is read further while its job runs. An encoded list, and the padding, must be
        // complete.
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
        self.body_remaining = payload - got;
        Ok(Some((descriptor, padding..payload)))
    }

    /// Takes the bytes that were read ahead: into `head`, and then into the body as far as one is
    /// expected. Returns their number.
    fn take_read_ahead(&mut self, head: &mut [u8; DESCRIPTOR_BYTES]) -> usize {
        if self.read_ahead.is_empty() {
            return 0;
        }
        let into_head = self.read_ahead.len().min(DESCRIPTOR_BYTES);
        head[..into_head].copy_from_slice(&self.read_ahead[..into_head]);
        let into_body = (self.read_ahead.len() - into_head).min(self.expected);
        let body = self.buffer.bytes_mut(into_body);
        body[..into_body].copy_from_slice(&self.read_ahead[into_head..into_head + into_body]);
        self.read_ahead.drain(..into_head + into_body);
        into_head + into_body
    }
}

/// Writes all of `parts` to a blocking descriptor, in one call if it accepts them.
fn write_whole(fd: &OwnedFd, parts: [&[u8]; 3]) -> Result<(), TransportError> {
    let mut slices = parts.map(IoSlice::new);
    let plain = matches!(parts, [_, [], []]);
    let mut left = if plain { &mut slices[..1] } else { &mut slices[..] };
    while !left.is_empty() {
        let written = match &*left {
            // write is cheaper than writev.
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
