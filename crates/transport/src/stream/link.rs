//! The hub's ends to one worker, and the replies that were read and not returned yet.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;

use rustix::io::{Errno, read};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use shm::descriptor::DESCRIPTOR_BYTES;
use shm::payloads::ROOM_BYTES;
use shm::wakeup::LIVENESS_INTERVAL;
use shm::{Descriptor, ITEM_BYTES};

use super::frame::MAX_HEAD_WORDS;
use crate::error::TransportError;
use crate::list::{ListBuffer, UnansweredTask};
use crate::message::{KNOCK, Reply};

/// Size of the buffer for heads and payloads: more than the longest head with its payload.
const INBOX_BYTES: usize = 4096;
const _: () = assert!(INBOX_BYTES > DESCRIPTOR_BYTES + ROOM_BYTES);

/// The hub's ends to one worker.
pub(super) struct Link {
    /// Non-blocking.
    pub(super) write: OwnedFd,
    /// Blocking if the hub sleeps, non-blocking if it polls.
    pub(super) read: OwnedFd,
    /// Whether the alarm can end a blocking read: that of a socket has a timeout, and a wake-up
    /// frame fits into a pipe in which each reply was written atomically.
    pub(super) may_block: bool,
    pub(super) capacity: usize,
    /// Whether small frames are queued in the outbox, which is empty otherwise.
    pub(super) corked: bool,
    pub(super) outbox: Vec<u8>,
    /// The heads of the tasks in flight, and which one is used next. There are as many as tasks can
    /// be in flight: while the stream refers to one, it is not reused before its task was answered.
    pub(super) heads: Vec<[u64; MAX_HEAD_WORDS]>,
    pub(super) next_head: usize,
    /// Bytes of replies, of which those from `parsed` to `filled` were read and not parsed yet.
    inbox: Vec<u8>,
    parsed: usize,
    filled: usize,
    /// A reply whose list is not complete yet.
    partial: Option<PartialReply>,
    /// Replies that are complete and were not returned, because more had to be read meanwhile.
    complete: VecDeque<Reply>,
    /// The invalid bytes that followed them. Nothing is read from the worker any more.
    fault: Option<TransportError>,
    /// Items of the longest list of an answer.
    answer: usize,
    /// The tasks in flight, in order: a worker answers in order.
    pub(super) in_flight: VecDeque<InFlight>,
    /// Nothing more comes from this worker.
    pub(super) closed: bool,
    pub(super) write_state: WriteState,
}

/// Whether tasks can be written to a worker.
pub(super) enum WriteState {
    Open,
    /// The worker read nothing for too long. Nothing more is written, even in the middle of a
    /// frame.
    Stalled,
    /// A part of a frame was written, and writing the rest failed for this reason. Anything written
    /// after it would be taken for the rest.
    Broken(String),
}

/// A task in flight: its number, and the buffer of a built list.
pub(super) struct InFlight {
    pub(super) task: u32,
    pub(super) built: Option<Vec<i64>>,
}

/// A reply, its list, and how many bytes of that were read.
struct PartialReply {
    reply: Reply,
    list: Vec<i64>,
    got: usize,
}

impl Link {
    pub(super) fn new(
        write: OwnedFd,
        read: OwnedFd,
        capacity: usize,
        depth: usize,
        answer: usize,
    ) -> Link {
        let is_socket = set_socket_timeout(&read, Timeout::Recv, Some(LIVENESS_INTERVAL)).is_ok();
        Link {
            write,
            read,
            may_block: is_socket || answer == 0,
            capacity,
            corked: false,
            outbox: Vec::new(),
            heads: vec![[0; MAX_HEAD_WORDS]; depth],
            next_head: 0,
            inbox: vec![0; INBOX_BYTES],
            parsed: 0,
            filled: 0,
            partial: None,
            complete: VecDeque::with_capacity(depth),
            fault: None,
            answer,
            in_flight: VecDeque::with_capacity(depth),
            closed: false,
            write_state: WriteState::Open,
        }
    }

    /// Calls read once, and returns whether anything came: bytes, end of file, or invalid bytes. A
    /// part of a reply is read too, so that a worker that blocks in writing a long one goes on.
    #[inline]
    pub(super) fn read_replies(&mut self) -> Result<bool, TransportError> {
        if self.partial.is_some() || self.filled == self.inbox.len() {
            self.keep_complete();
        }
        if self.closed {
            return Ok(self.fault.is_some());
        }
        let to = match &mut self.partial {
            Some(PartialReply { list, got, .. }) => &mut bytemuck::cast_slice_mut(list)[*got..],
            None => {
                if self.parsed > 0 {
                    self.inbox.copy_within(self.parsed..self.filled, 0);
                    self.filled -= self.parsed;
                    self.parsed = 0;
                }
                &mut self.inbox[self.filled..]
            }
        };
        match read(&self.read, to) {
            Ok(0) | Err(Errno::CONNRESET) => self.closed = true,
            Ok(count) => match &mut self.partial {
                Some(partial) => partial.got += count,
                None => self.filled += count,
            },
            Err(Errno::AGAIN | Errno::INTR) => return Ok(false),
            Err(error) => return Err(TransportError::system("read")(error)),
        }
        Ok(true)
    }

    /// The oldest complete reply; after the last one, what was wrong with the bytes behind it. The
    /// buffer of its task's list goes to `spare`.
    #[inline]
    pub(super) fn take_reply(
        &mut self,
        spare: &mut Vec<Vec<i64>>,
    ) -> Result<Option<Reply>, TransportError> {
        let reply = match self.complete.pop_front() {
            None => self.next_reply()?,
            kept => kept,
        };
        if reply.is_some() {
            spare.extend(self.in_flight.pop_front().and_then(|task| task.built));
        }
        Ok(reply)
    }

    /// The tasks in flight, with the buffers of built lists.
    pub(super) fn unanswered(self) -> Vec<UnansweredTask> {
        let given =
            |InFlight { task, built }| UnansweredTask { task, room: built.map(ListBuffer::Buffer) };
        self.in_flight.into_iter().map(given).collect()
    }

    /// Moves complete replies to `complete`, so that more can be read.
    #[cold]
    fn keep_complete(&mut self) {
        loop {
            match self.next_reply() {
                Ok(Some(reply)) => self.complete.push_back(reply),
                Ok(None) => return,
                Err(fault) => return self.fault = Some(fault),
            }
        }
    }

    /// The next reply, if it is complete. After an invalid one nothing more is read.
    #[inline]
    fn next_reply(&mut self) -> Result<Option<Reply>, TransportError> {
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        let reply = match &self.partial {
            Some(partial) if partial.is_complete() => {
                Ok(self.partial.take().map(PartialReply::into_reply))
            }
            Some(_) => Ok(None),
            None => self.parse_reply(),
        };
        if reply.is_err() {
            self.closed = true;
            self.parsed = self.filled;
        }
        reply
    }

    /// Parses the next reply. There are never more replies than tasks in flight, and memory is
    /// allocated only for a list within the limit, so invalid lengths cost none.
    fn parse_reply(&mut self) -> Result<Option<Reply>, TransportError> {
        let (descriptor, rest) = loop {
            let there = &self.inbox[self.parsed..self.filled];
            let Some((head, rest)) = there.split_first_chunk::<DESCRIPTOR_BYTES>() else {
                return Ok(None);
            };
            let descriptor = Descriptor::from_words(bytemuck::pod_read_unaligned(head));
            if descriptor.flags & KNOCK == 0 {
                break (descriptor, rest);
            }
            self.parsed += DESCRIPTOR_BYTES;
        };
        let (length, items) = (descriptor.length as usize, descriptor.offset as usize);
        if length > ROOM_BYTES {
            let what = format!("a reply with {length} bytes of payload");
            return Err(TransportError::InvalidMessage(what));
        }
        if items > self.answer {
            let what = format!("an answer of {items} items, where {} is the most", self.answer);
            return Err(TransportError::InvalidMessage(what));
        }
        let Some((payload, rest)) = rest.split_at_checked(length) else { return Ok(None) };
        let reply = Reply::from_descriptor(&descriptor, payload)?;
        let asked = self.in_flight.get(self.complete.len());
        if asked.is_none_or(|asked| asked.task != reply.task) {
            return Err(TransportError::InvalidMessage(format!(
                "an answer to task {}",
                reply.task
            )));
        }
        self.parsed += DESCRIPTOR_BYTES + length;
        if items == 0 {
            return Ok(Some(reply));
        }
        let mut list = vec![0; items];
        let room: &mut [u8] = bytemuck::cast_slice_mut(&mut list);
        let got = rest.len().min(room.len());
        room[..got].copy_from_slice(&rest[..got]);
        self.parsed += got;
        let partial = PartialReply { reply, list, got };
        if partial.is_complete() {
            return Ok(Some(partial.into_reply()));
        }
        self.partial = Some(partial);
        Ok(None)
    }
}

impl PartialReply {
    fn is_complete(&self) -> bool {
        self.got == self.list.len() * ITEM_BYTES
    }

    fn into_reply(self) -> Reply {
        Reply { list: self.list.into(), ..self.reply }
    }
}

#[cfg(test)]
mod tests {
    use rustix::io::write;
    use rustix::pipe::pipe;
    use shm::AnswerList;

    use super::*;
    use crate::message::Value;

    /// A link with tasks 1 and 2 in flight whose answers may have ten items, and the worker's end.
    fn link() -> (Link, OwnedFd) {
        let (read, theirs) = pipe().unwrap();
        let (_, write) = pipe().unwrap();
        let mut link = Link::new(write, read, 4096, 2, 10);
        link.in_flight.extend([1, 2].map(|task| InFlight { task, built: None }));
        (link, theirs)
    }

    fn frame(task: u32, list: &[i64]) -> Vec<u8> {
        let reply =
            Reply { task, outcome: Ok(Value::Int(7)), list: AnswerList::default(), stamps: None };
        let (descriptor, payload) = reply.describe(list.len());
        let head = descriptor.to_words();
        [bytemuck::cast_slice(&head), &payload[..], bytemuck::cast_slice(list)].concat()
    }

    #[test]
    fn replies_that_come_in_any_pieces_are_told_whole_and_in_order() {
        let lists: [&[i64]; 2] = [&[1, -2, 3], &[]];
        let stream = [frame(1, lists[0]), frame(2, lists[1])].concat();
        for piece in 1..=stream.len() {
            let (mut link, theirs) = link();
            let mut told = Vec::new();
            for part in stream.chunks(piece) {
                assert_eq!(write(&theirs, part).unwrap(), part.len());
                assert!(link.read_replies().unwrap());
                told.extend(link.take_reply(&mut Vec::new()).unwrap());
            }
            drop(theirs);
            while !link.closed {
                assert!(link.read_replies().unwrap());
                told.extend(link.take_reply(&mut Vec::new()).unwrap());
            }
            told.extend(link.take_reply(&mut Vec::new()).unwrap());
            assert_eq!(told.iter().map(|reply| reply.task).collect::<Vec<_>>(), [1, 2], "{piece}");
            assert!(told.iter().zip(lists).all(|(reply, list)| reply.list == list), "{piece}");
        }
    }

    #[test]
    fn an_invalid_reply_is_refused_and_no_memory_is_allocated_for_it() {
        let head = |task, flags, length, offset| {
            let lie = Descriptor { task, flags, length, offset, ..Descriptor::default() };
            bytemuck::cast_slice(&lie.to_words()).to_vec()
        };
        let lies = [
            (head(2, 0, 0, 11), "11 items"),
            (head(2, 0, 0, u32::MAX), "items"),
            (head(2, 0, u32::MAX, 0), "bytes of payload"),
            (head(1, 0, 0, 10), "task 1"),
            ([frame(2, &[]), frame(3, &[])].concat(), "task 3"),
            ([frame(2, &[5; 10]), frame(2, &[])].concat(), "task 2"),
        ];
        for ((lie, named), waits) in lies.iter().flat_map(|lie| [(lie, false), (lie, true)]) {
            let (mut link, theirs) = link();
            write(&theirs, &[&frame(1, &[9; 10]), &lie[..]].concat()).unwrap();
            assert!(link.read_replies().unwrap());
            let mut fault = None;
            let counted = allocation_counter::measure(|| {
                // As a hub does that waits for room.
                if waits {
                    link.keep_complete();
                }
                // What it said before is told, and after that the lie, once.
                while fault.is_none() {
                    match link.take_reply(&mut Vec::new()) {
                        Ok(Some(reply)) => assert!([1, 2].contains(&reply.task)),
                        Ok(None) => panic!("{named} passed"),
                        Err(found) => fault = Some(found.to_string()),
                    }
                }
            });
            assert!(counted.bytes_total < 1000, "{named}: {counted:?}");
            assert!(fault.as_ref().is_some_and(|fault| fault.contains(named)), "{fault:?}");
            assert!(link.take_reply(&mut Vec::new()).unwrap().is_none());
            assert!(!link.read_replies().unwrap());
        }
    }

    #[test]
    fn a_reply_cut_off_in_its_list_is_no_answer() {
        let (mut link, theirs) = link();
        let whole = frame(1, &[9; 10]);
        write(&theirs, &whole[..whole.len() - 1]).unwrap();
        drop(theirs);
        while !link.closed {
            link.read_replies().unwrap();
        }
        assert!(link.take_reply(&mut Vec::new()).unwrap().is_none());
        assert_eq!(link.unanswered().iter().map(|task| task.task).collect::<Vec<_>>(), [1, 2]);
    }
}
