//! The hub's ends to one worker, and the ledger of the tasks in flight.

use std::collections::VecDeque;

use shm::ring::{Consumer, Producer};
use shm::wakeup::Ringer;
use shm::{AnswerList, Answers, Descriptor, Resident, Slot, Span, Watermark, payloads};

use crate::error::TransportError;
use crate::list::{ListBuffer, UnansweredTask};
use crate::message::Reply;

/// The hub's ends to one worker.
pub(super) struct Link {
    pub(super) tasks: Producer,
    pub(super) watermark: Watermark,
    pub(super) replies: Consumer,
    pub(super) results: Span,
    /// The slots for answers' lists, with a place for each task in flight; `None` if no answer has
    /// a list.
    ///
    /// Answer p has the place of answer p - depth. Its task was sent when fewer than `depth` tasks
    /// were in flight, so answer p - depth had been received, and a caller that still reads that
    /// list has its slot. The Release of that push comes after the last read of the slot that the
    /// place has now; the Acquire of the worker's pop comes before its first write.
    pub(super) answers: Option<Answers>,
    pub(super) ringer: Box<dyn Ringer>,
    /// Whether the link is corked, and the tasks that wait.
    ///
    /// A worker that polls for its next task takes the ring's cache line away after each push.
    /// Several pushes in a row cost that once.
    pub(super) corked: bool,
    pub(super) waiting: Vec<Descriptor>,
    /// The tasks in flight, in order.
    pub(super) in_flight: VecDeque<InFlight>,
    /// The slots, and the resident lists, of those that have one.
    pub(super) slots: VecDeque<Slot>,
    pub(super) residents: VecDeque<Resident>,
}

/// A task in flight: its number, and the slot that it names.
///
/// Kept to 16 bytes so that it moves in registers. A copy through memory with another access size
/// misses store forwarding, stalls until earlier stores retire, and those wait for the ring's cache
/// line to arrive from the other core.
#[derive(Clone, Copy)]
pub(super) struct InFlight {
    task: u32,
    slot: u32,
    generation: u32,
    held: HeldResource,
}

/// What a task holds until it was answered or its worker reaped.
#[derive(Clone, Copy)]
pub(super) enum HeldResource {
    Nothing,
    /// A slot into which its list was copied.
    Copied,
    /// A slot in which the caller built its list.
    Built,
    Resident,
}

impl Link {
    /// Adds a task to the ledger. What it holds is in `slots` or `residents` already.
    #[inline]
    pub(super) fn record(&mut self, descriptor: &Descriptor, held: HeldResource) {
        let Descriptor { task, slot, generation, .. } = *descriptor;
        self.in_flight.push_back(InFlight { task, slot, generation, held });
    }

    /// Sends a task's descriptor, or queues it if the link is corked.
    #[inline]
    pub(super) fn publish(&mut self, descriptor: Descriptor) {
        if self.corked {
            self.assign_room();
            self.waiting.push(descriptor);
        } else {
            self.send_now(descriptor);
        }
    }

    /// Sends a task's descriptor at once.
    #[inline]
    pub(super) fn send_now(&mut self, descriptor: Descriptor) {
        self.assign_room();
        self.push(descriptor);
        self.ringer.ring();
    }

    /// Reserves the slot for the next answer's list, which no caller reads any more.
    #[inline]
    fn assign_room(&mut self) {
        if let Some(answers) = &mut self.answers {
            answers.assign();
        }
    }

    /// Sends the queued tasks, and rings once for all of them.
    pub(super) fn flush(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.drain(..).for_each(|descriptor| self.push(descriptor));
        self.waiting = waiting;
        self.ringer.ring();
    }

    #[inline]
    fn push(&mut self, descriptor: Descriptor) {
        // There is room, since fewer tasks are in flight than the ring has entries. If the peer
        // overwrites the index, the task is lost, and stays in the ledger until that peer is
        // reaped.
        let _ = self.tasks.push(descriptor);
    }

    /// The tasks in flight, with the slots of built lists. These are unchanged: workers map them
    /// read-only.
    pub(super) fn unanswered(self) -> Vec<UnansweredTask> {
        let mut slots = self.slots.into_iter();
        let mut room = |held| match held {
            HeldResource::Built => slots.next().map(ListBuffer::Slot),
            HeldResource::Copied => slots.next().and(None),
            HeldResource::Nothing | HeldResource::Resident => None,
        };
        let given = |InFlight { task, held, .. }| UnansweredTask { task, room: room(held) };
        self.in_flight.into_iter().map(given).collect()
    }

    /// Reads a reply from `descriptor`, which is untrusted, and checks it against the ledger; frees
    /// what its task held.
    #[inline]
    pub(super) fn collect(&mut self, descriptor: &Descriptor) -> Result<Reply, TransportError> {
        let payload = match descriptor.length {
            0 => Vec::new(),
            length => payloads::read(&self.results, self.replies.last_position(), length as usize),
        };
        let mut reply = Reply::from_descriptor(descriptor, &payload)?;
        // An invalid reply frees nothing: its task holds its slot until the worker is reaped.
        let asked = self.in_flight.front().is_some_and(|task| {
            (task.task, task.slot, task.generation)
                == (reply.task, descriptor.slot, descriptor.generation)
        });
        if !asked {
            return Err(TransportError::InvalidMessage(format!(
                "an answer to task {}",
                reply.task
            )));
        }
        if descriptor.offset != 0 {
            reply.list = self.list(descriptor)?;
        } else if let Some(answers) = &mut self.answers {
            answers.pass();
        }
        self.release_oldest();
        Ok(reply)
    }

    /// Removes the oldest task from the ledger, and frees what it held.
    #[inline]
    fn release_oldest(&mut self) {
        match self.in_flight.pop_front().map(|first| first.held) {
            None | Some(HeldResource::Nothing) => {}
            Some(HeldResource::Copied | HeldResource::Built) => drop(self.slots.pop_front()),
            Some(HeldResource::Resident) => drop(self.residents.pop_front()),
        }
    }

    /// The list of the next answer, with the length that `descriptor` claims. Nothing is read if
    /// its slot is shorter.
    #[cold]
    fn list(&mut self, descriptor: &Descriptor) -> Result<AnswerList, TransportError> {
        let items = descriptor.offset as usize;
        let list = self.answers.as_mut().and_then(|answers| answers.collect(items));
        let too_long = || format!("an answer of {items} items, more than its slot holds");
        list.ok_or_else(|| TransportError::InvalidMessage(too_long()))
    }
}
