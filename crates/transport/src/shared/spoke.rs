//! A worker's half: takes descriptors from its ring, and checks each before use.

use measure::now;
use shm::ring::{self, Consumer, Producer};
use shm::wakeup::{DOORBELL_BYTES, Ringer, Waiter};
use shm::watermark::WATERMARK_BYTES;
use shm::{AnswerRooms, Grant, Lists, MappedPages, Segment, Span, WatermarkReader, payloads};

use super::plan::{Layout, Plan, wakeup_by_name};
use crate::error::TransportError;
use crate::incoming_list::IncomingList;
use crate::message::{FILLING, Failure, FailureKind, Reply, Task};
use crate::setup::Handover;
use crate::spoke::{Incoming, Received, Spoke};

pub(super) struct SharedSpoke {
    lists: Option<Lists>,
    answers: Option<AnswerRooms>,
    tasks: Consumer,
    /// Where the watermark is read, behind which a list is still being written.
    behind: WatermarkReader,
    replies: Producer,
    results: Span,
    bell: Box<dyn Waiter>,
    hub: Box<dyn Ringer>,
    /// Slot and generation of the last task, which its answer repeats.
    last_slot: (u32, u32),
}

impl Spoke for SharedSpoke {
    #[inline]
    fn recv(&mut self) -> Result<Received<'_>, TransportError> {
        let tasks = &self.tasks;
        self.bell.wait(&mut || tasks.ready(), None);
        let Some(descriptor) = self.tasks.pop() else { return Ok(Received::Idle) };
        self.last_slot = (descriptor.slot, descriptor.generation);
        let (task, has_list) = Task::from_descriptor(&descriptor);
        let received = if task.phase { now() } else { 0 };
        let refused = |message: String| Failure::new(FailureKind::Refused, message);
        let list = match (&self.lists, has_list) {
            (_, false) => Ok(IncomingList::here(&[])),
            (None, true) => Err(refused("a list, and no segment to look for it".into())),
            (Some(lists), true) => match descriptor.flags & FILLING {
                0 => lists.accept(&descriptor).map(IncomingList::here),
                _ => lists.accept_partial(&descriptor, &mut self.behind).map(IncomingList::filling),
            }
            .map_err(|fault| refused(fault.to_string())),
        };
        let room = match &mut self.answers {
            None => &mut [][..],
            Some(answers) => answers.room().ok_or_else(no_such_room)?,
        };
        Ok(Received::Task(Incoming { task, list, room, stamps: [received, received] }))
    }

    #[inline]
    fn reply(&mut self, mut reply: Reply, items: usize) -> Result<(), TransportError> {
        let room = self.answers.as_ref().map_or(0, AnswerRooms::items);
        assert!(items <= room, "{items} items of an answer in a room of {room}");
        if let Some(stamps) = &mut reply.stamps {
            stamps[3] = now();
        }
        let (mut descriptor, payload) = reply.describe(items);
        (descriptor.slot, descriptor.generation) = self.last_slot;
        if !payload.is_empty() {
            payloads::write(&self.results, self.replies.position(), &payload);
        }
        self.replies.push(descriptor).map_err(|_| {
            TransportError::InvalidMessage("a ring without room for an answer".into())
        })?;
        if let Some(answers) = &mut self.answers {
            answers.pass();
        }
        self.hub.ring();
        Ok(())
    }

    fn pages(&self) -> Option<MappedPages> {
        self.lists.as_ref().and_then(Lists::mapped_pages)
    }
}

#[cold]
fn no_such_room() -> TransportError {
    TransportError::InvalidMessage("a room for an answer that is not there".into())
}

impl SharedSpoke {
    pub(super) fn new(handover: Handover) -> Result<SharedSpoke, TransportError> {
        let plan: Plan = serde_json::from_str(&handover.plan)
            .map_err(|fault| TransportError::InvalidMessage(format!("a plan: {fault}")))?;
        let wakeup = wakeup_by_name(&plan.wakeup)?;
        let mut fds = handover.fds.into_iter();
        let mut fd_of = |grant: &Grant| if grant.name.is_some() { None } else { fds.next() };
        let lists = plan.lists.as_ref();
        let lists = lists.map(|grant| Lists::open(grant, fd_of(grant), plan.room)).transpose()?;
        let mut open = |grant: &Grant| Segment::open(grant, fd_of(grant));
        let (control, bell) = (open(&plan.control)?, open(&plan.doorbell)?);
        let answers = plan.answers.as_ref();
        let answers = answers
            .map(|grant| AnswerRooms::open(grant, fds.next(), plan.places, plan.answer))
            .transpose()?;
        let wait_fd = if plan.wait_fd { fds.next() } else { None };
        let ring_fd = if plan.ring_fd { fds.next() } else { None };
        let layout = Layout::new(plan.entries);
        if control.bytes() != layout.bytes || bell.bytes() != DOORBELL_BYTES {
            return Err(TransportError::InvalidMessage(
                "a control segment of another layout".into(),
            ));
        }
        let ring = |at| Span::of(&control, at, ring::bytes(plan.entries));
        let hub = match wakeup.fallback() {
            Some(_) => Span::of(&control, layout.back, DOORBELL_BYTES),
            None => Span::of(&bell, 0, DOORBELL_BYTES),
        };
        let bell_error = TransportError::system::<std::io::Error>;
        Ok(SharedSpoke {
            last_slot: (0, 0),
            answers,
            lists,
            tasks: Consumer::new(ring(layout.tasks), plan.entries),
            behind: WatermarkReader::new(Span::of(&control, layout.watermark, WATERMARK_BYTES)),
            replies: Producer::new(ring(layout.replies), plan.entries),
            results: Span::of(&control, layout.results, payloads::bytes(plan.entries)),
            bell: wakeup
                .waiter(Span::of(&control, layout.bell, DOORBELL_BYTES), wait_fd)
                .map_err(bell_error("a bell"))?,
            hub: wakeup.ringer(hub, ring_fd).map_err(bell_error("a bell"))?,
        })
    }
}
