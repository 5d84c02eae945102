//! The coordinator's ends to one worker, and the ledger of what was sent and not answered.

use std::collections::VecDeque;

use shm::ring::{Consumer, Producer};
use shm::wakeup::Ringer;
use shm::{AnswerList, Answers, Descriptor, Resident, Slot, Span, Watermark, payloads};

use crate::error::TransportError;
use crate::list::{ListBuffer, UnansweredTask};
use crate::message::Reply;

/// The coordinator's ends to one worker.
pub(super) struct Link {
    pub(super) tasks: Producer,
    pub(super) watermark: Watermark,
    pub(super) replies: Consumer,
    pub(super) results: Span,
    /// Rooms for answers' lists, with a place for each task that may be in flight; none where no answer
    /// has one.
    ///
    /// The answer p has the place of the answer p - depth. Its task was sent when fewer than depth were in
    /// flight, so the answer p - depth had been collected before, and whoever still reads its list has its
    /// room: that push's Release comes after the last read of the room that the place has now, the worker's
    /// pop before its first write.
    pub(super) answers: Option<Answers>,
    pub(super) ringer: Box<dyn Ringer>,
    /// Whether tasks wait here, and those that do.
    ///
    /// A worker that looks for its next task takes the ring's line away at each one that is put there.
    /// Tasks that are put there one right behind the other cost that once.
    pub(super) corked: bool,
    pub(super) waiting: Vec<Descriptor>,
    /// Tasks sent and not answered, in order.
    pub(super) in_flight: VecDeque<InFlight>,
    /// What those hold that hold a slot, and a resident list.
    pub(super) slots: VecDeque<Slot>,
    pub(super) residents: VecDeque<Resident>,
}

/// A task that was sent: its number, and the slot it names.
///
/// Small enough for registers: what is copied through memory in other pieces than it was written in
/// waits for all stores before it, and so for the other core to give up the line of the ring.
#[derive(Clone, Copy)]
pub(super) struct InFlight {
    task: u32,
    slot: u32,
    generation: u32,
    holds: Holds,
}

/// What a task keeps from being reused until it is answered, or its worker reaped.
#[derive(Clone, Copy)]
pub(super) enum Holds {
    Nothing,
    /// A slot that its list was copied to.
    Copied,
    /// A slot that the caller built its list in.
    Built,
    Resident,
}

impl Link {
    /// Notes a task in the ledger; what it holds is in `slots` or `residents` already.
    #[inline]
    pub(super) fn keep(&mut self, descriptor: &Descriptor, holds: Holds) {
        let Descriptor { task, slot, generation, .. } = *descriptor;
        self.in_flight.push_back(InFlight { task, slot, generation, holds });
    }

    /// Sends a task's descriptor, or lets it wait.
    #[inline]
    pub(super) fn publish(&mut self, descriptor: Descriptor) {
        if self.corked {
            self.assign_room();
            self.waiting.push(descriptor);
        } else {
            self.send_now(descriptor);
        }
    }

    /// Sends a task's descriptor, whatever waits.
    #[inline]
    pub(super) fn send_now(&mut self, descriptor: Descriptor) {
        self.assign_room();
        self.put(descriptor);
        self.ringer.ring();
    }

    /// Makes sure that nobody reads the room that the next task's answer is built in.
    #[inline]
    fn assign_room(&mut self) {
        if let Some(answers) = &mut self.answers {
            answers.assign();
        }
    }

    /// Sends what waits, and rings once for all of it.
    pub(super) fn let_go(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.drain(..).for_each(|descriptor| self.put(descriptor));
        self.waiting = waiting;
        self.ringer.ring();
    }

    #[inline]
    fn put(&mut self, descriptor: Descriptor) {
        // There is room: fewer tasks are in flight than the ring has entries. A peer that denies
        // it loses the task, which stays in the ledger until that peer is reaped.
        let _ = self.tasks.push(descriptor);
    }

    /// The tasks in flight, and the rooms that the caller built lists in. The slots come back as
    /// they were sent: workers map them read-only.
    pub(super) fn unanswered(self) -> Vec<UnansweredTask> {
        let mut slots = self.slots.into_iter();
        let mut room = |holds| match holds {
            Holds::Built => slots.next().map(ListBuffer::Slot),
            Holds::Copied => slots.next().and(None),
            Holds::Nothing | Holds::Resident => None,
        };
        let given = |InFlight { task, holds, .. }| UnansweredTask { task, room: room(holds) };
        self.in_flight.into_iter().map(given).collect()
    }

    /// The reply that `descriptor` alleges, checked against the ledger; frees what its task held.
    #[inline]
    pub(super) fn collect(&mut self, descriptor: &Descriptor) -> Result<Reply, TransportError> {
        let payload = match descriptor.length {
            0 => Vec::new(),
            length => payloads::read(&self.results, self.replies.last_position(), length as usize),
        };
        let mut reply = Reply::from_descriptor(descriptor, &payload)?;
        // What a lie names stays held until the liar is reaped.
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
        self.free_first();
        Ok(reply)
    }

    /// Frees what the first task in flight held, and strikes it from the ledger.
    #[inline]
    fn free_first(&mut self) {
        match self.in_flight.pop_front().map(|first| first.holds) {
            None | Some(Holds::Nothing) => {}
            Some(Holds::Copied | Holds::Built) => drop(self.slots.pop_front()),
            Some(Holds::Resident) => drop(self.residents.pop_front()),
        }
    }

    /// The list of the next answer, as long as `descriptor` alleges; none of it is read if its room
    /// holds fewer items.
    #[cold]
    fn list(&mut self, descriptor: &Descriptor) -> Result<AnswerList, TransportError> {
        let items = descriptor.offset as usize;
        let list = self.answers.as_mut().and_then(|answers| answers.collect(items));
        let too_long = || format!("an answer of {items} items, more than its room holds");
        list.ok_or_else(|| TransportError::InvalidMessage(too_long()))
    }
}
