//! The coordinator's ends to one worker, and the ledger of what was sent and not answered.

use std::collections::VecDeque;

use shm::ring::{Consumer, Producer};
use shm::wakeup::Ringer;
use shm::{Answers, Descriptor, Resident, Slot, Span, Watermark, results};

use crate::{Reply, Room, TransportError, Unanswered};

/// The coordinator's ends to one worker.
pub(super) struct Link {
    pub(super) tasks: Producer,
    pub(super) watermark: Watermark,
    pub(super) replies: Consumer,
    pub(super) results: Span,
    /// Rooms for answers' lists, as many as tasks may be in flight; none where no answer has one.
    ///
    /// The answer p is built in the room of the answer p - depth. Its task was sent when fewer than
    /// depth were in flight, so the answer p - depth had been collected, and copied out, before:
    /// that push's Release comes after the copy, the worker's pop before its first write.
    pub(super) answers: Option<Answers>,
    /// Answers collected: the sequence number of the next.
    pub(super) answered: u64,
    pub(super) ringer: Box<dyn Ringer>,
    /// Whether the bell is not rung for each task, and whether it must be rung later.
    pub(super) corked: bool,
    pub(super) unrung: bool,
    /// Tasks sent and not answered, in order.
    pub(super) in_flight: VecDeque<InFlight>,
}

/// A task that was sent: its number, the slot it names, and what it holds.
pub(super) struct InFlight {
    pub(super) task: u32,
    pub(super) slot: u32,
    pub(super) generation: u32,
    pub(super) held: Held,
}

/// What a task keeps from being reused until it is answered, or its worker reaped.
pub(super) enum Held {
    Nothing,
    Copied { _slot: Slot },
    Built(Slot),
    Resident { _list: Resident },
}

impl Link {
    /// Keeps what a task holds until its answer.
    #[inline]
    pub(super) fn keep(&mut self, descriptor: &Descriptor, held: Held) {
        let Descriptor { task, slot, generation, .. } = *descriptor;
        self.in_flight.push_back(InFlight { task, slot, generation, held });
    }

    /// Sends a task's descriptor.
    #[inline]
    pub(super) fn publish(&mut self, descriptor: Descriptor) {
        // There is room: fewer tasks are in flight than the ring has entries. A peer that denies
        // it loses the task, which stays in the ledger until that peer is reaped.
        let _ = self.tasks.push(descriptor);
        if self.corked {
            self.unrung = true;
        } else {
            self.ringer.ring();
        }
    }

    /// The tasks in flight, and the rooms that the caller built lists in. The slots come back as
    /// they were sent: workers map them read-only.
    pub(super) fn unanswered(self) -> Vec<Unanswered> {
        let room = |held| match held {
            Held::Built(slot) => Some(Room::Slot(slot)),
            Held::Nothing | Held::Copied { .. } | Held::Resident { .. } => None,
        };
        let given = |InFlight { task, held, .. }| Unanswered { task, room: room(held) };
        self.in_flight.into_iter().map(given).collect()
    }

    /// The reply that `descriptor` alleges, checked against the ledger; frees what its task held.
    #[inline]
    pub(super) fn collect(&mut self, descriptor: &Descriptor) -> Result<Reply, TransportError> {
        let payload = match descriptor.length {
            0 => Vec::new(),
            length => results::read(&self.results, self.replies.last_position(), length as usize),
        };
        let mut reply = Reply::from_descriptor(descriptor, &payload)?;
        // What a lie names stays held until the liar is reaped.
        let asked = self.in_flight.front().is_some_and(|task| {
            (task.task, task.slot, task.generation)
                == (reply.task, descriptor.slot, descriptor.generation)
        });
        if !asked {
            return Err(TransportError::Nonsense(format!("an answer to task {}", reply.task)));
        }
        if descriptor.offset != 0 {
            reply.list = self.copy_list(descriptor)?;
        }
        self.answered += 1;
        self.in_flight.pop_front();
        Ok(reply)
    }

    /// The list of the next answer, as long as `descriptor` alleges; none of it is read if its room
    /// holds fewer items.
    #[cold]
    fn copy_list(&self, descriptor: &Descriptor) -> Result<Vec<i64>, TransportError> {
        let items = descriptor.offset as usize;
        let list = self.answers.as_ref().and_then(|answers| answers.read(self.answered, items));
        let too_long = || format!("an answer of {items} items, more than its room holds");
        list.ok_or_else(|| TransportError::Nonsense(too_long()))
    }
}
