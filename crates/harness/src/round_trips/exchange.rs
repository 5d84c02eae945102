//! A batch that is running: how one task is sent and one answer taken, two stamps each, every answer checked.
//!
//! Nothing is allocated, formatted or locked here per task: the buffers for stamps are made before.

use std::time::Duration;

use measure::{Stamp, Timeline, now};
use pool::{Event, PoolError, WorkerGroup};
use shm::Resident;
use transport::{List, Reply, Residency, Task, Value};

use crate::list::Windows;

/// One task in so many has its phases stamped, and is not among the round trips.
const PHASE_EVERY: usize = 16;

/// What a batch carries.
pub struct Load<'a> {
    /// The job of each task: its answer is the list's sum.
    pub job: &'a str,
    /// The two lists that alternate.
    pub windows: &'a Windows<'a>,
    /// Where they are before each task.
    pub residency: Residency,
    /// Where they are if they are resident.
    pub resident: Option<&'a Resident>,
    /// Workers of the group.
    pub workers: usize,
    /// Tasks in flight per worker.
    pub depth: usize,
    /// A batch that has lasted so long sends no more, once it has `min_answers`: another process has taken the core.
    pub max_ns: u64,
    /// Answers that every batch must have.
    pub min_answers: usize,
    /// Computing of each task, after its list was read.
    pub compute_ns: u64,
    /// Tasks a second, sent on a schedule; without one the next is sent after an answer.
    pub rate: Option<f64>,
}

/// Buffers for the stamps of a batch, used again and again.
#[derive(Default)]
pub struct StampBuffers {
    /// When each task began; 0 once it was collected.
    pub(super) reserved: Vec<u64>,
    /// How long each took; 0 for phase tasks.
    pub(super) latency_ns: Vec<u64>,
    pub(super) stamped: Vec<Stamped>,
}

impl StampBuffers {
    /// Tasks of the last batch that were sent and never answered.
    pub fn unanswered(&self) -> u64 {
        self.reserved.iter().filter(|reserved| **reserved > 0).count() as u64
    }

    /// Whether no batch has used them yet.
    pub fn is_empty(&self) -> bool {
        self.latency_ns.is_empty()
    }
}

/// A phase task's way.
#[derive(Clone, Copy, Debug)]
pub struct Stamped {
    /// Its number in the batch.
    pub task: u32,
    /// The worker that it was sent to.
    pub worker: usize,
    /// Its stamps.
    pub timeline: Timeline,
}

/// What came of a batch.
#[derive(Debug, Default)]
pub struct Batch {
    /// Round trips, in the order of tasks.
    pub round_trips: Vec<u64>,
    /// Phase tasks.
    pub stamped: Vec<Stamped>,
    /// From the first reservation to the last answer.
    pub wall_ns: u64,
    /// Answers, phase tasks' included.
    pub ok: u64,
    /// Errors instead of answers.
    pub failed: u64,
    /// Right answers, phase tasks' included.
    pub verified: u64,
    /// Answers that came twice.
    pub duplicated: u64,
}

/// A batch that is running.
pub(super) struct Run<'a> {
    pub(super) group: &'a mut WorkerGroup,
    pub(super) load: &'a Load<'a>,
    pub(super) job: u16,
    /// Tasks of it, phase tasks included.
    pub(super) total: usize,
    pub(super) stamps: &'a mut StampBuffers,
    pub(super) batch: Batch,
    pub(super) started: u64,
}

/// `count` tasks and the phase tasks among them.
pub(super) fn with_phases(count: usize) -> usize {
    count + count.div_ceil(PHASE_EVERY - 1)
}

fn is_phase(id: usize, total: usize) -> bool {
    id % PHASE_EVERY == PHASE_EVERY - 1 || (id + 1 == total && !total.is_multiple_of(PHASE_EVERY))
}

impl Run<'_> {
    /// Sends task number `id` to `worker`.
    #[inline]
    pub(super) fn send(&mut self, worker: usize, id: usize) -> Result<(), PoolError> {
        let phase = is_phase(id, self.total);
        let number = id as u32;
        let Load { windows, residency, resident, compute_ns, .. } = *self.load;
        let arg = Value::Int(compute_ns as i64);
        let task = Task { id: number, job: self.job, arg, phase, park: false };
        let part = windows.part(number);
        let reserved = now();
        self.stamps.reserved[id] = reserved;
        let list = match (residency, resident) {
            (Residency::Place, _) | (Residency::Resident, None) => List::Copy(&windows.all[part]),
            (Residency::Resident, Some(resident)) => List::Resident(resident, part),
            (Residency::Build, _) => {
                let mut room = self.group.hub().reserve(part.len())?;
                windows.produce(part, room.items_mut());
                List::Built(room)
            }
        };
        if !phase {
            return self.group.send(worker, &task, list, None);
        }
        let mut timeline = Timeline::default();
        timeline.set(Stamp::Reserved, reserved);
        self.group.send(worker, &task, list, Some(&mut timeline))?;
        self.stamps.stamped.push(Stamped { task: number, worker, timeline });
        Ok(())
    }

    /// Waits for one answer, at most for `timeout`, and gives its worker and when it was there.
    #[inline]
    pub(super) fn collect(
        &mut self,
        timeout: Option<Duration>,
    ) -> Result<Option<(usize, u64)>, PoolError> {
        match self.group.recv(timeout)? {
            Event::Reply { worker, reply } => Ok(Some((worker, self.note(reply)))),
            Event::Died { exit, .. } => Err(PoolError::Died(exit)),
            Event::Nothing | Event::Started { .. } => Ok(None),
        }
    }

    #[inline]
    fn note(&mut self, reply: Reply) -> u64 {
        let collected = now();
        let Run { stamps, batch, load, .. } = self;
        let id = reply.task as usize;
        let reserved = std::mem::take(&mut stamps.reserved[id]);
        if reserved == 0 {
            batch.duplicated += 1;
            return collected;
        }
        match reply.outcome {
            Ok(value) => {
                batch.ok += 1;
                batch.verified += u64::from(value == Value::Int(load.windows.sum(reply.task)));
            }
            Err(_) => batch.failed += 1,
        }
        let Some(theirs) = reply.stamps else {
            stamps.latency_ns[id] = (collected - reserved).max(1);
            return collected;
        };
        // From the end: it is among the last, and a look at all would leave cold caches to the next.
        let phase = stamps.stamped.iter_mut().rev().find(|stamped| stamped.task == reply.task);
        if let Some(Stamped { timeline, .. }) = phase {
            let worker = [Stamp::Received, Stamp::Decoded, Stamp::Computed, Stamp::Replied];
            worker.into_iter().zip(*theirs).for_each(|(stamp, at)| timeline.set(stamp, at));
            timeline.set(Stamp::Collected, collected);
        }
        collected
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phase_tasks_are_as_many_as_promised_and_at_least_one() {
        for count in [1, 3, 14, 15, 16, 31, 32, 1000] {
            let total = with_phases(count);
            let phases = (0..total).filter(|id| is_phase(*id, total)).count();
            assert_eq!(total - phases, count, "{count}");
            assert!(phases > 0);
        }
    }
}
