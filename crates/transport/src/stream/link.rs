//! The coordinator's ends to one worker, and the replies that lie there unread.

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

/// Bytes of heads and payloads that are read at once: more than the longest head and payload.
const INBOX_BYTES: usize = 4096;
const _: () = assert!(INBOX_BYTES > DESCRIPTOR_BYTES + ROOM_BYTES);

/// The coordinator's ends to one worker.
pub(super) struct Link {
    /// Never blocks.
    pub(super) write: OwnedFd,
    /// Blocks where the hub sleeps, not where it polls.
    pub(super) read: OwnedFd,
    /// Whether the alarm ends a read of it: it is a socket, whose reads end by themselves, or a pipe in
    /// which each reply lies as a whole, so that a knock fits between two.
    pub(super) may_block: bool,
    pub(super) capacity: usize,
    /// Whether small frames wait in the outbox, which is empty otherwise.
    pub(super) corked: bool,
    pub(super) outbox: Vec<u8>,
    /// Heads of the tasks in flight, and whose turn is next. As many as may be in flight: one that
    /// the stream still refers to is not written again before its task was answered.
    pub(super) heads: Vec<[u64; MAX_HEAD_WORDS]>,
    pub(super) turn: usize,
    /// Bytes of replies: those from `taken` to `filled` were read and not understood yet.
    inbox: Vec<u8>,
    taken: usize,
    filled: usize,
    /// A reply of whose list a part is still to come.
    arriving: Option<Arriving>,
    /// Replies that are whole and were not told, where more had to be read meanwhile.
    whole: VecDeque<Reply>,
    /// What the worker said after those that cannot be; nothing is read from it since.
    fault: Option<TransportError>,
    /// Items of the longest list that an answer may have.
    answer: usize,
    /// Tasks sent and not answered: a worker answers in order.
    pub(super) in_flight: VecDeque<InFlight>,
    /// Nothing more comes from this worker.
    pub(super) closed: bool,
    pub(super) write_state: WriteState,
}

/// Whether tasks are written to a worker.
pub(super) enum WriteState {
    Open,
    /// The worker has taken nothing for too long: nothing more is written, be it in the midst of a frame.
    Stalled,
    /// Half a frame was written, and the rest could not be, for this reason: nothing that is written after
    /// it would be understood.
    Broken(String),
}

/// A task that was sent: its number, and the buffer that its list was built in.
pub(super) struct InFlight {
    pub(super) task: u32,
    pub(super) built: Option<Vec<i64>>,
}

/// A reply, room for its list, and how many bytes of that are there.
struct Arriving {
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
            turn: 0,
            inbox: vec![0; INBOX_BYTES],
            taken: 0,
            filled: 0,
            arriving: None,
            whole: VecDeque::with_capacity(depth),
            fault: None,
            answer,
            in_flight: VecDeque::with_capacity(depth),
            closed: false,
            write_state: WriteState::Open,
        }
    }

    /// One read; says whether anything came: bytes, the end of file, or something that cannot be. A
    /// part of a reply is taken too, so a worker that blocks in writing a long one goes on.
    #[inline]
    pub(super) fn read_replies(&mut self) -> Result<bool, TransportError> {
        if self.arriving.is_some() || self.filled == self.inbox.len() {
            self.keep_whole();
        }
        if self.closed {
            return Ok(self.fault.is_some());
        }
        let to = match &mut self.arriving {
            Some(Arriving { list, got, .. }) => &mut bytemuck::cast_slice_mut(list)[*got..],
            None => {
                if self.taken > 0 {
                    self.inbox.copy_within(self.taken..self.filled, 0);
                    self.filled -= self.taken;
                    self.taken = 0;
                }
                &mut self.inbox[self.filled..]
            }
        };
        match read(&self.read, to) {
            Ok(0) | Err(Errno::CONNRESET) => self.closed = true,
            Ok(count) => match &mut self.arriving {
                Some(arriving) => arriving.got += count,
                None => self.filled += count,
            },
            Err(Errno::AGAIN | Errno::INTR) => return Ok(false),
            Err(error) => return Err(TransportError::system("read")(error)),
        }
        Ok(true)
    }

    /// The oldest reply that is there as a whole; then, what was wrong with the one after. The
    /// buffer of its task's list goes to `spare`.
    #[inline]
    pub(super) fn take_reply(
        &mut self,
        spare: &mut Vec<Vec<i64>>,
    ) -> Result<Option<Reply>, TransportError> {
        let reply = match self.whole.pop_front() {
            None => self.next_reply()?,
            kept => kept,
        };
        if reply.is_some() {
            spare.extend(self.in_flight.pop_front().and_then(|task| task.built));
        }
        Ok(reply)
    }

    /// The tasks in flight, and the buffers that the caller built lists in.
    pub(super) fn unanswered(self) -> Vec<UnansweredTask> {
        let given =
            |InFlight { task, built }| UnansweredTask { task, room: built.map(ListBuffer::Buffer) };
        self.in_flight.into_iter().map(given).collect()
    }

    /// Takes whole replies out of the way of what comes next.
    #[cold]
    fn keep_whole(&mut self) {
        loop {
            match self.next_reply() {
                Ok(Some(reply)) => self.whole.push_back(reply),
                Ok(None) => return,
                Err(fault) => return self.fault = Some(fault),
            }
        }
    }

    /// The next reply, if it is there as a whole. After one that cannot be nothing more is read.
    #[inline]
    fn next_reply(&mut self) -> Result<Option<Reply>, TransportError> {
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        let reply = match &self.arriving {
            Some(arriving) if arriving.is_whole() => Ok(self.arriving.take().map(Arriving::whole)),
            Some(_) => Ok(None),
            None => self.parse_reply(),
        };
        if reply.is_err() {
            self.closed = true;
            self.taken = self.filled;
        }
        reply
    }

    /// The reply whose bytes are next. There are never more of them than tasks in flight, and room
    /// is made only for a list that may be as long as alleged: a lie costs no memory.
    fn parse_reply(&mut self) -> Result<Option<Reply>, TransportError> {
        let (descriptor, rest) = loop {
            let there = &self.inbox[self.taken..self.filled];
            let Some((head, rest)) = there.split_first_chunk::<DESCRIPTOR_BYTES>() else {
                return Ok(None);
            };
            let descriptor = Descriptor::from_words(bytemuck::pod_read_unaligned(head));
            if descriptor.flags & KNOCK == 0 {
                break (descriptor, rest);
            }
            self.taken += DESCRIPTOR_BYTES;
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
        let asked = self.in_flight.get(self.whole.len());
        if asked.is_none_or(|asked| asked.task != reply.task) {
            return Err(TransportError::InvalidMessage(format!(
                "an answer to task {}",
                reply.task
            )));
        }
        self.taken += DESCRIPTOR_BYTES + length;
        if items == 0 {
            return Ok(Some(reply));
        }
        let mut list = vec![0; items];
        let room: &mut [u8] = bytemuck::cast_slice_mut(&mut list);
        let got = rest.len().min(room.len());
        room[..got].copy_from_slice(&rest[..got]);
        self.taken += got;
        let arriving = Arriving { reply, list, got };
        if arriving.is_whole() {
            return Ok(Some(arriving.whole()));
        }
        self.arriving = Some(arriving);
        Ok(None)
    }
}

impl Arriving {
    fn is_whole(&self) -> bool {
        self.got == self.list.len() * ITEM_BYTES
    }

    fn whole(self) -> Reply {
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
    fn a_reply_that_lies_is_refused_and_no_room_is_made_for_it() {
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
                    link.keep_whole();
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
