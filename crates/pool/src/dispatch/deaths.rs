//! What becomes of the tasks of a worker that died.

use rustc_hash::FxHashMap;
use transport::UnansweredTask;

use super::{Dispatcher, State};
use crate::data::{Data, Room};
use crate::error::TaskError;
use crate::supervisor::WorkerExit;
use crate::workers::Workers;

impl<W: Workers> Dispatcher<W> {
    /// Handles the tasks of a dead worker, and has it replaced. Only the first can have begun: it is begun
    /// again if its job is repeatable, and fails otherwise. The others go back to the head of the pending
    /// ones.
    pub(crate) fn handle_exit(&mut self, exit: WorkerExit, unanswered: Vec<UnansweredTask>) {
        let queue = std::mem::take(&mut self.queues[exit.worker]);
        let began = unanswered.first().map(|first| first.task);
        let mut rooms: FxHashMap<u32, transport::ListBuffer> = unanswered
            .into_iter()
            .filter_map(|UnansweredTask { task, room }| Some((task, room?)))
            .collect();
        for key in queue.tasks.into_iter().rev() {
            if queue.overdue == Some(key) {
                self.finish(key, Err(self.timed_out(exit)));
                continue;
            }
            let Some(entry) = self.tasks.get_mut(key as usize) else { continue };
            let id = entry.task.id;
            let mut goes_on = true;
            if began == Some(id) {
                entry.deaths += 1;
                entry.last_exit = Some(Box::new(exit));
                goes_on =
                    entry.deaths < self.limits.attempts && self.workers.may_repeat(entry.task.job);
            }
            if !goes_on || !self.requeue(key, rooms.remove(&id)) {
                let told = self.death_with(key).unwrap_or_else(|| died(exit, 0));
                self.finish(key, Err(told));
            }
        }
        self.workers.replace_worker(exit.worker);
    }

    /// Puts a task at the head of the pending ones; false if its list is gone.
    fn requeue(&mut self, key: u32, room: Option<transport::ListBuffer>) -> bool {
        let pool = self.id;
        let Some(entry) = self.tasks.get_mut(key as usize) else { return true };
        let built = room.map(|room| Data::Built(Room::new(room, pool)));
        entry.data = entry.data.take().or(built);
        if entry.data.is_none() {
            return false;
        }
        entry.state = State::Pending;
        self.pending.push_front(key);
        true
    }

    /// The death of the last worker that may have begun that task, if there was one.
    pub(super) fn death_with(&self, key: u32) -> Option<TaskError> {
        let entry = self.tasks.get(key as usize)?;
        Some(died(**entry.last_exit.as_ref()?, entry.deaths))
    }

    fn timed_out(&self, WorkerExit { worker, pid, .. }: WorkerExit) -> TaskError {
        let limit = self.limits.task_timeout.unwrap_or_default();
        TaskError::TimedOut { limit, worker, pid }
    }
}

fn died(exit: WorkerExit, attempts: u32) -> TaskError {
    let WorkerExit { worker, pid, reason } = exit;
    TaskError::WorkerDied { worker, pid, reason, attempts }
}
