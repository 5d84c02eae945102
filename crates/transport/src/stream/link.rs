//! The coordinator's ends to one worker, and the replies that lie there unread.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;

use rustix::io::{Errno, read};
use shm::Descriptor;
use shm::descriptor::DESCRIPTOR_BYTES;

use crate::{Reply, TransportError};

/// Bytes of replies that are read at once, before anyone asks for more.
const INBOX_BYTES: usize = 4096;

/// The coordinator's ends to one worker.
pub(super) struct Link {
    /// Never blocks.
    pub(super) write: OwnedFd,
    /// Blocks in the sleeping regime, not in the others.
    pub(super) read: OwnedFd,
    pub(super) capacity: usize,
    /// Bytes of replies: those from `taken` to `filled` were read and not told.
    inbox: Vec<u8>,
    taken: usize,
    filled: usize,
    /// Tasks sent and not answered: a worker answers in order.
    pub(super) in_flight: VecDeque<u32>,
    pub(super) closed: bool,
}

impl Link {
    pub(super) fn new(write: OwnedFd, read: OwnedFd, capacity: usize, depth: usize) -> Link {
        Link {
            write,
            read,
            capacity,
            inbox: vec![0; INBOX_BYTES],
            taken: 0,
            filled: 0,
            in_flight: VecDeque::with_capacity(depth),
            closed: false,
        }
    }

    /// One read; says whether bytes or the end of file came.
    pub(super) fn read_replies(&mut self) -> Result<bool, TransportError> {
        if self.closed {
            return Ok(false);
        }
        if self.taken > 0 {
            self.inbox.copy_within(self.taken..self.filled, 0);
            self.filled -= self.taken;
            self.taken = 0;
        }
        if self.filled == self.inbox.len() {
            self.inbox.resize(2 * self.filled, 0);
        }
        match read(&self.read, &mut self.inbox[self.filled..]) {
            Ok(0) | Err(Errno::CONNRESET) => self.closed = true,
            Ok(count) => self.filled += count,
            Err(Errno::AGAIN | Errno::INTR) => return Ok(false),
            Err(error) => return Err(TransportError::system("read")(error)),
        }
        Ok(true)
    }

    /// The oldest reply that is there as a whole, checked against what was asked.
    pub(super) fn take_reply(&mut self) -> Result<Option<Reply>, TransportError> {
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
