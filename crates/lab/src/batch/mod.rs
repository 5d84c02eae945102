//! One batch: tasks through a crew, two stamps each, every answer checked.
//!
//! Nothing is allocated, formatted or locked here per task: rooms for stamps are made before.

mod closed;
mod open;

use std::time::Duration;

use measure::{Stamp, Timeline, now};
use pool::{Event, PoolError, WorkerGroup};
use shm::Resident;
use transport::{List, Reply, Residency, Task, Value};

use crate::plan::job;
use crate::source::Windows;

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
    /// Workers of the crew.
    pub workers: usize,
    /// Tasks in flight per worker.
    pub depth: usize,
    /// A batch that has lasted so long sends no more, once it has `fewest` answers: somebody else
    /// has taken the core.
    pub longest_ns: u64,
    /// Answers that every batch must have.
    pub fewest: usize,
    /// Computing of each task, after its list was read.
    pub compute_ns: u64,
    /// Tasks a second, sent on a schedule; without one the next is sent after an answer.
    pub rate: Option<f64>,
}

/// Rooms for the stamps of a batch, used again and again.
#[derive(Default)]
pub struct Rooms {
    /// When each task began; 0 once it was collected.
    reserved: Vec<u64>,
    /// How long each took; 0 for phase tasks.
    took: Vec<u64>,
    stamped: Vec<Stamped>,
}

impl Rooms {
    /// Tasks of the last batch that were sent and never answered.
    pub fn unanswered(&self) -> u64 {
        self.reserved.iter().filter(|reserved| **reserved > 0).count() as u64
    }

    /// Whether no batch has used them yet.
    pub fn is_empty(&self) -> bool {
        self.took.is_empty()
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

/// Sends `count` tasks and a few phase tasks, and waits for all answers.
///
/// # Errors
/// A worker died, or the transport failed.
pub fn run(
    crew: &mut WorkerGroup,
    load: &Load<'_>,
    count: usize,
    rooms: &mut Rooms,
) -> Result<Batch, PoolError> {
    let total = with_phases(count);
    rooms.reserved.clear();
    rooms.reserved.resize(total, 0);
    rooms.took.clear();
    rooms.took.resize(total, 0);
    rooms.stamped.clear();
    rooms.stamped.reserve(total - count);
    let job = crew.job(job(load.job, load.compute_ns)).unwrap_or(u16::MAX);
    let started = now();
    let mut run = Run { crew, load, job, total, rooms, batch: Batch::default(), started };
    match load.rate {
        None => closed::run(&mut run)?,
        Some(rate) => open::run(&mut run, rate)?,
    }
    let Run { rooms, mut batch, .. } = run;
    batch.wall_ns = now() - started;
    batch.round_trips = rooms.took.iter().copied().filter(|took| *took > 0).collect();
    batch.stamped = rooms.stamped.clone();
    Ok(batch)
}

/// A batch that is running.
struct Run<'a> {
    crew: &'a mut WorkerGroup,
    load: &'a Load<'a>,
    job: u16,
    /// Tasks of it, phase tasks included.
    total: usize,
    rooms: &'a mut Rooms,
    batch: Batch,
    started: u64,
}

/// `count` tasks and the phase tasks among them.
fn with_phases(count: usize) -> usize {
    count + count.div_ceil(PHASE_EVERY - 1)
}

fn is_phase(id: usize, total: usize) -> bool {
    id % PHASE_EVERY == PHASE_EVERY - 1 || (id + 1 == total && !total.is_multiple_of(PHASE_EVERY))
}

impl Run<'_> {
    /// Sends task number `id` to `worker`.
    #[inline]
    fn send(&mut self, worker: usize, id: usize) -> Result<(), PoolError> {
        let phase = is_phase(id, self.total);
        let number = id as u32;
        let Load { windows, residency, resident, compute_ns, .. } = *self.load;
        let arg = Value::Int(compute_ns as i64);
        let task = Task { id: number, job: self.job, arg, phase, park: false };
        let part = windows.part(number);
        let reserved = now();
        self.rooms.reserved[id] = reserved;
        let list = match (residency, resident) {
            (Residency::Place, _) | (Residency::Resident, None) => List::Copy(&windows.all[part]),
            (Residency::Resident, Some(resident)) => List::Resident(resident, part),
            (Residency::Build, _) => {
                let mut room = self.crew.hub().reserve(part.len())?;
                windows.produce(part, room.items_mut());
                List::Built(room)
            }
        };
        if !phase {
            return self.crew.send(worker, &task, list, None);
        }
        let mut timeline = Timeline::default();
        timeline.set(Stamp::Reserved, reserved);
        self.crew.send(worker, &task, list, Some(&mut timeline))?;
        self.rooms.stamped.push(Stamped { task: number, worker, timeline });
        Ok(())
    }

    /// Waits for one answer, at most for `patience`, and gives its worker and when it was there.
    #[inline]
    fn collect(&mut self, patience: Option<Duration>) -> Result<Option<(usize, u64)>, PoolError> {
        match self.crew.recv(patience)? {
            Event::Reply { worker, reply } => Ok(Some((worker, self.note(reply)))),
            Event::Died { exit, .. } => Err(PoolError::Died(exit)),
            Event::Nothing | Event::Started { .. } => Ok(None),
        }
    }

    #[inline]
    fn note(&mut self, reply: Reply) -> u64 {
        let collected = now();
        let Run { rooms, batch, load, .. } = self;
        let id = reply.task as usize;
        let reserved = std::mem::take(&mut rooms.reserved[id]);
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
        let Some(stamps) = reply.stamps else {
            rooms.took[id] = (collected - reserved).max(1);
            return collected;
        };
        // From the end: it is among the last, and a look at all would leave cold caches to the next.
        let phase = rooms.stamped.iter_mut().rev().find(|stamped| stamped.task == reply.task);
        if let Some(Stamped { timeline, .. }) = phase {
            let worker = [Stamp::Received, Stamp::Decoded, Stamp::Computed, Stamp::Replied];
            worker.into_iter().zip(*stamps).for_each(|(stamp, at)| timeline.set(stamp, at));
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
